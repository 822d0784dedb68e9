"""An application that other servers than gunicorn serve; the URL of the store comes by the environment."""

from __future__ import annotations

import os
from pathlib import Path

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session, request_session
from tests.support.core import accesses_of

TEXT = ("Content-Type", "text/plain; charset=utf-8")


def app(environ, start_response):
    """Do what the path says."""
    return PAGES[environ["PATH_INFO"]](environ, start_response)


def answer(start_response, text):
    start_response("200 OK", [TEXT, ("Content-Length", str(len(text)))])
    return [text.encode()]


def count(environ, start_response):
    session = get_session(environ)
    return answer(start_response, str(session.update_attribute("count", lambda value: (value or 0) + 1)))


def set_(environ, start_response):
    get_session(environ)["a"] = environ["QUERY_STRING"]
    return answer(start_response, "set")


def peek(environ, start_response):
    session = get_session(environ, create=False)
    return answer(start_response, "nobody" if session is None else str(dict(session)))


def log_in(environ, start_response):
    return answer(start_response, request_session(environ).login("anna").principal)


def log_out(environ, start_response):
    request_session(environ).logout()
    return answer(start_response, "bye")


def stream(environ, start_response):
    """Send many chunks, and set an attribute before each."""
    session = get_session(environ)
    start_response("200 OK", [TEXT])
    for number in range(200):
        session["streamed"] = number
        yield b"%d\n" % number * 1000


def file(environ, start_response):
    get_session(environ)["file"] = True
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](Path(__file__).open("rb"))


def write(environ, start_response):
    get_session(environ)["written"] = True
    send = start_response("200 OK", [TEXT])
    send(b"one ")
    send(b"two")
    return []


def socket(environ, start_response):
    """Answer over the socket, as WebSockets do."""
    get_session(environ)["socket"] = True
    environ["test.socket"].sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\nover the socket")
    return []


def in_use(environ, start_response):
    others = [one for one in accesses_of(manager).in_flight if one.arrived]
    return answer(start_response, str(len(others)))


PAGES = {
    "/count": count,
    "/set": set_,
    "/peek": peek,
    "/login": log_in,
    "/logout": log_out,
    "/stream": stream,
    "/file": file,
    "/write": write,
    "/socket": socket,
    "/in_use": in_use,
}
manager = SessionManager(os.environ["HTTPSESSION_TEST_STORE"], config=SessionConfig())
application = SessionMiddleware(app, manager)
