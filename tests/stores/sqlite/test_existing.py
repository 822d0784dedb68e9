"""A SQLite store that must exist: it works on what is there, and makes nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from httpsession import StoreError
from httpsession.stores import MissingStoreError, open_store
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import NOW, add, contents, put
from tests.stores.sqlite.test_files import VERSION_1


@pytest.fixture
def key(path):
    """The key of a session in a store that an application has made, and closed."""
    with closing(SQLiteStore(path)) as store:
        return add(store, {"a": b"1"}, principal="anna")


@pytest.fixture
def store(path, key):
    """The store, opened again without making anything."""
    store = SQLiteStore(path, must_exist=True)
    yield store
    store.close()


@pytest.mark.parametrize("helpers", [True, False])
def test_every_verb(path, key, helpers):
    """All verbs work, also where the lock and the reserve are missing, which are not made."""
    if not helpers:
        for name in ("-lock", "-reserve"):
            os.unlink(f"{path}{name}")
    names = sorted(os.listdir(path.parent))
    with closing(SQLiteStore(path, must_exist=True)) as store:
        assert put(store, key, a="2")
        store.touch([(key, NOW + 1, NOW + 2)])
        assert contents(store, key) == {"a": "2"}
        assert len(store.records_of("anna")) == len(store) == 1
        other = add(store)
        assert store.remove(other).record.key == other
        assert [stored.record.key for stored in store.expire(NOW + 1000, 10)] == [key]
    assert sorted(os.listdir(path.parent)) == names


def test_missing(path):
    """A missing file, folder or prefix is a MissingStoreError, which is a StoreError; nothing is made."""
    for wrong in (path, path.parent / "nowhere" / "sessions.db"):
        with pytest.raises(MissingStoreError, match="there is no"):
            SQLiteStore(wrong, must_exist=True)
    assert list(path.parent.iterdir()) == []
    SQLiteStore(path).close()
    with pytest.raises(MissingStoreError, match="this file has: httpsession"):
        open_store(f"sqlite:///{path}?prefix=other", must_exist=True)
    assert issubclass(MissingStoreError, StoreError)


def test_removed_while_open(store, path, key):
    """When the file is removed, later verbs fail, and do not make it again."""
    for file in list(path.parent.iterdir()):
        file.unlink()
    with pytest.raises(MissingStoreError):
        put(store, key, a="2")
    assert list(path.parent.iterdir()) == []


def test_two_of_them(store, path, key):
    """Stores of both kinds on one file see each other's changes."""
    with closing(SQLiteStore(path)) as application:
        assert put(application, key, a="2")
        assert contents(store, key) == {"a": "2"}
        assert put(store, key, b="3")
        assert contents(application, key) == {"a": "2", "b": "3"}


def test_older_schema(path):
    """Tables of version 1 are refused, stay as they are, and are migrated by an application."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema 1"):
        SQLiteStore(path, must_exist=True)
    assert (path.read_bytes(), sorted(os.listdir(path.parent))) == (before, ["sessions.db"])
    SQLiteStore(path).close()
    SQLiteStore(path, must_exist=True).close()


@pytest.mark.parametrize("prefix", ["shop", "Shop", "SHOP-2", "a_b"])
def test_prefixes(path, key, prefix):
    """A file lists the prefixes that it has, whatever letters they have."""
    with closing(SQLiteStore(path, prefix=prefix)) as store:
        assert store.prefixes() == sorted(["httpsession", prefix])


@pytest.mark.parametrize("must_exist", [False, True])
@pytest.mark.parametrize("data", [b"x", b"x" * 511, b"x" * 512, b"SQLite format 3\0", b"Dear diary, " * 1000])
def test_no_database(path, must_exist, data):
    """A file that is no database stays as it is, and gets no files beside it."""
    path.write_bytes(data)
    with pytest.raises(StoreError, match="not a database"):
        SQLiteStore(path, must_exist=must_exist)

    assert (path.read_bytes(), os.listdir(path.parent)) == (data, [path.name])
