"""save with a new key: loads no longer find the former key, and requests in flight follow.

A store leaves a mark from a former key to the session. The mark serves requests that joined before, for a minute.
"""

from __future__ import annotations

import pytest

from ..record import SessionRecord
from ..stores.base import FOLLOW, Changes
from .base import MOMENT, AnyStore, Contract, contents, draw, keys_of, session_for


class Renaming(Contract):
    """The promises of a change of the key.

    Saves, peeks, touches, removals and logins with a former key reach the session. Loads and other changes of the key
    do not.
    """

    def test_rename(self, store: AnyStore, another: AnyStore) -> None:
        """The session goes on under its new key with all that it has; the former key finds nothing.

        An id is changed because another client may know it, so it must be dead at once (S16).
        """
        key = self.add(store, {"a": b"1"}, lifetime=1000, principal="anna")
        new = self.rename(store, key)
        assert another.load(key, self.now) is None
        found = another.load(new, self.at(1))

        assert found is not None
        record = found[0].record
        assert (found[1], contents(found[0])) == (self.now, {"a": b"1"})
        assert (record.key, record.principal, record.deadline) == (new, "anna", self.at(1000))
        assert (len(another), keys_of(another)) == (1, [new])

    def test_rename_with_all_else(self, store: AnyStore) -> None:
        """A new key comes in one step with attributes, interval and principal.

        After a crash between two steps, a session would have half of the changes.
        """
        key = self.add(store, {"a": b"1", "b": b"2"})
        more = {"put": {"c": b"3"}, "removed": ["a"], "max_inactive_interval": 5, "principal": "anna"}
        new = self.rename(store, key, expected={"a": b"1"}, **more)
        stored = store.peek(new)

        assert stored is not None
        assert contents(stored) == {"b": b"2", "c": b"3"}
        assert (stored.record.max_inactive_interval, stored.record.principal) == (5, "anna")

    def test_rename_to_a_taken_key(self, store: AnyStore) -> None:
        """A key that another session has is refused, and nothing changes in either session.

        A move that overwrites would give the session of one client to another.
        """
        key = self.add(store, {"a": b"1"})
        taken = self.add(store, {"b": b"2"})
        while not store.can_move(key, taken):
            taken = self.add(store, {"b": b"2"})
        changes = Changes(put={"c": b"3"}, principal="anna", new_key=taken)

        assert store.save(key, changes, self.now) is False
        assert self.read(store, key) == {"a": b"1"}
        assert self.read(store, taken) == {"b": b"2"}
        assert store.records_of("anna") == []

    def test_rename_to_an_unreachable_key(self, store: AnyStore) -> None:
        """A move that can_move denies is a mistake of the caller, and changes nothing. Most stores deny none."""
        key = self.add(store, {"a": b"1"})
        misfits = [new for new in (draw() for _ in range(300)) if not store.can_move(key, new)]
        for new in misfits[:3]:
            with pytest.raises(ValueError, match=r"."):
                self.save(store, key, new_key=new, put={"a": b"2"})
            assert store.peek(new) is None
        assert self.read(store, key) == {"a": b"1"}

    def test_requests_under_way_follow(self, store: AnyStore, another: AnyStore) -> None:
        """Requests with the former key still save to the session and peek at it, and count as its accesses.

        They began before the change and know no other key. Without marks, all that they save would be lost.
        """
        key = self.add(store)
        new = self.rename(store, key)
        assert another.save(key, Changes(put={"a": b"1"}, principal="anna"), self.now) is True
        another.touch([(key, self.at(30), self.at(40))])
        stored = another.peek(key)

        assert stored is not None
        record = stored.record
        assert (record.key, record.principal, contents(stored)) == (new, "anna", {"a": b"1"})
        assert (record.accessed, record.used) == (self.at(30), self.at(40))
        assert another.load(key, self.now) is None, "loads never follow, even after another verb has"

    def test_remove_follows(self, store: AnyStore, another: AnyStore) -> None:
        """A logout with the former key removes the session, and gets it under its new key.

        Otherwise a user who logs out in one tab would stay logged in by a change of the id in another.
        """
        key = self.add(store, {"a": b"1"})
        new = self.rename(store, key)
        stored = another.remove(key)

        assert stored is not None
        assert (stored.record.key, contents(stored)) == (new, {"a": b"1"})
        assert self.is_gone(store, new)
        assert self.is_gone(store, key)

    def test_following_through_renames(self, store: AnyStore) -> None:
        """All former keys lead to the session, however often its key has changed since."""
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

    def test_following_takes_a_while(self, store: AnyStore) -> None:
        """A request that ends almost a minute after the rename still follows."""
        key = self.add(store, interval=600)
        new = self.rename(store, key)

        assert store.save(key, Changes(put={"a": b"1"}), self.at(FOLLOW - 1)) is True
        assert self.read(store, new) == {"a": b"1"}

    def test_following_takes_no_longer(self, store: AnyStore, another: AnyStore) -> None:
        """More than a minute after the rename, the former key changes nothing and keeps nothing alive.

        This is not shown for a store with a clock of its own, since the test would have to wait.
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

    def test_renames_do_not_follow(self, store: AnyStore) -> None:
        """Of two changes of the key the second is refused, and so is everything that comes with it.

        If it followed, two responses would set two ids, and a client that keeps the first would have lost its session.
        """
        key = self.add(store)
        new = self.rename(store, key)
        late = self.draw_for(store, key)

        assert self.save(store, key, new_key=late, put={"a": b"1"}, principal="anna") is False
        assert self.read(store, new) == {}
        assert (self.is_gone(store, late), store.records_of("anna")) == (True, [])

    def test_rename_can_be_undone(self, store: AnyStore) -> None:
        """A session can return to its former key; then the other key is the former one.

        A request that fails undoes its change of the id. Two marks that lead to each other must not make a circle.
        """
        key = self.add(store, {"a": b"1"})
        new = self.rename(store, key)
        assert store.can_move(new, key), "a session can return to its former key"
        assert self.save(store, new, new_key=key) is True

        assert self.read(store, key) == {"a": b"1"}
        assert store.load(new, self.now) is None
        assert self.save(store, new, put={"b": b"2"}) is True
        assert self.save(store, key, put={"c": b"3"}) is True
        assert self.read(store, key) == {"a": b"1", "b": b"2", "c": b"3"}
        assert store.remove(new) is not None
        assert self.is_gone(store, key)

    def test_create_under_a_former_key(self, store: AnyStore) -> None:
        """A new session may get the former key of another; from then on the key leads to the new session alone.

        A session that has the key goes before any mark.
        """
        key = self.add(store, {"old": b"1"})
        old = self.rename(store, key)
        record = SessionRecord.created(key, self.now, 60, None)
        assert store.create(session_for(store, record, {"new": b"1"})) is True
        new = self.rename(store, key)

        assert self.save(store, key, put={"late": b"1"}) is True
        assert self.read(store, new) == {"new": b"1", "late": b"1"}
        assert store.remove(old) is not None
        assert self.read(store, new) == {"new": b"1", "late": b"1"}
        assert store.remove(key) is not None
        assert self.is_gone(store, new)
        assert len(store) == 0

    def test_rename_moves_no_end(self, store: AnyStore) -> None:
        """Under its new key a session is due when it would have been; it is found there, and once.

        A store that keeps the ends of sessions by key moves that entry, too.
        """
        key = self.add(store, principal="anna")
        new = self.rename(store, key)
        assert store.expire(self.at(self.end_of(store) - MOMENT), 10) == []

        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == [new]
        assert (self.is_gone(store, key), len(store), store.records_of("anna")) == (True, 0, [])

    def test_principals_follow(self, store: AnyStore) -> None:
        """A user's sessions are listed under their present keys."""
        key = self.add(store, principal="anna")
        new = self.rename(store, key)

        assert [record.key for record in store.records_of("anna")] == [new]
