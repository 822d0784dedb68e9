"""Servlet behaviours S45 to S48: access to a session from outside of its requests."""

import time

import pytest

from httpsession import InvalidSessionError
from tests.support.browser import Browser


@pytest.fixture
def browser(clock):
    """A client with a session of 60 seconds that has an attribute."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
        session.max_inactive_interval = 60
        session["a"] = 1
    return browser


@pytest.fixture
def accessor(browser):
    """The accessor of that session, taken in its second request."""
    return browser.session().accessor


def test_s45_there_is_an_accessor(browser):
    """A session gives access, but not when it is over."""
    with browser.request() as request:
        session = request.get_session()
        assert callable(session.accessor.access)
        session.invalidate()
        with pytest.raises(InvalidSessionError):
            _ = session.accessor


def test_s46_the_consumer_gets_the_session(browser, accessor):
    """It is called at once, with the session, and what it sets is there for requests."""
    seen = []

    def consumer(session):
        seen.append((session.id, session["a"], session.is_new))
        session["a"] = 2

    accessor.access(consumer)

    assert seen == [(browser.id, 1, False)]
    assert browser.session()["a"] == 2


def test_s46_it_counts_as_a_request(clock, browser, accessor):
    """It is an access; in it the session does not time out, and the idle time begins at its end."""
    clock.tick(59)
    begun = time.time()

    def consumer(session):
        clock.tick(90)
        assert browser.site.manager.sweep() == 0
        assert session["a"] == 1

    accessor.access(consumer)
    clock.tick(59)

    assert browser.last_accessed_time() == begun


def test_s47_not_when_the_session_is_over(clock, browser, accessor):
    """Neither after a timeout nor after an invalidation; the consumer is not called."""
    clock.tick(60)
    with pytest.raises(InvalidSessionError):
        accessor.access(pytest.fail)
    with browser.request() as request:
        session = request.get_session()
        accessor = session.accessor
        session.invalidate()
    with pytest.raises(InvalidSessionError):
        accessor.access(pytest.fail)


def test_s47_not_when_the_id_has_changed(browser, accessor):
    """It is for the id of the session at the time when it was taken."""
    with browser.request() as request:
        request.change_session_id()
    with pytest.raises(InvalidSessionError):
        accessor.access(pytest.fail)


def test_s48_what_the_consumer_raises(clock, browser, accessor):
    """It comes out, and the access has ended: the session can time out."""

    def consumer(session):
        raise LookupError("the consumer's own")

    with pytest.raises(LookupError, match="own"):
        accessor.access(consumer)
    clock.tick(60)

    assert browser.session() is None
