"""The verbs of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from random import randrange, shuffle
from typing import Any, Final

from ...errors import StoreError
from ...record import SessionRecord
from ..base import SLACK, Changes, Stored, StoredSession, Touch, check_values
from .layout import ATTRIBUTE, RECORD, packed, record_of, session_of
from .links import Call, Command, Link, Word
from .names import SHARDS, Names
from .scripts import ABANDONED, CLAIM, CREATE, EXPIRE, HOPS, OF, REMOVE, SAVE, TOUCH, Script

#: How many sessions a script removes, notes or looks at, at each end: so long other commands have to wait.
_SLICE: Final = 100
#: How often a load looks again at a session that is over, and then is not.
_TRIES: Final = 3
#: In how many shards an abandoned session is looked for, of those that have sessions.
_SAMPLE: Final = 32


class RedisStore:
    """Keeps sessions in Redis, for any number of processes and machines.

    What is a method of :class:`SessionStore` is described there. Each verb is atomic, since it is one command or one
    script; a load is one round trip, and so are a save and a creation.
    """

    is_shared = True

    def __init__(self, link: Link, prefix: str) -> None:
        self.in_use: Callable[[], Mapping[bytes, float]] = dict
        self._link = link
        self._names = Names(prefix)

    def create(self, record: SessionRecord, attributes: Mapping[str, bytes]) -> bool:
        """Keep a new session."""
        check_values(attributes)
        words: list[Word] = [record.accessed, int(record.principal is not None), record.principal or ""]
        words += (RECORD, packed(record))
        for name, value in attributes.items():
            words += (ATTRIBUTE + name.encode(), value)
        return bool(self._run(CREATE, record.key, *words))

    def load(self, key: bytes, arrived: float) -> tuple[Stored, float | None] | None:
        """Return the session; the access is told by :meth:`touch`."""
        shard = key[0]
        for _ in range(_TRIES):
            fields = self._link.read(shard, b"HGETALL", self._names.session[shard] + key)
            stored = session_of(key, fields) if fields else None
            if stored is None:
                return None
            record = stored.record
            if not record.is_due(arrived, SLACK):
                return stored, min(record.accessed, arrived)
            claimed = self._taken(self._run(CLAIM, key, arrived))
            if claimed is not None:
                return claimed, None
            # Somebody else has it, or an access has been told meanwhile.
        return None

    def peek(self, key: bytes) -> Stored | None:
        """Return the session as it is."""
        shard = key[0]
        for _ in range(HOPS):
            fields = self._link.read(shard, b"HGETALL", self._names.session[shard] + key)
            if fields:
                return session_of(key, fields)
            moved = self._link.read(shard, b"GET", self._names.mark[shard] + key)
            if not isinstance(moved, bytes):
                return None
            key = moved
        return None

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply the changes.

        Raises:
            ValueError: the session cannot move to the new key, see :meth:`fits`.
        """
        moved = b"" if changes.new_id is None else changes.new_id[1]
        if moved and not self.fits(key, moved):
            raise ValueError("the session cannot move to this key: draw another one until it fits")
        check_values(changes.put)
        words: list[Word] = [now, moved, int(changes.afresh)]
        for name, old in changes.expected.items():
            words += (b"!" if old is None else b"?", ATTRIBUTE + name.encode(), old or b"")
        for name, value in changes.put.items():
            words += (b"=", ATTRIBUTE + name.encode(), value)
        for name in changes.removed:
            if name not in changes.put:
                words += (b"-", ATTRIBUTE + name.encode(), b"")
        if changes.max_inactive_interval is not None:
            words += (b"i", b"", changes.max_inactive_interval)
        if changes.principal is None:
            words += (b"n", b"", b"")
        elif isinstance(changes.principal, str):
            words += (b"p", b"", changes.principal)
        return bool(self._run(SAVE, key, *words))

    def fits(self, key: bytes, new_key: bytes) -> bool:
        """Return whether the keys are in the same shard: in a Cluster the move is atomic only within one node."""
        return key[0] == new_key[0]

    def remove(self, key: bytes) -> Stored | None:
        """Remove the session and give it back."""
        return self._taken(self._run(REMOVE, key))

    def expire(self, now: float, limit: int) -> list[Stored]:
        """Remove sessions that are due. Where nothing is, that takes one round trip to each server."""
        expired: list[Stored] = []
        first = self._link.try_all(
            (shard, (b"ZRANGEBYSCORE", self._names.due[shard], b"-inf", now, b"LIMIT", 0, 1)) for shard in range(SHARDS)
        )
        due = [shard for shard, found in enumerate(first) if found and not isinstance(found, Exception)]
        # Not always the same ones come first.
        shuffle(due)
        try:
            for shard in due:
                expired.extend(self._expire_some(shard, now, limit - len(expired)))
        except StoreError:
            # Who is told of an error is not told of sessions, and nobody else will be of these.
            if not expired:
                raise
        if not expired:
            for found in first:
                self._link.checked(found)
        return expired

    def _expire_some(self, shard: int, now: float, limit: int) -> Iterator[Stored]:
        while limit > 0:
            at_most = min(limit, _SLICE)
            taken = self._link.run(shard, EXPIRE, [self._names.due[shard]], now, at_most)
            for one in taken:
                stored = self._taken(one)
                if stored is not None:
                    limit -= 1
                    yield stored
            if len(taken) < at_most:
                return

    def abandoned(self) -> Stored | None:
        """Remove one of the sessions whose client never came back, among those that are over first or last in any of
        some shards: a flood is behind all who were there before it, and some newcomers are before those who are."""
        used = defaultdict(list)
        for key in self.in_use():
            used[key[0]].append(key)
        sizes = self._sizes()
        start = randrange(SHARDS)  # noqa: S311 - nothing is at stake
        filled = (shard for shard in (*range(start, SHARDS), *range(start)) if sizes[shard])
        for shard in islice(filled, _SAMPLE):
            found = self._link.run(shard, ABANDONED, [self._names.due[shard]], _SLICE, *used[shard])
            if found:
                return self._taken(found)
        return None

    def touch(self, accesses: Iterable[Touch]) -> None:
        """Note requests."""
        by_shard: dict[int, list[Touch]] = defaultdict(list)
        for access in accesses:
            by_shard[access[0][0]].append(access)
        calls: list[Call] = []
        for shard, group in by_shard.items():
            for start in range(0, len(group), _SLICE):
                some = group[start : start + _SLICE]
                names = [self._names.session[shard] + key for key, _, _ in some]
                calls.append((shard, names, [time for _, *times in some for time in times]))
        self._link.run_all(TOUCH, calls)

    def of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        user = principal.encode()
        names = [name + user for name in self._names.user]
        sizes = self._link.ask_all((shard, (b"SCARD", names[shard])) for shard in range(SHARDS))
        filled = [shard for shard in range(SHARDS) if sizes[shard]]
        calls: list[Call] = [(shard, [self._names.due[shard], names[shard]], [user]) for shard in filled]
        found = [one for some in self._link.run_all(OF, calls) for one in some]
        records = (record_of(key, record, user) for key, record in found)
        return [record for record in records if record is not None]

    def __iter__(self) -> Iterator[Stored]:
        for shard in range(SHARDS):
            seen: set[bytes] = set()
            cursor = b"0"
            while True:
                scan = (b"ZSCAN", self._names.due[shard], cursor, b"COUNT", _SLICE)
                [(cursor, entries)] = self._link.ask_all([(shard, scan)])
                keys = [key for key in entries[::2] if key not in seen]
                seen.update(keys)
                yield from self._read_all(shard, keys)
                if cursor == b"0":
                    break

    def _read_all(self, shard: int, keys: list[bytes]) -> Iterator[Stored]:
        name = self._names.session[shard]
        commands: list[Command] = [(shard, (b"HGETALL", name + key)) for key in keys]
        for key, fields in zip(keys, self._link.read_all(commands), strict=True):
            stored = session_of(key, fields) if fields else None
            if stored is not None:
                yield stored

    def __len__(self) -> int:
        return sum(self._sizes())

    def _sizes(self) -> list[int]:
        return self._link.ask_all((shard, (b"ZCARD", self._names.due[shard])) for shard in range(SHARDS))

    def describe(self) -> str:
        """Return which server keeps the sessions."""
        return self._link.describe()

    def close(self) -> None:
        """Let go of the connections."""
        self._link.reset_after_fork()

    def _run(self, script: Script, key: bytes, *words: Word) -> Any:
        # None of these is sent again: even what sets the same values twice undoes what others have done in between.
        shard = key[0]
        return self._link.run(shard, script, (self._names.session[shard] + key,), *words)

    def _taken(self, reply: Any) -> StoredSession | None:
        """Return the session that a script has taken out, given its key and its fields; None if there was none."""
        if not reply or reply[1] is None:
            return None
        stored = session_of(*reply)
        if stored is not None:
            stored.record.removed = True
        return stored
