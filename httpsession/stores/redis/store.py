"""The methods of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from math import inf
from random import SystemRandom
from time import monotonic
from typing import Any, Final, Literal

from ...errors import StoreError
from ...record import AUTH_TIME, SessionRecord, check_principal
from ..base import SLACK, Changes, InUse, Limit, StoredSession, Touch, check_values, nothing_in_use
from .client import Call, Client, Command
from .layout import ATTRIBUTE, NOTE, fields_of, session_of
from .names import ANY_DUE, SHARDS, Names, prefix_of
from .places import Places
from .scripts import CLAIM, CREATE, EVICT, EXPIRE, HOPS, REMOVE, SAVE, SESSIONS_OF, TOUCH, Script
from .transport import Word

#: How many sessions a script removes, touches or looks at, at each end: other commands have to wait for so long.
_SLICE: Final = 100
#: How often a load looks again at a session that has expired, and then has not.
_TRIES: Final = 3
#: The shards that are searched for a session to evict, of those that have sessions.
_SAMPLE: Final = 32
#: How many keys a search for prefixes looks at in one call, and for how many seconds it goes on.
_SCANNED: Final = 1000
_SEARCH: Final = 1.0
#: The longest time that saving a login takes, in timeouts of the client.
_LONGEST: Final = 3
#: It has no state: processes of one fork would search the same shards, and meet there.
_random: Final = SystemRandom()


class RedisStore:
    """Sessions in Redis, shared by any number of processes and machines.

    :class:`SessionStore` describes the methods. Each is atomic for one session, since it is one command or one script.
    A load is one round trip, and so are a save and a creation.
    """

    is_shared: Literal[True] = True
    capacity: Final = None

    def __init__(self, client: Client, prefix: str) -> None:
        #: The prefix of the keys.
        self.prefix: str = prefix
        self._client = client
        self._names = Names(prefix)
        self._places = Places(client, self._names, _LONGEST * client.address.login.timeout, self.remove)

    def create(self, session: StoredSession, limit: Limit | None = None) -> bool:
        """Keep a new session."""
        check_values(session.attributes)
        record = session.record
        if record.principal is not None:
            check_principal(record.principal)
        words: list[Word] = [record.accessed, int(record.principal is not None), record.principal or ""]
        words += fields_of(session)
        if limit is None:
            return bool(self._run(CREATE, record.key, *words))
        create = partial(self._run_bool, CREATE, record.key, words)
        return self._places.log_in(limit, record.key, b"", record.accessed, record.deadline, create)

    def load(
        self, key: bytes, arrived: float, in_use: InUse = nothing_in_use
    ) -> tuple[StoredSession, float, bool] | None:
        """Return the session; :meth:`touch` records the access."""
        shard = key[0]
        for _ in range(_TRIES):
            fields = self._client.read(shard, b"HGETALL", self._names.session[shard] + key)
            session = session_of(key, fields) if fields else None
            if session is None:
                return None
            record = session.record
            if not record.is_due(arrived, SLACK):
                return session, min(record.accessed, arrived), False
            claimed = self._removed(self._run(CLAIM, key, arrived))
            if claimed is not None:
                return claimed, claimed.record.accessed, True
            # Another caller has claimed it, or an access has been recorded meanwhile.
        return None

    def peek(self, key: bytes) -> StoredSession | None:
        """Return the session as it is."""
        shard = key[0]
        for _ in range(HOPS):
            fields = self._client.read(shard, b"HGETALL", self._names.session[shard] + key)
            if fields:
                return session_of(key, fields)
            next_key = self._next_key(key)
            if not next_key:
                return None
            key = next_key
        return None

    def was_left(self, key: bytes, now: float) -> bool:
        """Return whether a login left the key. The server's clock measures how long ago that was."""
        next_key: bytes | None = key
        for _ in range(HOPS):
            if not next_key:
                break
            next_key = self._next_key(next_key)
        return next_key == b""

    def _next_key(self, key: bytes) -> bytes | None:
        """Return the mark of a former key: the next key of the session, or empty after a login; None without a mark."""
        shard = key[0]
        mark = self._client.read(shard, b"GET", self._names.mark[shard] + key)
        return mark if isinstance(mark, bytes) else None

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply the changes.

        Raises:
            ValueError: the session cannot move to the new key (:meth:`can_move`), a login has no new key, or the
                principal is none (:func:`.check_principal`).
        """
        new_key = changes.new_key
        if new_key is None:
            if changes.is_login:
                raise ValueError("a login needs a new key")
        elif not self.can_move(key, new_key):
            raise ValueError("the session cannot move to this key: draw another key until can_move is true")
        check_values(changes.put)
        if changes.principal is not None and changes.principal is not ...:
            check_principal(changes.principal)
        words = [now, new_key or b"", int(changes.is_login), int(changes.clear), *_triples_of(changes)]
        limit = changes.limit
        if limit is None:
            return bool(self._run(SAVE, key, *words))
        save = partial(self._run_bool, SAVE, key, words)
        if changes.principal is not ...:
            deadline = inf if changes.deadline is None else changes.deadline
            return self._places.log_in(limit, new_key or key, key, now, deadline, save)
        is_saved = save()
        if is_saved and new_key is not None:
            self._places.move(limit, new_key, key, now, renews=AUTH_TIME in changes.notes)
        return is_saved

    def can_move(self, key: bytes, new_key: bytes) -> bool:
        """Return whether the keys are in the same shard. In a Cluster, a move is atomic only within one node."""
        return key[0] == new_key[0]

    def remove(self, key: bytes, principal: str | None = None) -> StoredSession | None:
        """Remove the session and return it."""
        return self._removed(self._run(REMOVE, key, *(() if principal is None else (principal,))))

    def expire(self, now: float, limit: int, in_use: InUse = nothing_in_use) -> list[StoredSession]:
        """Remove sessions that are due. If no session is, that takes one round trip to each server."""
        expired: list[StoredSession] = []
        first = self._client.try_all(
            (shard, (b"ZRANGEBYSCORE", self._names.due[shard], b"-inf", now, b"LIMIT", 0, 1)) for shard in range(SHARDS)
        )
        due = [shard for shard, found in enumerate(first) if found and not isinstance(found, Exception)]
        # In a fixed order, the last shards would wait for ever when there is more to expire than a sweep can.
        _random.shuffle(due)
        try:
            for shard in due:
                expired.extend(self._expire_some(shard, now, limit - len(expired)))
        except StoreError:
            # A caller that gets an error gets no sessions, and no other caller would hear of these.
            if not expired:
                raise
        if not expired:
            for found in first:
                self._client.check(found)
        return expired

    def _expire_some(self, shard: int, now: float, limit: int) -> Iterator[StoredSession]:
        while limit > 0:
            at_most = min(limit, _SLICE)
            replies = self._client.run(shard, EXPIRE, [self._names.due[shard]], now, at_most)
            for reply in replies:
                session = self._removed(reply)
                if session is not None:
                    limit -= 1
                    yield session
            if len(replies) < at_most:
                return

    def evict(self, in_use: InUse = nothing_in_use) -> StoredSession | None:
        """Remove a newcomer's session.

        A sample of shards is searched, at both ends: in each, the first sessions to expire and the last. A flood of new
        sessions is at the last end. A few new ones are at the first end, before sessions that were used since.
        """
        used = defaultdict(list)
        for key in in_use():
            used[key[0]].append(key)
        sizes = self._sizes()
        start = _random.randrange(SHARDS)
        filled = (shard for shard in (*range(start, SHARDS), *range(start)) if sizes[shard])
        for shard in islice(filled, _SAMPLE):
            reply = self._client.run(shard, EVICT, [self._names.due[shard]], _SLICE, *used[shard])
            if reply:
                return self._removed(reply)
        return None

    def touch(self, accesses: Iterable[Touch], in_use: InUse = nothing_in_use) -> None:
        """Record requests."""
        by_shard: dict[int, list[Touch]] = defaultdict(list)
        for access in accesses:
            by_shard[access[0][0]].append(access)
        calls: list[Call] = []
        for shard, group in by_shard.items():
            for start in range(0, len(group), _SLICE):
                some = group[start : start + _SLICE]
                names = [self._names.session[shard] + key for key, _, _ in some]
                calls.append((shard, names, [time for _, *times in some for time in times]))
        self._client.run_all(TOUCH, calls)

    def records_of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        user = check_principal(principal).encode()
        names = [name + user for name in self._names.user]
        sizes = self._client.execute_all((shard, (b"SCARD", names[shard])) for shard in range(SHARDS))
        filled = [shard for shard in range(SHARDS) if sizes[shard]]
        calls: list[Call] = [(shard, [self._names.due[shard], names[shard]], [user]) for shard in filled]
        found = [session_of(*reply) for replies in self._client.run_all(SESSIONS_OF, calls) for reply in replies]
        return [session.record for session in found if session is not None]

    def __iter__(self) -> Iterator[StoredSession]:
        for shard in range(SHARDS):
            seen: set[bytes] = set()
            cursor = b"0"
            while True:
                scan = (b"ZSCAN", self._names.due[shard], cursor, b"COUNT", _SLICE)
                [(cursor, entries)] = self._client.execute_all([(shard, scan)])
                keys = [key for key in entries[::2] if key not in seen]
                seen.update(keys)
                yield from self._read_all(shard, keys)
                if cursor == b"0":
                    break

    def _read_all(self, shard: int, keys: list[bytes]) -> Iterator[StoredSession]:
        name = self._names.session[shard]
        commands: list[Command] = [(shard, (b"HGETALL", name + key)) for key in keys]
        for key, fields in zip(keys, self._client.read_all(commands), strict=True):
            session = session_of(key, fields) if fields else None
            if session is not None:
                yield session

    def __len__(self) -> int:
        return sum(self._sizes())

    def _sizes(self) -> list[int]:
        return self._client.execute_all((shard, (b"ZCARD", self._names.due[shard])) for shard in range(SHARDS))

    def prefixes(self) -> list[str]:
        """Return the prefixes that are found among the keys of the servers in about a second."""
        found: set[str] = set()
        end = monotonic() + _SEARCH
        for shard in self._client.shards_of_nodes():
            cursor = b"0"
            while True:
                scan = (b"SCAN", cursor, b"MATCH", ANY_DUE, b"COUNT", _SCANNED)
                [(cursor, names)] = self._client.execute_all([(shard, scan)])
                found.update(map(prefix_of, names))
                if cursor == b"0" or monotonic() > end:
                    break
        return sorted(found - {""})

    def describe(self) -> str:
        """Return the version and the location of the server."""
        return self._client.describe()

    def close(self) -> None:
        """Close the connections, for good."""
        self._client.close()

    def _run(self, script: Script, key: bytes, *words: Word) -> Any:
        # These scripts are never retried: a change that is made twice undoes what other requests changed in between.
        shard = key[0]
        return self._client.run(shard, script, (self._names.session[shard] + key,), *words)

    def _run_bool(self, script: Script, key: bytes, words: Sequence[Word]) -> bool:
        return bool(self._run(script, key, *words))

    def _removed(self, reply: Any) -> StoredSession | None:
        """Return the session that a script has removed, given its key and its fields; None if there was none."""
        if not reply or reply[1] is None:
            return None
        return session_of(*reply)


def _triples_of(changes: Changes) -> list[Word]:
    """Return the triples of save.lua: a sign, a field and a value for each thing that a save checks or changes."""
    words: list[Word] = []
    if changes.expected:
        for name, old in changes.expected.items():
            words += (b"!" if old is None else b"?", ATTRIBUTE + name.encode(), old or b"")
    for name, value in changes.put.items():
        words += (b"=", ATTRIBUTE + name.encode(), value)
    for name in changes.removed:
        if name not in changes.put:
            words += (b"-", ATTRIBUTE + name.encode(), b"")
    if changes.notes:
        for name, note in changes.notes.items():
            words += (b"-" if note is None else b"=", NOTE + name.encode(), note or b"")
    if changes.max_inactive_interval is not None:
        words += (b"i", b"", changes.max_inactive_interval)
    if changes.deadline is not None:
        words += (b"d", b"", changes.deadline)
    if changes.principal is None:
        words += (b"n", b"", b"")
    elif changes.principal is not ...:
        words += (b"p", b"", changes.principal)
    return words
