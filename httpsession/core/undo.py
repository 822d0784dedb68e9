"""The undo log of a request that has changed the id of its session.

If the request fails before its commit, the client never learns the new id. Then the change of the id is undone, and all
that the request has changed since.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

_log = logging.getLogger("httpsession")


class UndoLog:
    """The calls that undo the changes which a request makes after it has changed the id.

    The log itself marks these changes (:meth:`.Attributes.swap`): a value that another request has set since stays.
    """

    __slots__ = ("_undos", "former_id")

    def __init__(self, former_id: str) -> None:
        #: The id that the client knows.
        self.former_id: str = former_id
        self._undos: list[Callable[[object], object]] = []

    def append(self, undo: Callable[[object], object]) -> None:
        """Add the call that undoes the latest change. Its argument is this log, the mark of the change."""
        self._undos.append(undo)

    def steps(self) -> Iterator[Callable[[], object]]:
        """Yield the calls that undo the changes, the latest first."""
        for undo in reversed(self._undos):
            yield partial(undo, self)

    def clear(self) -> None:
        """Release the values that the changes replaced."""
        self._undos.clear()


def call_all(calls: Iterable[Callable[[], object]]) -> None:
    """Make all calls, even if some raise. The first exception goes to the caller, further ones are logged.

    The end of a session is made of such calls: a listener that raises must not keep other attributes bound.
    """
    first: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            if first is None:
                first = error
            else:
                _log.error("A further listener failed.", exc_info=error)
    if first is not None:
        raise first
