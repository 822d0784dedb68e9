"""The configuration of gunicorn for the demo. It checks the store first, and exits with a message if it fails."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from httpsession import SessionError, SessionMiddleware

from . import members
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
raw_env = [f"{members.SWITCH}=open"]


def is_of_this_machine(address: object) -> bool:
    """Return whether only this machine reaches a server's *address*: host and port, or the path of a Unix socket."""
    match address:
        case str() | ("localhost", _):
            return True
        case (str() as host, _):
            try:
                return ipaddress.ip_address(host).is_loopback
            except ValueError:
                return False
    return False


def on_starting(server: Any) -> None:
    """Refuse to serve other machines: the passwords of the accounts are on the login page."""
    if not all(map(is_of_this_machine, server.address)):
        sys.exit("demo/run: everybody knows the passwords of the demo, so it serves this machine alone")


def when_ready(server: Any) -> None:
    """Print the URL of the demo."""
    print(f"The demo is on {server.LISTENERS[0]} (Ctrl-C stops it)")
    print(f"Worker processes: {workers}. The sessions are kept by {kept_by}.")
    print(
        "It has accounts with known passwords, which its login pages show, and serves this machine alone.", flush=True
    )


def worker_exit(server: Any, worker: Any) -> None:
    """Flush the accesses of the last second to the stores."""
    from .app import mounts

    for step in mounts.values():
        if isinstance(step, SessionMiddleware):
            step.manager.close()
