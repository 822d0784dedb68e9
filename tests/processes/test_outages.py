"""The store of several workers fails under load: no request waits for long, nothing is lost, all goes on by itself."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager

import pytest

from tests.processes.load import TOTAL, Load, assert_refused_soon, assert_taken_over
from tests.support.servers import RedisServer

#: Seconds for which workers may go on with a primary that is none any more.
LEAVE = 2.0


@pytest.fixture(scope="module")
def durable(tmp_path_factory):
    """A Redis server that has on disk what it has acknowledged."""
    server = RedisServer(tmp_path_factory.mktemp("durable"))
    server.client.config_set("appendfsync", "always")
    server.client.config_set("appendonly", "yes")
    server.client.config_rewrite()
    yield server
    server.stop()


@contextmanager
def ended(server):
    """Stop a server in its own time, and start it again after the block."""
    server.stop()
    yield
    server.start()


@contextmanager
def killed(server):
    """Kill a server, and start it again after the block."""
    server.stop(signal.SIGKILL)
    yield
    server.start()


@contextmanager
def paused(server):
    """Pause a server: it accepts connections, but does not answer during the block."""
    server.pause()
    yield
    server.resume()


@pytest.mark.parametrize("out", [ended, killed, paused])
def test_server_is_out(durable, serve, out):
    """While the server is out requests are refused, but those that have nothing to do with sessions; afterwards all
    workers go on with what was acknowledged."""
    with Load(serve(durable.unix_url, "--preload").port) as load:
        with out(durable):
            load.be_refused(3)
        load.go_on()
    assert load.missing() == {}
    assert_refused_soon(load)


def test_failover(sentinel, serve):
    """When another server becomes the primary the workers find it, and sessions go on there: at most what was
    acknowledged just before is missing."""
    with Load(serve(sentinel.url, "--preload").port) as load:
        ended_at = time.monotonic()
        sentinel.fail_over()
        load.go_on()
    sentinel.heal()
    assert_taken_over(load, ended_at)


def test_former_primary_comes_back(sentinel, serve):
    """A primary that hangs, and comes back when there is another one, would take what it then loses: it is soon left
    alone."""
    with Load(serve(sentinel.url, "--preload").port) as load, sentinel.hanging() as former:
        back_at = time.monotonic()
        while time.monotonic() < back_at + LEAVE:
            load.go_on()
        former.calls()
        load.go_on()
        assert {"hgetall", "evalsha"}.isdisjoint(former.calls())
    assert_refused_soon(load)
    missing = [at for (_, name, _), at in load.missing().items() if name != TOTAL]
    assert all(at < back_at + LEAVE for at in missing)
