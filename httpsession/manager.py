"""SessionManager: all policy. It creates, finds, changes and ends sessions and tells the listeners."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from . import fork
from .codec import Codec
from .config import SessionConfig
from .core.accesses import Accesses
from .core.sweeper import Sweeper
from .errors import ConfigError, StoreError, TooManySessionsError
from .events import HttpSessionActivationListener, Listener, Listeners, call_all
from .ids import KEY_SIZE, draw
from .live import LiveSessions
from .record import Rotation, SessionInfo, SessionRecord
from .session import HttpSession
from .snapshots import SnapshotSessions
from .stores import SessionStore, Stored, open_store
from .stores.base import SLACK

_log = logging.getLogger("httpsession")

#: How many sessions one call of the store ends at a time.
BATCH = 1000


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What a manager has seen since it was made."""

    #: Sessions that are alive, or have timed out without anybody having looked since.
    active: int
    created: int
    #: Sessions that timed out, or reached the end of their lifetime.
    expired: int
    invalidated: int
    #: Sessions given up for new ones because there were too many.
    evicted: int
    #: Sessions refused because there were too many.
    rejected: int


class SessionManager:
    """The sessions of one application, its "servlet context": two managers never share a session (Servlet 6.1, 7.3).

    Can be used as a context manager that closes itself.
    """

    def __init__(
        self,
        store: SessionStore | str | None = None,
        *,
        config: SessionConfig | None = None,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """Take a *store*, or its URL; None keeps the sessions in memory.

        Raises:
            ConfigError: *store* is no store and no URL of one, *config* no SessionConfig, or the configured types
                cannot be stored.
            ValueError: one of *listeners* is no listener.
        """
        self.config = SessionConfig() if config is None else config
        if not isinstance(self.config, SessionConfig):
            raise ConfigError(f"config is {config!r}, but must be a SessionConfig")
        #: The registered listeners, sorted.
        self.listeners = Listeners(listeners)
        self._store = open_store("memory://" if store is None else store)
        #: Whether other processes see the sessions, so that each request has a snapshot, and commits what it changes.
        self.is_shared = self._store.is_shared
        #: What says which attributes can be stored; None if any are taken.
        self.codec = Codec(self.config.types) if self.config.distributable or self.is_shared else None
        #: The requests under way, and the accesses of those that have ended.
        self.accesses = Accesses()
        self._store.in_use = self.accesses.in_use
        #: How the requests of a session see it, and when what they change takes effect.
        self.sessions = self._open_sessions()
        self._counts = dict.fromkeys(("created", "expired", "invalidated", "evicted", "rejected"), 0)
        self.reset_after_fork()
        fork.register(self)
        self._sweeper = Sweeper(self, self.config.sweep_interval)

    def _open_sessions(self) -> LiveSessions | SnapshotSessions:
        if self.codec is None or not self.is_shared:
            return LiveSessions(self._store, self.codec)
        kinds = self.config.types.values()
        hears = any(issubclass(kind, HttpSessionActivationListener) for kind in kinds)
        return SnapshotSessions(self._store, self.codec, self.accesses, tells_activation=hears)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def reset_after_fork(self) -> None:
        """Be free for all, at the beginning and in the child of a fork."""
        self._making_room = threading.Lock()
        self._counting = threading.Lock()

    def sweep(self, now: float | None = None) -> int:
        """End all sessions that are over by *now*, in seconds since the epoch; return how many there were.

        The background thread does this every ``sweep_interval`` seconds. What listeners raise is logged.
        """
        self.tell_store()
        now = time.time() if now is None else now
        total = 0
        while True:
            expired = self._store.expire(now, BATCH)
            for stored in expired:
                self._end_quietly(stored, "expired")
            total += len(expired)
            if len(expired) < BATCH:
                return total

    def stats(self) -> SessionStats:
        """Return how many sessions there are and what became of the others."""
        active = len(self._store)
        with self._counting:
            return SessionStats(active=active, **self._counts)

    def sessions_of(self, principal: str) -> tuple[SessionInfo, ...]:
        """Return the sessions in which *principal* is logged in, the oldest first."""
        self.tell_store()
        alive = [record for record in self._store.of(principal) if not self._is_over(record)]
        return tuple(record.info() for record in sorted(alive, key=lambda record: record.creation_time))

    def invalidate(self, handle: str) -> bool:
        """End the session that has this handle (:attr:`SessionInfo.handle`); False if there is none."""
        try:
            key = bytes.fromhex(handle)
        except ValueError:
            return False
        return len(key) == KEY_SIZE and self._end_by_key(key)

    def invalidate_all(self, principal: str, *, except_: HttpSession | None = None) -> int:
        """End the sessions in which *principal* is logged in, all but the one given; return how many there were. All of
        it happens whatever listeners raise; the first exception goes to the caller."""
        spared = None if except_ is None else self._store.peek(except_.record.key)
        others = self._store.of(principal)
        if spared is not None:
            others = [record for record in others if record.key != spared.record.key]
        ended: list[bool] = []

        def end(key: bytes) -> None:
            ended.append(self._end_by_key(key))

        call_all(partial(end, record.key) for record in others)
        return sum(ended)

    def close(self) -> None:
        """Stop the background thread. Sessions in memory are ended, since they are lost with the process (Servlet 6.1,
        11.3.4); a store that processes share is told of the latest accesses and keeps them."""
        self._sweeper.stop()
        if self.is_shared:
            _tell_last(weakref.ref(self))
            self._store.close()
            return
        for stored in self._store:
            claimed = self._store.remove(stored.record.key)
            if claimed is not None:
                self._end_quietly(claimed, "invalidated")

    def create(self) -> HttpSession:
        """Make a session. The listeners are the caller's to tell, when it has noted that it uses the session.

        Raises:
            TooManySessionsError: there are ``max_sessions`` already, and none of them can be given up.
        """
        max_sessions = self.config.max_sessions
        session = self._create() if max_sessions is None else self._create_within(max_sessions)
        self._count("created")
        return session

    def find(self, session_id: str, arrived: float) -> HttpSession | None:
        """Return the session with this id for a request that *arrived* then, and note the access.

        If the session was over by then it is ended here and now: the listeners are told, and what they raise goes to
        the caller (S52).
        """
        if (self.accesses.ended or self.accesses.dropped) and not self.is_shared:
            self.tell_store()
        session = self.sessions.find(self, session_id, arrived)
        if session is not None and session.previous_access is None:
            self._destroy(session, "expired")
            return None
        return session

    def take_back(self, session: HttpSession, rotation: Rotation) -> None:
        """Undo a change of the id, and what was set since in the same request: its client will not hear of it.

        If another request has changed the id since, the session keeps that id and its principal. All of it happens
        whatever listeners raise; the first exception goes to the caller.
        """
        is_back = self.sessions.take_back(session, rotation)
        calls = session.take_back()
        if not session.is_valid:
            return  # somebody has ended it, and all of this with it
        if is_back:
            calls.append(lambda: self.listeners.session_id_changed(session, rotation.new_id))
        call_all(calls)

    def end(self, session: HttpSession) -> None:
        """End the session, unless somebody else is at it: first the registered listeners hear while the attributes can
        still be read, then the session is invalid, then the attributes are unbound (S57). All of it happens whatever
        listeners raise; the first exception goes to the caller."""
        # A listener that hears of the end may ask for it again.
        if not session.invalidated_here and self.sessions.take(session):
            self._destroy(session, "invalidated")

    def tell_store(self) -> None:
        """Tell the store of the requests that ended without asking for their session."""
        self.accesses.finish_dropped()
        self.accesses.tell(self._store.touch, with_those_under_way=self.is_shared)

    def start(self) -> None:
        """Start the background thread, if it does not run yet; what it has not told the store when the process ends is
        told then, also where that is after a single request, as by CGI."""
        self._sweeper.start()
        if self.is_shared:
            atexit.register(_tell_last, weakref.ref(self))

    def _create(self) -> HttpSession:
        config = self.config
        now = time.time()
        while True:
            session_id, key = draw(config.id_bytes)
            record = SessionRecord.created(session_id, key, now, config.max_inactive_interval, config.max_lifetime)
            session = self.sessions.create(self, record)
            if session is not None:
                return session

    def _create_within(self, max_sessions: int) -> HttpSession:
        """Make a session if there is room for it, or can be made; whom that ends is told when the room is taken."""
        given_up: list[tuple[Stored, str]] = []
        if self.sessions.count() >= max_sessions:
            self.tell_store()
        try:
            with self._making_room:
                if self.sessions.count() >= max_sessions:
                    self._make_room(max_sessions, given_up)
                return self._create()
        finally:
            for stored, how in given_up:
                self._end_quietly(stored, how)

    def _make_room(self, max_sessions: int, given_up: list[tuple[Stored, str]]) -> None:
        """Give up sessions until there is room for one: those that are over, then those whose client never came back.

        Raises:
            TooManySessionsError: that is not enough.
        """
        if len(self._store) >= max_sessions:
            given_up += ((stored, "expired") for stored in self._store.expire(time.time(), BATCH))
        while len(self._store) >= max_sessions:
            stored = self._store.abandoned()
            if stored is None:
                self._count("rejected")
                raise TooManySessionsError(f"there are {max_sessions} sessions, which is SessionConfig.max_sessions")
            given_up.append((stored, "evicted"))

    def _end_by_key(self, key: bytes) -> bool:
        """End the session that has this key; False if there is none, or it was over already."""
        self.tell_store()
        stored = self._store.remove(key)
        if stored is None:
            return False
        is_over = self._is_over(stored.record)
        self._destroy(self.sessions.open(self, stored), "expired" if is_over else "invalidated")
        return not is_over

    def _is_over(self, record: SessionRecord) -> bool:
        """Return whether a session that is among the others has timed out all the same."""
        is_due = record.is_due(time.time(), SLACK if self.is_shared else 0.0)
        return is_due and record.key not in self.accesses.in_use()

    def _end_quietly(self, stored: Stored, how: str) -> None:
        """Finish off a session outside the request that it belongs to: what listeners raise is logged."""
        session = self.sessions.open(self, stored)
        try:
            self._destroy(session, how)
        except Exception:
            _log.exception("A listener failed when the session %r ended.", session)

    def _destroy(self, session: HttpSession, how: str) -> None:
        """Tell the listeners and unbind the attributes of a session that is out of its store."""
        session.invalidated_here = True
        self._count(how)

        def calls() -> Iterator[Callable[[], object]]:
            yield partial(self.listeners.session_destroyed, session)
            for item in session.attributes.close().items():
                yield partial(session.tell_unbound, *item)

        call_all(calls())

    def _count(self, what: str) -> None:
        with self._counting:
            self._counts[what] += 1


def _tell_last(reference: weakref.ref[SessionManager]) -> None:
    manager = reference()
    if manager is not None:
        try:
            manager.tell_store()
        except StoreError as error:
            _log.error("The store was not told of the latest accesses: %s", error)
