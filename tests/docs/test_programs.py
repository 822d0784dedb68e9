"""The programs in README.md and docs/ do what the pages say."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from http.cookiejar import CookieJar
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.support.servers import free_port

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"`([\w.]+\.py)`:\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VISIT_TWICE = """
from app import application
from werkzeug.test import Client

client = Client(application)
print(client.get("/").text, client.get("/").text, sep=", ")
"""


def read(page):
    return (ROOT / page).read_text()


def write_programs(text, folder):
    """Write the Python files that *text* shows; blocks of one file are its parts."""
    for name, code in BLOCK.findall(text):
        with (folder / name).open("a") as file:
            file.write(code)


def python(*arguments, folder):
    """Run Python in *folder* and return the process, which has ended."""
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


@contextmanager
def serving(*arguments, folder):
    """Run a server with Python in *folder*; what it says is in ``server.log`` there."""
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def visit(port, visits=2, browser=None):
    """Ask for the page so many times, with cookies, and return the texts."""
    browser = browser or build_opener(HTTPCookieProcessor(CookieJar()))
    deadline = time.monotonic() + 30
    texts = []
    while len(texts) < visits:
        try:
            with browser.open(f"http://127.0.0.1:{port}/", timeout=30) as response:
                texts.append(response.read().decode())
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # the server has not started yet
    return texts


def test_readme(tmp_path):
    port = free_port()
    program = BLOCK.search(read("README.md"))[2]
    (tmp_path / "hello.py").write_text(program.replace("8000", str(port)))
    with serving("hello.py", folder=tmp_path):
        assert visit(port) == re.findall(r"^visit number \d\n", read("README.md"), re.MULTILINE)


def test_readme_with_a_store(tmp_path):
    """The one line that README.md shows lets the sessions outlive the program."""
    port = free_port()
    program = BLOCK.search(read("README.md"))[2].replace("8000", str(port))
    line = re.search(r"^make_server.+sqlite.+$", read("README.md"), re.MULTILINE)[0].replace("8000", str(port))
    program = re.sub(r"^make_server.+$", line, program, flags=re.MULTILINE)
    (tmp_path / "hello.py").write_text(program)
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    for visits in (["visit number 1\n"], ["visit number 2\n", "visit number 3\n"]):
        with serving("hello.py", folder=tmp_path):
            assert visit(port, len(visits), browser) == visits


@pytest.mark.parametrize("is_kept", [False, True])
def test_tutorial(is_kept, tmp_path):
    """All tests of the tutorial pass, also with the line that its last step changes."""
    page = read("docs/tutorial.md")
    if is_kept:
        in_memory, in_file = re.findall(r"^manager = .+$", page, re.MULTILINE)
        page = page.replace(in_memory, in_file)
    write_programs(page, tmp_path)
    result = python("-m", "pytest", "-q", "test_app.py", folder=tmp_path)
    assert "9 passed" in result.stdout, result.stdout + result.stderr
    assert not list(tmp_path.glob("sessions.db*")), "the tests have used the store of the developer"


def test_own_store(tmp_path):
    """The store of the page passes the whole contract."""
    write_programs(read("docs/howto/write-a-store.md"), tmp_path)
    result = python("-m", "pytest", "-q", "-W", "error", "test_filestore.py", folder=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("framework", ["Plain WSGI", "Werkzeug", "Flask", "Django", "Pyramid", "Bottle", "Falcon"])
def test_framework(framework, tmp_path):
    if framework != "Plain WSGI" and find_spec(framework.lower()) is None:
        pytest.skip(f"{framework} is not installed")
    _, section = read("docs/howto/frameworks.md").split(f"\n## {framework}\n")
    write_programs(section.partition("\n## ")[0], tmp_path)
    result = python("-c", VISIT_TWICE, folder=tmp_path)
    assert result.stdout == "visit number 1, visit number 2\n", result.stderr


def serve_by_gunicorn(page, folder, *options, visits):
    """Serve the application of *page*, visit it, and return the texts and what gunicorn has said."""
    port = free_port()
    folder.mkdir()
    write_programs(page, folder)
    # A worker that is told to end just while it starts does not hear of it, and gunicorn gives it that long.
    command = f"-m gunicorn app:application --no-control-socket --graceful-timeout 2 --bind 127.0.0.1:{port}"
    with serving(*command.split(), *options, folder=folder):
        texts = visit(port, visits)
    log = (folder / "server.log").read_text()
    assert "Traceback" not in log
    return texts, log


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_gunicorn(store, options, request, tmp_path):
    """Two workers share the sessions, in a file and in Redis."""
    page = read("docs/howto/gunicorn.md")
    if store == "redis":
        in_file, in_redis = re.findall(r"^manager = .+$", page, re.MULTILINE)
        url = request.getfixturevalue("redis_server").url
        page = page.replace(in_file, in_redis.replace("redis://127.0.0.1:6379", url))
    texts, log = serve_by_gunicorn(page, tmp_path / "app", *options, visits=8)

    assert texts == [f"visit number {number}\n" for number in range(1, 9)]
    assert "RuntimeWarning" not in log


@pytest.mark.parametrize(("workers", "is_warned"), [("1", False), ("2", True)])
def test_gunicorn_with_sessions_in_memory(workers, is_warned, tmp_path):
    """More than one worker gets the warning that the page shows."""
    page = read("docs/howto/gunicorn.md")
    in_memory = page.replace("sqlite:///sessions.db", "memory://")
    texts, log = serve_by_gunicorn(in_memory, tmp_path / "app", "--workers", workers, visits=1)

    warning = re.search(r"^RuntimeWarning: .+?(?=\n```)", page, re.DOTALL | re.MULTILINE)[0].replace("\n", " ")
    assert (texts, warning in log) == (["visit number 1\n"], is_warned)
