"""Sec-Fetch-Site, Origin and Referer: which of them refuse a request, before its token is looked at."""

from __future__ import annotations

import pytest

from httpsession import ConfigError
from httpsession.csrf.origin import Origins

TRUSTED = "https://forms.example.net"


def environ(scheme="https", host="example.org", **headers):
    """Return the environ of a request with these headers; None leaves a header out."""
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items() if value is not None}
    server = {"wsgi.url_scheme": scheme, "SERVER_NAME": "server", "SERVER_PORT": "8000"}
    return {**server, **named} if host is None else {**server, "HTTP_HOST": host, **named}


def veto(trusted=(), **request):
    """Return the header that refuses a request."""
    return Origins(trusted).veto(environ(**request))


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("https://example.org", True),
        ("https://EXAMPLE.org:443", True),
        ("https://example.org.attacker.com", False),
        ("https://example.org@evil", False),
        ("https://example.org.", False),
        ("http://example.org", False),
        ("http://example.org:443", False),
        ("https://example.org:8443", False),
        ("https://example.org:", True),
        ("https://example.org:0443", True),
        ("https://sub.example.org", False),
        ("https://org", False),
        ("null", False),
        ("", False),
        (" ", False),
        ("file://", False),
        ("https://", False),
        ("https:example.org", False),
        ("https:///example.org", False),
        ("//example.org", False),
        ("example.org", False),
        ("https://evil/https://example.org", False),
        ("https://example.org/", False),
        ("https://example.org/path", False),
        ("https://example.org?", False),
        ("https://example.org#", False),
        ("https://example.org\\.evil", False),
        ("https://example.org, https://example.org", False),
        ("https://example.org https://evil", False),
        ("https://example.org\n", False),
        ("https://example.org\x00", False),
        ("https://ex\u00e4mple.org", False),
        ("https://example.org%2eevil", False),
        ("https://example.org:99999", False),
        ("https://example.org:4x43", False),
        ("javascript://example.org", False),
        ("wss://example.org", False),
        ("https://" + "a" * 65_536, False),
        ("https://example.org" + "/" * 65_536, False),
    ],
)
def test_origin(origin, is_own):
    """Only scheme, host and port of the request itself pass; all else, malformed or opaque, is refused (R78)."""
    assert veto(origin=origin) == (None if is_own else "Origin")


@pytest.mark.parametrize(
    ("host", "origin", "is_own"),
    [
        ("example.org:8443", "https://example.org:8443", True),
        ("example.org:8443", "https://example.org", False),
        ("[::1]:8443", "https://[::1]:8443", True),
        ("[::1]", "https://[0:0:0:0:0:0:0:1]", True),
        ("[::1]", "https://[::2]", False),
        ("[::1]", "https://::1", False),
        ("127.0.0.1", "https://127.0.0.1", True),
        ("127.0.0.1", "https://127.1", False),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "https://b\u00c3\u00bccher.example", False),
        ("example.org.", "https://example.org.", True),
        ("EXAMPLE.org", "https://example.org", True),
        (None, "https://server:8000", True),
        (None, "https://server", False),
        ("", "https://", False),
        ("", "null", False),
        ("evil@example.org", "https://example.org", False),
        ("a b", "https://a b", False),
    ],
)
def test_host(host, origin, is_own):
    """The host is that of the request, in one form; a malformed one equals nothing (R78)."""
    assert veto(host=host, origin=origin) == (None if is_own else "Origin")


@pytest.mark.parametrize(
    ("referer", "is_own"),
    [
        (None, True),
        ("", True),
        ("https://example.org", True),
        ("https://example.org/", True),
        ("https://example.org/form?a=https://evil#x", True),
        ("https://example.org?a", True),
        ("https://evil/https://example.org", False),
        ("https://evil/?https://example.org/", False),
        ("https://example.org.evil/", False),
        ("https://example.org@evil/", False),
        ("https://evil#@example.org/", False),
        ("http://example.org/", False),
        ("https://example.org:444/", False),
        ("https://example.org\\@evil/", False),
        ("about:blank", False),
        ("null", False),
        ("/form", False),
    ],
)
def test_referer(referer, is_own):
    """Without an Origin the Referer must match; without both the token decides (R78)."""
    assert veto(referer=referer) == (None if is_own else "Referer")
    assert veto(origin="https://example.org", referer=referer) is None
    assert veto(origin="https://evil.example", referer=referer) == "Origin"


SITES = {
    "same-origin": True,
    "none": True,
    "same-site": False,
    "cross-site": False,
    "Cross-Site": False,
    "same-origin, same-origin": False,
    "same-origin,cross-site": False,
    "": True,
    "unknown": True,
    None: True,
}


@pytest.mark.parametrize("origin", ["https://example.org", "https://evil.example", "null", None])
@pytest.mark.parametrize("site", SITES)
def test_fetch_site(site, origin):
    """Sec-Fetch-Site refuses what another site sent, a list of values too; then Origin has its turn (R77)."""
    expected = "Sec-Fetch-Site" if not SITES[site] else "Origin" if origin in ("https://evil.example", "null") else None

    assert veto(sec_fetch_site=site, origin=origin) == expected


@pytest.mark.parametrize("site", ["same-site", "cross-site", None, "unknown"])
def test_trusted(site):
    """A trusted origin may send requests from another site; its neighbours may not (R77)."""
    for origin, is_allowed in {
        TRUSTED: True,
        "https://forms.example.net:443": True,
        "http://forms.example.net": False,
        "https://forms.example.net:444": False,
        "https://www.forms.example.net": False,
        "https://example.net": False,
        "null": False,
    }.items():
        assert (veto([TRUSTED], origin=origin, sec_fetch_site=site) is None) == is_allowed
    assert veto([TRUSTED], referer=f"{TRUSTED}/page", sec_fetch_site=site) is None


def test_trusted_beside_own():
    """The request's own origin is trusted in any case; with a list of values in Sec-Fetch-Site none is."""
    assert veto([TRUSTED], origin="https://example.org", sec_fetch_site="same-origin") is None
    assert veto([TRUSTED], origin=TRUSTED, sec_fetch_site="same-site, cross-site") == "Sec-Fetch-Site"
    assert veto([TRUSTED], origin="https://example.org", sec_fetch_site="cross-site") == "Sec-Fetch-Site"


def test_hidden_https():
    """Behind a proxy that hides https the origin is refused, until it is trusted; then http is another origin."""
    request = {"scheme": "http", "sec_fetch_site": "same-origin"}
    assert veto(origin="https://example.org", **request) == "Origin"
    assert veto(["https://example.org"], origin="https://example.org", **request) is None
    assert veto(["https://example.org"], origin="http://example.org", **request) == "Origin"
    assert veto(["https://elsewhere.example"], origin="http://example.org", **request) is None


@pytest.mark.parametrize(
    ("headers", "is_proven"),
    [
        ({}, False),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "unknown"}, False),
        ({"origin": "https://example.org"}, True),
        ({"origin": TRUSTED}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"referer": "https://example.org/form"}, True),
        ({"referer": "https://evil.example/"}, False),
        ({"host": "", "origin": "https://"}, False),
    ],
)
def test_proof(headers, is_proven):
    """Where there is no token, a header must say that this site or a trusted one sent the request."""
    assert Origins([TRUSTED]).is_proven(environ(**headers)) == is_proven


@pytest.mark.parametrize(
    "trusted",
    [
        "https://example.org",
        b"https://example.org",
        None,
        5,
        [None],
        [b"https://example.org"],
        ["example.org"],
        ["*"],
        ["https://*.example.org"],
        ["https://example.org/"],
        ["ftp://example.org"],
        ["null"],
        [""],
        ["https://user:secret@example.org"],
    ],
)
def test_wrong_trusted_origins(trusted):
    """What is no origin is refused when the middleware is made, without a password in the message."""
    with pytest.raises(ConfigError, match="trusted_origins") as error:
        Origins(trusted)
    assert "secret" not in str(error.value)
