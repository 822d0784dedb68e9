"""What rows say of a session. Anybody may have written them, so nothing is taken for granted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ...record import SessionRecord
from ..base import StoredSession

_log = logging.getLogger("httpsession")

#: Identity, key, times, interval, deadline, principal; and the name and value of an attribute.
Row = Sequence[Any]


def session_of(rows: Sequence[Row]) -> StoredSession | None:
    """Return the session that rows with one attribute each make up; None if it is damaged, which is logged."""
    record = record_of(rows[0])
    if record is None:
        return None
    attributes = {}
    for row in rows:
        name, value = row[8], row[9]
        if type(value) is bytes and type(name) is str:
            attributes[name] = value
        elif name is not None:
            _log.error("An attribute of the session %s is damaged or too long, and is left out.", shown(record.key))
    return StoredSession(record, attributes)


def record_of(row: Row) -> SessionRecord | None:
    """Return the record that a row holds; None if it is damaged, which is logged."""
    _, key, created, accessed, used, interval, deadline, principal = row[:8]
    if (
        type(key) is bytes
        and type(created) is type(accessed) is type(used) is type(deadline) is float
        and type(interval) is int
        and (principal is None or type(principal) is str)
    ):
        is_new = accessed == created
        return SessionRecord("", key, created, interval, deadline, accessed, accessed, used, principal, is_new)
    _log.error("The record of the session %s is damaged: it is taken for none.", shown(key))
    return None


def shown(key: object) -> str:
    """Return as much of a key as may be in a log."""
    return key.hex()[:8] if isinstance(key, bytes) else "without a key"
