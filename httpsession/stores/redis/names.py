"""The names under which things are in Redis, and the shards over which sessions are spread."""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache
from itertools import count
from typing import Final

SHARDS: Final = 256
_SLOTS: Final = 16384
_SLOTS_OF_SHARD: Final = _SLOTS // SHARDS


def slot_of(tag: str) -> int:
    """Return the slot of a Cluster in which keys with a hash tag are."""
    return crc_hqx(tag.encode(), 0) % _SLOTS


@cache
def tags() -> tuple[str, ...]:
    """Return the hash tag of each shard: the first number, in hexadecimal digits, that lies in its share of the slots.

    So shards are spread over the nodes of a Cluster as evenly as slots are. The names are the same without a Cluster.
    """
    found: dict[int, str] = {}
    numbers = count()
    while len(found) < SHARDS:
        tag = f"{next(numbers):x}"
        found.setdefault(slot_of(tag) // _SLOTS_OF_SHARD, tag)
    return tuple(found[shard] for shard in range(SHARDS))


class Names:
    """The names of what belongs to an application, by shard. All that belongs to a session is in one shard.

    - ``<prefix>{<tag>}:s:<key>``, a hash: a session;
    - ``<prefix>{<tag>}:m:<key>``, a string: the key to which a session went from this one lately;
    - ``<prefix>{<tag>}:u:<principal>``, a set: the keys of a user's sessions;
    - ``<prefix>{<tag>}:due``, a sorted set: the keys of all sessions by the time at which they are over.
    """

    def __init__(self, prefix: str) -> None:
        bases = [f"{prefix}{{{tag}}}:".encode() for tag in tags()]
        #: What the names of sessions, marks and sets of sessions begin with, and the names of the sorted sets.
        self.session = [base + b"s:" for base in bases]
        self.mark = [base + b"m:" for base in bases]
        self.user = [base + b"u:" for base in bases]
        self.due = [base + b"due" for base in bases]
