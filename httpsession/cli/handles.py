"""The handles that name sessions in commands.

A handle is a digest of the key, so the sessions are searched for it. Its first digits are enough if no other session
has them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import click

from ..ids import HANDLE_DIGITS
from ..stores import SharedStore
from ..stores.base import StoredSession

#: Digits of a handle in a list, and the fewest that name a session.
SHORT, LEAST = 16, 8


def digits_of(text: str) -> str:
    """Return a handle, or its first digits, in lower case.

    Raises:
        BadParameter: *text* is no handle.
    """
    digits = text.lower()
    if not re.fullmatch(f"[0-9a-f]{{{LEAST},{HANDLE_DIGITS}}}", digits):
        raise click.BadParameter(
            f"{text!r} is no handle: "
            f"a handle has {HANDLE_DIGITS} hexadecimal digits, of which the first {LEAST} may be enough."
        )
    return digits


def find(store: SharedStore, handles: Collection[str]) -> Mapping[str, list[StoredSession]]:
    """Return for each handle the sessions that it may name, in one pass over all sessions."""
    found: dict[str, list[StoredSession]] = {handle: [] for handle in handles}
    for stored in store:
        whole = stored.record.handle
        for handle, sessions in found.items():
            # A store may give a session twice that changes meanwhile.
            if whole.startswith(handle) and all(stored.record.key != other.record.key for other in sessions):
                sessions.append(stored)
    return found


def trouble(handle: str, sessions: Collection[StoredSession]) -> str | None:
    """Return what is wrong with a handle that may name these sessions; None if it names exactly one."""
    if not sessions:
        return f"There is no session {handle}."
    if len(sessions) > 1:
        return f"{len(sessions)} sessions begin with {handle}: give more digits."
    return None
