"""Sessions that processes share: each request has a snapshot, and what it changes takes effect at its commit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from . import fork
from .attributes import ABSENT
from .codec import Codec
from .copies import Base, Copy, copy_of, encodings
from .core.accesses import Accesses
from .errors import CodecError, StoreError
from .events import HttpSessionActivationListener, HttpSessionEvent
from .ids import draw, key_of
from .record import Rotation, SessionRecord
from .session import HttpSession
from .stores.base import Changes, SessionStore, Stored

if TYPE_CHECKING:
    from .manager import SessionManager

_log = logging.getLogger("httpsession")

#: Seconds for which the number of sessions is taken to be what it was.
_COUNT_AGE = 1.0
#: Seconds for which a thread lets others of its process go first when they all update what one session has.
_PATIENCE = 1.0


class SnapshotSessions:
    """The sessions of a store that other processes see, too."""

    def __init__(self, store: SessionStore, codec: Codec, accesses: Accesses, *, tells_activation: bool) -> None:
        """Take where the sessions are, how they are written, where accesses are noted, and whether there can be
        attributes that hear of being written and read."""
        self._store = store
        self._codec = codec
        self._accesses = accesses
        self._tells_activation = tells_activation
        self._count = 0
        self._counted_at = -_COUNT_AGE
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Be free for all, at the beginning and in the child of a fork."""
        self._updating = threading.Lock()

    def create(self, context: SessionManager, record: SessionRecord) -> HttpSession:
        """Return a new session, of which the store hears at the commit."""
        self._count += 1
        copy = Copy(self._codec, {})
        copy.base = None
        copy.activated = set()
        return HttpSession(context, record, copy)

    def find(self, context: SessionManager, session_id: str, arrived: float) -> HttpSession | None:
        """Return a session; if this found it to be over its ``previous_access`` is None."""
        found = self._store.load(key_of(session_id), arrived)
        if found is None:
            return None
        stored, previous_access = found
        record = stored.record
        record.id = session_id
        if previous_access is not None:
            record.access(arrived)
        session = self.open(context, stored)
        session.previous_access = previous_access
        return session

    def open(self, context: SessionManager, stored: Stored) -> HttpSession:
        """Return the session that came out of the store."""
        record = stored.record
        record.is_new = False
        encodings: Any = stored.attributes
        copy = Copy(self._codec, encodings)
        copy.base = Base(record.id, record.max_inactive_interval, record.principal)
        session = HttpSession(context, record, copy)
        if self._tells_activation:
            copy.activated = set()
            copy.on_read = partial(_activate, session)
        return session

    def count(self) -> int:
        """Return about how many sessions there are."""
        now = time.monotonic()
        if now - self._counted_at >= _COUNT_AGE:
            self._count = len(self._store)
            self._counted_at = now
        return self._count

    def rotate(self, session: HttpSession, from_id: str, id_bytes: int) -> Rotation | None:
        """Give the session a new id, of which the store hears at the commit."""
        copy, record = copy_of(session), session.record
        copy.check_open()
        new_id, new_key = draw(id_bytes)
        base = copy.base
        if base is None:
            record.key = new_key
        else:
            while not self._store.fits(record.key, new_key):
                new_id, new_key = draw(id_bytes)
            if base.new_key is None:
                base.kept = self._changes_so_far(session, copy)
            base.new_key = new_key
        record.id = new_id
        known_id, principal = (from_id, None) if base is None else (base.id, base.principal)
        return Rotation(new_id, from_id, known_id, principal)

    def take_back(self, session: HttpSession, rotation: Rotation) -> bool:
        """Give the session its former id and principal: of what it had changed since the store will not hear."""
        base = copy_of(session).base
        if base is not None:
            session.record.id, session.record.principal = base.id, base.principal
            base.is_taken_back = True
        return True

    def bind_principal(self, session: HttpSession, principal: str) -> None:
        """Note who is logged in."""
        copy, record = copy_of(session), session.record
        copy.check_open()
        if copy.base is not None:
            copy.base.is_login = True
            copy.base.is_afresh |= record.principal not in (None, principal)
        record.principal = principal

    def change_interval(self, session: HttpSession, seconds: int) -> None:
        """Change the interval."""
        session.record.max_inactive_interval = seconds

    def update(self, session: HttpSession, name: str, function: Callable[[Any], Any]) -> Any:
        """Replace a value by what *function* makes of it, in the store at once, and return that."""
        with _noting_failure(session):
            is_done, new = self._try_update(session, name, function)
            while not is_done:
                # One thread of the process at a time, as long as that goes well: they would be in each other's way.
                is_first = self._updating.acquire(timeout=_PATIENCE)
                try:
                    self._renew(session, name)
                    is_done, new = self._try_update(session, name, function)
                finally:
                    if is_first:
                        self._updating.release()
        return new

    def take(self, session: HttpSession) -> bool:
        """Take the session out of the store; False if somebody else has, whose change it is to tell anybody."""
        copy = copy_of(session)
        if copy.base is None:
            return True
        with _noting_failure(session):
            stored = None if copy.base.is_gone else self._store.remove(session.record.key)
        if stored is None:
            copy.close()
            return False
        copy.renew(encodings(stored))
        return True

    def commit(self, session: HttpSession, issued_id: str | None) -> None:
        """Tell the store what the request has changed, if anything.

        Of a session that another request has ended nothing is kept. If another request has changed the id first, that
        stands, and the id of this one goes back to what it was.

        Raises:
            CodecError: a value cannot be stored any more.
            StoreError: the store failed.
        """
        copy: Any = session.attributes
        base: Base | None = copy.base
        if copy.closed:
            return
        if base is not None and base.is_gone:
            session.record.id = base.id
            return
        if self._tells_activation:
            _passivate(session)
        if base is None:
            self._create(session)
            return
        changes = base.kept if base.is_taken_back else self._changes(session, copy, is_final=True)
        if changes is not None and self._save(session, base, changes):
            copy.settle(changes.put, changes.removed)
            record = session.record
            copy.base = Base(record.id, record.max_inactive_interval, record.principal)

    def release(self, session: HttpSession, arrived: float) -> None:
        """Note that the request which *arrived* then has done with the session: the store hears of it with the next
        batch."""
        copy: Any = session.attributes
        record, base = session.record, copy.base
        record.used = time.time()
        record.is_new = False
        session.previous_access = None
        if base is not None:
            self._accesses.ended.append(((base.id,), arrived, record.used))

    def _create(self, session: HttpSession) -> None:
        copy, record = copy_of(session), session.record
        put, _ = copy.delta(is_final=True)
        if not self._store.create(record, put):
            raise StoreError(
                "the id that was drawn for a new session is taken: the random numbers of this machine repeat"
            )
        copy.settle(put)
        copy.base = Base(record.id, record.max_inactive_interval, record.principal)

    def _changes(self, session: HttpSession, copy: Copy, *, is_final: bool) -> Changes | None:
        """Return what has changed, None if nothing has."""
        put, removed = copy.delta(is_final=is_final)
        record, base = session.record, copy.base
        interval, principal = record.max_inactive_interval, record.principal
        if base is None:
            return None
        if interval == base.max_inactive_interval and principal == base.principal and base.new_key is None:
            return Changes(put=put, removed=removed) if put or removed else None
        return Changes(
            put=put,
            removed=removed,
            max_inactive_interval=None if interval == base.max_inactive_interval else interval,
            principal=... if principal == base.principal else principal,
            new_id=None if base.new_key is None else ("", base.new_key),
            afresh=base.is_afresh,
        )

    def _changes_so_far(self, session: HttpSession, copy: Copy) -> Changes | None:
        try:
            return self._changes(session, copy, is_final=False)
        except CodecError:  # of which the commit will tell
            return None

    def _save(self, session: HttpSession, base: Base, changes: Changes) -> bool:
        """Tell the store; False if there is no such session any more."""
        record = session.record
        is_login = base.is_login and changes.new_id is not None
        if self._store.save(record.key, changes, time.time()) or (is_login and self._take_over(record, changes)):
            if changes.new_id is not None:
                record.key = changes.new_id[1]
            return True
        record.id = base.id
        if changes.new_id is not None and not is_login:
            base.new_key = None
            if self._store.save(record.key, replace(changes, new_id=None), time.time()):
                return True
        base.is_gone = True
        _log.info("Changes of %r are dropped: another request has ended the session.", session)
        return False

    def _take_over(self, record: SessionRecord, changes: Changes) -> bool:
        """Save a login though others have changed the id: who knows theirs must not be logged in. If they have logged
        in another user the session starts afresh. False if there is no such session any more."""
        while (stored := self._store.peek(record.key)) is not None:
            is_afresh = changes.afresh or stored.record.principal not in (None, record.principal)
            login = replace(changes, principal=record.principal, afresh=is_afresh)
            if self._store.save(stored.record.key, login, time.time()):
                return True
        return False

    def _try_update(self, session: HttpSession, name: str, function: Callable[[Any], Any]) -> tuple[bool, Any]:
        """Return whether the value is replaced, or another request was faster, and the new value."""
        copy = copy_of(session)
        before, stored = copy.encoded(name), copy.stored(name)
        new = function(None if before is None else self._codec.decode(before, name))
        if isinstance(new, HttpSessionActivationListener):
            new.session_will_passivate(HttpSessionEvent(session))
        data = None if new is None else self._codec.encode(new, name)
        put, removed = ({}, [name]) if data is None else ({name: data}, [])
        # What a login comes with takes effect with it, at the commit.
        is_kept = copy.base is not None and not (copy.base.is_gone or copy.base.is_login)
        if is_kept:
            changes = Changes(put=put, removed=removed, expected={name: stored})
            if not self._store.save(session.record.key, changes, time.time()):
                return False, None
        while (old := copy.get(name)) is not ABSENT or new is not None:
            if session.replace(name, old, ABSENT if new is None else new):
                break  # if not, another thread of this request was faster
        if is_kept:
            copy.settle(put, removed)
            copy.spare(name)
        return True, new

    def _renew(self, session: HttpSession, name: str) -> None:
        """Read again what the store has of one attribute; others may be of a user who has logged in meanwhile."""
        copy = copy_of(session)
        stored = self._store.peek(session.record.key)
        if stored is not None:
            copy.renew_one(name, encodings(stored).get(name))
        elif copy.base is not None:
            copy.base.is_gone = True


@contextmanager
def _noting_failure(session: HttpSession) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        session.failure = error
        raise


def _activate(session: HttpSession, name: str, value: object) -> None:
    if isinstance(value, HttpSessionActivationListener):
        value.session_did_activate(HttpSessionEvent(session))
        copy_of(session).activated.add(name)


def _passivate(session: HttpSession) -> None:
    """Tell the attributes that were read or set since the last time that the session is about to be written."""
    copy = copy_of(session)
    activated, copy.activated = copy.activated, set()
    for value in copy.changed(activated):
        if isinstance(value, HttpSessionActivationListener):
            value.session_will_passivate(HttpSessionEvent(session))
