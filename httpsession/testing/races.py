"""Races: each method is atomic for one session, whatever other threads call at the same time.

A store with two objects on the same data, as two processes have, races with itself through both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..record import SessionRecord
from ..stores.base import Changes, Stored
from .base import THREADS, AnyStore, Contract, Race, contents, keys_of, session_for


class Races(Contract):
    """The promises to threads; of a shared store also to processes. A race may pass by luck: more rounds find more."""

    def create(self, store: AnyStore, key: bytes, name: str) -> bool:
        """Create a session with this key and an attribute that names its creator."""
        return store.create(session_for(store, SessionRecord.created(key, self.now, 60, None), {name: b"1"}))

    def save_some(self, store: AnyStore, key: bytes, name: str) -> set[str]:
        """Save attributes singly, and return the names of those that the store acknowledged."""
        names = [f"{name} {number}" for number in range(4)]
        return {one for one in names if self.save(store, key, put={one: b"1"})}

    def increment(self, store: AnyStore, key: bytes, times: int) -> None:
        """Count up by reading, and saving if no other thread has saved meanwhile."""
        for _ in range(times):
            old = self.read(store, key)["n"]
            while not self.save(store, key, put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}):
                old = self.read(store, key)["n"]

    def claims(self, store: AnyStore, key: bytes, at: float) -> list[Callable[[], list[Stored]]]:
        """Return the ways to claim a session that is due. Each returns a list of what it got."""

        def load() -> list[Stored]:
            found = store.load(key, at)
            return [] if found is None else [found[0]]

        def remove() -> list[Stored]:
            stored = store.remove(key)
            return [] if stored is None else [stored]

        return [load, remove, lambda: store.expire(at, 10)]

    def live(self, store: AnyStore) -> None:
        """Create, change, move and remove a session."""
        key = self.add(store, {"a": b"1"}, principal="anna")
        assert self.save(store, key, put={"b": b"2"})
        store.touch([(key, self.at(1), self.at(2))])
        new = self.rename(store, key)
        assert self.read(store, new) == {"a": b"1", "b": b"2"}
        stored = store.remove(new)
        assert stored is not None
        assert contents(stored) == {"a": b"1", "b": b"2"}

    def test_many_threads(self, store: AnyStore, another: AnyStore) -> None:
        """Any number of threads use the store at once; threads come and go."""
        for _ in range(3):
            with Race() as race:
                race.run(*[partial(self.live, one) for one in [store, another] * (THREADS // 2)])
        assert (len(store), store.records_of("anna")) == (0, [])

    def test_race_of_creators(self, store: AnyStore, another: AnyStore) -> None:
        """Of threads that create a session with the same key, exactly one succeeds, and the session is its own."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.draw_for(store, bytes(32))
                stores = [store, another] * 3
                made = race.run(*[partial(self.create, one, key, str(who)) for who, one in enumerate(stores)])
                assert made.count(True) == 1
                assert self.read(store, key) == {str(made.index(True)): b"1"}
        assert len(store) == self.rounds

    def test_race_of_attributes(self, store: AnyStore, another: AnyStore) -> None:
        """Of threads that save different attributes of one session, none loses any."""
        key = self.add(store)
        with Race() as race:
            for number in range(self.rounds):
                stores = [store, another] * 4
                names = [f"{number}.{who}" for who in range(8)]
                saves = zip(stores, names, strict=True)
                acknowledged = race.run(*[partial(self.save_some, one, key, name) for one, name in saves])
                assert [len(some) for some in acknowledged] == [4] * 8

        assert len(self.read(store, key)) == self.rounds * 8 * 4

    def test_race_of_counters(self, store: AnyStore, another: AnyStore) -> None:
        """Counting by expecting the value that was read gives the exact sum."""
        key = self.add(store, {"n": b"0"})
        with Race() as race:
            race.run(*[partial(self.increment, one, key, self.rounds) for one in [store, another] * 2])

        assert self.read(store, key) == {"n": b"%d" % (4 * self.rounds)}

    def test_race_of_readers(self, store: AnyStore, another: AnyStore) -> None:
        """A load during saves sees all of a change or nothing of it."""
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

    def test_race_of_save_and_remove(self, store: AnyStore, another: AnyStore) -> None:
        """The removal returns everything that was acknowledged; after it nothing of the session is there."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another] * 2)]
                *acknowledged, stored = race.run(*savers, partial(another.remove, key))
                assert stored is not None
                assert set(contents(stored)) == set().union(*acknowledged)
                assert self.is_gone(store, key)
        assert len(store) == 0

    def test_race_of_touch_and_remove(self, store: AnyStore, another: AnyStore) -> None:
        """No access revives a session that is removed at the same time."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                batch = [(key, self.at(1 + number), self.at(2 + number)) for number in range(10)]
                *_, stored = race.run(*[partial(store.touch, batch)] * 4, partial(another.remove, key))
                assert stored is not None
                assert (store.peek(key), len(store), store.records_of("anna")) == (None, 0, [])

    def test_race_of_touch_and_expire(self, store: AnyStore, another: AnyStore) -> None:
        """A session either expired and is gone, or was kept by an access that came before; never both."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                touch = partial(store.touch, [(key, self.at(50), self.at(100))])
                _, expired = race.run(touch, partial(another.expire, self.at(self.end_of(store)), 10))
                stored = store.peek(key)
                assert (stored is None) == (len(expired) == 1)
                assert stored is None or stored.record.used == self.at(100)
                store.remove(key)

    def test_race_of_claimers(self, store: AnyStore, another: AnyStore) -> None:
        """Of threads that load, remove or expire a session that is due, exactly one gets it, complete."""
        at = self.at(self.end_of(store))
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"a": b"1"})
                answers = race.run(*self.claims(store, key, at), *self.claims(another, key, at))
                claimed = [stored for some in answers for stored in some]
                assert keys_of(claimed) == [key]
                assert contents(claimed[0]) == {"a": b"1"}
                assert self.is_gone(store, key)

    def test_race_of_removers(self, store: AnyStore, another: AnyStore) -> None:
        """Of threads that remove a session at the same time, exactly one gets it."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                removed = race.run(*[partial(one.remove, key) for one in [store, another] * 3])
                assert keys_of(stored for stored in removed if stored is not None) == [key]

    def test_race_of_sweepers(self, store: AnyStore, another: AnyStore) -> None:
        """Threads that expire sessions at the same time get each session once, and together all."""
        with Race() as race:
            for _ in range(5):
                keys = [self.add(store) for _ in range(60)]
                sweeps = [partial(one.expire, self.at(self.end_of(store)), 25) for one in [store, another] * 2]
                assert keys_of(stored for some in race.run(*sweeps) for stored in some) == sorted(keys)
                assert len(store) == 0

    def test_race_of_evictions(self, store: AnyStore, another: AnyStore) -> None:
        """Threads that need room at the same time evict different sessions."""
        with Race() as race:
            for _ in range(self.rounds):
                keys = [self.add(store, interval=600) for _ in range(4)]
                evicted = race.run(*[one.evict for one in [store, another] * 3])
                assert keys_of(stored for stored in evicted if stored is not None) == sorted(keys)

    def test_race_of_save_and_rename(self, store: AnyStore, another: AnyStore) -> None:
        """Saves in flight when the key changes are all acknowledged, and all are under the new key."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                rename = partial(self.rename, another, key)
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another])]
                *acknowledged, new = race.run(*savers, rename)
                assert [len(some) for some in acknowledged] == [4, 4]
                assert set(self.read(store, new)) == set().union(*acknowledged)
                assert store.load(key, self.now) is None

    def test_race_of_renames(self, store: AnyStore, another: AnyStore) -> None:
        """Of changes of the key that come from the same key exactly one wins; the other new keys find nothing."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                stores = [store, another] * 2
                drawn = [self.draw_for(store, key) for _ in stores]
                answers = race.run(
                    *[
                        partial(one.save, key, Changes(put={new.hex(): b"1"}, new_key=new), self.now)
                        for one, new in zip(stores, drawn, strict=True)
                    ]
                )
                assert answers.count(True) == 1
                winner = drawn.pop(answers.index(True))
                assert self.read(store, winner) == {winner.hex(): b"1"}
                assert all(store.load(new, self.now) is None for new in [*drawn, key])
        assert len(store) == self.rounds

    def test_race_of_rename_and_remove(self, store: AnyStore, another: AnyStore) -> None:
        """A logout during a change of the key gets the session, which is gone under all its keys."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                new = self.draw_for(store, key)
                _, stored = race.run(partial(self.save, store, key, new_key=new), partial(another.remove, key))
                assert stored is not None
                assert (self.is_gone(store, key), self.is_gone(store, new)) == (True, True)
                assert (len(store), store.records_of("anna")) == (0, [])

    def test_race_of_rename_and_create(self, store: AnyStore, another: AnyStore) -> None:
        """A key that a rename and a creation both want goes to one of them."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"moved": b"1"})
                new = self.draw_for(store, key)
                rename = partial(self.save, store, key, new_key=new)
                answers = race.run(rename, partial(self.create, another, new, "created"))
                assert sorted(answers) == [False, True]
                assert self.read(store, new) == ({"moved": b"1"} if answers[0] else {"created": b"1"})
                assert (store.load(key, self.now) is None) == answers[0]

    def test_race_of_rename_and_expire(self, store: AnyStore, another: AnyStore) -> None:
        """A session that expires during a change of its key is returned once, and gone under both keys."""
        at = self.at(self.end_of(store))
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                new = self.draw_for(store, key)
                _, expired = race.run(partial(self.save, store, key, new_key=new), partial(another.expire, at, 10))
                assert len(expired + store.expire(at, 10)) == 1
                assert (self.is_gone(store, key), self.is_gone(store, new)) == (True, True)
                assert (len(store), store.records_of("anna")) == (0, [])

    def test_race_of_rename_and_touch(self, store: AnyStore, another: AnyStore) -> None:
        """An access during a change of the key is recorded."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                touch = partial(store.touch, [(key, self.at(10), self.at(20))])
                _, new = race.run(touch, partial(self.rename, another, key))
                stored = store.peek(new)
                assert stored is not None
                assert (stored.record.accessed, stored.record.used) == (self.at(10), self.at(20))

    def test_race_of_logins(self, store: AnyStore, another: AnyStore) -> None:
        """Of logins from the same key exactly one wins; the other new keys find nothing."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"cart": b"1"})
                stores = [store, another] * 2
                drawn = [self.draw_for(store, key) for _ in stores]
                changes = [Changes(put={new.hex(): b"1"}, new_key=new, is_login=True) for new in drawn]
                answers = race.run(
                    *[partial(one.save, key, some, self.now) for one, some in zip(stores, changes, strict=True)]
                )
                assert answers.count(True) == 1
                winner = drawn.pop(answers.index(True))
                assert self.read(store, winner) == {"cart": b"1", winner.hex(): b"1"}
                assert all(store.load(new, self.now) is None for new in [*drawn, key])
                assert store.was_left(key, self.now)
        assert len(store) == self.rounds

    def test_race_of_save_and_login(self, store: AnyStore, another: AnyStore) -> None:
        """A login carries over everything that was acknowledged before it, and nothing is added after it."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another])]
                *acknowledged, new = race.run(*savers, partial(self.log_in, another, key))
                assert set(self.read(store, new)) == set().union(*acknowledged)

    def test_race_of_save_and_clearing_login(self, store: AnyStore, another: AnyStore) -> None:
        """No save with the former key reaches a session that a login cleared."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"old": b"1"})
                log_in = partial(self.log_in, another, key, clear=True, put={"fresh": b"1"})
                savers = [partial(self.save_some, one, key, str(who)) for who, one in enumerate([store, another])]
                *_, new = race.run(*savers, log_in)
                assert self.read(store, new) == {"fresh": b"1"}

    def test_race_of_login_and_remove(self, store: AnyStore, another: AnyStore) -> None:
        """Either the login comes first and the logout with the former key finds nothing, or there is no login."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                new = self.draw_for(store, key)
                log_in = partial(self.save, store, key, new_key=new, is_login=True)
                answer, removed = race.run(log_in, partial(another.remove, key))
                assert answer == (removed is None) == store.was_left(key, self.now)
                assert keys_of(store) == ([new] if answer else [])
                store.remove(new)

    def test_race_of_login_and_rename(self, store: AnyStore, another: AnyStore) -> None:
        """A login follows a rename that comes first. A rename does not follow a login."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, {"a": b"1"})
                renamed, new = self.draw_for(store, key), self.draw_for(store, key)
                log_in = partial(self.save, store, key, new_key=new, is_login=True)
                answer, was_renamed = race.run(log_in, partial(self.save, another, key, new_key=renamed))
                assert answer is True
                assert self.read(store, new) == {"a": b"1"}
                assert store.was_left(renamed, self.now) == was_renamed
                assert (self.is_gone(store, key), self.is_gone(store, renamed)) == (True, True)

    def test_race_of_login_and_expire(self, store: AnyStore, another: AnyStore) -> None:
        """A session that expires during a login is returned once, and gone under all its keys."""
        at = self.at(self.end_of(store))
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                new = self.draw_for(store, key)
                log_in = partial(self.save, store, key, new_key=new, is_login=True)
                answer, expired = race.run(log_in, partial(another.expire, at, 10))
                expired += store.expire(at, 10)
                assert keys_of(expired) == [new if answer else key]
                assert (self.is_gone(store, key), self.is_gone(store, new)) == (True, True)
                assert (len(store), store.records_of("anna")) == (0, [])

    def test_race_of_principals_and_remove(self, store: AnyStore, another: AnyStore) -> None:
        """A session that two saves bind to users at once is in one list, and in none once it was removed."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store)
                binds = [partial(self.save, store, key, principal=user) for user in ("anna", "berta")]
                assert race.run(*binds) == [True, True]
                assert len(store.records_of("anna")) + len(store.records_of("berta")) == 1
                race.run(*binds, partial(another.remove, key))
                assert (store.records_of("anna"), store.records_of("berta")) == ([], [])
