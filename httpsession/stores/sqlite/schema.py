"""The tables of the store in a database, and the steps from each version to the next.

A database remembers how many steps it has run. So a released step stays as it is, and a change is a new step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from sqlite3 import Cursor
from typing import Final

from ...errors import StoreError
from ..base import MissingStoreError
from ..url import flaw_of_prefix
from .statements import Statements, text

_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table'"

#: The statements that bring each version to the next. Version 0 has no tables.
STEPS: Final[Sequence[Sequence[str]]] = (
    (
        # The times of a session say when it is due. The last column, by which sweeps search, may have an earlier time
        # but never a later one: so an access does not move the session in an index.
        """CREATE TABLE {sessions} (
            identity INTEGER PRIMARY KEY,
            key BLOB NOT NULL UNIQUE,
            created REAL NOT NULL,
            accessed REAL NOT NULL,
            used REAL NOT NULL,
            interval INTEGER NOT NULL,
            deadline REAL NOT NULL,
            principal TEXT,
            due REAL NOT NULL
        )""",
        "CREATE INDEX {due} ON {sessions} (due)",
        "CREATE INDEX {principals} ON {sessions} (principal) WHERE principal IS NOT NULL",
        "CREATE INDEX {newcomers} ON {sessions} (created) WHERE accessed = created",
        """CREATE TABLE {attributes} (
            session INTEGER NOT NULL,
            name TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (session, name)
        ) WITHOUT ROWID""",
        # Former keys: which session had the key, and until when.
        """CREATE TABLE {marks} (
            key BLOB NOT NULL PRIMARY KEY,
            session INTEGER NOT NULL,
            moved REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX {marked} ON {marks} (session)",
        "CREATE INDEX {moved} ON {marks} (moved)",
    ),
    (
        # From here on {attributes} holds notes, too: their names are BLOBs. This table holds the keys that logins left.
        """CREATE TABLE {left} (
            key BLOB NOT NULL PRIMARY KEY,
            moved REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX {departed} ON {left} (moved)",
    ),
    (
        # The sessions of newcomers may have a shorter interval, zero for none, and those of users are none of these.
        "ALTER TABLE {sessions} ADD COLUMN newcomer_interval REAL NOT NULL DEFAULT 0",
        "DROP INDEX {newcomers}",
        "CREATE INDEX {newcomers} ON {sessions} (created) WHERE accessed = created AND principal IS NULL",
    ),
)


def migrate(cursor: Cursor, statements: Statements, path: str, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Bring the tables to the latest version, all or nothing.

    The database calls it for each new connection, so a database of the latest version is only read. Where the write
    lock keeps no processes apart, another process may migrate at the same time.

    Args:
        cursor: a connection without an open transaction.
        statements: the statements of the store, which know the names of its tables.
        path: the file, as the message of an error shows it.
        steps: the statements of each step. Only tests give others.

    Raises:
        StoreError: a newer release of this package has made the tables, or their version is no number.
        sqlite3.Error: a statement failed; the caller closes the connection, which undoes all steps.
    """
    cursor.execute(statements.make_version)
    if _version(cursor, statements, path, len(steps)) == len(steps):
        return
    cursor.execute("BEGIN IMMEDIATE")
    # Another process may have migrated until this transaction began.
    version = _version(cursor, statements, path, len(steps))
    for step in steps[version:]:
        for template in step:
            cursor.execute(text(template, statements.prefix))
    if version < len(steps):
        cursor.execute(statements.set_version, (len(steps),))
    cursor.execute("COMMIT")


def _version(cursor: Cursor, statements: Statements, path: str, known: int) -> int:
    """Return the version of the tables.

    Raises:
        StoreError: it is later than the *known* one, or no number.
    """
    ((version,),) = cursor.execute(statements.version).fetchall()
    if not isinstance(version, int):
        raise StoreError(f"{path} has {version!r:.40} for the version of its schema, but must have a whole number")
    if version > known:
        raise StoreError(
            f"{path} keeps sessions by schema {version}, but this httpsession knows no later one than {known}:"
            " a newer release of it has been here"
        )
    return version


def check_tables(cursor: Cursor, statements: Statements, path: str) -> None:
    """Refuse a database without the tables of this release. Nothing is migrated.

    Raises:
        MissingStoreError: there are no tables under the prefix.
        StoreError: another release has made the tables.
    """
    tables = {name for (name,) in cursor.execute(_TABLES)}
    version = 0
    if {text(table, statements.prefix).strip('"') for table in ("{schema}", "{sessions}")} <= tables:
        version = _version(cursor, statements, path, len(STEPS))
    if version == 0:
        others = ", ".join(_prefixes(tables))
        has = f"this file has: {others}" if others else "this file has no sessions at all"
        raise MissingStoreError(f"{path}: no sessions under prefix {statements.prefix!r}; {has}")
    if version < len(STEPS):
        raise StoreError(
            f"{path} keeps sessions by schema {version}, but this httpsession by schema {len(STEPS)}:"
            " an application of this release, or httpsession check --create, has to open it first"
        )


def prefixes_of(cursor: Cursor) -> list[str]:
    """Return the prefixes of the stores in a database."""
    return _prefixes({name for (name,) in cursor.execute(_TABLES)})


def _prefixes(tables: Collection[str]) -> list[str]:
    stems = {name.removesuffix("_schema") for name in tables if name.endswith("_schema")}
    prefixes = {stem.replace("^", ""): stem for stem in stems}
    return sorted(
        prefix for prefix, stem in prefixes.items() if f"{stem}_sessions" in tables and not flaw_of_prefix(prefix)
    )
