"""The changes to a shared session, beside its attributes, that one request has not saved yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..record import SessionRecord
from ..stores.base import Changes


class Unsaved:
    """The baseline of one request's record, its new key and its login. It builds the changes for the store.

    A :class:`.SharedSession` owns it, and replaces it by a new one after each save. Only what differs from the baseline
    is saved: saving an interval that this request did not change could undo the change of another request.
    """

    __slots__ = (
        "_interval", "_notes", "_principal", "before_rotation", "clears", "id", "is_login", "is_undone", "new_key"
    )  # fmt: skip

    def __init__(self, session_id: str, record: SessionRecord) -> None:
        #: The id under which the store has the session.
        self.id: str = session_id
        self._interval: int = record.max_inactive_interval
        self._principal: str | None = record.principal
        #: A session replaces the notes of its record as a whole.
        self._notes: Mapping[str, bytes] = record.notes
        #: The key of the id that this request has drawn.
        self.new_key: bytes | None = None
        #: Whether a user logs in, and whether another user's attributes go.
        self.is_login: bool = False
        self.clears: bool = False
        #: The changes before the first change of the id, which stand if that is undone; None: there were none.
        self.before_rotation: Changes | None = None
        #: Whether the change of the id was undone.
        self.is_undone: bool = False

    def baseline(self) -> tuple[str, str | None, Mapping[str, bytes]]:
        """Return the id, the user and the notes that the store has."""
        return self.id, self._principal, self._notes

    def rotate(self, new_key: bytes, before: Changes | None) -> None:
        """Note a new key. *before* are the changes so far, which only the first call keeps.

        A request may rotate several times. The client knows only the id of before the first, so an undo returns to
        that.
        """
        if self.new_key is None:
            self.before_rotation = before
        self.new_key = new_key

    def login(self, former: str | None) -> None:
        """Note a login, which replaces the user *former* if there was one."""
        self.is_login = True
        self.clears = self.clears or former is not None

    def undo(self) -> None:
        """Drop the new key and all changes after it; the commit saves :attr:`before_rotation` alone."""
        self.is_undone = True

    def lose_rotation(self) -> None:
        """Drop the new key: another request has changed the id first."""
        self.new_key = None

    def changes(self, record: SessionRecord, put: Mapping[str, bytes], removed: Collection[str]) -> Changes | None:
        """Return the changes since the baseline, with the given ones of attributes.

        Args:
            record: the record as the request has it now.
            put: the encodings of attributes that were set or have changed inside, by name.
            removed: the names of attributes that were removed.

        Returns:
            All in one object, since the store applies it as a whole; None if there are no changes. The deadline is
            among them only at a login, which alone moves it.
        """
        interval, principal, notes = record.max_inactive_interval, record.principal, record.notes
        is_same = interval == self._interval and principal == self._principal and notes is self._notes
        if is_same and self.new_key is None:
            return Changes(put=put, removed=removed) if put or removed else None
        return Changes(
            put=put,
            removed=removed,
            max_inactive_interval=None if interval == self._interval else interval,
            deadline=record.deadline if self.is_login else None,
            principal=... if principal == self._principal else principal,
            new_key=self.new_key,
            is_login=self.is_login,
            clear=self.clears,
            notes={} if notes is self._notes else {**dict.fromkeys(self._notes), **notes},
        )
