"""The changes to a shared session that one request has not saved yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from ..errors import CodecError
from ..record import SessionRecord
from ..stores.base import Changes, StoredSession
from .snapshot import AttributeSnapshot, Grow

#: Returns the note that authenticates a record.
Seal = Callable[[SessionRecord], bytes]

#: The name of that note. It is saved with a new key alone: a change that follows a change of the id must not undo it.
SEAL: Final = "seal"


@dataclass(eq=False, slots=True, repr=False)
class Unsaved:
    """The baseline of one request's record, its new key and its login. It builds the changes for the store.

    A :class:`.SharedSession` owns it, and replaces it by a new one after each save. Only what differs from the baseline
    is saved: saving an interval that this request did not change could undo the change of another request. The same
    holds for each attribute; their baseline is in the :class:`.AttributeSnapshot`.
    """

    #: The id under which the store has the session.
    id: str
    _interval: int
    _principal: str | None
    #: A session replaces the notes of its record as a whole.
    _notes: Mapping[str, bytes]
    #: Seals the record; None where attributes are not encrypted.
    _seal: Seal | None
    #: The key of the id that this request has drawn.
    new_key: bytes | None = None
    #: Whether a user logs in, and whether another user's attributes go.
    is_login: bool = False
    clears: bool = False
    #: The changes before the first change of the id, which stand if that is undone; None: there were none.
    before_rotation: Changes | None = None
    #: Whether the change of the id was undone.
    is_undone: bool = False

    def baseline(self) -> tuple[str, str | None, Mapping[str, bytes]]:
        """Return the id, the user and the notes that the store has."""
        return self.id, self._principal, self._notes

    def rotate(self, new_key: bytes, record: SessionRecord, attributes: AttributeSnapshot, grow: Grow) -> None:
        """Note a new key, and at the first one the changes so far.

        A request may rotate several times. The client knows only the id of before the first, so an undo returns to
        that.
        """
        if self.new_key is None:
            with suppress(CodecError):  # the commit will raise it
                self.before_rotation = self.changes(record, attributes, grow, is_final=False)
        self.new_key = new_key

    def login(self, former: str | None) -> None:
        """Note a login, which replaces the user *former* if there was one."""
        self.is_login = True
        self.clears = self.clears or former is not None

    def undo(self) -> None:
        """Drop the new key and all changes after it; the commit saves :attr:`before_rotation` alone."""
        self.is_undone = True

    def lose_rotation(self, changes: Changes) -> Changes:
        """Drop the new key, since another request has changed the id first; return the other changes."""
        self.new_key = None
        notes = {name: value for name, value in changes.notes.items() if name != SEAL}
        return replace(changes, new_key=None, notes=notes)

    def creation(self, record: SessionRecord, put: Mapping[str, bytes]) -> StoredSession:
        """Return the session that the store creates."""
        if self._seal is not None:
            record = replace(record, notes={**record.notes, SEAL: self._seal(record)})
        return StoredSession(record, put)

    def changes(
        self, record: SessionRecord, attributes: AttributeSnapshot, grow: Grow, *, is_final: bool
    ) -> Changes | None:
        """Return the changes since the baseline, None if there are none.

        They are in one object, since the store applies it as a whole. The deadline is among them only at a login, which
        alone moves it.

        Args:
            record: the record as the request has it now.
            attributes: the attributes as the request has them now.
            grow: refuses an attribute that has grown too much, as for :meth:`.AttributeSnapshot.changes`.
            is_final: whether the changes are saved, as there.

        Raises:
            CodecError: a value cannot be stored any more.
        """
        put, removed = attributes.changes(grow, is_final=is_final)
        interval, principal, notes = record.max_inactive_interval, record.principal, record.notes
        is_same = interval == self._interval and principal == self._principal and notes is self._notes
        if is_same and self.new_key is None:
            return Changes(put=put, removed=removed) if put or removed else None
        changed_notes = {} if notes is self._notes else _difference(self._notes, notes)
        if self._seal is not None and self.new_key is not None:
            changed_notes[SEAL] = self._seal(replace(record, key=self.new_key))
        return Changes(
            put=put,
            removed=removed,
            max_inactive_interval=None if interval == self._interval else interval,
            deadline=record.deadline if self.is_login else None,
            principal=... if principal == self._principal else principal,
            new_key=self.new_key,
            is_login=self.is_login,
            clear=self.clears,
            notes=changed_notes,
        )


def _difference(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """Return the notes that were set, and None for each that was removed."""
    return {name: after.get(name) for name in before.keys() | after if before.get(name) != after.get(name)}
