"""The SQLite store and its files: whose they are, what is in them already, and what happens when they break."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from httpsession import StoreError, audit
from httpsession.ids import handle_of
from httpsession.stores.base import Changes
from httpsession.stores.sqlite import SQLiteStore
from httpsession.stores.sqlite.files import Reserve
from httpsession.stores.sqlite.schema import STEPS, migrate
from httpsession.stores.sqlite.statements import Statements
from tests.stores.sqlite.contents import NOW, add, contents, execute, put, reconnect

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


#: A file of version 1: the tables, two sessions with their attributes, and the former key of one of them.
VERSION_1 = """
CREATE TABLE "httpsession_schema" (version INTEGER NOT NULL);
CREATE TABLE "httpsession_sessions" (
    identity INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    created REAL NOT NULL,
    accessed REAL NOT NULL,
    used REAL NOT NULL,
    interval INTEGER NOT NULL,
    deadline REAL NOT NULL,
    principal TEXT,
    due REAL NOT NULL
);
CREATE INDEX "httpsession_due" ON "httpsession_sessions" (due);
CREATE INDEX "httpsession_principals" ON "httpsession_sessions" (principal) WHERE principal IS NOT NULL;
CREATE INDEX "httpsession_newcomers" ON "httpsession_sessions" (created) WHERE accessed = created;
CREATE TABLE "httpsession_attributes" (
    session INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (session, name)
) WITHOUT ROWID;
CREATE TABLE "httpsession_marks" (
    key BLOB NOT NULL PRIMARY KEY,
    session INTEGER NOT NULL,
    moved REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX "httpsession_marked" ON "httpsession_marks" (session);
CREATE INDEX "httpsession_moved" ON "httpsession_marks" (moved);
INSERT INTO "httpsession_schema" VALUES (1);
INSERT INTO "httpsession_sessions" VALUES
    (1, x'01', 1699999990, 1699999995, 1699999996, 60, 9e999, 'anna', 1700000051),
    (2, x'02', 1699999000, 1699999000, 1699999000, 60, 9e999, NULL, 1699999061);
INSERT INTO "httpsession_attributes" VALUES (1, 'a', x'31'), (1, 'b', x'32'), (2, 'a', x'33');
INSERT INTO "httpsession_marks" VALUES (x'00', 1, 1699999995);
"""


@pytest.fixture
def version_1(path):
    """A store in a file that the first version of this package made."""
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.close()
    path.chmod(0o600)
    store = SQLiteStore(path)
    yield store
    store.close()


@pytest.fixture
def store(path):
    store = SQLiteStore(path)
    yield store
    store.close()


@pytest.fixture
def directory_of_another():
    """A directory that belongs to user 4321, who can get at it."""
    with TemporaryDirectory() as name:
        os.chown(name, 4321, 4321)
        yield Path(name)


def open_elsewhere(path, user=None):
    """Open a store in another process, as *user* if given, and return what it says of an error."""
    program = (
        "import os, sys\n"
        "from httpsession import StoreError\n"
        "from httpsession.stores.sqlite import SQLiteStore\n"
        "if sys.argv[2:]:\n"
        "    os.setuid(int(sys.argv[2]))\n"
        "try:\n"
        "    SQLiteStore(sys.argv[1]).close()\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, path, *([] if user is None else [str(user)])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout


class TestOwner:
    """The files are their owner's alone."""

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
    def test_modes(self, path, umask):
        """All files that are made can be opened by their owner alone, whatever the umask."""
        before = os.umask(umask)
        try:
            store = SQLiteStore(path)
            add(store)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            store.close()
        finally:
            os.umask(before)

        names = ("sessions.db", "sessions.db-wal", "sessions.db-shm", "sessions.db-lock", "sessions.db-reserve")
        assert modes == dict.fromkeys(names, 0o600)

    def test_open_to_others(self, path, caplog):
        """A file that others may read is used as it is, with a warning in the log."""
        SQLiteStore(path).close()
        path.chmod(0o644)
        store = SQLiteStore(path)
        add(store)
        store.close()

        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "mode is 644" in caplog.text
        assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def test_link(self, path, tmp_path):
        """A symbolic link is refused, also one to a file that is not there; nothing is made where it leads."""
        path.symlink_to(tmp_path / "elsewhere.db")
        with pytest.raises(StoreError, match="not a regular file"):
            SQLiteStore(path)

        assert not (tmp_path / "elsewhere.db").exists()

    def test_linked_lock(self, path, tmp_path):
        """Nor are the files beside the database made where a link leads."""
        (tmp_path / "sessions.db-lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError):
            SQLiteStore(path)

        assert not (tmp_path / "elsewhere").exists()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="here are no named pipes")
    def test_pipe_for_lock(self, path, tmp_path):
        """A pipe in place of the lock, from which nothing ever comes, is refused at once."""
        os.mkfifo(tmp_path / "sessions.db-lock")

        assert "sessions.db-lock is not a regular file" in open_elsewhere(path)
        assert not path.exists()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="here are no named pipes")
    def test_pipe_for_reserve(self, path, tmp_path, caplog):
        """In place of the reserve it keeps no room, which the log says, and gives none."""
        os.mkfifo(tmp_path / "sessions.db-reserve")
        SQLiteStore(path).close()

        assert "sessions.db-reserve is not a regular file" in caplog.text
        assert Reserve(str(path)).release() is False

    @pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
    @pytest.mark.parametrize("user", [0, 4321])
    def test_lock_of_another(self, directory_of_another, user):
        """A lock that belongs to neither the user of the process nor the owner of the directory is refused."""
        lock = directory_of_another / "sessions.db-lock"
        lock.touch(0o644)
        os.chown(lock, 1234, 1234)

        error = open_elsewhere(directory_of_another / "sessions.db", user)
        assert f"sessions.db-lock belongs to user 1234, but this process runs as {user}" in error

    @pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
    def test_reserve_of_another(self, path, tmp_path, caplog):
        """A reserve of another user is neither used nor cut, and the log says so."""
        reserve = tmp_path / "sessions.db-reserve"
        reserve.write_bytes(bytes(Reserve.SIZE))
        os.chown(reserve, 1234, 1234)
        SQLiteStore(path).close()

        assert "sessions.db-reserve belongs to user 1234" in caplog.text
        assert all(type(value) is str for record in caplog.records for value in record.args), "no error is kept"
        assert Reserve(str(path)).release() is False
        assert reserve.stat().st_size == Reserve.SIZE

    @pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
    def test_root_comes_first(self, directory_of_another):
        """Files that root makes in the directory of another user belong to that user."""
        path = directory_of_another / "sessions.db"
        SQLiteStore(path).close()

        assert {file.stat().st_uid for file in directory_of_another.iterdir()} == {4321}
        assert open_elsewhere(path, 4321) == ""

    def test_directory(self, path):
        """A directory is no database."""
        path.mkdir()
        with pytest.raises(StoreError, match="not a regular file"):
            SQLiteStore(path)

    def test_missing_directory(self, tmp_path):
        """Where the directory is missing the error says so, and it is not made."""
        with pytest.raises(StoreError, match=f"no directory {tmp_path}/missing"):
            SQLiteStore(tmp_path / "missing" / "sessions.db")

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
    def test_file_of_another(self, directory_of_another):
        """Somebody else's file is refused; root may open it, and the files beside it are its owner's."""
        path = directory_of_another / "sessions.db"
        SQLiteStore(path).close()
        for file in directory_of_another.iterdir():
            file.unlink() if file != path else os.chown(file, 1234, 1234)
        SQLiteStore(path).close()
        assert {file.stat().st_uid for file in directory_of_another.iterdir()} == {1234}

        program = (
            "import os, sys\n"
            "from httpsession.stores.sqlite.files import check_database\n"
            "os.setuid(4321)\n"
            "check_database(sys.argv[1])"
        )
        done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
        assert "belongs to user 1234, but this process runs as 4321" in done.stderr


class TestSchema:
    """Which version the tables have."""

    def test_new(self, store, path):
        """A new file has the latest version."""
        assert execute(path, "SELECT version FROM httpsession_schema") == [(len(STEPS),)]

    def test_newer(self, path):
        """Tables of a later version are left alone, and the error says which version there is and which is known."""
        SQLiteStore(path).close()
        execute(path, "INSERT INTO httpsession_schema VALUES (99)")
        with pytest.raises(StoreError, match=rf"schema 99, .* later one than {len(STEPS)}"):
            SQLiteStore(path)

        execute(path, "DELETE FROM httpsession_schema WHERE version = 99")
        SQLiteStore(path).close()

    @pytest.mark.parametrize("must_exist", [False, True])
    @pytest.mark.parametrize("version", ["'x'", "1.5", "x'00'"])
    def test_no_version(self, path, version, must_exist):
        """A version that is no number is refused in words, and the tables stay as they are."""
        SQLiteStore(path).close()
        execute(path, "DELETE FROM httpsession_schema")
        execute(path, f"INSERT INTO httpsession_schema VALUES ({version})")  # noqa: S608 - our own
        with pytest.raises(StoreError, match="must have a whole number"):
            SQLiteStore(path, must_exist=must_exist)

    def test_older(self, path):
        """Only the steps after the version of the file are taken, in order, and what is there is kept."""
        store = SQLiteStore(path)
        key = add(store, {"a": b"1"})
        store.close()
        later = (*STEPS, ["ALTER TABLE {sessions} ADD COLUMN note TEXT"], ["UPDATE {sessions} SET note = 'old'"])
        connection = sqlite3.connect(path, isolation_level=None)
        for _ in range(2):
            migrate(connection.cursor(), Statements("httpsession"), str(path), later)
        assert connection.execute("SELECT key, note FROM httpsession_sessions").fetchall() == [(key, "old")]
        assert connection.execute("SELECT max(version) FROM httpsession_schema").fetchall() == [(len(later),)]
        connection.close()

    def test_version_1(self, version_1, path):
        """A file of version 1 is brought to the latest; its sessions, attributes and former keys go on."""
        assert execute(path, "SELECT max(version) FROM httpsession_schema") == [(len(STEPS),)]
        stored, previous_access, is_expired = version_1.load(b"\1", NOW)
        assert (stored.attributes, previous_access, is_expired) == ({"a": b"1", "b": b"2"}, NOW - 5, False)
        assert [(record.key, record.notes) for record in version_1.records_of("anna")] == [(b"\1", {})]
        assert put(version_1, b"\0", c="3")
        assert contents(version_1, b"\1") == {"a": "1", "b": "2", "c": "3"}

        assert [stored.record.key for stored in version_1.expire(NOW, 10)] == [b"\2"]
        assert version_1.remove(b"\0").record.key == b"\1"

    def test_newcomers_in_version_1(self, version_1, path):
        """Sessions of version 1 have no interval of newcomers, and one with a user is evicted no more."""
        execute(path, "UPDATE httpsession_sessions SET accessed = created, used = created, interval = 0")
        [user, newcomer] = sorted(version_1, key=lambda stored: stored.record.key)
        assert (user.record.newcomer_interval, newcomer.record.newcomer_interval) == (0.0, 0.0)
        assert version_1.expire(NOW * 2, 10) == []

        assert version_1.evict().record.key == newcomer.record.key
        assert version_1.evict() is None

    def test_login_in_version_1(self, version_1):
        """A session of version 1 gets notes, and a login in it leaves the key that it had and the one before."""
        changes = Changes(new_key=b"\3", is_login=True, principal="berta", notes={"a": b"4"}, deadline=NOW + 9)
        assert version_1.save(b"\0", changes, NOW)
        assert (version_1.was_left(b"\0", NOW), version_1.was_left(b"\1", NOW)) == (True, True)
        assert (contents(version_1, b"\0"), contents(version_1, b"\1")) == (None, None)

        [record] = version_1.records_of("berta")
        assert (record.key, record.notes, record.deadline) == (b"\3", {"a": b"4"}, NOW + 9)
        assert contents(version_1, b"\3") == {"a": "1", "b": "2"}

    def test_step_that_fails(self, path):
        """When a step fails nothing of any step stays, and the file is as usable as before."""
        store = SQLiteStore(path)
        key = add(store)
        store.close()
        later = (*STEPS, ["ALTER TABLE {sessions} ADD COLUMN note TEXT"], ["UPDATE {sessions} SET nothing = 1"])
        connection = sqlite3.connect(path, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="nothing"):
            migrate(connection.cursor(), Statements("httpsession"), str(path), later)
        connection.close()

        assert contents(SQLiteStore(path), key) == {}
        columns = [row[1] for row in execute(path, "PRAGMA table_info(httpsession_sessions)")]
        assert "note" not in columns

    def test_migrated_meanwhile(self, path):
        """Each step runs once, also if another process migrates just before this one begins its transaction."""
        statements, steps = Statements("httpsession"), (*STEPS, ["CREATE TABLE httpsession_once (a)"])
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")

            def migrate_first(statement):
                if statement == "BEGIN IMMEDIATE":
                    connection.set_trace_callback(None)
                    with closing(sqlite3.connect(path, isolation_level=None)) as other:
                        migrate(other.cursor(), statements, str(path), steps)

            connection.set_trace_callback(migrate_first)
            migrate(connection.cursor(), statements, str(path), steps)

        assert execute(path, "SELECT version FROM httpsession_schema") == [(len(steps),)]

    def test_from_nothing(self, path):
        """A file in which only a version 0 is noted is brought to the latest."""
        execute(path, "CREATE TABLE httpsession_schema (version INTEGER NOT NULL)")
        execute(path, "INSERT INTO httpsession_schema VALUES (0)")
        path.chmod(0o600)
        store = SQLiteStore(path)

        assert contents(store, add(store, {"a": b"1"})) == {"a": "1"}
        store.close()

    def test_many_threads_open_a_new_file(self, path):
        """All who open a new file at the same time can use it."""
        with ThreadPoolExecutor(8) as pool:
            stores = list(pool.map(lambda _: SQLiteStore(path), range(8)))
        keys = [add(store) for store in stores]

        assert all(len(store) == len(keys) for store in stores)
        for store in stores:
            store.close()


class TestBroken:
    """Files that are not as they should be."""

    def test_no_database(self, path):
        """A file that is something else is left as it is, and the error says so."""
        path.write_bytes(b"Dear diary, " * 1000)
        path.chmod(0o600)
        with pytest.raises(StoreError, match="not a database"):
            SQLiteStore(path)

        assert path.read_bytes() == b"Dear diary, " * 1000

    def test_broken_while_open(self, store, path, tmp_path):
        """A file that breaks while it is open is an error for each operation; once it is mended all goes on."""
        key = add(store, {"a": b"1"})
        reconnect(store)
        shutil.copy(path, tmp_path / "copy")
        with open(path, "r+b") as file:
            file.write(os.urandom(path.stat().st_size))
        for action in (lambda: store.load(key, NOW), lambda: put(store, key, a="2"), lambda: len(store)):
            with pytest.raises(StoreError, match=r"sessions\.db") as caught:
                action()
            assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
        shutil.copy(tmp_path / "copy", path)

        assert contents(store, key) == {"a": "1"}
        assert put(store, key, a="2")

    def test_broken_page(self, store, path):
        """Where a page is spoiled operations fail or succeed, but never with anything other than a StoreError."""
        keys = [add(store, {"a": os.urandom(500)}) for _ in range(300)]
        reconnect(store)
        pages = path.stat().st_size // 4096
        with open(path, "r+b") as file:
            for page in range(pages // 3, pages, 3):
                file.seek(page * 4096)
                file.write(os.urandom(4096))
        failed = 0
        for action in (store.peek, lambda key: put(store, key, a="1"), lambda key: store.load(key, NOW), store.remove):
            for key in keys:
                try:
                    action(key)
                except StoreError:
                    failed += 1

        assert failed > 0

    def test_without_tables(self, store, path):
        """An operation that does not find its table fails; opening the file fails with the same words."""
        key = add(store)
        execute(path, "DROP TABLE httpsession_attributes")

        with pytest.raises(StoreError, match="no such table"):
            store.load(key, NOW)

    def test_removed(self, store, path, tmp_path):
        """When the file was removed, the next change finds no session, and sessions begin anew in a new file."""
        key = add(store)
        for file in tmp_path.iterdir():
            file.unlink()
        assert put(store, key, a="1") is False

        new = add(store, {"a": b"1"})
        assert contents(SQLiteStore(path), new) == {"a": "1"}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_removed_without_its_log(self, store, path):
        """The log that a removed file left is not applied to the new file."""
        keys = [add(store, {"a": os.urandom(100)}) for _ in range(50)]
        path.unlink()
        new = add(store, {"a": b"1"})
        reconnect(store)

        assert execute(path, "PRAGMA integrity_check") == [("ok",)]
        assert contents(store, new) == {"a": "1"}
        assert [key for key in keys if store.peek(key)] == []

    def test_replaced(self, store, path, tmp_path):
        """When another file was put in place of it and its log, the next change and all that follows go there."""
        key = add(store)
        other = SQLiteStore(tmp_path / "other.db")
        there = add(other, {"a": b"1"})
        other.close()
        (tmp_path / "sessions.db-wal").unlink()
        (tmp_path / "sessions.db-shm").unlink()
        (tmp_path / "other.db").rename(path)
        assert put(store, there, b="2") is True

        assert contents(store, there) == {"a": "1", "b": "2"}
        assert contents(store, key) is None
        assert execute(path, "PRAGMA integrity_check") == [("ok",)]

    def test_directory_that_goes(self, tmp_path):
        """When the whole directory is gone changes fail in words; when it is there again they do not."""
        directory = tmp_path / "directory"
        directory.mkdir()
        store = SQLiteStore(directory / "sessions.db")
        key = add(store)
        reconnect(store)
        shutil.rmtree(directory)
        with pytest.raises(StoreError, match="directory"):
            put(store, key, a="1")
        directory.mkdir()

        assert add(store)
        store.close()

    @pytest.mark.skipif(not IS_ROOT, reason="only root can become a user who may not write")
    def test_read_only(self, directory_of_another):
        """Where the file may only be read, changes fail, and loads go on."""
        program = (
            "import os, sys\n"
            "from httpsession import StoreError\n"
            "from httpsession.stores.sqlite import SQLiteStore\n"
            "from tests.stores.sqlite.contents import NOW, add, put, reconnect\n"
            "os.setuid(4321)\n"
            "store = SQLiteStore(sys.argv[1])\n"
            "key = add(store)\n"
            "reconnect(store)\n"
            "os.chmod(sys.argv[1], 0o400)\n"
            "assert store.load(key, NOW) is not None\n"
            "try:\n"
            "    put(store, key, a='1')\n"
            "except StoreError as error:\n"
            "    print(error)\n"
        )
        command = [sys.executable, "-W", "error", "-c", program, directory_of_another / "sessions.db"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert done.stderr == ""
        assert "sessions.db: attempt to write a readonly database" in done.stdout

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="here the number of files is not limited")
    def test_no_more_files(self, store):
        """Where the process may open no more files the error says so, and once it may all goes on."""
        resource = pytest.importorskip("resource")
        key = add(store, {"a": b"1"})
        reconnect(store)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 10, before[1]))
        fillers = []
        try:
            with suppress(OSError):
                while True:
                    fillers.append(os.open(os.devnull, os.O_RDONLY))
            with pytest.raises(StoreError, match=r"sessions\.db"):
                store.load(key, NOW)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for filler in fillers:
                os.close(filler)

        assert contents(store, key) == {"a": "1"}

    def test_sweep_that_fails_later(self, store, path, caplog):
        """Sessions that a failing sweep has claimed are given back, once; the next sweep finds the rest."""
        keys = {add(store) for _ in range(250)}
        execute(
            path,
            "CREATE TRIGGER stop BEFORE DELETE ON httpsession_sessions WHEN old.identity = 120"
            " BEGIN SELECT raise(ABORT, 'not now'); END",
        )
        claimed = {stored.record.key for stored in store.expire(NOW + 100, 1000)}
        assert len(claimed) == 100
        assert "not now" in caplog.text
        with pytest.raises(StoreError, match="not now"):
            store.expire(NOW + 100, 1000)
        execute(path, "DROP TRIGGER stop")

        assert {stored.record.key for stored in store.expire(NOW + 100, 1000)} == keys - claimed

    def test_query_only(self, store):
        """A change that SQLite refuses is an error, and the connection is not used again."""
        key = add(store, {"a": b"1"})
        store._database.read(lambda cursor: cursor.execute("PRAGMA query_only = 1"), "")
        with pytest.raises(StoreError, match="readonly"):
            put(store, key, a="2")

        assert contents(store, key) == {"a": "1"}
        assert put(store, key, a="3") is True

    def test_interrupted(self, store):
        """An exception in the middle of an operation undoes it, and the store goes on."""
        key = add(store, {"a": b"1"})

        def stop(cursor):
            cursor.execute("DELETE FROM httpsession_attributes")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store._database.transact(stop, "")

        assert contents(store, key) == {"a": "1"}
        assert put(store, key, a="2") is True


def events(caplog):
    """Return the audit events: name, reference of the session, user, and the part that cannot be read."""
    records = [record for record in caplog.records if record.name == "httpsession.audit"]
    return {(record.event, record.session, record.principal, record.details["part"]) for record in records}


class TestDamage:
    """Rows that another program has written."""

    @pytest.fixture(autouse=True)
    def limiter(self, monkeypatch):
        """A limiter that has seen no audit events."""
        monkeypatch.setattr(audit, "_limiter", audit._Limiter())

    @pytest.mark.parametrize(
        "damage",
        [
            "created = 'never'",
            "accessed = x'00'",
            "used = 'abc'",
            "interval = 'long'",
            "interval = 1.5",
            "deadline = 'far'",
            "principal = x'41'",
            "principal = CAST(x'ff' AS TEXT)",
        ],
    )
    def test_record(self, store, path, caplog, damage):
        """A session with a damaged record is none, is said to be so in the log, and is removed by who ends sessions."""
        key, other = add(store, {"a": b"1"}, principal="anna", lifetime=1000), add(store)
        execute(path, f"UPDATE httpsession_sessions SET {damage} WHERE key = ?", key)  # noqa: S608 - our own
        assert store.load(key, NOW) is None
        assert store.peek(key) is None
        assert [stored.record.key for stored in store] == [other]
        assert all(record.key != key for record in store.records_of("anna"))
        store.touch([(key, NOW + 1, NOW + 2), (other, NOW + 1, NOW + 2)])
        assert handle_of(key)[:8] in caplog.text
        assert key.hex() not in caplog.text
        assert {record.name for record in caplog.records} == {"httpsession", "httpsession.audit"}
        assert events(caplog) == {("session_data_corrupt", audit.reference(key), None, "record")}

        assert [stored.record.key for stored in store.expire(NOW + 2000, 10)] == [other]
        assert len(store) == 0

    @pytest.mark.parametrize("due", ["'soon'", "x'00'", "9e999"])
    def test_due(self, store, path, due):
        """A session whose place among those that are due is damaged is found, unless that says never."""
        key = add(store)
        execute(path, f"UPDATE httpsession_sessions SET due = {due}")  # noqa: S608 - our own
        found = store.expire(NOW + 2000, 10)

        assert [stored.record.key for stored in found] == ([] if due == "9e999" else [key])

    def test_due_too_early(self, store, path):
        """A session that is said to be due too early is alive, and is put right."""
        key = add(store)
        execute(path, "UPDATE httpsession_sessions SET due = 0")

        assert store.expire(NOW, 10) == []
        assert [stored.record.key for stored in store.expire(NOW + 100, 10)] == [key]

    @pytest.mark.parametrize(
        "damage",
        [
            "value = 'text'",
            "value = 17",
            "value = zeroblob(2097153)",
            "value = zeroblob(50000000)",
            "name = x'ff00'",
            "name = CAST(x'ff' AS TEXT)",
        ],
    )
    def test_attribute(self, store, path, caplog, damage):
        """A damaged or much too long attribute is absent, others of the session are there, and the log says so."""
        key = add(store, {"a": b"1", "b": b"2"})
        execute(path, f"UPDATE httpsession_attributes SET {damage} WHERE name = 'a'")  # noqa: S608 - our own

        assert contents(store, key) == {"b": "2"}
        assert dict(store.load(key, NOW)[0].attributes) == {"b": b"2"}
        assert handle_of(key)[:8] in caplog.text
        assert key.hex() not in caplog.text
        assert events(caplog) == {("session_data_corrupt", audit.reference(key), None, "attribute")}
        assert store.save(key, Changes(expected={"a": None}), NOW) is True
        assert dict(store.remove(key).attributes) == {"b": b"2"}

    @pytest.mark.parametrize("damage", ["value = 'text'", "value = zeroblob(2097153)", "name = x'ff00'"])
    def test_note(self, store, path, caplog, damage):
        """A damaged or much too long note is absent, others of the session are there, and the log says so."""
        key = add(store, {"a": b"1"}, notes={"a": b"2", "b": b"3"}, principal="anna")
        execute(path, f"UPDATE httpsession_attributes SET {damage} WHERE name = x'61'")  # noqa: S608 - our own

        assert (contents(store, key), store.peek(key).record.notes) == ({"a": "1"}, {"b": b"3"})
        assert [record.notes for record in store.records_of("anna")] == [{"b": b"3"}]
        assert handle_of(key)[:8] in caplog.text
        assert events(caplog) == {("session_data_corrupt", audit.reference(key), "anna", "attribute")}
        assert store.save(key, Changes(notes={"a": b"4"}), NOW)
        assert store.remove(key).record.notes == {"a": b"4", "b": b"3"}

    def test_key(self, store, path, caplog):
        """A session with a malformed key belongs to no client, and is removed when it is due."""
        add(store)
        execute(path, "UPDATE httpsession_sessions SET key = 'a text'")

        assert list(store) == []
        assert store.expire(NOW + 2000, 10) == []
        assert len(store) == 0
        assert "a text" not in caplog.text
        assert events(caplog) == {("session_data_corrupt", None, None, "record")}

    def test_damage_hides_nothing(self, store, path, caplog):
        """Damaged sessions among those that are due do not keep a sweep from the others."""
        caplog.set_level(logging.CRITICAL)
        keys = [add(store) for _ in range(350)]
        execute(path, "UPDATE httpsession_sessions SET created = 'never' WHERE identity % 3")

        assert len(store.expire(NOW + 2000, 1000)) == len(keys) // 3
        assert len(store) == 0

    def test_damaged_newcomer(self, store, path, caplog):
        """A damaged session is not given up in place of a sound one."""
        caplog.set_level(logging.CRITICAL)
        add(store)
        sound = add(store)
        execute(path, "UPDATE httpsession_sessions SET used = 'abc' WHERE key <> ?", sound)

        assert store.evict().record.key == sound


class TestFault:
    """Files that are removed or truncated under open stores (R64): a right value, no session or a StoreError."""

    @pytest.fixture
    def store(self, path):
        """A store that waits for a broken file no longer than it has to."""
        store = SQLiteStore(path, timeout=0.05)
        yield store
        store.close()

    @pytest.fixture
    def another(self, path, store):
        """A second store, with connections of its own."""
        another = SQLiteStore(path, timeout=0.05)
        yield another
        another.close()

    @pytest.fixture
    def key(self, store, another):
        """The key of a session that both stores have read."""
        key = add(store, {"n": b"0"})
        assert contents(another, key) == {"n": "0"}
        return key

    def outcome(self, action):
        """Return what an action returns; False if it raises a StoreError."""
        try:
            return action()
        except StoreError:
            return False

    @pytest.mark.parametrize("ends", [["-wal"], ["-shm"], ["-wal", "-shm"]])
    def test_log_removed(self, store, another, path, key, ends, caplog):
        """What the log had is kept, through connections of before and of afterwards."""
        for end in ends:
            os.unlink(f"{path}{end}")
        for number in range(1, 8):
            one, other = (store, another)[:: 1 if number % 2 else -1]
            assert put(one, key, n=str(number))
            assert contents(one, key) == contents(other, key) == {"n": str(number)}
            if number > 3:
                reconnect(other)
        assert execute(path, "PRAGMA integrity_check") == [("ok",)]
        assert ("was removed or replaced while it was in use" in caplog.text) == ("-wal" in ends)

    def test_log_replaced(self, store, another, path, key, caplog):
        """A log that another process has begun is not overwritten."""
        os.rename(f"{path}-wal", f"{path}-former")
        shutil.copy(f"{path}-former", f"{path}-wal")
        assert put(store, key, n="1")
        assert contents(another, key) in ({"n": "0"}, {"n": "1"})
        assert "was removed or replaced while it was in use" in caplog.text

    @pytest.mark.parametrize("end", ["", "-wal"])
    @pytest.mark.parametrize("size", [0, 100, 4096, 5000])
    @pytest.mark.parametrize("is_checkpointed", [True, False])
    def test_truncated(self, store, another, path, key, end, size, is_checkpointed):
        """Nothing is read that was not written; with new files all goes on."""
        others = [add(store, {"n": b"0", "pad": os.urandom(3000)}) for _ in range(20)]
        if is_checkpointed:
            execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
            assert put(store, key, n="0")
        os.truncate(f"{path}{end}", size)
        numbers = [str(number) for number in range(6)]
        for number in numbers:
            for one in (store, another):
                self.outcome(lambda one=one, number=number: put(one, key, n=number))
                for each in (key, *others):
                    stored = self.outcome(lambda one=one, each=each: one.peek(each))
                    assert not stored or stored.attributes.get("n", b"0").decode() in numbers[: int(number) + 1]
            reconnect(store)
        for file in path.parent.glob("sessions.db*"):
            file.unlink()
        for one in (store, another):
            assert put(one, key, n="1") is False
            assert contents(one, add(one, {"a": b"1"})) == {"a": "1"}
