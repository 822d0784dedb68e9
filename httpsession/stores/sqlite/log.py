"""The write-ahead log of a database: which file it is, and how it is emptied."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from contextlib import suppress
from sqlite3 import Cursor, Error
from typing import Final

from .paths import path_shown

_log = logging.getLogger("httpsession")

#: What tells a database and its log from all others: the device, and the inodes of both.
Files = tuple[int, int, int]

#: How often it is tried to truncate the log while readers use it, and seconds in between. The writers wait meanwhile.
_ATTEMPTS: Final = 20
_PAUSE: Final = 0.0005


def files_of(path: str) -> Files:
    """Return which files a database and its log are; without a log, its inode is zero.

    Raises:
        OSError: there is no database.
    """
    database = os.stat(path)
    try:
        log = os.stat(f"{path}-wal").st_ino
    except OSError:
        log = 0
    return database.st_dev, database.st_ino, log


def empty_log(cursor: Cursor) -> bool:
    """Write the log into the database and truncate it, so that it has no removed values any more.

    Returns:
        Whether that was done. A reader that is still in an older state of the database keeps the log from being
        truncated.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        ((is_busy, _, _),) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if not is_busy:
            return True
    return False


def save_removed(path: str, former: Files, idle: deque[Cursor]) -> None:
    """Write a log that was removed beside its database into that, if no new one was begun.

    The connections to it still see what it has, and new connections would not.

    Args:
        path: the database.
        former: which files the connections have open.
        idle: the cursors of connections that no thread uses.
    """
    with suppress(OSError, IndexError, Error):
        present = files_of(path)
        if present == former or present[:2] != former[:2]:
            return
        cursor = idle.pop()
        _log.warning("The log of %s was removed or replaced while it was in use.", path_shown(path))
        try:
            if not present[2]:
                empty_log(cursor)
        finally:
            idle.append(cursor)
