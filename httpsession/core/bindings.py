"""Bindings: how one request binds and unbinds the attributes of a session, and what is notified of that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from ..attributes import ABSENT, Attributes, DetachedError, LeftAttributes
from ..errors import InvalidSessionError
from ..record import SessionRecord
from .silence import Silence
from .undo import UndoLog

_log = logging.getLogger("httpsession")

S = TypeVar("S", contravariant=True)


class BindingAudience(Protocol[S]):
    """The part of an :class:`.Audience` that is about attributes. It is given the session of the bindings."""

    @property
    def bindable(self) -> type:
        """The kind of attribute values that are notified of being bound."""

    def attribute_added(self, session: S, name: str, value: Any, /) -> None: ...
    def attribute_removed(self, session: S, name: str, value: Any, /) -> None: ...
    def attribute_replaced(self, session: S, name: str, old: Any, /) -> None: ...
    def value_bound(self, session: S, name: str, value: Any, /) -> None: ...
    def value_unbound(self, session: S, name: str, value: Any, /) -> None: ...


class Bindings:
    """The attributes of a session, as one request binds and unbinds them. A :class:`.Session` is one.

    Each change notifies the values that listen, then the registered listeners (Servlet 6.1, 7.4 and 11). A request that
    has changed the id notes how to undo it.
    """

    audience: BindingAudience[Any]
    record: SessionRecord
    attributes: Attributes
    #: How to undo what the request has changed since it changed the id; None while it has not.
    undo_log: UndoLog | None = None

    def _note_undo(self, log: UndoLog, undo: Callable[[object], object]) -> None:
        """Note how to undo the latest change."""
        log.append(undo)

    def bind(self, name: str, value: Any) -> None:
        """Set an attribute, and notify its values and the listeners."""
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
        """Set an attribute whose value is notified before it can be read, once, also if it then sets itself (7.4)."""
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
        """Remove an attribute, notify its value and the listeners, and return the value; ABSENT if there is none."""
        while True:
            old = self.attributes.get(name)
            if old is ABSENT or self.replace(name, old, ABSENT):
                return old

    def clear(self) -> None:
        """Remove all attributes."""
        for name in self.attributes.snapshot():
            self.unbind(name)

    def replace(self, name: str, old: Any, new: Any, owned_by: object = None) -> bool:
        """Put *new* in the place of *old*, and notify; False if *old* is not the value any more."""
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
        _log.info("Changes of the session %s are dropped: %s.", self.record.handle[:8], why)

    def _announce(self, name: str, old: Any, value: Any) -> bool:
        """Notify *value*, if it listens and is not bound already, that it is about to be bound."""
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
        audience = self.audience
        if isinstance(value, audience.bindable):
            self._unbind_value(name, value)
        audience.attribute_removed(self, name, value)

    def _unbind_value(self, name: str, value: Any) -> None:
        """Notify a value that listens."""
        self.audience.value_unbound(self, name, value)
