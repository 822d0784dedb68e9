"""The kinds of nodes: what the codec writes for each type of value, and how it makes the value again.

A value that MessagePack cannot hold as it is becomes a node: the number of its kind and a list of items, which are
values. The items are:

- of a list, tuple, set or frozenset, its members; of a dict, keys and values in turn;
- of an int beyond 64 bits, its bytes; of a Decimal, its text; of a UUID, its bytes and ``is_safe``;
- of a date, time, datetime or timedelta, its fields; of a time or datetime also ``fold`` and the time zone, which is
  nothing, an offset in microseconds with or without a name, or a key of the zone database;
- of an Enum member, the registered name and its own; of a dataclass, the registered name, then fields and values;
- of an object whose class is registered with a pair of functions, the registered name, then what the first returned;
- of a Markup, its text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from functools import cache
from itertools import chain
from reprlib import repr as short_repr
from typing import Any, Final, NoReturn
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo, available_timezones

from msgspec.msgpack import Encoder, Ext

#: The class of MarkupSafe, None without the package.
Markup: type[str] | None = None
with suppress(ImportError):
    from markupsafe import Markup

#: The kinds of nodes. The numbers are part of the format.
(LIST, TUPLE, SET, FROZENSET, DICT, INT, DECIMAL, GUID, DATE, TIME, DATETIME, TIMEDELTA, ENUM, OBJECT, PAIR, MARKUP) = (
    range(1, 17)
)
#: The code of the extension for ``bytes``.
BYTES: Final = 0
#: The types that MessagePack holds as they are; an int only within 64 bits.
NATIVE: Final[frozenset[type]] = frozenset({type(None), bool, int, float, str})
are_native: Final = NATIVE.issuperset
IMMUTABLE: Final[frozenset[type]] = NATIVE | (
    {bytes, date, time, datetime, timedelta, Decimal, UUID} | ({Markup} if Markup else set())
)
#: The types whose values can always change in place.
MUTABLE: Final[frozenset[type]] = frozenset({list, dict, set})
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1
#: The types of members of a set that are sorted as such. Other members are sorted by their encodings.
_SORTED: Final = ({int}, {str})
#: How many keys or members may share their hashes with others.
_CROWD: Final = 256
#: Exact whatever context an application has set, which may write lower case or turn numbers into NaN.
_EXACT: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, capitals=1, clamp=0, traps=[InvalidOperation])
_MICROSECOND: Final = timedelta(microseconds=1)
write: Final[Callable[[object], bytes]] = Encoder().encode
_zones = cache(available_timezones)


#: The remedy for functions of a registered pair that fail.
MEND: Final = "correct the functions with which the class is registered in types"


class RefusedError(Exception):
    """A value cannot be stored; the message says why.

    Args:
        why: follows the type of the value in a message.
        remedy: what can be done instead; empty: it depends on the type.
    """

    def __init__(self, why: str = "", remedy: str = "") -> None:
        super().__init__(why)
        self.remedy: str = remedy


class UnreadableError(ValueError):
    """Stored bytes do not fit what is installed or registered here; the message says why.

    Args:
        why: the reason.
        remedy: what can be done about it.
    """

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy: str = remedy


class TooManyError(RefusedError):
    """A value takes too many bytes."""


def name_of(cls: type) -> str:
    """Return the name of a type in messages, at most some 100 characters of it."""
    return cut(cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}", 100)


def cut(text: str, length: int) -> str:
    """Return a text of about *length* printable characters at most; of a longer one the middle is left out."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= length else f"{text[: length // 2]}...{text[-length // 2 :]}"


#: The number of a kind, and the items.
Node = tuple[int, Sequence[object]]


def _sequence_packer(kind: int) -> Callable[[Packing, Sequence[object]], Node]:
    """Return the packer of lists or tuples: the method of :class:`Packing` that does most of the work."""

    def pack(self: Packing, values: Sequence[object]) -> Node:
        self._room -= len(values) + 2
        if self._room < 0:
            raise TooManyError
        native, packers = self._native, self._packers
        if are_native(map(type, values)) and native is NATIVE:
            return kind, values
        if self._depth < 1:
            return kind, [value if type(value) in native else self.node(value) for value in values]
        self._depth -= 1
        items = [value if type(value) in native else packers[type(value)](self, value) for value in values]
        self._depth += 1
        return kind, items

    return pack


class Packing:
    """The packing of one value into what msgspec writes, within the bounds of depth and bytes."""

    __slots__ = ("_depth", "_native", "_packers", "_room", "has_pairs")

    def __init__(self, packers: Mapping[type, Packer], depth: int, room: int, native: frozenset[type] = NATIVE) -> None:
        self._packers = packers
        #: How many levels of nodes may still be within the present one.
        self._depth = depth
        #: How many bytes may still follow: an item takes at least one, a node at least three. This is counted on the
        #: way, since a small list may contain another list many times, which is written as often.
        self._room = room
        self._native = native
        #: Whether a function of the application has turned a part of the value into data.
        self.has_pairs: bool = False

    def node(self, value: object) -> object:
        """Return what is written for a value that is not native."""
        pack = self._packers[type(value)]
        if self._depth < 1 and not _is_flat(value):
            raise RefusedError("nested too deep")
        self._depth -= 1
        node = pack(self, value)
        self._depth += 1
        return node

    def items(self, values: Sequence[object]) -> Sequence[object]:
        """Return what is written for the items of a node; *values* is a list or tuple."""
        return self.pack_tuple(values)[1]

    pack_list = _sequence_packer(LIST)
    pack_tuple = _sequence_packer(TUPLE)


class Packers(dict[type, "Packer"]):
    """The packers of values, by type. Looking up another type raises RefusedError."""

    def __missing__(self, cls: type) -> NoReturn:
        for base in cls.__mro__[1:]:
            if base in PACKERS or base in NATIVE:
                raise RefusedError(f"a subclass of {name_of(base)}, as which it would come back")
        raise RefusedError("which is neither supported nor registered in types")


Packer = Callable[[Packing, Any], object]
Maker = Callable[[Sequence[Any]], object]


def _is_flat(value: object) -> bool:
    """Return whether a value is written without a node."""
    return type(value) is bytes or (type(value) is int and _MIN_INT <= value <= _MAX_INT)


def _check_crowd(values: Collection[object]) -> None:
    """Refuse keys or members whose hashes were made to collide: a dict or set of them takes quadratic time."""
    try:
        hashes = set(map(hash, values))
    except Exception as error:  # of a registered class
        why = f"with a key or member whose hash raised {name_of(type(error))}"
        raise RefusedError(why, "store a list of them") from error
    if len(values) - len(hashes) > _CROWD:
        why = f"with more than {_CROWD} keys or members that share their hashes with others"
        raise RefusedError(why, "store a list of them")


def _pack_int(_: Packing, value: int) -> int | Node:
    if _MIN_INT <= value <= _MAX_INT:
        return value
    return INT, (Ext(BYTES, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)),)


def _make_int(items: Sequence[Any]) -> int:
    (data,) = items
    return int.from_bytes(data, "big", signed=True)


def _pack_dict(packing: Packing, value: dict[object, object]) -> Node:
    if len(value) > _CROWD:
        _check_crowd(value)
    return DICT, packing.items([*chain.from_iterable(value.items())])


def make_dict(items: Sequence[Any]) -> dict[Any, Any]:
    """Return the dict of alternating keys and values."""
    length = len(items)
    if length > 2 * _CROWD:
        _check_crowd(items[::2])
    pairs = iter(items)
    made = dict(zip(pairs, pairs))  # noqa: B905 - a key without a value is found by the length
    if 2 * len(made) != length:
        raise ValueError("a key without a value, or a key that occurs twice")
    return made


def _set_packer(kind: int) -> Packer:
    """Return a packer that sorts members, so that equal sets have equal encodings."""

    def pack(packing: Packing, value: Collection[Any]) -> Node:
        if len(value) > _CROWD:
            _check_crowd(value)
        if set(map(type, value)) in _SORTED:
            return kind, packing.items(sorted(value))
        return kind, sorted(packing.items([*value]), key=write)

    return pack


def _set_maker(cls: Callable[[Iterable[Any]], Collection[Any]]) -> Maker:
    def make(items: Sequence[Any]) -> Collection[Any]:
        if len(items) > _CROWD:
            _check_crowd(items)
        made = cls(items)
        if len(made) != len(items):
            raise ValueError("a member that occurs twice")
        return made

    return make


def _make_markup(items: Sequence[Any]) -> str:
    (text,) = items
    if type(text) is not str:
        raise ValueError("a Markup without a text")
    if Markup is None:
        raise UnreadableError("it is a Markup, and the package MarkupSafe is not installed", "install MarkupSafe")
    return Markup(text)  # noqa: S704 - it was a Markup when it was stored


def _make_decimal(items: Sequence[Any]) -> Decimal:
    (text,) = items
    return Decimal(text, _EXACT)


def _make_uuid(items: Sequence[Any]) -> UUID:
    data, is_safe = items
    return UUID(bytes=data, is_safe=SafeUUID(is_safe))


def _pack_zone(zone: tzinfo | None) -> tuple[object, ...]:
    """Return the items of a time zone; only a fixed offset and a zone of the database come back as they are."""
    if zone is None:
        return ()
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return offset // _MICROSECOND, *name
    if type(zone) is ZoneInfo and zone.key in _zones():
        return (zone.key,)
    why = f"with a tzinfo of type {name_of(type(zone))}, which would not come back as itself"
    raise RefusedError(why, "use a datetime.timezone or a zoneinfo.ZoneInfo, or store value.isoformat()")


def _make_zone(items: Sequence[Any]) -> tzinfo | None:
    if not items:
        return None
    if type(items[0]) is int:
        return timezone(items[0] * _MICROSECOND, *items[1:])
    (key,) = items
    if key not in _zones():  # zoneinfo would look for it among modules
        raise ValueError(f"the time zone {short_repr(key)} is not known here")
    return ZoneInfo(key)


def _pack_time(_: Packing, value: time) -> Node:
    parts = value.hour, value.minute, value.second, value.microsecond, value.fold
    return TIME, (*parts, *_pack_zone(value.tzinfo))


def _pack_datetime(packing: Packing, value: datetime) -> Node:
    return DATETIME, (value.year, value.month, value.day, *_pack_time(packing, value.timetz())[1])


def _clock_maker(cls: Callable[..., object], length: int) -> Maker:
    """Return a maker of times with *length* fields, ``fold`` the last of them, before the time zone."""
    return lambda items: cls(*items[: length - 1], _make_zone(items[length:]), fold=items[length - 1])


def _maker(cls: Callable[[Any, Any, Any], object]) -> Maker:
    """Return a maker that holds the class itself, since freezegun replaces some of these classes in modules."""

    def make(items: Sequence[Any]) -> object:
        first, second, third = items  # neither more nor fewer: date() takes bytes, unchecked
        return cls(first, second, third)

    return make


#: The packers of values, by type.
PACKERS: Final[Mapping[type, Packer]] = {
    list: Packing.pack_list,
    tuple: Packing.pack_tuple,
    set: _set_packer(SET),
    frozenset: _set_packer(FROZENSET),
    dict: _pack_dict,
    bytes: lambda _, value: Ext(BYTES, value),
    int: _pack_int,
    Decimal: lambda _, value: (DECIMAL, (_EXACT.to_sci_string(value),)),
    UUID: lambda _, value: (GUID, (Ext(BYTES, value.bytes), value.is_safe.value)),
    date: lambda _, value: (DATE, (value.year, value.month, value.day)),
    time: _pack_time,
    datetime: _pack_datetime,
    timedelta: lambda _, value: (TIMEDELTA, (value.days, value.seconds, value.microseconds)),
    **({Markup: lambda _, value: (MARKUP, (str.__str__(value),))} if Markup else {}),
}
#: The makers of values from the items of a node, by kind.
MAKERS: Final[Mapping[int, Maker]] = {
    LIST: lambda items: items,
    TUPLE: tuple,
    SET: _set_maker(set),
    FROZENSET: _set_maker(frozenset),
    DICT: make_dict,
    INT: _make_int,
    DECIMAL: _make_decimal,
    GUID: _make_uuid,
    DATE: _maker(date),
    TIME: _clock_maker(time, 5),
    DATETIME: _clock_maker(datetime, 8),
    TIMEDELTA: _maker(timedelta),
    MARKUP: _make_markup,
}
