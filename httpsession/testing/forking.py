"""Forks: a store that was opened before works in parent and children, a shared one on the same data."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from traceback import format_exc
from typing import TextIO

import pytest

from ..stores.base import SessionStore
from .base import Contract


class Child:
    """A process that does one thing."""

    def __init__(self, action: Callable[[], str]) -> None:
        self._answer, answer = os.pipe()
        self._process = os.fork()
        if self._process == 0:  # pragma: no cover - in another process
            status = 1
            try:
                with open(answer, "w") as told:
                    status = self._tell(action, told)
            finally:
                os._exit(status)
        os.close(answer)

    def _tell(self, action: Callable[[], str], told: TextIO) -> int:  # pragma: no cover - in another process
        try:
            told.write(action())
        except BaseException:
            told.write(format_exc())
            return 1
        return 0

    def result(self) -> str:
        """Wait until the process has ended, and return what *action* returned."""
        with open(self._answer) as answer:
            told = answer.read()
        assert os.waitpid(self._process, 0)[1] == 0, f"the child of a fork failed: {told}"
        return told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
class Forking(Contract):
    """What a store promises to processes."""

    def test_fork(self, store: SessionStore) -> None:
        """The parent goes on with a store that it used before; the child of one that is not shared begins with none,
        since the sessions that there were are the parent's to end."""
        key = self.add(store, {"a": b"1"})
        for number in range(3):
            assert Child(partial(self.live_as_child, store, key, f"child {number}")).result() == "well"
            assert self.save(store, key, put={f"parent {number}": b"1"})

        shared = {f"child {number}" for number in range(3)} if store.is_shared else set()
        assert set(self.read(store, key)) == {"a", "parent 0", "parent 1", "parent 2"} | shared
        assert len(store) == (4 if store.is_shared else 1)

    def live_as_child(self, store: SessionStore, key: bytes, name: str) -> str:
        """Save to the parent's session, which is only there in a shared store, and make one."""
        assert self.save(store, key, put={name: b"1"}) == store.is_shared
        own = self.add(store, {"mine": b"1"})
        assert self.read(store, own) == {"mine": b"1"}
        return "well"

    def test_race_of_processes(self, store: SessionStore) -> None:
        """Children of a fork that save to one session lose nothing of each other, nor does a counter."""
        if not store.is_shared:
            pytest.skip("each process has its own sessions")
        key = self.add(store, {"n": b"0"})
        children = [Child(partial(self.work, store, key, f"{number}")) for number in range(3)]
        self.work(store, key, "parent")
        assert [child.result() for child in children] == ["done"] * 3

        attributes = self.read(store, key)
        assert attributes.pop("n") == b"%d" % (4 * self.rounds)
        assert len(attributes) == 4 * self.rounds

    def work(self, store: SessionStore, key: bytes, name: str) -> str:
        """Save attributes of one's own, and count."""
        for number in range(self.rounds):
            assert self.save(store, key, put={f"{name} {number}": b"1"})
            old = self.read(store, key)["n"]
            while not self.save(store, key, put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}):
                old = self.read(store, key)["n"]
        return "done"

    def test_race_of_sweeping_processes(self, store: SessionStore) -> None:
        """Each session that is due is given back in one process, and together they get all."""
        if not store.is_shared:
            pytest.skip("each process has its own sessions")
        keys = [self.add(store) for _ in range(100)]
        children = [Child(partial(self.sweep, store)) for _ in range(3)]
        swept = self.sweep(store).split() + [key for child in children for key in child.result().split()]

        assert sorted(swept) == sorted(key.hex() for key in keys)
        assert len(store) == 0

    def sweep(self, store: SessionStore) -> str:
        """Remove what is due, a few at a time, and return the keys."""
        swept: list[str] = []
        while some := store.expire(self.at(self.end_of(store)), 7):
            swept += [stored.record.key.hex() for stored in some]
        return " ".join(swept)
