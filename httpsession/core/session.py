"""Session: one request's hold on a session, of either kind, behind the HttpSession that the application has.

Here is all that the two kinds have in common: the order of notifications, the end of a session, and undoing. It is
built on eight verbs, which :mod:`.live` and :mod:`.shared` implement.
"""

from __future__ import annotations

import logging
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

from ..attributes import ABSENT
from ..errors import StoreError
from ..record import with_note
from . import report
from .bindings import Bindings, Keeper, UndoLog
from .context import Audience, Context
from .counts import End

_log = logging.getLogger("httpsession")


class Lender(Keeper, Protocol):
    """The part of :class:`.Sessions` that sessions use. It lends a session outside of its requests."""

    def borrow(self, session_id: str, holder: Callable[[], Session | None], /) -> AbstractContextManager[Session]: ...


class Session(Bindings, ABC):
    """One request's hold on a session. Several holds of one session are equal if their attributes are the same object.

    The two kinds differ in eight verbs. A live session puts them into effect at once, but a login at the commit. A
    shared session collects changes and saves them at the commit.

    An exchange owns the hold from its first look-up to the end of the request; a borrower owns it for the length of one
    call. The threads of that request may use it at the same time. A verb that answers False has changed nothing in the
    store: another request was first, and the store keeps the change of that one.
    """

    _sessions: Lender
    context: Context[Session]
    audience: Audience[Session]
    #: The id by which the request joined the session, or that it issued; never one that another request has drawn.
    id: str
    #: The failures of the store during the request. The exchange shares this list.
    failures: list[StoreError]
    #: When the request before this one arrived.
    previous_access: float
    #: Whether the request created the session, so that no other client can know its id.
    is_own: bool
    #: Whether the session was ended through this hold.
    ended_here: bool = False
    #: Whether the request has ended.
    is_released: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether the session can be used: it has not ended."""
        return not self.attributes.closed

    @property
    def key(self) -> bytes:
        """The key under which the store has the session."""
        return self.record.key

    @property
    def last_accessed_time(self) -> float:
        """When the previous request arrived; after the end of this request, when the latest did (Servlet 6.1, 7.6)."""
        return self.record.accessed if self.is_released else self.previous_access

    @property
    @abstractmethod
    def is_new(self) -> bool:
        """Whether the client does not know of the session yet."""

    @abstractmethod
    def is_known_by(self, session_id: str) -> bool:
        """Return whether *session_id* is the id of the session now: not a former one, nor one that a login left."""

    @property
    @abstractmethod
    def stored_id(self) -> str | None:
        """The id under which the store has the session now; None before the commit of a creation or a login."""

    def lender(self) -> Callable[[], AbstractContextManager[Session]]:
        """Return a function that borrows the session again, outside of its requests.

        It keeps the id and not the session, so that an accessor finds no session whose id has changed since (S47).
        """
        return partial(self._sessions.borrow, self.id, weakref.ref(self))

    def note_earlier(self, arrived: float) -> None:
        """Note that another request *arrived* then, before this one, of which the store may not know.

        Accesses wait for the next flush, so a loaded record may lack the latest (S24).
        """
        if arrived > self.record.creation_time:
            self.previous_access = max(self.previous_access, arrived)

    # The eight verbs.

    @abstractmethod
    def rotate(self) -> bool:
        """Give the session a new id; False if another request has changed the id already.

        Raises:
            InvalidSessionError: the session has ended.
        """

    @abstractmethod
    def undo_rotation(self, former_id: str) -> bool:
        """Give the session its former id back; False if another request has changed the id since."""

    @abstractmethod
    def bind_principal(self, principal: str, notes: Mapping[str, bytes]) -> None:
        """Log a user in, with these *notes* alone. A session that another client may know begins anew under a new id.

        So an id that an attacker has planted before the login is worth nothing after it. Raise InvalidSessionError if
        the session has ended.
        """

    @abstractmethod
    def change_interval(self, seconds: int) -> None:
        """Change the interval, in seconds. This never fails, also after the end of the session (S28)."""

    @abstractmethod
    def update(self, name: str, function: Callable[[Any], Any]) -> Any:
        """Replace a value by the result of *function*, at once and atomically, and return it.

        *function* gets None for a missing attribute, and None as its result removes it. It runs again if another
        request has set the attribute meanwhile, so it must have no other effect.
        """

    @abstractmethod
    def remove(self) -> bool:
        """Remove the session from the store; False if another request has done so.

        The store returns it to exactly one caller. So exactly one request in the whole cluster notifies of its end
        (S61).
        """

    @abstractmethod
    def commit(self) -> None:
        """Put into effect the changes that are not in effect yet.

        Raises:
            CodecError: an attribute cannot be stored any more.
            StoreError: the store failed.
        """

    @abstractmethod
    def release(self, arrived: float) -> None:
        """Record the end of the request that *arrived* then. The session begins to idle."""

    # The end of a session.

    def invalidate(self) -> None:
        """Invalidate the session for the application.

        Raises:
            InvalidSessionError: the session has ended already.
            IllegalStateError: the manager has closed the store.
        """
        self.attributes.check_open()
        if self._sessions.drops_changes:
            self._sessions.check_open()
        self.end()

    def end(self, cause: report.Cause | None = None) -> None:
        """Invalidate the session, unless this request or another one has done so.

        A listener that invalidates the session again ends nothing twice, and does not recurse (S60).
        """
        if not self.ended_here and self.remove():
            self.finish("invalidated", cause)

    def finish(self, end: End, cause: report.Cause | None = None) -> None:
        """Notify the listeners and unbind the attributes of a session that was removed.

        Order (S57): the destroyed event with readable attributes, then the session is invalid, then each value is
        unbound. All of it happens even if a listener raises; its first exception goes to the caller.
        """
        self.ended_here = True
        self.context.counts.add(end)
        report.ended(self.record, end, cause)

        def calls() -> Iterator[Callable[[], object]]:
            yield partial(self.audience.session_destroyed, self)
            yield from self._close()

        call_all(calls())

    def _close(self) -> Iterator[Callable[[], object]]:
        """Close the attributes, and yield what notifies of the end of each."""
        for item in self.attributes.close().items():
            yield partial(self._tell_unbound, *item)

    # Changes of the id, and how they are undone.

    def change_id(self) -> bool:
        """Give the session a new id and notify the listeners; False if another request has changed the id already.

        The attributes, the creation time and the hold stay (S15); no created or destroyed event is sent (S17).
        """
        old_id = self.id
        if not self.rotate():
            return False
        self._keep_undo(old_id)
        self.audience.session_id_changed(self, old_id)
        return True

    def login(self, principal: str, notes: Mapping[str, bytes]) -> None:
        """Log in a user who is not logged in yet, and set *notes*. The attributes of another user are dropped.

        To listeners a login is a change of the id (S65). What it drops is unbound with the usual events. The change of
        the id is told first, and only if there was one: a session of this very request keeps its id.
        """
        old_id, former = self.id, self.record.principal
        self._keep_undo(old_id)
        self.bind_principal(principal, notes)

        def calls() -> Iterator[Callable[[], object]]:
            if self.id != old_id:
                yield partial(self.audience.session_id_changed, self, old_id)
            if former is not None:
                for name in self.attributes.names():
                    yield partial(self.unbind, name)

        call_all(calls())

    def _keep_undo(self, former_id: str) -> None:
        """Begin an undo log, unless there is one. A session that this request made is ended instead of undone."""
        if not self.is_own and self.undo_log is None:
            self.undo_log = UndoLog(former_id)

    def undo(self) -> None:
        """Undo a change of the id, and all changes since in the same request: its client will not learn the id.

        The latest change is undone first, with the usual events, and the id last. A value that another request has set
        since stays. There is nothing to undo if the session has ended, or if a login has left this request behind.
        """
        log, new_id = self.undo_log, self.id
        if log is None or not self.is_valid or self.attributes.is_left:
            return

        def calls() -> Iterator[Callable[[], object]]:
            for undo in reversed(log.undos):
                yield partial(undo, log)
            if self.undo_rotation(log.former_id):
                yield partial(self.audience.session_id_changed, self, new_id)

        self.undo_log = None
        try:
            call_all(calls())
        finally:
            log.undos.clear()

    def keep_changes(self) -> None:
        """Clear the undo log, which releases the values that were replaced."""
        if self.undo_log is not None:
            self.undo_log.undos.clear()  # as the mark of changes it lives on with the attributes
            self.undo_log = None

    def set_interval(self, seconds: int) -> None:
        """Change the interval, so that it can be undone; the undo spares an interval that was set since.

        Raises:
            IllegalStateError: the manager has closed the store.
        """
        if self._sessions.drops_changes:
            self._sessions.check_open()
        before = self.record.max_inactive_interval

        def restore(_: object) -> None:
            if self.record.max_inactive_interval == seconds:
                self.change_interval(before)

        self.change_interval(seconds)
        if self.undo_log is not None:
            self._note_undo(self.undo_log, restore)

    def note(self, name: str) -> bytes | None:
        """Return a note of this package, which applications never see; None if there is none."""
        return self.record.notes.get(name)

    def change_note(self, name: str, value: bytes | None) -> None:
        """Set a note of the record, or remove it."""
        self.record.notes = with_note(self.record.notes, name, value)

    def set_note(self, name: str, value: bytes | None) -> None:
        """Set a note, so that it can be undone, or remove it. A login removes all notes of before.

        A shared store gets it at the commit.

        Raises:
            IllegalStateError: the manager has closed the store.
        """
        if self._sessions.drops_changes:
            self._sessions.check_open()
        before = self.note(name)

        def restore(_: object) -> None:
            if self.note(name) == value:
                self.change_note(name, before)

        self.change_note(name, value)
        if self.undo_log is not None:
            self._note_undo(self.undo_log, restore)

    def _tell_created(self, carried: Iterable[str]) -> None:
        """Notify of a session that a login had to make, and of the attributes carried over into it."""
        self.context.counts.add("created")

        def calls() -> Iterator[Callable[[], object]]:
            yield partial(self.audience.session_created, self)
            for name in carried:
                yield partial(self._tell_carried, name)

        call_all(calls())

    def _tell_carried(self, name: str) -> None:
        value = self.attributes.get(name)
        if value is not ABSENT:
            self._tell_bound(name, ABSENT, value, self._announce(name, ABSENT, value))


def call_all(calls: Iterable[Callable[[], object]]) -> None:
    """Make all calls, even if some raise. The first exception goes to the caller, further ones are logged.

    The end of a session is made of such calls: a listener that raises must not keep other attributes bound.
    """
    first: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            if first is None:
                first = error
            else:
                _log.error("A further listener failed.", exc_info=error)
    if first is not None:
        raise first
