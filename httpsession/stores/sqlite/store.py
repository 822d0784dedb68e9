"""The store for the processes of one machine: a SQLite file."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from math import inf
from operator import itemgetter
from sqlite3 import Cursor

from ...attributes import Attributes
from ...errors import ConfigError, StoreError
from ...record import SessionRecord
from ..base import FOLLOW, SLACK, Changes, Stored, Touch, check_values
from .database import Database
from .rows import Row, record_of, session_of
from .schema import STEPS
from .statements import Statements

_log = logging.getLogger("httpsession")
_SYNCHRONOUS = ("full", "normal", "off")

#: How many sessions are read or claimed in one go, and how many accesses noted: for so long others have to wait.
SLICE = 100
TOUCHES = 1000


class SQLiteStore:
    """Keeps sessions in a SQLite file that the processes of one machine share.

    What is a method of :class:`SessionStore` is described there. A session that only is read costs one statement and
    writes nothing.

    Args:
        path: the file; it is made, for its owner alone, if it is not there.
        prefix: how the names of the tables begin: a letter, then up to 31 letters, digits, ``_`` or ``-``. There
            may be others in the file, those of other stores too.
        timeout: seconds that an operation may wait for others; then it is a :class:`StoreError`.
        synchronous: ``full``, ``normal`` or ``off``, as SQLite has them.

    Raises:
        ConfigError: the prefix or *synchronous* is wrong.
        StoreError: the file cannot be opened.
    """

    is_shared = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        prefix: str = "httpsession",
        timeout: float = 1.0,
        synchronous: str = "normal",
    ) -> None:
        if synchronous not in _SYNCHRONOUS:
            allowed = ", ".join(_SYNCHRONOUS)
            raise ConfigError(f"the SQLite store has synchronous={synchronous!r}, but must have one of {allowed}")
        self.in_use: Callable[[], Mapping[bytes, float]] = dict
        self._statements = Statements(prefix)
        self._database = Database(os.path.abspath(path), self._statements, timeout, synchronous)
        self._database.read(lambda cursor: None, "opening")

    def create(self, record: SessionRecord, attributes: Attributes | Mapping[str, bytes]) -> bool:
        """Keep a new session."""
        values = dict(attributes.items())
        check_values(values)
        _check_interval(record.max_inactive_interval)
        times = (record.creation_time, record.accessed, record.used)
        row = (record.key, *times, record.max_inactive_interval, record.deadline, record.principal, record.due(SLACK))

        def create(cursor: Cursor) -> bool:
            if not cursor.execute(self._statements.create, row).rowcount:
                return False
            identity = cursor.lastrowid
            cursor.executemany(self._statements.put, [(identity, *value) for value in values.items()])
            return True

        return self._database.transact(create, "creating a session")

    def load(self, key: bytes, arrived: float) -> tuple[Stored, float | None] | None:
        """Return the session; :meth:`touch` notes the access."""
        statement = self._statements.load
        rows = self._database.read(lambda cursor: cursor.execute(statement, (key,)).fetchall(), "loading a session")
        stored = session_of(rows) if rows else None
        if stored is None:
            return None
        record = stored.record
        if record.is_due(arrived, SLACK):
            return self._claim(key, arrived)
        record.is_new = False
        return stored, min(record.accessed, arrived)

    def _claim(self, key: bytes, arrived: float) -> tuple[Stored, float | None] | None:
        """Remove a session that was due, if nobody was faster and no access has been noted since."""

        def claim(cursor: Cursor) -> tuple[Stored, float | None] | None:
            rows = cursor.execute(self._statements.load, (key,)).fetchall()
            stored = session_of(rows) if rows else None
            if stored is None:
                return None
            if not stored.record.is_due(arrived, SLACK):
                return stored, min(stored.record.accessed, arrived)
            self._delete(cursor, rows[0][0])
            stored.record.removed = True
            return stored, None

        return self._database.transact(claim, "ending a session", removes=True)

    def peek(self, key: bytes) -> Stored | None:
        """Return the session as it is."""
        statement = self._statements.peek
        rows = self._database.read(
            lambda cursor: cursor.execute(statement, {"key": key, "since": -inf}).fetchall(), "looking at a session"
        )
        return session_of(rows) if rows else None

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply the changes."""
        put = changes.put
        check_values(put)
        if changes.max_inactive_interval is not None:
            _check_interval(changes.max_inactive_interval)
        if len(put) != 1 or _is_more_than_put(changes):
            return self._database.transact(
                lambda cursor: self._apply(cursor, key, changes, now - FOLLOW), "saving a session"
            )
        ((name, value),) = put.items()
        statement = self._statements.put_one
        parameters = {"key": key, "since": now - FOLLOW, "name": name, "value": value}
        return self._database.write(
            lambda cursor: cursor.execute(statement, parameters).rowcount > 0, "saving a session"
        )

    def _apply(self, cursor: Cursor, key: bytes, changes: Changes, since: float) -> bool:
        statements = self._statements
        # A change of the id follows no other one.
        earliest = since if changes.new_id is None else inf
        ((identity,),) = cursor.execute(statements.follow, {"key": key, "since": earliest}).fetchall()
        if identity is None or not self._is_as_expected(cursor, identity, changes):
            return False
        self._change_attributes(cursor, identity, changes)
        if changes.max_inactive_interval is not None:
            cursor.execute(statements.set_interval, (changes.max_inactive_interval, identity))
            cursor.execute(statements.set_due, (identity,))
        if changes.principal is not ...:
            cursor.execute(statements.set_principal, (changes.principal, identity))
        if changes.new_id is not None:
            cursor.execute(statements.delete_old_marks, (since,))
            cursor.execute(statements.mark, (since + FOLLOW, identity))
            cursor.execute(statements.set_key, (changes.new_id[1], identity))
            cursor.execute(statements.delete_mark, (changes.new_id[1],))
        if changes.afresh:
            cursor.execute(statements.delete_marks, (identity,))
        return True

    def _is_as_expected(self, cursor: Cursor, identity: int, changes: Changes) -> bool:
        statements = self._statements
        if changes.new_id is not None and cursor.execute(statements.find, (changes.new_id[1],)).fetchall():
            return False
        for name, value in changes.expected.items():
            rows = cursor.execute(statements.value, (identity, name)).fetchall()
            # What is damaged is not there for loads, and so it is not there.
            if (rows[0][0] if rows else None) != value:
                return False
        return True

    def _change_attributes(self, cursor: Cursor, identity: int, changes: Changes) -> None:
        statements = self._statements
        if changes.afresh:
            cursor.execute(statements.delete_attributes, (identity,))
        cursor.executemany(statements.delete_attribute, [(identity, name) for name in changes.removed])
        cursor.executemany(statements.put, [(identity, *value) for value in changes.put.items()])

    def fits(self, key: bytes, new_key: bytes) -> bool:
        """Return True: all keys are in one file."""
        return True

    def remove(self, key: bytes) -> Stored | None:
        """Remove the session and give it back."""

        def remove(cursor: Cursor) -> Stored | None:
            ((identity,),) = cursor.execute(self._statements.follow, {"key": key, "since": -inf}).fetchall()
            return None if identity is None else self._take(cursor, identity)

        return self._database.transact(remove, "removing a session", removes=True)

    def expire(self, now: float, limit: int) -> list[Stored]:
        """Remove sessions that are due."""
        self._database.keep_reserve()
        claimed: list[Stored] = []
        are_all = False
        while len(claimed) < limit and not are_all:
            action = partial(self._expire_some, now, min(SLICE, limit - len(claimed)))
            try:
                some, are_all = self._database.transact(action, "ending sessions", removes=True)
            except StoreError as error:
                # What has been claimed must be given back: nobody else will ever get it.
                if not claimed:
                    raise
                _log.warning("Sessions that are over are left for the next sweep: %s.", error)
                break
            claimed += some
        return claimed

    def _expire_some(self, now: float, size: int, cursor: Cursor) -> tuple[list[Stored], bool]:
        """Return sessions that were due, and whether there are no others."""
        statements = self._statements
        rows = cursor.execute(statements.due, {"now": now, "size": size}).fetchall()
        # Those that were used in the meantime are only noted for later.
        later = [(identity,) for identity, is_alive in rows if is_alive]
        cursor.executemany(statements.set_due, later)
        taken = [self._take(cursor, identity) for identity, is_alive in rows if not is_alive]
        cursor.execute(statements.delete_old_marks, (now - FOLLOW,))
        return [stored for stored in taken if stored is not None], len(rows) < size

    def abandoned(self) -> Stored | None:
        """Remove the oldest session whose client never came back."""
        in_use = self.in_use().keys()

        def give_up(cursor: Cursor) -> Stored | None:
            # Of more sessions than are in use one is not.
            rows = cursor.execute(self._statements.newcomers, (len(in_use) + SLICE,)).fetchall()
            for identity, key in rows:
                marks = cursor.execute(self._statements.marks, (identity,)).fetchall()
                if in_use.isdisjoint([key, *(former for (former,) in marks)]):
                    stored = self._take(cursor, identity)
                    if stored is not None:
                        return stored
            return None

        return self._database.transact(give_up, "giving up a session", removes=True)

    def touch(self, accesses: Iterable[Touch]) -> None:
        """Note requests."""
        parameters = [
            {"key": key, "since": ended - FOLLOW, "arrived": arrived, "ended": ended}
            for key, arrived, ended in accesses
        ]
        for start in range(0, len(parameters), TOUCHES):
            some = parameters[start : start + TOUCHES]
            self._database.transact(partial(_execute_many, self._statements.touch, some), "noting accesses")

    def of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        statement = self._statements.records_of
        rows = self._database.read(
            lambda cursor: cursor.execute(statement, (principal,)).fetchall(), "listing the sessions of a user"
        )
        return [record for record in map(record_of, rows) if record is not None]

    def __iter__(self) -> Iterator[Stored]:
        after = -1
        while rows := self._slice(after):
            after = rows[-1][0]
            for _, group in groupby(rows, itemgetter(0)):
                stored = session_of(list(group))
                if stored is not None:
                    yield stored

    def _slice(self, after: int) -> list[Row]:
        """Return what comes next. No reading goes on while somebody looks at it, so that the log can be cut back."""
        statement = self._statements.slice
        return self._database.read(
            lambda cursor: cursor.execute(statement, (after, SLICE)).fetchall(), "going through the sessions"
        )

    def __len__(self) -> int:
        statement = self._statements.count
        ((count,),) = self._database.read(lambda cursor: cursor.execute(statement).fetchall(), "counting the sessions")
        return int(count)

    def describe(self) -> str:
        """Return what keeps the sessions."""
        return f"SQLite {sqlite3.sqlite_version}, {self._database.path}, schema {len(STEPS)}"

    def close(self) -> None:
        """Close the file; what is called afterwards opens it again."""
        self._database.close()

    def _take(self, cursor: Cursor, identity: int) -> Stored | None:
        """Remove a session and return it; one that is damaged is removed all the same."""
        stored = session_of(cursor.execute(self._statements.read, (identity,)).fetchall())
        self._delete(cursor, identity)
        if stored is not None:
            stored.record.removed = True
        return stored

    def _delete(self, cursor: Cursor, identity: int) -> None:
        statements = self._statements
        cursor.execute(statements.delete, (identity,))
        cursor.execute(statements.delete_attributes, (identity,))
        cursor.execute(statements.delete_marks, (identity,))


def _check_interval(interval: int) -> None:
    if not -(1 << 63) <= interval < 1 << 63:
        raise ValueError(f"the interval of a session has at most 64 bits in SQLite, not {interval.bit_length() + 1}")


def _execute_many(statement: str, parameters: Iterable[Mapping[str, object]], cursor: Cursor) -> None:
    cursor.executemany(statement, parameters)


def _is_more_than_put(changes: Changes) -> bool:
    return bool(
        changes.removed
        or changes.expected
        or changes.afresh
        or changes.new_id is not None
        or changes.principal is not ...
        or changes.max_inactive_interval is not None
    )
