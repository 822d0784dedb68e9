"""The registers of users whose sessions are limited in number.

The sessions of a user are spread over the shards, and no script sees them all. So each user has a register in one
shard: a sorted set of the keys of the sessions, by the time since when each has its place. A script changes it in one
step. The hash of a session tells whether it is alive, and the register only where to look. So it heals itself when
sessions have gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import sha256
from math import inf
from typing import Any, Final, Protocol

from ...ids import KEY_SIZE
from ...record import SessionRecord
from ..base import SLACK, Limit, StoredSession
from .layout import PRINCIPAL, RECORD, session_of
from .names import Names
from .replies import Form, is_count, is_mark
from .scripts import ENTER, RETENTION, Script
from .transport import Word

#: Seconds for which a register stays after the latest login, if its session has no deadline. No request but a login
#: prolongs the life of a register.
_LIFE: Final = 90 * RETENTION
#: The longest time between taking a place and the end of the login, in timeouts.
_LONGEST: Final = 3


class Server(Protocol):
    """The part of :class:`.Client` that registers use."""

    def run(self, shard: int, script: Script, keys: Sequence[bytes], *words: Word, retry: bool = False) -> Any:
        """Return what a script returns."""

    def read_all(self, form: Form, commands: Iterable[tuple[int, tuple[Word, ...]]]) -> list[Any]:
        """Return the replies to commands that read, errors for values of the wrong type among them."""

    def execute_all(self, form: Form, commands: Iterable[tuple[int, tuple[Word, ...]]]) -> list[Any]:
        """Return the replies to commands that may be sent again."""


class Places:
    """The places in the registers of users. A login that the limit lets pass costs one round trip more.

    Args:
        client: the way to the servers.
        names: the names of the keys.
        timeout: the seconds that a command may take.
        remove: removes a session and returns it, if the user is logged in.
        records_of: returns the records of a user's sessions.
    """

    def __init__(
        self,
        client: Server,
        names: Names,
        timeout: float,
        remove: Callable[[bytes, str], StoredSession | None],
        records_of: Callable[[str], list[SessionRecord]],
    ) -> None:
        self._client: Server = client
        self._names: Names = names
        self._longest: float = _LONGEST * timeout
        self._remove: Callable[[bytes, str], StoredSession | None] = remove
        self._records_of: Callable[[str], list[SessionRecord]] = records_of

    def log_in(
        self, limit: Limit, key: bytes, former: bytes, now: float, deadline: float, save: Callable[[], Any]
    ) -> bool:
        """Log a user in by *save*, and keep to the limit; return what *save* returns.

        Where the oldest logins are evicted, the session is entered when it exists. So each login finds all that were
        entered before it, and of logins at once the last leaves as many sessions as there are places.

        Where the new login is refused, it has its place before it exists, and gives it back if it is not saved. If the
        server fails meanwhile, the place is free again when no command can be under way any more.

        Args:
            limit: the limit, which gets the sessions that are removed.
            key: the key of the session after the login, and *former* that of before, or empty.
            now: seconds since the epoch.
            deadline: when the session ends at the latest; infinite for never.
            save: creates or changes the session.

        Raises:
            TooManySessionsError: the limit refuses the login.
        """
        if limit.evicts:
            if not save():
                return False
            self._evict_beyond(limit, key, self._enter(limit, key, now, former=former, deadline=deadline), now)
            return True
        if not self._claim(limit, key, former, now, deadline):
            raise limit.refusal()
        is_saved = bool(save())
        if not is_saved:
            self._drop(limit, [key])
        return is_saved

    def move(self, limit: Limit, key: bytes, former: bytes, now: float, *, renews: bool) -> None:
        """Enter the new key of a session whose id has changed; if that *renews* the login, as the user's latest."""
        self._enter(limit, key, now, former=former, renews=renews)

    def _claim(self, limit: Limit, key: bytes, former: bytes, now: float, deadline: float) -> bool:
        """Return whether the session gets one of the places, as many as are free or are those of ended sessions."""
        places = self._enter(limit, key, now, former=former, deadline=deadline, most=limit.most)
        if key in places:
            return True
        alive = self._alive(limit, places, now)
        # A login that is under way has a place, but its session does not exist yet.
        gone = [one for one, since in places.items() if one not in alive and since < now - self._longest]
        if not gone:
            return False
        return key in self._enter(limit, key, now, former=former, deadline=deadline, most=limit.most, gone=gone)

    def _evict_beyond(self, limit: Limit, key: bytes, places: dict[bytes, float], now: float) -> None:
        """Remove the oldest sessions beyond the limit, and the register's dead keys."""
        if len(places) <= limit.most:
            return
        found = self._alive(limit, places, now)
        logins = {one: since for one, since in places.items() if one in found or one == key}
        logins |= self._strays(limit, places, now)
        alive = sorted(logins, key=logins.__getitem__)
        excess = alive[: max(0, len(alive) - limit.most)]
        for one in excess:
            stored = self._remove(one, limit.principal)
            if stored is not None:
                limit.removed.append(stored)
        kept = set(alive).difference(excess)
        self._drop(limit, [one for one in places if one not in kept])

    def _enter(
        self,
        limit: Limit,
        key: bytes,
        now: float,
        *,
        former: bytes,
        deadline: float = inf,
        most: int | None = None,
        renews: bool = True,
        gone: Collection[bytes] = (),
    ) -> dict[bytes, float]:
        """Enter a session in the register, and return the register, the oldest place first.

        Without a free place among *most* the session is not entered.
        """
        shard, name = self._register(limit)
        life = 1000 * min(max(0.0, deadline - now) + RETENTION, _LIFE)
        words: list[Word] = [now, key, former, most or b"", int(renews), life, *gone]
        places = self._client.run(shard, ENTER, [name], *words, retry=True)
        return {one: float(since) for one, since in zip(places[::2], places[1::2], strict=True)}

    def _alive(self, limit: Limit, places: Collection[bytes], now: float) -> set[bytes]:
        """Return the keys under which the user has sessions that are not due, in one round trip to each server."""
        fields = (RECORD, PRINCIPAL)
        keys = [key for key in places if len(key) == KEY_SIZE]
        commands: list[tuple[int, tuple[Word, ...]]] = [
            (key[0], (b"HGET", self._names.session[key[0]] + key, field)) for key in keys for field in fields
        ]
        values = iter(self._client.read_all(is_mark, commands))
        return {key for key in keys if self._is_alive(limit, key, [next(values), next(values)], now)}

    def _strays(self, limit: Limit, places: Collection[bytes], now: float) -> dict[bytes, float]:
        """Return the keys of the user's sessions that have no place, and when each login was.

        A process may have ended between a login and its entry in the register. The logins of the latest seconds are
        left out, since they may still be entered.
        """
        strays = [one for one in self._records_of(limit.principal) if one.key not in places]
        return {one.key: one.login_time for one in strays if one.login_time < now - self._longest}

    def _is_alive(self, limit: Limit, key: bytes, values: list[Any], now: float) -> bool:
        if not all(isinstance(value, bytes) for value in values):
            return False
        stored = session_of(key, [RECORD, values[0], PRINCIPAL, values[1]])
        return (
            stored is not None and stored.record.principal == limit.principal and not stored.record.is_due(now, SLACK)
        )

    def _drop(self, limit: Limit, keys: Collection[bytes]) -> None:
        """Remove places from the register."""
        shard, name = self._register(limit)
        if keys:
            self._client.execute_all(is_count, [(shard, (b"ZREM", name, *keys))])

    def _register(self, limit: Limit) -> tuple[int, bytes]:
        """Return the shard and the name of a user's register."""
        user = limit.principal.encode()
        shard = sha256(user).digest()[0]
        return shard, self._names.register[shard] + user
