"""The path of a database: what it must be, and how messages show it."""

from __future__ import annotations

import os
from typing import Final

from ...errors import ConfigError, printable, shown

#: The most characters of a path, and of the words of an error, that a message shows.
_LONGEST: Final = 200
_LONGEST_REASON: Final = 400


def absolute(path: str | os.PathLike[str]) -> str:
    """Return the absolute path of a database.

    Raises:
        ConfigError: no file can have this path.
        OSError: the path is relative, and the present directory is gone.
    """
    text = os.fspath(path)
    if not isinstance(text, str):
        raise ConfigError(f"the SQLite store has the path {shown(path)}, but must have text")
    if "\0" in text or not _has_bytes(text):
        raise ConfigError(f"the SQLite store has the path {shown(text)}, but no path has a NUL or a lone surrogate")
    return os.path.abspath(text)


def _has_bytes(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def path_shown(path: str) -> str:
    """Return a path for a message: in one line, and only the end of a long one."""
    return printable(path if len(path) <= _LONGEST else f"...{path[-_LONGEST:]}")


def reason_of(error: Exception) -> str:
    """Return the words of an error of the system, in one line. A path in it is shown as other paths are."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {path_shown(os.fsdecode(error.filename))}" if error.filename else error.strerror
    return printable(str(error)[:_LONGEST_REASON])
