"""Fixtures of all tests."""

from __future__ import annotations

import gc
import logging
import signal
import sys

import pytest

from tests.support.clock import frozen_clock
from tests.support.listeners import Recorder
from tests.support.secrets import watched
from tests.support.servers import RedisCluster, RedisSentinel, RedisServer
from tests.support.workers import HEARD, Worker


@pytest.fixture(scope="session", autouse=True)
def default_signals():
    """Handle signals as at a terminal, also when the tests were started in the background or by nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def watch(request):
    """Fail a test during which a log record shows an id, a key or a token, unless it is marked ``unwatched`` (R88)."""
    if "unwatched" in request.keywords:
        yield None
        return
    with watched() as watch:
        yield watch
    assert not watch.leaks


@pytest.fixture(scope="session", autouse=True)
def quiet_clocks():
    """Keep managers that earlier tests have left behind from telling the next test that its clock was moved."""

    def is_heard(record):
        return record.threadName != "httpsession-sweeper" or not record.getMessage().startswith("The clock of this")

    logging.getLogger("httpsession").addFilter(is_heard)
    yield
    logging.getLogger("httpsession").removeFilter(is_heard)


@pytest.fixture
def clock():
    """A clock that stands still until a test moves it."""
    with frozen_clock() as clock:
        yield clock


@pytest.fixture
def recorder():
    """A listener that keeps its notifications."""
    return Recorder()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A Redis server: ``url``, ``unix_url``, ``restart()``, ``pause()``, ``calls()``, a ``client``."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sentinel(tmp_path_factory):
    """A Redis primary with a replica and three Sentinels: ``url``, ``primary``, ``fail_over()``, ``heal()``."""
    servers = RedisSentinel(tmp_path_factory.mktemp("sentinel"))
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A Redis Cluster of three nodes: ``url``, ``nodes``, ``node_of(slot)``, ``migrate(slot, to)``."""
    servers = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield servers
    servers.stop()


@pytest.fixture(params=["sqlite", "redis"])
def url(request, tmp_path):
    """The URL of an empty store, of one that processes share unless a test asks for ``memory``."""
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    server = request.getfixturevalue("redis_server")
    server.client.flushall()
    return server.unix_url


@pytest.fixture
def start_worker(url):
    """Starts workers on the store."""
    workers = []

    def start(**config):
        workers.append(Worker(url, **config))
        return workers[-1]

    yield start
    for worker in workers:
        worker.manager.close()


@pytest.fixture
def workers(start_worker, url):
    """Two workers; on a store in memory they are the same one."""
    worker = start_worker()
    return worker, worker if url == "memory://" else start_worker()


@pytest.fixture
def heard():
    """The events that guests hear in this test."""
    HEARD.clear()
    return HEARD


@pytest.fixture
def no_collection():
    """Keep the garbage collector from running in the middle of a test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def quick_switches():
    """Make the interpreter switch threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
