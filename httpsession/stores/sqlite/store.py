"""The store for the processes of one machine: a SQLite file."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from math import inf
from sqlite3 import Cursor
from typing import Final, Literal

from ...errors import ConfigError, StoreError, shown
from ...record import MAX_VALUE, SessionRecord, check_principal
from ..base import FOLLOW, SLACK, Changes, InUse, Limit, StoredSession, Touch, check_values, nothing_in_use
from ..url import StoreUrl, check_timeout
from .changes import apply, delete, delete_old_marks, is_more_than_put, remove
from .database import Action, Database, T
from .paths import absolute, path_shown
from .places import Place
from .pool import Settings
from .rows import Row, session_of, sessions_of
from .schema import STEPS, prefixes_of
from .statements import Statements

_log = logging.getLogger("httpsession")
_SYNCHRONOUS: Final = ("full", "normal", "off")
_SWITCH: Final = {"1": True, "true": True, "0": False, "false": False}

#: How many sessions are read or removed, and accesses recorded, in one transaction: so long other writers wait.
SLICE: Final = 100
TOUCHES: Final = 1000


def open_url(url: str, *, must_exist: bool = False) -> SQLiteStore:
    """Open ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    ``?synchronous=`` says what a power cut may destroy; the death of a process destroys nothing. With ``full`` it
    destroys nothing either, and each change waits for the disk. With ``normal``, the default, it may destroy the latest
    changes. With ``off`` it may destroy the file.

    ``?secure_delete=1`` and *must_exist* are those of :class:`SQLiteStore`.

    Raises:
        ConfigError: the URL names no file, or an option is wrong.
        MissingStoreError: the store must exist and does not.
        StoreError: the file cannot be opened.
    """
    parsed = StoreUrl.parse(url, timeout=1.0, options=("synchronous", "secure_delete"))
    if parsed.parts.netloc:
        name = parsed.parts.netloc + parsed.parts.path
        question = f"; did you mean sqlite:///{name}?" if re.fullmatch(r"[\w./-]+", name) else ""
        raise parsed.refusal(f"must have three slashes before the path, or four if it is absolute{question}")
    path = parsed.path.removeprefix("/")
    if not path or path == ":memory:":
        raise parsed.refusal("names no file, but processes can share only a file; memory:// is for one process")
    if "\0" in path:
        raise parsed.refusal("has a NUL in its path")
    synchronous = parsed.options.get("synchronous", "normal")
    switch = parsed.options.get("secure_delete", "0")
    if switch not in _SWITCH:
        raise parsed.refusal(f"has the option secure_delete={shown(switch)}, but must have one of {', '.join(_SWITCH)}")
    return SQLiteStore(
        path,
        prefix=parsed.prefix,
        timeout=parsed.timeout,
        synchronous=synchronous,
        secure_delete=_SWITCH[switch],
        must_exist=must_exist,
    )


class SQLiteStore:
    """Keeps sessions in a SQLite file that the processes of one machine share.

    The methods of :class:`SessionStore` are described there. Loading a session costs one statement and writes nothing.

    Args:
        path: the file; if it does not exist it is created, readable by its owner alone.
        prefix: how the names of the tables begin: a letter, then up to 31 letters, digits, ``_`` or ``-``. The file may
            hold other tables, those of other stores too.
        timeout: seconds above zero and below 10,000 that an operation may wait for other writers; then it raises a
            :class:`StoreError`.
        synchronous: SQLite's setting of that name: ``full``, ``normal`` or ``off``.
        secure_delete: whether the values of a session that has ended are overwritten in the file, and its log is
            truncated, before the call returns. Each such call then waits for the disk. Values that a save removes or
            replaces are erased by the next sweep.
        must_exist: whether the file and the tables have to exist already. Then nothing is made or migrated.

    Raises:
        ConfigError: the path, the prefix, the timeout or *synchronous* is wrong.
        MissingStoreError: the store must exist and does not.
        StoreError: the file cannot be opened.
    """

    is_shared: Literal[True] = True
    capacity: Final = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        prefix: str = "httpsession",
        timeout: float = 1.0,
        synchronous: str = "normal",
        secure_delete: bool = False,
        must_exist: bool = False,
    ) -> None:
        if synchronous not in _SYNCHRONOUS:
            allowed = ", ".join(_SYNCHRONOUS)
            raise ConfigError(f"the SQLite store has synchronous={shown(synchronous)}, but must have one of {allowed}")
        #: The prefix of the tables.
        self.prefix: str = prefix
        self._statements = Statements(prefix)
        seconds = check_timeout(timeout)
        settings = Settings(synchronous, secure_delete)
        self._database = Database(absolute(path), self._statements, seconds, settings, must_exist)
        self._database.read(lambda cursor: None, "opening")

    def create(self, session: StoredSession, limit: Limit | None = None) -> bool:
        """Keep a new session."""
        record, attributes = session.record, session.attributes
        check_values(attributes)
        if record.principal is not None:
            check_principal(record.principal)
        if record.notes:
            check_values(record.notes)
        _check_interval(record.max_inactive_interval)
        times = (record.creation_time, record.accessed, record.used, record.max_inactive_interval, record.deadline)
        row = (record.key, *times, record.principal, record.newcomer_interval, record.due(SLACK))

        def create(cursor: Cursor) -> bool:
            if not cursor.execute(self._statements.create, row).rowcount:
                return False
            identity = cursor.lastrowid
            cursor.executemany(self._statements.put, [(identity, *value) for value in attributes.items()])
            if record.notes:
                cursor.executemany(self._statements.put_note, [(identity, *note) for note in record.notes.items()])
            return True

        if limit is None:
            return self._database.transact(create, "creating a session")
        return self._log_in(Place(self._statements, limit, record.key, record.accessed), create)

    def load(
        self, key: bytes, arrived: float, in_use: InUse = nothing_in_use
    ) -> tuple[StoredSession, float, bool] | None:
        """Return the session; :meth:`touch` records the access."""
        rows = self._database.fetch(self._statements.load, (key,), "loading a session")
        stored = session_of(rows) if rows else None
        if stored is None:
            return None
        if stored.record.is_due(arrived, SLACK):
            return self._claim(key, arrived)
        return stored, min(stored.record.accessed, arrived), False

    def _claim(self, key: bytes, arrived: float) -> tuple[StoredSession, float, bool] | None:
        """Remove a session that was due, unless another caller was faster or an access was recorded since."""

        def claim(cursor: Cursor) -> tuple[StoredSession, float, bool] | None:
            rows = cursor.execute(self._statements.load, (key,)).fetchall()
            stored = session_of(rows) if rows else None
            if stored is None:
                return None
            is_expired = stored.record.is_due(arrived, SLACK)
            if is_expired:
                delete(cursor, self._statements, rows[0][0])
            return stored, min(stored.record.accessed, arrived), is_expired

        return self._end(claim, "ending a session")

    def peek(self, key: bytes) -> StoredSession | None:
        """Return the session as it is."""
        rows = self._database.fetch(self._statements.peek, {"key": key, "since": -inf}, "looking at a session")
        return session_of(rows) if rows else None

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply the changes."""
        put = changes.put
        if len(put) != 1 or is_more_than_put(changes):
            check_values(put)
            if changes.notes:
                check_values({name: value for name, value in changes.notes.items() if value is not None})
            if changes.max_inactive_interval is not None:
                _check_interval(changes.max_inactive_interval)
            if changes.principal is not None and changes.principal is not ...:
                check_principal(changes.principal)
            if changes.is_login and changes.new_key is None:
                raise ValueError("a login needs a new key")
            action = partial(apply, self._statements, key, changes, now)
            if changes.limit is None or changes.principal is ...:
                is_saved = self._database.transact(action, "saving a session")
            else:
                is_saved = self._log_in(Place(self._statements, changes.limit, key, now), action)
            if changes.clear:
                self._database.erase()
            return is_saved
        ((name, value),) = put.items()
        if len(value) > MAX_VALUE:
            check_values(put)  # which raises
        parameters = {"key": key, "since": now - FOLLOW, "name": name, "value": value}
        return self._database.execute(self._statements.put_one, parameters, "saving a session") > 0

    def _log_in(self, place: Place, change: Callable[[Cursor], bool]) -> bool:
        """Make a change by which a user logs in, and keep to the limit in the same transaction."""
        is_made, removed = self._database.transact(partial(place.take, change), "logging a user in")
        if removed:
            self._database.erase()
        return place.settle(is_made, removed)

    def can_move(self, key: bytes, new_key: bytes) -> bool:
        """Return True: all keys are in one file."""
        return True

    def was_left(self, key: bytes, now: float) -> bool:
        """Return whether a login has left the key."""
        ((count,),) = self._database.fetch(self._statements.was_left, (key, now - FOLLOW), "looking for a login")
        return bool(count)

    def remove(self, key: bytes, principal: str | None = None) -> StoredSession | None:
        """Remove the session and return it."""
        statements = self._statements

        def find_and_remove(cursor: Cursor) -> StoredSession | None:
            ((identity,),) = cursor.execute(statements.follow, {"key": key, "since": -inf}).fetchall()
            if identity is not None and principal is not None:
                rows = cursor.execute(statements.belongs, (identity, principal)).fetchall()
                identity = identity if rows else None
            return None if identity is None else remove(cursor, statements, identity)

        return self._end(find_and_remove, "removing a session")

    def expire(self, now: float, limit: int, in_use: InUse = nothing_in_use) -> list[StoredSession]:
        """Remove sessions that are due."""
        self._database.refill_reserve()
        expired: list[StoredSession] = []
        are_all = False
        while len(expired) < limit and not are_all:
            action = partial(self._expire_some, now, min(SLICE, limit - len(expired)))
            try:
                some, are_all = self._database.transact(action, "ending sessions", removes=True)
            except StoreError as error:
                # Sessions that were removed have to be returned: no other caller will ever get them.
                if not expired:
                    raise
                _log.warning("Sessions that are due are left for the next sweep: %s.", error)
                break
            expired += some
        self._database.erase()
        return expired

    def _expire_some(self, now: float, size: int, cursor: Cursor) -> tuple[list[StoredSession], bool]:
        """Return sessions that were due, and whether there are no others."""
        statements = self._statements
        rows = cursor.execute(statements.due, {"now": now, "size": size}).fetchall()
        # Sessions that were used since are only moved in the index.
        cursor.executemany(statements.set_due, [(identity,) for identity, is_alive in rows if is_alive])
        removed = [remove(cursor, statements, identity) for identity, is_alive in rows if not is_alive]
        delete_old_marks(cursor, statements, now)
        return [stored for stored in removed if stored is not None], len(rows) < size

    def evict(self, in_use: InUse = nothing_in_use) -> StoredSession | None:
        """Remove the oldest session whose client never came back."""
        keys = in_use().keys()

        def evict(cursor: Cursor) -> StoredSession | None:
            # Among more sessions than are in use there is one that is not.
            rows = cursor.execute(self._statements.newcomers, (len(keys) + SLICE,)).fetchall()
            for identity, key in rows:
                marks = cursor.execute(self._statements.marks, (identity,)).fetchall()
                if keys.isdisjoint([key, *(former for (former,) in marks)]):
                    stored = remove(cursor, self._statements, identity)
                    if stored is not None:
                        return stored
            return None

        return self._end(evict, "evicting a session")

    def touch(self, accesses: Iterable[Touch], in_use: InUse = nothing_in_use) -> None:
        """Record requests."""
        parameters = [
            {"key": key, "since": ended - FOLLOW, "arrived": arrived, "ended": ended}
            for key, arrived, ended in accesses
        ]
        for start in range(0, len(parameters), TOUCHES):
            some = parameters[start : start + TOUCHES]
            self._database.transact(partial(_execute_many, self._statements.touch, some), "recording accesses")

    def records_of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        principal = check_principal(principal)
        rows = self._database.fetch(self._statements.records_of, (principal,), "listing the sessions of a user")
        return [stored.record for stored in sessions_of(rows)]

    def __iter__(self) -> Iterator[StoredSession]:
        after = -1
        while rows := self._slice(after):
            after = rows[-1][0]
            yield from sessions_of(rows)

    def _slice(self, after: int) -> list[Row]:
        """Return the next rows. All are read before a caller sees the first, so that SQLite can truncate its log."""
        return self._database.fetch(self._statements.slice, (after, SLICE), "iterating over the sessions")

    def __len__(self) -> int:
        ((count,),) = self._database.fetch(self._statements.count, (), "counting the sessions")
        return int(count)

    def prefixes(self) -> list[str]:
        """Return the prefixes of the stores in the file."""
        return self._database.read(prefixes_of, "listing the prefixes")

    def describe(self) -> str:
        """Return what keeps the sessions."""
        return f"SQLite {sqlite3.sqlite_version}, {path_shown(self._database.path)}, schema {len(STEPS)}"

    def close(self) -> None:
        """Close the file for good."""
        self._database.close()

    def _end(self, action: Action[T], what: str) -> T:
        """Return the result of an action that removes a session, and erase what the session had."""
        ended = self._database.transact(action, what, removes=True)
        self._database.erase()
        return ended


def _check_interval(interval: int) -> None:
    if not -(1 << 63) <= interval < 1 << 63:
        raise ValueError(f"the interval of a session has at most 64 bits in SQLite, not {interval.bit_length() + 1}")


def _execute_many(statement: str, parameters: Iterable[Mapping[str, object]], cursor: Cursor) -> None:
    cursor.executemany(statement, parameters)
