"""The TCK's tests of the configuration, under the names they have there, through httpsession.servlet.

Left out: ServletContext40Tests#setSessionTimeoutContextListenerInTLD and the scinitializer package's
GetSessionCookieconfigTests#getSessionCookieConfigTest and SetSessionTrackingModesTests#setSessionTrackingModes, which
want an UnsupportedOperationException in a ServletContextListener that another one has added; there are none of those.
ServerPushTests are about HTTP/2 pushes, which WSGI has not. The String variants of ServletContext303Tests are in
test_tck_more.py.
"""

import pytest

from httpsession import SessionConfig
from httpsession.servlet import (
    HttpServletRequest,
    HttpSessionAttributeListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
    SessionTrackingMode,
)
from tests.support.request import Request
from tests.support.site import streaming

COOKIE, URL, SSL = SessionTrackingMode


@pytest.fixture
def context():
    """A context before its initialisation."""
    return ServletContext(streaming)


@pytest.fixture
def request_(context):
    """A request under way, so that the context is initialised."""
    return HttpServletRequest(Request(context).environ)


class TestSessionCookieConfigTests:
    """jakarta.servlet.SessionCookieConfig."""

    @pytest.fixture
    def cookie(self, request_):
        """The configuration of the cookie as a servlet gets it."""
        return request_.getServletContext().getSessionCookieConfig()

    def test_constructortest1(self, context):
        """The getters give what the setters were given, and the cookie has it."""
        cookie = context.getSessionCookieConfig()
        assert cookie.getMaxAge() == -1
        assert cookie.getName() in (None, "JSESSIONID")
        cookie.setName("TCK_Cookie_Name")
        cookie.setComment("TCK")
        cookie.setPath("/app/TestServlet")
        cookie.setDomain("www.example.com")
        cookie.setMaxAge(50000)
        cookie.setHttpOnly(False)
        cookie.setSecure(True)
        cookie.setAttribute("a1", "b2")
        assert cookie.getName() == "TCK_Cookie_Name"
        assert cookie.getComment() is None
        assert cookie.getPath() == "/app/TestServlet"
        assert cookie.getDomain() == "www.example.com"
        assert cookie.getMaxAge() == 50000
        assert cookie.isHttpOnly() is False
        assert cookie.isSecure() is True
        assert cookie.getAttribute("a1") == "b2"
        exchange = Request(context, SCRIPT_NAME="/app")
        HttpServletRequest(exchange.environ).getSession()
        (header,) = exchange.finish().set_cookies

        for part in ("TCK_Cookie_Name=", "Expires=", "Path=/app/TestServlet", "Secure", "a1=b2"):
            assert part in header

    def test_setNameTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setName("WHO_AM_I")

    def test_setCommentTest(self, cookie):
        """Too late in a request, though it would do nothing before."""
        with pytest.raises(IllegalStateException):
            cookie.setComment("WHO_AM_I")

    def test_setPathTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setPath("/WHO_AM_I")

    def test_setDomainTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setDomain("who.am.i")

    def test_setMaxAgeTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setMaxAge(12345)

    def test_setHttpOnlyTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setHttpOnly(True)

    def test_setSecureTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setSecure(True)

    def test_setAttributeTest(self, cookie):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            cookie.setAttribute("some-name", "some-value")


class TestSessionTrackingModeTests:
    """Modes are set before the initialisation."""

    def test_setSessionTrackingModes(self, context):
        """The modes that were set are effective."""
        context.setSessionTrackingModes({COOKIE, URL})
        request = HttpServletRequest(Request(context).environ)

        assert request.getServletContext().getEffectiveSessionTrackingModes() >= {COOKIE, URL}


class TestSessionTrackingMode1Tests:
    """Modes are set in a request."""

    def test_setSessionTrackingModes1(self, request_):
        """Too late for COOKIE."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().setSessionTrackingModes({COOKIE})

    def test_setSessionTrackingModes2(self, request_):
        """Too late for URL."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().setSessionTrackingModes({URL})

    def test_setSessionTrackingModes3(self, request_):
        """Too late for SSL, too."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().setSessionTrackingModes({SSL})

    def test_setSessionTrackingModes4(self, request_):
        """Too late for COOKIE and URL."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().setSessionTrackingModes({COOKIE, URL})


class TestSessionTrackingMode2Tests:
    """SSL goes with no other mode."""

    def test_setSessionTrackingModes5(self, context):
        """URL and SSL."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTrackingModes({URL, SSL})


class TestSessionTrackingMode3Tests:
    """SSL goes with no other mode."""

    def test_setSessionTrackingModes6(self, context):
        """COOKIE and SSL."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTrackingModes({COOKIE, SSL})


class TestSessionTrackingMode4Tests:
    """SSL goes with no other mode."""

    def test_setSessionTrackingModes7(self, context):
        """All three."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTrackingModes({COOKIE, SSL, URL})


class TestServletContext30Tests:
    """Additions of Servlet 3.0 to the context."""

    def test_getDefaultSessionTrackingModes(self, request_):
        """Known members, at least one."""
        modes = request_.getServletContext().getDefaultSessionTrackingModes()

        assert modes
        assert modes <= {COOKIE, URL, SSL}

    @pytest.mark.parametrize("name", ["COOKIE", "URL", "SSL"])
    def test_sessionTrackingModesValueOfTest(self, name):
        """A member is found by its name."""
        assert SessionTrackingMode[name].name == name

    def test_sessionTrackingModesValuesTest(self):
        """There are three, in this order."""
        assert [mode.name for mode in SessionTrackingMode] == ["COOKIE", "URL", "SSL"]


class TestServletContext40Tests:
    """Additions of Servlet 4.0 to the context."""

    def test_changeSessionTimeoutTest(self):
        """The descriptor says 54 minutes, then 20 are set."""
        context = ServletContext(streaming, config=SessionConfig(max_inactive_interval=54 * 60))
        assert context.getSessionTimeout() == 54
        context.setSessionTimeout(20)
        request = HttpServletRequest(Request(context).environ)

        assert request.getServletContext().getSessionTimeout() == 20
        assert request.getSession().getMaxInactiveInterval() == 1200

    def test_setSessionTimeoutContextInitialized(self, request_):
        """Too late in a request."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().setSessionTimeout(1)

    def test_getEffectiveSessionTrackingModes(self, request_):
        """The default, if nothing was set."""
        context = request_.getServletContext()

        assert context.getEffectiveSessionTrackingModes() == context.getDefaultSessionTrackingModes()


class TestScInitializer:
    """GetDefaultSessionTrackingModesTests and GetEffectiveSessionTrackingModesTests: asked from an added listener."""

    @pytest.fixture
    def asked(self, context):
        """The context of a listener that was added."""

        class Asking(HttpSessionListener):
            def sessionCreated(self, se):
                context = se.getSession().getServletContext()
                modes.append(context.getDefaultSessionTrackingModes())
                modes.append(context.getEffectiveSessionTrackingModes())

        modes = []
        context.addListener(Asking)
        HttpServletRequest(Request(context).environ).getSession()
        return modes

    def test_getDefaultSessionTrackingModes(self, asked):
        """It may ask for the default."""
        assert asked[0] == {COOKIE}

    def test_getEffectiveSessionTrackingModes(self, asked):
        """It may ask for what is effective."""
        assert asked[1] == {COOKIE}


class TestServletContext301Tests:
    """A listener of a foreign kind; likewise ServletContext302Tests."""

    @pytest.mark.parametrize("foreign", [object, object()], ids=["class", "instance"])
    def test_addListenerTest(self, context, foreign):
        """A class, or an object, that is no listener."""
        with pytest.raises(IllegalArgumentException):
            context.addListener(foreign)


class TestServletContext303Tests:
    """Listeners are added in a request."""

    def test_negativeaddHListenerClassTest(self, request_):
        """Too late for a session listener."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().addListener(HttpSessionListener)

    def test_negativeaddHAListenerClassTest(self, request_):
        """Too late for an attribute listener."""
        with pytest.raises(IllegalStateException):
            request_.getServletContext().addListener(HttpSessionAttributeListener)


class Log(HttpSessionListener, HttpSessionAttributeListener):
    """Says in a list that its kinds share what it hears; the kinds differ by their names."""

    events: list[str] = []  # noqa: RUF012 (cleared by the test)

    def sessionCreated(self, se):
        """Say so."""
        self.events.append(f"{type(self).__name__} created")

    def sessionDestroyed(self, se):
        """Say so."""
        self.events.append(f"{type(self).__name__} destroyed")

    def attributeAdded(self, event):
        """Say so."""
        self.events.append(f"{type(self).__name__} added {event.getName()}={event.getValue()}")

    def attributeRemoved(self, event):
        """Say so."""
        self.events.append(f"{type(self).__name__} removed {event.getName()}={event.getValue()}")


class First(Log):
    """The first that is added."""


class Second(Log):
    """The second that is added."""


class Third(Log):
    """The third that is added."""


@pytest.fixture
def events(context):
    """The log of three listeners, one of which is added by its class and two as instances."""
    for listener in (First, Second(), Third()):
        context.addListener(listener)
    Log.events.clear()
    return Log.events


class TestServletContext304Tests:
    """The order of session listeners."""

    def test_addListenerTest(self, events, request_):
        """Of a new session they hear in the order in which they were added, of its end in the reverse order."""
        request_.getSession().invalidate()

        assert events == [
            *("First created", "Second created", "Third created"),
            *("Third destroyed", "Second destroyed", "First destroyed"),
        ]


class TestServletContext305Tests:
    """The order of attribute listeners."""

    def test_addListenerTest(self, events, request_):
        """They hear in the order in which they were added, of what an invalidation removes, too."""
        session = request_.getSession()
        session.setAttribute("a", 0)
        session.invalidate()

        assert [event for event in events if "a=0" in event] == [
            *("First added a=0", "Second added a=0", "Third added a=0"),
            *("First removed a=0", "Second removed a=0", "Third removed a=0"),
        ]
