"""Workers that share a store come and go under load, and nothing that was acknowledged is missing."""

from __future__ import annotations

import json
import os
import signal

from tests.processes.load import LIMIT, Client, Load
from tests.support.waiting import wait_until

SESSIONS = 30


def test_killed_workers(url, serve):
    """One worker after the other is killed: the requests that it had are lost, and nothing that it had acknowledged."""
    with Load(serve(url).port) as load:
        wait_until(lambda: len(load.workers()) == 4, "each worker to answer")
        for number, worker in enumerate(load.workers(), 1):
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda number=number: len(load.workers()) == 4 + number, "a new worker to answer")
            load.go_on()
            assert load.count(0) <= number * len(load.clients), "one request of each client at most"
    assert load.missing() == {}
    assert load.count(503) == 0
    assert load.slowest() < LIMIT


def test_restarted_server(url, serve):
    """A server is ended under load and started again: what it had acknowledged is there."""
    server = serve(url)
    with Load(server.port) as load:
        server.stop()
        server.start()
        load.go_on()
    assert load.missing() == {}
    assert load.count(503) == 0


class TestPreloaded:
    """The application is loaded, and has used its store, before the workers are forked."""

    def test_each_worker_works(self, url, serve):
        """Each worker answers from the store, and has a background thread of its own."""
        with Load(serve(url, "--preload").port) as load:
            wait_until(lambda: len(load.threads) == 4, "each worker to answer")
        assert all("httpsession-sweeper" in names for names in load.threads.values())
        assert load.missing() == {}

    def test_endings(self, url, serve, tmp_path):
        """Workers that all look for sessions that are over tell of each ending once."""
        endings = tmp_path / "endings"
        server = serve(url, "--preload", endings=str(endings), max_inactive_interval=1, sweep_interval=0.1)
        load = Load(server.port)
        guests = [Client(load, f"guest{number}") for number in range(SESSIONS)]
        assert all(guest.write(guest.own) for guest in guests)
        wait_until(lambda: endings.read_text().count("\n") >= SESSIONS, "the sessions to end")
        server.stop()
        told = [json.loads(line) for line in endings.read_text().splitlines()]
        assert sorted(told, key=str) == sorted(({guest.name: 1} for guest in guests), key=str)

    def test_reload(self, url, serve):
        """New workers that take the place of others under load go on with the same sessions."""
        server = serve(url, "--preload")
        with Load(server.port) as load:
            former = load.workers()
            server.reload()
            wait_until(lambda: len(load.workers() - former) >= 4, "new workers to answer")
            load.go_on()
        assert load.missing() == {}
        assert load.count(503) == 0
        assert load.slowest() < LIMIT
