"""Ten behaviours that a port of HttpSession to Python easily gets wrong, and the runners-up.

More of each is in the test_behaviours_*.py; here each mistake has one test that shows it whole.
"""

import threading

import pytest
from werkzeug.test import Client

from httpsession import (
    HttpSessionBindingListener,
    HttpSessionIdListener,
    InvalidSessionError,
    ResponseCommittedError,
    SessionCookieConfig,
    SessionMiddleware,
    get_session,
)
from tests.support.browser import BOTH_MODES, UNKNOWN_ID, Browser
from tests.support.listeners import Log, Value
from tests.support.site import Site
from tests.support.threads import outcome_of


def test_1_attribute_replaced_carries_the_old_value():
    """Also where the new value listens to its binding; and setting None is a removal, not a replacement."""
    log = Log()
    with Browser(Site(listeners=[log])).request() as request:
        session = request.get_session()
        session.set_attribute("a", 1)
        session.set_attribute("a", Value("listening", []))
        session.set_attribute("a", 3)
        session.set_attribute("a", None)

    assert log.events[1:] == ["added a=1", "replaced a=1", "replaced a=listening", "removed a=3"]


@pytest.mark.parametrize("timed_out", [False, True], ids=["invalidated", "timed out"])
def test_2_the_order_at_the_end_and_what_can_be_read(clock, timed_out):
    """``session_destroyed`` in reverse order with attributes to read, then invalid, then unbound and removed in order:
    by a timeout, too."""
    events = []

    class Reading(Log):
        def session_destroyed(self, event):
            super().session_destroyed(event)
            events.append(f"{self.prefix}reads {event.session['a']}")

    class Bound(Value):
        def value_unbound(self, event):
            super().value_unbound(event)
            events.append(type(outcome_of(lambda: event.session["a"])).__name__)

    site = Site(listeners=[Reading("1", events), Reading("2", events)], max_inactive_interval=10)
    with Browser(site).request() as request:
        session = request.get_session()
        session["a"] = Bound("A", events)
        events.clear()
        if not timed_out:
            session.invalidate()
    clock.tick(10)
    assert site.manager.sweep() == timed_out

    assert events == [
        "2 destroyed",
        "2 reads A",
        "1 destroyed",
        "1 reads A",
        "unbound a=A",
        "InvalidSessionError",
        "1 removed a=A",
        "2 removed a=A",
    ]


def test_3_a_session_in_use_never_times_out(clock):
    """The request is over when the body is closed, not when the application returns it."""
    site = Site(max_inactive_interval=60)
    browser = Browser(site)
    with browser.request() as request:
        session = request.get_session()
    with browser.request() as request:
        clock.tick(59)
        request.send(b"the application has returned, its body is under way")
        clock.tick(90)
        assert site.manager.sweep() == 0
        assert request.get_session(create=False) == session
    clock.tick(59)
    assert site.manager.sweep() == 0
    clock.tick(1)
    assert site.manager.sweep() == 1


def test_4_every_request_is_an_access_at_its_arrival(clock):
    """The last access is the previous request's arrival, also if that one did not look at the session."""
    browser = Browser()
    with browser.request() as request:
        created = request.get_session().creation_time
        clock.tick(10)
    with browser.request("/favicon.ico"):
        clock.tick(10)
    with browser.request() as request:
        clock.tick(10)
        assert request.get_session().last_accessed_time == created + 10


@pytest.mark.parametrize("interval", [0, -1])
def test_5_zero_or_less_is_never(clock, interval):
    """Configured or set; looked for or swept."""
    configured, by_hand = Browser(Site(max_inactive_interval=interval)), Browser()
    for browser in (configured, by_hand):
        with browser.request() as request:
            request.get_session().max_inactive_interval = interval
    clock.tick(10 * 365 * 24 * 3600)
    for browser in (configured, by_hand):
        assert browser.site.manager.sweep() == 0
        assert browser.session() is not None


def test_6_what_raises_after_invalidate():
    """Not the id, the context and the interval; all else does, a second invalidation and an absent name included."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
        session_id = session.id
        session.invalidate()

        assert session.id == session_id
        assert session.servlet_context is browser.site.manager
        session.max_inactive_interval = 5
        assert session.max_inactive_interval == 5
        for use in (
            session.invalidate,
            lambda: session.remove_attribute("absent"),
            lambda: session.set_attribute("absent", None),
            lambda: session.get_attribute("absent"),
            lambda: session.attribute_names,
            lambda: session.is_new,
            lambda: session.creation_time,
            lambda: session.last_accessed_time,
        ):
            assert isinstance(outcome_of(use), InvalidSessionError)


def test_7_encode_url():
    """Before ``?`` and ``#``, for this application alone, in the first response, and not once the id came by cookie."""
    browser = Browser(Site(mount="/app", **BOTH_MODES))
    with browser.request() as request:
        parameter = f";jsessionid={request.get_session().id}"
        assert request.encode_url("/app/x?y=1#z") == f"/app/x{parameter}?y=1#z"
        for url in ("/app2/x", "http://example.org/app/x", "#z", "javascript:alert(1)"):
            assert request.encode_url(url) == url
    assert len(request.set_cookies) == 1
    with browser.request(f"/x{parameter}", cookie="no=1") as request:
        assert request.encode_url("/app/x") == f"/app/x{parameter}"
    with browser.request() as request:
        assert request.encode_url("/app/x") == "/app/x"


def test_8_committed_is_the_first_chunk():
    """Not ``start_response``: from inside a generator a session can be made before its first chunk, not after it."""

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b""
        if environ["PATH_INFO"] == "/early":
            get_session(environ)
        yield b"first chunk, "
        yield type(outcome_of(lambda: get_session(environ))).__name__.encode()

    client = Client(SessionMiddleware(application))

    late = client.get("/late")
    assert late.text == f"first chunk, {ResponseCommittedError.__name__}"
    assert "Set-Cookie" not in late.headers
    early = client.get("/early")
    assert early.text == "first chunk, HttpSession"
    assert early.headers["Set-Cookie"].startswith("JSESSIONID=")
    assert client.get("/late").text == "first chunk, HttpSession"


def test_9_reading_the_id():
    """The first valid of several cookies; a decoded path; the cookie's name in URLs; unknown ids are not adopted."""
    browser = Browser(Site(cookie=SessionCookieConfig(name="SID"), **BOTH_MODES))
    with browser.request() as request:
        session = request.get_session()
    with browser.request(cookie=f"SID={UNKNOWN_ID}; SID={session.id}; SID={UNKNOWN_ID}") as request:
        assert request.get_session(create=False) == session
    with browser.request(f"/a%20b;SID={session.id}/c", cookie="no=1") as request:
        assert request.get_session(create=False) == session
        assert request.environ["PATH_INFO"] == "/a b/c"
    with browser.request(f"/a%3BSID={session.id}", cookie="no=1") as request:
        assert request.get_session(create=False) is None
        assert request.environ["PATH_INFO"] == f"/a;SID={session.id}"
    with browser.request(cookie=f"SID={UNKNOWN_ID}") as request:
        assert request.requested_session_id == UNKNOWN_ID
        assert request.get_session().id != UNKNOWN_ID


def test_10_the_cookie():
    """Max-Age with Expires; one Set-Cookie whatever a request does; attributes in one map, in step with settings."""
    config = SessionCookieConfig(max_age=60, attributes={"samesite": "Strict", "Priority": "High"})
    browser = Browser(Site(cookie=config))
    with browser.request() as request:
        request.get_session().invalidate()
        request.get_session()
        session_id = request.change_session_id()

    (header,) = request.set_cookies
    pair, *attributes = header.split("; ")
    assert pair == f"JSESSIONID={session_id}"
    names = [attribute.partition("=")[0] for attribute in attributes]
    assert sorted(names) == ["Expires", "HttpOnly", "Max-Age", "Path", "Priority", "SameSite"]
    assert config.same_site == config.as_attributes()["SAMESITE"] == "Strict"


def test_runner_up_destroyed_once(clock):
    """Threads that sweep and a thread that looks for an expired session: its end is told once."""
    log = Log()
    site = Site(listeners=[log], max_inactive_interval=10)
    browser = Browser(site)
    with browser.request() as request:
        request.get_session()
    clock.tick(10)
    barrier = threading.Barrier(8)

    def sweep():
        barrier.wait()
        site.manager.sweep()

    def look():
        barrier.wait()
        browser.session()

    threads = [threading.Thread(target=target) for target in [sweep, look] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert log.events == ["created", "destroyed"]


def test_runner_up_value_bound_comes_first():
    """Before the value can be reached."""
    seen = []

    class Curious(HttpSessionBindingListener):
        def value_bound(self, event):
            seen.append("a" in event.session)

    with Browser().request() as request:
        request.get_session()["a"] = Curious()

    assert seen == [False]


def test_runner_up_a_changed_id():
    """Listeners have run when ``change_session_id`` returns, and the old id is dead."""
    heard = []

    class Listener(HttpSessionIdListener):
        def session_id_changed(self, event, old_id):
            heard.append((old_id, event.session.id))

    browser = Browser(Site(listeners=[Listener()]))
    with browser.request() as request:
        old_id = request.get_session().id
    with browser.request() as request:
        new_id = request.change_session_id()
        assert heard == [(old_id, new_id)]
        with browser.request(cookie=f"JSESSIONID={old_id}") as thief:
            assert thief.get_session(create=False) is None


def test_runner_up_contexts_with_a_shared_cookie():
    """The id of one context opens nothing in another."""
    cookie = SessionCookieConfig(path="/")
    one, two = Site(mount="/one", cookie=cookie), Site(mount="/two", cookie=cookie)
    browser = Browser(one)
    with browser.request() as request:
        request.get_session()
    with browser.request(site=two) as request:
        assert request.requested_session_id is not None
        assert request.get_session(create=False) is None


def test_runner_up_any_type_of_value_in_memory():
    """Only distributable sessions refuse what cannot be serialised: in memory it is the very object."""
    browser = Browser()
    lock = threading.Lock()
    with browser.request() as request:
        request.get_session()["lock"] = lock

    assert browser.session()["lock"] is lock
