"""The id in URLs: rewriting them, and reading the path parameter.

The vectors are those of Tomcat's and Jetty's own tests; where the package chooses otherwise a test says so. What URLs
mean to a browser is modelled by ``tests.support.browser.resolve``.
"""

from __future__ import annotations

import functools
import re
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import create_environ, run_wsgi_app

from httpsession import SessionCookieConfig
from tests.support.site import Site
from tests.support.urls import Place, resolve

TOMCAT_PATH = "/level1/level2/foo.html"


@pytest.fixture
def site():
    """A site that tracks by URL alone."""
    with Site(tracking_modes={"url"}) as site:
        yield site


def encode(site, url, path=TOMCAT_PATH, *, method="encode_url", **environ):
    """Rewrite *url* in a request that came with a session id in its path; the id reads 1234 in what is returned."""
    session_id = site.new_id()
    answer = site.ask(f"{path};jsessionid={session_id}", lambda r: getattr(r, method)(url), **environ)
    assert answer.environ["PATH_INFO"] == path
    assert not answer.set_cookies
    return None if answer.value is None else answer.value.replace(session_id, "1234")


both_methods = pytest.mark.parametrize("method", ["encode_url", "encode_redirect_url"])

TOMCAT = {
    "./bar.html": "./bar.html;jsessionid=1234",
    ".": ".;jsessionid=1234",
    "..": "..;jsessionid=1234",
    ".././..": ".././..;jsessionid=1234",
    "bar.html": "bar.html;jsessionid=1234",
    "bar.html?x=/../": "bar.html;jsessionid=1234?x=/../",
    "bar.html?x=/../../": "bar.html;jsessionid=1234?x=/../../",
    "./.?x=/../../": "./.;jsessionid=1234?x=/../../",
    "./..?x=/../../": "./..;jsessionid=1234?x=/../../",
    "./..?x=/../..": "./..;jsessionid=1234?x=/../..",
    "bar.html#/../": "bar.html;jsessionid=1234#/../",
    "bar.html#/../../": "bar.html;jsessionid=1234#/../../",
    "./.#/../../": "./.;jsessionid=1234#/../../",
    "./..#/../../": "./..;jsessionid=1234#/../../",
    "./..#/../..": "./..;jsessionid=1234#/../..",
}


class TestTomcat:
    """The vectors of Tomcat's ``TestResponse``: http://localhost:8080/level1/level2/foo.html, the id in the URL."""

    @both_methods
    @pytest.mark.parametrize("url", TOMCAT)
    def test_encoded(self, site, url, method):
        """The id is the last parameter of the path, before the query and the fragment (encodeURL01 to 16)."""
        assert encode(site, url, method=method, host="localhost:8080") == TOMCAT[url]

    def test_above_the_root(self, site):
        """A URL that leads above the root comes back unchanged (encodeURL05)."""
        assert encode(site, "../../..") == "../../.."

    def test_redirect_above_the_root(self, site):
        """A redirect above the root is an error, which names it (encodeRedirectURL05)."""
        with pytest.raises(ValueError, match=re.escape("'../../..' leads above the root")):
            encode(site, "../../..", method="encode_redirect_url")

    @pytest.mark.parametrize("url", ["../bar.html", "../../../../bar.html"])
    def test_no_session(self, site, url):
        """Without a session a URL comes back unchanged, whether it is any good or not; none is made (testBug53469)."""
        assert site.ask(TOMCAT_PATH, lambda r: r.encode_url(url)).value == url
        assert site.manager.stats().created == 0


JETTY = {
    "http://myhost:8888/path/info;param?query=0&more=1#target": (
        "http://myhost:8888/path/info;param;jsessionid=1234?query=0&more=1#target"
    ),
    "http://other:8888/path/info;param?query=0&more=1#target": None,
    "http://myhost/path/info;param?query=0&more=1#target": None,
    "http://myhost:8888/other/info;param?query=0&more=1#target": None,
    "mailto:/foo": None,
}
JETTY_AT_THE_ROOT = {
    "http://myhost:8888/": "http://myhost:8888/;jsessionid=1234",
    "https://myhost:8888/": None,
    "http://myhost:8888": "http://myhost:8888/;jsessionid=1234",
    "http://myhost:8888/;jsessionid=7777": "http://myhost:8888/;jsessionid=1234",
    "mailto:/foo": None,
    "/foo": "/foo;jsessionid=1234",
    "/": "/;jsessionid=1234",
    "/foo.html#target": "/foo.html;jsessionid=1234#target",
}


class TestJetty:
    """The vectors of Jetty's ``ResponseTest`` with its check of foreign URLs, which it has off and we always make."""

    @both_methods
    @pytest.mark.parametrize("url", JETTY)
    def test_below_path(self, site, url, method):
        """The context path is /path: other hosts, ports and contexts get no id, other parameters stay."""
        got = encode(site, url, "/info", method=method, script_name="/path", host="myhost:8888")
        assert got == (JETTY[url] or url)

    @both_methods
    @pytest.mark.parametrize("url", JETTY_AT_THE_ROOT)
    def test_at_the_root(self, site, url, method):
        """The context is the root: a URL without a path gets one, a stale id is replaced, another scheme is foreign."""
        assert encode(site, url, "/info", method=method, host="myhost:8888") == (JETTY_AT_THE_ROOT[url] or url)

    @both_methods
    def test_empty(self, site, method):
        """Our choice: "" comes back unchanged, where Jetty makes ``;jsessionid=1234`` and Tomcat the current URL."""
        assert encode(site, "", method=method) == ""

    @both_methods
    @pytest.mark.parametrize("url", ["#", "#target", "#/../..", "#f?x"])
    def test_fragment(self, site, url, method):
        """Our choice, and Tomcat's: a fragment comes back unchanged, where Jetty puts the id before it (S117)."""
        assert encode(site, url, method=method) == url

    @both_methods
    @pytest.mark.parametrize("url", [*JETTY, "", "/path", "x"])
    def test_joined_by_cookie(self, url, method):
        """A client that sent its id in a cookie gets its URLs unchanged."""
        with Site(tracking_modes={"cookie", "url"}) as site:
            cookie = f"JSESSIONID={site.new_id()}"
            answer = site.ask(
                "/info", lambda r: getattr(r, method)(url), cookie=cookie, script_name="/path", host="myhost:8888"
            )
        assert answer.value == url


class TestRules:
    """S114 to S124, one by one."""

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("a", "a;jsessionid=1234"),
            ("a?x", "a;jsessionid=1234?x"),
            ("a?", "a;jsessionid=1234?"),
            ("a#", "a;jsessionid=1234#"),
            ("a#f?x", "a;jsessionid=1234#f?x"),
            ("a?x#f", "a;jsessionid=1234?x#f"),
            (
                "a?u=http://evil/;jsessionid=7#;jsessionid=8",
                "a;jsessionid=1234?u=http://evil/;jsessionid=7#;jsessionid=8",
            ),
            ("/p;v=1", "/p;v=1;jsessionid=1234"),
            ("/p;v=1/q;w=2", "/p;v=1/q;w=2;jsessionid=1234"),
            ("/p;JSESSIONID=5", "/p;JSESSIONID=5;jsessionid=1234"),
            ("/p;xjsessionid=5", "/p;xjsessionid=5;jsessionid=1234"),
            ("/p%3Bjsessionid=5", "/p%3Bjsessionid=5;jsessionid=1234"),
            ("%C3%A9", "%C3%A9;jsessionid=1234"),
            ("\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{LATIN SMALL LETTER E WITH ACUTE};jsessionid=1234"),
        ],
    )
    def test_where_the_id_goes(self, site, url, expected):
        """It goes behind the path, after parameters of others, before whatever comes first of query and fragment."""
        assert encode(site, url) == expected

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("a;jsessionid=1234", "a;jsessionid=1234"),
            ("a;jsessionid=OLD", "a;jsessionid=1234"),
            ("a;jsessionid=OLD;v=1", "a;v=1;jsessionid=1234"),
            ("a;jsessionid=OLD/b;jsessionid=OLDER?x", "a/b;jsessionid=1234?x"),
            ("a;jsessionid=", "a;jsessionid=1234"),
        ],
    )
    def test_stale_ids_are_replaced(self, site, url, expected):
        """All ids in the URL are replaced by the valid one (as in Jetty; Tomcat appends a second one, S120)."""
        assert encode(site, url) == expected

    def test_never_creates_a_session(self, site):
        """Rewriting makes no session where there is none (S115)."""
        answer = site.ask("/", lambda r: [r.encode_url("/a"), r.encode_redirect_url("/a"), r.get_session(False)])
        assert answer.value == ["/a", "/a", None]

    def test_invalidated(self, site):
        """A session that was invalidated in this request is in no URL (S115)."""

        def view(request):
            request.get_session().invalidate()
            return request.encode_url("/a")

        assert site.ask("/", view).value == "/a"

    def test_unknown_id_in_the_url(self, site):
        """An unknown id in the request's URL does not come back in the links of the page."""
        assert site.ask(f"/;jsessionid={'A' * 32}", lambda r: r.encode_url("/a")).value == "/a"

    def test_first_response_has_both(self):
        """While it is unknown whether the client keeps cookies, it gets the id both ways (S116)."""
        with Site(tracking_modes={"cookie", "url"}) as site:
            answer = site.ask("/", lambda r: (r.get_session().id, r.encode_url("/a")))
        session_id, url = answer.value
        assert url == f"/a;jsessionid={session_id}"
        assert [cookie.partition(";")[0] for cookie in answer.set_cookies] == [f"JSESSIONID={session_id}"]

    def test_after_a_change_of_the_id(self, site):
        """Once the id has changed it is the new one that URLs carry."""
        path = f"/;jsessionid={site.new_id()}"
        new_id, url = site.ask(path, lambda r: (r.change_session_id(), r.encode_url("/a"))).value
        assert url == f"/a;jsessionid={new_id}"

    @both_methods
    def test_none(self, site, method):
        """None comes back as None, as null does in Java (S117)."""
        assert encode(site, None, method=method) is None

    @both_methods
    @pytest.mark.parametrize("url", [b"/app", 1, ["/app"], 0, b""])
    @pytest.mark.parametrize("config", [{}, {"tracking_modes": {"url"}}], ids=["cookies", "URLs"])
    def test_no_text(self, method, url, config):
        """A URL that is no text is refused as such in both tracking modes, with or without a session."""
        with Site(**config) as site, pytest.raises(TypeError, match=r"a URL is a str, not an? "):
            site.ask("/", lambda r: getattr(r, method)(url))

    @pytest.mark.parametrize(
        ("scheme", "host", "url"),
        [
            ("http", "h", "http://h:80/a"),
            ("http", "h:80", "http://h/a"),
            ("https", "h", "https://h:443/a"),
            ("https", "h:443", "https://h/a"),
            ("http", "H:8080", "http://h:8080/a"),
            ("http", "h:8080", "HTTP://H:8080/a"),
            ("http", "h:8080", "//h:8080/a"),
            ("http", "h:8080", "http://h:08080/a"),
            ("http", "[::1]:8080", "http://[::1]:8080/a"),
            ("http", "192.0.2.1:8080", "http://192.0.2.1:8080/a"),
        ],
    )
    def test_same_origin(self, site, scheme, host, url):
        """Scheme and host compare without regard to case, ports with their defaults (S118)."""
        assert encode(site, url, scheme=scheme, host=host) == f"{url};jsessionid=1234"

    @both_methods
    @pytest.mark.parametrize(
        ("scheme", "host", "url"),
        [
            ("http", "h:8080", "https://h:8080/a"),
            ("https", "h", "http://h/a"),
            ("http", "h", "https://h/a"),
            ("http", "h:8080", "http://h/a"),
            ("http", "h", "http://h:8080/a"),
            ("http", "h", "//other/a"),
            ("http", "h", "http://h./a"),
            ("http", "h", "http://h.evil/a"),
            ("http", "h", "http://evilh/a"),
            ("http", "h", "ftp://h/a"),
            ("http", "h", "ws://h/a"),
            ("http", "[::1]:8080", "http://[::2]:8080/a"),
        ],
    )
    def test_other_origin(self, site, scheme, host, url, method):
        """Another scheme, host or port is foreign, and its URL comes back unchanged (S118)."""
        assert encode(site, url, scheme=scheme, host=host, method=method) == url

    @pytest.mark.parametrize("url", ["/app/", "/app/x", "../app/x", "http://h:8080/app/", "x/../y", "."])
    def test_inside_the_context(self, site, url):
        """A path at or below the context path is the application's, however it is written."""
        assert encode(site, url, "/page", script_name="/app") == f"{url};jsessionid=1234"

    @both_methods
    @pytest.mark.parametrize(
        "url", ["/", "/app2", "/application/x", "/ap", "/App/x", "../x", "http://h:8080/app2", ".."]
    )
    def test_outside_the_context(self, site, url, method):
        """Our choice: the context path ends at a ``/``, so /app2 is not /app's, where Tomcat compares the beginning."""
        assert encode(site, url, "/page", script_name="/app", method=method) == url

    def test_non_ascii_context(self, site):
        """A context path that is not ASCII is found again in quoted URLs and in plain ones."""
        environ = {"script_name": "/caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode().decode("latin-1")}
        assert encode(site, "/caf%C3%A9/x", "/page", **environ) == "/caf%C3%A9/x;jsessionid=1234"
        assert encode(site, "/caf%c3%a9/x", "/page", **environ) == "/caf%c3%a9/x;jsessionid=1234"
        assert encode(site, "/cafe/x", "/page", **environ) == "/cafe/x"

    def test_context_that_is_no_utf_8(self, site):
        """Contexts that differ in bytes which are no UTF-8 are different contexts."""
        assert encode(site, "/%FE/x", "/page", script_name="/\xff") == "/%FE/x"

    @pytest.mark.parametrize(
        ("url", "at_the_root"), [("..", "/x"), ("../..", "/x/y"), ("/..", "/x"), ("a/../..", "/x")]
    )
    def test_above_the_root(self, site, url, at_the_root):
        """A URL with more steps up than there are is no URL of the application, and no redirect (S123)."""
        assert encode(site, url, at_the_root) == url
        with pytest.raises(ValueError, match="above the root"):
            encode(site, url, at_the_root, method="encode_redirect_url")

    def test_redirect_above_the_root_without_a_session(self, site):
        """A redirect above the root is an error for everybody, not only for those who have a session."""
        with pytest.raises(ValueError, match="above the root"):
            site.ask("/", lambda r: r.encode_redirect_url("../x"))

    @pytest.mark.parametrize("url", ["http://other/../..", "//other/../..", "http://h:8080/../..", "mailto:../../.."])
    def test_redirect_elsewhere(self, site, url):
        """A URL that is not relative comes back unchanged: only the browser interprets it."""
        assert encode(site, url, "/x", method="encode_redirect_url") == url

    def test_follows_the_path_as_it_is_shown(self, site):
        """Links are relative to the page, not to the parameter in its URL."""
        assert encode(site, "../x", "/a/b") == "../x;jsessionid=1234"
        session_id = site.new_id()
        answer = site.ask(f"/a;jsessionid={session_id}/b", lambda r: r.encode_url("../x"))
        assert answer.value == f"../x;jsessionid={session_id}"


BASE = Place("http", "h", 8080, "/app/page", "")

#: Vectors of R36 with the context /app at http://h:8080, and whether the id goes in.
SECURITY = {
    "page": True,
    "/app/x?a=1#f": True,
    "#f": False,
    "?q": False,
    "": False,
    "//evil/x": False,
    "/\\evil/x": False,
    "\\\\evil": False,
    "\\evil": False,
    "http:/\\evil": False,
    "http:\\\\evil": False,
    "http:evil": False,
    "http:///evil/x": False,
    "///evil/x": False,
    "////evil/x": False,
    "http://h:8080@evil/": False,
    "http://h:8080%40evil/": False,
    "http://h:8080\\@evil/": False,
    "http://h:8080;@evil/app": False,
    "http://evil#@h:8080/app": False,
    "http://evil?@h:8080/app": False,
    "http://evil\\@h:8080/app": False,
    "http://evil/@h:8080/app": False,
    "http://h.evil/": False,
    "http://h:80800/": False,
    "http://h:8080x/": False,
    "https://h:8080/": False,
    "HTTP://H:8080/app/x": True,
    "/app/../other": False,
    "/app/%2e%2e/other": False,
    "/app/.%2E/other": False,
    "/app/x/../../other": False,
    "/app//../../other": False,
    "/application/x": False,
    "javascript:alert(1)": False,
    "JAVASCRIPT:alert(1)": False,
    "java\nscript:alert(1)": False,
    "\x01javascript:alert(1)": False,
    "data:text/html,x": False,
    "mailto:a@h": False,
    "vbscript:x": False,
    "about:blank": False,
    "tel:1": False,
    " //evil": False,
    "\t//evil": False,
    "\r//evil": False,
    "\n//evil": False,
    "/\t/evil": False,
    "/\n/evil": False,
    "\x00//evil": False,
    "\xa0//evil": False,
    "\N{IDEOGRAPHIC SPACE}//evil": False,
    "/app/x\r\nSet-Cookie: a=b": False,
    "/app/x\x00": False,
    "http://[h:8080/app": False,
    "http://h:port/app": False,
    "http://h:8080\N{FULLWIDTH SOLIDUS}@evil/app": False,
    "//h:8080@evil/app": False,
    "/app/%zz": False,
}

#: URLs that lead inside as they are, but would lead outside once the parameter in them were taken out.
DISGUISED = [
    "http://evil;jsessionid=a@h:8080/app/x",
    "//evil;jsessionid=a@h:8080/app/x",
    "http://evil:80;jsessionid=@h:8080/app",
    "/app/..;jsessionid=a/other",
    "/app/..;jsessionid=a",
    "/app/.;jsessionid=a./other",
    "..;jsessionid=a/other",
    "x/..;jsessionid=a/..;jsessionid=b/..;jsessionid=c/other",
]
#: The same where the application is mounted at the root.
DISGUISED_AT_THE_ROOT = [
    "/;jsessionid=a/evil/x",
    ";jsessionid=a//evil/x",
    ";jsessionid=/;jsessionid=/evil",
    "/;jsessionid=a;jsessionid=b/evil",
    "http://evil;jsessionid=a@h:8080/",
]


class TestSecurity:
    """R36 and R37: the id never goes to another site or another application."""

    @pytest.mark.parametrize("url", SECURITY)
    def test_vector(self, site, url):
        """A URL that a browser takes elsewhere, or parses in its own way, comes back unchanged."""
        got = encode(site, url, "/page", script_name="/app")
        if SECURITY[url]:
            assert got != url
            place = resolve(BASE, got)
            assert place.origin == BASE.origin
            assert place.is_below("/app")
        else:
            assert got == url

    @both_methods
    @pytest.mark.parametrize("url", DISGUISED)
    def test_taking_out_a_stale_id_does_not_lead_away(self, site, url, method):
        """The rules apply to the URL that goes out: if it leads away without its old id, it gets no new one."""
        got = encode(site, url, "/page", method=method, script_name="/app")
        place = resolve(BASE, got)
        assert (place.origin == BASE.origin and place.is_below("/app")) or "1234" not in got

    @both_methods
    @pytest.mark.parametrize("url", DISGUISED_AT_THE_ROOT)
    def test_taking_out_a_stale_id_makes_no_host(self, site, url, method):
        """Taking out an old id does not bring two slashes together, which would make a host of the next segment."""
        got = encode(site, url, "/page", method=method)
        assert resolve(BASE, got).origin == BASE.origin or "1234" not in got

    def test_stale_id_at_the_context_path(self, site):
        """An old id behind the context path is replaced, too: without it the URL is the application's (R36)."""
        got = encode(site, "/app;jsessionid=OLD/x", "/page", script_name="/app")
        assert got == "/app/x;jsessionid=1234"

    @pytest.mark.parametrize("url", ["/other%2F../app/x", "/app%2Fx", "/x/..%2fapp/x", "/%61pp%2f..%2fother"])
    def test_quoted_slash(self, site, url):
        """A quoted slash separates nothing for browsers and proxies, so it does not lead into the application."""
        got = encode(site, url, "/page", script_name="/app")
        assert resolve(BASE, got).is_below("/app") or "1234" not in got

    @pytest.mark.parametrize("host", ["", ":8080", "h h", "[", "h:port", "h:99999", "a@b", "evil/x", "\xe9", "h,evil"])
    @pytest.mark.parametrize("url", ["http:///evil/x", "http://evil/x", "///evil/x", "//:8080/evil", "http://:8080/x"])
    def test_bad_host_header(self, site, host, url):
        """With any Host header no URL of another host gets the id, and nothing is raised."""
        assert encode(site, url, "/page", host=host) == url

    @pytest.mark.parametrize("path", ["//evil.example/x", "//evil.example//", "/\\evil.example/x"])
    @pytest.mark.parametrize("url", ["x", "./x", "../y", "/x", "."])
    def test_request_path_with_two_slashes(self, site, path, url):
        """A request for ``//host`` does not make a URL scheme-relative: they are not made from its path (R37)."""
        got = encode(site, url, path, method="encode_redirect_url")
        assert got == f"{url};jsessionid=1234"
        assert not got.startswith("//")

    @both_methods
    def test_redirect_to_a_request_path_with_two_slashes(self, site, method):
        """A redirect to the path of such a request, which an application might make, is foreign: no id (R37)."""
        got = encode(site, "//evil.example/x", "//evil.example/x", method=method)
        assert got == "//evil.example/x"

    @pytest.mark.parametrize(
        "url", ["x\r\nX-Evil: 1", "x\nX-Evil: 1", "x\0", "\N{LATIN CAPITAL LETTER A WITH MACRON}\r", "\ud800\n"]
    )
    def test_control_characters(self, site, url):
        """A URL with control characters gets no id: it comes back as it is, for the server to refuse it (R23)."""
        assert encode(site, url) == url


class TestFollowing:
    """A browser that follows a rewritten link arrives where the plain link leads, with its session."""

    @pytest.mark.parametrize(
        "url",
        [
            "bar.html",
            "./bar.html",
            "../bar.html",
            "/",
            "/a/b",
            "a/",
            ".",
            "..",
            "./",
            "../",
            "../..",
            "./.",
            ".?x",
            "..#f",
        ],
    )
    def test_link(self, site, url):
        """The application sees the path that the link without the id leads to; dot segments are no exception.

        Browsers do not take ``..;jsessionid=1234`` for a step up, so it is for the application's side to take it.
        """
        session_id = site.new_id()
        base = Place("http", "h", 8080, f"{TOMCAT_PATH};jsessionid={session_id}", "")
        rewritten = site.ask(base.path, lambda r: r.encode_url(url)).value
        assert session_id in rewritten
        target = resolve(base, rewritten)
        answer = site.ask(
            unquote_to_bytes(target.path).decode("latin-1"), lambda r: r.get_session(False).id, RAW_URI=target.path
        )
        assert answer.value == session_id
        assert answer.environ["PATH_INFO"] == resolve(base, url).path

    def test_link_of_a_mounted_application(self, site):
        """Below a context path links work as at the root."""
        session_id = site.new_id()
        rewritten = site.ask("/page", lambda r: r.get_session() and r.encode_url("other"), script_name="/app").value
        target = resolve(BASE, rewritten)
        assert target.path.startswith("/app/other;jsessionid=")
        path = target.path.removeprefix("/app")
        answer = site.ask(path, lambda r: r.get_session(False).id, script_name="/app", RAW_URI=target.path)
        assert answer.value != session_id
        assert answer.environ["PATH_INFO"] == "/other"

    @pytest.mark.parametrize("url", ["/app", "http://h:8080/app", "../app", "/app?x", "/app#f"])
    def test_link_to_the_context_path(self, site, url):
        """A link to where the application is mounted gets to it, through a dispatcher that knows no path parameters.

        The id is behind a slash, since /app;jsessionid=1234 would belong to another application.
        """
        everything = DispatcherMiddleware(NotFound(), {"/app": site.app})
        session_id = site.new_id()
        rewritten = site.ask("/page", lambda r: r.get_session() and r.encode_url(url), script_name="/app").value
        target = resolve(BASE, rewritten)
        assert ";jsessionid=" in target.path
        seen = []

        def inner(environ, start_response):
            seen.append(environ["PATH_INFO"])
            start_response("204 No Content", [])
            return []

        site.app.app = inner
        environ = create_environ(target.path, "http://h:8080")
        run_wsgi_app(everything, environ)
        assert seen == ["/"]
        assert session_id not in rewritten


PARSING = {
    "/;jsessionid=1234": "/",
    "/foo;jsessionid=1234": "/foo",
    "/foo;jsessionid=1234;dummy": "/foo;dummy",
    "/foo;jsessionid=1234;dummy=5678": "/foo;dummy=5678",
    "/foo;jsessionid=1234;=5678": "/foo;=5678",
    "/foo;jsessionid=1234/bar": "/foo/bar",
}

#: How the path reaches the application: decoded only, or with the raw URI under the name that a server gives it.
raw_names = pytest.mark.parametrize("raw_name", [None, "RAW_URI", "REQUEST_URI"])


def raw_of(raw_name, raw):
    """Return what a server that gives the raw URI adds to the environ."""
    return {} if raw_name is None else {raw_name: raw}


class TestParsing:
    """Reading the path parameter (S125 to S129, R38)."""

    @raw_names
    @pytest.mark.parametrize("path", PARSING)
    def test_coyote_adapter(self, site, path, raw_name):
        """The vectors of Tomcat's ``TestCoyoteAdapter``: the id is 1234, and the application does not see it."""
        answer = site.ask(path, lambda r: r.requested_session_id, **raw_of(raw_name, path))
        assert answer.value == "1234"
        assert answer.environ["PATH_INFO"] == PARSING[path]

    @raw_names
    @pytest.mark.parametrize("path", PARSING)
    def test_coyote_adapter_with_a_session(self, site, path, raw_name):
        """With the id of a session in place of 1234 each of these paths joins it."""
        session_id = site.new_id()
        path = path.replace("1234", session_id)
        answer = site.ask(
            path,
            lambda r: (
                r.get_session(False).id,
                r.is_requested_session_id_valid,
                r.is_requested_session_id_from_url,
                r.is_requested_session_id_from_cookie,
                r.get_session().is_new,
            ),
            **raw_of(raw_name, path),
        )
        assert answer.value == (session_id, True, True, False, False)

    @pytest.mark.parametrize(
        ("path", "requested"),
        [
            ("/foo;JSESSIONID=1234", None),
            ("/foo;jsessionid", None),
            ("/foo;jsessionid=", ""),
            ("/foo; jsessionid=1234", None),
            ("/foo;jsessionid =1234", None),
            ("/foo;xjsessionid=1234", None),
            ("/foo;x=;jsessionid=1234", "1234"),
            ("/jsessionid=1234", None),
            ("/foo,jsessionid=1234", None),
            ("/foo;dummy=jsessionid=1234", None),
            ("/foo;jsessionid=12=34", "12=34"),
        ],
    )
    def test_name(self, site, path, requested):
        """The name is exact, in its case and its blanks (S126); parameters of others are none of ours."""
        answer = site.ask(path, lambda r: (r.requested_session_id, r.get_session(False)))
        assert answer.value == (requested, None)
        if requested is None:
            assert answer.environ["PATH_INFO"] == path

    def test_several(self, site):
        """Our choice: of several the first valid one wins, in any segment, where Tomcat takes the last."""
        first, second = site.new_id(), site.new_id()
        path = f"/a;jsessionid={'0' * 32};v=1/b;jsessionid=bad;jsessionid={first}/c;jsessionid={second}"
        answer = site.ask(path, lambda r: (r.get_session(False).id, r.requested_session_id))
        assert answer.value == (first, first)
        assert answer.environ["PATH_INFO"] == "/a;v=1/b/c"

    def test_several_invalid(self, site):
        """If none is valid the first is the requested one."""
        answer = site.ask(
            "/a;jsessionid=X;v=1/b;jsessionid=Y", lambda r: (r.requested_session_id, r.get_session(False))
        )
        assert answer.value == ("X", None)
        assert answer.environ["PATH_INFO"] == "/a;v=1/b"

    def test_cookies_go_first(self):
        """With both, the cookie's session wins; the parameter is stripped all the same (S129, R35)."""
        with Site(tracking_modes={"cookie", "url"}) as site:
            first, second = site.new_id(), site.new_id()
            answer = site.ask(
                f"/a;jsessionid={first}",
                lambda r: (r.get_session(False).id, r.is_requested_session_id_from_url),
                cookie=f"JSESSIONID={second}",
            )
        assert answer.value == (second, False)
        assert answer.environ["PATH_INFO"] == "/a"

    def test_dead_cookie_and_live_parameter(self):
        """Our choice, and Jetty's: a cookie whose session is gone does not keep the one in the URL from being found."""
        with Site(tracking_modes={"cookie", "url"}) as site:
            session_id = site.new_id()
            answer = site.ask(
                f"/a;jsessionid={session_id}",
                lambda r: (r.get_session(False).id, r.requested_session_id, r.is_requested_session_id_from_url),
                cookie=f"JSESSIONID={'A' * 32}",
            )
        assert answer.value == (session_id, session_id, True)

    def test_quoted_semicolon_is_data(self, site):
        """``%3Bjsessionid=`` is part of a name where the server tells the raw URI (R38)."""
        session_id = site.new_id()
        for raw_name in ("RAW_URI", "REQUEST_URI"):
            for semicolon in ("%3B", "%3b"):
                answer = site.ask(
                    f"/a;jsessionid={session_id}",
                    lambda r: (r.get_session(False), r.requested_session_id),
                    **{raw_name: f"/a{semicolon}jsessionid={session_id}"},
                )
                assert answer.value == (None, None)
                assert answer.environ["PATH_INFO"] == f"/a;jsessionid={session_id}"

    def test_data_and_parameter(self, site):
        """Of a quoted and a plain parameter the plain one is read and stripped, the quoted one stays."""
        first, second = site.new_id(), site.new_id()
        answer = site.ask(
            f"/a;jsessionid={first};jsessionid={second}",
            lambda r: r.get_session(False).id,
            RAW_URI=f"/a%3Bjsessionid={first};jsessionid={second}",
        )
        assert answer.value == second
        assert answer.environ["PATH_INFO"] == f"/a;jsessionid={first}"

    def test_nothing_of_the_parameter_is_decoded(self, site):
        """Where the raw URI is given, a quoted name or value is none: an id has one form only (R38)."""
        session_id = site.new_id()
        quoted = f"%{ord(session_id[0]):02X}{session_id[1:]}"
        for raw in (f"/a;jsessionid={quoted}", f"/a;jsessi%6Fnid={session_id}"):
            path = unquote_to_bytes(raw).decode("latin-1")
            assert path == f"/a;jsessionid={session_id}"
            assert site.ask(path, lambda r: r.get_session(False), RAW_URI=raw).value is None

    def test_absolute_form(self, site):
        """A request line with an absolute URI, as proxies send it, is read as well."""
        session_id = site.new_id()
        answer = site.ask(
            f"/a;jsessionid={session_id}",
            lambda r: r.get_session(False).id,
            RAW_URI=f"http://h:8080/a;jsessionid={session_id}?q;jsessionid=x",
        )
        assert answer.value == session_id
        assert answer.environ["PATH_INFO"] == "/a"

    def test_rewritten_path(self, site):
        """Where something before us has changed the path, the raw URI is about another one and does not count."""
        session_id = site.new_id()
        answer = site.ask(
            f"/inner;jsessionid={session_id}", lambda r: r.get_session(False).id, RAW_URI="/outer;jsessionid=other"
        )
        assert answer.value == session_id
        assert answer.environ["PATH_INFO"] == "/inner"

    @raw_names
    def test_mounted(self, site, raw_name):
        """Below a context path the parameter is stripped and the context path stays where it was."""
        session_id = site.new_id()
        answer = site.ask(
            f"/a;jsessionid={session_id}/b",
            lambda r: r.get_session(False).id,
            script_name="/app",
            **raw_of(raw_name, f"/app/a;jsessionid={session_id}/b?x"),
        )
        assert answer.value == session_id
        assert (answer.environ["SCRIPT_NAME"], answer.environ["PATH_INFO"]) == ("/app", "/a/b")

    @raw_names
    def test_parameter_at_the_context_path(self, site, raw_name):
        """A parameter right behind the context path is read; an empty path remains."""
        session_id = site.new_id()
        path = f";jsessionid={session_id}/x"
        seen = []

        def inner(environ, start_response):
            seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
            start_response("200 OK", [])
            return []

        site.app.app = inner
        environ = {"wsgi.url_scheme": "http", "SCRIPT_NAME": "/app", "PATH_INFO": path, "HTTP_HOST": "h"}
        site.app({**environ, **raw_of(raw_name, f"/app{path}")}, lambda status, headers: None)
        assert seen == [("/app", "/x")]

    @raw_names
    def test_parameter_in_the_context_path(self, site, raw_name):
        """A context path that has a parameter itself, as routers that mount by pattern make it, is not shown twice."""
        session_id = site.new_id()
        answer = site.ask(
            f"/p;jsessionid={session_id}",
            lambda r: r.get_session(False).id,
            script_name=f"/tenant;jsessionid={session_id}",
            **raw_of(raw_name, f"/tenant;jsessionid={session_id}/p;jsessionid={session_id}"),
        )
        assert answer.value == session_id
        assert answer.environ["PATH_INFO"] == "/p"

    @raw_names
    @pytest.mark.parametrize("tail", ["/p", "/p;v=1", "", "/p/.."])
    def test_parameter_in_the_context_path_alone(self, site, raw_name, tail):
        """An id in the context path is read whatever follows there, and the path of the page stays as it came."""
        session_id = site.new_id()
        mount = f"/tenant;jsessionid={session_id}"
        answer = site.ask(
            tail, lambda r: r.get_session(False).id, script_name=mount, **raw_of(raw_name, f"{mount}{tail}")
        )
        assert answer.value == session_id
        assert (answer.environ["SCRIPT_NAME"], answer.environ["PATH_INFO"]) == (mount, tail)

    def test_same_rule_for_the_same_page(self, site):
        """/admin with an id in it is /admin for code that decides by the path, without a suffix to play with (R38)."""
        for path in ("/admin;jsessionid=x", "/admin;jsessionid=.css", "/admin;jsessionid=x.bat", "/admin;jsessionid=%"):
            assert site.ask(path).environ["PATH_INFO"] == "/admin"

    @pytest.mark.parametrize(
        "path",
        [
            "/a;jsessionid=\xff\xfe",
            "/\xe9;jsessionid=\x00",
            "/;;;jsessionid=;=",
            "/a;jsessionid=\N{KELVIN SIGN}".encode().decode("latin-1"),
        ],
    )
    @raw_names
    def test_odd_bytes(self, site, path, raw_name):
        """Bytes that are no text, and characters that look like others, are no ids and no reason to fail."""
        raw = quote(path.encode("latin-1"), safe="/;=")
        answer = site.ask(path, lambda r: r.get_session(False), **raw_of(raw_name, raw))
        assert answer.value is None
        assert "jsessionid" not in answer.environ["PATH_INFO"]

    def test_huge(self, site):
        """A path of many parameters is read in one go, and no more than four of them are looked up."""
        session_id = site.new_id()
        path = "/" + ";jsessionid=" * 10_000 + "".join(f"/;jsessionid={n:032X}" for n in range(2_000))
        answer = site.ask(f"{path};jsessionid={session_id}", lambda r: r.get_session(False))
        assert answer.value is None
        assert answer.environ["PATH_INFO"] == "/" * 2_001


class TestModes:
    """A mode that is off is off (S91, R35), and the name of the parameter (S84)."""

    @raw_names
    @pytest.mark.parametrize("path", [*PARSING, "/;;jsessionid=", "/a%3B"])
    def test_off(self, path, raw_name):
        """With URL mode off the parameter is neither read nor stripped: the environ is as it came."""
        with Site() as site:
            session_id = site.new_id()
            path = path.replace("1234", session_id)
            answer = site.ask(path, lambda r: (r.get_session(False), r.requested_session_id), **raw_of(raw_name, path))
        assert answer.value == (None, None)
        assert answer.environ["PATH_INFO"] == path

    @both_methods
    @pytest.mark.parametrize("url", ["/a", "a;jsessionid=OLD", "http://h:8080/", "", "../x", "javascript:x"])
    def test_off_writes_nothing(self, url, method):
        """With URL mode off URLs come back unchanged, also in the first response, and stale ids in them as well."""
        with Site() as site:
            assert site.ask("/a/b", lambda r: (r.get_session(), getattr(r, method)(url))).value[1] == url

    @pytest.mark.parametrize("name", ["SID", "sid", "JSessionId", "__Secure-id", "a.b", "$x+y*"])
    def test_custom_name(self, name):
        """A cookie with a name of its own lends it to the parameter, in its case; ``jsessionid`` is data then (S84)."""
        secure = name.startswith("__")
        cookie = SessionCookieConfig(name=name, secure=secure or "auto")
        with Site(cookie=cookie, tracking_modes={"cookie", "url"}) as site:
            session_id, url = site.ask("/", lambda r: (r.get_session().id, r.encode_url("/a;jsessionid=1"))).value
            assert url == f"/a;jsessionid=1;{name}={session_id}"
            answer = site.ask(url, lambda r: r.get_session(False).id, RAW_URI=url)
            assert answer.value == session_id
            assert answer.environ["PATH_INFO"] == "/a;jsessionid=1"
            for other in (name.swapcase(), "jsessionid", "JSESSIONID"):
                assert site.ask(f"/a;{other}={session_id}", lambda r: r.get_session(False)).value is None

    @pytest.mark.parametrize("name", ["S#D", "S%D", "S%44", "S^D", "S`D", "S|D"])
    def test_name_that_is_no_parameter(self, name):
        """A name that a URL cannot hold is refused with URL mode, or its ids come back all the same."""
        try:
            site = Site(cookie=SessionCookieConfig(name=name), tracking_modes={"url"})
        except ValueError as error:
            assert repr(name) in str(error)  # noqa: PT017 (either is right)
            return
        with site:
            session_id, url = site.ask("/page", lambda r: (r.get_session().id, r.encode_url("/a"))).value
            target = resolve(Place("http", "h", 8080, "/page", ""), url)
            path = unquote_to_bytes(target.path).decode("latin-1")
            session = site.ask(path, lambda r: r.get_session(False), RAW_URI=target.path).value
            assert session is not None
            assert session.id == session_id

    def test_cookies_off(self):
        """With COOKIE mode off cookies are neither read nor written."""
        with Site(tracking_modes={"url"}) as site:
            created = site.ask("/", lambda r: r.get_session().id)
            assert not created.set_cookies
            answer = site.ask(
                "/", lambda r: (r.get_session(False), r.requested_session_id), cookie=f"JSESSIONID={created.value}"
            )
        assert answer.value == (None, None)

    @pytest.mark.parametrize(
        "environ", [{"QUERY_STRING": "JSESSIONID={0}&jsessionid={0}"}, {"HTTP_X_SESSION_ID": "{0}"}]
    )
    def test_other_places(self, environ):
        """Neither a query nor a header of another name carries an id (R35)."""
        with Site(tracking_modes={"cookie", "url"}) as site:
            session_id = site.new_id()
            sent = {name: text.format(session_id) for name, text in environ.items()}
            answer = site.ask("/", lambda r: (r.get_session(False), r.requested_session_id), **sent)
        assert answer.value == (None, None)


@functools.cache
def property_site():
    """One site for all examples of the properties."""
    return Site(tracking_modes={"url"})


TOKENS = [
    *(
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2e",
        "%2F",
        "%5c",
        ";",
        ":",
        "@",
        "?",
        "#",
        "&",
        "=",
        "[",
        "]",
        " ",
        "\t",
        "\n",
        "%",
    ),
    *(
        "app",
        "/app",
        "/app/",
        "app2",
        "other",
        "h",
        "h:8080",
        "evil",
        "x",
        "http:",
        "https:",
        "http://h:8080",
        "javascript:",
    ),
    *(";jsessionid=", ";jsessionid=a", ";v=1", "/..", "/.", "../", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\xa0", "\0"),
]
urls = st.one_of(
    st.lists(st.sampled_from(TOKENS), max_size=10).map("".join),
    st.text(max_size=20),
    st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=3)), max_size=8).map("".join),
)
contexts = st.sampled_from(["", "/app", "/a/b", "/caf\xc3\xa9"])
pages = st.sampled_from(["/", "/page", "/d/page", "/d/e/", ""])


def without_parameter(url):
    """Return *url* without parameters of ours in its path, by going through its segments."""
    end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
    segments = []
    for segment in url[:end].split("/"):
        first, *parameters = segment.split(";")
        segments.append(";".join([first, *(one for one in parameters if not one.startswith("jsessionid="))]))
    return "/".join(segments) + url[end:]


def is_above_the_root(base_path, url):
    """Return whether a relative *url* has more steps up than there are, its quoted slashes taken either way."""
    path = re.split("[?#]", url.strip("".join(map(chr, range(0x21)))))[0]
    if path.startswith("//"):
        return False
    for text in (path, unquote_to_bytes(path).decode("latin-1")):
        depth = 0
        full = text if text.startswith("/") else base_path.rpartition("/")[0] + "/" + text
        for segment in full.split("/")[1:]:
            plain = re.sub("%2[eE]", ".", segment)
            depth += {"..": -1, ".": 0}.get(plain, 1)
            if depth < 0:
                return True
    return False


class TestProperties:
    """F2 and F3: what holds for any path and any URL."""

    @settings(deadline=None, max_examples=400)
    @given(urls, contexts, pages)
    @example("http://evil;jsessionid=a@h:8080/app/x", "/app", "/page")
    @example("/;jsessionid=a/evil/x", "", "/page")
    @example(";jsessionid=a//evil/x", "", "/page")
    @example("/app/..;jsessionid=x/other", "/app", "/page")
    @example("/other%2F../app/x", "/app", "/page")
    @example("http:///evil/x", "", "/page")
    def test_no_id_goes_elsewhere(self, url, context, page):
        """I8, I9, I10: the id is only in URLs of the application, is put in once, and taking it out undoes it."""

        def view(request):
            request.get_session()
            once = request.encode_url(url)
            return once, request.encode_url(once)

        once, twice = property_site().ask(page, view, script_name=context).value
        assert twice == once
        if once == url:
            return
        end = min(at for at in (once.find("?"), once.find("#"), len(once)) if at >= 0)
        assert re.search(r";jsessionid=[0-9A-F]{32}\Z", once[:end])
        assert once.count(";jsessionid=", 0, end) == 1
        base_path = quote((context + page).encode("latin-1")) or "/"
        base = Place("http", "h", 8080, base_path, "")
        place = resolve(base, once)
        assert place is not None
        assert place.origin == base.origin
        assert place.is_below(context.encode("latin-1").decode())
        path, tail = re.fullmatch("([^?#]*)(.*)", without_parameter(url), re.DOTALL).groups()
        assert without_parameter(once) in (path + tail, f"{path}/{tail}")

    @settings(deadline=None, max_examples=300)
    @given(urls, contexts, pages)
    @example("\t//[", "", "/page")
    @example(" //evil/../..", "", "/page")
    @example("//[", "", "/page")
    def test_what_a_redirect_raises(self, url, context, page):
        """A redirect raises ValueError for relative URLs above the root, nothing else for anything else."""
        try:
            got = property_site().ask(page, lambda r: r.encode_redirect_url(url), script_name=context).value
        except ValueError:
            assert is_above_the_root(quote((context + page).encode("latin-1")), url)
            base = Place("http", "h", 8080, "/", "")
            place = resolve(base, url)
            assert place is not None
            assert place.origin == base.origin
        else:
            assert got == url

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(["/", "a", ";", ";;", "%3B", "jsessionid", "JSESSIONID", "=", "%00", "%FF", "%C3%A9"])
            | st.sampled_from([";jsessionid=", ";jsessionid=1", ";v=1", "//", "%2F", "%25"]),
            max_size=12,
        ).map("".join),
        st.sampled_from(["", "/app", "/a/b", "/%C3%A9", "/a%3Bjsessionid=1"]),
        st.booleans(),
        st.booleans(),
    )
    def test_the_application_sees_the_path_without_the_parameter(self, tail, context, is_raw, is_on):
        """F2: the path minus exactly our parameter; with URL mode off the path as it came."""
        raw = "/" + tail
        decoded = unquote_to_bytes(raw).decode("latin-1")
        expected = decoded
        if is_on:
            expected = (
                unquote_to_bytes(without_parameter(raw)).decode("latin-1") if is_raw else without_parameter(decoded)
            )
        environ = {"RAW_URI": f"{context}{raw}?x;jsessionid=y"} if is_raw else {}
        site = property_site() if is_on else cookie_site()
        answer = site.ask(decoded, script_name=unquote_to_bytes(context).decode("latin-1"), **environ)
        assert answer.environ["PATH_INFO"] == expected


@functools.cache
def cookie_site():
    """A site that tracks by cookie alone."""
    return Site()
