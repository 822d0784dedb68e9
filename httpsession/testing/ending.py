"""remove, expire and abandoned: whoever takes a session out gets it, and is the only one."""

from __future__ import annotations

from ..stores.base import SessionStore, Stored
from .base import INTERVAL, MOMENT, NOBODY, Contract, contents, draw, keys_of


class Ending(Contract):
    """What remove, expire and abandoned promise."""

    def test_remove_gives_back_what_was_there(self, store: SessionStore, another: SessionStore) -> None:
        """A removed session comes back with all that was saved last, and marked as removed."""
        key = self.add(store, {"a": b"1", "b": b"2"}, lifetime=1000)
        changes = {"put": {"a": b"one", "c": b"3"}, "removed": ["b"], "max_inactive_interval": 5, "principal": "anna"}
        assert self.save(store, key, **changes)
        stored = another.remove(key)

        assert stored is not None
        record = stored.record
        assert (record.key, record.removed, contents(stored)) == (key, True, {"a": b"one", "c": b"3"})
        assert (record.max_inactive_interval, record.principal) == (5, "anna")
        assert (record.creation_time, record.deadline) == (self.now, self.at(1000))

    def test_remove_once(self, store: SessionStore, another: SessionStore) -> None:
        """Only the first who removes a session gets it; after that it is gone for all, and nothing brings it back."""
        key = self.add(store, {"a": b"1"}, principal="anna")
        assert store.remove(key) is not None

        assert another.remove(key) is None
        assert self.is_gone(another, key)
        assert self.save(another, key, new_id=self.draw_for(store, key)) is False
        assert another.expire(self.at(1e9), 10) == []
        assert (len(another), another.of("anna"), list(another)) == (0, [], [])

    def test_remove_unknown(self, store: SessionStore) -> None:
        """There is nothing to give back for a key that nobody has."""
        self.add(store)

        assert store.remove(draw()[1]) is None
        assert len(store) == 1

    def test_remove_one_that_is_due(self, store: SessionStore) -> None:
        """A session that is due and that nobody has claimed is given to who removes it."""
        key = self.add(store, {"a": b"1"}, at=-1000)
        stored = store.remove(key)

        assert stored is not None
        assert contents(stored) == {"a": b"1"}
        assert store.expire(self.now, 10) == []

    def test_expire_what_is_due(self, store: SessionStore) -> None:
        """Those are removed that were idle for their interval or have reached their deadline, and all others stay."""
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
        assert store.expire(self.at(end), 100) == [], "what was claimed is claimed"

    def test_expire_gives_back_what_was_there(self, store: SessionStore) -> None:
        """What is due comes back with all that it had, marked as removed, and is its user's no more."""
        key = self.add(store, {"a": b"1"}, principal="anna")
        [stored] = store.expire(self.at(self.end_of(store)), 10)

        assert (stored.record.key, stored.record.removed, contents(stored)) == (key, True, {"a": b"1"})
        assert stored.record.principal == "anna"
        assert self.is_gone(store, key)
        assert (store.of("anna"), len(store)) == ([], 0)

    def test_expire_at_the_deadline(self, store: SessionStore) -> None:
        """Deadlines are exact, also of a session that is idle for too long just then: it is given back once."""
        keys = [self.add(store, lifetime=30.5), self.add(store, lifetime=self.end_of(store))]

        assert store.expire(self.at(30.5 - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(30.5), 10)) == keys[:1]
        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == keys[1:]

    def test_expire_never(self, store: SessionStore) -> None:
        """A session with an interval of zero or less and without a deadline is never due."""
        keys = [self.add(store, interval=interval) for interval in (0, -1)]

        assert store.expire(self.at(1e9), 10) == []
        assert keys_of(store) == sorted(keys)

    def test_expire_respects_the_limit(self, store: SessionStore) -> None:
        """No more than the limit are removed at a time; as long as so many were, there may be more."""
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

    def test_fewer_than_the_limit_are_all(self, store: SessionStore) -> None:
        """When fewer than the limit come back none is left, however many there were."""
        keys = [self.add(store, interval=50 + number % 7) for number in range(300)]
        claimed = store.expire(self.at(1000), 1000)

        assert keys_of(claimed) == sorted(keys)
        assert len(store) == 0

    def test_used_later_due_later(self, store: SessionStore) -> None:
        """Sessions become due in the order in which they were used, not in that in which they were made."""
        keys = [self.add(store) for _ in range(5)]
        for seconds, key in enumerate(reversed(keys), 1):
            store.touch([(key, self.at(seconds), self.at(seconds))])
        for seconds, key in enumerate(reversed(keys), 1):
            assert keys_of(store.expire(self.at(seconds + self.end_of(store)), 10)) == [key]

    def test_in_use(self, store: SessionStore) -> None:
        """A session in which a request is under way does not time out; its idle time begins when that has ended.

        What is not shared looks into ``in_use``; a shared store is told by touch while the request is under way.
        """
        key, idle = self.add(store), self.add(store)
        if store.is_shared:
            store.touch([(key, self.at(50), self.at(100))])
        else:
            store.in_use = lambda: {key: self.at(50)}
        assert keys_of(store.expire(self.at(100), 10)) == [idle]
        store.in_use = lambda: NOBODY

        end = 100 + self.end_of(store)
        assert store.expire(self.at(end - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(end), 10)) == [key]

    def test_deadlines_spare_nobody(self, store: SessionStore) -> None:
        """A session ends at its deadline also when a request is under way."""
        key = self.add(store, lifetime=30)
        store.touch([(key, self.at(20), self.at(30))])
        store.in_use = lambda: {key: self.at(20)}

        assert keys_of(store.expire(self.at(30), 10)) == [key]

    def test_abandoned(self, store: SessionStore) -> None:
        """Given up are sessions whose client never came back: in memory the oldest first, each to one caller."""
        keys = [self.add(store, {"a": b"1"}, at=number, interval=600) for number in range(3)]
        given_up = [store.abandoned() for _ in range(4)]

        assert given_up.pop() is None
        found = [stored for stored in given_up if stored is not None]
        assert keys_of(found) == sorted(keys)
        assert store.is_shared or [stored.record.key for stored in found] == keys
        assert all(stored.record.removed and contents(stored) == {"a": b"1"} for stored in found)
        assert len(store) == 0

    def test_joined_are_not_abandoned(self, store: SessionStore) -> None:
        """A session whose client came back is never given up, nor is anything made of one that was not there."""
        key = self.add(store, interval=600)
        store.load(key, self.at(5))
        store.touch([(key, self.at(5), self.at(6))])
        renamed = self.rename(store, key)
        newcomer = self.add(store, at=10, interval=600)
        stored = store.abandoned()

        assert stored is not None
        assert stored.record.key == newcomer
        assert store.abandoned() is None
        assert keys_of(store) == [renamed]

    def test_used_are_not_abandoned(self, store: SessionStore) -> None:
        """A session that a request of this process is using is not given up, the next one is."""
        used, idle = self.add(store, interval=600), self.add(store, at=1, interval=600)
        store.in_use = lambda: {used: self.now}
        stored = store.abandoned()

        assert stored is not None
        assert stored.record.key == idle
        assert store.abandoned() is None
        assert keys_of(store) == [used]

    def test_abandoned_is_gone(self, store: SessionStore) -> None:
        """A session that was given up is found by nothing any more, its user's list included."""
        key = self.add(store, principal="anna")
        assert store.abandoned() is not None

        assert self.is_gone(store, key)
        assert (store.of("anna"), store.expire(self.at(1e9), 10)) == ([], [])
