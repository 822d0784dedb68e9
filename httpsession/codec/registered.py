"""Dataclasses and Enum classes that an application registered: their objects as nodes, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cached_property
from itertools import chain
from reprlib import repr as short_repr
from types import MemberDescriptorType
from typing import Any, Protocol

from ..errors import ConfigError
from .nodes import ENUM, OBJECT, Node, Packing, RefusedError, make_dict


class Registered(Protocol):
    """A class that an application registered."""

    kind: int
    cls: type

    def pack(self, packing: Packing, value: Any) -> Node:
        """Return the node of an object of the class."""

    def make(self, items: Sequence[Any]) -> object:
        """Return the object of a node's items, which follow the registered name."""


def registration(name: str, cls: type) -> Registered:
    """Return the registration of *cls* under *name*.

    Raises:
        ConfigError: *cls* is neither a dataclass nor an Enum class, or *name* cannot be written or printed.
    """
    if not (isinstance(name, str) and name.isprintable() and name):
        raise ConfigError(f"types has the name {name!r}, but names must be printable strings")
    if isinstance(cls, type) and issubclass(cls, Enum):
        return RegisteredEnum(name, cls)
    if isinstance(cls, type) and is_dataclass(cls) and _is_plain(cls):
        return RegisteredDataclass(name, cls)
    raise ConfigError(f"types[{name!r}] is {cls!r}, but must be a dataclass or an Enum class")


class RegisteredEnum:
    """An Enum class: its members are written by their names."""

    def __init__(self, name: str, cls: type[Enum]) -> None:
        self.kind: int = ENUM
        self.cls: type[Enum] = cls
        self._name = name

    def pack(self, _: Packing, value: Enum) -> Node:
        """Return the node of a member."""
        if value.name not in self.cls.__members__:
            raise RefusedError("but no single member of it")
        return ENUM, (self._name, value.name)

    def make(self, items: Sequence[Any]) -> Enum:
        """Return the member of this name."""
        (member,) = items
        return self.cls[member]


class RegisteredDataclass:
    """A dataclass: its objects are written as names and values of their fields."""

    def __init__(self, name: str, cls: type) -> None:
        self.kind: int = OBJECT
        self.cls: type = cls
        self._name = name
        self._fields = {field.name: field for field in fields(cls)}
        members = [member for base in cls.__mro__ for member in vars(base).items()]
        self._known = self._fields.keys() | {key for key, own in members if type(own) is cached_property}
        self._slots = {key for key, own in members if type(own) is MemberDescriptorType} - self._known

    def pack(self, packing: Packing, value: object) -> Node:
        """Return the node of an object; an object with attributes that are no fields is refused."""
        unknown = vars(value).keys() - self._known if hasattr(value, "__dict__") else set()
        unknown.update(slot for slot in self._slots if hasattr(value, slot))
        if unknown:
            raise RefusedError(f"with attributes that are no fields: {', '.join(sorted(unknown))}")
        try:
            pairs = [(key, getattr(value, key)) for key in self._fields]
        except AttributeError as error:
            raise RefusedError(f"whose field {error.name} is not set") from None
        return OBJECT, packing.items([self._name, *chain.from_iterable(pairs)])

    def make(self, items: Sequence[Any]) -> object:
        """Make an object as ``copy.copy`` does: neither ``__init__`` nor ``__post_init__`` is called.

        A field that was added since the object was written gets its default.
        """
        values = make_dict(items)
        unknown = values.keys() - self._fields.keys()
        if unknown:
            raise ValueError(f"{self._name} has no field {short_repr(unknown.pop())}")
        made: object = object.__new__(self.cls)
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


def is_frozen(cls: type) -> bool:
    """Return whether *cls* is a dataclass whose fields cannot be set again."""
    params: Any = getattr(cls, "__dataclass_params__", None)
    return params is not None and params.frozen is True


def _is_plain(cls: type) -> bool:
    """Return whether the objects of *cls* hold attributes only, unlike those of a subclass of list."""
    try:
        object.__new__(cls)
    except TypeError:
        return False
    return True
