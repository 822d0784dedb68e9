"""Servlet behaviours S51 to S64: timeouts, invalidation, and the order of what happens then."""

import logging
import threading
import time

import pytest

from httpsession import (
    HttpSessionBindingListener,
    HttpSessionListener,
    IllegalStateError,
    InvalidSessionError,
)
from tests.support.browser import Browser
from tests.support.listeners import Log, Value
from tests.support.site import Site
from tests.support.threads import outcome_of, race


class Destroyed(HttpSessionListener):
    """Calls a function when a session is destroyed."""

    def __init__(self, act):
        self.act = act

    def session_destroyed(self, event):
        """Call it."""
        self.act(event.session)


class Unbound(HttpSessionBindingListener):
    """A value that calls a function when it is unbound."""

    def __init__(self, act):
        self.act = act

    def value_unbound(self, event):
        """Call it."""
        self.act(event)


@pytest.fixture
def log():
    """A listener that keeps a log."""
    return Log()


@pytest.fixture
def browser(log):
    """A client with a session, with an interval of 10 s, whose events are logged."""
    browser = Browser(Site(listeners=[log], max_inactive_interval=10))
    with browser.request() as request:
        request.get_session()
    return browser


@pytest.mark.parametrize(("idle", "is_alive"), [(9.999, True), (10, False), (10.001, False)])
def test_s51_the_boundary(clock, browser, idle, is_alive):
    """Idle for as long as the interval is expired, to the instant; a sweep and a request agree."""
    session_id = browser.id
    clock.tick(idle)
    assert browser.site.manager.sweep() == (not is_alive)
    with browser.request() as request:
        assert (request.get_session(create=False) is not None) is is_alive
        assert (request.get_session().id == session_id) is is_alive


@pytest.mark.parametrize(("idle", "is_alive"), [(9.999, True), (10, False)])
def test_s51_the_boundary_without_a_sweep(clock, browser, idle, is_alive):
    """The boundary is the same where the request is the first to look."""
    session_id = browser.id
    clock.tick(idle)
    with browser.request() as request:
        assert (request.get_session().id == session_id) is is_alive


def test_s51_the_timeout_slides(clock, browser):
    """Each request starts it anew."""
    for _ in range(5):
        clock.tick(9)
        assert browser.session() is not None
    clock.tick(10)
    assert browser.session() is None


def test_s51_idle_time_begins_at_the_end_of_the_request(clock, browser):
    """The design's choice for D3: a slow request does not eat into the interval."""
    with browser.request() as request:
        request.get_session()
        clock.tick(100)
    clock.tick(9)
    assert browser.session() is not None


def test_s51_a_slow_request_that_never_asks(clock, browser):
    """A slow request keeps its session alive also when it does not look at it."""
    with browser.request():
        clock.tick(100)
    clock.tick(9)
    assert browser.session() is not None


def test_s51_what_was_expired_stays_dead(clock, browser):
    """The design's choice: a clock that is set back does not raise the dead."""
    session_id = browser.id
    clock.tick(10)
    assert browser.session() is None
    clock.tick(-10)
    with browser.request(cookie=f"JSESSIONID={session_id}") as request:
        assert request.get_session(create=False) is None


def test_s52_an_expired_session_is_ended_where_it_is_found(clock, browser, log):
    """The request that looks for it hears nothing of it, but the listeners do, in its thread, before it goes on."""
    clock.tick(10)
    with browser.request() as request:
        assert request.get_session(create=False) is None
        assert log.events == ["created", "destroyed"]
    assert browser.site.active == 0


def test_s53_a_sweep_needs_no_request(clock, browser, log):
    """Sessions that no request asks for are ended by the sweep, with their events, and once."""
    clock.tick(9)
    assert browser.site.manager.sweep() == 0
    clock.tick(1)
    assert browser.site.manager.sweep() == 1
    assert browser.site.manager.sweep() == 0

    assert log.events == ["created", "destroyed"]


def test_s53_the_sweep_of_a_given_time(browser):
    """The time can be given; it is past the longest interval that everything has been ended."""
    assert browser.site.manager.sweep(time.time() + 9) == 0
    assert browser.site.manager.sweep(time.time() + 11) == 1


def test_s54_a_session_in_use_does_not_time_out(clock, browser, log):
    """While a request that has its session is under way, sweeps leave it alone, and so do other requests."""
    with browser.request() as slow:
        session = slow.get_session()
        for _ in range(3):
            clock.tick(20)
            assert browser.site.manager.sweep() == 0
        assert browser.session() == session
        clock.tick(20)
        session["a"] = 1
        assert slow.get_session(create=False)["a"] == 1
    clock.tick(10)
    assert browser.site.manager.sweep() == 1
    assert log.count("destroyed") == 1


def test_s54_before_the_request_looks(clock, browser):
    """A request that arrived in time gets its session however late it asks."""
    session_id = browser.id
    with browser.request() as slow:
        clock.tick(90)
        assert browser.site.manager.sweep() == 0
        assert slow.get_session(create=False).id == session_id


def test_s54_in_the_request_that_creates(clock):
    """The creating request uses its session, too."""
    browser = Browser(Site(max_inactive_interval=10))
    with browser.request() as request:
        session = request.get_session()
        clock.tick(90)
        assert browser.site.manager.sweep() == 0
        session["a"] = 1
    clock.tick(9)
    assert browser.session()["a"] == 1


def test_s54_while_the_response_is_streamed(clock, browser):
    """In use ends with ``close()`` of the body, not when the application returns it."""
    with browser.request() as request:
        request.get_session()
        request.send(b"chunk")
        clock.tick(90)
        assert browser.site.manager.sweep() == 0
        request.send(b"chunk")
    clock.tick(9)
    assert browser.session() is not None


def test_s54_a_request_that_came_too_late_does_not_use_it(clock, browser):
    """A request with the id of a session that is over keeps nothing alive."""
    clock.tick(10)
    with browser.request():
        assert browser.site.manager.sweep() == 1


def held_past_its_time(clock):
    """Return a client, and a request of it that arrived in time and is under way when the session would be over."""
    browser = Browser(Site(max_inactive_interval=10))
    with browser.request() as request:
        request.get_session()
    clock.tick(8)
    slow = browser.hold()
    clock.tick(4)
    return browser, slow


def test_s54_a_request_that_lets_go_meets_a_sweep(clock):
    """A request that ends while the sweep is looking has used the session until then: it does not fall in between."""

    def prepare():
        browser, slow = held_past_its_time(clock)

        def check(result, _):
            assert result == 0
            assert browser.session() is not None

        return browser.site.manager.sweep, slow.finish, check

    race(prepare)


def test_s54_a_request_that_lets_go_meets_another_one(clock):
    """A request finds the session while the one that kept it alive ends."""

    def prepare():
        browser, slow = held_past_its_time(clock)
        late = browser.hold()

        def check(result, _):
            assert result is not None

        return lambda: late.get_session(create=False), slow.finish, check

    race(prepare)


def test_s54_a_request_that_looks_meets_a_sweep(clock):
    """A request that arrived in time does not lose its session to a sweep while it is looking for it."""

    def prepare():
        browser, slow = held_past_its_time(clock)

        def check(result, swept):
            assert result is not None
            assert swept == 0
            assert slow.get_session(create=False) == result

        return lambda: slow.get_session(create=False), browser.site.manager.sweep, check

    race(prepare)


def test_s55_a_new_request_does_not_see_what_is_being_invalidated(browser):
    """Once an invalidation has begun, other requests get no session, although listeners are still at it."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(session):
        begun.set()
        assert go_on.wait(10)

    browser = Browser(Site(listeners=[Destroyed(slow)]))
    with browser.request() as request:
        session = request.get_session()
        thread = threading.Thread(target=session.invalidate)
        thread.start()
        try:
            assert begun.wait(10)
            assert browser.session() is None
            with browser.request(cookie=f"JSESSIONID={session.id}") as other:
                assert not other.is_requested_session_id_valid
                assert other.get_session(create=False) is None
        finally:
            go_on.set()
            thread.join()


def test_s56_an_invalidation_reaches_requests_under_way(browser):
    """Their session raises when they use it; they are not held up, and their response goes out."""
    with browser.request() as slow:
        session = slow.get_session()
        session["a"] = 1
        with browser.request() as request:
            request.get_session().invalidate()
        assert slow.get_session(create=False) is None
        for use in (lambda: session["a"], lambda: session.set_attribute("a", 2), session.invalidate):
            assert isinstance(outcome_of(use), InvalidSessionError)
        with pytest.raises(IllegalStateError):
            slow.change_session_id()

    assert slow.set_cookies == []


def test_s56_from_another_thread(browser):
    """An invalidation in a thread of its own has the same effect."""
    with browser.request() as slow:
        session = slow.get_session()

        def invalidate():
            with browser.request() as request:
                request.get_session().invalidate()

        thread = threading.Thread(target=invalidate)
        thread.start()
        thread.join()
        with pytest.raises(InvalidSessionError):
            session["a"] = 1


def _ends():
    """Return ways to end the session of a browser: name and function."""

    def invalidate(browser, clock):
        with browser.request() as request:
            request.get_session().invalidate()

    def sweep(browser, clock):
        clock.tick(10)
        assert browser.site.manager.sweep() == 1

    def look(browser, clock):
        clock.tick(10)
        assert browser.session() is None

    return {"invalidated": invalidate, "swept": sweep, "found expired": look}


@pytest.mark.parametrize("end", _ends().values(), ids=_ends())
def test_s57_the_order_of_an_end(clock, end):
    """Session listeners in reverse order; then for each attribute its value, then attribute listeners in order (S63:
    timeout and invalidation are alike)."""
    events = []
    browser = Browser(Site(listeners=[Log("1", events), Log("2", events)], max_inactive_interval=10))
    with browser.request() as request:
        request.get_session()["a"] = Value("A", events)
        request.get_session()["b"] = 0
    events.clear()
    end(browser, clock)

    assert events == [
        "2 destroyed",
        "1 destroyed",
        "unbound a=A",
        "1 removed a=A",
        "2 removed a=A",
        "1 removed b=0",
        "2 removed b=0",
    ]


@pytest.mark.parametrize("end", _ends().values(), ids=_ends())
def test_s58_what_can_be_read_when(clock, end):
    """In ``session_destroyed`` the session can be read as ever; in ``value_unbound`` it is invalid (D9)."""
    seen = {}

    def destroyed(session):
        seen["destroyed"] = dict(session), session.creation_time, session.is_valid

    def unbound(event):
        seen["unbound"] = outcome_of(lambda: event.session.get_attribute("b")), event.session.is_valid

    browser = Browser(Site(listeners=[Destroyed(destroyed)], max_inactive_interval=10))
    with browser.request() as request:
        session = request.get_session()
        session["a"] = value = Unbound(unbound)
        session["b"] = 1
        created = session.creation_time
    end(browser, clock)

    assert seen["destroyed"] == ({"a": value, "b": 1}, created, True)
    error, is_valid = seen["unbound"]
    assert isinstance(error, InvalidSessionError)
    assert is_valid is False


@pytest.mark.parametrize("end", _ends().values(), ids=_ends())
def test_s59_the_id_in_unbound(clock, end):
    """The id can be read to the last."""
    seen = []
    browser = Browser(Site(max_inactive_interval=10))
    with browser.request() as request:
        session = request.get_session()
        session["a"] = Unbound(lambda event: seen.append((event.session.id, event.name)))
    end(browser, clock)

    assert seen == [(session.id, "a")]


@pytest.mark.parametrize("end", _ends().values(), ids=_ends())
def test_s60_invalidating_in_a_callback(clock, end):
    """A listener that invalidates what is being ended starts nothing anew."""
    calls, outcomes = [], []

    def again(session):
        calls.append("destroyed")
        session.invalidate()

    def and_again(event):
        calls.append("unbound")
        outcomes.append(outcome_of(event.session.invalidate))

    browser = Browser(Site(listeners=[Destroyed(again)], max_inactive_interval=10))
    with browser.request() as request:
        request.get_session()["a"] = Unbound(and_again)
    end(browser, clock)

    assert calls == ["destroyed", "unbound"]
    assert isinstance(outcomes[0], InvalidSessionError)


def test_s61_two_invalidations_at_once():
    """The events come once; who comes second returns quietly or hears that the session is invalid."""
    logs = []

    def prepare():
        events = []
        logs.append(Log())
        browser = Browser(Site(listeners=[logs[-1]]))
        with browser.request() as request:
            request.get_session()["a"] = Value("A", events)
        one, other = browser.hold(), browser.hold()

        def check(*outcomes):
            assert logs[-1].count("destroyed") == 1
            assert events == ["bound a=A", "unbound a=A"]
            assert None in outcomes
            assert all(outcome is None or isinstance(outcome, InvalidSessionError) for outcome in outcomes)

        return one.get_session().invalidate, other.get_session().invalidate, check

    race(prepare)


def test_s61_an_invalidation_and_a_sweep_at_once(clock):
    """The events come once, whichever thread is faster."""

    def prepare():
        log = Log()
        browser = Browser(Site(listeners=[log], max_inactive_interval=10))
        with browser.request() as request:
            session = request.get_session()
        clock.tick(10)

        def check(*_):
            assert log.events == ["created", "destroyed"]
            assert browser.site.active == 0

        return session.invalidate, browser.site.manager.sweep, check

    race(prepare)


def test_s61_many_threads(browser, log):
    """As many threads as you like invalidate one session: it ends once."""
    barrier = threading.Barrier(16)
    with browser.request() as request:
        session = request.get_session()
        outcomes = []

        def invalidate():
            barrier.wait()
            outcomes.append(outcome_of(session.invalidate))

        threads = [threading.Thread(target=invalidate) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert log.count("destroyed") == 1
    assert {type(outcome) for outcome in outcomes} <= {type(None), InvalidSessionError}


def test_s62_bound_before_and_unbound_after(browser):
    """A value cannot be read yet when it hears that it is bound, nor any more when it is unbound (D8)."""
    seen = []

    class Reader(HttpSessionBindingListener):
        def value_bound(self, event):
            seen.append(("bound", event.session.get_attribute("a")))

        def value_unbound(self, event):
            seen.append(("unbound", event.session.get_attribute("a")))

    first, second = Reader(), Reader()
    with browser.request() as request:
        session = request.get_session()
        session["a"] = first
        session["a"] = second
        del session["a"]

    assert seen == [("bound", None), ("bound", first), ("unbound", second), ("unbound", None)]


def test_s63_a_listener_can_tell_a_timeout(clock):
    """The events are those of an invalidation; the times tell which it was."""
    idle = []

    def destroyed(session):
        idle.append(time.time() - session.last_accessed_time >= session.max_inactive_interval)

    browser = Browser(Site(listeners=[Destroyed(destroyed)], max_inactive_interval=10))
    with browser.request() as request:
        request.get_session().invalidate()
        request.get_session()
    clock.tick(10)
    browser.site.manager.sweep()

    assert idle == [False, True]


@pytest.mark.parametrize("end", _ends().values(), ids=_ends())
def test_s64_an_ended_session_is_gone_from_the_store(clock, browser, end):
    """The id of an ended session opens nothing, however it ended."""
    session_id = browser.id
    end(browser, clock)

    assert browser.site.active == 0
    with browser.request(cookie=f"JSESSIONID={session_id}") as request:
        assert request.get_session(create=False) is None


def test_s64_the_cookie_is_expired_by_an_invalidation(browser):
    """The design's choice for D21: by that response, with the same path."""
    with browser.request() as request:
        request.get_session().invalidate()

    (cookie,) = request.set_cookies
    assert cookie.startswith("JSESSIONID=;")
    assert "Max-Age=0" in cookie
    assert "Path=/" in cookie
    assert browser.jar.cookies == {}


def test_s64_the_cookie_is_not_expired_by_other_responses(clock, browser):
    """Neither by one that finds an unknown or expired id, nor by one whose session another request invalidated."""
    with browser.request() as slow:
        slow.get_session()
        with browser.request() as request:
            request.get_session().invalidate()
    with browser.request(cookie="JSESSIONID=" + "A" * 32) as unknown:
        unknown.get_session(create=False)

    assert slow.set_cookies == unknown.set_cookies == []


def test_s64_the_cookie_can_be_left():
    """``expire_cookie=False`` leaves it, as containers do."""
    browser = Browser(Site(expire_cookie=False))
    with browser.request() as request:
        request.get_session()
    with browser.request() as request:
        request.get_session().invalidate()

    assert request.set_cookies == []


def test_s64_created_and_invalidated_in_one_request():
    """The design's choice for D22: no cookie at all."""
    with Browser().request() as request:
        request.get_session().invalidate()

    assert request.set_cookies == []


def test_s57_an_invalidation_completes_whatever_listeners_raise(log):
    """The first exception goes to the caller; further session listeners are skipped, attributes are unbound all the
    same, and the session is gone."""
    events = []

    def fail(_):
        raise LookupError("a listener's own")

    browser = Browser(Site(listeners=[log, Destroyed(fail)]))
    with browser.request() as request:
        session = request.get_session()
        session["a"] = Unbound(fail)
        session["b"] = Value("B", events)
        with pytest.raises(LookupError, match="a listener's own"):
            session.invalidate()

    assert "destroyed" not in log.events
    assert events == ["bound b=B", "unbound b=B"]
    assert "removed b=B" in log.events
    assert not session.is_valid
    assert browser.site.active == 0
    assert browser.jar.cookies == {}


def test_s110_a_failing_listener_does_not_stop_the_sweep(clock, caplog):
    """In a sweep it is logged, and the other sessions are ended."""

    def fail(_):
        raise LookupError

    site = Site(listeners=[Destroyed(fail)], max_inactive_interval=10)
    for _ in range(3):
        with Browser(site).request() as request:
            request.get_session()
    clock.tick(10)
    with caplog.at_level(logging.ERROR, logger="httpsession"):
        assert site.manager.sweep() == 3

    assert site.active == 0
    assert len(caplog.records) == 3
