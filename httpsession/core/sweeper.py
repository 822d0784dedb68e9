"""The background thread of an application: it flushes accesses to the store, and sweeps expired sessions.

A write for each access would cost every request a round trip. So requests note their accesses in :class:`.Accesses`,
and this thread flushes the notes in batches. Sessions also expire without any request (S53), so it sweeps, too.
"""

from __future__ import annotations

import logging
import threading
import weakref
from random import SystemRandom
from typing import Protocol

from .. import fork
from ..errors import StoreError
from .outage import Outage

_log = logging.getLogger("httpsession")

#: Seconds between two flushes, and so the greatest delay with which an access reaches the store.
FLUSH_INTERVAL = 1.0


class Swept(Protocol):
    """The sessions that a sweeper flushes and sweeps."""

    def flush(self) -> None:
        """Flush the noted accesses to the store."""

    def sweep(self) -> int:
        """Remove the sessions that have expired, and return their number."""

    def probe(self) -> None:
        """Ask the store for a session that it does not have; raise StoreError if it fails."""


class Sweeper:
    """A thread that flushes and sweeps until the sessions are closed or garbage.

    The first request of a process starts it, and the child of a fork starts its own. Between two ticks the thread holds
    its sessions by a weak reference alone. So a manager that is dropped without a close can be collected. The thread is
    a daemon, so it never keeps a process alive.

    Args:
        sessions: the sessions that it flushes and sweeps.
        sweep_interval: seconds between two sweeps; None: the thread only flushes.
        outage: what the log knows of failures of the store.
    """

    def __init__(self, sessions: Swept, sweep_interval: float | None, outage: Outage) -> None:
        self._sessions: weakref.ref[Swept] = weakref.ref(sessions)
        self._sweep_interval: float | None = sweep_interval
        self._outage: Outage = outage
        self._tick: float = FLUSH_INTERVAL if sweep_interval is None else min(FLUSH_INTERVAL, sweep_interval)
        self._stopped: threading.Event = threading.Event()
        self._starting: threading.Lock = threading.Lock()
        self._thread: threading.Thread | None = None
        fork.register(self)

    def start(self) -> bool:
        """Start the thread, unless it runs already or has been stopped; return whether nothing is left to do.

        If the system gives no thread, as when memory is short, this is logged. A later call tries again.
        """
        with self._starting:
            return self._stopped.is_set() or self._thread is not None or self._start_thread()

    def _start_thread(self) -> bool:
        thread = threading.Thread(target=self._run, name="httpsession-sweeper", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            _log.exception("The background thread cannot start: accesses are not flushed, and no session is swept.")
            return False
        self._thread = thread
        return True

    def stop(self) -> None:
        """Stop the thread and wait for a flush or sweep that has begun.

        A listener that a sweep calls may close the manager. Then this is the thread itself, and there is no waiting.
        """
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def reset_after_fork(self) -> None:
        """Start the thread in the child of a fork if it ran in the parent.

        Event and lock are replaced, since another thread may have held them. A sweeper that was stopped stays stopped.
        """
        was_stopped, was_started = self._stopped.is_set(), self._thread is not None
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread = None
        if was_stopped:
            self._stopped.set()
        elif was_started:
            self.start()

    def _run(self) -> None:
        """Work until the sweeper is stopped. A thread that ends before, by whatever exception, has a successor."""
        has_ended = False
        try:
            self._work()
            has_ended = True
        finally:
            if not has_ended:
                self._thread = None
                self.start()

    def _work(self) -> None:
        """Flush at each tick, and sweep when it is time, until the sweeper is stopped or its sessions are garbage.

        A failure of the store begins an outage, and each tick tries again. No other exception of a flush or a sweep
        ends the thread either (S110), and no exit that a listener asks for.
        """
        ticks_to_sweep = self._ticks_to_sweep()
        while not self._stopped.wait(self._tick):
            sessions = self._sessions()
            if sessions is None:
                return
            ticks_to_sweep -= 1
            try:
                # What failed is tried again in each tick: notes stay until they are flushed, and a sweep stays due.
                sessions.flush()
                if ticks_to_sweep <= 0:
                    sessions.sweep()
                    ticks_to_sweep = self._ticks_to_sweep()
                self._outage.try_to_end(sessions.probe)
            except StoreError as error:
                self._outage.fail(error)
            except BaseException:
                if ticks_to_sweep <= 0:
                    ticks_to_sweep = self._ticks_to_sweep()
                _log.exception("The background thread failed to flush or sweep, and will retry.")
            del sessions

    def _ticks_to_sweep(self) -> float:
        """Return how many ticks to wait: the interval, give or take a tenth, so that workers do not sweep in step."""
        if self._sweep_interval is None:
            return float("inf")
        return max(1, round(self._sweep_interval / self._tick * SystemRandom().uniform(0.9, 1.1)))
