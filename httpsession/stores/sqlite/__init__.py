"""The store for the processes of one machine: a SQLite file."""

from .store import SQLiteStore, open_url

__all__ = ["SQLiteStore", "open_url"]
