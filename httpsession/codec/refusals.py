"""Why a value is refused, and where in it the trouble is: the messages of CodecError."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CodecError
from .nodes import RefusedError, children, name_of

_SURROGATE = "a lone surrogate, which UTF-8 cannot hold"


class Search:
    """The search for what is refused in a value.

    Args:
        write: writes a value of at most so many levels, or raises RefusedError or UnicodeEncodeError.
        max_depth: the levels that a whole value may have.
    """

    def __init__(self, write: Callable[[object, int], object], max_depth: int) -> None:
        self._write = write
        self._max_depth = max_depth

    def error(self, value: object, name: str | None) -> CodecError:
        """Return the error for *value*, the refused value of the attribute *name*."""
        path, culprit, why = self._locate(value, "value" if name is None else name, self._max_depth, ())
        return cannot_store(name, f"{path} is of type {name_of(type(culprit))}, {why}", path)

    def _locate(self, value: object, path: str, depth: int, within: tuple[object, ...]) -> tuple[str, object, str]:
        """Return where in a refused value the trouble is, the object there, and why it is refused."""
        if any(value is outer for outer in within):
            return path, value, "which contains itself"
        if depth < 1:
            return path, value, f"nested deeper than {self._max_depth} levels"
        for step, child in children(value):
            if self._reason(child, depth - 1):
                return self._locate(child, path + step, depth - 1, (*within, value))
        return path, value, self._reason(value, depth)

    def _reason(self, value: object, depth: int) -> str:
        """Return why *value* is refused; empty if it is not."""
        try:
            self._write(value, depth)
        except UnicodeEncodeError:
            return f"with {_SURROGATE}"
        except RefusedError as error:
            return str(error)
        return ""


def check_name(name: str) -> None:
    """Raise CodecError if the *name* of an attribute cannot be written in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise cannot_store(name, f"its name has {_SURROGATE}") from None


def cannot_store(name: str | None, why: str, path: str | None = None) -> CodecError:
    """Return the error for a value of the attribute *name* that cannot be stored."""
    return CodecError(f"{_subject(name)} cannot be stored: {why}", name, path or name)


def cannot_read(name: str | None, error: Exception) -> CodecError:
    """Return the error for stored bytes of the attribute *name* whose reading failed with *error*."""
    why = str(error)[:200] or type(error).__name__
    return CodecError(f"{_subject(name)} cannot be read: {why}", name, name)


def _subject(name: str | None) -> str:
    return "a value" if name is None else f"attribute {name!r}"
