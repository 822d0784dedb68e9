"""touch: the accesses of many requests, to sessions that exist.

The package calls it in the background and in batches. Until then sessions may have ended, moved, or been used again.
"""

from __future__ import annotations

from ..record import SessionRecord
from .base import INTERVAL, MOMENT, AnyStore, Contract, contents, draw, keys_of


class Touching(Contract):
    """The promises of touch. It keeps sessions alive that are in use, and never revives one."""

    def record(self, store: AnyStore, key: bytes) -> SessionRecord:
        """Return the record of a session that must be there."""
        stored = store.peek(key)
        assert stored is not None, "the session is not there"
        record: SessionRecord = stored.record
        return record

    def test_touch_moves_the_end(self, store: AnyStore, another: AnyStore) -> None:
        """The idle time begins anew when a request ends, each in its own session; all else stays.

        A request uses its session from its arrival to its end, so both times are recorded.
        """
        one, two = self.add(store, {"a": b"1"}), self.add(store, principal="anna")
        store.touch([(one, self.at(10), self.at(30)), (two, self.at(20), self.at(20.5))])
        record = self.record(another, one)
        assert (record.accessed, record.used, record.creation_time) == (self.at(10), self.at(30), self.now)

        end = self.end_of(store)
        assert another.expire(self.at(20.5 + end - MOMENT), 10) == []
        assert keys_of(another.expire(self.at(20.5 + end), 10)) == [two]
        assert another.expire(self.at(30 + end - MOMENT), 10) == []
        [stored] = another.expire(self.at(30 + end), 10)
        assert (stored.record.key, contents(stored)) == (one, {"a": b"1"})

    def test_touch_unknown(self, store: AnyStore) -> None:
        """Unknown keys are ignored: no session is made, and the other accesses are recorded.

        Clients send ids of sessions that are long gone, so a batch always has some.
        """
        key = self.add(store)
        unknown = [(draw(), self.at(10), self.at(10)) for _ in range(3)]
        store.touch([*unknown, (key, self.at(10), self.at(11)), *unknown])

        assert (self.record(store, key).accessed, len(store), keys_of(store)) == (self.at(10), 1, [key])

    def test_touch_nothing(self, store: AnyStore) -> None:
        """There may be no accesses at all, and they may come in any iterable."""
        key = self.add(store)
        store.touch([])
        store.touch(iter(()))
        store.touch(access for access in [(key, self.at(1), self.at(2))])

        assert self.record(store, key).used == self.at(2)

    def test_touch_moves_no_time_back(self, store: AnyStore) -> None:
        """An access that is recorded after later ones changes neither the latest arrival nor the latest end.

        Batches of several processes reach the store in any order.
        """
        key = self.add(store)
        store.touch([(key, self.at(30), self.at(40))])
        store.touch([(key, self.at(10), self.at(20))])
        record = self.record(store, key)

        assert (record.accessed, record.used) == (self.at(30), self.at(40))

    def test_arrival_and_end_count_apart(self, store: AnyStore) -> None:
        """Of a long request and a short one within it, the latest arrival and the latest end are kept."""
        key = self.add(store)
        store.touch([(key, self.at(20), self.at(21))])
        store.touch([(key, self.at(10), self.at(50))])
        record = self.record(store, key)

        assert (record.accessed, record.used) == (self.at(20), self.at(50))

    def test_request_that_began_in_time(self, store: AnyStore) -> None:
        """A request that arrived in time and ended long after has used the session for all that time.

        A store that compares the end of the request with the end of the session would lose it (S54).
        """
        key = self.add(store)
        store.touch([(key, self.at(self.end_of(store) - MOMENT), self.at(500))])

        assert self.is_alive(store, key, 500 + INTERVAL - MOMENT)
        assert store.expire(self.at(500 + INTERVAL - MOMENT), 10) == []

    def test_touch_revives_nothing(self, store: AnyStore) -> None:
        """A request that arrived when the session had expired does not extend it.

        What was due stays due, also if no sweep has claimed it yet.
        """
        idle, mortal = self.add(store), self.add(store, lifetime=30)
        end = self.end_of(store)
        store.touch([(mortal, self.at(30), self.at(31)), (idle, self.at(end), self.at(end + 1))])

        assert (self.record(store, idle).accessed, self.record(store, mortal).accessed) == (self.now, self.now)
        assert keys_of(store.expire(self.at(end), 10)) == sorted([idle, mortal])

    def test_touch_in_order(self, store: AnyStore) -> None:
        """Each request of a batch finds the session as the earlier ones left it: alive thanks to them, or expired."""
        kept, over = self.add(store), self.add(store)
        batch = [
            (kept, self.at(50), self.at(50)),
            (over, self.at(50), self.at(55)),
            (kept, self.at(100), self.at(100)),
            (over, self.at(55 + self.end_of(store)), self.at(200)),
            (kept, self.at(150), self.at(150)),
            (over, self.at(201), self.at(202)),
        ]
        store.touch(batch)

        assert (self.record(store, kept).accessed, self.record(store, over).accessed) == (self.at(150), self.at(50))
        assert keys_of(store.expire(self.at(150), 10)) == [over]
        found = store.load(kept, self.at(160))
        assert found is not None
        assert found[1] == self.at(150)

    def test_touch_after_remove(self, store: AnyStore, another: AnyStore) -> None:
        """A batch that was on its way when its session was removed does not revive it.

        A store whose touch is an upsert would keep an empty session.
        """
        key, other = self.add(store), self.add(store)
        store.remove(key)
        another.touch([(key, self.at(1), self.at(2)), (other, self.at(1), self.at(2))])

        assert self.is_gone(store, key)
        assert keys_of(store) == [other]

    def test_touch_without_an_interval(self, store: AnyStore) -> None:
        """Accesses of a session without interval are recorded, too, and give it no end."""
        key = self.add(store, interval=0)
        store.touch([(key, self.at(10), self.at(11))])

        assert self.record(store, key).accessed == self.at(10)
        assert store.expire(self.at(1e9), 10) == []

    def test_touch_is_bounded_by_the_deadline(self, store: AnyStore) -> None:
        """However late a request ends, it does not carry its session beyond the deadline."""
        key = self.add(store, lifetime=70)
        store.touch([(key, self.at(50), self.at(69))])

        assert store.expire(self.at(70 - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(70), 10)) == [key]

    def test_touch_thousands(self, store: AnyStore) -> None:
        """A batch of thousands of accesses, to many sessions and to few, is recorded completely.

        A store may divide it, since each access is atomic only for itself, but has to keep the order.
        """
        keys = [self.add(store) for _ in range(200)]
        unknown = draw()
        batch = []
        for number in range(5000):
            arrived = self.at(number / 128)
            batch.append((unknown if number % 7 == 0 else keys[number % 200], arrived, arrived + 1))
        latest = {key: arrived for key, arrived, _ in batch if key != unknown}
        store.touch(batch)

        assert {stored.record.key: stored.record.accessed for stored in store} == latest
        assert {stored.record.key: stored.record.used - 1 for stored in store} == latest
