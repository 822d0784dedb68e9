"""Who may write next: one thread of one process at a time, and nobody is left waiting."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Final

from .files import open_private

try:
    import fcntl
except ImportError:  # Windows: there SQLite's own lock has to do
    _has_flock = False
else:
    _has_flock = True

#: Seconds after which is looked again whether another process is done.
PAUSE: Final = 0.0005


class _Line:
    """A lock that threads get in the order in which they asked for it. Who has it may take it again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self.depth = 0
        #: Who waits, and for which lock to be released.
        self._waiting: deque[tuple[int, threading.Lock]] = deque()

    def acquire(self, deadline: float) -> bool:
        """Wait until *deadline*, and return whether this thread has it."""
        me = threading.get_ident()
        with self._guard:
            if self._owner in (None, me):
                self._owner = me
                self.depth += 1
                return True
            place = me, threading.Lock()
            place[1].acquire()
            self._waiting.append(place)
        try:
            if place[1].acquire(timeout=max(0.0, deadline - time.monotonic())):
                return True
        except BaseException:
            if not self._leave(place):
                self.release()
            raise
        return not self._leave(place)

    def _leave(self, place: tuple[int, threading.Lock]) -> bool:
        """Wait no longer; False if it was this thread's turn just now."""
        with self._guard:
            if place not in self._waiting:
                return False
            self._waiting.remove(place)
            return True

    def release(self) -> None:
        """Pass it on to who has waited longest: if whoever came first took it, some would wait for ever."""
        with self._guard:
            self.depth -= 1
            if self.depth:
                return
            self._owner = None
            if self._waiting:
                self._owner, lock = self._waiting.popleft()
                self.depth = 1
                lock.release()


class Turn:
    """The turn to write to a database, which the processes of a machine take by locking a file beside it.

    SQLite itself makes writers wait for longer and longer where another one has the lock, and who waits long comes off
    worst: under load it is passed over for whole seconds. Here all look again equally often.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._path = f"{database}-lock"
        self._descriptor: int | None = None
        self.reset_after_fork()

    def __del__(self) -> None:
        self.close()

    def reset_after_fork(self) -> None:
        """Be nobody's, at the beginning and in the child of a fork. There the parent's file must not be used: whoever
        has it has the same lock."""
        self._line = _Line()
        self.close()

    def take(self, deadline: float) -> None:
        """Wait for the turn until *deadline*, by the monotonic clock. A thread that has the turn may take it again.

        Raises:
            TimeoutError: others had it all the time.
            OSError: the file cannot be opened.
            StoreError: there is something else in its place, or it is somebody else's.
        """
        if not self._line.acquire(deadline):
            raise TimeoutError("other threads are writing all the time")
        if self._line.depth == 1:
            try:
                self._take_file(deadline)
            except BaseException:
                self._line.release()
                raise

    def give_back(self) -> None:
        """Let the next one write."""
        try:
            if self._line.depth == 1 and self._descriptor is not None:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._line.release()

    def pause(self, deadline: float) -> bool:
        """Keep the threads of this process from taking the turn, without taking it from other processes."""
        return self._line.acquire(deadline)

    def resume(self) -> None:
        """Let the threads of this process take the turn again."""
        self._line.release()

    def close(self) -> None:
        """Close the file, which whoever takes the turn opens again; to be called during a pause."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _take_file(self, deadline: float) -> None:
        if not _has_flock:
            return
        if self._descriptor is None:
            self._descriptor = open_private(self._path, self._database)
        while True:
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError("other processes are writing all the time") from None
            time.sleep(PAUSE)
