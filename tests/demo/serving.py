"""The demo on a server of the tests' own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUNICORN = [sys.executable, "-m", "gunicorn", "demo.app:application", "--config", "python:demo.server"]


def environment(folder: Path, store: str | None) -> dict[str, str]:
    """Return the variables with which the demo keeps its sessions in *store*, or else in a file in *folder*."""
    given = {name: value for name, value in os.environ.items() if name != "DEMO_STORE"}
    return given | {"DEMO_FOLDER": str(folder)} | ({} if store is None else {"DEMO_STORE": store})


@contextmanager
def serving(folder: Path, store: str | None = None, port: int = 0) -> Iterator[str]:
    """Serve the demo as ``demo/run`` does, and give its URL.

    The socket is made here and handed to gunicorn: no other program can take the port in between, and a request that
    comes before gunicorn is ready waits.
    """
    with socket.create_server(("127.0.0.1", port)) as listener:
        port = listener.getsockname()[1]
        server = subprocess.Popen(
            [*GUNICORN, "--bind", f"fd://{listener.fileno()}"],
            cwd=ROOT,
            env=environment(folder, store),
            pass_fds=[listener.fileno()],
        )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(timeout=20)
