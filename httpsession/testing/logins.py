"""save as a login: the session begins anew under a new key, and nothing follows from its former keys.

An attacker may have planted an id, and may have a request in flight with it. After the login neither is worth anything,
since no mark leads on. The traces that a login leaves lead nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..record import SessionRecord
from ..stores.base import FOLLOW, Changes
from .base import MOMENT, AnyStore, Contract, contents, draw, keys_of, session_for


class Logins(Contract):
    """The promises about logins, in which only ``was_left`` remembers the former keys, for a minute."""

    def try_login(self, store: AnyStore, key: bytes, at: float = 0.0) -> bool:
        """Log in berta, clear the attributes, and return whether the store accepted it."""
        new = self.draw_for(store, key)
        changes = Changes(new_key=new, is_login=True, clear=True, put={"b": b"2"}, principal="berta")
        return store.save(key, changes, self.at(at))

    def test_login(self, store: AnyStore, another: AnyStore) -> None:
        """The session goes on under its new key with its attributes and times; the former key finds nothing."""
        key = self.add(store, {"a": b"1", "b": b"2", "c": b"3"}, at=-5, lifetime=1000)
        new = self.log_in(store, key, principal="anna", put={"b": b"two"}, removed=["c"], max_inactive_interval=77)
        assert self.is_gone(another, key)
        found = another.load(new, self.at(1))

        assert found is not None
        stored, previous, is_expired = found
        assert (contents(stored), previous, is_expired) == ({"a": b"1", "b": b"two"}, self.at(-5), False)
        record = stored.record
        assert (record.key, record.principal, record.max_inactive_interval) == (new, "anna", 77)
        assert (record.creation_time, record.deadline) == (self.at(-5), self.at(995))
        assert [one.key for one in another.records_of("anna")] == keys_of(another) == [new]

    @pytest.mark.parametrize("is_login", [False, True])
    def test_clear(self, store: AnyStore, another: AnyStore, is_login: bool) -> None:
        """With clear only those attributes stay that are put, at a login and without.

        A user who logs in after another one must not see what that user had.
        """
        key = self.add(store, {"a": b"1", "b": b"2"}, lifetime=1000, principal="anna")
        changes = {"clear": True, "put": {"b": b"3", "c": b"4"}, "principal": "berta"}
        new = self.log_in(store, key, **changes) if is_login else key
        assert is_login or self.save(store, key, **changes)
        stored = another.peek(new)

        assert stored is not None
        assert contents(stored) == {"b": b"3", "c": b"4"}
        assert (stored.record.creation_time, stored.record.deadline) == (self.now, self.at(1000))
        assert (len(another.records_of("anna")), len(another.records_of("berta"))) == (0, 1)

    def test_login_without_a_new_key(self, store: AnyStore) -> None:
        """A login that keeps the key is a mistake of the caller, and changes nothing.

        It would cut off no request, and a planted id would be that of the user.
        """
        key = self.add(store, {"a": b"1"})
        with pytest.raises(ValueError, match="new key"):
            self.save(store, key, is_login=True, clear=True, principal="anna")

        assert self.read(store, key) == {"a": b"1"}
        assert (store.was_left(key, self.now), store.records_of("anna")) == (False, [])

    def test_login_follows_renames(self, store: AnyStore, another: AnyStore) -> None:
        """A login in flight follows changes of the key, which other changes of the key do not.

        It cuts off also the request that changed the key, so that only the client that logs in has the session.
        """
        key = self.add(store, {"a": b"1"})
        renamed = self.rename(store, self.rename(store, key))
        new = self.log_in(another, key, principal="anna")

        assert self.read(store, new) == {"a": b"1"}
        assert self.is_gone(store, renamed)
        assert self.is_gone(store, key)
        assert (len(store), store.was_left(renamed, self.now), store.was_left(key, self.now)) == (1, True, True)

    def test_login_follows_for_a_while(self, store: AnyStore) -> None:
        """A login more than a minute after the change of the key finds no session, and leaves none."""
        if not self.counts_by_arguments:
            pytest.skip("the store counts by a clock of its own")
        key = self.add(store, interval=600)
        renamed = self.rename(store, key)

        assert not self.try_login(store, key, FOLLOW + 1)
        assert not store.was_left(key, self.at(FOLLOW + 1))
        assert self.is_alive(store, renamed)
        assert self.try_login(store, key, FOLLOW - 1)

    def test_nothing_follows_a_login(self, store: AnyStore, another: AnyStore) -> None:
        """No request in flight with a former key reaches the session.

        Each verb that follows marks is tried, from each of the former keys.
        """
        key = self.add(store, {"a": b"1"})
        renamed = self.rename(store, key)
        last = self.log_in(store, renamed)
        for former in (key, renamed):
            assert self.is_gone(another, former)
            assert not self.save(another, former, put={"a": b"2"}, expected={"a": b"1"})
            assert not self.save(another, former, principal="mallory", max_inactive_interval=5, deadline=self.now)
            assert not self.save(another, former, notes={"a": b"note"}, clear=True)
            assert not self.save(another, former, new_key=self.draw_for(store, former))
            another.touch([(former, self.at(30), self.at(40))])

        stored = another.peek(last)
        assert stored is not None
        record = stored.record
        assert (record.accessed, record.used, contents(stored)) == (self.now, self.now, {"a": b"1"})
        assert (record.principal, record.max_inactive_interval, dict(record.notes)) == (None, 60, {})
        assert (len(another), another.records_of("mallory")) == (1, [])

    def test_renames_after_a_login(self, store: AnyStore) -> None:
        """Requests follow a rename after a login, but not from keys of before the login."""
        key = self.add(store)
        second = self.log_in(store, key)
        last = self.rename(store, second)

        assert self.is_gone(store, key)
        assert self.save(store, second, put={"a": b"1"}) is True
        assert self.read(store, last) == {"a": b"1"}
        assert (store.was_left(key, self.now), store.was_left(second, self.now)) == (True, False)

    def test_login_after_an_undone_rename(self, store: AnyStore) -> None:
        """A session that returned to its key leaves both keys at a login.

        The key is a former one and the present one at once, which a chain of marks easily loses.
        """
        key = self.add(store)
        renamed = self.rename(store, key)
        assert self.save(store, renamed, new_key=key)
        self.log_in(store, key)

        assert (self.is_gone(store, key), self.is_gone(store, renamed)) == (True, True)
        assert (store.was_left(key, self.now), store.was_left(renamed, self.now)) == (True, True)

    def test_was_left(self, store: AnyStore, another: AnyStore) -> None:
        """A login leaves all keys that the session had until then, and no other key, and so does each later login.

        A login that is refused asks for it. Only after another login may it carry over the attributes that it has read.
        """
        keys = [self.add(store, interval=600)]
        keys.append(self.rename(store, keys[0]))
        assert [another.was_left(key, self.now) for key in keys] == [False, False]
        keys.append(self.log_in(store, keys[1]))
        assert [another.was_left(key, self.now) for key in [*keys, draw()]] == [True, True, False, False]
        keys.append(self.log_in(store, keys[2]))

        assert [another.was_left(key, self.now) for key in keys] == [True, True, True, False]
        assert another.was_left(keys[0], self.at(FOLLOW - 1))

    def test_was_left_for_a_while(self, store: AnyStore) -> None:
        """More than a minute after the login its trace is gone, also when the keys changed long before."""
        if not self.counts_by_arguments:
            pytest.skip("the store counts by a clock of its own")
        key = self.add(store, interval=600)
        renamed = self.rename(store, key)
        changes = Changes(new_key=self.draw_for(store, renamed), is_login=True)
        assert store.save(renamed, changes, self.at(30))

        for former in (key, renamed):
            assert store.was_left(former, self.at(30 + FOLLOW))
            assert not store.was_left(former, self.at(31 + FOLLOW))

    def test_only_logins_leave(self, store: AnyStore) -> None:
        """A session that was removed, evicted, renamed or has expired has left no key.

        Otherwise a login would bring back the attributes of a session that was invalidated.
        """
        keys = [self.add(store, interval=600, at=number) for number in range(3)]
        assert store.evict() is not None
        assert [store.remove(key) for key in keys].count(None) == 1
        keys += [self.add(store, lifetime=5), self.add(store, lifetime=5)]
        assert not self.is_alive(store, keys[-1], 5)
        assert keys_of(store.expire(self.at(5), 10)) == [keys[-2]]
        keys.append(self.add(store))
        keys.append(self.rename(store, keys[-1]))
        assert store.remove(keys[-1]) is not None

        assert [store.was_left(key, self.now) for key in keys] == [False] * 7

    def test_trace_outlives_the_session(self, store: AnyStore) -> None:
        """A login is remembered also when the session that it began has been removed."""
        key = self.add(store)
        new = self.log_in(store, key)
        assert store.remove(new) is not None

        assert (store.was_left(key, self.now), store.was_left(new, self.now)) == (True, False)

    def test_second_login(self, store: AnyStore, another: AnyStore) -> None:
        """A second login from a former key is refused and changes nothing; was_left says why.

        A double click on the login button sends two such requests.
        """
        key = self.add(store, {"a": b"1"})
        renamed = self.rename(store, key)
        new = self.log_in(store, renamed, principal="anna")
        for former in (key, renamed):
            assert not self.try_login(another, former)
            assert another.was_left(former, self.now)

        assert self.read(store, new) == {"a": b"1"}
        assert ([one.key for one in store.records_of("anna")], store.records_of("berta")) == ([new], [])
        assert len(store) == 1

    def test_login_after_a_removal(self, store: AnyStore, another: AnyStore) -> None:
        """A login to a session that was removed is refused and makes none; was_left says why."""
        key = self.add(store, {"a": b"1"})
        renamed = self.rename(store, key)
        assert store.remove(key) is not None
        for former in (key, renamed):
            assert not self.try_login(another, former)
            assert not another.was_left(former, self.now)

        assert (len(store), store.records_of("berta")) == (0, [])

    def test_login_to_a_taken_key(self, store: AnyStore) -> None:
        """A login to a key that another session has is refused, and nothing changes in either session.

        It leaves no trace either, since the session has not moved.
        """
        key = self.add(store, {"a": b"1"})
        taken = self.add(store, {"b": b"2"})
        while not store.can_move(key, taken):
            taken = self.add(store, {"b": b"2"})

        assert not self.save(store, key, new_key=taken, is_login=True, clear=True, principal="anna")
        assert (self.read(store, key), self.read(store, taken)) == ({"a": b"1"}, {"b": b"2"})
        assert (store.was_left(key, self.now), store.records_of("anna")) == (False, [])

    def test_create_under_a_left_key(self, store: AnyStore) -> None:
        """A new session may get a key that a login left: then the key is that session's alone."""
        key = self.add(store, {"old": b"1"})
        old = self.log_in(store, key)
        record = SessionRecord.created(key, self.now, 60, None)
        assert store.create(session_for(store, record, {"new": b"1"}))
        assert self.save(store, key, put={"late": b"1"})

        assert self.read(store, key) == {"new": b"1", "late": b"1"}
        assert self.read(store, old) == {"old": b"1"}

    def test_login_moves_no_end(self, store: AnyStore) -> None:
        """After a login a session is due when it would have been, and is found once."""
        key = self.add(store)
        new = self.log_in(store, key, principal="anna")
        assert store.expire(self.at(self.end_of(store) - MOMENT), 10) == []

        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == [new]
        assert (len(store), store.records_of("anna")) == (0, [])

    @pytest.mark.parametrize("has_joined", [False, True])
    def test_eviction_after_a_login(self, store: AnyStore, has_joined: bool) -> None:
        """After a login, too, a session can be evicted if its client never came back, and only then.

        A store that begins a new session for the login must not forget what it knew of the client.
        """
        key = self.add(store, interval=600)
        if has_joined:
            store.load(key, self.at(5))
            store.touch([(key, self.at(5), self.at(6))])
        new = self.log_in(store, key)
        evicted = store.evict()

        assert (evicted is None) == has_joined
        assert evicted is None or evicted.record.key == new

    @pytest.mark.parametrize("end", ["remove", "expire", "load"])
    def test_end_after_a_login(self, store: AnyStore, end: str) -> None:
        """A session ends after a login like any other, and comes back with its present attributes.

        A store that keeps former and present session apart must not return what the login has left.
        """
        key = self.log_in(store, self.add(store, {"a": b"1"}), principal="anna", put={"b": b"2"})
        late = self.at(self.end_of(store))
        ends: dict[str, Callable[[], list[Any]]] = {
            "remove": lambda: [store.remove(key)],
            "expire": lambda: store.expire(late, 10),
            "load": lambda: [(store.load(key, late) or [None])[0]],
        }
        [stored] = ends[end]()

        assert (stored.record.key, contents(stored)) == (key, {"a": b"1", "b": b"2"})
        assert (len(store), store.records_of("anna"), self.is_gone(store, key)) == (0, [], True)
