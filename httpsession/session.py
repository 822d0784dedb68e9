"""HttpSession and Accessor: the faces of a session that applications hold."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from .attributes import ABSENT
from .config.fields import INTERVALS, in_seconds, is_interval
from .core.context import ServletContext
from .core.session import Session
from .errors import NotCopied, shown


class HttpSession(NotCopied, MutableMapping[str, Any]):
    """One client's session as one request sees it (Servlet 6.1, 7; ``jakarta.servlet.http.HttpSession``).

    The methods follow Servlet: ``set_attribute(name, None)`` removes. The mapping follows Python: ``session[name] =
    None`` stores None, ``session[name]`` raises KeyError. Two objects for one session are equal.

    An attribute in a shared store whose value cannot be decoded is logged, and is absent to reads. It can be removed
    and replaced.

    A session ends when it expires, or is invalidated or evicted. Afterwards everything raises
    :class:`InvalidSessionError` but :attr:`id`, :attr:`handle`, :attr:`is_valid`, :attr:`servlet_context`,
    :attr:`max_inactive_interval`, comparison and ``repr``.

    When the manager is closed, sessions in memory have ended. A session of a shared store can still be read, and each
    change raises :class:`IllegalStateError`.

    A session cannot be copied or pickled; its attributes can, as ``dict(session)``.
    """

    __slots__ = ("_session",)

    _instead = "copy its attributes with dict(session), or keep session.accessor to use it after the request"

    def __init__(self, session: Session) -> None:
        """Wrap a session of the core. Applications call ``get_session`` instead."""
        self._session: Session = session

    @property
    def id(self) -> str:
        """The id by which this request joined the session, or that it issued; never one that another request drew.

        It can be read after the session has ended. A shared store does not know ids: where the manager ends a session
        outside of its requests, listeners find the id empty and the :attr:`handle` set.
        """
        return self._session.id

    @property
    def handle(self) -> str:
        """The public name of the session, which opens nothing (:attr:`SessionInfo.handle`). It changes with the id."""
        return self._session.record.handle

    @property
    def creation_time(self) -> float:
        """When the session was created, in seconds since the epoch."""
        self._session.attributes.check_open()
        return self._session.record.creation_time

    @property
    def last_accessed_time(self) -> float:
        """When the previous request of this session arrived, in seconds since the epoch (Servlet 6.1, 7.6).

        In the request that creates the session it is the creation time. Outside of the session's requests it is when
        the latest of them arrived.
        """
        self._session.attributes.check_open()
        return self._session.last_accessed_time

    @property
    def max_inactive_interval(self) -> int:
        """Seconds without a request after which the session expires; zero or less: never (Servlet 6.1, 7.5).

        It is set to a whole number of seconds from -2147483648 to 2147483647, or to a timedelta of so many seconds;
        another value raises ValueError.
        """
        return self._session.record.max_inactive_interval

    @max_inactive_interval.setter
    def max_inactive_interval(self, seconds: int | timedelta) -> None:
        interval = in_seconds(seconds)
        if not is_interval(interval):
            raise ValueError(f"max_inactive_interval is {INTERVALS}, not {shown(seconds)}")
        self._session.set_interval(interval)

    @property
    def is_new(self) -> bool:
        """Whether the client does not know of the session yet: in the request that created it (Servlet 6.1, 7.2)."""
        self._session.attributes.check_open()
        return self._session.is_new

    @property
    def is_valid(self) -> bool:
        """Whether the session can be used: it has not ended."""
        return self._session.is_valid

    @property
    def principal(self) -> str | None:
        """The user bound by ``login``, if any."""
        self._session.attributes.check_open()
        return self._session.record.principal

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes, as a copy."""
        return tuple(self._session.attributes.snapshot())

    @property
    def servlet_context(self) -> ServletContext:
        """The manager of the application that the session belongs to. It can be read after the session has ended."""
        return self._session.context.application

    @property
    def accessor(self) -> Accessor:
        """An :class:`Accessor`, which can use the session after this request (Servlet 6.1, ``getAccessor``).

        Take it after a change of the id or a login: it is for the session with the present id.
        """
        self._session.attributes.check_open()
        return Accessor(self._session.lender())

    def get_attribute(self, name: str | None) -> Any:
        """Return the value of the attribute *name*, None if there is none."""
        value = self._session.attributes.get(name)
        return None if value is ABSENT else value

    def set_attribute(self, name: str, value: Any) -> None:
        """Bind *value* to *name*; None removes the attribute.

        An :class:`HttpSessionBindingListener` is notified before it can be read, then the value that it replaces, then
        the registered listeners.

        Raises:
            ValueError: *name* is no string.
            CodecError: sessions are distributable, and *value* cannot be stored (S138).
        """
        if value is None and isinstance(name, str):
            self._session.unbind(name)
        else:
            self[name] = value

    def remove_attribute(self, name: str | None) -> None:
        """Remove the attribute *name*; nothing happens if there is none."""
        self._session.unbind(name)

    def update_attribute(self, name: str, function: Callable[[Any], Any]) -> Any:
        """Replace the value of *name* by the result of *function*, atomically and at once, and return the new value.

        *function* gets the present value, None if there is none, and may be called more than once. If it returns None,
        the attribute is removed. After a login in the same request, the update takes effect with it, at the commit.
        *function* may update other attributes.

        Raises:
            ValueError: *name* is no string.
            IllegalStateError: *function* updates the same attribute, or sets it at each of 1,000 calls.
            CodecError: the new value cannot be stored.
            StoreError: the store failed.
        """
        self._session.check(name)
        return self._session.update(name, function)

    def invalidate(self) -> None:
        """Remove the session, notify the listeners, then unbind its attributes (Servlet 6.1, 7.5).

        Raises:
            InvalidSessionError: the session has ended already.
            StoreError: the store failed.
        """
        self._session.invalidate()

    def __getitem__(self, name: str) -> Any:
        value = self._session.attributes.get(name)
        if value is ABSENT:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._session.bind(name, value)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._session.attributes.snapshot())

    def __len__(self) -> int:
        return self._session.attributes.count()

    def __contains__(self, name: object) -> bool:
        return self._session.attributes.get(name) is not ABSENT

    def __bool__(self) -> bool:
        """Return True: a session without attributes is a session."""
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HttpSession) and self._session.attributes is other._session.attributes

    def __hash__(self) -> int:
        return hash(self._session.record.creation_time)

    def __repr__(self) -> str:
        """Return a text that names the session and does not reveal its id."""
        state = f"{len(self)} attributes" if self.is_valid else "ended"
        return f"<HttpSession {self.handle[:8]}: {state}>"

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, or *default*."""
        value = self._session.attributes.get(name)
        return default if value is ABSENT else value

    def items(self) -> ItemsView[str, Any]:
        """Return names and values, as a copy."""
        return self._session.attributes.snapshot().items()

    def values(self) -> ValuesView[Any]:
        """Return the values, as a copy."""
        return self._session.attributes.snapshot().values()

    def pop(self, name: str, default: Any = ABSENT) -> Any:
        """Remove *name* and return its value. If there is no such attribute, return *default* or raise KeyError.

        An attribute in a shared store that cannot be decoded has no value, but is removed.
        """
        value = self._session.unbind(name)
        if value is ABSENT:
            value = default
        if value is ABSENT:
            raise KeyError(name)
        return value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*; if there is none, bind *default* first. Of several threads exactly one binds."""
        while (value := self._session.attributes.get(name)) is ABSENT:
            self._session.check(name, default)
            if self._session.replace(name, ABSENT, default):
                return default
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove any attribute and return its name and value; without attributes raise KeyError.

        Attributes in a shared store that cannot be decoded are removed when there are no others.
        """
        while (name := self._session.attributes.any_name()) is not None:
            value = self._session.unbind(name)
            if value is not ABSENT:  # otherwise another thread was faster
                return name, value
        self._session.clear()
        raise KeyError("the session has no attributes")

    def clear(self) -> None:
        """Remove all attributes, also those in a shared store that cannot be decoded."""
        self._session.clear()


def core_of(session: HttpSession) -> Session:
    """Return the core session behind the face, for this package alone."""
    return session._session


class Accessor(NotCopied):
    """Access to one session outside of its requests, in a background thread for example (``HttpSession.Accessor``)."""

    __slots__ = ("_lend",)

    _instead = "all threads can use the same one; to another process pass what it needs of dict(session)"

    def __init__(self, lend: Callable[[], AbstractContextManager[Session]]) -> None:
        """Keep *lend*, which borrows the session. Applications use :attr:`HttpSession.accessor` instead."""
        self._lend: Callable[[], AbstractContextManager[Session]] = lend

    def access(self, consumer: Callable[[HttpSession], object]) -> None:
        """Call *consumer* with the session, as if a request of the session had arrived.

        While *consumer* runs the session is in use. When it returns or raises, its changes are committed and the
        session begins to idle. An exception of *consumer* goes to the caller.

        An accessor can be used before the commit of the request in which it was taken, and then does not see what the
        request has not committed. In a shared store it cannot if that request creates the session, and in no store if
        it logs in: the store does not have the session yet.

        Raises:
            IllegalStateError: the request that creates the session or logs in has not committed it yet.
            InvalidSessionError: the session has ended, or its id has changed since the accessor was made.
            StoreError: the store failed.
        """
        with self._lend() as session:
            consumer(HttpSession(session))
