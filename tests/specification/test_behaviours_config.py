"""Servlet behaviours S68 and S74 to S91: what can be configured. A configuration is frozen from the start.

What is about a ServletContext, which httpsession.servlet has, is in test_behaviours_context.py: S69 to S73, S76, S85.
"""

import time
from dataclasses import FrozenInstanceError

import pytest
from werkzeug.http import http_date

from httpsession import ConfigError, SessionConfig, SessionCookieConfig, SessionTrackingMode
from tests.support.browser import BOTH_MODES, URL_ONLY, Browser
from tests.support.site import Site

COOKIE, URL, SSL = SessionTrackingMode


def cookie_of(*, mount="", scheme="http", **cookie):
    """Return the name, the value and the attributes of a new session's cookie."""
    with Browser(Site(mount=mount, cookie=SessionCookieConfig(**cookie))).request(scheme=scheme) as request:
        request.get_session()
    (header,) = request.set_cookies
    pair, *attributes = header.split("; ")
    name, _, value = pair.partition("=")
    assert len(attributes) == len({attribute.partition("=")[0].lower() for attribute in attributes})
    return name, value, attributes


def attributes_of(**arguments):
    """Return the attributes of a new session's cookie."""
    return cookie_of(**arguments)[2]


@pytest.mark.parametrize("interval", [0, -1])
def test_s68_no_timeout(clock, interval):
    """Zero or less in the configuration: new sessions never time out. (Seconds here; minutes are Java's.)"""
    browser = Browser(Site(max_inactive_interval=interval))
    with browser.request() as request:
        request.get_session()
    clock.tick(365 * 24 * 3600)

    assert browser.session().max_inactive_interval == interval


def test_s74_no_domain():
    """Without a domain the cookie is the host's alone; with one it has it."""
    assert not [one for one in attributes_of() if one.lower().startswith("domain")]
    assert "Domain=example.org" in attributes_of(domain="example.org")


@pytest.mark.parametrize(("mount", "path"), [("", "/"), ("/app", "/app"), ("/a/b", "/a/b")])
def test_s75_the_path_is_the_mount_point(mount, path):
    """The context path; for the root context "/"."""
    assert f"Path={path}" in attributes_of(mount=mount)
    assert SessionCookieConfig().path is None


def test_s75_a_configured_path():
    """Wins over the mount point."""
    assert "Path=/app/TestServlet" in attributes_of(mount="/app", path="/app/TestServlet")


def test_s77_http_only():
    """The design's choice for D26: HttpOnly unless switched off."""
    assert "HttpOnly" in attributes_of()
    assert "HttpOnly" not in attributes_of(http_only=False)


@pytest.mark.parametrize(
    ("secure", "scheme", "expected"),
    [
        ("auto", "http", False),
        ("auto", "https", True),
        (True, "http", True),
        (True, "https", True),
        (False, "https", False),
    ],
)
def test_s78_secure(secure, scheme, expected):
    """By default when the request that creates the session is secure; True: always."""
    assert ("Secure" in attributes_of(secure=secure, scheme=scheme)) is expected


def test_s79_no_max_age():
    """-1, the default: neither Max-Age nor Expires."""
    names = {attribute.partition("=")[0] for attribute in attributes_of(max_age=-1)}

    assert names == {"Path", "HttpOnly", "SameSite"}


def test_s79_max_age_comes_with_expires(clock):
    """Which says the same, as of when the cookie is set; so on each new cookie."""
    site = Site(cookie=SessionCookieConfig(max_age=3600))
    for _ in range(2):
        with Browser(site).request() as request:
            request.get_session()
        (header,) = request.set_cookies
        assert "; Max-Age=3600;" in header
        assert f"; Expires={http_date(time.time() + 3600)};" in header
        clock.tick(100)


def test_s79_max_age_zero():
    """The client would not keep the cookie, and each request would begin a session: it is refused."""
    with pytest.raises(ConfigError, match=r"max_age is 0, but must be .* above zero"):
        SessionCookieConfig(max_age=0)


@pytest.mark.parametrize(
    ("attribute", "setting", "value"),
    [
        (("Path", "/x"), "path", "/x"),
        (("path", "/x"), "path", "/x"),
        (("DOMAIN", "example.org"), "domain", "example.org"),
        (("Max-Age", "60"), "max_age", 60),
        (("max-age", "60"), "max_age", 60),
        (("Secure", ""), "secure", True),
        (("httponly", ""), "http_only", True),
        (("samesite", "Strict"), "same_site", "Strict"),
    ],
)
def test_s80_attributes_and_settings_agree(attribute, setting, value):
    """An attribute that has a setting sets it, in any case of letters, and is sent once."""
    config = SessionCookieConfig(attributes=dict([attribute]))

    assert getattr(config, setting) == value
    assert config == SessionCookieConfig(**{setting: value})
    assert attributes_of(attributes=dict([attribute])) == attributes_of(**{setting: value})


@pytest.mark.parametrize("name", [None, "", "a b", "a;b", "a=b", "ä", 1])
def test_s80_no_name_of_an_attribute(name):
    """None and what is no token is refused."""
    with pytest.raises(ConfigError, match="attributes"):
        SessionCookieConfig(attributes={name: "value"})


@pytest.mark.parametrize("value", ["soon", "", "1.5", "0x10"])
def test_s80_no_number_for_max_age(value):
    """Java's NumberFormatException: a ValueError here."""
    with pytest.raises(ValueError, match="Max-Age"):
        SessionCookieConfig(attributes={"Max-Age": value})


def test_s81_all_attributes():
    """A read-only map in which the case of names does not matter, with those that have a setting of their own."""
    attributes = SessionCookieConfig(path="/x", max_age=60, secure=True, attributes={"a1": "b2"}).as_attributes()

    assert dict(attributes) == {
        "Path": "/x",
        "HttpOnly": "",
        "Secure": "",
        "Max-Age": "60",
        "SameSite": "Lax",
        "a1": "b2",
    }
    assert attributes["PATH"] == attributes["path"] == "/x"
    assert attributes["A1"] == "b2"
    assert "max-AGE" in attributes
    with pytest.raises(TypeError):
        attributes["a1"] = "b3"


def test_s81_the_further_attributes_cannot_be_changed():
    """Neither through the configuration nor through the dict it was made of."""
    given = {"a1": "b2"}
    config = SessionCookieConfig(attributes=given)
    given["a1"] = "b3"

    assert config.attributes["a1"] == "b2"
    with pytest.raises(TypeError):
        config.attributes["a1"] = "b3"


def test_s82_further_attributes_are_sent():
    """With their value; the empty one makes a flag."""
    attributes = attributes_of(attributes={"Priority": "High", "Flag": ""})

    assert attributes[-2:] == ["Priority=High", "Flag"]


def test_s82_same_site_and_partitioned():
    """SameSite is Lax unless configured, None leaves it out; Partitioned is a flag."""
    assert "SameSite=Lax" in attributes_of()
    assert "SameSite=Strict" in attributes_of(same_site="Strict")
    assert not [one for one in attributes_of(same_site=None) if one.startswith("SameSite")]
    assert "Partitioned" in attributes_of(attributes={"Partitioned": ""}, secure=True)
    assert "Partitioned" in attributes_of(partitioned=True, secure=True)
    assert "Partitioned" not in attributes_of()


@pytest.mark.parametrize("name", [None, "", "a b", "a=b", "a;b", "a,b", "a\n", '"a"', "ä", 1])
def test_s83_no_name_of_a_cookie(name):
    """A value that is no token is refused; the message has the setting and the value."""
    with pytest.raises(ConfigError) as caught:
        SessionCookieConfig(name=name)

    assert "SessionCookieConfig.name" in str(caught.value)
    assert repr(name) in str(caught.value)


def test_s84_the_names():
    """JSESSIONID, and ``jsessionid`` in URLs; a name of one's own is both, as it is written."""
    assert cookie_of()[0] == "JSESSIONID"
    for name, parameter in (("JSESSIONID", "jsessionid"), ("SID", "SID"), ("Sid", "Sid")):
        browser = Browser(Site(cookie=SessionCookieConfig(name=name), **BOTH_MODES))
        with browser.request() as request:
            session = request.get_session()
            assert request.encode_url("/x") == f"/x;{parameter}={session.id}"
        (cookie,) = request.set_cookies
        assert cookie.startswith(f"{name}={session.id};")
        with browser.request(f"/x;{parameter}={session.id}", cookie="other=1") as request:
            assert request.get_session(create=False) == session
        with browser.request(cookie=f"{name}={session.id}") as request:
            assert request.get_session(create=False) == session


def test_s86_tracking_modes():
    """COOKIE, URL and SSL, in that order, found by name."""
    assert [mode.name for mode in SessionTrackingMode] == ["COOKIE", "URL", "SSL"]
    assert [SessionTrackingMode[name] for name in ("COOKIE", "URL", "SSL")] == [COOKIE, URL, SSL]
    with pytest.raises(KeyError):
        SessionTrackingMode["cookie"]


def test_s87_the_default_mode():
    """The design's choice: cookies alone, where containers have URLs, too."""
    assert SessionConfig().tracking_modes == {COOKIE}
    assert isinstance(SessionConfig().tracking_modes, frozenset)


def test_s88_the_effective_modes():
    """Those that were set, in a set of its own that cannot be changed; names will do."""
    given = {"cookie", "URL"}
    config = SessionConfig(tracking_modes=given)
    given.clear()

    assert config.tracking_modes == {COOKIE, URL}
    assert isinstance(config.tracking_modes, frozenset)
    assert SessionConfig(tracking_modes=[URL]).tracking_modes == {URL}


@pytest.mark.parametrize(
    ("config", "setting", "value"),
    [
        (SessionConfig(), "tracking_modes", {URL}),
        (SessionConfig(), "max_inactive_interval", 10),
        (SessionCookieConfig(), "name", "SID"),
        (SessionCookieConfig(), "secure", True),
    ],
)
def test_s89_a_configuration_is_frozen(config, setting, value):
    """Nothing can be set later; reading goes on."""
    before = getattr(config, setting)
    with pytest.raises(FrozenInstanceError):
        setattr(config, setting, value)

    assert getattr(config, setting) == before


@pytest.mark.parametrize(
    "modes",
    [[SSL], [URL, SSL], [COOKIE, SSL], [COOKIE, URL, SSL], ["ssl"], [], ["basic"], "COOKIE", None, 1],
    ids=repr,
)
def test_s90_modes_that_are_refused(modes):
    """SSL, with any other or alone, since WSGI does not offer it; none; unknown ones."""
    with pytest.raises(ConfigError, match=r"SessionConfig\.tracking_modes"):
        SessionConfig(tracking_modes=modes)


@pytest.mark.parametrize(
    ("config", "cookie", "url"),
    [({}, True, False), (URL_ONLY, False, True), (BOTH_MODES, True, True)],
    ids=["cookie", "url", "both"],
)
def test_s91_a_mode_that_is_off_is_off(config, cookie, url):
    """Its ids are neither sent nor read nor told of; with URL off the path stays as it was sent."""
    browser = Browser(Site(**config))
    with browser.request() as request:
        session = request.get_session()
        assert request.encode_url("/x") == (f"/x;jsessionid={session.id}" if url else "/x")
    assert len(request.set_cookies) == cookie
    with browser.request(cookie=f"JSESSIONID={session.id}") as request:
        assert (request.get_session(create=False) == session) is cookie
        assert (request.requested_session_id == session.id) is cookie
        assert request.is_requested_session_id_from_cookie is cookie
    with browser.request(f"/x;jsessionid={session.id}", cookie="other=1") as request:
        assert (request.get_session(create=False) == session) is url
        assert (request.requested_session_id == session.id) is url
        assert request.is_requested_session_id_from_url is url
        assert request.environ["PATH_INFO"] == ("/x" if url else f"/x;jsessionid={session.id}")


def test_s91_a_foreign_cookie_does_not_override_the_url():
    """With cookies off, the one of a parent context with the same name does not get in the way."""
    browser = Browser(Site(**URL_ONLY))
    with browser.request() as request:
        session = request.get_session()
    with browser.request(f"/;jsessionid={session.id}", cookie=f"JSESSIONID={'A' * 32}") as request:
        assert request.get_session(create=False) == session
        assert request.encode_url("/x") == f"/x;jsessionid={session.id}"
        request.get_session().invalidate()

    assert request.set_cookies == []
