"""Commands that only look make nothing: no file, no table, no key."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from httpsession.stores import open_store
from tests.cli.conftest import add, handles
from tests.stores.sqlite.test_files import VERSION_1

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")

#: The commands that open what exists, with a place for the URL; the target of the copy is another store.
COMMANDS = {
    "list": ["list", "--store", "URL"],
    "list of a user": ["list", "--principal", "ada", "--store", "URL"],
    "stats": ["stats", "--store", "URL"],
    "stats as JSON": ["stats", "--json", "--store", "URL"],
    "show": ["show", "0" * 40, "--store", "URL"],
    "end": ["end", "0" * 40, "--store", "URL"],
    "end of a user": ["end", "--principal", "ada", "--yes", "--store", "URL"],
    "sweep": ["sweep", "--store", "URL"],
    "check": ["check", "--store", "URL"],
    "copy": ["copy", "URL", "TARGET"],
    "move": ["copy", "--move", "URL", "TARGET"],
}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())


def files_of(folder):
    """Return the name, length and time of each file below a folder, and what the files hold."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def folder(tmp_path):
    """The folder in which a command looks for a store."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def refused(run, tmp_path, folder):
    """Run a command, check that it fails in one line with status 1 and makes nothing, and return the line."""

    def check(command, url):
        target = f"sqlite:///{tmp_path}/target.db"
        before = files_of(tmp_path)
        result = run(*({"URL": url, "TARGET": target}.get(word, word) for word in command))
        assert files_of(tmp_path) == before
        assert (result.exit_code, result.stdout) == (1, "")
        assert re.fullmatch(r"Error: .+\n", result.stderr), result.stderr
        return result.stderr

    return check


def made_by_an_application(path, prefix="httpsession", **about):
    """Make a store as an application does, with a session if there is something *about* it."""
    with closing(open_store(f"sqlite:///{path}?prefix={prefix}")) as store:
        return add(store, **about) if about else None


class TestMissing:
    """There is no such file, table or folder."""

    @every_command
    def test_file(self, refused, folder, command):
        """A file that does not exist is not made, and the message says which."""
        assert f"there is no file {folder}/sesions.db" in refused(command, f"sqlite:///{folder}/sesions.db")

    @every_command
    def test_similar_file(self, refused, folder, command):
        """The message names the files in the folder that have a similar name, but not the files beside a database."""
        made_by_an_application(folder / "sessions.db", idle=5)
        line = refused(command, f"sqlite:///{folder}/sesions.db")

        assert f"there is no file {folder}/sesions.db; did you mean {folder}/sessions.db?" in line

    @every_command
    def test_folder(self, refused, folder, command):
        """A missing folder is named."""
        assert f"there is no directory {folder}/nowhere" in refused(command, f"sqlite:///{folder}/nowhere/sessions.db")

    def test_similar_folder(self, refused, folder):
        """A file of this name in a folder with a similar name is suggested."""
        made_by_an_application(folder / "sessions.db", idle=5)
        line = refused(COMMANDS["list"], f"sqlite:///{folder.parent}/shpo/sessions.db")

        assert f"there is no directory {folder.parent}/shpo; did you mean {folder}/sessions.db?" in line

    def test_same_ending(self, refused, folder):
        """Where no name is similar, the files with the same ending are suggested, if they are few."""
        for name in ("shop.db", "forum.db"):
            made_by_an_application(folder / name, idle=5)
        url = f"sqlite:///{folder}/xyz123456789.db"
        assert f"did you mean {folder}/forum.db or {folder}/shop.db?" in refused(COMMANDS["list"], url)
        for number in range(9):
            (folder / f"many{number}.db").touch()
        assert "did you mean" not in refused(COMMANDS["list"], url)

    def test_present_folder_that_is_gone(self, folder):
        """A relative path from a folder that was removed is reported in one line."""
        program = (
            "import os, sys\nfrom httpsession.cli import main\nos.rmdir(os.getcwd())\n"
            "sys.argv[1:] = ['list', '--store', 'sqlite:///sessions.db']\nmain()\n"
        )
        result = subprocess.run(
            [sys.executable, "-P", "-c", program], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert (result.returncode, len(result.stderr.splitlines())) == (1, 1), result.stderr

    def test_slashes(self, refused, folder, monkeypatch):
        """An absolute path with a slash too few, and a relative path with one too many, are found out."""
        made_by_an_application(folder / "sessions.db", idle=5)
        monkeypatch.chdir(folder)
        for path in (f"{folder}/sessions.db"[1:], "/sessions.db"):
            assert f"did you mean {folder}/sessions.db?" in refused(COMMANDS["list"], f"sqlite:///{path}")

    @every_command
    def test_prefix(self, refused, folder, command):
        """Under another prefix no tables are made, and the message lists the prefixes that the file has."""
        path = folder / "sessions.db"
        for prefix in ("shop", "Forum_2", "a-b"):
            made_by_an_application(path, prefix, idle=5)
        line = refused(command, f"sqlite:///{path}?prefix=shpo")

        assert "no sessions under prefix 'shpo'; this file has: Forum_2, a-b, shop" in line

    @every_command
    def test_database_of_another_application(self, refused, folder, command):
        """A database without sessions gets no tables, and its journal mode stays as it is."""
        path = folder / "accounts.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE django_schema (x)")

        assert "no sessions under prefix 'httpsession'" in refused(command, f"sqlite:///{path}")

    @every_command
    def test_empty_file(self, refused, folder, command):
        """An empty file stays empty."""
        (folder / "sessions.db").touch()
        assert "is empty" in refused(command, f"sqlite:///{folder}/sessions.db")


class TestNoDatabase:
    """The file is something else."""

    @every_command
    @pytest.mark.parametrize("size", [1, 100, 100_000])
    def test_text(self, refused, folder, command, size):
        """A file that is no database gets no files beside it."""
        (folder / "sessions.db").write_text("x" * size)
        assert "not a database" in refused(command, f"sqlite:///{folder}/sessions.db")

    @pytest.mark.parametrize("create", ["check", "copy"])
    def test_to_be_made(self, run, folder, redis_url, opened, create):
        """Nor does it where a store may be made."""
        add(opened(redis_url))
        url = f"sqlite:///{folder}/sessions.db"
        (folder / "sessions.db").write_text("x" * 100_000)
        before = files_of(folder)
        result = run(*(("check", "--create", "--store", url) if create == "check" else ("copy", redis_url, url)))

        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert "not a database" in result.stderr
        assert files_of(folder) == before

    @every_command
    @pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "pipe", "file as a folder"])
    def test_no_file(self, refused, folder, command, kind):
        """A folder, a link, a pipe and a path through a file are refused, and nothing is made where they lead."""
        made_by_an_application(folder / "other.db", idle=5)
        path = folder / "sessions.db"
        {
            "folder": path.mkdir,
            "link": lambda: path.symlink_to(folder / "other.db"),
            "dangling link": lambda: path.symlink_to(folder / "nowhere.db"),
            "pipe": lambda: os.mkfifo(path),
            "file as a folder": path.touch,
        }[kind]()
        refused(command, f"sqlite:///{path}/x.db" if kind == "file as a folder" else f"sqlite:///{path}")

    @every_command
    def test_damaged(self, refused, folder, command):
        """A damaged database is reported in one line."""
        path = folder / "sessions.db"
        made_by_an_application(path, idle=5)
        data = path.read_bytes()
        path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))

        assert "malformed" in refused(command, f"sqlite:///{path}")


class TestVersions:
    """The tables are those of another release."""

    @every_command
    def test_older(self, refused, folder, command):
        """Tables of an older release are not migrated: the message says that an application does that."""
        path = folder / "sessions.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(VERSION_1)

        assert "schema 1" in (line := refused(command, f"sqlite:///{path}"))
        assert "application" in line

    @every_command
    @pytest.mark.parametrize("version", [99, "'two'", "x'02'", 99.5])
    def test_newer(self, refused, folder, command, version):
        """Tables of a newer release, or with something else for a version, are left alone."""
        path = folder / "sessions.db"
        made_by_an_application(path, idle=5)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"INSERT INTO httpsession_schema VALUES ({version})")  # noqa: S608 - our own

        assert "schema" in refused(command, f"sqlite:///{path}")


class TestFiles:
    """A store that exists."""

    def test_empty_store(self, run, url, store):
        """A store that an application has opened and that is empty has 0 sessions, which is no failure."""
        for command, words in (("list", "HANDLE"), ("stats", "alive                        0"), ("sweep", "0 removed")):
            result = run(command, "--store", url)
            assert (result.exit_code, words in result.stdout) == (0, True)
            assert "Error" not in result.stderr
        assert run("end", "--principal", "ada", "--yes", "--store", url).stdout == "0 ended\n"

    @pytest.mark.parametrize("helpers", [True, False])
    def test_files_while_open(self, run, folder, helpers):
        """SQLite's own files are gone afterwards; no other is made, also where the lock and the reserve are missing."""
        path = folder / "sessions.db"
        handle = made_by_an_application(path, principal="ada", idle=5)
        if not helpers:
            for name in ("sessions.db-lock", "sessions.db-reserve"):
                (folder / name).unlink()
        names, data = sorted(os.listdir(folder)), path.read_bytes()
        url = f"sqlite:///{path}"
        for command in (["list"], ["stats"], ["show", handle], ["sweep"], ["end", "0" * 40]):
            run(*command, "--store", url)
            assert sorted(os.listdir(folder)) == names
        assert path.read_bytes() == data
        assert run("end", handle, "--store", url).stdout == "1 ended\n"
        assert sorted(os.listdir(folder)) == names

    def test_while_an_application_has_it_open(self, run, folder, opened):
        """Files that an application uses stay, and its sessions are seen and ended."""
        url = f"sqlite:///{folder}/sessions.db"
        store = opened(url)
        handle = add(store)
        names = sorted(os.listdir(folder))

        assert handle[:16] in run("list", "--store", url).stdout
        assert sorted(os.listdir(folder)) == names
        assert run("end", handle, "--store", url).stdout == "1 ended\n"
        assert handles(store) == []

    def test_after_a_crash(self, run, folder, tmp_path):
        """Sessions that a killed application has left in the log are seen, and the log is gone afterwards."""
        path = folder / "sessions.db"
        program = (
            "import os, sys; from httpsession.stores import open_store; from tests.cli.conftest import add;"
            "store = open_store(sys.argv[1]); print(add(store), flush=True); os._exit(0)"
        )
        url = f"sqlite:///{path}"
        handle = subprocess.run(
            [sys.executable, "-c", program, url], capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        assert Path(f"{path}-wal").stat().st_size

        assert handle[:16] in run("list", "--store", url).stdout
        assert sorted(os.listdir(folder)) == ["sessions.db", "sessions.db-lock", "sessions.db-reserve"]

    def test_rollback_journal(self, run, folder):
        """A copy that has no write-ahead log is read as it is, and sessions in it can be ended."""
        handle = made_by_an_application(folder / "sessions.db", idle=5)
        copy = folder / "copy.db"
        with closing(sqlite3.connect(folder / "sessions.db")) as connection:
            connection.execute(f"VACUUM INTO '{copy}'")
        copy.chmod(0o600)
        before = files_of(folder)

        assert handle[:16] in run("list", "--store", f"sqlite:///{copy}").stdout
        assert files_of(folder) == before
        assert run("end", handle, "--store", f"sqlite:///{copy}").stdout == "1 ended\n"
        assert sorted(os.listdir(folder)) == sorted(before)

    def test_check_creates(self, run, folder):
        """``check --create`` makes the store, as an application does; without it the message names the option."""
        url = f"sqlite:///{folder}/sessions.db"
        assert "--create" in run("check", "--store", url).stderr
        created = run("check", "--create", "--store", url)

        assert (created.exit_code, "0 sessions" in created.stdout) == (0, True)
        assert run("check", "--store", url).exit_code == 0
        assert sorted(os.listdir(folder)) == ["sessions.db", "sessions.db-lock", "sessions.db-reserve"]

    def test_target_is_made(self, run, folder, redis_url, opened):
        """The target of a copy is made."""
        handle = add(opened(redis_url))
        url = f"sqlite:///{folder}/new.db"

        assert run("copy", redis_url, url).exit_code == 0
        assert handles(opened(url)) == [handle]

    def test_warning_of_others(self, run, folder, caplog):
        """A file that others may open is read, with a warning; one that is refused gets no second line for that."""
        path = folder / "sessions.db"
        made_by_an_application(path, idle=5)
        path.chmod(0o644)
        assert run("list", "--store", f"sqlite:///{path}").exit_code == 0
        assert "mode is 644" in caplog.text
        caplog.clear()
        run("list", "--store", f"sqlite:///{path}?prefix=other")
        assert caplog.text == ""


@contextmanager
def folder_of(user):
    """Make a folder that belongs to a user."""
    with TemporaryDirectory() as name:
        os.chown(name, user, user)
        yield Path(name)


def run_as(user, *arguments):
    """Run the command as another user."""
    program = (
        "import os, sys\n"
        "from httpsession.cli import main\n"
        "import click, httpsession.cli.list, httpsession.cli.show, httpsession.cli.end, httpsession.stores.sqlite\n"
        "import httpsession.cli.copy, httpsession.cli.check, httpsession.cli.stats, httpsession.cli.sweep\n"
        "import json, locale, importlib.metadata, encodings.unicode_escape\n"
        "os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))\n"
        "del sys.argv[1]\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, str(user), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@only_root
class TestPermissions:
    """The file, or its folder, may only be read, or belongs to another user."""

    @pytest.mark.parametrize("mode", ["file", "folder", "both"])
    def test_read_only(self, mode):
        """What may only be read is listed, and leaves no files behind; a change fails in one line."""
        with folder_of(4321) as folder:
            path = folder / "sessions.db"
            handle = made_by_an_application(path, idle=5)
            names = sorted(os.listdir(folder))
            if mode != "folder":
                path.chmod(0o400)
            if mode != "file":
                folder.chmod(0o500)
            listed = run_as(4321, "list", "--store", f"sqlite:///{path}")
            ended = run_as(4321, "end", handle, "--store", f"sqlite:///{path}")

            assert (listed.returncode, listed.stderr, handle[:16] in listed.stdout) == (0, "", True)
            assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
            assert sorted(os.listdir(folder)) == names

    def test_of_another_user(self):
        """Another user's store is refused, and the message names both users; root may look, and makes nothing."""
        with folder_of(4321) as folder:
            path = folder / "sessions.db"
            handle = made_by_an_application(path, idle=5)
            (folder / "sessions.db-lock").unlink()
            names = sorted(os.listdir(folder))
            folder.chmod(0o755)
            result = run_as(4322, "list", "--store", f"sqlite:///{path}")
            assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
            assert "belongs to user 4321, but this process runs as 4322" in result.stderr
            listed = run_as(0, "list", "--store", f"sqlite:///{path}")
            assert (listed.returncode, handle[:16] in listed.stdout) == (0, True)
            assert sorted(os.listdir(folder)) == names

    def test_folder_that_may_not_be_searched(self):
        """A folder that the user may not enter is reported in one line."""
        with folder_of(4321) as folder:
            made_by_an_application(folder / "sessions.db", idle=5)
            folder.chmod(0o700)
            result = run_as(4322, "list", "--store", f"sqlite:///{folder}/sessions.db")

        assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
        assert "Permission denied" in result.stderr


class TestRedis:
    """A server keeps sessions under any prefix, so that none is missing."""

    @every_command
    def test_other_prefixes(self, run, redis_server, command, tmp_path):
        """Under a prefix without sessions there are none; a hint lists the prefixes that have some. No key is made."""
        redis_server.client.flushall()
        url = f"{redis_server.unix_url}?timeout=5&prefix="
        for prefix in ("shop", "forum"):
            with closing(open_store(url + prefix)) as store:
                add(store)
        redis_server.client.set("x{y}:due", "no sorted set of a shard")
        before = sorted(redis_server.client.keys())
        words = {"URL": f"{url}shpo", "TARGET": f"sqlite:///{tmp_path}/target.db"}
        result = run(*(words.get(word, word) for word in command))

        assert result.exit_code == (1 if "0" * 40 in command else 0)
        hint = "There are no sessions under prefix 'shpo', but under: forum, shop\n"
        assert (hint in result.stderr) is ("0" * 40 not in command)
        # Former keys of the sessions that a check has tried are kept for a minute.
        after = redis_server.client.keys()
        assert sorted(key for key in after if not re.match(rb"shpo\{\w+\}:m:", key)) == before

    def test_nothing_at_all(self, run, redis_server):
        """On an empty server there is no hint."""
        redis_server.client.flushall()
        result = run("list", "--store", redis_server.unix_url)

        assert (result.exit_code, result.stderr) == (0, "")

    def test_without_permission(self, run, redis_server):
        """A user who may not search the keys gets no hint, and no error."""
        redis_server.client.flushall()
        with closing(open_store(f"{redis_server.unix_url}?prefix=shop")) as store:
            add(store)
        redis_server.client.execute_command(
            *("ACL", "SETUSER", "guest", "on", ">pw", "resetkeys", "~*", "-@all", "+zcard", "+zscan", "+info")
        )
        result = run("list", "--store", f"redis://guest:pw@127.0.0.1:{redis_server.port}?prefix=shpo")
        redis_server.client.execute_command("ACL", "DELUSER", "guest")

        assert (result.exit_code, result.stderr) == (0, "")

    def test_cluster(self, run, cluster):
        """In a Cluster all nodes are searched. Those prefixes come first, though other tests have left some."""
        with closing(open_store(f"{cluster.url}?prefix=a1")) as store:
            add(store, key=bytes(32))
            add(store, key=b"\xff" * 32)
        with closing(open_store(f"{cluster.url}?prefix=a2")) as store:
            add(store, key=b"\x80" * 32)
        result = run("list", "--store", f"{cluster.url}?prefix=shpo")

        assert (result.exit_code, "under: a1, a2" in result.stderr) == (0, True), result.stderr
