"""A browser for tests that are themselves the application, and the jar in which it keeps cookies."""

from __future__ import annotations

import re
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from werkzeug.test import create_environ

from httpsession.werkzeug import Request
from tests.support.request import TEXT
from tests.support.site import Site

UNKNOWN_ID = "0123456789ABCDEF" * 2
URL_ONLY = {"tracking_modes": ["URL"]}
BOTH_MODES = {"tracking_modes": ["COOKIE", "URL"]}


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
        """Process the value of a Set-Cookie header; return whether it was accepted (5.6 and 5.7)."""
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
        fitting = [
            (cookie_path, name, cookie.value)
            for (name, _, cookie_path, _), cookie in self.cookies.items()
            if (path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/"))
            and (https or "secure" not in cookie.attributes)
        ]
        longest_first = sorted(fitting, key=lambda cookie: len(cookie[0]), reverse=True)
        return "; ".join(f"{name}={value}" for _, name, value in longest_first)


class Exchange(Request):
    """A request in flight as the application sees it, and the response as far as it has gone out."""

    def __init__(self, request, outbox):
        super().__init__(request.environ)
        self._request = request
        self._outbox = outbox

    def send(self, chunk):
        """Send a chunk of the body."""
        self._outbox.append(chunk)
        self._request.read()

    @property
    def response_headers(self):
        """The headers that have gone out."""
        return self._request.headers or []

    @property
    def set_cookies(self):
        """The values of the Set-Cookie headers that have gone out."""
        return [value for name, value in self.response_headers if name == "Set-Cookie"]


class Browser:
    """A client that keeps cookies. Inside ``with browser.request() as request:`` the test is the application.

    The response ends with the block; until then the request is in flight, so that requests can overlap.
    """

    def __init__(self, site=None):
        self.site = Site() if site is None else site
        self.jar = CookieJar()

    @contextmanager
    def request(self, path="/", *, site=None, cookie=None, scheme="http", **environ):
        """Send a request; *cookie* is the Cookie header, in place of what the browser keeps."""
        site = self.site if site is None else site
        is_https = scheme == "https"
        cookie = self.jar.header(site.mount + path, https=is_https) if cookie is None else cookie
        headers = {"Cookie": cookie} if cookie else {}
        environ |= create_environ(path, f"{scheme}://localhost{site.mount}/", headers=headers)
        outbox = deque()

        def application(environ, start_response):
            start_response("200 OK", [TEXT])
            return iter(outbox.popleft, None)

        request = site.request(**environ, **{"test.application": application})
        exchange = Exchange(request, outbox)
        try:
            yield exchange
        except BaseException:
            request.close()
            raise
        outbox.append(None)
        request.finish()
        for header in exchange.set_cookies:
            self.jar.receive(header, path=site.mount + path, https=is_https)

    def hold(self):
        """Return a request that stays in flight until its ``finish()``, or until nothing refers to it any more."""
        block = self.request()
        exchange = block.__enter__()
        exchange.finish = lambda: block.__exit__(None, None, None)
        return exchange

    def get(self, path="/", **arguments):
        """Send a request whose application does not look at the session."""
        with self.request(path, **arguments):
            pass

    def session(self):
        """Return the session that a new request of this browser finds, None if there is none."""
        with self.request() as request:
            return request.get_session(create=False)

    def last_accessed_time(self):
        """Return the last access of the session as a new request of this browser sees it."""
        with self.request() as request:
            return request.get_session(create=False).last_accessed_time

    @property
    def id(self):
        """The session id that the browser keeps."""
        (cookie,) = self.jar.cookies.values()
        return cookie.value
