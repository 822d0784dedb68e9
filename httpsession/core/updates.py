"""Updates of attributes by functions: which ones the present thread runs, and how often an update is tried."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from .. import fork
from ..attributes import Attributes
from ..errors import IllegalStateError

#: How often an update is tried while other changes of its attribute come in between. Threads and processes that
#: compete do not lose so often in a row; a function that makes these changes itself would lose for ever.
MAX_ATTEMPTS: Final = 1000
#: Seconds for which an update that met a conflict waits for other such updates of its process.
PATIENCE: Final = 1.0


@dataclass(eq=False, slots=True, repr=False)
class _Update:
    """A function that runs to update an attribute."""

    attributes: Attributes
    key: bytes
    name: str
    thread: int
    #: False once the function has returned. A context that was copied meanwhile still has the update.
    is_running: bool = True


#: The updates whose functions the present context runs, the outermost first. A greenlet has a context of its own.
_UPDATES: ContextVar[tuple[_Update, ...]] = ContextVar("httpsession.updates", default=())


class Turns:
    """The turns in which threads repeat an update that met a conflict: one thread of a process at a time.

    Each conflict costs two round trips.
    """

    def __init__(self) -> None:
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Replace the lock, which another thread may have held when the process forked."""
        self._lock: threading.Lock = threading.Lock()

    @contextmanager
    def wait(self) -> Iterator[None]:
        """Hold the lock during an attempt, unless it takes too long to get it.

        An update within another one does not wait, since its thread may hold the lock.
        """
        lock = self._lock
        is_held = not _running() and lock.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if is_held:
                lock.release()


def attempts(attributes: Attributes, key: bytes, name: str) -> Iterator[int]:
    """Yield the numbers of the attempts at an update, until the caller succeeds.

    *attributes* and *key* identify the session: its hold here, and its entry in the store, which other holds have, too.

    Raises:
        IllegalStateError: the function of an update of the same attribute calls this, or has changed the attribute
            itself at each attempt.
    """
    for update in _running():
        if update.name == name and (update.attributes is attributes or update.key == key):
            raise IllegalStateError(
                f"Recursive update: the function that update_attribute() calls for {name[:80]!r} updates this "
                "attribute itself; it must return the new value instead"
            )
    yield from range(MAX_ATTEMPTS)
    raise IllegalStateError(
        f"Recursive update: {name[:80]!r} has changed during each of {MAX_ATTEMPTS} calls of the function that "
        "update_attribute() calls; it must return the new value, and neither set the attribute nor wait for a thread "
        "that does"
    )


def call(function: Callable[[Any], Any], value: Any, attributes: Attributes, key: bytes, name: str) -> Any:
    """Return ``function(value)``, which is noted as running meanwhile; the other arguments as for :func:`attempts`."""
    update = _Update(attributes, key, name, threading.get_ident())
    token = _UPDATES.set((*_running(), update))
    try:
        return function(value)
    finally:
        update.is_running = False
        _UPDATES.reset(token)


def _running() -> list[_Update]:
    """Return the updates whose functions the present thread and context run."""
    thread = threading.get_ident()
    return [update for update in _UPDATES.get() if update.is_running and update.thread == thread]
