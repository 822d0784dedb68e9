"""Room for new sessions: which sessions make way at the bound, and the warning before it is reached."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any, Final, Protocol, TypeVar

from .. import audit, fork
from ..errors import TooManySessionsError
from ..stores.base import SessionStore, Stored
from .context import Context
from .counts import End

_log = logging.getLogger("httpsession")

#: How many sessions one call of the store removes at most.
BATCH: Final = 1000
#: The share of the bound at which the log warns, and the share below which it may warn again.
FULL: Final = 0.8
EASED: Final = 0.7
#: The free places from which on creations need no lock: never do as many threads create a session at the same moment.
AMPLE: Final = 1000

T = TypeVar("T", bound=Stored)
R = TypeVar("R")


class Housed(Protocol[T]):
    """The sessions among which a room is made."""

    @property
    def context(self) -> Context[Any]:
        """The parts that the sessions share."""

    @property
    def store(self) -> SessionStore[T]:
        """The store that keeps them."""

    def count(self) -> int:
        """Return the number of sessions; of a shared store it may be a second old."""

    def flush(self) -> None:
        """Flush the noted accesses to the store."""

    def finish_all(self, removed: Iterable[tuple[T, End]]) -> None:
        """Finish sessions that were removed."""


class Room:
    """The places for the sessions of one application.

    There is one object for each manager, and any thread may call it. The lock keeps two creations from counting the
    same free place. It is free again when listeners are called.
    """

    def __init__(self, bound: int | None) -> None:
        """Make places for *bound* sessions; for any number if it is None or negative."""
        #: The number of sessions that there may be at a time; None: any number.
        self.bound: int | None = None if bound is None or bound < 0 else bound
        most = self.bound or 0
        self._full: int = ceil(FULL * most)
        self._eased: int = int(EASED * most)
        self._has_warned: bool = False
        self._ample: int = self._full if most - self._full >= AMPLE else 0
        #: The number of sessions below which a session can be created without more ado.
        self.calm: int = self._ample
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Replace the lock, which another thread may have held when the process forked."""
        self._making_room: threading.Lock = threading.Lock()

    def create(self, sessions: Housed[T], most: int, create: Callable[[], R]) -> R:
        """Return what *create* returns, with at most *most* sessions after it.

        Only a store in memory keeps the bound exactly. The count of a shared store may be old, and other processes hold
        no lock of this one.

        Raises:
            TooManySessionsError: there are *most* sessions, and none of them can be evicted.
        """
        removed: list[tuple[T, End]] = []
        count = sessions.count()
        self._watch(count)
        if count >= most:
            sessions.flush()
        try:
            with self._making_room:
                if sessions.count() >= most:
                    self._make_way(sessions, most, removed)
                return create()
        finally:
            # Not while the lock is held, and only when the new session has its place.
            sessions.finish_all(removed)

    def _watch(self, count: int) -> None:
        """Warn once when the sessions reach :data:`FULL` of the bound, and again only after they have eased."""
        if not self._crosses(count):
            return
        with self._making_room:
            if not self._crosses(count):  # another thread was faster
                return
            self._has_warned = not self._has_warned
            self.calm = 0 if self._has_warned else self._ample
        if count >= self._full:
            _log.warning(
                "There are %d sessions, and SessionConfig.max_sessions allows %s: beyond that those of newcomers are "
                "evicted, or new ones refused.",
                count,
                self.bound,
            )

    def _crosses(self, count: int) -> bool:
        """Return whether the sessions have reached the mark, or have eased after they had."""
        return count < self._eased if self._has_warned else count >= self._full

    def _make_way(self, sessions: Housed[T], most: int, removed: list[tuple[T, End]]) -> None:
        """Remove expired sessions, then those of newcomers, until there is a place, and append them to *removed*.

        The caller notifies their listeners later, also if this raises: a session that the store gave back has no other
        owner.
        """
        context, store = sessions.context, sessions.store
        in_use = context.accesses.in_use
        if len(store) >= most:
            removed += ((stored, "expired") for stored in store.expire(context.now(), BATCH, in_use))
        while len(store) >= most:
            stored = store.evict(in_use)
            if stored is None:
                context.counts.add("rejected")
                audit.note("excess_sessions_exceeded", level=logging.WARNING, max_sessions=most)
                raise TooManySessionsError(f"there are {most} sessions, and SessionConfig.max_sessions allows no more")
            removed.append((stored, "evicted"))
