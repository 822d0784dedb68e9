"""The small record of a session: its times, its user, and when it expires.

Every store counts expiry as :meth:`SessionRecord.is_due` does. The SQL and the Lua scripts repeat this arithmetic, and
the tests of the store contract hold all of them to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, nan
from struct import Struct
from typing import Final, Literal, Protocol, Self

from .errors import shown
from .ids import handle_of

#: Bytes of the longest attribute that a shared store accepts and reads.
MAX_VALUE: Final = 1 << 21
#: The bytes of the longest principal, in UTF-8.
MAX_PRINCIPAL: Final = 1024
#: The name of the note with the secret to which CSRF tokens answer.
CSRF_NOTE: Final = "csrf"
#: The deadline of a session that a logout everywhere has met, and that its store has not removed yet.
REVOKED: Final = 0.0
#: The notes that tell when the user logged in, and when a logout everywhere has spared the session since.
LOGIN: Final = "auth_time"
SPARED: Final = "spared"
_TIME: Final = Struct("<d")


def pack_time(time: float) -> bytes:
    """Return the note that holds a time."""
    return _TIME.pack(time)


def check_principal(principal: object) -> str:
    """Return the name of a user as a plain str: text that is not empty and has at most 1,024 bytes in UTF-8.

    Every verb and every store makes this check before anything happens.

    Raises:
        ValueError: *principal* is not such a text.
    """
    if not isinstance(principal, str):
        raise ValueError(f"a principal is text, not {shown(principal)}: pass a string, such as str(user.id)")
    if not principal:
        raise ValueError("a principal is a text that is not empty: pass the name of the user, or call logout()")
    text = str.__str__(principal)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(
            f"the principal {shown(text)} has a lone surrogate, which UTF-8 does not have: decode it as UTF-8"
        ) from None
    if size > MAX_PRINCIPAL:
        raise ValueError(
            f"a principal has at most {MAX_PRINCIPAL} bytes in UTF-8, but {shown(text[:20])}... has {size}: "
            "pass a short name or number of the user"
        )
    return text


def with_note(notes: Mapping[str, bytes], name: str, value: bytes | None) -> dict[str, bytes]:
    """Return a copy of *notes* in which *name* has the *value*; None: it is not there."""
    others = {other: note for other, note in notes.items() if other != name}
    return others if value is None else {**others, name: value}


@dataclass(slots=True, eq=False)
class SessionRecord:
    """The part of a session that stores keep beside the attributes. It has no id. Times are seconds since the epoch.

    A store in memory shares one record among all requests of a session. A shared store returns a new copy with each
    load; changes of it reach the store only by a save.
    """

    #: The digest of the id, by which the store finds the session (:func:`httpsession.ids.key_of`).
    key: bytes = field(repr=False)
    creation_time: float
    #: Seconds without a request after which the session expires; zero or less: never.
    max_inactive_interval: int
    #: When the session expires even if it is in use; infinite for never.
    deadline: float
    #: When the latest request of the session arrived.
    accessed: float
    #: When the latest request of the session ended.
    used: float
    #: The user that is logged in, if any.
    principal: str | None = None
    #: Small values of the package itself, which applications never see.
    notes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    #: Seconds without a request after which the session of a newcomer expires; zero: it has no such bound.
    newcomer_interval: float = 0.0

    @classmethod
    def created(
        cls, key: bytes, now: float, interval: int, lifetime: float | None, newcomer_interval: float | None = None
    ) -> Self:
        """Return the record of a session that begins *now* and lasts *lifetime* seconds at most; None: no bound.

        Args:
            key: the digest of the id.
            now: seconds since the epoch: the creation, and the first access (S23).
            interval: seconds without a request after which the session expires; zero or less: never (S29).
            lifetime: seconds until the deadline, which no request moves.
            newcomer_interval: seconds without a request after which the session expires if its client never comes back;
                None: the interval alone counts.
        """
        deadline = inf if lifetime is None else now + lifetime
        return cls(key, now, interval, deadline, now, now, newcomer_interval=newcomer_interval or 0.0)

    @property
    def handle(self) -> str:
        """The public name of the session (:attr:`SessionInfo.handle`)."""
        return handle_of(self.key)

    @property
    def auth_time(self) -> float | None:
        """When the user logged in last, in seconds since the epoch; None: never in this session."""
        note = self.notes.get(LOGIN, b"")
        at: float = _TIME.unpack(note)[0] if len(note) == _TIME.size else nan
        return at if isfinite(at) else None

    @property
    def login_time(self) -> float:
        """When the user logged in, or was spared by a logout everywhere since; the creation where no note tells."""
        times = [self.notes[name] for name in (LOGIN, SPARED) if name in self.notes]
        return max((_TIME.unpack(note)[0] for note in times if len(note) == _TIME.size), default=self.creation_time)

    @property
    def is_newcomer(self) -> bool:
        """Whether the client has not come back: no request arrived later than the creation, and no user is logged in.

        A flood of clients without cookies makes such sessions alone.
        """
        return self.accessed <= self.creation_time and self.principal is None

    @property
    def idle_interval(self) -> float:
        """Seconds without a request after which the session expires as it is now, newcomer or not; infinite: never."""
        interval = self.max_inactive_interval if self.max_inactive_interval > 0 else inf
        if self.newcomer_interval > 0 and self.is_newcomer:
            return min(self.newcomer_interval, interval)
        return interval

    def due(self, slack: float = 0.0) -> float:
        """Return the time at which the session expires if no further request comes; infinite for never.

        Being idle ends a session *slack* seconds later than its interval says. Idle time counts from the latest arrival
        or end of a request, whichever is later.
        """
        return min(max(self.accessed, self.used) + self.idle_interval + slack, self.deadline)

    def is_due(self, now: float, slack: float = 0.0) -> bool:
        """Return whether the session has expired *now*. Idle for exactly the interval and *slack* is expired (S51).

        A deadline is exact, and no slack moves it. The result does not tell whether a request in flight still keeps the
        session alive (S54): the store or its caller has to ask for that.
        """
        interval: float = self.max_inactive_interval
        if self.newcomer_interval > 0:
            interval = self.idle_interval
        if interval > 0 and self.accessed + interval + slack <= now and self.used + interval + slack <= now:
            return True
        return self.deadline <= now

    @property
    def reason_to_expire(self) -> Literal["idle", "absolute", "newcomer", "revoked"]:
        """Why the session expires if no further request comes: by its interval, deadline or interval of newcomers, or
        by a logout everywhere.
        """
        if self.deadline == REVOKED:
            return "revoked"
        if self.due() == self.deadline:
            return "absolute"
        return "idle" if self.idle_interval == self.max_inactive_interval else "newcomer"

    def info(self, *, is_current: bool = False, hints: Collection[str] = ()) -> SessionInfo:
        """Return the part of the record that lists of sessions show, with the *hints* that they may show."""
        shown = {name: self.notes[name].decode("utf-8", "replace") for name in hints if name in self.notes}
        return SessionInfo(
            self.handle,
            self.principal,
            self.creation_time,
            self.accessed,
            self.max_inactive_interval,
            is_current,
            self.auth_time,
            **shown,
        )


@dataclass(slots=True, eq=False)
class LiveRecord(SessionRecord):
    """The record that all requests of a live session share, with the fields that only live sessions have.

    A shared store must never see an id, so only the memory of the process has this record.
    """

    id: str = field(default="", repr=False)
    #: Whether the client does not know of the session yet (Servlet 6.1, 7.2).
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session in a list of sessions. Nothing here opens the session. Times are seconds since the epoch."""

    #: The public name of the session, 40 hexadecimal digits: the argument of :meth:`SessionManager.invalidate`. It
    #: leads back to neither the id nor the key.
    handle: str
    principal: str | None
    creation_time: float
    #: When the latest request of the session arrived.
    last_seen: float
    #: Seconds without a request after which the session expires; zero or less: never.
    max_inactive_interval: int
    #: Whether it is the session of the request that asks (``SessionManager.sessions_of(principal, current=session)``).
    is_current: bool = False
    #: When the user logged in.
    auth_time: float | None = None
    #: The client that logged in or created the session, as far as ``SessionConfig.client_hints`` allows: printable text
    #: of at most 256 and 64 characters, which the client chose.
    user_agent: str | None = None
    address: str | None = None


class Handled(Protocol):
    """An object with a handle: an HttpSession or a SessionInfo."""

    @property
    def handle(self) -> str:
        """The public name of a session."""


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Counts of sessions: those in the store now, and the others since the manager was made.

    Of a shared store, *active* counts the sessions of all processes; the other numbers are those of this process.
    """

    #: Sessions in the store, including expired ones that no sweep has removed yet.
    active: int
    created: int
    #: Sessions that were idle for their interval, or reached their deadline.
    expired: int
    invalidated: int
    #: Sessions removed to make room for new ones, or for later logins of their user.
    evicted: int
    #: Sessions not created because there were ``max_sessions`` already, and logins refused by ``when_too_many="deny"``.
    rejected: int
