"""The client of the primary that Sentinels name."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Final, cast

from redis.exceptions import ConnectionError, RedisError

from ...errors import printable
from .address import Address, Login
from .answers import place_of
from .client import Client
from .connection import Connection
from .replies import Place, is_place, is_role
from .transport import pack

#: Seconds for which the answer of the Sentinels is trusted. A former primary that has hung, or cannot see the
#: Sentinels, still accepts changes, and loses them later.
_TRUST: Final = 1.0
_ROLE: Final = pack((b"ROLE",))


class SentinelClient(Client):
    """Sends commands to the primary.

    It asks the Sentinels which server that is: every second, and when the server does not answer or refuses.
    """

    _has_others = True

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        # The Sentinel that answered last comes first.
        self._sentinels = list(address.places)
        login = address.sentinel_login or address.login
        self._question = pack((b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", address.service))
        # However many Sentinels do not answer, asking them takes no longer than connecting to a server.
        self._login: Login = replace(login, timeout=login.timeout / len(self._sentinels))

    def reset_after_fork(self) -> None:
        """Empty the pool and forget the primary."""
        super().reset_after_fork()
        self._place: Place | None = None
        self._asked_at = -inf

    def _location(self) -> str:
        return f" of the Sentinel service {printable(self.address.service)}"

    def _node(self, shard: int) -> Hashable:
        place, now = self._place, monotonic()
        if place is None or now - self._asked_at > _TRUST:
            # Other threads go on meanwhile with the server that is known.
            self._asked_at = now
            try:
                place = self._place = self._primary()
            except (RedisError, OSError):
                if place is None:
                    raise
        return place

    def _connect(self, node: Hashable) -> Connection:
        connection = self._open(self.address.login, cast(Place, node))
        if connection.execute(_ROLE, is_role, self._pool.end)[0] != b"master":
            connection.close()
            raise ConnectionError("the Sentinels name a server that is not the primary any more")
        return connection

    def _primary(self) -> Place:
        last: Exception = ConnectionError(f"no Sentinel knows a primary of {self.address.service}")
        for place in list(self._sentinels):
            try:
                connection = self._open(self._login, place)
                found = connection.execute(self._question, is_place, self._pool.end)
                primary = place_of(found[0], int(found[1])) if found else None
            except (RedisError, OSError) as error:
                last = error
                continue
            connection.close()
            if primary:
                self._sentinels = sorted(self._sentinels, key=place.__ne__)
                return primary
        raise last

    def _on_failure(self, node: Hashable) -> None:
        """Forget the primary: the next command asks the Sentinels."""
        self._place = None
