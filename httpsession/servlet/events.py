"""Events and the five kinds of listeners, whose methods have their Java names.

Each kind derives from a native kind of :mod:`httpsession.events`, and forwards its events under the Java names. So a
SessionManager accepts these listeners, and any session accepts values of the last two kinds.
"""

from __future__ import annotations

from typing import Any

from .. import events as native
from .errors import Translated
from .session import HttpSession


class HttpSessionEvent(Translated):
    """An event of a session (Servlet 6.1, ``HttpSessionEvent``)."""

    def __init__(self, session: HttpSession) -> None:
        """Make an event of *session*.

        Raises:
            IllegalArgumentException: *session* is null.
        """
        if session is None:
            raise ValueError("the session of an event must not be null")
        self._session: HttpSession = session

    def getSession(self) -> HttpSession:
        """Return the session of the event."""
        return self._session


class HttpSessionBindingEvent(HttpSessionEvent):
    """An event of an attribute of a session (Servlet 6.1, ``HttpSessionBindingEvent``)."""

    def __init__(self, session: HttpSession, name: str, value: Any = None) -> None:
        """Make an event of the attribute *name* of *session*."""
        super().__init__(session)
        self._name: str = name
        self._value: Any = value

    def getName(self) -> str:
        """Return the name of the attribute."""
        return self._name

    def getValue(self) -> Any:
        """Return the value that was bound or unbound; if an attribute was replaced, the old value."""
        return self._value


class HttpSessionListener(native.HttpSessionListener):
    """A listener of new and destroyed sessions (Servlet 6.1, ``HttpSessionListener``).

    Listeners hear of new sessions in the order of registration, of destroyed sessions in the reverse order (11.3.3).
    """

    def sessionCreated(self, se: HttpSessionEvent) -> None:
        """Called after a session was created; its attributes may be set."""

    def sessionDestroyed(self, se: HttpSessionEvent) -> None:
        """Called before a session is invalidated or expires; its attributes may be read."""

    def session_created(self, event: native.HttpSessionEvent) -> None:
        """Forward to :meth:`sessionCreated`."""
        self.sessionCreated(_event(event))

    def session_destroyed(self, event: native.HttpSessionEvent) -> None:
        """Forward to :meth:`sessionDestroyed`."""
        self.sessionDestroyed(_event(event))


class HttpSessionIdListener(native.HttpSessionIdListener):
    """A listener of changed ids, in the order of registration (Servlet 6.1, ``HttpSessionIdListener``)."""

    def sessionIdChanged(self, event: HttpSessionEvent, old_session_id: str) -> None:
        """Called after the id of a session was changed from *old_session_id*."""

    def session_id_changed(self, event: native.HttpSessionEvent, old_id: str) -> None:
        """Forward to :meth:`sessionIdChanged`."""
        self.sessionIdChanged(_event(event), old_id)


class HttpSessionAttributeListener(native.HttpSessionAttributeListener):
    """A listener of the attributes of all sessions, in the order of registration.

    See Servlet 6.1, ``HttpSessionAttributeListener``.
    """

    def attributeAdded(self, event: HttpSessionBindingEvent) -> None:
        """Called after an attribute was added."""

    def attributeRemoved(self, event: HttpSessionBindingEvent) -> None:
        """Called after an attribute was removed, also with its session."""

    def attributeReplaced(self, event: HttpSessionBindingEvent) -> None:
        """Called after an attribute got another value; the event carries the old value."""

    def attribute_added(self, event: native.HttpSessionBindingEvent) -> None:
        """Forward to :meth:`attributeAdded`."""
        self.attributeAdded(_binding_event(event))

    def attribute_removed(self, event: native.HttpSessionBindingEvent) -> None:
        """Forward to :meth:`attributeRemoved`."""
        self.attributeRemoved(_binding_event(event))

    def attribute_replaced(self, event: native.HttpSessionBindingEvent) -> None:
        """Forward to :meth:`attributeReplaced`."""
        self.attributeReplaced(_binding_event(event))


class HttpSessionBindingListener(native.HttpSessionBindingListener):
    """An attribute value that is notified when it is bound or unbound (Servlet 6.1, 7.4)."""

    def valueBound(self, event: HttpSessionBindingEvent) -> None:
        """Called before this object is bound; the session does not show it yet."""

    def valueUnbound(self, event: HttpSessionBindingEvent) -> None:
        """Called after this object was removed or replaced, or its session ended; the session no longer shows it."""

    def value_bound(self, event: native.HttpSessionBindingEvent) -> None:
        """Forward to :meth:`valueBound`."""
        self.valueBound(_binding_event(event))

    def value_unbound(self, event: native.HttpSessionBindingEvent) -> None:
        """Forward to :meth:`valueUnbound`."""
        self.valueUnbound(_binding_event(event))


class HttpSessionActivationListener(native.HttpSessionActivationListener):
    """An attribute value that is notified when its session is stored in or loaded from a shared store (7.7.2)."""

    def sessionWillPassivate(self, se: HttpSessionEvent) -> None:
        """Called before the session is serialised."""

    def sessionDidActivate(self, se: HttpSessionEvent) -> None:
        """Called on the new object after the session was deserialised."""

    def session_will_passivate(self, event: native.HttpSessionEvent) -> None:
        """Forward to :meth:`sessionWillPassivate`."""
        self.sessionWillPassivate(_event(event))

    def session_did_activate(self, event: native.HttpSessionEvent) -> None:
        """Forward to :meth:`sessionDidActivate`."""
        self.sessionDidActivate(_event(event))


def _event(event: native.HttpSessionEvent) -> HttpSessionEvent:
    return HttpSessionEvent(HttpSession(event.session))


def _binding_event(event: native.HttpSessionBindingEvent) -> HttpSessionBindingEvent:
    return HttpSessionBindingEvent(HttpSession(event.session), event.name, event.value)
