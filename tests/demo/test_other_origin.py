"""Another site in a real browser: what its pages can make a visitor of the demo send."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.chromium import Chromium

PROGRAM = shutil.which("chromium") or ""
REFUSED = "The request was refused.\n"
#: Another port of the same host is the same site to a browser, which then sends the cookies; another host is not.
HOSTS = {"same-site": "127.0.0.1", "cross-site": "localhost"}

pytestmark = pytest.mark.skipif(not PROGRAM, reason="chromium is not installed")


@pytest.fixture
def evil() -> Iterator[Callable[[str, str], str]]:
    """Serve pages of another site; a call gives its page and the host, and returns the URL."""
    pages: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, b"")
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def publish(host: str, html: str) -> str:
        path = f"/{len(pages)}"
        pages[path] = f"<!doctype html>{html}".encode()
        return f"http://{host}:{server.server_address[1]}{path}"

    yield publish
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """Run a browser."""
    with Chromium(PROGRAM, tmp_path) as chromium:
        yield chromium


def log_in(chromium: Chromium, demo_url: str) -> None:
    """Log in to a step of the demo."""
    chromium.open(f"{demo_url}v2/login")
    chromium.fill("input[name=name]", "otto")
    chromium.fill("input[name=password]", "paper-boat")
    chromium.click("form button")
    assert "Hello, Otto Brandt" in chromium.text()


def greeting(chromium: Chromium, demo_url: str) -> str:
    """Return what the demo tells the visitor."""
    chromium.open(f"{demo_url}v2/")
    return chromium.text()


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_form(chromium: Chromium, evil: Callable[[str, str], str], demo_url: str, host: str, kind: str) -> None:
    """A form of another site cannot log the visitor out, also where the browser sends the cookie with it (R77, R80)."""
    log_in(chromium, demo_url)
    form = (
        f'<form method="post" enctype="{kind}" action="{demo_url}v2/logout"><input name="csrf_token" value="x"></form>'
    )
    chromium.open(evil(host, f"{form}<button onclick='document.forms[0].submit()'>win</button>"))
    chromium.click("button")

    assert chromium.evaluate("location.href") == f"{demo_url}v2/logout"
    assert chromium.evaluate("document.body.innerText") == REFUSED
    assert "Hello, Otto Brandt" in greeting(chromium, demo_url)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_stolen_token(chromium: Chromium, evil: Callable[[str, str], str], demo_url: str, host: str) -> None:
    """Also a right token does not help a form of another site (R77)."""
    log_in(chromium, demo_url)
    token = chromium.evaluate("document.querySelector('[name=csrf_token]').value")
    form = f'<form method="post" action="{demo_url}v2/logout"><input name="csrf_token" value="{token}"></form>'
    chromium.open(evil(host, f"{form}<button onclick='document.forms[0].submit()'>win</button>"))
    chromium.click("button")

    assert chromium.evaluate("document.body.innerText") == REFUSED
    assert "Hello, Otto Brandt" in greeting(chromium, demo_url)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_login(chromium: Chromium, evil: Callable[[str, str], str], demo_url: str, host: str) -> None:
    """A form of another site cannot log the visitor in as a user of its choice (R79)."""
    fields = "<input name=name value=zoe><input name=password value=seven-lanterns>"
    form = f'<form method="post" action="{demo_url}v2/login">{fields}</form>'
    chromium.open(evil(host, f"{form}<button onclick='document.forms[0].submit()'>win</button>"))
    chromium.click("button")

    assert chromium.evaluate("document.body.innerText") == REFUSED
    assert "Hello, stranger" in greeting(chromium, demo_url)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_script(chromium: Chromium, evil: Callable[[str, str], str], demo_url: str, host: str) -> None:
    """Neither images nor scripts of another site can do so (R80)."""
    log_in(chromium, demo_url)
    url = json.dumps(f"{demo_url}v2/logout")
    ways = [{"method": method, "mode": mode} for method in ("GET", "POST", "PUT") for mode in ("no-cors", "cors")]
    chromium.open(evil(host, f'<img src={url}><p id="done"></p>'))
    for way in ways:
        options = json.dumps(way | {"credentials": "include"})
        script = f"fetch({url}, {options}).then(a => a.type + a.status, error => 'blocked')"
        answer = chromium.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert answer["result"]["value"] in ("blocked", "opaque0")

    assert "Hello, Otto Brandt" in greeting(chromium, demo_url)


@pytest.mark.parametrize("page", ["v2/", "v2/login", "nowhere"])
@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_frame(chromium: Chromium, evil: Callable[[str, str], str], demo_url: str, host: str, page: str) -> None:
    """No page can be put into a frame, where another site could lay its own buttons over it (R92)."""
    chromium.open(evil(host, f'<iframe src="{demo_url}{page}"></iframe>'))

    assert [complaint for complaint in chromium.complaints if "frame-ancestors 'none'" in complaint]


def test_own_form(chromium: Chromium, demo_url: str) -> None:
    """The visitor's own click does."""
    log_in(chromium, demo_url)
    chromium.click("form button")

    assert "Hello, stranger" in greeting(chromium, demo_url)
