"""The background thread, against a real clock."""

from __future__ import annotations

import gc
import logging
import math
import os
import threading
import time
import weakref
from contextlib import contextmanager

import pytest

from httpsession import HttpSessionListener, SessionConfig, SessionManager, StoreError
from httpsession.core import outage
from httpsession.core.outage import Outage
from httpsession.core.sweeper import FLUSH_INTERVAL, Sweeper
from tests.support.core import accesses_of
from tests.support.listeners import Recorder
from tests.support.servers import RedisServer
from tests.support.site import Site
from tests.support.waiting import wait_until

NAME = "httpsession-sweeper"


def site_with(*listeners, interval=1):
    return Site(listeners=listeners, max_inactive_interval=interval, sweep_interval=0.05)


def sweepers():
    return {thread for thread in threading.enumerate() if thread.name == NAME}


class Worked:
    """A stand-in for the manager of a sweeper: it counts calls, and fails on demand."""

    def __init__(self, *, fails=False):
        self.fails = fails
        self.flushed = self.swept = 0

    def flush(self):
        self.flushed += 1
        if self.fails:
            raise OSError("the store is down")

    def sweep(self):
        self.swept += 1
        return 0

    def probe(self):
        pass


@pytest.fixture
def no_quiet(monkeypatch):
    """An outage ends with the first success."""
    monkeypatch.setattr(outage, "QUIET", 0.0)


def test_sessions_end_without_traffic():
    """A session whose client stays away ends by itself, and the listeners are notified (S53)."""
    recorder = Recorder()
    site = site_with(recorder)
    session_id = site.new_id()

    wait_until(lambda: ("destroyed", session_id) in recorder.log, "the end of the session")
    assert site.manager.stats().expired == 1
    site.manager.close()


def test_goes_on_after_a_listener_that_fails(caplog):
    """An exception of a listener is logged, and the next sweep happens."""
    ended = []

    class Angry(HttpSessionListener):
        def session_destroyed(self, event):
            ended.append(event.session.id)
            raise LookupError("a listener fails")

    site = site_with(Angry())
    first = site.new_session()
    wait_until(lambda: first in ended, "the end of the first session")
    second = site.new_session()
    wait_until(lambda: second in ended, "the end of the second session")
    site.manager.close()
    assert [record.exc_info[0] for record in caplog.records] == [LookupError] * 2


def test_goes_on_after_a_store_that_fails(caplog):
    """A tick that fails as a whole is logged, and the next one comes."""
    worked = Worked(fails=True)
    sweeper = Sweeper(worked, 0.05, Outage())
    sweeper.start()

    wait_until(lambda: worked.flushed >= 2, "the second flush")
    assert worked.swept == 0
    sweeper.stop()
    assert {record.exc_info[0] for record in caplog.records} == {OSError}


@pytest.mark.usefixtures("no_quiet")
def test_recovery_of_a_store(caplog, tmp_path):
    """When a store works again, the log says so, and after how many seconds; each outage has these two lines."""
    caplog.set_level(logging.WARNING)
    server = RedisServer(tmp_path)
    manager = SessionManager(server.unix_url, config=SessionConfig(sweep_interval=0.05))
    site = Site(manager)

    def wait_for_lines(number):
        wait_until(lambda: len(caplog.records) == number, f"{number} lines in the log")

    try:
        for outage in (1, 2):
            site.visit(site.new_id())
            server.stop()
            wait_for_lines(2 * outage - 1)
            failed_at = time.monotonic()
            server.start()
            wait_for_lines(2 * outage)
            since = time.monotonic() - failed_at
            failure, recovery = caplog.records[-2:]
            assert (failure.event, failure.details["state"]) == ("session_store_error", "began")
            assert (recovery.event, recovery.details["state"]) == ("session_store_error", "ended")
            assert 0 < recovery.details["seconds"] <= since + 0.5
            assert (failure.levelname, recovery.levelname) == ("ERROR", "WARNING")
    finally:
        manager.close()
        server.stop()


@pytest.mark.usefixtures("no_quiet")
def test_down_until_what_failed_succeeds(caplog):
    """A store that fails to sweep is down until a sweep succeeds, though there was nothing to flush meanwhile."""

    class Sweepless(Worked):
        def sweep(self):
            super().sweep()
            if self.fails:
                raise StoreError("no sweep today")
            return 0

        def flush(self):
            self.flushed += 1

    worked = Sweepless(fails=True)
    sweeper = Sweeper(worked, 0.05, Outage())
    sweeper.start()
    wait_until(lambda: worked.swept >= 5, "the fifth sweep")
    assert len(caplog.records) == 1
    worked.fails = False
    wait_until(lambda: len(caplog.records) == 2, "the line about the recovery")
    sweeper.stop()

    assert caplog.records[1].details["state"] == "ended"


def test_tells_the_store_within_its_second():
    """Accesses of requests that never asked reach the store, though no request asks, also without sweeps."""
    manager = SessionManager(config=SessionConfig(sweep_interval=None))
    site = Site(manager)
    session_id = site.new_session()
    site.visit(session_id)
    assert accesses_of(manager).ended

    wait_until(lambda: not accesses_of(manager).ended, "the flush", FLUSH_INTERVAL + 1)
    manager.close()


def test_not_without_an_interval():
    """Without a sweep_interval the thread flushes, and never sweeps."""
    worked = Worked()
    sweeper = Sweeper(worked, None, Outage())
    sweeper.start()

    wait_until(lambda: worked.flushed >= 2, "the second flush")
    assert worked.swept == 0
    sweeper.stop()


def test_not_started_by_construction():
    """Making managers and middlewares starts no thread: a server may fork between that and the first request."""
    before = sweepers()
    site = Site(SessionManager())
    assert sweepers() == before
    site.visit()
    (thread,) = sweepers() - before
    assert thread.daemon
    site.visit()
    Site(site.manager).visit()
    assert sweepers() - before == {thread}
    site.manager.close()


def test_stops_at_close():
    """close() returns when the thread has ended, and no request starts another."""
    before = sweepers()
    site = Site(SessionManager())
    site.visit()
    started = time.monotonic()
    site.manager.close()

    assert sweepers() <= before
    assert time.monotonic() - started < FLUSH_INTERVAL
    Site(site.manager).visit()
    assert sweepers() <= before


def test_closed_by_a_listener():
    """A listener that closes the manager, called by the thread itself, does not wait for itself."""
    done = threading.Event()

    class Closing(HttpSessionListener):
        def session_destroyed(self, event):
            event.session.servlet_context.close()
            done.set()

    before = sweepers()
    site = site_with(Closing())
    site.new_session()

    assert done.wait(5)
    wait_until(lambda: sweepers() <= before, "the thread to end")


def test_goes_with_its_manager():
    """A manager without references is collected, and its thread ends."""
    before = sweepers()
    site = Site(SessionManager())
    site.new_session()
    manager = weakref.ref(site.manager)
    (thread,) = sweepers() - before
    del site
    gc.collect()

    wait_until(lambda: manager() is None, "the manager to be collected")
    thread.join(FLUSH_INTERVAL + 1)
    assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("served_before", [False, True])
def test_made_anew_after_a_fork(served_before):
    """A thread does not survive fork(); the first request in the child starts one, served the parent before or not."""
    recorder = Recorder()
    site = site_with(recorder)
    if served_before:
        site.visit()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            session_id = site.new_session()
            wait_until(lambda: ("destroyed", session_id) in recorder.log, "the end of the session", 4)
            os.write(writing, b"swept")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)

    assert answer == b"swept"
    site.manager.close()


@pytest.mark.parametrize("interval", [1, 3, 10])
def test_sweeps_as_often_as_configured(interval):
    """Between two sweeps there are as many ticks as the interval has seconds, give or take a tenth."""
    sweeper = Sweeper(Worked(), interval, Outage())
    ticks = [math.ceil(sweeper._ticks_to_sweep()) for _ in range(2000)]

    assert abs(sum(ticks) / len(ticks) - interval) < 0.05 * interval


class Exits(HttpSessionListener):
    """A listener that asks for the end of the process, in a thread that cannot end it."""

    def __init__(self):
        self.ended = []

    def session_destroyed(self, event):
        self.ended.append(event.session.id)
        raise SystemExit


def test_goes_on_after_an_exit(caplog):
    """A listener that exits ends neither the thread nor the notifications of the other sessions of the sweep."""
    listener, others = Exits(), sweepers()
    with site_with(listener) as site:
        ids = [site.new_session() for _ in range(3)]
        wait_until(lambda: set(listener.ended) == set(ids), "the end of all sessions")
        ids.append(site.new_session())
        wait_until(lambda: set(listener.ended) == set(ids), "the next sweep")
        assert len(sweepers() - others) == 1
    assert len(listener.ended) == 4
    assert "failed to flush or sweep, and will retry" in caplog.text


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_successor_of_a_thread_that_ends(monkeypatch, tmp_path, store):
    """If the thread ends, as by want of memory while it waits, another one takes its place."""
    recorder, others = Recorder(), sweepers()
    url = "memory://" if store == "memory" else f"sqlite:///{tmp_path}/sessions.db"
    config = SessionConfig(max_inactive_interval=1, sweep_interval=0.05)
    with Site(SessionManager(url, config=config, listeners=[recorder])) as site:
        site.new_session()
        before = sweepers() - others
        with ended_thread(monkeypatch) as errors:
            wait_until(lambda: errors, "the end of the thread")
        wait_until(lambda: [event for event, *_ in recorder.log if event == "destroyed"], "the end of the session")
        assert errors == [MemoryError]
        assert not before & sweepers()
        assert len(sweepers() - others) == 1
    assert sweepers() <= others


@contextmanager
def ended_thread(monkeypatch):
    """Make a wait fail once in the block, and yield the list of the exceptions by which threads have ended."""
    wait, failures, errors = threading.Event.wait, [MemoryError], []

    def fail_once(event, timeout=None):
        if failures:
            raise failures.pop()
        return wait(event, timeout)

    with monkeypatch.context() as patched:
        patched.setattr(threading, "excepthook", lambda args: errors.append(args.exc_type))
        patched.setattr(threading.Event, "wait", fail_once)
        yield errors


def test_no_thread_to_be_had(monkeypatch, caplog):
    """Where the system gives no thread, requests are answered, the log says so, and a later request starts it."""

    def fail(thread):
        raise RuntimeError("can't start new thread")

    site, others = site_with(), sweepers()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        session_id = site.new_id()
        assert site.has(session_id)
    assert sweepers() <= others
    assert "The background thread cannot start" in caplog.text
    assert site.has(session_id)
    assert len(sweepers() - others) == 1
    site.manager.close()


def test_expiry_without_the_thread(start_worker, url, clock):
    """Where the thread is gone, a session that is due is not found, and ends when it is asked for (R17)."""
    worker = start_worker(max_inactive_interval=60)
    session_id = worker.session_with(user="anna")
    clock.tick(62)
    assert worker.attributes(session_id) is None
    assert ("destroyed", session_id) in worker.recorder.log
