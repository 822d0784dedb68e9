"""Faults of the system at each call of SQLite: a change is made or not, and keeps what was acknowledged (R63, R64)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite import steps
from tests.stores.sqlite.contents import add, contents, execute, put

#: How many of the calls of a kind are met by a fault, evenly spread; all of them if there are fewer.
SOME = 5


@pytest.fixture
def prepared(path):
    """The path of a file with the sessions of all steps, which no process has open."""
    store = SQLiteStore(path)
    steps.prepare(store)
    store.close()
    return path


def run(path, *arguments, strace=()):
    """Run the steps in another process, and return its outcomes."""
    command = [*strace, sys.executable, "-m", "tests.stores.sqlite.steps", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.split("\n")[:-1]


def traced(path, *options):
    """Run the steps under strace."""
    return run(path, strace=(shutil.which("strace"), "-f", "-qq", "-o", f"{path}.calls", *options))


@pytest.fixture
def count_of(tmp_path):
    """Returns how many calls of a kind the steps need; skips the test where calls cannot be traced."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")

    def count_of(call):
        store = SQLiteStore(tmp_path / "counted.db")
        steps.prepare(store)
        store.close()
        if traced(tmp_path / "counted.db", "-e", f"trace={call}") != ["done"] * len(steps.STEPS):
            pytest.skip("processes cannot be traced here")
        return len(re.findall(rf"\b{call}\(", (tmp_path / "counted.db.calls").read_text()))

    return count_of


def assert_sound(path, outcomes):
    """Each step that was done has left its state, each later one nothing, and one that failed either; all goes on."""
    store = SQLiteStore(path)
    for number, step in enumerate(steps.STEPS):
        outcome = outcomes[number] if number < len(outcomes) else "begun" if number == len(outcomes) else "not begun"
        allowed = {
            "done": [steps.AFTER[step]],
            "failed": [steps.BEFORE, steps.AFTER[step]],
            "begun": [steps.BEFORE, steps.AFTER[step]],
            "not begun": [steps.BEFORE],
        }[outcome]
        assert steps.state_of(store, number) in allowed, (number, outcomes)
    key = add(store)
    assert put(store, key, a="1")
    assert contents(store, key) == {"a": "1"}
    store.close()
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]


def assert_ended(outcomes):
    """Each session that a step removes has ended."""
    assert len(outcomes) == len(steps.STEPS)
    assert {outcome for outcome, step in zip(outcomes, steps.STEPS, strict=True) if step is steps.remove} == {"done"}


def some_of(count):
    """Return the numbers of the calls that a fault meets."""
    return sorted({1 + round(n * (count - 1) / (SOME - 1)) for n in range(SOME)}) if count else []


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "ftruncate"])
def test_killed(prepared, count_of, call, tmp_path):
    """A process that is killed at a call leaves all that it acknowledged, and its last change whole or not at all."""
    for number in some_of(count_of(call)):
        path = shutil.copy(prepared, tmp_path / f"killed{number}.db")
        outcomes = traced(path, "-e", f"inject={call}:signal=KILL:when={number}")
        assert_sound(path, outcomes)


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EIO"])
def test_write_fails(prepared, count_of, error, tmp_path):
    """A write that fails is an error or is repeated; the end of a session takes effect."""
    for number in some_of(count_of("pwrite64")):
        path = shutil.copy(prepared, tmp_path / f"{error}{number}.db")
        outcomes = traced(path, "-e", f"inject=pwrite64:error={error}:when={number}")
        if outcomes:  # or the process could not open the file
            assert_ended(outcomes)
        assert_sound(path, outcomes)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_sync_fails(prepared, count_of, error, tmp_path):
    """A change that the disk does not confirm is an error; afterwards it is there or not."""
    for number in some_of(count_of("fdatasync")):
        path = shutil.copy(prepared, tmp_path / f"{error}{number}.db")
        outcomes = traced(path, "-e", f"inject=fdatasync:error={error}:when={number}")
        assert_sound(path, outcomes)


@pytest.mark.parametrize("size", [32_768, 40_000, 50_000, 60_000])
def test_limited_size(prepared, size):
    """Where files may not grow, a write that is cut short is an error, and does not count; later all goes on."""
    pytest.importorskip("resource")
    outcomes = run(prepared, str(size))
    assert "failed" in outcomes
    assert_sound(prepared, outcomes)
