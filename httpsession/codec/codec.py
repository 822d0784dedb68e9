"""Attribute values to bytes and back, exactly: what comes back has the same types and content, or was refused.

The bytes are a version, then MessagePack by way of msgspec. Of MessagePack only nil, booleans, numbers, strings and
arrays are used, and one extension for ``bytes``; the rest is written as nodes (:mod:`httpsession.codec.nodes`). No name
in the data is ever imported: it is looked up among the types that were registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cached_property
from itertools import chain
from reprlib import repr as short_repr
from types import GenericAlias, MappingProxyType, MemberDescriptorType
from typing import Any, Final

from msgspec import defstruct
from msgspec.msgpack import Decoder, Ext

from ..errors import CodecError, ConfigError
from .nodes import (
    BYTES,
    ENUM,
    IMMUTABLE,
    MAKERS,
    NATIVE,
    OBJECT,
    PACKERS,
    Packer,
    Packing,
    RefusedError,
    TooManyError,
    are_native,
    make_dict,
    name_of,
    write,
)

#: The first byte of all that is written: another format gets another one.
VERSION: Final = 1
_PREFIX: Final = bytes([VERSION])
_NATIVE_BUT_INT: Final = NATIVE - {int}


class Codec:
    """Writes and reads attribute values.

    Takes None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, datetime, date, time, timedelta,
    Decimal, UUID, and what is registered; of each the very type, no subclass. What is equal in type and content has
    equal encodings; sets are written in an order of their own, dicts in theirs.

    Args:
        types: dataclasses and Enum classes by the names under which they are written. One that has several names is
            written under the first.
        max_depth: how deep values may be nested, 1 to 100; each that is not None, a bool, a number, a string or bytes
            counts.
        max_bytes: how long an encoding may be.

    Raises:
        ConfigError: *types* or a bound is wrong.
    """

    def __init__(
        self, types: Mapping[str, type] = MappingProxyType({}), *, max_depth: int = 32, max_bytes: int = 2**20
    ) -> None:
        _check_bound("max_depth", max_depth, 100)
        _check_bound("max_bytes", max_bytes, 2**31)
        self.max_depth = max_depth
        self.max_bytes = max_bytes
        if not isinstance(types, Mapping):
            raise ConfigError(f"types is {types!r}, but must be a mapping of names to types")
        self._types = {name: _Registered(name, cls) for name, cls in types.items()}
        self._packers: dict[type, Packer] = dict(PACKERS)
        for registered in reversed(self._types.values()):
            self._packers[registered.cls] = registered.pack
        self._read = _reader(max_depth)

    def encode(self, value: object, name: str | None = None) -> bytes:
        """Return the encoding of *value*, the value of the attribute *name*.

        Raises:
            CodecError: the value would not come back as it is, is nested too deep or takes too much room, or the name
                cannot be written in UTF-8.
        """
        if name is not None and not name.isascii():
            _check_name(name)
        try:
            if type(value) in NATIVE:
                data = _PREFIX + write(value)
            else:
                data = _PREFIX + write(Packing(self._packers, self.max_depth, self.max_bytes).node(value))
        except TooManyError:
            raise _cannot_store(name, f"it takes more than {self.max_bytes} bytes") from None
        except (RefusedError, OverflowError, UnicodeEncodeError):
            data = self._encode_with_care(value, name)
        if len(data) > self.max_bytes:
            raise _cannot_store(name, f"it takes {len(data)} bytes of {self.max_bytes} allowed")
        return data

    def decode(self, data: bytes, name: str | None = None) -> Any:
        """Return the value of the attribute *name* that was encoded as *data*; each call makes a new one.

        Raises:
            CodecError: *data* is no encoding, or one with a type or field that is not known here.
        """
        try:
            if len(data) > self.max_bytes:
                raise ValueError(f"it has {len(data)} bytes of {self.max_bytes} allowed")
            if data[0] != VERSION:
                raise ValueError("it is of an unknown format")
            value = self._read(data[1:])
            return value if type(value) in NATIVE else self._restore(value)
        except Exception as error:  # hostile bytes lead to whatever the constructors of so many types raise
            what = "a value" if name is None else f"attribute {name!r}"
            why = str(error)[:200] or type(error).__name__
            raise CodecError(f"{what} cannot be read: {why}", name, name) from error

    def changed(self, value: object, data: bytes, name: str | None = None) -> bytes | None:
        """Return the new encoding of *value*, which was decoded from *data*, if it has changed since, else None.

        What decoding itself changes, such as fields that it fills in, does not count.

        Raises:
            CodecError: the value cannot be stored any more.
        """
        now = self.encode(value, name)
        if now == data or now == self.encode(self.decode(data, name), name):
            return None
        return now

    def can_change(self, value: object) -> bool:
        """Return whether *value*, which was decoded, can be changed in place: if not, there is nothing to compare."""
        cls = type(value)
        if cls in IMMUTABLE or isinstance(value, Enum):
            return False
        if cls is tuple or cls is frozenset or _is_frozen(cls):
            return any(self.can_change(child) for _, child in _children(value))
        return True

    def _encode_with_care(self, value: object, name: str | None) -> bytes:
        """Encode what has large integers, or find out what is wrong where."""
        try:
            return _PREFIX + self._write(value, self.max_depth)
        except (RefusedError, UnicodeEncodeError):
            path, culprit, why = self._locate(value, "value" if name is None else name, self.max_depth, ())
        raise _cannot_store(name, f"{path} is of type {name_of(type(culprit))}, {why}", path)

    def _write(self, value: object, depth: int) -> bytes:
        packing = Packing(self._packers, depth, self.max_bytes, _NATIVE_BUT_INT)
        return write(value if type(value) in _NATIVE_BUT_INT else packing.node(value))

    def _why_refused(self, value: object, depth: int) -> str:
        """Return why *value* is refused; empty if it is not."""
        try:
            self._write(value, depth)
        except UnicodeEncodeError:
            return "with a lone surrogate, which UTF-8 cannot hold"
        except RefusedError as error:
            return str(error)
        return ""

    def _locate(self, value: object, path: str, depth: int, within: tuple[object, ...]) -> tuple[str, object, str]:
        """Return where in a refused value the trouble is, what is there, and why it is refused."""
        if any(value is outer for outer in within):
            return path, value, "which contains itself"
        if depth < 1:
            return path, value, f"nested deeper than {self.max_depth} levels"
        for step, child in _children(value):
            if self._why_refused(child, depth - 1):
                return self._locate(child, path + step, depth - 1, (*within, value))
        return path, value, self._why_refused(value, depth)

    def _restore(self, node: Any) -> Any:
        """Return the value that a node, or an extension, stands for."""
        if type(node) is Ext:
            if node.code != BYTES:
                raise ValueError("it has an unknown extension")
            return node.data
        items = node.items
        if not are_native(map(type, items)):
            restore = self._restore
            items = [item if type(item) in NATIVE else restore(item) for item in items]
        kind = node.kind
        if kind in MAKERS:
            return MAKERS[kind](items)
        return self._restore_registered(kind, *items)

    def _restore_registered(self, kind: int, name: str, *items: Any) -> Any:
        registered = self._types.get(name)
        if registered is None or registered.kind != kind:
            raise ValueError(f"there is no type {short_repr(name)} of kind {kind} in types")
        return registered.make(items)


class _Registered:
    """A dataclass or an Enum class that an application registered."""

    def __init__(self, name: str, cls: Any) -> None:
        if not (isinstance(name, str) and name.isprintable() and name):
            raise ConfigError(f"types has the name {name!r}, but names must be printable strings")
        self._name = name
        self.cls = cls
        self.kind: int
        self.pack: Packer
        self.make: Callable[[Sequence[Any]], Any]
        if isinstance(cls, type) and issubclass(cls, Enum):
            self.kind, self.pack, self.make = ENUM, self._pack_member, self._make_member
        elif isinstance(cls, type) and is_dataclass(cls) and _is_plain(cls):
            self.kind, self.pack, self.make = OBJECT, self._pack_object, self._make_object
            self._fields = {field.name: field for field in fields(cls)}
            members = [member for base in cls.__mro__ for member in vars(base).items()]
            self._known = self._fields.keys() | {key for key, own in members if type(own) is cached_property}
            self._slots = {key for key, own in members if type(own) is MemberDescriptorType} - self._known
        else:
            raise ConfigError(f"types[{name!r}] is {cls!r}, but must be a dataclass or an Enum class")

    def _pack_member(self, _: Packing, value: Enum) -> Any:
        if value.name not in self.cls.__members__:
            raise RefusedError("of which it is no single member")
        return ENUM, (self._name, value.name)

    def _make_member(self, items: Sequence[Any]) -> Any:
        (member,) = items
        return self.cls[member]

    def _pack_object(self, packing: Packing, value: object) -> Any:
        unknown = vars(value).keys() - self._known if hasattr(value, "__dict__") else set()
        unknown.update(slot for slot in self._slots if hasattr(value, slot))
        if unknown:
            raise RefusedError(f"with attributes that are no fields: {', '.join(sorted(unknown))}")
        try:
            pairs = [(key, getattr(value, key)) for key in self._fields]
        except AttributeError as error:
            raise RefusedError(f"whose field {error.name} is not set") from None
        return OBJECT, packing.items([self._name, *chain.from_iterable(pairs)])

    def _make_object(self, items: Sequence[Any]) -> object:
        """Make an object as ``copy.copy`` does: neither ``__init__`` nor ``__post_init__`` is called."""
        values = make_dict(items)
        unknown = values.keys() - self._fields.keys()
        if unknown:
            raise ValueError(f"{self._name} has no field {short_repr(unknown.pop())}")
        made = object.__new__(self.cls)
        for key, field in self._fields.items():
            if key in values:
                value = values[key]
            elif field.default_factory is not MISSING:
                value = field.default_factory()
            elif field.default is not MISSING:
                value = field.default
            else:
                raise ValueError(f"the field {key} of {self._name} is missing and has no default")
            object.__setattr__(made, key, value)
        return made


def _is_plain(cls: type) -> bool:
    """Return whether the objects of a class hold attributes only, unlike those of a subclass of list."""
    try:
        object.__new__(cls)
    except TypeError:
        return False
    return True


def _is_frozen(cls: type) -> bool:
    params: Any = getattr(cls, "__dataclass_params__", None)
    return params is not None and params.frozen is True


def _reader(depth: int) -> Callable[[bytes], Any]:
    """Return a reader of nodes nested so deep.

    Each level has a class of its own, so that hostile bytes get no deeper in C either, where the stack would overflow.
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


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _cannot_store(name, "its name has a lone surrogate, which UTF-8 cannot hold") from None


def _cannot_store(name: str | None, why: str, path: str | None = None) -> CodecError:
    what = "a value" if name is None else f"attribute {name!r}"
    return CodecError(f"{what} cannot be stored: {why}", name, path or name)


def _children(value: Any) -> Iterator[tuple[str, object]]:
    """Go through what a value holds, each with the step of the path that leads there."""
    cls = type(value)
    if cls is list or cls is tuple:
        yield from ((f"[{at}]", item) for at, item in enumerate(value))
    elif cls is set or cls is frozenset:
        yield from (("{}", item) for item in value)
    elif cls is dict:
        yield from ((".keys()", key) for key in value)
        yield from ((f"[{short_repr(key) if type(key) in IMMUTABLE else '...'}]", item) for key, item in value.items())
    elif is_dataclass(cls):
        yield from ((f".{field.name}", getattr(value, field.name, None)) for field in fields(cls))
