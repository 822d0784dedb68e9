"""The ways to the nodes of a Cluster."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any, Final, cast

from redis.exceptions import (
    AskError,
    ConnectionError,
    MovedError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from .address import Connection, Place
from .links import Line, Link, pack
from .names import slot_of, tags

#: Seconds between two tries while a slot is moving to another node.
_PAUSE: Final = 0.01
_ASKING: Final = pack((b"ASKING",))
_CLUSTER_SLOTS: Final = pack((b"CLUSTER", b"SLOTS"))
#: Commands that a node carries out which is just being given a slot. Scripts have to wait: there, what they are to
#: change may not have arrived yet.
_SIMPLE: Final = (b"HGETALL", b"GET")


class ClusterLink(Link):
    """The ways to those nodes that have the slots of the shards.

    redis-py's own client of a Cluster is not used: it sends commands again that may have been carried out, and asks
    for the nodes as long as that takes.
    """

    def reset_after_fork(self) -> None:
        """Have no connections, and know no node."""
        super().reset_after_fork()
        #: Where each shard is, as far as that is known.
        self._places: list[Place] | None = None
        self._known = list(self.address.places)

    def _whereabouts(self) -> str:
        nodes = len(set(self._places or ()))
        return " Cluster" + (f" of {nodes}" if nodes else "") + super()._whereabouts()

    def _node(self, shard: int) -> Hashable:
        places = self._places
        if places is None:
            places = self._places = self._find()
        return places[shard]

    def _connect(self, node: Hashable) -> Connection:
        return self.address.login.connection(cast(Place, node))

    def _by_node(self, commands: list[tuple[int, bytes]]) -> Iterable[list[int]]:
        numbers: dict[Hashable, list[int]] = {}
        for number, (shard, _) in enumerate(commands):
            numbers.setdefault(self._node(shard), []).append(number)
        return numbers.values()

    def _lost(self, node: Hashable) -> None:
        """Have the nodes looked up before the next command: another one may have taken over."""
        self._places = None

    def _refused(self, shard: int, packed: bytes, error: ResponseError) -> Any:
        """Go where the slot of the shard went, and wait while it is moving; the command was not carried out."""
        end = time.monotonic() + self.address.login.timeout
        while True:
            try:
                if isinstance(error, MovedError):
                    return self._ask_at(shard, (error.host, error.port), packed)
                if isinstance(error, AskError) and packed.split(b"\r\n", 3)[2] in _SIMPLE:
                    return self._ask_at(shard, (error.host, error.port), packed, asking=True)
                if not _is_moving(error) or time.monotonic() > end:
                    return super()._refused(shard, packed, error)
                time.sleep(_PAUSE)
                return self._ask_at(shard, cast(Place, self._node(shard)), packed)
            except ResponseError as another:
                if not isinstance(another, AskError) and not _is_moving(another):
                    raise
                error = another
                if time.monotonic() > end:
                    raise

    def _ask_at(self, shard: int, place: Place, packed: bytes, asking: bool = False) -> Any:
        line = self._take(place)
        try:
            if asking:
                line.ask(_ASKING)
            else:
                self._moved(shard, place)
            reply = line.ask(packed)
        except ResponseError:
            self._give_back(place, line)
            raise
        except (RedisError, OSError):
            self._lost(place)
            raise
        self._give_back(place, line)
        return reply

    def _moved(self, shard: int, place: Place) -> None:
        places = self._places
        if places is not None:
            places[shard] = place

    def _find(self) -> list[Place]:
        """Ask the nodes, one after the other, who has the slots."""
        last: Exception = ConnectionError("no node knows the Cluster")
        for place in list(self._known):
            try:
                places = self._table(place)
            except (RedisError, OSError) as error:
                last = error
                continue
            # The one that answered last comes first.
            self._known = list(dict.fromkeys([place, *places, *self.address.places]))
            return places
        raise last

    def _table(self, place: Place) -> list[Place]:
        # However many nodes do not answer, asking them takes no longer than connecting to a server.
        login = replace(self.address.login, timeout=self.address.login.timeout / len(self._known))
        line = Line(login.connection(place))
        ranges = line.ask(_CLUSTER_SLOTS)
        line.connection.disconnect()
        places: dict[int, Place] = {}
        for first, last, (host, port, *_), *_ in ranges:
            # A node that does not know its own name means that it is there where it was asked.
            name = host.decode() if host else str(place[0])
            places.update((slot, (name, port)) for slot in range(first, last + 1))
        missing = [tag for tag in tags() if slot_of(tag) not in places]
        if missing:
            raise ConnectionError(f"no node of the Cluster has {len(missing)} of its slots")
        return [places[slot_of(tag)] for tag in tags()]


def _is_moving(error: ResponseError) -> bool:
    """Return whether a command was refused because its keys are on two nodes just now."""
    return isinstance(error, TryAgainError | AskError) or "non local key" in str(error)
