"""HttpSession and its Accessor under their Jakarta names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..session import Accessor as NativeAccessor
from ..session import HttpSession as NativeSession
from .context import ServletContext
from .errors import Translated


class HttpSession(Translated):
    """The session of a client, as a request sees it (Servlet 6.1, 7 and ``HttpSession``).

    After the session was invalidated or has expired, all methods raise IllegalStateException, except getId,
    getServletContext, getMaxInactiveInterval and setMaxInactiveInterval. Two objects for one session are equal.
    """

    class Accessor(Translated):
        """Access to a session from outside of its requests (Servlet 6.1, ``HttpSession.Accessor``)."""

        def __init__(self, accessor: NativeAccessor) -> None:
            """Made by :meth:`HttpSession.getAccessor`."""
            self._accessor: NativeAccessor = accessor

        def access(self, session_consumer: Callable[[HttpSession], object]) -> None:
            """Call *session_consumer* with the session, as if in a request; its exceptions pass to the caller.

            Raises:
                IllegalStateException: the session is invalid, or its id has changed since getAccessor was called.
            """
            self._accessor.access(lambda session: session_consumer(HttpSession(session)))

    def __init__(self, session: NativeSession) -> None:
        """Made by :meth:`HttpServletRequest.getSession` of a :class:`httpsession.HttpSession`."""
        self._session: NativeSession = session

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HttpSession) and self._session == other._session

    def __hash__(self) -> int:
        return hash(self._session)

    def __repr__(self) -> str:
        """Return a text that names the session but does not show its id."""
        return repr(self._session)

    def getId(self) -> str:
        """Return the id, also of an invalid session."""
        return self._session.id

    def getCreationTime(self) -> int:
        """Return when the session was created, in milliseconds since the epoch."""
        return _milliseconds(self._session.creation_time)

    def getLastAccessedTime(self) -> int:
        """Return when the previous request of the session arrived, in milliseconds since the epoch (7.6)."""
        return _milliseconds(self._session.last_accessed_time)

    def getServletContext(self) -> ServletContext:
        """Return the context of the session, also of an invalid session."""
        return ServletContext._of(self._session.servlet_context)

    def getMaxInactiveInterval(self) -> int:
        """Return the seconds between two requests after which the session expires; zero or less: never (7.5)."""
        return self._session.max_inactive_interval

    def setMaxInactiveInterval(self, interval: int) -> None:
        """Set the seconds between two requests after which the session expires; zero or less: never.

        Raises:
            IllegalArgumentException: *interval* is no whole number, or more than 68 years.
        """
        self._session.max_inactive_interval = interval

    def getAccessor(self) -> HttpSession.Accessor:
        """Return an accessor of the session, for use after this request."""
        return HttpSession.Accessor(self._session.accessor)

    def getAttribute(self, name: str | None) -> Any:
        """Return the value of the attribute *name*; null if there is none."""
        return self._session.get_attribute(name)

    def getAttributeNames(self) -> tuple[str, ...]:
        """Return the names of the attributes as they are now."""
        return self._session.attribute_names

    def setAttribute(self, name: str, value: Any) -> None:
        """Bind *value* to *name*; null removes (7.4).

        Raises:
            IllegalArgumentException: *name* is no string.
        """
        self._session.set_attribute(name, value)

    def removeAttribute(self, name: str | None) -> None:
        """Remove the attribute *name*; nothing happens if there is none."""
        self._session.remove_attribute(name)

    def invalidate(self) -> None:
        """Invalidate the session, then unbind its attributes."""
        self._session.invalidate()

    def isNew(self) -> bool:
        """Return whether the client does not know the session yet: in the request that created it (7.2)."""
        return self._session.is_new


def _milliseconds(seconds: float) -> int:
    """Return a time in Java's unit. Today's times are exact to the microsecond in a float; finer digits are noise."""
    return round(seconds * 1_000_000) // 1000
