"""Exceptions in the SQLite store: no transaction stays open while the caller keeps the exception."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from httpsession import StoreError
from httpsession.stores.base import Changes
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import NOW, add, contents, execute, put

#: A text that UTF-8 does not have, so that Python cannot hand it to SQLite.
LONE = "\ud800"


@pytest.fixture
def store(path):
    store = SQLiteStore(path)
    yield store
    store.close()


def assert_unlocked(path):
    """No connection reads an old state or has a lock: another program can write, and truncate the log."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.0)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        Changes(put={"a": b"2", LONE: b"3"}),
        Changes(put={"a": b"2"}, removed=[LONE]),
        Changes(put={"a": b"2"}, notes={LONE: b"3"}),
        Changes(put={"a": b"2"}, expected={LONE: b"3"}),
        Changes(put={LONE: b"2"}),
    ],
    ids=["put", "removed", "notes", "expected", "alone"],
)
def test_save(store, path, changes):
    """A save with a name that cannot be stored is refused. Other writers go on, although the exception is kept."""
    key = add(store, {"a": b"1"})
    with pytest.raises(ValueError) as kept:  # noqa: PT011 - the message is Python's
        store.save(key, changes, NOW)
    assert_unlocked(path)
    with closing(SQLiteStore(path, timeout=0.1)) as other:
        assert put(other, key, b="4")
    assert contents(store, key) == {"a": "1", "b": "4"}
    assert kept.value is not None


def test_create(store, path):
    """A creation with such a name leaves no session and no lock."""
    with pytest.raises(ValueError) as kept:  # noqa: PT011 - the message is Python's
        add(store, {LONE: b"1"})
    assert_unlocked(path)
    assert len(store) == 0
    assert kept.value is not None


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, sqlite3.ProgrammingError])
def test_any_exception(store, path, error):
    """Whatever ends a transaction, its changes are undone and its lock is released at once."""
    key = add(store, {"a": b"1"})

    def fail(cursor):
        cursor.execute("DELETE FROM httpsession_attributes")
        raise error

    with pytest.raises((error, StoreError)) as kept:
        store._database.transact(fail, "")
    assert_unlocked(path)
    assert contents(store, key) == {"a": "1"}
    assert kept.value is not None


def test_read(store, path):
    """A read that an exception ends between two rows does not keep the log from being truncated."""
    for _ in range(3):
        add(store)

    def fail(cursor):
        for _ in cursor.execute("SELECT key FROM httpsession_sessions"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as kept:
        store._database.read(fail, "")
    assert_unlocked(path)
    assert kept.value is not None


def test_migration(path):
    """A migration that fails, as another program has a table of that name, leaves no table and no lock."""
    execute(path, "CREATE TABLE httpsession_attributes (mine)")
    path.chmod(0o600)
    with pytest.raises(StoreError, match="already exists") as kept:
        SQLiteStore(path)
    assert_unlocked(path)
    assert execute(path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'httpsession_sess%'") == [(0,)]
    assert kept.value is not None
