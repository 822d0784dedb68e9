"""What a request costs, in function calls: a number that is the same on every machine."""

from __future__ import annotations

import gc
import sys

import pytest

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from tests.support.request import TEXT, fetch, plain_environ

BODY = [b"hello"]


def untouched(environ, start_response):
    start_response("200 OK", [TEXT])
    return BODY


def reading(environ, start_response):
    get_session(environ)["user"]
    start_response("200 OK", [TEXT])
    return BODY


def writing(environ, start_response):
    get_session(environ)["user"] = "anna"
    start_response("200 OK", [TEXT])
    return BODY


def server(status, headers, exc_info=None):
    """Be a start_response that costs nothing more than being called."""


def calls(app, environ):
    """Count the calls, of Python and of C functions, that one request makes."""
    events = []

    def note(frame, event, argument):
        if event in ("call", "c_call"):
            events.append(event)

    environ = environ.copy()
    sys.setprofile(note)
    try:
        app(environ, server)
    finally:
        sys.setprofile(None)
    return len(events)


@pytest.fixture(scope="module")
def manager():
    """Sessions whose background thread never finds anything to do in between."""
    manager = SessionManager(config=SessionConfig(sweep_interval=None))
    manager.close()
    return manager


@pytest.fixture(autouse=True)
def no_collection():
    """Have nothing of other tests collected while calls are counted."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def environ(manager):
    """A minimal environ, with the cookie of a session that is in use and has the attribute."""
    session_id = fetch(SessionMiddleware(writing, manager)).new_id
    return plain_environ(f"JSESSIONID={session_id}")


@pytest.mark.parametrize(
    ("app", "cookie", "most"),
    [
        pytest.param(untouched, None, 6, id="untouched, no cookie"),
        pytest.param(untouched, "theme=dark; lang=en", 6, id="untouched, no id"),
        pytest.param(untouched, "the id", 10, id="untouched, with id"),
        pytest.param(reading, "the id", 35, id="read"),
        pytest.param(writing, "the id", 40, id="write"),
    ],
)
def test_calls_of_a_request(manager, environ, app, cookie, most):
    """A request makes at most so many calls more than the same response without sessions does."""
    if cookie is None:
        del environ["HTTP_COOKIE"]
    elif cookie != "the id":
        environ["HTTP_COOKIE"] = cookie
    site = SessionMiddleware(app, manager)
    site(environ.copy(), server)
    manager.tell_store()

    counts = set()
    for _ in range(3):
        counts.add(calls(site, environ) - calls(untouched, environ))
        manager.tell_store()

    assert len(counts) == 1, "the same each time"
    assert 0 < counts.pop() <= most


def test_calls_do_not_grow_with_the_sessions(manager, environ):
    """A read costs the same calls beside a thousand other sessions."""
    site = SessionMiddleware(reading, manager)
    site(environ.copy(), server)
    before = calls(site, environ)
    for _ in range(1000):
        manager.create()

    assert calls(site, environ) == before
