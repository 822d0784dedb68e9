"""Events and the five kinds of listeners, with the names that their methods have in Java.

Each kind is one of :mod:`httpsession.events`, whose methods hand on what they hear under the Java names. So these
listeners can be given to a SessionManager, and values of the last two kinds to any session.
"""

from __future__ import annotations

from typing import Any

from .. import events as native
from .errors import Translated
from .session import HttpSession


class HttpSessionEvent(Translated):
    """Something happened to a session (Servlet 6.1, ``HttpSessionEvent``)."""

    def __init__(self, session: HttpSession) -> None:
        """Take the session; IllegalArgumentException if it is null."""
        if session is None:
            raise ValueError("an event needs the session it is about")
        self._session = session

    def getSession(self) -> HttpSession:
        """Return the session that the event is about."""
        return self._session


class HttpSessionBindingEvent(HttpSessionEvent):
    """Something happened to an attribute of a session (Servlet 6.1, ``HttpSessionBindingEvent``)."""

    def __init__(self, session: HttpSession, name: str, value: Any = None) -> None:
        """Take the session, the name of the attribute and the value."""
        super().__init__(session)
        self._name = name
        self._value = value

    def getName(self) -> str:
        """Return the name of the attribute."""
        return self._name

    def getValue(self) -> Any:
        """Return the value bound or unbound; when an attribute is replaced it is the old one."""
        return self._value


class HttpSessionListener(native.HttpSessionListener):
    """Hears of sessions that begin, in the order of registration, and that end, in the reverse order (11.3.3)."""

    def sessionCreated(self, se: HttpSessionEvent) -> None:
        """Hear of a new session; its attributes may be set."""

    def sessionDestroyed(self, se: HttpSessionEvent) -> None:
        """Hear that a session is about to be over, by an invalidation or a timeout; its attributes may be read."""

    def session_created(self, event: native.HttpSessionEvent) -> None:
        """Hand it on to :meth:`sessionCreated`."""
        self.sessionCreated(_event(event))

    def session_destroyed(self, event: native.HttpSessionEvent) -> None:
        """Hand it on to :meth:`sessionDestroyed`."""
        self.sessionDestroyed(_event(event))


class HttpSessionIdListener(native.HttpSessionIdListener):
    """Hears of changed ids, in the order of registration (Servlet 6.1, ``HttpSessionIdListener``)."""

    def sessionIdChanged(self, event: HttpSessionEvent, old_session_id: str) -> None:
        """Hear that the session of *event*, which has its new id already, was *old_session_id* before."""

    def session_id_changed(self, event: native.HttpSessionEvent, old_id: str) -> None:
        """Hand it on to :meth:`sessionIdChanged`."""
        self.sessionIdChanged(_event(event), old_id)


class HttpSessionAttributeListener(native.HttpSessionAttributeListener):
    """Hears of the attributes of all sessions, in the order of registration (``HttpSessionAttributeListener``)."""

    def attributeAdded(self, event: HttpSessionBindingEvent) -> None:
        """Hear of an attribute that was not there before."""

    def attributeRemoved(self, event: HttpSessionBindingEvent) -> None:
        """Hear of an attribute that is gone, removed or with its session."""

    def attributeReplaced(self, event: HttpSessionBindingEvent) -> None:
        """Hear of an attribute that was set again; the event carries the old value."""

    def attribute_added(self, event: native.HttpSessionBindingEvent) -> None:
        """Hand it on to :meth:`attributeAdded`."""
        self.attributeAdded(_binding_event(event))

    def attribute_removed(self, event: native.HttpSessionBindingEvent) -> None:
        """Hand it on to :meth:`attributeRemoved`."""
        self.attributeRemoved(_binding_event(event))

    def attribute_replaced(self, event: native.HttpSessionBindingEvent) -> None:
        """Hand it on to :meth:`attributeReplaced`."""
        self.attributeReplaced(_binding_event(event))


class HttpSessionBindingListener(native.HttpSessionBindingListener):
    """An attribute value that hears when it becomes or ceases to be one (Servlet 6.1, 7.4)."""

    def valueBound(self, event: HttpSessionBindingEvent) -> None:
        """Hear that this object is about to be bound; the session does not show it yet."""

    def valueUnbound(self, event: HttpSessionBindingEvent) -> None:
        """Hear that this object was removed, replaced, or that its session is over; the session no longer shows it."""

    def value_bound(self, event: native.HttpSessionBindingEvent) -> None:
        """Hand it on to :meth:`valueBound`."""
        self.valueBound(_binding_event(event))

    def value_unbound(self, event: native.HttpSessionBindingEvent) -> None:
        """Hand it on to :meth:`valueUnbound`."""
        self.valueUnbound(_binding_event(event))


class HttpSessionActivationListener(native.HttpSessionActivationListener):
    """An attribute value that hears when its session moves through a store that serialises (Servlet 6.1, 7.7.2)."""

    def sessionWillPassivate(self, se: HttpSessionEvent) -> None:
        """Hear that the session is about to be serialised."""

    def sessionDidActivate(self, se: HttpSessionEvent) -> None:
        """Hear that the session was made anew; called on the copy."""

    def session_will_passivate(self, event: native.HttpSessionEvent) -> None:
        """Hand it on to :meth:`sessionWillPassivate`."""
        self.sessionWillPassivate(_event(event))

    def session_did_activate(self, event: native.HttpSessionEvent) -> None:
        """Hand it on to :meth:`sessionDidActivate`."""
        self.sessionDidActivate(_event(event))


def _event(event: native.HttpSessionEvent) -> HttpSessionEvent:
    return HttpSessionEvent(HttpSession(event.session))


def _binding_event(event: native.HttpSessionBindingEvent) -> HttpSessionBindingEvent:
    return HttpSessionBindingEvent(HttpSession(event.session), event.name, event.value)
