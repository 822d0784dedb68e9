"""Servlet behaviours of a context, through httpsession.servlet where only that has them: S65 to S73, S76, S85 and more.

S67 and S70 are not here: sessions are in memory, and the timeout is fixed before there is one.
"""

import pytest

from httpsession import ConfigError, HttpSessionBindingListener, SessionConfig
from httpsession import HttpSessionBindingEvent as NativeBindingEvent
from httpsession import HttpSessionEvent as NativeEvent
from httpsession.servlet import (
    HttpServletRequest,
    HttpServletResponse,
    HttpSessionBindingEvent,
    HttpSessionEvent,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
    SessionTrackingMode,
)
from tests.support.browser import URL_ONLY, Browser
from tests.support.core import store_of
from tests.support.listeners import Log
from tests.support.request import Request, fetch
from tests.support.site import Site, streaming

WEB_XML = """
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  {}
</web-app>
"""


@pytest.fixture
def context():
    """A context that is not initialised."""
    return ServletContext(streaming)


@pytest.fixture
def web_xml(tmp_path):
    """A function that reads a web.xml with the given elements."""

    def read(elements):
        path = tmp_path / "web.xml"
        path.write_text(WEB_XML.format(elements))
        return SessionConfig.from_web_xml(path)

    return read


def served(context):
    """Return a request under way, whose context is initialised."""
    return HttpServletRequest(Request(context).environ)


def test_s5_whether_the_response_is_committed(context):
    """Not at ``start_response``, but with the first chunk; then no session can be made."""
    exchange = Request(context)
    response = HttpServletResponse(exchange.environ)

    assert (response.isCommitted(), exchange.session.is_committed) == (False, False)
    exchange.read()
    assert (response.isCommitted(), exchange.session.is_committed) == (True, True)
    with pytest.raises(IllegalStateException):
        HttpServletRequest(exchange.environ).getSession()


def test_s65_a_login_keeps_the_session():
    """Attributes survive a login; what changes is the id."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
        session["cart"] = ["book"]
        before = session.id
    with browser.request() as request:
        session = request.login("ada")
        assert session["cart"] == ["book"]
        assert session.id != before


@pytest.mark.parametrize("end", ["timeout", "invalidation"])
def test_s65_the_end_of_the_session_logs_out(clock, end):
    """A session that is created afterwards has no principal."""
    browser = Browser()
    with browser.request() as request:
        session = request.login("ada")
        if end == "invalidation":
            session.invalidate()
    if end == "timeout":
        clock.tick(1800)
    with browser.request() as request:
        assert request.get_session().principal is None


def test_s66_closing_the_context():
    """Its sessions end, and listeners are told in the reverse order, while attributes can be read."""
    events = []
    site = Site(listeners=[Log(name, events) for name in "12"])
    with Browser(site).request() as request:
        request.get_session()["a"] = 0
    del events[:]
    site.manager.close()

    assert events == ["2 destroyed", "1 destroyed", "1 removed a=0", "2 removed a=0"]
    assert len(store_of(site.manager)) == 0


def test_s66_closing_the_servlet_context(context):
    """ServletContext.close() does that."""
    seen = []

    class Listener(HttpSessionListener):
        def session_destroyed(self, event):
            seen.append(event.session.id)

    context.addListener(Listener())
    session = served(context).getSession()
    context.close()

    assert seen == [session.getId()]


def test_s68_minutes(context):
    """The timeout of the context is in minutes; 30 by default, and zero is kept."""
    assert context.getSessionTimeout() == 30
    context.setSessionTimeout(0)
    assert context.getSessionTimeout() == 0
    context.setSessionTimeout(20)
    assert context.getSessionTimeout() == 20
    assert served(context).getSession().getMaxInactiveInterval() == 20 * 60


def test_s69_too_late_for_the_timeout(context):
    """After the initialisation it cannot be set, and stays."""
    context.setSessionTimeout(20)
    fetch(context)
    with pytest.raises(IllegalStateException):
        context.setSessionTimeout(10)

    assert context.getSessionTimeout() == 20


def test_s71_one_cookie_configuration(context):
    """It is the same object each time, before the initialisation and after, from the context of a request, too."""
    cookie = context.getSessionCookieConfig()

    assert context.getSessionCookieConfig() is cookie
    assert served(context).getServletContext().getSessionCookieConfig() is cookie


@pytest.mark.parametrize(
    ("setter", "arguments", "getter"),
    [
        ("setName", ["SID"], "getName"),
        ("setDomain", ["example.org"], "getDomain"),
        ("setPath", ["/a"], "getPath"),
        ("setComment", ["a comment"], "getComment"),
        ("setHttpOnly", [True], "isHttpOnly"),
        ("setSecure", [True], "isSecure"),
        ("setMaxAge", [1], "getMaxAge"),
        ("setAttribute", ["a", "b"], "getAttributes"),
    ],
)
def test_s72_too_late_for_the_cookie(context, setter, arguments, getter):
    """After the initialisation no setter works, and every getter does."""
    cookie = context.getSessionCookieConfig()
    before = getattr(cookie, getter)()
    fetch(context)
    with pytest.raises(IllegalStateException):
        getattr(cookie, setter)(*arguments)

    assert getattr(cookie, getter)() == before


def test_s73_the_name_was_not_set(context):
    """The getter says null, and the cookie is JSESSIONID."""
    exchange = Request(context)
    HttpServletRequest(exchange.environ).getSession()

    assert context.getSessionCookieConfig().getName() is None
    assert exchange.finish().set_cookies[0].startswith("JSESSIONID=")


def test_s76_comments_have_no_effect(context):
    """A comment that is set is not kept, nor sent in the cookie."""
    cookie = context.getSessionCookieConfig()
    cookie.setComment("a comment")
    exchange = Request(context)
    HttpServletRequest(exchange.environ).getSession()

    assert cookie.getComment() is None
    assert "omment" not in exchange.finish().set_cookies[0]


def test_s80_one_attribute_by_either_way(context):
    """setPath sets the attribute that setAttribute sets and getPath returns; names have no case."""
    cookie = context.getSessionCookieConfig()
    cookie.setAttribute("PATH", "/a")
    cookie.setMaxAge(60)
    cookie.setAttribute("Priority", "High")

    assert cookie.getPath() == "/a"
    assert cookie.getAttribute("max-age") == "60"
    assert cookie.getAttributes()["priority"] == cookie.getAttribute("PRIORITY") == "High"


@pytest.mark.parametrize(("name", "value"), [(None, "x"), ("", "x"), ("a b", "x"), ("Max-Age", "soon")])
def test_s80_no_attribute(context, name, value):
    """IllegalArgumentException, of which Java's NumberFormatException is a kind."""
    with pytest.raises(IllegalArgumentException):
        context.getSessionCookieConfig().setAttribute(name, value)


def test_s85_the_cookie_config_of_a_web_xml(web_xml):
    """The getters show what it says, and new cookies have it."""
    config = web_xml(
        "<session-config><cookie-config><name>SID</name><domain>example.org</domain><path>/a</path>"
        "<comment>ignored</comment><http-only>true</http-only><secure>true</secure><max-age>60</max-age>"
        "<attribute><attribute-name>Priority</attribute-name><attribute-value>High</attribute-value></attribute>"
        "</cookie-config></session-config>"
    )
    context = ServletContext(streaming, config=config)
    cookie = context.getSessionCookieConfig()
    exchange = Request(context)
    HttpServletRequest(exchange.environ).getSession()
    pair, *attributes = exchange.finish().set_cookies[0].split("; ")

    assert (cookie.getName(), cookie.getDomain(), cookie.getPath()) == ("SID", "example.org", "/a")
    assert (cookie.isSecure(), cookie.getMaxAge(), cookie.getAttribute("priority")) == (True, 60, "High")
    assert pair.startswith("SID=")
    assert {"Domain=example.org", "Path=/a", "HttpOnly", "Secure", "Max-Age=60", "Priority=High"} <= set(attributes)


def test_s87_the_default_is_the_callers_own(context):
    """Changing the set that was given out changes nothing."""
    context.getDefaultSessionTrackingModes().clear()

    assert context.getDefaultSessionTrackingModes() == {SessionTrackingMode.COOKIE}


def test_s88_what_was_set_last_is_effective(context):
    """Before the initialisation and after; the set is the caller's own."""
    context.setSessionTrackingModes({SessionTrackingMode.COOKIE})
    context.setSessionTrackingModes({SessionTrackingMode.URL})
    context.getEffectiveSessionTrackingModes().clear()

    assert context.getEffectiveSessionTrackingModes() == {SessionTrackingMode.URL}
    assert served(context).getServletContext().getEffectiveSessionTrackingModes() == {SessionTrackingMode.URL}


def test_s89_too_late_for_tracking_modes(context):
    """After the initialisation they cannot be set, and stay."""
    fetch(context)
    with pytest.raises(IllegalStateException):
        context.setSessionTrackingModes({SessionTrackingMode.URL})

    assert context.getEffectiveSessionTrackingModes() == {SessionTrackingMode.COOKIE}


def test_s92_no_tracking_by_the_tls_session(context):
    """WSGI does not tell its id, so that the mode is not supported: it is refused, as the API demands."""
    with pytest.raises(IllegalArgumentException):
        context.setSessionTrackingModes({SessionTrackingMode.SSL})
    with pytest.raises(ConfigError):
        SessionConfig(tracking_modes=[SessionTrackingMode.SSL])


@pytest.mark.parametrize("as_class", [True, False], ids=["class", "instance"])
def test_s93_listeners_are_added_in_time(context, as_class):
    """A class or an instance before the initialisation is told; after it there is no adding."""
    seen = []

    class Listener(HttpSessionListener):
        def session_created(self, event):
            seen.append(event.session.id)

    listener = Listener if as_class else Listener()
    context.addListener(listener)
    session = served(context).getSession()
    with pytest.raises(IllegalStateException):
        context.addListener(listener)

    assert seen == [session.getId()]


@pytest.mark.parametrize("foreign", [object(), object, HttpSessionBindingListener()], ids=["object", "class", "value"])
def test_s93_other_listeners_are_refused(context, foreign):
    """An object of none of the kinds that are registered."""
    with pytest.raises(IllegalArgumentException):
        context.addListener(foreign)
    with pytest.raises(ValueError, match="listener"):
        Site(listeners=[foreign])


def test_s113_an_event_needs_a_session():
    """An event without one is refused, under either name."""
    for make in (HttpSessionEvent, lambda session: HttpSessionBindingEvent(session, "a")):
        with pytest.raises(IllegalArgumentException):
            make(None)
    for make in (NativeEvent, lambda session: NativeBindingEvent(session, "a")):
        with pytest.raises(ValueError, match="session"):
            make(None)


def test_s121_the_empty_url():
    """It stays as it is, as a link and as a redirect."""
    with Browser(Site(**URL_ONLY)).request() as request:
        request.get_session()

        assert request.encode_url("") == ""
        assert request.encode_redirect_url("") == ""


def test_s142_distributable_twice_is_once(web_xml):
    """The element may be repeated."""
    assert web_xml("<distributable/><distributable/>") == web_xml("<distributable/>")


def test_s142_two_session_configs(web_xml):
    """They are an error that says so."""
    with pytest.raises(ConfigError, match="session-config"):
        web_xml("<session-config/><session-config/>")
