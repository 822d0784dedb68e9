"""Bindings: how one request binds and unbinds the attributes of a session, and what is notified of that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from .. import audit
from ..attributes import ABSENT, Attributes, DetachedError, LeftAttributes
from ..errors import InvalidSessionError, shown
from ..record import SessionRecord
from .silence import Silence
from .sizes import Encode, Sizes

_log = logging.getLogger("httpsession")

S = TypeVar("S", contravariant=True)


@dataclass(eq=False, slots=True, repr=False)
class UndoLog:
    """The calls that undo the changes which a request makes after it has changed the id of its session.

    If the request fails before its commit, the client never learns the new id. Then the change of the id is undone, and
    all that the request has changed since. The log itself marks these changes (:meth:`.Attributes.swap`): a value that
    another request has set since stays.
    """

    #: The id that the client knows.
    former_id: str
    #: Each undoes a change, the latest the last. Its argument is this log, the mark of the change.
    undos: list[Callable[[object], object]] = field(default_factory=list)


class BindingAudience(Protocol[S]):
    """The part of an :class:`.Audience` that is about attributes. It is given the session of the bindings.

    Values that listen are notified by ``value_bound`` and ``value_unbound``, registered listeners by the others.
    """

    @property
    def bindable(self) -> type:
        """The kind of attribute values that are notified of being bound."""

    def attribute_added(self, session: S, name: str, value: Any, /) -> None:
        """Notify of an attribute that was not there before."""

    def attribute_removed(self, session: S, name: str, value: Any, /) -> None:
        """Notify of an attribute that is gone, and had this *value*."""

    def attribute_replaced(self, session: S, name: str, old: Any, /) -> None:
        """Notify of an attribute that was set again; the event carries the *old* value (S98)."""

    def value_bound(self, session: S, name: str, value: Any, /) -> None:
        """Notify *value*, before it can be read, that it gets bound (S62)."""

    def value_unbound(self, session: S, name: str, value: Any, /) -> None:
        """Notify *value*, which can no longer be read, that it is not bound any more (S62)."""


class Keeper(Protocol):
    """The part of :class:`.Sessions` that decides which changes can be kept."""

    drops_changes: bool

    @property
    def encode(self) -> Encode | None:
        """The function that encodes values, or raises CodecError; None: any value can be kept."""

    @property
    def new_sizes(self) -> Callable[[], Sizes]:
        """Returns the sizes of the attributes of a session, none of which has grown yet."""

    def check_open(self) -> None:
        """Raise IllegalStateError if the manager is closed."""


class Bindings:
    """The attributes of a session, as one request binds and unbinds them. A :class:`.Session` is one.

    Each change notifies the values that listen, then the registered listeners (Servlet 6.1, 7.4 and 11). A request that
    has changed the id notes how to undo it.

    Several threads may use the same bindings, and in memory several requests share one map of attributes. So each
    change of the map is one atomic step, a compare and swap where it depends on the old value. Only the thread whose
    step took place notifies of it. The map is not locked meanwhile, so listeners may use the session.
    """

    _sessions: Keeper
    audience: BindingAudience[Any]
    record: SessionRecord
    attributes: Attributes
    #: The sizes of the attributes; None while none has grown.
    _sizes: Sizes | None = None
    #: How to undo what the request has changed since it changed the id; None while it has not.
    undo_log: UndoLog | None = None

    def _note_undo(self, log: UndoLog, undo: Callable[[object], object]) -> None:
        """Note how to undo the latest change."""
        log.undos.append(undo)

    def check(self, name: str, value: Any = ABSENT) -> None:
        """Refuse a change before anything has changed, if its name or value cannot be kept.

        Raises:
            ValueError: *name* is no string.
            CodecError: *value* cannot be stored or exceeds a bound, where sessions are shared or distributable.
            IllegalStateError: the manager has closed the store.
        """
        if not isinstance(name, str):
            raise ValueError(f"the name of an attribute is a string, not {shown(name)}")
        if self._sessions.drops_changes:
            self._sessions.check_open()
        encode = self._sessions.encode
        if encode is None:
            return
        if value is ABSENT:
            encode(None, name, b"")
            return
        former = self.attributes.stored(name)
        data = encode(value, name, former or b"")
        if former is None or len(data) > len(former):
            self._check_growth(name, data)

    def _check_growth(self, name: str, data: bytes) -> None:
        """Refuse the encoding of an attribute that is new or longer than before, if it exceeds a bound of the session.

        Raises:
            CodecError: it does.
        """
        if self._sizes is None:
            self._sizes = self._sessions.new_sizes()
        self._sizes.grow(self.attributes, name, len(data))

    def bind(self, name: str, value: Any) -> None:
        """Set an attribute, and notify its values and the listeners.

        A value that does not listen needs one atomic step. One that does is notified before (:meth:`_bind_listener`).

        Raises:
            InvalidSessionError: the session has ended; nothing was set (S50).
            ValueError, CodecError, IllegalStateError: as for :meth:`check`.
        """
        self.check(name, value)
        if isinstance(value, self.audience.bindable):
            self._bind_listener(name, value)
            return
        try:
            old = self.attributes.put(name, value, self.undo_log)
        except DetachedError:
            self.detach()
            self.bind(name, value)
        else:
            self._tell_bound(name, old, value, is_told=False)

    def _bind_listener(self, name: str, value: Any) -> None:
        """Set an attribute whose value is notified before it can be read, once, also if it then sets itself (7.4).

        If another thread sets the attribute meanwhile, this one tries again with what it finds. If the session ends
        meanwhile, the value is notified that it is unbound, as it was of being bound (S50).
        """
        if self.attributes.detached:
            self.detach()
        old = self.attributes.get(name)
        is_told = self._announce(name, old, value)
        try:
            while not self.attributes.swap(name, old, value, self.undo_log):
                old = self.attributes.get(name)
                is_told = is_told or self._announce(name, old, value)
        except (DetachedError, InvalidSessionError) as error:
            if is_told:
                self.audience.value_unbound(self, name, value)
            if isinstance(error, InvalidSessionError):
                raise
            self.bind(name, value)
        else:
            self._tell_bound(name, old, value, is_told)

    def unbind(self, name: Any) -> Any:
        """Remove an attribute, notify its value and the listeners, and return the value; ABSENT if there is none.

        Of several threads that remove the same value exactly one gets it, and notifies. An attribute that cannot be
        decoded is removed, too. It is absent, so nothing is notified.

        Raises:
            IllegalStateError: the manager has closed the store.
        """
        if self._sessions.drops_changes:
            self._sessions.check_open()
        while (old := self.attributes.get(name)) is not ABSENT:
            if self.replace(name, old, ABSENT):
                return old
        self.attributes.remove_unreadable(name)
        return ABSENT

    def clear(self) -> None:
        """Remove all attributes."""
        for name in self.attributes.names():
            self.unbind(name)

    def replace(self, name: str, old: Any, new: Any, owned_by: object = None) -> bool:
        """Put *new* in the place of *old*, and notify; False if *old* is not the value any more.

        Args:
            name: the name of the attribute.
            old: the value that it must have; ABSENT: it must not exist. Values are compared by identity.
            new: the value that it gets; ABSENT removes it.
            owned_by: the undo log that must have marked the latest change; None: any change. An undo passes it, so that
                a value which another request has set since stays, even if it is the same object.
        """
        if self.attributes.detached:
            self.detach()
        is_told = self._announce(name, old, new)
        is_done = is_left = False
        try:
            is_done = self.attributes.swap(name, old, new, self.undo_log, owned_by)
        except DetachedError:  # in this very moment
            is_left = True
        finally:
            if is_told and not is_done:
                self.audience.value_unbound(self, name, new)
        if is_left:
            return self.replace(name, old, new, owned_by)
        if is_done and new is ABSENT:
            if self.undo_log is not None:
                self._note_undo(self.undo_log, partial(self.replace, name, new, old))
            self._tell_unbound(name, old)
        elif is_done:
            self._tell_bound(name, old, new, is_told)
        return is_done

    def detach(self) -> None:
        """Go on with a copy of the attributes, unheard: a login of another request has left this one behind."""
        self.attributes = LeftAttributes(self.attributes.snapshot())
        self.silence("another request has logged in")

    def silence(self, why: str) -> None:
        """Drop notifications from now on, since the changes of this request reach no session."""
        self.audience = Silence()
        _log.info("Changes of the session %s are dropped: %s.", audit.reference(self.record.key), why)

    def _announce(self, name: str, old: Any, value: Any) -> bool:
        """Notify *value*, if it listens and is not bound already, that it is about to be bound.

        Return whether it was notified. Then it must be notified of its end, too, if it is not bound after all.
        """
        audience = self.audience
        if old is value or not isinstance(value, audience.bindable):
            return False
        audience.value_bound(self, name, value)
        return True

    def _tell_bound(self, name: str, old: Any, value: Any, is_told: bool) -> None:
        """Notify the old value and the listeners that *value* is in the place of *old*."""
        if self.undo_log is not None:
            self._note_undo(self.undo_log, partial(self.replace, name, value, old))
        audience = self.audience
        if old is ABSENT:
            audience.attribute_added(self, name, value)
            return
        # A value that another thread has bound meanwhile was notified twice, and is notified of one end here.
        if (is_told or old is not value) and isinstance(old, audience.bindable):
            self._unbind_value(name, old)
        audience.attribute_replaced(self, name, old)

    def _tell_unbound(self, name: str, value: Any) -> None:
        """Notify the removed value, if it listens, and then the listeners (S101)."""
        audience = self.audience
        if isinstance(value, audience.bindable):
            self._unbind_value(name, value)
        audience.attribute_removed(self, name, value)

    def _unbind_value(self, name: str, value: Any) -> None:
        """Notify a value that listens."""
        self.audience.value_unbound(self, name, value)
