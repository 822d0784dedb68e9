"""The client of the nodes of a Cluster."""

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

from .answers import Decision, decide, place_of
from .client import Client
from .connection import Connection
from .names import SHARDS, slot_of, tags
from .replies import Form, Place, is_ok, is_table
from .transport import pack

#: Seconds between two tries while a slot is moving to another node.
_PAUSE: Final = 0.01
_ASKING: Final = pack((b"ASKING",))
_CLUSTER_SLOTS: Final = pack((b"CLUSTER", b"SLOTS"))
#: Commands that a node carries out while it is being given a slot. Scripts have to wait: the keys that they are to
#: change may not have arrived yet.
_SIMPLE: Final = (b"HGETALL", b"GET")


class ClusterClient(Client):
    """Sends each command to the node that has the slot of its shard.

    This is not redis-py's client of a Cluster. That client retries commands that may have been carried out, and looks
    for the nodes without a limit of time.
    """

    _has_others = True
    #: The first of each half: they are on different nodes, as long as slots are spread evenly.
    copies = (0, SHARDS // 2)

    def reset_after_fork(self) -> None:
        """Empty the pool and forget the nodes."""
        super().reset_after_fork()
        #: The node of each shard, as far as the client knows.
        self._places: list[Place] | None = None
        self._known = list(self.address.places)

    def _location(self) -> str:
        nodes = len(set(self._places or ()))
        return " Cluster" + (f" of {nodes}" if nodes else "") + super()._location()

    def _node(self, shard: int) -> Hashable:
        places = self._places
        if places is None:
            places = self._places = self._find()
        return places[shard]

    def _connect(self, node: Hashable) -> Connection:
        return self._open(self.address.login, cast(Place, node))

    def _group(self, commands: list[tuple[int, bytes]]) -> Iterable[list[int]]:
        numbers: dict[Hashable, list[int]] = {}
        for number, (shard, _) in enumerate(commands):
            numbers.setdefault(self._node(shard), []).append(number)
        return numbers.values()

    def _on_failure(self, node: Hashable) -> None:
        """Forget the nodes: the next command looks them up, since another node may have taken over.

        The node that failed is asked last. It may be cut off from the others, and know nothing of that.
        """
        self._places = None
        self._known = sorted(self._known, key=node.__eq__)

    def _on_refusal(self, shard: int, packed: bytes, form: Form, error: ResponseError, may_repeat: bool) -> Any:
        """Follow the slot of the shard. If the other node fails, a command that may be repeated is tried once more."""
        try:
            return self._follow(shard, packed, form, error)
        except ResponseError:
            raise
        except (RedisError, OSError):
            if not may_repeat:
                raise
            return self._execute(shard, packed, form, False, True)

    def _follow(self, shard: int, packed: bytes, form: Form, error: ResponseError) -> Any:
        """Follow the slot of the shard, and wait while it is moving. No node has carried out the command yet."""
        end = min(self._pool.end, time.monotonic() + self.address.login.timeout)
        while True:
            try:
                if isinstance(error, MovedError):
                    return self._execute_at(shard, self._target(shard, error), packed, form)
                if isinstance(error, AskError) and packed.split(b"\r\n", 3)[2] in _SIMPLE:
                    return self._execute_at(shard, self._target(shard, error), packed, form, asking=True)
                if not _is_moving(error) or time.monotonic() > end:
                    raise error
                time.sleep(_PAUSE)
                return self._execute_at(shard, cast(Place, self._node(shard)), packed, form)
            except ResponseError as another:
                if not isinstance(another, AskError) and not _is_moving(another):
                    raise
                error = another
                if time.monotonic() > end:
                    raise

    def _target(self, shard: int, error: AskError) -> Place:
        """Return the node to which an error leads. Without a host it is another port of the same one."""
        return error.host or str(cast(Place, self._node(shard))[0]), error.port

    def _execute_at(self, shard: int, place: Place, packed: bytes, form: Form, asking: bool = False) -> Any:
        connection = self._acquire(place)
        try:
            if asking:
                connection.execute(_ASKING, is_ok, self._pool.end)
            else:
                self._move(shard, place)
            reply = connection.execute(packed, form, self._pool.end)
        except ResponseError as error:
            if decide(error) is Decision.KEEP:
                self._release(place, connection)
            else:
                self._leave(place, connection)
            raise
        except (RedisError, OSError):
            self._on_failure(place)
            raise
        self._release(place, connection)
        return reply

    def _move(self, shard: int, place: Place) -> None:
        places = self._places
        if places is not None:
            places[shard] = place

    def _find(self) -> list[Place]:
        """Return the node of each shard. The known nodes are asked, one after the other."""
        last: Exception = ConnectionError("no node knows the Cluster")
        for place in list(self._known):
            try:
                places = self._table(place)
            except (RedisError, OSError) as error:
                last = error
                continue
            # The node that answered last comes first.
            self._known = list(dict.fromkeys([place, *places, *self.address.places]))
            return places
        raise last

    def _table(self, place: Place) -> list[Place]:
        # However many nodes do not answer, asking them takes no longer than connecting to a server.
        login = replace(self.address.login, timeout=self.address.login.timeout / len(self._known))
        connection = self._open(login, place)
        ranges = connection.execute(_CLUSTER_SLOTS, is_table, self._pool.end)
        connection.close()
        places: dict[int, Place] = {}
        for first, last, (host, port, *_), *_ in ranges:
            # A node that does not know its own name is at the place where it was asked.
            node = place_of(host or str(place[0]), port)
            places.update((slot, node) for slot in range(first, last + 1))
        missing = [tag for tag in tags() if slot_of(tag) not in places]
        if missing:
            raise ConnectionError(f"no node of the Cluster has {len(missing)} of its slots")
        return [places[slot_of(tag)] for tag in tags()]


def _is_moving(error: ResponseError) -> bool:
    """Return whether a command was refused because its keys are on two nodes now."""
    return isinstance(error, TryAgainError | AskError) or "non local key" in str(error)
