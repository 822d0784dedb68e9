"""The places of a user, whose number is limited: a login takes one in the transaction of its change."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from sqlite3 import Cursor

from ..base import FOLLOW, SLACK, Limit, StoredSession
from .changes import remove
from .rows import session_of
from .statements import Statements


class Place:
    """The place that a user's limit leaves for one login.

    Args:
        statements: the statements of the store.
        limit: the limit, which gets the sessions that are removed.
        key: the key of the session that logs in, which may be a former one.
        now: seconds since the epoch; sessions that are due by then do not count.
    """

    def __init__(self, statements: Statements, limit: Limit, key: bytes, now: float) -> None:
        self._statements: Statements = statements
        self._limit: Limit = limit
        self._key: bytes = key
        self._now: float = now

    def settle(self, is_made: bool | None, removed: list[StoredSession]) -> bool:
        """Return the outcome of a transaction that is committed. One that is undone returns no session.

        Raises:
            TooManySessionsError: the limit refuses the login.
        """
        if is_made is None:
            raise self._limit.refusal()
        self._limit.removed.extend(removed)
        return is_made

    def take(self, change: Callable[[Cursor], bool], cursor: Cursor) -> tuple[bool | None, list[StoredSession]]:
        """Make a change that logs the user in, and remove the sessions beyond the limit.

        Return what the change returns, None in its place if the limit refuses it, and the sessions that were removed:
        none if nothing has changed.
        """
        others = self._others(cursor)
        if not self._limit.admits(len(others)):
            return None, []
        excess = self._limit.excess(list(others))
        if not change(cursor):
            return False, []
        removed = [remove(cursor, self._statements, others[stored]) for stored in excess]
        return True, [stored for stored in removed if stored is not None]

    def _others(self, cursor: Cursor) -> dict[StoredSession, int]:
        """Return the other sessions of the user that are not due, and their identities."""
        parameters = {"key": self._key, "since": self._now - FOLLOW}
        ((own,),) = cursor.execute(self._statements.follow, parameters).fetchall()
        rows = cursor.execute(self._statements.records_of, (self._limit.principal,)).fetchall()
        groups = {identity: session_of(list(group)) for identity, group in groupby(rows, itemgetter(0))}
        return {
            stored: identity
            for identity, stored in groups.items()
            if identity != own and stored is not None and not stored.record.is_due(self._now, SLACK)
        }
