"""The store for one process: its memory. Other processes see none of its sessions, and they end with the process."""

from __future__ import annotations

from ..url import StoreUrl
from .store import MemoryStore

__all__ = ["MemoryStore", "open_url"]


def open_url(url: str) -> MemoryStore:
    """Open ``memory://``. Its options have no effect: the store has no other application in it, and never blocks."""
    parsed = StoreUrl.parse(url, timeout=1.0)
    if parsed.parts.netloc or parsed.path:
        raise parsed.refusal("has something after memory://, where there is nothing to name")
    return MemoryStore()
