"""``httpsession show``: one session and its attributes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from ..stores.base import StoredSession
from .handles import digits_of, find, trouble
from .state import idle_time, interval_of, size_of, state_of
from .store_option import opened, store_option, utc_option
from .text import duration, escaped, moment, value


@click.command()
@click.argument("handle", type=digits_of)
@store_option
@click.option("--values", is_flag=True, help="Also the values of the attributes, shortened.")
@utc_option
def show(url: str, handle: str, values: bool, utc: bool) -> None:
    """Show a session, and its attributes with their sizes in bytes.

    The first digits of a HANDLE are enough. Values of the application's own types cannot be read here.
    """
    with opened(url) as store:
        found = find(store, [handle])[handle]
        wrong = trouble(handle, found)
        if wrong is not None:
            raise click.ClickException(wrong)
        for line in _lines(found[0], time.time(), values, utc):
            click.echo(line.rstrip())


def _lines(stored: StoredSession, now: float, with_values: bool, utc: bool) -> Iterator[str]:
    """Yield the lines about a session: its record, then each attribute."""
    record = stored.record
    shown = {
        "handle": record.handle,
        "principal": escaped(record.principal or ""),
        "created": moment(record.creation_time, utc),
        "last seen": moment(record.accessed, utc),
        "last used": moment(record.used, utc),
        "idle for": duration(idle_time(record, now)),
        "interval": duration(interval_of(record)),
        "deadline": moment(record.deadline, utc),
        "expires at": moment(record.due(), utc),
        "state": state_of(record, now),
        "attributes": f"{len(stored.attributes)}, {size_of(stored)} bytes",
    }
    for label, text in shown.items():
        yield f"{label:<12}{text}"
    for name, data in sorted(stored.attributes.items()):
        yield f"{len(data):>10}  {escaped(name)}" + (f" = {value(data, name)}" if with_values else "")
