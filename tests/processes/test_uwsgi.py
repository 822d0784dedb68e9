"""Servers that import the application, which asks its store, and then fork: nobody sees another user's session."""

from __future__ import annotations

import http.client
import os
import re
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.gunicorn import Gunicorn
from tests.support.servers import free_port
from tests.support.uwsgi import ROOT, Uwsgi
from tests.support.waiting import wait_until

MODULE = "tests.processes.preloaded"
USERS = 6
#: Requests of each user.
REQUESTS = 60
#: The ways in which uWSGI forks or does not, and whether the master imports the application.
WAYS = {
    "defaults": [],
    "enable-threads": ["--enable-threads"],
    "threads": ["--threads", "4"],
    "lazy-apps": ["--lazy-apps", "--enable-threads"],
}
# On Python 3.13 workers of any application die there, in _PyRecursiveMutex_Unlock.
if sys.version_info < (3, 13):
    WAYS["hooks"] = ["--enable-threads", "--py-call-osafterfork"]
    WAYS["hooks without threads"] = ["--py-call-osafterfork"]


@pytest.fixture
def environment(url):
    """The environment of a server on the store."""
    return os.environ | {"STORE": url, "PYTHONPATH": str(ROOT)}


class User:
    """A user with a browser."""

    def __init__(self, port, name):
        self.port = port
        self.name = name
        self.cookie = None
        #: The processes that have answered, those that had imported the application, and the threads of each.
        self.workers, self.importers, self.threads = set(), set(), {}

    def ask(self, query=""):
        """Return whose session the answer shows."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/{query}", headers={"Cookie": self.cookie} if self.cookie else {})
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        assert response.status == 200, body
        sent = response.getheader("Set-Cookie")
        if sent is not None:
            self.cookie = sent.partition(";")[0]
        worker, importer, whose, threads = body.split(";")
        self.workers.add(int(worker))
        self.importers.add(int(importer))
        self.threads[int(worker)] = threads.split()
        return whose

    def wait_for_both(self):
        """Ask until two workers have answered: a worker that is still importing the application must not be ended."""
        wait_until(lambda: (self.ask(), len(self.workers) == 2)[1], "both workers to answer")

    def log_in(self):
        return self.ask(f"?user={self.name}")


def visit(port):
    """Have several users log in and ask at the same time; return the answers that showed the wrong session."""
    User(port, "guest").wait_for_both()
    users = [User(port, f"user{number}") for number in range(USERS)]
    began = threading.Barrier(USERS)

    def run(user):
        began.wait(10)
        seen = [user.log_in(), *(user.ask() for _ in range(REQUESTS)), user.log_in(), user.ask()]
        return [(user.name, whose) for whose in seen if whose != f"{user.name} {user.name}"]

    with ThreadPoolExecutor(USERS) as pool:
        wrong = [answer for answers in pool.map(run, users) for answer in answers]
    return users, wrong


@pytest.mark.parametrize("way", WAYS)
def test_uwsgi(environment, tmp_path, way):
    """Two workers of uWSGI show each of several users their own session, with and without its fork hooks."""
    with Uwsgi.serving(tmp_path, MODULE, *WAYS[way], environment=environment) as server:
        users, wrong = visit(server.port)
        workers = set.union(*(user.workers for user in users))
        importers = set.union(*(user.importers for user in users))

    assert wrong == []
    assert len(workers) == 2
    assert importers == workers if way == "lazy-apps" else importers.isdisjoint(workers)


def test_uwsgi_background_thread(environment, tmp_path):
    """Each worker has a background thread, if uWSGI lets threads run."""
    with Uwsgi.serving(tmp_path, MODULE, "--enable-threads", environment=environment) as server:
        users, _ = visit(server.port)

    assert all("httpsession-sweeper" in names for user in users for names in user.threads.values())


def test_uwsgi_replaces_a_worker(environment, tmp_path):
    """A worker that is killed is forked anew from the master, which has asked the store before; sessions go on."""
    with Uwsgi.serving(tmp_path, MODULE, environment=environment) as server:
        users, wrong = visit(server.port)
        killed = min(users[0].workers)
        os.kill(killed, signal.SIGKILL)
        users[0].workers.clear()
        users[0].wait_for_both()
        again = [(user.name, user.ask()) for user in users for _ in range(10)]

    assert wrong == []
    assert {f"{name} {name}" for name, _ in again} == {whose for _, whose in again}
    assert all(whose == f"{name} {name}" for name, whose in again)


def test_gunicorn_preloaded(environment, tmp_path):
    """So do two workers of gunicorn with --preload, whose forks run the hooks of Python."""
    options = ("--workers", "2", "--threads", "2", "--preload")
    with Gunicorn(tmp_path, f"{MODULE}:application", *options, environment=environment) as server:
        users, wrong = visit(server.port)

    assert wrong == []
    assert all(user.importers.isdisjoint(user.workers) for user in users)


def test_page_on_uwsgi(tmp_path):
    """The configuration on the page serves the application of the page on gunicorn."""
    blocks = [
        re.search(rf"`{name}`:\n\n```\w+\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)[1]
        for page, name in (("docs/howto/gunicorn.md", "app.py"), ("docs/howto/uwsgi.md", "uwsgi.ini"))
    ]
    (tmp_path / "app.py").write_text(blocks[0])
    port = free_port()
    (tmp_path / "uwsgi.ini").write_text(blocks[1].replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with Uwsgi(tmp_path, ["uwsgi.ini"], port, environment, cwd=tmp_path):
        cookie = None
        for number in range(1, 6):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
            response = connection.getresponse()
            assert response.read() == f"visit number {number}\n".encode()
            cookie = cookie or response.getheader("Set-Cookie").partition(";")[0]
            connection.close()
