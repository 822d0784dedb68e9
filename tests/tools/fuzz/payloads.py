"""What both stores read for a session: rows of SQLite and fields of Redis, with any value in any place.

The targets of the stores themselves need a server or a file for each input. This one calls the readers alone, so that a
million inputs take minutes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from httpsession.record import MAX_VALUE, SessionRecord
from httpsession.stores.base import StoredSession
from httpsession.stores.redis import layout
from httpsession.stores.sqlite import rows

from .choices import Choices
from .engine import Check

KEY = bytes(range(32))
VALUES = {"user": b"\x01\xa4anna", "cart": b"\x01\x91\x01", "é": b""}
RECORD = SessionRecord(KEY, 1e9, 1800, math.inf, 1e9, 1e9, "anna", {"seal": b"\x02" * 49, "csrf": b"\1" * 32}, 300.0)
#: What SQLite returns for a column: it keeps a value of any type in any column.
ODD: tuple[Any, ...] = (
    *(None, 0, 1, -1, 2**62, -(2**63), 1.5, -1e308, math.inf, -math.inf, 4e9, "", "bert", "x" * 3000, "\0", "9e999"),
    *(b"", b"\0" * 32, b"\xff", b"x" * 40, KEY),
)
FIELDS = (b"r", b"p", b"n", b"f", b":", b":user", b":\xff", b"#", b"#seal", b"#\xff", b"", b"x", b"r\0", b"\xff")
NUMBERS = (0.0, -1.0, 1e300, -1e300, math.inf, -math.inf, math.nan, 4e9, 1.5, 2.0**31, 2.0**63)


def of_sqlite(choices: Choices) -> StoredSession | None:
    """Read rows in which some columns have other values."""
    record = RECORD
    head = (7, KEY, record.creation_time, record.accessed, record.used, record.max_inactive_interval)
    head += (record.deadline, record.principal, record.newcomer_interval)
    made = [[*head, name, value, 0] for name, value in VALUES.items()]
    made += [[*head, name, value, 1] for name, value in record.notes.items()]
    for _ in range(choices.below(5)):
        row = choices.pick(made)
        row[choices.below(len(row))] = choices.pick(ODD)
    if choices.is_one_in(8):
        made = [[*made[0][:9], None, None, None]]
    return rows.session_of(made[: 1 + choices.below(len(made))])


def of_redis(choices: Choices) -> StoredSession | None:
    """Read a hash in which some fields have other names or values."""
    fields = [*layout.fields_of(StoredSession(RECORD, VALUES)), b"p", b"anna"]
    for _ in range(choices.below(5)):
        at = choices.below(len(fields))
        match choices.below(5):
            case 0:
                fields[at] = choices.mutated(fields[at])
            case 1:
                fields[at - at % 2] = choices.pick(FIELDS)
            case 2:
                fields[at] = choices.octets(60)
            case 3:
                fields[1] = struct.pack("<B5d", 1, *(choices.pick(NUMBERS) for _ in range(5)))
            case _:
                del fields[at]
                fields = fields or [b""]
    return layout.session_of(KEY, fields)


def check(choices: Choices) -> None:
    """Read a session, and look at each part of it as the package does."""
    session = (of_sqlite if choices.flag() else of_redis)(choices)
    if session is None:
        return
    record = session.record
    assert isinstance(record.key, bytes)
    for time in (record.creation_time, record.accessed, record.used, record.deadline, record.newcomer_interval):
        assert isinstance(time, float)
        assert not math.isnan(time)
    assert isinstance(record.max_inactive_interval, int)
    assert record.principal is None or isinstance(record.principal, str)
    for now in (0.0, 1e9, 1e300):
        assert record.is_due(now) is (record.due() <= now)
    assert record.reason_to_expire
    assert record.handle
    assert record.info(hints=("user_agent", "address")).handle == record.handle
    assert isinstance(record.login_time, float)
    for named in (record.notes, session.attributes):
        for name, value in named.items():
            assert isinstance(name, str)
            assert isinstance(value, bytes)
            assert len(value) <= MAX_VALUE
    assert not {*session.left_out} & {*session.attributes}


@contextmanager
def target() -> Iterator[Check]:
    """Prepare nothing: the readers keep no state."""
    yield check
