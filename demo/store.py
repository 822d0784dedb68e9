"""The stores of the steps: one URL for all, with a different prefix for each."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from httpsession.stores import AnyStore, open_store


def folder() -> Path:
    """Return the folder for files that outlive the demo; only its owner can read it."""
    path = Path(os.environ.get("DEMO_FOLDER") or Path(__file__).parents[1] / ".demo")
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def store_for(step: str) -> AnyStore:
    """Open the store named by the variable DEMO_STORE, or else a SQLite file, for the sessions of one *step*."""
    url = os.environ.get("DEMO_STORE") or f"sqlite:///{quote(str(folder() / 'sessions.db'))}"
    address, _, query = url.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    if "prefix" not in dict(options):
        options.append(("prefix", "demo"))
    own = [(name, f"{value}_{step}" if name == "prefix" else value) for name, value in options]
    return open_store(f"{address}?{urlencode(own)}")
