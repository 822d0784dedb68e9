"""Session events, the five kinds of listeners, and who is told in which order (Servlet 6.1, 11 and the API)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import HttpSession


class HttpSessionEvent:
    """Something happened to a session."""

    __slots__ = ("session",)

    def __init__(self, session: HttpSession) -> None:
        if session is None:
            raise ValueError("an event needs the session it is about")
        self.session = session


class HttpSessionBindingEvent(HttpSessionEvent):
    """Something happened to an attribute of a session.

    *value* is the object bound or unbound; when an attribute is replaced it is the old one, always.
    """

    __slots__ = ("name", "value")

    def __init__(self, session: HttpSession, name: str, value: Any = None) -> None:
        super().__init__(session)
        self.name = name
        self.value = value


class HttpSessionListener:
    """Hears of sessions that begin, in the order of registration, and that end, in the reverse order."""

    def session_created(self, event: HttpSessionEvent) -> None:
        """Hear of a new session; its attributes may be set."""

    def session_destroyed(self, event: HttpSessionEvent) -> None:
        """Hear that a session is about to be over, by an invalidation or a timeout; its attributes may be read."""


class HttpSessionIdListener:
    """Hears of changed ids, in the order of registration."""

    def session_id_changed(self, event: HttpSessionEvent, old_id: str) -> None:
        """Hear that the session of *event*, which has its new id already, was *old_id* before."""


class HttpSessionAttributeListener:
    """Hears of the attributes of all sessions, in the order of registration."""

    def attribute_added(self, event: HttpSessionBindingEvent) -> None:
        """Hear of an attribute that was not there before."""

    def attribute_removed(self, event: HttpSessionBindingEvent) -> None:
        """Hear of an attribute that is gone, removed or with its session."""

    def attribute_replaced(self, event: HttpSessionBindingEvent) -> None:
        """Hear of an attribute that was set again; the event carries the old value."""


class HttpSessionBindingListener:
    """An attribute value that hears when it becomes or ceases to be one."""

    def value_bound(self, event: HttpSessionBindingEvent) -> None:
        """Hear that this object is about to be bound; the session does not show it yet (Servlet 6.1, 7.4)."""

    def value_unbound(self, event: HttpSessionBindingEvent) -> None:
        """Hear that this object was removed, replaced, or that its session is over; the session no longer shows it."""


class HttpSessionActivationListener:
    """An attribute value that hears when its session moves through a store that serialises."""

    def session_will_passivate(self, event: HttpSessionEvent) -> None:
        """Hear that the session is about to be serialised."""

    def session_did_activate(self, event: HttpSessionEvent) -> None:
        """Hear that the session was made anew; called on the copy."""


_log = logging.getLogger("httpsession")

#: What may be registered with a manager. The binding and activation kinds are implemented by attribute values.
Listener = HttpSessionListener | HttpSessionIdListener | HttpSessionAttributeListener


class Listeners:
    """The registered listeners, sorted by kind once. An exception of one goes to the caller; the rest are not told."""

    __slots__ = ("_attribute", "_id", "_session")

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        """Sort *listeners*.

        Raises:
            ValueError: they are no iterable, or one is of none of the three kinds that can be registered.
        """
        if not isinstance(listeners, Iterable):
            raise ValueError(f"listeners must be an iterable of session listeners, not {listeners!r}")
        given = tuple(listeners)
        for listener in given:
            if not isinstance(listener, Listener):
                raise ValueError(
                    f"{listener!r} is no session listener: it must be an HttpSessionListener, "
                    "an HttpSessionIdListener or an HttpSessionAttributeListener"
                )
        self._session = tuple(one for one in given if isinstance(one, HttpSessionListener))
        self._id = tuple(one for one in given if isinstance(one, HttpSessionIdListener))
        self._attribute = tuple(one for one in given if isinstance(one, HttpSessionAttributeListener))

    def session_created(self, session: HttpSession) -> None:
        """Tell of a new session, in the order of registration."""
        for listener in self._session:
            listener.session_created(HttpSessionEvent(session))

    def session_destroyed(self, session: HttpSession) -> None:
        """Tell of a session's end, in the reverse order of registration."""
        for listener in reversed(self._session):
            listener.session_destroyed(HttpSessionEvent(session))

    def session_id_changed(self, session: HttpSession, old_id: str) -> None:
        """Tell of a new id."""
        for listener in self._id:
            listener.session_id_changed(HttpSessionEvent(session), old_id)

    def attribute_added(self, session: HttpSession, name: str, value: Any) -> None:
        """Tell of an attribute that was not there before."""
        for listener in self._attribute:
            listener.attribute_added(HttpSessionBindingEvent(session, name, value))

    def attribute_removed(self, session: HttpSession, name: str, value: Any) -> None:
        """Tell of an attribute that is gone; *value* is what it was."""
        for listener in self._attribute:
            listener.attribute_removed(HttpSessionBindingEvent(session, name, value))

    def attribute_replaced(self, session: HttpSession, name: str, old: Any) -> None:
        """Tell of an attribute that was set again; *old* is what it was."""
        for listener in self._attribute:
            listener.attribute_replaced(HttpSessionBindingEvent(session, name, old))


def call_all(calls: Iterable[Callable[[], object]]) -> None:
    """Call them all, whatever they raise; the first exception goes to the caller, further ones to the log."""
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
