"""How gunicorn serves the demo; a store that is wrong or does not answer is refused before that, in words."""

from __future__ import annotations

import sys
from typing import Any

from httpsession import SessionError, SessionMiddleware

from .store import store_for


def look_at_store() -> tuple[bool, str]:
    """Return whether processes can share the store, and what it says of itself; ask it something, to see it answer."""
    try:
        store = store_for("tracking_cookie")  # the longest name, which has to fit into a prefix
        len(store)
        description = store.describe()
    except SessionError as error:
        sys.exit(f"demo/run: cannot keep sessions there: {error}")
    store.close()
    return store.is_shared, description


is_shared, kept_by = look_at_store()

workers = 2 if is_shared else 1
worker_class = "gthread"
threads = 4 if is_shared else 8
graceful_timeout = 2
loglevel = "warning"
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Say where the demo is."""
    print(f"The demo is on {server.LISTENERS[0]} (Ctrl-C stops it)")
    print(f"Worker processes: {workers}. The sessions are kept by {kept_by}.", flush=True)


def worker_exit(server: Any, worker: Any) -> None:
    """Tell the store of the latest requests: without that it would not hear of the last second's."""
    from .app import application

    for step in application.mounts.values():
        if isinstance(step, SessionMiddleware):
            step.manager.close()
