"""The ground under the classes of settings: checks of values, and docstrings of fields that ``help()`` shows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import indent
from typing import Final, TypeVar

from ..errors import ConfigError

T = TypeVar("T")

#: The longest interval in seconds, as in Java: 68 years.
MAX_INTERVAL: Final = 2**31 - 1


def require(fits: bool, owner: object, setting: str, allowed: str) -> None:
    """Raise the ConfigError for a *setting* of *owner*, unless its value *fits*."""
    if not fits:
        raise ConfigError.of(owner, setting, f"must be {allowed}")


def is_whole(value: object) -> bool:
    """Return whether *value* is an int; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


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
