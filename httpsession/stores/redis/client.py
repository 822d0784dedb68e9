"""The client of one server, with a pool of connections: one for each thread."""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable, Iterable, Sequence
from os import getpid
from time import monotonic
from typing import Any, Final, NoReturn, Protocol

from redis.exceptions import (
    NoScriptError,
    RedisError,
    ResponseError,
)

from ... import fork
from ...errors import StoreError, printable
from .address import Address, Login
from .answers import Decision, decide, remedy
from .connection import Connection
from .names import SHARDS
from .replies import Form, Place, is_text
from .transport import Word, pack

#: A shard, and the words of a command that is about its keys.
Command = tuple[int, tuple[Word, ...]]
#: A shard, the keys that a script is about, and its other arguments.
Call = tuple[int, list[bytes], list[Word]]

_VERSION: Final = re.compile(rb"^redis_version:([0-9A-Za-z.-]{1,32})\r?$", re.MULTILINE)
_POLICY: Final = re.compile(rb"^maxmemory_policy:([a-z-]{1,32})\r?$", re.MULTILINE)
#: How many commands are sent before their replies are read.
_BATCH: Final = 256
#: The time that a command may take, in timeouts: finding the server, a reply over a connection that is dead, connecting
#: once more, a second reply. It is less than the sum of these.
_PATIENCE: Final = 2.8
#: The time of many commands, in timeouts. Each reply has its own timeout besides.
_PATIENCE_FOR_MANY: Final = 20


class Script(Protocol):
    """A script: its text, the digest by which the server knows it, and the form of its replies."""

    text: bytes
    digest: bytes
    form: Form


class _Idle(dict[Hashable, Connection]):
    """The connections of a thread that carry no command now, by the node to which they lead.

    They close when the thread ends or the client drops its pool, even if the traceback of an error still holds them.
    """

    def __del__(self) -> None:
        for connection in self.values():
            connection.close()


class _NeverIdle(_Idle):
    """The idle connections in a closed client: none, since a connection whose command ends is closed."""

    def __setitem__(self, node: Hashable, connection: Connection) -> None:
        connection.close()


class _Pool(threading.local):
    """The idle connections of each thread, and the time at which its present command has to end."""

    def __init__(self, kind: type[_Idle] = _Idle) -> None:
        self.idle = kind()
        self.end = 0.0


class Client:
    """Sends commands and scripts to one server.

    While a command is under way, its connection is not in the pool. If the thread is interrupted, the connection is
    dropped, so that no late reply is mistaken for the reply to a later command.

    If a server refuses a command for a reason that is not the command's, the connection is closed, and the command is
    tried once more where nothing can have been done (:func:`decide`): the address may lead to another server by then.
    """

    #: Whether another server may answer as soon as this one has refused a command over a new connection.
    _has_others = False
    #: The shards that have a copy of what concerns all shards.
    copies: tuple[int, ...] = (0,)

    def __init__(self, address: Address) -> None:
        self.address = address
        self._is_closed = False
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Empty the pool. In a forked child the connections are dropped without a word: they are the parent's."""
        self._pool = _Pool()

    def close(self) -> None:
        """Close the connections and open none again. One that carries a command closes when the command has ended."""
        fork.check()
        self._is_closed = True
        self._pool = _Pool(_NeverIdle)

    def read(self, shard: int, form: Form, *words: Word) -> Any:
        """Return the reply of this form to a command that reads one key.

        If the value has the wrong type, the error is returned as the reply.
        """
        if getpid() != fork.process_id:
            fork.check()
        self._begin(_PATIENCE)
        try:
            return self._execute(shard, pack(words), form, True)
        except (RedisError, OSError) as error:
            if _is_wrong_type(error):
                return error
            self._fail(error)

    def read_all(self, form: Form, commands: Iterable[Command]) -> list[Any]:
        """Return the replies to commands such as :meth:`read` sends, in one round trip to each server."""
        return [reply if _is_wrong_type(reply) else self.check(reply) for reply in self.try_all(form, commands)]

    def execute_all(self, form: Form, commands: Iterable[Command]) -> list[Any]:
        """Return the replies to commands that only read. A reply that is an error is raised."""
        return [self.check(reply) for reply in self.try_all(form, commands)]

    def run(self, shard: int, script: Script, keys: Sequence[bytes], *words: Word, retry: bool = False) -> Any:
        """Return what a script returns. With *retry* it is run again if a connection from the pool breaks."""
        if getpid() != fork.process_id:
            fork.check()
        rest = (len(keys), *keys, *words)
        self._begin(_PATIENCE)
        try:
            try:
                return self._execute(shard, pack((b"EVALSHA", script.digest, *rest)), script.form, retry)
            except NoScriptError:
                return self._execute(shard, pack((b"EVAL", script.text, *rest)), script.form, retry)
        except (RedisError, OSError) as error:
            self._fail(error)

    def run_all(self, script: Script, calls: Iterable[Call]) -> list[Any]:
        """Return what a script returns for each of many calls; it must be one that may run again.

        If a server fails, the error is raised when all other servers have run their calls.
        """
        calls = list(calls)
        commands = ((shard, (b"EVALSHA", script.digest, len(keys), *keys, *words)) for shard, keys, words in calls)
        replies = self.try_all(script.form, commands)
        for number, (shard, keys, words) in enumerate(calls):
            if isinstance(replies[number], NoScriptError):
                replies[number] = self.run(shard, script, keys, *words, retry=True)
        return [self.check(reply) for reply in replies]

    def try_all(self, form: Form, commands: Iterable[Command]) -> list[Any]:
        """Return the replies of one form to commands that may be sent again.

        Errors are among them, which :meth:`check` raises.

        If a server fails, each command for it has the failure as its reply.
        """
        fork.check()
        packed = [(shard, pack(words)) for shard, words in commands]
        replies: list[Any] = [None] * len(packed)
        self._begin(_PATIENCE_FOR_MANY)
        try:
            groups = list(self._group(packed))
        except (RedisError, OSError) as error:
            self._fail(error)
        for numbers in groups:
            for number, reply in zip(numbers, self._try_node(form, [packed[one] for one in numbers]), strict=True):
                replies[number] = reply
        return replies

    def check(self, reply: Any) -> Any:
        """Return a reply that is no error.

        Raises:
            StoreError: it is an error.
        """
        if isinstance(reply, RedisError | OSError):
            self._fail(reply)
        return reply

    def shards_of_nodes(self) -> list[int]:
        """Return a shard of each node."""
        try:
            return [numbers[0] for numbers in self._group([(shard, b"") for shard in range(SHARDS)])]
        except (RedisError, OSError) as error:
            self._fail(error)

    def describe(self) -> str:
        """Return the version and the location of the server."""
        try:
            [info] = self.execute_all(is_text, [(0, (b"INFO", b"server"))])
        except StoreError:
            info = b""
        version = _VERSION.search(info)
        return f"Redis {version[1].decode() if version else ''}".rstrip() + self._location()

    def policies(self) -> set[str]:
        """Return the words for what the servers do when their memory is full, as far as they tell."""
        infos = self.execute_all(is_text, ((shard, (b"INFO", b"memory")) for shard in self.shards_of_nodes()))
        return {found[1].decode() for found in map(_POLICY.search, infos) if found}

    def _location(self) -> str:
        place = self.address.places[0]
        return f" at {printable(place if isinstance(place, str) else f'{place[0]}:{place[1]}')}"

    def _node(self, shard: int) -> Hashable:
        """Return the node that has the keys of a shard."""
        return None

    def _group(self, commands: list[tuple[int, bytes]]) -> Iterable[list[int]]:
        """Return the numbers of the commands, in a group for each node."""
        return [list(range(len(commands)))]

    def _connect(self, node: Hashable) -> Connection:
        return self._open(self.address.login, self.address.places[0])

    def _open(self, login: Login, place: Place) -> Connection:
        """Open a connection. Every connection of the client is opened here, so that a closed client opens none."""
        if self._is_closed:
            raise StoreError(f"the store in Redis{self._location()} is closed")
        return Connection(login.transport(place), self._pool.end)

    def _begin(self, patience: float) -> None:
        self._pool.end = monotonic() + patience * self.address.login.timeout

    def _acquire(self, node: Hashable, is_retry: bool = False) -> Connection:
        """Return a connection; a new one for a retry, since other idle ones may be just as dead."""
        connection = self._pool.idle.pop(node, None)
        if connection is not None:
            if not is_retry and connection.is_usable():
                return connection
            connection.close()
        try:
            return self._connect(node)
        except (RedisError, OSError):
            self._on_failure(node)
            raise

    def _release(self, node: Hashable, connection: Connection) -> None:
        self._pool.idle[node] = connection

    def _execute(self, shard: int, packed: bytes, form: Form, may_repeat: bool, is_retry: bool = False) -> Any:
        """Return the reply. A command that may have been carried out is sent again only if it *may_repeat*."""
        node = self._node(shard)
        connection = self._acquire(node, is_retry)
        try:
            reply = connection.execute(packed, form, self._pool.end)
        except ResponseError as error:
            decision = decide(error)
            if decision is Decision.KEEP:
                self._release(node, connection)
                return self._on_refusal(shard, packed, form, error, may_repeat)
            self._leave(node, connection)
            is_retried = may_repeat or decision is Decision.RETRY
            if is_retry or not is_retried or (connection.is_new and not self._has_others):
                raise
        except (RedisError, OSError):
            self._leave(node, connection)
            if is_retry or not may_repeat or connection.is_new:
                raise
        else:
            self._pool.idle[node] = connection
            return reply
        return self._execute(shard, packed, form, may_repeat, True)

    def _leave(self, node: Hashable, connection: Connection) -> None:
        connection.close()
        self._on_failure(node)

    def _try_node(self, form: Form, commands: list[tuple[int, bytes]], is_retry: bool = False) -> list[Any]:
        """Return the replies to commands for one node, errors among them."""
        replies: list[Any] = []
        try:
            for start in range(0, len(commands), _BATCH):
                replies += self._execute_batch(form, commands[start : start + _BATCH], is_retry and not start)
        except (RedisError, OSError) as error:
            replies += [error] * (len(commands) - len(replies))
        return replies

    def _execute_batch(self, form: Form, commands: list[tuple[int, bytes]], is_retry: bool) -> list[Any]:
        node = self._node(commands[0][0])
        connection = self._acquire(node, is_retry)
        try:
            replies = connection.execute_all([packed for _, packed in commands], form, self._pool.end)
        except (RedisError, OSError):
            self._leave(node, connection)
            if is_retry or connection.is_new:
                raise
            return self._execute_batch(form, commands, True)
        refused = [number for number, reply in enumerate(replies) if isinstance(reply, ResponseError)]
        left = [number for number in refused if decide(replies[number]) is not Decision.KEEP]
        if left:
            self._leave(node, connection)
            if not is_retry and (self._has_others or not connection.is_new):
                again = self._retry_all(form, [commands[number] for number in left])
                for number, reply in zip(left, again, strict=True):
                    replies[number] = reply
        else:
            self._release(node, connection)
        for number in set(refused).difference(left):
            try:
                replies[number] = self._on_refusal(*commands[number], form, replies[number], True)
            except (RedisError, OSError) as error:
                replies[number] = error
        return replies

    def _retry_all(self, form: Form, commands: list[tuple[int, bytes]]) -> list[Any]:
        replies: list[Any] = [None] * len(commands)
        for numbers in self._group(commands):
            again = self._try_node(form, [commands[one] for one in numbers], True)
            for number, reply in zip(numbers, again, strict=True):
                replies[number] = reply
        return replies

    def _on_failure(self, node: Hashable) -> None:
        """Act on a node that did not answer."""

    def _on_refusal(self, shard: int, packed: bytes, form: Form, error: ResponseError, may_repeat: bool) -> Any:
        """Return the reply of another server to a command that this one refused, or raise the *error*."""
        raise error

    def _fail(self, error: Exception) -> NoReturn:
        """Raise a :class:`StoreError`. The *error* is its cause unless that shows a password."""
        secrets = [login.password for login in (self.address.login, self.address.sentinel_login) if login]
        is_safe = not any(secret and secret in str(error) for secret in secrets)
        what = printable(str(error)) if is_safe else type(error).__name__
        if isinstance(error, ResponseError):
            what += remedy(error)
        raise StoreError(f"Redis{self._location()} failed: {what}") from (error if is_safe else None)


def _is_wrong_type(reply: object) -> bool:
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")
