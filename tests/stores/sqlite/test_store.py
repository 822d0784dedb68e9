"""The SQLite store: the contract of a store in a file, the URL that names it, and what it costs."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import count, pairwise
from pathlib import Path

import pytest

from httpsession import ConfigError, StoreError
from httpsession.record import MAX_VALUE
from httpsession.stores import open_store
from httpsession.stores.base import SLACK, Changes
from httpsession.stores.sqlite import SQLiteStore, database
from httpsession.stores.sqlite.statements import Statements
from httpsession.testing import StoreContract
from tests.stores.sqlite.contents import INTERVAL, NOW, add, contents, execute, put, reconnect
from tests.support.cost import calls
from tests.support.waiting import SOON


@pytest.fixture
def store(path):
    store = SQLiteStore(path)
    yield store
    store.close()


class TestContract(StoreContract):
    """SQLite keeps what every store promises, seen by two processes that share a file."""

    counts_by_arguments = True

    @pytest.fixture
    def another(self, store, path):
        another = SQLiteStore(path)
        yield another
        another.close()


class TestUrl:
    """sqlite://: where the file is, and how it is used."""

    def test_absolute(self, tmp_path):
        """Four slashes begin an absolute path; what is percent-encoded in it is decoded."""
        store = open_store(f"sqlite:///{tmp_path}/my%20%3Fsessions%23.db")
        key = add(store)
        store.close()

        assert contents(SQLiteStore(tmp_path / "my ?sessions#.db"), key) == {}

    def test_relative(self, tmp_path, monkeypatch):
        """Three slashes begin a path from the directory in which the store is opened, wherever the process goes."""
        monkeypatch.chdir(tmp_path)
        store = open_store("sqlite:///sessions.db")
        monkeypatch.chdir("/")
        reconnect(store)
        key = add(store)

        assert contents(SQLiteStore(tmp_path / "sessions.db"), key) == {}

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("sqlite://", "names no file"),
            ("sqlite:///", "names no file"),
            ("sqlite:///:memory:", "names no file"),
            ("sqlite://sessions.db", "three"),
            ("sqlite:///a%00b", "NUL"),
            ("sqlite:///a.db?mode=ro", "mode"),
            ("sqlite:///a.db?synchronous=always", "full, normal, off"),
            ("sqlite:///a.db?timeout=0", "timeout"),
            ("sqlite:///a.db?prefix=SQLite", "for itself"),
            ("sqlite:///a.db?prefix=sqlite_x", "for itself"),
        ],
    )
    def test_refused(self, url, reason, tmp_path, monkeypatch):
        """A URL that names no file that processes can share, or has a wrong option, is refused in words."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match=reason):
            open_store(url)

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("option", "value"), [("full", 2), ("normal", 1), ("off", 0)])
    def test_synchronous(self, path, option, value):
        """How hard changes are pressed onto the disk is chosen by an option, and holds for each connection."""
        store = open_store(f"sqlite:///{path}?synchronous={option}")

        assert store._database.read(lambda cursor: cursor.execute("PRAGMA synchronous").fetchone()[0], "") == value
        store.close()

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("prefix", "a{sessions}", "letter"),
            ("prefix", 'a"; --', "letter"),
            ("prefix", "", "letter"),
            ("prefix", "a" * 33, "letter"),
            ("prefix", "sqlite_x", "for itself"),
            ("synchronous", "always", "full, normal, off"),
            ("synchronous", "off; --", "full, normal, off"),
        ],
    )
    def test_refused_without_a_url(self, path, name, value, reason):
        """Arguments are held to the rules of the URL; a refusal makes no file."""
        with pytest.raises(ConfigError, match=reason) as caught:
            SQLiteStore(path, **{name: value})

        assert repr(value) in str(caught.value)
        assert not path.exists()

    def test_prefix(self, path):
        """Two applications in one file know nothing of each other, also if only capitals tell their names apart."""
        shop, forum = (open_store(f"sqlite:///{path}?prefix={prefix}") for prefix in ("shop", "Shop"))
        key = add(shop, {"a": b"1"}, principal="anna")
        assert forum.peek(key) is None
        assert (len(forum), forum.records_of("anna"), forum.expire(NOW * 2, 10)) == (0, [], [])

        assert contents(shop, key) == {"a": "1"}
        for one in (shop, forum):
            one.close()

    def test_tables_of_others(self, path):
        """Tables of another application in the file stay, and its version number, too."""
        execute(path, "CREATE TABLE sessions (key TEXT)")
        execute(path, "PRAGMA user_version = 7")
        store = SQLiteStore(path)
        add(store)
        store.close()

        assert execute(path, "SELECT count(*) FROM sessions") == [(0,)]
        assert execute(path, "PRAGMA user_version") == [(7,)]

    def test_describe(self, store, path):
        """The store says what keeps the sessions, where and in which version."""
        assert store.describe() == f"SQLite {sqlite3.sqlite_version}, {path}, schema 3"


class TestKept:
    """The contents of the file."""

    def test_survives(self, store, path):
        """A session is there again when all who had opened the file have closed it, with the times of never."""
        key = add(store, {"a": b"1"}, interval=0)
        store.close()

        assert contents(SQLiteStore(path), key) == {"a": "1"}
        assert SQLiteStore(path).peek(key).record.deadline == float("inf")

    def test_accesses_move_no_index(self, store, path):
        """An access leaves the column in which sweeps look as it is; the sweep that finds it puts it right."""
        key = add(store)
        due = "SELECT due FROM httpsession_sessions"
        store.touch([(key, NOW + 50, NOW + 55)])
        assert execute(path, due) == [(NOW + INTERVAL + SLACK,)]
        assert store.expire(NOW + INTERVAL + SLACK, 10) == []

        assert execute(path, due) == [(NOW + 55 + INTERVAL + SLACK,)]

    def test_long_lists_of_the_living_hide_nothing(self, store):
        """A sweep finds what is due behind any number of sessions that have been used since."""
        used = [add(store) for _ in range(250)]
        store.touch([(key, NOW + 30, NOW + 30) for key in used])
        idle = add(store)

        assert [stored.record.key for stored in store.expire(NOW + INTERVAL + SLACK, 1000)] == [idle]
        assert len(store) == 250

    def test_nothing_is_left(self, store, path):
        """Of a session that is removed no row stays: no attribute, no note, no former key."""
        key = add(store, {"a": b"1", "b": b"2"}, notes={"a": b"3"})
        store.save(key, Changes(new_key=b"new"), NOW)
        assert store.remove(key) is not None

        assert execute(path, "SELECT count(*) FROM httpsession_sessions") == [(0,)]
        assert execute(path, "SELECT count(*) FROM httpsession_attributes") == [(0,)]
        assert execute(path, "SELECT count(*) FROM httpsession_marks") == [(0,)]

    def test_old_marks_go(self, store, path):
        """Former keys are forgotten a minute later, at the next sweep."""
        key = add(store, interval=1000)
        store.save(key, Changes(new_key=b"new"), NOW)
        store.expire(NOW + 60, 10)
        assert store.peek(key) is not None
        store.expire(NOW + 60.1, 10)

        assert store.peek(key) is None
        assert execute(path, "SELECT count(*) FROM httpsession_marks") == [(0,)]

    def test_keys_that_a_login_left_go(self, store, path):
        """Keys that a login left are forgotten a minute later, at the next sweep."""
        key = add(store, interval=1000)
        store.save(key, Changes(new_key=b"new"), NOW - 100)
        store.save(b"new", Changes(new_key=b"newer", is_login=True), NOW)
        store.expire(NOW + 60, 10)
        assert sorted(execute(path, "SELECT key FROM httpsession_left")) == sorted([(key,), (b"new",)])
        store.expire(NOW + 60.1, 10)

        assert execute(path, "SELECT count(*) FROM httpsession_left") == [(0,)]

    def test_login_leaves_no_mark(self, store, path):
        """After a login no row leads from a former key to the session, however long ago it had that key."""
        keys = [add(store, interval=1000), b"second", b"third"]
        for number, (old, new) in enumerate(pairwise(keys)):
            store.save(old, Changes(new_key=new), NOW + 50 * number)
        assert store.save(keys[1], Changes(new_key=b"last", is_login=True), NOW + 90)

        assert execute(path, "SELECT count(*) FROM httpsession_marks") == [(0,)]
        assert [store.was_left(key, NOW + 90) for key in (*keys, b"last")] == [True, True, True, False]

    def test_notes_are_told_from_attributes_by_type(self, store, path):
        """An attribute and a note of the same name are two rows, and only one of them has a text for a name."""
        add(store, {"näme\0": b"1"}, notes={"näme\0": b"2"})
        rows = execute(path, "SELECT typeof(name), value FROM httpsession_attributes ORDER BY value")

        assert rows == [("text", b"1"), ("blob", b"2")]

    def test_notes_in_an_encoding_of_another_program(self, path):
        """Notes come back also from a file whose text another program has made UTF-16."""
        other = sqlite3.connect(path)
        other.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE others (name TEXT)")
        other.close()
        store = SQLiteStore(path)
        key = add(store, {"ä": b"1"}, notes={"ä": b"2", "b": b"3"})
        assert store.save(key, Changes(notes={"b": None}), NOW)

        assert (contents(store, key), store.peek(key).record.notes) == ({"ä": "1"}, {"ä": b"2"})
        store.close()

    def test_records_read_no_attribute(self, store, path, caplog):
        """Listing a user's sessions reads their notes and none of their attributes, so no damage in these shows."""
        key = add(store, {"a": b"1"}, notes={"a": b"2"}, principal="anna")
        execute(path, "UPDATE httpsession_attributes SET value = 'text' WHERE name = 'a'")
        assert [record.notes for record in store.records_of("anna")] == [{"a": b"2"}]
        assert caplog.records == []

        assert contents(store, key) == {}
        assert {record.name for record in caplog.records} == {"httpsession", "httpsession.audit"}

    def test_note_too_long(self, store):
        """A note that would not be read again is the caller's mistake, and nothing changes."""
        key = add(store, notes={"a": b"1"})
        too_long = bytes(MAX_VALUE + 1)
        with pytest.raises(ValueError, match="bytes"):
            store.save(key, Changes(put={"b": b"2"}, notes={"a": too_long, "c": None}), NOW)
        with pytest.raises(ValueError, match="bytes"):
            add(store, notes={"a": too_long})

        assert (contents(store, key), store.peek(key).record.notes, len(store)) == ({}, {"a": b"1"}, 1)

    def test_iteration_holds_nothing_open(self, store, path):
        """A slow iteration over the sessions does not keep the log from being truncated."""
        for _ in range(150):
            add(store)
        sessions = iter(store)
        next(sessions)

        assert execute(path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
        assert len(list(sessions)) == 149

    @pytest.mark.parametrize("interval", [2**63, 2**70, -(2**63) - 1, 10**400], ids=int.bit_length)
    def test_interval_out_of_range(self, store, interval):
        """An interval that SQLite has no room for is the caller's mistake, and nothing changes."""
        key = add(store, {"a": b"1"})
        with pytest.raises(ValueError, match="interval"):
            store.save(key, Changes(put={"a": b"2"}, max_inactive_interval=interval), NOW)
        with pytest.raises(ValueError, match="interval"):
            add(store, interval=interval)

        assert (contents(store, key), store.peek(key).record.max_inactive_interval) == ({"a": "1"}, INTERVAL)
        assert len(store) == 1

    @pytest.mark.parametrize("interval", [2**63 - 1, -(2**63)])
    def test_interval_in_range(self, store, interval):
        """The longest and the deepest one that it has room for are kept."""
        keys = [add(store, interval=interval), add(store)]
        assert store.save(keys[1], Changes(max_inactive_interval=interval), NOW)

        assert [store.peek(key).record.max_inactive_interval for key in keys] == [interval] * 2
        assert store.expire(NOW * 2, 10) == []


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files cannot be listed here")


def files_open(path):
    """Return the files of a database that this process has open."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sorted({link for link in links if str(path) in link})


class TestThreads:
    """Connections and threads."""

    def test_threads_that_end_leave_no_connection(self, store):
        """There are as many connections as were used at once, however many threads come and go."""
        key = add(store)
        for _ in range(20):
            thread = threading.Thread(target=put, args=(store, key), kwargs={"a": "1"})
            thread.start()
            thread.join()

        assert len(store._database._pool.opened) == 1

    @needs_proc
    def test_close_while_used(self, path):
        """When a store is closed each thread that uses it finishes its operation, and is refused the next one.

        No file stays open.
        """
        for _ in range(10):
            store = SQLiteStore(path)
            keys = [add(store) for _ in range(4)]
            errors = []
            barrier = threading.Barrier(5)
            threads = [
                threading.Thread(target=self.write_until_closed, args=(store, key, barrier, errors)) for key in keys
            ]
            for thread in threads:
                thread.start()
            barrier.wait()
            store.close()
            for thread in threads:
                thread.join()

            assert [str(error) for error in errors] == [f"the store in {path} is closed"] * 4
            assert files_open(path) == []

    def write_until_closed(self, store, key, barrier, errors):
        try:
            put(store, key, a="0")
            barrier.wait()
            for number in count():
                assert put(store, key, a=str(number))
                assert contents(store, key) == {"a": str(number)}
        except Exception as error:
            errors.append(error)

    @needs_proc
    def test_close_while_another_thread_holds_the_lock(self, path):
        """A close waits no longer than the timeout; the files close when the thread is done, whose change is kept."""
        store = SQLiteStore(path, timeout=0.1)
        key = add(store)
        entered, ended = threading.Event(), threading.Event()

        def write(cursor):
            entered.set()
            ended.wait()
            cursor.execute("UPDATE httpsession_sessions SET principal = 'anna'")

        thread = threading.Thread(target=store._database.transact, args=(write, ""))
        thread.start()
        entered.wait()
        store.close()
        with pytest.raises(StoreError, match="is closed"):
            store.peek(key)
        ended.set()
        thread.join()

        assert files_open(path) == []
        other = SQLiteStore(path)
        assert [record.key for record in other.records_of("anna")] == [key]
        other.close()

    @needs_proc
    def test_close_while_another_thread_opens(self, path, monkeypatch):
        """A connection that a thread was opening when a close gave up waiting is closed after its operation."""
        store = SQLiteStore(path, timeout=0.1)
        key = add(store)
        reconnect(store)
        entered, ended = threading.Event(), threading.Event()
        check_database = database.check_database

        def check_slowly(path):
            entered.set()
            ended.wait()
            return check_database(path)

        monkeypatch.setattr(database, "check_database", check_slowly)
        thread = threading.Thread(target=store.peek, args=(key,))
        thread.start()
        entered.wait()
        store.close()
        ended.set()
        thread.join()

        assert files_open(path) == []

    @needs_proc
    def test_close_while_another_thread_waits(self, path):
        """A thread that waits to write while the store is closed is refused; it changes nothing and opens no file."""
        store = SQLiteStore(path, timeout=10.0)
        key = add(store)
        entered, ended = threading.Event(), threading.Event()
        lock = store._database._lock
        with ThreadPoolExecutor(3) as pool:
            pool.submit(store._database.transact, lambda cursor: (entered.set(), ended.wait()), "")
            entered.wait()
            saving = pool.submit(put, store, key, a="1")
            while not lock._threads._waiting:
                time.sleep(0.001)
            closing = pool.submit(store.close)
            while not lock.is_closed:
                time.sleep(0.001)
            ended.set()
            with pytest.raises(StoreError, match="is closed"):
                saving.result()
            closing.result()
        assert files_open(path) == []

        other = SQLiteStore(path)
        assert contents(other, key) == {}
        other.close()


class TestCost:
    """The cost of a session in an open store."""

    def test_calls(self, store, no_collection):
        """Loading takes at most 20 calls, saving at most 40, however many sessions and attributes there are."""
        keys = [add(store, {"a": b"1", "b": b"2", "c": b"3"}) for _ in range(50)]

        for act, most in (
            (lambda: store.load(keys[7], NOW), 20),
            (lambda: put(store, keys[7], a=str(time.monotonic())), 40),
        ):
            act()  # the first one opens a connection
            assert calls(act) <= most

    @pytest.mark.parametrize("name", [field.name for field in fields(Statements)[1:]])
    def test_cost_does_not_grow(self, store, name):
        """No statement goes through all sessions or sorts them, but those that are about all."""
        statement = getattr(Statements("httpsession"), name)
        parameters = dict.fromkeys(("key", "since", "now", "size", "arrived", "ended", "name", "value"))
        given = parameters if ":" in statement else [None] * statement.count("?")
        plan = store._database.read(
            lambda cursor: cursor.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall(), ""
        )
        dear = [step for *_, step in plan if step.startswith(("SCAN httpsession", "SCAN s", "SCAN a", "USE TEMP"))]

        # The newcomers have an index of their own.
        assert name == "count" or not [step for step in dear if not step.endswith("INDEX httpsession_newcomers")]

    def test_load_writes_nothing(self, store, path):
        """Loading leaves the file and its log as they are."""
        key = add(store)
        log = Path(f"{path}-wal")
        before = (path.stat().st_mtime_ns, log.stat().st_mtime_ns, log.stat().st_size)
        for _ in range(5):
            store.load(key, NOW + 1)

        assert (path.stat().st_mtime_ns, log.stat().st_mtime_ns, log.stat().st_size) == before


class TestBusy:
    """Other programs and threads that write at the same time."""

    def test_foreign_lock(self, path):
        """While another program has the lock for too long a change fails in time, and loads go on; then all is well."""
        store = SQLiteStore(path, timeout=0.2)
        key = add(store, {"a": b"1"})
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for action in (lambda: put(store, key, a="2"), lambda: store.remove(key), lambda: store.expire(NOW * 2, 1)):
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"sessions\.db: database is locked"):
                action()
            assert 0.15 < time.monotonic() - began < SOON
            assert store.load(key, NOW)[1] == NOW
        other.close()

        assert put(store, key, a="3")
        assert contents(store, key) == {"a": "3"}
        store.close()

    def test_foreign_lock_that_goes(self, store, path):
        """A change waits for another program, and is made once it is done."""
        key = add(store)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.1, other.execute, ["COMMIT"])
        timer.start()

        assert put(store, key, a="1")
        timer.join()
        other.close()

    def test_queue_of_threads(self, path):
        """Where one change after the other has to wait, all fail within the time that one may wait."""
        store = SQLiteStore(path, timeout=0.2)
        key = add(store)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waits = []

        def work():
            began = time.monotonic()
            with pytest.raises(StoreError):
                put(store, key, a="1")
            waits.append(time.monotonic() - began)

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.close()

        assert max(waits) < SOON
        assert len(waits) == 20
        store.close()
