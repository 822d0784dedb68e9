"""Shared sessions: each request has a snapshot, and its changes take effect at its commit."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from ..codec import Codec
from ..errors import StoreError
from ..ids import draw, draw_until, key_of
from ..record import SessionRecord, with_note
from ..stores.base import SLACK, Changes, SessionStore, StoredSession, note_damage
from . import limits, report, updates
from .collection import Sessions
from .context import Audience, Context
from .session import Session
from .shared_update import SharedUpdates
from .snapshot import AttributeSnapshot
from .unsaved import SEAL, Unsaved

if TYPE_CHECKING:
    from ..codec.sealed import SealedCodec, Sealing  # which imports what only applications with keys have

_log = logging.getLogger("httpsession")

#: Seconds for which a count of the sessions is used again.
_COUNT_AGE = 1.0


class SharedSession(SharedUpdates):
    """A hold on a shared session: one request's snapshot of it, and the changes of the request."""

    def __init__(
        self,
        sessions: SharedSessions,
        session_id: str,
        record: SessionRecord,
        attributes: AttributeSnapshot,
        failures: list[StoreError],
        previous_access: float,
        *,
        is_own: bool = False,
        sealed: SealedCodec | None = None,
    ) -> None:
        """Begin with a session of the store, or with one that the request creates: the commit creates it there.

        *sealed* is the codec of the attributes if it encrypts them.
        """
        self.context: Context[Session] = sessions.context
        self.audience: Audience[Session] = self.context.audience
        self.id: str = session_id
        self.record: SessionRecord = record
        self.attributes = attributes
        self.failures: list[StoreError] = failures
        self.previous_access: float = previous_access
        self.is_own: bool = is_own
        self._sessions: SharedSessions = sessions
        self._is_stored = not is_own
        self._is_new: bool = is_own
        self._sealed: SealedCodec | None = sealed
        seal = None if sealed is None else sealed.seal
        self._unsaved = Unsaved(session_id, record.max_inactive_interval, record.principal, record.notes, seal)
        #: The names of attributes that were notified of being deserialised, and must be notified before the save.
        self._activated: set[str] = set()

    @property
    def is_new(self) -> bool:
        return self._is_new

    def is_known_by(self, session_id: str) -> bool:
        return self.id == session_id and not self._is_lost

    @property
    def stored_id(self) -> str | None:
        return self._unsaved.id if self._is_stored and not self._unsaved.is_login else None

    def rotate(self) -> bool:
        self.attributes.check_open()
        size = self.context.config.id_bytes
        if self._is_stored:
            self.id, new_key = draw_until(size, partial(self._sessions.store.can_move, self.record.key))
            self._unsaved.rotate(new_key, self.record, self.attributes, self._check_growth)
        else:
            self.id, self.record.key = draw(size)
        return True

    def undo_rotation(self, former_id: str) -> bool:
        """Give the session its former id and user. The commit saves only the changes made before."""
        self._unsaved.undo()
        self.id, self.record.principal, self.record.notes = self._unsaved.baseline()
        return True

    def bind_principal(self, principal: str, notes: Mapping[str, bytes]) -> None:
        self.attributes.check_open()
        if self._is_stored:
            if not self._unsaved.is_login:
                self.rotate()
                self.attributes.begin_login()
                self.audience = self.context.audience  # of a session that is lost, too: it gets another
            self._unsaved.login(self.record.principal)
            lifetime = self.context.config.max_lifetime
            if lifetime is not None:
                self.record.deadline = self.context.now() + lifetime
        self.record.principal, self.record.notes = principal, notes

    def change_interval(self, seconds: int) -> None:
        self.record.max_inactive_interval = seconds

    def remove(self) -> bool:
        if not self._is_stored:
            return True
        with self._noting_failure():
            stored = None if self._is_lost else self._sessions.store.remove(self.record.key)
        if stored is None:
            self.attributes.close()
            return False
        self.attributes.rebase(stored.attributes)
        return True

    def commit(self) -> None:
        """Save the changes of the request, if there are any.

        They are dropped if another request has ended the session, or has cut this request off by a login. If another
        request has changed the id first, its change stands, and this request has its former id again.
        """
        unsaved = self._unsaved
        if self.attributes.closed:
            return
        if self._is_lost and not unsaved.is_login:
            self.id = unsaved.id
            return
        if self._sessions.tells_activation:
            self._passivate()
        if not self._is_stored:
            self._store(self.attributes.changes(self._check_growth, is_final=True)[0])
            return
        own = self.attributes.set_since_login() if unsaved.is_login else {}
        if unsaved.is_undone:
            changes = unsaved.before_rotation
        else:
            changes = unsaved.changes(self.record, self.attributes, self._check_growth, is_final=True)
        if changes is None:
            return
        if self._save(changes):
            self.is_own = self.is_own or changes.is_login
            self._mark_saved(changes.put, changes.removed)
        elif changes.is_login:
            self._begin_again(changes, own)
        else:
            self.id = unsaved.id
            self._lose()

    def _save(self, changes: Changes) -> bool:
        """Save the changes; False if there is no such session any more."""
        record, store = self.record, self._sessions.store
        save = store.save if changes.new_key is None else partial(limits.save, self._sessions, record.principal)
        if not self._is_lost and save(record.key, changes, time.time() + self.context.accesses.clock.offset):
            if changes.new_key is not None:
                record.key = changes.new_key
            return True
        if changes.new_key is None or changes.is_login:
            return False
        self.id = self._unsaved.id
        return store.save(record.key, self._unsaved.lose_rotation(changes), self.context.now())

    def _begin_again(self, changes: Changes, own: dict[str, bytes]) -> None:
        """Begin a session of which only this client knows, since the former one has gone.

        If another request has logged in from it, the attributes that this request had read are carried over: a double
        click must not empty the cart. If it was ended, only what was set since the login stays.
        """
        snapshot, was_left = self.attributes, self._sessions.store.was_left(self.record.key, self.context.now())
        put = snapshot.merged(changes.put, changes.removed) if was_left and not changes.clear else own
        self.record = replace(self.record, key=key_of(self.id))
        if self._sealed is not None:  # the session of the other request has the former mark
            put = self._sealed.renew(put)
        snapshot.restart(put)
        self._sessions.make_room_for(partial(self._store, put))
        self._tell_created(put.keys() - own.keys())

    def _store(self, put: dict[str, bytes]) -> None:
        """Create the session in the store."""
        if not limits.create(self._sessions, self._unsaved.creation(self.record, put)):
            raise StoreError("the id drawn for a new session is taken: the random numbers of this machine repeat")
        self._is_stored, self._is_lost = True, False
        self.is_own = True
        self._mark_saved(put, ())

    def _mark_saved(self, put: Mapping[str, bytes], removed: Collection[str]) -> None:
        """Begin with the next changes: the store has these ones."""
        record = self.record
        self.attributes.mark_saved(put, removed)
        seal = None if self._sealed is None else self._sealed.seal
        self._unsaved = Unsaved(self.id, record.max_inactive_interval, record.principal, record.notes, seal)

    def release(self, arrived: float) -> None:
        """Note the access for the next flush."""
        record = self.record
        record.used = time.time() + self.context.accesses.clock.offset
        self._is_new = False
        self.is_released: bool = True
        if self._is_stored:
            self.context.accesses.ended.append(((self._unsaved.id,), arrived, record.used))

    def activate(self, name: str, value: object) -> None:
        """Notify a value that it was deserialised."""
        if self.audience.did_activate(self, value):
            self._activated.add(name)

    def _passivate(self) -> None:
        """Notify the values that were read or set since the last commit that they are about to be serialised."""
        activated, self._activated = self._activated, set()
        for value in self.attributes.touched(activated):
            self.audience.will_passivate(self, value)


class SharedSessions(Sessions[SharedSession, StoredSession]):
    """The sessions of a shared store."""

    slack: ClassVar[float] = SLACK

    def __init__(
        self,
        context: Context[Session],
        store: SessionStore[StoredSession],
        codec: Codec,
        sealing: Sealing | None = None,
    ) -> None:
        self.codec: Codec = codec
        self._sealing: Sealing | None = sealing
        #: Whether attributes can be of a type that is notified of being serialised and deserialised.
        self.tells_activation: bool = any(issubclass(kind, context.audience.activatable) for kind in codec.classes)
        self._count: int = 0
        self._counted_at: float = -_COUNT_AGE
        super().__init__(context, store)
        if sealing is not None:
            self.encode = sealing.measure
        #: The turns of updates that met a conflict.
        self.turns: updates.Turns = updates.Turns()

    def find(self, session_id: str, arrived: float, failures: list[StoreError]) -> SharedSession | None:
        found = self.store.load(key_of(session_id), arrived)
        if found is None:
            return None
        stored, previous_access, is_expired = found
        sealed: SealedCodec | None = None
        if self._sealing is not None:
            sealed = self._unseal(self._sealing, stored)
            if sealed is None:
                return None
        session = self._open(stored, session_id, failures, previous_access, sealed)
        if is_expired:
            if stored.record.is_due(arrived, SLACK) and stored.record.reason_to_expire != "revoked":
                report.used_after_expiry(stored.record)
                session.finish("expired")
            else:
                session.finish("invalidated", "revoked")  # by a logout everywhere that did not list it
            return session
        record = stored.record
        record.accessed = max(arrived, record.accessed)  # a late request does not move it back
        return session

    def open(self, stored: StoredSession) -> SharedSession:
        sealed: SealedCodec | None = None
        if self._sealing is not None:
            sealed = self._unseal(self._sealing, stored)
            if sealed is None:
                stored = StoredSession(replace(stored.record, principal=None, notes={}), {})
        return self._open(stored, "", [], stored.record.accessed, sealed)

    def _unseal(self, sealing: Sealing, stored: StoredSession) -> SealedCodec | None:
        """Return the codec of a session that is as this application stored it. None: it is no session."""
        record = stored.record
        note = record.notes.get(SEAL, b"")
        record.notes = with_note(record.notes, SEAL, None)
        sealed = None if stored.left_out else sealing.open(note, record, stored.attributes)
        if sealed is None:
            note_damage("seal", record.key)
        return sealed

    def _open(
        self,
        stored: StoredSession,
        session_id: str,
        failures: list[StoreError],
        previous_access: float,
        sealed: SealedCodec | None,
    ) -> SharedSession:
        record = stored.record
        snapshot = AttributeSnapshot(sealed or self.codec, stored.attributes, stored.left_out, record.key)
        session = SharedSession(self, session_id, record, snapshot, failures, previous_access, sealed=sealed)
        if self.tells_activation:
            snapshot.notify(session.activate)
        return session

    def count(self) -> int:
        now = time.monotonic()
        if now - self._counted_at >= _COUNT_AGE:
            self._count = len(self.store)
            self._counted_at = now
        return self._count

    def flush(self) -> None:
        self.context.accesses.flush(self.store.touch, with_in_flight=True)

    def start(self, *, multiprocess: bool) -> bool:
        """Start the background thread, and flush at exit: a process may serve a single request, as with CGI."""
        self.flush_at_exit()
        return super().start(multiprocess=multiprocess)

    def _close_store(self) -> None:
        """Flush the latest accesses. The store keeps the sessions, whose requests in flight cannot change them now."""
        self.drops_changes = True
        self.flush_finally()
        self.store.close()

    def _begin(self, session_id: str, key: bytes, failures: list[StoreError]) -> SharedSession:
        self._count += 1
        record = self.context.new_record(SessionRecord, key)
        sealed = None if self._sealing is None else self._sealing.begin()
        snapshot = AttributeSnapshot(sealed or self.codec, {})
        return SharedSession(self, session_id, record, snapshot, failures, record.accessed, is_own=True, sealed=sealed)
