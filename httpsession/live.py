"""Sessions in the memory of one process: their requests share them, and what one changes takes effect at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .attributes import ABSENT, Attributes
from .errors import InvalidSessionError
from .ids import draw, key_of
from .record import Rotation, SessionRecord
from .session import HttpSession
from .stores.base import Changes, SessionStore, Stored

if TYPE_CHECKING:
    from .codec import Codec
    from .manager import SessionManager


class LiveSessions:
    """The sessions of a store that keeps them as they are."""

    def __init__(self, store: SessionStore, codec: Codec | None) -> None:
        """Take the store, and what says which attributes can be stored; None if any are taken."""
        self._store = store
        self._codec = codec

    def create(self, context: SessionManager, record: SessionRecord) -> HttpSession | None:
        """Keep a new session and return it; None if its key is taken."""
        attributes = Attributes()
        return HttpSession(context, record, attributes) if self._store.create(record, attributes) else None

    def find(self, context: SessionManager, session_id: str, arrived: float) -> HttpSession | None:
        """Return a session; if this found it to be over its ``previous_access`` is None."""
        found = self._store.load(key_of(session_id), arrived)
        if found is None:
            return None
        stored, previous_access = found
        attributes: Any = stored.attributes  # not looked at as in open(): every request comes this way
        session = HttpSession(context, stored.record, attributes)
        session.previous_access = previous_access
        return session

    def open(self, context: SessionManager, stored: Stored) -> HttpSession:
        """Return the session that came out of the store."""
        return HttpSession(context, stored.record, _attributes(stored))

    def count(self) -> int:
        """Return how many sessions there are."""
        return len(self._store)

    def rotate(self, session: HttpSession, from_id: str, id_bytes: int) -> Rotation | None:
        """Give the session a new id if *from_id* is still its id; None if it is not."""
        record, drawn = session.record, draw(id_bytes)
        if self._store.save(key_of(from_id), Changes(new_id=drawn), time.time()):
            # Only now nobody else tells a client of another id.
            return Rotation(drawn[0], from_id, record.known_id, record.known_principal)
        if record.removed:
            raise InvalidSessionError("the session was invalidated or has timed out")
        return None

    def take_back(self, session: HttpSession, rotation: Rotation) -> bool:
        """Give the session its former id and principal; False if another request has changed the id since."""
        back = Changes(new_id=(rotation.known_id, key_of(rotation.known_id)), principal=rotation.principal)
        return self._store.save(key_of(rotation.new_id), back, time.time())

    def bind_principal(self, session: HttpSession, principal: str) -> None:
        """Note who is logged in."""
        if not self._store.save(session.record.key, Changes(principal=principal), time.time()):
            raise InvalidSessionError("the session was invalidated or has timed out")

    def change_interval(self, session: HttpSession, seconds: int) -> None:
        """Change the interval; of a session that is over, too, where it has no effect (S28)."""
        changes = Changes(max_inactive_interval=seconds)
        if not self._store.save(session.record.key, changes, time.time()):
            session.record.max_inactive_interval = seconds

    def update(self, session: HttpSession, name: str, function: Callable[[Any], Any]) -> Any:
        """Replace a value by what *function* makes of it, and return that."""
        while True:
            old = session.attributes.get(name)
            new = function(None if old is ABSENT else old)
            if self._codec is not None:
                self._codec.encode(new, name)
            if (new is None and old is ABSENT) or session.replace(name, old, ABSENT if new is None else new):
                return new

    def take(self, session: HttpSession) -> bool:
        """Take the session out of the store; False if somebody else has."""
        return self._store.remove(session.record.key) is not None

    def commit(self, session: HttpSession, issued_id: str | None) -> None:
        """Note what the client is about to be told."""
        record = session.record
        if record.id == issued_id:
            record.known_id = issued_id
            record.known_principal = record.principal

    def release(self, session: HttpSession, arrived: float) -> None:
        """Note that a request has done with the session: from now on it idles, and the client knows of it."""
        record = session.record
        record.used = time.time()
        record.is_new = False
        session.previous_access = None


def _attributes(stored: Stored) -> Attributes:
    attributes = stored.attributes
    if not isinstance(attributes, Attributes):
        raise TypeError("a store that is not shared gives back the Attributes that it was given")
    return attributes
