"""The SQLite store and several processes: races, forks while threads work, and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import chain
from multiprocessing import get_context

import pytest

from httpsession import StoreError
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite import work
from tests.stores.sqlite.contents import NOW, add, contents, execute, put
from tests.support.waiting import SOON

PROCESSES = 4


@pytest.fixture(scope="module")
def workers():
    """Processes that share nothing with this one."""
    with get_context("spawn").Pool(PROCESSES) as pool:
        yield pool


@pytest.fixture
def store(path):
    store = SQLiteStore(path, timeout=10.0)
    yield store
    store.close()


def race(workers, path, *actions):
    """Start an action in each worker at the same time, and return what each returns."""
    start = time.time() + 0.15
    running = [workers.apply_async(action, (path, start, *rest)) for action, *rest in actions]
    return [one.get(60) for one in running]


class TestRaces:
    """Each method is atomic for one session, whatever other processes do."""

    def test_opening(self, workers, path):
        """All processes that open a new file at the same time can use it."""
        for number in range(5):
            file = path.with_name(f"{number}.db")
            assert race(workers, file, *[(work.open_new,)] * PROCESSES) == [True] * PROCESSES
            assert len(SQLiteStore(file)) == PROCESSES

    def test_creators(self, workers, store, path):
        """Of the processes that create a session with the same key one does, and it is that one's."""
        keys = [os.urandom(32) for _ in range(100)]
        made = race(workers, path, *[(work.create, keys)] * PROCESSES)

        assert sum(made) == len(store) == 100
        assert all(len(contents(store, key)) == 1 for key in keys)

    def test_claimers(self, workers, store, path):
        """Each session that is due is given back once, to those who load, sweep or remove."""
        keys = [add(store) for _ in range(200)]
        loaded, again, swept, removed = race(
            workers,
            path,
            (work.load, keys),
            (work.load, keys[::-1]),
            (work.expire,),
            (work.remove, keys[50:150]),
        )

        assert sorted([*loaded, *again, *swept, *removed]) == sorted(keys)
        assert len(store) == 0

    def test_save_and_remove(self, workers, store, path):
        """A removed session comes back with all that was acknowledged, and nothing brings it back."""
        keys = [add(store) for _ in range(100)]
        removed, *saved = race(workers, path, (work.remove, keys), *[(work.save, keys, 5)] * (PROCESSES - 1))

        assert {key: set().union(*(one[key] for one in saved)) for key in keys} == removed
        assert execute(path, "SELECT count(*) FROM httpsession_attributes") == [(0,)]

    def test_save_and_rename(self, workers, store, path):
        """Of those who change an id one wins; what is saved to the old key meanwhile is under the new one."""
        keys = [add(store) for _ in range(100)]
        one, other, *saved = race(workers, path, *[(work.rename, keys)] * 2, *[(work.save, keys, 5)] * (PROCESSES - 2))

        assert sorted([*one, *other]) == sorted(keys)
        for key, new in (one | other).items():
            assert set(store.load(new, NOW)[0].attributes) == set().union(*(each[key] for each in saved))
            assert all(len(each[key]) == 5 for each in saved)
            assert store.load(key, NOW) is None

    def test_counter(self, workers, store, path):
        """Processes that count by expecting what they read come to the exact sum."""
        key = add(store, {"n": b"0"})
        race(workers, path, *[(work.add_up, key, 200)] * PROCESSES)

        assert contents(store, key) == {"n": str(200 * PROCESSES)}

    def test_nobody_is_left_waiting(self, workers, store, path):
        """Where processes, and threads in them, write all the time, each thread gets its share."""
        keys = [add(store) for _ in range(PROCESSES)]
        saved = [*chain(*race(workers, path, *[(work.write_long, key, 3) for key in keys]))]

        # With SQLite's own queue, on a slow disk, some threads wait for the whole second.
        assert min(saved) > max(saved) / 10


class TestKilled:
    """Processes that end in the midst of a change."""

    def test_kill(self, store, path):
        """A killed process leaves all that it acknowledged, all or nothing of its last change, and a sound file.

        Others can write at once.
        """
        key = add(store)
        random.seed(20)
        for _ in range(8):
            command = [sys.executable, "-m", "tests.stores.sqlite.work", path, key.hex()]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                first = process.stdout.readline()
                time.sleep(random.uniform(0.0, 0.05))
                process.kill()
                acknowledged = [first, *process.stdout.read().splitlines()]
            saved = contents(store, key)
            assert int(saved["one"]) - int(acknowledged[-1]) in (0, 1)
            assert saved["two"] == saved["one"] * 50
            assert saved[f"n{int(saved['one']) % 50}"] == saved["one"] * 500
            assert put(store, key, three="3")
            assert execute(path, "PRAGMA integrity_check") == [("ok",)]

    @pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
    def test_stopped(self, path):
        """While a process is stopped in the midst of writing others fail in time or go on; in the end all go on."""
        store = SQLiteStore(path, timeout=0.3)
        key, other = add(store), add(store)
        command = [sys.executable, "-m", "tests.stores.sqlite.work", path, other.hex()]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            with suppress(StoreError):
                put(store, key, a="1")
            assert time.monotonic() - began < SOON
            assert contents(store, other) is not None
            process.kill()

        assert put(store, key, a="2")
        store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
class TestForks:
    """A process that forks while its threads use the store."""

    def test_threads_at_work(self, store, path):
        """No operation of a thread fails or is torn when the process forks, and the children can use the store."""
        keys = [add(store) for _ in range(4)]
        stopped = threading.Event()
        done, errors = [], []

        def work(key):
            number = 0
            try:
                while not stopped.is_set():
                    number += 1
                    assert put(store, key, one=str(number), two=str(number))
                    assert contents(store, key) == {"one": str(number), "two": str(number)}
                    assert store.load(key, NOW)[1] == NOW
            except BaseException as error:
                errors.append(error)
            done.append(number)

        threads = [threading.Thread(target=work, args=(key,)) for key in keys]
        for thread in threads:
            thread.start()
        statuses = [self.fork(store) for _ in range(15)]
        stopped.set()
        for thread in threads:
            thread.join()

        assert (errors, statuses) == ([], [0] * 15)
        assert min(done) > 15
        assert len(store) == 4 + 15
        assert execute(path, "PRAGMA integrity_check") == [("ok",)]

    def fork(self, store):
        """Make and change a session in a child, and return how it ended."""
        process = os.fork()
        if process == 0:
            status = 1
            try:
                inherited = [name for name in map(self.file_of, os.listdir("/proc/self/fd")) if "sessions.db" in name]
                key = add(store, {"a": b"1"})
                assert inherited == []
                assert put(store, key, b="2")
                assert contents(store, key) == {"a": "1", "b": "2"}
                status = 0
            finally:
                os._exit(status)
        return os.waitpid(process, 0)[1]

    def file_of(self, descriptor):
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            return ""

    def test_threads_that_fork(self, store, path):
        """Several threads may fork at the same time."""
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.fork(store))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert statuses == [0] * 4
        assert add(store)
        assert len(store) == 5

    def test_grandchildren(self, store):
        """A child of a fork may fork itself."""
        key = add(store)
        process = os.fork()
        if process == 0:
            status = 1
            try:
                assert put(store, key, child="1")
                status = self.fork(store)
                assert put(store, key, after="1")
            finally:
                os._exit(status)

        assert os.waitpid(process, 0)[1] == 0
        assert contents(store, key) == {"child": "1", "after": "1"}
        assert len(store) == 2

    def test_reader_that_does_not_end(self, path):
        """A fork waits no longer than the timeout for who uses a connection; parent and child can go on after that."""
        store = SQLiteStore(path, timeout=0.3)
        key = add(store)
        reading, ended = threading.Event(), threading.Event()

        def read(cursor):
            reading.set()
            ended.wait()
            return cursor.execute("SELECT 1").fetchall()

        answers = []
        thread = threading.Thread(target=lambda: answers.append(store._database.read(read, "")))
        thread.start()
        reading.wait()
        began = time.monotonic()
        process = os.fork()
        if process == 0:
            os._exit(0 if put(store, key, child="1") else 1)
        assert os.waitpid(process, 0)[1] == 0
        assert time.monotonic() - began < SOON
        ended.set()
        thread.join()

        assert answers == [[(1,)]]
        assert put(store, key, parent="1")
        assert contents(store, key) == {"child": "1", "parent": "1"}
        assert len(store._database._pool.opened) == 1
        store.close()
