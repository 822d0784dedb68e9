"""Classes that an application registered: their objects as nodes, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, is_dataclass
from enum import Enum
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePath
from reprlib import repr as short_repr
from types import MemberDescriptorType
from typing import Any, Final, Protocol

from ..errors import ConfigError, shown
from .dataclass import stored_fields
from .nodes import (
    ENUM,
    MEND,
    NATIVE,
    OBJECT,
    PACKERS,
    PAIR,
    Markup,
    Node,
    Packing,
    RefusedError,
    UnreadableError,
    cut,
    make_dict,
    name_of,
)
from .remedies import pair_for

#: A class, a function that returns storable data of an object, and a function that makes the object of the data.
Pair = tuple[type, Callable[[Any], Any], Callable[[Any], Any]]
#: Classes of an application by the names under which they are written.
Types = Mapping[str, type | Pair]

_ALLOWED: Final = "must be a dataclass or an Enum class, or a tuple (class, to, from) such as {}"
_MAX_NAME: Final = 100


class Registered(Protocol):
    """A class that an application registered."""

    kind: int
    cls: type

    def pack(self, packing: Packing, value: Any) -> Node:
        """Return the node of an object of the class."""

    def make(self, items: Sequence[Any]) -> object:
        """Return the object of a node's items, which follow the registered name."""


def registrations(types: Types) -> dict[str, Registered]:
    """Return the registrations of an application's *types*, by name.

    Raises:
        ConfigError: *types* is no mapping of names to classes that can be registered.
    """
    if not isinstance(types, Mapping):
        given = types if isinstance(types, Iterable) and not isinstance(types, type | str | bytes) else (types,)
        classes = [cls for cls in given if isinstance(cls, type)]
        hint = (
            f"types={{{classes[0].__name__.lower()!r}: {classes[0].__name__}}}" if classes else "types={'item': Item}"
        )
        raise ConfigError(f"types is {_shown(types)}, but must be a mapping of names to classes, such as {hint}")
    return {name: registration(name, given) for name, given in types.items()}


def registration(name: str, given: type | Pair) -> Registered:
    """Return the registration under *name* of a class, alone or with its pair of functions.

    Raises:
        ConfigError: *given* cannot be registered, or *name* cannot be written or printed.
    """
    if not (isinstance(name, str) and name.isprintable() and 0 < len(name) <= _MAX_NAME):
        hint = (
            f": give the name first, {{{name.__name__.lower()!r}: {name.__name__}}}" if isinstance(name, type) else ""
        )
        allowed = f"names must be printable strings of at most {_MAX_NAME} characters"
        raise ConfigError(f"types has the name {_shown(name)}, but {allowed}{hint}")
    cls, *functions = given if isinstance(given, tuple) and given else (given,)
    place = f"types[{shown(name)}]"
    if not isinstance(cls, type):
        found = "a tuple that begins with " if isinstance(given, tuple) else ""
        raise ConfigError(f"{place} is {found}{_shown(cls)}, but {_ALLOWED.format(_example(type(cls)))}")
    if cls in NATIVE or (cls in PACKERS and cls is not Markup):
        raise ConfigError(
            f"{place} is for {name_of(cls)}, but must be a dataclass or an Enum class of the application: "
            f"{name_of(cls)} is stored as it is, so leave it out"
        )
    if isinstance(given, tuple):
        if len(functions) != 2 or not all(map(callable, functions)):
            wrong = f"{len(given)} items" if len(given) != 3 else "an item that cannot be called"
            raise ConfigError(f"{place} is a tuple with {wrong}, but {_ALLOWED.format(_example(cls))}")
        return RegisteredPair(name, cls, *functions)
    if issubclass(cls, Enum):
        return RegisteredEnum(name, cls)
    if is_dataclass(cls) and _is_plain(cls):
        return RegisteredDataclass(name, cls)
    raise ConfigError(f"{place} is {_shown(cls)}, but {_ALLOWED.format(_example(cls))}")


def _shown(given: object) -> str:
    """Return how messages call a wrong setting: a class or a short text, of anything else its type alone."""
    if isinstance(given, type):
        return f"the class {name_of(given)}"
    if given is None or isinstance(given, str | int):
        return shown(given)
    return f"an object of type {name_of(type(given))}"


def _example(cls: type) -> str:
    """Return how *cls* can be registered by a pair of functions."""
    if cls in NATIVE or cls in PACKERS or cls is type:
        return "(PurePosixPath, str, PurePosixPath)"
    return pair_for(cls) or f"({cls.__name__}, to, from)"


class RegisteredEnum:
    """An Enum class: its members are written by their names."""

    def __init__(self, name: str, cls: type[Enum]) -> None:
        self.kind: int = ENUM
        self.cls: type[Enum] = cls
        self._name = name

    def pack(self, _: Packing, value: Enum) -> Node:
        """Return the node of a member."""
        if value.name not in self.cls.__members__:
            raise RefusedError("but no single member of it", "store value.value")
        return ENUM, (self._name, value.name)

    def make(self, items: Sequence[Any]) -> Enum:
        """Return the member of this name."""
        (member,) = items
        return self.cls[member]


class RegisteredDataclass:
    """A dataclass: its objects are written as names and values of their fields, but for those that are computed."""

    def __init__(self, name: str, cls: type) -> None:
        self.kind: int = OBJECT
        self.cls: type = cls
        self._name = name
        self.fields: Mapping[str, Field[Any]] = stored_fields(cls)
        params: Any = getattr(cls, "__dataclass_params__", None)
        #: Whether the fields of an object cannot be set again.
        self.is_frozen: bool = params is not None and params.frozen is True
        members = [member for base in cls.__mro__ for member in vars(base).items()]
        self._known = self.fields.keys() | {key for key, own in members if type(own) is cached_property}
        self._slots = {key for key, own in members if type(own) is MemberDescriptorType} - self._known

    def pack(self, packing: Packing, value: object) -> Node:
        """Return the node of an object; an object with attributes that are no fields is refused."""
        unknown = vars(value).keys() - self._known if hasattr(value, "__dict__") else set()
        unknown.update(slot for slot in self._slots if hasattr(value, slot))
        if unknown:
            why = f"with attributes that are no fields: {cut(', '.join(sorted(map(str, unknown))), 200)}"
            raise RefusedError(why, "declare them as fields, or delete them first")
        try:
            pairs = [(key, getattr(value, key)) for key in self.fields]
        except Exception:
            raise self._refusal(value) from None
        return OBJECT, packing.items([self._name, *chain.from_iterable(pairs)])

    def _refusal(self, value: object) -> RefusedError:
        """Return why an object is refused of which a field cannot be read."""
        for key in self.fields:
            try:
                getattr(value, key)
            except AttributeError:
                return RefusedError(f"whose field {key} is not set", "set it first")
            except Exception as error:
                remedy = "correct the class, or register it with a pair of functions"
                return RefusedError(f"whose field {key} raised {name_of(type(error))}", remedy)
        return RefusedError("with a field that could not be read once", "set it again")

    def make(self, items: Sequence[Any]) -> object:
        """Make an object as ``copy.copy`` does: neither ``__init__`` nor ``__post_init__`` is called.

        A field that was added since the object was written gets its default.
        """
        values = make_dict(items)
        unknown = values.keys() - self.fields.keys()
        if unknown:
            why = f"{self._name} has no field {short_repr(unknown.pop())}"
            raise UnreadableError(why, "give the class this field, or register it as another name")
        made: object = object.__new__(self.cls)
        for key, field in self.fields.items():
            if key in values:
                value = values[key]
            elif field.default_factory is not MISSING:
                value = field.default_factory()
            elif field.default is not MISSING:
                value = field.default
            else:
                why = f"the field {key} of {self._name} is missing and has no default"
                raise UnreadableError(why, "give the field a default")
            object.__setattr__(made, key, value)
        return made


class RegisteredPair:
    """Any class, with a function that returns data of an object, and a function that makes the object of the data."""

    def __init__(self, name: str, cls: type, to: Callable[[Any], Any], make: Callable[[Any], Any]) -> None:
        self.kind: int = PAIR
        # Path() makes a PosixPath or a WindowsPath, and PurePath() likewise, so no object is of these types.
        self.cls: type = type(cls()) if cls in (Path, PurePath) else cls
        self._name = name
        self._to = to
        self._make = make

    def pack(self, packing: Packing, value: object) -> Node:
        """Return the node of an object."""
        packing.has_pairs = True
        return PAIR, packing.items([self._name, self.to_data(value)])

    def to_data(self, value: object) -> object:
        """Return the data of an object.

        Raises:
            RefusedError: the function failed, or returned the object itself.
        """
        try:
            data = self._to(value)
        except Exception as error:
            raise RefusedError(
                f"whose function to in types[{self._name!r}] raised {name_of(type(error))}", MEND
            ) from error
        if data is value:
            raise RefusedError(f"whose function to in types[{self._name!r}] returned the object itself", MEND)
        return data

    def make(self, items: Sequence[Any]) -> object:
        """Make an object of its data.

        The message of a failing function may tell what is stored, so it is chained and not repeated.
        """
        (data,) = items
        place = f"the function from in types[{self._name!r}]"
        try:
            made = self._make(data)
        except Exception as error:
            raise UnreadableError(f"{place} raised {name_of(type(error))}", MEND) from error
        if type(made) is not self.cls:
            made_type, own = name_of(type(made)), name_of(self.cls)
            raise UnreadableError(f"{place} returned an object of type {made_type}, not {own}", MEND)
        return made


def _is_plain(cls: type) -> bool:
    """Return whether the objects of *cls* hold attributes only, unlike those of a subclass of list."""
    try:
        object.__new__(cls)
    except TypeError:
        return False
    return True
