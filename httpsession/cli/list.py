"""``httpsession list``: a line for each session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import click

from ..stores import SharedStore
from ..stores.base import StoredSession
from .handles import SHORT
from .state import idle_time, interval_of, size_of, state_of
from .store_option import opened, store_option, utc_option
from .text import duration, escaped, moment


@click.command("list")
@store_option
@click.option("--principal", metavar="USER", help="Only the sessions of this user.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N sessions.")
@utc_option
def list_sessions(url: str, principal: str | None, limit: int | None, utc: bool) -> None:
    """List sessions, in no order.

    A session is new if its client has not come back yet, and due if it has expired but is still in the store.
    """
    with opened(url) as store:
        click.echo(
            f"{'HANDLE':<{SHORT}}  {'CREATED':<25}  {'LAST SEEN':<25}  {'IDLE':>7}  {'INTERVAL':>8}  "
            f"{'STATE':<5}  {'ATTRIBUTES':>10}  {'BYTES':>9}  PRINCIPAL"
        )
        sessions = store if principal is None else _sessions_of(store, principal)
        for stored in islice(sessions, limit):
            click.echo(_line(stored, time.time(), utc))


def _sessions_of(store: SharedStore, principal: str) -> Iterator[StoredSession]:
    """Yield the sessions of a user that have not ended meanwhile."""
    for record in store.records_of(principal):
        stored = store.peek(record.key)
        if stored is not None:
            yield stored


def _line(stored: StoredSession, now: float, utc: bool) -> str:
    """Return the line of a session, below the heads of the columns."""
    record = stored.record
    return (
        f"{record.handle[:SHORT]}  {moment(record.creation_time, utc):<25}  {moment(record.accessed, utc):<25}  "
        f"{duration(idle_time(record, now)):>7}  {duration(interval_of(record)):>8}  {state_of(record, now):<5}  "
        f"{len(stored.attributes):>10}  {size_of(stored):>9}  {escaped(record.principal or '')}"
    ).rstrip()
