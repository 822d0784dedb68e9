"""URLs in links and redirects: the id goes to no other origin and to no other application, and is put in once.

Where a URL leads is decided by Ada, an implementation of the URL Standard of WHATWG, as browsers have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote, unquote, unquote_to_bytes

import pytest
from ada_url import URL, check_url

from httpsession import request_session
from httpsession.request import RequestSession
from tests.support.browser import UNKNOWN_ID
from tests.support.request import TEXT, fetch, plain_environ
from tests.support.site import Site

from .choices import Choices
from .engine import Check

T = TypeVar("T")

PARAMETER = re.compile(";jsessionid=[^;/?#]*")
SCHEMES = ("http", "https")
HOSTS = (
    "h:8080",
    "h",
    "H:80",
    "h:443",
    "h.",
    "127.0.0.1",
    "[::1]:80",
    "xn--mnchen-3ya.example",
    "h:080",
    "a b",
    "",
    "h:x",
)
MOUNTS = ("", "/app", "/app", "/a/b", "/\xc3\xa9", "/\xff", "/a b", "/app/", "/%41")
PAGES = ("/", "/page", "/a/b/c", "//evil/x", "/a/../b/x", "", "/%2e%2e/x", "/a;v=1/x", "/\xe9/x", "/.//x")
PIECES = [
    *(
        "/",
        "/",
        "//",
        "\\",
        "/\\",
        "a",
        "app",
        "/app",
        "/app/",
        "..",
        ".",
        "../",
        "%2e%2e",
        "%2F",
        "%5c",
        "?",
        "#",
        ":",
    ),
    *("http:", "https:", "HTTP://", "//h:8080", "//h", "http://h:8080/app/", "https://h/app", "//evil", "@", "h:8080"),
    *(
        ";jsessionid=",
        f";jsessionid={UNKNOWN_ID}",
        ";v=1",
        ";",
        "&",
        "=",
        "jsessionid=1",
        "javascript:",
        "mailto:",
        "data:",
    ),
    *(
        "\t",
        "\n",
        "\r",
        " ",
        "\0",
        "\x7f",
        "\xa0",
        "\u3000",
        "\u2028",
        "\ud800",
        "é",
        "/é",
        "%C3%A9",
        "\u24d7",
        "\uff0f",
        "\u3002",
        "%",
    ),
    *(
        "[::1]",
        "127.0.0.1",
        "0x7f.1",
        "xn--mnchen-3ya.example",
        "münchen.example",
        ":80",
        ":443",
        "^",
        "|",
        "{",
        "'",
        '"',
    ),
    *(
        "ws:",
        "file:",
        "blob:",
        "*",
        "~",
        "!",
        "$",
        "+",
        ",",
        "0",
        "%25",
        "%41",
        "/%41",
        "a b",
        "/a/b",
        "b",
        "\U0001f600",
    ),
]
NO_TEXTS = (b"/app", 1, ["/app"], ("/app", "x"))


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a site that tracks by URL, with a session."""
    with Site(tracking_modes=["URL"]) as site:
        session_id = site.new_id()

        def check(choices: Choices) -> None:
            if choices.is_one_in(100):
                _check_no_text(site, choices.pick(NO_TEXTS))
                return
            environ, base = _request(choices, session_id)
            url = choices.joined(PIECES, 12)
            once, twice, redirected = _ask(site, environ, lambda request: _encoded(request, url))
            assert twice == once
            assert redirected == once or (redirected is None and ".." in unquote(url))
            if once != url:
                _check_rewritten(url, once, session_id)
                _check_place(base, once, environ["SCRIPT_NAME"])

        yield check


def _request(choices: Choices, session_id: str) -> tuple[dict, str]:
    """Return a request that came with the id in its path, and its URL as the client sees it."""
    scheme, host = choices.pick(SCHEMES), choices.pick(HOSTS)
    mount, page = choices.pick(MOUNTS), choices.pick(PAGES)
    environ = plain_environ() | {
        "wsgi.url_scheme": scheme,
        "HTTP_HOST": host,
        "SCRIPT_NAME": mount,
        "PATH_INFO": f"{page};jsessionid={session_id}",
    }
    raw = quote(f"{mount}{environ['PATH_INFO']}".encode("latin-1"), safe="/;=")
    raw = raw if raw.startswith("/") else f"/{raw}"
    if choices.flag():
        environ["RAW_URI"] = raw
    # No client can be at a malformed host, so no URL with a host leads to the application.
    return environ, f"{scheme}://{host if check_url(f'{scheme}://{host}') else 'nowhere.invalid'}{raw}"


def _ask(site: Site, environ: dict, do: Callable[[RequestSession], T]) -> T:
    """Make a request, and return what *do* returns in the application."""
    answers = []

    def page(environ, start_response):
        answers.append(do(request_session(environ)))
        start_response("200 OK", [TEXT])
        return [b""]

    fetch(site.app, **environ, **{"test.application": page})
    (answer,) = answers
    return answer


def _encoded(request: RequestSession, url: str) -> tuple[str, str, str | None]:
    """Return *url* for a link, that once more, and *url* for a redirect; None if it is refused there."""
    once = request.encode_url(url)
    twice = request.encode_url(once)
    try:
        return once, twice, request.encode_redirect_url(url)
    except ValueError:
        return once, twice, None


def _check_no_text(site: Site, url: object) -> None:
    """Check that what is no text is refused as such."""

    def refuses(request: RequestSession) -> None:
        request.get_session()
        for encode in (request.encode_url, request.encode_redirect_url):
            with pytest.raises(TypeError):
                encode(url)

    _ask(site, plain_environ(), refuses)


def _check_rewritten(url: str, once: str, session_id: str) -> None:
    """Check that the id is the last parameter of the path, and that the URL without it is the given URL."""
    path, tail = _parts(once)
    parameter = f";jsessionid={session_id}"
    assert path.endswith(parameter)
    assert path.count(";jsessionid=") == 1
    given, given_tail = _parts(url)
    without = PARAMETER.sub("", given)
    assert tail == given_tail
    assert path.removesuffix(parameter) in (without, f"{without}/")


def _check_place(base: str, url: str, mount: str) -> None:
    """Check that a browser that is at *base* goes from there by *url* to the same origin, and below *mount*.

    A client that asked for the host ``h.`` may be sent to ``h``.
    """
    here, there = URL(base), URL(_scalar(url), base=base)
    assert there.protocol == here.protocol
    assert there.port == here.port
    assert there.hostname in (here.hostname, here.hostname.removesuffix("."))
    wanted = [segment.encode("latin-1") for segment in mount.split("/") if segment]
    segments = [unquote_to_bytes(segment) for segment in there.pathname.split("/")[1:]]
    assert segments[: len(wanted)] == wanted
    # Some servers take a quoted slash for a separator, behind which the path could lead out of the application.
    assert not any(b"/" in segment or b"\\" in segment for segment in segments)
    assert len(segments) > len(wanted)


def _parts(url: str) -> tuple[str, str]:
    """Return the path with what precedes it, and the rest from the first ``?`` or ``#`` on."""
    end = re.search(r"[?#]|\Z", url).start()
    return url[:end], url[end:]


def _scalar(url: str) -> str:
    """Return a text as browsers take it: each lone surrogate is replaced."""
    return url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
