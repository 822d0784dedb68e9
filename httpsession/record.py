"""The small record of one session: its times, whose it is, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass(slots=True, eq=False)
class SessionRecord:
    """What is known of a session beside its attributes. Times are seconds since the epoch."""

    #: Empty where only a shared store is known to have the session: it never sees the id.
    id: str = field(repr=False)
    #: Under which a store knows the session (:func:`httpsession.ids.key_of`).
    key: bytes
    creation_time: float
    #: Seconds without a request after which the session is over; zero or less: never.
    max_inactive_interval: int
    #: When the session is over whatever happens.
    deadline: float
    #: When the latest request of the session arrived.
    accessed: float
    #: When the request before that one arrived.
    previous_access: float
    #: When the latest request of the session ended.
    used: float
    #: The user that was bound by a login.
    principal: str | None = None
    #: Whether the client does not know of the session yet (Servlet 6.1, 7.2).
    is_new: bool = True
    #: The latest id that a client came with or was sent; ids that were drawn since are known to none.
    known_id: str = field(default="", repr=False)
    #: The user whose login a client has been told of.
    known_principal: str | None = None
    #: Whether the session has been taken out of its store, by an invalidation or by its end.
    removed: bool = False

    @classmethod
    def created(cls, session_id: str, key: bytes, now: float, interval: int, lifetime: float | None) -> SessionRecord:
        """Return the record of a session that begins *now*."""
        deadline = inf if lifetime is None else now + lifetime
        return cls(session_id, key, now, interval, deadline, now, now, now, known_id=session_id)

    def due(self, slack: float = 0.0) -> float:
        """Return the time at which the session is over if no further request comes; infinite for never.

        Being idle ends a session *slack* seconds later than its interval says.
        """
        if self.max_inactive_interval <= 0:
            return self.deadline
        return min(max(self.accessed, self.used) + self.max_inactive_interval + slack, self.deadline)

    def is_due(self, now: float, slack: float = 0.0) -> bool:
        """Return whether the session is over *now*: idle for just its interval, and *slack* seconds, is over (S51)."""
        interval = self.max_inactive_interval
        if interval > 0 and self.accessed + interval + slack <= now and self.used + interval + slack <= now:
            return True
        return self.deadline <= now

    def access(self, arrived: float) -> None:
        """Note the arrival of a request; one that is noted late does not turn the times back."""
        if arrived >= self.accessed:
            self.previous_access = self.accessed
            self.accessed = arrived

    def info(self) -> SessionInfo:
        """Return what may be shown of the session."""
        return SessionInfo(
            handle=self.key.hex(),
            principal=self.principal,
            creation_time=self.creation_time,
            last_seen=self.accessed,
            max_inactive_interval=self.max_inactive_interval,
        )


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as a list of sessions shows it: nothing here opens the session. Times are seconds since the epoch."""

    #: A name for the session that is not its id: what :meth:`SessionManager.invalidate` takes.
    handle: str
    principal: str | None
    creation_time: float
    #: When the latest request of the session arrived.
    last_seen: float
    #: Seconds; zero or less: the session does not time out.
    max_inactive_interval: int


@dataclass(frozen=True, slots=True, repr=False)
class Rotation:
    """A change of the id, and what it replaced, for the case that the client never hears of it."""

    new_id: str
    old_id: str
    #: The latest id that a client knows.
    known_id: str
    principal: str | None
