"""Floods: clients that make sessions by the thousand, or invent ids, cost no other client its session."""

from __future__ import annotations

import gc
import logging
import sqlite3
import time
import tracemalloc
from contextlib import closing

import pytest

from httpsession import TooManySessionsError, audit, get_session, request_session
from httpsession.stores.base import SLACK
from tests.core.test_shared_bad_input import RedisBurglar, SQLiteBurglar
from tests.support.core import accesses_of, flush, store_of
from tests.support.request import TEXT, fetch
from tests.support.threads import together

STORES = ["memory", "sqlite", "redis"]
NEWCOMERS = 20
INTERVAL = 60

EVERYWHERE = pytest.mark.parametrize("url", STORES, indirect=True)


def new_page(environ, start_response):
    """Begin a session, as a page that counts its visitors does."""
    get_session(environ)["visits"] = 1
    start_response("200 OK", [TEXT])
    return [b"new"]


def login_page(environ, start_response):
    """Log anna in."""
    request_session(environ).login("anna")
    start_response("200 OK", [TEXT])
    return [b"welcome"]


def peek_page(environ, start_response):
    """Look whether there is a session."""
    found = get_session(environ, create=False)
    start_response("200 OK", [TEXT])
    return [b"yes" if found is not None else b"no"]


def logout_page(environ, start_response):
    """Log out who may be logged in."""
    request_session(environ).logout()
    start_response("200 OK", [TEXT])
    return [b"bye"]


def plain_page(environ, start_response):
    """Ask for no session."""
    start_response("200 OK", [TEXT])
    return [b"plain"]


def visit(worker, page, session_id=None):
    """Make a whole request for a page."""
    return fetch(worker.app, session_id, **{"test.application": page})


def is_alive(worker, session_id):
    """Return whether a request finds the session."""
    return visit(worker, peek_page, session_id).text == "yes"


@pytest.fixture
def events(monkeypatch, caplog):
    """Returns the audit events of a name, with their details; the limiter has seen none before."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())
    caplog.set_level(logging.INFO, "httpsession.audit")

    def events(name):
        return [record for record in caplog.records if getattr(record, "event", None) == name]

    return events


@pytest.fixture
def is_memory(url):
    """Whether the store is the memory of the process."""
    return url == "memory://"


@EVERYWHERE
class TestCap:
    """max_sessions: which sessions a flood pushes out."""

    def test_flood(self, start_worker, is_memory):
        """However many sessions threads make at the cap, no user's session goes, and none whose client came back.

        R52, V7: of 1,000 places in memory users have 50 and known clients without a login 100.
        """
        most, users, known, threads, each = (1000, 50, 100, 8, 2500) if is_memory else (100, 5, 10, 4, 50)
        worker = start_worker(max_sessions=most)
        kept = [visit(worker, login_page).new_id for _ in range(users)]
        kept += [visit(worker, new_page).new_id for _ in range(known)]
        assert all(is_alive(worker, session_id) for session_id in kept[users:])
        flush(worker.manager)
        sizes = []

        def flood():
            for _ in range(each):
                visit(worker, new_page)
                if is_memory:
                    sizes.append(worker.active)

        together(*[flood] * threads)

        assert all(is_alive(worker, session_id) for session_id in kept)
        if is_memory:
            assert max(sizes) == most
        else:
            assert worker.active <= most + threads, "those that were in flight when it was counted"
        stats = worker.manager.stats()
        assert (stats.rejected, stats.created) == (0, users + known + threads * each)

    def test_users_and_known_clients_fill_it(self, clock, start_worker, events):
        """When only users and known clients are left, new sessions are refused, and all of theirs stay.

        R52: the refusal is an audit event, which names no client.
        """
        worker = start_worker(max_sessions=4)
        kept = [visit(worker, login_page).new_id for _ in range(2)]
        kept += [visit(worker, new_page).new_id for _ in range(2)]
        clock.tick(1)
        assert all(is_alive(worker, session_id) for session_id in kept[2:])
        flush(worker.manager)
        with pytest.raises(TooManySessionsError, match="there are 4 sessions"):
            worker.request().session.get_session()

        assert all(is_alive(worker, session_id) for session_id in kept)
        assert worker.manager.stats().rejected == 1
        assert [(event.details, event.session) for event in events("excess_sessions_exceeded")] == [
            ({"max_sessions": 4}, None)
        ]

    def test_order(self, clock, start_worker, events):
        """Expired sessions go first, those of users too, then newcomers without a user; each end says why (R87)."""
        worker = start_worker(max_sessions=3, max_inactive_interval=INTERVAL)
        visit(worker, login_page)
        clock.tick(INTERVAL + SLACK)
        newcomer = visit(worker, new_page).new_id
        user = visit(worker, login_page).new_id
        visit(worker, new_page)
        assert [event.details["reason"] for event in events("session_expired")] == ["idle"]

        clock.tick(2)
        visit(worker, login_page)
        assert [event.details["reason"] for event in events("session_expired")] == ["idle", "evicted"]
        assert is_alive(worker, user)
        if store_of(worker.manager).is_shared:
            return
        assert not is_alive(worker, newcomer), "the oldest newcomer"


@EVERYWHERE
class TestNewcomers:
    """newcomer_interval: sessions whose client never comes back end early (R51)."""

    @pytest.fixture
    def worker(self, clock, start_worker):
        """A worker that ends sessions of newcomers early."""
        return start_worker(newcomer_interval=NEWCOMERS, max_inactive_interval=INTERVAL)

    def test_flood(self, clock, worker, is_memory, events):
        """After thousands of requests without cookies, a sweep brings the number of sessions back to the baseline."""
        number = 10_000 if is_memory else 300
        kept = visit(worker, login_page).new_id
        for _ in range(number):
            visit(worker, new_page)
        clock.tick(NEWCOMERS - 1)
        assert (worker.manager.sweep(), worker.active) == (0, number + 1)
        clock.tick(1 + SLACK)
        assert (worker.manager.sweep(), worker.active) == (number, 1)

        assert is_alive(worker, kept)
        assert worker.manager.stats().expired == number
        assert {event.details["reason"] for event in events("session_expired")} == {"newcomer"}

    @pytest.mark.parametrize("page", [peek_page, plain_page])
    def test_client_that_came_back(self, clock, worker, page):
        """A client that returned once has the normal idle time, also if its request never asked for the session."""
        session_id = visit(worker, new_page).new_id
        clock.tick(NEWCOMERS - 1)
        visit(worker, page, session_id)
        flush(worker.manager)
        clock.tick(INTERVAL - 1)

        assert worker.manager.sweep() == 0
        assert is_alive(worker, session_id)

    def test_return_that_waits_for_its_batch(self, clock, worker):
        """A return in the last second counts although its access reaches the store only afterwards."""
        session_id = visit(worker, new_page).new_id
        clock.tick(NEWCOMERS - 0.5)
        visit(worker, plain_page, session_id)
        clock.tick(1)
        flush(worker.manager)

        assert worker.manager.sweep() == 0
        assert is_alive(worker, session_id)

    def test_client_that_comes_back_too_late(self, clock, worker, events):
        """A client that comes back too late has no session, and the listeners hear of its end once."""
        session_id = visit(worker, new_page).new_id
        clock.tick(NEWCOMERS + SLACK)

        assert not is_alive(worker, session_id)
        assert len(worker.recorder.of("destroyed")) == 1
        assert [event.details["reason"] for event in events("session_expired")] == ["newcomer"]

    def test_user(self, clock, worker):
        """A session in which a user has logged in is none of them, in the creating request or in a later one."""
        first = visit(worker, login_page).new_id
        second = visit(worker, login_page, visit(worker, new_page).new_id).new_id
        flush(worker.manager)
        clock.tick(NEWCOMERS + SLACK)

        assert worker.manager.sweep() == 0
        assert is_alive(worker, first)
        assert is_alive(worker, second)

    def test_long_creating_request(self, clock, worker):
        """While the creating request is in flight its session does not end, and then the client has its time."""
        request = worker.request()
        request.session.get_session()["visits"] = 1
        request.read()
        for _ in range(2):
            clock.tick(NEWCOMERS)
            flush(worker.manager)
            assert worker.manager.sweep() == 0
        session_id = request.finish().new_id
        flush(worker.manager)
        clock.tick(NEWCOMERS - 1)

        assert worker.manager.sweep() == 0
        assert is_alive(worker, session_id)


@EVERYWHERE
class TestNothingIsMade:
    """Requests that make no session, whatever they send."""

    def test_bots(self, start_worker):
        """Clients without cookies on pages that ask for no session, look for one or log out make none (R50)."""
        worker = start_worker()
        for _ in range(200):
            for page in (plain_page, peek_page, logout_page):
                assert visit(worker, page).set_cookies == []

        assert worker.active == worker.manager.stats().created == 0

    def test_unknown_ids(self, clock, start_worker, is_memory):
        """Thousands of well-formed ids that were never issued leave nothing behind, and get no cookie (R5)."""
        worker = start_worker()
        accesses, store = accesses_of(worker.manager), store_of(worker.manager)
        for number in range(3000 if is_memory else 300):
            for page in (plain_page, peek_page, logout_page):
                assert visit(worker, page, f"{number:032X}").set_cookies == []
        for _ in range(2):
            clock.tick(1)
            flush(worker.manager)

        assert (len(store), worker.manager.stats().created) == (0, 0)
        assert not any((accesses.latest, accesses.ended, accesses.in_flight, accesses.unclosed))


@pytest.mark.unwatched
class TestMemoryReturns:
    """After any load the memory is what it was before (R54)."""

    @pytest.fixture
    def url(self):
        """The memory of the process."""
        return "memory://"

    @pytest.mark.parametrize("settings", [{}, {"newcomer_interval": 5, "max_lifetime": 20}])
    def test_create_and_expire(self, start_worker, settings):
        """After 50,000 sessions that were created and have expired, no map of store or manager has an entry more."""
        worker = start_worker(**settings)

        def cycle(times):
            for _ in range(times // 1000):
                for _ in range(1000):
                    visit(worker, new_page)
                assert worker.manager.sweep(time.time() + 1e6) == 1000
                worker.recorder.log.clear()

        def size():
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            cycle(2000)
            before = size()
            cycle(50_000)
            growth = size() - before
        finally:
            tracemalloc.stop()
        store = store_of(worker.manager)

        assert growth < 50_000, "less than a byte for each"
        maps = [store._sessions, store._moved, store._left, store._expiry._idle, store._expiry._deadlines._deadlines]
        assert not any(maps)
        assert not list(store._clients.newcomers())


@pytest.mark.parametrize("url", ["sqlite", "redis"], indirect=True)
def test_shared_store_returns(clock, start_worker, url, redis_server, tmp_path):
    """After sessions of newcomers and users have expired, neither table nor key of the store is left of them (R54)."""
    worker = start_worker(max_inactive_interval=INTERVAL)
    for _ in range(100):
        visit(worker, new_page)
        visit(worker, login_page)
    flush(worker.manager)
    clock.tick(INTERVAL + SLACK)
    assert worker.manager.sweep() == 200

    if url.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "sessions.db")) as connection:
            for table in ("sessions", "attributes", "marks", "left"):
                statement = f"SELECT count(*) FROM httpsession_{table}"  # noqa: S608 - a table's name
                assert connection.execute(statement).fetchall() == [(0,)]
    else:
        assert redis_server.client.keys() == []


class TestSweep:
    """A sweep that meets damage, or requests."""

    @pytest.fixture
    def burglar(self, url, redis_server, tmp_path):
        """A client that writes to the store behind the package's back."""
        if url.startswith("sqlite"):
            return SQLiteBurglar(tmp_path / "sessions.db")
        return RedisBurglar(redis_server.client)

    @pytest.mark.parametrize("url", ["sqlite", "redis"], indirect=True)
    def test_damaged_record_in_the_middle(self, clock, start_worker, burglar, caplog):
        """A record that cannot be read is reported and removed, and the sweep goes on beyond it (R55)."""
        worker = start_worker(max_inactive_interval=INTERVAL)
        ids = [visit(worker, new_page).new_id for _ in range(5)]
        flush(worker.manager)
        burglar.damage(ids[2])
        clock.tick(INTERVAL + SLACK)
        with caplog.at_level(logging.WARNING, "httpsession"):
            assert worker.manager.sweep() == 4

        assert worker.active == 0
        assert len(worker.recorder.of("destroyed")) == 4
        assert "session" in caplog.text

    @pytest.mark.parametrize("url", ["sqlite", "redis"], indirect=True)
    def test_undecodable_attribute_in_the_middle(self, clock, start_worker, burglar):
        """An attribute that cannot be decoded keeps no session from ending, its own neither (R55)."""
        worker = start_worker(max_inactive_interval=INTERVAL)
        ids = [visit(worker, new_page).new_id for _ in range(5)]
        flush(worker.manager)
        burglar.put(ids[2], "visits", b"\xff damaged")
        clock.tick(INTERVAL + SLACK)

        assert (worker.manager.sweep(), worker.active) == (5, 0)
        assert len(worker.recorder.of("destroyed")) == 5

    @EVERYWHERE
    def test_expiry_and_use_at_the_same_time(self, clock, start_worker, is_memory):
        """A session that expires while requests ask for it ends once, and no request finds it (R60)."""
        number = 1000 if is_memory else 120
        worker = start_worker(max_inactive_interval=INTERVAL)
        ids = [visit(worker, new_page).new_id for _ in range(number)]
        flush(worker.manager)
        clock.tick(INTERVAL + SLACK)

        def ask():
            return [is_alive(worker, session_id) for session_id in ids]

        *found, _ = together(*[ask] * 8, worker.manager.sweep)

        assert not any(any(alive) for alive in found)
        assert len(worker.recorder.of("destroyed")) == number
        assert (worker.active, worker.manager.stats().expired) == (0, number)
