"""The background thread of a manager: it tells the store of accesses, and looks for sessions that are over."""

from __future__ import annotations

import logging
import threading
import weakref
from random import SystemRandom
from typing import Protocol

from .. import fork
from ..errors import StoreError

_log = logging.getLogger("httpsession")

#: Seconds: so late, at most, a store is told of an access.
TELL_INTERVAL = 1.0


class Swept(Protocol):
    """What a sweeper works for."""

    def tell_store(self) -> None:
        """Tell the store what has been accessed."""

    def sweep(self) -> int:
        """End the sessions that are over."""


class Sweeper:
    """Works for a manager until the manager is closed or nobody holds it any more. A fork's child makes its own."""

    def __init__(self, manager: Swept, sweep_interval: float | None) -> None:
        self._manager = weakref.ref(manager)
        self._sweep_interval = sweep_interval
        self._tick = TELL_INTERVAL if sweep_interval is None else min(TELL_INTERVAL, sweep_interval)
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        fork.register(self)

    def start(self) -> None:
        """Start the thread, unless it runs already or has been stopped."""
        with self._starting:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="httpsession-sweeper", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait until it is done with what it is doing."""
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def reset_after_fork(self) -> None:
        """Start the thread in the child of a fork if it ran in the parent; it does not live on there."""
        was_stopped, was_started = self._stopped.is_set(), self._thread is not None
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread = None
        if was_stopped:
            self._stopped.set()
        elif was_started:
            self.start()

    def _run(self) -> None:
        ticks_to_sweep = self._ticks_to_sweep()
        is_down = False
        while not self._stopped.wait(self._tick):
            manager = self._manager()
            if manager is None:
                return
            ticks_to_sweep -= 1
            try:
                manager.tell_store()
                if ticks_to_sweep <= 0:
                    ticks_to_sweep = self._ticks_to_sweep()
                    manager.sweep()
                is_down = False
            except StoreError as error:
                if not is_down:
                    _log.error("The background thread goes on trying, but the store fails: %s", error)
                is_down = True
            except Exception:
                _log.exception("The background sweep failed; it goes on with the next one.")
            del manager

    def _ticks_to_sweep(self) -> float:
        """Return how many ticks to wait: the interval, give or take a tenth so that workers do not sweep in step."""
        if self._sweep_interval is None:
            return float("inf")
        return self._sweep_interval / self._tick * SystemRandom().uniform(0.9, 1.1)
