"""The folder of a database: which users may write into it.

SQLite trusts the log beside a database, and reads sessions from it. A user who may write into the folder can put a log
there, or another database in place of this one.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from ...errors import StoreError
from .paths import path_shown

try:
    import grp
    import pwd
except ImportError:  # Windows: files have no groups, and access lists in place of modes
    _has_groups = False
else:
    _has_groups = True

_log = logging.getLogger("httpsession")


def check_folder(path: str) -> None:
    """Refuse the folder of a database if every user could replace its files.

    A missing folder is refused when a file is opened.

    Raises:
        StoreError: every user may write into the folder, and it has no sticky bit.
        OSError: its status is not known.
    """
    folder = os.path.dirname(path)
    try:
        status = os.stat(folder)
    except FileNotFoundError:
        return
    if not _has_groups:
        return
    if _is_open_to_all(status):
        raise StoreError(
            f"every user may replace files in {path_shown(folder)}, whose mode is {stat.S_IMODE(status.st_mode):o}: "
            "keep sessions in a directory of mode 700"
        )


def may_all_create(path: str) -> bool:
    """Return whether every user may create files in the folder of a database."""
    return _has_groups and bool(os.stat(os.path.dirname(path)).st_mode & stat.S_IWOTH)


def warn_of_writers(path: str) -> None:
    """Log a warning for each who may replace the files of a database: another owner of its folder, a group, or every
    user in a folder above it.
    """
    if not _has_groups:
        return
    folder = Path(path).parent
    status = folder.stat()
    user = os.geteuid()
    if user and status.st_uid not in (0, user):
        _log.warning(
            "Sessions are kept in %s, where its owner, user %d, may replace files, but this process runs as %d.",
            path_shown(path),
            status.st_uid,
            user,
        )
    may_group_write = status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_ISVTX
    if may_group_write and not _is_private(status.st_gid, status.st_uid):
        _log.warning(
            "Sessions are kept in %s, where the group %d may replace files: the mode of its directory is %o.",
            path_shown(path),
            status.st_gid,
            stat.S_IMODE(status.st_mode),
        )
    for above in folder.resolve().parents:
        if _is_open_to_all(above.stat()):
            _log.warning(
                "Sessions are kept in %s, but every user may replace directories in %s.",
                path_shown(path),
                path_shown(str(above)),
            )


def _is_open_to_all(status: os.stat_result) -> bool:
    """Return whether every user may replace files in a folder. The sticky bit leaves that to the owner of each file."""
    return bool(status.st_mode & stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX


def _is_private(group: int, owner: int) -> bool:
    """Return whether a group is its owner's own: it has the owner's name, and no other members.

    Many systems make such a group for each user, and a umask that lets the group write.
    """
    try:
        user, entry = pwd.getpwuid(owner).pw_name, grp.getgrgid(group)
    except KeyError:  # in a container users often have no names
        return group == owner
    return entry.gr_name == user and set(entry.gr_mem) <= {user}
