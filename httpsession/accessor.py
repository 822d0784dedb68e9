"""Access to a session from outside of its requests (Servlet 6.1, ``HttpSession.Accessor``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .errors import InvalidSessionError

if TYPE_CHECKING:
    from .manager import SessionManager
    from .session import HttpSession


class Accessor:
    """Hands out one session, to a background thread say, as if a request of it had come."""

    def __init__(self, manager: SessionManager, session: HttpSession) -> None:
        """Made by :attr:`HttpSession.accessor`."""
        self._manager = manager
        self._id = session.id

    def access(self, consumer: Callable[[HttpSession], object]) -> None:
        """Call *consumer* with the session. While it runs the session is in use, and its idle time begins afterwards.

        What *consumer* raises goes to the caller.

        Raises:
            InvalidSessionError: the session is over, or its id has changed since the accessor was taken.
            StoreError: the store failed.
        """
        arrived = time.time()
        session = self._manager.find(self._id, arrived)
        if session is None:
            raise InvalidSessionError("the session is over, or its id has changed since the accessor was taken")
        use = _Use(arrived, session)
        self._manager.accesses.under_way[use] = None
        try:
            consumer(session)
        finally:
            try:
                self._manager.sessions.commit(session, None)
            finally:
                self._manager.sessions.release(session, arrived)
                self._manager.accesses.under_way.pop(use, None)


class _Use:
    """The time that a consumer takes: see :class:`httpsession.core.accesses.Access`."""

    def __init__(self, arrived: float, session: HttpSession) -> None:
        self.arrived = arrived
        self._session = session

    def store_keys(self) -> Iterable[bytes]:
        return (self._session.record.key,)
