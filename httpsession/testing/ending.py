"""remove, expire and evict: each session is returned to exactly one caller.

The caller notifies the listeners, so they hear of each end once in all processes (S61). A session that was removed but
not returned would end unheard.
"""

from __future__ import annotations

import pytest

from ..stores.base import Stored
from .base import INTERVAL, MOMENT, AnyStore, Contract, contents, draw, keys_of


class Ending(Contract):
    """The promises of remove, expire and evict.

    A store has to remove and return in one step, under whatever key it finds the session.
    """

    def test_remove_returns_the_session(self, store: AnyStore, another: AnyStore) -> None:
        """A removed session comes back with its latest attributes and record.

        Its values are unbound next, so all of them are needed, also those that other requests have saved.
        """
        key = self.add(store, {"a": b"1", "b": b"2"}, lifetime=1000)
        changes = {"put": {"a": b"one", "c": b"3"}, "removed": ["b"], "max_inactive_interval": 5, "principal": "anna"}
        assert self.save(store, key, **changes)
        stored = another.remove(key)

        assert stored is not None
        record = stored.record
        assert (record.key, contents(stored)) == (key, {"a": b"one", "c": b"3"})
        assert (record.max_inactive_interval, record.principal) == (5, "anna")
        assert (record.creation_time, record.deadline) == (self.now, self.at(1000))

    def test_remove_once(self, store: AnyStore, another: AnyStore) -> None:
        """Only the first remove returns the session. Then it is gone for all callers, and nothing revives it.

        A store that marks sessions as removed has to look at the mark in every verb.
        """
        key = self.add(store, {"a": b"1"}, principal="anna")
        assert store.remove(key) is not None

        assert another.remove(key) is None
        assert self.is_gone(another, key)
        assert self.save(another, key, new_key=self.draw_for(store, key)) is False
        assert another.expire(self.at(1e9), 10) == []
        assert (len(another), another.records_of("anna"), list(another)) == (0, [], [])

    def test_remove_unknown(self, store: AnyStore) -> None:
        """A remove of an unknown key returns nothing."""
        self.add(store)

        assert store.remove(draw()) is None
        assert len(store) == 1

    def test_remove_an_expired_session(self, store: AnyStore) -> None:
        """A session that is due and that no caller has claimed can be removed."""
        key = self.add(store, {"a": b"1"}, at=-1000)
        stored = store.remove(key)

        assert stored is not None
        assert contents(stored) == {"a": b"1"}
        assert store.expire(self.now, 10) == []

    def test_expire_what_is_due(self, store: AnyStore) -> None:
        """Sessions are removed that were idle for their interval or have reached their deadline; all others stay.

        The end itself is due, and the moment before it is not (S51).
        """
        end = self.end_of(store)
        due = [self.add(store), self.add(store, at=20, interval=40), self.add(store, interval=0, lifetime=end)]
        alive = [
            self.add(store, at=MOMENT),
            self.add(store, interval=INTERVAL + 1),
            self.add(store, interval=0),
            self.add(store, interval=-1),
            self.add(store, interval=0, lifetime=end + MOMENT),
        ]

        assert keys_of(store.expire(self.at(end), 100)) == sorted(due)
        assert keys_of(store) == sorted(alive)
        assert store.expire(self.at(end), 100) == [], "each session is claimed once"

    def test_expire_returns_the_sessions(self, store: AnyStore) -> None:
        """An expired session comes back with all that it had, and its user's list loses it.

        A system that expires entries by itself cannot give them back, so a store must not leave this to it.
        """
        key = self.add(store, {"a": b"1"}, principal="anna")
        [stored] = store.expire(self.at(self.end_of(store)), 10)

        assert (stored.record.key, contents(stored)) == (key, {"a": b"1"})
        assert stored.record.principal == "anna"
        assert self.is_gone(store, key)
        assert (store.records_of("anna"), len(store)) == ([], 0)

    def test_expire_at_the_deadline(self, store: AnyStore) -> None:
        """Deadlines are exact. A session that reaches both ends at the same time is returned once."""
        keys = [self.add(store, lifetime=30.5), self.add(store, lifetime=self.end_of(store))]

        assert store.expire(self.at(30.5 - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(30.5), 10)) == keys[:1]
        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == keys[1:]

    def test_expire_never(self, store: AnyStore) -> None:
        """A session with an interval of zero or less and without a deadline is never due."""
        keys = [self.add(store, interval=interval) for interval in (0, -1)]

        assert store.expire(self.at(1e9), 10) == []
        assert keys_of(store) == sorted(keys)

    def test_expire_respects_the_limit(self, store: AnyStore) -> None:
        """No more sessions than the limit are removed at a time. If as many come back, more may be due.

        The limit bounds how long other callers wait. A sweep repeats the call.
        """
        keys = [self.add(store) for _ in range(25)]
        alive = self.add(store, interval=600)
        sizes: list[int] = []
        claimed: list[Stored] = []
        while not sizes or sizes[-1] == 10:
            some = store.expire(self.at(self.end_of(store)), 10)
            sizes.append(len(some))
            claimed += some

        assert sizes == [10, 10, 5]
        assert keys_of(claimed) == sorted(keys)
        assert keys_of(store) == [alive]

    def test_fewer_than_the_limit_are_all(self, store: AnyStore) -> None:
        """When fewer sessions than the limit come back, no other is due, however many there were.

        A sweep ends there. A store that looks at a sample, or at one shard, would leave sessions behind.
        """
        keys = [self.add(store, interval=50 + number % 7) for number in range(300)]
        claimed = store.expire(self.at(1000), 1000)

        assert keys_of(claimed) == sorted(keys)
        assert len(store) == 0

    def test_used_later_due_later(self, store: AnyStore) -> None:
        """Sessions become due in the order of their latest use, not of their creation.

        A store that writes the end only at the creation returns them in the wrong order.
        """
        keys = [self.add(store) for _ in range(5)]
        for seconds, key in enumerate(reversed(keys), 1):
            store.touch([(key, self.at(seconds), self.at(seconds))])
        for seconds, key in enumerate(reversed(keys), 1):
            assert keys_of(store.expire(self.at(seconds + self.end_of(store)), 10)) == [key]

    def test_in_use(self, store: AnyStore) -> None:
        """A session does not expire while a request is in flight; its idle time begins when the request ends.

        A store that is not shared asks *in_use*. A shared store learns of the request by touch.
        """
        key, idle = self.add(store), self.add(store)
        if store.is_shared:
            store.touch([(key, self.at(50), self.at(100))])
        assert keys_of(store.expire(self.at(100), 10, lambda: {key: self.at(50)})) == [idle]

        end = 100 + self.end_of(store)
        assert store.expire(self.at(end - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(end), 10)) == [key]

    def test_in_use_by_load_and_touch(self, store: AnyStore) -> None:
        """Where touch does not report requests in flight, loads and touches spare a session in use as a sweep does.

        A request that arrived after the end spares nothing.
        """
        if store.is_shared:
            pytest.skip("a shared store learns of requests by touch")
        loaded, touched, late = (self.add(store) for _ in range(3))

        def in_use() -> dict[bytes, float]:
            return {loaded: self.at(50), touched: self.at(50), late: self.at(INTERVAL)}

        assert [found and found[2] for found in [store.load(loaded, self.at(100), in_use)]] == [False]
        store.touch([(touched, self.at(100), self.at(101)), (late, self.at(100), self.at(101))], in_use)

        assert keys_of(store.expire(self.at(100), 10)) == [late]
        assert keys_of(store) == sorted([loaded, touched])

    def test_deadlines_spare_nothing(self, store: AnyStore) -> None:
        """A session ends at its deadline even when a request is in flight."""
        key = self.add(store, lifetime=30)
        store.touch([(key, self.at(20), self.at(30))])

        assert keys_of(store.expire(self.at(30), 10, lambda: {key: self.at(20)})) == [key]

    def test_evict(self, store: AnyStore) -> None:
        """Sessions are evicted whose client never came back: in memory the oldest first, each to one caller.

        A flood of clients without cookies makes such sessions, and must push out only them.
        """
        keys = [self.add(store, {"a": b"1"}, at=number, interval=600) for number in range(3)]
        evicted = [store.evict() for _ in range(4)]

        assert evicted.pop() is None
        found = [stored for stored in evicted if stored is not None]
        assert keys_of(found) == sorted(keys)
        assert store.is_shared or [stored.record.key for stored in found] == keys
        assert all(contents(stored) == {"a": b"1"} for stored in found)
        assert len(store) == 0

    def test_joined_are_not_evicted(self, store: AnyStore) -> None:
        """A session whose client came back is never evicted.

        A shared store knows it by an access after the creation, which a change of the key must not lose.
        """
        key = self.add(store, interval=600)
        store.load(key, self.at(5))
        store.touch([(key, self.at(5), self.at(6))])
        renamed = self.rename(store, key)
        newcomer = self.add(store, at=10, interval=600)
        stored = store.evict()

        assert stored is not None
        assert stored.record.key == newcomer
        assert store.evict() is None
        assert keys_of(store) == [renamed]

    def test_used_are_not_evicted(self, store: AnyStore) -> None:
        """A session that a request of this process is using is not evicted; the next session is."""
        used, idle = self.add(store, interval=600), self.add(store, at=1, interval=600)

        def in_use() -> dict[bytes, float]:
            return {used: self.now}

        stored = store.evict(in_use)

        assert stored is not None
        assert stored.record.key == idle
        assert store.evict(in_use) is None
        assert keys_of(store) == [used]

    def test_evicted_is_gone(self, store: AnyStore) -> None:
        """No method finds an evicted session."""
        key = self.add(store)
        assert store.evict() is not None

        assert self.is_gone(store, key)
        assert (len(store), store.expire(self.at(1e9), 10)) == (0, [])
