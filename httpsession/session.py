"""HttpSession: what an application holds."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from functools import partial
from typing import TYPE_CHECKING, Any

from .accessor import Accessor
from .attributes import ABSENT, Attributes
from .config.fields import MAX_INTERVAL
from .errors import InvalidSessionError, StoreError
from .events import HttpSessionBindingEvent, HttpSessionBindingListener
from .record import SessionRecord

if TYPE_CHECKING:
    from .manager import SessionManager


class HttpSession(MutableMapping[str, Any]):
    """One client's session, as one request sees it (Servlet 6.1, 7; ``jakarta.servlet.http.HttpSession``).

    The methods are the Servlet's: ``set_attribute(name, None)`` removes. The mapping is Python's: ``session[name] =
    None`` stores None, ``session[name]`` raises KeyError. Two handles of one session are equal. Everything but
    :attr:`id`, :attr:`servlet_context` and :attr:`max_inactive_interval` raises :class:`InvalidSessionError` once the
    session was invalidated or has timed out.
    """

    __slots__ = (
        "_journal",
        "_listeners",
        "_servlet_context",
        "attributes",
        "failure",
        "invalidated_here",
        "previous_access",
        "record",
    )

    def __init__(self, context: SessionManager, record: SessionRecord, attributes: Attributes) -> None:
        """Made by a :class:`SessionManager`; applications call ``get_session``."""
        self._servlet_context = context
        self._listeners = context.listeners
        #: For the manager: the record that this is a handle of.
        self.record = record
        #: For the manager: names and values.
        self.attributes = attributes
        #: What takes back what was changed, oldest first; itself the mark of these changes.
        self._journal: list[Callable[[object], object]] | None = None
        #: When the request before that of this handle arrived; None once the handle's own request is over.
        self.previous_access: float | None = None
        #: What the store raised when something was asked of it through this handle.
        self.failure: StoreError | None = None
        #: Whether it was through this handle that the session ended.
        self.invalidated_here = False

    @property
    def id(self) -> str:
        """The id; it can be read even when the session is over. Empty where no client named it: a shared store, which
        does not know it, lets listeners hear of a session that timed out; they have its :attr:`handle`."""
        return self.record.id

    @property
    def handle(self) -> str:
        """A name for the session that opens nothing (:attr:`SessionInfo.handle`); it changes with the id."""
        return self.record.key.hex()

    @property
    def creation_time(self) -> float:
        """When the session was created, in seconds since the epoch."""
        self.attributes.check_open()
        return self.record.creation_time

    @property
    def last_accessed_time(self) -> float:
        """When the previous request of this session arrived, in seconds since the epoch.

        In the request that creates the session it is the creation time; seen from outside of the session's requests it
        is when the latest of them arrived (Servlet 6.1, 7.6).
        """
        self.attributes.check_open()
        return self.record.accessed if self.previous_access is None else self.previous_access

    @property
    def max_inactive_interval(self) -> int:
        """Seconds between two requests after which the session is over; zero or less: never (Servlet 6.1, 7.5)."""
        return self.record.max_inactive_interval

    @max_inactive_interval.setter
    def max_inactive_interval(self, seconds: int) -> None:
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds > MAX_INTERVAL:
            raise ValueError(f"max_inactive_interval is a whole number of at most {MAX_INTERVAL}, not {seconds!r}")
        before = self.record.max_inactive_interval
        self._servlet_context.sessions.change_interval(self, seconds)
        if self._journal is not None:
            self._journal.append(partial(self._restore_interval, seconds, before))

    @property
    def is_new(self) -> bool:
        """Whether the client does not know of the session yet: in the request that made it (Servlet 6.1, 7.2)."""
        self.attributes.check_open()
        return self.record.is_new

    @property
    def is_valid(self) -> bool:
        """Whether the session can be used: it was not invalidated and has not timed out."""
        return not self.attributes.closed

    @property
    def principal(self) -> str | None:
        """The user bound by ``login``, if any."""
        self.attributes.check_open()
        return self.record.principal

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes as they are now."""
        return tuple(self.attributes.snapshot())

    @property
    def servlet_context(self) -> SessionManager:
        """The manager of the application that the session belongs to; it can be read even when the session is over."""
        return self._servlet_context

    @property
    def accessor(self) -> Accessor:
        """What gives access to the session after this request (Servlet 6.1, ``getAccessor``)."""
        self.attributes.check_open()
        return Accessor(self._servlet_context, self)

    def get_attribute(self, name: str | None) -> Any:
        """Return the value of the attribute *name*, None if there is none."""
        value = self.attributes.get(name)
        return None if value is ABSENT else value

    def set_attribute(self, name: str, value: Any) -> None:
        """Bind *value* to *name*; None removes.

        A value that is an :class:`HttpSessionBindingListener` hears of it before it can be read, the value that it
        replaces afterwards, the registered listeners last.

        Raises:
            ValueError: *name* is no string.
            CodecError: sessions are distributable, and *value* cannot be stored (S138).
        """
        if value is None and isinstance(name, str):
            self.remove_attribute(name)
        else:
            self._bind(name, value)

    def remove_attribute(self, name: str | None) -> None:
        """Remove the attribute *name*; nothing happens if there is none."""
        self._unbind(name)

    def update_attribute(self, name: str, function: Callable[[Any], Any]) -> Any:
        """Replace the value of *name* by what *function* makes of it, atomically and at once.

        *function* gets the present value, None if there is none, and may be called more than once; if it returns None
        the attribute is removed. The new value is returned.

        Raises:
            ValueError: *name* is no string.
            CodecError: the new value cannot be stored.
            StoreError: the store failed.
        """
        self._check(name)
        return self._servlet_context.sessions.update(self, name, function)

    def invalidate(self) -> None:
        """End the session: it is taken away from everybody, then its attributes are unbound (Servlet 6.1, 7.5).

        Raises:
            InvalidSessionError: it is over already.
        """
        self.attributes.check_open()
        self._servlet_context.end(self)

    def __getitem__(self, name: str) -> Any:
        value = self.attributes.get(name)
        if value is ABSENT:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._bind(name, value)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.attributes.snapshot())

    def __len__(self) -> int:
        return len(self.attributes.snapshot())

    def __contains__(self, name: object) -> bool:
        return self.attributes.get(name) is not ABSENT

    def __bool__(self) -> bool:
        """Return True: a session without attributes is a session."""
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HttpSession) and self.attributes is other.attributes

    def __hash__(self) -> int:
        return hash(self.attributes)

    def __repr__(self) -> str:
        """Return a text that names the session without giving away its id."""
        state = "over" if self.attributes.closed else f"{len(self)} attributes"
        return f"<HttpSession {self.record.key.hex()[:8]}: {state}>"

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, or *default*."""
        value = self.attributes.get(name)
        return default if value is ABSENT else value

    def items(self) -> ItemsView[str, Any]:
        """Return names and values as they are now."""
        return self.attributes.snapshot().items()

    def values(self) -> ValuesView[Any]:
        """Return the values as they are now."""
        return self.attributes.snapshot().values()

    def pop(self, name: str, default: Any = ABSENT) -> Any:
        """Remove *name* and return its value, or *default* if it is given and there is no such attribute."""
        value = self._unbind(name)
        if value is ABSENT:
            value = default
        if value is ABSENT:
            raise KeyError(name)
        return value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*; if there is none, bind *default* first. Of several threads one binds."""
        while (value := self.attributes.get(name)) is ABSENT:
            self._check(name, default)
            if self.replace(name, ABSENT, default):
                return default
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove some attribute and return its name and value."""
        for name in self:
            value = self._unbind(name)
            if value is not ABSENT:
                return name, value
        raise KeyError("the session has no attributes")

    def clear(self) -> None:
        """Remove all attributes."""
        for name in self:
            self._unbind(name)

    def keep_journal(self) -> None:
        """Write down from now on what :meth:`take_back` would have to take back."""
        if self._journal is None:
            self._journal = []

    def drop_journal(self) -> None:
        """Let what was changed since :meth:`keep_journal` stand, and go the values that it replaced."""
        if self._journal is not None:
            self._journal.clear()  # as the mark of changes it lives on with the attributes
            self._journal = None

    def take_back(self) -> list[Callable[[], object]]:
        """Return what restores the state at :meth:`keep_journal`, but for what others changed since, call by call."""
        calls: list[Callable[[], object]] = [partial(undo, self._journal) for undo in reversed(self._journal or ())]
        self.drop_journal()
        return calls

    def _check(self, name: str, value: Any = None) -> None:
        if not isinstance(name, str):
            raise ValueError(f"the name of an attribute is a string, not {name!r}")
        if self._servlet_context.codec is not None:
            self._servlet_context.codec.encode(value, name)

    def _bind(self, name: str, value: Any) -> None:
        self._check(name, value)
        if not isinstance(value, HttpSessionBindingListener):
            self._tell_bound(name, self.attributes.put(name, value, self._journal), value, is_told=False)
            return
        old = self.attributes.get(name)
        is_told = self._announce(name, old, value)
        try:
            while not self.attributes.swap(name, old, value, self._journal):
                old = self.attributes.get(name)
                is_told = is_told or self._announce(name, old, value)
        except InvalidSessionError:
            if is_told:
                value.value_unbound(HttpSessionBindingEvent(self, name, value))
            raise
        self._tell_bound(name, old, value, is_told)

    def _unbind(self, name: Any) -> Any:
        while True:
            old = self.attributes.get(name)
            if old is ABSENT or self.replace(name, old, ABSENT):
                return old

    def replace(self, name: str, old: Any, new: Any, owned_by: object = None) -> bool:
        """Put *new* in place of *old* and tell everybody; False if *old* is not the value any more."""
        is_told = self._announce(name, old, new)
        is_done = False
        try:
            is_done = self.attributes.swap(name, old, new, self._journal, owned_by)
        finally:
            if is_told and not is_done:
                new.value_unbound(HttpSessionBindingEvent(self, name, new))
        if is_done and new is ABSENT:
            self._journalise(name, old, new)
            self.tell_unbound(name, old)
        elif is_done:
            self._tell_bound(name, old, new, is_told)
        return is_done

    def _announce(self, name: str, old: Any, value: Any) -> bool:
        """Tell *value* that it is about to be bound, if it wants to hear and is not bound already."""
        if old is value or not isinstance(value, HttpSessionBindingListener):
            return False
        value.value_bound(HttpSessionBindingEvent(self, name, value))
        return True

    def _tell_bound(self, name: str, old: Any, value: Any, is_told: bool) -> None:
        """Tell everybody that *value* is in the place of *old*."""
        self._journalise(name, old, value)
        if old is ABSENT:
            self._listeners.attribute_added(self, name, value)
            return
        # A value that was told while another thread bound it, too, has been told twice, and hears of one end here.
        if (is_told or old is not value) and isinstance(old, HttpSessionBindingListener):
            old.value_unbound(HttpSessionBindingEvent(self, name, old))
        self._listeners.attribute_replaced(self, name, old)

    def _journalise(self, name: str, before: Any, after: Any) -> None:
        if self._journal is not None:
            self._journal.append(partial(self.replace, name, after, before))

    def _restore_interval(self, after: int, before: int, _: object) -> None:
        if self.record.max_inactive_interval == after:
            self._servlet_context.sessions.change_interval(self, before)

    def tell_unbound(self, name: str, value: Any) -> None:
        """Tell *value*, then the attribute listeners, that it is no attribute any more."""
        if isinstance(value, HttpSessionBindingListener):
            value.value_unbound(HttpSessionBindingEvent(self, name, value))
        self._listeners.attribute_removed(self, name, value)
