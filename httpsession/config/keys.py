"""The keys that encrypt attributes, given as bytes or as text. No message here shows a key, nor what may be one."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable
from typing import Final

from ..errors import ConfigError, kind_of

#: The bytes of a key.
KEY_BYTES: Final = 32

_ALLOWED: Final = (
    f"must be {KEY_BYTES} bytes, or as many in hexadecimal or base64, such as secrets.token_hex({KEY_BYTES})"
)


def read_keys(given: object) -> tuple[bytes, ...]:
    """Return keys that are given in a sequence.

    Raises:
        ConfigError: *given* is no sequence, or has an item that is no key.
    """
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | bytearray):
        raise _refusal("", kind_of(given), "must be a sequence of keys")
    return tuple(_read_key(number, key) for number, key in enumerate(given))


def _read_key(number: int, given: object) -> bytes:
    key = _decoded(given.strip()) if isinstance(given, str) else given
    if not isinstance(key, bytes | bytearray) or len(key) != KEY_BYTES:
        size = f" of {len(given)}" if isinstance(given, str | bytes | bytearray) else ""
        raise _refusal(f"[{number}]", f"{kind_of(given)}{size}", _ALLOWED)
    return bytes(key)


def _refusal(place: str, what: str, allowed: str) -> ConfigError:
    """Return the error for the setting, or for a *place* in it. A source shows no more of the value than this does."""
    error = ConfigError(f"SessionConfig.encryption_keys{place} is {what}, but {allowed}")
    error.owner, error.setting, error.reason = (
        "SessionConfig",
        "encryption_keys",
        f"each key {allowed}" if place else allowed,
    )
    return error


def _decoded(text: str) -> bytes:
    """Return the bytes of a text in hexadecimal or in one of the two alphabets of base64; none if it is neither."""
    try:
        if len(text) == 2 * KEY_BYTES:
            return bytes.fromhex(text)
        return urlsafe_b64decode(text.rstrip("=").replace("+", "-").replace("/", "_") + "=")
    except ValueError:
        return b""
