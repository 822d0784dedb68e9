"""Rows to sessions. Any program may have written the rows, so nothing in them is trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import isfinite
from operator import itemgetter
from typing import Any, Final

from ...ids import handle_of
from ...record import SessionRecord
from ..base import StoredSession, note_damage

_log = logging.getLogger("httpsession")

#: Identity, key, times, interval, deadline, principal, interval of a newcomer; then name and value of an attribute or a
#: note, and which it is.
Row = Sequence[Any]
#: The length of the part that belongs to the record.
_RECORD: Final = 9


def sessions_of(rows: Iterable[Row]) -> Iterator[StoredSession]:
    """Iterate over the sessions that rows make up; those that are damaged are left out.

    The rows of each session must be adjacent, so a statement orders them by identity.
    """
    for _, group in groupby(rows, itemgetter(0)):
        stored = session_of(list(group))
        if stored is not None:
            yield stored


def session_of(rows: Sequence[Row]) -> StoredSession | None:
    """Return the session that rows with one attribute or note each make up; None if it is damaged, which is logged.

    Args:
        rows: at least one row, all of the same session. Without attributes and notes it has one row without a name.

    Returns:
        The session. A damaged attribute or note is left out and logged; it costs the session nothing else.
    """
    attributes: dict[str, bytes] = {}
    notes: dict[str, bytes] = {}
    left_out: list[str] = []
    record = _record_of(rows[0], notes)
    if record is None:
        return None
    for row in rows:
        name, value, is_note = row[_RECORD:]
        if type(value) is bytes and type(name) is str:
            (notes if is_note else attributes)[name] = value
        elif name is not None:
            _log.error("An attribute of the session %s is damaged or too long, and is left out.", _shown(record.key))
            note_damage("attribute", record.key, record.principal)
            if type(name) is str and not is_note:
                left_out.append(name)
    return StoredSession(record, attributes, left_out)


def _record_of(row: Row, notes: Mapping[str, bytes]) -> SessionRecord | None:
    """Return the record that a row holds; None if it is damaged, which is logged.

    SQLite keeps a value of any type in any column, so each type is checked. Of the times only the deadline may be
    infinite. *notes* becomes part of the record, and the
    caller fills it afterwards.
    """
    _, key, created, accessed, used, interval, deadline, principal, newcomer_interval = row[:_RECORD]
    if (
        type(key) is bytes
        and type(created) is type(accessed) is type(used) is type(deadline) is type(newcomer_interval) is float
        and type(interval) is int
        and isfinite(created + accessed + used + newcomer_interval)
        and (principal is None or type(principal) is str)
    ):
        times = (created, interval, deadline, accessed, used)
        return SessionRecord(key, *times, principal, notes, newcomer_interval)
    _log.error("The record of the session %s is damaged, so the session is ignored.", _shown(key))
    note_damage("record", key if type(key) is bytes else None)
    return None


def _shown(key: object) -> str:
    """Return the part of a handle that a log shows, given the key."""
    return handle_of(key)[:8] if isinstance(key, bytes) else "without a key"
