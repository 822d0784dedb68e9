"""The helpers of all tests: keys, times, and threads that begin at the same moment.

No test sleeps: times are arguments of a store. They count from the second in which the test began, since a store may
have a clock of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import cached_property, partial
from threading import Barrier
from types import TracebackType
from typing import Any, Self

import pytest

from ..attributes import Attributes
from ..ids import draw_until, key_of, new_id
from ..record import LiveRecord, SessionRecord
from ..stores.base import SLACK, Changes, LiveEntry, SessionStore, Stored, StoredSession

#: Seconds without a request after which the sessions of these tests are over, if a test says nothing else.
INTERVAL = 60
#: The least time that makes a difference here, in seconds; sums with it are exact.
MOMENT = 2.0**-10
#: How many threads a race may have, and how many seconds none of them may take.
THREADS = 32
PATIENCE = 60.0
#: Bytes in the ids whose keys the tests use.
_ID_BYTES = 16
#: A store under test, whatever it gives back.
AnyStore = SessionStore[Any]


def draw() -> bytes:
    """Return a key that no session had before."""
    return key_of(new_id(_ID_BYTES))


def session_for(store: AnyStore, record: SessionRecord, attributes: Mapping[str, bytes] = {}) -> Any:
    """Return a new session in the form that the store keeps: live, or encoded.

    Args:
        store: the store, which says by ``is_shared`` what it keeps.
        record: the record, which a live session copies.
        attributes: values by name. They are bytes for a live store, too, so that the same tests fit both.
    """
    if store.is_shared:
        return StoredSession(record, dict(attributes))
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return LiveEntry(LiveRecord(**values), Attributes(attributes))


def contents(stored: Stored) -> dict[str, bytes]:
    """Return the attributes that a stored session has now, live or not."""
    attributes = stored.attributes
    return attributes.snapshot() if isinstance(attributes, Attributes) else dict(attributes)


def keys_of(sessions: Iterable[Stored]) -> list[bytes]:
    """Return the keys of sessions, sorted, since stores return sessions in any order."""
    return sorted(stored.record.key for stored in sessions)


class Race:
    """Threads that begin at the same moment and switch as often as Python can let them.

    It is a context manager: inside, threads switch every 10 microseconds, and a pool of :data:`THREADS` threads is kept
    for all runs. A race finds a fault only with some luck, so a test repeats it ``rounds`` times.
    """

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
        """Run each action in a thread of its own and return all results; raise the error of an action that fails.

        Threads tend to run in the order in which they were started, so each run starts them in another order.

        Args:
            actions: at most :data:`THREADS` functions.

        Returns:
            The results in the order of the actions.
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
    """The helpers that all tests use. A test class derives from :class:`StoreContract` instead.

    Methods with *at* count seconds from the beginning of the test.
    """

    #: How often each race is run.
    rounds = 25
    #: Whether the store knows only from its arguments, and not by a clock of its own, how long ago an id was changed.
    #: Set it where that is so: for another store, which would have to be waited for, it is not shown that this ends.
    counts_by_arguments = False

    @pytest.fixture
    def another(self, store: AnyStore) -> AnyStore:
        """Return the store as another process sees it. Only a shared store can return another object."""
        return store

    @cached_property
    def now(self) -> float:
        """When the test began, in whole seconds: a time of today, since a store may have a clock of its own."""
        return float(int(time.time()))

    def at(self, seconds: float) -> float:
        """Return the time so many seconds after the test began."""
        return self.now + seconds

    def end_of(self, store: AnyStore, interval: int = INTERVAL) -> float:
        """Return the seconds after which an idle session with this interval is due.

        Accesses reach a shared store late, so its sessions are due :data:`SLACK` seconds later.
        """
        return interval + (SLACK if store.is_shared else 0.0)

    def add(
        self,
        store: AnyStore,
        attributes: Mapping[str, bytes] = {},
        *,
        at: float = 0.0,
        interval: int = INTERVAL,
        lifetime: float | None = None,
        principal: str | None = None,
    ) -> bytes:
        """Keep a new session, created *at* so many seconds after the test began, and return its key.

        Args:
            store: the store.
            attributes: values by name.
            at: seconds from the beginning of the test; negative is before it.
            interval: seconds without a request after which the session is due; zero or less: never.
            lifetime: seconds from the creation to the deadline; None: no deadline.
            principal: the user that is logged in, if any.
        """
        record = SessionRecord.created(draw(), self.at(at), interval, lifetime)
        record.principal = principal
        assert store.create(session_for(store, record, attributes)), "create refused a key that no session has"
        return record.key

    def save(self, store: AnyStore, key: bytes, **changes: Any) -> bool:
        """Save changes at the time when the test began.

        Args:
            store: the store.
            key: the key under which the caller knows the session.
            changes: fields of :class:`.Changes`.

        Returns:
            Whether the store applied them.
        """
        return store.save(key, Changes(**changes), self.now)

    def draw_for(self, store: AnyStore, key: bytes) -> bytes:
        """Return a new key to which the session can move: a store with shards does not accept every key."""
        _, new_key = draw_until(_ID_BYTES, partial(store.can_move, key))
        return new_key

    def rename(self, store: AnyStore, key: bytes, **changes: Any) -> bytes:
        """Move a session to a new key, and return that key."""
        new = self.draw_for(store, key)
        assert self.save(store, key, new_key=new, **changes), "save refused to move a session to a key that fits"
        return new

    def log_in(self, store: AnyStore, key: bytes, **changes: Any) -> bytes:
        """Log in to a session, which begins anew under a new key, and return this key."""
        return self.rename(store, key, is_login=True, **changes)

    def is_alive(self, store: AnyStore, key: bytes, at: float = 0.0) -> bool:
        """Return whether a request that arrives then finds the session."""
        found = store.load(key, self.at(at))
        return found is not None and not found[2]

    def read(self, store: AnyStore, key: bytes) -> dict[str, bytes]:
        """Return the attributes of a session that must be there."""
        found = store.load(key, self.now)
        assert found is not None, "the session is not there"
        assert not found[2], "the session was taken for expired"
        return contents(found[0])

    def is_gone(self, store: AnyStore, key: bytes) -> bool:
        """Return whether no method finds a session under this key, and none makes a session."""
        answers = (
            store.peek(key),
            store.load(key, self.now),
            store.remove(key),
            self.save(store, key, put={"late": b"1"}) or None,
        )
        store.touch([(key, self.now, self.now)])
        return answers == (None,) * 4 and store.peek(key) is None
