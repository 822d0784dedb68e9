"""The model of this package on a shared store: each request works on a snapshot, which its commit saves."""

from __future__ import annotations

from typing import Any

from httpsession.stores.base import SLACK

from . import tomcat
from .here import HereContext, HereRequest, HereScenario, HereSession, Hold
from .sessions import IllegalStateError


class StoredSession(HereSession):
    """A session in the store. It expires a second late."""

    def is_due(self, now: float) -> bool:
        return self.interval > 0 and round(now - max(self.accessed, self.used), 3) >= self.interval + SLACK


class Snapshot(HereSession):
    """The session as one request has loaded or created it. Values that were loaded are copies."""

    def __init__(self, stored: StoredSession, session_id: str) -> None:
        super().__init__(stored.context, session_id, stored.created)
        self.stored_id = session_id
        self.is_new = stored.is_new
        self.accessed = stored.accessed
        self.load(stored)

    def load(self, stored: StoredSession) -> None:
        """Set the baseline to what the store has."""
        self.interval = self.baseline_interval = stored.interval
        self.attributes = {name: dict(v) if isinstance(v, dict) else v for name, v in stored.attributes.items()}
        self.baseline = dict(self.attributes)

    def is_same(self, value: Any, old: Any) -> bool:
        return value is old

    def rebase(self, stored: StoredSession) -> None:
        """Take over what other requests have saved since."""
        changed = {name: self.attributes.get(name) for name in self.changes()}
        self.load(stored)
        self.attributes = {k: v for k, v in {**self.attributes, **changed}.items() if v is not None}

    def changes(self) -> list[str]:
        """Return the names of attributes that this request has changed."""
        names = {*self.attributes, *self.baseline}
        return [name for name in names if self.attributes.get(name) is not self.baseline.get(name)]


class SharedContext(HereContext):
    """A webapp with sessions in a shared store."""

    SESSION = StoredSession

    def create_unsaved(self, now: float) -> StoredSession:
        """Return a session that the commit will store."""
        return StoredSession(self, self._scenario.new_id(), now)


class SharedRequest(HereRequest):
    """A request to a webapp with sessions in a shared store."""

    _context: SharedContext

    def _find(self) -> Hold | None:
        if not self._has_looked:
            super()._find()
            if self._hold is not None:
                stored = self._hold.session
                assert isinstance(stored, StoredSession)
                snapshot = Snapshot(stored, self._joined_id)
                snapshot.is_new = False
                self._hold.session = snapshot
        return self._hold if self._hold is not None and self._hold.session.is_valid else None

    def _create(self) -> Hold:
        if self._context.tracks("COOKIE") and self.is_committed:
            raise IllegalStateError
        stored = self._context.create_unsaved(self._now)
        snapshot = Snapshot(stored, stored.id)
        snapshot.is_new = True
        snapshot.stored_id = ""
        self._hold = Hold(snapshot, stored.id, stored.created)
        self._holds.append(self._hold)
        self._context.note_session("sessionCreated", snapshot)
        return self._hold

    def op_changeSessionId(self) -> str:
        hold = self._find()
        if hold is None or self.is_committed:
            raise IllegalStateError
        old = hold.id
        hold.id = hold.session.id = self._scenario.new_id()
        for mark in self._context.listeners():
            self._scenario.note({"event": "sessionIdChanged", "session": hold.id, **mark, "old": old})
        return hold.id

    def op_isRequestedSessionIdValid(self) -> bool:
        self._find()
        joined = self._joined
        return joined is not None and joined.session.is_valid and joined.id == self._joined_id

    def session_invalidate(self, session: Any) -> object:
        session.check()
        if session.stored_id:
            stored = self._context.find(session.stored_id, self._now)
            if stored is None or not stored.is_valid:
                session.is_valid = False
                return tomcat.VOID
            stored.is_valid = False
            self._context.sessions.pop(stored.id, None)
            assert isinstance(stored, StoredSession)
            session.rebase(stored)
        session.expire()
        return tomcat.VOID

    def hold_equalsHeld(self, hold: Hold, label: str) -> bool:
        held: Any = self._scenario.held.get(label)
        return held is not None and held.session is hold.session

    def op_flushBuffer(self) -> object:
        if not self.is_committed:
            self._commit_session()
        return super().op_flushBuffer()

    def _commit_session(self) -> None:
        hold = self._hold
        if hold is None or not hold.session.is_valid:
            return
        snapshot: Any = hold.session
        stored = self._context.find(snapshot.stored_id, self._now) if snapshot.stored_id else None
        if not snapshot.stored_id:
            stored = StoredSession(self._context, snapshot.id, snapshot.created)
            self._context.sessions[stored.id] = stored
        elif stored is None or not stored.is_valid:
            hold.id = snapshot.id = snapshot.stored_id
            return
        elif snapshot.id != snapshot.stored_id:
            del self._context.sessions[stored.id]
            self._context.moved[stored.id] = stored, self._now
            stored.id = snapshot.id
            self._context.sessions[stored.id] = stored
        for name in snapshot.changes():
            stored.attributes.pop(name, None)
            if name in snapshot.attributes:
                stored.attributes[name] = snapshot.attributes[name]
        if snapshot.interval != snapshot.baseline_interval or not snapshot.stored_id:
            stored.interval = snapshot.interval
        stored.is_new = False
        snapshot.stored_id, snapshot.baseline = snapshot.id, dict(snapshot.attributes)
        snapshot.baseline_interval = snapshot.interval

    def cookies_due(self) -> list[dict[str, Any]]:
        if not self.is_committed:
            self._commit_session()
        return super().cookies_due()

    def end(self) -> None:
        if self.is_committed:
            self._commit_session()
        else:
            self.cookies_due()
        super().end()
        snapshot: Any = None if self._hold is None else self._hold.session
        if snapshot is not None and snapshot.stored_id:
            stored = self._context.find(snapshot.stored_id, self._arrived)
            if stored is not None:
                stored.used = max(stored.used, snapshot.used)
                stored.accessed = max(stored.accessed, self._arrived if self._joined else stored.accessed)


class SharedScenario(HereScenario):
    """A scenario on a shared store."""

    CONTEXT = SharedContext
    REQUEST = SharedRequest
