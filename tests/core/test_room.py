"""The bound on the number of sessions: which one counts, and when the log warns of it."""

from __future__ import annotations

import logging

import pytest

from httpsession import SessionConfig, SessionManager, TooManySessionsError
from httpsession.stores import MemoryStore
from tests.support.core import create_session, find_session
from tests.support.site import Site


class SmallStore(MemoryStore):
    """A store in memory with room for ten sessions."""

    capacity = 10


def manager(store=None, **config):
    """Return a manager without a background thread."""
    return SessionManager(store, config=SessionConfig(sweep_interval=None, **config))


def warnings(caplog):
    """Return the warnings of the package."""
    return [record.getMessage() for record in caplog.records if record.name == "httpsession"]


class TestBound:
    """max_sessions, or the capacity of the store."""

    def test_capacity_of_the_stores(self, workers):
        """Memory has room for 100,000 sessions, and a shared store for any number."""
        assert MemoryStore().capacity == 100_000
        assert workers[0].manager._sessions.store.capacity is None

    @pytest.mark.parametrize(("config", "most"), [({}, 10), ({"max_sessions": 12}, 12), ({"max_sessions": 3}, 3)])
    def test_bound(self, config, most):
        """By default the capacity of the store counts; max_sessions takes its place, be it more or less."""
        sessions = manager(SmallStore(), **config)
        made = [create_session(sessions) for _ in range(20)]

        assert [session.is_valid for session in made] == [False] * (20 - most) + [True] * most
        assert (sessions.stats().active, sessions.stats().evicted) == (most, 20 - most)

    def test_no_bound(self):
        """With -1, Tomcat's spelling, there may be any number."""
        sessions = manager(SmallStore(), max_sessions=-1)
        made = [create_session(sessions) for _ in range(30)]

        assert all(session.is_valid for session in made)

    def test_bound_of_a_shared_store(self, start_worker, caplog):
        """A shared store has no bound by default, and nothing counts or warns."""
        worker = start_worker()
        for _ in range(30):
            worker.new_id()

        assert (worker.active, warnings(caplog)) == (30, [])

    def test_message(self, clock):
        """The refusal tells the number and the setting, also where the setting has its default."""
        sessions = manager(SmallStore())
        made = [create_session(sessions) for _ in range(10)]
        clock.tick(1)
        assert all(find_session(sessions, session.id, clock.now) for session in made)
        with pytest.raises(TooManySessionsError, match=r"there are 10 sessions, and SessionConfig.max_sessions allows"):
            create_session(sessions)


class TestWarning:
    """The warning at 80 % of the bound."""

    def test_once(self, caplog):
        """The log warns once, before anything is evicted or refused."""
        sessions = manager(max_sessions=10)
        for _ in range(8):
            create_session(sessions)
        assert warnings(caplog) == []
        create_session(sessions)
        [warning] = warnings(caplog)
        for _ in range(20):
            create_session(sessions)

        assert warnings(caplog) == [warning]
        assert warning.startswith("There are 8 sessions, and SessionConfig.max_sessions allows 10: ")

    def test_again(self, caplog):
        """It warns again only after the number has fallen below 70 %: around 80 % it may vary as it likes."""
        sessions = manager(max_sessions=10)
        made = [create_session(sessions) for _ in range(9)]
        for _ in range(5):
            made.pop().invalidate()
            made.append(create_session(sessions))
        assert len(warnings(caplog)) == 1
        for _ in range(2):
            made.pop().invalidate()
        made += [create_session(sessions) for _ in range(2)]
        assert len(warnings(caplog)) == 1
        for _ in range(4):
            made.pop().invalidate()

        made += [create_session(sessions) for _ in range(4)]
        assert len(warnings(caplog)) == 2

    def test_large_bound(self, caplog):
        """With thousands of places, too, where creations need no lock below the mark."""
        sessions = manager(max_sessions=5000)
        made = [create_session(sessions) for _ in range(4000)]
        assert warnings(caplog) == []
        made.append(create_session(sessions))
        assert len(warnings(caplog)) == 1
        for _ in range(600):
            made.pop().invalidate()
        made += [create_session(sessions) for _ in range(600)]
        assert len(warnings(caplog)) == 2
        for _ in range(1500):
            create_session(sessions)

        assert sessions.stats().active == 5000
        assert len(warnings(caplog)) == 2

    def test_shared(self, clock, start_worker, caplog):
        """On a shared store each worker warns by its own count."""
        worker = start_worker(max_sessions=10)
        with caplog.at_level(logging.WARNING, "httpsession"):
            for _ in range(9):
                worker.new_id()

        assert len(warnings(caplog)) == 1


def test_refused_session_leaves_nothing(clock):
    """A request whose session is refused is no longer in flight afterwards, and can go on without one."""
    site = Site(max_sessions=1)
    kept = site.new_session()
    request = site.request()
    for _ in range(2):
        with pytest.raises(TooManySessionsError):
            request.session.get_session()
        assert request.session.get_session(create=False) is None
    request.finish()

    assert not site.manager._sessions.context.accesses.in_flight
    assert site.has(kept)
