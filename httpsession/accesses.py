"""Which requests are under way, and which accesses to sessions their store has not been told yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from .ids import key_of


class Access(Protocol):
    """A request that carries the id of a session, or made one."""

    #: When it arrived, in seconds since the epoch.
    arrived: float

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that it may be using."""


class Accesses:
    """The accesses of one process.

    A request that never asks for its session writes itself down here, and that is all it costs; whoever looks at
    sessions next has the store told first. Requests use both containers by single atomic operations, without a lock.
    """

    def __init__(self) -> None:
        #: The requests under way: each enters itself, and takes itself out when its response has gone.
        self.under_way: dict[Access, None] = {}
        #: Of requests that ended without asking for their session: the ids they carried, arrival, end.
        self.ended: deque[tuple[Iterable[str], float, float]] = deque()
        self._telling = threading.Lock()

    def in_use(self) -> dict[bytes, float]:
        """Return the keys of the sessions that requests under way are using, and since when."""
        since: dict[bytes, float] = {}
        for access in list(self.under_way):
            for key in access.store_keys():
                since[key] = min(access.arrived, since.get(key, access.arrived))
        return since

    def tell(self, touch: Callable[[Mapping[bytes, tuple[float, float]]], None]) -> None:
        """Have *touch* told what has ended: for each key when the latest request arrived and when one last ended.

        What has been written down stays until it has been told, so that whoever finds nothing here misses nothing.
        """
        with self._telling:
            notes = list(self.ended)
            latest: dict[bytes, tuple[float, float]] = {}
            for ids, arrived, ended in notes:
                for key in map(key_of, ids):
                    before = latest.get(key, (arrived, ended))
                    latest[key] = max(before[0], arrived), max(before[1], ended)
            if latest:
                touch(latest)
            for _ in notes:
                self.ended.popleft()
