"""The end of shared sessions: notified once, with the attributes, and never while a session is in use."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from httpsession import TooManySessionsError
from httpsession.core.accesses import Accesses
from httpsession.ids import handle_of, key_of
from tests.support.core import accesses_of, flush, store_of
from tests.support.workers import Guest

INTERVAL = 60
SLACK = 1


def destroyed(workers):
    """Return of how many ends the workers' listeners were notified."""
    return sum(len(worker.recorder.of("destroyed")) for worker in workers)


def flush_all(workers):
    """Flush, as each background thread does every second."""
    for worker in workers:
        flush(worker.manager)


class TestSlidingTimeout:
    """Idle time, across workers."""

    def test_boundary(self, clock, workers):
        """An idle session exists for its interval and a second, and then on no worker any more."""
        session_id = workers[0].session_with(a=1)
        flush_all(workers)
        clock.set(INTERVAL + SLACK - 0.01)
        assert workers[1].has(session_id)
        flush_all(workers)
        clock.tick(INTERVAL + SLACK)
        assert not workers[0].has(session_id)
        assert not workers[1].has(session_id)

    def test_deadline_is_exact(self, clock, start_worker):
        """A lifetime ends a session to the moment, however much it is used."""
        worker = start_worker(max_lifetime=100)
        session_id = worker.session_with(a=1)
        for now in (30, 60, 99.9):
            clock.set(now)
            assert worker.has(session_id)
            flush(worker.manager)
        clock.set(100)
        assert not worker.has(session_id)

    @pytest.mark.parametrize("touch", ["asks", "does not ask"])
    def test_every_request_slides(self, clock, workers, touch):
        """A request moves the end for all workers, whether or not it asks for the session, within a second."""
        session_id = workers[0].session_with(a=1)
        clock.set(50)
        if touch == "asks":
            workers[0].has(session_id)
        else:
            workers[0].visit(session_id)
        flush_all(workers)
        clock.set(50 + INTERVAL)
        assert workers[1].has(session_id)

    def test_last_accessed_time(self, clock, workers):
        """The time of the request before, also if that went to another worker, or to this one just now."""
        session_id = workers[0].session_with(a=1)
        clock.set(10)
        workers[1].visit(session_id)
        flush_all(workers)
        clock.set(20)
        request = workers[0].request(session_id)
        session = request.session.get_session()
        assert session.last_accessed_time == session.creation_time + 10
        request.finish()
        clock.set(20.5)
        session = workers[0].request(session_id).session.get_session()
        assert session.last_accessed_time == session.creation_time + 20

    def test_interval_of_one_session(self, clock, workers):
        """A session's own interval counts, shorter or longer; zero and less is for ever."""
        ids = []
        for interval in (5, 500, 0):
            request = workers[0].request()
            request.session.get_session().max_inactive_interval = interval
            ids.append(request.finish().new_id)
        flush_all(workers)
        clock.set(INTERVAL + SLACK)
        assert [workers[1].has(one) for one in ids] == [False, True, True]
        flush_all(workers)
        clock.tick(10**8)
        assert [workers[1].has(one) for one in ids] == [False, False, True]

    def test_dead_stays_dead(self, clock, workers):
        """A session seen expired stays expired, whatever the clock does."""
        session_id = workers[0].session_with(a=1)
        clock.set(INTERVAL + SLACK)
        assert not workers[0].has(session_id)
        clock.set(0)
        assert not workers[1].has(session_id)

    def test_late_touch_does_not_revive(self, clock, workers):
        """The access of a request that arrives after its session has expired does not revive it."""
        session_id = workers[0].session_with(a=1)
        flush_all(workers)
        clock.set(INTERVAL + SLACK)
        workers[1].visit(session_id)
        flush_all(workers)
        assert not workers[0].has(session_id)


CGI = """
import sys
from wsgiref.handlers import CGIHandler
from httpsession import SessionManager, SessionMiddleware
from tests.support.core import accesses_of, flush, store_of

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

application = SessionMiddleware(app, SessionManager(sys.argv[1]))
CGIHandler().run(application)
"""


def test_process_that_serves_one_request(start_worker, url):
    """Also where each request has a process of its own, as by CGI, it keeps its session alive."""
    worker = start_worker()
    session_id = worker.session_with(a=1)
    flush(worker.manager)
    (before,) = [stored.record.used for stored in store_of(worker.manager)]
    environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.0"}
    environ = {**os.environ, **environ, "HTTP_COOKIE": f"JSESSIONID={session_id}"}
    done = subprocess.run([sys.executable, "-c", CGI, url], env=environ, capture_output=True, text=True, check=True)

    assert "hello" in done.stdout
    (after,) = [stored.record.used for stored in store_of(worker.manager)]
    assert after > before


class TestInUse:
    """A session that a request of any worker is using does not time out."""

    def test_long_request(self, clock, workers):
        """While a request is in flight on one worker, the other workers neither sweep nor refuse its session."""
        session_id = workers[0].session_with(a=1)
        flush_all(workers)
        request = workers[0].request(session_id)
        request.session.get_session()
        for _ in range(INTERVAL * 3):
            clock.tick(1)
            flush_all(workers)
        assert workers[1].manager.sweep() == 0
        assert workers[1].has(session_id)
        request.finish()
        flush_all(workers)
        clock.tick(INTERVAL)
        assert workers[1].has(session_id), "idle since the end of the long request"

    def test_long_request_that_never_asks(self, clock, workers):
        """A long request that only carries the id keeps the session alive, too."""
        session_id = workers[0].session_with(a=1)
        flush_all(workers)
        request = workers[0].request(session_id)
        for _ in range(INTERVAL * 2):
            clock.tick(1)
            flush_all(workers)
        assert workers[1].manager.sweep() == 0
        request.finish()

    def test_new_session_in_a_long_request(self, clock, workers):
        """A long request that creates the session keeps it alive, once its cookie is out."""
        request = workers[0].request()
        request.session.get_session()
        request.read()
        for _ in range(INTERVAL * 2):
            clock.tick(1)
            flush_all(workers)
        assert workers[1].has(request.new_id)

    @pytest.mark.parametrize("asks", [True, False], ids=["asks", "does not ask"])
    def test_long_request_that_comes_in_the_last_moment(self, clock, workers, asks):
        """A request that arrives just in time keeps its session from the first batch on: the second would be too
        late."""
        session_id = workers[0].session_with(a=1)
        flush_all(workers)
        clock.set(INTERVAL - 0.5)
        flush_all(workers)
        clock.set(INTERVAL - 0.01)
        request = workers[0].request(session_id)
        if asks:
            assert request.session.get_session(create=False)
        clock.set(INTERVAL + 0.5)
        flush_all(workers)
        clock.set(INTERVAL + SLACK)
        assert workers[1].manager.sweep() == 0
        request.finish()


class TestTold:
    """Listeners are notified of each end once, whichever worker finds it."""

    def test_by_the_sweep(self, clock, workers):
        """Sweeps of all workers together end each session once, and listeners get its attributes."""
        for worker in workers * 5:
            worker.session_with(name="x", items=[1, 2])
        clock.set(INTERVAL + SLACK)

        assert sum(worker.manager.sweep() for worker in workers) == 10
        assert destroyed(workers) == 10
        removed = [event for worker in workers for event in worker.recorder.of("removed")]
        assert sorted(removed, key=str) == [("removed", "items", [1, 2])] * 10 + [("removed", "name", "x")] * 10
        assert workers[0].manager.stats().active == 0

    def test_by_a_request(self, clock, workers):
        """A worker that finds a session expired notifies its listeners, once; later requests find nothing."""
        session_id = workers[0].session_with(a=1)
        clock.set(INTERVAL + SLACK)
        assert not workers[1].has(session_id)
        assert not workers[0].has(session_id)
        assert [worker.manager.sweep() for worker in workers] == [0, 0]
        assert destroyed(workers) == 1

    def test_values_hear(self, clock, workers, heard):
        """Values are unbound when their session times out, on whichever worker."""
        workers[0].session_with(guest=Guest("g"))
        del heard[:]
        clock.set(INTERVAL + SLACK)
        workers[1].manager.sweep()
        assert heard == ["g activated", "g unbound"]

    def test_names_no_id(self, clock, workers):
        """A sweep does not know ids: the session of its events has its handle instead."""
        session_id = workers[0].session_with(a=1)
        sessions = []
        workers[1].recorder.session_destroyed = lambda event: sessions.append((event.session.id, event.session.handle))
        clock.set(INTERVAL + SLACK)
        workers[1].manager.sweep()
        assert sessions == [("", handle_of(key_of(session_id)))]

    def test_by_many_threads(self, clock, start_worker):
        """If sweepers and requests find the same sessions at once, each end is notified once."""
        workers = [start_worker() for _ in range(3)]
        ids = [workers[0].session_with(n=n) for n in range(60)]
        flush_all(workers)
        clock.set(INTERVAL + SLACK)
        barrier = threading.Barrier(6)

        def sweep(worker):
            barrier.wait(10)
            worker.manager.sweep()

        def ask(worker):
            barrier.wait(10)
            for one in ids:
                worker.has(one)

        threads = [threading.Thread(target=act, args=(worker,)) for worker in workers for act in (sweep, ask)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert destroyed(workers) == len(ids)
        assert sorted(event[2] for worker in workers for event in worker.recorder.of("removed")) == list(range(60))

    def test_close_keeps_sessions(self, workers, url):
        """Closing a manager ends no session: it flushes the latest accesses and closes the store."""
        session_id = workers[0].session_with(a=1)
        workers[0].manager.close()
        assert destroyed(workers) == 0
        assert workers[1].has(session_id)


class TestMaxSessions:
    """max_sessions, about, across workers."""

    def test_refused(self, clock, start_worker):
        """When there are as many, and all are used, no more are made."""
        worker = start_worker(max_sessions=3)
        ids = [worker.new_id() for _ in range(3)]
        clock.tick(1)
        assert all(worker.has(one) for one in ids)
        flush_all([worker])
        clock.tick(2)
        with pytest.raises(TooManySessionsError):
            worker.request().session.get_session()
        assert all(worker.has(one) for one in ids)

    def test_gives_up_who_never_came_back(self, clock, start_worker):
        """A session whose client never came back is evicted, and its end is notified."""
        worker = start_worker(max_sessions=3)
        known = [worker.new_id() for _ in range(2)]
        stranger = worker.new_id()
        clock.tick(1)
        assert all(worker.has(one) for one in known)
        flush_all([worker])
        clock.tick(2)
        worker.new_id()
        assert not worker.has(stranger)
        assert all(worker.has(one) for one in known)
        assert destroyed([worker]) == 1

    def test_those_that_are_over_go_first(self, clock, start_worker):
        """Expired sessions make room at once."""
        worker = start_worker(max_sessions=2)
        old = [worker.new_session() for _ in range(2)]
        flush_all([worker])
        clock.tick(INTERVAL + SLACK)
        worker.new_id()
        assert destroyed([worker]) == 2
        assert not any(worker.has(one) for one in old)


def test_latest_arrivals_are_forgotten(clock, workers):
    """Notes of ids, made-up ones included, are dropped after the flush."""
    accesses: Accesses = accesses_of(workers[0].manager)
    for number in range(50):
        workers[0].visit(f"{number:032X}")
        workers[0].has(f"{number + 1000:032X}")
    for _ in range(2):
        clock.tick(1)
        flush(workers[0].manager)
    assert accesses.latest == {}
    assert not accesses.ended
    assert not accesses.in_flight
