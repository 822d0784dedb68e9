"""Where sessions are kept: the contract, the stores of this package, and how a URL names one."""

from __future__ import annotations

from ..errors import ConfigError
from .base import SessionStore, Stored
from .memory import MemoryStore

__all__ = ["MemoryStore", "SessionStore", "Stored", "open_store"]


def open_store(url: str) -> SessionStore:
    """Open the store that *url* names: ``memory://``.

    Raises:
        ConfigError: no store has such a URL.
    """
    if url == "memory://":
        return MemoryStore()
    raise ConfigError(f"the store is {url!r}, but must be a URL that names a store: memory://")
