"""Attribute values to bytes and back, exactly: what comes back has the same types and content, or was refused.

The bytes are a version, then MessagePack by way of msgspec. Of MessagePack only nil, booleans, numbers, strings and
arrays are used, and one extension for ``bytes``. All else is written as nodes (:mod:`httpsession.codec.nodes`). No name
in the data is ever imported: the codec looks it up among the registered types.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from enum import Enum
from functools import partial
from reprlib import repr as short_repr
from types import GenericAlias, MappingProxyType
from typing import Any, Final

from msgspec import defstruct
from msgspec.msgpack import Decoder, Ext

from ..errors import CodecError, ConfigError
from ..record import MAX_VALUE
from .nodes import (
    BYTES,
    IMMUTABLE,
    MAKERS,
    MEND,
    MUTABLE,
    NATIVE,
    PACKERS,
    Packers,
    Packing,
    RefusedError,
    TooManyError,
    UnreadableError,
    are_native,
    write,
)
from .refusals import TO, Search, cannot_read, cannot_store, check_name, children, told
from .registered import Registered, RegisteredDataclass, RegisteredPair, Types, registrations

#: The first byte of every encoding; another format gets another version.
VERSION: Final = 1
#: The first byte of an encoding that is encrypted.
SEALED: Final = 2
_PREFIX: Final = bytes([VERSION])
_NATIVE_BUT_INT: Final = NATIVE - {int}
_SPLIT: Final = "split it into several attributes, or keep it elsewhere and store what finds it"


class Codec:
    """Encodes and decodes attribute values.

    Supported are None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, datetime, date, time,
    timedelta, Decimal, UUID, MarkupSafe's Markup, and the registered types; of each the very type, no subclass. Values
    that are equal in type and content have equal encodings. Sets are sorted for that; dicts keep their order.

    Args:
        types: classes by the names under which they are written: dataclasses, Enum classes, and tuples of any class, a
            function that returns storable data of an object, and a function that makes the object of the data. A class
            with several names is written under the first.
        max_depth: how deep values may be nested, 1 to 100. None, a bool, a number, a string and bytes do not count.
        max_bytes: how long an encoding may be, if the attribute's former one is not longer.

    Raises:
        ConfigError: *types* or a bound is wrong.
    """

    def __init__(self, types: Types = MappingProxyType({}), *, max_depth: int = 32, max_bytes: int = MAX_VALUE) -> None:
        _check_bound("max_depth", max_depth, 100)
        _check_bound("max_bytes", max_bytes, MAX_VALUE)
        self.max_depth: int = max_depth
        self.max_bytes: int = max_bytes
        self._types: dict[str, Registered] = registrations(types)
        writers = {own.cls: own for own in reversed(self._types.values())}
        self._packers = Packers({**PACKERS, **{cls: own.pack for cls, own in writers.items()}})
        self._pairs = {cls: own for cls, own in writers.items() if isinstance(own, RegisteredPair)}
        self._frozen = {
            cls: own.fields for cls, own in writers.items() if isinstance(own, RegisteredDataclass) and own.is_frozen
        }
        self._read = _reader(max_depth)

    @property
    def classes(self) -> frozenset[type]:
        """The registered classes."""
        return frozenset(own.cls for own in self._types.values())

    def encode(self, value: object, name: str | None = None, former: bytes = b"", *, was_read: bool = False) -> bytes:
        """Return the encoding of *value*, the value of the attribute *name*.

        Args:
            value: the value.
            name: the name, for messages.
            former: the encoding that the attribute has had. A value that takes no more bytes is in no case too long.
            was_read: whether *former* was decoded here, so that an equal encoding can be, too.

        Raises:
            CodecError: the value would not come back as it is, is nested too deep or takes too many bytes, or the name
                cannot be written in UTF-8. The message ends with what can be done instead.
        """
        if name is not None and not name.isascii():
            check_name(name)
        try:
            if type(value) in NATIVE:
                data = _PREFIX + write(value)
            else:
                packing = Packing(self._packers, self.max_depth, max(self.max_bytes, len(former)))
                data = _PREFIX + write(packing.node(value))
                if packing.has_pairs and not (was_read and data == former):
                    self._check_readable(data)
        except TooManyError:
            raise self._too_long(name, former) from None
        except (RefusedError, OverflowError, UnicodeEncodeError):
            data = self._encode_large_ints(value, name, former)
        if len(data) > self.max_bytes and len(data) > len(former):
            raise self._too_long(name, former, len(data))
        return data

    def decode(self, data: bytes, name: str | None = None) -> Any:
        """Return the value of the attribute *name* that was encoded as *data*; each call makes a new one.

        Raises:
            CodecError: *data* is no encoding, or has a type or field that is unknown here.
        """
        try:
            if len(data) > MAX_VALUE:
                raise ValueError(f"it has {len(data)} bytes of {MAX_VALUE} allowed")
            if data[0] == SEALED:
                raise UnreadableError("it is encrypted, and there are no keys", "give encryption_keys")
            if data[0] != VERSION:
                raise ValueError("it is of an unknown format")
            value = self._read(data[1:])
            return value if type(value) in NATIVE else self._restore(value)
        except Exception as error:  # hostile bytes make the constructors of many types raise many kinds of errors
            raise cannot_read(name, error) from error

    def changed(self, value: object, data: bytes, name: str | None = None) -> bytes | None:
        """Return the new encoding of *value*, which was decoded from *data*; None if it has not changed since.

        Changes by the decoding itself, such as defaults of missing fields, do not count. To find that nothing has
        changed costs about as much as the decoding did, unless there are such changes.

        Raises:
            CodecError: the value cannot be stored any more.
        """
        now = self.encode(value, name, data, was_read=True)
        if now == data or now == self.encode(self.decode(data, name), name, data, was_read=True):
            return None
        return now

    def can_change(self, value: object) -> bool:
        """Return whether *value*, which was decoded, can change in place; if not, :meth:`changed` can be skipped."""
        cls = type(value)
        if cls is tuple or cls is frozenset:
            items: Collection[Any] = value  # type: ignore[assignment]
        elif cls in self._frozen:
            items = [getattr(value, name, None) for name in self._frozen[cls]]
        else:
            return cls not in IMMUTABLE and not (isinstance(value, Enum) and cls not in self._pairs)
        types = set(map(type, items))
        return not types <= IMMUTABLE and (not types.isdisjoint(MUTABLE) or any(map(self.can_change, items)))

    def _encode_large_ints(self, value: object, name: str | None, former: bytes) -> bytes:
        """Encode a value that was refused as it stands, perhaps for an int of more than 64 bits."""
        write_within = partial(self._write, max(self.max_bytes, len(former)))
        try:
            return _PREFIX + write_within(value, self.max_depth)
        except TooManyError:
            error = self._too_long(name, former)
        except (RefusedError, UnicodeEncodeError):
            error = Search(write_within, self._children, self.max_depth).error(value, name)
        raise error

    def _too_long(self, name: str | None, former: bytes, size: int | None = None) -> CodecError:
        """Return the error for a value of this size; None: it was refused before it was written out."""
        takes = f"{size}" if size else f"more than {max(self.max_bytes, len(former))}"
        return cannot_store(name, f"it takes {takes} bytes, but max_attribute_bytes is {self.max_bytes}", _SPLIT)

    def _write(self, room: int, value: object, depth: int) -> bytes:
        """Write a value of at most *depth* levels; each int is packed, so that large ones become nodes."""
        packing = Packing(self._packers, depth, room, _NATIVE_BUT_INT)
        data = write(value if type(value) in _NATIVE_BUT_INT else packing.node(value))
        if packing.has_pairs:
            self._check_readable(_PREFIX + data)
        return data

    def _check_readable(self, data: bytes) -> None:
        """Refuse a value of which the functions of the application make data that cannot be read again."""
        try:
            self._restore(self._read(data[1:]))
        except Exception as error:
            remedy = error.remedy if isinstance(error, RefusedError | UnreadableError) else MEND
            raise RefusedError(f"which could not be read again: {told(error)}", remedy) from error

    def _children(self, value: object) -> Iterator[tuple[str, object]]:
        """Yield the values inside of *value*, each with the step of the path that leads there."""
        pair = self._pairs.get(type(value))
        if pair is None:
            yield from children(value)
        else:
            with suppress(RefusedError):
                yield TO, pair.to_data(value)

    def _restore(self, node: Any) -> object:
        """Return the value that a node, or an extension, stands for."""
        if type(node) is Ext:
            if node.code != BYTES:
                raise ValueError("it has an unknown extension")
            return node.data
        items = node.items
        if not are_native(map(type, items)):
            restore = self._restore
            for at, item in enumerate(items):  # in the list of the node, since each list more is one to collect
                if type(item) not in NATIVE:
                    items[at] = restore(item)
        kind = node.kind
        if kind in MAKERS:
            return MAKERS[kind](items)
        return self._restore_registered(kind, *items)

    def _restore_registered(self, kind: int, name: str, *items: Any) -> object:
        own = self._types.get(name)
        if own is None or own.kind != kind:
            name = short_repr(name)
            raise UnreadableError(f"there is no type {name} of kind {kind} in types", f"register a class as {name}")
        return own.make(items)


def _reader(depth: int) -> Callable[[bytes], Any]:
    """Return a reader of nodes that are nested at most *depth* levels.

    Each level has a class of its own. So hostile bytes get no deeper in C either, where the stack would overflow.
    """
    scalar: Any = None | bool | int | float | str | Ext
    level = scalar
    for _ in range(depth):
        items = ("items", GenericAlias(list, (level,)))
        node = defstruct("Node", [("kind", int), items], array_like=True, forbid_unknown_fields=True, gc=False)
        level = scalar | node
    return Decoder(level).decode


def _check_bound(name: str, value: int, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigError(f"Codec.{name} is {value!r}, but must be an int from 1 to {most}")
