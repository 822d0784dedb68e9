"""Classes that are registered with a pair of functions, and MarkupSafe's Markup, which is stored as itself."""

from __future__ import annotations

import collections
import pathlib
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from enum import Flag, auto
from fractions import Fraction
from ipaddress import IPv4Address, ip_address
from pathlib import Path, PosixPath, PurePosixPath
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from httpsession import CodecError, ConfigError, HttpSessionActivationListener, SessionConfig, SessionManager
from httpsession.codec import Codec
from tests.support.core import create_session
from tests.support.cost import calls
from tests.support.workers import Colour


class Point(NamedTuple):
    x: object
    y: object


class Rights(Flag):
    READ = auto()
    WRITE = auto()


class Box:
    """A class with content that can change."""

    def __init__(self, content):
        self.content = content

    def __eq__(self, other):
        return type(other) is Box and self.content == other.content

    __hash__ = None


def content_of(box):
    return box.content


@dataclass(frozen=True)
class Money:
    """A frozen dataclass that is registered with functions, since it keeps more than its fields."""

    amount: Decimal


TYPES = {
    "path": (PurePosixPath, str, PurePosixPath),
    "deque": (collections.deque, lambda value: (list(value), value.maxlen), lambda data: collections.deque(*data)),
    "fraction": (Fraction, str, Fraction),
    "point": (Point, tuple, Point._make),
    "rights": (Rights, lambda value: value.value, Rights),
    "address": (IPv4Address, str, ip_address),
    "box": (Box, content_of, Box),
    "money": (Money, lambda money: money.amount, Money),
    "counter": (collections.Counter, dict, collections.Counter),
}
CODEC = Codec(TYPES)

hashable = st.one_of(
    st.builds(PurePosixPath, st.sampled_from(["", "/", "a/b", "/ü"])),
    st.fractions(),
    st.builds(Point, st.integers(), st.fractions()),
    st.sampled_from([Rights.READ, Rights.READ | Rights.WRITE, Rights(0)]),
    st.ip_addresses(v=4),
    st.builds(Money, st.decimals(allow_nan=False)),
    st.text(st.characters(codec="utf-8")).map(Markup),
)
values = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.builds(collections.deque, st.lists(inner, max_size=3), st.none() | st.just(5)),
        st.builds(Box, inner),
        st.builds(Point, inner, inner),
        st.lists(inner, max_size=3),
        st.sets(hashable, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_round_trip(value):
    """Each object comes back with its class and content, anywhere in a value, and has one encoding."""
    data = CODEC.encode(value, "a")
    back = CODEC.decode(data, "a")

    assert type(back) is type(value)
    assert back == value
    assert CODEC.encode(back, "a") == data
    assert CODEC.changed(back, data, "a") is None


def test_format():
    """Later versions can read what is stored today: the bytes are pinned."""
    assert CODEC.encode(PurePosixPath("a")).hex() == "01920f92a470617468a161"
    assert CODEC.encode(Markup("<b>")).hex() == "01921091a33c623e"
    assert CODEC.decode(bytes.fromhex("01920f92a470617468a161")) == PurePosixPath("a")
    assert type(CODEC.decode(bytes.fromhex("01921091a33c623e"))) is Markup


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (collections.deque([1]), lambda value: value.append(2)),
        (Box([1]), lambda value: value.content.append(2)),
        ((Box(1),), lambda value: setattr(value[0], "content", 2)),
        (Point([1], 2), lambda value: value.x.append(2)),
        ({"a": (1, collections.deque())}, lambda value: value["a"][1].append(2)),
    ],
    ids=["deque", "box", "box in a tuple", "namedtuple", "deque in a dict"],
)
def test_change_inside(value, change):
    """A change inside of such an object, or of what holds it, is found; without one nothing is saved."""
    data = CODEC.encode(value)
    back = CODEC.decode(data)

    assert CODEC.can_change(back)
    assert CODEC.changed(back, data) is None
    change(back)
    assert CODEC.changed(back, data) == CODEC.encode(back)


def test_any_class_can_change():
    """An object of a registered class is always compared: the codec cannot know that its class is immutable."""
    assert CODEC.can_change(PurePosixPath("a"))
    assert CODEC.can_change(Money(Decimal(1)))
    assert CODEC.can_change((1, Fraction(1)))
    assert not CODEC.can_change(Markup("a"))
    assert not CODEC.can_change((Markup("a"), 1))


def test_path():
    """Path stands for the class that Path() makes on this system."""
    codec = Codec({"path": (Path, str, Path)})
    back = codec.decode(codec.encode([Path("a/b")]))

    assert back == [Path("a/b")]
    assert type(back[0]) is PosixPath
    pure = Codec({"pure": (pathlib.PurePath, str, pathlib.PurePath)})
    assert type(pure.decode(pure.encode(PurePosixPath("a")))) is PurePosixPath


def fail(_):
    raise LookupError("s3cret")


REFUSED = {
    "to fails": ((Box, fail, Box), Box(1), "cart[0]", "whose function to in types['box'] raised LookupError"),
    "to returns what cannot be stored": ((Box, content_of, Box), Box([object()]), "cart[0].to()[0]", "neither"),
    "to returns an open file": ((Box, content_of, Box), Box(sys.stdin), "cart[0].to()", "store its content"),
    "to returns a subclass": ((Box, lambda _: Point(1, 2), Box), Box(1), "cart[0].to()", "a subclass of tuple"),
    "to returns the object": ((Box, lambda box: box, Box), Box(1), "cart[0]", "returned the object itself"),
    "to returns another one": ((Box, lambda _: Box(1), Box), Box(1), None, "another object of this class, again"),
    "to returns the object inside": ((Box, lambda box: [box], Box), Box(1), "cart[0].to()[0]", "contains itself"),
    "to returns too deep data": ((Box, lambda box: [Box(1)], Box), Box(1), None, "nested deeper than 32 levels"),
    "to returns a surrogate": ((Box, lambda _: "\ud800", Box), Box(1), "cart[0].to()", "lone surrogate"),
    "from fails": ((Box, content_of, fail), Box(1), "cart[0]", "the function from in types['box'] raised LookupError"),
    "from returns another type": ((Box, content_of, str), Box(1), "cart[0]", "returned an object of type str, not"),
    "from returns nothing": ((Box, content_of, lambda _: None), Box(1), "cart[0]", "of type NoneType, not"),
    "from takes no argument": ((Box, content_of, lambda: Box(1)), Box(1), "cart[0]", "raised TypeError"),
    "large int and a failure": ((Box, content_of, fail), Box(2**70), "cart[0]", "raised LookupError"),
}


@pytest.mark.parametrize(("pair", "value", "path", "why"), REFUSED.values(), ids=REFUSED)
def test_refusal(pair, value, path, why):
    """What would not come back is refused when it is set, by the place and the function at fault; the message has a
    remedy, and nothing of the content."""
    with pytest.raises(CodecError) as caught:
        Codec({"box": pair}).encode([value, 2**70], "cart")
    message = str(caught.value)

    assert path is None or caught.value.path == path
    assert why in message
    assert "; " in message
    assert "s3cret" not in message
    assert message.isprintable()
    assert len(message) < 500


def test_cause():
    """The exception of the application's function is the cause, so that a traceback shows it."""
    for pair in ((Box, fail, Box), (Box, content_of, fail)):
        with pytest.raises(CodecError) as caught:
            Codec({"box": pair}).encode(Box(1))
        causes, cause = [], caught.value
        while cause is not None:
            causes.append(type(cause))
            cause = cause.__cause__
        assert LookupError in causes


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ((Box, content_of, fail), "the function from in types['box'] raised LookupError"),
        ((Box, content_of, str), "the function from in types['box'] returned an object of type str"),
        ((Box, content_of, [].__class_getitem__), "returned an object of type types.GenericAlias"),
    ],
)
def test_unreadable(pair, why):
    """A function that fails on what an earlier release has stored is a CodecError, which does not tell the data."""
    with pytest.raises(CodecError) as caught:
        Codec({"box": pair}).decode(CODEC.encode([Box("s3cret")]), "cart")

    assert str(caught.value).startswith("attribute 'cart' cannot be read: ")
    assert why in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_registered_in_another_way():
    """What is stored of a pair is not taken for a dataclass of that name, nor the other way round."""
    data, other = CODEC.encode(Money(Decimal(1))), Codec({"money": Money})
    for codec, stored in ((other, data), (CODEC, other.encode(Money(Decimal(1)))), (Codec(), data)):
        with pytest.raises(CodecError, match=r"there is no type 'money' of kind 1\d in types; register a class as 'mo"):
            codec.decode(stored)


@pytest.mark.parametrize(
    "items",
    [b"\x90", b"\x91\xa3box", b"\x93\xa3box\x01\x02", b"\x92\xc0\x01", b"\x92\xa3bag\x01", b"\x92\xa3box\x91\x01"],
)
def test_hostile_bytes(items):
    """Bytes that are not what the codec writes of a pair are refused."""
    with pytest.raises(CodecError):
        CODEC.decode(b"\x01\x92\x0f" + items)


@settings(max_examples=300, deadline=None)
@given(values, st.data())
def test_damaged_bytes(value, data):
    """An encoding that has a byte changed, or was cut, is a value or a CodecError."""
    encoded = CODEC.encode([value])
    at = data.draw(st.integers(1, len(encoded) - 1))
    for damaged in (encoded[:at], encoded[:at] + bytes([data.draw(st.integers(0, 255))]) + encoded[at + 1 :]):
        try:
            back = CODEC.decode(damaged)
        except CodecError:
            continue
        assert CODEC.encode(back)


@pytest.mark.parametrize("items", [b"\x90", b"\x91\x01", b"\x91\xc0", b"\x92\xa1a\xa1b", b"\x91\x92\x01\x90"])
def test_hostile_markup(items):
    """Bytes that are not what the codec writes of a Markup are refused."""
    with pytest.raises(CodecError):
        CODEC.decode(b"\x01\x92\x10" + items)


def test_other_names():
    """A class with several names is written under the first and read under all, with the functions of each."""
    renamed = Codec({"place": (PurePosixPath, str, PurePosixPath), "path": (PurePosixPath, str, PurePosixPath)})

    assert renamed.decode(CODEC.encode(PurePosixPath("a"))) == PurePosixPath("a")
    assert b"place" in renamed.encode(PurePosixPath("a"))


def test_functions_under_a_later_name():
    """A dataclass whose former functions are registered under a later name is refused for its field, not as unknown."""
    codec = Codec({"money": Money, "former": (Money, lambda money: str(money.amount), Money)})
    with pytest.raises(CodecError, match=r"cannot be stored: a\[0\]\.amount is of type object, ") as caught:
        codec.encode([Money(object())], "a")

    assert caught.value.path == "a[0].amount"


def test_markup():
    """A Markup comes back as one, inside of values too; it is not equal to a str in bytes."""
    codec = Codec()
    value = {"html": [Markup("<b>ü</b>"), "<b>ü</b>"], Markup("key"): {Markup("member"), "text"}}
    back = codec.decode(codec.encode(value))

    assert back == value
    assert [type(one) for one in back["html"]] == [Markup, str]
    assert {type(key) for key in back} == {Markup, str}
    assert {(one, type(one)) for one in back["key"]} == {("member", Markup), ("text", str)}
    assert codec.encode(Markup("a")) != codec.encode("a")
    assert type(codec.decode(codec.encode(Markup("a")))) is Markup


def test_markup_that_cannot_be_written():
    """A Markup with a lone surrogate is refused as a str is."""
    with pytest.raises(CodecError, match=r"of type markupsafe\.Markup, with a lone surrogate"):
        Codec().encode([Markup("\ud800")], "a")


def test_registered_markup():
    """An application may register Markup all the same; what is stored in either way can be read."""
    registered = Codec({"markup": (Markup, str.__str__, Markup)})
    for writer in (registered, Codec()):
        back = registered.decode(writer.encode([Markup("<b>")]))
        assert (back, type(back[0])) == (["<b>"], Markup)


def test_without_markupsafe():
    """Without the package everything else works, and a stored Markup is unreadable with the reason."""
    program = """if True:
        import builtins
        find = builtins.__import__

        def find_others(name, within=None, *rest):
            if name == "markupsafe" and within["__name__"].startswith("httpsession."):
                raise ImportError(name)
            return find(name, within, *rest)

        builtins.__import__ = find_others
        from httpsession.codec import Codec
        codec = Codec()
        assert codec.decode(codec.encode(["a", {1}])) == ["a", {1}]
        try:
            codec.decode(bytes.fromhex("01921091a33c623e"), "a")
        except ValueError as error:
            print(error)
        """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    why = "it is a Markup, and the package MarkupSafe is not installed; install MarkupSafe"
    assert done.stdout == f"attribute 'a' cannot be read: {why}\n"


WRONG = {
    "class alone": ({"path": PurePosixPath}, "such as (PurePosixPath, str, PurePosixPath)"),
    "deque alone": ({"deque": collections.deque}, "such as (deque, list, deque)"),
    "namedtuple alone": ({"point": Point}, "such as (Point, tuple, Point._make)"),
    "own class alone": ({"box": Box}, "such as (Box, to, from)"),
    "two items": ({"path": (PurePosixPath, str)}, "types['path'] is a tuple with 2 items, but must be"),
    "four items": ({"path": (PurePosixPath, str, PurePosixPath, 1)}, "a tuple with 4 items"),
    "no items": ({"path": ()}, "must be a dataclass or an Enum class, or a tuple"),
    "to is a text": ({"path": (PurePosixPath, "str", PurePosixPath)}, "with an item that cannot be called"),
    "from is None": ({"path": (PurePosixPath, str, None)}, "with an item that cannot be called"),
    "class last": ({"path": (str, PurePosixPath, PurePosixPath)}, "str is stored as it is, so leave it out"),
    "function first": ({"path": (len, str, PurePosixPath)}, "a tuple that begins with an object of type builtin"),
    "list for a tuple": ({"path": [PurePosixPath, str, PurePosixPath]}, "is an object of type list, but must be"),
    "object": ({"box": Box("s3cret")}, "types['box'] is an object of type"),
    "text": ({"box": "Box"}, "types['box'] is 'Box', but must be"),
    "text with a password": ({"box": "redis://:s3cret@host"}, "types['box'] is <str, not shown"),
    "tuple with a password": ({"box": ("redis://:s3cret@host", 1)}, "a tuple that begins with <str, not shown"),
    "name with a password": ({"redis://:s3cret@host": 1}, "types[<str, not shown"),
    "None": ({"box": None}, "types['box'] is None, but must be"),
    "supported": ({"number": Decimal}, "decimal.Decimal is stored as it is, so leave it out"),
    "supported, with functions": ({"list": (list, tuple, list)}, "list is stored as it is, so leave it out"),
    "the other way round": ({Box: "box"}, "give the name first, {'box': Box}"),
    "list": ([Box], "such as types={'box': Box}"),
    "tuple": ((Box, str, Box), "such as types={'box': Box}"),
    "class": (Box, "such as types={'box': Box}"),
    "nothing": (None, "but must be a mapping of names to classes"),
    "long name": ({"n" * 101: Colour}, "printable strings of at most 100 characters"),
    "name that cannot be printed": ({"a\n": Colour}, "printable strings of at most 100 characters"),
}


@pytest.mark.parametrize(("types", "why"), WRONG.values(), ids=WRONG)
def test_wrong_types(types, why):
    """Wrong types are refused by the codec, and by the configuration when it is made, with the likeliest remedy."""
    with pytest.raises(ConfigError) as caught:
        Codec(types)
    assert why in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 300
    with pytest.raises(ConfigError) as caught:
        SessionConfig(types=types)
    assert str(caught.value).startswith("SessionConfig.types is ")
    assert why in str(caught.value)
    with pytest.raises(ConfigError, match="types"):
        SessionConfig.from_mapping({"types": types})


class Heard(HttpSessionActivationListener):
    """A class that is registered with functions, and notified."""

    events = []  # noqa: RUF012 - of all copies

    def __init__(self, name):
        self.name = name

    def session_did_activate(self, event):
        self.events.append(f"{self.name} activated")


def test_sessions(start_worker):
    """In shared stores such objects are attributes as any other; changes inside are saved, listeners notified."""
    types = TYPES | {"heard": (Heard, lambda heard: heard.name, Heard)}
    first, second = start_worker(types=types), start_worker(types=types)
    session_id = first.session_with(last=collections.deque([1], 2), at=PurePosixPath("/a"), heard=Heard("h"))
    request = second.request(session_id)
    request.session.get_session()["last"].extend([2, 3])
    assert request.session.get_session()["heard"].name == "h"
    request.finish()
    found = first.attributes(session_id)

    assert found["last"] == collections.deque([2, 3], 2)
    assert found["at"] == PurePosixPath("/a")
    assert "h activated" in Heard.events


def test_unreadable_in_a_session(start_worker, caplog):
    """An attribute whose function fails is absent, logged without its content, and can be removed."""
    first = start_worker(types={"box": (Box, content_of, Box)})
    second = start_worker(types={"box": (Box, content_of, fail)})
    session_id = first.session_with(box=Box("hidden"), user="anna")

    assert second.attributes(session_id) == {"user": "anna"}
    assert "'box'" in caplog.text
    assert "s3cret" not in caplog.text
    request = second.request(session_id)
    request.session.get_session().clear()
    request.finish()
    assert first.attributes(session_id) == {}


def test_memory():
    """In memory with distributable=True the same objects are accepted and refused, and stay the very objects."""
    with SessionManager(config=SessionConfig(distributable=True, types=TYPES)) as manager:
        session, box = create_session(manager), Box([1])
        session["box"] = box
        assert session["box"] is box
        with pytest.raises(CodecError, match=r"box\.to\(\)\[0\] is of type object"):
            session["box"] = Box([object()])


def test_values_without_pairs_cost_nothing_more(no_collection):
    """Registered functions cost nothing where no object needs them."""
    value = {"a": [1, "b"], "c": (1.5, None)}
    assert calls(CODEC.encode, value, "a") <= calls(Codec().encode, value, "a")


def test_a_path_of_another_module(monkeypatch):
    """A class of a module whose name only begins like that of pathlib is registered as itself, and never called."""

    class Rooted(PurePosixPath):
        def __new__(cls, *parts):
            assert parts, "made without arguments"
            return super().__new__(cls, *parts)

    Rooted.__module__ = "pathlib_extra"
    codec = Codec({"rooted": (Rooted, str, Rooted)})

    assert type(codec.decode(codec.encode(Rooted("/a")))) is Rooted


def test_set_again_while_it_cannot_be_read():
    """An object whose data could not be read is refused also where the store has the same data already."""
    data = Codec({"box": (Box, content_of, Box)}).encode(Box("a"))
    codec = Codec({"box": (Box, content_of, fail)})
    with pytest.raises(CodecError, match="could not be read again"):
        codec.encode(Box("a"), "cart", data)
