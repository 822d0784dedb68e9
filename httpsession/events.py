"""Session events, the five kinds of listeners, and the order of notification (Servlet 6.1, 11 and the API)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .core.session import Session
from .errors import kind_of, shown
from .session import HttpSession


class HttpSessionEvent:
    """An event in the life of a session. A listener finds the session in :attr:`session`."""

    __slots__ = ("session",)

    def __init__(self, session: HttpSession) -> None:
        if session is None:
            raise ValueError("an event needs the session it is about")
        self.session: HttpSession = session


class HttpSessionBindingEvent(HttpSessionEvent):
    """An event in the life of an attribute.

    *value* is the object that was bound or unbound; in ``attribute_replaced`` it is the old one.
    """

    __slots__ = ("name", "value")

    def __init__(self, session: HttpSession, name: str, value: Any = None) -> None:
        super().__init__(session)
        self.name: str = name
        self.value: Any = value


class HttpSessionListener:
    """A listener to the creation of sessions, in the order of registration, and to their end, in the reverse order."""

    def session_created(self, event: HttpSessionEvent) -> None:
        """React to a new session. Its attributes may be set."""

    def session_destroyed(self, event: HttpSessionEvent) -> None:
        """React to a session that was removed from the store. Its attributes may be read; they are unbound next."""


class HttpSessionIdListener:
    """A listener to changes of ids, in the order of registration."""

    def session_id_changed(self, event: HttpSessionEvent, old_id: str) -> None:
        """React to a change of the id from *old_id*. The session of *event* has its new id already."""


class HttpSessionAttributeListener:
    """A listener to the attributes of all sessions, in the order of registration."""

    def attribute_added(self, event: HttpSessionBindingEvent) -> None:
        """React to an attribute that was not there before."""

    def attribute_removed(self, event: HttpSessionBindingEvent) -> None:
        """React to an attribute that was removed, or that ended with its session."""

    def attribute_replaced(self, event: HttpSessionBindingEvent) -> None:
        """React to an attribute that was set again. The event carries the old value."""


class HttpSessionBindingListener:
    """An attribute value that is notified when it is bound to a session and unbound from it."""

    def value_bound(self, event: HttpSessionBindingEvent) -> None:
        """React to being bound, before the session shows this object (Servlet 6.1, 7.4)."""

    def value_unbound(self, event: HttpSessionBindingEvent) -> None:
        """React to being removed or replaced, or to the end of the session, which no longer shows this object."""


class HttpSessionActivationListener:
    """An attribute value that is notified before a shared store serialises it, and after it was deserialised."""

    def session_will_passivate(self, event: HttpSessionEvent) -> None:
        """React to the coming serialisation."""

    def session_did_activate(self, event: HttpSessionEvent) -> None:
        """React to the deserialisation; called on the copy."""


#: What may be registered with a manager. The binding and activation kinds are implemented by attribute values.
Listener = HttpSessionListener | HttpSessionIdListener | HttpSessionAttributeListener


def _words_for(value: object) -> str:
    """Return the words for what is no listener. A text, alone or in a container, may be the URL of a store."""
    return kind_of(value) if isinstance(value, Iterable) and not isinstance(value, type) else shown(value)


class Listeners:
    """The audience of all sessions of a manager: the registered listeners, sorted by kind once.

    An exception of a listener goes to the caller, and the listeners after it are not notified.
    """

    __slots__ = ("_attribute", "_id", "_session")

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        """Sort *listeners*.

        Raises:
            ValueError: they are no iterable, or one is of none of the three kinds that can be registered.
        """
        if not isinstance(listeners, Iterable):
            raise ValueError(f"listeners must be an iterable of session listeners, not {_words_for(listeners)}")
        given = tuple(listeners)
        for listener in given:
            if not isinstance(listener, Listener):
                raise ValueError(
                    f"{_words_for(listener)} is no session listener: it must be an HttpSessionListener, "
                    "an HttpSessionIdListener or an HttpSessionAttributeListener"
                )
        self._session = tuple(listener for listener in given if isinstance(listener, HttpSessionListener))
        self._id = tuple(listener for listener in given if isinstance(listener, HttpSessionIdListener))
        self._attribute = tuple(listener for listener in given if isinstance(listener, HttpSessionAttributeListener))

    bindable: type = HttpSessionBindingListener
    activatable: type = HttpSessionActivationListener

    def session_created(self, session: Session) -> None:
        """Notify of a new session, in the order of registration."""
        for listener in self._session:
            listener.session_created(HttpSessionEvent(HttpSession(session)))

    def session_destroyed(self, session: Session) -> None:
        """Notify of the end of a session, in the reverse order of registration."""
        for listener in reversed(self._session):
            listener.session_destroyed(HttpSessionEvent(HttpSession(session)))

    def session_id_changed(self, session: Session, old_id: str) -> None:
        """Notify of a change of the id."""
        for listener in self._id:
            listener.session_id_changed(HttpSessionEvent(HttpSession(session)), old_id)

    def attribute_added(self, session: Session, name: str, value: Any) -> None:
        """Notify of an attribute that was not there before."""
        for listener in self._attribute:
            listener.attribute_added(HttpSessionBindingEvent(HttpSession(session), name, value))

    def attribute_removed(self, session: Session, name: str, value: Any) -> None:
        """Notify of an attribute that is gone, and had this *value*."""
        for listener in self._attribute:
            listener.attribute_removed(HttpSessionBindingEvent(HttpSession(session), name, value))

    def attribute_replaced(self, session: Session, name: str, old: Any) -> None:
        """Notify of an attribute that was set again, and had the value *old* before."""
        for listener in self._attribute:
            listener.attribute_replaced(HttpSessionBindingEvent(HttpSession(session), name, old))

    def value_bound(self, session: Session, name: str, value: Any) -> None:
        """Notify a value that it is about to be bound."""
        value.value_bound(HttpSessionBindingEvent(HttpSession(session), name, value))

    def value_unbound(self, session: Session, name: str, value: Any) -> None:
        """Notify a value that it is not bound any more."""
        value.value_unbound(HttpSessionBindingEvent(HttpSession(session), name, value))

    def will_passivate(self, session: Session, value: Any) -> None:
        """Notify a value, if it listens, that it is about to be serialised."""
        if isinstance(value, HttpSessionActivationListener):
            value.session_will_passivate(HttpSessionEvent(HttpSession(session)))

    def did_activate(self, session: Session, value: Any) -> bool:
        """Notify a value, if it listens, that it was deserialised; return whether it listens."""
        if not isinstance(value, HttpSessionActivationListener):
            return False
        value.session_did_activate(HttpSessionEvent(HttpSession(session)))
        return True
