"""Sessions: all sessions of one application, which it creates, finds, ends and sweeps.

An exchange finds and creates sessions here, the manager ends and lists them, and the sweeper sweeps. The store decides
each race: whatever ends a session gets it from the store, which returns it to one caller alone.
"""

from __future__ import annotations

import atexit
import logging
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ClassVar, Generic, TypeVar

from .. import audit, fork
from ..errors import IllegalStateError, InvalidSessionError, StoreError
from ..ids import draw, key_of
from ..record import SessionRecord, SessionStats
from ..stores.base import SessionStore, Stored
from . import report
from .context import Context
from .counts import End
from .room import BATCH, Room
from .session import Session, call_all
from .sizes import Encode, Sizes
from .sweeper import Sweeper

_log = logging.getLogger("httpsession")

S = TypeVar("S", bound=Session, covariant=True)
T = TypeVar("T", bound=Stored)
R = TypeVar("R")


def _reserve_nothing(key: bytes) -> None:
    """Accept a key of which no request has to tell."""


class Sessions(ABC, Generic[S, T]):
    """The sessions of one application, of the kind *S*, in a store that gives back *T*.

    There is one object for each manager. Any thread may call any method.
    """

    #: Seconds by which idle sessions expire late.
    slack: ClassVar[float]

    def __init__(self, context: Context[Session], store: SessionStore[T]) -> None:
        self.context: Context[Session] = context
        self.store: SessionStore[T] = store
        #: Encodes an attribute, or refuses it; None: any value can be kept.
        self.encode: Encode | None = None if context.codec is None else context.codec.encode
        self.new_sizes: Callable[[], Sizes] = partial(Sizes, context.config, self.encode)
        #: Whether :meth:`close` was called.
        self.is_closed: bool = False
        bound = context.config.max_sessions
        self._room: Room = Room(store.capacity if bound is None else bound)
        #: Whether the store is closed, so that no change of a session can be saved any more.
        self.drops_changes: bool = False
        self._sweeper: Sweeper = Sweeper(self, context.config.sweep_interval, context.outage)

    @abstractmethod
    def find(self, session_id: str, arrived: float, failures: list[StoreError]) -> S | None:
        """Return the session with this id for a request that *arrived* then, and record the access.

        A session that had expired by then ends here, and its hold is given back ended: :attr:`.Session.ended_here`. An
        exception of its listeners goes to the caller (S52). The session adds failures of its store to *failures*.

        Args:
            session_id: a well-formed id, as the client sent it.
            arrived: seconds since the epoch.
            failures: the list that the request and its session share.

        Returns:
            A new hold, or None if there is no session. An id of the client is never adopted for a new session (S135).

        Raises:
            StoreError: the store failed, so that it is not known whether there is a session.
        """

    def has(self, session_id: str) -> bool:
        """Return whether there is a session with this id. That is no access, which would prolong the session."""
        session = self.find(session_id, self.context.now(), [])
        return session is not None and not session.ended_here

    @abstractmethod
    def open(self, stored: T) -> S:
        """Return a hold, outside of its requests, on a session that the store gave back."""

    @abstractmethod
    def count(self) -> int:
        """Return the number of sessions; of a shared store it may be a second old."""

    @abstractmethod
    def flush(self) -> None:
        """Flush the noted accesses to the store."""

    def start(self, *, multiprocess: bool) -> bool:
        """Start the background thread, unless it runs. *multiprocess* says whether the server has several processes.

        The middleware calls it in the first request, since a server may fork after it has loaded the application, and
        in the next one if the system gave no thread: then the result is False.
        """
        fork.check()
        return self._sweeper.start()

    def close(self) -> None:
        """Refuse requests that ask for a session, stop the background thread and close the store."""
        fork.check()
        self.is_closed = True
        self._sweeper.stop()
        self._close_store()

    def check_open(self) -> None:
        """Raise :class:`IllegalStateError` if :meth:`close` was called."""
        if self.is_closed:
            raise IllegalStateError("the manager is closed")

    @abstractmethod
    def _close_store(self) -> None:
        """Close the store, after the sessions that are lost with the process were ended and the others flushed."""

    @abstractmethod
    def _begin(self, session_id: str, key: bytes, failures: list[StoreError]) -> S | None:
        """Return a new session; None if its key is taken."""

    def create(self, failures: list[StoreError], reserve: Callable[[bytes], None] = _reserve_nothing) -> S:
        """Create a session. The caller notifies the listeners once the session is in use.

        Args:
            failures: the list that the request and its session share.
            reserve: called with the key before the session gets it. From then on the request has to be among those in
                flight, with this key: otherwise another thread could evict the session before the caller has it.

        Raises:
            TooManySessionsError: there are as many as there may be, and none of them can be evicted.
        """
        session = self.make_room_for(partial(self._create, failures, reserve))
        self.context.counts.add("created")
        return session

    def _create(self, failures: list[StoreError], reserve: Callable[[bytes], None]) -> S:
        """Draw ids until one is free: two clients with the same id would share a session."""
        while True:
            session_id, key = draw(self.context.config.id_bytes)
            reserve(key)
            session = self._begin(session_id, key, failures)
            if session is not None:
                return session

    def make_room_for(self, create: Callable[[], R]) -> R:
        """Return what *create* returns, which adds a session. If there are as many as there may be, make room first.

        Raises:
            TooManySessionsError: none of them can be evicted.
        """
        room = self._room
        if room.bound is None or self.count() < room.calm:
            return create()
        return room.create(self, room.bound, create)

    def end(self, key: bytes, principal: str | None = None) -> bool:
        """Invalidate the session with this key; False if there is none, or it had expired already.

        If *principal* is not None, this user must be logged in. The flush comes first, so that a session in use is not
        taken for expired.
        """
        self.flush()
        stored = self.store.remove(key, principal)
        if stored is None:
            return False
        is_expired = self.is_expired(stored.record)
        if is_expired:
            self.open(stored).finish("expired")
        else:
            self.open(stored).finish("invalidated", "revoked")
        return not is_expired

    def stats(self) -> SessionStats:
        """Return how many sessions there are, and how many began and ended since the start."""
        return self.context.counts.stats(len(self.store))

    def sweep(self, now: float | None = None) -> int:
        """Remove the sessions that have expired by *now*, and return their number.

        They are removed in batches, so that no call of the store takes long. Several processes may sweep at once: the
        store gives each session to one of them. Exceptions of listeners are logged (S110).

        Raises:
            StoreError: the store failed. Sessions that it gave back before have ended completely.
        """
        self.flush()
        now = self.context.now() if now is None else now
        total = 0
        while True:
            expired = self.store.expire(now, BATCH, self.context.accesses.in_use)
            self.finish_all((stored, "expired") for stored in expired)
            total += len(expired)
            if len(expired) < BATCH:
                return total

    def probe(self) -> None:
        """Ask the store for a session that it does not have.

        Raises:
            StoreError: the store failed.
        """
        self.store.peek(key_of(""))

    def flush_finally(self) -> None:
        """Flush for the last time. A failure is logged."""
        try:
            self.flush()
        except StoreError as error:
            _log.error("The latest accesses were not flushed to the store: %s", error)

    def flush_at_exit(self) -> None:
        """Flush when the process ends, unless these sessions are garbage by then.

        The hook has a weak reference, since it would keep the sessions alive until the exit otherwise.
        """
        reference = weakref.ref(self)

        def flush() -> None:
            sessions = reference()
            # In a child that has done nothing yet, the accesses are the parent's.
            if sessions is not None and not fork.is_unnoticed():
                sessions.flush_finally()

        atexit.register(flush)

    def is_expired(self, record: SessionRecord) -> bool:
        """Return whether a session has expired, and no request is in flight that keeps it alive (S54)."""
        return record.is_due(self.context.now(), self.slack) and record.key not in self.context.accesses.in_use()

    def finish_quietly(self, stored: T, end: End, cause: report.Cause | None = None) -> None:
        """Finish a session outside of its requests. Exceptions of listeners are logged."""
        session = self.open(stored)
        try:
            session.finish(end, cause)
        except Exception:
            _log.exception("A listener failed when the session %s ended.", audit.reference(stored.record.key))

    def finish_all(self, removed: Iterable[tuple[T, End]], cause: report.Cause | None = None) -> None:
        """Finish sessions that the store gave back, and that have no other owner: all, also if a listener exits."""
        call_all(partial(self.finish_quietly, stored, end, cause) for stored, end in removed)

    @contextmanager
    def borrow(self, session_id: str, holder: Callable[[], Session | None]) -> Iterator[S]:
        """Hold a session and commit it afterwards, as if a request of it had arrived.

        It is in use meanwhile, and its access counts (S46). It is committed and released also if the borrower raises
        (S48).

        *holder* returns the hold whose id it was when the accessor was made; None once that hold is garbage.

        Raises:
            IllegalStateError: the store has the session only after the commit of the request; or the manager is closed.
            InvalidSessionError: there is no session with this id.
            StoreError: the store failed.
        """
        fork.check()
        self.check_open()
        arrived, accesses = self.context.now(), self.context.accesses
        session = self._find_lent(session_id, holder(), arrived)
        use = _Use(arrived, session)
        accesses.enter(use)
        try:
            yield session
        finally:
            try:
                session.commit()
            finally:
                session.release(arrived)
                accesses.leave(use)

    def _find_lent(self, session_id: str, hold: Session | None, arrived: float) -> S:
        """Return the session with this id, or with its former id while a new one waits for the commit."""
        stored_id: str | None = session_id
        if hold is not None and hold.id == session_id and hold.is_valid:
            stored_id = hold.stored_id
        for candidate in dict.fromkeys((stored_id or session_id, session_id)):
            session = self.find(candidate, arrived, [])
            if session is not None and not session.ended_here:
                return session
        if stored_id is None:
            raise IllegalStateError(
                "the session has not ended, but the store does not have it before the commit of the request that "
                "creates it or logs in: use the accessor when the headers have gone out"
            )
        raise InvalidSessionError("the session has ended, or its id has changed since the accessor was made")


class _Use:
    """A borrowed session, which is in use like that of a request: see :class:`.Access`."""

    def __init__(self, arrived: float, session: Session) -> None:
        self.arrived: float = arrived
        self._session: Session = session

    def store_keys(self) -> tuple[bytes, ...]:
        return (self._session.key,)
