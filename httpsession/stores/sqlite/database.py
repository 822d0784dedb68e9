"""A database that processes share: what happens when it is busy, full, broken or replaced, or the process forks."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from ... import fork
from ...errors import StoreError
from .files import Reserve, check_database, make_database, warn_of_others
from .pool import Pool, connect
from .schema import migrate
from .statements import Statements
from .write_lock import PAUSE, Turn

T = TypeVar("T")
Action = Callable[[sqlite3.Cursor], T]

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)

#: What a child has of its parents: connections that it may neither use nor close, since they share locks with theirs.
_inherited: Final[list[Pool]] = []


class Database:
    """A file with the tables of a store. An action gets a connection of its own for as long as it runs.

    A failing system is a :class:`StoreError` that says what failed, with nothing changed; the connection is given up,
    so that the next action begins anew with whatever is there then. An action runs again after it met a lock of
    another program.

    Whoever puts another file in its place has to remove its log (``-wal`` and ``-shm``) as well, as always with SQLite.
    """

    def __init__(self, path: str, statements: Statements, timeout: float, synchronous: str) -> None:
        self.path = path
        self._reserve = Reserve(path)
        self._statements = statements
        self._timeout = timeout
        self._synchronous = synchronous
        self._reads_any_text = False
        self._turn = Turn(path)
        self._pool = Pool()
        # During a fork: the thread that keeps others from writing meanwhile, and the connections that they had.
        self._forking: int | None = None
        self._closing = Pool()
        fork.register(self)

    def read(self, action: Action[T], what: str) -> T:
        """Return what an action returns that only reads; *what* it does is for the error."""
        return self._run(action, what, None)

    def write(self, action: Action[T], what: str, *, removes: bool = False) -> T:
        """Return what an action returns that writes by a single statement.

        Where it *removes* sessions and the disk is full, room that was kept for that is given up.
        """
        deadline = time.monotonic() + self._timeout
        self._take_turn(deadline, what)
        try:
            self._look_at_file()
            return self._run(action, what, deadline, removes)
        finally:
            self._turn.give_back()

    def transact(self, action: Action[T], what: str, *, removes: bool = False) -> T:
        """Return what an action returns that runs in a transaction: all that it does, or nothing."""

        def transaction(cursor: sqlite3.Cursor) -> T:
            cursor.execute("BEGIN IMMEDIATE")
            result = action(cursor)
            cursor.execute("COMMIT")
            return result

        return self.write(transaction, what, removes=removes)

    def keep_reserve(self) -> None:
        """Keep room for removals again, if some has been given up."""
        if not self._reserve.is_whole():
            self._take_turn(time.monotonic() + self._timeout, "keeping room for removals")
            try:
                self._reserve.fill()
            finally:
                self._turn.give_back()

    def close(self) -> None:
        """Close all files; what is called afterwards opens them again."""
        self._let_go()
        if self._turn.pause(time.monotonic() + self._timeout):
            self._turn.close()
            self._turn.resume()

    def before_fork(self) -> None:
        """Close all connections, each as soon as it is idle, and let nobody open one or write until after the fork."""
        deadline = time.monotonic() + self._timeout
        if self._turn.pause(deadline):
            self._forking = threading.get_ident()
        self._closing = self._let_go()
        while self._closing.opened and time.monotonic() < deadline:
            time.sleep(PAUSE)
            self._closing.close()

    def after_fork_in_parent(self) -> None:
        """Let others go on, in the parent."""
        self._closing = Pool()
        if self._forking == threading.get_ident():
            self._forking = None
            self._turn.resume()

    def reset_after_fork(self) -> None:
        """Have no connection and no turn, in the child."""
        _inherited.extend((self._closing, self._pool))
        self._closing, self._pool = Pool(), Pool()
        self._forking = None
        self._turn.reset_after_fork()

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
                if not self._may_repeat(pool, cursor, error, deadline, removes):
                    raise self._failure(what, error) from error
            except BaseException:
                pool.drop(cursor)
                raise
            else:
                self._put_back(pool, cursor)
                return result

    def _may_repeat(
        self, pool: Pool, cursor: sqlite3.Cursor, error: sqlite3.Error, deadline: float, removes: bool
    ) -> bool:
        """Undo what an action began, and return whether to begin again."""
        code = _code(error)
        may_repeat = False
        with suppress(sqlite3.Error):
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK")
            if not code and isinstance(error, sqlite3.OperationalError) and not self._reads_any_text:
                # There is text that cannot be decoded, so what is open is opened in another way.
                self._let_go()
                may_repeat = self._reads_any_text = True
            elif code in _FULL:
                may_repeat = removes and self._reserve.give_up()
                # Once the log has been worked into the file it begins again where it began, and needs no more room.
                cursor.execute("PRAGMA wal_checkpoint(RESTART)")
            elif code & 0xFF in _BUSY:
                self._put_back(pool, cursor)
                time.sleep(PAUSE)
                return time.monotonic() < deadline
        pool.drop(cursor)
        return may_repeat

    def _put_back(self, pool: Pool, cursor: sqlite3.Cursor) -> None:
        pool.idle.append(cursor)
        if pool is not self._pool:
            pool.close()

    def _open(self, what: str, deadline: float | None) -> tuple[Pool, sqlite3.Cursor]:
        """Open a connection, in a turn of its own: a new file is made by one alone, and no fork comes in between."""
        deadline = deadline or time.monotonic() + self._timeout
        self._take_turn(deadline, what)
        try:
            make_database(self.path)
            identity = check_database(self.path)
            if self._pool.identity not in (None, identity):
                self._let_go()
            pool = self._pool
            if pool.identity is None:
                warn_of_others(self.path)
                self._reserve.fill()
            cursor = self._connect(deadline)
            pool.identity = identity
            pool.opened.add(cursor)
            return pool, cursor
        except (OSError, sqlite3.Error) as error:
            raise self._failure(what, error) from error
        finally:
            self._turn.give_back()

    def _connect(self, deadline: float) -> sqlite3.Cursor:
        while True:
            try:
                cursor = connect(self.path, deadline, self._synchronous, self._reads_any_text)
            except sqlite3.Error as error:
                # Whoever wants to remove a session, or only to read one, has to get this far.
                if _code(error) not in _FULL or not self._reserve.give_up():
                    raise
            else:
                break
        try:
            migrate(cursor, self._statements, self.path)
            # From now on waiting is the business of this class.
            cursor.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            cursor.connection.close()
            raise
        return cursor

    def _look_at_file(self) -> None:
        """Let go of a file that is no longer where it was: nobody else would see what is written to it."""
        try:
            status = os.stat(self.path)
        except OSError:
            self._let_go()
        else:
            if self._pool.identity not in (None, (status.st_dev, status.st_ino)):
                self._let_go()

    def _let_go(self) -> Pool:
        """Close the connections that are idle, and those in use as soon as they are; return them."""
        pool, self._pool = self._pool, Pool()
        pool.close()
        return pool

    def _take_turn(self, deadline: float, what: str) -> None:
        try:
            self._turn.take(deadline)
        except OSError as error:
            raise self._failure(what, error) from error

    def _failure(self, what: str, error: Exception) -> StoreError:
        return StoreError(f"{what} failed in {self.path}: {error}")


def _code(error: sqlite3.Error) -> int:
    """Return what SQLite calls an error; 0 if it is not SQLite's but Python's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code
