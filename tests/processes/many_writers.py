"""Many threads of several processes that write to one session by whole requests, each of which is checked.

``python -m tests.processes.many_writers sqlite:////tmp/sessions.db`` has 32 threads in each of 4 processes make 500
requests each: first each thread counts in an attribute of its own, then all of them in one.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass
from multiprocessing import get_context

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from tests.support.core import find_session
from tests.support.request import TEXT, fetch, plain_environ

PATIENCE = 900


@dataclass
class Findings:
    """The results of the requests of a process."""

    #: Requests that the application has answered, and those to which the answer was another.
    answered: int = 0
    refused: int = 0
    #: Requests that did not find what the request before them had written.
    lost: int = 0
    #: The slowest request, in seconds, and how often the functions given to update_attribute ran.
    slowest: float = 0.0
    tries: int = 0

    def add(self, other):
        """Add those of another thread or process."""
        self.answered += other.answered
        self.refused += other.refused
        self.lost += other.lost
        self.slowest = max(self.slowest, other.slowest)
        self.tries += other.tries
        return self


def manager_of(url):
    """Return a manager whose sessions live long enough for any of this."""
    return SessionManager(url, config=SessionConfig(max_inactive_interval=7200))


def count_alone(session, name, findings):
    """Count in an attribute that no other thread writes, and return what was there."""
    before = session.get(name, 0)
    session[name] = before + 1
    return before


def count_together(session, name, findings):
    """Count in the attribute in which all do; beside it in one's own, in the same request."""

    def add_one(count):
        findings.tries += 1
        return (count or 0) + 1

    session.update_attribute("together", add_one)
    return count_alone(session, name, findings)


class Writer:
    """A thread that makes requests one after the other."""

    def __init__(self, manager, session_id, name, count):
        self.findings = Findings()
        self._cookie = f"JSESSIONID={session_id}"
        self._name = name
        self._count = count
        self._found = None
        self._app = SessionMiddleware(self._answer, manager)

    def _answer(self, environ, start_response):
        session = get_session(environ, create=False)
        self._found = self._count(session, self._name, self.findings)
        start_response("200 OK", [TEXT])
        return [b"counted"]

    def run(self, requests):
        """Make so many requests, each of which has to find what the one before has written.

        A refused request may have been effective or not, and is made again.
        """
        findings, written = self.findings, {0}
        while findings.answered < requests:
            began, self._found = time.perf_counter(), None
            answers = []
            self._app(plain_environ(self._cookie), lambda status, headers, exc_info=None, to=answers: to.append(status))
            findings.slowest = max(findings.slowest, time.perf_counter() - began)
            findings.lost += self._found is not None and self._found not in written
            if answers == ["200 OK"]:
                findings.answered += 1
                written = {self._found + 1}
            else:
                findings.refused += 1
                written |= {before + 1 for before in written}


def work(url, session_id, count, process, threads, requests, barrier):
    """Run *threads* that make so many *requests* each, as one of the processes, and return the findings."""
    manager = manager_of(url)
    writers = [Writer(manager, session_id, f"{process}.{thread}", count) for thread in range(threads)]
    running = [threading.Thread(target=writer.run, args=(requests,)) for writer in writers]
    barrier.wait(PATIENCE)
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    manager.close()
    findings = Findings()
    for writer in writers:
        findings.add(writer.findings)
    return findings


def run(url, count, processes, threads, requests):
    """Run all processes on a new session, and return the findings, the attributes in the end, and the seconds."""
    manager = manager_of(url)
    created = fetch(SessionMiddleware(_create, manager)).new_id
    context = get_context("spawn")
    with context.Manager() as shared, context.Pool(processes) as pool:
        barrier = shared.Barrier(processes + 1)
        running = [
            pool.apply_async(work, (url, created, count, process, threads, requests, barrier))
            for process in range(processes)
        ]
        barrier.wait(PATIENCE)
        began = time.monotonic()
        found = [one.get(PATIENCE) for one in running]
        seconds = time.monotonic() - began
    findings = Findings()
    for one in found:
        findings.add(one)
    session = find_session(manager, created, time.time())
    attributes = dict(session)
    manager.close()
    return findings, attributes, seconds


def _create(environ, start_response):
    get_session(environ)
    start_response("200 OK", [TEXT])
    return []


def main():
    parser = argparse.ArgumentParser(description="Have many threads of several processes write to one session.")
    parser.add_argument("url")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--only", choices=["alone", "together"])
    options = parser.parse_args()
    sizes = options.processes, options.threads, options.requests
    for name, count in {"alone": count_alone, "together": count_together}.items():
        if options.only not in (None, name):
            continue
        findings, attributes, seconds = run(options.url, count, *sizes)
        total = attributes.pop("together", None)
        own = set(attributes.values())
        print(f"{name}: {seconds:.1f} s, {findings}, each thread's {own}, together {total}", flush=True)


if __name__ == "__main__":
    main()
