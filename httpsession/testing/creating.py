"""create: a new session with all that belongs to it, if its key is free."""

from __future__ import annotations

from math import inf

import pytest

from ..record import SessionRecord
from ..stores.base import SessionStore
from .base import Contract, contents, draw, keys_of

NAMES = {
    "empty": "",
    "blank": " ",
    "not ASCII": "grüße-日本-\N{PILE OF POO}",
    "equals": "a=b=c",
    "NUL": "a\0b",
    "line end": "a\r\nb",
    "quotes": "'\"`; DROP TABLE",
    "pattern": "*?[a]%_{b}",
    "record": "r",
    "principal": "p",
    "dot": ".",
    "key": "key",
    "field of a record": "accessed",
    "private": "__class__",
    "number": "1",
    "long": "n" * 10_000,
}
VALUES = {
    "empty": b"",
    "NUL": b"\0",
    "all bytes": bytes(range(256)),
    "number": b"12",
    "no text": b"\xff\xfe\x80",
    "ends with a line": b"value\n",
    "200 kB": bytes(range(250)) * 800,
}
PRINCIPALS = ["anna", "", " ", "Änne 日本", "a\0b", "*", "a:b{c}%_?", "'\"", "1", "p" * 5_000]


def record_of(key: bytes, now: float) -> SessionRecord:
    """Return a record in which no two numbers are the same."""
    return SessionRecord("", key, now - 10.1, 77, now + 1000.7, now - 3.3, now - 3.3, now - 2.2, "anna")


def times_of(record: SessionRecord) -> tuple[float, ...]:
    """Return the numbers of a record that every store keeps."""
    return (record.creation_time, record.accessed, record.used, record.max_inactive_interval, record.deadline)


class Creating(Contract):
    """What create promises."""

    def test_create_keeps_the_record(self, store: SessionStore, another: SessionStore) -> None:
        """The times, the interval, the deadline and the principal come back exactly as they were given."""
        _, key = draw()
        assert store.create(record_of(key, self.now), {}) is True
        stored = another.peek(key)

        assert stored is not None
        assert stored.record.key == key
        assert times_of(stored.record) == times_of(record_of(key, self.now))
        assert stored.record.principal == "anna"
        assert not stored.record.removed

    def test_create_keeps_extreme_numbers(self, store: SessionStore) -> None:
        """The longest interval, the deepest negative one, no deadline and a far one come back; none is due."""
        for interval in (2**31 - 1, 0, -1, -(2**31)):
            for deadline in (inf, self.at(2**31 - 1)):
                _, key = draw()
                record = SessionRecord("", key, self.now, interval, deadline, self.now, self.now, self.now)
                assert store.create(record, {})
                stored = store.peek(key)
                assert stored is not None
                assert (stored.record.max_inactive_interval, stored.record.deadline) == (interval, deadline)
        assert store.expire(self.at(1000), 100) == []

    def test_create_refuses_a_taken_key(self, store: SessionStore, another: SessionStore) -> None:
        """A key that is taken is refused, and the session that has it stays as it is."""
        key = self.add(store, {"mine": b"1"}, principal="anna")
        record = SessionRecord.created("", key, self.at(5), 5, 5.0)
        record.principal = "berta"

        assert another.create(record, {"theirs": b"2"}) is False
        stored = store.peek(key)
        assert stored is not None
        assert contents(stored) == {"mine": b"1"}
        assert (stored.record.creation_time, stored.record.principal) == (self.now, "anna")
        assert (len(store), len(store.of("anna")), len(store.of("berta"))) == (1, 1, 0)

    def test_create_after_remove(self, store: SessionStore) -> None:
        """A key whose session was removed is free, and nothing of that session is in the next one."""
        key = self.add(store, {"old": b"1"}, principal="anna")
        assert store.remove(key) is not None
        assert store.create(SessionRecord.created("", key, self.now, 60, None), {"new": b"2"}) is True

        assert self.read(store, key) == {"new": b"2"}
        assert store.of("anna") == []

    def test_create_is_seen_at_once(self, store: SessionStore, another: SessionStore) -> None:
        """A new session is there for loads, for the count and for who goes through all, in all processes."""
        key = self.add(store, {"a": b"1"})

        assert self.read(another, key) == {"a": b"1"}
        assert (len(another), keys_of(another)) == (1, [key])

    def test_no_id_in_a_shared_store(self, store: SessionStore) -> None:
        """A shared store keeps no id, not even when it is given one: who reads it could open the session."""
        session_id, key = draw()
        assert store.create(SessionRecord.created(session_id, key, self.now, 60, None), {})
        assert self.save(store, key, new_id=self.draw_for(store, key))

        assert [stored.record.id == "" for stored in store] == [store.is_shared]

    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
    def test_any_name(self, store: SessionStore, name: str) -> None:
        """Any text is the name of an attribute, beside others, and never touches the record."""
        key = self.add(store, {name: b"created", "other": b"1"}, principal="anna")
        assert self.read(store, key) == {name: b"created", "other": b"1"}
        assert self.save(store, key, put={name: b"saved"}, expected={name: b"created"})
        stored = store.peek(key)
        assert stored is not None
        assert contents(stored) == {name: b"saved", "other": b"1"}
        assert (stored.record.principal, stored.record.max_inactive_interval) == ("anna", 60)
        assert self.save(store, key, removed=[name])

        assert self.read(store, key) == {"other": b"1"}

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
    def test_any_value(self, store: SessionStore, value: bytes) -> None:
        """Any bytes come back as they were, created or saved, and can be expected."""
        key = self.add(store, {"created": value})
        assert self.save(store, key, put={"saved": value}, expected={"created": value})

        assert self.read(store, key) == {"created": value, "saved": value}

    def test_thousands_of_attributes(self, store: SessionStore) -> None:
        """A session may have thousands of attributes, made, saved, removed and expected at once."""
        many = {f"name {number}": b"%d" % number for number in range(3000)}
        more = {f"more {number}": b"%d" % number for number in range(3000)}
        key = self.add(store, many)
        assert self.read(store, key) == many
        assert self.save(store, key, put=more, removed=list(many)[:2000], expected=many)

        assert self.read(store, key) == {**dict(list(many.items())[2000:]), **more}

    @pytest.mark.parametrize("principal", PRINCIPALS, ids=ascii)
    def test_any_principal(self, store: SessionStore, principal: str) -> None:
        """Any text is the name of a user, and finds that user's sessions and nobody else's."""
        created, bound = self.add(store, principal=principal), self.add(store)
        self.add(store, principal="somebody else")
        self.add(store)
        assert self.save(store, bound, principal=principal)

        assert sorted(record.key for record in store.of(principal)) == sorted([created, bound])
        assert {record.principal for record in store.of(principal)} == {principal}
