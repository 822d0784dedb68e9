"""The folder of a SQLite store: other users who may write into it plant no sessions."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from httpsession import StoreError
from httpsession.stores.sqlite import SQLiteStore, database
from tests.stores.sqlite.contents import NOW, add, contents, put, reconnect
from tests.stores.sqlite.test_files import open_elsewhere

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")


@pytest.fixture
def folder():
    """A folder of this process's user alone, in one that all users can reach."""
    with TemporaryDirectory(prefix="folder") as name:
        yield Path(name)


@pytest.fixture
def path(folder):
    return folder / "sessions.db"


@pytest.fixture
def planted(tmp_path, path):
    """Plants a log with a session of an attacker beside the closed database; it has the key of that session."""

    class Planted:
        def __init__(self):
            SQLiteStore(path).close()
            copy = tmp_path / "copy.db"
            shutil.copy(path, copy)
            with closing(SQLiteStore(copy)) as store:
                self.key = add(store, {"user": b"admin"})
                shutil.copy(f"{copy}-wal", tmp_path / "log")

        def plant(self, user=1234):
            log = f"{path}-wal"
            with acting_as(os.getuid()), suppress(FileExistsError), open(log, "xb") as file:
                file.write((tmp_path / "log").read_bytes())
                os.chmod(log, 0o644)
                os.chown(log, user, user)

        def plant_before(self, function):
            """Return the function, before each call of which the log is planted."""

            def plant_first(*args):
                self.plant()
                return function(*args)

            return plant_first

    return Planted()


@contextmanager
def acting_as(user):
    """Act as a user during a block."""
    before = os.geteuid()
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(before)


def assert_refused(path, match):
    """Assert that the store is refused, and nothing is made."""
    before = sorted(os.listdir(path.parent))
    for must_exist in (False, True):
        with pytest.raises(StoreError, match=match):
            SQLiteStore(path, must_exist=must_exist)
    assert sorted(os.listdir(path.parent)) == before


class TestOpenToAll:
    """A folder into which every user may write (R48)."""

    @pytest.mark.parametrize("exists", [True, False])
    def test_without_sticky_bit(self, folder, path, exists):
        """Without the sticky bit it is refused, whether or not there is a database."""
        if exists:
            SQLiteStore(path).close()
        folder.chmod(0o777)
        with pytest.raises(StoreError, match=r"every user may replace files in .*/folder\w+, whose mode is 777"):
            SQLiteStore(path)

    def test_opened_up_later(self, folder, path):
        """Once it is open to all, no new connection is made; a mended folder is used again."""
        with closing(SQLiteStore(path)) as store:
            key = add(store, {"a": b"1"})
            reconnect(store)
            folder.chmod(0o707)
            with pytest.raises(StoreError, match="every user may replace files"):
                store.load(key, NOW)
            folder.chmod(0o700)
            assert contents(store, key) == {"a": "1"}

    def test_with_sticky_bit(self, folder, path, caplog):
        """With the sticky bit it is used, as other users can replace no file of ours; all files are private."""
        folder.chmod(0o1777)
        for _ in range(2):
            with closing(SQLiteStore(path)) as store:
                key = add(store, {"a": b"1"})
                assert contents(store, key) == {"a": "1"}
                assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
        assert caplog.records == []

    @only_root
    @pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal", "-lock"])
    @pytest.mark.parametrize("exists", [True, False])
    @pytest.mark.parametrize("user", [0, 4321])
    def test_files_of_another(self, folder, path, end, exists, user):
        """With it, a store is refused if another user has put a file there under any name that it uses."""
        os.chown(folder, user, user)
        if exists:
            SQLiteStore(path).close()
        file = folder / f"sessions.db{end}"
        file.unlink(missing_ok=True)
        file.touch(0o644)
        os.chown(file, 1234, 1234)
        folder.chmod(0o1777)
        if user == 0 and not end:
            return  # root may use the database of any user
        assert f"sessions.db{end} belongs to user 1234, but this process runs as {user}" in open_elsewhere(path, user)

    @only_root
    @pytest.mark.parametrize("mode", [0o1777, 0o700])
    def test_planted_session(self, folder, path, planted, mode):
        """A session in a log that another user has put there opens for no client."""
        folder.chmod(mode)
        planted.plant()
        assert_refused(path, "sessions.db-wal belongs to user 1234")
        os.unlink(f"{path}-wal")
        with closing(SQLiteStore(path)) as store:
            assert store.load(planted.key, NOW) is None

    @only_root
    def test_planted_after_the_check(self, folder, path, planted, monkeypatch):
        """Nor if it is put there just before SQLite opens the database: a log of ours is there already."""
        folder.chmod(0o1777)
        monkeypatch.setattr(database, "connect", planted.plant_before(database.connect))
        with closing(SQLiteStore(path)) as store:
            assert store.load(planted.key, NOW) is None
            assert put(store, add(store), a="1")

    @only_root
    def test_planted_while_opening(self, folder, path, planted, monkeypatch):
        """If SQLite has opened such a log, the store is refused."""
        for file in (folder, *folder.iterdir()):
            os.chown(file, 4321, 4321)
        monkeypatch.setattr(database, "connect", planted.plant_before(database.connect))
        with acting_as(4321), pytest.raises(StoreError, match=r"sessions\.db-wal belongs to user 1234"):
            SQLiteStore(path)

    def test_planted_log_would_be_read(self, path, planted):
        """A log of this user's own with that session is read: the tests above would find it."""
        planted.plant(os.geteuid())
        with closing(SQLiteStore(path)) as store:
            assert store.load(planted.key, NOW) is not None


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-lock"])
def test_file_open_to_all(path, end):
    """A file into which every user may write is refused."""
    SQLiteStore(path).close()
    file = path.with_name(f"sessions.db{end}")
    file.touch()
    file.chmod(0o606)
    with pytest.raises(StoreError, match=f"every user may write into .*sessions.db{end}: its mode is 606"):
        SQLiteStore(path)


@only_root
@pytest.mark.parametrize(("owner", "is_logged"), [(0, False), (4321, False), (1234, True)])
def test_owner_of_the_folder(folder, path, caplog, owner, is_logged):
    """If the folder belongs to neither root nor the user of the process, its owner is logged once."""
    os.chown(folder, owner, 4321)
    folder.chmod(0o1777)
    with acting_as(4321), closing(SQLiteStore(path)) as store:
        assert len(store) == 0
    messages = [record.getMessage() for record in caplog.records if "where its owner" in record.getMessage()]
    assert len(messages) == is_logged


class TestGroups:
    """A folder into which a group may write."""

    @only_root
    @pytest.mark.parametrize(
        ("user", "group", "mode", "is_logged"),
        [
            (0, 4321, 0o770, True),
            (0, 4321, 0o2775, True),
            (0, 4321, 0o750, False),
            (0, 4321, 0o1770, False),
            (0, 0, 0o775, False),
            (4321, 4321, 0o775, False),
            (4321, 1234, 0o775, True),
        ],
    )
    def test_logged(self, folder, path, caplog, user, group, mode, is_logged):
        """The group is logged once, and not at all if it is the owner's own or can replace nothing."""
        os.chown(folder, user, group)
        folder.chmod(mode)
        with closing(SQLiteStore(path)) as store:
            for _ in range(3):
                add(store)
                reconnect(store)
        texts = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len(texts) == is_logged
        assert all(f"the group {group} may replace files" in text for text in texts)

    @only_root
    def test_group_with_members(self, folder, path, caplog, monkeypatch):
        """A group of the owner's name that has other members is logged."""
        monkeypatch.setattr("grp.getgrgid", lambda group: group_entry("root", ["root", "eve"]))
        folder.chmod(0o775)
        SQLiteStore(path).close()
        assert "the group 0 may replace files" in caplog.text


def group_entry(name, members):
    """Return an entry of the list of groups."""
    import grp  # not everywhere

    return grp.struct_group((name, "x", 0, members))


def test_folder_above(tmp_path, caplog):
    """A folder above it that is open to all is logged, as every user may put another folder in place of this one."""
    inner = tmp_path / "open" / "folder"
    inner.mkdir(0o700, parents=True)
    inner.parent.chmod(0o777)
    with closing(SQLiteStore(inner / "sessions.db")) as store:
        add(store)
        reconnect(store)
        add(store)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"every user may replace directories in {inner.parent}" in caplog.text
