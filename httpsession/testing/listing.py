"""records_of, iteration, len and describe.

Administration uses them, while requests and sweeps go on. They look at sessions and change none.
"""

from __future__ import annotations

from ..stores.base import SessionStore
from .base import AnyStore, Contract, contents


class Listing(Contract):
    """The promises of a store as a whole."""

    def test_is_a_store(self, store: AnyStore) -> None:
        """The store has all methods of a store and says whether it is shared; it begins empty."""
        assert isinstance(store, SessionStore)
        assert store.is_shared in (True, False)
        assert (len(store), list(store), store.records_of("anna"), store.expire(self.now, 10)) == (0, [], [], [])
        assert store.evict() is None

    def test_records_of(self, store: AnyStore, another: AnyStore) -> None:
        """From every process records_of lists the sessions of a user, with their records.

        An administrator ends all sessions of a user by it, so none may be missing.
        """
        keys = [self.add(store, principal="anna", at=number, interval=600 + number) for number in range(3)]
        self.add(store, principal="berta")
        self.add(store)
        records = another.records_of("anna")

        assert sorted((one.key, one.creation_time, one.max_inactive_interval) for one in records) == sorted(
            (key, self.at(number), 600 + number) for number, key in enumerate(keys)
        )
        assert {one.principal for one in records} == {"anna"}
        assert another.records_of("unknown") == []

    def test_records_of_many(self, store: AnyStore) -> None:
        """A user may have hundreds of sessions. Sessions that ended, in whatever way, are not listed.

        A store that keeps a list for each user has to remove a session from it in every verb that ends one.
        """
        keys = [self.add(store, principal="anna", interval=600) for _ in range(300)]
        store.remove(keys.pop())
        self.save(store, keys.pop(), principal=None)
        self.save(store, keys.pop(), principal="berta")
        self.save(store, keys[-1], max_inactive_interval=5)
        self.save(store, keys[-2], max_inactive_interval=5)
        store.load(keys.pop(), self.at(100))
        store.expire(self.at(100), 10)
        keys.pop()

        assert sorted(record.key for record in store.records_of("anna")) == sorted(keys)

    def test_iteration(self, store: AnyStore, another: AnyStore) -> None:
        """Iteration yields each session once, with its attributes, and records no access.

        There are more sessions than the stores of this package read at a time.
        """
        expected = {self.add(store, {"n": b"%d" % number}): {"n": b"%d" % number} for number in range(250)}
        seen = [(stored.record.key, contents(stored), stored.record.accessed) for stored in another]

        assert len(seen) == 250
        assert {key: attributes for key, attributes, _ in seen} == expected
        assert {accessed for _, _, accessed in seen} == {self.now}

    def test_iteration_while_sessions_come_and_go(self, store: AnyStore) -> None:
        """Iteration goes on while sessions are removed and created, and yields those that stay.

        A cursor that counts positions would skip a session for each one that goes.
        """
        stay = [self.add(store) for _ in range(20)]
        go = {self.add(store) for _ in range(100)}
        seen = []
        for stored in store:
            seen.append(stored.record.key)
            if go and len(seen) <= 20:
                store.remove(go.pop())
                self.add(store)

        assert sorted(set(seen)) == sorted(seen), "no session is seen twice"
        assert set(stay) <= set(seen)
        assert go <= set(seen)

    def test_length(self, store: AnyStore, another: AnyStore) -> None:
        """The length is the number of sessions, due or not, however they came and went.

        A counter beside the sessions drifts at the first verb that forgets it.
        """
        self.add(store, at=-1000)
        keys = [self.add(store) for _ in range(5)] + [self.add(store, interval=0)]
        assert (len(store), len(another)) == (7, 7)
        store.remove(keys[0])
        self.rename(store, keys[1])
        self.save(store, keys[2], put={"a": b"1"}, principal="anna", max_inactive_interval=0)
        assert len(another) == 6
        assert len(store.expire(self.now, 10)) == 1

        assert (len(store), len(another)) == (5, 5)

    def test_describe(self, store: AnyStore) -> None:
        """The store describes itself in a few words, on one line.

        Commands print the line, so it has no control characters.
        """
        words = store.describe()

        assert isinstance(words, str)
        assert 0 < len(words) < 500
        assert words.isprintable()

    def test_two_objects(self, store: AnyStore, another: AnyStore) -> None:
        """Each change by one store object is seen by the next call of another object on the same data.

        A cache in a store object would return what another process has changed since.
        """
        key = self.add(store, {"a": b"1"})
        assert self.read(another, key) == {"a": b"1"}
        for number in range(20):
            one, other = (store, another) if number % 2 else (another, store)
            assert self.save(one, key, put={"a": b"%d" % number})
            assert self.read(other, key) == {"a": b"%d" % number}
        assert another.remove(key) is not None

        assert self.is_gone(store, key)
