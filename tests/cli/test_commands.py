"""The commands that look at sessions, end them and try out a store."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from enum import Enum
from itertools import count

import pytest

from httpsession.codec import Codec
from httpsession.ids import handle_of
from httpsession.stores import open_store
from httpsession.stores.base import StoredSession
from httpsession.stores.redis import RedisStore
from tests.cli.conftest import CODEC, add, add_encoded, handles, record_of, rotate


class Colour(Enum):
    """An enum that an application registers."""

    RED = 1


@dataclass
class Cart:
    """A dataclass that an application registers."""

    items: list[str]


def test_sweep(run, url, store):
    """All expired sessions are removed, live ones stay, and the number is printed."""
    alive = add(store, idle=10)
    for _ in range(1001):
        add(store, age=9000)

    assert run("sweep", "--store", url).stdout == "1001 removed\n"
    assert run("sweep", "--store", url).stdout == "0 removed\n"
    assert handles(store) == [alive]


def test_sweep_says_that_no_listener_hears(run):
    """The help says that listeners are not told."""
    assert "listeners" in run("sweep", "--help").stdout


def test_list(run, sqlite_url, opened, clock):
    """A session is a line: how its handle begins, its times with their zone, its state, its size, its user."""
    store = opened(sqlite_url)
    member = add(store, {"cart": [1, 2]}, age=7200, idle=65, principal="ada lovelace")
    new = add(store, age=5, interval=0)
    due = add(store, age=90061)
    lines = run("list", "--utc", "--width", 140, "--store", sqlite_url).stdout.splitlines()

    assert " ".join(lines[0].split()) == "HANDLE CREATED LAST SEEN IDLE INTERVAL STATE ATTRIBUTES BYTES PRINCIPAL"
    size = str(len(CODEC.encode([1, 2])))
    times = "2033-05-18T01:33:20+00:00", "2033-05-18T03:32:15+00:00"
    assert {tuple(line.split(maxsplit=8)) for line in lines[1:]} == {
        (member[:16], *times, "1m05s", "30m00s", "alive", "1", size, "ada lovelace"),
        (new[:16], "2033-05-18T03:33:15+00:00", "2033-05-18T03:33:15+00:00", "5s", "never", "new", "0", "0"),
        (due[:16], "2033-05-17T02:32:19+00:00", "2033-05-17T02:32:19+00:00", "1d01h", "30m00s", "due", "0", "0"),
    }


def test_list_of_a_user(run, url, store):
    """``--principal`` lists the sessions of one user only."""
    hers = {add(store, principal="ada")[:16] for _ in range(2)}
    add(store, principal="bob")
    lines = run("list", "--principal", "ada", "--store", url).stdout.splitlines()

    assert {line.split()[0] for line in lines[1:]} == hers


def test_list_of_so_many(run, url, store):
    """``--limit`` bounds the list."""
    for _ in range(5):
        add(store)

    assert len(run("list", "--limit", 3, "--store", url).stdout.splitlines()) == 1 + 3


def test_local_times(run, sqlite_url, opened, monkeypatch):
    """Without ``--utc`` times are in the zone of the machine, which they name."""
    add(opened(sqlite_url))
    monkeypatch.setenv("TZ", "Etc/GMT-3")
    time.tzset()
    try:
        assert run("list", "--width", 140, "--store", sqlite_url).stdout.splitlines()[1].count("+03:00") == 2
    finally:
        monkeypatch.undo()
        time.tzset()


def test_hostile_words_control_no_terminal(run, url, store):
    """Users, names and values are printed as plain text in one line, whatever control characters they have."""
    hostile = "\x1b]0;owned\x07\r\n\u202e\u2028\x9b31m"
    handle = add(store, {hostile: hostile, "list": [hostile]}, principal=hostile)
    listed = run("list", "--store", url).stdout
    shown = run("show", handle, "--values", "--store", url).stdout

    assert all(one.isprintable() for one in (listed + shown).replace("\n", ""))
    assert len(listed.splitlines()) == 2
    assert len(shown.splitlines()) == 11 + 2
    assert "\\x1b]0;owned" in listed


def test_strange_times(run, sqlite_url, opened):
    """Times that no calendar has are shown as numbers."""
    record = record_of(interval=0)
    record.creation_time = record.accessed = record.used = 1e300
    assert opened(sqlite_url).create(StoredSession(record, {}))

    assert "1e+300" in run("list", "--width", 140, "--store", sqlite_url).stdout
    assert "1e+300" in run("show", record.handle, "--store", sqlite_url).stdout


def test_show(run, url, store):
    """The record of a session and the names of its attributes are printed; values only with ``--values``."""
    handle = add(store, {"secret": "swordfish", "visits": 3}, idle=70, principal="ada")
    shown = run("show", handle, "--store", url).stdout
    with_values = run("show", handle, "--values", "--store", url).stdout

    said = dict(line.split(maxsplit=1) for line in shown.splitlines() if not line.startswith(" "))
    assert (said["handle"], said["principal"], said["interval"]) == (handle, "ada", "30m00s")
    assert said["attributes"].startswith("2, ")
    assert "secret" in shown
    assert "swordfish" not in shown
    assert "secret = 'swordfish'" in with_values
    assert "visits = 3" in with_values


def test_notes_are_not_shown(run, url, store):
    """Notes are the package's own: no command prints their names or values, or counts their bytes."""
    handle = add(store, notes={"seal": b"swordfish"})
    commands = ("list",), ("show", handle, "--values"), ("stats",), ("stats", "--json")
    printed = "".join(run(*command, "--store", url).stdout for command in commands)

    assert "seal" not in printed
    assert "swordfish" not in printed
    assert "attributes  0, 0 bytes" in printed
    assert '"total": 0' in printed


def test_values_that_cannot_be_shown(run, url, store):
    """A registered type is named, damaged bytes are reported, and long values are shortened."""
    codec = Codec({"shop.Colour": Colour, "shop.Cart": Cart}, max_bytes=2**21)
    values = {"colour": Colour.RED, "cart": Cart(["x"]), "long": "x" * 500_000, "number": 10**6000}
    encoded = {name: codec.encode(value) for name, value in values.items()}
    handle = add_encoded(store, {**encoded, "damaged": b"\xff\x00"})
    shown = run("show", handle, "--values", "--store", url).stdout

    lines = {line.split()[1]: line for line in shown.splitlines()[-5:]}
    assert "there is no type 'shop.Colour'" in lines["colour"]
    assert "there is no type 'shop.Cart'" in lines["cart"]
    assert "cannot be read here" in lines["damaged"]
    assert "too long a number" in lines["number"]
    assert "'xxx" in lines["long"]
    assert len(lines["long"]) < 300


def keys_with_one_beginning():
    """Return two keys whose handles have the same first eight digits."""
    seen = {}
    for number in count():
        key = number.to_bytes(32, "big")
        other = seen.setdefault(handle_of(key)[:8], key)
        if other != key:
            return other, key


def test_the_first_digits_of_a_handle_are_enough(run, url, store):
    """Eight digits are enough, in capitals too; fewer are refused, and so are digits that begin two handles."""
    keys = keys_with_one_beginning()
    handle, other = (add(store, key=key) for key in keys)
    add(store)

    least = next(size for size in range(8, 40) if handle[:size] != other[:size])
    assert f"{handle}\n" in run("show", handle[:least].upper(), "--store", url).stdout
    ambiguous = run("show", handle[:8], "--store", url)
    assert (ambiguous.exit_code, f"2 sessions begin with {handle[:8]}" in ambiguous.stderr) == (1, True)
    for wrong in ("c0ffee0", "c0ffee0g", "0" * 41):
        refused = run("show", wrong, "--store", url)
        assert (refused.exit_code, "is no handle" in refused.stderr) == (2, True)


def test_show_unknown(run, url, store):
    """An unknown handle is reported, by the exit code as well."""
    for handle in ("0" * 40, "0" * 8):
        result = run("show", handle, "--store", url)
        assert (result.exit_code, result.stderr) == (1, f"Error: There is no session {handle}.\n")


def test_show_after_a_change_of_the_id(run, url, store):
    """A handle changes with the id: that of before names no session any more."""
    handle = add(store)
    new_handle = rotate(store, handle)

    assert new_handle in run("show", new_handle, "--store", url).stdout
    assert run("show", handle, "--store", url).exit_code == 1


def test_end(run, url, store):
    """Sessions are removed by their handles, each once even if it is named twice; the rest stays."""
    first, second, third = add(store), add(store), add(store)
    result = run("end", first, second[:20], second, "--store", url)

    assert (result.exit_code, result.stdout) == (0, "2 ended\n")
    assert handles(store) == [third]


def test_end_unknown(run, url, store):
    """Known sessions are ended; an unknown one is reported, and the exit code is 1."""
    result = run("end", "0" * 40, add(store), "--store", url)

    assert (result.exit_code, result.stdout) == (1, "1 ended\n")
    assert result.stderr == f"Error: There is no session {'0' * 40}.\n"


def test_end_of_a_user(run, url, store):
    """All sessions of a user are ended after a confirmation, or at once with ``--yes``."""
    bob = add(store, principal="bob")
    for _ in range(3):
        add(store, principal="ada")
    end = ("end", "--principal", "ada", "--store", url)

    for answer in ("n\n", ""):
        refused = run(*end, input=answer)
        assert (refused.exit_code, len(store)) == (1, 4)
        assert "End 3 sessions of ada?" in refused.stderr
    assert run(*end, input="y\n").stdout == "3 ended\n"
    assert run(*end, "--yes").stdout == "0 ended\n"
    assert handles(store) == [bob]


def test_end_of_a_user_without_a_list(run, redis_server, redis_url):
    """All sessions of a user end also if Redis has lost the list of them."""
    store = open_store(redis_url)
    add(store, principal="ada")
    [key] = [stored.record.key for stored in store]
    for name in list(redis_server.client.scan_iter("*:u:ada", count=10_000)):
        redis_server.client.delete(name)
    assert run("end", "--principal", "ada", "--store", redis_url).stdout == "0 ended\n"

    _, _, is_expired = store.load(key, time.time())
    assert is_expired
    store.close()


def test_end_of_what(run, url):
    """Neither handles nor a user, or both, is a mistake in the call."""
    assert run("end", "--store", url).exit_code == 2
    assert run("end", "0" * 40, "--principal", "ada", "--store", url).exit_code == 2


def test_stats(run, url, store):
    """Sessions are counted by state, size, age and idle time; due sessions are only counted."""
    for name, text in (("a", "x" * 10), ("b", "x" * 20), ("c", "x" * 600)):
        add(store, {name: text}, age=5000, idle=100, principal="ada" if name == "a" else None)
    add(store)
    add(store, {"old": "x" * 9000}, age=90000)
    found = json.loads(run("stats", "--json", "--store", url).stdout)

    assert (found["alive"], found["due"], found["with_principal"], found["never_came_back"]) == (4, 1, 1, 1)
    sizes = sorted([0, *(len(CODEC.encode("x" * length)) for length in (10, 20, 600))])
    assert found["bytes"] == {
        "total": sum(sizes),
        "mean": sum(sizes) / 4,
        "median": (sizes[1] + sizes[2]) / 2,
        "max": sizes[-1],
    }
    assert {one["below"]: one["sessions"] for one in found["age"] if one["sessions"]} == {60: 1, 21600: 3}
    assert {one["below"]: one["sessions"] for one in found["idle"] if one["sessions"]} == {60: 1, 600: 3}
    assert found["store"] == store.describe()


def test_stats_as_a_table(run, url, store):
    """A table shows the same to people, also for an empty store."""
    assert "alive                        0\n" in run("stats", "--store", url).stdout
    add(store)
    table = run("stats", "--store", url).stdout
    assert "alive                        1\n" in table
    assert "below 1m00s                  1              1\n" in table


def test_check(run, url, store):
    """A working store is described and timed, and the sessions of the trial are removed."""
    mine = add(store)
    result = run("check", "--store", url)

    assert result.exit_code == 0
    assert store.describe() in result.stdout
    assert "1 session\n" in result.stdout
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.endswith(" ms"))
    assert list(lines) == ["create", "load", "save", "rename", "remove"]
    assert all(float(text.removesuffix(" ms")) > 0 for text in lines.values())
    assert handles(store) == [mine]


def test_check_of_a_store_that_cannot_write(run, redis_server, redis_url):
    """If a server is out of memory, the check fails and says so."""
    redis_server.client.config_set("maxmemory", "1")
    try:
        result = run("check", "--store", redis_url)
    finally:
        redis_server.client.config_set("maxmemory", "0")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "memory" in result.stderr


def test_check_of_a_store_that_evicts(run, redis_server, redis_url):
    """If Redis evicts keys when its memory is full, the check warns, and names the setting."""
    redis_server.client.config_set("maxmemory-policy", "volatile-lru")
    try:
        result = run("check", "--store", redis_url)
    finally:
        redis_server.client.config_set("maxmemory-policy", "noeviction")

    assert result.exit_code == 0
    assert "\nWarning: the maxmemory-policy of Redis is volatile-lru: " in f"\n{result.stderr}"
    assert "set it to noeviction" in result.stderr
    assert "All is well" not in result.stdout


def test_check_of_a_store_that_forgets(run, monkeypatch, redis_url):
    """If a store loses a session that it has created, the check fails."""

    def create_and_lose(self, session):
        is_created = create(self, session)
        self.remove(session.record.key)
        return is_created

    create = RedisStore.create
    monkeypatch.setattr(RedisStore, "create", create_and_lose)
    result = run("check", "--store", redis_url)

    assert (result.exit_code, "does not find a session that it has just created" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://", "in the memory of one process"),
        ("nonsense", "no URL"),
        ("mysql://scott:tiger@127.0.0.1/db", "mysql://"),
        ("redis://scott:tiger@127.0.0.1:1/0?timeout=0.2", "127.0.0.1:1"),
        ("redis://scott:tiger@127.0.0.1:99999", "host:port"),
        ("redis://scott:tiger@[::1", "malformed"),
        ("redis://:tiger@127.0.0.1?tiger=tiger2", "unknown option"),
        ("sqlite:////nowhere/at/all/sessions.db", "/nowhere/at/all"),
        ("env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
    ],
)
@pytest.mark.parametrize("command", ["check", "list", "stats", "sweep"])
def test_a_store_that_cannot_be_used(run, command, url, words):
    """The command says in one sentence why, without a traceback or a password; the exit code is 1."""
    result = run(command, "--store", url)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert "tiger" not in result.output.replace("'tiger'", "")


def test_the_store_may_be_named_by_the_environment(run, url, store):
    """``HTTPSESSION_STORE``, or the variable after ``env:``, has the URL. The option wins; no URL is a mistake."""
    add(store)

    assert "1 session\n" in run("check", env={"HTTPSESSION_STORE": url}).stdout
    environment = {"HTTPSESSION_STORE": "memory://", "OLD": url}
    assert "1 session\n" in run("check", "--store", "env:OLD", env=environment).stdout
    missing = run("check")
    assert (missing.exit_code, "HTTPSESSION_STORE" in missing.stderr) == (2, True)


@pytest.mark.parametrize("command", ["check", "copy", "end", "handle", "list", "show", "stats", "sweep"])
def test_help(run, command):
    """The list of commands describes each command in a whole sentence, and each command has its own help."""
    line = next(line for line in run("--help").stdout.splitlines() if line.split()[:1] == [command])

    assert line.endswith(".")
    assert "..." not in line
    assert run(command, "--help").stdout.startswith(f"Usage: httpsession {command} [OPTIONS]")
