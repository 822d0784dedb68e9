"""The store for one process: its memory."""

from .store import MemoryStore, open_url

__all__ = ["MemoryStore", "open_url"]
