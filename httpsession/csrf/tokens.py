"""CSRF tokens: a secret under a mask that is drawn for each token.

A compressed page that repeats the same secret reveals it letter by letter to an attacker who can add text to the page
and measure its length (BREACH). A token is another text each time.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s
from hmac import compare_digest
from typing import Final

#: Bytes of a secret. A token has twice as many, which base64 writes without padding.
SECRET_SIZE: Final = 24
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{64}")


def secret_of(origin: str) -> bytes:
    """Return the secret that belongs to a random text: the id of a session, or the value of a cookie.

    It leads back to neither. All requests that begin with the same text have the same secret, so that the forms of two
    pages that are rendered at once are both valid.
    """
    return blake2s(origin.encode(), digest_size=SECRET_SIZE, person=b"csrf").digest()


def masked(secret: bytes) -> str:
    """Return a new token of *secret*: 64 characters that need no quoting in HTML and URLs."""
    mask = os.urandom(SECRET_SIZE)
    return urlsafe_b64encode(mask + _xor(mask, secret)).decode()


def answers(token: str, secret: bytes) -> bool:
    """Return whether *token* is one of *secret*. The time does not depend on how much of it is right."""
    if not _TOKEN.fullmatch(token):
        return False
    both = urlsafe_b64decode(token)
    return compare_digest(_xor(both[:SECRET_SIZE], both[SECRET_SIZE:]), secret)


def _xor(mask: bytes, data: bytes) -> bytes:
    return (int.from_bytes(mask) ^ int.from_bytes(data)).to_bytes(SECRET_SIZE)
