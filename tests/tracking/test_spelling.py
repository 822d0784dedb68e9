"""Environs as servers and proxies spell them, or strangers make them: one form, decoded once, and nothing raises."""

from __future__ import annotations

import functools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpsession import SessionConfig, SessionCookieConfig, SessionManager, SessionMiddleware, request_session
from httpsession.tracking.spelling import host_and_port, mount_point, octets, scheme_of, view
from httpsession.werkzeug import Request
from tests.support.request import TEXT, fetch
from tests.support.site import Site


@functools.cache
def site():
    """A site that tracks by cookie and by URL."""
    return Site(tracking_modes={"cookie", "url"})


def ask(do, **environ):
    """Return what *do* returns for the session half of a request of :func:`site`, and the response."""
    values = []

    def page(environ, start_response):
        values.append(do(request_session(environ)))
        start_response("200 OK", [TEXT])
        return [b"done"]

    response = fetch(SessionMiddleware(page, site().manager), **environ)
    return values[0], response


def session_of(url, **environ):
    """Return the Path of the cookie of a new session, whether it is Secure, and *url* with the id if it gets it."""

    def view(request):
        request.get_session()
        return request.encode_url(url) != url

    value, response = ask(view, **environ)
    (cookie,) = response.set_cookies
    path = cookie.partition("Path=")[2].partition(";")[0]
    return path, "Secure" in cookie, value


def is_encoded(url, **environ):
    return session_of(url, **environ)[2]


class TestMountPoint:
    """SCRIPT_NAME, and the cookie's Path that follows from it."""

    @pytest.mark.parametrize(
        ("script_name", "expected"),
        [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/shop", "/shop"),
            ("/shop/", "/shop"),
            ("/shop//", "/shop"),
            ("//shop", "/shop"),
            ("shop", "/shop"),
            ("shop/", "/shop"),
            ("/a//b/", "/a/b"),
            ("/Shop/", "/Shop"),
            ("/caf\xc3\xa9/", "/caf%C3%A9"),
            ("/caf\xe9", "/caf%E9"),
            ("/100%", "/100%25"),
            ("/a%20b/", "/a%2520b"),
            ("/%2e%2e", "/%252e%252e"),
        ],
    )
    @pytest.mark.parametrize("tail", ["", "/", "/x"])
    def test_path_of_the_cookie(self, script_name, tail, expected):
        """However a proxy spells the mount point, its client is one client; what is decoded is not decoded again."""
        assert session_of("x", SCRIPT_NAME=script_name, PATH_INFO=tail)[0] == expected

    def test_expired_cookie(self):
        """A cookie is expired under the path under which it was set."""
        _, response = ask(lambda request: request.get_session().id, SCRIPT_NAME="/shop")
        session_id = response.new_id
        _, response = ask(
            lambda request: request.logout(), SCRIPT_NAME="/shop/", HTTP_COOKIE=f"JSESSIONID={session_id}"
        )
        assert "Path=/shop;" in response.set_cookies[0] + ";"

    def test_path_of_the_setting(self):
        """A configured path is used as it is."""
        config = SessionConfig(cookie=SessionCookieConfig(path="/shop/"))

        def page(environ, start_response):
            environ["httpsession.exchange"].get_session()
            start_response("200 OK", [TEXT])
            return []

        response = fetch(SessionMiddleware(page, SessionManager(config=config)), SCRIPT_NAME="/x")
        assert "Path=/shop/;" in response.set_cookies[0] + ";"

    @pytest.mark.parametrize("script_name", ["/shop", "/shop/", "//shop", "shop"])
    def test_links(self, script_name):
        """Absolute and relative URLs are compared with the same mount point."""
        environ = {"SCRIPT_NAME": script_name, "PATH_INFO": "/list"}
        assert is_encoded("/shop/x", **environ)
        assert is_encoded("/shop", **environ)
        assert is_encoded("x", **environ)
        assert not is_encoded("/shopping", **environ)
        assert not is_encoded("../x", **environ)

    @pytest.mark.parametrize(
        ("script_name", "path_info", "inside"),
        [
            ("/shop", "", False),
            ("/shop/", "", True),
            ("/shop/", "x", True),
            ("/shop/", "/x", True),
            ("/shop", "/x", True),
            ("/shop", ";v=1/x", False),
            ("", "", True),
            ("", "x", True),
            ("/", "/x", True),
        ],
    )
    def test_folder_of_relative_links(self, script_name, path_info, inside):
        """The slash between mount point and path may be in either of them, or in both."""
        assert is_encoded("page", SCRIPT_NAME=script_name, PATH_INFO=path_info) is inside

    @given(st.text("/ab", max_size=8))
    def test_form(self, script_name):
        """One form: no empty segments, a slash at the beginning and none at the end; a form is its own form."""
        form = mount_point(script_name)
        assert [one for one in form.split("/") if one] == [one for one in script_name.split("/") if one]
        assert "//" not in form
        assert not form.endswith("/")
        assert mount_point(form) == form


class TestScheme:
    """wsgi.url_scheme."""

    @pytest.mark.parametrize(
        ("scheme", "secure"),
        [
            ("http", False),
            ("HTTP", False),
            ("https", True),
            ("HTTPS", True),
            ("Https", True),
            ("wss", True),
            ("ws", False),
        ],
    )
    def test_secure(self, scheme, secure):
        """The cookie of an https request is Secure, also in capitals, and for a WebSocket."""
        assert session_of("x", **{"wsgi.url_scheme": scheme})[1] is secure
        assert scheme_of(scheme) == ("https" if secure else "http")

    @pytest.mark.parametrize("scheme", ["https", "HTTPS", "wss"])
    @pytest.mark.parametrize("host", ["h", "h:443", "H", "H:0443"])
    def test_links(self, scheme, host):
        """The same for the scheme of URLs and its default port."""
        environ = {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
        assert is_encoded("https://h/x", **environ)
        assert is_encoded("HTTPS://H:443/x", **environ)
        assert not is_encoded("http://h/x", **environ)
        assert not is_encoded("https://h:80/x", **environ)


class TestHost:
    """The Host header, or the server's name and port."""

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("h", "http://h/x"),
            ("h:", "http://h/x"),
            ("h:80", "http://h:/x"),
            (" h ", "http://h/x"),
            ("EXAMPLE.com", "http://example.COM/x"),
            ("example.com.", "http://example.com./x"),
            ("example.com.", "http://example.com/x"),
            ("example.com.:80", "http://example.com/x"),
            ("[::1]", "http://[0:0:0:0:0:0:0:1]/x"),
            ("[2001:DB8::1]:80", "http://[2001:db8:0::1]/x"),
            ("h", "http://user@h/x"),
        ],
    )
    def test_same(self, host, url):
        """Spellings of one place."""
        assert is_encoded(url, HTTP_HOST=host)

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("h", "http://h:0/x"),
            ("h:0", "http://h/x"),
            ("h", "http://h./x"),
            ("h..", "http://h/x"),
            (".", "http:///x"),
            ("user@h", "http://h/x"),
            ("h/evil", "http://h/x"),
            ("h?", "http://h/x"),
            ("h#", "http://h/x"),
            ("h%2eevil", "http://h%2eevil/x"),
            ("::1", "http://[::1]/x"),
            ("[h]", "http://h/x"),
            ("[::1]x", "http://[::1]/x"),
            ("h:" + "9" * 5000, "http://h/x"),
            ("h:65536", "http://h:65536/x"),
            ("h", f"http://h:{'8' * 5000}/x"),
        ],
    )
    def test_other(self, host, url):
        """Other places, and what is none."""
        assert not is_encoded(url, HTTP_HOST=host)

    def test_server_without_host_header(self):
        """HTTP/1.0 clients send none; the server's name may be an IPv6 address without brackets."""
        for name, port, url in [
            ("h", "80", "http://h/x"),
            ("::1", "8080", "http://[::1]:8080/x"),
            ("H", "", "http://h/x"),
        ]:
            values = []

            def page(environ, start_response, values=values, url=url):
                exchange = environ["httpsession.exchange"]
                session = exchange.get_session()
                values.append(exchange.tracking.url.add(url, session.id, exchange.url()) != url)
                start_response("200 OK", [TEXT])
                return []

            environ = {"SERVER_NAME": name, "SERVER_PORT": port, "wsgi.url_scheme": "http", "PATH_INFO": "/"}
            for _ in SessionMiddleware(page, site().manager)(environ, lambda *_: None):
                pass
            assert values == [True]

    @given(st.text(), st.sampled_from(["http", "https", "ftp", ""]))
    def test_never_raises(self, authority, scheme):
        """Any text is a place or none, and a place is found again in its own spelling."""
        place = host_and_port(authority, scheme)
        if place is not None and place[1] is not None:
            assert host_and_port(f"{place[0] if ':' not in place[0] else f'[{place[0]}]'}:{place[1]}", scheme) == place


class TestCookieOfTheApplication:
    """A cookie that the application sets, which is the session cookie in another spelling, gives way to it."""

    @pytest.mark.parametrize("attributes", ["Domain=EXAMPLE.com", "Domain=.example.com", "domain=.Example.Com"])
    @pytest.mark.parametrize("path", ["Path=/", "Path=", "Path=x", "Max-Age=5"])
    def test_same(self, attributes, path):
        """Domains have no capitals and no first dot; a path that is none is the default path."""
        with Site(cookie=SessionCookieConfig(domain="example.com")) as one:
            answer = one.ask(
                "/",
                lambda r: r.get_session().id,
                headers=[("Set-Cookie", f"JSESSIONID=app; {attributes}; {path}")],
            )
            assert [cookie.partition(";")[0] for cookie in answer.set_cookies] == [f"JSESSIONID={answer.value}"]


class TestDecodedOnce:
    """PATH_INFO and SCRIPT_NAME are decoded by the server, once."""

    @pytest.mark.parametrize(
        "path_info",
        [
            "/%2e%2e/x",
            "/%2E%2E/%2e%2e/x",
            "/../x",
            "/../../x",
            "/..",
            "/.",
            "..",
            "/a/../../x",
            "/%2e%2e%2fx",
            "/%",
            "/%zz",
        ],
    )
    @pytest.mark.parametrize("script_name", ["", "/%2e%2e", "/..", "/shop"])
    @pytest.mark.parametrize("method", ["encode_url", "encode_redirect_url"])
    def test_stranger_cannot_make_a_redirect_fail(self, path_info, script_name, method):
        """Only the application's own argument can lead above the root."""
        value, _ = ask(lambda r: getattr(r, method)("done"), SCRIPT_NAME=script_name, PATH_INFO=path_info)
        assert value == "done"

    def test_own_argument_above_the_root(self):
        """That is refused as before, and the folder of the request does not help."""
        for path_info in ("/", "/x", "/../x", "/a/../x"):
            with pytest.raises(ValueError, match=r"'\.\./done' leads above the root"):
                ask(lambda r: r.encode_redirect_url("../done"), PATH_INFO=path_info)
        assert ask(lambda r: r.encode_redirect_url("../done"), PATH_INFO="/%2e%2e/x")[0] == "../done"

    @pytest.mark.parametrize(
        ("script_name", "url"), [("/a%20b", "/a%2520b/x"), ("/a%20b", "x"), ("/50%", "/50%25/x"), ("/%2e%2e", "x")]
    )
    def test_mount_point_with_percent_sign(self, script_name, url):
        """A percent sign in the mount point is one in its links."""
        assert is_encoded(url, SCRIPT_NAME=script_name, PATH_INFO="/p")
        assert not is_encoded("/a b/x", SCRIPT_NAME="/a%20b", PATH_INFO="/p")

    def test_quoted_slash_in_the_page(self):
        """A client resolves a relative link in another folder than the server sees, if its path has a quoted slash."""
        environ = {"SCRIPT_NAME": "/shop", "PATH_INFO": "/x", "HTTP_HOST": "h"}
        for raw in ("/shop%2Fx", "/shop%2fx", "http://h/shop%2Fx"):
            assert not is_encoded("y", **environ, RAW_URI=raw)
            assert is_encoded("/shop/y", **environ, RAW_URI=raw)
            assert is_encoded("http://h/shop/y", **environ, RAW_URI=raw)
        assert is_encoded("y", **environ, RAW_URI="/shop/x?%2F")

    @pytest.mark.parametrize(("script_name", "raw"), [("/shop", "/shop"), ("/shop/", "/shop"), ("/shop", ""), ("", "")])
    def test_raw_uri_behind_a_proxy(self, script_name, raw):
        """A quoted parameter is data, also where a proxy has removed the prefix or spells it in its own way."""
        _, response = ask(
            lambda r: r.get_session(False),
            SCRIPT_NAME=script_name,
            PATH_INFO="/a;jsessionid=data/b;jsessionid=id",
            RAW_URI=f"{raw}/a%3Bjsessionid=data/b;jsessionid=id",
        )
        assert response.environ["PATH_INFO"] == "/a;jsessionid=data/b"

    @given(st.text(st.characters(max_codepoint=0xFF)))
    def test_view(self, text):
        """A string of the environ is left as it is."""
        assert view(text) == text
        assert octets(text) == text.encode("latin-1")


PARTS = [
    "/",
    "//",
    ".",
    "..",
    "%2e%2e",
    "%2F",
    "%5C",
    "\\",
    ";",
    ";jsessionid=",
    "=",
    "%",
    "%zz",
    "?",
    "#",
    "@",
    ":",
    "[",
    "]",
    "::1",
    "h",
    "80",
    ",",
    "JSESSIONID=",
    '"',
    "http://",
]
parts = st.sampled_from([*PARTS, "A" * 32, "\r\n", "\0", " ", "\t", "\xe9", "\xc3\xa9", "\xff"])
texts = st.lists(parts | st.text(st.characters(max_codepoint=0xFF), max_size=3), max_size=8).map("".join)
#: Some servers and many test clients err, and put text where a view of bytes belongs.
foreign = texts | st.text(max_size=8)


def environs(strings):
    """Return a strategy for what a stranger, a proxy or a server puts into the environ."""
    names = ["PATH_INFO", "SCRIPT_NAME", "HTTP_HOST", "HTTP_COOKIE", "RAW_URI", "REQUEST_URI", "SERVER_NAME"]
    return st.fixed_dictionaries({}, optional=dict.fromkeys([*names, "SERVER_PORT", "QUERY_STRING"], strings))


def use_all(half):
    """Use each member of the session half of a request, and return the id of the session."""
    sent = half.requested_session_id
    assert half.is_requested_session_id_from_cookie + half.is_requested_session_id_from_url == (sent is not None)
    assert half.is_requested_session_id_valid is (half.get_session(False) is not None)
    assert half.encode_url("done") == half.encode_redirect_url("done") == "done"
    session = half.get_session()
    for url in ["done", "/done", "http://h/done", "//h:80/", "?x", ".", "/", "http://h"]:
        assert half.encode_redirect_url(url).replace(f";jsessionid={session.id}", "") in (url, f"{url}/")
    return session.id


class TestNothingRaises:
    """Whatever a stranger sends."""

    @settings(deadline=None, max_examples=400)
    @given(environs(foreign))
    @example({"PATH_INFO": "/%2e%2e/x"})
    @example({"PATH_INFO": "/\u65e5", "SCRIPT_NAME": "/\u65e5"})
    @example({"PATH_INFO": "/;", "RAW_URI": "/\u65e5;"})
    @example({"HTTP_HOST": "h:" + "9" * 5000})
    @example({"SCRIPT_NAME": "/\ud800"})
    def test_session_half(self, environ):
        """Each member answers, and the response has a cookie in one line of ASCII."""
        session_id, response = ask(use_all, **environ)
        (cookie,) = response.set_cookies
        assert cookie.startswith(f"JSESSIONID={session_id}; ")
        assert cookie.isascii()
        assert cookie.isprintable()

    @settings(deadline=None)
    @given(environs(texts))
    def test_werkzeug(self, environ):
        """The members of a Werkzeug request answer likewise; Werkzeug itself takes no strings that are no views."""

        def page(environ, start_response):
            use_all(Request(environ))
            start_response("200 OK", [TEXT])
            return []

        assert fetch(SessionMiddleware(page, site().manager), **environ).status == "200 OK"
