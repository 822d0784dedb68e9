"""The path of a SQLite store: what is refused, and how messages show it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from httpsession import ConfigError, StoreError
from httpsession.stores import MissingStoreError
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import add, execute, put, reconnect

#: A name of a folder that would begin a line of a log, and clear a terminal.
HOSTILE = "a\nERROR: all is lost\x1b[2J"


@pytest.fixture
def folder(tmp_path):
    """A folder with a hostile name."""
    folder = tmp_path / HOSTILE
    folder.mkdir()
    return folder


def assert_plain(error, folder):
    """The message is one line, shows the folder with escapes, and is short."""
    text = str(error.value)
    assert text.isprintable()
    assert r"a\nERROR: all is lost\x1b[2J" in text
    assert len(text) < 1000


@pytest.mark.parametrize("path", ["a\0b", "\0", "a\ud800b", b"a.db"])
@pytest.mark.parametrize("must_exist", [False, True])
def test_refused(path, must_exist, tmp_path, monkeypatch):
    """A path that no file can have is refused as a wrong setting."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="the SQLite store has the path") as error:
        SQLiteStore(path, must_exist=must_exist)
    assert str(error.value).isprintable()
    assert os.listdir(tmp_path) == []


def test_bytes_that_are_not_utf_8(tmp_path):
    """A name in bytes that are no UTF-8 is a name, as Python spells it, and messages escape it."""
    path = tmp_path / os.fsdecode(b"\xff.db")
    with closing(SQLiteStore(path)) as store:
        add(store)
        assert r"\udcff.db" in store.describe()
    assert os.path.exists(os.fsencode(tmp_path) + b"/\xff.db")


def test_missing(folder):
    """The path of a missing file or folder has escapes, also in a suggestion."""
    SQLiteStore(folder / "sessions.db").close()
    for missing in (folder / "session.db", folder / "nowhere" / "sessions.db"):
        with pytest.raises(MissingStoreError) as error:
            SQLiteStore(missing, must_exist=True)
        assert_plain(error, folder)
    with pytest.raises(StoreError, match="no directory") as error:
        SQLiteStore(folder / "nowhere" / "sessions.db")
    assert_plain(error, folder)


def test_wrong_files(folder):
    """So have the paths of a folder, of a text and of an empty file in place of the database."""
    directory, text, empty = folder / "directory", folder / "text", folder / "empty"
    directory.mkdir()
    text.write_text("Dear diary, " * 1000)
    empty.touch(0o600)
    for path in (directory, text, empty):
        with pytest.raises(StoreError) as error:
            SQLiteStore(path, must_exist=True)
        assert_plain(error, folder)


def test_failures(folder, caplog):
    """So have the messages of all that fails later, and those in the log."""
    path = folder / "sessions.db"
    SQLiteStore(path).close()
    path.chmod(0o644)
    (folder / "sessions.db-reserve").unlink()
    (folder / "sessions.db-reserve").mkdir()
    store = SQLiteStore(path, timeout=0.1)
    assert len(caplog.records) == 2
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert store.describe().isprintable()
    key = add(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as error:
            put(store, key, a="1")
        assert_plain(error, folder)
    execute(path, "INSERT INTO httpsession_schema VALUES (99)")
    reconnect(store)
    with pytest.raises(StoreError, match="schema 99") as error:
        put(store, key, a="1")
    assert_plain(error, folder)
    shutil.rmtree(folder)
    with pytest.raises(StoreError) as error:
        put(store, key, a="1")
    assert_plain(error, folder)
    store.close()
    with pytest.raises(StoreError, match="closed") as error:
        put(store, key, a="1")
    assert_plain(error, folder)


def test_words_of_the_file(path):
    """Names that another program wrote into the file reach no message as they are."""
    SQLiteStore(path).close()
    name = "x" * 5000 + "\nERROR"
    execute(path, f'CREATE VIEW "{name}" AS SELECT 1')
    execute(path, 'CREATE TRIGGER "a\nb" BEFORE INSERT ON httpsession_sessions BEGIN SELECT raise(ABORT, "c\nd"); END')
    with closing(SQLiteStore(path)) as store, pytest.raises(StoreError, match=r"c\\nd") as error:
        add(store)
    assert str(error.value).isprintable()


def test_long_path(tmp_path):
    """Of a long path a message shows the end, with the name of the file."""
    folder = tmp_path.joinpath(*["f" * 200] * 5)
    with pytest.raises(StoreError, match=r"\.\.\.f+$") as error:
        SQLiteStore(folder / "sessions.db")
    assert len(str(error.value)) < 500
    folder.mkdir(parents=True)
    (folder / "sessions.db").mkdir()
    with pytest.raises(StoreError, match=r"\.\.\.f+/sessions\.db is not a regular file") as error:
        SQLiteStore(folder / "sessions.db")
    assert len(str(error.value)) < 500
