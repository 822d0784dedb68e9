"""The Cookie header: the session is found if and only if a pair of exactly that name has exactly its id.

The reference is RFC 6265bis as a server sees it: pairs between semicolons, blanks and tabs around them and around the
first equals sign, bytes compared as they are. Werkzeug and Django read some headers in other ways, all of which are
listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http.cookie import parse_cookie as django_cookies
from werkzeug.http import parse_cookie as werkzeug_cookies

from httpsession import SessionConfig, request_session
from httpsession.exchange import MAX_LOOKUPS
from httpsession.tracking import CookieTracking
from tests.support.browser import UNKNOWN_ID
from tests.support.request import TEXT, fetch, plain_environ
from tests.support.site import Site

from .choices import Choices
from .engine import Check

NAME = "JSESSIONID"
ID = re.compile("[0-9A-F]{32}")
#: White space to Python that is none to browsers, as bytes of a header in the view of WSGI.
SPACES = [
    *"\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\r\n",
    *(space.encode().decode("latin-1") for space in "\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"),
]
PIECES = [
    *(NAME, NAME.lower(), f"__Host-{NAME}", f"%4A{NAME[1:]}", f"..{NAME}", f"{NAME}[", "$Version", "$Path", "other"),
    *("; ", ";", ";;", "=", " = ", "==", ",", ", ", " ", "  ", "\t", '"', "\\", '\\"', "\\112", "1", "\0", "\x7f", "é"),
    *SPACES,
]

#: Why Werkzeug and Django find other ids in a header, and an example of each.
DIFFERENCES: dict[str, tuple[Callable[[str], object], str]] = {
    "Werkzeug: quotes are removed, and hide semicolons": (
        lambda header: '"' in header,
        f'{NAME}="{UNKNOWN_ID}"',
    ),
    "Werkzeug: bytes that are no UTF-8 are an error": (
        lambda header: _utf_8(header) is None,
        f"{NAME}={UNKNOWN_ID}; other=\xff",
    ),
    "Django: quotes are removed": (
        lambda header: '"' in header,
        f'{NAME}="{UNKNOWN_ID}"',
    ),
    "Django: the last of several counts": (
        lambda header: header.count(NAME) > 1,
        f"{NAME}={UNKNOWN_ID}; {NAME}=other",
    ),
    "Django: all white space of Unicode is trimmed": (
        lambda header: re.search(r"[^\S \t]", header.encode("latin-1").decode(errors="replace")),
        f"\xa0{NAME}={UNKNOWN_ID}".encode().decode("latin-1"),
    ),
}


def pairs(header: str) -> list[tuple[str, str]]:
    """Return the names and values in a header as RFC 6265bis has browsers write them; the model."""
    found = []
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        found.append((name.strip(" \t"), value.strip(" \t")) if equals else ("", pair.strip(" \t")))
    return found


def peers(header: str) -> dict[str, list[str]]:
    """Return the ids that Werkzeug and Django find in a header."""
    text = _utf_8(header)
    first = [] if text is None else werkzeug_cookies(header).getlist(NAME)
    last = django_cookies(header.encode("latin-1").decode(errors="replace")).get(NAME, "")
    return {"Werkzeug": list(filter(ID.fullmatch, first)), "Django": list(filter(ID.fullmatch, [last]))}


def reasons(peer: str, header: str) -> list[str]:
    """Return the listed reasons for which *peer* may find other ids in a header."""
    return [reason for reason, (applies, _) in DIFFERENCES.items() if reason.startswith(peer) and applies(header)]


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a site with two sessions."""
    with Site() as site:
        live = [site.new_session(), site.new_session()]
        tracking = CookieTracking(SessionConfig())
        pieces = [*PIECES, *live, UNKNOWN_ID, *(f"{NAME}={one}" for one in (*live, UNKNOWN_ID)), live[0].lower()]

        def check(choices: Choices) -> None:
            header = _header(choices, pieces)
            sent = [value for name, value in pairs(header) if name == NAME]
            ids = [value for value in sent if ID.fullmatch(value)]
            assert tracking.find_ids(header) == ids
            assert tracking.sent(header) == sent
            if "  " not in header and "\t" not in header:
                assert tracking.find_ids_plainly(header) == ids
            joined = next((one for one in ids[:MAX_LOOKUPS] if one in live), None)
            requested = joined or next(iter(sent), None)
            assert _answer(site, header) == (joined, requested, joined is not None)
            for peer, others in peers(header).items():
                assert others == ids or reasons(peer, header), f"{peer} finds {len(others)} ids, not {len(ids)}"

        yield check


def _header(choices: Choices, pieces: list[str]) -> str:
    """Return any bytes, or a header of pieces, which may be long."""
    if choices.is_one_in(4):
        return choices.octets(255).decode("latin-1")
    header = choices.joined(pieces, 24)
    return header * choices.below(1000) if choices.is_one_in(200) else header


def _answer(site: Site, header: str) -> tuple[str | None, str | None, bool]:
    """Return the ids of the session found and requested, and whether the latter is valid, as an application sees it."""
    seen = []

    def page(environ, start_response):
        request = request_session(environ)
        session = request.get_session(create=False)
        seen.append((session and session.id, request.requested_session_id, request.is_requested_session_id_valid))
        start_response("200 OK", [TEXT])
        return [b""]

    environ = plain_environ() | {"HTTP_COOKIE": header, "test.application": page}
    assert fetch(site.app, **environ).set_cookies == []
    (answer,) = seen
    return answer


def _utf_8(header: str) -> str | None:
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return None
