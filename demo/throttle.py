"""Limits on failed logins."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Hashable

from werkzeug.exceptions import TooManyRequests


class Throttle:
    """Limits on failed logins: after too many within a minute no password is checked.

    Failures count for the account from this address, for the address, and for the account. The first limit is low: it
    stops an attacker, and does not lock out the member, who has another address. The others bound guesses at many
    accounts, and from many addresses. Unknown names count as well, so that the response does not reveal which exist.

    An attempt counts while its password is being checked, so that parallel attempts are no way around the limits.
    Keys share a fixed number of slots, so that invented names fill no memory. Each worker process counts for itself.
    """

    #: Seconds for which a failure counts.
    SECONDS = 60

    def __init__(self, here: int = 10, address: int = 100, account: int = 100, *, slots: int = 1024) -> None:
        self._lock = threading.Lock()
        self._limits = [[deque[float](maxlen=limit) for _ in range(slots)] for limit in (here, address, account)]

    def begin(self, name: str, address: str) -> None:
        """Count an attempt.

        Raises:
            TooManyRequests: the attempt has to wait, status 429; it does not count.
        """
        now = time.monotonic()
        with self._lock:
            queues = self._queues(name, address)
            if any(len(times) == times.maxlen and times[0] > now - self.SECONDS for times in queues):
                raise TooManyRequests("Too many failed logins. Try again in a minute.", retry_after=self.SECONDS)
            for times in queues:
                times.append(now)

    def succeed(self, name: str, address: str) -> None:
        """Count one attempt less: the password was right."""
        with self._lock:
            for times in self._queues(name, address):
                if times:
                    times.pop()

    def _queues(self, name: str, address: str) -> list[deque[float]]:
        keys: tuple[Hashable, ...] = ((name, address), address, name)
        return [slots[hash(key) % len(slots)] for slots, key in zip(self._limits, keys, strict=True)]
