"""The requests in flight, and the accesses that wait for the next flush to the store.

Both tell when a session may expire. While a request uses it, it never does (S54). Its idle time counts from the end of
the latest request, also if that never asked for the session (S26).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Protocol

from .. import fork
from ..errors import StoreError
from ..ids import key_of
from ..stores.base import Touch
from .clock import Clock

#: A request that ended without asking for its session: the ids it carried, when it arrived, when it ended.
Note = tuple[Sequence[str], float, float]
#: How many notes may wait for a store that fails before they are thinned out.
MAX_NOTES = 100_000

#: Seconds between the accesses to a session of which a flush leaves out those in between. No interval is shorter.
STEP = 1.0


class Access(Protocol):
    """A request that carries the id of a session, or created a session."""

    #: When it arrived, in seconds since the epoch.
    arrived: float

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that the request may be using."""


class Accesses:
    """The accesses to the sessions of one application in one process.

    A request that never asks for its session costs one appended note. The notes are flushed to a store in memory before
    the next lookup, and to a shared store by the background thread, in batches.

    An exchange changes `in_flight`, `latest` and `ended` itself, by single atomic operations: a method for each would
    be a third of what an untouched request costs. A shared session appends to `ended`. All other changes go through
    methods.

    Args:
        keeps_latest: whether `latest` keeps an arrival until it is flushed. A shared store needs that: a load does not
            return an access that waits for a flush. A load from memory does, so requests in flight are enough.
    """

    def __init__(self, *, keeps_latest: bool) -> None:
        #: The clock that arrivals and ends are read from.
        self.clock: Clock = Clock()
        #: Whether `latest` keeps an arrival until it is flushed, or only while the request is in flight.
        self.keeps_latest: bool = keeps_latest
        #: The requests in flight. The dict is an ordered set.
        self.in_flight: dict[Access, None] = {}
        #: When the latest request with an id arrived, while it is in flight or the store does not know of it.
        self.latest: dict[str, float] = {}
        #: Notes for the next flush. A request enters here before it leaves `in_flight`.
        self.ended: deque[Note] = deque()
        #: Calls that end the requests whose responses the server did not close.
        self.unclosed: deque[Callable[[], None]] = deque()
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Forget all requests, which are the parent's, and replace the lock.

        The parent flushes its own notes.
        """
        self.in_flight.clear()
        self.latest.clear()
        self.ended.clear()
        self.unclosed.clear()
        self._flushing: threading.Lock = threading.Lock()
        self._flushed_at: float = 0.0

    def enter(self, access: Access) -> None:
        """Add a request in flight."""
        self.in_flight[access] = None

    def leave(self, access: Access) -> None:
        """Remove a request that was in flight."""
        self.in_flight.pop(access, None)

    def note_unclosed(self, finish: Callable[[], None]) -> None:
        """Note the call that ends a request whose response the server did not close. A destructor calls this."""
        self.unclosed.append(finish)

    def in_use(self) -> Mapping[bytes, float]:
        """Return the keys of the sessions that requests in flight are using, and since when.

        Requests that have ended and are not flushed yet count, too: the store does not know of them. Times are seconds
        since the epoch; of several requests the first arrival counts.
        """
        since: dict[bytes, float] = {}
        for access in list(self.in_flight):
            for key in access.store_keys():
                since[key] = min(access.arrived, since.get(key, access.arrived))
        for ids, arrived, _ in list(self.ended):
            for key in map(key_of, ids):
                since[key] = min(arrived, since.get(key, arrived))
        return since

    def flush(self, touch: Callable[[Iterable[Touch]], None], *, with_in_flight: bool = False) -> None:
        """Pass the requests that have ended to *touch*, in the order of arrival.

        *with_in_flight* adds the requests in flight, as if they ended now, and calls *touch* also if there are none: a
        shared store learns then what other processes have done. Notes stay until *touch* has returned, so
        that a thread which finds no notes can rely on it that the store knows of all accesses.

        One thread flushes at a time; other threads wait. Requests may add notes meanwhile, which stay for the next
        flush.

        Raises:
            StoreError: the store failed. The notes stay for the next flush, but thinned out if they are too many.
        """
        self._finish_unclosed()
        with self._flushing:
            now = self.clock.now()
            notes = list(self.ended)
            touches = [(key_of(session_id), arrived, ended) for ids, arrived, ended in notes for session_id in ids]
            if with_in_flight:
                # The next flush may be too late for requests that have just arrived.
                for access in list(self.in_flight):
                    touches += [(key, access.arrived, now) for key in access.store_keys()]
            try:
                if touches or with_in_flight:
                    touch(_thinned(touches))
            except StoreError:
                if len(notes) > MAX_NOTES:
                    self._thin_out(notes)
                raise
            else:
                for _ in notes:
                    self.ended.popleft()
            finally:
                if with_in_flight:
                    self._forget_latest(now)

    def _finish_unclosed(self) -> None:
        """End the requests whose responses the server did not close, in this thread and not in a destructor."""
        while self.unclosed:
            try:
                finish = self.unclosed.popleft()
            except IndexError:  # another thread took the last one
                break
            finish()

    def _thin_out(self, notes: Sequence[Note]) -> None:
        """Keep the latest note of each client, for a bounded number of clients, while the store fails."""
        kept: dict[tuple[str, ...], Note] = {}
        for note in notes:
            kept.pop(tuple(note[0]), None)  # so that the clients stand in the order of their latest requests
            kept[tuple(note[0])] = note
        self.ended.extend(list(kept.values())[-MAX_NOTES // 2 :])
        for _ in notes:
            self.ended.popleft()

    def _forget_latest(self, now: float) -> None:
        """Forget arrivals that the store has had since the previous flush: loads return them.

        This happens after a failed flush, too, so that the map stays small while the store is down.
        """
        for session_id, arrived in list(self.latest.items()):
            if arrived < self._flushed_at:
                self.latest.pop(session_id, None)
        self._flushed_at = now


def _thinned(touches: Iterable[Touch]) -> list[Touch]:
    """Return the accesses that make a difference to the store, in the order of arrival.

    Of each key these are the first and the latest, and enough in between that no two are more than :data:`STEP` seconds
    further apart than they were: after an outage only the requests in between may have kept a session alive for the
    latest. An access gets the latest end of those that it stands for.
    """
    kept: dict[bytes, list[Touch]] = {}
    for key, arrived, ended in sorted(touches, key=itemgetter(1)):
        group = kept.setdefault(key, [])
        if group:
            ended = max(ended, group[-1][2])
        if len(group) > 1 and arrived - group[-2][1] < STEP:
            group.pop()
        group.append((key, arrived, ended))
    return sorted(chain.from_iterable(kept.values()), key=itemgetter(1))
