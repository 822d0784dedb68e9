"""What a refusal says can be done instead: each remedy is tried, and helps."""

from __future__ import annotations

import argparse
import array
import asyncio
import collections
import contextvars
import dataclasses
import fractions
import io
import ipaddress
import itertools
import logging
import os
import pathlib
import queue
import re
import socket
import sqlite3
import string
import subprocess
import tempfile
import threading
import traceback
import types
import typing
import uuid
import weakref
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from functools import lru_cache, partial
from http.cookies import SimpleCookie

import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.wrappers import Request

from httpsession import CodecError, SessionConfig
from httpsession.codec import Codec

CODEC = Codec()
#: What a message may say beside what to store and how to register a class.
WORDS = re.compile(
    r"keep it outside of the session, and store the data that finds it|register it: |store (its|a|the) |store None, or "
    r"|store \[item async for |use a |declare |set it |split it |choose |correct |return data "
)


class Money(Decimal):
    pass


class Text(str):
    __slots__ = ()


class Loud(str):
    """As Django's SafeString: str() returns the object itself."""

    __slots__ = ()

    def __str__(self):
        return self


class Whole(int):
    pass


class Real(float):
    pass


class Raw(bytes):
    pass


class Many(list):
    pass


class Few(tuple):
    __slots__ = ()


class Unique(set):
    pass


class Frozen(frozenset):
    pass


class Moment(datetime):
    pass


class Day(date):
    pass


class Clock(time):
    pass


class Span(timedelta):
    pass


class Guid(uuid.UUID):
    pass


class Html(Markup):
    __slots__ = ()


class Color(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    A = "a"


class Rights(Flag):
    READ = auto()
    WRITE = auto()


class Bits(IntFlag):
    ONE = auto()
    TWO = auto()


@dataclass
class Item:
    sku: str = "a"


@dataclass
class Basket(list):
    sku: str = "a"


class Plain:
    def __init__(self):
        self.a = 1


class Slotted:
    __slots__ = ("a",)


class Bare:
    """A class that answers no question about its members."""

    class Meta(type):
        def __getattr__(cls, name):
            raise ZeroDivisionError

    __slots__ = ()


class Closed(metaclass=Bare.Meta):
    pass


class Point(typing.NamedTuple):
    x: int
    y: int


def numbers():
    yield 1


async def later():
    return 1


async def stream():
    yield 1


def closed_coroutine():
    made = later()
    made.close()
    return made


SUSPECTS = {
    "open file": lambda: open(os.devnull),  # noqa: SIM115
    "open binary file": lambda: open(os.devnull, "rb"),  # noqa: SIM115
    "raw file": lambda: open(os.devnull, "rb", buffering=0),  # noqa: SIM115
    "BytesIO": lambda: io.BytesIO(b"a"),
    "StringIO": lambda: io.StringIO("a"),
    "temporary file": lambda: tempfile.NamedTemporaryFile(),  # noqa: SIM115
    "temporary directory": tempfile.TemporaryDirectory,
    "socket": socket.socket,
    "connection": lambda: sqlite3.connect(":memory:"),
    "row": lambda: row(),
    "process": lambda: subprocess.Popen.__new__(subprocess.Popen),
    "Lock": threading.Lock,
    "RLock": threading.RLock,
    "Condition": threading.Condition,
    "Event": threading.Event,
    "Thread": threading.Thread,
    "local": threading.local,
    "asyncio lock": asyncio.Lock,
    "logger": lambda: logging.getLogger("a"),
    "ContextVar": lambda: contextvars.ContextVar("a"),
    "weakref": lambda: weakref.ref(Plain),
    "generator": numbers,
    "generator expression": lambda: (one for one in [1]),
    "map": lambda: map(int, ["1"]),
    "zip": lambda: zip([1], [2], strict=True),
    "enumerate": lambda: enumerate([1]),
    "reversed": lambda: reversed([1]),
    "chain": lambda: itertools.chain([1]),
    "iterator": lambda: iter([1]),
    "coroutine": closed_coroutine,
    "async generator": stream,
    "lambda": lambda: lambda: 1,
    "function": lambda: numbers,
    "built-in function": lambda: len,
    "method": lambda: Plain().__init__,
    "method of a str": lambda: "a".join,
    "partial": lambda: partial(int, "1"),
    "cached function": lambda: lru_cache(numbers),
    "class": lambda: Plain,
    "built-in class": lambda: int,
    "Enum class": lambda: Color,
    "generic alias": lambda: list[int],
    "module": lambda: os,
    "exception": lambda: ValueError("no"),
    "OSError": lambda: OSError(2, "no"),
    "traceback": lambda: failure().__traceback__,
    "exception group": lambda: ExceptionGroup("a", [ValueError("b")]),
    "Decimal subclass": lambda: Money("1.50"),
    "str subclass": lambda: Text("a"),
    "str subclass of one letter that is no str": lambda: Loud("a"),
    "str subclass that is no str": lambda: Loud("abc"),
    "int subclass": lambda: Whole(1),
    "large int subclass": lambda: Whole(2**70),
    "float subclass": lambda: Real(1.5),
    "bytes subclass": lambda: Raw(b"a"),
    "list subclass": lambda: Many([1]),
    "tuple subclass": lambda: Few((1,)),
    "set subclass": lambda: Unique({1}),
    "frozenset subclass": lambda: Frozen({1}),
    "datetime subclass": lambda: Moment(2026, 1, 2, tzinfo=UTC),
    "date subclass": lambda: Day(2026, 1, 2),
    "time subclass": lambda: Clock(1, 2),
    "timedelta subclass": lambda: Span(-1, 2, 3),
    "UUID subclass": lambda: Guid(int=1),
    "Markup subclass": lambda: Html("<b>"),
    "struct_time": lambda: __import__("time").gmtime(0),
    "OrderedDict": lambda: collections.OrderedDict(b=1, a=2),
    "defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "Counter": lambda: collections.Counter("aab"),
    "ChainMap": lambda: collections.ChainMap({"a": 1}),
    "UserDict": lambda: collections.UserDict(a=1),
    "UserList": lambda: collections.UserList([1]),
    "UserString": lambda: collections.UserString("a"),
    "mappingproxy": lambda: types.MappingProxyType({"a": 1}),
    "keys": lambda: {"a": 1}.keys(),
    "values": lambda: {"a": 1}.values(),
    "items": lambda: {"a": [1]}.items(),
    "deque": lambda: collections.deque([1, 2]),
    "range": lambda: range(3),
    "slice": lambda: slice(1, 2),
    "array": lambda: array.array("i", [1]),
    "bytearray": lambda: bytearray(b"a"),
    "memoryview": lambda: memoryview(b"a"),
    "complex": lambda: 1.5 - 2j,
    "Fraction": lambda: fractions.Fraction(1, 3),
    "Path": lambda: pathlib.Path("a/b"),
    "PurePosixPath": lambda: pathlib.PurePosixPath("/a"),
    "PureWindowsPath": lambda: pathlib.PureWindowsPath("C:\\a"),
    "DirEntry": lambda: entry(),
    "IPv4Address": lambda: ipaddress.ip_address("127.0.0.1"),
    "IPv6Network": lambda: ipaddress.ip_network("::/8"),
    "IPv4Interface": lambda: ipaddress.ip_interface("10.0.0.1/8"),
    "Enum": lambda: Color.RED,
    "IntEnum": lambda: Level.LOW,
    "StrEnum": lambda: Word.A,
    "HTTPStatus": lambda: __import__("http").HTTPStatus.OK,
    "dataclass": Item,
    "dataclass that is a list": lambda: Basket("a"),
    "namedtuple": lambda: collections.namedtuple("Pair", "a b")(1, 2),
    "NamedTuple": lambda: Point(1, 2),
    "pattern": lambda: re.compile("a"),
    "match": lambda: re.match("(a)", "a"),
    "ZoneInfo": lambda: zoneinfo.ZoneInfo("Europe/Berlin"),
    "timezone": lambda: UTC,
    "SimpleNamespace": lambda: types.SimpleNamespace(a=1),
    "Namespace": lambda: argparse.Namespace(a=1),
    "cookie": lambda: SimpleCookie("a=b"),
    "Template": lambda: string.Template("a"),
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "object": object,
    "plain object": Plain,
    "object with slots": Slotted,
    "request": lambda: Request({}),
    "queue": queue.Queue,
    "object of a class without answers": Closed,
}


def entry():
    with os.scandir("/") as entries:
        return next(entries)


def failure():
    try:
        raise ValueError("no")
    except ValueError as error:
        return error


def release(value):
    """Close what has to be closed."""
    for method in ("close", "cleanup"):
        if not isinstance(value, types.ModuleType | type) and hasattr(value, method):
            getattr(value, method)()


def row():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    (found,) = connection.execute("SELECT 1 AS a").fetchall()
    connection.close()
    return found


def refusal(value, codec=CODEC):
    """Return what the refusal of a value, inside of another, says can be done."""
    with pytest.raises(CodecError) as caught:
        codec.encode({"a": [value]}, "cart")
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    assert message.startswith("attribute 'cart' cannot be stored: cart['a'][0] is of type ")
    return message.partition("; ")[2]


def try_remedy(value, remedy):
    """Do what the remedy says: store the expression, and register the class; return how many ways there were."""
    names = {**vars(collections), "value": value, "dataclasses": dataclasses, "os": os, "Markup": Markup}
    names |= {"Decimal": Decimal, "UUID": uuid.UUID, "timedelta": timedelta, "SessionConfig": SessionConfig}
    names[type(value).__name__] = type(value)
    names["traceback"] = traceback  # the module, not the type
    ways = 0
    registered = re.search(r"register it: (SessionConfig\(types=\{'\w+': (.+?)\}\))(?:, or|$)", remedy)
    if registered and " to, from" not in registered[1]:
        codec = Codec(eval(registered[1], names).types)  # noqa: S307 - the test's own message
        back = codec.decode(codec.encode([value]))[0]
        assert type(back) is type(value)
        assert back == value
        ways += 1
    for stored in re.findall(
        r"(?:^|or )store ((?:list|tuple|dict|set|frozenset|str|int|float|bytes|vars|dataclasses|"
        r"None|value|os|traceback|Markup|Decimal|UUID|timedelta|\"\"|\().*?)(?:, or|, and|$)",
        remedy,
    ):
        CODEC.encode(eval(stored, names))  # noqa: S307
        ways += 1
    for name in re.findall(r"such as (value\.\w+)", remedy):
        CODEC.encode(eval(name, names))  # noqa: S307
        ways += 1
    return ways


@pytest.mark.parametrize("make", SUSPECTS.values(), ids=SUSPECTS)
def test_remedy(make):
    """The message ends with what can be done, and that can be done: the rest is stored, or comes back."""
    value = make()
    remedy = refusal(value)
    ways = try_remedy(value, remedy)

    assert ways or WORDS.match(remedy), remedy
    release(value)


REMEDIES = {
    "open file": "store its content, as value.read() returns it, or the path of the file",
    "Lock": "keep it outside of the session, and store the data that finds it",
    "RLock": "keep it outside of the session, and store the data that finds it",
    "generator": "store list(value)",
    "lambda": "store a name for the function, such as value.__name__",
    "module": "store value.__name__, and import the module where it is needed",
    "exception": "store str(value)",
    "Decimal subclass": "store Decimal(value), or register it: SessionConfig(types={'money': (Money, Decimal, Money)})",
    "defaultdict": "store dict(value)",
    "OrderedDict": "store dict(value), or register it: "
    "SessionConfig(types={'ordereddict': (OrderedDict, dict, OrderedDict)})",
    "dataclass": "register it: SessionConfig(types={'item': Item}), or store dataclasses.asdict(value)",
    "Enum": "register it: SessionConfig(types={'color': Color}), or store value.name",
    "IntEnum": "register it: SessionConfig(types={'level': Level}), or store value.name",
    "NamedTuple": "store tuple(value), or register it: SessionConfig(types={'point': (Point, tuple, Point._make)})",
    "PurePosixPath": "store str(value), or register it: "
    "SessionConfig(types={'pureposixpath': (PurePosixPath, str, PurePosixPath)})",
    "deque": "store list(value), or register it: SessionConfig(types={'deque': (deque, list, deque)})",
    "Fraction": "store str(value), or register it: SessionConfig(types={'fraction': (Fraction, str, Fraction)})",
    "object": "store None, or a text in its place",
    "request": "keep it outside of the session, and store the data that finds it",
    "plain object": "store its data in types that are supported, or register it: "
    "SessionConfig(types={'plain': (Plain, to, from)})",
}


@pytest.mark.parametrize("name", REMEDIES)
def test_words(name):
    """These are the very words for what applications try to store most."""
    value = SUSPECTS[name]()
    assert refusal(value) == REMEDIES[name]
    release(value)


def test_values_that_are_refused_for_what_is_in_them():
    """A value of a supported or registered class is refused with what can be done about its content."""
    codec = Codec({"rights": Rights, "item": Item})
    item = Item()
    item.note = 1
    value = {"self": None}
    value["self"] = value
    deep = []
    for _ in range(40):
        deep = [deep]
    zoned = datetime(2026, 1, 1, tzinfo=Zone())

    assert refusal(Rights.READ | Rights.WRITE, codec) == "store value.value"
    assert refusal(item, codec) == "declare them as fields, or delete them first"
    for refused, remedy in (
        (zoned, "use a datetime.timezone or a zoneinfo.ZoneInfo, or store value.isoformat()"),
        ("\ud800", 'store value.encode("utf-8", "surrogatepass")'),
        ({k * (2**61 - 1) for k in range(300)}, "store a list of them"),
    ):
        assert refusal(refused) == remedy
    for refused, remedy in (
        (value, "store a copy without the reference to itself"),
        (deep, "store the inner part as an attribute of its own"),
        ("a" * 2**21, "split it into several attributes, or keep it elsewhere and store what finds it"),
        ([2**70, *[0] * 2**21], "split it into several attributes, or keep it elsewhere and store what finds it"),
    ):
        with pytest.raises(CodecError) as caught:
            CODEC.encode(refused, "a")
        assert str(caught.value).endswith(f"; {remedy}")


class Zone(zoneinfo.ZoneInfo.__base__):
    def utcoffset(self, at):
        return timedelta(0)


def test_unset_field():
    """An object that lacks a field is refused with the advice to set it."""

    @dataclass
    class Needy:
        sku: str

    with pytest.raises(CodecError, match=r"whose field sku is not set; set it first$"):
        Codec({"needy": Needy}).encode(Needy.__new__(Needy))


def test_frozen_clock():
    """The classes of freezegun are subclasses, of which the text can be stored."""
    with freeze_time("2026-01-02"):
        assert refusal(datetime.now()) == "store value.isoformat()"


def test_name_that_cannot_be_written():
    """The refusal of a name ends with a remedy, too."""
    with pytest.raises(CodecError, match=r"cannot be stored: its name has a lone surrogate.*; choose another name$"):
        CODEC.encode(1, "\ud800")


@pytest.mark.parametrize("name", ["n" * 100_000, "\n" * 1000, "\u202e" * 999])
def test_long_names_are_cut(name):
    """Messages stay within two lines, whatever the names of attributes, keys and classes are."""
    long = type("C" * 10_000, (), {})
    for value in (long(), {"k" * 10_000: {"k" * 10_000: [long()]}}, [[[[[[[[[[{"k" * 99: object()}]]]]]]]]]]):
        with pytest.raises(CodecError) as caught:
            CODEC.encode(value, name)
        assert len(str(caught.value)) < 1000
        assert str(caught.value).isprintable()
        assert caught.value.name == name
    with pytest.raises(CodecError) as caught:
        CODEC.decode(b"", name)
    assert len(str(caught.value)) < 300


def test_no_content_in_messages():
    """A message tells classes and names, and nothing of what the value holds."""

    class Secret(str):
        __slots__ = ()

        def __repr__(self):
            return "s3cret"

        __str__ = __repr__

    for value in (Secret("s3cret"), ValueError("s3cret"), pathlib.Path("s3cret"), collections.deque(["s3cret"])):
        with pytest.raises(CodecError) as caught:
            CODEC.encode([value], "a")
        assert "s3cret" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.sampled_from([Text, Loud]))
def test_any_text_of_a_subclass(text, cls):
    """The text itself is the remedy for a str subclass."""
    names = {"value": cls(text)}
    stored = re.search(r"store (.+?\))", refusal(cls(text)))[1]

    assert CODEC.decode(CODEC.encode(eval(stored, names))) == text  # noqa: S307


class TestPackages:
    """Objects of other packages."""

    def test_werkzeug(self):
        """Multi-dicts, headers, uploads and proxies of Werkzeug."""
        from werkzeug.datastructures import CombinedMultiDict, FileStorage, Headers, ImmutableMultiDict, MultiDict
        from werkzeug.local import LocalProxy

        pairs = [("a", "1"), ("a", "2")]
        for value in (MultiDict(pairs), ImmutableMultiDict(pairs), CombinedMultiDict([MultiDict(pairs)])):
            assert refusal(value) == "store value.to_dict(flat=False)"
            assert CODEC.decode(CODEC.encode(value.to_dict(flat=False))) == {"a": ["1", "2"]}
        assert refusal(Headers(pairs)) == "store list(value)"
        CODEC.encode(list(Headers(pairs)))
        assert refusal(FileStorage(io.BytesIO(b"a"), "a.txt")).startswith("store its content, as value.read()")
        for proxy in (LocalProxy(lambda: 1), LocalProxy(contextvars.ContextVar("unbound"))):
            assert "_get_current_object()" in refusal(proxy)

    def test_django(self):
        """Models, query sets, query dicts, lazy objects and safe texts of Django."""
        from django.conf import settings as django_settings

        if not django_settings.configured:
            django_settings.configure()
        from django.db import models
        from django.http import QueryDict
        from django.utils.functional import SimpleLazyObject
        from django.utils.safestring import mark_safe
        from django.utils.translation import gettext_lazy

        class User:
            """What a model has; a real one would need applications."""

            _meta = None
            pk = property(lambda self: 7)

        assert refusal(User()) == "store value.pk, and load the object in each request"
        assert refusal(SimpleLazyObject(User)).startswith(
            "store a value of the object that it stands for, such as value.pk"
        )
        assert refusal(models.QuerySet.__new__(models.QuerySet)).startswith(
            'store list(value.values_list("pk", flat=True))'
        )
        query = QueryDict("a=1&a=2")
        assert refusal(query) == "store dict(value.lists())"
        assert CODEC.decode(CODEC.encode(dict(query.lists()))) == {"a": ["1", "2"]}
        safe = mark_safe("<b>")
        assert try_remedy(safe, refusal(safe)) == 2
        assert refusal(gettext_lazy("a")) == "store str(value)"

    @pytest.mark.filterwarnings("ignore:'cgi' is deprecated")
    def test_webob(self):
        """The multi-dicts of WebOb, which Pyramid has."""
        from webob.multidict import MultiDict

        value = MultiDict([("a", "1"), ("a", "2")])
        assert refusal(value) == "store list(value.items())"
        assert CODEC.encode(list(value.items()))

    def test_msgspec(self):
        """A Struct of msgspec."""
        import msgspec

        value = msgspec.defstruct("S", [("a", int)])(1)
        assert refusal(value) == "store msgspec.structs.asdict(value)"
        assert CODEC.encode(msgspec.structs.asdict(value))

    def test_numpy(self):
        """Numbers and arrays of NumPy."""
        np = pytest.importorskip("numpy")
        scalars = [
            *(
                np.float64(1.5),
                np.float32(1.5),
                np.int64(1),
                np.uint8(1),
                np.bool_(True),
                np.str_("a"),
                np.bytes_(b"a"),
            ),
            *(np.complex128(1j), np.complex64(1j), np.longdouble(1.5), np.datetime64("2026-01-02T03:04:05.000000006")),
            *(np.datetime64("2026-01-02"), np.datetime64("NaT", "s"), np.timedelta64(5, "ns")),
            *(np.array([1.5, 2]), np.array([[True]]), np.array(["a"]), np.array(1)),
        ]
        for value in scalars:
            assert try_remedy(value, refusal(value)), value

    def test_pandas(self):
        """Frames, series and times of pandas."""
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
        for value in (
            frame,
            frame["a"],
            frame.index,
            frame.columns,
            pd.Timedelta(5, "s"),
            pd.Period("2026-01"),
            pd.NA,
            pd.NaT,
        ):
            assert try_remedy(value, refusal(value)), value
        assert refusal(pd.Timestamp("2026-01-02", tz="UTC")) == "store value.to_pydatetime()"

    def test_sqlalchemy(self):
        """Models and rows of SQLAlchemy, dataclasses too."""
        orm = pytest.importorskip("sqlalchemy.orm")
        import sqlalchemy

        class Base(orm.DeclarativeBase):
            pass

        class User(Base):
            __tablename__ = "user"
            id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)

        @dataclass
        class Group(Base):
            __tablename__ = "group"
            id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)

        for value in (User(id=1), Group(id=1)):
            assert refusal(value) == "store its primary key, such as value.id, and load the object in each request"
        engine = sqlalchemy.create_engine("sqlite://")
        with engine.connect() as connection:
            (found,) = connection.execute(sqlalchemy.text("SELECT 1"))
        assert try_remedy(found, refusal(found))
        engine.dispose()
