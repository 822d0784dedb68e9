"""A file that is opened only if it exists: nothing is made beside it, and a missing one is named with similar ones."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from ..base import MissingStoreError
from .paths import path_shown

#: The ends of the names of files beside a database.
_HELPERS: Final = ("-wal", "-shm", "-journal", "-lock", "-reserve")
#: How many names a message suggests, and how many files of a folder are looked at for them.
_NAMES: Final = 3
_LOOKED_AT: Final = 10_000


def check_exists(path: str) -> None:
    """Refuse a file that is missing or empty. It is not opened: closing it would drop the locks of this process.

    Raises:
        MissingStoreError: there is no such file, or it is empty.
        OSError: that cannot be told.
    """
    try:
        size = os.lstat(path).st_size
    except FileNotFoundError:
        folder = os.path.dirname(path)
        is_there = os.path.isdir(folder)
        what = f"there is no file {path_shown(path)}" if is_there else f"there is no directory {path_shown(folder)}"
        guesses = " or ".join(map(path_shown, _similar(path)))
        raise MissingStoreError(what + (f"; did you mean {guesses}?" if guesses else "")) from None
    if not size and os.path.isfile(path):
        raise MissingStoreError(f"{path_shown(path)} is empty: no application has kept sessions in it")


def _similar(path: str) -> list[str]:
    """Return the paths of files that may be meant: with a slash more or less before the path, or a similar name."""
    with suppress(OSError):  # the present folder is gone
        from_root, from_here = "/" + os.path.relpath(path), os.path.abspath(path.lstrip("/"))
        found = [other for other in (from_root, from_here) if os.path.isfile(other) and other != path]
        if found:
            return found
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        above, wrong = os.path.split(folder)
        folders = get_close_matches(wrong, _names_in(above, are_folders=True), _NAMES)
        return [other for one in folders if os.path.isfile(other := os.path.join(above, one, name))]
    names = {other.lower(): other for other in _names_in(folder)}
    close = get_close_matches(name.lower(), names, _NAMES)
    if not close:
        # A wrong name with the right ending.
        ending = os.path.splitext(name)[1].lower()
        close = sorted(other for other in names if ending and other.endswith(ending))[: _NAMES + 1]
    # A folder of many such files suggests none of them.
    return [os.path.join(folder, names[other]) for other in close] if len(close) <= _NAMES else []


def _names_in(folder: str, *, are_folders: bool = False) -> list[str]:
    """Return the names of the first files in a folder, or of the folders in it."""
    with suppress(OSError), os.scandir(folder) as entries:
        some = [entry for _, entry in zip(range(_LOOKED_AT), entries, strict=False)]
        if are_folders:
            return [entry.name for entry in some if entry.is_dir()]
        return [one.name for one in some if not one.name.endswith(_HELPERS) and one.is_file(follow_symlinks=False)]
    return []


def mode_of(path: str) -> str:
    """Return the parameters of the URI with which SQLite opens a file and leaves no other file beside it.

    If the log cannot be removed afterwards, none may be made: the file is read as one that does not change. If a log is
    there already, it is needed.
    """
    with suppress(OSError):
        # Without its index, an empty log is what a process has left that could not remove it.
        if os.path.getsize(f"{path}-wal") or os.path.exists(f"{path}-shm"):
            return "mode=rw"
    is_effective = os.access in os.supports_effective_ids
    if all(os.access(place, os.W_OK, effective_ids=is_effective) for place in (path, os.path.dirname(path))):
        return "mode=rw"
    return "mode=ro&immutable=1"


def check_is_database(path: str) -> None:
    """Refuse a file that is no database, before any file is made beside it. An empty file may become one.

    Raises:
        sqlite3.DatabaseError: it is no database.
    """
    uri = f"{Path(path).as_uri()}?{mode_of(path)}"
    # Busy, or full: the connection that is opened afterwards waits, or says so.
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(uri, uri=True, timeout=0.0)) as connection:
        connection.execute("PRAGMA schema_version").fetchall()
