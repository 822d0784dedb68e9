"""Signals that end a server while its workers save: what was acknowledged is there after a restart (R63, R69).

The workers are of gunicorn's kind that handles a signal in the midst of a request, in the thread that saves.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.processes.load import Load
from tests.support.waiting import wait_until

KINDS = ["--worker-class", "sync"], ["--worker-class", "gthread"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_server(url, serve, number):
    """The server is ended by the signal under load, and started again."""
    server = serve(url, *KINDS[0])
    with Load(server.port) as load:
        server.send(number)
        server.wait()
        server.start()
        load.go_on()
    assert load.missing() == {}
    assert load.count(503) == 0


@pytest.mark.parametrize("kind", KINDS, ids=["sync", "threads"])
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGTERM, signal.SIGQUIT], ids=lambda number: number.name)
def test_workers(url, serve, kind, number):
    """Each worker gets the signal in turn, as from gunicorn when a request takes too long."""
    with Load(serve(url, *kind).port) as load:
        wait_until(lambda: len(load.workers()) > 1, "workers to answer")
        for worker in load.workers():
            os.kill(worker, number)
            load.go_on()
    assert load.missing() == {}
    assert load.count(503) == 0
