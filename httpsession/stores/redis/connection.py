"""One open connection to a server."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from time import monotonic
from typing import Any, Final

from redis.exceptions import ResponseError

from .replies import Form
from .transport import Transport

#: Seconds after which an idle connection is not used again: a firewall may have dropped it without a word, and a change
#: that it swallows cannot be sent twice.
_STALE: Final = 60.0


class Connection:
    """An open connection. One thread at a time uses it."""

    def __init__(self, transport: Transport, end: float = inf) -> None:
        transport.connect(end)
        #: Whether it was opened for the command that it carries; otherwise it comes from the pool.
        self.is_new: bool = True
        self._transport = transport
        self._used = monotonic()

    def is_usable(self) -> bool:
        """Return whether the server has neither closed the connection nor sent anything unasked."""
        now = monotonic()
        if now - self._used > _STALE or self._transport.can_read():
            return False
        self._used = now
        self.is_new = False
        return True

    def execute(self, packed: bytes, form: Form, end: float) -> Any:
        """Send a command and return the reply, until the time *end* at the latest; raise a reply that is an error.

        Raises:
            InvalidResponse: the reply does not have this *form*, or is not the only one.
        """
        self._transport.send(packed, end)
        return self._transport.receive(form)

    def execute_all(self, commands: Sequence[bytes], form: Form, end: float) -> list[Any]:
        """Send commands and return their replies, which all have one form, errors among them."""
        self._transport.send(b"".join(commands), end)
        replies: list[Any] = []
        for number in range(1, len(commands) + 1):
            replies.append(self._reply(form, number == len(commands)))
            self._transport.prolong(end)
        return replies

    def _reply(self, form: Form, is_last: bool) -> Any:
        try:
            return self._transport.receive(form, is_last)
        except ResponseError as error:
            return error

    def close(self) -> None:
        """Close the connection."""
        self._transport.disconnect()
