"""The state of one session: its size, how long it has been idle, and whether it is new, alive or due."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import inf, isfinite

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


@dataclass(frozen=True, slots=True)
class Summary:
    """A session without its values: times in seconds since the epoch, durations in seconds, infinite for never."""

    handle: str = field(repr=False)
    principal: str | None
    created: float
    last_seen: float
    last_used: float
    idle: float
    interval: float
    deadline: float
    expires_at: float
    state: str
    attributes: int
    bytes: int

    @classmethod
    def of(cls, stored: StoredSession, now: float) -> Summary:
        """Return the summary of a session as it is *now*."""
        record = stored.record
        return cls(
            handle=record.handle,
            principal=record.principal,
            created=record.creation_time,
            last_seen=record.accessed,
            last_used=record.used,
            idle=idle_time(record, now),
            interval=interval_of(record),
            deadline=record.deadline,
            expires_at=record.due(),
            state=state_of(record, now),
            attributes=len(stored.attributes),
            bytes=size_of(stored),
        )

    @property
    def age(self) -> float:
        """Seconds since the session was created."""
        return self.idle + max(self.last_seen, self.last_used) - self.created

    def data(self) -> dict[str, object]:
        """Return all fields for JSON, which has no infinite numbers: None stands for never."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: None if isinstance(value, float) and not isfinite(value) else value for name, value in values.items()
        }
