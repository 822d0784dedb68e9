"""The contract of a store: what it keeps, and what is atomic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, Final, Literal, Protocol, TypeVar, runtime_checkable

from .. import audit
from ..attributes import Attributes
from ..errors import StoreError, TooManySessionsError
from ..record import MAX_VALUE, LiveRecord, SessionRecord

#: One request: the key of its session, when it arrived and when it ended.
Touch = tuple[bytes, float, float]
#: Returns the keys of the sessions that requests of this process are using, and since when.
InUse = Callable[[], Mapping[bytes, float]]
#: Seconds for which requests in flight with a former key still reach the session under its new key.
FOLLOW: Final = 60.0
#: Seconds by which accesses reach a shared store late, and by which idle sessions therefore expire later there.
SLACK: Final = 1.0


class MissingStoreError(StoreError):
    """A store that must exist does not (:func:`.open_store`). The message says what is missing, and what is similar."""


def nothing_in_use() -> Mapping[bytes, float]:
    """Return no keys: no request of this process is using a session."""
    return {}


class Stored(Protocol):
    """The form in which every store returns a session: a record, and attributes as the store keeps them."""

    @property
    def record(self) -> SessionRecord:
        """The record, which has the key and no id."""

    @property
    def attributes(self) -> Attributes | Mapping[str, bytes]:
        """The live attributes, or their encodings by name."""


@dataclass(slots=True, eq=False)
class StoredSession:
    """A session as a shared store returns it: a copy, with the encodings of the attributes by name."""

    record: SessionRecord
    attributes: Mapping[str, bytes] = field(repr=False)
    #: The names of attributes that the store has but does not return: their values are too long, or are no bytes.
    #: :attr:`Changes.removed` and :attr:`Changes.put` reach them.
    left_out: Collection[str] = field(default=(), repr=False)


@dataclass(slots=True, eq=False)
class LiveEntry:
    """A session as the memory of one process keeps it: the very record and attributes that its requests use."""

    record: LiveRecord
    attributes: Attributes = field(repr=False)


T = TypeVar("T", bound=Stored)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Limit:
    """The number of sessions that a user may have, for one creation or save that logs the user in.

    In it the store also returns the sessions that it removes to make a place.
    """

    principal: str
    most: int
    #: Whether the oldest logins are evicted. Otherwise the store refuses the new one.
    evicts: bool
    #: The sessions that the store has removed. The caller notifies their listeners, also if the store fails later.
    removed: list[Any] = field(default_factory=list)

    def admits(self, others: int) -> bool:
        """Return whether the user may log in beside so many other sessions."""
        return self.evicts or others < self.most

    def excess(self, others: Collection[T]) -> list[T]:
        """Return those of the user's *others* that have to end before one more session begins, the oldest first.

        Raises:
            TooManySessionsError: none may be evicted.
        """
        if not self.admits(len(others)):
            raise self.refusal()
        number = len(others) - self.most + 1
        return sorted(others, key=_login_time)[: max(number, 0)]

    def refusal(self) -> TooManySessionsError:
        """Return the error of a login that is refused."""
        return TooManySessionsError(
            f"the user is logged in {self.most} times, which is SessionConfig.max_sessions_per_principal"
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Changes:
    """The changes that :meth:`SessionStore.save` applies. The default of a field changes nothing."""

    #: The attributes that get a value, and those that are removed.
    put: Mapping[str, bytes] = field(default_factory=dict)
    removed: Collection[str] = ()
    #: The values that attributes must still have for anything to change; None: there must be no such attribute.
    expected: Mapping[str, bytes | None] = field(default_factory=dict)
    #: The notes that get a value; None removes a note.
    notes: Mapping[str, bytes | None] = field(default_factory=dict)
    max_inactive_interval: int | None = None
    deadline: float | None = None
    #: The user who is logged in from now on; None: no user; the ellipsis: no change.
    principal: str | EllipsisType | None = ...
    new_key: bytes | None = None
    #: Whether the session begins anew under its new key, by a login. Such a change follows a change of the id, and
    #: nothing follows it: requests in flight with any former key do not reach the session any more.
    is_login: bool = False
    #: Whether all attributes are removed but those that are put.
    clear: bool = False
    #: The limit on the sessions of the user who logs in, or who is logged in while the key changes; None: no limit.
    limit: Limit | None = None


def _login_time(stored: Stored) -> float:
    return stored.record.login_time


def check_values(values: Mapping[str, bytes]) -> None:
    """Refuse values that a shared store would not load again.

    Raises:
        ValueError: a value is longer than :data:`MAX_VALUE`.
    """
    for value in values.values():
        if len(value) > MAX_VALUE:
            raise ValueError(f"an attribute may have at most {MAX_VALUE} bytes, not {len(value)}")


def note_damage(part: str, key: bytes | None = None, principal: str | None = None) -> None:
    """Log an audit event: the ``record`` of an entry or an ``attribute`` cannot be read, or its ``seal`` is broken."""
    audit.note("session_data_corrupt", key=key, principal=principal, level=logging.WARNING, part=part)


@runtime_checkable
class SessionStore(Protocol[T]):
    """Keeps sessions by key. It knows no HTTP and no listeners. Time is an argument, in seconds since the epoch.

    *T* is the form in which the store returns sessions: :class:`LiveEntry` or :class:`StoredSession`.

    Each method is atomic for one session. Any number of threads may call it, before and after a fork; in a shared store
    any number of processes too. Only :meth:`create` adds a session. A removed session is returned to exactly one
    caller, which then notifies the listeners.

    A session is due when it was idle for its interval or has reached its deadline (:meth:`SessionRecord.is_due`).
    Accesses reach a shared store late: there an idle session is due :data:`SLACK` seconds later. Deadlines are exact.

    Three outcomes are kept apart. An answer may be None or False. A mistake of the caller is a ValueError. A system
    that fails, or exceeds the store's timeout, is a :class:`StoreError`: all of the change was made or nothing, and the
    store works again as soon as the system does.

    An entry that this package did not write is no session: it is logged, and removed when it is due.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other processes see the same sessions."""

    @property
    def capacity(self) -> int | None:
        """How many sessions there may be unless ``SessionConfig.max_sessions`` says otherwise; None: any number.

        Callers make room before they create a session beyond it: the store itself refuses none.
        """

    def create(self, session: T, limit: Limit | None = None) -> bool:
        """Add a session under the key of its record; False if the key is taken.

        With a *limit*, keep to it as :meth:`save` does.

        Raises:
            TooManySessionsError: the *limit* refuses the login.
            ValueError: an attribute is longer than a shared store accepts (:func:`check_values`), or the principal is
                none (:func:`.check_principal`).
        """

    def load(self, key: bytes, arrived: float, in_use: InUse = nothing_in_use) -> tuple[T, float, bool] | None:
        """Return the session for a request that *arrived* then, with the previous arrival, and False.

        A session that was due by then is removed and returned with True instead, to exactly one caller. None: there is
        no session.

        A store that is not shared records the access. It does not count a session as due that a request has been using
        since before (*in_use*; S54). A shared store gets accesses, also those in flight, by :meth:`touch`.
        """

    def peek(self, key: bytes) -> T | None:
        """Return the session, due or not, and record no access. Follow a recent change of the key."""

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply all *changes* or none; False if there is no such session, or *expected* values differ.

        In a shared store a new interval counts from *now* at the earliest: the request that changes it is using the
        session, and its access has not been flushed.

        After a change of the key, loads and other changes of the key do not find the former key. For :data:`FOLLOW`
        seconds saves, removals and touches in flight follow it to the new key. Nothing follows a login.

        With a limit and a principal in *changes*, the user has at most so many sessions afterwards that are not due,
        however many processes log the user in at once. If there are more, the oldest others are removed
        (:attr:`SessionRecord.login_time`) and returned in :attr:`Limit.removed`, or the save is refused.

        Raises:
            TooManySessionsError: the limit refuses the login; nothing has changed.
            ValueError: the session cannot move to the new key (:meth:`can_move`), an attribute is too long, a login has
                no new key, or the principal is none (:func:`.check_principal`); nothing has changed.
        """

    def can_move(self, key: bytes, new_key: bytes) -> bool:
        """Return whether a session can move from one key to the other.

        Callers draw ids until this is true: where keys are spread over shards, a move is atomic only within one.
        """

    def was_left(self, key: bytes, now: float) -> bool:
        """Return whether a login moved a session away from *key* in the last :data:`FOLLOW` seconds."""

    def remove(self, key: bytes, principal: str | None = None) -> T | None:
        """Remove the session and return it, to exactly one caller; None if there is none. Follow a recent change of the
        key.

        If *principal* is not None, remove the session only if this user is logged in, in the same atomic step.
        """

    def expire(self, now: float, limit: int, in_use: InUse = nothing_in_use) -> list[T]:
        """Remove sessions that are due, at most *limit*, and return each to exactly one caller.

        If fewer than *limit* are returned, no other session is due. *in_use* is that of :meth:`load`.
        """

    def evict(self, in_use: InUse = nothing_in_use) -> T | None:
        """Remove a newcomer's session and return it; None if there is none.

        It is the oldest (:attr:`SessionRecord.is_newcomer`) that no request is using. A shared store may choose another
        old one.
        """

    def touch(self, accesses: Iterable[Touch], in_use: InUse = nothing_in_use) -> None:
        """Record requests that are in flight or have ended, in the order of their arrival.

        The background thread calls this every second, also without any: a shared store may learn then what other
        processes have done. Unknown keys are ignored, and times never move back. A session that was due when a request
        arrived stays due.
        *in_use* is that of :meth:`load`.
        """

    def records_of(self, principal: str) -> list[SessionRecord]:
        """Return the records of the sessions in which *principal* is logged in.

        Raises:
            ValueError: it is no principal (:func:`.check_principal`).
        """

    def __iter__(self) -> Iterator[T]:
        """Iterate over the sessions in no order, with or without those that are added or removed meanwhile."""

    def __len__(self) -> int:
        """Return how many sessions there are."""

    def describe(self) -> str:
        """Return the system behind the store and its version in a few words, without secrets."""

    def close(self) -> None:
        """Release files and connections for good. Later calls of a shared store raise :class:`StoreError`."""


class LiveStore(SessionStore[LiveEntry], Protocol):
    """A store in the memory of one process, which keeps live attributes."""

    @property
    def is_shared(self) -> Literal[False]:
        """False."""


class SharedStore(SessionStore[StoredSession], Protocol):
    """A store that several processes use, and that keeps encodings."""

    @property
    def is_shared(self) -> Literal[True]:
        """True."""


@runtime_checkable
class Prefixed(Protocol):
    """A store in a system that may keep those of other applications, too, under other prefixes."""

    @property
    def prefix(self) -> str:
        """The prefix of this store."""

    def prefixes(self) -> list[str]:
        """Return the prefixes under which the system keeps sessions, sorted; not all if there are many keys.

        Raises:
            StoreError: the system fails, or the user may not look.
        """


@runtime_checkable
class Advising(Protocol):
    """A store in a system whose settings may lose sessions."""

    def advice(self) -> list[str]:
        """Return a sentence for each setting that loses sessions, without secrets.

        Raises:
            StoreError: the system fails, or the user may not look.
        """


@runtime_checkable
class Revoking(Protocol):
    """A store whose list of a user's sessions may be incomplete. So it keeps when users were logged out everywhere."""

    def forget_logins(self, principal: str, before: float, life: float, spared: bytes | None = None) -> None:
        """Load no session any more in which *principal* logged in before a time, but the *spared* one.

        This holds for sessions that :meth:`SessionStore.records_of` does not list, and for logins under way that are
        saved later (:attr:`SessionRecord.login_time`). Other store objects may learn of it :data:`SLACK` seconds late.
        Callers end the listed sessions themselves, so that listeners hear of them at once.

        Args:
            principal: the user.
            before: the time before which logins count no more.
            life: seconds for which a session that is being saved now may last without a request.
            spared: the key of the session that stays, followed as by :meth:`SessionStore.save`.

        Raises:
            ValueError: it is no principal (:func:`.check_principal`).
        """


#: A store of either kind; ``is_shared`` discriminates them.
AnyStore = LiveStore | SharedStore
