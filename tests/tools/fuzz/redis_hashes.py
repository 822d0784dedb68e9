"""The hash of a session in Redis, in which another program has changed, renamed or replaced any field."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import redis

from httpsession.stores.redis.names import Names
from tests.support.servers import RedisServer

from . import stored
from .choices import Choices
from .engine import Check, folder_in_memory

ODD_NUMBERS = (0.0, -1.0, 1e300, -1e300, math.inf, -math.inf, math.nan, 4e9, 1.5, 2.0**31)
FIELDS = (b":", b":x", b":\xff", b"", b"x", b"#n", b"#\xff", b"p", b"f", b"r", b"::user")
ODD = (b"", b"\xff", b"bert", b"0", b"\0" * 32, b"x" * 3000)
RECORD = struct.Struct("<B5d")


class Burglar:
    """A program with a connection of its own."""

    def __init__(self, client: redis.Redis, scene: stored.Scene, prefix: str) -> None:
        names, key = Names(prefix), scene.victim.record.key
        self._client = client
        self._scene = scene
        self._key = key
        self._session = names.session[key[0]] + key
        self._mark = names.mark[key[0]] + key
        self._due = names.due[key[0]]
        self._user = names.user[key[0]] + b"anna"
        self._notes = [b"#" + name.encode() for name in scene.victim.record.notes]

    def change(self, choices: Choices) -> bool:
        """Change, add or remove a field, or replace the hash by a value of another type."""
        match choices.below(8):
            case 0 | 1 | 2:
                name = choices.pick([*self._scene.victim.attributes])
                value = self._scene.foreign(choices, self._scene.victim.attributes[name])
                self._set(b":" + name.encode(), value)
                return True
            case 3:
                self._set(b"r", self._record(choices))
            case 4:
                self._set(choices.pick((b"p", b"f", *self._notes)), choices.pick((*ODD, *self._scene.pool)))
            case 5:
                self._set(choices.pick(FIELDS), choices.pick((*ODD, *self._scene.pool)))
            case 6:
                if self._client.type(self._session) == b"hash":
                    self._client.hdel(self._session, choices.pick((b"r", b"p", b":user", b"f", *self._notes)))
            case _:
                self._replace(choices)
        return False

    def values(self) -> Mapping[str, bytes]:
        """Return the values of the fields that are attributes."""
        fields = self._client.hgetall(self._session)
        return {name[1:].decode(): value for name, value in fields.items() if name.startswith(b":")}

    def clean(self) -> None:
        """Remove what is left of the victim."""
        self._client.delete(self._session, self._mark)
        self._client.delete(self._user)
        self._client.zrem(self._due, self._key)

    def _set(self, field: bytes, value: bytes) -> None:
        if self._client.type(self._session) in (b"hash", b"none"):
            self._client.hset(self._session, field, value)

    def _record(self, choices: Choices) -> bytes:
        """Return a record near to the present one."""
        record = self._client.hget(self._session, "r") if self._client.type(self._session) == b"hash" else None
        if record is None or len(record) != RECORD.size or choices.flag():
            return choices.mutated(record or bytes(RECORD.size))
        numbers = [*RECORD.unpack(record)]
        numbers[1 + choices.below(5)] = choices.pick(ODD_NUMBERS)
        return RECORD.pack(*numbers)

    def _replace(self, choices: Choices) -> None:
        """Put something of any type in the place of the hash, the set of the user, or a mark."""
        name = choices.pick((self._session, self._session, self._user, self._mark))
        self._client.delete(name)
        match choices.below(4):
            case 0:
                self._client.set(name, choices.pick(ODD))
            case 1:
                self._client.rpush(name, b"x")
            case 2:
                self._client.zadd(name, {choices.pick(ODD): 1.0, self._key: math.inf})
            case _:
                self._client.hset(name, mapping={b"r": choices.pick(ODD)})


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a Redis server with a plain store and an encrypted store."""
    with folder_in_memory() as folder, ExitStack() as stack:
        server = RedisServer(folder / "redis")
        stack.callback(server.stop)
        client = stack.enter_context(redis.Redis(unix_socket_path=str(server.socket)))
        pairs = []
        for prefix, is_sealed in (("plain", False), ("sealed", True)):
            url = f"{server.unix_url}?prefix={prefix}"
            scene = stack.enter_context(stored.scene(url, is_sealed=is_sealed))
            pairs.append((scene, Burglar(client, scene, prefix)))

        def check(choices: Choices) -> None:
            scene, burglar = choices.pick(pairs)
            scene.check(burglar, choices)

        yield check
