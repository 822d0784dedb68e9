"""The sessions of a memory store by their clients: those of each user, and those of newcomers.

Nothing here has a lock of its own: the store holds its lock for each call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable

from ..base import Limit
from .expiry import Entry


class Clients:
    """An index of sessions by principal, and of newcomers' sessions by age. Its size follows the number of sessions.

    A session is a newcomer's until its client comes back or logs in.
    """

    def __init__(self) -> None:
        self._by_principal: dict[str, dict[Entry, None]] = {}
        self._newcomers: OrderedDict[Entry, None] = OrderedDict()

    def add(self, entry: Entry) -> None:
        """Add a session as its record has it now."""
        principal = entry.record.principal
        if principal is not None:
            self._by_principal.setdefault(principal, {})[entry] = None
        elif not entry.has_joined:
            self._newcomers[entry] = None

    def discard(self, entry: Entry) -> None:
        """Remove a session. The caller changes its principal only afterwards."""
        self._newcomers.pop(entry, None)
        principal = entry.record.principal
        if principal is not None:
            sessions = self._by_principal.get(principal, {})
            sessions.pop(entry, None)
            if not sessions:
                self._by_principal.pop(principal, None)

    def join(self, entry: Entry) -> None:
        """Note that the client of a session has come back."""
        entry.has_joined = True
        entry.record.is_new = False
        self._newcomers.pop(entry, None)

    def entries_of(self, principal: str) -> Collection[Entry]:
        """Return the sessions in which *principal* is logged in."""
        return self._by_principal.get(principal, {}).keys()

    def newcomers(self) -> Iterable[Entry]:
        """Return the sessions of newcomers, the oldest first."""
        return self._newcomers

    def excess(self, entry: Entry, limit: Limit | None, now: float) -> list[Entry]:
        """Return the sessions that have to end before *entry* is one of the user's; it may be one already.

        Raises:
            TooManySessionsError: none may be evicted.
        """
        if limit is None:
            return []
        others = self.entries_of(limit.principal)
        return limit.excess([other for other in others if other is not entry and not other.record.is_due(now)])
