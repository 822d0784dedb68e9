"""create: a new session with its record and attributes, if its key is free.

The names, values and principals here are those that some store might confuse with its own marks.
"""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from ..record import SessionRecord
from .base import AnyStore, Contract, contents, draw, keys_of, session_for

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
PRINCIPALS = ["anna", " ", "Änne 日本", "a\0b", "*", "a:b{c}%_?", "'\"", "1", "p" * 1024, "日" * 341]
#: Values that are no principal.
NO_PRINCIPALS: list[Any] = ["", 5, b"anna", True, ("anna",), "\ud800", "p" * 1025, "日" * 342]


def record_of(key: bytes, now: float) -> SessionRecord:
    """Return a record in which no two numbers are the same, so that a store cannot mix them up unnoticed."""
    return SessionRecord(key, now - 10.1, 77, now + 1000.7, now - 3.3, now - 2.2, "anna")


def times_of(record: SessionRecord) -> tuple[float, ...]:
    """Return the numbers of a record."""
    return (record.creation_time, record.accessed, record.used, record.max_inactive_interval, record.deadline)


class Creating(Contract):
    """The promises of create: it alone adds a session, and all that it was given comes back exactly."""

    def test_create_keeps_the_record(self, store: AnyStore, another: AnyStore) -> None:
        """The times, the interval, the deadline and the principal come back exactly.

        Times have fractions. A store that rounds them returns a previous arrival that never was, and expires sessions
        early.
        """
        key = draw()
        assert store.create(session_for(store, record_of(key, self.now))) is True
        stored = another.peek(key)

        assert stored is not None
        assert stored.record.key == key
        assert times_of(stored.record) == times_of(record_of(key, self.now))
        assert stored.record.principal == "anna"

    def test_create_keeps_extreme_numbers(self, store: AnyStore) -> None:
        """The longest interval, the most negative one, no deadline and a far one come back, and nothing is due.

        Some systems know no infinity, and some take a time to live of zero for "at once", where it means "never" (S29).
        """
        for interval in (2**31 - 1, 0, -1, -(2**31)):
            for deadline in (inf, self.at(2**31 - 1)):
                key = draw()
                record = SessionRecord(key, self.now, interval, deadline, self.now, self.now)
                assert store.create(session_for(store, record))
                stored = store.peek(key)
                assert stored is not None
                assert (stored.record.max_inactive_interval, stored.record.deadline) == (interval, deadline)
        assert store.expire(self.at(1000), 100) == []

    def test_create_refuses_a_taken_key(self, store: AnyStore, another: AnyStore) -> None:
        """If the key is taken, create refuses, and the session that has it stays as it is.

        Otherwise two clients would share a session. So the look at the key and the insertion have to be one step.
        """
        key = self.add(store, {"mine": b"1"}, principal="anna")
        record = SessionRecord.created(key, self.at(5), 5, 5.0)
        record.principal = "berta"

        assert another.create(session_for(store, record, {"theirs": b"2"})) is False
        stored = store.peek(key)
        assert stored is not None
        assert contents(stored) == {"mine": b"1"}
        assert (stored.record.creation_time, stored.record.principal) == (self.now, "anna")
        assert (len(store), len(store.records_of("anna")), len(store.records_of("berta"))) == (1, 1, 0)

    def test_create_after_remove(self, store: AnyStore) -> None:
        """A key whose session was removed is free, and the next session inherits nothing.

        Attributes, or entries in a list of users, that a removal has left behind show here.
        """
        key = self.add(store, {"old": b"1"}, principal="anna")
        assert store.remove(key) is not None
        record = SessionRecord.created(key, self.now, 60, None)
        assert store.create(session_for(store, record, {"new": b"2"})) is True

        assert self.read(store, key) == {"new": b"2"}
        assert store.records_of("anna") == []

    def test_create_is_seen_at_once(self, store: AnyStore, another: AnyStore) -> None:
        """Loads, the count and the iteration of all processes see a new session at once."""
        key = self.add(store, {"a": b"1"})

        assert self.read(another, key) == {"a": b"1"}
        assert (len(another), keys_of(another)) == (1, [key])

    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
    def test_any_name(self, store: AnyStore, name: str) -> None:
        """An attribute may have any text as its name, beside other attributes, and never touches the record.

        A store that keeps attributes and record in one place has to tell them apart by more than their names.
        """
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
    def test_any_value(self, store: AnyStore, value: bytes) -> None:
        """Any bytes come back unchanged, created or saved, and can be expected.

        A store that takes values for text, or for numbers, changes some of these.
        """
        key = self.add(store, {"created": value})
        assert self.save(store, key, put={"saved": value}, expected={"created": value})

        assert self.read(store, key) == {"created": value, "saved": value}

    def test_thousands_of_attributes(self, store: AnyStore) -> None:
        """A session may have thousands of attributes, created, saved, removed and expected at once.

        Many systems bound the parameters of one statement or call. A store has to divide such a change and keep it
        atomic.
        """
        many = {f"name {number}": b"%d" % number for number in range(3000)}
        more = {f"more {number}": b"%d" % number for number in range(3000)}
        key = self.add(store, many)
        assert self.read(store, key) == many
        assert self.save(store, key, put=more, removed=list(many)[:2000], expected=many)

        assert self.read(store, key) == {**dict(list(many.items())[2000:]), **more}

    @pytest.mark.parametrize("principal", PRINCIPALS, ids=ascii)
    def test_any_principal(self, store: AnyStore, principal: str) -> None:
        """A principal may be any text, and finds the sessions of that user alone.

        The empty text is a user to a store: only None means that no user is logged in.
        """
        created, bound = self.add(store, principal=principal), self.add(store)
        self.add(store, principal="another user")
        self.add(store)
        assert self.save(store, bound, principal=principal)

        assert sorted(record.key for record in store.records_of(principal)) == sorted([created, bound])
        assert {record.principal for record in store.records_of(principal)} == {principal}

    @pytest.mark.parametrize("principal", NO_PRINCIPALS, ids=lambda principal: ascii(principal)[:20])
    def test_no_principal(self, store: AnyStore, principal: Any) -> None:
        """An empty, long or broken text, and no text at all, is refused as a principal before anything happens."""
        record = SessionRecord.created(draw(), self.now, 60, None)
        record.principal = principal
        with pytest.raises(ValueError, match="principal"):
            store.create(session_for(store, record))
        key = self.add(store, principal="anna")
        with pytest.raises(ValueError, match="principal"):
            self.save(store, key, put={"a": b"1"}, principal=principal)
        with pytest.raises(ValueError, match="principal"):
            store.records_of(principal)

        assert self.read(store, key) == {}
        assert [found.key for found in store.records_of("anna")] == [key]
        assert len(store) == 1
