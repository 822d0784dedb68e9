"""SessionManager: all policy. It creates, finds, changes and ends sessions and tells the listeners."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from . import forks
from .accesses import Accesses
from .attributes import Attributes
from .config import SessionConfig
from .errors import ConfigError, InvalidSessionError, TooManySessionsError
from .events import Listener, Listeners, call_all
from .ids import key_of, new_id
from .record import Rotation, SessionInfo, SessionRecord
from .session import HttpSession
from .stores import SessionStore, Stored, open_store
from .stores.base import Changes
from .sweeper import Sweeper

if TYPE_CHECKING:
    from .codec import Codec

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
        #: What says which attributes can be stored; None if any are taken.
        self.codec = _codec(self.config) if self.config.distributable else None
        #: The registered listeners, sorted.
        self.listeners = Listeners(listeners)
        self._store = open_store("memory://" if store is None else store)
        #: The requests under way, and the accesses of those that have ended.
        self.accesses = Accesses()
        self._store.in_use = self.accesses.in_use
        self._counts = dict.fromkeys(("created", "expired", "invalidated", "evicted", "rejected"), 0)
        self.start_anew()
        forks.register(self)
        self._sweeper = Sweeper(self, self.config.sweep_interval)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start_anew(self) -> None:
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
        with self._counting:
            return SessionStats(active=len(self._store), **self._counts)

    def sessions_of(self, principal: str) -> tuple[SessionInfo, ...]:
        """Return the sessions in which *principal* is logged in, the oldest first."""
        self.tell_store()
        now, in_use = time.time(), self.accesses.in_use()
        alive = [record for record in self._store.of(principal) if record.key in in_use or not record.is_due(now)]
        return tuple(record.info() for record in sorted(alive, key=lambda record: record.creation_time))

    def invalidate(self, handle: str) -> bool:
        """End the session that has this handle (:attr:`SessionInfo.handle`); False if there is none."""
        try:
            key = bytes.fromhex(handle)
        except ValueError:
            return False
        return self._end_by_key(key)

    def invalidate_all(self, principal: str, *, except_: HttpSession | None = None) -> int:
        """End the sessions in which *principal* is logged in, all but the one given; return how many there were."""
        spared = None if except_ is None else except_.id
        return sum(self._end_by_key(record.key) for record in self._store.of(principal) if record.id != spared)

    def close(self) -> None:
        """Stop the background thread and end the sessions, which are lost with the process (Servlet 6.1, 11.3.4)."""
        self._sweeper.stop()
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
        if self.accesses.ended or self.accesses.dropped:
            self.tell_store()
        found = self._store.load(key_of(session_id), arrived)
        if found is None:
            return None
        stored, previous_access = found
        session = HttpSession(self, stored.record, stored.attributes)
        if previous_access is None:
            self._destroy(session, stored.attributes, "expired")
            return None
        session.previous_access = previous_access
        return session

    def rotate(self, session: HttpSession, from_id: str) -> Rotation | None:
        """Give the session a new id if *from_id* is still its id, which is dead then, and return what that replaced.

        If another request has changed the id since, the answer is None.

        The listeners are the caller's to tell, when it has noted the new id.

        Raises:
            InvalidSessionError: the session is over.
        """
        record, drawn = session.record, self._draw_id()
        rotation = Rotation(drawn[0], from_id, record.known_id, record.known_principal)
        if self._store.save(key_of(from_id), Changes(new_id=drawn), time.time()):
            return rotation
        if record.removed:
            raise InvalidSessionError("the session was invalidated or has timed out")
        return None

    def take_back(self, session: HttpSession, rotation: Rotation) -> None:
        """Undo a change of the id, and what was set since in the same request: its client will not hear of it.

        If another request has changed the id since, the session keeps that id and its principal. All of it happens
        whatever listeners raise; the first exception goes to the caller.
        """
        back = Changes(new_id=(rotation.known_id, key_of(rotation.known_id)), principal=rotation.principal)
        is_back = self._store.save(key_of(rotation.new_id), back, time.time())
        calls = session.take_back()
        if not session.is_valid:
            return  # somebody has ended it, and all of this with it
        if is_back:
            calls.append(lambda: self.listeners.session_id_changed(session, rotation.new_id))
        call_all(calls)

    def bind_principal(self, session: HttpSession, principal: str) -> None:
        """Note that *principal* is logged in.

        Raises:
            InvalidSessionError: the session is over.
        """
        if not self._store.save(session.record.key, Changes(principal=principal), time.time()):
            raise InvalidSessionError("the session was invalidated or has timed out")

    def change_interval(self, session: HttpSession, seconds: int) -> None:
        """Change the interval of *session*; of one that is over, too, where it has no effect (S28)."""
        changes = Changes(max_inactive_interval=seconds)
        if not self._store.save(session.record.key, changes, time.time()):
            session.record.max_inactive_interval = seconds

    def end(self, session: HttpSession) -> None:
        """End the session, unless somebody else is at it: first the registered listeners hear while the attributes can
        still be read, then the session is invalid, then the attributes are unbound (S57). All of it happens whatever
        listeners raise; the first exception goes to the caller."""
        stored = self._store.remove(session.record.key)
        if stored is not None:
            self._destroy(session, stored.attributes, "invalidated")

    def release(self, session: HttpSession) -> None:
        """Note that a request has done with the session: from now on it idles, and the client knows of it."""
        session.record.used = time.time()
        session.record.is_new = False
        session.previous_access = None

    def tell_store(self) -> None:
        """Tell the store of the requests that ended without asking for their session."""
        self.accesses.finish_dropped()
        self.accesses.tell(self._store.touch)

    def start(self) -> None:
        """Start the background thread, if it does not run yet."""
        self._sweeper.start()

    @property
    def is_shared(self) -> bool:
        """Whether other processes see the sessions."""
        return self._store.is_shared

    def _create(self) -> HttpSession:
        config = self.config
        now = time.time()
        attributes = Attributes()
        while True:
            session_id, key = self._draw_id()
            record = SessionRecord.created(session_id, key, now, config.max_inactive_interval, config.max_lifetime)
            if self._store.create(record, attributes):
                return HttpSession(self, record, attributes)

    def _draw_id(self) -> tuple[str, bytes]:
        session_id = new_id(self.config.id_bytes)
        return session_id, key_of(session_id)

    def _create_within(self, max_sessions: int) -> HttpSession:
        """Make a session if there is room for it, or can be made; whom that ends is told when the room is taken."""
        given_up: list[tuple[Stored, str]] = []
        if len(self._store) >= max_sessions:
            self.tell_store()
        try:
            with self._making_room:
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
        now, in_use = time.time(), self.accesses.in_use()
        stored = self._store.remove(key)
        if stored is None:
            return False
        is_over = stored.record.is_due(now) and stored.record.key not in in_use
        session = HttpSession(self, stored.record, stored.attributes)
        self._destroy(session, stored.attributes, "expired" if is_over else "invalidated")
        return not is_over

    def _end_quietly(self, stored: Stored, how: str) -> None:
        """Finish off a session outside the request that it belongs to: what listeners raise is logged."""
        session = HttpSession(self, stored.record, stored.attributes)
        try:
            self._destroy(session, stored.attributes, how)
        except Exception:
            _log.exception("A listener failed when the session %r ended.", session)

    def _destroy(self, session: HttpSession, attributes: Attributes, how: str) -> None:
        """Tell the listeners and unbind the attributes of a session that is out of its store."""
        self._count(how)

        def calls() -> Iterator[Callable[[], object]]:
            yield partial(self.listeners.session_destroyed, session)
            for item in attributes.close().items():
                yield partial(session.tell_unbound, *item)

        call_all(calls())

    def _count(self, what: str) -> None:
        with self._counting:
            self._counts[what] += 1


def _codec(config: SessionConfig) -> Codec:
    """Make the codec, whose library is only needed, and only loaded, for distributable sessions."""
    try:
        from .codec import Codec
    except ImportError as error:
        raise ConfigError(
            f"SessionConfig.distributable is True, but needs {error.name}: install httpsession[distributable]"
        ) from error
    return Codec(config.types)
