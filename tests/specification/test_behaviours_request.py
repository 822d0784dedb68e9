"""Servlet behaviours S1 to S19: how a request obtains its session."""

import pytest
from werkzeug.test import Client

from httpsession import (
    HttpSessionIdListener,
    IllegalStateError,
    InvalidSessionError,
    ResponseCommittedError,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    get_session,
    request_session,
)
from tests.support.browser import BOTH_MODES, UNKNOWN_ID, URL_ONLY, Browser
from tests.support.listeners import Log
from tests.support.site import Site
from tests.support.threads import race


def test_s1_get_session_creates_by_default():
    """Without an argument a session is made where there is none."""
    browser = Browser()
    with browser.request() as request:
        assert get_session(request.environ).is_new
    assert browser.site.active == 1


def test_s2_one_session_per_request():
    """However often a request asks, it gets one session; so does the next request of the client."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
        session["a"] = 1
        assert request.get_session() == session == request.get_session(create=False)
    with browser.request() as request:
        assert request.get_session().id == session.id
        assert request.get_session()["a"] == 1
    assert browser.site.active == 1


def test_s3_get_session_false_creates_nothing():
    """Where no session may be made there is none, no cookie, and nothing for listeners to hear."""
    log = Log()
    browser = Browser(Site(listeners=[log]))
    with browser.request() as request:
        assert request.get_session(create=False) is None

    assert request.set_cookies == []
    assert log.events == []


def test_s4_an_invalidated_session_is_replaced_under_one_cookie():
    """After an invalidation there is no session, then a new one with another id, and one cookie, the new one's."""
    browser = Browser()
    with browser.request() as request:
        old = request.get_session()
        old.invalidate()
        assert request.get_session(create=False) is None
        new = request.get_session()
        assert new.id != old.id

    (cookie,) = request.set_cookies
    assert cookie.startswith(f"JSESSIONID={new.id};")


def test_s4_a_session_of_the_client_is_replaced_under_one_cookie():
    """If the invalidated session came with the request, the new cookie is sent, and not also an expired one."""
    browser = Browser()
    with browser.request() as request:
        old = request.get_session()
    with browser.request() as request:
        request.get_session().invalidate()
        new = request.get_session()

    (cookie,) = request.set_cookies
    assert cookie.startswith(f"JSESSIONID={new.id};")
    assert browser.id == new.id != old.id


def test_s5_no_session_is_made_after_the_response_is_committed():
    """After the first chunk the cookie cannot be sent, so that making a session raises; the design's "committed"."""
    log = Log()
    browser = Browser(Site(listeners=[log]))
    with browser.request() as request:
        request.send(b"chunk")
        with pytest.raises(ResponseCommittedError):
            request.get_session()
        assert request.get_session(create=False) is None

    assert log.events == []


def test_s5_after_write():
    """The first ``write()`` commits, too."""

    def application(environ, start_response):
        start_response("200 OK", [])(b"chunk")
        with pytest.raises(ResponseCommittedError):
            get_session(environ)
        return [b" and more"]

    assert Client(SessionMiddleware(application)).get("/").text == "chunk and more"


def test_s5_a_session_can_be_made_after_start_response():
    """``start_response`` does not commit, nor does an empty chunk: until the first byte a session can be made."""

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b""
        yield get_session(environ).id.encode()

    response = Client(SessionMiddleware(application)).get("/")

    assert response.headers["Set-Cookie"].startswith(f"JSESSIONID={response.text};")


def test_s5_an_existing_session_is_there_after_the_commit():
    """A session that exists can be fetched at any time."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
        request.send(b"chunk")
        assert request.get_session() == session
    with browser.request() as request:
        request.send(b"chunk")
        assert request.get_session() == session


def test_s5_without_cookies_a_session_can_be_made_after_the_commit():
    """Where ids travel in URLs alone there is no cookie to be too late for."""
    with Browser(Site(**URL_ONLY)).request() as request:
        request.send(b"chunk")
        session = request.get_session()

        assert request.encode_url("next") == f"next;jsessionid={session.id}"


@pytest.mark.parametrize("sent", [UNKNOWN_ID, "garbage", '"quoted"', "a" * 5000])
def test_s6_the_requested_id_is_what_the_client_sent(sent):
    """Verbatim, although there is no session with it and none could be."""
    with Browser().request(cookie=f"other=1; JSESSIONID={sent}") as request:
        assert request.get_session(create=False) is None
        assert request.requested_session_id == sent


def test_s6_no_requested_id():
    """A client that sent none requested None."""
    with Browser().request(cookie="other=1") as request:
        assert request.requested_session_id is None


def test_s7_the_requested_id_stays():
    """Neither a new session nor an invalidation changes what the client requested."""
    browser = Browser()
    with browser.request(cookie=f"JSESSIONID={UNKNOWN_ID}") as request:
        assert request.get_session().id != UNKNOWN_ID
        assert request.requested_session_id == UNKNOWN_ID
    with browser.request() as request:
        session_id = request.get_session().id
        request.get_session().invalidate()
        request.get_session()
        assert request.requested_session_id == session_id


def test_s7_nor_does_a_changed_id():
    """The design's choice for D12: after ``change_session_id`` the requested id is the old one, and not valid."""
    browser = Browser()
    with browser.request() as request:
        old_id = request.get_session().id
    with browser.request() as request:
        assert request.is_requested_session_id_valid
        assert request.change_session_id() != old_id
        assert request.requested_session_id == old_id
        assert not request.is_requested_session_id_valid


def test_s8_no_id_is_not_valid():
    """Without an id there is none that could be valid; a session made in this request does not change that."""
    with Browser().request() as request:
        assert request.is_requested_session_id_valid is False
        request.get_session()
        assert request.is_requested_session_id_valid is False


def test_s9_an_id_is_valid_in_its_own_context():
    """An id that is unknown here is not valid, whatever it is elsewhere."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
    with browser.request(cookie=f"JSESSIONID={session.id}") as request:
        assert request.is_requested_session_id_valid is True
    with browser.request(cookie=f"JSESSIONID={session.id}", site=Site()) as request:
        assert request.is_requested_session_id_valid is False
    with browser.request(cookie=f"JSESSIONID={UNKNOWN_ID}") as request:
        assert request.is_requested_session_id_valid is False


def test_s9_an_expired_id_is_not_valid(clock):
    """An id whose session has timed out is not valid."""
    browser = Browser(Site(max_inactive_interval=10))
    with browser.request() as request:
        request.get_session()
    clock.tick(10)
    with browser.request() as request:
        assert request.is_requested_session_id_valid is False


def test_s10_an_invalidation_shows_within_the_request():
    """The requested id ceases to be valid as soon as the session is invalidated, by this request or another one."""
    browser = Browser()
    with browser.request() as request:
        request.get_session()
    with browser.request() as request, browser.request() as other:
        assert request.is_requested_session_id_valid
        assert other.is_requested_session_id_valid
        request.get_session().invalidate()
        assert not request.is_requested_session_id_valid
        assert not other.is_requested_session_id_valid


def test_s11_asking_for_validity_creates_nothing():
    """The question creates no session, and the request stays one access."""
    browser = Browser()
    with browser.request() as request:
        assert not request.is_requested_session_id_valid

    assert browser.site.active == 0
    assert request.set_cookies == []


def test_s11_asking_for_validity_is_no_access(clock):
    """The question leaves the last access what it was."""
    browser = Browser()
    with browser.request() as request:
        created = request.get_session().creation_time
    clock.tick(10)
    with browser.request() as request:
        assert request.is_requested_session_id_valid
        clock.tick(1)
        assert request.is_requested_session_id_valid
        assert request.get_session().last_accessed_time == created


@pytest.mark.parametrize("sent", [None, UNKNOWN_ID, "garbage"])
def test_s12_from_cookie(sent):
    """True if an id came in a cookie, whether it is valid or not."""
    with Browser(Site(**BOTH_MODES)).request(cookie=sent and f"JSESSIONID={sent}") as request:
        assert request.is_requested_session_id_from_cookie is (sent is not None)
        assert request.is_requested_session_id_from_url is False


@pytest.mark.parametrize("sent", [UNKNOWN_ID, "garbage"])
def test_s13_from_url(sent):
    """True if an id came in the URL, whether it is valid or not."""
    with Browser(Site(**BOTH_MODES)).request(f"/x;jsessionid={sent}") as request:
        assert request.is_requested_session_id_from_url is True
        assert request.is_requested_session_id_from_cookie is False


def test_s13_exactly_one_when_both_are_sent():
    """Where a cookie and the URL bring ids, the one that is the requested id decides."""
    browser = Browser(Site(**BOTH_MODES))
    with browser.request() as request:
        session = request.get_session()
    for path, cookie, from_cookie in [
        (f"/x;jsessionid={UNKNOWN_ID}", session.id, True),
        (f"/x;jsessionid={session.id}", UNKNOWN_ID, False),
        (f"/x;jsessionid={session.id}", session.id, True),
        ("/x;jsessionid=garbage", "garbage too", True),
    ]:
        with browser.request(path, cookie=f"JSESSIONID={cookie}") as request:
            assert request.is_requested_session_id_from_cookie is from_cookie
            assert request.is_requested_session_id_from_url is not from_cookie


def test_s14_no_id_to_change():
    """Without a session the call raises, and makes none."""
    browser = Browser()
    with browser.request() as request:
        with pytest.raises(IllegalStateError):
            request.change_session_id()
        assert request.get_session(create=False) is None

    assert request.set_cookies == []


def test_s15_change_session_id_keeps_the_session(clock):
    """The new id is another one; session, attributes and creation time stay; listeners have run before it returns."""

    class Listener(HttpSessionIdListener):
        def session_id_changed(self, event, old_id):
            event.session["ids"] = old_id, event.session.id

    browser = Browser(Site(listeners=[Listener()]))
    with browser.request() as request:
        session = request.get_session()
        session["a"] = value = object()
    old_id = session.id
    clock.tick(5)
    with browser.request() as request:
        new_id = request.change_session_id()
        same = request.get_session(create=False)

        assert new_id != old_id
        assert same.id == new_id
        assert same["ids"] == (old_id, new_id)
        assert same["a"] is value
        assert same.creation_time == same.last_accessed_time


def test_s16_the_old_id_is_dead_at_once():
    """The old id opens no session, even before the response is sent; the client gets the new id."""
    browser = Browser()
    with browser.request() as request:
        old_id = request.get_session().id
    with browser.request() as request:
        new_id = request.change_session_id()
        with browser.request(cookie=f"JSESSIONID={old_id}") as thief:
            assert thief.get_session(create=False) is None
    assert browser.id == new_id
    (cookie,) = request.set_cookies
    assert cookie.startswith(f"JSESSIONID={new_id};")
    assert browser.session().id == new_id


def test_s16_one_cookie_however_often_the_id_changes():
    """Creation and two changes in one request make one cookie, with the last id."""
    browser = Browser()
    with browser.request() as request:
        ids = [request.get_session().id, request.change_session_id(), request.change_session_id()]

    assert len(set(ids)) == 3
    (cookie,) = request.set_cookies
    assert cookie.startswith(f"JSESSIONID={ids[-1]};")


def test_s16_no_change_after_the_commit():
    """The design's choice for D23: the client could not be told, so that the call raises and the id stays."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
        request.send(b"chunk")
        with pytest.raises(ResponseCommittedError):
            request.change_session_id()

    assert browser.session().id == session.id


def test_s16_a_request_under_way_goes_on_under_the_new_id():
    """It keeps its session, and neither shows nor sends the new id, which is another request's to give out."""
    browser = Browser()
    with browser.request() as request:
        request.get_session()
    with browser.request() as slow:
        session = slow.get_session()
        with browser.request() as request:
            new_id = request.change_session_id()
        session["late"] = True
        assert session.id != new_id
        assert not slow.is_requested_session_id_valid

    assert slow.set_cookies == []
    assert browser.session()["late"] is True


def test_s16_an_access_before_the_change_counts(clock):
    """A request with the old id that ended before the id changed, and never asked for its session, was an access."""
    browser = Browser()
    with browser.request() as request:
        request.get_session()
    clock.tick(10)
    with browser.request() as request:
        request.get_session()
        clock.tick(10)
        browser.get("/static")
        clock.tick(10)
        request.change_session_id()
    with browser.request() as request:
        assert request.get_session().last_accessed_time == request.get_session().creation_time + 20


def test_s16_a_request_under_way_keeps_the_session_in_use_under_its_new_id(clock):
    """A request with the old id that is still being answered keeps the session from timing out: its touch follows."""
    browser = Browser(Site(max_inactive_interval=60))
    with browser.request() as request:
        request.get_session()
    with browser.request("/long/download") as slow:
        slow.send(b"chunk")
        with browser.request() as request:
            new_id = request.change_session_id()
        clock.tick(61)
        assert browser.session().id == new_id


def _two_requests():
    """Return two requests under way that have both got the same session, and their browser."""
    browser = Browser()
    with browser.request() as request:
        request.get_session()["a"] = 1
    one, other = browser.hold(), browser.hold()
    assert one.get_session() == other.get_session()
    return browser, one, other


def test_s16_two_changes_at_once():
    """One of two changes of the id wins, and the other one follows: the session goes on, and neither request fails."""

    def prepare():
        browser, one, other = _two_requests()

        def check(result, other_result):
            assert isinstance(result, str)
            assert isinstance(other_result, str)
            session = one.get_session(create=False)
            assert session == other.get_session(create=False)
            (new_id,) = {result, other_result} - {browser.id}
            with browser.request(cookie=f"JSESSIONID={new_id}") as request:
                assert request.get_session(create=False) == session

        return one.change_session_id, other.change_session_id, check

    race(prepare)


def test_s16_an_invalidation_meets_a_change_of_the_id():
    """Logout wins: an invalidation takes effect although another request is changing the id."""

    def prepare():
        browser, one, other = _two_requests()

        def check(result, other_result):
            assert result is None
            assert isinstance(other_result, str | IllegalStateError)
            assert browser.session() is None
            assert browser.site.active == 0

        return one.get_session().invalidate, other.change_session_id, check

    race(prepare)


def test_s16_a_login_meets_a_change_of_the_id():
    """A login takes effect although another request is changing the id."""

    def prepare():
        browser, one, other = _two_requests()

        def check(result, _):
            assert not isinstance(result, Exception)
            one.finish()
            assert len(browser.site.manager.sessions_of("ann")) == 1

        return lambda: one.login("ann"), other.change_session_id, check

    race(prepare)


def test_s17_a_change_of_the_id_is_neither_end_nor_beginning():
    """Listeners hear of the id, not of a session destroyed or created."""
    log = Log()
    with Browser(Site(listeners=[log])).request() as request:
        request.get_session()
        request.change_session_id()

    assert log.events == ["created", "id changed"]


def test_s18_a_copied_environ_is_the_same_request():
    """A middleware in between may hand on a copy: all of them share one session, whichever asks first."""

    def application(environ, start_response):
        session = get_session(environ)
        session["a"] = 1
        start_response("200 OK", [])
        return [session.id.encode()]

    def wrapper(environ, start_response):
        copy = dict(environ)
        body = application(copy, start_response)
        assert get_session(environ, create=False).id.encode() == body[0]
        assert request_session(copy) is request_session(environ)
        return body

    client = Client(SessionMiddleware(wrapper))

    assert client.get("/").text == client.get("/").text


def test_s19_dispatching_to_another_context():
    """Two contexts used in one request have a session each; the inner one's is there for direct requests later."""
    inner, log = Site(mount="/inner"), Log()
    browser = Browser(Site(listeners=[log]))
    seen = {}

    def included(environ, start_response):
        seen["inner"] = get_session(environ)
        start_response("200 OK", [])
        return [b""]

    with browser.request() as request:
        environ = {**request.environ, "SCRIPT_NAME": "/inner", "test.application": included}
        headers = []
        inner.app(environ, lambda status, more, exc_info=None: headers.extend(more))
        assert request.get_session(create=False) is None
        assert log.events == []
    (cookie,) = (value for name, value in headers if name == "Set-Cookie")
    assert "Path=/inner" in cookie
    with browser.request(site=inner, cookie=cookie.partition(";")[0]) as direct:
        assert direct.get_session(create=False) == seen["inner"]
    with browser.request(cookie=cookie.partition(";")[0]) as direct:
        assert direct.get_session(create=False) is None


def test_s19_a_session_in_each_context():
    """Where both contexts make a session in one request the two are distinct, and the client gets the ids of both."""
    inner, outer_site = Site(mount="/inner"), Site()
    sessions = {}

    def included(environ, start_response):
        sessions["inner"] = get_session(environ)
        start_response("200 OK", [])
        return [b""]

    def outer(environ, start_response):
        session = sessions["outer"] = get_session(environ)
        session["a"] = 1
        body = inner.app({**environ, "SCRIPT_NAME": "/inner", "test.application": included}, start_response)
        assert get_session(environ, create=False) == session
        return body

    client = Client(outer_site.app)
    client.get("/", environ_overrides={"test.application": outer})

    assert "a" not in sessions["inner"]
    assert client.get_cookie("JSESSIONID").value == sessions["outer"].id
    assert client.get_cookie("JSESSIONID", path="/inner").value == sessions["inner"].id != sessions["outer"].id


class CrashError(Exception):
    """An exception that the applications below raise."""


def _crashing_client(act, **arguments):
    """Return a client of an application with a page that prepares a session, and one that does *act* and fails."""

    def application(environ, start_response):
        requested = request_session(environ)
        match environ["PATH_INFO"]:
            case "/prepare":
                requested.get_session()["before"] = 1
            case "/crash":
                act(requested)
                raise CrashError
        session = requested.get_session(create=False)
        start_response("200 OK", [])
        return [repr(session and (session.principal, dict(session))).encode()]

    manager = SessionManager(config=SessionConfig(), **arguments)
    client = Client(SessionMiddleware(application, manager))
    client.get("/prepare")
    return client


def _set(requested):
    requested.get_session()["set"] = 1


def _login(requested):
    requested.login("ann")
    requested.get_session()["set"] = 1


def _change_set_login(requested):
    requested.change_session_id()
    requested.get_session()["set"] = 1
    requested.login("ann")


@pytest.mark.parametrize(
    ("act", "after"),
    [
        pytest.param(_set, "(None, {'before': 1, 'set': 1})", id="attribute"),
        pytest.param(_login, "(None, {'before': 1})", id="login"),
        pytest.param(_change_set_login, "(None, {'before': 1})", id="two changes"),
    ],
)
def test_s16_what_a_failing_request_leaves_behind(act, after):
    """The design's choice: attributes stay, but a new id that cannot reach the client does not take effect, nor does
    anything set with it: no half login."""
    client = _crashing_client(act)
    with pytest.raises(CrashError):
        client.get("/crash")

    assert client.get("/").text == after


def test_s16_a_failing_listener_does_not_keep_a_failed_login_alive():
    """An attribute listener that raises while a failed request is taken back does not leave the client locked out."""

    class Listener(Log):
        def attribute_removed(self, event):
            raise CrashError

    client = _crashing_client(_login, listeners=[Listener()])
    with pytest.raises(CrashError):
        client.get("/crash")

    assert client.get("/").text == "(None, {'before': 1})"


def test_s16_a_session_of_a_failing_request_is_ended():
    """A session whose cookie cannot be sent is not left behind."""
    log = Log()
    client = _crashing_client(lambda requested: requested.get_session(), listeners=[log])
    client.delete_cookie("JSESSIONID")
    with pytest.raises(CrashError):
        client.get("/crash")

    assert log.events == ["created", "added before=1", "created", "destroyed"]


def test_s2_an_invalid_handle_is_not_given_out_again():
    """Another request's invalidation shows: this one gets no session, or a new one with its own cookie."""
    browser = Browser()
    with browser.request() as request:
        old = request.get_session()
    with browser.request() as slow:
        session = slow.get_session()
        with browser.request() as request:
            request.get_session().invalidate()
        assert slow.get_session(create=False) is None
        with pytest.raises(InvalidSessionError):
            session["a"] = 1
        new = slow.get_session()

    assert new.id != old.id
    assert browser.id == new.id
