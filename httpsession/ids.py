"""Session ids: their form, drawing them, and the keys that stores see in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from typing import Final

#: A regular expression for the characters of an id; an id of *n* bytes has 2 *n* of them.
DIGITS: Final = "[0-9A-F]"
#: Bytes in a key.
KEY_SIZE: Final = 32
#: Hexadecimal digits of a handle: neither an id of the default size nor a key has so many.
HANDLE_DIGITS: Final = 40


def new_id(size: int) -> str:
    """Draw an id: *size* random bytes from the operating system, as upper-case hexadecimal digits."""
    return os.urandom(size).hex().upper()


def key_of(session_id: str) -> bytes:
    """Return the key under which a store keeps the session: the SHA-256 digest of its id.

    A reader of the store, or of a stolen dump, learns no id and so can open no session.
    """
    return sha256(session_id.encode()).digest()


def handle_of(key: bytes) -> str:
    """Return the handle of a session: a digest of its key, which leads back to neither the key nor the id.

    Users and logs may see a handle. A key is for stores alone.
    """
    return sha256(b"handle of " + key).hexdigest()[:HANDLE_DIGITS]


def draw(size: int) -> tuple[str, bytes]:
    """Draw an id and return it with its key."""
    session_id = new_id(size)
    return session_id, key_of(session_id)


def draw_until(size: int, accepts: Callable[[bytes], bool]) -> tuple[str, bytes]:
    """Draw ids until *accepts* is true of a key; return this key with its id.

    A store with shards can move a session only to some keys (:meth:`.SessionStore.can_move`).
    """
    while True:
        session_id, key = draw(size)
        if accepts(key):
            return session_id, key
