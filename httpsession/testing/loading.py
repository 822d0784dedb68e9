"""load and peek: the session, and when the request before arrived.

A load is made for a request, which is an access. A peek looks at a session in the middle of one, and is none.
"""

from __future__ import annotations

import pytest

from .base import INTERVAL, MOMENT, AnyStore, Contract, contents, draw


class Loading(Contract):
    """The promises of load and peek, of which the first ends a session that is due, and the second ends none."""

    def test_load_unknown(self, store: AnyStore) -> None:
        """A load of an unknown key finds nothing and makes nothing."""
        key = draw()

        assert store.load(key, self.now) is None
        assert (len(store), list(store)) == (0, [])

    def test_load_returns_the_arrival_before(self, store: AnyStore, another: AnyStore) -> None:
        """The first load returns when the session was created; later loads, when the latest request arrived.

        ``last_accessed_time`` comes from it (S24). A store that records the access first would return the present
        request.
        """
        key = self.add(store)
        first = store.load(key, self.at(10))
        store.touch([(key, self.at(10), self.at(11))])
        second = another.load(key, self.at(25))

        assert first is not None
        assert second is not None
        assert (first[1], second[1]) == (self.now, self.at(10))

    def test_late_load(self, store: AnyStore) -> None:
        """A load that comes late never returns an arrival after its own.

        Requests of one client may reach the store in another order than they arrived.
        """
        key = self.add(store)
        store.touch([(key, self.at(30), self.at(30)), (key, self.at(40), self.at(40))])
        found = store.load(key, self.at(20))

        assert found is not None
        assert found[1] <= self.at(20)

    def test_load_and_the_access(self, store: AnyStore) -> None:
        """A store that is not shared records the access at the load. A shared store writes nothing until touch.

        With a write in each load, every request that only reads would wait for the writers.
        """
        key = self.add(store)
        assert self.is_alive(store, key, 10)
        stored = store.peek(key)
        assert stored is not None
        assert stored.record.accessed == self.at(0 if store.is_shared else 10)
        store.touch([(key, self.at(10), self.at(10))])

        stored = store.peek(key)
        assert stored is not None
        assert stored.record.accessed == self.at(10)

    def test_idle_just_before_its_end(self, store: AnyStore) -> None:
        """A session that was idle for a moment less than its interval is alive; in a shared store for a second more."""
        key = self.add(store)

        assert self.is_alive(store, key, self.end_of(store) - MOMENT)

    def test_idle_until_its_end(self, store: AnyStore) -> None:
        """A session that was idle for its interval, in a shared store a second longer, is returned as expired.

        Idle for exactly so long is expired (S51). The caller needs the session to notify the listeners (S52).
        """
        key = self.add(store, {"a": b"1"}, principal="anna")
        found = store.load(key, self.at(self.end_of(store)))

        assert found is not None, "an expired session is returned, so that the listeners learn of its end"
        stored, _, is_expired = found
        assert is_expired is True
        assert (stored.record.key, stored.record.principal, contents(stored)) == (key, "anna", {"a": b"1"})

    def test_deadline_is_exact(self, store: AnyStore) -> None:
        """A session ends at its deadline in every store, however much it was used."""
        key = self.add(store, lifetime=30.5)
        store.touch([(key, self.at(30), self.at(30))])
        assert self.is_alive(store, key, 30.5 - MOMENT)
        found = store.load(key, self.at(30.5))

        assert found is not None
        assert found[2] is True

    @pytest.mark.parametrize("interval", [0, -1])
    def test_no_interval(self, store: AnyStore, interval: int) -> None:
        """With an interval of zero or less a session is never idle for too long; its deadline holds.

        A store that hands the interval to its system as a time to live ends such a session at once (S29).
        """
        key = self.add(store, interval=interval)
        mortal = self.add(store, interval=interval, lifetime=1e6)

        assert self.is_alive(store, key, 1e9)
        assert self.is_alive(store, mortal, 1e6 - MOMENT)
        assert not self.is_alive(store, mortal, 1e6)

    def test_due_is_dead_whatever_the_clock_does(self, store: AnyStore, another: AnyStore) -> None:
        """A session that a load found expired is gone for all callers, even when the clock goes back.

        A store that only compares times in each call would find it alive again, after its listeners heard of its end.
        """
        key = self.add(store, principal="anna")
        store.load(key, self.at(self.end_of(store)))

        assert another.load(key, self.at(self.end_of(store))) is None, "it is returned to exactly one caller"
        assert self.is_gone(another, key)
        assert another.expire(self.at(1e9), 10) == []
        assert (another.records_of("anna"), len(another)) == ([], 0)

    def test_load_of_a_living_session(self, store: AnyStore) -> None:
        """A load removes nothing: the session can be loaded again, and is the same."""
        key = self.add(store, {"a": b"1"}, lifetime=1000, principal="anna")
        for _ in range(3):
            found = store.load(key, self.at(1))
            assert found is not None
            record = found[0].record
            assert (record.key, found[2], contents(found[0])) == (key, False, {"a": b"1"})
            assert (record.creation_time, record.principal) == (self.now, "anna")
            assert (record.max_inactive_interval, record.deadline) == (INTERVAL, self.at(1000))

    def test_copies(self, store: AnyStore) -> None:
        """A shared store accepts and returns copies; any other store shares the very objects.

        If a shared store returned its own objects, a request could change a session without saving it.
        """
        given = {"a": b"1"}
        key = self.add(store, given)
        given["a"] = b"given"
        for found in (store.peek(key), (store.load(key, self.now) or (None,))[0], next(iter(store))):
            assert found is not None
            assert contents(found) == {"a": b"1"}
            found.record.principal = "anna"
            stored = store.peek(key)
            assert stored is not None
            assert stored.record.principal == (None if store.is_shared else "anna")
            found.record.principal = None

    def test_peek_unknown(self, store: AnyStore) -> None:
        """A peek at an unknown key finds nothing and makes nothing."""
        key = draw()

        assert store.peek(key) is None
        assert len(store) == 0

    def test_peek_records_nothing(self, store: AnyStore) -> None:
        """A peek is no access: it moves neither the end nor the arrival that the next load returns.

        Otherwise a look by an administrator would keep a session alive.
        """
        key = self.add(store, {"a": b"1"})
        for _ in range(3):
            stored = store.peek(key)
            assert stored is not None
            assert contents(stored) == {"a": b"1"}
            assert (stored.record.accessed, stored.record.used) == (self.now, self.now)
        found = store.load(key, self.at(10))

        assert found is not None
        assert found[1] == self.now

    def test_peek_at_an_expired_session(self, store: AnyStore) -> None:
        """A session that is due is there until a caller claims it."""
        key = self.add(store, {"a": b"1"}, at=-1000)
        stored = store.peek(key)
        assert stored is not None
        assert contents(stored) == {"a": b"1"}

        found = store.load(key, self.now)
        assert found is not None
        assert found[2] is True
        assert store.peek(key) is None
