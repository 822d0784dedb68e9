"""The state of one session: its size, how long it has been idle, and whether it is new, alive or due."""

from __future__ import annotations

from math import inf

from ..record import SessionRecord
from ..stores.base import SLACK, StoredSession


def size_of(stored: StoredSession) -> int:
    """Return how many bytes the attributes of a session have."""
    return sum(map(len, stored.attributes.values()))


def idle_time(record: SessionRecord, now: float) -> float:
    """Return for how many seconds a session has been idle."""
    return now - max(record.accessed, record.used)


def interval_of(record: SessionRecord) -> float:
    """Return after how many idle seconds a session expires; infinite if it never does."""
    return record.max_inactive_interval if record.max_inactive_interval > 0 else inf


def is_due(record: SessionRecord, now: float) -> bool:
    """Return whether a session has expired and is still in the store."""
    return record.is_due(now, SLACK)


def is_new(record: SessionRecord) -> bool:
    """Return whether the client of a session has not come back yet."""
    return record.accessed == record.creation_time


def state_of(record: SessionRecord, now: float) -> str:
    """Return the state of a session as the commands show it."""
    if is_due(record, now):
        return "due"
    return "new" if is_new(record) else "alive"
