"""Users: the sessions of users, as the manager lists and ends them."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..record import SPARED, SessionRecord, pack_time
from .collection import Sessions
from .logouts import forget_logins
from .session import Session, call_all


class Users:
    """The sessions of one application by their users and handles; on no request's path.

    A handle leads to no key, so the sessions of the user are searched for it, or all sessions where no user is given.
    A session of this process is named by its hold instead, whose key the store follows when another request changes it.
    """

    def __init__(self, sessions: Sessions[Session, Any]) -> None:
        self._sessions: Sessions[Session, Any] = sessions

    def records_of(self, principal: str) -> list[SessionRecord]:
        """Return the records of the sessions in which *principal* is logged in and that have not expired, the oldest
        first."""
        self._sessions.flush()
        records = self._sessions.store.records_of(principal)
        alive = [record for record in records if not self._sessions.is_expired(record)]
        return sorted(alive, key=lambda record: record.creation_time)

    def end(self, handle: str, principal: str | None) -> bool:
        """Invalidate the session with this handle; False if there is none, or another user than *principal* is logged
        in."""
        if principal is None:
            keys = [stored.record.key for stored in self._sessions.store if stored.record.handle == handle]
        else:
            keys = self._keys_of(principal, handle)
        return any(self._sessions.end(key, principal) for key in keys)

    def end_all(self, principal: str, spared: Session | str | None) -> int:
        """End the sessions in which *principal* is logged in, but not *spared*; return how many.

        All are ended, whatever listeners raise. The first exception goes to the caller.
        """
        sessions, ended = self._sessions, list[bool]()
        now = sessions.context.now()
        if isinstance(spared, Session) and spared.stored_id is None:
            # The store does not have its login yet.
            spared.set_note(SPARED, pack_time(now))
        named = None if spared is None else self.find(principal, spared)
        kept, keys = self._list_beside(principal, named)
        ends = [partial(lambda key: ended.append(sessions.end(key, principal)), key) for key in keys if key != kept]
        # It comes last, or another process would take the sessions for expired.
        call_all([*ends, partial(forget_logins, sessions.store, sessions.context.config, principal, now, named)])
        return sum(ended)

    def find(self, principal: str, named: Session | str) -> bytes | None:
        """Return the present key of a session of *principal*, named by a hold or its handle; None if there is none."""
        if isinstance(named, Session):
            return self._present_key(named.key)
        return next(iter(self._keys_of(principal, named)), None)

    def _keys_of(self, principal: str, handle: str) -> list[bytes]:
        return [record.key for record in self._sessions.store.records_of(principal) if record.handle == handle]

    def _list_beside(self, principal: str, but: bytes | None) -> tuple[bytes | None, list[bytes]]:
        """Return the present key of the session with the key *but*, and the keys of the sessions of *principal*.

        A request may change the id of that session meanwhile. The list is read again until it was not so: otherwise
        the session would be in the list under a key that nothing shows to be its own.
        """
        while True:
            before = self._present_key(but)
            keys = [record.key for record in self._sessions.store.records_of(principal)]
            if self._present_key(but) == before:
                return before, keys

    def _present_key(self, key: bytes | None) -> bytes | None:
        stored = None if key is None else self._sessions.store.peek(key)
        return None if stored is None else stored.record.key
