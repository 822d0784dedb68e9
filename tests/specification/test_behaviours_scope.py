"""Servlet behaviours S134 to S137 and S143 to S145: contexts, ids, cookies.

Not here: S138 is in tests/core/test_live_distributable.py, S142 in test_behaviours_context.py; S139 to S141 are about
stores that serialise.
"""

import re

import pytest

from httpsession import ResponseCommittedError, SessionCookieConfig, get_session
from tests.support.browser import BOTH_MODES, UNKNOWN_ID, Browser
from tests.support.listeners import Log
from tests.support.site import Site


@pytest.fixture
def sites():
    """Two applications whose cookies have the same name and path, so that a client sends both the same ones."""
    return [Site(mount=mount, cookie=SessionCookieConfig(path="/")) for mount in ("/one", "/two")]


def test_s134_contexts_share_nothing(sites):
    """With one cookie for both, each has sessions of its own: neither finds the other's."""
    browser = Browser()
    with browser.request(site=sites[0]) as request:
        session = request.get_session()
        session["a"] = 1
    with browser.request(site=sites[1]) as request:
        assert request.requested_session_id == session.id
        assert not request.is_requested_session_id_valid
        assert request.get_session(create=False) is None
        assert request.get_session() != session
        assert len(request.get_session()) == 0


def test_s134_both_sessions_can_be_carried_at_once(sites):
    """A client that sends the ids of both contexts is known to both."""
    ids = []
    for site in sites:
        with Browser().request(site=site) as request:
            ids.append(request.get_session().id)
    cookie = "; ".join(f"JSESSIONID={one}" for one in ids)
    for site, session_id in zip(sites, ids, strict=True):
        with Browser().request(site=site, cookie=cookie) as request:
            assert request.get_session(create=False).id == session_id


@pytest.mark.parametrize("sent", [UNKNOWN_ID, "evil", "", "A" * 5000, UNKNOWN_ID.lower(), f'"{UNKNOWN_ID}"'])
@pytest.mark.parametrize("by", ["cookie", "url"])
def test_s135_an_id_of_the_client_is_not_adopted(sent, by):
    """A new session gets an id of its own (D14), which the client is told."""
    browser = Browser(Site(**BOTH_MODES))
    path, cookie = ("/", f"JSESSIONID={sent}") if by == "cookie" else (f"/;jsessionid={sent}", "other=1")
    with browser.request(path, cookie=cookie) as request:
        assert request.get_session(create=False) is None
        session = request.get_session()
        assert session.id.lower() != sent.lower()
    assert browser.id == session.id


def test_s135_nor_is_that_of_a_session_that_is_over():
    """An id is used once."""
    browser = Browser()
    with browser.request() as request:
        old_id = request.get_session().id
        request.get_session().invalidate()
    with browser.request(cookie=f"JSESSIONID={old_id}") as request:
        assert request.get_session().id != old_id


def test_s136_an_invalidation_ends_one_context(sites):
    """The other context's session is left alone, also when the client sends both ids to both (D13)."""
    ids = []
    for site in sites:
        with Browser().request(site=site) as request:
            ids.append(request.get_session().id)
    cookie = "; ".join(f"JSESSIONID={one}" for one in ids)
    with Browser().request(site=sites[0], cookie=cookie) as request:
        request.get_session().invalidate()

    with Browser().request(site=sites[0], cookie=cookie) as request:
        assert request.get_session(create=False) is None
    with Browser().request(site=sites[1], cookie=cookie) as request:
        assert request.get_session(create=False).id == ids[1]


def test_s137_ids():
    """16 random bytes as 32 upper-case hexadecimal digits, never twice, and the cookie's value is the id (D40)."""
    site = Site()
    ids = set()
    for _ in range(1000):
        browser = Browser(site)
        with browser.request() as request:
            session_id = request.get_session().id
        assert re.fullmatch("[0-9A-F]{32}", session_id)
        assert browser.id == session_id
        ids.add(session_id)
    assert len(ids) == 1000
    for place in range(32):
        assert len({session_id[place] for session_id in ids}) == 16


@pytest.mark.parametrize("size", [16, 32, 64])
def test_s137_the_size_of_ids(size):
    """16 to 64 bytes, as configured; ids of that size are found again."""
    browser = Browser(Site(id_bytes=size))
    with browser.request() as request:
        session = request.get_session()

    assert len(session.id) == 2 * size
    assert browser.session() == session


def test_s143_tabs_are_one_session():
    """Simultaneous requests of two windows of one browser share one session."""
    browser = Browser()
    with browser.request() as request:
        request.get_session()
    with browser.request("/tab1") as one, browser.request("/tab2") as other:
        one.get_session()["a"] = 1
        assert other.get_session()["a"] == 1
        other.get_session()["b"] = 2
        assert dict(one.get_session()) == {"a": 1, "b": 2}


def test_s144_the_cookie_is_sent_once():
    """With the response that creates the session, and not again while the id is the same."""
    browser = Browser()
    with browser.request() as request:
        request.get_session()
    assert len(request.set_cookies) == 1
    for _ in range(3):
        with browser.request() as request:
            request.get_session()["a"] = 1
            request.get_session().max_inactive_interval = 100
        assert request.set_cookies == []


def test_s144_the_cookie_goes_out_with_the_first_chunk():
    """Before anything of the body, and not later."""
    with Browser().request() as request:
        session = request.get_session()
        assert request.response_headers == []
        request.send(b"chunk")
        assert [cookie.partition(";")[0] for cookie in request.set_cookies] == [f"JSESSIONID={session.id}"]
        request.send(b"chunk")

    assert len(request.set_cookies) == 1


def test_s145_including_after_the_commit():
    """An included part of the same application cannot make a session once the response is committed."""
    log = Log()
    site = Site(listeners=[log])

    def included(environ, start_response):
        with pytest.raises(ResponseCommittedError):
            get_session(environ)
        start_response("200 OK", [])
        return [b"included"]

    with Browser(site).request() as request:
        request.send(b"chunk")
        environ = {**request.environ, "test.application": included}
        assert site.app(environ, lambda *_: None) == [b"included"]

    assert log.events == []
