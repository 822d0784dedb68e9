"""Sessions under gevent.pywsgi, with its patches and without, and under waitress."""

from __future__ import annotations

import http.client
import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from tests.support.gunicorn import ROOT
from tests.support.servers import free_port
from tests.support.waiting import PATIENCE, wait_until

COOKIE = re.compile(r"(JSESSIONID=[0-9A-F]{32}); HttpOnly; Path=/; SameSite=Lax")


class Server:
    """A server in a process of its own, which runs within a ``with`` block."""

    def __init__(self, name, folder):
        self.name = name
        self.port = free_port()
        self.database = folder / "sessions.db"
        self._log = folder / "log"

    def __enter__(self):
        environment = os.environ | {"HTTPSESSION_TEST_STORE": f"sqlite:///{self.database}?timeout=0.3"}
        command = [sys.executable, "-m", "tests.processes.serve", self.name, str(self.port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        wait_until(self._answers, f"a server, see {self._log}")
        return self

    def __exit__(self, *error):
        self._process.terminate()
        self._process.wait(PATIENCE)
        assert "Traceback" not in self._log.read_text()

    def _answers(self):
        assert self._process.poll() is None, self._log.read_text()
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    @contextmanager
    def locked(self):
        """Lock the database in the block: it can be read, and refuses writes."""
        foreign = sqlite3.connect(self.database, isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            foreign.close()


class Browser:
    """A client that keeps its connection and its cookie."""

    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.cookie = self.set_cookie = None

    def ask(self, path, method="GET"):
        """Return the response and its body."""
        self.http.request(method, path, headers={"Cookie": self.cookie} if self.cookie else {})
        response = self.http.getresponse()
        body = response.read()
        self.set_cookie = response.getheader("Set-Cookie")
        if self.set_cookie:
            self.cookie = self.set_cookie.partition(";")[0]
        return response, body

    def get(self, path):
        """Return the body of a page."""
        response, body = self.ask(path)
        assert response.status == 200
        return body.decode()


@pytest.fixture(scope="module", params=["gevent", "patched gevent", "waitress"])
def server(request, tmp_path_factory):
    with Server(request.param, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def browser(server):
    browser = Browser(server.port)
    yield browser
    browser.http.close()


def exchange_raw(server, *requests):
    """Send requests over one connection, the last one closes it; return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(b"".join(requests))
        received = b""
        with suppress(ConnectionResetError):
            while chunk := client.recv(65536):
                received += chunk
    return received


def raw(method, path, cookie, *headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: h", f"Cookie: {cookie}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def test_session_across_requests(browser):
    """The cookie comes once and finds the session again."""
    assert browser.get("/count") == "1"
    assert COOKIE.fullmatch(browser.set_cookie)
    for expected in "234":
        assert browser.get("/count") == expected
        assert browser.set_cookie is None


def test_login_and_logout(browser):
    """A login changes the id; a logout has the cookie forgotten."""
    browser.get("/count")
    before = browser.cookie
    assert browser.get("/login") == "anna"
    assert browser.cookie != before
    assert browser.get("/peek") == "{'count': 1}"
    assert browser.get("/logout") == "bye"
    assert "Max-Age=0" in browser.set_cookie
    browser.cookie = before
    assert browser.get("/peek") == "nobody"


def test_stream(browser):
    """A stream brings the cookie with its first chunk; what it sets later is there afterwards."""
    assert len(browser.get("/stream")) > 200_000
    assert COOKIE.fullmatch(browser.set_cookie)
    assert browser.get("/peek") == "{'streamed': 199}"


def test_client_that_leaves_a_stream(server, browser):
    """A client that has gone does not keep its session in use."""
    browser.get("/count")
    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(raw("GET", "/stream", browser.cookie))
        assert leaving.recv(10)
    browser.cookie = None
    wait_until(lambda: browser.get("/in_use") == "0", "the end of the request")


def test_file(browser):
    """A file of the server's own."""
    assert browser.get("/file") == (ROOT / "tests/processes/server_app.py").read_text()
    assert browser.get("/peek") == "{'file': True}"


def test_write(browser):
    """The write() of old applications."""
    assert browser.get("/write") == "one two"
    assert browser.get("/peek") == "{'written': True}"


def test_head(browser):
    """The answer to HEAD has the cookie and no body."""
    response, body = browser.ask("/login", "HEAD")
    assert (response.status, body) == (200, b"")
    assert COOKIE.fullmatch(browser.set_cookie)
    browser.http.close()  # the application's own body, which these servers send, is not the middleware's
    assert browser.get("/peek") == "{}"


def test_store_that_fails(server, browser):
    """The answer is 503; afterwards the cookie opens the session again."""
    browser.get("/count")
    with server.locked():
        response, body = browser.ask("/set?1")
        assert (response.status, response.getheader("Retry-After")) == (503, "5")
        assert (browser.set_cookie, body[:3]) == (None, b"The")
    assert browser.get("/peek") == "{'count': 1}"


def test_store_that_fails_on_head(server, browser):
    """The answer 503 to HEAD has no body, which would be taken for the next response."""
    browser.get("/count")
    with server.locked():
        received = exchange_raw(server, raw("HEAD", "/set?1", browser.cookie, "Connection: close"))
    head, _, body = received.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 503 ")
    assert re.search(rb"(?mi)^content-length: 70\r?$", head)
    assert body == b""


def test_socket_that_is_taken_over(server, browser):
    """The application answers over the socket: the server sends nothing more, and what was set is kept."""
    if server.name == "waitress":
        pytest.skip("waitress keeps its sockets to itself")
    browser.get("/count")
    received = exchange_raw(server, raw("GET", "/socket", browser.cookie, "Connection: close"))

    assert received.endswith(b"\r\n\r\nover the socket")
    assert received.startswith(b"HTTP/1.1 101 ")
    assert browser.get("/peek") == "{'count': 1, 'socket': True}"
