"""The ground under the classes of settings: checks of values, and docstrings of fields that ``help()`` shows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import indent
from typing import TYPE_CHECKING, Final, TypeGuard, TypeVar

from ..errors import ConfigError

T = TypeVar("T")

#: The longest interval in seconds, as in Java: 68 years. The least is that of Java, too.
MAX_INTERVAL: Final = 2**31 - 1
#: The intervals that sessions may have, in words.
INTERVALS: Final = f"a whole number of seconds, at most {MAX_INTERVAL} (zero or less: never)"

if TYPE_CHECKING:

    class WholeSeconds:
        """The type of a setting in whole seconds, to which a timedelta can be given."""

        def __get__(self, owner: object, cls: type | None = None) -> int: ...
        def __set__(self, owner: object, value: int | timedelta) -> None: ...

    class Seconds:
        """The type of a setting in seconds or None, to which a timedelta can be given."""

        def __get__(self, owner: object, cls: type | None = None) -> float | None: ...
        def __set__(self, owner: object, value: float | timedelta | None) -> None: ...


def require(fits: bool, owner: object, setting: str, allowed: str) -> None:
    """Raise the ConfigError for a *setting* of *owner*, unless its value *fits*."""
    if not fits:
        raise ConfigError.of(owner, setting, f"must be {allowed}")


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether *value* is an int; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_interval(value: object) -> TypeGuard[int]:
    """Return whether *value* is an interval that a session may have; zero or less: the session never expires."""
    return is_whole(value) and -MAX_INTERVAL - 1 <= value <= MAX_INTERVAL


def is_seconds(value: object) -> bool:
    """Return whether *value* is a number of seconds above zero, at most :data:`MAX_INTERVAL`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_INTERVAL


def in_seconds(value: object) -> object:
    """Return the seconds of a timedelta, whole if they are; any other value as it is."""
    if not isinstance(value, timedelta):
        return value
    return value // timedelta(seconds=1) if not value % timedelta(seconds=1) else value.total_seconds()


def require_seconds(accepts: Callable[[object], bool], owner: object, setting: str, allowed: str) -> None:
    """Replace a timedelta by its seconds, and raise the ConfigError unless *accepts* is true of the value."""
    seconds = in_seconds(getattr(owner, setting))
    require(accepts(seconds), owner, setting, allowed)
    object.__setattr__(owner, setting, seconds)


def with_field_docs(cls: type[T]) -> type[T]:
    """Append the docstrings of the fields to that of the class.

    Editors show the string below a field, but Python drops it. For ``help()`` it is read from the source. Without
    sources, or without docstrings under ``python -OO``, the class stays as it is.
    """
    if cls.__doc__:
        with suppress(OSError, TypeError):
            cls.__doc__ = "\n".join([cleandoc(cls.__doc__), "", "Attributes:", *_field_docs(getsource(cls))])
    return cls


def _field_docs(source: str) -> Iterator[str]:
    """Yield the fields of a class, each with the string below it."""
    (definition,) = ast.parse(source).body
    for field, below in pairwise(ast.iter_child_nodes(definition)):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                yield f"    {name}: {indent(cleandoc(doc), ' ' * 8).lstrip()}"
