"""The attribute map of a session: live values that the requests of the session share."""

from __future__ import annotations

import threading
from collections.abc import Collection, ItemsView, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from .errors import InvalidSessionError


class Absent(Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "ABSENT"


#: Stands where a value would, if there were one; None can be a value.
ABSENT: Final = Absent.ABSENT


_NONE: dict[str, object] = {}


class Attributes:
    """Names and values, for any number of threads, until :meth:`close`.

    A change and the closing exclude each other: either a value is in what :meth:`close` gives back, or the change
    raises :class:`InvalidSessionError` (S50). Reading takes no lock, since one operation on a dict is atomic.
    """

    __slots__ = ("_lock", "_owners", "_values", "closed")

    def __init__(self, values: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._values: dict[Any, Any] = dict(values)
        self._lock = threading.Lock()
        #: The marks of the latest changes, as far as anybody set one.
        self._owners: dict[str, object] = _NONE
        self.closed = False

    def check_open(self) -> None:
        """Raise :class:`InvalidSessionError` when the map is closed."""
        if self.closed:
            raise InvalidSessionError("the session was invalidated or has timed out")

    def get(self, name: object) -> Any:
        """Return the value of *name*, or :data:`ABSENT`."""
        # The look comes after the reading, so that a map which is closed meanwhile does not seem to be empty.
        value = self._values.get(name, ABSENT)
        if self.closed:
            self.check_open()
        return value

    def snapshot(self) -> dict[str, Any]:
        """Return names and values as they are now."""
        values = self._values.copy()
        self.check_open()
        return values

    def items(self) -> ItemsView[str, Any]:
        """Return names and values as they are now, or as they were when the map was closed."""
        return self._values.copy().items()

    def put(self, name: str, value: Any, owner: object = None) -> Any:
        """Set *name* and return the value that it had, or :data:`ABSENT`; *owner* as for :meth:`swap`."""
        with self._lock:
            if self.closed:
                self.check_open()
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
            owner: a mark of the change, by which it can be told from others that set the very same value.
            owned_by: the mark that the latest change must have, and that this one has, too; None: any or none.

        Returns:
            False when another thread was faster.
        """
        with self._lock:
            if self.closed:
                self.check_open()
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
        self, put: Mapping[str, Any], removed: Collection[str], expected: Mapping[str, Any], afresh: bool = False
    ) -> bool:
        """Make all changes, or none and return False if an *expected* value is another now; None there is absence.

        With *afresh* everything that is not *put* goes.
        """
        with self._lock:
            if self.closed:
                self.check_open()
            if any(self._values.get(name) != value for name, value in expected.items()):
                return False
            kept = {} if afresh else {name: value for name, value in self._values.items() if name not in removed}
            self._values = kept | dict(put)
        return True

    def _mark(self, name: str, owner: object) -> None:
        others = {other: mark for other, mark in self._owners.items() if other != name}
        self._owners = others if owner is None else {**others, name: owner}

    def close(self) -> dict[str, Any]:
        """Take leave of the values: give them back, and refuse everything from now on."""
        with self._lock:
            self.closed = True
            values, self._values = self._values, {}
        return values
