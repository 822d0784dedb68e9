"""The times at which users were logged out everywhere.

The list of a user's sessions may be incomplete: Redis evicts it, or a login is under way that is saved later. So the
time of a logout everywhere is kept, too. Each process learns these times with its accesses, and compares them with what
it loads, so that a load stays one command. In a Cluster all are in one slot.
"""

from __future__ import annotations

import threading
import time
from math import inf
from time import monotonic
from typing import Final

from ... import fork
from ...record import SessionRecord
from .client import Client
from .names import LOGOUTS, Names
from .replies import is_scores
from .scripts import LOGOUT

#: Seconds after which a load asks by itself. The background thread asks more often, as long as there is one.
_STALE: Final = 3.0
#: Seconds between two questions of the background thread, at least. Ending many sessions flushes many times.
_PAUSE: Final = 0.5
#: Seconds between two questions for all times, which drop those that the server has dropped. Others ask for later ones.
_WHOLE: Final = 60.0
#: Seconds by which the clocks of processes may differ: a later logout may have an earlier time.
_SKEW: Final = 60.0


class Logouts:
    """The times before which logins count no more, by user, as far as this process knows."""

    def __init__(self, client: Client, names: Names) -> None:
        self._client = client
        self._names = names
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Forget all: the parent may have loaded nothing for long."""
        self._lock = threading.Lock()
        #: The times by user. Loads look here themselves, since a call would be a part of their cost.
        self.times: dict[str, float] = {}
        #: From when on a load asks first, in seconds since the epoch.
        self.stale_at: float = -inf
        self._whole_at: float = -inf
        self._asked_at: float = -inf

    def cover(self, record: SessionRecord) -> bool:
        """Return whether the user of a session was logged out everywhere since its login."""
        return record.principal is not None and record.login_time < self.times.get(record.principal, -inf)

    def add(self, principal: str, before: float, until: float) -> None:
        """Note the time *before* which logins of a user count no more. From *until* on no session is older."""
        with self._lock:
            # Twice is once, so that a lost reply does no harm.
            self._client.run(LOGOUTS, LOGOUT, self._names.logouts, before, principal, before, until, retry=True)
            self.times = {**self.times, principal: max(before, self.times.get(principal, before))}

    def drop(self, now: float) -> None:
        """Remove the times that no session is older than from the server."""
        if self.times:
            self._client.run(LOGOUTS, LOGOUT, self._names.logouts, now, retry=True)

    def refresh(self) -> None:
        """Learn the times in the background, unless that was just done."""
        if monotonic() - self._asked_at >= _PAUSE:
            with self._lock:
                self._learn(time.time())

    def learn(self, now: float) -> None:
        """Learn the times before a load that arrived *now*, unless another thread has done so meanwhile."""
        with self._lock:
            if now >= self.stale_at:
                self._learn(now)

    def _learn(self, now: float) -> None:
        """Learn the times.

        Raises:
            StoreError: the server failed. A process that has never learnt them asks again before its next load. Another
                goes on with those that it knows: in a Cluster, other nodes may answer.
        """
        self._asked_at = monotonic()
        if self.stale_at > -inf:
            self.stale_at = now + _STALE
        is_whole = self._asked_at >= self._whole_at
        since = -inf if is_whole else max(self.times.values(), default=-inf) - _SKEW
        command = (b"ZRANGEBYSCORE", self._names.logouts[0], since, b"+inf", b"WITHSCORES")
        [found] = self._client.execute_all(is_scores, [(LOGOUTS, command)])
        # Users whose names are no UTF-8 were written by another client.
        times = {user.decode(errors="replace"): float(at) for user, at in zip(found[::2], found[1::2], strict=True)}
        self.times = times if is_whole else {**self.times, **times}
        if is_whole:
            self._whole_at = self._asked_at + _WHOLE
        self.stale_at = now + _STALE
