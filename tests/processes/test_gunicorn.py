"""Sessions under a real server: gunicorn, one worker with threads."""

from __future__ import annotations

import http.client
import re
import socket
import time
from contextlib import ExitStack

import pytest

from tests.support.gunicorn import Gunicorn
from tests.support.waiting import wait_until

OPTIONS = ("--workers", "1", "--threads", "4")


@pytest.fixture(scope="module", params=[[], ["--preload"]], ids=["", "preload"])
def cookies(request, tmp_path_factory):
    """The port of the application whose sessions are in cookies, and end after two seconds."""
    with Gunicorn(
        tmp_path_factory.mktemp("gunicorn"), "tests.processes.apps:cookies", *OPTIONS, *request.param
    ) as server:
        yield server.port


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """The port of the application whose sessions are in URLs."""
    with Gunicorn(tmp_path_factory.mktemp("gunicorn"), "tests.processes.apps:urls", *OPTIONS) as server:
        yield server.port


class Connection:
    """A client that keeps its connection and its cookie."""

    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.cookie = None
        self.set_cookie = None

    def get(self, path, *, with_cookie=True):
        """Return the body of a page."""
        headers = {"Cookie": self.cookie} if with_cookie and self.cookie else {}
        self.http.request("GET", path, headers=headers)
        response = self.http.getresponse()
        assert response.status == 200
        self.set_cookie = response.getheader("Set-Cookie")
        if self.set_cookie and with_cookie:
            self.cookie = self.set_cookie.partition(";")[0]
        return response.read().decode()


@pytest.fixture
def connect():
    """Return a new client of the server at a port."""
    with ExitStack() as clients:

        def connect(port):
            client = Connection(port)
            clients.callback(client.http.close)
            return client

        yield connect


def test_session_across_requests(cookies, connect):
    """The cookie comes once and finds the session again, on whichever thread and connection."""
    client = connect(cookies)
    assert client.get("/count") == "1"
    assert re.fullmatch(r"JSESSIONID=[0-9A-F]{32}; HttpOnly; Path=/; SameSite=Lax", client.set_cookie)
    for expected in "23456":
        client.http.close()
        assert client.get("/count") == expected
        assert client.set_cookie is None


def test_login_and_logout(cookies, connect):
    """A login changes the id, so that the old one finds nothing; a logout has the cookie forgotten."""
    client = connect(cookies)
    client.get("/count")
    before = client.cookie
    assert client.get("/login") == "anna"
    after = client.cookie
    assert after != before
    assert client.get("/peek") == "1 None"
    client.cookie = before
    assert client.get("/peek") == "nobody"
    client.cookie = after
    assert client.get("/logout") == "bye"
    assert "Max-Age=0" in client.set_cookie
    client.cookie = after
    assert client.get("/peek") == "nobody"


def test_request_without_cookie_on_a_kept_connection(cookies, connect):
    """Nothing of a request stays with the connection: the next request on it without a cookie has no session."""
    client = connect(cookies)
    client.get("/count")
    first = client.http.sock.getsockname()

    assert client.get("/peek", with_cookie=False) == "nobody"
    assert client.get("/count", with_cookie=False) == "1"
    assert client.http.sock.getsockname() == first, "the same connection"
    assert client.get("/peek") == "1 None"


def test_stream(cookies, connect):
    """A stream brings the cookie with its first chunk; what it sets later is there afterwards."""
    client = connect(cookies)
    assert client.get("/stream") == "0\n1\n2\n"
    assert client.cookie
    assert client.get("/peek") == "None 2"


def test_client_that_leaves_a_stream(cookies, connect):
    """A client that is gone does not keep its session in use."""
    client = connect(cookies)
    client.get("/count")
    with socket.create_connection(("127.0.0.1", cookies)) as leaving:
        leaving.sendall(f"GET /stream HTTP/1.1\r\nHost: x\r\nCookie: {client.cookie}\r\n\r\n".encode())
        assert leaving.recv(10)

    wait_until(lambda: connect(cookies).get("/in_use") == "0", "the end of the request")


def test_timeout_by_the_background_thread(cookies, connect):
    """Two seconds without a request, and the session is over; with requests that never ask it is not."""
    idle, busy = connect(cookies), connect(cookies)
    idle.get("/count")
    busy.get("/count")
    for _ in range(6):
        time.sleep(0.4)
        busy.get("/in_use")

    idle.http.close()  # the server keeps it no longer than the session
    assert idle.get("/peek") == "nobody"
    assert busy.get("/peek") == "1 None"


def test_session_in_urls(urls, connect):
    """Without cookies the id travels in the path, of which the application sees nothing."""
    client = connect(urls)
    path, _, url = client.get("/shop/link").partition(" ")
    assert path == "/shop/link"
    assert re.fullmatch(r"count;jsessionid=[0-9A-F]{32}", url)
    assert client.set_cookie is None
    assert client.get(f"/shop/{url}?page=2") == "1"
    assert client.get(f"/shop/{url}") == "2"
    parameter = url.removeprefix("count")
    assert client.get(f"/shop{parameter}/count") == "3"
    assert client.get(f"/shop/link{parameter}") == f"/shop/link {url}"


def test_escaped_parameter_is_data(urls, connect):
    """The server tells the raw URI: an escaped ";" belongs to the path, and is no session."""
    client = connect(urls)
    url = client.get("/link").partition(" ")[2]
    parameter = url.removeprefix("count")
    client.get(f"/{url}")

    assert client.get(f"/a%3B{parameter[1:]}/peek") == "nobody"
    assert client.get(f"/a{parameter}/peek") == "1 None"
    assert client.get(f"/a%3B{parameter[1:]}/link").startswith(f"/a{parameter}/link ")
