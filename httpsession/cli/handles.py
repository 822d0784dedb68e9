"""The handles that name sessions in commands.

A handle is the key of a session in hexadecimal digits. Its first digits are enough if no other session has them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import click

from ..stores import SharedStore
from ..stores.base import StoredSession

#: Digits of a whole handle, of a handle in a list, and the fewest that name a session.
WHOLE, SHORT, LEAST = 64, 16, 8


def digits_of(text: str) -> str:
    """Return a handle, or its first digits, in lower case.

    Raises:
        BadParameter: *text* is no handle.
    """
    digits = text.lower()
    if not re.fullmatch(f"[0-9a-f]{{{LEAST},{WHOLE}}}", digits):
        raise click.BadParameter(
            f"{text!r} is no handle: a handle has {WHOLE} hexadecimal digits, of which the first {LEAST} may be enough."
        )
    return digits


def find(store: SharedStore, handles: Collection[str]) -> Mapping[str, list[StoredSession]]:
    """Return for each handle the sessions that it may name.

    If a handle is not whole, this goes through all sessions, once.
    """
    found: dict[str, list[StoredSession]] = {handle: [] for handle in handles}
    parts = [handle for handle in found if len(handle) < WHOLE]
    for handle in found.keys() - set(parts):
        stored = store.peek(bytes.fromhex(handle))
        if stored is not None:
            found[handle].append(stored)
    for stored in store if parts else ():
        whole = stored.record.handle
        for part in parts:
            # A store may give a session twice that changes meanwhile.
            if whole.startswith(part) and all(stored.record.key != other.record.key for other in found[part]):
                found[part].append(stored)
    return found


def trouble(handle: str, sessions: Collection[StoredSession]) -> str | None:
    """Return what is wrong with a handle that may name these sessions; None if it names exactly one."""
    if not sessions:
        return f"There is no session {handle}."
    if len(sessions) > 1:
        return f"{len(sessions)} sessions begin with {handle}: give more digits."
    return None
