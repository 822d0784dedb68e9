"""Load for a server, and what has to be true of its answers whatever happens: nothing acknowledged is missing."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from math import inf
from statistics import median

from tests.support.waiting import wait_until

CLIENTS = 6
#: Seconds within which there is an answer, whatever happens to the server and its store, also on a busy machine.
LIMIT = 5.0
#: Seconds that a worker waits for its store, as a rule at most, and those that a request needs which does not wait.
WAIT = 1.5
SOON = 0.25
#: Seconds before the end of a server within which what was acknowledged may not have got to its replica.
UNSENT = 1.0
#: Seconds that a client waits before it asks again when it got no answer.
PAUSE = 0.02
#: The attribute to which all clients add.
TOTAL = "total"
#: The pages that have something to do with sessions.
PAGES = ("/read", "/write", "/add")


@dataclass(frozen=True)
class Answer:
    """An answer as the client got it; its status is 0 if the connection ended without one."""

    page: str
    status: int
    began: float
    seconds: float
    worker: int = 0


class Book:
    """The expected attributes of a session: under each name a number that only rises."""

    def __init__(self, *names):
        self._lock = threading.Lock()
        self._sent = dict.fromkeys(names, 0)
        self._acknowledged = {name: [(0, -inf)] for name in names}
        #: When what is missing was acknowledged, by name and number.
        self.missing = {}

    def send(self, name):
        """Return the number that comes next."""
        with self._lock:
            self._sent[name] += 1
            return self._sent[name]

    def acknowledge(self, name, number=None):
        """Note that a number was written, or that one was added to what there was."""
        with self._lock:
            numbers = self._acknowledged[name]
            numbers.append((numbers[-1][0] + 1 if number is None else number, time.monotonic()))

    def expected(self):
        """Return what the session must have from now on, at least."""
        return {name: numbers[-1][0] for name, numbers in self._acknowledged.items()}

    def check(self, expected, found):
        """Compare what a session was found to have with what was *expected* when it was asked for."""
        assert found is not None, "the session is lost"
        for name, number in expected.items():
            seen = found.get(name, 0)
            assert seen <= self._sent[name], f"{name} is {seen}, but at most {self._sent[name]} was written"
            if seen < number:
                missing = [one for one in self._acknowledged[name] if seen < one[0] <= number]
                self.missing.update(((name, one), at) for one, at in missing)


class Jar:
    """A session as a browser has it: the cookie, and what it must open."""

    def __init__(self, *names):
        self.cookie = None
        self.book = Book(*names)


class Client(threading.Thread):
    """Writes to a session of its own and to one that all clients share, and reads both, for as long as there is load.

    Each request has a connection of its own, so that any worker may get it.
    """

    def __init__(self, load, name):
        super().__init__(name=name, daemon=True)
        self.own = Jar(name)
        #: How often all went well from one end to the other, and how often something was refused.
        self.rounds = self.refusals = 0
        self._load = load

    def run(self):
        try:
            while not self._load.is_over.is_set():
                steps = [self.write(self.own), self.read(self.own), self._ask("/plain", self.own)]
                steps += [self.write(self._load.shared), self.add(), self.read(self._load.shared)]
                self.rounds += all(steps)
        except BaseException as fault:
            self._load.faults.append(f"{self.name}: {fault!r}")

    def read(self, jar):
        """Look at a session; return whether that was possible."""
        return self._ask("/read", jar)

    def write(self, jar):
        """Write a number; return whether that was acknowledged."""
        number = jar.book.send(self.name)
        is_done = self._ask(f"/write?{self.name}={number}", jar)
        if is_done:
            jar.book.acknowledge(self.name, number)
        return is_done

    def add(self):
        """Add one to what all clients add to; return whether that was acknowledged."""
        shared = self._load.shared
        shared.book.send(TOTAL)
        is_done = self._ask("/add", shared)
        if is_done:
            shared.book.acknowledge(TOTAL)
        return is_done

    def _ask(self, path, jar):
        """Ask for a page, and hold the answer against what must be; return whether it was a good one."""
        page = path.partition("?")[0]
        expected, began = jar.book.expected(), time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._load.port, timeout=LIMIT)
        try:
            connection.request("GET", path, headers={"Cookie": jar.cookie} if jar.cookie else {})
            response = connection.getresponse()
            body = response.read()
        except TimeoutError:
            raise AssertionError(f"{path} was not answered within {LIMIT} s") from None
        except (OSError, http.client.HTTPException):
            self._load.answers.append(Answer(page, 0, began, time.monotonic() - began))
            self._load.is_over.wait(PAUSE)
            return False
        finally:
            connection.close()
        seconds = time.monotonic() - began
        if response.status == 503:
            self._be_refused(page, response)
            self._load.answers.append(Answer(page, 503, began, seconds))
            return False
        assert response.status == 200, f"{path} was answered by {response.status}: {body}"
        self._take_cookie(response, jar)
        answer = json.loads(body)
        self._load.answers.append(Answer(page, 200, began, seconds, answer["worker"]))
        if page == "/plain":
            self._load.threads[answer["worker"]] = answer["found"]
        else:
            jar.book.check(expected, answer["found"])
        return True

    def _be_refused(self, page, response):
        self.refusals += 1
        assert page != "/plain", "a page that has nothing to do with sessions was refused"
        assert response.getheader("Retry-After"), "a refusal does not say for how long"
        assert response.getheader("Set-Cookie") is None, "a refusal touches the cookie"

    def _take_cookie(self, response, jar):
        sent = response.getheader("Set-Cookie")
        if sent is not None:
            assert jar.cookie is None, "a client that has a session got another one"
            jar.cookie = sent.partition(";")[0]


class Load:
    """Several clients of the server at a port of 127.0.0.1, as long as a ``with`` block takes.

    At its end all clients look again at what their sessions have. What an answer must never be is a fault; what was
    acknowledged and is not there any more is missing.
    """

    def __init__(self, port, clients=CLIENTS):
        self.port = port
        self.clients = [Client(self, f"client{number}") for number in range(clients)]
        self.shared = Jar(TOTAL, *(client.name for client in self.clients))
        self.answers = []
        #: The names of the threads that workers had when they were last asked.
        self.threads = {}
        self.faults = []
        self.is_over = threading.Event()

    def __enter__(self):
        assert self.clients[0].write(self.shared)
        for client in self.clients:
            client.start()
        self.go_on()
        return self

    def __exit__(self, kind, *error):
        self.is_over.set()
        for client in self.clients:
            client.join()
        if kind is None:
            for client in self.clients:
                assert client.read(client.own)
                assert client.read(self.shared)
        assert not self.faults, self.faults

    def go_on(self):
        """Wait until all has gone well for each client, from one end to the other."""
        # What is under way has begun before.
        self._wait(lambda client: client.rounds, 2, "all to go well")

    def be_refused(self, times=1):
        """Wait until each client was refused so many times."""
        self._wait(lambda client: client.refusals, times, "refusals")

    def _wait(self, number, more, what):
        enough = [(client, number(client) + more) for client in self.clients]
        wait_until(lambda: self.faults or all(number(client) >= least for client, least in enough), what)
        assert not self.faults, self.faults

    def jars(self):
        """Return all sessions."""
        return [self.shared, *(client.own for client in self.clients)]

    def workers(self):
        """Return the ids of the processes that have answered."""
        return {answer.worker for answer in list(self.answers) if answer.worker}

    def missing(self):
        """Return when what is missing was acknowledged, by session, name and number."""
        jars = {"shared": self.shared} | {client.name: client.own for client in self.clients}
        return {(jar, *what): at for jar, one in jars.items() for what, at in one.book.missing.items()}

    def count(self, status, since=-inf):
        """Return how many answers had a status, of requests *since* then."""
        return sum(answer.status == status and answer.began >= since for answer in list(self.answers))

    def slowest(self):
        """Return how many seconds the slowest answer took."""
        return max(answer.seconds for answer in list(self.answers))

    def usual(self, status, *pages):
        """Return how many seconds an answer usually took that had a status, of those of some pages."""
        return median(answer.seconds for answer in self.answers if answer.status == status and answer.page in pages)


def assert_refused_soon(load):
    """Assert that refusals came without a long wait, and that other requests were answered as always."""
    assert load.count(503) > 0, "nothing was refused"
    assert load.count(0) == 0, "there was no answer"
    assert load.slowest() < LIMIT, f"an answer took {load.slowest()} s"
    assert load.usual(503, *PAGES) < WAIT, f"refusals took {load.usual(503, *PAGES)} s"
    assert load.usual(200, "/plain") < SOON, f"other pages took {load.usual(200, '/plain')} s"


def assert_taken_over(load, ended_at):
    """A replica has taken over: at most what was acknowledged just before the end of its primary is missing."""
    assert_refused_soon(load)
    # Of a sum it is unknown when the missing part was acknowledged.
    missing = [at - ended_at for (_, name, _), at in load.missing().items() if name != TOTAL]
    assert all(abs(since) < UNSENT for since in missing), f"missing is what was acknowledged at {sorted(missing)} s"
