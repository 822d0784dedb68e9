"""Want of memory: where an allocation of a request fails, nothing is half done, and all goes on (fault plan, F18)."""

from __future__ import annotations

from wsgiref.util import setup_testing_defaults

import pytest

from httpsession import request_session
from httpsession.stores.memory.clients import Clients
from httpsession.stores.memory.expiry import Entry, ExpiryQueue
from tests.support.core import accesses_of
from tests.support.request import TEXT

BEFORE = {"a": 1, "b": 1}


def log_in(worker, session_id):
    """Make a request that logs a user in."""

    def page(environ, start_response):
        request_session(environ).login("anna")
        start_response("200 OK", [TEXT])
        return [b"done"]

    environ = {"HTTP_COOKIE": f"JSESSIONID={session_id}", "test.application": page}
    setup_testing_defaults(environ)
    worker.app(environ, lambda status, headers, exc_info=None: None)


@pytest.fixture
def fail_once(monkeypatch):
    """Makes a method raise MemoryError before it does anything, once."""

    def fail_once(kind, name):
        def fail(*args):
            monkeypatch.setattr(kind, name, method)
            raise MemoryError

        method = getattr(kind, name)
        monkeypatch.setattr(kind, name, fail)

    return fail_once


POINTS = [(ExpiryQueue, "put"), (Clients, "add"), (Clients, "discard"), (Entry, "successor"), (Entry, "change")]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0].__name__}.{point[1]}")
@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_login_in_memory(start_worker, fail_once, point):
    """A login that fails leaves the former session as it was, which takes changes and expires."""
    worker = start_worker()
    session_id = worker.session_with(**BEFORE)
    fail_once(*point)
    with pytest.raises(MemoryError):
        log_in(worker, session_id)
    assert worker.attributes(session_id) == BEFORE
    assert (worker.active, worker.manager.sessions_of("anna")) == (1, ())
    assert not accesses_of(worker.manager).in_flight
    worker.manager.sweep(1e12)
    assert worker.active == 0
    session_id = worker.session_with(**BEFORE)
    assert worker.attributes(session_id) == BEFORE


@pytest.mark.parametrize("point", POINTS[:2], ids=lambda point: f"{point[0].__name__}.{point[1]}")
@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_creation_in_memory(start_worker, fail_once, point):
    """A creation that fails leaves no session, which might never expire."""
    worker = start_worker()
    fail_once(*point)
    with pytest.raises(MemoryError):
        worker.session_with(**BEFORE)
    assert worker.active == 0
