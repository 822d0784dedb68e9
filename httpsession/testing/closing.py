"""close: files and connections are released for good.

A closed store must not open them again by itself: an application that shuts down may remove the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..errors import StoreError
from ..record import SessionRecord
from .base import INTERVAL, AnyStore, Contract, draw, session_for
from .forking import Child, needs_fork


class Closing(Contract):
    """The promises of close. A shared store keeps its sessions, and any other store forgets them."""

    def calls(self, store: AnyStore, key: bytes) -> dict[str, Callable[[], Any]]:
        """Return by name a call of each method that needs the system behind the store.

        ``can_move`` and ``describe`` are not among them: a store may answer these by itself.
        """
        session = session_for(store, SessionRecord.created(draw(), self.now, INTERVAL, None))
        return {
            "create": lambda: store.create(session),
            "load": lambda: store.load(key, self.now),
            "peek": lambda: store.peek(key),
            "save": lambda: self.save(store, key, put={"a": b"2"}),
            "was_left": lambda: store.was_left(key, self.now),
            "remove": lambda: store.remove(key),
            "expire": lambda: store.expire(self.at(1e9), 10),
            "evict": store.evict,
            "touch": lambda: store.touch([(key, self.now, self.now)]),
            "records_of": lambda: store.records_of("anna"),
            "iteration": lambda: list(store),
            "length": lambda: len(store),
        }

    def answers(self, store: AnyStore, key: bytes) -> str:
        """Return the names of the methods that work although the store is closed."""
        if not store.is_shared:
            return "" if (store.peek(key), len(store)) == (None, 0) else "peek, length"
        answers = []
        for name, call in self.calls(store, key).items():
            try:
                call()
            except StoreError as error:
                if "is closed" in str(error):
                    continue
            answers.append(name)
        return ", ".join(answers)

    def test_close(self, store: AnyStore, another: AnyStore) -> None:
        """After close each method of a shared store raises StoreError, and the sessions are still there.

        A store that is not shared has forgotten them.
        """
        key = self.add(store, {"a": b"1"})
        store.close()

        assert self.answers(store, key) == ""
        assert len(another) == (1 if store.is_shared else 0)
        assert not store.is_shared or self.read(another, key) == {"a": b"1"}

    def test_close_twice(self, store: AnyStore) -> None:
        """A second close does nothing, since a manager and its owner may both close the store."""
        key = self.add(store, {"a": b"1"})
        store.close()
        store.close()

        assert self.answers(store, key) == ""

    def test_close_before_use(self, store: AnyStore, another: AnyStore) -> None:
        """A store that is closed before its first use stays closed, too."""
        another.close()

        assert self.answers(another, draw()) == ""

    @needs_fork
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork_after_close(self, store: AnyStore) -> None:
        """A fork opens nothing again, neither in the parent nor in the child."""
        key = self.add(store, {"a": b"1"})
        store.close()

        assert Child(lambda: self.answers(store, key)).result() == ""
        assert self.answers(store, key) == ""
