"""Bytes out and bytes in: servers of the probe application, in process and real, and clients of both."""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import unquote_to_bytes, urlencode
from wsgiref.validate import validator

from tests.security.probe import Mounts
from tests.support.browser import CookieJar
from tests.support.core import flush
from tests.support.waiting import PATIENCE, wait_until

HOST = "h.example:8080"
FORM = "application/x-www-form-urlencoded"
#: The methods that ``wsgiref.validate`` knows.
_KNOWN = {"GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE"}


@dataclass
class Answer:
    """A response as it arrived."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name):
        """Return the values of a header."""
        return [value for other, value in self.headers if other.lower() == name.lower()]

    def words(self, name):
        """Return the items of a header that is a list, in lower case."""
        return {word.strip().lower() for value in self.all(name) for word in value.split(",")}

    @property
    def cookies(self):
        """The values of the Set-Cookie headers."""
        return self.all("Set-Cookie")

    @property
    def json(self):
        """What the page returned."""
        assert self.status == 200, (self.status, self.body)
        return json.loads(self.body)

    @property
    def new_id(self):
        """The id that the response gives the client; there must be one cookie."""
        (cookie,) = self.cookies
        return re.match(r"[^=]+=([0-9A-F]{32});", cookie)[1]


@dataclass
class Server:
    """A server of the probe application: it gets the bytes of a request and gives a response."""

    send: Callable[[bytes], Answer]
    #: Where slow requests meet the test, and real servers write what is logged.
    folder: Path
    #: Returns the lines that were logged so far.
    log: Callable[[], str]
    #: The applications by mount, if they are in this process.
    mounts: Mounts | None = None

    @property
    def active(self):
        """The number of sessions at the mount without a path, in this process."""
        return self.mounts[""].manager.stats().active

    def ask(self, method, target, *, cookie=None, body=b"", headers=()):
        """Send a request with these parts and return the response. Texts are sent as latin-1."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *headers]
        if cookie is not None:
            lines.append(f"Cookie: {cookie}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def client(self, mount="", *, https=False):
        """Return a new client of the application at *mount*."""
        return Client(self, mount, https=https)

    def wait(self, clock, seconds):
        """Advance the clock of this process, after what its background threads do each second."""
        for app in self.mounts.values():
            flush(app.manager)
        clock.tick(seconds)

    def has(self, session_id, *, mount="", name="JSESSIONID"):
        """Return whether the id opens a session, whichever worker answers: S(id) of the requirements."""
        found = {self.ask("GET", f"{mount}/peek", cookie=f"{name}={session_id}").body != b"null" for _ in range(4)}
        assert len(found) == 1, "the workers disagree"
        return found.pop()


class Client:
    """A browser that keeps cookies."""

    def __init__(self, server, mount, *, https=False):
        self.server = server
        self.mount = mount
        self.https = https
        self.jar = CookieJar()

    def ask(self, method, path, headers=(), **form):
        """Send a request with a form, and process its cookies."""
        headers = [*headers, *(["X-Forwarded-Proto: https"] if self.https else [])]
        body = urlencode(form).encode()
        if form:
            headers.append(f"Content-Type: {FORM}")
        cookie = self.jar.header(self.mount + path, https=self.https) or None
        answer = self.server.ask(method, self.mount + path, cookie=cookie, body=body, headers=headers)
        for one in answer.cookies:
            assert self.jar.receive(one, path=self.mount + path, https=self.https), f"a browser drops {one}"
        return answer

    def get(self, path, headers=()):
        """Open a page."""
        return self.ask("GET", path, headers)

    def post(self, path, headers=(), **form):
        """Send a form."""
        return self.ask("POST", path, headers, **form)

    @property
    def id(self):
        """The session id that the browser keeps; None if it keeps none."""
        values = [cookie.value for (name, *_), cookie in self.jar.cookies.items() if name.endswith("JSESSIONID")]
        assert len(values) <= 1
        return values[0] if values else None

    def with_session(self, **attributes):
        """Begin a session, come back with its cookie, and return the client."""
        for name, value in (attributes or {"a": "1"}).items():
            self.post("/set", k=name, v=value)
        assert self.get("/peek").json
        return self

    @contextmanager
    def slow(self, then):
        """Have a slow request loaded its session in the block, which does *then* after it; gives a list of its answer.

        The request has the cookies of now, and what it sends does not reach this client.
        """
        answers, gate = [], f"{id(self)}-{then}"
        other = Client(self.server, self.mount, https=self.https)
        other.jar.cookies.update(self.jar.cookies)

        def run():
            answers.append(other.get(f"/slow?then={then}&gate={gate}"))

        thread = Thread(target=run, daemon=True)
        thread.start()
        inside = self.server.folder / f"{gate}.in"
        wait_until(inside.exists, "the slow request")
        yield answers
        (self.server.folder / gate).touch()
        thread.join(PATIENCE)
        inside.unlink()
        (self.server.folder / gate).unlink()
        assert answers, "the slow request has no answer"


def in_process(app):
    """Return a function that sends a request to *app* as gunicorn would."""

    def send(raw):
        environ, method = environ_of(raw)
        started = []

        def start_response(status, headers, exc_info=None):
            if exc_info is not None and len(written):
                raise exc_info[1]
            started[:] = [status, headers]
            return written.append

        written = []
        body = (validator(app) if method in _KNOWN else app)(environ, start_response)
        try:
            written.extend(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        status, headers = started
        for name, value in headers:
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", name + value), "a header that breaks the response"
        return Answer(int(status[:3]), headers, b"".join(written))

    return send


def environ_of(raw):
    """Return the environ that gunicorn makes of a request, and the method."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.upper().replace("-", "_"), value.strip(" \t")
        if name == "X_FORWARDED_PROTO":
            environ["wsgi.url_scheme"] = value
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ, method


def over_socket(port):
    """Return a function that sends a request to a port of 127.0.0.1, on a connection of its own."""

    def send(raw):
        head, separator, body = raw.partition(b"\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(head + b"\r\nConnection: close" + separator + body)
            data = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        return parsed(data)

    return send


def parsed(data):
    """Return the response in some bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    answer = Answer(int(status.split(" ")[1]), [header for header in headers if len(header) == 2], body)
    if "chunked" in answer.words("Transfer-Encoding"):
        chunks = io.BytesIO(body)
        answer.body = b""
        while size := int(chunks.readline(), 16):
            answer.body += chunks.read(size)
            chunks.readline()
    return answer
