"""Servers whose workers share a store."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.support.gunicorn import Gunicorn

#: More threads than there are clients, so that no request waits for a thread.
WORKERS = ("--workers", "4", "--worker-class", "gthread", "--threads", "8")


@pytest.fixture
def serve(tmp_path):
    """Serves the application of shared_app.py from the store at a URL, by four workers."""
    with ExitStack() as servers:

        def serve(url, *options, **config):
            given = "".join(f", {name}={value!r}" for name, value in config.items())
            app = f"tests.processes.shared_app:site({url!r}{given})"
            return servers.enter_context(Gunicorn(tmp_path, app, *WORKERS, *options))

        yield serve
