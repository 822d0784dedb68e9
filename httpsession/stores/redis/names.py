"""The names of keys in Redis, and the shards over which sessions are spread."""

from __future__ import annotations

import re
from binascii import crc_hqx
from functools import cache
from itertools import count
from typing import Final

from ..url import flaw_of_prefix

SHARDS: Final = 256
#: The pattern of the names of the sorted sets, for SCAN.
ANY_DUE: Final = b"*{*}:due"
_DUE: Final = re.compile(r"([^{}]+)\{([0-9a-f]+)\}:due")
_SLOTS: Final = 16384
_SLOTS_OF_SHARD: Final = _SLOTS // SHARDS


def slot_of(tag: str) -> int:
    """Return the slot of a Cluster that keys with this hash tag are in."""
    return crc_hqx(tag.encode(), 0) % _SLOTS


@cache
def tags() -> tuple[str, ...]:
    """Return the hash tag of each shard: the first number, in hexadecimal digits, that lies in its share of the slots.

    So shards are spread over the nodes of a Cluster as evenly as slots are. Names do not differ without a Cluster.
    """
    found: dict[int, str] = {}
    numbers = count()
    while len(found) < SHARDS:
        tag = f"{next(numbers):x}"
        found.setdefault(slot_of(tag) // _SLOTS_OF_SHARD, tag)
    return tuple(found[shard] for shard in range(SHARDS))


def prefix_of(name: bytes) -> str:
    """Return the prefix in the name of a sorted set of sessions; empty if it is another name."""
    match = _DUE.fullmatch(name.decode(errors="replace"))
    return match[1] if match and match[2] in tags() and not flaw_of_prefix(match[1]) else ""


class Names:
    """The names of an application's keys in Redis, by shard. All keys of a session are in one shard.

    - ``<prefix>{<tag>}:s:<key>``, a hash: a session;
    - ``<prefix>{<tag>}:m:<key>``, a string: the mark of a former key, which is the next key of the session, or empty
      after a login;
    - ``<prefix>{<tag>}:u:<principal>``, a set: the keys of a user's sessions;
    - ``<prefix>{<tag>}:n:<principal>``, a sorted set: the register of a user whose sessions are limited in number, in
      the shard of the user's digest: the keys of the sessions by the time since when each has its place;
    - ``<prefix>{<tag>}:due``, a sorted set: the keys of all sessions by the time at which they expire;
    - ``<prefix>{<tag>}:logouts``, a sorted set in one shard, or two of a Cluster: the users who were logged out
      everywhere, by the time before which their logins count no more; and ``logouts:until``, by the time from which on
      no session is older.
    """

    def __init__(self, prefix: str) -> None:
        bases = [f"{prefix}{{{tag}}}:".encode() for tag in tags()]
        #: The beginnings of the names of sessions, marks, users' sets and registers, and the names of the sorted sets.
        self.session: list[bytes] = [base + b"s:" for base in bases]
        self.mark: list[bytes] = [base + b"m:" for base in bases]
        self.user: list[bytes] = [base + b"u:" for base in bases]
        self.register: list[bytes] = [base + b"n:" for base in bases]
        self.due: list[bytes] = [base + b"due" for base in bases]
        #: The names of the sorted sets of users who were logged out everywhere, of which only some shards have a copy.
        self.logouts: list[tuple[bytes, bytes]] = [(base + b"logouts", base + b"logouts:until") for base in bases]
