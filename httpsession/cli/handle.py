"""``httpsession handle``: the handle of the session that has an id."""

from __future__ import annotations

import re
import sys
from typing import Final

import click

from ..ids import handle_of, key_of
from .store_option import refuse_store

#: Hexadecimal digits of the shortest and of the longest id.
_SHORTEST, _LONGEST = 32, 128
_ID: Final = re.compile(f"[0-9A-F]{{{_SHORTEST},{_LONGEST}}}")
#: Characters that are read at most.
_INPUT: Final = 1 << 20


@click.command()
@click.argument("given", nargs=-1, metavar="")
def handle(given: tuple[str, ...]) -> None:
    """Read an id from standard input, and print its handle.

    An id opens its session, so it is no argument: other users can see those. Each line of the input has an id, or
    NAME=ID as in a cookie. No store is needed.
    """
    refuse_store(click.get_current_context())
    if given:
        raise click.UsageError("The id is read from standard input: other users of the machine can see arguments.")
    for text in _lines():
        click.echo(handle_of(key_of(_id_of(text))))


def _lines() -> list[str]:
    """Return the lines of the input that are not empty; a terminal is asked for one, which it does not show."""
    if sys.stdin.isatty():
        return [click.prompt("Id", hide_input=True, err=True)]
    try:
        text = sys.stdin.read(_INPUT + 1)
    except (OSError, ValueError) as error:  # a folder, or no text
        reason = getattr(error, "strerror", None) or "it is no text"
        raise click.ClickException(f"standard input cannot be read: {reason}") from None
    if len(text) > _INPUT:  # the last id may be cut off
        raise click.ClickException(f"standard input has more than {_INPUT} characters: pass the ids in several calls")
    lines = text.split()
    if not lines:
        raise click.ClickException("there is no id on standard input")
    return lines


def _id_of(text: str) -> str:
    """Return the id in a line. A message shows nothing of the line, which may be a secret with a mistake in it."""
    found = text.rpartition("=")[2].rstrip(";").strip('"')
    if not _ID.fullmatch(found) or len(found) % 2:
        raise click.ClickException(
            f"a line of {len(text)} characters is no id: "
            f"an id has {_SHORTEST} to {_LONGEST} hexadecimal digits in capitals, as in the session cookie"
        )
    return found
