"""Forks: a store that was opened before works in parent and children; a shared store on the same data.

Servers load the application first and fork then. A connection that parent and child both use mixes up their answers, so
one client could be shown the session of another.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from select import select
from signal import SIGKILL
from traceback import format_exc
from typing import Final, TextIO

import pytest

from .base import AnyStore, Contract

#: Seconds after which a child of a fork is taken for one that waits for ever.
PATIENCE: Final = 60.0


def fork_without_hooks() -> int:
    """Fork as a server in C may do it, so that Python does not know of it, and return what the system call returns.

    No other thread may be running or waiting for the interpreter: in the child the interpreter might wait for it.
    """
    process: int = ctypes.PyDLL(None).fork()
    return process


class Child:
    """A process that runs one function, forked from this one with all that it has opened.

    It never returns to the test: it leaves by ``os._exit``, which runs no hook of pytest and flushes no buffer twice.

    Args:
        action: the function. What it returns, or the text of its exception, goes to the parent through a pipe.
    """

    def __init__(self, action: Callable[[], str], *, with_hooks: bool = True) -> None:
        self._answer, answer = os.pipe()
        self._process: int = os.fork() if with_hooks else fork_without_hooks()
        if self._process == 0:  # pragma: no cover - in another process
            status = 1
            try:
                os.setpgid(0, 0)
                with open(answer, "w") as told:
                    status = self._tell(action, told)
            finally:
                os._exit(status)
        os.close(answer)

    def _tell(self, action: Callable[[], str], told: TextIO) -> int:  # pragma: no cover - in another process
        """Write what *action* returns or raises, and return the status of the process."""
        try:
            told.write(action())
        except BaseException:
            told.write(format_exc())
            return 1
        return 0

    def result(self) -> str:
        """Wait until the process has ended, and return what *action* returned; fail if it raised.

        A process that is silent for :data:`PATIENCE` seconds is ended, with the processes that it has forked itself.
        """
        told = ""
        with open(self._answer) as answer:
            if select([answer], [], [], PATIENCE)[0]:
                told = answer.read()
            else:
                os.kill(self._process, SIGKILL)
                with suppress(ProcessLookupError):  # it has hung before it made a group
                    os.killpg(self._process, SIGKILL)
        assert os.waitpid(self._process, 0)[1] == 0, f"the child of a fork failed: {told}"
        return told


needs_fork: pytest.MarkDecorator = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
class Forking(Contract):
    """The promises to processes that fork."""

    def test_fork(self, store: AnyStore) -> None:
        """The parent goes on with its store. In a child, a store that is not shared begins empty.

        The sessions that it had are the parent's to end.
        """
        key = self.add(store, {"a": b"1"})
        for number in range(3):
            assert Child(partial(self.live_as_child, store, key, f"child {number}")).result() == "well"
            assert self.save(store, key, put={f"parent {number}": b"1"})

        shared = {f"child {number}" for number in range(3)} if store.is_shared else set()
        assert set(self.read(store, key)) == {"a", "parent 0", "parent 1", "parent 2"} | shared
        assert len(store) == (4 if store.is_shared else 1)

    def test_fork_without_hooks(self, store: AnyStore) -> None:
        """The same holds if the fork runs no hooks: the store notices by the id of the process."""
        key = self.add(store, {"a": b"1"})
        assert Child(partial(self.live_as_child, store, key, "child"), with_hooks=False).result() == "well"
        assert self.save(store, key, put={"parent": b"1"})

        assert set(self.read(store, key)) == {"a", "parent"} | ({"child"} if store.is_shared else set())
        assert len(store) == (2 if store.is_shared else 1)

    def live_as_child(self, store: AnyStore, key: bytes, name: str) -> str:
        """Save to the parent's session, which only a shared store has, and create another."""
        assert self.save(store, key, put={name: b"1"}) == store.is_shared
        own = self.add(store, {"mine": b"1"})
        assert self.read(store, own) == {"mine": b"1"}
        return "well"

    def test_race_of_processes(self, store: AnyStore) -> None:
        """Children of a fork that save to one session lose no update, and count exactly.

        A lock in the memory of a process does not keep them apart.
        """
        if not store.is_shared:
            pytest.skip("each process has its own sessions")
        key = self.add(store, {"n": b"0"})
        children = [Child(partial(self.work, store, key, f"{number}")) for number in range(3)]
        self.work(store, key, "parent")
        assert [child.result() for child in children] == ["done"] * 3

        attributes = self.read(store, key)
        assert attributes.pop("n") == b"%d" % (4 * self.rounds)
        assert len(attributes) == 4 * self.rounds

    def work(self, store: AnyStore, key: bytes, name: str) -> str:
        """Save new attributes, and count."""
        for number in range(self.rounds):
            assert self.save(store, key, put={f"{name} {number}": b"1"})
            old = self.read(store, key)["n"]
            while not self.save(store, key, put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}):
                old = self.read(store, key)["n"]
        return "done"

    def test_race_of_sweeping_processes(self, store: AnyStore) -> None:
        """Each session that is due is returned in one process, and together the processes get all.

        So listeners hear of each end once, although every worker sweeps.
        """
        if not store.is_shared:
            pytest.skip("each process has its own sessions")
        keys = [self.add(store) for _ in range(100)]
        children = [Child(partial(self.sweep, store)) for _ in range(3)]
        swept = self.sweep(store).split() + [key for child in children for key in child.result().split()]

        assert sorted(swept) == sorted(key.hex() for key in keys)
        assert len(store) == 0

    def sweep(self, store: AnyStore) -> str:
        """Remove the sessions that are due, a few at a time, and return their keys."""
        swept: list[str] = []
        while some := store.expire(self.at(self.end_of(store)), 7):
            swept += [stored.record.key.hex() for stored in some]
        return " ".join(swept)
