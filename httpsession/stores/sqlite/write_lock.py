"""The lock under which one thread of one process at a time writes to a database.

It has two levels. A lock of the file keeps processes apart, but belongs to a descriptor, which all threads of a process
share. So the threads queue for a lock of their own first, and only its holder asks for the file's.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Final

from ...errors import StoreError
from .files import open_private
from .paths import path_shown

try:
    import fcntl
except ImportError:  # Windows: SQLite's own lock has to suffice there
    _has_flock = False
else:
    _has_flock = True

#: Seconds between two attempts to get what another process holds.
PAUSE: Final = 0.0005


class FairLock:
    """A reentrant lock that threads get in the order in which they asked for it.

    It is handed over: a thread that releases it and asks again comes after all that wait. Each waiting thread sleeps on
    a lock of its own, so a release wakes exactly one.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self.depth: int = 0
        #: The waiting threads, each with the lock whose release wakes it.
        self._waiting: deque[tuple[int, threading.Lock]] = deque()

    def acquire(self, deadline: float) -> bool:
        """Wait until *deadline*, by the monotonic clock, and return whether this thread holds the lock.

        A thread that holds it gets it again at once, and must release it as often. A deadline that has passed still
        gets a free lock. If an exception interrupts the wait, the thread does not hold the lock afterwards.
        """
        thread = threading.get_ident()
        with self._guard:
            if self._owner in (None, thread):
                self._owner = thread
                self.depth += 1
                return True
            place = thread, threading.Lock()
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
        """Stop waiting; False if this thread was given the lock just now, and so holds it."""
        with self._guard:
            if place not in self._waiting:
                return False
            self._waiting.remove(place)
            return True

    def release(self) -> None:
        """Give the lock to the thread that has waited longest, so that no thread starves."""
        with self._guard:
            self.depth -= 1
            if self.depth:
                return
            self._owner = None
            if self._waiting:
                self._owner, lock = self._waiting.popleft()
                self.depth = 1
                lock.release()


class WriteLock:
    """A fair and reentrant lock for the processes of one machine: a locked file beside the database.

    SQLite's own busy handler is unfair: a writer sleeps longer after each attempt, so under load it starves for whole
    seconds. Here all writers try equally often.

    Where there is no ``flock``, only the threads of this process are kept apart, and SQLite's own lock keeps the
    processes apart.
    """

    def __init__(self, database: str, *, create: bool = True) -> None:
        self._database = database
        #: Whether to make the file if it is missing. If not, SQLite's own lock has to suffice without it.
        self._create = create
        self._path = f"{database}-lock"
        self._descriptor: int | None = None
        #: Whether :meth:`close` was called.
        self.is_closed: bool = False
        self.reset_after_fork()

    def __del__(self) -> None:
        self._close_file()

    def reset_after_fork(self) -> None:
        """Reset to unlocked. A child must not use the parent's descriptor, which shares the parent's lock."""
        self._threads = FairLock()
        self._close_file()

    def exists(self) -> bool:
        """Return whether the lock file is there, whatever it is."""
        return os.path.lexists(self._path)

    def acquire(self, deadline: float) -> None:
        """Wait for the lock until *deadline*, by the monotonic clock. A thread that holds it gets it again.

        Raises:
            TimeoutError: other writers held it all the time.
            OSError: the file cannot be opened.
            StoreError: the lock is closed, or the file is not regular or belongs to another user.
        """
        if self.is_closed:
            raise StoreError(f"the store in {path_shown(self._database)} is closed")
        if not self._threads.acquire(deadline):
            raise TimeoutError("other threads are writing all the time")
        if self._threads.depth == 1:
            try:
                self._lock_file(deadline)
            except BaseException:
                self.release()
                raise

    def release(self) -> None:
        """Release the lock to the next writer, the file's lock first: the next thread asks for it itself."""
        try:
            if self._threads.depth == 1 and self._descriptor is not None:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                if self.is_closed:
                    self._close_file()
        finally:
            self._threads.release()

    def pause(self, deadline: float) -> bool:
        """Keep the threads of this process from the lock, but no other process; False if *deadline* came first.

        A fork needs that: no thread may write or open a connection while the process forks.
        """
        return self._threads.acquire(deadline)

    def resume(self) -> None:
        """End a pause: threads of this process can acquire the lock again."""
        self._threads.release()

    def close(self, deadline: float) -> None:
        """Refuse the lock from now on. Close the file now, or when its holder releases it after *deadline*."""
        self.is_closed = True
        if self.pause(deadline):
            self._close_file()
            self.resume()

    def _close_file(self) -> None:
        """Close the descriptor. In a child this leaves the parent's lock as it is, which unlocking would release."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock_file(self, deadline: float) -> None:
        """Wait for the lock of the file, by an attempt every :data:`PAUSE`: a wait of the system knows no deadline.

        Raises:
            TimeoutError: other processes held the lock until *deadline*.
            OSError: the file cannot be opened.
            StoreError: the file is not regular, or belongs to another user.
        """
        if not _has_flock:
            return
        if self._descriptor is None:
            try:
                self._descriptor = open_private(self._path, self._database, create=self._create)
            except FileNotFoundError:
                if self._create:
                    raise
                return
        while True:
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError("other processes are writing all the time") from None
            time.sleep(PAUSE)
