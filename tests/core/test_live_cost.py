"""The cost of requests in memory, in function calls."""

from __future__ import annotations

import pytest

from httpsession import SessionConfig, SessionManager, SessionMiddleware
from httpsession.manager import sessions_behind
from tests.support.core import create_session, flush
from tests.support.cost import calls_of_request, reading, start_response, untouched, writing
from tests.support.request import fetch, plain_environ

pytestmark = pytest.mark.usefixtures("no_collection")


@pytest.fixture(scope="module")
def manager():
    """Sessions whose background thread never finds anything to do in between."""
    manager = SessionManager(config=SessionConfig(sweep_interval=None))
    sessions_behind(manager)._sweeper.stop()
    return manager


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
        pytest.param(untouched, "the id", 11, id="untouched, with id"),
        pytest.param(reading, "the id", 35, id="read"),
        pytest.param(writing, "the id", 41, id="write"),
    ],
)
def test_calls_of_a_request(manager, environ, app, cookie, most):
    """A request makes at most so many calls more than the same response without sessions does."""
    if cookie is None:
        del environ["HTTP_COOKIE"]
    elif cookie != "the id":
        environ["HTTP_COOKIE"] = cookie
    site = SessionMiddleware(app, manager)
    site(environ.copy(), start_response)
    flush(manager)

    counts = set()
    for _ in range(3):
        counts.add(calls_of_request(site, environ) - calls_of_request(untouched, environ))
        flush(manager)

    assert len(counts) == 1, "the same each time"
    assert 0 < counts.pop() <= most


def test_calls_do_not_grow_with_the_sessions(manager, environ):
    """A read costs the same calls beside a thousand other sessions."""
    site = SessionMiddleware(reading, manager)
    site(environ.copy(), start_response)
    before = calls_of_request(site, environ)
    for _ in range(1000):
        create_session(manager)

    assert calls_of_request(site, environ) == before
