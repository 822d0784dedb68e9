"""Time: when a session expires, what keeps it from expiring, and the times that it shows."""

from __future__ import annotations

import pytest

from httpsession import HttpSessionListener, InvalidSessionError, TooManySessionsError
from tests.support.clock import START
from tests.support.core import flush
from tests.support.listeners import Bound
from tests.support.site import Site


@pytest.fixture
def site(clock, recorder):
    return Site(listeners=[recorder], max_inactive_interval=60)


class TestTimeout:
    """Idle for the interval is expired, and an expired session stays expired."""

    def test_boundary(self, site, clock):
        """A session lives for just less than its interval, and not for the interval."""
        early, late = site.new_session(), site.new_session()
        clock.set(59.999)
        assert site.has(early)
        clock.set(60)
        assert not site.has(late)
        clock.set(119.998)
        assert site.has(early)

    @pytest.mark.parametrize("interval", [0, -1, -1800])
    def test_never(self, site, clock, interval):
        """Zero or less never ends (S29)."""
        session_id = site.new_session()
        request = site.request(session_id)
        request.session.get_session().max_inactive_interval = interval
        request.finish()
        clock.tick(100 * 365 * 86400)

        assert site.manager.sweep() == 0
        assert site.has(session_id)

    def test_changed_interval_holds_from_then_on(self, site, clock):
        """A changed interval holds for this session, at once and in later requests (S31)."""
        session_id, other = site.new_session(), site.new_session()
        request = site.request(session_id)
        request.session.get_session().max_inactive_interval = 10
        request.finish()
        clock.set(10)

        assert site.manager.sweep() == 1
        assert not site.has(session_id)
        assert site.has(other)

    def test_untouched_requests_count(self, site, clock):
        """Every request that carries the id keeps the session alive, also one that never asks for it (S26)."""
        session_id = site.new_session()
        for _ in range(3):
            clock.tick(50)
            site.visit(session_id)
            flush(site.manager)
        clock.tick(59)

        assert site.has(session_id)

    def test_untouched_requests_count_when_the_store_hears_of_them_late(self, site, clock):
        """Several untouched requests count, also when one flush has all of them."""
        session_id = site.new_session()
        for _ in range(3):
            clock.tick(50)
            site.visit(session_id)
        clock.tick(59)

        assert site.has(session_id)

    def test_long_request_counts_when_the_store_hears_of_it_with_a_late_one(self, site, clock):
        """A request that came in time and ended late keeps the session for one that came and ended meanwhile."""
        session_id = site.new_session()
        clock.set(50)
        slow = site.request(session_id)
        clock.set(70)
        quick = site.request(session_id)
        clock.set(75)
        quick.finish()
        slow.finish()

        clock.set(100)
        assert site.has(session_id)

    def test_request_that_comes_too_late_does_not_count(self, site, clock):
        """A request with the id of an expired session does not revive it, whether or not it asks for the session."""
        session_id = site.new_session()
        clock.set(60)
        site.visit(session_id)
        clock.set(61)

        assert not site.has(session_id)

    def test_clock_that_goes_back(self, site, clock, recorder):
        """A session once found expired stays expired; any other is as alive as the clock says."""
        found, swept, alive = site.new_session(), site.new_session(), site.new_session()
        request = site.request(alive)
        request.session.get_session().max_inactive_interval = 1000
        request.finish()
        clock.set(60)
        assert not site.has(found)
        assert site.manager.sweep() == 1
        clock.set(-1000)

        assert not site.has(found)
        assert not site.has(swept)
        assert site.has(alive)
        assert len(recorder.of("destroyed")) == 2

    def test_found_to_be_over_is_told_before_the_application_goes_on(self, site, clock, recorder):
        """A request that finds a session expired ends it: listeners are notified before get_session returns (S52)."""
        value = Bound()
        request = site.request()
        request.session.get_session()["name"] = value
        session_id = request.finish().new_id
        clock.set(60)
        late = site.request(session_id)
        session = late.session.get_session()

        assert [event[0] for event in recorder.log] == ["created", "added", "destroyed", "removed", "created"]
        assert value.balance == 0
        assert session.id != session_id
        assert "name" not in session


class TestInUse:
    """A session in use does not time out (S54)."""

    @pytest.mark.parametrize("sweeps", [True, False])
    @pytest.mark.parametrize("asks", [True, False])
    def test_while_a_response_is_streamed(self, site, clock, asks, sweeps):
        """A response that takes longer than the interval keeps the session, and the idle time begins at its end."""
        session_id = site.new_session()
        clock.set(30)
        request = site.request(session_id).read()
        if asks:
            session = request.session.get_session()
        for now in (90, 150, 210):
            clock.set(now)
            if sweeps:
                assert site.manager.sweep() == 0
        if asks:
            assert session.is_valid
        assert request.session.get_session(create=False) is not None
        request.finish()

        clock.set(269)
        assert site.manager.sweep() == 0
        clock.set(270)
        assert not site.has(session_id)

    def test_for_other_requests(self, site, clock):
        """A request that arrives while another uses the session finds it, and sessions_of lists it."""
        login = site.request()
        login.session.login("anna")
        session_id = login.finish().new_id
        site.request(session_id)
        clock.set(100)

        assert [info.principal for info in site.manager.sessions_of("anna")] == ["anna"]
        assert site.has(session_id)

    def test_in_the_request_that_made_it(self, site, clock):
        """The request that made the session uses it, too."""
        request = site.request()
        session = request.session.get_session()
        clock.set(100)

        assert site.manager.sweep() == 0
        request.finish()
        assert session.is_valid

    def test_while_another_candidate_is_found_to_be_over(self, clock):
        """Of several ids in a request each is in use until the right one is found, whatever is swept meanwhile."""

        class Sweeping(HttpSessionListener):
            def session_destroyed(self, event):
                event.session.servlet_context.sweep()

        site = Site(listeners=[Sweeping()], max_inactive_interval=60)
        over = site.new_session()
        clock.set(30)
        alive = site.new_session()
        clock.set(89)
        request = site.request(f"{over}; JSESSIONID={alive}")
        clock.set(100)

        assert request.session.get_session(create=False) is not None

    def test_by_a_request_that_came_before_the_id_changed(self, site, clock):
        """A request in flight when another changes the id can still use the session."""
        session_id = site.new_session()
        slow = site.request(session_id)
        fast = site.request(session_id)
        session = fast.session.get_session()
        fast.session.change_session_id()
        fast.finish()
        clock.set(59)
        slow.finish()
        clock.set(100)

        assert site.manager.sweep() == 0
        assert session.is_valid

    def test_is_not_given_up_while_it_is_announced(self, clock):
        """A session is in use from the first: it is not evicted while listeners are being notified of it."""
        others = []

        class Listener(HttpSessionListener):
            def session_created(self, event):
                if not others:
                    others.append(site.request())
                    with pytest.raises(TooManySessionsError):
                        others[0].session.get_session()

        site = Site(listeners=[Listener()], max_inactive_interval=60, max_sessions=1)
        assert site.request().session.get_session().is_valid


class TestLifetime:
    """max_lifetime: the end, however much a session is used."""

    def test_exact(self, clock):
        """The last moment is just before the deadline, by lookup and by sweep."""
        site = Site(max_inactive_interval=60, max_lifetime=100)
        found, swept = site.new_session(), site.new_session()
        clock.set(50)
        assert site.has(found)
        assert site.has(swept)
        clock.set(99.999)
        assert site.has(found)
        assert site.manager.sweep() == 0
        clock.set(100)
        assert not site.has(found)
        assert site.manager.sweep() == 1

    def test_not_extended_by_a_new_id_or_interval(self, clock):
        """Neither a new id nor another interval moves it."""
        site = Site(max_inactive_interval=60, max_lifetime=100)
        session_id = site.new_session()
        clock.set(50)
        change = site.request(session_id)
        change.session.get_session().max_inactive_interval = 0
        change.session.change_session_id()
        new_id = change.finish().new_id
        clock.set(99)
        assert site.has(new_id)
        clock.set(100)
        assert not site.has(new_id)

    def test_in_use(self, clock):
        """A sweep ends it also while a request uses it."""
        site = Site(max_inactive_interval=60, max_lifetime=100)
        session_id = site.new_session()
        clock.set(59)
        request = site.request(session_id)
        session = request.session.get_session()
        clock.set(99)
        assert site.manager.sweep() == 0
        clock.set(100)
        assert site.manager.sweep() == 1
        with pytest.raises(InvalidSessionError):
            session["name"] = 1
        assert request.session.get_session(create=False) is None
        request.finish()

    def test_without_interval(self, clock):
        """It ends sessions that never time out, too."""
        site = Site(max_lifetime=100, max_inactive_interval=0)
        session_id = site.new_session()
        clock.set(100)

        assert site.manager.sweep() == 1
        assert not site.has(session_id)


class TestLastAccessedTime:
    """When the previous request of the session arrived (S24)."""

    def times(self, site, session_id):
        """Return what a whole request sees, in seconds of the clock."""
        request = site.request(session_id)
        seen = request.session.get_session().last_accessed_time - START
        request.finish()
        return seen

    def test_in_the_creating_request(self, site, clock):
        """It is the creation time (S23), and stays that while the request lasts."""
        clock.set(10)
        session = site.request().session.get_session()
        clock.set(20)

        assert session.creation_time == session.last_accessed_time == START + 10

    def test_of_the_previous_request(self, site, clock):
        """Not of this one, and not when the previous one ended."""
        clock.set(10)
        request = site.request()
        request.session.get_session()
        clock.set(15)
        session_id = request.finish().new_id
        clock.set(20)
        assert self.times(site, session_id) == 10
        clock.set(30)
        assert self.times(site, session_id) == 20

    def test_setting_and_getting_is_no_access(self, site, clock):
        """A request is one access, whatever it does with the session (S25)."""
        session_id = site.new_session()
        clock.set(10)
        request = site.request(session_id)
        session = request.session.get_session()
        clock.set(20)
        session["name"] = session.get("name", 0) + 1
        assert request.session.is_requested_session_id_valid
        assert request.session.get_session() is session

        assert session.last_accessed_time == START

    def test_counts_untouched_requests(self, site, clock):
        """A request that never asked is the previous one as much as any other (S26)."""
        session_id = site.new_session()
        clock.set(10)
        site.visit(session_id)
        clock.set(20)
        assert self.times(site, session_id) == 10

    def test_counts_untouched_requests_under_way(self, site, clock):
        """Also when it has not ended: what counts is its arrival."""
        session_id = site.new_session()
        clock.set(10)
        site.request(session_id)
        clock.set(20)
        assert self.times(site, session_id) == 10

    def test_asked_late(self, site, clock):
        """A request has arrived when it arrived, not when it asks."""
        session_id = site.new_session()
        clock.set(10)
        request = site.request(session_id)
        clock.set(20)
        request.session.get_session()
        request.finish()
        clock.set(30)
        assert self.times(site, session_id) == 10

    def test_client_has_joined(self, site):
        """is_new until the client has come back, asking or not (S41, S42)."""
        request = site.request()
        session = request.session.get_session()
        assert session.is_new
        session_id = request.finish().new_id
        site.visit(session_id)
        flush(site.manager)
        assert not session.is_new
