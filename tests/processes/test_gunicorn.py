"""Sessions under a real server: gunicorn, one worker with threads."""

from __future__ import annotations

import http.client
import re
import socket
import time
from contextlib import ExitStack

import pytest

from tests.support.gunicorn import Gunicorn

OPTIONS = ("--workers", "1", "--threads", "4")


@pytest.fixture(scope="module", params=[[], ["--preload"]], ids=["", "preload"])
def cookies(request, tmp_path_factory):
    """The port of the application whose sessions are in cookies, and end after two seconds."""
    with Gunicorn(tmp_path_factory.mktemp("gunicorn"), "apps:cookies", *OPTIONS, *request.param) as server:
        yield server.port


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """The port of the application whose sessions are in URLs."""
    with Gunicorn(tmp_path_factory.mktemp("gunicorn"), "apps:urls", *OPTIONS) as server:
        yield server.port


class Browser:
    """A client that keeps its connection and, if it likes, its cookie."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.cookie = None
        self.set_cookie = None

    def get(self, path, *, with_cookie=True):
        """Return the body of a page."""
        headers = {"Cookie": self.cookie} if with_cookie and self.cookie else {}
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        assert response.status == 200
        self.set_cookie = response.getheader("Set-Cookie")
        if self.set_cookie and with_cookie:
            self.cookie = self.set_cookie.partition(";")[0]
        return response.read().decode()


@pytest.fixture
def browse():
    """Return a new client of the server at a port."""
    with ExitStack() as clients:

        def browse(port):
            browser = Browser(port)
            clients.callback(browser.connection.close)
            return browser

        yield browse


def test_session_across_requests(cookies, browse):
    """The cookie comes once and finds the session again, on whichever thread and connection."""
    browser = browse(cookies)
    assert browser.get("/count") == "1"
    assert re.fullmatch(r"JSESSIONID=[0-9A-F]{32}; HttpOnly; Path=/; SameSite=Lax", browser.set_cookie)
    for expected in "23456":
        browser.connection.close()
        assert browser.get("/count") == expected
        assert browser.set_cookie is None


def test_login_and_logout(cookies, browse):
    """A login changes the id, so that the old one finds nothing; a logout has the cookie forgotten."""
    browser = browse(cookies)
    browser.get("/count")
    before = browser.cookie
    assert browser.get("/login") == "anna"
    after = browser.cookie
    assert after != before
    assert browser.get("/peek") == "1 None"
    browser.cookie = before
    assert browser.get("/peek") == "nobody"
    browser.cookie = after
    assert browser.get("/logout") == "bye"
    assert "Max-Age=0" in browser.set_cookie
    browser.cookie = after
    assert browser.get("/peek") == "nobody"


def test_request_without_cookie_on_a_kept_connection(cookies, browse):
    """Nothing of a request stays with the connection: the next one on it without a cookie is nobody's."""
    browser = browse(cookies)
    browser.get("/count")
    first = browser.connection.sock.getsockname()

    assert browser.get("/peek", with_cookie=False) == "nobody"
    assert browser.get("/count", with_cookie=False) == "1"
    assert browser.connection.sock.getsockname() == first, "the same connection"
    assert browser.get("/peek") == "1 None"


def test_stream(cookies, browse):
    """A stream brings the cookie with its first chunk; what it sets later is there afterwards."""
    browser = browse(cookies)
    assert browser.get("/stream") == "0\n1\n2\n"
    assert browser.cookie
    assert browser.get("/peek") == "None 2"


def test_client_that_leaves_a_stream(cookies, browse):
    """A client that is gone does not keep its session in use."""
    browser = browse(cookies)
    browser.get("/count")
    with socket.create_connection(("127.0.0.1", cookies)) as leaving:
        leaving.sendall(f"GET /stream HTTP/1.1\r\nHost: x\r\nCookie: {browser.cookie}\r\n\r\n".encode())
        assert leaving.recv(10)

    deadline = time.monotonic() + 5
    while (under_way := browse(cookies).get("/in_use")) != "0" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert under_way == "0"


def test_timeout_by_the_background_thread(cookies, browse):
    """Two seconds without a request, and the session is over; with requests that never ask it is not."""
    idle, busy = browse(cookies), browse(cookies)
    idle.get("/count")
    busy.get("/count")
    for _ in range(6):
        time.sleep(0.4)
        busy.get("/in_use")

    idle.connection.close()  # the server keeps it no longer than the session
    assert idle.get("/peek") == "nobody"
    assert busy.get("/peek") == "1 None"


def test_session_in_urls(urls, browse):
    """Without cookies the id travels in the path, of which the application sees nothing."""
    browser = browse(urls)
    path, _, url = browser.get("/shop/link").partition(" ")
    assert path == "/shop/link"
    assert re.fullmatch(r"count;jsessionid=[0-9A-F]{32}", url)
    assert browser.set_cookie is None
    assert browser.get(f"/shop/{url}?page=2") == "1"
    assert browser.get(f"/shop/{url}") == "2"
    parameter = url.removeprefix("count")
    assert browser.get(f"/shop{parameter}/count") == "3"
    assert browser.get(f"/shop/link{parameter}") == f"/shop/link {url}"


def test_escaped_parameter_is_data(urls, browse):
    """The server tells the raw URI: an escaped ";" belongs to the path, and is no session."""
    browser = browse(urls)
    url = browser.get("/link").partition(" ")[2]
    parameter = url.removeprefix("count")
    browser.get(f"/{url}")

    assert browser.get(f"/a%3B{parameter[1:]}/peek") == "nobody"
    assert browser.get(f"/a{parameter}/peek") == "1 None"
    assert browser.get(f"/a%3B{parameter[1:]}/link").startswith(f"/a{parameter}/link ")
