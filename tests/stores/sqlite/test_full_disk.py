"""The SQLite store on a disk that is full: changes fail, logouts do not."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from itertools import count

import pytest

from httpsession import StoreError
from httpsession.stores.base import Changes
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import NOW, add, contents, execute, put, reconnect

SIZE = 16 << 20
RESERVE = 4 << 20


@contextmanager
def mounted(directory, options):
    """Mount a file system in memory, if that is allowed here."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if not mount or not unmount or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", options, "tmpfs", directory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr}")
    try:
        yield directory
    finally:
        subprocess.run([unmount, "--lazy", directory], check=True)


@pytest.fixture
def disk(tmp_path):
    """A disk of 16 MiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    with mounted(directory, f"size={SIZE}"):
        yield directory


@pytest.fixture(params=[False, True], ids=["plain", "secure_delete"])
def store(disk, request):
    store = SQLiteStore(disk / "sessions.db", secure_delete=request.param)
    yield store
    store.close()


def fill(disk):
    """Leave no byte on the disk."""
    with suppress(OSError), open(disk / "filler", "ab", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def fill_by_saving(store, disk):
    """Save until that fails, and leave no byte on the disk either; return the session and what it has."""
    key = add(store)
    for number in count():
        try:
            assert store.save(key, Changes(put={f"{number}": os.urandom(20_000)}), NOW)
        except StoreError:
            break
    fill(disk)
    return key, number


class TestFull:
    """A full disk."""

    def test_save(self, store, disk):
        """A change that finds no room fails and changes nothing; what is there can be read, and room makes it work."""
        key, number = fill_by_saving(store, disk)
        with pytest.raises(StoreError, match="full"):
            store.save(key, Changes(put={"0": b"changed", "more": os.urandom(20_000)}), NOW)
        attributes = store.load(key, NOW)[0].attributes
        assert set(attributes) == {f"{n}" for n in range(number)}
        assert attributes["0"] != b"changed"
        (disk / "filler").unlink()
        store.remove(key)

        assert contents(store, add(store, {"a": b"1"})) == {"a": "1"}
        assert execute(disk / "sessions.db", "PRAGMA integrity_check") == [("ok",)]

    def test_logout(self, store, disk):
        """Sessions can be removed from a full disk, many of them and large ones, and each is gone."""
        keys = [add(store, {"a": os.urandom(100)}) for _ in range(40)]
        large = [add(store, {"a": os.urandom(100_000)}) for _ in range(3)]
        fill_by_saving(store, disk)
        for key in [*large, *keys]:
            fill(disk)
            assert store.remove(key) is not None
            assert store.load(key, NOW) is None

        assert len(store) == 1

    def test_logout_through_a_new_connection(self, store, disk):
        """A process that has to open the file on the full disk can log out, too."""
        keys = [add(store, {"a": os.urandom(100)}) for _ in range(5)]
        fill_by_saving(store, disk)
        for key in keys:
            reconnect(store)
            fill(disk)
            assert store.remove(key) is not None

        assert len(store) == 1

    def test_end_of_sessions(self, store, disk):
        """Expired sessions can be removed from a full disk, which makes room in the file."""
        keys = [add(store, {"a": os.urandom(10_000)}, interval=10) for _ in range(20)]
        fill_by_saving(store, disk)
        assert store.load(keys[0], NOW + 100)[2]
        assert len(store.expire(NOW + 50, 100)) == 19
        fill(disk)

        key = add(store, {"a": os.urandom(5_000)})
        assert put(store, key, b="1")

    def test_reserve(self, store, disk):
        """Room is kept for removals from the beginning, is given up as they need it, and is kept again later."""
        reserve = disk / "sessions.db-reserve"
        assert reserve.stat().st_blocks * 512 >= reserve.stat().st_size == RESERVE
        keys = [add(store, {"a": os.urandom(100)}) for _ in range(3)]
        (disk / "filler").write_bytes(bytes(RESERVE))
        fill_by_saving(store, disk)
        store.remove(keys[0])
        assert 0 < reserve.stat().st_size < RESERVE
        before = reserve.stat().st_size
        fill(disk)
        store.expire(NOW, 10)
        assert reserve.stat().st_size == before
        (disk / "filler").unlink()
        store.expire(NOW, 10)

        assert reserve.stat().st_size == RESERVE

    def test_no_room_at_all(self, disk):
        """Where there is no room for a new file the error says so, and later it can be made."""
        fill(disk)
        with pytest.raises(StoreError, match=r"full|No space"):
            SQLiteStore(disk / "sessions.db")
        (disk / "filler").unlink()
        store = SQLiteStore(disk / "sessions.db")

        assert add(store)
        store.close()

    def test_no_files_left(self, tmp_path):
        """Where no file can be made any more the error names the one that is missing."""
        directory = tmp_path / "inodes"
        directory.mkdir()
        with mounted(directory, "nr_inodes=3,size=16m"), pytest.raises(StoreError, match=r"sessions\.db"):
            add(SQLiteStore(directory / "sessions.db"))
