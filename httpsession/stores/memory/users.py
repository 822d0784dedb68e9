"""The sessions of users, and their number. The store holds its lock for each call."""

from __future__ import annotations

from collections.abc import Collection

from ..base import Limit
from .expiry import Entry


class Users:
    """The sessions in which users are logged in, by the user; those of one user in the order in which they began."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[Entry, None]] = {}

    def add(self, entry: Entry) -> None:
        """Add a session, if a user is logged in."""
        principal = entry.record.principal
        if principal is not None:
            self._sessions.setdefault(principal, {})[entry] = None

    def discard(self, entry: Entry) -> None:
        """Remove a session."""
        principal = entry.record.principal
        if principal is not None:
            sessions = self._sessions[principal]
            del sessions[entry]
            if not sessions:
                del self._sessions[principal]

    def of(self, principal: str) -> Collection[Entry]:
        """Return the sessions of a user."""
        return self._sessions.get(principal, ())

    def excess(self, entry: Entry, limit: Limit | None, now: float) -> list[Entry]:
        """Return the sessions that have to end before *entry* is one of the user's; it may be one already.

        Raises:
            TooManySessionsError: none may be evicted.
        """
        if limit is None:
            return []
        others = self.of(limit.principal)
        return limit.excess([other for other in others if other is not entry and not other.record.is_due(now)])
