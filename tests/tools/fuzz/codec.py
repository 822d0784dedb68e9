"""The codec: what is encoded comes back exactly or is refused, and any bytes are a value or a CodecError.

While bytes are decoded, nothing is imported, compiled or run, and no class is looked up by its name: an audit hook of
Python watches.
"""

from __future__ import annotations

import marshal
import math
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from markupsafe import Markup

from httpsession import CodecError
from httpsession.codec import Codec

from .choices import Choices
from .engine import Check

#: The events of Python that no decoding may cause.
FORBIDDEN: Final = ("import", "exec", "compile", "pickle.find_class", "marshal.loads", "os.system", "subprocess.Popen")


class Colour(Enum):
    """A registered Enum class."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Item:
    """A registered dataclass."""

    name: Any
    tags: Any = field(default_factory=list)


class Stranger(dict):
    """A class that is not registered, and a subclass of a known class."""


TYPES = {"colour": Colour, "item": Item, "path": (PurePosixPath, str, PurePosixPath)}
LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**63, -(2**63), 2**64, -(2**63) - 1, 2**200, 0.0, -0.0, 1.5, math.inf, math.nan),
    *(
        "",
        "a",
        "é",
        "\0",
        "\ud800",
        "x" * 300,
        b"",
        b"\0",
        b"\xff" * 40,
        Colour.RED,
        Markup("<b>"),
        PurePosixPath("/a"),
    ),
    *(Decimal("1.50"), Decimal("-0"), Decimal("NaN"), Decimal("sNaN"), Decimal("1E+999999"), UUID(int=7)),
    *(
        date.min,
        date.max,
        time(1, 2, 3, 4, fold=1),
        time(1, tzinfo=UTC),
        datetime.max,
        timedelta.min,
        timedelta(1, 2, 3),
    ),
    *(datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1), datetime(1, 1, 1, tzinfo=UTC)),
    *(datetime(2000, 1, 1, tzinfo=timezone(timedelta(seconds=1), "odd")), Stranger(), object(), Item, {1}.add),
)
#: Bytes of other formats, and those that take much if they are believed.
FOREIGN = (
    *(pickle.dumps(Item("x")), pickle.dumps({"a": 1}, 0), marshal.dumps(compile("1", "x", "eval"))),
    *(b"!!python/object/apply:os.system ['true']", b'{"a": {"a": 1}}', b"\x1f\x8b\x08", b"\x01\xdd\xff\xff\xff\xff"),
    *(
        b"\x01\xdb\xff\xff\xff\xff",
        b"\x01\xc9\xff\xff\xff\xff\x00",
        b"\x01" + b"\x92\x01" * 200,
        b"\x01" + b"\x91" * 900,
    ),
    *(b"\x01\x92\x07\x91\xa81E999999", b"\x01\xc1", b"\x00\x01", b"\x02\x01", b"\x01\xca\x7f\xc0\x00\x00"),
)

_watching: list[str] | None = None
_is_hooked = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """Keep the forbidden events while a decoding is watched; a hook cannot be removed."""
    if _watching is not None and event in FORBIDDEN:
        _watching.append(event)


@contextmanager
def watched() -> Iterator[None]:
    """Check that what is done inside causes no forbidden event."""
    global _watching, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_watch)
        _is_hooked = True
    _watching = events = []
    try:
        yield
    finally:
        _watching = None
    assert not events, f"decoding caused {events}"


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal in type and content, the order of dicts and the sign of zero included."""
    if type(one) is not type(other):
        return False
    match one:
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return same([*one.items()], [*other.items()])
        case set() | frozenset():
            return sorted(map(_spelled, one)) == sorted(map(_spelled, other))
        case Item():
            return same(vars(one), vars(other))
        case float() | Decimal():
            return repr(one) == repr(other)
        case datetime() | time():
            return (one.replace(tzinfo=None), one.fold, repr(one.tzinfo)) == (
                other.replace(tzinfo=None),
                other.fold,
                repr(other.tzinfo),
            )
    return bool(one == other)


def _spelled(member: object) -> str:
    """Return the text of a member of a set; equal members have equal texts, whatever the order of sets inside."""
    if isinstance(member, frozenset | tuple):
        texts = [*map(_spelled, member)]
        return f"{type(member)}{texts if isinstance(member, tuple) else sorted(texts)}"
    return f"{type(member)}{member!r}"


def value(choices: Choices, depth: int = 4) -> Any:
    """Return any value, of which parts may be of types that cannot be stored."""
    kind = choices.below(12) if depth else 0
    if kind < 4:
        return choices.pick(LEAVES)
    if kind == 4:
        return choices.octets(20).decode("utf-8", "surrogateescape")
    if kind == 5:
        return int.from_bytes(choices.octets(20), "big", signed=True)
    items = [value(choices, depth - 1) for _ in range(choices.below(5))]
    match kind:
        case 6 | 7:
            return items
        case 8:
            return tuple(items)
        case 9:
            return {str(item)[:3]: item for item in items}
        case 10:
            return Item(items[0] if items else None, items[1:])
    try:
        return choices.pick((set, frozenset, lambda keys: dict.fromkeys(keys, 1)))(items)
    except TypeError:  # a member that has no hash
        return items


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a codec, and let it do once what it does for the first time."""
    codec = Codec(TYPES, max_depth=8, max_bytes=4096)
    for leaf in LEAVES:
        _encoded(codec, leaf)

    def check(choices: Choices) -> None:
        data = _encoded(codec, value(choices))
        if data is None:
            data = choices.pick(FOREIGN) if choices.flag() else b"\x01" + choices.octets(64)
            _check_bytes(codec, data)
        _check_bytes(codec, choices.mutated(data))

    yield check


def _encoded(codec: Codec, original: object) -> bytes | None:
    """Encode a value and check that it comes back exactly; None if it is refused."""
    try:
        data = codec.encode(original, "name")
    except CodecError as error:
        _check_message(error)
        return None
    again = codec.decode(data)
    assert same(original, again)
    assert codec.encode(again) == data
    assert codec.changed(again, data) is None
    return data


def _check_bytes(codec: Codec, data: bytes) -> None:
    """Decode any bytes; a value that they make can be encoded, and has not changed."""
    with watched():
        try:
            made = codec.decode(data, "name")
        except CodecError as error:
            _check_message(error)
            return
    assert codec.changed(made, data) is None
    assert same(made, codec.decode(codec.encode(made)))


def _check_message(error: CodecError) -> None:
    text = str(error)
    assert text.isprintable()
    assert len(text) < 2000
