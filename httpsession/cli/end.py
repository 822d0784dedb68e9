"""``httpsession end``: remove sessions by their handles, or all sessions of a user."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import click

from ..record import SessionRecord
from ..stores import SharedStore
from ..stores.base import Revoking
from .handles import digits_of, find, trouble
from .store_option import opened, store_option
from .text import counted, escaped

#: Seconds for which a session of a login under way may last without a request. The application's interval is not known.
_LIFE: Final = 30 * 86400


@click.command()
@click.argument("handles", metavar="[HANDLE]...", nargs=-1, type=digits_of)
@store_option
@click.option("--principal", metavar="USER", help="All sessions of this user.")
@click.option("--yes", is_flag=True, help="Do not ask before all sessions of a user are ended.")
def end(url: str, handles: tuple[str, ...], principal: str | None, yes: bool) -> None:
    """End sessions: those with the HANDLEs, or all of a user.

    The command removes them; their clients are logged out with the next request. It notifies no listeners. The first
    digits of a handle are enough. An unknown or ambiguous handle ends nothing, and makes the exit code 1.
    """
    if bool(handles) == (principal is not None):
        raise click.UsageError("Give either handles or --principal.")
    with opened(url) as store:
        if principal is None:
            _end_by_handles(store, handles)
        else:
            _end_all(store, principal, yes)


def _end_all(store: SharedStore, principal: str, is_confirmed: bool) -> None:
    """End the sessions of a user, after a question unless that is confirmed already."""
    records = store.records_of(principal)
    if records and not is_confirmed:
        click.confirm(f"End {counted(len(records), 'session')} of {escaped(principal)}?", abort=True, err=True)
    if isinstance(store, Revoking) and len(store):  # under a wrong prefix there are none, and no key is made
        store.forget_logins(principal, time.time(), _LIFE)
    click.echo(f"{_remove(store, records)} ended")


def _end_by_handles(store: SharedStore, handles: tuple[str, ...]) -> None:
    """End the sessions with these handles, then report the handles that name no session or several."""
    found = find(store, handles)
    wrong = [text for handle, sessions in found.items() if (text := trouble(handle, sessions)) is not None]
    # Two handles may name the same session.
    named = [sessions[0].record for sessions in found.values() if len(sessions) == 1]
    records = {record.key: record for record in named}.values()
    click.echo(f"{_remove(store, records)} ended")
    if wrong:
        raise click.ClickException("\n".join(wrong))


def _remove(store: SharedStore, records: Iterable[SessionRecord]) -> int:
    """Remove sessions and return how many were still there."""
    return sum(store.remove(record.key) is not None for record in records)
