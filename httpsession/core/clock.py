"""Clock: the time of the sessions, which never steps back."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from .. import fork

_log = logging.getLogger("httpsession")

#: Seconds by which threads and machines may disagree on the time, and after which the clock notes how late it is.
_TOLERANCE: Final = 1.0
_STRIDE: Final = 5.0
#: The most seconds for which a store is believed that a clock has stepped back: a record may be damaged or forged.
_BELIEVED: Final = 24 * 60 * 60.0


class Clock:
    """The system's time in seconds since the epoch, unless that steps back: then the time goes on from where it was.

    If times stepped back, deadlines would come later, and a session that was seen to be expired would live again. So
    the clock stays ahead of the system's by the size of the step, until the process ends.

    An exchange adds `offset` to the system's time itself, and calls :meth:`settle` unless the sum is between `earliest`
    and `latest`. A call for each time would be a tenth of what an untouched request costs.
    """

    def __init__(self) -> None:
        #: Seconds by which this clock is ahead of the system's.
        self.offset: float = 0.0
        #: The times that are known to be no step back, and none that has to be noted.
        self.earliest: float = 0.0
        self.latest: float = 0.0
        self._seen: float = 0.0
        self._seen_at: float = 0.0
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Replace the lock, which another thread may have held when the process forked."""
        self._lock: threading.Lock = threading.Lock()

    def now(self) -> float:
        """Return the time."""
        now = time.time() + self.offset
        return now if self.earliest <= now <= self.latest else self.settle()

    def settle(self) -> float:
        """Return the time, and note it. It is read under the lock, so that no delay of a thread looks like a step."""
        with self._lock:
            now = time.time() + self.offset
            if now < self.earliest:
                passed = max(0.0, time.monotonic() - self._seen_at)
                self._advance(self._seen + passed - now)
                now = self._seen + passed
            self._note(now)
        return now

    def catch_up(self, seen: float) -> None:
        """Go on from *seen*, a time that a shared store has from another process, if it has not come here yet.

        A process that started after a step back learns so how late it is, if it is a day at most. Of machines that
        disagree all follow the one that is ahead.
        """
        with self._lock:
            now = time.time() + self.offset
            if _TOLERANCE < seen - now <= _BELIEVED:
                self._advance(seen - now)
                self._note(seen)

    def _advance(self, seconds: float) -> None:
        self.offset += seconds
        _log.warning("The clock of this machine is %.0f seconds behind the time of the sessions.", self.offset)

    def _note(self, now: float) -> None:
        if now > self._seen:
            self._seen, self._seen_at = now, time.monotonic()
            self.earliest, self.latest = now - _TOLERANCE, now + _STRIDE
