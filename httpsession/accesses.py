"""Which requests are under way, and which accesses to sessions their store has not been told yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from . import forks
from .ids import key_of

#: A request that ended without asking for its session: the ids it carried, when it arrived, when it ended.
Note = tuple[Sequence[str], float, float]


class Access(Protocol):
    """A request that carries the id of a session, or made one."""

    #: When it arrived, in seconds since the epoch.
    arrived: float

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that it may be using."""


class Accesses:
    """The accesses of one process.

    A request that never asks for its session writes itself down here, and that is all it costs; whoever looks at
    sessions next has the store told first. Requests use all containers by single atomic operations, without a lock.
    """

    def __init__(self) -> None:
        #: The requests under way: each enters itself, and takes itself out when its response has gone.
        self.under_way: dict[Access, None] = {}
        #: For each id with which a request is under way, when the latest such request arrived.
        self.latest: dict[str, float] = {}
        #: Requests that ended without asking for their session. They enter themselves before they leave the above.
        self.ended: deque[Note] = deque()
        #: What remains to be done for responses that nobody closed.
        self.dropped: deque[Callable[[], None]] = deque()
        self.start_anew()
        forks.register(self)

    def start_anew(self) -> None:
        """Be free for all, at the beginning and in the child of a fork."""
        self._telling = threading.Lock()

    def in_use(self) -> dict[bytes, float]:
        """Return the keys of the sessions that requests under way are using, and since when."""
        since: dict[bytes, float] = {}
        for access in list(self.under_way):
            for key in access.store_keys():
                since[key] = min(access.arrived, since.get(key, access.arrived))
        for ids, arrived, _ in list(self.ended):
            for key in map(key_of, ids):
                since[key] = min(arrived, since.get(key, arrived))
        return since

    def tell(self, touch: Callable[[Iterable[tuple[bytes, float, float]]], None]) -> None:
        """Have *touch* told what has ended: key, arrival and end of each request, in the order of arrival.

        What has been written down stays until it has been told, so that whoever finds nothing here misses nothing.
        """
        with self._telling:
            notes = list(self.ended)
            if notes:
                in_order = sorted(notes, key=lambda note: note[1])
                touch([(key_of(one), arrived, ended) for ids, arrived, ended in in_order for one in ids])
            for _ in notes:
                self.ended.popleft()

    def finish_dropped(self) -> None:
        """Do what remains to be done for responses that nobody closed."""
        while self.dropped:
            try:
                finish = self.dropped.popleft()
            except IndexError:  # another thread took the last one
                break
            finish()
