"""Times, numbers and foreign text as the commands show them."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from reprlib import Repr
from typing import Final

from ..codec import Codec
from ..errors import CodecError

#: The most characters of a word, and of a value.
WORD: Final = 80
VALUE: Final = 200

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Decodes the values of any application, except its registered types.
_codec = Codec(max_depth=100)
_repr = Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = WORD


def escaped(text: str, longest: int = WORD) -> str:
    """Return a text as one short line, with escapes for all that could control a terminal."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[: longest + 1]
    )
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def moment(seconds: float, utc: bool) -> str:
    """Return a time in ISO 8601, in the zone of this machine or in UTC; infinite is ``never``."""
    if not isfinite(seconds):
        return "never"
    try:
        when = datetime.fromtimestamp(seconds, UTC)
        return (when if utc else when.astimezone()).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):  # no such year
        return repr(seconds)


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``3h05m``; infinite is ``never``."""
    if not isfinite(seconds):
        return "never"
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 session``, ``2 sessions``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def value(data: bytes, name: str, longest: int = VALUE) -> str:
    """Return a stored value, shortened, or in brackets the reason why it cannot be read."""
    try:
        return escaped(_repr.repr(_codec.decode(data, name)), longest)
    except CodecError as error:
        return f"({escaped(f'cannot be read here: {error.__cause__ or error}', longest - 2)})"
    except ValueError:  # an int of more digits than Python prints
        return "(too long a number)"
