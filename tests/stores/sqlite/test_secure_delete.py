"""A SQLite store with ``secure_delete``: no file shows what a session had before it ended."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

import pytest

from httpsession import ConfigError
from httpsession.stores import open_store
from httpsession.stores.base import Changes
from httpsession.stores.sqlite import SQLiteStore
from httpsession.testing import StoreContract
from tests.stores.sqlite.contents import NOW, add, contents, put
from tests.support.waiting import SOON

MARK = b"the card number of a customer"
#: Values within a page, of a few pages, and of many.
SIZES = [1, 300, 10_000]


@pytest.fixture
def store(path):
    store = SQLiteStore(path, secure_delete=True)
    yield store
    store.close()


@pytest.fixture
def keys(store):
    """The keys of sessions with marked values, among others that stay."""
    keys = []
    for size in SIZES:
        add(store, {"a": os.urandom(size)})
        keys.append(add(store, {"a": MARK * size, "b": MARK}, principal=MARK.decode(), notes={"c": MARK}))
    return keys


def files_with(path, text):
    """Return the names of the files that have a text."""
    return {file.name for file in path.parent.iterdir() if text in file.read_bytes()}


class TestContract(StoreContract):
    """A store that erases removed values keeps the contract."""

    counts_by_arguments = True

    @pytest.fixture
    def another(self, store, path):
        another = SQLiteStore(path, secure_delete=True)
        yield another
        another.close()


def remove_all(store, keys):
    for key in keys:
        assert store.remove(key)


def load_expired(store, keys):
    for key in keys:
        assert store.load(key, NOW + 1000)[2]


def sweep(store, keys):
    assert len(store.expire(NOW + 1000, 1000)) == 2 * len(keys)


def evict(store, keys):
    for key in keys:  # a session of a user is not evicted
        assert store.save(key, Changes(principal=None), NOW)
    for _ in range(2 * len(keys)):
        assert store.evict()


def log_in(store, keys):
    for key in keys:
        changes = Changes(new_key=os.urandom(32), is_login=True, clear=True, principal="anna", notes={"c": None})
        assert store.save(key, changes, NOW)


@pytest.mark.parametrize("end", [remove_all, load_expired, sweep, evict, log_in])
def test_ended(store, path, keys, end):
    """Whatever ends a session, its values, notes and user are in no file when the call returns (R12)."""
    assert files_with(path, MARK)
    end(store, keys)
    assert files_with(path, MARK) == set()


def test_removed_by_another_process(store, path, keys):
    """A session that one process has filled and another one ends leaves nothing either."""
    with closing(SQLiteStore(path, secure_delete=True)) as other:
        remove_all(other, keys)
        assert files_with(path, MARK) == set()


@pytest.mark.parametrize("changes", [Changes(removed=["a", "b"]), Changes(put={"a": b"1", "b": b"2"})])
def test_removed_attributes(store, path, changes):
    """Values that a save removes or replaces are in no file after the next sweep."""
    for size in SIZES:
        assert store.save(add(store, {"a": MARK * size, "b": MARK}), changes, NOW)
    store.expire(NOW, 1000)
    assert files_with(path, MARK) == set()


def test_many(store, path):
    """Nothing is left where pages have been split, merged and filled again."""
    keys = [add(store, {f"{n}": MARK + os.urandom(10 * n)}) for n in range(200)]
    for key in keys[::2]:
        assert put(store, key, a="1" * 300)
        assert store.save(key, Changes(removed=["a"]), NOW)
    remove_all(store, keys[::3])
    for _ in range(50):
        add(store, {"a": os.urandom(200)})
    sweep_all = store.expire(NOW + 1000, 1000)
    assert {key for key in keys if key not in keys[::3]} <= {stored.record.key for stored in sweep_all}
    assert files_with(path, MARK) == set()


def test_without(path):
    """Without it the values stay in the log: the tests above would find them."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        key = add(store, {"a": MARK})
        assert store.remove(key)
        store.expire(NOW, 1000)
        assert files_with(path, MARK) == {"sessions.db-wal"}


def test_reader_in_the_way(store, path, keys):
    """While a reader is in an older state the end of a session takes effect all the same, at once; the next sweep after
    it erases the values."""
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM httpsession_sessions").fetchall()
        began = time.monotonic()
        remove_all(store, keys)
        assert time.monotonic() - began < SOON
        assert all(contents(store, key) is None for key in keys)
        assert files_with(path, MARK)
    store.expire(NOW, 1000)
    assert files_with(path, MARK) == set()


def test_full_disk(store, path, keys):
    """While a part of the reserve is released, the log keeps its room for the next removals; once the reserve can be
    filled, the sweep erases the values."""
    reserve = path.with_name("sessions.db-reserve")
    os.truncate(reserve, 1)
    remove_all(store, keys)
    assert path.with_name("sessions.db-wal").stat().st_size
    store.expire(NOW, 1000)
    assert path.with_name("sessions.db-wal").stat().st_size == 0


def test_without_reserve(path):
    """Where there is no reserve, removed values are erased."""
    SQLiteStore(path).close()
    path.with_name("sessions.db-reserve").unlink()
    with closing(SQLiteStore(path, secure_delete=True, must_exist=True)) as store:
        assert store.remove(add(store, {"a": MARK}))
        assert files_with(path, MARK) == set()


def test_failure(tmp_path, caplog):
    """If the values cannot be erased, the session has ended all the same, and the log says what is left."""
    folder = tmp_path / "folder"
    folder.mkdir()
    store = SQLiteStore(folder / "sessions.db", secure_delete=True)
    key = add(store, {"a": MARK})

    def rename_folder(statement):
        if statement == "COMMIT":
            folder.rename(tmp_path / "renamed")

    store._database.read(lambda cursor: cursor.connection.set_trace_callback(rename_folder), "")
    assert store.remove(key).attributes == {"a": MARK}
    assert "Removed values may be readable until the next sweep: erasing removed values failed" in caplog.text
    store.close()
    with closing(SQLiteStore(tmp_path / "renamed" / "sessions.db")) as moved:
        assert contents(moved, key) is None


@pytest.mark.parametrize(
    ("value", "is_on"), [("1", True), ("true", True), ("0", False), ("false", False), (None, False)]
)
def test_option(path, value, is_on):
    """The option of the URL switches it on for each connection."""
    with closing(open_store(f"sqlite:///{path}" + (f"?secure_delete={value}" if value else ""))) as store:
        key = add(store, {"a": MARK})
        store.remove(key)
        assert bool(files_with(path, MARK)) is not is_on


@pytest.mark.parametrize("value", ["", "2", "on", "yes"])
def test_wrong_option(path, value):
    """Another value is refused with those that are allowed."""
    with pytest.raises(ConfigError, match=r"secure_delete='.*', but must have one of 1, true, 0, false"):
        open_store(f"sqlite:///{path}?secure_delete={value}")
    assert not path.exists()
