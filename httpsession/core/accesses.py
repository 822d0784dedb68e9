"""Which requests are under way, and which accesses to sessions their store has not been told yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Protocol

from .. import fork
from ..errors import StoreError
from ..ids import key_of
from ..stores.base import Touch

#: A request that ended without asking for its session: the ids it carried, when it arrived, when it ended.
Note = tuple[Sequence[str], float, float]
#: How many notes may wait in full for a store that does not answer.
MAX_UNTOLD = 100_000


class Access(Protocol):
    """A request that carries the id of a session, or made one."""

    #: When it arrived, in seconds since the epoch.
    arrived: float

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that it may be using."""


class Accesses:
    """The accesses of one process.

    A request that never asks for its session writes itself down here, and that is all it costs. Whoever looks at
    sessions in memory next has the store told first; a store that processes share is told of all requests by the
    background thread, and takes its time. Requests use all containers by single atomic operations, without a lock.
    """

    def __init__(self) -> None:
        #: The requests under way: each enters itself, and takes itself out when its response has gone.
        self.under_way: dict[Access, None] = {}
        #: For each id with which a request is under way, or of which the store does not know yet, when the latest such
        #: request arrived.
        self.latest: dict[str, float] = {}
        #: Requests that ended without asking for their session. They enter themselves before they leave the above.
        self.ended: deque[Note] = deque()
        #: What remains to be done for responses that nobody closed.
        self.dropped: deque[Callable[[], None]] = deque()
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Be free for all, at the beginning and in the child of a fork: what is under way there is the parent's."""
        self.under_way.clear()
        self.ended.clear()
        self.dropped.clear()
        self._telling = threading.Lock()
        self._told_at = 0.0

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

    def tell(self, touch: Callable[[Iterable[Touch]], None], *, with_those_under_way: bool = False) -> None:
        """Have *touch* told of the requests that have ended, in the order of arrival, and *with those under way* of
        these, too, as if they ended now.

        What has been written down stays until it has been told, so that whoever finds nothing here misses nothing.
        """
        with self._telling:
            now = time.time()
            notes = list(self.ended)
            touches = [(key_of(one), arrived, ended) for ids, arrived, ended in notes for one in ids]
            if with_those_under_way:
                # Those that have only just come, too: the next batch may be too late for them.
                for access in list(self.under_way):
                    touches += [(key, access.arrived, now) for key in access.store_keys()]
            try:
                if touches:
                    touch(_thinned(touches))
            except StoreError:
                if len(notes) > MAX_UNTOLD:
                    self._thin_out(notes)
                raise
            else:
                for _ in notes:
                    self.ended.popleft()
            finally:
                if with_those_under_way:
                    self._forget_latest(now)

    def _thin_out(self, notes: Sequence[Note]) -> None:
        """Keep what matters of many notes, while the store cannot be told: the latest of each client's, and not of any
        number of clients."""
        kept: dict[tuple[str, ...], Note] = {tuple(note[0]): note for note in notes}
        self.ended.extend(list(kept.values())[-MAX_UNTOLD // 2 :])
        for _ in notes:
            self.ended.popleft()

    def _forget_latest(self, now: float) -> None:
        """Forget arrivals that the store was told of the time before, and of which loads know therefore."""
        for one, arrived in list(self.latest.items()):
            if arrived < self._told_at:
                self.latest.pop(one, None)
        self._told_at = now

    def finish_dropped(self) -> None:
        """Do what remains to be done for responses that nobody closed."""
        while self.dropped:
            try:
                finish = self.dropped.popleft()
            except IndexError:  # another thread took the last one
                break
            finish()


def _thinned(touches: Iterable[Touch]) -> list[Touch]:
    """Return the touches in the order of arrival, of each key the first and the latest arrival: those in between change
    nothing."""
    first: dict[bytes, Touch] = {}
    last: dict[bytes, Touch] = {}
    for key, arrived, ended in sorted(touches, key=itemgetter(1)):
        if key not in first:
            first[key] = key, arrived, ended
        else:
            last[key] = key, arrived, max(ended, first[key][2], last[key][2] if key in last else ended)
    return sorted([*first.values(), *last.values()], key=itemgetter(1))
