"""The attribute map of a session: names and values, for any number of threads.

It knows nothing of listeners and stores. The core notifies after each change, and a shared session derives its
:class:`.AttributeSnapshot` from the map.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from .errors import InvalidSessionError


class Absent(Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "ABSENT"


#: Stands for the value of an attribute that does not exist; None can be a value.
ABSENT: Final = Absent.ABSENT

#: The marks of all maps without marked changes. A map replaces it before its first mark, and never changes it.
NOT_MARKED: Final[dict[str, object]] = {}


def is_over() -> InvalidSessionError:
    """Return the error of a use of a session that has ended."""
    return InvalidSessionError("the session was invalidated or has expired")


class DetachedError(Exception):
    """A refused change of a map that a login has left behind: it would reach no session.

    The core catches it, and repeats the change on a copy that belongs to the request alone. No application sees it.
    """


class Attributes:
    """Names and values, for any number of threads, until :meth:`close` or :meth:`detach`.

    A change and the closing exclude each other: either :meth:`close` returns the value, or the change raises
    :class:`InvalidSessionError` (S50). The same holds for :meth:`detach` and :class:`DetachedError`. Reading takes no
    lock, since one operation on a dict is atomic.
    """

    __slots__ = ("_lock", "_owners", "_values", "closed", "detached")

    def __init__(self, values: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._values: dict[Any, Any] = dict(values)
        self._lock: threading.Lock = threading.Lock()
        #: The mark of the latest change, for each name whose latest change has one.
        self._owners: dict[str, object] = NOT_MARKED
        #: Whether the session has ended.
        self.closed: bool = False
        #: Whether a login left the map to the requests that were in flight.
        self.detached: bool = False

    @property
    def is_left(self) -> bool:
        """Whether a login left the map behind, so that what is in it reaches no session."""
        return self.detached

    def check_open(self) -> None:
        """Raise :class:`InvalidSessionError` when the map is closed."""
        if self.closed:
            raise is_over()

    def _check_changeable(self) -> None:
        """Raise what refuses a change; the caller holds the lock, so the map does not close afterwards."""
        self.check_open()
        if self.detached:
            raise DetachedError

    def get(self, name: object) -> Any:
        """Return the value of *name*, or :data:`ABSENT`.

        Raises:
            InvalidSessionError: the map is closed.
        """
        # Look at the flag after reading: a map that is closed meanwhile must not seem empty.
        value = self._values.get(name, ABSENT)
        if self.closed:
            self.check_open()
        return value

    def snapshot(self) -> dict[str, Any]:
        """Return names and values, as a copy, so that callers may change the map while they iterate (S34)."""
        values = self._values.copy()
        self.check_open()
        return values

    def names(self) -> list[str]:
        """Return all names, also of attributes that are absent to reads since their values cannot be decoded."""
        return list(self.snapshot())

    def count(self) -> int:
        """Return how many attributes can be read."""
        self.check_open()
        return len(self._values)

    def any_name(self) -> str | None:
        """Return the name of an attribute that can be read; None if there is none. The first one is chosen."""
        with self._lock:
            self.check_open()
            return next(iter(self._values), None)

    def sizes(self, known: Mapping[str, int], measure: Callable[[str, object], int]) -> dict[str, int]:
        """Return the sizes of all values by name: those that are *known*, the others as *measure* tells them."""
        values = self.snapshot().items()
        return {name: known[name] if name in known else measure(name, value) for name, value in values}

    def stored(self, name: str) -> bytes | None:
        """Return what the store has as *name*; None if it has nothing. In memory there is no such thing."""
        return None

    def remove_unreadable(self, name: object) -> None:
        """Remove what the store has as *name* and cannot be decoded. In memory there is no such thing."""

    def put(self, name: str, value: Any, owner: object = None) -> Any:
        """Set *name* and return its former value, or :data:`ABSENT`; *owner* as for :meth:`swap`."""
        with self._lock:
            if self.closed or self.detached:
                self._check_changeable()
            old = self._values.get(name, ABSENT)
            self._values[name] = value
            if owner is not None or self._owners:
                self._mark(name, owner)
        return old

    def swap(self, name: str, old: Any, new: Any, owner: object = None, owned_by: object = None) -> bool:
        """Give *name* the value *new* if it still has the value *old*; :data:`ABSENT` may be either.

        Args:
            name: the name.
            old: the value it must have.
            new: the value it gets.
            owner: a mark of the change, which tells it from other changes to the same value.
            owned_by: the mark that the latest change must have, and that this change gets, too; None: any or none.

        Returns:
            Whether it was done; False if *name* has another value or mark by now.
        """
        with self._lock:
            if self.closed or self.detached:
                self._check_changeable()
            if self._values.get(name, ABSENT) is not old:
                return False
            if owned_by is not None:
                if self._owners.get(name) is not owned_by:
                    return False
                owner = owned_by
            if new is ABSENT:
                self._values.pop(name, None)
            else:
                self._values[name] = new
            if owner is not None or self._owners:
                self._mark(name, owner)
        return True

    def apply(
        self, put: Mapping[str, Any], removed: Collection[str], expected: Mapping[str, Any], *, clear: bool = False
    ) -> bool:
        """Make all changes; or none, and return False, if an *expected* value differs. None there means absence.

        With *clear*, only the attributes of *put* remain. A name that is both in *removed* and in *put* gets its value.
        Marks stay as they are.
        """
        with self._lock:
            if self.closed or self.detached:
                self._check_changeable()
            if any(self._values.get(name) != value for name, value in expected.items()):
                return False
            gone = frozenset(removed)
            kept = {} if clear else {name: value for name, value in self._values.items() if name not in gone}
            self._values = kept | dict(put)
        return True

    def marked(self) -> dict[str, Any]:
        """Return the names whose latest change has a mark, with their values; a removed one is :data:`ABSENT`."""
        with self._lock:
            self.check_open()
            return {name: self._values.get(name, ABSENT) for name in self._owners}

    def _mark(self, name: str, owner: object) -> None:
        """Note the mark of the latest change of *name*, or that it has none. The caller holds the lock."""
        if owner is None:
            self._owners.pop(name, None)
            return
        if self._owners is NOT_MARKED:
            self._owners = {}
        self._owners[name] = owner

    def close(self) -> dict[str, Any]:
        """Close the map and return its values.

        From then on every change and every look raises InvalidSessionError. A second call returns no values, so exactly
        one caller unbinds them.
        """
        with self._lock:
            self.closed = True
            values, self._values = self._values, {}
        return values

    def detach(self) -> dict[str, Any]:
        """Refuse changes from now on, by :class:`DetachedError`, and return the values, which can still be read."""
        with self._lock:
            values = self._values.copy()
            self.detached = True
        return values

    def attach(self) -> None:
        """Accept changes again, since the login was not made after all."""
        with self._lock:
            self.detached = False


class LeftAttributes(Attributes):
    """The copy with which a request goes on when a login has left its map behind."""

    __slots__ = ()

    @property
    def is_left(self) -> bool:
        """True."""
        return True
