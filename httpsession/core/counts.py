"""Counts of sessions by what became of them, for ``SessionManager.stats``."""

from __future__ import annotations

import threading
from typing import Literal

from .. import fork
from ..record import SessionStats

#: How a session ends.
End = Literal["expired", "invalidated", "evicted"]


class Counts:
    """The numbers of sessions created and rejected, and of those that ended in each way.

    There is one object for each manager, and any thread may count. A process counts what it does itself: sessions that
    another process ended on the same store are not in these numbers.
    """

    def __init__(self) -> None:
        self._totals: dict[Literal["created", "rejected"] | End, int] = {
            "created": 0, "expired": 0, "invalidated": 0, "evicted": 0, "rejected": 0
        }  # fmt: skip
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Replace the lock, which another thread may have held when the process forked.

        The child counts on from the numbers of its parent.
        """
        self._lock: threading.Lock = threading.Lock()

    def add(self, what: Literal["created", "rejected"] | End) -> None:
        """Count one more session."""
        with self._lock:
            self._totals[what] += 1

    def stats(self, active: int) -> SessionStats:
        """Return all counts, taken at the same moment, beside the number of *active* sessions."""
        with self._lock:
            return SessionStats(active=active, **self._totals)
