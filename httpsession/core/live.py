"""Sessions in the memory of one process: requests share the very objects, and changes take effect at once."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from ..attributes import ABSENT, Attributes, is_over
from ..errors import InvalidSessionError, StoreError
from ..ids import draw, key_of
from ..record import LiveRecord
from ..stores.base import Changes, LiveEntry
from . import limits, report, updates
from .bindings import UndoLog
from .collection import Sessions
from .context import Audience, Context
from .login import Login
from .session import Session, call_all

_log = logging.getLogger("httpsession")


class LiveSession(Session):
    """A hold on a session whose requests all use the very same record and attributes.

    Between a login and its commit the hold has a record and attributes of its own. So a login that fails changes
    nothing for other requests, and :attr:`_login` has what to return to.
    """

    _login: Login | None = None

    def __init__(
        self,
        sessions: LiveSessions,
        session_id: str,
        record: LiveRecord,
        attributes: Attributes,
        failures: list[StoreError],
        previous_access: float,
        *,
        is_own: bool = False,
    ) -> None:
        self.context: Context[Session] = sessions.context
        self.audience: Audience[Session] = self.context.audience
        self.id: str = session_id
        self.record: LiveRecord = record
        self.attributes: Attributes = attributes
        self.failures: list[StoreError] = failures
        self.previous_access: float = previous_access
        self.is_own: bool = is_own
        self._sessions: LiveSessions = sessions

    @property
    def is_new(self) -> bool:
        return self.record.is_new

    def is_known_by(self, session_id: str) -> bool:
        return self.record.id == session_id and not self.attributes.is_left

    @property
    def key(self) -> bytes:
        """The key in the store, which is still that of the former session between a login and its commit."""
        return (self.record if self._login is None else self._login.record).key

    @property
    def stored_id(self) -> str | None:
        return self.id if self._login is None else None

    def rotate(self) -> bool:
        """Move the session to a new key at once; of two requests the store lets one win."""
        if self.attributes.is_left:
            return False
        new_id, new_key = draw(self.context.config.id_bytes)
        if self._login is not None:
            self.record.key = new_key
        elif not self._sessions.store.save(key_of(self.id), Changes(new_key=new_key), self.context.now()):
            if not self.attributes.is_left and self._sessions.store.peek(self.record.key) is None:
                raise is_over()
            return False
        # Only this request knows the new id until its client does.
        self.id = self.record.id = new_id
        return True

    def undo_rotation(self, former_id: str) -> bool:
        if self.id == former_id:
            return True
        if not self._sessions.store.save(key_of(self.id), Changes(new_key=key_of(former_id)), self.context.now()):
            return False
        self.id = self.record.id = former_id
        return True

    def bind_principal(self, principal: str, notes: Mapping[str, bytes]) -> None:
        """Bind a user to a session of this very request at once, and to any other at the commit."""
        if self.is_own:
            changes = Changes(principal=principal, notes={**dict.fromkeys(self.record.notes), **notes})
            if not limits.bind(self._sessions, self.record.key, changes):
                raise is_over()
            return
        if self._login is None:
            self._begin_login()
        else:
            self._login.clears = True
        self.record.principal, self.record.notes = principal, notes

    def _begin_login(self) -> None:
        """Give this hold a record and attributes of its own, under a new id, until the commit."""
        config, record, values = self.context.config, self.record, self.attributes.snapshot()
        clears, interval = record.principal is not None, record.max_inactive_interval
        self._login = Login(self.id, record, self.attributes, self.audience, values, clears, interval, record.notes)
        if self.undo_log is not None:
            self.undo_log.undos.append(self._undo_login)
        self.id, new_key = draw(config.id_bytes)
        self.record = replace(record, id=self.id, key=new_key)
        if config.max_lifetime is not None:
            self.record.deadline = self.context.now() + config.max_lifetime
        self.attributes = Attributes(values)
        self.audience = self.context.audience  # of a request that was left behind, too: it gets a session again

    def _undo_login(self, _: object) -> None:
        if (login := self._login) is None:
            return
        self._login, changed = None, self.attributes.marked()
        self.id, self.record, self.attributes = login.id, login.record, login.attributes
        try:
            call_all(partial(self._tell_undone, login, name, value) for name, value in changed.items())
        finally:
            self.audience = login.audience

    def _tell_undone(self, login: Login, name: str, value: Any) -> None:
        """Notify that *name* has the value again that it had before the login."""
        before = login.values.get(name, ABSENT)
        if before is not ABSENT:
            self._tell_bound(name, value, before, is_told=name in login.unbound)
        elif value is not ABSENT:
            self._tell_unbound(name, value)

    def _note_undo(self, log: UndoLog, undo: Callable[[object], object]) -> None:
        """Note how to undo the latest change; what follows a login is undone with it."""
        if self._login is None:
            log.undos.append(undo)

    def _unbind_value(self, name: str, value: Any) -> None:
        """Notify a value that listens, at the commit of a login if the former session has it."""
        if self._login is not None and self._login.has_bound(name, value):
            self._login.unbound.add(name)
        else:
            super()._unbind_value(name, value)

    def change_interval(self, seconds: int) -> None:
        """Change the interval. After the end of the session this has no effect on any request (S28)."""
        if self._login is not None or not self._save(Changes(max_inactive_interval=seconds)):
            self.record.max_inactive_interval = seconds

    def change_note(self, name: str, value: bytes | None) -> None:
        if self._login is not None or not self._save(Changes(notes={name: value})):
            super().change_note(name, value)

    def update(self, name: str, function: Callable[[Any], Any]) -> Any:
        """Compare and swap until no other thread came in between; *function* runs without a lock."""
        for _ in updates.attempts(self.attributes, self.record.key, name):
            old = self.attributes.get(name)
            new = updates.call(function, None if old is ABSENT else old, self.attributes, self.record.key, name)
            if new is not None:
                self.check(name, new)
            if (new is None and old is ABSENT) or self.replace(name, old, ABSENT if new is None else new):
                break
        return new

    def remove(self) -> bool:
        """Remove the session, before the commit of a login the former one; the store lets one caller win."""
        is_removed = self._sessions.store.remove(self.key) is not None
        if not is_removed and self._login is not None:
            call_all(self._close_login(self._login, {}))
        elif not is_removed and self.attributes.is_left:
            if self.attributes.detached:
                self.detach()
            self.attributes.close()
        return is_removed

    def _close(self) -> Iterator[Callable[[], object]]:
        login = self._login
        return super()._close() if login is None else self._close_login(login, login.attributes.close())

    def _close_login(self, login: Login, before: Mapping[str, Any]) -> Iterator[Callable[[], object]]:
        """End a login that was not committed, with the attributes that the former session had *before* it ended."""
        self._login = None
        changed, values = self.attributes.marked(), self.attributes.close()
        for name, value in before.items():
            tell = partial(self._tell_dropped, login) if name in changed else self._tell_unbound
            yield partial(tell, name, value)
        for name in changed.keys() & values.keys():
            if before.get(name, ABSENT) is values[name] or not login.has_bound(name, values[name]):
                yield partial(self._tell_unbound, name, values[name])

    def commit(self) -> None:
        """Put a login into effect by one save, which cuts off all other requests; all else is in effect already."""
        login = self._login
        if login is None:
            if self.undo_log is not None and self.attributes.is_left:
                self.id = self.undo_log.former_id  # what it was changed to is dead
            elif self.is_own and self.record.principal is not None:
                limits.evict_beyond(self._sessions, self.record)
            return
        record, changed = self.record, self.attributes.marked()
        own = {name: value for name, value in changed.items() if value is not ABSENT}
        changes = login.changes(record, removed=changed.keys() - own.keys())
        if limits.save(self._sessions, record.principal, login.record.key, changes, self.context.now()):
            self._login = None
            self.is_own = True
            self._adopt(login, own, changes)
        else:
            self._begin_again(login, own)

    def _adopt(self, login: Login, own: Mapping[str, Any], changes: Changes) -> None:
        """Go on with the session that the store has made of the former one, and set in it what this request has set.

        A listener that fails is logged: the login is in effect, and its client must learn the id.
        """
        entry = self._sessions.store.peek(self.record.key)
        if entry is None:  # ended in this very moment
            self.attributes.close()
        else:
            entry.record.id = self.id
            self.record, self.attributes = entry.record, entry.attributes
        before = login.attributes.snapshot() if changes.clear or changes.removed else {}
        gone = before if changes.clear else before.keys() & changes.removed
        calls = [partial(self._tell_dropped, login, name, before[name]) for name in gone]
        calls += [partial(self._set_again, login, name, value) for name, value in own.items()]
        try:
            call_all(calls)
        except Exception:
            _log.exception("A listener failed when a login was committed.")

    def _set_again(self, login: Login, name: str, value: Any) -> None:
        """Set what this request has set since the login, of which the listeners have heard then."""
        is_bound = login.has_bound(name, value)
        try:
            old = self.attributes.put(name, value)
        except InvalidSessionError:  # ended in this very moment
            if not is_bound:
                self._tell_unbound(name, value)
            return
        if is_bound:
            self._announce(name, old, value)
        if old is not ABSENT:
            self._tell_dropped(login, name, old)

    def _tell_dropped(self, login: Login, name: str, value: Any) -> None:
        """Notify of a value that the new session does not have. If this request knew it, the listeners have heard."""
        if login.values.get(name, ABSENT) is not value:
            self._tell_unbound(name, value)
        elif name in login.unbound:
            self._unbind_value(name, value)

    def _begin_again(self, login: Login, own: Mapping[str, Any]) -> None:
        """Begin a session of which only this client knows, since the former one has gone.

        If another request has logged in from it, the attributes that this request had read are carried over: a double
        click must not empty the cart. If it was ended, only what was set since the login stays.
        """
        store = self._sessions.store
        was_left = not login.clears and store.was_left(login.record.key, self.context.now())
        values = self.attributes.snapshot() if was_left else own
        entry = LiveEntry(self.record, Attributes(values))
        self._sessions.make_room_for(partial(limits.create, self._sessions, entry))
        self._login, self.attributes = None, entry.attributes
        self.is_own = True
        self._tell_created([name for name, value in values.items() if login.has_bound(name, value)])

    def release(self, arrived: float) -> None:
        """Record the end of the request: the session begins to idle, and its client knows of it."""
        record = self.record
        record.used = time.time() + self.context.accesses.clock.offset
        record.is_new = False
        self.is_released: bool = True

    def _save(self, changes: Changes) -> bool:
        return self._sessions.store.save(self.record.key, changes, self.context.now())


class LiveSessions(Sessions[LiveSession, LiveEntry]):
    """The sessions of a store in the memory of the process; they expire to the moment, and end with the process."""

    slack: ClassVar[float] = 0.0

    def find(self, session_id: str, arrived: float, failures: list[StoreError]) -> LiveSession | None:
        """Flush first: a request that never asked for the session may have kept it alive until now (S26)."""
        accesses = self.context.accesses
        if accesses.ended or accesses.unclosed:
            self.flush()
        found = self.store.load(key_of(session_id), arrived, accesses.in_use)
        if found is None:
            return None
        entry, previous_access, is_expired = found
        session = LiveSession(self, session_id, entry.record, entry.attributes, failures, previous_access)
        if is_expired:
            report.used_after_expiry(session.record)
            session.finish("expired")
        return session

    def has(self, session_id: str) -> bool:
        entry = self.store.peek(key_of(session_id))
        return entry is not None and entry.record.id == session_id and not entry.record.is_due(self.context.now())

    def open(self, stored: LiveEntry) -> LiveSession:
        return LiveSession(self, stored.record.id, stored.record, stored.attributes, [], stored.record.accessed)

    def count(self) -> int:
        return len(self.store)

    def flush(self) -> None:
        self.context.accesses.flush(partial(self.store.touch, in_use=self.context.accesses.in_use))

    def start(self, *, multiprocess: bool) -> bool:
        is_started = super().start(multiprocess=multiprocess)
        if multiprocess:
            warnings.warn(
                "the sessions are kept in the memory of one process, but the server runs several: a client whose next "
                "request another process answers has no session there; run one process with threads",
                RuntimeWarning,
                stacklevel=4,
            )
        return is_started

    def _close_store(self) -> None:
        """End all sessions: they are lost with the process (Servlet 6.1, 11.3.4; S66)."""
        claimed = (self.store.remove(entry.record.key) for entry in self.store)
        try:
            self.finish_all(((entry, "invalidated") for entry in claimed if entry is not None), "closed")
        finally:
            self.store.close()

    def _begin(self, session_id: str, key: bytes, failures: list[StoreError]) -> LiveSession | None:
        record = self.context.new_record(LiveRecord, key)
        record.id = session_id
        attributes = Attributes()
        if not self.store.create(LiveEntry(record, attributes)):
            return None
        return LiveSession(self, session_id, record, attributes, failures, record.accessed, is_own=True)
