"""The files of a database: readable by their owner alone, whatever the umask, and never another user's."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from ...errors import StoreError
from .paths import path_shown, reason_of

_log = logging.getLogger("httpsession")

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING: Final = getattr(os, "O_NONBLOCK", 0)
#: The ends of the names of the files that SQLite makes beside a database, and trusts.
_LOGS: Final = ("-wal", "-shm", "-journal")
#: Bytes of the shortest database: a page.
_LEAST: Final = 512
_HAS_OWNERS: Final = hasattr(os, "geteuid")


def open_private(path: str, database: str, *, for_writing: bool = False, create: bool = True) -> int:
    """Open a file of a *database* and return its descriptor. If it does not exist, *create* it.

    A file that root creates belongs to the owner of the database or, before that exists, of the directory.

    Raises:
        OSError: it cannot be opened, is a link, or its directory is missing.
        StoreError: it is not a regular file, or belongs to another user.
    """
    access = os.O_RDWR if for_writing else os.O_RDONLY
    if not create:
        return _open_existing(path, database, access)
    try:
        owner = _status_of(database)
        descriptor = os.open(path, access | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _open_existing(path, database, access)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no directory {path_shown(os.path.dirname(path))}") from None
    if _HAS_OWNERS:
        os.fchmod(descriptor, 0o600)  # the umask may have removed bits
        if os.geteuid() == 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _open_existing(path: str, database: str, access: int) -> int:
    # Another user may have put a pipe there, and opening it would wait for ever.
    descriptor = os.open(path, access | _NO_LINK | _NO_WAITING)
    try:
        _check_beside(path, os.fstat(descriptor), database)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _status_of(database: str) -> os.stat_result:
    """Return the status of the database or, before it exists, of its directory."""
    try:
        return os.stat(database)
    except FileNotFoundError:
        return os.stat(os.path.dirname(database))


def make_database(path: str) -> None:
    """Create an empty database if there is none. Only one process at a time may call this.

    The remains of another database of this name are removed first: SQLite would take them for part of the new one.
    """
    if os.path.lexists(path):
        return
    for remains in _LOGS:
        with suppress(FileNotFoundError):
            os.unlink(path + remains)
    os.close(open_private(path, path))


def check_database(path: str) -> None:
    """Refuse a database that cannot be trusted.

    Raises:
        StoreError: it is a link or a directory, belongs to another user, is open to all, or too short for a database.
    """
    status = os.lstat(path)
    # Root may use any user's database.
    _check(path, status, {status.st_uid})
    if 0 < status.st_size < _LEAST:
        # SQLite would take it for an empty database.
        raise StoreError(f"{path_shown(path)} is not a database: it has {status.st_size} bytes")


def check_logs(path: str) -> None:
    """Refuse the logs beside a database if another user has put them there: SQLite would read sessions from them.

    Raises:
        StoreError: a log is not a regular file, or belongs to another user.
        OSError: its status is not known.
    """
    for end in _LOGS:
        with suppress(FileNotFoundError):
            _check_beside(path + end, os.lstat(path + end), path)


def make_logs(path: str) -> None:
    """Create the logs of a database before another user does.

    Raises:
        StoreError: another user was faster.
        OSError: they cannot be created.
    """
    for end in ("-wal", "-shm"):
        os.close(open_private(path + end, path))


def _check_beside(path: str, status: os.stat_result, database: str) -> None:
    """Refuse a file by which another user could stop the users of the database.

    The owner of the directory could do so anyway.
    """
    _check(path, status, {0, _status_of(database).st_uid, os.stat(os.path.dirname(database)).st_uid})


def _check(path: str, status: os.stat_result, good_for_root: Collection[int]) -> None:
    """Refuse all but a regular file of this user or, for root, of one of the given users.

    A file into which every user may write is refused, too.
    """
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path_shown(path)} is not a regular file: links, directories and devices are not opened")
    if _HAS_OWNERS:
        user = os.geteuid()
        if status.st_uid != user and not (user == 0 and status.st_uid in good_for_root):
            raise StoreError(f"{path_shown(path)} belongs to user {status.st_uid}, but this process runs as {user}")
        if status.st_mode & stat.S_IWOTH:
            raise StoreError(
                f"every user may write into {path_shown(path)}: its mode is {stat.S_IMODE(status.st_mode):o}"
            )


def warn_of_others(path: str) -> None:
    """Log a warning if users other than its owner may open the file."""
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if _HAS_OWNERS and mode & 0o077:
        _log.warning(
            "Sessions are kept in %s, which users other than its owner may open: its mode is %o.",
            path_shown(path),
            mode,
        )


class Reserve:
    """A placeholder file, released piece by piece when the disk is full, so that sessions can still be removed.

    Only one process at a time may use it.
    """

    #: Bytes of the whole reserve: about the size at which SQLite checkpoints its log.
    SIZE: Final = 1 << 22
    #: Bytes that are released at a time.
    PIECE: Final = 1 << 18

    def __init__(self, database: str) -> None:
        self._database = database
        self._path = f"{database}-reserve"

    def is_whole(self) -> bool:
        """Return whether nothing is missing from the reserve."""
        return self._size() == self.SIZE

    def is_released(self) -> bool:
        """Return whether the disk was so full that a part of the reserve was released, or could not be filled."""
        return -1 < self._size() < self.SIZE

    def _size(self) -> int:
        """Return the bytes that are reserved, at most those of the whole reserve; -1 if there is no reserve."""
        try:
            status = os.lstat(self._path)
            _check_beside(self._path, status, self._database)
        except (OSError, StoreError):
            return -1
        return min(status.st_size, self.SIZE)

    def fill(self) -> None:
        """Make the reserve whole; leave it as it is if the disk is too full for that."""
        if self.is_whole():
            return
        try:
            descriptor = open_private(self._path, self._database, for_writing=True)
            try:
                self._grow(descriptor)
            finally:
                os.close(descriptor)
        except (OSError, StoreError) as error:
            # Log text, not the error: its traceback would keep open connections alive.
            _log.warning("No room is reserved at %s for a full disk: %s.", path_shown(self._path), reason_of(error))

    def _grow(self, descriptor: int) -> None:
        before = os.fstat(descriptor).st_size
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, self.SIZE)
            else:
                os.lseek(descriptor, 0, os.SEEK_END)
                os.write(descriptor, bytes(self.SIZE - before))
        except OSError as error:
            os.ftruncate(descriptor, before)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise

    def release(self) -> bool:
        """Release a piece; False if there is none."""
        try:
            descriptor = _open_existing(self._path, self._database, os.O_RDWR)
        except (OSError, StoreError):
            return False
        try:
            size = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, max(0, size - self.PIECE))
        finally:
            os.close(descriptor)
        return size > 0
