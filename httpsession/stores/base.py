"""The contract of a store: what it keeps for whom, and what is atomic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Protocol, runtime_checkable

from ..attributes import Attributes
from ..record import SessionRecord

#: Of a request: the key of its session, when it arrived and when it ended.
Touch = tuple[bytes, float, float]
#: Seconds for which what is under way with an old key finds the session under its new one.
FOLLOW = 60.0


class Stored(Protocol):
    """What a store keeps of a session."""

    record: SessionRecord
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What :meth:`SessionStore.save` changes; ``...`` leaves the principal as it is."""

    max_inactive_interval: int | None = None
    principal: str | EllipsisType | None = ...
    #: The session's new id, and the key that goes with it.
    new_id: tuple[str, bytes] | None = None


@runtime_checkable
class SessionStore(Protocol):
    """Keeps sessions by key. It knows no HTTP and no listeners; time is an argument, in seconds since the epoch.

    Each method is atomic for one session and may be called by any number of threads; none makes a session that was not
    there, but :meth:`create`. Whoever removes a session gets it, and is the only one who does: it has to tell the
    listeners. A removed record is marked as such.
    """

    #: Whether other processes see the same sessions.
    is_shared: bool

    #: The sessions that requests of this process are using, and since when; a session that was still alive then does
    #: not time out (S54). The manager of the sessions puts its own function here.
    in_use: Callable[[], Mapping[bytes, float]]

    def create(self, record: SessionRecord, attributes: Attributes) -> bool:
        """Keep a new session under the key of its record; False if that key is taken."""

    def load(self, key: bytes, arrived: float) -> tuple[Stored, float | None] | None:
        """Note a request that *arrived* then, whose client knows the id; return the session and when the request before
        arrived, None if there is no session.

        A session that was due by then is removed and given back, to exactly one caller, with None in place of the time.
        """

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply all *changes*; False if there is no such session.

        With a new key the old one is dead to loads and to other renames, but saves, removals and touches that are under
        way follow it to the new one, for :data:`FOLLOW` seconds.
        """

    def remove(self, key: bytes) -> Stored | None:
        """Remove the session and give it back, to exactly one caller."""

    def expire(self, now: float, limit: int) -> list[Stored]:
        """Remove sessions that are due, and give each back to exactly one caller; none is left if there are fewer than
        *limit*."""

    def abandoned(self) -> Stored | None:
        """Remove and give back the oldest session whose client never came back and that nobody uses."""

    def touch(self, accesses: Iterable[Touch]) -> None:
        """Note requests that have ended, in the order of their arrival. Unknown keys are no matter, and a session that
        was due when a request arrived is not revived by it."""

    def of(self, principal: str) -> list[SessionRecord]:
        """Return the records of the sessions bound to *principal*."""

    def __iter__(self) -> Iterator[Stored]:
        """Go through the sessions as they are now, in no order."""

    def __len__(self) -> int:
        """Return how many sessions there are."""
