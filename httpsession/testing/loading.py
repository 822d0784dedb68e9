"""load and peek: the session, and when the request before arrived."""

from __future__ import annotations

import pytest

from ..stores.base import SessionStore
from .base import INTERVAL, MOMENT, Contract, contents, draw


class Loading(Contract):
    """What load promises."""

    def test_load_unknown(self, store: SessionStore) -> None:
        """A key that nobody has finds nothing, and makes nothing."""
        _, key = draw()

        assert store.load(key, self.now) is None
        assert (len(store), list(store)) == (0, [])

    def test_load_tells_when_the_request_before_arrived(self, store: SessionStore, another: SessionStore) -> None:
        """At first that is when the session was made, later when the latest request arrived."""
        key = self.add(store)
        first = store.load(key, self.at(10))
        store.touch([(key, self.at(10), self.at(11))])
        second = another.load(key, self.at(25))

        assert first is not None
        assert second is not None
        assert (first[1], second[1]) == (self.now, self.at(10))

    def test_load_that_is_late(self, store: SessionStore) -> None:
        """A request that is heard of after later ones is not told that a request before it came after it."""
        key = self.add(store)
        store.touch([(key, self.at(30), self.at(30)), (key, self.at(40), self.at(40))])
        found = store.load(key, self.at(20))

        assert found is not None
        assert found[1] is not None
        assert found[1] <= self.at(20)

    def test_load_and_the_access(self, store: SessionStore) -> None:
        """A store that is not shared notes the access as it loads; a shared one writes nothing until touch tells it."""
        key = self.add(store)
        assert self.is_alive(store, key, 10)
        stored = store.peek(key)
        assert stored is not None
        assert stored.record.accessed == self.at(0 if store.is_shared else 10)
        store.touch([(key, self.at(10), self.at(10))])

        stored = store.peek(key)
        assert stored is not None
        assert stored.record.accessed == self.at(10)

    def test_idle_just_before_its_end(self, store: SessionStore) -> None:
        """A session that was idle for a moment less than its interval is alive; shared, for a second more."""
        key = self.add(store)

        assert self.is_alive(store, key, self.end_of(store) - MOMENT)

    def test_idle_until_its_end(self, store: SessionStore) -> None:
        """A session that was idle for just its interval is due, shared, a second later: it is given back as over."""
        key = self.add(store, {"a": b"1"}, principal="anna")
        found = store.load(key, self.at(self.end_of(store)))

        assert found is not None, "a session that is due is given back, so that the listeners hear of its end"
        stored, previous = found
        assert previous is None
        assert stored.record.removed
        assert (stored.record.key, stored.record.principal, contents(stored)) == (key, "anna", {"a": b"1"})

    def test_deadline_is_exact(self, store: SessionStore) -> None:
        """A session ends at its deadline, shared or not, however much it was used."""
        key = self.add(store, lifetime=30.5)
        store.touch([(key, self.at(30), self.at(30))])
        assert self.is_alive(store, key, 30.5 - MOMENT)
        found = store.load(key, self.at(30.5))

        assert found is not None
        assert found[1] is None
        assert found[0].record.removed

    @pytest.mark.parametrize("interval", [0, -1])
    def test_no_interval(self, store: SessionStore, interval: int) -> None:
        """With an interval of zero or less a session is never idle for too long; its deadline holds."""
        key = self.add(store, interval=interval)
        mortal = self.add(store, interval=interval, lifetime=1e6)

        assert self.is_alive(store, key, 1e9)
        assert self.is_alive(store, mortal, 1e6 - MOMENT)
        assert not self.is_alive(store, mortal, 1e6)

    def test_due_is_dead_whatever_the_clock_does(self, store: SessionStore, another: SessionStore) -> None:
        """A session that a load found to be over is gone for all, also when the clock goes back."""
        key = self.add(store, principal="anna")
        store.load(key, self.at(self.end_of(store)))

        assert another.load(key, self.at(self.end_of(store))) is None, "it is given back to exactly one caller"
        assert self.is_gone(another, key)
        assert another.expire(self.at(1e9), 10) == []
        assert (another.of("anna"), len(another)) == ([], 0)

    def test_load_of_one_that_is_alive(self, store: SessionStore) -> None:
        """Loading takes nothing away: the session can be loaded again, is not marked as removed, and is the same."""
        key = self.add(store, {"a": b"1"}, lifetime=1000, principal="anna")
        for _ in range(3):
            found = store.load(key, self.at(1))
            assert found is not None
            record = found[0].record
            assert (record.key, record.removed, contents(found[0])) == (key, False, {"a": b"1"})
            assert (record.creation_time, record.principal) == (self.now, "anna")
            assert (record.max_inactive_interval, record.deadline) == (INTERVAL, self.at(1000))

    def test_copies(self, store: SessionStore) -> None:
        """What comes out of a shared store is a copy, and so is what it takes; else all share the very objects."""
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

    def test_peek_unknown(self, store: SessionStore) -> None:
        """A key that nobody has finds nothing, and makes nothing."""
        _, key = draw()

        assert store.peek(key) is None
        assert len(store) == 0

    def test_peek_notes_nothing(self, store: SessionStore) -> None:
        """Looking at a session is no access: the end does not move, nor what the next load tells."""
        key = self.add(store, {"a": b"1"})
        for _ in range(3):
            stored = store.peek(key)
            assert stored is not None
            assert contents(stored) == {"a": b"1"}
            assert (stored.record.accessed, stored.record.used) == (self.now, self.now)
        found = store.load(key, self.at(10))

        assert found is not None
        assert found[1] == self.now

    def test_peek_at_one_that_is_due(self, store: SessionStore) -> None:
        """A session that is due is there until somebody claims it."""
        key = self.add(store, {"a": b"1"}, at=-1000)
        stored = store.peek(key)
        assert stored is not None
        assert contents(stored) == {"a": b"1"}
        assert not stored.record.removed

        found = store.load(key, self.now)
        assert found is not None
        assert found[1] is None
        assert store.peek(key) is None
