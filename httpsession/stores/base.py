"""The contract of a store: what it keeps for whom, and what is atomic."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Final, Protocol, runtime_checkable

from ..attributes import Attributes
from ..record import SessionRecord

#: Of a request: the key of its session, when it arrived and when it ended.
Touch = tuple[bytes, float, float]
#: Seconds for which what is under way with an old key finds the session under its new one.
FOLLOW: Final = 60.0
#: Seconds by which a shared store is told late of accesses, and by which idle sessions therefore live longer there.
SLACK: Final = 1.0
#: Bytes of the longest attribute that a shared store takes, or reads: a longer one was put there by somebody else.
MAX_VALUE: Final = 1 << 21


class Stored(Protocol):
    """What a store keeps of a session: live attributes in the memory of one process, else their encodings by name."""

    @property
    def record(self) -> SessionRecord:
        """The record."""

    @property
    def attributes(self) -> Attributes | Mapping[str, bytes]:
        """The attributes."""


@dataclass(slots=True)
class StoredSession:
    """A session as it comes out of a shared store: a copy. Its record has no id, which such a store never sees."""

    record: SessionRecord
    attributes: Mapping[str, bytes] = field(repr=False)


def check_values(values: Mapping[str, bytes]) -> None:
    """Refuse what would not be read again.

    Raises:
        ValueError: a value is longer than :data:`MAX_VALUE`.
    """
    for value in values.values():
        if len(value) > MAX_VALUE:
            raise ValueError(f"an attribute may have at most {MAX_VALUE} bytes, not {len(value)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What :meth:`SessionStore.save` changes; ``...`` leaves the principal as it is."""

    #: The attributes that get a value, and those that go.
    put: Mapping[str, bytes] = field(default_factory=dict)
    removed: Collection[str] = ()
    #: What these attributes must still have for anything to change; None: there must be no such attribute.
    expected: Mapping[str, bytes | None] = field(default_factory=dict)
    max_inactive_interval: int | None = None
    principal: str | EllipsisType | None = ...
    #: The session's new id, which only the memory store keeps, and the key that goes with it.
    new_id: tuple[str, bytes] | None = None
    #: Whether the session starts afresh: all attributes but those above go, and nothing that is under way with its
    #: old key follows it.
    afresh: bool = False


@runtime_checkable
class SessionStore(Protocol):
    """Keeps sessions by key. It knows no HTTP and no listeners; time is an argument, in seconds since the epoch.

    Each method is atomic for one session and may be called by any number of threads, of a shared store by any number
    of processes, before and after a fork; none makes a session that was not there, but :meth:`create`. Whoever removes
    a session gets it, and is the only one who does: it has to tell the listeners. A removed record is marked as such.

    A session is due when it was not used for its interval or has reached its deadline (:meth:`SessionRecord.is_due`).
    A shared store hears of accesses late: there, being idle makes a session due :data:`SLACK` seconds later, and
    deadlines are exact.

    Three outcomes are kept apart: an answer, None and False among them; a caller's error, which is a ValueError; and a
    system that fails or takes longer than the store's timeout, which is a :class:`StoreError`. After that nothing has
    changed, or all of it, and the store works again as soon as the system does. What is in the store but was not
    written by one like it is no session; it is logged, and removed when it is due.
    """

    #: Whether other processes see the same sessions.
    is_shared: bool

    #: The sessions that requests of this process are using, and since when. The manager of the sessions puts its own
    #: function here. In a store that is not shared a session that was still alive then does not time out (S54); a
    #: shared one is told by :meth:`touch`.
    in_use: Callable[[], Mapping[bytes, float]]

    def create(self, record: SessionRecord, attributes: Attributes | Mapping[str, bytes]) -> bool:
        """Keep a new session under the key of its record: its times, interval, deadline and principal, and its
        attributes; False if that key is taken.

        Raises:
            ValueError: an attribute is longer than a shared store takes (:func:`check_values`).
        """

    def load(self, key: bytes, arrived: float) -> tuple[Stored, float | None] | None:
        """Return, for a request that *arrived* then, the session and when the request before arrived; None if there is
        no session.

        A session that was due by then is removed and given back, to exactly one caller, with None in place of the time.
        A store that is not shared notes the access; to a shared one it is told by :meth:`touch`.
        """

    def peek(self, key: bytes) -> Stored | None:
        """Return the session as it is, due or not, noting nothing; a key that was changed lately is followed."""

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply all *changes* or none; False if there is no such session, or not what *changes* expect.

        With a new key the old one is dead to loads and to other changes of the id, but saves, removals and touches that
        are under way follow it to the new one, for :data:`FOLLOW` seconds.

        Raises:
            ValueError: the session cannot move to the new key (:meth:`fits`), or an attribute is too long; nothing has
                changed.
        """

    def fits(self, key: bytes, new_key: bytes) -> bool:
        """Return whether a session can move from one key to the other. Whoever changes an id draws until it does: where
        keys are spread over many machines, a move is atomic only within one."""

    def remove(self, key: bytes) -> Stored | None:
        """Remove the session and give it back as it was, to exactly one caller."""

    def expire(self, now: float, limit: int) -> list[Stored]:
        """Remove sessions that are due, at most *limit*, and give each back to exactly one caller; none is left if
        there are fewer than *limit*."""

    def abandoned(self) -> Stored | None:
        """Remove and give back a session whose client never came back and that nobody uses: the oldest, or about that
        in a shared store."""

    def touch(self, accesses: Iterable[Touch]) -> None:
        """Note requests that are under way or have ended, in the order of their arrival. Unknown keys are no matter, no
        time is turned back, and a session that was due when a request arrived is not revived by it."""

    def of(self, principal: str) -> list[SessionRecord]:
        """Return the records of the sessions bound to *principal*."""

    def __iter__(self) -> Iterator[Stored]:
        """Go through the sessions in no order; those that come or go meanwhile may be among them or not."""

    def __len__(self) -> int:
        """Return how many sessions there are."""

    def describe(self) -> str:
        """Return in a few words what keeps the sessions, in which version; nothing secret."""

    def close(self) -> None:
        """Let go of files and connections; what is called afterwards opens them again."""
