"""A browser for tests that are themselves the application, listeners that keep a log, and a race of two calls."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.test import create_environ

import httpsession
from httpsession import (
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
)
from httpsession.werkzeug import Request

UNKNOWN_ID = "0123456789ABCDEF" * 2
URL_ONLY = {"tracking_modes": ["URL"]}
BOTH_MODES = {"tracking_modes": ["COOKIE", "URL"]}


class Site:
    """An application with sessions, mounted somewhere; what it does is up to each request."""

    def __init__(self, mount: str = "", *, listeners: Any = (), **config: Any) -> None:
        self.mount = mount
        self.manager = SessionManager(config=SessionConfig(**config), listeners=listeners)
        self.wsgi = SessionMiddleware(lambda environ, start: environ["test.application"](environ, start), self.manager)

    @property
    def active(self) -> int:
        """How many sessions there are."""
        return self.manager.stats().active


class Exchange(Request):
    """A request under way: an httpsession.werkzeug.Request, and the response as far as it has gone out."""

    response_headers: list[tuple[str, str]]
    finish: Callable[[], object]

    def send(self, chunk: bytes) -> None:
        """Send a part of the body, the application being a generator."""
        self.outbox.append(chunk)
        next(self.chunks)

    @property
    def set_cookies(self) -> list[str]:
        """The values of the Set-Cookie headers that have gone out."""
        return [value for name, value in self.response_headers if name == "Set-Cookie"]


class Browser:
    """A client that keeps cookies. Inside ``with browser.request() as request:`` the test is the application.

    The response ends with the block; until then the request is under way, so that requests can overlap.
    """

    def __init__(self, site: Site | None = None) -> None:
        self.site = Site() if site is None else site
        self.cookies: dict[tuple[str, str], str] = {}

    @contextmanager
    def request(self, path: str = "/", *, site: Site | None = None, cookie: str | None = None, **environ: Any) -> Any:
        """Send a request; *cookie* is the Cookie header, in place of what the browser keeps."""
        site = self.site if site is None else site
        url_scheme = environ.pop("scheme", "http")
        cookie = self._cookies_for(site.mount + path) if cookie is None else cookie
        headers = {"Cookie": cookie} if cookie else {}
        environ |= create_environ(path, f"{url_scheme}://localhost{site.mount}/", headers=headers)
        exchange = None

        def stream() -> Iterator[bytes]:
            while (chunk := exchange.outbox.popleft()) is not None:
                yield chunk

        def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            nonlocal exchange
            exchange = Exchange(environ)
            exchange.response_headers = []
            exchange.outbox = deque()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return stream()

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            exchange.response_headers = headers

        environ["test.application"] = application
        body = site.wsgi(environ, start_response)
        exchange.chunks = iter(body)
        try:
            yield exchange
            exchange.outbox.append(None)
            for _ in exchange.chunks:
                pass
        finally:
            body.close()
        for header in exchange.set_cookies:
            self._keep(header)

    def hold(self) -> Exchange:
        """Return a request that stays under way until its ``finish()``, or until nobody refers to it any more."""
        block = self.request()
        exchange = block.__enter__()
        exchange.finish = lambda: block.__exit__(None, None, None)
        return exchange

    def get(self, path: str = "/", **arguments: Any) -> None:
        """Send a request whose application does not look at the session."""
        with self.request(path, **arguments):
            pass

    def session(self) -> Any:
        """Return the session that a new request of this browser finds, None if there is none."""
        with self.request() as request:
            return request.get_session(create=False)

    def last_accessed_time(self) -> float:
        """Return the last access of the session as a new request of this browser sees it."""
        with self.request() as request:
            return request.get_session(create=False).last_accessed_time

    @property
    def id(self) -> str:
        """The session id that the browser keeps."""
        (value,) = self.cookies.values()
        return value

    def _cookies_for(self, path: str) -> str:
        fitting = [(at, name, value) for (at, name), value in self.cookies.items() if path.startswith(at)]
        return "; ".join(f"{name}={value}" for _, name, value in sorted(fitting, key=lambda one: -len(one[0])))

    def _keep(self, header: str) -> None:
        pair, *rest = header.split("; ")
        name, _, value = pair.partition("=")
        attributes = dict(attribute.partition("=")[::2] for attribute in rest)
        key = attributes["Path"], name
        if attributes.get("Max-Age") == "0":
            self.cookies.pop(key, None)
        else:
            self.cookies[key] = value


class Log(HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener):
    """Writes down what it hears; several may share a list of events, under different names."""

    def __init__(self, name: str = "", events: list[str] | None = None) -> None:
        self.prefix = f"{name} " if name else ""
        self.events = [] if events is None else events

    def session_created(self, event):
        self._note("created")

    def session_destroyed(self, event):
        self._note("destroyed")

    def session_id_changed(self, event, old_id):
        self._note("id changed")

    def attribute_added(self, event):
        self._note(f"added {event.name}={event.value}")

    def attribute_removed(self, event):
        self._note(f"removed {event.name}={event.value}")

    def attribute_replaced(self, event):
        self._note(f"replaced {event.name}={event.value}")

    def count(self, event: str) -> int:
        """Return how often it heard of *event*."""
        return self.events.count(event)

    def _note(self, event: str) -> None:
        self.events.append(self.prefix + event)


class Value(HttpSessionBindingListener):
    """An attribute value that writes down what happens to it."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name = name
        self.events = events

    def __str__(self) -> str:
        return self.name

    def value_bound(self, event):
        self.events.append(f"bound {event.name}={event.value}")

    def value_unbound(self, event):
        self.events.append(f"unbound {event.name}={event.value}")


def outcome_of(call: Callable[[], Any]) -> Any:
    """Return what *call* returns or raises."""
    try:
        return call()
    except Exception as error:
        return error


def race(prepare: Callable[[], tuple[Callable[[], Any], Callable[[], Any], Callable[[Any, Any], None]]]) -> None:
    """Run two calls against each other in every way in which the second can come between two lines of the first.

    *prepare* returns both, and a check of their two outcomes; it is called anew for each way. Where the second waits
    for a lock that the first holds, the first goes on after a moment, as it would if the scheduler had woken it.
    """
    point = 0
    reached = True
    while reached:
        first, second, check = prepare()
        with ThreadPoolExecutor(1) as pool:
            future = None
            lines = 0

            def trace(frame, event, argument):
                nonlocal future, lines
                if Path(frame.f_code.co_filename).parent not in _PACKAGE:
                    return None
                if event == "line":
                    if lines == point:  # noqa: B023 (called within this turn)
                        future = pool.submit(outcome_of, second)  # noqa: B023
                        wait([future], timeout=0.02)
                    lines += 1
                return trace

            before = sys.gettrace()
            sys.settrace(trace)
            try:
                result = outcome_of(first)
            finally:
                sys.settrace(before)
            reached = future is not None
            if future is None:
                future = pool.submit(outcome_of, second)
            outcome = future.result()
        check(result, outcome)
        point += 1
    assert point > 1, "the first call ran no line of the package"


_PACKAGE = {Path(httpsession.__file__).parent, Path(httpsession.__file__).parent / "stores"}
