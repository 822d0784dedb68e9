"""``httpsession show``: one session and its attributes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Final

import click

from ..stores.base import StoredSession
from .handles import digits_of, find, trouble
from .state import Summary
from .store_option import json_option, opened, store_option, utc_option, width_option
from .text import duration, escaped, moment, value

#: The most characters of a name that has its value after it.
_NAME: Final = 40


@click.command()
@click.argument("handle", type=digits_of)
@store_option
@click.option("--values", is_flag=True, help="Also the values of the attributes, shortened.")
@click.option("--sort", type=click.Choice(["name", "bytes"]), default="name", help="Sort the attributes.")
@click.option("--reverse", is_flag=True, help="Sort the other way round.")
@json_option("As JSON, with durations and times in seconds; null is never, or no user.")
@width_option("Characters of a line.")
@utc_option
def show(url: str, handle: str, values: bool, sort: str, reverse: bool, as_json: bool, width: int, utc: bool) -> None:
    """Show a session, and its attributes with their sizes in bytes.

    The first digits of a HANDLE are enough. Values of the application's own types cannot be read here.
    """
    with opened(url) as store:
        found = find(store, [handle])[handle]
        wrong = trouble(handle, found)
        if wrong is not None:
            raise click.ClickException(wrong)
    summary = Summary.of(found[0], time.time())
    attributes = _attributes(found[0], sort, reverse)
    if as_json:
        click.echo(json.dumps(_data(summary, attributes, values), indent=2))
        return
    for line in _lines(summary, attributes, values, width, utc):
        click.echo(line.rstrip())


def _attributes(stored: StoredSession, sort: str, reverse: bool) -> dict[str, bytes]:
    """Return the attributes in the order of their names or sizes."""

    def key(item: tuple[str, bytes]) -> tuple[int, str]:
        return len(item[1]) if sort == "bytes" else 0, item[0]

    return dict(sorted(stored.attributes.items(), key=key, reverse=reverse))


def _data(summary: Summary, attributes: dict[str, bytes], with_values: bool) -> dict[str, object]:
    """Return a session for JSON. Values are texts, as Python writes them."""
    shown = {
        name: {"bytes": len(data), **({"value": value(data, name)} if with_values else {})}
        for name, data in attributes.items()
    }
    return {**summary.data(), "attributes": shown}


def _lines(summary: Summary, attributes: dict[str, bytes], with_values: bool, width: int, utc: bool) -> Iterator[str]:
    """Yield the lines about a session: its record, then each attribute."""
    room = width - 12
    shown = {
        "handle": summary.handle,
        "principal": escaped(summary.principal or "", room),
        "created": moment(summary.created, utc),
        "last seen": moment(summary.last_seen, utc),
        "last used": moment(summary.last_used, utc),
        "idle for": duration(summary.idle),
        "interval": duration(summary.interval),
        "deadline": moment(summary.deadline, utc),
        "expires at": moment(summary.expires_at, utc),
        "state": summary.state,
        "attributes": f"{summary.attributes}, {summary.bytes} bytes",
    }
    for label, text in shown.items():
        yield f"{label:<12}{text}"
    for name, data in attributes.items():
        line = f"{len(data):>10}  {escaped(name, _NAME if with_values else room)}"
        if with_values:
            line += " = "
            line += value(data, name, width - len(line))
        yield line
