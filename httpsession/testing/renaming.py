"""save with a new key: the old one is dead to loads in the same step, and what is under way follows."""

from __future__ import annotations

import pytest

from ..record import SessionRecord
from ..stores.base import FOLLOW, Changes, SessionStore
from .base import MOMENT, Contract, contents, draw, keys_of


class Renaming(Contract):
    """What a change of the id promises."""

    def test_rename(self, store: SessionStore, another: SessionStore) -> None:
        """The session goes on under its new key with all that it has; the old key finds nothing."""
        key = self.add(store, {"a": b"1"}, lifetime=1000, principal="anna")
        new = self.rename(store, key)
        assert another.load(key, self.now) is None
        found = another.load(new, self.at(1))

        assert found is not None
        record = found[0].record
        assert (found[1], contents(found[0])) == (self.now, {"a": b"1"})
        assert (record.key, record.principal, record.deadline) == (new, "anna", self.at(1000))
        assert (len(another), keys_of(another)) == (1, [new])

    def test_rename_with_all_else(self, store: SessionStore) -> None:
        """A new key comes in one step with attributes, interval and principal."""
        key = self.add(store, {"a": b"1", "b": b"2"})
        more = {"put": {"c": b"3"}, "removed": ["a"], "max_inactive_interval": 5, "principal": "anna"}
        new = self.rename(store, key, expected={"a": b"1"}, **more)
        stored = store.peek(new)

        assert stored is not None
        assert contents(stored) == {"b": b"2", "c": b"3"}
        assert (stored.record.max_inactive_interval, stored.record.principal) == (5, "anna")

    def test_rename_to_a_taken_key(self, store: SessionStore) -> None:
        """A key that another session has is refused, and nothing changes in either session."""
        key = self.add(store, {"a": b"1"})
        taken = self.add(store, {"b": b"2"})
        while not store.fits(key, taken):
            taken = self.add(store, {"b": b"2"})
        changes = Changes(put={"c": b"3"}, principal="anna", new_id=("", taken))

        assert store.save(key, changes, self.now) is False
        assert self.read(store, key) == {"a": b"1"}
        assert self.read(store, taken) == {"b": b"2"}
        assert store.of("anna") == []

    def test_rename_to_a_key_that_does_not_fit(self, store: SessionStore) -> None:
        """To ask for a move that cannot be is the caller's mistake, and changes nothing; most stores know none."""
        key = self.add(store, {"a": b"1"})
        misfits = [new for new in (draw() for _ in range(300)) if not store.fits(key, new[1])]
        for new in misfits[:3]:
            with pytest.raises(ValueError, match=r"."):
                self.save(store, key, new_id=new, put={"a": b"2"})
            assert store.peek(new[1]) is None
        assert self.read(store, key) == {"a": b"1"}

    def test_what_is_under_way_follows(self, store: SessionStore, another: SessionStore) -> None:
        """Requests that have the old key still save to the session, see it, and are noted as its accesses."""
        key = self.add(store)
        new = self.rename(store, key)
        assert another.save(key, Changes(put={"a": b"1"}, principal="anna"), self.now) is True
        another.touch([(key, self.at(30), self.at(40))])
        stored = another.peek(key)

        assert stored is not None
        record = stored.record
        assert (record.key, record.principal, contents(stored)) == (new, "anna", {"a": b"1"})
        assert (record.accessed, record.used) == (self.at(30), self.at(40))
        assert another.load(key, self.now) is None, "loads never follow, also when others have"

    def test_remove_follows(self, store: SessionStore, another: SessionStore) -> None:
        """A logout that has the old key ends the session, and is given it under its new key."""
        key = self.add(store, {"a": b"1"})
        new = self.rename(store, key)
        stored = another.remove(key)

        assert stored is not None
        assert (stored.record.key, contents(stored)) == (new, {"a": b"1"})
        assert self.is_gone(store, new)
        assert self.is_gone(store, key)

    def test_following_through_renames(self, store: SessionStore) -> None:
        """All former keys lead to the session, however often its key was changed since."""
        keys = [self.add(store)]
        for _ in range(4):
            keys.append(self.rename(store, keys[-1]))
        for number, key in enumerate(keys):
            assert self.save(store, key, put={str(number): b"1"}) is True
            stored = store.peek(key)
            assert stored is not None
            assert stored.record.key == keys[-1]
        assert self.read(store, keys[-1]) == {str(number): b"1" for number in range(5)}
        assert [store.load(key, self.now) for key in keys[:-1]] == [None] * 4

        assert store.remove(keys[0]) is not None
        assert all(self.is_gone(store, key) for key in keys)

    def test_following_takes_a_while(self, store: SessionStore) -> None:
        """A request that ends almost a minute after the rename is still among those that follow."""
        key = self.add(store, interval=600)
        new = self.rename(store, key)

        assert store.save(key, Changes(put={"a": b"1"}), self.at(FOLLOW - 1)) is True
        assert self.read(store, new) == {"a": b"1"}

    def test_following_takes_no_longer(self, store: SessionStore, another: SessionStore) -> None:
        """What comes more than a minute after the rename with the old key changes nothing and keeps nothing alive.

        A store that counts by a clock of its own would have to be waited for, so this is shown for others.
        """
        if not self.counts_by_arguments:
            pytest.skip("the store counts by a clock of its own")
        key = self.add(store, interval=600)
        new = self.rename(store, key)
        late = self.at(FOLLOW + 1)
        another.touch([(key, late, late + 1)])

        assert another.save(key, Changes(put={"a": b"1"}), late) is False
        stored = store.peek(new)
        assert stored is not None
        assert (contents(stored), stored.record.accessed, stored.record.used) == ({}, self.now, self.now)

    def test_renames_do_not_follow(self, store: SessionStore) -> None:
        """Of two changes of the id the second is refused, and nothing that came with it is saved."""
        key = self.add(store)
        new = self.rename(store, key)
        late = self.draw_for(store, key)

        assert self.save(store, key, new_id=late, put={"a": b"1"}, principal="anna") is False
        assert self.read(store, new) == {}
        assert (self.is_gone(store, late[1]), store.of("anna")) == (True, [])

    def test_afresh(self, store: SessionStore, another: SessionStore) -> None:
        """A session that starts afresh keeps only what is put with it, and its times."""
        key = self.add(store, {"a": b"1", "b": b"2"}, lifetime=1000, principal="anna")
        new = self.rename(store, key, afresh=True, put={"b": b"3", "c": b"4"}, principal="berta")
        stored = another.peek(new)

        assert stored is not None
        assert contents(stored) == {"b": b"3", "c": b"4"}
        assert (stored.record.creation_time, stored.record.deadline) == (self.now, self.at(1000))
        assert (len(another.of("anna")), len(another.of("berta"))) == (0, 1)

    def test_nothing_follows_a_session_that_started_afresh(self, store: SessionStore, another: SessionStore) -> None:
        """What is under way for the user before does not reach the session of the next one, by no former key."""
        key = self.add(store)
        second = self.rename(store, key)
        last = self.rename(store, second, afresh=True, put={"a": b"1"})

        assert self.is_gone(another, key)
        assert self.is_gone(another, second)
        stored = another.peek(last)
        assert stored is not None
        assert (stored.record.accessed, contents(stored)) == (self.now, {"a": b"1"})

    def test_renames_after_a_fresh_start(self, store: SessionStore) -> None:
        """What follows a session later does not lead from keys that it had before it started afresh."""
        key = self.add(store)
        second = self.rename(store, key, afresh=True)
        last = self.rename(store, second)

        assert self.is_gone(store, key)
        assert self.save(store, second, put={"a": b"1"}) is True
        assert self.read(store, last) == {"a": b"1"}

    def test_rename_can_be_taken_back(self, store: SessionStore) -> None:
        """A session can return to the key it had: then that one is its own again, and the other one the former."""
        key = self.add(store, {"a": b"1"})
        new = self.rename(store, key)
        assert store.fits(new, key), "a session must be able to return to a key from which it came"
        assert self.save(store, new, new_id=("", key)) is True

        assert self.read(store, key) == {"a": b"1"}
        assert store.load(new, self.now) is None
        assert self.save(store, new, put={"b": b"2"}) is True
        assert self.save(store, key, put={"c": b"3"}) is True
        assert self.read(store, key) == {"a": b"1", "b": b"2", "c": b"3"}
        assert store.remove(new) is not None
        assert self.is_gone(store, key)

    def test_create_under_a_former_key(self, store: SessionStore) -> None:
        """A new session may get a key that another one had: from then on the key is the new one's alone."""
        key = self.add(store, {"old": b"1"})
        old = self.rename(store, key)
        assert store.create(SessionRecord.created("", key, self.now, 60, None), {"new": b"1"}) is True
        new = self.rename(store, key)

        assert self.save(store, key, put={"late": b"1"}) is True
        assert self.read(store, new) == {"new": b"1", "late": b"1"}
        assert store.remove(old) is not None
        assert self.read(store, new) == {"new": b"1", "late": b"1"}
        assert store.remove(key) is not None
        assert self.is_gone(store, new)
        assert len(store) == 0

    def test_rename_moves_no_end(self, store: SessionStore) -> None:
        """Under its new key a session is due when it would have been; it is found there, and once."""
        key = self.add(store, principal="anna")
        new = self.rename(store, key)
        assert store.expire(self.at(self.end_of(store) - MOMENT), 10) == []

        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == [new]
        assert (self.is_gone(store, key), len(store), store.of("anna")) == (True, 0, [])

    def test_principals_follow(self, store: SessionStore) -> None:
        """The sessions of a user are listed under the keys that they have now."""
        key = self.add(store, principal="anna")
        new = self.rename(store, key)

        assert [record.key for record in store.of("anna")] == [new]
