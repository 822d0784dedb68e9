"""save: all changes or none, and only to a session that exists.

A request saves what it has changed, and nothing else. So requests that change different attributes lose nothing,
without waiting for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ..record import MAX_VALUE
from ..stores.base import Changes
from .base import MOMENT, AnyStore, Contract, contents, draw, keys_of


class Saving(Contract):
    """The promises of save, apart from changes of the key.

    A save is no upsert. If it made the session, a slow request would revive one that a logout has ended.
    """

    def test_save_unknown(self, store: AnyStore) -> None:
        """A save to an unknown key changes nothing and makes no session.

        It also leaves nothing behind by which a user's list would name a session that does not exist.
        """
        key = draw()
        changes = Changes(put={"a": b"1"}, max_inactive_interval=5, principal="anna")

        assert store.save(key, changes, self.now) is False
        assert store.save(key, Changes(put={"a": b"1"}, expected={"a": None}), self.now) is False
        assert store.save(key, Changes(new_key=self.draw_for(store, key)), self.now) is False
        assert (store.peek(key), len(store), store.records_of("anna")) == (None, 0, [])

    def test_save_attributes(self, store: AnyStore, another: AnyStore) -> None:
        """Attributes are added, replaced and removed, and all others stay.

        A store that keeps all attributes in one value has to read, change and write it in one step.
        """
        key = self.add(store, {"stays": b"1", "replaced": b"2", "removed": b"3"})
        changes = {"put": {"replaced": b"two", "added": b"4"}, "removed": ["removed", "was never there"]}
        assert self.save(store, key, **changes) is True

        assert self.read(another, key) == {"stays": b"1", "replaced": b"two", "added": b"4"}

    def test_save_nothing(self, store: AnyStore) -> None:
        """A save without changes tells whether the session exists."""
        key = self.add(store, {"a": b"1"})

        assert self.save(store, key) is True
        assert self.save(store, draw()) is False
        assert self.read(store, key) == {"a": b"1"}

    def test_saves_of_two_requests(self, store: AnyStore, another: AnyStore) -> None:
        """Two requests that loaded the same session and change different attributes lose nothing.

        A store that writes whole sessions back fails here: the second save would undo the first.
        """
        key = self.add(store, {"a": b"0", "b": b"0", "c": b"0"})
        for one in (store, another):
            assert self.read(one, key) == {"a": b"0", "b": b"0", "c": b"0"}
        assert self.save(store, key, put={"a": b"1"}, removed=["c"])
        assert self.save(another, key, put={"b": b"2"})

        assert self.read(store, key) == self.read(another, key) == {"a": b"1", "b": b"2"}

    def test_too_long_for_a_shared_store(self, store: AnyStore) -> None:
        """A value that a shared store would not read again is refused, and nothing changes.

        It is refused before anything is changed, so the other values of the save are not stored either.
        """
        if not store.is_shared:
            pytest.skip("in memory values are no bytes")
        key = self.add(store)
        with pytest.raises(ValueError, match=str(MAX_VALUE)):
            self.save(store, key, put={"a": b"1", "b": bytes(MAX_VALUE + 1)})
        with pytest.raises(ValueError, match=str(MAX_VALUE)):
            self.add(store, {"a": bytes(MAX_VALUE + 1)})

        assert (self.read(store, key), len(store)) == ({}, 1)
        assert self.save(store, key, put={"a": bytes(MAX_VALUE)}) is True
        assert len(self.read(store, key)["a"]) == MAX_VALUE

    def test_save_is_no_access(self, store: AnyStore) -> None:
        """A save moves neither the end of a session nor the arrival that the next load returns.

        A touch reports the request with its true times. A store that stamps what it writes would count it twice.
        """
        key = self.add(store)
        assert store.save(key, Changes(put={"a": b"1"}), self.at(30))
        found = store.load(key, self.at(31))

        assert found is not None
        assert found[1] == self.now

    @pytest.mark.parametrize(("interval", "longest"), [(600, 600), (5, 5), (0, None), (-1, None)])
    def test_save_interval(self, store: AnyStore, interval: int, longest: int | None) -> None:
        """A new interval moves the end of the session at once, later or earlier, or removes it.

        A store that keeps the time of the end beside the interval has to compute it again.
        """
        key = self.add(store, {"a": b"1"})
        assert self.save(store, key, max_inactive_interval=interval)
        stored = store.peek(key)
        assert stored is not None
        assert stored.record.max_inactive_interval == interval
        assert contents(stored) == {"a": b"1"}

        end = 1e9 if longest is None else self.end_of(store, longest)
        assert store.expire(self.at(end - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(end), 10)) == ([] if longest is None else [key])

    def test_save_interval_shorter_than_the_idle_time(self, store: AnyStore) -> None:
        """A request that comes after a while and shortens the interval is using the session, which does not end."""
        key = self.add(store, interval=600)
        assert store.load(key, self.at(500)) is not None
        assert store.save(key, Changes(max_inactive_interval=60), self.at(501))
        store.touch([(key, self.at(500), self.at(502))])

        found = store.load(key, self.at(510))
        assert found is not None
        assert not found[2], "the session has expired, though it was used 8 seconds ago"

    def test_save_interval_after_none(self, store: AnyStore) -> None:
        """A session that never expired does so again, counted from its latest use; its deadline stays."""
        key = self.add(store, interval=0, lifetime=1000)
        store.touch([(key, self.at(20), self.at(25))])
        assert self.save(store, key, max_inactive_interval=30)
        end = 25 + self.end_of(store, 30)
        assert self.is_alive(store, key, 25)

        assert store.expire(self.at(end - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(end), 10)) == [key]

    def test_deadline_bounds_a_new_interval(self, store: AnyStore) -> None:
        """A longer interval carries no session beyond its deadline."""
        key = self.add(store, lifetime=100)
        assert self.save(store, key, max_inactive_interval=600)

        assert store.expire(self.at(100 - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(100), 10)) == [key]

    def test_save_principal(self, store: AnyStore, another: AnyStore) -> None:
        """A session is bound to a user, to another user and to none; each time both lists are right.

        A store that keeps a list for each user changes two of them in the same step as the session.
        """
        key = self.add(store, {"a": b"1"})
        for principal in ("anna", "berta", "berta", None, "anna"):
            assert self.save(store, key, principal=principal)
            stored = another.peek(key)
            assert stored is not None
            assert (stored.record.principal, contents(stored)) == (principal, {"a": b"1"})
            for user in ("anna", "berta"):
                assert [record.key for record in another.records_of(user)] == ([key] if user == principal else [])

    def test_what_is_not_changed_stays(self, store: AnyStore) -> None:
        """A change of one field leaves all other fields as they were, the principal included.

        The default of a principal is the ellipsis, which changes nothing. None logs the user out.
        """
        key = self.add(store, {"a": b"1"}, principal="anna", lifetime=1000)
        assert self.save(store, key, max_inactive_interval=5)
        assert self.save(store, key, put={"b": b"2"})
        stored = store.peek(key)

        assert stored is not None
        record = stored.record
        assert (record.principal, record.max_inactive_interval, record.deadline) == ("anna", 5, self.at(1000))
        assert (record.key, record.creation_time) == (key, self.now)
        assert contents(stored) == {"a": b"1", "b": b"2"}

    @pytest.mark.parametrize(
        "expected",
        [{}, {"a": b"1"}, {"a": b"1", "empty": b""}, {"b": None}, {"a": b"1", "b": None, "another": None}],
        ids=str,
    )
    def test_expected(self, store: AnyStore, expected: Mapping[str, bytes | None]) -> None:
        """If all attributes are as expected, the changes are applied; None expects no such attribute.

        An empty value is a value, and not the absence of one.
        """
        key = self.add(store, {"a": b"1", "empty": b""})

        assert self.save(store, key, put={"a": b"2", "b": b"3"}, expected=expected) is True
        assert self.read(store, key) == {"a": b"2", "b": b"3", "empty": b""}

    @pytest.mark.parametrize(
        "expected",
        [
            *({"a": b"2"}, {"a": None}, {"a": b""}, {"a": b"1\0"}, {"b": b"1"}, {"b": b""}, {"empty": None}),
            *({"a": b"1", "b": b"1"}, {"a": b"2", "b": None}),
        ],
        ids=str,
    )
    def test_not_as_expected(self, store: AnyStore, expected: Mapping[str, bytes | None]) -> None:
        """If any attribute is not as expected, nothing changes: attributes, interval, principal and key stay.

        So a store compares all of them before it changes anything, also when the key changes.
        """
        key = self.add(store, {"a": b"1", "empty": b""}, principal="anna")
        new = self.draw_for(store, key)
        for more in ({}, {"new_key": new}, {"new_key": new, "is_login": True, "clear": True}):
            assert not self._save_all(store, key, expected, **more)

            stored = store.peek(key)
            assert stored is not None
            assert contents(stored) == {"a": b"1", "empty": b""}
            record = stored.record
            assert (record.key, record.principal, record.max_inactive_interval) == (key, "anna", 60)
            assert (store.peek(new), len(store), store.records_of("berta")) == (None, 1, [])
            assert self.is_alive(store, key)

    def _save_all(self, store: AnyStore, key: bytes, expected: Mapping[str, bytes | None], **more: Any) -> bool:
        """Save a change of everything, and return whether the store applied it."""
        return self.save(
            store,
            key,
            put={"a": b"changed", "c": b"3"},
            removed=["empty"],
            max_inactive_interval=5,
            principal="berta",
            expected=expected,
            **more,
        )

    def test_expected_counts_by_bytes(self, store: AnyStore) -> None:
        """A loop that reads, computes and expects the bytes it read counts on. A stale value is refused.

        ``update_attribute`` is such a loop. It is exact only if the comparison and the change are one step.
        """
        key = self.add(store)
        assert self.save(store, key, put={"n": b"1"}, expected={"n": None})
        for number in range(1, 5):
            assert self.save(store, key, put={"n": b"%d" % (number + 1)}, expected={"n": b"%d" % number})
            assert not self.save(store, key, put={"n": b"0"}, expected={"n": b"%d" % number})
        assert self.save(store, key, removed=["n"], expected={"n": b"5"})

        assert self.read(store, key) == {}
