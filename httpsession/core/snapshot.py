"""The attributes of a shared session as one request sees them, and their baseline in the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from ..attributes import ABSENT, NOT_MARKED, Attributes
from ..codec.nodes import IMMUTABLE
from ..errors import CodecError
from ..stores.base import note_damage

_log = logging.getLogger("httpsession")

#: Is called with the name and encoding of an attribute that has grown, and raises CodecError to refuse it.
Grow = Callable[[str, bytes], object]


class ValueCodec(Protocol):
    """Encodes and decodes the values of one session: a :class:`.Codec`, or one that encrypts."""

    def encode(self, value: object, name: str | None = None, former: bytes = b"") -> bytes: ...
    def decode(self, data: bytes, name: str | None = None) -> Any: ...
    def changed(self, value: object, data: bytes, name: str | None = None) -> bytes | None: ...
    def can_change(self, value: object) -> bool: ...


class AttributeSnapshot(Attributes):
    """Attributes that are decoded when they are first read, with the changes of one request.

    The baseline is what the store had when the request read or saved the session. An attribute that cannot be decoded
    is logged, and is absent to reads; the other attributes are not affected. Without a change it stays in the store,
    where a worker of another release may know its type. What is removed or set here is removed or set in the store.
    """

    __slots__ = ("_changed", "_codec", "_earlier", "_key", "_left_out", "_on_decode", "_stored", "_unread")

    def __init__(
        self, codec: ValueCodec, stored: Mapping[str, bytes], left_out: Collection[str] = (), key: bytes | None = None
    ) -> None:
        # Without super().__init__(), which would be two more calls in each request that reads.
        self._values = {}
        self._lock = threading.Lock()
        self._owners = NOT_MARKED
        self.closed = self.detached = False
        self._codec: ValueCodec = codec
        #: The baseline, which is replaced and never changed, and the names that are not decoded yet.
        self._stored: Mapping[str, bytes] = stored
        self._unread: set[str] = set(stored)
        #: The names of attributes that the store has and does not return.
        self._left_out: Collection[str] = left_out and frozenset(left_out)
        #: The key with which the session was read, for audit events.
        self._key: bytes | None = key
        #: The names that were set or removed since the last save; after a login, since the login.
        self._changed: set[str] = set()
        #: The names that were set or removed between the last save and a login.
        self._earlier: frozenset[str] = frozenset()
        #: A function to call with each name and value that was decoded.
        self._on_decode: Callable[[str, object], object] | None = None

    def notify(self, on_decode: Callable[[str, object], object]) -> None:
        """Call *on_decode* with each name and value that is decoded from now on."""
        self._on_decode = on_decode

    def get(self, name: object) -> Any:
        """Return the value of *name*, or :data:`ABSENT`."""
        if name in self._unread:
            self._decode(name)
        value = self._values.get(name, ABSENT)
        if self.closed:
            self.check_open()
        return value

    def snapshot(self) -> dict[str, Any]:
        """Return names and values, as a copy."""
        self._decode_all()
        return super().snapshot()

    def count(self) -> int:
        """Return how many attributes can be read."""
        self._decode_all()
        return super().count()

    def any_name(self) -> str | None:
        """Return the name of an attribute that can be read; None if there is none."""
        self._decode_all()
        return super().any_name()

    def names(self) -> list[str]:
        """Return all names: first of the attributes that can be read, then of those that cannot be decoded."""
        names = list(self.snapshot())
        return names + [name for name in {*self._stored, *self._left_out} if self._is_unreadable(name)]

    def remove_unreadable(self, name: Any) -> None:
        """Remove what the store has as *name*, if it was not decoded because it cannot be."""
        with self._lock:
            if self._is_unreadable(name):
                self._changed.add(name)

    def _is_unreadable(self, name: str) -> bool:
        """Return whether the store has an attribute that this request could not decode, and has not changed."""
        if (name not in self._stored and name not in self._left_out) or name in self._unread or name in self._values:
            return False
        return name not in self._changed and name not in self._earlier

    def put(self, name: str, value: Any, owner: object = None) -> Any:
        """Set *name* and return its former value, or :data:`ABSENT`."""
        if name in self._unread:
            self._decode(name)
        old = super().put(name, value, owner)
        self._changed.add(name)
        return old

    def swap(self, name: str, old: Any, new: Any, owner: object = None, owned_by: object = None) -> bool:
        """Give *name* the value *new* if it still has the value *old*."""
        if name in self._unread:
            self._decode(name)
        is_done = super().swap(name, old, new, owner, owned_by)
        if is_done:
            self._changed.add(name)
        return is_done

    def close(self) -> dict[str, Any]:
        """Close the map and return its values. A value whose listener fails when it is decoded here is logged."""
        for name in sorted(self._unread):
            try:
                self._decode(name)
            except Exception:
                _log.exception("An attribute failed when it was deserialised at the end of its session.")
        return super().close()

    def touched(self, names: set[str]) -> list[Any]:
        """Return the values that were set since the last save, and those of *names* that still exist."""
        return [self._values[name] for name in self._changed | self._earlier | names if name in self._values]

    def changes(self, grow: Grow, *, is_final: bool) -> tuple[dict[str, bytes], list[str]]:
        """Return the changes since the baseline: encodings of values that were set or have changed inside, and the
        names of removed attributes.

        Args:
            grow: is called with the name and encoding of each value that has changed inside, or may have since it was
                set, and has grown.
            is_final: whether names that were set so far count as unchanged afterwards.

        Raises:
            CodecError: a value cannot be stored any more.
        """
        changed, values = self._changed | self._earlier, {**self._values}
        put: dict[str, bytes] = {}
        removed: list[str] = []
        if changed:
            there = {*self._stored, *self._left_out}
            removed = [name for name in changed if name not in values and name in there]
        for name in values:
            value = values[name]
            former = self._stored[name] if name in self._stored else b""  # noqa: SIM401 - a call less
            data: bytes | None = None
            if name in changed or not former:
                data = self._codec.encode(value, name, former)
            elif type(value) not in IMMUTABLE and self._codec.can_change(value):
                data = self._codec.changed(value, former, name)
            if data is not None:
                put[name] = data
                if type(value) not in IMMUTABLE and len(data) > len(former):
                    grow(name, data)
        if is_final:
            self._changed -= changed
            self._earlier = frozenset()
        return put, removed

    def mark_saved(self, put: Mapping[str, bytes], removed: Collection[str]) -> None:
        """Add saved changes to the baseline."""
        self._stored = self.merged(put, removed) if removed else {**self._stored, **put}
        if self._left_out:
            self._left_out = frozenset(self._left_out).difference(put, removed)

    def mark_unchanged(self, name: str) -> None:
        """Count *name* as unchanged: the store has its present value."""
        self._changed.discard(name)

    def begin_login(self) -> None:
        """Separate the changes so far from those after the login, which belong to the user."""
        self._earlier |= self._changed
        self._changed = set()

    def set_since_login(self) -> dict[str, bytes]:
        """Return the encodings of the attributes that were set since the login."""
        return {name: self.encode(name, self._values[name]) for name in self._changed if name in self._values}

    def merged(self, put: Mapping[str, bytes], removed: Collection[str]) -> dict[str, bytes]:
        """Return the baseline with these changes applied."""
        gone = frozenset(removed)
        return {name: data for name, data in self._stored.items() if name not in gone} | dict(put)

    def restart(self, stored: Mapping[str, bytes]) -> None:
        """Reset to a new session that was stored with some of these attributes."""
        with self._lock:
            self._unread = {name for name in self._unread if name in stored}
            self._values = {name: value for name, value in self._values.items() if name in stored}
            self._stored, self._changed, self._earlier, self._left_out = stored, set(), frozenset(), ()

    def rebase(self, stored: Mapping[str, bytes]) -> None:
        """Replace the baseline by what the store has now. Changes of this request stand."""
        with self._lock:
            for name in self._stored.keys() | stored.keys():
                if self._stored.get(name) != stored.get(name):
                    self._forget_read(name, stored.get(name))
            self._stored = stored

    def rebase_one(self, name: str, data: bytes | None) -> None:
        """Replace the baseline of *name* alone; None: the store has no such attribute."""
        with self._lock:
            if self._stored.get(name) == data:
                return
            self._forget_read(name, data)
            others = {other: kept for other, kept in self._stored.items() if other != name}
            self._stored = others if data is None else {**others, name: data}

    def _forget_read(self, name: str, data: bytes | None) -> None:
        """Forget the value of *name*, since the baseline becomes other *data*, unless this request has changed it."""
        if name not in self._changed and name not in self._earlier and not self._has_changed_inside(name):
            self._values.pop(name, None)
            (self._unread.discard if data is None else self._unread.add)(name)

    def _has_changed_inside(self, name: str) -> bool:
        """Return whether a stored value was read and has changed inside since."""
        if name not in self._values or name not in self._stored:
            return False
        value = self._values[name]
        try:
            return self._codec.can_change(value) and self._codec.changed(value, self._stored[name], name) is not None
        except CodecError:  # the commit will raise it
            return True

    def stored(self, name: str) -> bytes | None:
        """Return the encoding of *name* in the baseline; None if there is none."""
        return self._stored[name] if name in self._stored else None  # noqa: SIM401 - a call less

    def copied(self, name: str) -> Any:
        """Return a copy of the present value of *name*; None if there is no such attribute."""
        value = self.get(name)
        return None if value is ABSENT else self._codec.decode(self.encode(name, value), name)

    def encode(self, name: str, value: object) -> bytes:
        """Return the encoding of a value that may be set as *name*.

        Raises:
            CodecError: the value cannot be stored.
        """
        return self._codec.encode(value, name, self.stored(name) or b"")

    def sizes(self, known: Mapping[str, int], measure: Callable[[str, object], int]) -> dict[str, int]:
        """Return the sizes of all attributes by name: those that are *known*, the others as in the baseline."""
        changed, stored, values = self._changed | self._earlier, self._stored, {**self._values}
        names = [*values, *(name for name in stored if name not in values and name not in changed)]
        return {name: known[name] if name in known else len(stored.get(name, b"")) for name in names}

    def _decode(self, name: Any) -> None:
        with self._lock:
            if name not in self._unread:
                return
            try:
                value = self._codec.decode(self._stored[name], name)
                self._values[name] = value
            except CodecError as error:
                value = ABSENT
                _log.error("An attribute is left out: %r", str(error))
                note_damage("attribute", self._key)
            self._unread.discard(name)
        if self._on_decode is not None and value is not ABSENT:
            self._on_decode(name, value)

    def _decode_all(self) -> None:
        for name in sorted(self._unread):
            self._decode(name)
