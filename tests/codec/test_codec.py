"""The codec: exact round trips, bytes that stay what they are, refusals by name and path, hostile bytes."""

from __future__ import annotations

import fractions
import functools
import io
import json
import math
import pickle
import struct
import sys
import threading
import tracemalloc
import uuid
from collections import OrderedDict, UserList, namedtuple
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, localcontext
from enum import Enum, Flag, IntEnum, StrEnum, auto
from functools import cached_property
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpsession import CodecError, ConfigError, SessionError
from httpsession.codec import Codec
from httpsession.record import MAX_VALUE
from tests.support.cost import calls

BERLIN = ZoneInfo("Europe/Berlin")
CET = timezone(timedelta(hours=1), "CET")


class Color(Enum):
    RED = "r"
    GREEN = "g"
    VERDE = "g"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mode(StrEnum):
    ON = "on"


class Rights(Flag):
    READ = auto()
    WRITE = auto()


@dataclass
class Item:
    sku: str
    price: object = Decimal("0.00")
    tags: list = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Point:
    x: object
    y: object = 0


@dataclass(eq=False)
class Loud:
    """Would show that a constructor ran."""

    value: object
    extra: InitVar[int] = 1
    doubled: object = field(init=False, default=None)

    def __post_init__(self, extra):
        self.doubled = [self.value, extra]

    @cached_property
    def cached(self):
        return 1


TYPES = {
    "color": Color,
    "level": Level,
    "mode": Mode,
    "rights": Rights,
    "item": Item,
    "point": Point,
    "loud": Loud,
}
CODEC = Codec(TYPES)


def same(one, other):
    """Tell whether two values are the same to the last bit and type."""
    cls = type(one)
    if cls is not type(other):
        return False
    if cls is float:
        return struct.pack("d", one) == struct.pack("d", other)
    if cls in (list, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if cls is dict:
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if cls in (set, frozenset):
        rest = list(other)
        for member in one:
            found = [at for at, candidate in enumerate(rest) if same(member, candidate)]
            if not found:
                return False
            del rest[found[0]]
        return not rest
    if cls is Decimal:
        return one.as_tuple() == other.as_tuple()
    if cls in (datetime, time):
        return one.replace(tzinfo=None).isoformat() == other.replace(tzinfo=None).isoformat() and (
            one.fold == other.fold and same_zone(one.tzinfo, other.tzinfo)
        )
    if cls is uuid.UUID:
        return (one.int, one.is_safe) == (other.int, other.is_safe)
    if isinstance(one, Enum):
        return one is other
    if cls in (Item, Point, Loud):
        return all(same(getattr(one, name), getattr(other, name)) for name in cls.__dataclass_fields__)
    return one == other


def same_zone(one, other):
    """Tell whether two time zones are the same, their names included."""
    if isinstance(one, ZoneInfo):
        return one is other
    return type(one) is type(other) and repr(one) == repr(other)


def test_the_oracle_is_exact():
    """The comparison that these tests rely on sees what ``==`` does not."""
    different = [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ([1], (1,)),
        ({1}, frozenset({1})),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Decimal("1.0"), Decimal("1.00")),
        (datetime(2025, 10, 26, 2, fold=0), datetime(2025, 10, 26, 2, fold=1)),
        (datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=ZoneInfo("UTC"))),
        (datetime(2025, 1, 1, tzinfo=CET), datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        ({1: 1}, {True: 1}),
    ]

    assert [pair for pair in different if same(*pair)] == []
    assert same(math.nan, math.nan)
    assert same({math.nan, "a"}, {"a", math.nan})


text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
decimals = st.decimals() | st.sampled_from(
    [Decimal(one) for one in ("sNaN", "-sNaN12", "NaN7", "-0", "0E-30", "1E+400", "-Infinity", "1.500")]
)
zones = st.one_of(
    st.none(),
    st.just(BERLIN),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]).map(ZoneInfo),
    st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(timezone),
    st.just(CET),
)
folds = st.sampled_from([0, 1])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**400, -(10**400)]),
    st.floats(),
    text,
    st.binary(max_size=20),
    decimals,
    st.uuids(),
    st.dates(),
    st.timedeltas(),
    st.builds(lambda at, fold: at.replace(fold=fold), st.datetimes(timezones=zones), folds),
    st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.times(), zones, folds),
    st.sampled_from([Color.RED, Color.VERDE, Level.HIGH, Mode.ON, Rights.READ]),
)


def is_hashable(value):
    try:
        hash(value)
    except TypeError:  # a signalling NaN
        return False
    return True


keys = st.recursive(
    scalars.filter(is_hashable),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3), st.builds(Point, inner, inner)
    ),
    max_leaves=5,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(keys, inner, max_size=5),
        st.dictionaries(text, inner, max_size=5),
        st.sets(keys, max_size=5),
        st.frozensets(keys, max_size=5),
        st.builds(Item, text, inner, st.lists(inner, max_size=3)),
        st.builds(Point, inner, inner),
        st.builds(Loud, inner),
    ),
    max_leaves=30,
)


@settings(max_examples=500, deadline=None)
@given(values)
@example([2**64, {"a": -(2**63) - 1}, {2**70, 1}])
@example({1: "int", "1": "str", None: 0, 1.5: b"", b"1": (), (1, (2.5, None)): 0, math.nan: math.nan})
@example([math.inf, -math.inf, -0.0, struct.unpack("d", b"\x01\0\0\0\0\0\xf8\xff")[0]])
def test_round_trip(value):
    """Each value comes back with its very type and content, and would be written in the same bytes again."""
    data = CODEC.encode(value, "a")
    back = CODEC.decode(data, "a")

    assert same(value, back)
    assert CODEC.encode(back, "a") == data
    assert CODEC.changed(back, data, "a") is None


@settings(max_examples=100, deadline=None)
@given(values)
def test_what_cannot_change_is_immutable(value):
    """A value that is said not to change has no list, dict, set or mutable object in it."""

    def is_mutable(value):
        if type(value) in (tuple, frozenset):
            return any(map(is_mutable, value))
        return type(value) in (list, dict, set, Item, Loud) or (
            type(value) is Point and (is_mutable(value.x) or is_mutable(value.y))
        )

    assert CODEC.can_change(value) is is_mutable(value)


GOLDEN = {
    "none": (None, "01c0"),
    "bool": (True, "01c3"),
    "int": (-300, "01d1fed4"),
    "int of 64 bits": (2**64 - 1, "01cfffffffffffffffff"),
    "larger int": (2**64, "01920691c70900010000000000000000"),
    "larger negative int": (-(2**63) - 1, "01920691c70900ff7fffffffffffffff"),
    "float": (1.5, "01cb3ff8000000000000"),
    "negative zero": (-0.0, "01cb8000000000000000"),
    "nan": (math.nan, "01cb7ff8000000000000"),
    "str": ("kim", "01a36b696d"),
    "bytes": (b"kim", "01c703006b696d"),
    "list": ([1, "a"], "0192019201a161"),
    "tuple": ((1, [2]), "01920292019201" + "9102"),
    "set": ({"b", "a"}, "01920392a161a162"),
    "mixed set": ({"a", 1, None}, "0192039301a161c0"),
    "frozenset": (frozenset({2, 10}), "01920492020a"),
    "dict": ({"b": 1, "a": [2]}, "01920594a16201a16192019102"),
    "dict of int": ({1: None}, "0192059201c0"),
    "Decimal": (Decimal("-1.50E+7"), "01920791a82d312e3530452b37"),
    "UUID": (uuid.UUID(int=1), "01920892d80000000000000000000000000000000001c0"),
    "date": (date(2026, 2, 3), "01920993cd07ea0203"),
    "time": (time(1, 2, 3, 4, fold=1), "01920a950102030401"),
    "datetime": (datetime(2026, 2, 3, 4, 5, 6, 7), "01920b98cd07ea02030405060700"),
    "datetime, offset": (datetime(2026, 2, 3, tzinfo=UTC), "01920b99cd07ea0203000000000000"),
    "datetime, named offset": (
        datetime(2026, 2, 3, tzinfo=CET),
        "01920b9acd07ea02030000000000ced693a400a3434554",
    ),
    "datetime, zone": (
        datetime(2026, 2, 3, tzinfo=BERLIN),
        "01920b99cd07ea02030000000000ad4575726f70652f4265726c696e",
    ),
    "timedelta": (timedelta(-1, 2, 3), "01920c93ff0203"),
    "Enum": (Color.RED, "01920d92a5636f6c6f72a3524544"),
    "dataclass": (Point(1, None), "01920e95a5706f696e74a17801a179c0"),
}


@pytest.mark.parametrize(("value", "data"), GOLDEN.values(), ids=GOLDEN)
def test_format(value, data):
    """Later versions can read what is stored today: the bytes of each type are pinned."""
    assert CODEC.encode(value).hex() == data
    assert same(CODEC.decode(bytes.fromhex(data)), value)


class Subclass(str):
    __slots__ = ()


class Zone(tzinfo):
    def utcoffset(self, at):
        return timedelta(0)


@dataclass
class Unregistered:
    a: int = 1


def with_attribute():
    item = Item("a")
    item.note = 1
    return item


def without_field():
    item = Item("a")
    del item.sku
    return item


def holding_itself():
    value = {"a": 1}
    value["self"] = [value]
    return value


def keyless_zone():
    """Return what ``ZoneInfo.from_file`` gives: the smallest file with a time zone."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    return ZoneInfo.from_file(io.BytesIO(b"TZif" + bytes(16) + counts + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"))


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


REFUSED = {
    "unknown": ([1, {"price": object()}], "cart[1]['price']", "object", "neither supported nor registered"),
    "class": (int, "cart", "type", "neither"),
    "function": ((len,), "cart[0]", "builtin_function_or_method", "neither"),
    "bytearray": ([bytearray(b"a")], "cart[0]", "bytearray", "neither"),
    "memoryview": (memoryview(b"a"), "cart", "memoryview", "neither"),
    "complex": (1j, "cart", "complex", "neither"),
    "subclass of str": ({"a": Subclass("a")}, "cart['a']", f"{__name__}.Subclass", "a subclass of str"),
    "subclass of dict": (OrderedDict(), "cart", "collections.OrderedDict", "a subclass of dict"),
    "namedtuple": ([namedtuple("P", "x")(1)], "cart[0]", f"{__name__}.P", "a subclass of tuple"),
    "UserList": (UserList([1]), "cart", "collections.UserList", "neither"),
    "mappingproxy": (MappingProxyType({}), "cart", "mappingproxy", "neither"),
    "key": ({"a": {("b", Subclass("a")): 1}}, "cart['a'].keys()[1]", f"{__name__}.Subclass", "a subclass of str"),
    "value of an odd key": ({(1,): object()}, "cart[...]", "object", "neither"),
    "member": ({1, Subclass("b")}, "cart{}", f"{__name__}.Subclass", "a subclass of str"),
    "field": ([Item("a", price=[object()])], "cart[0].price[0]", "object", "neither"),
    "field, as in the issue": ([0, 1, Item("a", price=1j)], "cart[2].price", "complex", "neither"),
    "lone surrogate": ({"a": ["\ud800"]}, "cart['a'][0]", "str", "lone surrogate"),
    "lone surrogate in a key": ({"\udfff": 1}, "cart.keys()", "str", "lone surrogate"),
    "lone surrogate, top": ("\ud800", "cart", "str", "lone surrogate"),
    "unregistered dataclass": ([Unregistered()], "cart[0]", f"{__name__}.Unregistered", "neither"),
    "attribute that is no field": ([with_attribute()], "cart[0]", f"{__name__}.Item", "no fields: note"),
    "field that is not set": (without_field(), "cart", f"{__name__}.Item", "field sku is not set"),
    "flags together": (Rights.READ | Rights.WRITE, "cart", f"{__name__}.Rights", "no single member"),
    "tzinfo": ([datetime(2026, 1, 1, tzinfo=Zone())], "cart[0]", "datetime.datetime", f"{__name__}.Zone"),
    "time zone without a key": (time(1, tzinfo=keyless_zone()), "cart", "datetime.time", "zoneinfo.ZoneInfo"),
    "itself": (holding_itself(), "cart['self'][0]", "dict", "contains itself"),
    "too deep": (nested(33), "cart" + "[0]" * 32, "list", "nested deeper than 32 levels"),
    "crowded set": ({k * (2**61 - 1) for k in range(300)}, "cart", "set", "share their hashes"),
}


@pytest.mark.parametrize(("value", "path", "of_type", "why"), REFUSED.values(), ids=REFUSED)
def test_refusal(value, path, of_type, why):
    """A value that would come back changed is refused; the message names attribute, path, type and reason."""
    with pytest.raises(CodecError) as caught:
        CODEC.encode(value, "cart")

    assert caught.value.name == "cart"
    assert caught.value.path == path
    message = str(caught.value)
    assert message.startswith(f"attribute 'cart' cannot be stored: {path} is of type {of_type}, ")
    assert why in message
    assert message.isprintable()


def test_refusal_without_a_name():
    """A value that belongs to no attribute is refused as well."""
    with pytest.raises(CodecError, match=r"^a value cannot be stored: value\[0\] is of type object, ") as caught:
        CODEC.encode([object()])

    assert (caught.value.name, caught.value.path) == (None, "value[0]")


def test_refusals_can_be_pickled():
    """A CodecError survives the way to another process; it is a ValueError and a SessionError."""
    back = pickle.loads(pickle.dumps(CodecError("message", "cart", "cart[0]")))  # noqa: S301

    assert (str(back), back.name, back.path) == ("message", "cart", "cart[0]")
    assert isinstance(back, ValueError)
    assert isinstance(back, SessionError)


@pytest.mark.parametrize("leaf", [1, b"", "a"], ids=["int", "bytes", "str"])
def test_depth(leaf):
    """A value may be nested just so deep, and what is written can be read."""
    codec = Codec(max_depth=3)

    assert codec.decode(codec.encode([[[leaf]]])) == [[[leaf]]]
    with pytest.raises(CodecError, match="nested deeper than 3 levels"):
        codec.encode([[[[leaf]]]])
    with pytest.raises(CodecError, match="cannot be read"):
        codec.decode(CODEC.encode([[[[leaf]]]]))


@pytest.mark.parametrize("leaf", [2**64, Decimal(1), (), Color.RED], ids=repr)
def test_depth_of_what_is_not_plain(leaf):
    """A value that is written as a node counts as a level, in both directions."""
    codec = Codec(TYPES, max_depth=2)

    assert codec.decode(codec.encode([leaf])) == [leaf]
    with pytest.raises(CodecError, match="nested deeper than 2 levels"):
        codec.encode([[leaf]])
    with pytest.raises(CodecError, match="cannot be read"):
        codec.decode(CODEC.encode([[leaf]]))


def test_deepest():
    """The deepest bound that can be set works."""
    codec = Codec(max_depth=100)

    assert codec.decode(codec.encode(nested(100))) == nested(100)


@pytest.mark.parametrize("value", ["a" * 61, ["a" * 30, "b" * 30], [0] * 100, b"a" * 70], ids=["str", "2", "100", "b"])
def test_size(value):
    """An encoding may be just so long, and a longer one is refused by name, size, bound and setting. It is read."""
    data = CODEC.encode(value)
    bound = len(data) - 1

    assert Codec(max_bytes=len(data)).encode(value) == data
    why = rf"^attribute 'a' cannot be stored: it takes .*{bound}.* bytes, but max_attribute_bytes is {bound}; split"
    with pytest.raises(CodecError, match=why.replace(f".*{bound}.*", rf"({len(data)}|more than {bound})")) as caught:
        Codec(max_bytes=bound).encode(value, "a")
    assert caught.value.path == "a"
    assert Codec(max_bytes=bound).decode(data, "a") == value


def test_too_long_to_be_read():
    """What is longer than a store may have is not read."""
    data = CODEC.encode(b"a" * (MAX_VALUE - 100)) + bytes(94)
    with pytest.raises(CodecError, match=r"^attribute 'a' cannot be read: it has 2097153 bytes of 2097152 allowed"):
        CODEC.decode(data, "a")


@pytest.mark.parametrize(
    "value", [["a" * 30, "b" * 30], [2**70, "b" * 60], "a" * 70], ids=["list", "large int", "text"]
)
def test_a_long_value_gets_shorter(value):
    """A value that was stored under a larger bound may be replaced by one that is not longer, and by no longer one."""
    former = CODEC.encode(value)
    codec = Codec(max_bytes=30)
    shorter = value[:-1] if type(value) is str else [value[0], value[1][:-1]]

    assert len(codec.encode(shorter, "a", former)) == len(former) - 1
    assert codec.encode(value, "a", former) == former
    assert codec.changed(shorter, former, "a") == CODEC.encode(shorter)
    longer = f"{value}a" if type(value) is str else [*value, 1]
    for refuse in (lambda: codec.encode(longer, "a", former), lambda: codec.changed(longer, former, "a")):
        with pytest.raises(CodecError, match=r"bytes, but max_attribute_bytes is 30;"):
            refuse()


def test_lists_that_double():
    """A list that holds the same list twice, and so on, is refused before it is written out."""
    value = []
    for _ in range(31):
        value = [value, value]

    with pytest.raises(CodecError, match="it takes more than 2097152 bytes, but max_attribute_bytes is 2097152"):
        CODEC.encode(value, "a")


def test_shared_objects_become_copies():
    """An object that occurs twice comes back as two equal objects."""
    shared = [1]
    one, other = CODEC.decode(CODEC.encode([shared, shared]))

    assert one == other == shared
    assert one is not other


def test_values_are_not_shared():
    """Each decoding makes new objects, and encoding leaves the value alone."""
    value = {"a": [1, {2}, Item("b")]}
    data = CODEC.encode(value)
    back = CODEC.decode(data)
    back["a"][0] = 2
    back["a"][2].tags.append(1)

    assert same(CODEC.decode(data), value)
    assert CODEC.encode(value) == data


def test_sets_have_one_encoding():
    """How a set came about does not show in its encoding."""
    members = ["a", "i", 1, 9, 17, 25, None, b"x", (1, "a"), Decimal("1.5"), 2.5, math.nan]
    there, back = set(members), set()
    back.update(reversed(members))
    for extra in range(1000):
        back.add(extra)
    for extra in range(1000):
        if extra not in there:
            back.remove(extra)

    assert CODEC.encode(there) == CODEC.encode(back)


def test_order_of_a_dict_is_kept():
    """A dict keeps its order; the same keys in another order are a change."""
    data = CODEC.encode({"b": 1, "a": 2})

    assert list(CODEC.decode(data)) == ["b", "a"]
    assert CODEC.changed({"a": 2, "b": 1}, data) == CODEC.encode({"a": 2, "b": 1})


def test_decimal_contexts_do_not_matter():
    """Neither the precision, nor the traps, nor the capitals of the present context change what is stored."""
    value = Decimal("1.234567890E-20")
    data = CODEC.encode(value)
    with localcontext(prec=2, capitals=0, Emin=-1, Emax=1, traps=[]):
        assert CODEC.encode(value) == data
        assert same(CODEC.decode(data), value)
        with pytest.raises(CodecError):
            CODEC.decode(b"\x01\x92\x07\x91\xa1x")


def test_frozen_time():
    """While freezegun has put classes of its own in place, the real ones come back."""
    value = [date(2026, 1, 2), datetime(2026, 1, 2), time(3), timedelta(4)]
    data = CODEC.encode(value)
    with freeze_time("2026-01-01"):
        back = CODEC.decode(data)

    assert same(back, value)


def test_constructors_are_not_called():
    """A dataclass comes back with the fields that it had, whatever its constructor would do; caches stay behind."""
    value = Loud([1])
    value.doubled = "changed"
    assert value.cached == 1
    back = CODEC.decode(CODEC.encode(value))

    assert vars(back) == {"value": [1], "doubled": "changed"}


@pytest.mark.parametrize("is_frozen", [False, True])
def test_computed_field(is_frozen):
    """A field that is a property without a setter is computed again, not stored: it could not be set."""

    @dataclass(frozen=is_frozen)
    class Square:
        side: int
        area: int = field(init=False, default=property(lambda square: square.side**2))

    codec = Codec({"square": Square})
    value = Square(3)
    back = codec.decode(codec.encode(value))

    assert back == value
    assert (back.side, back.area) == (3, 9)
    assert codec.changed(back, codec.encode(value)) is None


def test_slots_that_are_no_fields():
    """A slot of a base class that is no field is refused when it is set, since it would be lost."""

    class Base:
        __slots__ = ("hidden",)

    @dataclass(slots=True)
    class Derived(Base):
        a: int

    codec = Codec({"derived": Derived})
    value = Derived(1)
    assert codec.decode(codec.encode(value)) == value

    value.hidden = 2
    with pytest.raises(CodecError, match="no fields: hidden"):
        codec.encode(value)


class Old:
    """Earlier versions of a class, which wrote what is still stored."""

    @dataclass
    class Fewer:
        sku: str

    @dataclass
    class More:
        sku: str
        price: int = 1
        tags: tuple = ()
        weight: int = 2

    @dataclass
    class Other:
        price: int = 1

    class Color(Enum):
        BLUE = 1


def test_fields_that_are_new():
    """Fields that were not stored get their defaults, each object its own; filling them in is no change."""
    data = Codec({"item": Old.Fewer}).encode([Old.Fewer("a"), Old.Fewer("b")])
    back = CODEC.decode(data)

    assert same(back, [Item("a"), Item("b")])
    assert back[0].tags is not back[1].tags
    assert CODEC.changed(back, data) is None
    back[0].tags.append("new")
    assert CODEC.changed(back, data) == CODEC.encode([Item("a", tags=["new"]), Item("b")])


@pytest.mark.parametrize(
    ("types", "value", "message"),
    [
        ({"item": Old.More}, Old.More("a"), "item has no field 'weight'"),
        ({"item": Old.Other}, Old.Other(), "the field sku of item is missing and has no default"),
        ({"color": Old.Color}, Old.Color.BLUE, "BLUE"),
        ({"gone": Old.Other}, Old.Other(), "no type 'gone'"),
        ({"color": Old.Other}, Old.Other(), "no type 'color' of kind 14"),
    ],
    ids=["field is gone", "field without default", "member is gone", "type is gone", "another kind of type"],
)
def test_types_that_have_changed(types, value, message):
    """Stored data that does not fit the present types is an error, never a guess."""
    with pytest.raises(CodecError, match=f"^attribute 'a' cannot be read: .*{message}"):
        CODEC.decode(Codec(types).encode(value), "a")


def test_types_that_are_renamed():
    """A type that has several names is written under the first and read under all."""
    renamed = Codec({"product": Item, "item": Item})

    assert renamed.decode(CODEC.encode(Item("a"))) == Item("a")
    assert b"product" in renamed.encode(Item("a"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"types": {"": Item}}, "name ''"),
        ({"types": {1: Item}}, "name 1"),
        ({"types": {"\ud800": Item}}, "name"),
        ({"types": {"item": Item("a")}}, "must be a dataclass or an Enum class"),
        ({"types": {"item": int}}, "must be a dataclass or an Enum class"),
        ({"types": {"item": dataclass(type("Cart", (list,), {}))}}, "must be a dataclass"),
        ({"types": [Item]}, "must be a mapping"),
        ({"max_depth": 0}, "max_depth is 0"),
        ({"max_depth": 101}, "from 1 to 100"),
        ({"max_depth": True}, "max_depth is True"),
        ({"max_bytes": -1}, "max_bytes is -1"),
        ({"max_bytes": 1e6}, "max_bytes is 1000000.0"),
    ],
)
def test_wrong_settings(settings, message):
    """Types and bounds are checked when the codec is made."""
    with pytest.raises(ConfigError, match=message):
        Codec(**settings)


def node(kind, *items):
    """Return a node in MessagePack; items are given as bytes."""
    return bytes([0x92, kind, 0x90 + len(items)]) + b"".join(items)


KIM = b"\xa3kim"
COLLIDING = [CODEC.encode(k * (2**61 - 1))[1:] for k in range(10, 20_000)]
HOSTILE = {
    "nothing": b"",
    "version alone": b"\x01",
    "another version": b"\x02\xc0",
    "text": "\x01",
    "null": None,
    "pickle": pickle.dumps({"a": [1]}),
    "pickle 0": b"cos\nsystem\n(S'true'\ntR.",
    "pickle behind the version": b"\x01" + pickle.dumps({"a": [1]}),
    "JSON": json.dumps({"a": [1]}).encode(),
    "JSON bomb": b"[" * 100_000,
    "JSON behind the version": b"\x01" + b'{"__class__": "os.system"}',
    "trailing": CODEC.encode([1]) + b"\xc0",
    "50 MB": bytes(50_000_000),
    "50 MB of string": b"\x01\xdb" + struct.pack(">I", 50_000_000) + bytes(50_000_000),
    "1 MB of nesting": b"\x01" + b"\x92\x01\x91" * 340_000,
    "1 MB of arrays": b"\x01" + b"\x91" * 1_000_000,
    "1 MB of array lengths": b"\x01" + b"\xdd\xff\xff\xff\xff" * 200_000,
    "length of a string": b"\x01\xdb\xff\xff\xff\xff",
    "length of bytes": b"\x01\xc9\xff\xff\xff\xff\x00",
    "length of an array": b"\x01\x92\x01\xdd\xff\xff\xff\xff",
    "length of a map": b"\x01\xdf\xff\xff\xff\xff",
    "map": b"\x01\x81\xa1a\x01",
    "map in a list": b"\x01" + node(1, b"\x81\xa1a\x01"),
    "array without a kind": b"\x01\x90",
    "array of one": b"\x01\x91\x01",
    "array of three": b"\x01\x93\x01\x90\xc0",
    "binary": b"\x01\xc4\x01a",
    "timestamp": b"\x01\xd6\xff\x00\x00\x00\x00",
    "unknown extension": b"\x01\xd4\x05\x00",
    "unknown byte": b"\x01\xc1",
    "not UTF-8": b"\x01\xa3\xed\xa0\x80",
    "kind 0": b"\x01" + node(0),
    "kind 15": b"\x01" + node(15, KIM),
    "large kind": b"\x01\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x90",
    "kind that is a list": b"\x01\x92\x90\x90",
    "key twice": b"\x01" + node(5, KIM, b"\x01", KIM, b"\x02"),
    "equal keys": b"\x01" + node(5, b"\x01", b"\x01", b"\xc3", b"\x02"),
    "key without value": b"\x01" + node(5, KIM),
    "key that is a list": b"\x01" + node(5, node(1), b"\x01"),
    "member twice": b"\x01" + node(3, KIM, KIM),
    "member that is a list": b"\x01" + node(4, node(1)),
    "colliding members": b"\x01\x92\x03\xdc" + struct.pack(">H", len(COLLIDING)) + b"".join(COLLIDING),
    "colliding keys": b"\x01\x92\x05\xdc" + struct.pack(">H", len(COLLIDING)) + b"".join(COLLIDING),
    "int of text": b"\x01" + node(6, KIM),
    "int of nothing": b"\x01" + node(6),
    "Decimal of text": b"\x01" + node(7, KIM),
    "Decimal out of bounds": b"\x01" + node(7, b"\xb81e9999999999999999999999"),
    "UUID of text": b"\x01" + node(8, KIM, b"\xc0"),
    "UUID too short": b"\x01" + node(8, b"\xd4\x00a", b"\xc0"),
    "date out of bounds": b"\x01" + node(9, b"\x01", b"\x0d", b"\x01"),
    "date as in a pickle": b"\x01" + node(9, b"\xd6\x00\x07\xea\x01\xff"),
    "date of floats": b"\x01" + node(9, *[b"\xcb" + bytes(8)] * 3),
    "time too short": b"\x01" + node(10, b"\xc7\x06\x00\x01\x01\x01\x01\x01\x01"),
    "time with fold 2": b"\x01" + node(10, *[b"\x00"] * 4, b"\x02"),
    "time with two zones": b"\x01" + node(10, *[b"\x00"] * 5, b"\xa3UTC", b"\xa3UTC"),
    "time with a large offset": b"\x01" + node(10, *[b"\x00"] * 5, b"\xcf" + b"\xff" * 8),
    "time zone that is a path": b"\x01" + node(10, *[b"\x00"] * 5, b"\xab/etc/passwd"),
    "time zone that goes up": b"\x01" + node(10, *[b"\x00"] * 5, b"\xb0../../etc/passwd"),
    "time zone that is a module": b"\x01" + node(10, *[b"\x00"] * 5, b"\xa9antigrav/y"),
    "time zone that is none": b"\x01" + node(10, *[b"\x00"] * 5, b"\xc0"),
    "datetime out of bounds": b"\x01" + node(11, *[b"\x00"] * 8),
    "timedelta out of bounds": b"\x01" + node(12, b"\xce\xff\xff\xff\xff", b"\x00", b"\x00"),
    "timedelta of nan": b"\x01" + node(12, b"\xcb\x7f\xf8" + bytes(6), b"\x00", b"\x00"),
    "Enum that is not registered": b"\x01" + node(13, b"\xa9os.system", b"\xa4true"),
    "Enum without a member": b"\x01" + node(13, b"\xa5color"),
    "Enum without a name": b"\x01" + node(13),
    "Enum's attribute": b"\x01" + node(13, b"\xa5color", b"\xa9__class__"),
    "Enum member that is a list": b"\x01" + node(13, b"\xa5color", node(1)),
    "type whose name is a list": b"\x01" + node(14, node(1)),
    "dataclass as Enum": b"\x01" + node(13, b"\xa4item", b"\xa3sku"),
    "field twice": b"\x01" + node(14, b"\xa5point", b"\xa1x", b"\x01", b"\xa1x", b"\x02"),
    "field that is no field": b"\x01" + node(14, b"\xa5point", b"\xa1x", b"\x01", b"\xa9__class__", b"\x02"),
    "field whose name is a list": b"\x01" + node(14, b"\xa5point", node(1), b"\x01"),
    "field without value": b"\x01" + node(14, b"\xa5point", b"\xa1x"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes(data):
    """Bytes that the codec did not write are refused, in bounded memory, by a message of bounded length."""
    CODEC.decode(CODEC.encode(time(1, tzinfo=BERLIN)))  # the list of time zones is read once
    tracemalloc.start()
    try:
        with pytest.raises(CodecError, match=r"^attribute 'cart' cannot be read: ") as caught:
            CODEC.decode(data, "cart")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 32 * 2**20
    assert len(str(caught.value)) < 300
    assert (caught.value.name, caught.value.path) == ("cart", "cart")


@pytest.mark.parametrize("many", [b"\xc0", node(1), node(5), b"\xcf" + b"\xff" * 8, b"\xd4\x00a"], ids=bytes.hex)
def test_memory_of_the_largest(many):
    """The bytes that say most in little room take memory in proportion to their number."""
    count = (2**20 - 10) // len(many)
    data = b"\x01\x92\x01\xdd" + struct.pack(">I", count) + many * count
    tracemalloc.start()
    try:
        assert len(CODEC.decode(data)) == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 128 * 2**20


def test_nesting_on_a_small_stack():
    """Hostile nesting does not overflow the stack of a thread either, which would end the process."""
    caught = []

    def decode():
        for data in (HOSTILE["1 MB of nesting"], HOSTILE["1 MB of arrays"]):
            try:
                CODEC.decode(data)
            except CodecError as error:
                caught.append(error)

    before = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(target=decode)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)

    assert len(caught) == 2


def decode_or_refuse(data):
    """Decode bytes: the outcome is a value that can be written again, or a CodecError."""
    try:
        value = CODEC.decode(data)
    except CodecError:
        return
    assert same(CODEC.decode(CODEC.encode(value)), value)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes(data):
    """Any bytes are a value or a CodecError."""
    decode_or_refuse(b"\x01" + data)


@settings(max_examples=500, deadline=None)
@given(values, st.data())
def test_damaged_bytes(value, data):
    """An encoding that was cut, or has a byte changed, is a value or a CodecError."""
    encoded = CODEC.encode(value)
    at = data.draw(st.integers(1, len(encoded)))
    changed = data.draw(st.integers(0, 255))

    decode_or_refuse(encoded[:at])
    decode_or_refuse(encoded[:at] + bytes([changed]) + encoded[at + 1 :])
    with pytest.raises(CodecError):
        CODEC.decode(encoded[:-1])


AUDITED = []
hook = threading.local()


def audit(event, arguments):
    """Note what decoding must not do. A hook cannot be removed; this one listens only when told to."""
    if getattr(hook, "on", False):
        AUDITED.append((event, arguments))


def test_no_code_is_run():
    """Decoding imports, compiles, executes and unpickles nothing, whatever the bytes are."""
    good = [bytes.fromhex(data) for _, data in GOLDEN.values()]
    for data in good:
        CODEC.decode(data)
    sys.addaudithook(audit)
    AUDITED.clear()
    hook.on = True
    try:
        for data in [*good, *HOSTILE.values()]:
            try:
                CODEC.decode(data)
            except CodecError:
                continue
    finally:
        hook.on = False

    assert AUDITED == []


@pytest.mark.parametrize("value", ["kim", 7, True, None, 1.5], ids=repr)
def test_scalars_are_cheap(value, no_collection):
    """To encode what sessions hold most takes four calls, and to decode it three."""
    assert calls(CODEC.encode, value, "a") <= 4
    assert calls(CODEC.decode, CODEC.encode(value), "a") <= 3


SHAPES = {
    "lists": [[] for _ in range(500)],
    "dicts": [{"id": number, "tags": [number]} for number in range(500)],
    "nested deeply": [functools.reduce(lambda inner, _: [inner], range(30), 1) for _ in range(50)],
    "tuples": tuple((number, "a") for number in range(500)),
    "tuples with a list": (*((number, "a") for number in range(500)), []),
    "tuples of tuples": tuple(((number,), (number,)) for number in range(500)),
    "sets": [{number, str(number)} for number in range(500)],
    "a set": {number if number % 2 else str(number) for number in range(500)},
    "sets in a set": frozenset(frozenset({number, (number,)}) for number in range(500)),
    "objects": [Item(str(number)) for number in range(500)],
    "frozen objects": tuple(Point(number, 1) for number in range(500)),
    "pairs": [fractions.Fraction(number, 7) for number in range(500)],
    "times": [datetime(2020, 1, 1, tzinfo=CET)] * 500,
    "numbers": [Decimal(number) for number in range(500)],
    "large numbers": [2**70 + number for number in range(500)],
}


@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES)
def test_changes_are_found_at_the_cost_of_decoding(value, no_collection):
    """To find that a value has not changed takes at most half more calls than to decode it has taken."""
    codec = Codec({"item": Item, "point": Point, "fraction": (fractions.Fraction, str, fractions.Fraction)})
    data = codec.encode(value)
    back = codec.decode(data)

    def look():
        return codec.changed(back, data) if codec.can_change(back) else None

    assert look() is None
    assert calls(look) <= 1.5 * calls(codec.decode, data) + 20
