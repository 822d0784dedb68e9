"""R65: a system clock that steps back prolongs no session, and brings none back, on any store."""

from __future__ import annotations

import logging

import pytest

from httpsession.core.clock import Clock
from tests.support.core import flush

EVERY_STORE = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)
HOUR = 3600
#: Seconds within which a step is noted, and by which a shared store ends idle sessions late.
ABOUT = 10


@pytest.fixture
def start(start_worker):
    """Starts workers whose sessions live for one hour, and are idle for half of it at most."""
    return lambda: start_worker(max_lifetime=HOUR, max_inactive_interval=HOUR // 2)


def step_back(site, clock, seconds):
    """Set the clock back; the background thread looks at it every second."""
    flush(site.manager)
    clock.tick(-seconds)
    flush(site.manager)


def use(site, clock, session_id, seconds):
    """Use a session every minute for so long; return whether it was there each time."""
    found = True
    for _ in range(seconds // 60):
        clock.tick(60)
        found = found and site.has(session_id)
        flush(site.manager)
    return found


@EVERY_STORE
class TestStepBack:
    """The clock steps back while the process runs."""

    @pytest.mark.parametrize("step", [60, HOUR, 24 * HOUR])
    def test_lifetime(self, start, clock, step):
        """The session ends an hour after its creation, in the time that has passed."""
        site = start()
        session_id = site.new_session()
        assert use(site, clock, session_id, 3000)

        step_back(site, clock, step)
        assert use(site, clock, session_id, 540)
        clock.tick(60 + ABOUT)
        assert not site.has(session_id)

    def test_several_steps(self, start, clock):
        """Each step counts, also before the clock is back where it was."""
        site = start()
        session_id = site.new_session()
        for _ in range(5):
            assert use(site, clock, session_id, 600)
            step_back(site, clock, 500)
        assert use(site, clock, session_id, 540)
        clock.tick(60 + ABOUT)
        assert not site.has(session_id)

    def test_idle_time(self, start, clock):
        """The session ends half an hour after its latest request."""
        site = start()
        session_id = site.new_session()
        step_back(site, clock, HOUR)
        site.visit()
        clock.tick(HOUR // 2 + ABOUT)
        assert not site.has(session_id)

    def test_untouched_request(self, start, clock):
        """A request that carries an id and does not ask for its session is an access, at the right time."""
        site = start()
        session_id = site.new_session()
        step_back(site, clock, HOUR)
        site.visit(session_id)
        flush(site.manager)
        clock.tick(HOUR // 2 - ABOUT)
        assert site.has(session_id)

    def test_what_a_list_has_left_out(self, start, clock):
        """A session that a list has left out as expired is in no later list."""
        site = start()
        request = site.request()
        request.session.login("anna")
        session_id = request.finish().new_id
        clock.tick(HOUR)
        assert site.manager.sessions_of("anna") == ()

        step_back(site, clock, HOUR)
        assert site.manager.sessions_of("anna") == ()
        assert not site.has(session_id)

    def test_forward_and_back(self, start, clock):
        """What has expired by a jump forward stays dead; new sessions work as before, for their time."""
        site = start()
        old = site.new_session()
        clock.tick(10 * 365 * 24 * HOUR)
        new = site.new_session()
        step_back(site, clock, 10 * 365 * 24 * HOUR)

        assert not site.has(old)
        assert site.has(new)
        clock.tick(HOUR)
        assert not site.has(new)

    def test_login(self, start, clock):
        """The lifetime that a login begins is counted in the same time."""
        site = start()
        session_id = site.new_session()
        step_back(site, clock, HOUR)
        logged_in = site.ask(do=lambda r: r.login("anna").id, cookie=f"JSESSIONID={session_id}").value
        assert use(site, clock, logged_in, HOUR - 60)
        clock.tick(60 + ABOUT)
        assert not site.has(logged_in)

    def test_times_that_applications_see(self, start, clock):
        """No time goes back, and none is before the creation."""
        site = start()
        session_id = site.new_session()

        def times(request):
            session = request.get_session()
            return session.creation_time, session.last_accessed_time

        before = site.ask(do=times, cookie=f"JSESSIONID={session_id}").value
        step_back(site, clock, HOUR)
        site.has(session_id)
        after = site.ask(do=times, cookie=f"JSESSIONID={session_id}").value
        assert after[0] == before[0] <= before[1] <= after[1]

    def test_is_said(self, start, clock, caplog):
        """A step is said in the log, once."""
        caplog.set_level(logging.WARNING, "httpsession")
        site = start()
        session_id = site.new_session()
        step_back(site, clock, HOUR)
        for _ in range(3):
            site.has(session_id)

        # A manager that an earlier test has left behind may tell of its own clock.
        said = [record.getMessage() for record in caplog.records if "clock" in record.getMessage()]
        assert sum(line.startswith("The clock of this machine is 3600 seconds behind") for line in said) == 1


@pytest.mark.parametrize("url", ["sqlite", "redis"], indirect=True)
class TestProcesses:
    """Processes that share a store, and do not agree on the time."""

    def test_process_that_starts_after_the_step(self, start, clock):
        """It learns from the session how late it is, and ends the session in time."""
        first = start()
        session_id = first.new_session()
        assert use(first, clock, session_id, 3000)
        flush(first.manager)
        clock.tick(-23 * HOUR)
        second = start()
        assert second.has(session_id)
        assert use(second, clock, session_id, 540)
        clock.tick(60 + ABOUT)
        assert not second.has(session_id)

    def test_machines_that_disagree(self, start, clock):
        """With five minutes between two machines both use the session, and it ends within five minutes of its time."""
        ahead, behind = start(), start()
        session_id = behind.new_session()
        for _ in range(50):
            clock.tick(60)
            assert behind.has(session_id)
            clock.tick(300)
            assert ahead.has(session_id)
            flush(ahead.manager)
            clock.tick(-300)
        clock.tick(600 + ABOUT)
        assert not behind.has(session_id)


class TestClock:
    """The clock by itself."""

    def test_small_differences(self, clock):
        """Threads read the time and use it later: a second less is no step."""
        time = Clock()
        start = time.now()
        clock.tick(-0.5)
        assert time.now() == start - 0.5
        assert time.offset == 0

    def test_a_thread_that_has_waited(self, clock):
        """A time that was read long ago is no step: it is read again."""
        time = Clock()
        time.now()
        clock.tick(100)
        late = time.now()
        assert time.settle() == late
        assert time.offset == 0
