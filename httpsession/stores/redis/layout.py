"""The hash of a session: a field for the record, for the user and for the former keys, and for each note and attribute.

Notes and the interval of a newcomer came later than the rest, as fields of their own. So the version of the record is
still 1: hashes without these fields are read as before, and a release that does not know them ignores them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isfinite
from struct import Struct
from typing import Any, Final

from ...ids import handle_of
from ...record import MAX_VALUE, SessionRecord
from ..base import Changes, StoredSession, note_damage
from .transport import Word

#: The fields of the record, of the user if there is one, and of the interval of a newcomer if there is one. The scripts
#: keep the former keys in the field ``f``.
RECORD: Final = b"r"
PRINCIPAL: Final = b"p"
NEWCOMER: Final = b"n"
#: The marks before the names of attributes and notes. So no two fields have the same name, whatever the names are.
ATTRIBUTE: Final = b":"
NOTE: Final = b"#"

_VERSION: Final = 1
#: The version, then the times of creation, the latest arrival and the latest end, the deadline and the interval. The
#: scripts know this layout, too.
_PACKED: Final = Struct("<B5d")
_NUMBER: Final = Struct("<d")

_log = logging.getLogger("httpsession")


def fields_of(session: StoredSession) -> list[bytes]:
    """Return the fields of a session, names and values in turn, the record first; the user is not among them.

    ``create.lua`` takes the user apart from the fields, since it also adds the session to the user's set.
    """
    record = session.record
    times = record.creation_time, record.accessed, record.used, record.deadline
    fields = [RECORD, _PACKED.pack(_VERSION, *times, record.max_inactive_interval)]
    if record.newcomer_interval > 0:
        fields += (NEWCOMER, _NUMBER.pack(record.newcomer_interval))
    for name, value in session.attributes.items():
        fields += (ATTRIBUTE + name.encode(), value)
    if record.notes:
        for name, value in record.notes.items():
            fields += (NOTE + name.encode(), value)
    return fields


def triples_of(changes: Changes) -> list[Word]:
    """Return the triples of save.lua: a sign, a field and a value for each thing that a save checks or changes."""
    words: list[Word] = []
    if changes.expected:
        for name, old in changes.expected.items():
            words += (b"!" if old is None else b"?", ATTRIBUTE + name.encode(), old or b"")
    for name, value in changes.put.items():
        words += (b"=", ATTRIBUTE + name.encode(), value)
    for name in changes.removed:
        if name not in changes.put:
            words += (b"-", ATTRIBUTE + name.encode(), b"")
    if changes.notes:
        for name, note in changes.notes.items():
            words += (b"-" if note is None else b"=", NOTE + name.encode(), note or b"")
    if changes.max_inactive_interval is not None:
        words += (b"i", b"", changes.max_inactive_interval)
    if changes.deadline is not None:
        words += (b"d", b"", changes.deadline)
    if changes.principal is None:
        words += (b"n", b"", b"")
    elif changes.principal is not ...:
        words += (b"p", b"", changes.principal)
    return words


def session_of(key: bytes, fields: Any) -> StoredSession | None:
    """Return the session that has these *fields*, names and values in turn. If it is none, log that and return None.

    Any client of Redis may have written the hash, so nothing in it is trusted. Fields with an unknown mark are ignored:
    a later release may have added them.
    """
    attributes: dict[str, bytes] = {}
    notes: dict[str, bytes] = {}
    giants: list[str] = []
    try:
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        record = _record_of(key, values.pop(RECORD), values.pop(PRINCIPAL, None), values.pop(NEWCOMER, None), notes)
        for name, value in values.items():
            mark = name[:1]
            if mark == ATTRIBUTE:
                attributes[name[1:].decode()] = value
            elif mark == NOTE:
                notes[name[1:].decode()] = value
        if max(map(len, fields)) > MAX_VALUE:
            giants = [name for name, value in attributes.items() if len(value) > MAX_VALUE]
            what = "session %s has attributes of more than %d bytes, which are ignored"
            _log.warning(what, handle_of(key)[:8], MAX_VALUE)
            note_damage("attribute", key, record.principal)
    except (KeyError, TypeError, ValueError, OverflowError):
        _log.warning("the value in Redis for session %s is no session and is ignored", handle_of(key)[:8])
        note_damage("record", key)
        return None
    if giants:
        attributes = {name: value for name, value in attributes.items() if name not in giants}
    return StoredSession(record, attributes, giants)


def _record_of(
    key: bytes, record: bytes, principal: bytes | None, newcomer: bytes | None, notes: Mapping[str, bytes]
) -> SessionRecord:
    """Return the record that these values hold. *notes* becomes part of it, and the caller fills it afterwards.

    Raises:
        ValueError: *record* is not of this version, or a number is none that the package writes.
    """
    if len(record) != _PACKED.size or (newcomer is not None and len(newcomer) != _NUMBER.size):
        raise ValueError("not the length of a record")
    version, created, accessed, used, deadline, interval = _PACKED.unpack(record)
    newcomer_interval = 0.0 if newcomer is None else _NUMBER.unpack(newcomer)[0]
    if version == _VERSION and isfinite(created + accessed + used + interval + newcomer_interval) and deadline >= 0:
        user = None if principal is None else principal.decode()
        return SessionRecord(key, created, int(interval), deadline, accessed, used, user, notes, newcomer_interval)
    raise ValueError("not a record of this version")
