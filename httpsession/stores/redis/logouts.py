"""The times at which users were logged out everywhere.

The list of a user's sessions may be incomplete: Redis evicts it, or a login is under way that is saved later. So the
time of a logout everywhere is kept, too. Each process learns these times with its accesses, and compares them with what
it loads, so that a load stays one command. A Cluster has two copies, on different nodes: so one node that is out does
not keep a new process from its first load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Final

from ... import fork
from ...errors import StoreError
from ...record import SessionRecord
from .client import Call, Client
from .names import Names
from .replies import is_scores
from .scripts import LOGOUT
from .transport import Word

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
        #: The times by user. It is replaced as a whole. Loads look here themselves, since a call would cost them.
        self.times: dict[str, float] = {}
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Ask before the next load: the parent may have asked long ago."""
        self._lock = threading.Lock()
        #: From when on a load asks first, in seconds since the epoch.
        self.stale_at: float = -inf
        #: Seconds by which the times of arrivals are ahead of the system's clock.
        self._ahead: float = 0.0
        self._asked_at: float = -inf
        self._whole_at: float = -inf
        #: How often this process has added a time. A reply may lack those that were added since the question.
        self._added: int = 0

    def cover(self, record: SessionRecord) -> bool:
        """Return whether the user of a session was logged out everywhere since its login."""
        return record.principal is not None and record.login_time < self.times.get(record.principal, -inf)

    def add(self, principal: str, before: float, until: float) -> None:
        """Note the time *before* which logins of a user count no more. From *until* on no session is older."""
        # Twice is once, so that a lost reply does no harm.
        self._client.run_all(LOGOUT, self._calls(before, principal, before, until))
        with self._lock:
            self._added += 1
            self.times = _merged(self.times, {principal: before})

    def refresh(self) -> None:
        """Learn the times in the background, unless that was just done."""
        if monotonic() - self._asked_at >= _PAUSE:
            self._learn(time.time() + self._ahead)

    def learn(self, now: float) -> None:
        """Learn the times, for a load that arrived *now*. Threads do not wait for each other.

        Raises:
            StoreError: the server failed. A process that has never learnt them asks again before its next load. Another
                goes on with those that it knows: in a Cluster, other nodes may answer.
        """
        # After a step of the system's clock, arrivals go on as before.
        self._ahead = max(0.0, now - time.time())
        self._learn(now)

    def _learn(self, now: float) -> None:
        self._asked_at = monotonic()
        if self.stale_at > -inf:
            self.stale_at = now + _STALE
        added, is_whole = self._added, self._asked_at >= self._whole_at
        since = -inf if is_whole else max(self.times.values(), default=-inf) - _SKEW
        if is_whole and self.times:
            with suppress(StoreError):
                self._client.run_all(LOGOUT, self._calls(now))
        times = self._ask(since)
        with self._lock:
            if is_whole and added == self._added:
                self.times, self._whole_at = times, self._asked_at + _WHOLE
            else:
                self.times = _merged(self.times, times)
            self.stale_at = now + _STALE

    def _ask(self, since: float) -> dict[str, float]:
        """Return the times from one on, of any copy that is there. A logout everywhere fails unless it reaches all."""
        words = [(shard, self._names.logouts[shard][0]) for shard in self._client.copies]
        commands = ((shard, (b"ZRANGEBYSCORE", name, since, b"+inf", b"WITHSCORES")) for shard, name in words)
        replies = self._client.try_all(is_scores, commands)
        found = [reply for reply in replies if not isinstance(reply, Exception)]
        if not found:
            self._client.check(replies[0])
        times: dict[str, float] = {}
        for reply in found:
            # A name that is no UTF-8 was written by another client.
            users = (user.decode(errors="replace") for user in reply[::2])
            times = _merged(times, dict(zip(users, map(float, reply[1::2]), strict=True)))
        return times

    def _calls(self, *words: Word) -> list[Call]:
        """Return the calls of the script, one for each copy."""
        return [(shard, list(self._names.logouts[shard]), list(words)) for shard in self._client.copies]


def _merged(times: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    """Return the later time of each user."""
    return {**times, **{user: max(at, times.get(user, at)) for user, at in others.items()}}
