"""The application that several workers serve: what its sessions have, and who answered."""

from __future__ import annotations

import json
import os
import threading
from urllib.parse import parse_qsl

from httpsession import (
    HttpSessionListener,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    TooManySessionsError,
    get_session,
    request_session,
)


class Witness(HttpSessionListener):
    """Writes down, in a file of all workers, what the sessions had that ended."""

    def __init__(self, path):
        self._path = path

    def session_destroyed(self, event):
        line = f"{json.dumps(dict(event.session))}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line)
        os.close(descriptor)


def site(url, endings=os.devnull, **config):
    """Return the application with sessions in a store, which has been used already."""
    manager = SessionManager(url, config=SessionConfig(**config), listeners=[Witness(endings)])
    manager.stats()
    return SessionMiddleware(app, manager)


def app(environ, start_response):
    """Do what the path says, with what the query says, and tell what there was before."""
    found = PAGES[environ["PATH_INFO"]](environ)
    body = json.dumps({"worker": os.getpid(), "found": found}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def plain(environ):
    return [thread.name for thread in threading.enumerate()]


def read(environ):
    session = get_session(environ, create=False)
    return None if session is None else dict(session)


def write(environ):
    session = get_session(environ)
    before = dict(session)
    for name, number in parse_qsl(environ["QUERY_STRING"]):
        session[name] = int(number)
    return before


def add(environ):
    session = get_session(environ)
    before = dict(session)
    return before | {"total": session.update_attribute("total", lambda total: (total or 0) + 1) - 1}


def log_in(environ):
    try:
        return request_session(environ).login("anna").principal
    except TooManySessionsError:
        return None


PAGES = {"/plain": plain, "/read": read, "/write": write, "/add": add, "/login": log_in}
