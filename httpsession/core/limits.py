"""The limit on the sessions of a user (``SessionConfig.max_sessions_per_principal``), as logins meet it.

The store keeps to the limit, in the same step as the login that is committed. Here the limit is made for the store, and
its effects are reported: the listeners hear of the sessions that were evicted, the audit log of both outcomes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from .. import audit
from ..errors import TooManySessionsError
from ..record import SessionRecord
from ..stores.base import Changes, Limit, SessionStore, Stored
from .context import Context
from .counts import End


class LimitedSessions(Protocol):
    """The part of :class:`.Sessions` that keeps to the limit."""

    context: Context[Any]
    store: SessionStore[Any]

    def flush(self) -> None: ...
    def is_expired(self, record: SessionRecord, /) -> bool: ...
    def finish_all(self, removed: Iterable[tuple[Any, End]], /) -> None: ...


def check(sessions: LimitedSessions, principal: str) -> None:
    """Refuse a login that would be refused at its commit, where the application calls it.

    Where logins are evicted instead, this does nothing. It takes no place: of several logins at once, those that find
    none at the commit fail there.

    Raises:
        TooManySessionsError: the user is logged in as often as allowed.
    """
    with _limit(sessions, principal) as limit:
        if limit is not None and not limit.evicts:
            sessions.flush()
            records = sessions.store.records_of(principal)
            if not limit.admits(sum(not sessions.is_expired(record) for record in records)):
                raise limit.refusal()


def create(sessions: LimitedSessions, stored: Stored) -> bool:
    """Add a session to the store, in which a user may be logged in."""
    if stored.record.principal is None:
        return sessions.store.create(stored)
    with _limit(sessions, stored.record.principal) as limit:
        return sessions.store.create(stored, limit)


def save(sessions: LimitedSessions, principal: str | None, key: bytes, changes: Changes, now: float) -> bool:
    """Save changes by which *principal* logs in, or the id of the user's session changes."""
    with _limit(sessions, principal) as limit:
        return sessions.store.save(key, changes if limit is None else replace(changes, limit=limit), now)


def bind(sessions: LimitedSessions, key: bytes, changes: Changes) -> bool:
    """Save changes by which a user logs in to a live session before its first commit.

    The login may be refused at once. Evictions wait for the commit (:func:`evict_beyond`): the request may fail.
    """
    user = changes.principal if sessions.context.config.when_too_many == "deny" else None
    return save(sessions, user if isinstance(user, str) else None, key, changes, sessions.context.now())


def evict_beyond(sessions: LimitedSessions, record: SessionRecord) -> None:
    """Evict the oldest logins of the user beside the live session with this *record*, whose login is committed."""
    config = sessions.context.config
    if config.max_sessions_per_principal is not None and config.when_too_many == "evict":
        save(sessions, record.principal, record.key, Changes(principal=record.principal), sessions.context.now())


@contextmanager
def _limit(sessions: LimitedSessions, principal: str | None) -> Iterator[Limit | None]:
    """Yield the limit on the sessions of a user, None if there is none, and report what the store has done for it.

    The sessions that the store has removed are finished also if it has failed then: they have no other owner.
    """
    most, how = sessions.context.config.max_sessions_per_principal, sessions.context.config.when_too_many
    if most is None or principal is None:
        yield None
        return
    limit = Limit(principal, most, how == "evict")
    try:
        yield limit
    except TooManySessionsError:
        sessions.context.counts.add("rejected")
        _report(limit, None, "denied")
        raise
    finally:
        for stored in limit.removed:
            _report(limit, stored.record.key, "evicted")
        sessions.finish_all((stored, "evicted") for stored in limit.removed)


def _report(limit: Limit, key: bytes | None, outcome: str) -> None:
    audit.note(
        "excess_sessions_exceeded",
        key=key,
        principal=limit.principal,
        level=logging.WARNING,
        most=limit.most,
        outcome=outcome,
    )
