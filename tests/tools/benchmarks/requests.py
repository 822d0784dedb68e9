"""The cost of a request above the bare application, beside the least possible: ``python -m ...requests``.

The floor finds the cookie, looks the session up in a dict and slides its expiry under a lock. It has no listeners, no
events, no digest of the id and no protection against anything: no library can cost much less.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterable

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from tests.support.core import flush
from tests.support.request import plain_environ

ROUNDS = 60
REQUESTS = 2000

FLOOR_KEY = "floor.session"
OK = "200 OK"
HEADERS = [("Content-Type", "text/plain")]
BODY = [b"hello"]


def untouched(environ, start_response):
    start_response(OK, list(HEADERS))
    return BODY


def reading(find):
    """Return an application that reads an attribute of the session that *find* returns for an environ."""

    def app(environ, start_response):
        find(environ)["user"]
        start_response(OK, list(HEADERS))
        return BODY

    return app


def writing(find):
    """Return an application that sets an attribute; without a session it creates one."""

    def app(environ, start_response):
        find(environ)["user"] = "anna"
        start_response(OK, list(HEADERS))
        return BODY

    return app


class Floor:
    """The least a session layer can do."""

    def __init__(self, app, sessions):
        self.app = app
        self.sessions = sessions

    def __call__(self, environ, start_response):
        handle = environ[FLOOR_KEY] = FloorHandle(self.sessions, environ.get("HTTP_COOKIE", ""))

        def start(status, headers, exc_info=None):
            if handle.issued:
                headers.append(("Set-Cookie", f"JSESSIONID={handle.issued}; HttpOnly; Path=/; SameSite=Lax"))
            return start_response(status, headers)

        return self.app(environ, start)


class FloorHandle:
    __slots__ = ("cookies", "issued", "sessions")

    def __init__(self, sessions, cookies):
        self.sessions = sessions
        self.cookies = cookies
        self.issued = None

    def get_session(self, create=True):
        at = self.cookies.find("JSESSIONID=")
        if at >= 0:
            record = self.sessions.get(self.cookies[at + 11 : at + 43])
            now = time.time()
            if record is not None:
                with record[2]:
                    if record[0] > now:
                        record[0] = now + 1800
                        return FloorSession(record[1])
        self.issued = os.urandom(16).hex().upper()
        attributes = {}
        self.sessions[self.issued] = [time.time() + 1800, attributes, threading.Lock()]
        return FloorSession(attributes)


class FloorSession:
    __slots__ = ("attributes",)

    def __init__(self, attributes):
        self.attributes = attributes

    def __getitem__(self, name):
        return self.attributes[name]

    def __setitem__(self, name, value):
        self.attributes[name] = value


def floor_session(environ):
    """Return the session of a request to the floor."""
    return environ[FLOOR_KEY].get_session()


def chunk(app: Callable[..., Iterable[bytes]], template: dict[str, object]) -> float:
    """Return the seconds of one request, measured over many."""
    environs = [template.copy() for _ in range(REQUESTS)]
    start = time.perf_counter()
    for made in environs:
        app(made, lambda status, headers, exc_info=None: None)
    return (time.perf_counter() - start) / REQUESTS


def cookie_of(app) -> str:
    sent: list[tuple[str, str]] = []
    app(plain_environ(), lambda status, headers, exc_info=None: sent.extend(headers))
    return next(value for name, value in sent if name.lower() == "set-cookie").partition(";")[0]


def main() -> None:
    rows = []
    sessions: dict[str, list[object]] = {}
    manager = SessionManager(config=SessionConfig(max_sessions=-1))
    ours = SessionMiddleware(writing(get_session), manager)
    cookies = cookie_of(ours), cookie_of(Floor(writing(floor_session), sessions))
    for name, app, with_cookie in (
        ("untouched, no id", lambda find: untouched, False),
        ("untouched, with id", lambda find: untouched, True),
        ("read", reading, True),
        ("write", writing, True),
        ("create", writing, False),
    ):
        apps = SessionMiddleware(app(get_session), ours.manager), Floor(app(floor_session), sessions), untouched
        templates = [plain_environ(cookie if with_cookie else None) for cookie in (*cookies, cookies[0])]
        best = [float("inf")] * 3
        for _ in range(ROUNDS):
            for at, (measured, template) in enumerate(zip(apps, templates, strict=True)):
                flush(ours.manager)
                best[at] = min(best[at], chunk(measured, template))
        rows.append((name, *best))
    print(f"{'microseconds above bare':24}{'httpsession':>12}{'floor':>8}{'ratio':>8}   (bare {rows[0][3] * 1e6:.2f})")
    for name, here, floor, bare in rows:
        print(f"{name:24}{(here - bare) * 1e6:12.2f}{(floor - bare) * 1e6:8.2f}{(here - bare) / (floor - bare):8.2f}")


if __name__ == "__main__":
    gc.freeze()
    main()
