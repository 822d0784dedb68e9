"""httpsession.servlet: what the package does, under Java's names, in Java's units, with Java's exceptions."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from freezegun import freeze_time

import httpsession
from httpsession import SessionConfig, SessionManager, SessionMiddleware, servlet
from httpsession import SessionCookieConfig as NativeCookie
from httpsession.servlet import (
    HttpServletRequest,
    HttpServletResponse,
    HttpSession,
    HttpSessionBindingEvent,
    HttpSessionEvent,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
    SessionTrackingMode,
)
from tests.support.request import Request, fetch
from tests.support.site import streaming

COOKIE, URL, SSL = SessionTrackingMode
HOWTO = Path(__file__).parents[2] / "docs/howto/from-java.md"


class Recorder(servlet.HttpSessionListener, servlet.HttpSessionIdListener, servlet.HttpSessionAttributeListener):
    """Writes down what it hears, with what its events give."""

    def __init__(self):
        self.log = []

    def sessionCreated(self, se):
        self.log.append(("created", se.getSession().getId()))

    def sessionDestroyed(self, se):
        self.log.append(("destroyed", se.getSession().getAttributeNames()))

    def sessionIdChanged(self, event, old_session_id):
        self.log.append(("id changed", old_session_id, event.getSession().getId()))

    def attributeAdded(self, event):
        self.log.append(("added", event.getName(), event.getValue()))

    def attributeRemoved(self, event):
        self.log.append(("removed", event.getName(), event.getValue()))

    def attributeReplaced(self, event):
        self.log.append(("replaced", event.getName(), event.getValue()))


class Bound(servlet.HttpSessionBindingListener):
    """A value that writes down when it is bound and unbound."""

    def __init__(self):
        self.log = []

    def valueBound(self, event):
        self.log.append(("bound", event.getName(), event.getValue() is self, event.getSession().getAttribute("a")))

    def valueUnbound(self, event):
        self.log.append(("unbound", event.getName(), event.getValue() is self, event.getSession().getId()))


class Native(httpsession.HttpSessionListener):
    """A listener with the package's own names, which counts."""

    heard = 0

    def session_created(self, event):
        Native.heard += 1


@pytest.fixture
def context():
    """A context that is not initialised."""
    return ServletContext(streaming)


@pytest.fixture
def exchange(context):
    """A request under way in that context, from a client that has no session."""
    exchange = Request(context)
    yield exchange
    exchange.close()


@pytest.fixture
def session(exchange):
    """A session in the request that makes it."""
    return HttpServletRequest(exchange.environ).getSession()


def in_java(environ):
    """Return the request and the response of an environ."""
    return HttpServletRequest(environ), HttpServletResponse(environ)


class TestRequest:
    """HttpServletRequest."""

    def test_get_session(self, exchange):
        """None when there is none and none is wanted; then a new one, and the same from each call and each object."""
        request = HttpServletRequest(exchange.environ)

        assert request.getSession(False) is None
        assert request.getSession() == request.getSession(False) == HttpServletRequest(exchange.environ).getSession()

    def test_a_copy_of_the_environ_will_do(self, exchange):
        """The session is the same through a copy."""
        session = HttpServletRequest(dict(exchange.environ)).getSession()

        assert HttpServletRequest(exchange.environ).getSession(False) == session

    def test_change_session_id(self, exchange, session):
        """The new id is returned, and the session has it."""
        before = session.getId()
        after = HttpServletRequest(exchange.environ).changeSessionId()

        assert (before != after, session.getId()) == (True, after)

    def test_change_session_id_without_a_session(self, exchange):
        """IllegalStateException, caused by the package's own."""
        with pytest.raises(IllegalStateException, match="no session") as caught:
            HttpServletRequest(exchange.environ).changeSessionId()
        assert type(caught.value.__cause__) is httpsession.IllegalStateError

    def test_requested_session_id_in_a_cookie(self, context, exchange, session):
        """The id that the client sent, that it is valid, and that it was in a cookie."""
        exchange.finish()
        request = HttpServletRequest(Request(context, session.getId()).environ)

        assert request.getRequestedSessionId() == session.getId()
        assert request.isRequestedSessionIdValid()
        assert request.isRequestedSessionIdFromCookie()
        assert not request.isRequestedSessionIdFromURL()

    def test_requested_session_id_in_the_url(self, context):
        """Likewise in the URL; this one is not valid."""
        context.setSessionTrackingModes({URL})
        request = HttpServletRequest(Request(context, PATH_INFO="/x;jsessionid=nonsense").environ)

        assert request.getRequestedSessionId() == "nonsense"
        assert not request.isRequestedSessionIdValid()
        assert not request.isRequestedSessionIdFromCookie()
        assert request.isRequestedSessionIdFromURL()

    def test_no_requested_session_id(self, exchange):
        """None, and three times false."""
        request = HttpServletRequest(exchange.environ)

        assert request.getRequestedSessionId() is None
        assert not request.isRequestedSessionIdValid()
        assert not request.isRequestedSessionIdFromCookie()
        assert not request.isRequestedSessionIdFromURL()

    def test_servlet_context(self, context, exchange):
        """The very context that the request went to."""
        assert HttpServletRequest(exchange.environ).getServletContext() is context

    @pytest.mark.parametrize("kind", [HttpServletRequest, HttpServletResponse])
    def test_outside_of_a_context(self, kind):
        """An environ that has not come through a context is refused, by Java's exception."""
        with pytest.raises(IllegalStateException, match="SessionMiddleware"):
            kind({})


class TestResponse:
    """HttpServletResponse."""

    def test_encode(self, context):
        """URLs of the application are given the id, others are not."""
        context.setSessionTrackingModes({URL})
        request, response = in_java(Request(context).environ)
        session_id = request.getSession().getId()

        assert response.encodeURL("/a") == f"/a;jsessionid={session_id}"
        assert response.encodeRedirectURL("/a?b") == f"/a;jsessionid={session_id}?b"
        assert response.encodeURL("https://elsewhere.example/a") == "https://elsewhere.example/a"

    def test_a_redirect_above_the_root(self, exchange):
        """IllegalArgumentException, which is a ValueError as the original is."""
        with pytest.raises(IllegalArgumentException, match="above the root") as caught:
            HttpServletResponse(exchange.environ).encodeRedirectURL("../../..")
        assert type(caught.value.__cause__) is ValueError

    def test_is_committed(self, exchange):
        """As soon as the first chunk of the body is out; then no session can be made any more."""
        request, response = in_java(exchange.environ)
        assert not response.isCommitted()
        exchange.read()

        assert response.isCommitted()
        with pytest.raises(IllegalStateException) as caught:
            request.getSession()
        assert type(caught.value.__cause__) is httpsession.ResponseCommittedError


class TestSession:
    """HttpSession."""

    def test_times_are_milliseconds(self, context):
        """Whole ones: of the creation, and of the arrival of the request before."""
        with freeze_time("2026-01-01 12:00:00.123456") as clock:
            first = Request(context)
            session = HttpServletRequest(first.environ).getSession()
            assert session.getCreationTime() == session.getLastAccessedTime() == 1767268800123
            first.finish()
            clock.tick(10)
            fetch(context, session.getId())
            clock.tick(10)
            session = HttpServletRequest(Request(context, session.getId()).environ).getSession(False)

            assert (session.getCreationTime(), session.getLastAccessedTime()) == (1767268800123, 1767268810123)
            assert type(session.getCreationTime()) is type(session.getLastAccessedTime()) is int

    @pytest.mark.parametrize("millisecond", range(0, 1000, 7))
    def test_no_millisecond_is_lost(self, millisecond):
        """A time that floats cannot represent does not fall into the millisecond before."""
        with freeze_time(f"2026-01-01 12:00:00.{millisecond:03}"):
            session = HttpServletRequest(Request(ServletContext(streaming)).environ).getSession()

            assert session.getCreationTime() == 1767268800000 + millisecond

    def test_interval_is_in_seconds(self, session):
        """Round trip; zero and less are taken."""
        assert session.getMaxInactiveInterval() == 1800
        for interval in (500000, 0, -1):
            session.setMaxInactiveInterval(interval)
            assert session.getMaxInactiveInterval() == interval

    @pytest.mark.parametrize("interval", [2**31, "10", 1.5, None])
    def test_no_interval(self, session, interval):
        """A value that is no int in Java is refused."""
        with pytest.raises(IllegalArgumentException):
            session.setMaxInactiveInterval(interval)

    def test_attributes(self, session):
        """Set, get, names, remove; null removes, too, and stands for what is not there."""
        session.setAttribute("a", 1)
        session.setAttribute("b", 2)
        assert (session.getAttribute("a"), session.getAttribute("B"), session.getAttribute(None)) == (1, None, None)
        assert sorted(session.getAttributeNames()) == ["a", "b"]
        session.setAttribute("a", None)
        session.removeAttribute("b")
        session.removeAttribute("b")

        assert session.getAttributeNames() == ()

    def test_names_are_a_snapshot(self, session):
        """The names are a snapshot: the session may be changed during the iteration."""
        session.setAttribute("a", 1)
        session.setAttribute("b", 2)
        for name in session.getAttributeNames():
            session.removeAttribute(name)

        assert session.getAttributeNames() == ()

    def test_an_attribute_without_a_name(self, session):
        """IllegalArgumentException."""
        with pytest.raises(IllegalArgumentException, match="name of an attribute"):
            session.setAttribute(None, 1)

    def test_is_new(self, context, exchange, session):
        """Until the client comes back."""
        assert session.isNew()
        exchange.finish()

        assert not HttpServletRequest(Request(context, session.getId()).environ).getSession().isNew()

    @pytest.mark.parametrize(
        "call",
        [
            HttpSession.getCreationTime,
            HttpSession.getLastAccessedTime,
            HttpSession.getAccessor,
            HttpSession.getAttributeNames,
            HttpSession.invalidate,
            HttpSession.isNew,
            lambda session: session.getAttribute("a"),
            lambda session: session.setAttribute("a", 1),
            lambda session: session.removeAttribute("a"),
        ],
    )
    def test_refused_when_invalid(self, session, call):
        """IllegalStateException, which the package knows as its own IllegalStateError, with the leaf as its cause."""
        session.invalidate()

        with pytest.raises(IllegalStateException, match="invalidated") as caught:
            call(session)
        assert isinstance(caught.value, httpsession.IllegalStateError)
        assert type(caught.value.__cause__) is httpsession.InvalidSessionError

    def test_allowed_when_invalid(self, context, session):
        """The id, the context and the interval."""
        session_id = session.getId()
        session.invalidate()
        session.setMaxInactiveInterval(5)

        assert (session.getId(), session.getMaxInactiveInterval()) == (session_id, 5)
        assert session.getServletContext() is context

    def test_equality(self, context, exchange, session):
        """Objects for one session are equal, in one request and in another; a native handle is another thing."""
        exchange.finish()
        other = HttpServletRequest(Request(context, session.getId()).environ).getSession()

        assert (other == session, hash(other) == hash(session)) == (True, True)
        assert session != HttpServletRequest(Request(context).environ).getSession()
        assert session != httpsession.get_session(Request(context, session.getId()).environ)

    def test_repr(self, session):
        """Does not give away the id."""
        assert repr(session).startswith("<HttpSession ")
        assert session.getId() not in repr(session)


class TestAccessor:
    """HttpSession.Accessor."""

    def test_access(self, exchange, session):
        """The consumer gets an object of this kind for the same session."""
        accessor = session.getAccessor()
        exchange.finish()
        seen = []
        accessor.access(seen.append)

        assert isinstance(accessor, HttpSession.Accessor)
        assert seen == [session]
        assert type(seen[0]) is HttpSession

    def test_after_a_change_of_the_id(self, exchange, session):
        """IllegalStateException."""
        accessor = session.getAccessor()
        HttpServletRequest(exchange.environ).changeSessionId()

        with pytest.raises(IllegalStateException, match="id has changed"):
            accessor.access(print)

    def test_what_the_consumer_raises(self, session):
        """It comes out as it is, not translated."""
        raised = ValueError("the consumer's own")

        def consumer(session):
            raise raised

        with pytest.raises(ValueError, match="own") as caught:
            session.getAccessor().access(consumer)
        assert caught.value is raised


class TestCookieConfig:
    """SessionCookieConfig; what the TCK tests of it is in tests/specification/test_tck_configuration.py."""

    @pytest.fixture
    def cookie(self, context):
        """The cookie's configuration in a context that is not initialised."""
        return context.getSessionCookieConfig()

    @pytest.fixture
    def sent(self, context):
        """Return the Set-Cookie header of a new session of the context, without the id."""

        def sent():
            exchange = Request(context)
            HttpServletRequest(exchange.environ).getSession()
            (header,) = exchange.finish().set_cookies
            return re.sub("=[0-9A-F]{32};", ";", header)

        return sent

    def test_nothing_set(self, cookie, sent):
        """The getters say so, and the cookie is as the package has it."""
        assert (cookie.getName(), cookie.getDomain(), cookie.getPath(), cookie.getComment()) == (None,) * 4
        assert (cookie.isHttpOnly(), cookie.isSecure(), cookie.getMaxAge()) == (False, False, -1)
        assert (cookie.getAttribute("SameSite"), dict(cookie.getAttributes())) == (None, {})
        assert sent() == "JSESSIONID; HttpOnly; Path=/; SameSite=Lax"

    def test_one_and_the_same(self, context, cookie, exchange):
        """The context has one, before its initialisation and after."""
        assert context.getSessionCookieConfig() is cookie
        assert HttpServletRequest(exchange.environ).getServletContext().getSessionCookieConfig() is cookie

    @pytest.mark.parametrize(
        ("setter", "value", "getter", "attribute", "text"),
        [
            ("setDomain", "example.org", "getDomain", "domain", "example.org"),
            ("setPath", "/a", "getPath", "PATH", "/a"),
            ("setHttpOnly", True, "isHttpOnly", "httponly", ""),
            ("setHttpOnly", False, "isHttpOnly", "HttpOnly", None),
            ("setSecure", True, "isSecure", "secure", ""),
            ("setSecure", False, "isSecure", "Secure", None),
            ("setMaxAge", 60, "getMaxAge", "max-age", "60"),
            ("setMaxAge", 0, "getMaxAge", "Max-Age", "0"),
            ("setMaxAge", -1, "getMaxAge", "Max-Age", "-1"),
        ],
    )
    def test_setters_and_attributes_agree(self, cookie, setter, value, getter, attribute, text):
        """Setters and attributes set the same thing; names of attributes have no case (S80, S81)."""
        getattr(cookie, setter)(value)
        assert getattr(cookie, getter)() == value
        assert (cookie.getAttribute(attribute), cookie.getAttributes().get(attribute)) == (text, text)
        other = ServletContext(streaming).getSessionCookieConfig()
        other.setAttribute(attribute, text)

        assert getattr(other, getter)() == value
        assert dict(other.getAttributes()) == ({} if text is None else {attribute: text})

    def test_texts_of_booleans(self, cookie):
        """The attribute of a flag takes Java's true and false."""
        cookie.setAttribute("HttpOnly", "true")
        assert (cookie.isHttpOnly(), cookie.getAttribute("HttpOnly")) == (True, "")
        cookie.setAttribute("HttpOnly", "False")
        assert (cookie.isHttpOnly(), cookie.getAttribute("HttpOnly")) == (False, None)

    def test_any_negative_age(self, cookie):
        """Is -1: until the client is closed."""
        cookie.setMaxAge(-60)

        assert cookie.getMaxAge() == -1

    def test_everything_set(self, cookie, sent):
        """It is all in the cookie; the case of an attribute is the last one's."""
        cookie.setName("SID")
        cookie.setDomain("example.org")
        cookie.setPath("/a")
        cookie.setHttpOnly(False)
        cookie.setSecure(True)
        cookie.setAttribute("samesite", "None")
        cookie.setAttribute("partitioned", "")
        cookie.setAttribute("PRIORITY", "Low")
        cookie.setAttribute("Priority", "High")
        cookie.setAttribute("gone", "")
        cookie.setAttribute("Gone", None)

        assert (cookie.getName(), cookie.isSecure(), cookie.getAttributes()["priority"]) == ("SID", True, "High")
        assert sent() == "SID; Domain=example.org; Secure; Path=/a; SameSite=None; Partitioned; Priority=High"

    def test_max_age(self, cookie, sent):
        """Comes with Expires (S79)."""
        cookie.setMaxAge(60)
        with freeze_time("2026-01-01"):
            assert "; Expires=Thu, 01 Jan 2026 00:01:00 GMT; Max-Age=60;" in sent()

    def test_null_takes_away_what_is_there_by_default(self, cookie, sent):
        """A null leaves out SameSite or HttpOnly, which are there by default."""
        cookie.setAttribute("SameSite", None)
        cookie.setHttpOnly(False)

        assert sent() == "JSESSIONID; Path=/"

    def test_not_secure_means_as_the_request(self, context, cookie):
        """setSecure(false): Secure if the request that makes the session is (S78)."""
        cookie.setSecure(False)
        secure = []
        for scheme in ("http", "https"):
            exchange = Request(context, **{"wsgi.url_scheme": scheme})
            HttpServletRequest(exchange.environ).getSession()
            secure.append("Secure" in exchange.finish().set_cookies[0])

        assert secure == [False, True]

    def test_the_descriptor_shows(self):
        """The given configuration can be read, and settings made here are added to it (S85)."""
        config = SessionConfig(
            cookie=NativeCookie(name="SID", path="/a", max_age=60, same_site="Strict", attributes={"x": "1", "y": "2"})
        )
        context = ServletContext(streaming, config=config)
        cookie = context.getSessionCookieConfig()
        assert (cookie.getName(), cookie.getPath(), cookie.getMaxAge()) == ("SID", "/a", 60)
        assert dict(cookie.getAttributes()) == {
            "Path": "/a",
            "Max-Age": "60",
            "SameSite": "Strict",
            "x": "1",
            "y": "2",
        }
        cookie.setPath("/b")
        cookie.setAttribute("samesite", None)
        cookie.setAttribute("X", None)

        assert context.manager.config.cookie == NativeCookie(
            name="SID", path="/b", max_age=60, same_site=None, attributes={"y": "2"}
        )

    @pytest.mark.parametrize("name", [None, "", "a b", "a;b", "ä"])
    def test_no_name(self, cookie, name):
        """Of the cookie (S83) or of an attribute (S80): IllegalArgumentException, and nothing is set."""
        with pytest.raises(IllegalArgumentException, match="name") as caught:
            cookie.setName(name)
        assert type(caught.value.__cause__) is httpsession.ConfigError
        for value in ("x", None):
            with pytest.raises(IllegalArgumentException):
                cookie.setAttribute(name, value)

        assert (cookie.getName(), dict(cookie.getAttributes())) == (None, {})

    @pytest.mark.parametrize(
        ("name", "value"),
        [("Path", "a"), ("Domain", "a;b"), ("Max-Age", "soon"), ("SameSite", "perhaps"), ("x", "a;b"), ("x", 1)],
    )
    def test_no_value(self, cookie, name, value):
        """A value that no cookie can have is refused where it is set."""
        with pytest.raises(IllegalArgumentException):
            cookie.setAttribute(name, value)

        assert cookie.getAttribute(name) is None

    def test_what_only_goes_together_may_come_in_any_order(self, context, cookie):
        """SameSite=None and __Host- need Secure and Path=/, which may be set later; but they must be in the end."""
        cookie.setName("__Host-SID")
        cookie.setAttribute("SameSite", "None")
        with pytest.raises(IllegalArgumentException, match="secure"):
            fetch(context)
        cookie.setSecure(True)
        cookie.setPath("/")

        assert fetch(context).status == "200 OK"

    @pytest.mark.parametrize(
        ("setter", "arguments"),
        [
            ("setName", ["SID"]),
            ("setDomain", ["example.org"]),
            ("setPath", ["/a"]),
            ("setComment", ["a comment"]),
            ("setHttpOnly", [True]),
            ("setSecure", [True]),
            ("setMaxAge", [1]),
            ("setAttribute", ["a", "b"]),
        ],
    )
    def test_frozen(self, context, cookie, setter, arguments):
        """After the first request all setters refuse, and the getters go on (S72)."""
        getattr(cookie, setter)(*arguments)
        before = dict(cookie.getAttributes()), cookie.getName(), cookie.getComment()
        fetch(context)

        with pytest.raises(IllegalStateException, match="initialised"):
            getattr(cookie, setter)(*arguments)
        assert before == (dict(cookie.getAttributes()), cookie.getName(), None)

    def test_attributes_are_read_only(self, cookie):
        """The mapping is not to be written to."""
        with pytest.raises(TypeError):
            cookie.getAttributes()["a"] = "b"


class TestContext:
    """ServletContext."""

    def test_timeout_is_in_minutes(self, context):
        """30 by default; new sessions have it in seconds."""
        assert context.getSessionTimeout() == 30
        context.setSessionTimeout(20)
        assert context.getSessionTimeout() == 20

        assert HttpServletRequest(Request(context).environ).getSession().getMaxInactiveInterval() == 1200

    @pytest.mark.parametrize("minutes", [0, -1])
    def test_no_timeout(self, context, minutes):
        """Zero and less: never."""
        context.setSessionTimeout(minutes)
        with freeze_time("2026-01-01") as clock:
            exchange = Request(context)
            session = HttpServletRequest(exchange.environ).getSession()
            exchange.finish()
            clock.tick(365 * 24 * 3600)

            assert context.getSessionTimeout() == minutes
            assert HttpServletRequest(Request(context, session.getId()).environ).getSession(False) == session

    @pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (60, 1), (61, 2), (0, 0), (-1, 0), (-60, -1)])
    def test_timeout_of_the_descriptor(self, seconds, minutes):
        """Rounded up, so that a short one is not taken for none."""
        config = SessionConfig(max_inactive_interval=seconds)

        assert ServletContext(streaming, config=config).getSessionTimeout() == minutes

    @pytest.mark.parametrize("minutes", [2**31, "20", 1.5, None])
    def test_no_such_timeout(self, context, minutes):
        """IllegalArgumentException, and the timeout stays."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTimeout(minutes)

        assert context.getSessionTimeout() == 30

    def test_tracking_modes(self, context):
        """The last setting counts; the default does not change; the sets are the caller's own (S87 to S89)."""
        context.setSessionTrackingModes({COOKIE, URL})
        context.setSessionTrackingModes([URL])
        for modes in (context.getDefaultSessionTrackingModes(), context.getEffectiveSessionTrackingModes()):
            modes.add(SSL)

        assert context.getDefaultSessionTrackingModes() == {COOKIE}
        assert context.getEffectiveSessionTrackingModes() == {URL}
        assert context.manager.config.tracking_modes == {URL}

    @pytest.mark.parametrize("modes", [set(), {SSL}, {SSL, COOKIE}, None, {"CARRIER PIGEON"}])
    def test_no_tracking_modes(self, context, modes):
        """IllegalArgumentException, and the modes stay (S90)."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTrackingModes(modes)

        assert context.getEffectiveSessionTrackingModes() == {COOKIE}

    @pytest.mark.parametrize(
        "setter",
        [
            lambda context: context.setSessionTimeout(1),
            lambda context: context.setSessionTrackingModes({COOKIE}),
            lambda context: context.addListener(Recorder()),
        ],
        ids=["timeout", "modes", "listener"],
    )
    def test_frozen(self, context, setter):
        """Its setters work until the first request, and then never again (S69, S89, S93)."""
        setter(context)
        fetch(context)

        with pytest.raises(IllegalStateException, match="initialised"):
            setter(context)

    def test_frozen_in_the_first_request(self):
        """That request cannot set anything any more."""

        def app(environ, start_response):
            with pytest.raises(IllegalStateException):
                HttpServletRequest(environ).getServletContext().setSessionTimeout(1)
            return streaming(environ, start_response)

        assert fetch(ServletContext(app)).status == "200 OK"

    def test_two_first_requests(self):
        """When they come at once there is still one initialisation."""
        context = ServletContext(streaming)
        barrier = threading.Barrier(8)
        managers = []

        def first():
            barrier.wait()
            managers.append(context.manager)

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(managers) == 8
        assert len(set(managers)) == 1

    @pytest.mark.parametrize("listener", [Recorder, Recorder(), Native()], ids=["class", "instance", "native"])
    def test_listener(self, listener):
        """A class is as good as an instance, and the package's own kinds as Java's: all hear."""
        context = ServletContext(streaming)
        context.addListener(listener)
        context.addListener(Native)
        Native.heard = 0
        HttpServletRequest(Request(context).environ).getSession()

        assert Native.heard == 1 + isinstance(listener, Native)

    @pytest.mark.parametrize(
        "listener",
        [object(), object, None, "listener", Bound(), Bound, dict, type],
        ids=["o", "class", "none", "str", "v", "vc", "dict", "type"],
    )
    def test_no_listener(self, context, listener):
        """An object of none of the registered kinds is refused, also a listener that belongs on a value (S93)."""
        with pytest.raises(IllegalArgumentException, match="listener"):
            context.addListener(listener)

    def test_wrong_construction(self):
        """A value that is no application, store or configuration is refused at once."""
        for wrong in (5, None, "application"):
            with pytest.raises(IllegalArgumentException, match="application"):
                ServletContext(wrong)
        for wrong in ("nowhere://", SessionConfig(), object()):
            with pytest.raises(IllegalArgumentException, match="store"):
                ServletContext(streaming, wrong)
        with pytest.raises(IllegalArgumentException, match="SessionConfig"):
            ServletContext(streaming, config={})

    def test_store(self):
        """The sessions are kept in the store that was given."""
        assert ServletContext(streaming, "memory://").manager.stats().active == 0
        with pytest.raises(IllegalArgumentException):
            fetch(ServletContext(streaming, "carrier-pigeon://"))

    def test_two_contexts(self, context, exchange, session):
        """Share no session, even if they get the same id (S134)."""
        exchange.finish()
        other = ServletContext(streaming)

        assert HttpServletRequest(Request(other, session.getId()).environ).getSession(False) is None
        assert HttpServletRequest(Request(other).environ).getServletContext() is other

    def test_close(self):
        """Ends the sessions and tells the listeners (S66); a context that was never used has nothing to close."""
        recorder = Recorder()
        context = ServletContext(streaming)
        context.addListener(recorder)
        context.close()
        exchange = Request(context)
        HttpServletRequest(exchange.environ).getSession()
        exchange.finish()
        context.close()

        assert [event[0] for event in recorder.log] == ["created", "destroyed"]

    def test_errors_of_the_application(self):
        """Pass unchanged: they are none of ours."""
        raised = httpsession.InvalidSessionError("the application's own")

        def app(environ, start_response):
            raise raised

        with pytest.raises(httpsession.InvalidSessionError) as caught:
            fetch(ServletContext(app))
        assert caught.value is raised


class TestNativeManager:
    """Requests through a SessionMiddleware, without a ServletContext."""

    @pytest.fixture
    def manager(self):
        """A manager with settings of its own, and a listener of Java's kind."""
        self.recorder = Recorder()
        config = SessionConfig(max_inactive_interval=120, tracking_modes=["URL"], cookie=NativeCookie(name="SID"))
        return SessionManager(config=config, listeners=[self.recorder])

    @pytest.fixture
    def request_(self, manager):
        """A request under way."""
        return HttpServletRequest(Request(SessionMiddleware(streaming, manager)).environ)

    def test_context(self, manager, request_):
        """There is a context, always the same, that tells how the manager is configured and cannot be changed."""
        context = request_.getServletContext()

        assert request_.getSession().getServletContext() is context
        assert context.manager is manager
        assert context.getSessionTimeout() == 2
        assert context.getEffectiveSessionTrackingModes() == context.getDefaultSessionTrackingModes() == {URL}
        assert context.getSessionCookieConfig().getName() == "SID"
        with pytest.raises(IllegalStateException):
            context.setSessionTimeout(1)
        with pytest.raises(IllegalStateException, match="view"):
            fetch(context)

    def test_listeners(self, request_):
        """Java's listeners hear, and Java's values."""
        session, value = request_.getSession(), Bound()
        session.setAttribute("a", value)

        assert [event[0] for event in self.recorder.log] == ["created", "added"]
        assert value.log == [("bound", "a", True, None)]


class TestListeners:
    """The five kinds, with Java's method names."""

    @pytest.fixture
    def recorder(self, context):
        """A listener of the three registered kinds."""
        recorder = Recorder()
        context.addListener(recorder)
        return recorder

    def test_registered_kinds(self, recorder, exchange):
        """They hear what the native ones hear, with the session and the values in their events."""
        request = HttpServletRequest(exchange.environ)
        session = request.getSession()
        old = session.getId()
        session.setAttribute("a", 1)
        session.setAttribute("a", 2)
        session.setAttribute("b", 3)
        session.removeAttribute("b")
        new = request.changeSessionId()
        session.invalidate()

        assert recorder.log == [
            ("created", old),
            ("added", "a", 1),
            ("replaced", "a", 1),
            ("added", "b", 3),
            ("removed", "b", 3),
            ("id changed", old, new),
            ("destroyed", ("a",)),
            ("removed", "a", 2),
        ]

    def test_values(self, session):
        """A value hears before it can be read, and when it is removed; the session in its events is Java's."""
        value = Bound()
        session.setAttribute("a", value)
        session.removeAttribute("a")

        assert value.log == [("bound", "a", True, None), ("unbound", "a", True, session.getId())]

    def test_activation(self, session):
        """Java's methods are called with Java's event for the native ones."""

        class Value(servlet.HttpSessionActivationListener):
            def sessionWillPassivate(self, se):
                heard.append(("will passivate", se.getSession()))

            def sessionDidActivate(self, se):
                heard.append(("did activate", se.getSession()))

        heard = []
        event = httpsession.HttpSessionEvent(session._session)
        Value().session_will_passivate(event)
        Value().session_did_activate(event)

        assert heard == [("will passivate", session), ("did activate", session)]

    def test_defaults(self, context):
        """A listener need not implement anything (S108)."""
        for kind in (servlet.HttpSessionListener, servlet.HttpSessionIdListener, servlet.HttpSessionAttributeListener):
            context.addListener(kind)
        request = HttpServletRequest(Request(context).environ)
        session = request.getSession()
        event = httpsession.HttpSessionEvent(session._session)
        value = servlet.HttpSessionActivationListener()
        value.session_will_passivate(event)
        value.session_did_activate(event)
        for attribute in (servlet.HttpSessionBindingListener(), 1, None):
            session.setAttribute("a", attribute)
        request.changeSessionId()
        session.invalidate()

    @pytest.mark.parametrize("error", [ValueError("own"), httpsession.ConfigError("own"), KeyError("own")], ids=repr)
    def test_what_a_listener_raises(self, session, error):
        """Comes out of the call as it is, though it is of a kind that is translated when the package raises it."""

        class Value(servlet.HttpSessionBindingListener):
            def valueBound(self, event):
                raise error

        with pytest.raises(type(error)) as caught:
            session.setAttribute("a", Value())
        assert caught.value is error

    def test_what_a_listener_is_refused(self, session):
        """In Java's words, which reach the caller unchanged."""

        class Value(servlet.HttpSessionBindingListener):
            def valueUnbound(self, event):
                event.getSession().getAttribute("a")

        session.setAttribute("a", Value())
        with pytest.raises(IllegalStateException, match="invalidated") as caught:
            session.invalidate()
        assert type(caught.value.__cause__) is httpsession.InvalidSessionError


class TestEvents:
    """HttpSessionEvent and HttpSessionBindingEvent."""

    def test_session_event(self, session):
        """A HttpSessionEvent has a session."""
        assert HttpSessionEvent(session).getSession() is session

    @pytest.mark.parametrize("arguments", [("a",), ("a", 1)])
    def test_binding_event(self, session, arguments):
        """A HttpSessionBindingEvent has a session, a name and, if it was given, a value."""
        event = HttpSessionBindingEvent(session, *arguments)

        assert event.getSession() is session
        assert (event.getName(), event.getValue()) == ("a", 1 if len(arguments) == 2 else None)

    def test_without_a_session(self):
        """IllegalArgumentException, as java.util.EventObject does (S113)."""
        with pytest.raises(IllegalArgumentException, match="session"):
            HttpSessionEvent(None)
        with pytest.raises(IllegalArgumentException, match="session"):
            HttpSessionBindingEvent(None, "a")


def test_the_exceptions_are_of_this_package():
    """Java's exceptions derive from this package's and from Python's."""
    assert issubclass(IllegalStateException, httpsession.IllegalStateError)
    assert issubclass(IllegalArgumentException, httpsession.SessionError)
    assert issubclass(IllegalArgumentException, ValueError)


def test_tracking_modes_are_the_same():
    """One enum serves both."""
    assert servlet.SessionTrackingMode is httpsession.SessionTrackingMode


@pytest.mark.parametrize("name", servlet.__all__)
def test_everything_is_documented(name):
    """Each public name has a docstring of its own, and so have its public members."""
    public = getattr(servlet, name)
    own = [member for kind in (public, getattr(public, "Accessor", None)) for member in vars(kind or object).items()]
    missing = [member for member, value in own if not member.startswith("_") and callable(value) and not value.__doc__]

    assert public.__doc__ != public.__base__.__doc__
    assert missing == []


def test_the_program_of_the_guide(tmp_path):
    """docs/howto/from-java.md: the ported servlet runs as it stands there, and prints what is said."""
    page = HOWTO.read_text()
    program = re.search(r"^```sh\npython -c '\n(.*?)^'\n```$", page, re.DOTALL | re.MULTILINE)[1]
    expected = re.search(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert result.stderr == ""
    assert result.stdout == expected
    for call in ("getSession()", "invalidate()", 'getAttribute("visits")', 'setAttribute("visits"', "encodeURL("):
        assert page.count(call) >= 2, "in Java and in Python"
