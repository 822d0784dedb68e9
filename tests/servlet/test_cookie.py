"""SessionCookieConfig of httpsession.servlet."""

from __future__ import annotations

import re

import pytest
from freezegun import freeze_time

import httpsession
from httpsession import SessionConfig
from httpsession import SessionCookieConfig as NativeCookie
from httpsession.servlet import HttpServletRequest, IllegalArgumentException, IllegalStateException, ServletContext
from tests.support.request import Request, fetch
from tests.support.site import streaming


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
