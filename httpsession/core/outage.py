"""Outages of the store: an audit event at the beginning of each, and one at its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from .. import audit, fork
from ..errors import StoreError

_log = logging.getLogger("httpsession")

#: Seconds without a failure after which an outage has ended. A store that refuses writes alone answers in between.
QUIET: Final = 5.0


class Outage:
    """The failures of the store that this process has met since the store last worked.

    There is one object for each manager, and any thread may report a failure. A flood of failed requests is two lines
    in the log and not one line each.
    """

    def __init__(self) -> None:
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Forget the outage of the parent, which tells of its end, and replace the lock."""
        self._lock: threading.Lock = threading.Lock()
        #: Whether the store has failed, and has not worked for long enough since.
        self.is_on: bool = False
        self._began: float = 0.0
        #: When the store answered first after the latest failure; None: it has not answered since.
        self._answered: float | None = None
        self._refused: int = 0

    def fail(self, error: StoreError, *, refused: int = 0) -> None:
        """Report a failure of the store, and how many requests were refused because of it."""
        with self._lock:
            is_first = not self.is_on
            if is_first:
                self.is_on, self._began, self._refused = True, time.monotonic(), 0
            self._answered = None
            self._refused += refused
        if is_first:
            audit.note("session_store_error", level=logging.ERROR, state="began", error=audit.OwnText(error))
        elif refused:
            _log.debug("A request was answered with 503, since the session store failed: %s", error)

    def try_to_end(self, probe: Callable[[], object]) -> None:
        """End the outage, if there is one and *probe* has succeeded for :data:`QUIET` seconds without a failure.

        Raises:
            StoreError: *probe* failed; the outage goes on.
        """
        if not self.is_on:
            return
        probe()
        now = time.monotonic()
        with self._lock:
            answered = self._answered = now if self._answered is None else self._answered
            if not self.is_on or now - answered < QUIET:
                return
            self.is_on, seconds, refused = False, answered - self._began, self._refused
        level = logging.WARNING
        audit.note("session_store_error", level=level, state="ended", seconds=round(seconds, 1), refused=refused)
