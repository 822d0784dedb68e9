"""The store for the processes of one machine: a SQLite file."""

from __future__ import annotations

import os.path

from ..url import StoreUrl
from .store import SQLiteStore

__all__ = ["SQLiteStore", "open_url"]


def open_url(url: str) -> SQLiteStore:
    """Open ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    With ``?synchronous=full`` what was acknowledged outlives a power cut, and each change waits for the disk; with
    ``normal``, the default, the changes of the last moments may be lost by one, but not by the death of processes; with
    ``off`` a power cut may spoil the file.

    Raises:
        ConfigError: the URL names no file, or an option is wrong.
        StoreError: the file cannot be opened.
    """
    parsed = StoreUrl.parse(url, timeout=1.0, options=("synchronous",))
    if parsed.parts.netloc:
        raise parsed.refusal("has two slashes before the path, but must have three, or four if the path is absolute")
    path = parsed.path.removeprefix("/")
    if not path or path == ":memory:":
        raise parsed.refusal("names no file, but only a file is shared by processes")
    if "\0" in path:
        raise parsed.refusal("has a NUL in its path")
    synchronous = parsed.options.get("synchronous", "normal")
    return SQLiteStore(os.path.abspath(path), prefix=parsed.prefix, timeout=parsed.timeout, synchronous=synchronous)
