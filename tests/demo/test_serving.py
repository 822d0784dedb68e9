"""The demo on its workers: they share the sessions, which outlive them, in whatever store they are."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.demo.serving import DEMO, environment, serving
from tests.demo.visitor import Page, Visitor
from tests.support.gunicorn import ROOT, Gunicorn

MINA = ("mina", "green-kettle")
SECONDS = 20


def answered_by(page: Page) -> str:
    """Return the process that the session info page names."""
    match = re.search(r"answered by process ([0-9]+)", page.text)
    assert match is not None
    return match[1]


def make_session(visitor: Visitor) -> Page:
    """Make a session on the page that shows what a session knows, and return that page."""
    return visitor.follow(visitor.submit(visitor.get("/info/").form("/create")))


def visit_both_workers(visitor: Visitor) -> set[str]:
    """Look at the session until two processes have answered, and return them; each has to know it."""
    processes = {answered_by(make_session(visitor))}
    deadline = time.monotonic() + SECONDS
    while len(processes) < 2 and time.monotonic() < deadline:
        processes.add(answered_by(visitor.get("/info/")))
    return processes


def log_in_and_out(url: str, path: str) -> None:
    """Log in, be known again and again, log out, and be a stranger again and again, with a copy of the cookie, too."""
    visitor = Visitor(url)
    visitor.follow(visitor.log_in(visitor.get(path), *MINA))
    (cookie,) = visitor.session_cookies()
    copied = {"Cookie": f"{cookie.name}={cookie.value}"}
    pages = [visitor.get(path) for _ in range(8)]
    assert {"Hello, Mina Park" in page.text for page in pages} == {True}

    visitor.submit(pages[0].form("/logout"))
    strangers = [*(visitor.get(path) for _ in range(4)), *(Visitor(url).get(path, headers=copied) for _ in range(8))]
    assert {"Hello, stranger" in page.text for page in strangers} == {True}


def test_two_workers_share_the_sessions(demo_url: str) -> None:
    """Each process finds the session that the other has made."""
    visitor = Visitor(demo_url)

    assert len(visit_both_workers(visitor)) == 2
    assert "kept by SQLite" in visitor.get("/info/").text


@pytest.mark.parametrize("path", ["/v1/", "/v2/", "/v3/", "/tracking/cookie/"])
def test_login_in_one_worker_and_logout_in_the_other(demo_url: str, path: str) -> None:
    """Time after time a login holds, and so does a logout, in both workers at once."""
    for _ in range(4):
        log_in_and_out(demo_url, path)


def test_sessions_are_still_there_after_a_restart(tmp_path: Path) -> None:
    """Sessions survive a restart of the demo, by cookie and by URL."""
    with serving(tmp_path) as server:
        by_cookie, by_url = Visitor(server.url), Visitor(server.url, takes_cookies=False)
        home = make_session(by_cookie)
        by_cookie.submit(home.form("/set"), name="color", value="green")
        for path in ("/v1/", "/v2/"):
            by_cookie.log_in(by_cookie.get(path), *MINA)
        second = by_url.follow(by_url.log_in(by_url.get("/tracking/url/"), *MINA)).links["the second page"]
        before = answered_by(by_cookie.get("/info/"))

    with serving(tmp_path) as server:
        by_cookie.root = by_url.root = server.url
        again = by_cookie.get("/info/")
        assert "color green" in again.text
        assert answered_by(again) != before
        for path in ("/v1/", "/v2/"):
            assert "Hello, Mina Park" in by_cookie.get(path).text
        assert "Hello, Mina Park" in by_url.get(second).text


def test_redis(redis_server, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Two workers share sessions in Redis, under the prefix that the URL asks for."""
    with serving(tmp_path, f"{redis_server.url}?prefix=shop") as server:
        visitor = Visitor(server.url)
        assert len(visit_both_workers(visitor)) == 2
        assert "kept by Redis" in visitor.get("/info/").text
        log_in_and_out(server.url, "/v2/")
        assert b"shop_info" in {key.partition(b"{")[0] for key in redis_server.client.scan_iter("shop_*")}


def test_memory(tmp_path: Path) -> None:
    """One process keeps sessions in its memory, without a warning, and says that they end with it."""
    with serving(tmp_path, "memory://") as server:
        visitor = Visitor(server.url)
        processes = {answered_by(make_session(visitor)), *(answered_by(visitor.get("/info/")) for _ in range(10))}
        assert len(processes) == 1
        assert "the memory of this process" in visitor.get("/info/").text
        log_in_and_out(server.url, "/v1/")
        log_in_and_out(server.url, "/v2/")


@pytest.mark.parametrize(
    ("store", "words"),
    [
        pytest.param("nonsense", "something that is no URL", id="no-url"),
        pytest.param("redis://127.0.0.1?retries=3", "unknown option 'retries'", id="unknown-option"),
        pytest.param("memory://?prefix=1", "must have a letter", id="wrong-prefix"),
        pytest.param("sqlite:////nowhere/sessions.db", "there is no directory /nowhere", id="no-folder"),
        pytest.param("redis://:secret@127.0.0.1:1", "Redis at 127.0.0.1:1 failed", id="nobody-answers"),
    ],
)
def test_a_wrong_store_is_refused_in_words(tmp_path: Path, store: str, words: str) -> None:
    """The demo says what is wrong and does not serve; a password is not repeated."""
    server = subprocess.run(
        [sys.executable, "-m", "gunicorn", *DEMO, "--bind", "127.0.0.1:0"],
        cwd=ROOT,
        env=environment(tmp_path, store),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )

    assert (server.returncode, server.stdout) == (1, "")
    assert server.stderr.startswith("demo/run: cannot keep sessions there: ")
    assert words in server.stderr
    assert (len(server.stderr.splitlines()), "secret" in server.stderr) == (1, False)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "demo.example:0"])
def test_other_machines_are_not_served(tmp_path: Path, address: str) -> None:
    """The login pages show passwords, so the server does not start where another machine could reach it (R92)."""
    server = subprocess.run(
        [sys.executable, "-m", "gunicorn", *DEMO, "--bind", "127.0.0.1:0", "--bind", address],
        cwd=ROOT,
        env=environment(tmp_path, "memory://"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )

    assert (server.returncode, server.stdout) == (1, "")
    assert server.stderr == "demo/run: everybody knows the passwords of the demo, so it serves this machine alone\n"


def test_another_server_has_no_accounts(tmp_path: Path) -> None:
    """The application alone has no account with a known password, and its login page says so (R92)."""
    with Gunicorn(tmp_path, "demo.app:application", environment=environment(tmp_path, "memory://")) as server:
        visitor = Visitor(server.url)
        form = visitor.get("/v2/login")
        assert "There are no accounts" in form.text
        assert MINA[1] not in form.text
        assert visitor.submit(form.form("/login"), name=MINA[0], password=MINA[1]).status == 422


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--stor", "x"], "unknown argument '--stor'", id="unknown-option"),
        pytest.param(["redis://127.0.0.1"], "unknown argument 'redis://127.0.0.1'", id="without-option"),
        pytest.param(["--store"], "--store needs a URL", id="no-url"),
        pytest.param(["--store="], "--store needs a URL", id="empty-url"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: list[str], words: str) -> None:
    """The command says so before it does anything."""
    command = subprocess.run(["demo/run", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)

    assert (command.returncode, command.stdout) == (1, "")
    assert words in command.stderr


@pytest.mark.parametrize("port", ["0", "65536", "http", "08"])
def test_a_wrong_port_is_refused(tmp_path: Path, port: str) -> None:
    """A port is a number that a server can have."""
    variables = environment(tmp_path, None) | {"PORT": port}
    command = subprocess.run(["demo/run"], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=SECONDS)

    assert (command.returncode, command.stdout) == (1, "")
    assert f"PORT must be a number from 1 to 65535, not '{port}'" in command.stderr


def test_help() -> None:
    """The command says how it is used."""
    command = subprocess.run(["demo/run", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)

    assert (command.returncode, command.stderr) == (0, "")
    assert command.stdout.startswith("Usage: demo/run [--store URL]")
