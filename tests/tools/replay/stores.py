"""The stores that recordings are played on: the sessions of each scenario are kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .contexts import RecordingError

#: The kinds of stores.
KINDS = ("memory", "sqlite", "redis")


class Stores:
    """Stores of one kind: in memory, SQLite files in a folder, or prefixes on a Redis server."""

    def __init__(self, kind: str = "memory", *, folder: Path | None = None, url: str = "") -> None:
        """Keep what new stores need: *folder* for SQLite, the *url* of the server for Redis."""
        self.kind = kind
        self._folder = folder
        self._url = url
        self._numbers = count()

    @property
    def is_shared(self) -> bool:
        """Whether each request works on a snapshot."""
        return self.kind != "memory"

    def url(self) -> str:
        """Return the URL of an empty store."""
        number = next(self._numbers)
        if self.kind == "sqlite":
            return f"sqlite:///{self._folder}/{number}.db"
        return "memory://" if self.kind == "memory" else f"{self._url}?prefix=replay{number}"

    @staticmethod
    def flush(manager: Any) -> None:
        """Flush the accesses, as the background thread does every second: the clock of a replay stands still."""
        manager._sessions.flush()


@contextmanager
def opened(store: str) -> Iterator[Stores]:
    """Provide the stores that *store* names: ``memory``, ``sqlite``, or the URL of a Redis server.

    Raises:
        RecordingError: it names no store.
    """
    if store == "memory":
        yield Stores()
    elif store in ("sqlite", "sqlite://"):
        with TemporaryDirectory() as folder:
            yield Stores("sqlite", folder=Path(folder))
    elif store.startswith(("redis://", "rediss://", "unix://")) and "?" not in store:
        yield Stores("redis", url=store)
    else:
        raise RecordingError("--store is memory, sqlite, or the URL of a Redis server without options, as redis://HOST")
