"""Ten thousand idle sessions, and four processes none of which was told to look for them."""

from __future__ import annotations

import json
from collections import Counter
from multiprocessing import get_context

import pytest

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from httpsession.ids import handle_of, key_of
from tests.processes.sweeping import INTERVAL, look_after
from tests.support.core import store_of
from tests.support.request import TEXT, fetch
from tests.support.waiting import wait_until

SESSIONS = 10_000
PROCESSES = 4


@pytest.fixture
def processes(url, tmp_path):
    """Processes whose managers look after the store; the lines that their listeners write, when they have ended."""
    context = get_context("spawn")
    started, stopped = context.Semaphore(0), context.Event()
    paths = [tmp_path / f"heard {number}" for number in range(PROCESSES)]
    running = [context.Process(target=look_after, args=(url, path, started, stopped)) for path in paths]
    for process in running:
        process.start()
    for _ in running:
        assert started.acquire(timeout=60)

    def finish():
        stopped.set()
        for process in running:
            process.join(60)
            assert process.exitcode == 0
        return [[json.loads(line) for line in path.read_text().splitlines()] for path in paths]

    yield finish
    stopped.set()


@pytest.fixture
def manager(url):
    """A manager that sweeps nothing itself."""
    config = SessionConfig(max_inactive_interval=INTERVAL, sweep_interval=None)
    with SessionManager(url, config=config) as manager:
        yield manager


def make_sessions(manager, number, **config):
    """Make so many sessions, each by a request; return what is in them, by handle."""
    contents = {}

    def app(environ, start_response):
        session = get_session(environ)
        session.update(number=len(contents), items=[len(contents), "é"])
        for name, value in config.items():
            setattr(session, name, value)
        start_response("200 OK", [TEXT])
        return []

    site = SessionMiddleware(app, manager)
    while len(contents) < number:
        session_id = fetch(site).new_id
        contents[handle_of(key_of(session_id))] = {"number": len(contents), "items": [len(contents), "é"]}
    return contents


def test_sessions_that_are_over_disappear(manager, processes):
    """They disappear, and the listeners of the processes hear of each once in all, with its attributes; a session that
    is not over stays."""
    stays = make_sessions(manager, 1, max_inactive_interval=3600)
    contents = make_sessions(manager, SESSIONS)
    wait_until(lambda: len(store_of(manager)) == 1, "the sessions to disappear")
    heard = processes()

    ended = [(handle, values) for lines in heard for kind, handle, values in lines if kind == "destroyed"]
    assert len(ended) == SESSIONS
    assert dict(ended) == contents
    removed = Counter(handle for lines in heard for kind, handle, _ in lines if kind == "removed")
    assert removed == dict.fromkeys(contents, 2)
    assert [stored.record.handle for stored in store_of(manager)] == list(stays)
