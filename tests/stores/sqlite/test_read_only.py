"""The SQLite store where nothing can be written (R64), and where no file can be opened."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from httpsession import StoreError
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import NOW, add, contents, put, reconnect
from tests.stores.sqlite.test_folder import acting_as, only_root
from tests.stores.sqlite.test_full_disk import mounted


@pytest.fixture
def disk(tmp_path):
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "size=16m,mode=0700"):
        yield folder


def remount(disk, option):
    """Make a file system read-only or not, by ``ro`` or ``rw``."""
    subprocess.run([shutil.which("mount"), "-o", f"remount,{option}", disk], check=True)


def assert_refuses_changes(store, key):
    """Each verb that changes something fails."""
    changes = (
        lambda: put(store, key, a="2"),
        lambda: add(store),
        lambda: store.remove(key),
        lambda: store.expire(NOW + 1000, 10),
        lambda: store.evict(),
        lambda: store.touch([(key, NOW + 1, NOW + 2)]),
    )
    for change in changes:
        with pytest.raises(StoreError, match=r"sessions\.db"):
            change()


def test_file_system(disk, caplog):
    """An application cannot open a file there; a tool can, and only reads. Nothing changes, and later all goes on."""
    path = disk / "sessions.db"
    with closing(SQLiteStore(path)) as store:
        key = add(store, {"a": b"1"})
    remount(disk, "ro")
    names = sorted(os.listdir(disk))
    with pytest.raises(StoreError, match=r"opening failed in .*sessions\.db"):
        SQLiteStore(path)
    with closing(SQLiteStore(path, must_exist=True)) as store:
        assert contents(store, key) == {"a": "1"}
        assert store.load(key, NOW) is not None
        assert_refuses_changes(store, key)
        assert len(store) == 1
    assert sorted(os.listdir(disk)) == names
    assert caplog.records == []
    remount(disk, "rw")
    with closing(SQLiteStore(path)) as store:
        assert contents(store, key) == {"a": "1"}
        assert put(store, key, a="2")


@only_root
def test_folder(caplog):
    """In a folder of mode 500 an open store goes on; later it cannot be opened, and nothing in it changes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 4321, 4321)
        path = folder / "sessions.db"
        with acting_as(4321):
            store = SQLiteStore(path)
            key = add(store, {"a": b"1"})
            folder.chmod(0o500)
            assert put(store, key, a="2")
            with closing(SQLiteStore(path)) as another:
                assert contents(another, key) == {"a": "2"}
            store.close()
            for log in folder.glob("sessions.db-[ws]*"):  # SQLite cannot remove them in such a folder
                folder.chmod(0o700)
                log.unlink()
                folder.chmod(0o500)
            names = sorted(os.listdir(folder))
            with pytest.raises(StoreError, match=r"opening failed in .*sessions\.db"):
                SQLiteStore(path)
            with closing(SQLiteStore(path, must_exist=True)) as tool:
                assert contents(tool, key) == {"a": "2"}
                assert_refuses_changes(tool, key)
            assert sorted(os.listdir(folder)) == names
            folder.chmod(0o700)
            with closing(SQLiteStore(path)) as store:
                assert put(store, key, a="3")


def open_files():
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def room_for(files):
    """Let the process open so many files more during a block."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 10, limits[1]))
    fillers = []
    try:
        with suppress(OSError):
            while True:
                fillers.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(files):
            os.close(fillers.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for filler in fillers:
            os.close(filler)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files cannot be counted here")
def test_no_descriptor_leaks(path):
    """Wherever opening a file fails, the operation fails or goes on, and no file stays open."""
    store = SQLiteStore(path, timeout=0.05)
    key = add(store, {"a": b"1"})
    failed, counts = set(), []
    for _ in range(3):
        for room in range(8):
            reconnect(store)
            with room_for(room):
                for action in (lambda: store.load(key, NOW), lambda: put(store, key, a="2"), lambda: SQLiteStore(path)):
                    try:
                        action()
                    except StoreError:
                        failed.add(room)
        assert contents(store, key) == {"a": "2"}
        counts.append(open_files())
    assert {0, 1, 2} <= failed < set(range(8))
    # SQLite keeps a descriptor of the file for the next connection, since closing it would drop the locks.
    assert counts[0] == counts[1] == counts[2]
    store.close()
