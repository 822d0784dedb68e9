"""Where sessions are kept: the contract, the stores of this package, and how a URL names one."""

from __future__ import annotations

from ..errors import ConfigError
from .base import SessionStore, Stored
from .memory import MemoryStore

__all__ = ["MemoryStore", "SessionStore", "Stored", "open_store"]


def open_store(store: SessionStore | str) -> SessionStore:
    """Open the store that a URL names: ``memory://``. What is a store already is given back.

    Raises:
        ConfigError: no store has such a URL, or *store* is neither URL nor store.
    """
    if store == "memory://":
        return MemoryStore()
    if isinstance(store, SessionStore):
        return store
    raise ConfigError(f"the store is {store!r}, but must be a SessionStore or the URL of one: memory://")
