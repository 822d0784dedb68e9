"""``httpsession list``: a line for each session."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields
from heapq import nlargest, nsmallest
from itertools import islice
from textwrap import indent
from typing import Any, Final

import click

from ..stores import SharedStore
from ..stores.base import StoredSession
from .handles import SHORT
from .state import Summary
from .store_option import json_option, opened, store_option, utc_option, width_option
from .text import duration, escaped, moment

#: The fewest characters of a line that has the times, too.
_WIDE: Final = 140
#: What a list can be sorted by.
_KEYS: Final = (*(field.name for field in fields(Summary)), "age")


@click.command("list")
@store_option
@click.option("--principal", metavar="USER", help="Only the sessions of this user.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N sessions: the first if sorted.")
@click.option("--sort", metavar="KEY", type=click.Choice(_KEYS), help=f"Sort by KEY: {', '.join(_KEYS)}.")
@click.option("--reverse", is_flag=True, help="Sort the other way round.")
@json_option("As JSON, with whole handles, and durations and times in seconds; null is never, or no user.")
@width_option(f"Characters of a line. From {_WIDE} on it has the times, too.")
@utc_option
def list_sessions(
    url: str,
    principal: str | None,
    limit: int | None,
    sort: str | None,
    reverse: bool,
    as_json: bool,
    width: int,
    utc: bool,
) -> None:
    """List sessions, in no order or sorted.

    A session is new if its client has not come back yet, and due if it has expired but is still in the store.
    """
    if reverse and sort is None:
        raise click.UsageError("--reverse needs --sort.")
    with opened(url) as store:
        sessions = iter(store) if principal is None else _sessions_of(store, principal)
        summaries: Iterable[Summary] = (Summary.of(stored, time.time()) for stored in sessions)
        if sort is not None:
            summaries = _sorted(summaries, sort, reverse, limit)
        summaries = islice(summaries, limit)
        for line in _json(summaries) if as_json else _table(summaries, width, utc):
            click.echo(line)


def _sessions_of(store: SharedStore, principal: str) -> Iterator[StoredSession]:
    """Yield the sessions of a user that have not ended meanwhile."""
    for record in store.records_of(principal):
        stored = store.peek(record.key)
        if stored is not None:
            yield stored


def _sorted(summaries: Iterable[Summary], name: str, reverse: bool, limit: int | None) -> Iterable[Summary]:
    """Return the first summaries of the order. Sessions without a user come last."""

    def key(summary: Summary) -> tuple[bool, Any, str]:
        value = getattr(summary, name)
        # None is never compared with a text.
        return (value is None) is not reverse, value or "" if name == "principal" else value, summary.handle

    if limit is None:
        return sorted(summaries, key=key, reverse=reverse)
    return nlargest(limit, summaries, key) if reverse else nsmallest(limit, summaries, key)


def _json(summaries: Iterable[Summary]) -> Iterator[str]:
    """Yield the lines of a JSON array, an object at a time."""
    before = "["
    for summary in summaries:
        yield before + "\n" + indent(json.dumps(summary.data(), indent=2), "  ")
        before = ","
    yield "[]" if before == "[" else "]"


def _table(summaries: Iterable[Summary], width: int, utc: bool) -> Iterator[str]:
    """Yield the head and a line for each session."""
    is_wide = width >= _WIDE
    heads = f"{'HANDLE':<{SHORT}}  "
    heads += f"{'CREATED':<25}  {'LAST SEEN':<25}  " if is_wide else f"{'AGE':>6}  "
    heads += f"{'IDLE':>6}  "
    heads += f"{'INTERVAL':>8}  {'STATE':<5}  {'ATTRIBUTES':>10}  " if is_wide else f"{'STATE':<5}  "
    heads += f"{'BYTES':>7}  "
    yield heads + "PRINCIPAL"
    for one in summaries:
        line = f"{one.handle[:SHORT]}  "
        if is_wide:
            line += f"{moment(one.created, utc):<25}  {moment(one.last_seen, utc):<25}  {duration(one.idle):>6}  "
            line += f"{duration(one.interval):>8}  {one.state:<5}  {one.attributes:>10}  "
        else:
            line += f"{duration(one.age):>6}  {duration(one.idle):>6}  {one.state:<5}  "
        line += f"{one.bytes:>7}  "
        yield (line + escaped(one.principal or "", max(8, width - len(line)))).rstrip()
