"""``httpsession sweep``: remove expired sessions."""

from __future__ import annotations

import time
from typing import Final

import click

from .store_option import opened, store_option

#: The number of sessions that each call of the store removes at most.
_BATCH: Final = 1000


@click.command()
@store_option
def sweep(url: str) -> None:
    """Remove expired sessions.

    Applications do that themselves, in the background, and notify their listeners. This command notifies no listeners,
    so it is for stores that no application uses.
    """
    with opened(url) as store:
        removed = 0
        while batch := len(store.expire(time.time(), _BATCH)):
            removed += batch
            if batch < _BATCH:
                break
    click.echo(f"{removed} removed")
