"""The way to the primary that Sentinels know."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any, Final, cast

from redis.exceptions import (
    ConnectionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from .address import Address, Connection, Login, Place
from .links import Line, Link, pack

#: Seconds for which the primary is taken to be the one that it was. A former one that has hung, or cannot see the
#: Sentinels, goes on taking what is written to it, and loses that.
_TRUST: Final = 1.0


class SentinelLink(Link):
    """The way to a primary. Which one it is the Sentinels are asked every now and then, and when it does not answer."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        # The one that answered last comes first.
        self._sentinels = list(address.places)
        login = address.sentinel_login or address.login
        self._question = pack((b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", address.service))
        # However many Sentinels do not answer, asking them takes no longer than connecting to a server.
        self._login: Login = replace(login, timeout=login.timeout / len(self._sentinels))

    def reset_after_fork(self) -> None:
        """Have no connections, and know no primary."""
        super().reset_after_fork()
        self._place: Place | None = None
        self._asked_at = -inf

    def _whereabouts(self) -> str:
        return f" of the Sentinel service {self.address.service}"

    def _node(self, shard: int) -> Hashable:
        place, now = self._place, monotonic()
        if place is None or now - self._asked_at > _TRUST:
            # Meanwhile other threads go on with the one that is known.
            self._asked_at = now
            try:
                place = self._place = self._primary()
            except (RedisError, OSError):
                if place is None:
                    raise
        return place

    def _lost(self, node: Hashable) -> None:
        """Have the Sentinels asked before the next command."""
        self._place = None

    def _connect(self, node: Hashable) -> Connection:
        connection = self.address.login.connection(cast(Place, node))
        line = Line(connection)
        if line.ask(pack((b"ROLE",)))[0] != b"master":
            connection.disconnect()
            raise ConnectionError("the Sentinels name a server that is not the primary any more")
        return connection

    def _primary(self) -> Place:
        last: Exception = ConnectionError(f"no Sentinel knows a primary of {self.address.service}")
        for place in list(self._sentinels):
            try:
                line = Line(self._login.connection(place))
                found = line.ask(self._question)
            except (RedisError, OSError) as error:
                last = error
                continue
            line.connection.disconnect()
            if found:
                self._sentinels = sorted(self._sentinels, key=place.__ne__)
                return found[0].decode(), int(found[1])
        raise last

    def _refused(self, shard: int, packed: bytes, error: ResponseError) -> Any:
        """Ask the Sentinels again when the server has become a replica: it has done nothing with the command."""
        # The connection that is kept may be the one that was refused, but a new one is not.
        while isinstance(error, ReadOnlyError):
            self._place = None
            node = self._node(shard)
            line = self._take(node)
            try:
                reply = line.ask(packed)
            except ReadOnlyError as another:
                if line.is_new:
                    raise
                error = another
                continue
            self._give_back(node, line)
            return reply
        raise error
