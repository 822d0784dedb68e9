"""Notes: small values of the package's own, kept beside the attributes.

Applications never see them, so that what the package keeps is in no list of attributes (D45).
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ..record import SessionRecord
from .base import AnyStore, Contract, contents, draw, session_for
from .creating import NAMES, VALUES

NOTE = "csrf"
#: Names under which a store might keep the note in the same place as the attributes.
LOOKALIKES = [f"{mark}{NOTE}" for mark in ("", "n", "n:", "note", "note:", "notes.", "_", ".", "\0", "\1", "\xff", " ")]


def notes_of(store: AnyStore, key: bytes) -> Mapping[str, bytes]:
    """Return the notes of a session that must be there."""
    stored = store.peek(key)
    assert stored is not None, "the session is not there"
    return dict(stored.record.notes)


class Notes(Contract):
    """The promises about notes: they are part of the record, and no change of the attributes touches them."""

    def add_noted(self, store: AnyStore, notes: Mapping[str, bytes], principal: str | None = "anna") -> bytes:
        """Keep a new session of *principal* with these notes, and return its key."""
        record = SessionRecord.created(draw(), self.now, 60, None)
        record.notes, record.principal = notes, principal
        assert store.create(session_for(store, record, {"a": b"1"}))
        return record.key

    def test_create_with_notes(self, store: AnyStore, another: AnyStore) -> None:
        """A new session may have notes, or none."""
        noted, plain = self.add_noted(store, {"a": b"note", "b": b""}), self.add(store, {"a": b"1"})

        assert notes_of(another, noted) == {"a": b"note", "b": b""}
        assert notes_of(another, plain) == {}
        assert self.read(another, noted) == self.read(another, plain) == {"a": b"1"}

    def test_save_notes(self, store: AnyStore, another: AnyStore) -> None:
        """Notes are added, replaced and removed; all others stay, and so do the attributes.

        Removing a note that is not there is no error.
        """
        key = self.add(store, {"a": b"1"})
        assert self.save(store, key, notes={"stays": b"1", "replaced": b"2", "removed": b"3"})
        assert self.save(store, key, notes={"replaced": b"two", "added": b"", "removed": None, "never there": None})

        assert notes_of(another, key) == {"stays": b"1", "replaced": b"two", "added": b""}
        assert self.read(another, key) == {"a": b"1"}

    @pytest.mark.parametrize("name", [*NAMES.values(), *LOOKALIKES], ids=ascii)
    def test_attribute_and_note(self, store: AnyStore, name: str) -> None:
        """No attribute, whatever its name, is mistaken for a note, and no note for an attribute.

        An attribute may have any name. A store that keeps both in one place needs a mark that is outside of the name.
        """
        key = self.add(store)
        assert self.save(store, key, put={name: b"attribute"}, notes={NOTE: b"note"})
        assert (self.read(store, key), notes_of(store, key)) == ({name: b"attribute"}, {NOTE: b"note"})
        assert self.save(store, key, put={name: b"changed"}, expected={name: b"attribute"})
        assert (self.read(store, key), notes_of(store, key)) == ({name: b"changed"}, {NOTE: b"note"})
        assert self.save(store, key, notes={NOTE: None})
        assert (self.read(store, key), notes_of(store, key)) == ({name: b"changed"}, {})
        assert self.save(store, key, removed=[name], notes={NOTE: b"again"})

        assert (self.read(store, key), notes_of(store, key)) == ({}, {NOTE: b"again"})

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
    def test_any_note(self, store: AnyStore, value: bytes) -> None:
        """A note may have any bytes."""
        key = self.add_noted(store, {"created": value})
        assert self.save(store, key, notes={"saved": value})

        assert notes_of(store, key) == {"created": value, "saved": value}

    def test_hundred_notes(self, store: AnyStore) -> None:
        """A session may have a hundred notes, made, replaced and removed at once."""
        many = {f"name {number}": b"%d" % number for number in range(100)}
        key = self.add_noted(store, many)
        assert notes_of(store, key) == many
        changes = {name: None if number % 2 else b"new" for number, name in enumerate(many)}
        assert self.save(store, key, notes=changes)

        assert notes_of(store, key) == {name: b"new" for name, value in changes.items() if value is not None}

    def test_notes_come_back(self, store: AnyStore) -> None:
        """Records have their notes wherever a store returns them, also of sessions that it removes.

        Records of a user's sessions have them, too, although they come without attributes.
        """
        kept = self.add_noted(store, {"a": b"note"})
        found = store.load(kept, self.now)
        assert found is not None
        seen = [found[0].record, *(stored.record for stored in store), *store.records_of("anna")]
        removed = store.remove(kept)
        assert removed is not None
        evicted = [self.add_noted(store, {"a": b"note"}, None), store.evict()][1]
        assert evicted is not None
        self.add_noted(store, {"a": b"note"})
        expired = store.expire(self.at(1000), 10)
        found = store.load(self.add_noted(store, {"a": b"note"}), self.at(1000))
        assert found is not None
        seen += [stored.record for stored in (removed, evicted, *expired, found[0])]

        assert [dict(record.notes) for record in seen] == [{"a": b"note"}] * 7

    def test_notes_stay(self, store: AnyStore) -> None:
        """A session keeps its notes when all else changes, its key included.

        A login that clears the attributes keeps them as well.
        """
        key = self.add_noted(store, {"a": b"note"})
        assert self.save(store, key, put={"b": b"2"}, removed=["a"], max_inactive_interval=5, principal="berta")
        store.touch([(key, self.now, self.now)])
        assert notes_of(store, key) == {"a": b"note"}
        renamed = self.rename(store, key)
        assert notes_of(store, renamed) == {"a": b"note"}
        last = self.log_in(store, renamed, clear=True)

        assert notes_of(store, last) == {"a": b"note"}

    def test_notes_with_a_new_key(self, store: AnyStore) -> None:
        """Notes change in one step with the key, and saves in flight with the former key still reach them."""
        key = self.add_noted(store, {"a": b"note"})
        renamed = self.rename(store, key, notes={"a": b"renamed", "b": b"2"})
        assert notes_of(store, renamed) == {"a": b"renamed", "b": b"2"}
        assert self.save(store, key, notes={"c": b"late"})
        last = self.log_in(store, renamed, notes={"b": None, "a": b"last"})

        assert notes_of(store, last) == {"a": b"last", "c": b"late"}

    def test_notes_of_no_session(self, store: AnyStore) -> None:
        """Notes are saved to no session that is not there, or not as expected; they outlive none.

        The next session with the key begins without any.
        """
        key = self.add_noted(store, {"a": b"note"})
        assert not self.save(store, key, notes={"a": b"changed", "b": b"2"}, expected={"a": b"other"})
        assert notes_of(store, key) == {"a": b"note"}
        assert store.remove(key) is not None
        assert not self.save(store, key, notes={"a": b"changed"})
        assert store.create(session_for(store, SessionRecord.created(key, self.now, 60, None)))

        assert notes_of(store, key) == {}

    def test_clear_keeps_notes(self, store: AnyStore) -> None:
        """Clearing removes the attributes that are not put, and no notes."""
        key = self.add_noted(store, {"a": b"note"})
        assert self.save(store, key, clear=True, put={"b": b"2"})
        stored = store.peek(key)

        assert stored is not None
        assert (contents(stored), dict(stored.record.notes)) == ({"b": b"2"}, {"a": b"note"})
