"""Connections to the server: one for each thread, kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from time import monotonic
from typing import Any, Final, NoReturn, cast

import hiredis
from redis.exceptions import (
    ConnectionError,
    NoScriptError,
    RedisError,
    ResponseError,
)

from ... import fork
from ...errors import StoreError
from .address import Address, Connection
from .scripts import Script

Word = bytes | str | int | float
#: A shard, and the words of a command that is about its keys.
Command = tuple[int, tuple[Word, ...]]
#: A shard, the keys that a script is about, and its other arguments.
Call = tuple[int, list[bytes], list[Word]]

#: Seconds after which a connection is looked at before it is used again: its server may be gone.
_IDLE: Final = 0.1
#: How many commands go out before their replies are read.
_AT_ONCE: Final = 256

#: Returns a command as it goes out. What hiredis says of its type is too narrow.
pack = cast(Callable[[tuple[Word, ...]], bytes], hiredis.pack_command)


class Line:
    """A connection that is open, and used by one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        connection.connect()
        self.connection = connection
        self.is_new = True
        self._used = monotonic()

    def is_usable(self) -> bool:
        """Return whether the server has neither ended the connection nor sent something that nobody asked for."""
        now = monotonic()
        if now - self._used > _IDLE:
            try:
                if self.connection.can_read(0):
                    return False
            except (RedisError, OSError):
                return False
        self._used = now
        self.is_new = False
        return True

    def ask(self, packed: bytes) -> Any:
        """Send a command and return the reply; a reply that is an error is raised."""
        self.connection.send_packed_command((packed,), check_health=False)
        return self.connection.read_response()

    def ask_all(self, commands: Iterable[bytes]) -> list[Any]:
        """Send commands and return their replies, errors among them."""
        packed = list(commands)
        self.connection.send_packed_command((b"".join(packed),), check_health=False)
        return [self._reply() for _ in packed]

    def _reply(self) -> Any:
        try:
            return self.connection.read_response()
        except ResponseError as error:
            return error


class _Lines(threading.local):
    """The connections of a thread that it is not using just now, by what they lead to."""

    def __init__(self) -> None:
        self.idle: dict[Hashable, Line] = {}


class Link:
    """The way to one server.

    A connection is taken away from its thread while it is used: whatever interrupts that, a late reply is never taken
    for that to the next command.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Have no connections. Those of other threads are closed when they are not in use any more; in the child of a
        fork, without a word to the server, whose connections they are not."""
        self._lines = _Lines()

    def read(self, shard: int, *words: Word) -> Any:
        """Return the reply to a command that reads one key of a shard; for a value of the wrong type it is an error."""
        try:
            return self._ask(shard, pack(words), True)
        except (RedisError, OSError) as error:
            if _is_wrong_type(error):
                return error
            self._fail(error)

    def read_all(self, commands: Iterable[Command]) -> list[Any]:
        """Return the replies to commands such as :meth:`read` takes; they go to each server all at once."""
        return [reply if _is_wrong_type(reply) else self.checked(reply) for reply in self.try_all(commands)]

    def ask_all(self, commands: Iterable[Command]) -> list[Any]:
        """Return the replies to commands that only read, all of which must be answered."""
        return [self.checked(reply) for reply in self.try_all(commands)]

    def run(self, shard: int, script: Script, keys: Sequence[bytes], *words: Word, again: bool = False) -> Any:
        """Return what a script returns. It may be run *again* if a connection breaks that had been kept."""
        rest = (len(keys), *keys, *words)
        try:
            try:
                return self._ask(shard, pack((b"EVALSHA", script.digest, *rest)), again)
            except NoScriptError:
                return self._ask(shard, pack((b"EVAL", script.text, *rest)), again)
        except (RedisError, OSError) as error:
            self._fail(error)

    def run_all(self, script: Script, calls: Iterable[Call]) -> list[Any]:
        """Return what a script returns that may be run again, for each of many calls. It fails if a server does, but
        only when the others have run all of theirs."""
        calls = list(calls)
        replies = self.try_all(
            (shard, (b"EVALSHA", script.digest, len(keys), *keys, *words)) for shard, keys, words in calls
        )
        for number, (shard, keys, words) in enumerate(calls):
            if isinstance(replies[number], NoScriptError):
                replies[number] = self.run(shard, script, keys, *words, again=True)
        return [self.checked(reply) for reply in replies]

    def describe(self) -> str:
        """Return which server that is."""
        try:
            [info] = self.ask_all([(0, (b"INFO", b"server"))])
        except StoreError:
            info = b""
        version = next((line[14:] for line in info.decode().splitlines() if line.startswith("redis_version:")), "")
        return f"Redis {version}".rstrip() + self._whereabouts()

    def _whereabouts(self) -> str:
        place = self.address.places[0]
        return f" at {place}" if isinstance(place, str) else f" at {place[0]}:{place[1]}"

    def _node(self, shard: int) -> Hashable:
        """Return what the keys of a shard are on."""
        return None

    def _connect(self, node: Hashable) -> Connection:
        return self.address.login.connection(self.address.places[0])

    def _by_node(self, commands: list[tuple[int, bytes]]) -> Iterable[list[int]]:
        """Return the numbers of commands that go to the same node."""
        return [list(range(len(commands)))]

    def _ask(self, shard: int, packed: bytes, again: bool) -> Any:
        node = self._node(shard)
        line = self._take(node)
        try:
            reply = line.ask(packed)
        except ResponseError as error:
            self._give_back(node, line)
            return self._refused(shard, packed, error)
        except (ConnectionError, OSError):
            self._lost(node)
            if not again or line.is_new:
                raise
            return self._ask(shard, packed, False)
        except RedisError:
            self._lost(node)
            raise
        self._lines.idle[node] = line
        return reply

    def try_all(self, commands: Iterable[Command]) -> list[Any]:
        """Return the replies to commands that may be sent again; among them are errors, for :meth:`checked`, also for
        all that would have gone to a server that fails."""
        todo = [(shard, pack(words)) for shard, words in commands]
        replies: list[Any] = [None] * len(todo)
        try:
            groups = list(self._by_node(todo))
        except (RedisError, OSError) as error:
            self._fail(error)
        for numbers in groups:
            for number, reply in zip(numbers, self._try_node([todo[one] for one in numbers]), strict=True):
                replies[number] = reply
        return replies

    def _try_node(self, commands: list[tuple[int, bytes]]) -> list[Any]:
        """Return the replies to commands that all go to one node, errors among them."""
        replies: list[Any] = []
        try:
            for start in range(0, len(commands), _AT_ONCE):
                replies += self._ask_some(commands[start : start + _AT_ONCE], True)
        except (RedisError, OSError) as error:
            replies += [error] * (len(commands) - len(replies))
        return replies

    def _ask_some(self, commands: list[tuple[int, bytes]], again: bool) -> list[Any]:
        """Return the replies to commands that all go to one node."""
        node = self._node(commands[0][0])
        line = self._take(node)
        try:
            replies = line.ask_all(packed for _, packed in commands)
        except (RedisError, OSError) as error:
            self._lost(node)
            if not again or line.is_new or not isinstance(error, ConnectionError | OSError):
                raise
            return self._ask_some(commands, False)
        self._give_back(node, line)
        for number, ((shard, packed), reply) in enumerate(zip(commands, replies, strict=True)):
            if isinstance(reply, ResponseError):
                try:
                    replies[number] = self._refused(shard, packed, reply)
                except ResponseError as error:
                    replies[number] = error
        return replies

    def _take(self, node: Hashable) -> Line:
        line = self._lines.idle.pop(node, None)
        if line is not None and line.is_usable():
            return line
        try:
            return Line(self._connect(node))
        except (RedisError, OSError):
            self._lost(node)
            raise

    def _give_back(self, node: Hashable, line: Line) -> None:
        self._lines.idle[node] = line

    def _lost(self, node: Hashable) -> None:
        """Take note that a node did not answer."""

    def _refused(self, shard: int, packed: bytes, error: ResponseError) -> Any:
        """Return the reply to a command that the server has refused, from where it does not, or raise the *error*."""
        raise error

    def checked(self, reply: Any) -> Any:
        """Return a reply that is no error.

        Raises:
            StoreError: it is one.
        """
        if isinstance(reply, RedisError | OSError):
            self._fail(reply)
        return reply

    def _fail(self, error: Exception) -> NoReturn:
        """Raise what callers know, caused by what happened unless that has a password in it."""
        secrets = [login.password for login in (self.address.login, self.address.sentinel_login) if login]
        is_safe = not any(secret and secret in str(error) for secret in secrets)
        what = str(error) if is_safe else type(error).__name__
        raise StoreError(f"Redis{self._whereabouts()} failed: {what}") from (error if is_safe else None)


def _is_wrong_type(reply: object) -> bool:
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")
