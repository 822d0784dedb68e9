"""Races: each method is atomic for one session, whoever else calls what at the same time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..record import SessionRecord
from ..stores.base import Changes, SessionStore, Stored
from .base import THREADS, Contract, Race, contents, keys_of


class Racing(Contract):
    """What threads may count on, of a shared store also processes."""

    def create(self, store: SessionStore, key: bytes, name: str) -> bool:
        """Make a session with this key, of which an attribute says who made it."""
        return store.create(SessionRecord.created("", key, self.now, 60, None), {name: b"1"})

    def save_some(self, store: SessionStore, key: bytes, name: str) -> set[str]:
        """Save attributes one by one, and return the names of those that are acknowledged."""
        names = [f"{name} {number}" for number in range(4)]
        return {one for one in names if self.save(store, key, put={one: b"1"})}

    def increment(self, store: SessionStore, key: bytes, times: int) -> None:
        """Count up by reading, and saving if nobody else has saved meanwhile."""
        for _ in range(times):
            old = self.read(store, key)["n"]
            while not self.save(store, key, put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}):
                old = self.read(store, key)["n"]

    def claims(self, store: SessionStore, key: bytes, at: float) -> list[Callable[[], list[Stored]]]:
        """Return the ways in which a session that is due can be taken out."""

        def load() -> list[Stored]:
            found = store.load(key, at)
            return [] if found is None else [found[0]]

        def remove() -> list[Stored]:
            stored = store.remove(key)
            return [] if stored is None else [stored]

        return [load, remove, lambda: store.expire(at, 10)]

    def live(self, store: SessionStore) -> None:
        """Do with a session of one's own what is done with sessions."""
        key = self.add(store, {"a": b"1"}, principal="anna")
        assert self.save(store, key, put={"b": b"2"})
        store.touch([(key, self.at(1), self.at(2))])
        new = self.rename(store, key)
        assert self.read(store, new) == {"a": b"1", "b": b"2"}
        stored = store.remove(new)
        assert stored is not None
        assert contents(stored) == {"a": b"1", "b": b"2"}

    def test_many_threads(self, store: SessionStore, another: SessionStore) -> None:
        """Any number of threads use the store at once; threads come and go."""
        for _ in range(3):
            with Race() as race:
                race.run(*[partial(self.live, one) for one in [store, another] * (THREADS // 2)])
        assert (len(store), store.of("anna")) == (0, [])

    def test_race_of_creators(self, store: SessionStore, another: SessionStore) -> None:
        """Of those who create a session with the same key one does, and it is that one's."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.draw_for(store, bytes(32))[1]
                stores = [store, another] * 3
                made = race.run(*[partial(self.create, one, key, str(who)) for who, one in enumerate(stores)])
                assert made.count(True) == 1
                assert self.read(store, key) == {str(made.index(True)): b"1"}
        assert len(store) == self.rounds

    def test_race_of_attributes(self, store: SessionStore, another: SessionStore) -> None:
        """Of many that save attributes of their own to one session none loses any."""
        key = self.add(store)
        with Race() as race:
            for number in range(self.rounds):
                stores = [store, another] * 4
                names = [f"{number}.{who}" for who in range(8)]
                saves = zip(stores, names, strict=True)
                acknowledged = race.run(*[partial(self.save_some, one, key, name) for one, name in saves])
                assert [len(some) for some in acknowledged] == [4] * 8

        assert len(self.read(store, key)) == self.rounds * 8 * 4

    def test_race_of_counters(self, store: SessionStore, another: SessionStore) -> None:
        """Counting by expecting what was read gives the exact sum."""
        key = self.add(store, {"n": b"0"})
        with Race() as race:
            race.run(*[partial(self.increment, one, key, self.rounds) for one in [store, another] * 2])

        assert self.read(store, key) == {"n": b"%d" % (4 * self.rounds)}

    def test_race_of_readers(self, store: SessionStore, another: SessionStore) -> None:
        """Whoever loads while others save sees all of a change or nothing of it."""
        key = self.add(store, {"a": b"0", "b": b"0"})

        def read() -> list[dict[str, bytes]]:
            return [self.read(another, key) for _ in range(20)]

        def save(value: bytes) -> list[dict[str, bytes]]:
            for _ in range(10):
                assert self.save(store, key, put={"a": value, "b": value, f"only {value!r}": b"1"})
                assert self.save(store, key, put={"a": b"", "b": b""}, removed=[f"only {value!r}"])
            return []

        with Race() as race:
            for _ in range(self.rounds):
                seen = [one for some in race.run(read, read, partial(save, b"1"), partial(save, b"2")) for one in some]
                assert all(one["a"] == one["b"] for one in seen)

    def test_race_of_save_and_remove(self, store: SessionStore, another: SessionStore) -> None:
        """What was acknowledged is in what the removal gave back; after it nothing of the session is there."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another] * 2)]
                *acknowledged, stored = race.run(*savers, partial(another.remove, key))
                assert stored is not None
                assert set(contents(stored)) == set().union(*acknowledged)
                assert self.is_gone(store, key)
        assert len(store) == 0

    def test_race_of_touch_and_remove(self, store: SessionStore, another: SessionStore) -> None:
        """No access brings a session back that is removed at the same time."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                batch = [(key, self.at(1 + number), self.at(2 + number)) for number in range(10)]
                *_, stored = race.run(*[partial(store.touch, batch)] * 4, partial(another.remove, key))
                assert stored is not None
                assert (store.peek(key), len(store), store.of("anna")) == (None, 0, [])

    def test_race_of_touch_and_expire(self, store: SessionStore, another: SessionStore) -> None:
        """A session is either swept and gone, or was kept by an access that came before; never both."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                touch = partial(store.touch, [(key, self.at(50), self.at(100))])
                _, expired = race.run(touch, partial(another.expire, self.at(self.end_of(store)), 10))
                stored = store.peek(key)
                assert (stored is None) == (len(expired) == 1)
                assert stored is None or stored.record.used == self.at(100)
                store.remove(key)

    def test_race_of_claimers(self, store: SessionStore, another: SessionStore) -> None:
        """Of all that load, remove or sweep a session that is due one gets it, marked and with all that it had."""
        at = self.at(self.end_of(store))
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"a": b"1"})
                answers = race.run(*self.claims(store, key, at), *self.claims(another, key, at))
                claimed = [stored for some in answers for stored in some]
                assert keys_of(claimed) == [key]
                assert claimed[0].record.removed
                assert contents(claimed[0]) == {"a": b"1"}
                assert self.is_gone(store, key)

    def test_race_of_removers(self, store: SessionStore, another: SessionStore) -> None:
        """Of many that remove a session at the same time one gets it."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                removed = race.run(*[partial(one.remove, key) for one in [store, another] * 3])
                assert keys_of(stored for stored in removed if stored is not None) == [key]

    def test_race_of_sweepers(self, store: SessionStore, another: SessionStore) -> None:
        """Several that sweep at the same time get each session once, and together all."""
        with Race() as race:
            for _ in range(5):
                keys = [self.add(store) for _ in range(60)]
                sweeps = [partial(one.expire, self.at(self.end_of(store)), 25) for one in [store, another] * 2]
                assert keys_of(stored for some in race.run(*sweeps) for stored in some) == sorted(keys)
                assert len(store) == 0

    def test_race_for_the_abandoned(self, store: SessionStore, another: SessionStore) -> None:
        """Several that need room at the same time give up different sessions."""
        with Race() as race:
            for _ in range(self.rounds):
                keys = [self.add(store, interval=600) for _ in range(4)]
                given_up = race.run(*[one.abandoned for one in [store, another] * 3])
                assert keys_of(stored for stored in given_up if stored is not None) == sorted(keys)

    def test_race_of_save_and_rename(self, store: SessionStore, another: SessionStore) -> None:
        """Saves that are under way when the key changes are all acknowledged, and all are under the new key."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                rename = partial(self.rename, another, key)
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another])]
                *acknowledged, new = race.run(*savers, rename)
                assert [len(some) for some in acknowledged] == [4, 4]
                assert set(self.read(store, new)) == set().union(*acknowledged)
                assert store.load(key, self.now) is None

    def test_race_of_renames(self, store: SessionStore, another: SessionStore) -> None:
        """Of changes of the id that come from the same key one wins, and the others' keys find nothing."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                stores = [store, another] * 2
                drawn = [self.draw_for(store, key) for _ in stores]
                answers = race.run(
                    *[
                        partial(one.save, key, Changes(put={new[0]: b"1"}, new_id=new), self.now)
                        for one, new in zip(stores, drawn, strict=True)
                    ]
                )
                assert answers.count(True) == 1
                winner = drawn.pop(answers.index(True))
                assert self.read(store, winner[1]) == {winner[0]: b"1"}
                assert all(store.load(new[1], self.now) is None for new in [*drawn, ("", key)])
        assert len(store) == self.rounds

    def test_race_of_rename_and_remove(self, store: SessionStore, another: SessionStore) -> None:
        """A logout at the same time as a change of the id gets the session, and it is gone under all its keys."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                new = self.draw_for(store, key)
                _, stored = race.run(partial(self.save, store, key, new_id=new), partial(another.remove, key))
                assert stored is not None
                assert (self.is_gone(store, key), self.is_gone(store, new[1])) == (True, True)
                assert (len(store), store.of("anna")) == (0, [])

    def test_race_of_rename_and_create(self, store: SessionStore, another: SessionStore) -> None:
        """A key that a session is to move to and another is to be made with goes to one of the two."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"moved": b"1"})
                new = self.draw_for(store, key)
                rename = partial(self.save, store, key, new_id=new)
                answers = race.run(rename, partial(self.create, another, new[1], "created"))
                assert sorted(answers) == [False, True]
                assert self.read(store, new[1]) == ({"moved": b"1"} if answers[0] else {"created": b"1"})
                assert (store.load(key, self.now) is None) == answers[0]

    def test_race_of_rename_and_expire(self, store: SessionStore, another: SessionStore) -> None:
        """A session whose key changes while it is swept is given back once, and gone under both keys."""
        at = self.at(self.end_of(store))
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                new = self.draw_for(store, key)
                _, expired = race.run(partial(self.save, store, key, new_id=new), partial(another.expire, at, 10))
                assert len(expired + store.expire(at, 10)) == 1
                assert (self.is_gone(store, key), self.is_gone(store, new[1])) == (True, True)
                assert (len(store), store.of("anna")) == (0, [])

    def test_race_of_rename_and_touch(self, store: SessionStore, another: SessionStore) -> None:
        """An access that is told while the key changes is noted."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                touch = partial(store.touch, [(key, self.at(10), self.at(20))])
                _, new = race.run(touch, partial(self.rename, another, key))
                stored = store.peek(new)
                assert stored is not None
                assert (stored.record.accessed, stored.record.used) == (self.at(10), self.at(20))

    def test_race_of_save_and_fresh_start(self, store: SessionStore, another: SessionStore) -> None:
        """Nothing that is saved under the old key reaches a session that starts afresh with a new one."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"old": b"1"})
                start = partial(self.rename, another, key, afresh=True, put={"fresh": b"1"})
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another])]
                *_, new = race.run(*savers, start)
                assert self.read(store, new) == {"fresh": b"1"}

    def test_race_of_binding_and_remove(self, store: SessionStore, another: SessionStore) -> None:
        """A session that is bound to users at the same time is in one list, and in none when it has been removed."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                binds = [partial(self.save, store, key, principal=user) for user in ("anna", "berta")]
                assert race.run(*binds) == [True, True]
                assert len(store.of("anna")) + len(store.of("berta")) == 1
                race.run(*binds, partial(another.remove, key))
                assert (store.of("anna"), store.of("berta")) == ([], [])
