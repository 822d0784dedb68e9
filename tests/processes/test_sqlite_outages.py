"""The file of several workers fails under load: no request waits for long, nothing is lost, all goes on by itself."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from tests.processes.load import Load, assert_refused_soon
from tests.stores.sqlite.contents import execute


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
def load(serve, path):
    """Load for four workers that share the file."""
    with Load(serve(f"sqlite:///{path}", "--preload").port) as load:
        yield load
    assert load.missing() == {}
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]


@contextmanager
def locked(path):
    """Another process has SQLite's lock."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def writer_stopped(path):
    """A process of this package is stopped while it has the write lock."""
    program = (
        "import sys, time\n"
        "from httpsession.stores.sqlite import SQLiteStore\n"
        "store = SQLiteStore(sys.argv[1], timeout=30)\n"
        "store._database.transact(lambda cursor: (print(flush=True), time.sleep(60)), '')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        yield
        process.kill()


@pytest.mark.parametrize("held", [locked, writer_stopped])
def test_lock_is_held(load, path, held):
    """While another process has the lock, writes are refused in time, with 503 and no cookie; then all go on (R64)."""
    with held(path):
        load.be_refused(3)
    load.go_on()
    assert_refused_soon(load)
