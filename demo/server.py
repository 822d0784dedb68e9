"""The configuration of gunicorn for the demo. It checks the store first, and exits with a message if it fails."""

from __future__ import annotations

import sys
from typing import Any

from httpsession import SessionError, SessionMiddleware

from .store import store_for


def look_at_store() -> tuple[bool, str]:
    """Return whether the store is shared, and its description; count its sessions, to check that it answers."""
    try:
        store = store_for("tracking_cookie")  # the longest name of a step, which must fit into a prefix
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
    """Print the URL of the demo."""
    print(f"The demo is on {server.LISTENERS[0]} (Ctrl-C stops it)")
    print(f"Worker processes: {workers}. The sessions are kept by {kept_by}.", flush=True)


def worker_exit(server: Any, worker: Any) -> None:
    """Flush the accesses of the last second to the stores."""
    from .app import application

    for step in application.mounts.values():
        if isinstance(step, SessionMiddleware):
            step.manager.close()
