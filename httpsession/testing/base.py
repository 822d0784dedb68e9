"""What the tests of all verbs have in common: keys, times, and threads that begin at the same moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Barrier
from types import TracebackType
from typing import Any, Self

import pytest

from ..ids import key_of, new_id
from ..record import SessionRecord
from ..stores.base import SLACK, Changes, SessionStore, Stored

#: Seconds without a request after which the sessions of these tests are over, if a test says nothing else.
INTERVAL = 60
#: The least time that makes a difference here, in seconds; sums with it are exact.
MOMENT = 2.0**-10
#: How many threads a race may have, and how many seconds none of them may take.
THREADS = 32
PATIENCE = 60.0
#: What ``in_use`` gives when no request is under way.
NOBODY: Mapping[bytes, float] = {}


def draw() -> tuple[str, bytes]:
    """Return an id and its key that nobody has had."""
    session_id = new_id(16)
    return session_id, key_of(session_id)


def contents(stored: Stored) -> dict[str, bytes]:
    """Return the attributes of a session that comes out of a store, live or not, as they are now."""
    return dict(stored.attributes.items())


def keys_of(sessions: Iterable[Stored]) -> list[bytes]:
    """Return the keys of sessions, sorted, since stores give sessions in any order."""
    return sorted(stored.record.key for stored in sessions)


class Race:
    """Threads that begin at the same moment and take turns as often as Python can let them."""

    def __enter__(self) -> Self:
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        self._pool = ThreadPoolExecutor(THREADS)
        self._runs = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        sys.setswitchinterval(self._interval)

    def run(self, *actions: Callable[[], Any]) -> list[Any]:
        """Run each action in a thread of its own and return what each returns; an error of one is raised.

        Threads tend to go on in the order in which they were started, so each run has another one.
        """
        barrier = Barrier(len(actions))
        first = self._runs = (self._runs + 1) % len(actions)

        def begin(action: Callable[[], Any]) -> Any:
            barrier.wait(PATIENCE)
            return action()

        futures = [self._pool.submit(begin, action) for action in actions[first:] + actions[:first]]
        results = [future.result(PATIENCE) for future in futures]
        return results[-first:] + results[:-first]


class Contract:
    """The words in which the tests are written. A test class derives from :class:`StoreContract` instead."""

    #: How often each race is run.
    rounds = 25
    #: Whether the store knows only from its arguments, and not by a clock of its own, how long ago an id was changed.
    #: Set it where that is so: for another store, which would have to be waited for, it is not shown that this ends.
    counts_by_arguments = False

    @pytest.fixture
    def another(self, store: SessionStore) -> SessionStore:
        """Return the store as another process sees it. Only for a shared store can that be another object."""
        return store

    @cached_property
    def now(self) -> float:
        """When the test began: a time of today, since a store may also have a clock of its own; in whole seconds."""
        return float(int(time.time()))

    def at(self, seconds: float) -> float:
        """Return the time so many seconds after the beginning of the test."""
        return self.now + seconds

    def end_of(self, store: SessionStore, interval: int = INTERVAL) -> float:
        """Return the seconds for which a session with this interval has to be idle to be due."""
        return interval + (SLACK if store.is_shared else 0.0)

    def add(
        self,
        store: SessionStore,
        attributes: Mapping[str, bytes] = {},
        *,
        at: float = 0.0,
        interval: int = INTERVAL,
        lifetime: float | None = None,
        principal: str | None = None,
    ) -> bytes:
        """Keep a new session, begun *at* so many seconds after the test did, and return its key."""
        _, key = draw()
        record = SessionRecord.created("", key, self.at(at), interval, lifetime)
        record.principal = principal
        assert store.create(record, dict(attributes)), "create refused a key that nobody has"
        return key

    def save(self, store: SessionStore, key: bytes, **changes: Any) -> bool:
        """Save changes at the beginning of the test."""
        return store.save(key, Changes(**changes), self.now)

    def draw_for(self, store: SessionStore, key: bytes) -> tuple[str, bytes]:
        """Return a new id and its key, to which the session can move."""
        drawn = draw()
        while not store.fits(key, drawn[1]):
            drawn = draw()
        return drawn

    def rename(self, store: SessionStore, key: bytes, **changes: Any) -> bytes:
        """Move a session to a new key, which is returned."""
        new = self.draw_for(store, key)
        assert self.save(store, key, new_id=new, **changes), "save refused to move a session to a key that fits"
        return new[1]

    def is_alive(self, store: SessionStore, key: bytes, at: float = 0.0) -> bool:
        """Return whether a request that arrives then finds the session."""
        found = store.load(key, self.at(at))
        return found is not None and found[1] is not None

    def read(self, store: SessionStore, key: bytes) -> dict[str, bytes]:
        """Return the attributes of a session that must be there."""
        found = store.load(key, self.now)
        assert found is not None, "the session is not there"
        assert found[1] is not None, "the session was taken to be over"
        return contents(found[0])

    def is_gone(self, store: SessionStore, key: bytes) -> bool:
        """Return whether nothing finds a session under this key, nor makes one."""
        answers = (
            store.peek(key),
            store.load(key, self.now),
            store.remove(key),
            self.save(store, key, put={"late": b"1"}) or None,
        )
        store.touch([(key, self.now, self.now)])
        return answers == (None,) * 4 and store.peek(key) is None
