"""Servlet behaviours S114 to S131: the id in URLs, and which id a request asks for. See also tracking/test_url.py."""

import pytest

from tests.support.browser import BOTH_MODES, UNKNOWN_ID, URL_ONLY, Browser
from tests.support.site import Site


@pytest.fixture
def browser():
    """A client of a site that tracks by URL, mounted at /app, with a session; and its id."""
    browser = Browser(Site(mount="/app", **URL_ONLY))
    with browser.request() as request:
        browser.session_id = request.get_session().id
    return browser


@pytest.fixture
def request_(browser):
    """A request of its session to /app/level1/level2/foo.html."""
    with browser.request(f"/level1/level2/foo.html;jsessionid={browser.session_id}") as request:
        yield request


@pytest.fixture
def encode(browser, request_):
    """A function that encodes a URL in that request, as link and as redirect, and returns it with ID for the id."""

    def encode(url):
        encoded = request_.encode_url(url)
        assert request_.encode_redirect_url(url) == encoded
        return encoded.replace(browser.session_id, "ID")

    return encode


def test_s114_a_path_parameter(encode):
    """The id comes after the path, before the query and the fragment."""
    assert encode("/app/x") == "/app/x;jsessionid=ID"
    assert encode("x?a=1") == "x;jsessionid=ID?a=1"
    assert encode("x#f") == "x;jsessionid=ID#f"
    assert encode("x?a=1#f") == "x;jsessionid=ID?a=1#f"


def test_s115_unchanged_without_a_session():
    """Encoding makes no session."""
    browser = Browser(Site(**URL_ONLY))
    with browser.request() as request:
        assert request.encode_url("/x") == request.encode_redirect_url("/x") == "/x"

    assert browser.site.active == 0


def test_s115_unchanged_after_an_invalidation(request_):
    """A session that is over has no place in URLs."""
    request_.get_session().invalidate()

    assert request_.encode_url("x") == request_.encode_redirect_url("x") == "x"


def test_s115_unchanged_when_the_id_came_in_a_cookie():
    """Cookies work, then; also where the cookie's session is no more."""
    browser = Browser(Site(**BOTH_MODES))
    with browser.request() as request:
        request.get_session()
    with browser.request() as request:
        assert request.encode_url("/x") == request.encode_redirect_url("/x") == "/x"
    with browser.request(cookie=f"JSESSIONID={UNKNOWN_ID}") as request:
        request.get_session()
        assert request.encode_url("/x") == "/x"


def test_s115_unchanged_without_url_tracking():
    """With cookies alone nothing is rewritten."""
    with Browser().request() as request:
        request.get_session()
        assert request.encode_url("/x") == request.encode_redirect_url("/x") == "/x"


def test_s116_the_first_response_has_both():
    """Whether the client takes cookies is not known yet."""
    with Browser(Site(**BOTH_MODES)).request() as request:
        session = request.get_session()
        assert request.encode_url("/x") == f"/x;jsessionid={session.id}"

    assert len(request.set_cookies) == 1


@pytest.mark.parametrize("url", [None, "", "#anchor"])
def test_s117_unchanged(request_, url):
    """None, nothing, and a place on the same page (S121: the design's choice for "")."""
    assert request_.encode_url(url) == url
    assert request_.encode_redirect_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/app/x",
        "ftp://localhost/app/x",
        "http://example.org/app/x",
        "//example.org/app/x",
        "http://localhost:8080/app/x",
        "http://localhost/other/x",
        "/other/x",
        "/app2/x",
        "/application",
        "/",
    ],
)
def test_s118_unchanged_when_foreign(encode, url):
    """Another scheme, host, port or context; "/app2" is not "/app" (the design's boundary)."""
    assert encode(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://localhost/app/x", "http://localhost:80/app/x", "http://LOCALHOST/app/x", "//localhost/app/x", "/app/"],
)
def test_s118_absolute_urls_of_the_application(encode, url):
    """The same scheme, host, port and context are the application's, however they are written."""
    assert encode(url) == f"{url};jsessionid=ID"


@pytest.mark.parametrize(
    "url", ["javascript:void(0)", "mailto:ann@example.org", "data:text/plain,x", "http://[", "http://localhost:x/app"]
)
def test_s119_unchanged_when_no_place_of_ours(encode, url):
    """Other kinds of URLs, and what is none."""
    assert encode(url) == url


def test_s120_an_id_in_the_url(browser, encode):
    """The right one is not added again; a stale one is replaced (D17)."""
    assert encode(f"x;jsessionid={browser.session_id}") == "x;jsessionid=ID"
    assert encode(f"x;jsessionid={UNKNOWN_ID}?a=1") == "x;jsessionid=ID?a=1"


def test_s122_a_url_without_a_path():
    """Gets "/" first."""
    browser = Browser(Site(**URL_ONLY))
    with browser.request() as request:
        session = request.get_session()
        assert request.encode_url("http://localhost") == f"http://localhost/;jsessionid={session.id}"
        assert request.encode_url("http://localhost?a=1") == f"http://localhost/;jsessionid={session.id}?a=1"


def test_s123_relative_urls(encode, request_):
    """Are relative to the request; one that leads above the root is left alone, and no place to redirect to."""
    assert encode("./bar.html") == "./bar.html;jsessionid=ID"
    assert encode("../bar.html") == "../bar.html;jsessionid=ID"
    assert encode("../../bar.html") == "../../bar.html;jsessionid=ID"
    assert encode("../../../bar.html") == "../../../bar.html"  # outside of /app
    assert request_.encode_url("../../../../bar.html") == "../../../../bar.html"
    with pytest.raises(ValueError, match="above the root"):
        request_.encode_redirect_url("../../../../bar.html")


def test_s124_fragments_and_other_parameters(encode):
    """A question mark in a fragment is no query; other path parameters stay."""
    assert encode("a#f?x") == "a;jsessionid=ID#f?x"
    assert encode("p;v=1") == "p;v=1;jsessionid=ID"


@pytest.mark.parametrize("place", ["/{}", "/a/b{}", "/a{}/b"])
def test_s125_the_application_sees_no_id_in_the_path(browser, place):
    """It is stripped from ``PATH_INFO``, from whichever segment, so that routes match."""
    with browser.request(place.format(f";jsessionid={browser.session_id}")) as request:
        assert request.environ["PATH_INFO"] == place.format("")
        assert request.get_session(create=False).id == browser.session_id


def test_s126_the_name_matches_exactly(browser):
    """In upper case it is not the parameter."""
    with browser.request(f"/x;JSESSIONID={browser.session_id}") as request:
        assert request.requested_session_id is None
        assert request.get_session(create=False) is None


@pytest.mark.parametrize(
    "path",
    [
        "/;jsessionid=1234",
        "/foo;jsessionid=1234",
        "/foo;jsessionid=1234;dummy",
        "/foo;jsessionid=1234;dummy=5678",
        "/foo;jsessionid=1234;=5678",
        "/foo;jsessionid=1234/bar",
        "/foo;dummy;jsessionid=1234",
    ],
)
def test_s127_other_parameters_do_not_matter(browser, path):
    """The id is found beside them, in any segment."""
    with browser.request(path) as request:
        assert request.requested_session_id == "1234"
        assert request.is_requested_session_id_from_url


@pytest.mark.parametrize(
    "path", ["/x;jsessionid={unknown};jsessionid={id}", "/x;jsessionid={id}/y;jsessionid={unknown}"]
)
def test_s128_several_parameters(browser, path):
    """The design's choice for D19: the first valid one."""
    with browser.request(path.format(id=browser.session_id, unknown=UNKNOWN_ID)) as request:
        assert request.requested_session_id == browser.session_id
        assert request.get_session(create=False).id == browser.session_id


def test_s128_several_parameters_and_none_valid(browser):
    """Then the first is the requested one."""
    with browser.request(f"/x;jsessionid=first;jsessionid={UNKNOWN_ID}") as request:
        assert request.requested_session_id == "first"
        assert request.get_session(create=False) is None


def test_s129_cookie_and_url():
    """The design's choice for D5: the first valid one, cookies first; never 400."""
    site = Site(**BOTH_MODES)
    ids = []
    for _ in range(2):
        with Browser(site).request() as request:
            ids.append(request.get_session().id)
    for in_cookie, in_url, expected in [
        (ids[0], ids[1], ids[0]),
        (UNKNOWN_ID, ids[1], ids[1]),
        (ids[0], UNKNOWN_ID, ids[0]),
        ("garbage", ids[1], ids[1]),
    ]:
        with Browser(site).request(f"/;jsessionid={in_url}", cookie=f"JSESSIONID={in_cookie}") as request:
            assert request.get_session(create=False).id == expected
            assert request.requested_session_id == expected
    with Browser(site).request(f"/;jsessionid={UNKNOWN_ID}", cookie="JSESSIONID=dead") as request:
        assert request.get_session(create=False) is None
        assert request.requested_session_id == "dead"


def test_s130_several_cookies():
    """The first that is valid; if none is, the first; two valid ones are no error (D6)."""
    site = Site()
    ids = []
    for _ in range(2):
        with Browser(site).request() as request:
            ids.append(request.get_session().id)
    for sent, expected in [
        ((UNKNOWN_ID, ids[0]), ids[0]),
        (("", "garbage", ids[1], UNKNOWN_ID), ids[1]),
        ((ids[1], ids[0]), ids[1]),
        ((ids[0], ids[0]), ids[0]),
    ]:
        cookie = "; ".join(f"JSESSIONID={one}" for one in sent)
        with Browser(site).request(cookie=cookie) as request:
            assert request.requested_session_id == expected
            assert request.get_session(create=False).id == expected
    with Browser(site).request(cookie=f"JSESSIONID=first; JSESSIONID={UNKNOWN_ID}") as request:
        assert request.get_session(create=False) is None
        assert request.requested_session_id == "first"


@pytest.mark.parametrize("name", ["jsessionid", "JSessionId", "XJSESSIONID", "JSESSIONID2"])
def test_s131_the_name_of_the_cookie_matches_exactly(name):
    """Case matters (D39), and so does the whole of the name."""
    browser = Browser()
    with browser.request() as request:
        session = request.get_session()
    with browser.request(cookie=f"{name}={session.id}") as request:
        assert request.get_session(create=False) is None
        assert request.requested_session_id is None
