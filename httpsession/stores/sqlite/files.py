"""The files of a database: made for their owner alone, whatever the umask, and not taken from anybody else."""

from __future__ import annotations

import errno
import logging
import os
import stat
from contextlib import suppress
from typing import Final

from ...errors import StoreError

_log = logging.getLogger("httpsession")

#: A file that can be told from all others: its device and its number there.
Identity = tuple[int, int]

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_HAS_OWNERS: Final = hasattr(os, "geteuid")


def open_private(path: str, beside: str, *, for_writing: bool = False) -> int:
    """Open a file, made if it is not there, and return its descriptor; the file *beside* says whose it is.

    Raises:
        OSError: it cannot be opened, is a link, or its directory is missing.
    """
    access = (os.O_RDWR if for_writing else os.O_RDONLY) | _NO_LINK
    try:
        descriptor = os.open(path, access | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, access)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no directory {os.path.dirname(path)}") from None
    if _HAS_OWNERS:
        os.fchmod(descriptor, 0o600)  # the umask may have taken bits away
        if os.geteuid() == 0:
            with suppress(FileNotFoundError):
                owner = os.stat(beside)
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def make_database(path: str) -> None:
    """Make an empty database if there is none. To be called by one process at a time.

    What another database of this name left behind goes first: SQLite would take it for part of the new one.
    """
    if os.path.lexists(path):
        return
    for remains in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(path + remains)
    os.close(open_private(path, os.path.dirname(path)))


def check_database(path: str) -> Identity:
    """Return which file this is, if it can be trusted.

    Raises:
        StoreError: it is no file but a link or a directory, or somebody else's.
    """
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a regular file: links, directories and devices are not opened")
    # To root all files are as good as its own.
    if _HAS_OWNERS and os.geteuid() not in (status.st_uid, 0):
        raise StoreError(f"{path} belongs to user {status.st_uid}, but this process runs as {os.geteuid()}")
    return status.st_dev, status.st_ino


def warn_of_others(path: str) -> None:
    """Log a warning if others than its owner may open the file."""
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if _HAS_OWNERS and mode & 0o077:
        _log.warning("Sessions are kept in %s, which others than its owner may open: its mode is %o.", path, mode)


class Reserve:
    """Room on the disk that is given up where a session has to be removed and the disk is full.

    To be used by one process at a time.
    """

    #: How much is kept, in bytes: as much as SQLite's log has as a rule before it is worked into the file.
    SIZE: Final = 1 << 22
    #: How much is given up at a time.
    PIECE: Final = 1 << 18

    def __init__(self, database: str) -> None:
        self._database = database
        self._path = f"{database}-reserve"

    def is_whole(self) -> bool:
        """Return whether there is as much room as there should be."""
        try:
            return os.lstat(self._path).st_size >= self.SIZE
        except OSError:
            return False

    def fill(self) -> None:
        """Keep room again, as much as there should be; as much as before if the disk is too full for that."""
        if self.is_whole():
            return
        try:
            descriptor = open_private(self._path, self._database, for_writing=True)
            try:
                self._grow(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("No room is kept at %s for a full disk: %s.", self._path, error.strerror)

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

    def give_up(self) -> bool:
        """Give up a piece; False if there is none."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | _NO_LINK)
        except OSError:
            return False
        try:
            size = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, max(0, size - self.PIECE))
        finally:
            os.close(descriptor)
        return size > 0
