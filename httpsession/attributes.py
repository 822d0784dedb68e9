"""The attribute map of a session: live values that the requests of the session share."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Any, Final

from .errors import InvalidSessionError


class Absent(Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "ABSENT"


#: Stands where a value would, if there were one; None can be a value.
ABSENT: Final = Absent.ABSENT


class Attributes:
    """Names and values, for any number of threads, until :meth:`close`.

    A change and the closing exclude each other: either a value is in what :meth:`close` gives back, or the change
    raises :class:`InvalidSessionError` (S50). Reading takes no lock, since one operation on a dict is atomic.
    """

    __slots__ = ("_lock", "_values", "closed")

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}
        self._lock = threading.Lock()
        self.closed = False

    def check_open(self) -> None:
        """Raise :class:`InvalidSessionError` when the map is closed."""
        if self.closed:
            raise InvalidSessionError("the session was invalidated or has timed out")

    def get(self, name: object) -> Any:
        """Return the value of *name*, or :data:`ABSENT`."""
        if self.closed:
            self.check_open()
        return self._values.get(name, ABSENT)

    def snapshot(self) -> dict[str, Any]:
        """Return names and values as they are now."""
        self.check_open()
        return self._values.copy()

    def swap(self, name: str, old: Any, new: Any) -> bool:
        """Give *name* the value *new* if it still has the value *old*; :data:`ABSENT` may be either.

        Returns:
            False when another thread was faster and the value is not *old* any more.
        """
        with self._lock:
            if self.closed:
                self.check_open()
            if self._values.get(name, ABSENT) is not old:
                return False
            if new is ABSENT:
                self._values.pop(name, None)
            else:
                self._values[name] = new
        return True

    def close(self) -> dict[str, Any]:
        """Take leave of the values: give them back, and refuse everything from now on."""
        with self._lock:
            self.closed = True
            values, self._values = self._values, {}
        return values
