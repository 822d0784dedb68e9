"""A database that processes share: what happens when it is busy, full, broken or replaced, or the process forks."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from os import getpid
from typing import Any, Final, TypeVar

from ... import fork
from ...errors import StoreError
from .existing import check_exists, check_is_database, mode_of
from .files import Reserve, check_database, check_logs, make_database, make_logs, warn_of_others
from .folder import check_folder, may_all_create, warn_of_writers
from .log import empty_log, files_of, save_removed
from .paths import path_shown, reason_of
from .pool import Pool, Settings, close, connect
from .schema import check_tables, migrate
from .statements import Statements
from .write_lock import PAUSE, WriteLock

_log = logging.getLogger("httpsession")

T = TypeVar("T")
Action = Callable[[sqlite3.Cursor], T]
Parameters = Sequence[object] | Mapping[str, object]

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
#: A file that may not grow is a full disk, too: SQLite reports a quota or a limit as a write that failed.
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE)

#: The connections in a child that threads of the parent were using. The child may neither use nor close them, since the
#: transaction that is open in them is the parent's.
_inherited: Final[list[Pool]] = []


class Database:
    """A file with the tables of a store. While an action runs, no other thread uses its connection.

    A failing system is a :class:`StoreError` that says what failed, with nothing changed. The connection is closed
    then, so that the next action opens whatever file is there. An action that met the lock of another program is
    retried.

    A database that *must exist* makes nothing: no file, no table.

    A program that replaces the file has to remove its log (``-wal`` and ``-shm``) too, as always with SQLite.
    """

    def __init__(self, path: str, statements: Statements, timeout: float, settings: Settings, must_exist: bool) -> None:
        self.path = path
        self._log_path = f"{path}-wal"
        self._must_exist = must_exist
        self._reserve = Reserve(path)
        self._statements = statements
        self._timeout = timeout
        self._settings = settings
        self._reads_any_text = False
        self._has_warned = False
        self._lock = WriteLock(path, create=not must_exist)
        self._pool = Pool()
        # During a fork: the thread that has paused the writers, and the connections that have to be closed first.
        self._forking: int | None = None
        self._closing = Pool()
        fork.register(self)

    def read(self, action: Action[T], what: str) -> T:
        """Return the result of an action that only reads; *what* it does is for the error."""
        if getpid() != fork.process_id:
            fork.check()
        return self._run(action, what, None)

    def fetch(self, statement: str, parameters: Parameters, what: str) -> list[Any]:
        """Return the rows of a single statement that only reads."""
        if getpid() != fork.process_id:
            fork.check()
        return self._run(lambda cursor: cursor.execute(statement, parameters).fetchall(), what, None)

    def execute(self, statement: str, parameters: Parameters, what: str) -> int:
        """Run a single statement that writes, and return the number of rows that it changed."""
        return self.write(lambda cursor: cursor.execute(statement, parameters).rowcount, what)

    def write(self, action: Action[T], what: str, *, removes: bool = False) -> T:
        """Return the result of an action that writes by a single statement.

        If it *removes* sessions and the disk is full, it gets the room that was reserved for that.
        """
        if getpid() != fork.process_id:
            fork.check()
        deadline = time.monotonic() + self._timeout
        try:
            self._lock.acquire(deadline)
        except OSError as error:
            raise self._failure(what, error) from error
        try:
            self._check_files()
            return self._run(action, what, deadline, removes)
        finally:
            self._lock.release()

    def transact(self, action: Action[T], what: str, *, removes: bool = False) -> T:
        """Return the result of an action that runs in a transaction: all that it does is kept, or nothing."""

        def transaction(cursor: sqlite3.Cursor) -> T:
            if removes and self._settings.secure_delete:
                # Overwriting needs as much room as the session has, and on a full disk the session has to end.
                setting = "FAST" if self._reserve.is_released() else "ON"
                cursor.execute(f"PRAGMA secure_delete = {setting}").fetchall()
            cursor.execute("BEGIN IMMEDIATE")
            result = action(cursor)
            cursor.execute("COMMIT")
            return result

        return self.write(transaction, what, removes=removes)

    def refill_reserve(self) -> None:
        """Reserve room for removals again, if some of it was released."""
        fork.check()
        if not self._must_exist and not self._reserve.is_whole():
            self._acquire(time.monotonic() + self._timeout, "reserving room for removals")
            try:
                self._reserve.fill()
            finally:
                self._lock.release()

    def erase(self) -> None:
        """Erase removed values from the log, if that is wanted.

        A caller does so after a removal, which stands if this fails. What is left in the log goes with the next one. On
        a full disk the log is not truncated: other files would get its room, which the next removal needs.
        """
        if self._settings.secure_delete and not self._reserve.is_released():
            try:
                self.write(empty_log, "erasing removed values", removes=True)
            except StoreError as error:
                _log.warning("Removed values may be readable until the next sweep: %s.", error)

    def close(self) -> None:
        """Close all files for good: those in use as soon as they are idle."""
        fork.check()
        self._lock.close(time.monotonic() + self._timeout)
        self._release_pool()

    def before_fork(self) -> None:
        """Close each connection as soon as it is idle, and let no thread open a connection or write until after the
        fork."""
        deadline = time.monotonic() + self._timeout
        if self._lock.pause(deadline):
            self._forking = threading.get_ident()
        self._closing = self._release_pool()
        while self._closing.opened and time.monotonic() < deadline:
            time.sleep(PAUSE)
            self._closing.close_idle()

    def after_fork_in_parent(self) -> None:
        """Give the threads of the parent connections and the lock again."""
        self._closing = Pool()
        if self._forking == threading.get_ident():
            self._forking = None
            self._lock.resume()

    def reset_after_fork(self) -> None:
        """Replace the connections and the lock in the child.

        SQLite keeps its locks by file and process: while a connection of the parent were open, it would take the
        parent's locks for the child's own, and another process could remove the log that the child uses.
        """
        for pool in (self._closing, self._pool):
            pool.close_inherited()
            if pool.opened:
                _inherited.append(pool)
        self._closing, self._pool = Pool(), Pool()
        self._forking = None
        self._lock.reset_after_fork()

    def _run(self, action: Action[T], what: str, deadline: float | None, removes: bool = False) -> T:
        while True:
            pool = self._pool
            try:
                cursor = pool.idle.pop()
            except IndexError:
                pool, cursor = self._open(what, deadline)
            try:
                result = action(cursor)
            except sqlite3.Error as error:
                deadline = deadline or time.monotonic() + self._timeout
                if not self._may_retry(pool, cursor, error, deadline, removes):
                    raise self._failure(what, error) from error
            except BaseException:
                pool.discard(cursor)
                raise
            else:
                # As in _put_back, without a call.
                pool.idle.append(cursor)
                if pool is not self._pool or self._lock.is_closed:
                    pool.close_idle()
                return result

    def _may_retry(
        self, pool: Pool, cursor: sqlite3.Cursor, error: sqlite3.Error, deadline: float, removes: bool
    ) -> bool:
        """Undo what an action began, and return whether to run it again."""
        code = _code(error)
        may_retry = False
        with suppress(sqlite3.Error):
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK")
            if not code and isinstance(error, sqlite3.OperationalError) and not self._reads_any_text:
                # There is text that cannot be decoded, so connections have to be opened in another way.
                self._release_pool()
                may_retry = self._reads_any_text = True
            elif code in _FULL:
                may_retry = removes and self._reserve.release()
                with suppress(sqlite3.Error):
                    # After a checkpoint the log is written from its beginning again, and needs no more room.
                    cursor.execute("PRAGMA wal_checkpoint(RESTART)")
                # The last connection that closes deletes the log, for whose room other files may be faster.
                self._put_back(pool, cursor)
                return may_retry
            elif code == sqlite3.SQLITE_IOERR_SHORT_READ:
                # Another process may have begun a new log in place of one that was removed.
                self._check_files()
                may_retry = pool is not self._pool
            elif code & 0xFF in _BUSY:
                self._put_back(pool, cursor)
                time.sleep(PAUSE)
                return time.monotonic() < deadline
        pool.discard(cursor)
        return may_retry

    def _put_back(self, pool: Pool, cursor: sqlite3.Cursor) -> None:
        pool.idle.append(cursor)
        # Look after appending: the pool may have been released, or the store closed, since this connection was removed.
        if pool is not self._pool or self._lock.is_closed:
            pool.close_idle()

    def _open(self, what: str, deadline: float | None) -> tuple[Pool, sqlite3.Cursor]:
        """Open a connection under the lock: one process alone makes a new file, and no fork comes in between."""
        deadline = deadline or time.monotonic() + self._timeout
        self._check_before_opening(what)
        self._acquire(deadline, what)
        try:
            if not self._must_exist:
                make_database(self.path)
                if may_all_create(self.path):
                    make_logs(self.path)
            check_database(self.path)
            self._check_files()
            pool = self._pool
            cursor = self._connect(deadline)
            if pool.files is None:
                self._warn()
                if not self._must_exist:
                    self._reserve.fill()
            pool.files = files_of(self.path)
            pool.opened.add(cursor)
            return pool, cursor
        except (OSError, sqlite3.Error) as error:
            raise self._failure(what, error) from error
        finally:
            self._lock.release()

    def _check_before_opening(self, what: str) -> None:
        """Refuse what cannot be trusted, before a lock is made there: a folder or a log that other users may have made,
        a file that is missing and must exist, or one that is no database."""
        try:
            check_folder(self.path)
            check_logs(self.path)
            if self._must_exist:
                check_exists(self.path)
                check_database(self.path)
            elif not self._lock.exists() and os.path.isfile(self.path):
                check_database(self.path)
                check_is_database(self.path)
        except (OSError, sqlite3.Error) as error:
            raise self._failure(what, error) from error

    def _connect(self, deadline: float) -> sqlite3.Cursor:
        while True:
            mode = mode_of(self.path) if self._must_exist else None
            try:
                cursor = connect(self.path, deadline, self._settings, self._reads_any_text, mode)
            except sqlite3.Error as error:
                # A caller that removes a session, or only reads one, needs a connection even on a full disk.
                if _code(error) not in _FULL or not self._reserve.release():
                    raise
            else:
                break
        try:
            (check_tables if self._must_exist else migrate)(cursor, self._statements, path_shown(self.path))
            # From now on this class waits, not SQLite.
            cursor.execute("PRAGMA busy_timeout = 0")
            # Another user may have put a log there since the check before.
            check_logs(self.path)
        except BaseException:
            close(cursor)
            raise
        return cursor

    def _warn(self) -> None:
        """Log once which other users may get at the files."""
        if not self._has_warned:
            self._has_warned = True
            warn_of_others(self.path)
            warn_of_writers(self.path)

    def _check_files(self) -> None:
        """Release files that were removed or replaced: no other process would see what is written to them."""
        pool = self._pool
        if pool.files is None:
            return
        try:
            database, log = os.stat(self.path), os.stat(self._log_path)
            if (database.st_dev, database.st_ino, log.st_ino) == pool.files:
                return
        except OSError:
            pass
        save_removed(self.path, pool.files, pool.idle)
        self._release_pool()

    def _release_pool(self) -> Pool:
        """Close the connections that are idle, and those in use as soon as they are; return their pool."""
        pool, self._pool = self._pool, Pool()
        pool.close_idle()
        return pool

    def _acquire(self, deadline: float, what: str) -> None:
        try:
            self._lock.acquire(deadline)
        except OSError as error:
            raise self._failure(what, error) from error

    def _failure(self, what: str, error: Exception) -> StoreError:
        return StoreError(f"{what} failed in {path_shown(self.path)}: {reason_of(error)}")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's code of an error; 0 if it is not SQLite's but Python's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code
