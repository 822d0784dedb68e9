"""Why a value is refused, where in it the trouble is, and what can be done instead: the messages of CodecError."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from reprlib import repr as short_repr
from typing import Any, Final

from ..errors import CodecError
from .dataclass import stored_fields
from .nodes import IMMUTABLE, MEND, RefusedError, UnreadableError, cut, name_of
from .remedies import remedy_for

_SURROGATE = "a lone surrogate, which UTF-8 cannot hold"
#: The step of a path into an object that is registered with a pair of functions.
TO: Final = ".to()"
#: How many characters of a path a message has.
_PATH = 300


class Search:
    """The search for what is refused in a value.

    Args:
        write: writes a value of at most so many levels, or raises RefusedError or UnicodeEncodeError.
        children: returns the values inside of a value, each with the step of the path that leads there.
        max_depth: the levels that a whole value may have.
    """

    def __init__(
        self,
        write: Callable[[object, int], object],
        children: Callable[[object], Iterable[tuple[str, object]]],
        max_depth: int,
    ) -> None:
        self._write = write
        self._children = children
        self._max_depth = max_depth

    def error(self, value: object, name: str | None) -> CodecError:
        """Return the error for *value*, the refused value of the attribute *name*."""
        path, culprit, refusal = self._locate(value, "value" if name is None else name, self._max_depth, ())
        remedy = refusal.remedy or remedy_for(type(culprit))
        why = f"{cut(path, _PATH)} is of type {name_of(type(culprit))}, {refusal}"
        error = cannot_store(name, why, remedy, path)
        error.__cause__ = refusal.__cause__
        return error

    def _locate(
        self, value: object, path: str, depth: int, within: tuple[object, ...]
    ) -> tuple[str, object, RefusedError]:
        """Return where in a refused value the trouble is, the object there, and its refusal."""
        if any(value is outer for outer in within):
            return path, value, RefusedError("which contains itself", "store a copy without the reference to itself")
        if depth < 1 and path.endswith(TO) and type(value) is type(within[-1]):
            why = "whose function to returned another object of this class, again and again"
            return path, value, RefusedError(why, MEND)
        if depth < 1:
            why = f"nested deeper than {self._max_depth} levels"
            return path, value, RefusedError(why, "store the inner part as an attribute of its own")
        for step, child in self._children(value):
            if self._refusal(child, depth - 1) is not None:
                return self._locate(child, path + step, depth - 1, (*within, value))
        return path, value, self._refusal(value, depth) or RefusedError("which was refused once", "set it again")

    def _refusal(self, value: object, depth: int) -> RefusedError | None:
        """Return why *value* is refused; None if it is not."""
        try:
            self._write(value, depth)
        except UnicodeEncodeError:
            return RefusedError(f"with {_SURROGATE}", 'store value.encode("utf-8", "surrogatepass")')
        except RefusedError as error:
            return error
        return None


def children(value: Any) -> Iterator[tuple[str, object]]:
    """Yield the values inside of *value*, each with the step of the path that leads there."""
    cls = type(value)
    if cls is list or cls is tuple:
        yield from ((f"[{at}]", item) for at, item in enumerate(value))
    elif cls is set or cls is frozenset:
        yield from (("{}", item) for item in value)
    elif cls is dict:
        yield from ((".keys()", key) for key in value)
        yield from ((f"[{short_repr(key) if type(key) in IMMUTABLE else '...'}]", item) for key, item in value.items())
    elif any("__dataclass_fields__" in vars(base) for base in cls.__mro__):  # is_dataclass() would ask the metaclass
        for name in stored_fields(cls):
            with suppress(Exception):  # of a field that cannot be read, which is refused itself
                yield f".{name}", getattr(value, name)


def told(error: Exception) -> str:
    """Return the message of an exception, cut; its type if it has none, or if its class cannot print it."""
    text = ""
    with suppress(Exception):
        text = str(error)
    return cut(text, 150) or type(error).__name__


def check_name(name: str) -> None:
    """Raise CodecError if the *name* of an attribute cannot be written in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise cannot_store(name, f"its name has {_SURROGATE}", "choose another name") from None


def cannot_store(name: str | None, why: str, remedy: str, path: str | None = None) -> CodecError:
    """Return the error for a value of the attribute *name* that cannot be stored, with what can be done instead."""
    return CodecError(f"{_subject(name)} cannot be stored: {why}; {remedy}", name, path or name)


def cannot_read(name: str | None, error: Exception) -> CodecError:
    """Return the error for stored bytes of the attribute *name* whose reading failed with *error*."""
    remedy = (
        error.remedy if isinstance(error, RefusedError | UnreadableError) else "set the attribute again or remove it"
    )
    return CodecError(f"{_subject(name)} cannot be read: {told(error)}; {remedy}", name, name)


def _subject(name: str | None) -> str:
    return "a value" if name is None else f"attribute {short_repr(name)}"
