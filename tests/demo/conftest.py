"""The demo as its visitors meet it: served by gunicorn, on a port of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.browser import Browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo_url() -> Iterator[str]:
    """Serve the demo and return its URL.

    The socket is made here and handed to gunicorn: no other program can take the port in between, and a request that
    comes before gunicorn is ready waits.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        options = f"--bind fd://{listener.fileno()} --worker-class gthread --workers 1 --threads 8"
        options += " --graceful-timeout 2 --log-level warning --no-control-socket"
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "demo.app:application", *options.split()],
            cwd=ROOT,
            pass_fds=[listener.fileno()],
        )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def browser(demo_url: str) -> Browser:
    """Return a browser that has never been anywhere."""
    return Browser(demo_url)


@pytest.fixture
def new_browser(demo_url: str) -> Callable[..., Browser]:
    """Return what makes further browsers."""
    return lambda **settings: Browser(demo_url, **settings)
