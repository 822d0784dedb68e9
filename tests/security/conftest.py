"""Servers of the probe application: in process on each store, and gunicorn."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack

import pytest

from httpsession import audit
from tests.security.probe import Mounts
from tests.security.wire import Server, in_process, over_socket
from tests.support.gunicorn import Gunicorn
from tests.support.servers import RedisServer

STORES = ["memory", "sqlite", "redis"]
THREADS = ("--worker-class", "gthread", "--threads", "16")
#: The real servers: the store, and the options of gunicorn.
SERVERS = {
    "memory, threads": ("memory", THREADS),
    "sqlite, two workers": ("sqlite", ("--workers", "2")),
    "redis, two workers": ("redis", ("--workers", "2")),
    "redis, threads": ("redis", ("--workers", "2", *THREADS)),
}


def url_in(store, folder, redis):
    """Return the URL of a store of this kind."""
    return {"memory": "memory://", "sqlite": f"sqlite:///{folder}/sessions.db", "redis": None}[
        store
    ] or redis().unix_url


@pytest.fixture(scope="session")
def redis_of_servers(tmp_path_factory):
    """The Redis server of the real servers, whose background threads are none of the other tests' business."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def served(request, tmp_path_factory):
    """Serves the probe application by one of the real servers; each is started once."""
    started = {}
    with ExitStack() as stack:

        def serve(name):
            if name not in started:
                folder = tmp_path_factory.mktemp("served")
                store, options = SERVERS[name]
                url = url_in(store, folder, lambda: request.getfixturevalue("redis_of_servers"))
                environment = os.environ | {"HTTPSESSION_TEST_FOLDER": str(folder), "HTTPSESSION_TEST_STORE": url}
                app = "tests.security.served:application"
                gunicorn = Gunicorn(folder, app, *options, environment=environment)
                port = stack.enter_context(gunicorn).port
                started[name] = Server(over_socket(port), folder, (folder / "events").read_text)
            return started[name]

        yield serve


class Log(logging.Handler):
    """What the package has logged, as text."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))

    def text(self):
        """Return all lines."""
        return "\n".join(self.lines)


@pytest.fixture
def log(monkeypatch):
    """What the package logs in this process, every event of it."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())
    logger, log = logging.getLogger("httpsession"), Log()
    before = logger.level
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    yield log
    logger.setLevel(before)
    logger.removeHandler(log)


def close(mounts):
    """Close the managers of the applications that were used."""
    for app in mounts.values():
        app.manager.close()


@pytest.fixture
def serve_here(request, tmp_path, log):
    """Serves the probe application in this process, from a store of a kind, with other configurations if need be."""
    with ExitStack() as stack:

        def serve(store, configs=None, listeners=()):
            url = url_in(store, tmp_path, lambda: request.getfixturevalue("redis_server"))
            if store == "redis":
                request.getfixturevalue("redis_server").client.flushall()
            mounts = Mounts(url, tmp_path, configs, listeners, is_still=True)
            stack.callback(close, mounts)
            return Server(in_process(mounts), tmp_path, log.text, mounts)

        yield serve


@pytest.fixture(params=STORES)
def store(request):
    """The kind of the store."""
    return request.param


@pytest.fixture
def here(serve_here, store):
    """The probe application in this process, on each store."""
    return serve_here(store)


@pytest.fixture(params=[*STORES, *SERVERS])
def server(request):
    """The probe application in this process on each store, and behind each real server."""
    if request.param in SERVERS:
        return request.getfixturevalue("served")(request.param)
    return request.getfixturevalue("serve_here")(request.param)
