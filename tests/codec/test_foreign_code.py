"""Classes of the application whose own code raises: the class is named, and no other exception reaches the caller."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from httpsession import CodecError
from httpsession.codec import Codec


class MuteError(Exception):
    """An exception that cannot be printed, and has no remedy either."""

    @property
    def remedy(self):
        raise RuntimeError("no remedy")

    def __str__(self):
        raise RuntimeError("no text")


class Wrapped:
    """A class that is registered with functions of the test."""

    def __init__(self, inner):
        self.inner = inner


#: The registration of the class.
WRAPPED = (Wrapped, lambda wrapped: wrapped.inner, Wrapped)


def refuse(*_):
    raise MuteError


@dataclass(frozen=True)
class Key:
    """A key with a hash that fails at will."""

    number: int

    def __hash__(self):
        return refuse() if self.number in BROKEN else self.number


#: The numbers of the keys whose hashes fail.
BROKEN = set()


@dataclass
class Guarded:
    """A dataclass whose field cannot be read."""

    open: int
    shut: int

    def __getattribute__(self, name):
        return refuse() if name == "shut" else object.__getattribute__(self, name)


@dataclass(frozen=True)
class Counted:
    """A dataclass with a computed field, which is not stored."""

    items: tuple
    total: int = field(init=False)


Counted.total = property(refuse)


def broken(value):
    """Return the error with which *value* cannot be stored."""
    codec = Codec({"guarded": Guarded, "key": Key, "wrapped": WRAPPED, "counted": Counted})
    with pytest.raises(CodecError) as caught:
        codec.encode(value, "a")
    return str(caught.value)


def test_a_factory_raises_what_cannot_be_printed():
    """A default that cannot be made makes the attribute unreadable; the message names the type of the exception."""

    @dataclass
    class Item:
        sku: str

    data = Codec({"item": Item}).encode(Item("a"))

    @dataclass
    class Grown:
        sku: str
        tags: list = field(default_factory=refuse)

    with pytest.raises(CodecError) as caught:
        Codec({"item": Grown}).decode(data, "a")
    assert str(caught.value) == "attribute 'a' cannot be read: MuteError; set the attribute again or remove it"
    assert isinstance(caught.value.__cause__, MuteError)


def test_a_hash_raises_what_cannot_be_printed(monkeypatch):
    """A key whose hash fails is refused with its dict: while it is written, or if it would not be read again."""
    crowd, wrapped = {Key(number): 1 for number in range(300)}, Wrapped({Key(7): 1})
    monkeypatch.setattr(f"{__name__}.BROKEN", {7})

    assert "a is of type dict, with a key or member whose hash raised " in broken(crowd)
    assert "a is of type tests.codec.test_foreign_code.Wrapped, which could not be read again: Mute" in broken(wrapped)


def test_a_field_raises():
    """A field whose getter raises is named, with the type of the exception; the path leads to the object."""
    expected = "a[0] is of type tests.codec.test_foreign_code.Guarded, whose field shut raised "
    assert expected in broken([Guarded(1, 2)])


def test_a_function_returns_its_own_class_for_ever():
    """A function *to* that returns new objects of its own class is blamed, and not the depth of the value."""
    codec = Codec({"wrapped": (Wrapped, lambda wrapped: Wrapped(None), Wrapped)})

    with pytest.raises(CodecError) as caught:
        codec.encode([Wrapped(1)], "a")
    assert "whose function to returned another object of this class, again and again; correct the f" in str(
        caught.value
    )


def test_objects_within_objects():
    """A function *to* may return an object of its own class as often as a value may be nested."""
    codec = Codec({"wrapped": WRAPPED})
    back = codec.decode(codec.encode(Wrapped(Wrapped(Wrapped(1)))))
    assert back.inner.inner.inner == 1


def test_computed_fields_are_not_read():
    """A computed field is read neither to find what is refused nor to find whether the object can change."""
    assert "a.items[0] is of type object" in broken(Counted((object(),)))
    assert not Codec({"counted": Counted}).can_change(Counted((1,)))
    assert Codec({"counted": Counted}).can_change(Counted(([],)))
