"""What the tests of cookies and URLs share: a site to send requests to, and a model of how browsers see its answers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes
from wsgiref.validate import validator

from httpsession import RequestSession, SessionConfig, SessionManager, SessionMiddleware, request_session

_HTTP_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


@dataclass
class Answer:
    """What a request was answered, what the view in it returned, and the environ that the view saw."""

    value: Any
    status: str
    headers: list[tuple[str, str]]
    environ: dict[str, Any]

    @property
    def set_cookies(self) -> list[str]:
        """The values of all Set-Cookie headers."""
        return [value for name, value in self.headers if name.lower() == "set-cookie"]


class Site:
    """A WSGI application with sessions, whose view is given with each request. Checked by ``wsgiref.validate``."""

    def __init__(self, listeners: Iterable[Any] = (), **settings: Any) -> None:
        self.manager = SessionManager(config=SessionConfig(sweep_interval=None, **settings), listeners=listeners)
        self.app = SessionMiddleware(self._run, self.manager)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.manager.close()

    def request(
        self,
        path: str = "/",
        do: Callable[[RequestSession], Any] = lambda request: None,
        *,
        cookie: str | None = None,
        scheme: str = "http",
        script_name: str = "",
        host: str = "h:8080",
        headers: Iterable[tuple[str, str]] = (),
        **environ: Any,
    ) -> Answer:
        """Send a request for *path*, decoded as in ``PATH_INFO``; *headers* are those that the view answers with."""
        seen: list[Any] = []
        everything = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": script_name,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "server.example",
            "SERVER_PORT": "8080",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": host,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "test.view": (do, tuple(headers), seen),
            **environ,
        }
        if cookie is not None:
            everything["HTTP_COOKIE"] = cookie
        started: list[Any] = []
        body = validator(self.app)(everything, lambda *args: started.append(args) or (lambda data: None))
        try:
            list(body)
        finally:
            body.close()
        return Answer(seen[0], started[-1][0], started[-1][1], seen[1])

    def new(self, **environ: Any) -> str:
        """Make a session and return its id."""
        session_id: str = self.request("/", lambda request: request.get_session().id, **environ).value
        return session_id

    @staticmethod
    def _run(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        do, headers, seen = environ["test.view"]
        seen.append(do(request_session(environ)))
        seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain"), *headers])
        return [b"done"]


@dataclass
class StoredCookie:
    """A cookie as a browser keeps it."""

    value: str
    attributes: dict[str, str]
    expires: float | None


@dataclass
class CookieJar:
    """The cookies of a browser that goes by RFC 6265bis, for the one host that it talks to."""

    host: str = "www.example.com"
    cookies: dict[tuple[str, str, str, bool], StoredCookie] = field(default_factory=dict)

    def receive(self, header: str, *, path: str = "/", https: bool = False, now: float = 0.0) -> bool:
        """Take the value of a Set-Cookie header; return whether it was accepted (5.6 and 5.7)."""
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", header):
            return False
        pair, *rest = header.split(";")
        name, equals, value = pair.partition("=")
        name, value = (name.strip(" \t"), value.strip(" \t")) if equals else ("", name.strip(" \t"))
        if not name + value or len((name + value).encode()) > 4096:
            return False
        attributes = {}
        for attribute in rest:
            key, _, text = (part.strip(" \t") for part in attribute.partition("="))
            if len(text.encode()) <= 1024:
                attributes[key.lower()] = text
        domain = attributes.get("domain", "").removeprefix(".").lower()
        if domain and not (self.host == domain or self.host.endswith(f".{domain}")):
            return False
        secure, partitioned = "secure" in attributes, "partitioned" in attributes
        if secure and not https:
            return False
        given_path = attributes.get("path", "")
        if not given_path.startswith("/"):
            given_path = path.rpartition("/")[0] or "/"
        prefix = name.lower()
        if (attributes.get("samesite", "").lower() == "none" or partitioned) and not secure:
            return False
        if prefix.startswith(("__host-", "__secure-", "__http-")) and not secure:
            return False
        if prefix.startswith(("__host-http-", "__http-")) and "httponly" not in attributes:
            return False
        if prefix.startswith("__host-") and (domain or attributes.get("path") != "/"):
            return False
        key = (name, domain, given_path, partitioned)
        expires = None
        if re.fullmatch(r"-?[0-9]+", attributes.get("max-age", "")):
            expires = now + int(attributes["max-age"])
        elif "expires" in attributes:
            expires = parsedate_to_datetime(attributes["expires"]).timestamp()
        if expires is not None and expires <= now:
            self.cookies.pop(key, None)
        else:
            self.cookies[key] = StoredCookie(value, attributes, expires)
        return True

    def header(self, path: str = "/", *, https: bool = False) -> str:
        """Return the Cookie header for a request of *path*, which is as it stands in the request line (5.8)."""
        pairs = [
            f"{name}={cookie.value}"
            for (name, _, cookie_path, _), cookie in self.cookies.items()
            if (path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/"))
            and (https or "secure" not in cookie.attributes)
        ]
        return "; ".join(pairs)


@dataclass(frozen=True)
class Place:
    """Where a URL leads. Paths and what follows them are as they go into the request line."""

    scheme: str
    host: str
    port: int | None
    path: str
    tail: str

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    def is_below(self, context: str) -> bool:
        """Return whether the path is the (decoded) context path or lies below it, segment by segment.

        The last segment may be followed by parameters, as in ``/app;jsessionid=1234``.
        """
        wanted = [segment.encode() for segment in context.split("/")[1:]]
        segments = self.path.split("/")[1:]
        if len(segments) == len(wanted):
            segments[-1] = segments[-1].partition(";")[0]
        return [unquote_to_bytes(segment) for segment in segments[: len(wanted)]] == wanted


def resolve(base: Place, url: str) -> Place | None:
    """Return where a browser goes from *base* by a link to *url*; None if nowhere by HTTP.

    A model of https://url.spec.whatwg.org/#url-parsing, as far as origin and path are concerned.
    """
    url = re.sub(r"[\t\n\r]", "", url.strip("".join(map(chr, range(0x21)))))
    end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
    head, tail = url[:end], url[end:]
    scheme_match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", head)
    scheme = base.scheme
    if scheme_match:
        scheme = scheme_match[1].lower()
        head = head[scheme_match.end() :]
        if scheme not in _HTTP_PORTS:
            return None
    head = head.replace("\\", "/")
    if head.startswith("//") or scheme != base.scheme:
        authority, slash, path = head.lstrip("/").partition("/")
        host, port = _host_and_port(authority, scheme)
        if not host:
            return None
        return Place(scheme, host, port, _path([], slash + path), tail)
    if head.startswith("/"):
        path = _path([], head)
    elif head:
        path = _path(base.path.split("/")[1:-1], "/" + head)
    else:
        path = base.path
    return Place(base.scheme, base.host, base.port, path, tail)


def _host_and_port(authority: str, scheme: str) -> tuple[str, int | None]:
    host = authority.rpartition("@")[2]
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", host)
    if match is None:
        return "", None
    port = int(match[2]) if match[2] else _HTTP_PORTS[scheme]
    return unquote(match[1]).lower(), port


def _path(segments: list[str], path: str) -> str:
    result = list(segments)
    parts = path.split("/")[1:]
    for number, part in enumerate(parts):
        plain = part.lower().replace("%2e", ".")
        is_last = number == len(parts) - 1
        if plain == "..":
            del result[-1:]
        elif plain != ".":
            result.append(part)
        if plain in (".", "..") and is_last:
            result.append("")
    return "/" + quote("/".join(result), safe="/%!$&'()*+,:;=@[]|~^")
