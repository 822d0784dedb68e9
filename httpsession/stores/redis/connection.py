"""One open connection to a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final, cast

import hiredis
from redis.exceptions import RedisError, ResponseError

from .address import Transport

Word = bytes | str | int | float

#: Seconds after which an idle connection is checked before it is used again: the server may be gone.
_IDLE: Final = 0.1

#: Returns a command as it is sent. The type that hiredis declares is too narrow.
pack: Callable[[tuple[Word, ...]], bytes] = cast(Callable[[tuple[Word, ...]], bytes], hiredis.pack_command)


class Connection:
    """An open connection. One thread at a time uses it."""

    def __init__(self, transport: Transport) -> None:
        transport.connect()
        #: Whether it was opened for the command that it carries; otherwise it comes from the pool.
        self.is_new: bool = True
        self._transport = transport
        self._used = monotonic()

    def is_usable(self) -> bool:
        """Return whether the server has neither closed the connection nor sent anything unasked."""
        now = monotonic()
        if now - self._used > _IDLE:
            try:
                if self._transport.can_read(0):
                    return False
            except (RedisError, OSError):
                return False
        self._used = now
        self.is_new = False
        return True

    def execute(self, packed: bytes) -> Any:
        """Send a command and return the reply; raise a reply that is an error."""
        self._transport.send_packed_command((packed,), check_health=False)
        return self._transport.read_response()

    def execute_all(self, commands: Iterable[bytes]) -> list[Any]:
        """Send commands and return their replies, errors among them."""
        packed = list(commands)
        self._transport.send_packed_command((b"".join(packed),), check_health=False)
        return [self._reply() for _ in packed]

    def _reply(self) -> Any:
        try:
            return self._transport.read_response()
        except ResponseError as error:
            return error

    def close(self) -> None:
        """Close the connection."""
        self._transport.disconnect()
