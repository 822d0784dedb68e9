"""What the command ``httpsession`` can do."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf
from typing import Final

import click

from ..record import SessionRecord
from ..stores import SessionStore, Stored
from ..stores.base import SLACK
from .check import Trial
from .copy import Copying, Outcome, stoppable
from .handles import SHORT, digits_of, find, trouble
from .stats import Figures, size_of
from .store_option import opened, store_option
from .text import VALUE, counted, duration, escaped, moment, value

#: How many sessions a sweep removes in one go, and how many rounds a check does.
_BATCH: Final = 1000
_ROUNDS: Final = 20
#: How often, at most, a progress bar moves.
_STEPS: Final = 200

utc_option = click.option("--utc", is_flag=True, help="Times in UTC, not in the zone of this machine.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="httpsession", message="%(package)s %(version)s")
def commands() -> None:
    """Look after the sessions in a store of httpsession.

    The store is named by --store, or by the environment variable HTTPSESSION_STORE, which keeps a password out of the
    list of processes; env:NAME stands for the URL in the variable NAME. A session is named by its handle, which is no
    secret: it is not the id that the client has, and opens nothing.
    """


@commands.command()
@store_option
def sweep(url: str) -> None:
    """Remove the sessions that are over.

    Applications do that themselves, in the background, and tell their listeners. Nobody's listeners hear of the
    sessions that this command removes, so it is for stores that no application looks after.
    """
    with opened(url) as store:
        removed = 0
        while batch := len(store.expire(time.time(), _BATCH)):
            removed += batch
            if batch < _BATCH:
                break
    click.echo(f"{removed} removed")


@commands.command("list")
@store_option
@click.option("--principal", metavar="USER", help="Only the sessions of this user.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most so many.")
@utc_option
def list_sessions(url: str, principal: str | None, limit: int | None, utc: bool) -> None:
    """List sessions, in no order.

    A session is new if its client has not come back yet, and due if it is over but still takes up room.
    """
    with opened(url) as store:
        click.echo(
            f"{'HANDLE':<{SHORT}}  {'CREATED':<25}  {'LAST SEEN':<25}  {'IDLE':>7}  {'INTERVAL':>8}  "
            f"{'STATE':<5}  {'ATTRIBUTES':>10}  {'BYTES':>9}  PRINCIPAL"
        )
        sessions = store if principal is None else _sessions_of(store, principal)
        for stored in islice(sessions, limit):
            click.echo(_line(stored, time.time(), utc))


def _sessions_of(store: SessionStore, principal: str) -> Iterator[Stored]:
    for record in store.of(principal):
        stored = store.peek(record.key)
        if stored is not None:
            yield stored


def _line(stored: Stored, now: float, utc: bool) -> str:
    record = stored.record
    return (
        f"{record.key.hex()[:SHORT]}  {moment(record.creation_time, utc):<25}  {moment(record.accessed, utc):<25}  "
        f"{duration(_idle(record, now)):>7}  {duration(_interval(record)):>8}  {_state(record, now):<5}  "
        f"{len(stored.attributes.items()):>10}  {size_of(stored):>9}  {escaped(record.principal or '')}"
    ).rstrip()


def _idle(record: SessionRecord, now: float) -> float:
    return now - max(record.accessed, record.used)


def _interval(record: SessionRecord) -> float:
    return record.max_inactive_interval if record.max_inactive_interval > 0 else inf


def _state(record: SessionRecord, now: float) -> str:
    if record.is_due(now, SLACK):
        return "due"
    return "new" if record.accessed == record.creation_time else "alive"


@commands.command()
@click.argument("handle", type=digits_of)
@store_option
@click.option("--values", is_flag=True, help="The values of the attributes, too, in short.")
@utc_option
def show(url: str, handle: str, values: bool, utc: bool) -> None:
    """Show a session, and its attributes with their sizes in bytes.

    A HANDLE may be cut short. Values whose types are the application's own cannot be read here.
    """
    with opened(url) as store:
        found = find(store, [handle])[handle]
        wrong = trouble(handle, found)
        if wrong is not None:
            raise click.ClickException(wrong)
        for line in _lines(found[0], time.time(), values, utc):
            click.echo(line.rstrip())


def _lines(stored: Stored, now: float, with_values: bool, utc: bool) -> Iterator[str]:
    record = stored.record
    shown = {
        "handle": record.key.hex(),
        "principal": escaped(record.principal or ""),
        "created": moment(record.creation_time, utc),
        "last seen": moment(record.accessed, utc),
        "last used": moment(record.used, utc),
        "idle for": duration(_idle(record, now)),
        "interval": duration(_interval(record)),
        "deadline": moment(record.deadline, utc),
        "over at": moment(record.due(), utc),
        "state": _state(record, now),
        "attributes": f"{len(stored.attributes.items())}, {size_of(stored)} bytes",
    }
    for label, text in shown.items():
        yield f"{label:<12}{text}"
    for name, data in sorted(stored.attributes.items()):
        yield f"{len(data):>10}  {escaped(name)}" + (f" = {value(data, name)}" if with_values else "")


@commands.command()
@click.argument("handles", metavar="[HANDLE]...", nargs=-1, type=digits_of)
@store_option
@click.option("--principal", metavar="USER", help="All sessions of this user.")
@click.option("--yes", is_flag=True, help="Do not ask before all sessions of a user are ended.")
def end(url: str, handles: tuple[str, ...], principal: str | None, yes: bool) -> None:
    """End sessions: those with the HANDLEs, or all of a user.

    They are removed; their clients are logged out with the next request. Nobody's listeners hear of it. A handle may be
    cut short; one that is unknown or ambiguous ends nothing, and makes the exit code 1.
    """
    if bool(handles) == (principal is not None):
        raise click.UsageError("Give either handles or --principal.")
    with opened(url) as store:
        if principal is not None:
            records = store.of(principal)
            if records and not yes:
                click.confirm(f"End {counted(len(records), 'session')} of {escaped(principal)}?", abort=True, err=True)
            click.echo(f"{_remove(store, records)} ended")
            return
        found = find(store, handles)
        wrong = [text for handle, sessions in found.items() if (text := trouble(handle, sessions)) is not None]
        # Two handles may be of one session.
        named = {one.record.key: one.record for sessions in found.values() if len(sessions) == 1 for one in sessions}
        click.echo(f"{_remove(store, named.values())} ended")
        if wrong:
            raise click.ClickException("\n".join(wrong))


def _remove(store: SessionStore, records: Iterable[SessionRecord]) -> int:
    return sum(store.remove(record.key) is not None for record in records)


@commands.command()
@store_option
@click.option("--json", "as_json", is_flag=True, help="As JSON, with durations in seconds.")
def stats(url: str, as_json: bool) -> None:
    """Say how many sessions there are, how large and how old.

    All but the number of those that are due is about sessions that are alive. It reads the whole store.
    """
    with opened(url) as store:
        what = store.describe()
        figures = Figures.of(store, time.time())
    if as_json:
        click.echo(json.dumps({"store": what, **figures.data()}, indent=2))
        return
    click.echo(escaped(what, VALUE))
    for line in figures.lines():
        click.echo(line.rstrip())


@commands.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--move", is_flag=True, help="Remove from SOURCE what has arrived.")
def copy(source: str, target: str, move: bool) -> None:
    """Copy the sessions that are alive to another store.

    SOURCE and TARGET are the URLs of stores, or env:NAME. Clients keep their cookies. What is there already is skipped,
    unless it was used later in SOURCE; so the command can be stopped, and run again to go on. Stop the application
    meanwhile: a session that somebody ends in one store lives on in the other.
    """
    with opened(source) as old, opened(target) as new, stoppable() as stopped:
        copying = Copying(old, new, move, lambda text: click.echo(text, err=True))
        total = len(old)
        try:
            with click.progressbar(
                copying.run(),
                length=total,
                label="Moving" if move else "Copying",
                file=sys.stderr,
                update_min_steps=max(1, total // _STEPS),
            ) as steps:
                for _ in steps:
                    if stopped.is_set():
                        break
        finally:
            _report(copying, move)
    if stopped.is_set():
        raise click.ClickException("Stopped before the end. Run it again to go on.")
    if copying.outcomes[Outcome.FAILED]:
        raise click.exceptions.Exit(1)


def _report(copying: Copying, move: bool) -> None:
    for outcome in Outcome:
        if move or outcome is not Outcome.LEFT:
            click.echo(f"{copying.outcomes[outcome]:>8} {outcome.value}")
    if move:
        click.echo(f"{copying.removed:>8} removed from the source")


@commands.command()
@store_option
def check(url: str) -> None:
    """Try out a store, with sessions that are thrown away.

    Prints what the store is, how many sessions it has, and the median of how long each of its verbs takes.
    """
    with opened(url) as store:
        seconds = Trial(store).run(_ROUNDS)
        click.echo(f"{escaped(store.describe(), VALUE)}\n{counted(len(store), 'session')}")
        for verb, median in seconds.items():
            click.echo(f"{verb:<8}{median * 1000:>9.3f} ms")
    click.echo("All is well.")
