"""A slow request: it stands still in the middle until it is told to go on, in a thread or in a process of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from multiprocessing import Pipe

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from tests.support.request import TEXT, fetch
from tests.support.waiting import PATIENCE


@dataclass
class Answer:
    """The response as the client got it."""

    status: str
    text: str
    set_cookies: list[str]


def read(session):
    return session["user"]


def write(session):
    session["late"] = 1


def append(session):
    session["cart"].append("late")


def update(session):
    session.update_attribute("count", lambda count: count + 1)


ACTS = {"reads": read, "writes": write, "appends": append, "updates": update}


def make_request(manager, session_id, what, middle):
    """Make a request that reads its session, calls *middle*, and does *what*; its body ends with what it had read."""

    def app(environ, start_response):
        session = get_session(environ, create=False)
        user = session["user"]
        session["early"] = 1
        middle()
        ACTS[what](session)
        start_response("200 OK", [TEXT])
        return [f"hello {user}".encode()]

    response = fetch(SessionMiddleware(app, manager), session_id)
    return Answer(response.status, response.text, response.set_cookies)


class Slow:
    """The near end of a slow request, which is in its middle when this is made."""

    def __init__(self, pipe, *work):
        self._pipe = pipe
        self._pipe.send(work)
        assert self._receive() == "in the middle"

    def _receive(self):
        assert self._pipe.poll(PATIENCE), "the slow request does not get there"
        return self._pipe.recv()

    def finish(self):
        """Resume the request, and return its answer."""
        self._pipe.send("go on")
        return self._receive()


def serve(pipe, manager=None):
    """Run the far end: make one request after the other, with the sessions of *manager* or of a URL."""
    while work := pipe.recv():
        url, session_id, what = work
        used = manager or SessionManager(url, config=SessionConfig(max_inactive_interval=60))

        def middle():
            pipe.send("in the middle")
            pipe.recv()

        answer = make_request(used, session_id, what, middle)
        if manager is None:
            used.close()
        pipe.send(answer)


def serve_in_thread(manager):
    """Return the pipe to a thread that makes slow requests, and the thread."""
    near, far = Pipe()
    thread = threading.Thread(target=serve, args=(far, manager))
    thread.start()
    return near, thread


def serve_in_process(context):
    """Return the pipe to a process that makes slow requests, and the process."""
    near, far = Pipe()
    process = context.Process(target=serve, args=(far,))
    process.start()
    return near, process
