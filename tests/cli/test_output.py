"""Output as JSON and in a width, in an order, and output that cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession.cli.text import escaped
from httpsession.ids import handle_of, key_of, new_id
from httpsession.stores import open_store
from httpsession.stores.base import StoredSession
from tests.cli.conftest import CODEC, add, handles, record_of
from tests.support.waiting import wait_until

#: Commands with their arguments; URL and HANDLE stand for those of a store and a session in it.
COMMANDS = {
    "help": ["--help"],
    "help of a command": ["list", "--help"],
    "version": ["--version"],
    "list": ["list", "--store", "URL"],
    "list as JSON": ["list", "--json", "--store", "URL"],
    "show": ["show", "HANDLE", "--store", "URL"],
    "show as JSON": ["show", "HANDLE", "--json", "--store", "URL"],
    "stats": ["stats", "--store", "URL"],
    "stats as JSON": ["stats", "--json", "--store", "URL"],
    "check": ["check", "--store", "URL"],
    "sweep": ["sweep", "--store", "URL"],
    "end": ["end", "HANDLE", "--store", "URL"],
    "copy": ["copy", "URL", "TARGET"],
    "handle": ["handle"],
}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())


@pytest.fixture
def arguments(tmp_path, sqlite_url):
    """Return the arguments of a command, for a store with a session."""
    with closing(open_store(sqlite_url)) as store:
        handle = add(store, {"cart": ["tea"]})
    words = {"URL": sqlite_url, "HANDLE": handle, "TARGET": f"sqlite:///{tmp_path}/target.db"}
    return lambda command: [sys.executable, "-m", "httpsession", *(words.get(word, word) for word in command)]


@pytest.fixture
def closed_pipe():
    """The writing end of a pipe without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def run_into(command, **streams):
    """Run a command in a process of its own, with an id as its input."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, "text": True, "check": False}
    return subprocess.run(command, input=new_id(16), **(options | streams))


class TestUnwritable:
    """Standard output or standard error cannot be written."""

    @every_command
    def test_closed_pipe(self, arguments, command, closed_pipe, tmp_path):
        """Where the reader of the output has gone, that is one line, and the status is 1."""
        result = run_into(arguments(command), stdout=closed_pipe)

        assert (result.returncode, result.stderr) == (
            1,
            "Error: the output could not be written to its end: Broken pipe\n",
        )
        assert not [path for path in tmp_path.iterdir() if path.name.endswith(("-wal", "-shm"))]

    @every_command
    def test_full_device(self, arguments, command, tmp_path):
        """Where the device of the output is full, that is one line, and the status is 1."""
        with open("/dev/full", "w") as full:
            result = run_into(arguments(command), stdout=full)

        assert (result.returncode, result.stderr) == (
            1,
            "Error: the output could not be written to its end: No space left on device\n",
        )
        assert not [path for path in tmp_path.iterdir() if path.name.endswith(("-wal", "-shm"))]

    @every_command
    def test_closed_output(self, arguments, command):
        """Without a standard output a command does nothing but say so."""
        closing_it = ["sh", "-c", 'exec "$@" >&-', "sh", *arguments(command)]
        result = run_into(closing_it)

        assert (result.returncode, result.stderr) == (1, "Error: there is no standard output.\n")

    @pytest.mark.parametrize("how", ["full", "pipe", "closed"])
    @pytest.mark.parametrize("command", [["list", "--store", "sqlite:////nowhere/x.db"], ["nonsense"], ["list"]])
    def test_message(self, command, how, closed_pipe):
        """Where no message can be written either, the status tells of the failure."""
        words = [sys.executable, "-m", "httpsession", *command]
        if how == "closed":
            result = run_into(["sh", "-c", 'exec "$@" 2>&-', "sh", *words])
        else:
            with open("/dev/full", "w") as full:
                result = run_into(words, stderr=full if how == "full" else closed_pipe)

        assert (result.returncode in (1, 2), result.stdout) == (True, "")

    def test_both(self, arguments, closed_pipe):
        """Where output and message have the same reader that has gone, the status is 1."""
        result = run_into(arguments(COMMANDS["list"]), stdout=closed_pipe, stderr=closed_pipe)

        assert result.returncode == 1

    def test_head(self, sqlite_url):
        """A reader that stops after a few lines of a long list causes one line."""
        with closing(open_store(sqlite_url)) as store:
            for _ in range(2000):
                add(store)
        command = [sys.executable, "-m", "httpsession", "list", "--store", sqlite_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.stdout.close()
            errors = process.stderr.read()

        assert (process.wait(), len(errors.splitlines())) == (1, 1), errors

    def test_closed_input(self, sqlite_url):
        """Without a standard input a question is not answered, so nothing is ended."""
        with closing(open_store(sqlite_url)) as store:
            add(store, principal="ada")
        command = [sys.executable, "-m", "httpsession", "end", "--principal", "ada", "--store", sqlite_url]
        result = run_into(["sh", "-c", 'exec "$@" <&-', "sh", *command])

        assert (result.returncode, "Traceback" in result.stderr) == (1, False)
        with closing(open_store(sqlite_url)) as store:
            assert len(store) == 1

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_terminated(self, tmp_path, sqlite_url, number):
        """A signal to end closes the store: SQLite's files are gone, and the status is that of the signal."""
        with closing(open_store(sqlite_url)) as store:
            add(store, principal="ada")
        command = [sys.executable, "-m", "httpsession", "end", "--principal", "ada", "--store", sqlite_url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(lambda: (tmp_path / "sessions.db-wal").exists(), "the question")
            process.send_signal(number)
            process.wait(60)

        assert process.returncode == 128 + number
        assert sorted(path.name for path in tmp_path.glob("sessions.db*")) == [
            "sessions.db",
            "sessions.db-lock",
            "sessions.db-reserve",
        ]


class TestStoreOption:
    """The option --store before or after the command."""

    @pytest.mark.parametrize("name", ["list", "stats", "sweep", "check"])
    def test_before(self, run, url, store, name):
        """The option before the command means the same as after it, and wins over the variable."""
        environment = {"HTTPSESSION_STORE": "memory://"}
        before = run("--store", url, name, env=environment)
        assert (before.exit_code, before.stderr) == (0, run(name, "--store", url).stderr)

    def test_both(self, run, url, store):
        """After the command it wins over that before it."""
        assert run("--store", "memory://", "list", "--store", url).exit_code == 0
        assert run("--store", url, "list", "--store", "memory://").exit_code == 1

    def test_variable(self, run, url, store):
        """``env:NAME`` works before the command, too."""
        assert run("--store", "env:OLD", "list", env={"OLD": url}).exit_code == 0

    def test_commands_without(self, run, sqlite_url):
        """The commands that have no such option say so."""
        for command in (("copy", sqlite_url, sqlite_url), ("handle",)):
            result = run("--store", sqlite_url, *command)
            assert (result.exit_code, f"{command[0]} has no --store" in result.stderr) == (2, True)

    @pytest.mark.parametrize(
        "command",
        [
            ["list", "redis://:tiger@cache.example"],
            ["redis://:tiger@cache.example", "list"],
            ["show", "redis://:tiger@cache.example", "--store", "memory://"],
            ["copy", "a", "b", "redis://:tiger@cache.example"],
            ["list", "--limit", "redis://:tiger@cache.example"],
            ["list", "--store", "env:redis://:tiger@cache.example"],
            ["list", "--store=env:tiger@"],
            ["--stroe=redis://:tiger@cache.example", "list"],
            ["redis:user:tiger@cache.example"],
            ["show", "user:tiger@cache.example", "--store", "memory://"],
            ["copy", "a", "b", "user:tiger@cache.example"],
            ["list", "--width", "user:tiger@cache.example"],
            ["list", "--user:tiger@cache.example"],
        ],
    )
    def test_url_elsewhere(self, run, command):
        """A URL where none is expected is refused, and its password is not printed."""
        result = run(*command)

        assert result.exit_code in (1, 2)
        assert "tiger" not in result.output


class TestList:
    """The list as JSON, in an order, in a width."""

    def test_json(self, run, url, store, clock):
        """Each session is an object with its whole handle; times and durations are in seconds, never is null."""
        old = add(store, {"cart": [1, 2]}, age=100, idle=10, principal="ada\x1b", interval=0)
        new = add(store, age=50, interval=60)
        found = {one["handle"]: one for one in json.loads(run("list", "--json", "--store", url).stdout)}
        now = time.time()

        assert found[old] == {
            **{"handle": old, "principal": "ada\x1b", "created": now - 100, "last_seen": now - 10},
            **{"last_used": now - 10, "idle": 10.0, "interval": None, "deadline": None, "expires_at": None},
            **{"state": "alive", "attributes": 1, "bytes": len(CODEC.encode([1, 2]))},
        }
        assert (found[new]["interval"], found[new]["principal"], found[new]["state"]) == (60, None, "new")
        assert found[new]["expires_at"] == pytest.approx(now + 10)

    def test_json_of_none(self, run, url, store):
        """An empty store is an empty array."""
        assert json.loads(run("list", "--json", "--store", url).stdout) == []
        assert json.loads(run("list", "--json", "--principal", "ada", "--store", url).stdout) == []

    def test_json_of_strange_times(self, run, sqlite_url, opened):
        """No number in the output is infinite, which JSON does not have."""
        record = record_of(interval=0)
        record.creation_time, record.accessed, record.used = -1e300, 1e300, 1e308
        assert opened(sqlite_url).create(StoredSession(record, {}))

        def refuse(constant):
            raise AssertionError(constant)

        for command in (("list", "--sort", "age"), ("show", record.handle)):
            json.loads(run(*command, "--json", "--store", sqlite_url).stdout, parse_constant=refuse)
        assert run("list", "--store", sqlite_url).exit_code == 0

    @pytest.mark.parametrize("limit", [None, 1, 3])
    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("key", ["principal", "created", "idle", "age", "bytes", "handle", "state", "expires_at"])
    def test_sort(self, run, url, store, key, reverse, limit):
        """Sessions are sorted by a key, those without a user at the end; a limit takes the first."""
        for number, principal in enumerate([None, "bob", "ada", None]):
            add(
                store, {"n": "x" * number}, age=10 * number, idle=5 * number, principal=principal, interval=100 + number
            )
        command = ["list", "--json", "--sort", key, "--store", url]
        found = json.loads(run(*command, *["--reverse"] * reverse, *(["--limit", limit] if limit else [])).stdout)
        everything = json.loads(run("list", "--json", "--store", url).stdout)
        now = time.time()

        def rank(one):
            return now - one["created"] if key == "age" else one[key]

        ranks = [rank(one) for one in everything if rank(one) is not None]
        expected = sorted(ranks, reverse=reverse)[:limit]
        seen = [rank(one) for one in found if rank(one) is not None]
        assert len(found) == (limit or 4)
        if key in ("handle", "state", "bytes", "principal"):
            assert seen == expected
        else:
            assert seen == pytest.approx(expected, abs=1)
        assert [rank(one) for one in found][len(seen) :] == [None] * (len(found) - len(seen))

    def test_unknown_key(self, run, url, store):
        """A wrong key is refused with the right ones; an order can be reversed only if there is one."""
        refused = run("list", "--sort", "size", "--store", url)
        assert (refused.exit_code, "bytes" in refused.stderr) == (2, True)
        assert run("list", "--reverse", "--store", url).exit_code == 2

    @given(principal=st.text(min_size=1, max_size=120))
    def test_width_of_escapes(self, principal):
        """A shown text is no longer than it may be, whatever is escaped in it, and has no control characters."""
        shown = escaped(principal, 20)
        assert len(shown) <= 20
        assert shown.isprintable()

    def test_width(self, run, url, store):
        """A line has 80 characters at most, or as many as are asked for; no fewer than 80."""
        hostile = "\x1b" * 100
        handle = add(store, {"x" * 100: "y" * 300, hostile: hostile, "n": 1}, age=10**9, principal=hostile)
        add(store, age=10**9, idle=10**8, principal="z" * 500)
        for width in (80, 100, 140, 200):
            options = [] if width == 80 else ["--width", width]
            for command in (["list"], ["show", handle], ["show", handle, "--values"]):
                printed = run(*command, *options, "--store", url).stdout
                assert max(map(len, printed.splitlines())) <= width
                assert len(printed.splitlines()) == {"list": 3, "show": 14}[command[0]]
        assert run("list", "--width", 79, "--store", url).exit_code == 2

    def test_columns(self, run, sqlite_url, opened, clock):
        """The narrow list has ages in place of times."""
        handle = add(opened(sqlite_url), {"cart": [1]}, age=7200, idle=65, principal="ada")
        head, line = run("list", "--store", sqlite_url).stdout.splitlines()

        assert head.split() == ["HANDLE", "AGE", "IDLE", "STATE", "BYTES", "PRINCIPAL"]
        assert line.split() == [handle[:16], "2h00m", "1m05s", "alive", str(len(CODEC.encode([1]))), "ada"]


class TestShow:
    """A session as JSON, and the order of its attributes."""

    def test_json(self, run, url, store):
        """The object is that of the list; attributes have their sizes, and with ``--values`` their values as text."""
        handle = add(store, {"cart": ["tea"], "n": 1}, principal="ada", notes={"seal": b"swordfish"})
        [listed] = json.loads(run("list", "--json", "--store", url).stdout)
        shown = json.loads(run("show", handle[:10], "--json", "--store", url).stdout)
        with_values = json.loads(run("show", handle, "--json", "--values", "--store", url).stdout)

        assert {**shown, "attributes": 2, "idle": 0} == {**listed, "idle": 0}
        assert shown["attributes"]["n"] == {"bytes": len(CODEC.encode(1))}
        assert with_values["attributes"]["cart"] == {"bytes": len(CODEC.encode(["tea"])), "value": "['tea']"}

    def test_sort(self, run, url, store):
        """Attributes are sorted by name, or by size."""
        handle = add(store, {"a": "x" * 50, "b": "x", "c": "x" * 20})

        def order(*options):
            return list(json.loads(run("show", handle, "--json", *options, "--store", url).stdout)["attributes"])

        assert order() == order("--sort", "name") == ["a", "b", "c"]
        assert order("--sort", "bytes") == ["b", "c", "a"]
        assert order("--sort", "bytes", "--reverse") == ["a", "c", "b"]


class TestHandle:
    """The handle of an id."""

    @pytest.mark.parametrize("text", ["{}", "{}\n", "  {}  \r\n", "JSESSIONID={}\n", 'a="{}";\n', "JSESSIONID={};\n"])
    def test_id(self, run, text):
        """The id is read with or without an end of the line, also as it is in a cookie; its handle is printed."""
        session_id = new_id(16)
        result = run("handle", input=text.format(session_id))

        assert (result.exit_code, result.stdout) == (0, handle_of(key_of(session_id)) + "\n")

    def test_names_the_session(self, run, url, store):
        """The handle is the one under which the other commands find the session."""
        session_id = new_id(16)
        handle = add(store, key=key_of(session_id))
        assert run("handle", input=session_id).stdout.strip() == handle
        run("end", handle, "--store", url)
        assert handles(store) == []

    def test_several(self, run):
        """Each line has an id, of any size that there is."""
        ids = [new_id(size) for size in (16, 32, 64)]
        assert run("handle", input="\n".join(ids)).stdout.split() == [handle_of(key_of(one)) for one in ids]

    @pytest.mark.parametrize("text", ["swordfish", "A" * 31, "A" * 33, "a" * 32, "A" * 129, "A" * 130, "é" * 32])
    def test_no_id(self, run, text):
        """What is no id is refused without being printed, since it may be a secret with a mistake in it."""
        result = run("handle", input=text)

        assert (result.exit_code, result.stdout) == (1, "")
        assert text not in result.stderr
        assert "hexadecimal digits" in result.stderr
        assert len(result.stderr.splitlines()) == 1

    @pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
    def test_nothing(self, run, text):
        """Nothing on standard input is reported."""
        result = run("handle", input=text)
        assert (result.exit_code, result.stderr) == (1, "Error: there is no id on standard input\n")

    def test_more_than_is_read(self, run):
        """A longer input than is read is refused: its last id would be cut off, and could be taken for another one."""
        ids = [new_id(64)] * 8200
        result = run("handle", input="\n".join(ids))

        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "Error: standard input has more than 1048576 characters: pass the ids in several calls\n"
        )

    def test_argument(self, run):
        """An id as an argument is refused without being printed."""
        session_id = new_id(16)
        result = run("handle", session_id)
        assert (result.exit_code, "standard input" in result.stderr, session_id in result.output) == (2, True, False)

    def test_input_that_cannot_be_read(self):
        """An input that is open for writing alone, and bytes that are no text, are reported in one line."""
        command = [sys.executable, "-m", "httpsession", "handle"]
        options = {"capture_output": True, "timeout": 60, "check": False}
        with open(os.devnull, "w") as nothing:
            unreadable = subprocess.run(command, stdin=nothing, **options)
        no_text = subprocess.run(
            command, input=b"\xff" * 32, env={**os.environ, "PYTHONIOENCODING": "utf-8"}, **options
        )

        for result in (unreadable, no_text):
            assert (result.returncode, len(result.stderr.splitlines())) == (1, 1), result.stderr
