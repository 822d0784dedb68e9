"""The applications that a real server serves."""

from __future__ import annotations

import time

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session, request_session
from tests.support.core import accesses_of

TEXT = ("Content-Type", "text/plain; charset=utf-8")


def app(environ, start_response):
    """Do what the path says, and tell what the session was like."""
    answer = PAGES[environ["PATH_INFO"].rpartition("/")[2]](environ)
    if isinstance(answer, str):
        body = [answer.encode()]
        start_response("200 OK", [TEXT, ("Content-Length", str(len(body[0])))])
        return body
    start_response("200 OK", [TEXT])
    return answer


def count(environ):
    session = get_session(environ)
    return str(session.update_attribute("count", lambda value: (value or 0) + 1))


def peek(environ):
    session = get_session(environ, create=False)
    return "nobody" if session is None else f"{session.get('count')} {session.get('streamed')}"


def log_in(environ):
    return request_session(environ).login("anna").principal


def log_out(environ):
    request_session(environ).logout()
    return "bye"


def link(environ):
    get_session(environ)
    return f"{environ['PATH_INFO']} {request_session(environ).encode_url('count')}"


def stream(environ):
    session = get_session(environ)
    for number in range(3):
        session["streamed"] = number
        yield f"{number}\n".encode()
        time.sleep(0.05)


def in_use(environ):
    return str(len(accesses_of(environ["httpsession.test.manager"]).in_flight))


PAGES = {
    "count": count,
    "peek": peek,
    "login": log_in,
    "logout": log_out,
    "link": link,
    "stream": stream,
    "in_use": in_use,
}


def site(**config):
    """Return the application with sessions of its own."""
    manager = SessionManager(config=SessionConfig(**config))

    def knows_its_manager(environ, start_response):
        environ["httpsession.test.manager"] = manager
        return app(environ, start_response)

    return SessionMiddleware(knows_its_manager, manager)


cookies = site(max_inactive_interval=2, sweep_interval=0.2)
urls = site(tracking_modes={"URL"})
