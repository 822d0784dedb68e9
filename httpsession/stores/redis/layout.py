"""How a session looks in a hash: a field for the record, one for the principal, one for each attribute."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isnan
from struct import Struct
from typing import Any, Final

from ...record import SessionRecord
from ..base import MAX_VALUE, StoredSession

#: The field of the record, and that of the principal. Names of attributes have a mark in front, so that no attribute
#: has such a name.
RECORD: Final = b"r"
PRINCIPAL: Final = b"p"
ATTRIBUTE: Final = b":"

_VERSION: Final = 1
#: The version, then the times of creation, the latest arrival and the latest end, the deadline and the interval. The
#: scripts know it, too.
_PACKED: Final = Struct("<B5d")

_log = logging.getLogger("httpsession")


def packed(record: SessionRecord) -> bytes:
    """Return the record as it is stored."""
    times = record.creation_time, record.accessed, record.used, record.deadline
    return _PACKED.pack(_VERSION, *times, record.max_inactive_interval)


def session_of(key: bytes, fields: Any) -> StoredSession | None:
    """Return the session whose hash has these *fields*, names and values in turn; None if it is none, as
    the log then says."""
    try:
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        record = _record_of(key, values.pop(RECORD), values.pop(PRINCIPAL, None))
        attributes = {name[1:].decode(): value for name, value in values.items() if name[:1] == ATTRIBUTE}
        if max(map(len, fields)) > MAX_VALUE:
            attributes = _without_giants(key, attributes)
    except (KeyError, TypeError, ValueError, OverflowError):
        _log_garbage(key)
        return None
    return StoredSession(record, attributes)


def record_of(key: bytes, record: bytes, principal: bytes) -> SessionRecord | None:
    """Return the record that was stored so; None if it is none, as the log then says."""
    try:
        return _record_of(key, record, principal)
    except (ValueError, OverflowError):
        _log_garbage(key)
        return None


def _record_of(key: bytes, record: bytes, principal: bytes | None) -> SessionRecord:
    if len(record) != _PACKED.size:
        raise ValueError("not the length of a record")
    version, created, accessed, used, deadline, interval = _PACKED.unpack(record)
    if version != _VERSION or isnan(created + accessed + used + deadline + interval):
        raise ValueError("not a record of this version")
    user = None if principal is None else principal.decode()
    return SessionRecord("", key, created, int(interval), deadline, accessed, accessed, used, user, is_new=False)


def _log_garbage(key: bytes) -> None:
    _log.warning("what is in Redis for session %s is no session, and is left out", key.hex()[:8])


def _without_giants(key: bytes, attributes: Mapping[str, bytes]) -> dict[str, bytes]:
    _log.warning("session %s has attributes of more than %d bytes, which are left out", key.hex()[:8], MAX_VALUE)
    return {name: value for name, value in attributes.items() if len(value) <= MAX_VALUE}
