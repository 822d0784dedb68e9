"""The attribute map of a session: live values that its requests share, or one request's snapshot of stored ones."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, ItemsView, Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .codec.nodes import IMMUTABLE
from .errors import CodecError, InvalidSessionError

if TYPE_CHECKING:
    from .codec import Codec

_log = logging.getLogger("httpsession")


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


class Snapshot(Attributes):
    """The stored attributes of a session as one request sees them: decoded when first asked for, changes kept in mind.

    What is stored but cannot be decoded is logged, and is as if it were not there; the other attributes are not
    affected.
    """

    __slots__ = ("_changed", "_codec", "_stored", "_unread", "on_read")

    def __init__(self, codec: Codec, stored: Mapping[str, bytes]) -> None:
        super().__init__()
        self._codec = codec
        #: The encodings that the store has, as far as is known here, and the names of those not decoded yet.
        self._stored = stored
        self._unread = set(stored)
        #: The names that were set or removed since the store was last told.
        self._changed: set[str] = set()
        #: Is called with each name and value that was decoded.
        self.on_read: Callable[[str, object], object] | None = None

    def get(self, name: object) -> Any:
        """Return the value of *name*, or :data:`ABSENT`."""
        if name in self._unread:
            self._read(name)
        value = self._values.get(name, ABSENT)
        if self.closed:
            self.check_open()
        return value

    def snapshot(self) -> dict[str, Any]:
        """Return names and values as they are now."""
        self._read_all()
        return super().snapshot()

    def items(self) -> ItemsView[str, Any]:
        """Return names and values as they are now, or as they were when the map was closed."""
        self._read_all()
        return super().items()

    def put(self, name: str, value: Any, owner: object = None) -> Any:
        """Set *name* and return the value that it had, or :data:`ABSENT`."""
        if name in self._unread:
            self._read(name)
        old = super().put(name, value, owner)
        self._changed.add(name)
        return old

    def swap(self, name: str, old: Any, new: Any, owner: object = None, owned_by: object = None) -> bool:
        """Give *name* the value *new* if it still has the value *old*."""
        if name in self._unread:
            self._read(name)
        is_done = super().swap(name, old, new, owner, owned_by)
        if is_done:
            self._changed.add(name)
        return is_done

    def close(self) -> dict[str, Any]:
        """Take leave of the values; what hears of being read, and fails, does not hinder that."""
        for name in sorted(self._unread):
            try:
                self._read(name)
            except Exception:
                _log.exception("An attribute failed when it heard that it was read for the last time.")
        return super().close()

    def changed(self, others: set[str]) -> list[Any]:
        """Return the values that were set since the store was last told, and those of *others*, as far as they are
        there."""
        return [self._values[name] for name in self._changed | others if name in self._values]

    def delta(self, *, is_final: bool) -> tuple[dict[str, bytes], list[str]]:
        """Return what the store has to be told: the encodings of values that were set, or have changed inside, and the
        names of attributes that are gone. If this *is_final* what was set is not returned again.

        Raises:
            CodecError: a value cannot be stored any more.
        """
        changed, values = set(self._changed), {**self._values}
        put: dict[str, bytes] = {}
        removed: list[str] = []
        if changed:
            removed = [name for name in changed if name not in values and name in self._stored]
        for name in values:
            value = values[name]
            if name in changed or name not in self._stored:
                put[name] = self._codec.encode(value, name)
            elif type(value) not in IMMUTABLE and self._codec.can_change(value):
                data = self._codec.changed(value, self._stored[name], name)
                if data is not None:
                    put[name] = data
        if is_final:
            self._changed -= changed
        return put, removed

    def settle(self, put: Mapping[str, bytes], removed: Collection[str] = ()) -> None:
        """Note what the store has been told."""
        self._stored = {name: data for name, data in self._stored.items() if name not in removed} | dict(put)

    def spare(self, name: str) -> None:
        """Note that the store knows of *name* what there is to know."""
        self._changed.discard(name)

    def renew(self, stored: Mapping[str, bytes]) -> None:
        """Note what the store has now; what was set or removed here stands, and what has changed inside."""
        for name in self._stored.keys() | stored.keys():
            self.renew_one(name, stored.get(name))

    def renew_one(self, name: str, data: bytes | None) -> None:
        """Note what the store has of *name* now, None for nothing; otherwise as :meth:`renew`."""
        with self._lock:
            if self._stored.get(name) == data:
                return
            if name not in self._changed and not self._is_other(name):
                self._values.pop(name, None)
                (self._unread.discard if data is None else self._unread.add)(name)
            others = {other: kept for other, kept in self._stored.items() if other != name}
            self._stored = others if data is None else {**others, name: data}

    def _is_other(self, name: str) -> bool:
        """Return whether a value that the store has was read and has changed inside since."""
        if name not in self._values or name not in self._stored:
            return False
        value = self._values[name]
        try:
            return self._codec.can_change(value) and self._codec.changed(value, self._stored[name], name) is not None
        except CodecError:  # of which the commit will tell
            return True

    def stored(self, name: str) -> bytes | None:
        """Return the encoding that the store has, as far as is known here; None if it has none."""
        return self._stored.get(name)

    def encoded(self, name: str) -> bytes | None:
        """Return the encoding of what *name* is now; None if there is no such attribute."""
        value = self.get(name)
        return None if value is ABSENT else self._codec.encode(value, name)

    def _read(self, name: Any) -> None:
        """Decode *name*."""
        with self._lock:
            if name not in self._unread:
                return
            try:
                value = self._codec.decode(self._stored[name], name)
                self._values[name] = value
            except CodecError as error:
                value = ABSENT
                _log.error("An attribute is left out: %r", str(error))
            self._unread.discard(name)
        if self.on_read is not None and value is not ABSENT:
            self.on_read(name, value)

    def _read_all(self) -> None:
        for name in sorted(self._unread):
            self._read(name)
