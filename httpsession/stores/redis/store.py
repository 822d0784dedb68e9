"""The methods of the store."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from math import inf
from random import SystemRandom
from time import monotonic
from typing import Any, Final, Literal

from ...errors import StoreError
from ...ids import KEY_SIZE
from ...record import LOGIN, REVOKED, SPARED, SessionRecord, check_principal, pack_time
from ..base import SLACK, Changes, InUse, Limit, StoredSession, Touch, check_values, nothing_in_use
from .client import Call, Client, Command
from .layout import fields_of, session_of, triples_of
from .logouts import Logouts
from .names import ANY_DUE, SHARDS, Names, prefix_of
from .places import Places
from .replies import is_count, is_list, is_mark, is_page, is_page_of_scores, is_pairs, is_scores
from .scripts import CLAIM, CREATE, EVICT, EXPIRE, HOPS, REMOVE, SAVE, SESSIONS_OF, TOUCH, Script
from .transport import Word

_log = logging.getLogger("httpsession")

_EVICTS: Final = (
    "the maxmemory-policy of Redis is {}: when its memory is full it evicts sessions without a word, or the lists by "
    "which they end; set it to noeviction"
)

#: How many sessions a script removes, touches or looks at, at each end: other commands have to wait for so long.
_SLICE: Final = 100
#: How often a load looks again at a session that has expired, and then has not.
_TRIES: Final = 3
#: The shards that are searched for a session to evict, of those that have sessions.
_SAMPLE: Final = 32
#: How many keys a search for prefixes looks at in one call, and for how many seconds it goes on.
_SCANNED: Final = 1000
_SEARCH: Final = 1.0
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
        self._places = Places(client, self._names, client.address.login.timeout, self.remove, self.records_of)
        self._logouts = Logouts(client, self._names)
        self._has_advised = False

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
        create = partial(self._run, CREATE, record.key, *words)
        return self._places.log_in(limit, record.key, b"", record.accessed, record.deadline, create)

    def load(
        self, key: bytes, arrived: float, in_use: InUse = nothing_in_use
    ) -> tuple[StoredSession, float, bool] | None:
        """Return the session; :meth:`touch` records the access."""
        shard, logouts = key[0], self._logouts
        if arrived >= logouts.stale_at:
            logouts.learn(arrived)
        for _ in range(_TRIES):
            fields = self._client.read(shard, is_pairs, b"HGETALL", self._names.session[shard] + key)
            session = session_of(key, fields) if fields else None
            if session is None:
                return None
            record = session.record
            is_logged_out = bool(logouts.times) and logouts.cover(record)
            if not is_logged_out and not record.is_due(arrived, SLACK):
                return session, min(record.accessed, arrived), False
            claimed = self.remove(key) if is_logged_out else self._removed(self._run(CLAIM, key, arrived))
            if claimed is not None:
                return claimed, claimed.record.accessed, True
            # Another caller has claimed it, or an access has been recorded meanwhile.
        return None

    def peek(self, key: bytes) -> StoredSession | None:
        """Return the session as it is."""
        shard = key[0]
        for _ in range(HOPS):
            fields = self._client.read(shard, is_pairs, b"HGETALL", self._names.session[shard] + key)
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
        mark = self._client.read(shard, is_mark, b"GET", self._names.mark[shard] + key)
        return mark if isinstance(mark, bytes) and len(mark) in (0, KEY_SIZE) else None

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
        words = [now, new_key or b"", int(changes.is_login), int(changes.clear), *triples_of(changes)]
        limit = changes.limit
        if limit is None:
            return bool(self._run(SAVE, key, *words))
        save = partial(self._run, SAVE, key, *words)
        if changes.principal is not ...:
            deadline = inf if changes.deadline is None else changes.deadline
            return self._places.log_in(limit, new_key or key, key, now, deadline, save)
        is_saved = bool(save())
        if is_saved and new_key is not None:
            self._places.move(limit, new_key, key, now, renews=LOGIN in changes.notes)
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
        first = self._client.try_all(is_list, self._in_each_shard(b"ZRANGEBYSCORE", b"-inf", now, b"LIMIT", 0, 1))
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
        """Record requests, and learn who was logged out everywhere.

        A session whose requests never ask for it is never loaded. So those that were logged out are made due here.
        """
        failure = self._learn()
        by_shard: dict[int, list[Touch]] = defaultdict(list)
        for access in accesses:
            by_shard[access[0][0]].append(access)
        calls: list[Call] = []
        for shard, group in by_shard.items():
            for start in range(0, len(group), _SLICE):
                some = group[start : start + _SLICE]
                names = [self._names.session[shard] + key for key, _, _ in some]
                times = [time for _, *times in some for time in times]
                calls.append((shard, names, [*times, int(bool(self._logouts.times))]))
        for sessions in self._client.run_all(TOUCH, calls):
            for reply in sessions or ():
                stored = _stored(reply)
                if stored is not None and self._logouts.cover(stored.record):
                    record = stored.record
                    self.save(record.key, Changes(deadline=REVOKED), record.accessed)
        if failure is not None:
            raise failure

    def _learn(self) -> StoreError | None:
        """Learn what the server knows beside sessions. In a Cluster, a failure concerns other nodes than accesses."""
        try:
            self._logouts.refresh()
            self._advise_once()
        except StoreError as error:
            return error
        return None

    def records_of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        user = check_principal(principal).encode()
        names = [name + user for name in self._names.user]
        sizes = self._client.execute_all(is_count, ((shard, (b"SCARD", names[shard])) for shard in range(SHARDS)))
        filled = [shard for shard in range(SHARDS) if sizes[shard]]
        calls: list[Call] = [(shard, [self._names.due[shard], names[shard]], [user]) for shard in filled]
        found = [_stored(reply) for replies in self._client.run_all(SESSIONS_OF, calls) for reply in replies]
        return [session.record for session in found if session is not None]

    def forget_logins(self, principal: str, before: float, life: float, spared: bytes | None = None) -> None:
        """Note when the logins of a user end, where loads find it even if the list of the user's sessions is lost."""
        check_principal(principal)
        latest = self._client.execute_all(is_scores, self._in_each_shard(b"ZRANGE", -1, -1, b"WITHSCORES"))
        until = max([before + life, *(float(last[1]) for last in latest if last)])
        if spared is not None:
            self.save(spared, Changes(notes={SPARED: pack_time(before)}), before)
        self._logouts.add(principal, before, until + SLACK)

    def __iter__(self) -> Iterator[StoredSession]:
        for shard in range(SHARDS):
            seen: set[bytes] = set()
            cursor = b"0"
            while True:
                scan = (b"ZSCAN", self._names.due[shard], cursor, b"COUNT", _SLICE)
                [(cursor, entries)] = self._client.execute_all(is_page_of_scores, [(shard, scan)])
                keys = [key for key in entries[::2] if key not in seen]
                seen.update(keys)
                yield from self._read_all(shard, keys)
                if cursor == b"0":
                    break

    def _read_all(self, shard: int, keys: list[bytes]) -> Iterator[StoredSession]:
        name = self._names.session[shard]
        commands: list[Command] = [(shard, (b"HGETALL", name + key)) for key in keys]
        for key, fields in zip(keys, self._client.read_all(is_pairs, commands), strict=True):
            session = session_of(key, fields) if fields else None
            if session is not None:
                yield session

    def __len__(self) -> int:
        return sum(self._sizes())

    def _sizes(self) -> list[int]:
        return self._client.execute_all(is_count, self._in_each_shard(b"ZCARD"))

    def _in_each_shard(self, command: bytes, *words: Word) -> Iterator[Command]:
        """Return a command about the sorted set of each shard."""
        return ((shard, (command, due, *words)) for shard, due in enumerate(self._names.due))

    def prefixes(self) -> list[str]:
        """Return the prefixes that are found among the keys of the servers in about a second."""
        found: set[str] = set()
        end = monotonic() + _SEARCH
        for shard in self._client.shards_of_nodes():
            cursor = b"0"
            while True:
                scan = (b"SCAN", cursor, b"MATCH", ANY_DUE, b"COUNT", _SCANNED)
                [(cursor, names)] = self._client.execute_all(is_page, [(shard, scan)])
                found.update(map(prefix_of, names))
                if cursor == b"0" or monotonic() > end:
                    break
        return sorted(found - {""})

    def advice(self) -> list[str]:
        """Return a sentence for each setting of the servers that loses sessions."""
        return [_EVICTS.format(policy) for policy in sorted(self._client.policies() - {"noeviction"})]

    def _advise_once(self) -> None:
        """Log the advice, in the background thread: it would cost a request a round trip."""
        if not self._has_advised:
            self._has_advised = True
            with suppress(StoreError):  # the user may lack the right to INFO
                for sentence in self.advice():
                    _log.warning("%s: %s", self._client.describe(), sentence)

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

    def _removed(self, reply: Any) -> StoredSession | None:
        """Return the session that a script has removed, given its key and its fields; None if there was none."""
        return _stored(reply) if reply and reply[1] is not None else None


def _stored(reply: list[Any]) -> StoredSession | None:
    """Return the session that a script has found; None if another client has written its key."""
    key, fields = reply
    return session_of(key, fields) if len(key) == KEY_SIZE else None
