"""The store for one process: its memory. Other processes see none of its sessions, and they end with the process."""

from .store import MemoryStore, open_url

__all__ = ["MemoryStore", "open_url"]
