"""The path parameter: the application sees the path without exactly that parameter, and the first live id counts.

With the raw URI of the server an encoded semicolon is data. Without URL tracking nothing is read and nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes

from httpsession import request_session
from httpsession.exchange import MAX_LOOKUPS
from tests.support.browser import UNKNOWN_ID
from tests.support.request import TEXT, fetch, plain_environ
from tests.support.site import Site

from .choices import Choices
from .engine import Check

START = "jsessionid="
ID = re.compile("[0-9A-F]{32}")
PIECES = [
    *("/", "//", "/./", "/../", ".", "..", "a", ";", ";;", ";v=1", "=", ";jsessionid", ";jsessionid=", ";jsessionid=1"),
    *("%3B", "%3Bjsessionid=", ";JSESSIONID=", ";jsession%69d=", "jsessionid=", ";xjsessionid=", "%2F", "%25", "%00"),
    *("%FF", "%C3%A9", "%", "%3", "%3F", "%23", "?", "#", "+", "%20", "\xff", "\xc3\xa9", "%2e%2e", "%2e", "\t"),
]
#: Paths at which the application may be mounted, as the client sends them.
MOUNTS = ("", "/app", "/a/b", "/%C3%A9", "/a%3Bjsessionid=1", "/%2e", "/app;v=1", "/app;jsessionid=1", "/app/")
#: What a server says of the raw URI.
RAW_KEYS = (None, "RAW_URI", "REQUEST_URI")


def model(path: str) -> tuple[list[str], str]:
    """Return the values of the parameter in a path, and the path without them."""
    values, segments = [], []
    for segment in path.split("/"):
        kept, *parameters = segment.split(";")
        for parameter in parameters:
            if not parameter.startswith(START):
                kept += f";{parameter}"
                continue
            value = re.split("[?#]", parameter.removeprefix(START))[0]
            values.append(value)
            kept += parameter.removeprefix(START + value)
        segments.append(kept)
    return values, "/".join(segments)


def without_last_dots(path: str) -> str:
    """Return a path as browsers would have sent it, had no parameter followed its last segment."""
    *folders, last = path.split("/")
    if last not in (".", ".."):
        return path
    return "/".join([*(folders[:-1] if last == ".." else folders), ""]) if len(folders) > (last == "..") else "/"


def decoded(raw: str) -> str:
    """Return a path as servers decode it."""
    return unquote_to_bytes(raw.encode("latin-1")).decode("latin-1")


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a site that tracks by URL, with two sessions, and a site that does not."""
    with Site(tracking_modes=["URL"]) as site, Site() as cookies_only:
        live = [site.new_id(), site.new_id()]
        pieces = [*PIECES, *live, UNKNOWN_ID, *(f";{START}{one}" for one in (*live, UNKNOWN_ID)), live[0].lower()]

        def check(choices: Choices) -> None:
            mount, raw = choices.pick(MOUNTS), f"/{choices.joined(pieces, 16)}"
            raw = raw.partition("?")[0]
            environ = plain_environ() | {"SCRIPT_NAME": decoded(mount), "PATH_INFO": decoded(raw)}
            key = choices.pick(RAW_KEYS)
            if key is not None:
                environ[key] = _raw_uri(choices, mount, raw)
            if choices.is_one_in(4):
                seen, found, sent = _answer(cookies_only, environ)
                assert (seen, found, sent) == (environ, None, None)
                return
            values, path = _expected(environ, key, mount, raw)
            joined = next((one for one in list(filter(ID.fullmatch, values))[:MAX_LOOKUPS] if one in live), None)
            seen, found, sent = _answer(site, environ)
            assert (found, sent) == (joined, joined or next(iter(values), None))
            assert seen == environ | {"PATH_INFO": path}

        yield check


def _raw_uri(choices: Choices, mount: str, raw: str) -> str:
    """Return the raw URI of a server: whole, without the mount point, of another path, or absolute."""
    uri = choices.pick((mount + raw, mount + raw, raw, f"{mount}{raw}/more", f"http://app.example{mount}{raw}"))
    return uri + choices.pick(("", "?", "?x=1;jsessionid=1"))


def _expected(environ: dict, key: str | None, mount: str, raw: str) -> tuple[list[str], str]:
    """Return the values of the parameter, and the path that the application sees."""
    uri = "" if key is None else environ[key].removeprefix("http://app.example").partition("?")[0]
    if uri == mount + raw:
        (above, _), (values, path) = model(mount), model(raw)
        path = decoded(path)
    elif uri == raw:
        above, (values, path) = [], model(raw)
        path = decoded(path)
    else:
        (above, _), (values, path) = model(environ["SCRIPT_NAME"]), model(environ["PATH_INFO"])
    return above + values, without_last_dots(path) if values else environ["PATH_INFO"]


def _answer(site: Site, environ: dict) -> tuple[dict, str | None, str | None]:
    """Return the environ as an application sees it, the id of the session found, and the id requested."""
    seen = []

    def page(environ, start_response):
        request = request_session(environ)
        session = request.get_session(create=False)
        seen.append((environ, session and session.id, request.requested_session_id))
        start_response("200 OK", [TEXT])
        return [b""]

    fetch(site.app, **environ, **{"test.application": page})
    ((environ_seen, found, sent),) = seen
    return {name: environ_seen[name] for name in environ}, found, sent
