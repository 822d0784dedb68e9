"""The probe application: each page does one thing with the session of a request, and tells what there was.

In tests it is mounted four times, with a configuration each: see :data:`CONFIGS`.
"""

from __future__ import annotations

import json
import os
import time
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs

from httpsession import SessionConfig, SessionManager, SessionMiddleware, request_session
from httpsession.csrf import CsrfMiddleware, csrf_token
from httpsession.manager import sessions_behind
from tests.support.waiting import PATIENCE

#: The configurations, by the path at which each is mounted.
CONFIGS = {
    "": SessionConfig,
    "/urls": lambda: SessionConfig(tracking_modes=["COOKIE", "URL"]),
    "/csrf": SessionConfig,
    "/hardened": SessionConfig.hardened,
}


class BoomError(Exception):
    """The exception that the page ``/boom`` raises."""


class Call:
    """A request that a page answers: its session half, and its parameters from the query and the form."""

    def __init__(self, environ, folder):
        self.environ = environ
        #: Where slow requests meet the test.
        self.folder = folder
        self.request = request_session(environ)
        self._parameters = None

    @property
    def parameters(self):
        """The first value of each parameter."""
        if self._parameters is None:
            text = self.environ["QUERY_STRING"]
            if "x-www-form-urlencoded" in self.environ.get("CONTENT_TYPE", ""):
                size = int(self.environ.get("CONTENT_LENGTH") or 0)
                text += "&" + self.environ["wsgi.input"].read(size).decode("latin-1")
            self._parameters = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
        return self._parameters

    def __getitem__(self, name):
        return self.parameters.get(name, "")

    @property
    def session(self):
        """The session, which is created if there is none."""
        return self.request.get_session()

    @property
    def existing(self):
        """The session, None if there is none."""
        return self.request.get_session(create=False)


def peek(call):
    return None if call.existing is None else dict(call.existing)


def set_(call):
    call.session[call["k"]] = call["v"]


def delete(call):
    del call.session[call["k"]]


def about(call):
    request, session = call.request, call.existing
    return {
        "valid": request.is_requested_session_id_valid,
        "from": [request.is_requested_session_id_from_cookie, request.is_requested_session_id_from_url],
        "path": call.environ["PATH_INFO"],
        "principal": None if session is None else session.principal,
        "is_new": None if session is None else session.is_new,
        "pid": os.getpid(),
    }


def slow(call):
    """Load the session, wait until the test lets the request go on, and do something then."""
    session, gate = call.existing, call.folder / call["gate"]
    found = None if session is None else dict(session)
    gate.with_suffix(".in").touch()
    end = time.monotonic() + PATIENCE
    while not gate.exists() and time.monotonic() < end:
        time.sleep(0.005)
    try:
        ACTS[call["then"]](call, session)
    except RuntimeError as error:  # an IllegalStateError: its session has ended
        return [found, type(error).__name__]
    return [found, None]


ACTS = {
    "nothing": lambda call, session: None,
    "read": lambda call, session: dict(session),
    "set": lambda call, session: session.set_attribute("late", 1),
    "update": lambda call, session: session.update_attribute("late", lambda value: 1),
    "rotate": lambda call, session: call.request.change_session_id(),
    "interval": lambda call, session: setattr(session, "max_inactive_interval", 0),
}


def several(call):
    """Do several things in one request, in the given order."""
    for name in call["do"].split(","):
        {
            "create": lambda: call.session,
            "rotate": call.request.change_session_id,
            "set": lambda: call.session.set_attribute("a", 1),
            "end": lambda: call.session.invalidate(),
        }[name]()


def boom(call):
    if call["login"]:
        call.request.login(call["login"])
    call.session["boom"] = 1
    raise BoomError("a secret of the application")


def revoke(call):
    manager = call.request.servlet_context
    return manager.invalidate_all(call.existing.principal, except_=call.existing)


def sessions(call):
    listed = call.request.servlet_context.sessions_of(call.existing.principal, current=call.existing)
    return [[info.handle, info.is_current, str(info)] for info in listed]


def end(call):
    """End a session of the user by its handle, as a page for users does."""
    return call.request.servlet_context.invalidate(call["handle"], principal=call.existing.principal)


PAGES = {
    "/none": lambda call: None,
    "/peek": peek,
    "/new": lambda call: call.session and None,
    "/get": lambda call: None if call.existing is None else call.existing.get(call["k"]),
    "/set": set_,
    "/del": delete,
    "/add": lambda call: call.session.update_attribute(call["k"], lambda value: (value or 0) + 1),
    "/id": about,
    "/login": lambda call: call.request.login(call["u"]).principal,
    "/logout": lambda call: call.request.logout(),
    "/rotate": lambda call: call.existing is not None and bool(call.request.change_session_id()),
    "/slow": slow,
    "/several": several,
    "/link": lambda call: call.request.encode_url(call["u"]),
    "/form": lambda call: csrf_token(call.environ),
    "/act": lambda call: "done",
    "/boom": boom,
    "/sessions": sessions,
    "/sessions/revoke": revoke,
    "/sessions/end": end,
    "/sensitive": lambda call: call.request.require_recent_login(60),
}


def page(environ, start_response, folder):
    """Answer with what the page of the path returns, as JSON."""
    call, path = Call(environ, folder), environ["PATH_INFO"]
    if path in STYLES:
        return STYLES[path](call, start_response)
    if path not in PAGES and path != "/redir":
        return answer(start_response, HTTPStatus.NOT_FOUND, path)
    if path == "/redir":
        location = call.request.encode_redirect_url(call["u"])
        return answer(start_response, HTTPStatus.FOUND, None, ("Location", location))
    return answer(start_response, HTTPStatus.OK, PAGES[path](call))


def answer(start_response, status, found, *headers):
    body = json.dumps(found).encode()
    sizes = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", [*sizes, *headers])
    return [body]


TEXT = ("Content-Type", "text/plain")


def generator(call, start_response):
    call.session["style"] = "generator"
    start_response("200 OK", [TEXT])
    yield b""
    yield b"one"
    call.session["late"] = 1
    yield b"two"


def write(call, start_response):
    call.session["style"] = "write"
    start_response("200 OK", [TEXT])(b"one")
    return [b"two"]


def no_content(call, start_response):
    call.session["style"] = "no_content"
    start_response("204 No Content", [])
    return []


def not_modified(call, start_response):
    call.session["style"] = "not_modified"
    start_response("304 Not Modified", [("ETag", '"a"')])
    return []


def error(call, start_response):
    """Fail after the first call of start_response, as error pages of frameworks do."""
    call.session["style"] = "error"
    start_response("200 OK", [TEXT])
    try:
        raise BoomError
    except BoomError as raised:
        start_response("500 Internal Server Error", [TEXT], (BoomError, raised, None))
    return [b"sorry"]


def public(call, start_response):
    call.session["style"] = "public"
    start_response("200 OK", [TEXT, ("Cache-Control", "public, max-age=60"), ("Vary", "Accept")])
    return [b"page"]


#: The pages that answer in a way of their own, in a session.
STYLES = {f"/style/{name.__name__}": name for name in (generator, write, no_content, not_modified, error, public)}


class Mounts(dict):
    """The applications by mount, each made when it is first asked for, as are the managers."""

    def __init__(self, url, folder, configs=None, listeners=(), *, is_still=False):
        """Keep what the applications are made of; *folder* as for :class:`Call`.

        Where it *is still*, the test flushes and sweeps, and no background thread does.
        """
        super().__init__()
        self._url = url
        self._folder = Path(folder)
        self._configs = CONFIGS if configs is None else configs
        self._listeners = listeners
        self._is_still = is_still
        self._lock = Lock()

    def __missing__(self, mount):
        store = self._url if self._url == "memory://" else f"{self._url}?prefix=p{mount.replace('/', '')}"
        manager = SessionManager(store, config=self._configs[mount](), listeners=self._listeners)

        if self._is_still:
            sessions_behind(manager)._sweeper.stop()

        def inner(environ, start_response):
            return page(environ, start_response, self._folder)

        self[mount] = SessionMiddleware(CsrfMiddleware(inner) if mount == "/csrf" else inner, manager)
        return self[mount]

    def __call__(self, environ, start_response):
        """Answer a request by the application that is mounted at the beginning of its path."""
        first = "/" + environ["PATH_INFO"][1:].partition("/")[0]
        mount = first if first in self._configs else ""
        environ["SCRIPT_NAME"] += mount
        environ["PATH_INFO"] = environ["PATH_INFO"][len(mount) :]
        with self._lock:  # of two first requests one makes the application
            app = self[mount]
        try:
            return app(environ, start_response)
        except BoomError:  # as an error handler around all applications
            return answer(start_response, HTTPStatus.INTERNAL_SERVER_ERROR, "sorry")
