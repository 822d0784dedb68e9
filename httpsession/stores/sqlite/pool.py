"""The pool of connections to a database, and how a connection is opened.

Opening a connection costs many times what a statement costs, and a connection that was used before has pages and
statements in its cache.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .log import Files

#: Bytes to which SQLite truncates its log after a burst of changes.
_MAX_LOG: Final = 1 << 24


class Pool:
    """The connections to one file, each represented by its one cursor. A thread removes the one that it uses.

    There are as many as were ever needed at once. The latest one is reused first, since its cache is warmest.

    Each operation on `idle` and `opened` is atomic, so the pool needs no lock. A database that releases its pool makes
    a new one: connections in use then come back to the former pool, and are closed there.
    """

    __slots__ = ("files", "idle", "opened")

    def __init__(self) -> None:
        #: Which database and log they are, as soon as a connection was opened.
        self.files: Files | None = None
        self.idle: deque[sqlite3.Cursor] = deque()
        #: The connections that are idle, and those in use.
        self.opened: set[sqlite3.Cursor] = set()

    def __del__(self) -> None:
        """Close the idle connections of a pool that is garbage."""
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that are idle."""
        while True:
            try:
                cursor = self.idle.pop()
            except IndexError:
                return
            self.discard(cursor)

    def close_inherited(self) -> None:
        """Close the idle connections in the child of a fork. The log is not truncated, if Python can say so (3.12)."""
        for cursor in self.idle:
            configure = getattr(cursor.connection, "setconfig", None)
            if configure is not None:
                configure(getattr(sqlite3, "SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE"), True)  # noqa: B009 - unknown to 3.11
        self.close_idle()

    def discard(self, cursor: sqlite3.Cursor) -> None:
        """Close a connection, and undo its open transaction."""
        close(cursor)
        self.opened.discard(cursor)


def close(cursor: sqlite3.Cursor) -> None:
    """End what a connection has begun, and close it.

    SQLite closes a connection only when the last of its statements is gone. The frames of an exception keep the cursor
    and its statement alive, and with them an open transaction and its lock.
    """
    for end in (cursor.close, cursor.connection.rollback, cursor.connection.close):
        with suppress(sqlite3.Error):
            end()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of each connection to a database."""

    #: SQLite's setting of that name: how hard changes are pressed onto the disk.
    synchronous: str
    #: Whether removed values are overwritten in the database and its log.
    secure_delete: bool


def connect(
    path: str, deadline: float, settings: Settings, reads_any_text: bool, mode: str | None = None
) -> sqlite3.Cursor:
    """Open a connection, waiting for foreign locks until *deadline*.

    Args:
        path: the file, which must exist.
        deadline: a time of the monotonic clock.
        settings: the settings of the connection.
        reads_any_text: whether text that is not UTF-8 is read as its bytes, instead of an error.
        mode: the parameters of the URI, for a file whose journal mode stays as it is; None sets that to WAL.

    Returns:
        The one cursor of the connection. It begins no transaction by itself.

    Raises:
        sqlite3.Error: the file is missing, locked, damaged or no database, or its system has no shared memory for WAL.
    """
    # Threads pass connections to each other, but no two use the same connection at once.
    connection = sqlite3.connect(
        f"{Path(path).as_uri()}?{mode or 'mode=rw'}",
        uri=True,
        timeout=max(0.0, deadline - time.monotonic()),
        isolation_level=None,
        check_same_thread=False,
    )
    cursor = connection.cursor()
    try:
        if mode is None:
            (journal,) = cursor.execute("PRAGMA journal_mode = WAL").fetchone()
            if journal != "wal":
                raise sqlite3.OperationalError(
                    f"the journal mode is {journal}, but must be WAL, which is not available here"
                )
        cursor.execute(f"PRAGMA synchronous = {settings.synchronous}")
        cursor.execute(f"PRAGMA journal_size_limit = {_MAX_LOG}").fetchall()
        # Some builds overwrite all that is deleted: then a logout writes as much as the session was long.
        cursor.execute(f"PRAGMA secure_delete = {'ON' if settings.secure_delete else 'FAST'}").fetchall()
        if reads_any_text:
            connection.text_factory = _text
    except BaseException:
        close(cursor)
        raise
    return cursor


def _text(text: bytes) -> str | bytes:
    """Decode a text, or return its bytes: one damaged row must not keep all others from being read."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text
