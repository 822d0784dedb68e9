"""Servlet behaviours S20 to S50: the session object, its methods and their exceptions.

Not here: S44 (a session used after its request) is for the documentation to say; S45 to S48 are in
test_behaviours_accessor.py.
"""

import time
from functools import partial

import pytest

from httpsession import HttpSession, InvalidSessionError, SessionConfig, get_session
from tests.support.browser import URL_ONLY, Browser
from tests.support.listeners import Log, Value
from tests.support.site import Site
from tests.support.threads import outcome_of, race, together


@pytest.fixture
def log():
    """A listener that keeps a log."""
    return Log()


@pytest.fixture
def browser(log):
    """A client of a site whose events are logged."""
    return Browser(Site(listeners=[log]))


@pytest.fixture
def session(browser):
    """A session in the request that makes it."""
    with browser.request() as request:
        yield request.get_session()


def test_s20_the_id_outlives_the_session(session):
    """An invalidated session still tells its id."""
    session_id = session.id
    session.invalidate()

    assert session.id == session_id


def test_s21_creation_time(clock, browser):
    """Float seconds since the epoch by the design (Java: milliseconds), fixed when the session is made."""
    with browser.request() as request:
        clock.tick(1.5)
        created = request.get_session().creation_time
        assert isinstance(created, float)
        assert created == time.time()
    clock.tick(10)

    assert browser.session().creation_time == created


def test_s22_last_accessed_time(clock, browser):
    """Float seconds since the epoch, too."""
    with browser.request() as request:
        first = time.time()
        request.get_session()
    clock.tick(0.25)
    with browser.request() as request:
        assert isinstance(request.get_session().last_accessed_time, float)
        assert request.get_session().last_accessed_time == first


def test_s23_in_the_creating_request(clock, session):
    """The last access of a session in the making is its creation."""
    clock.tick(3)

    assert session.last_accessed_time == session.creation_time == time.time() - 3


def test_s24_the_previous_request_is_the_last_access(clock, browser):
    """When the previous request arrived: neither when it ended, nor when this one arrived, nor now."""
    arrivals = []
    for _ in range(4):
        with browser.request() as request:
            arrivals.append(time.time())
            session = request.get_session()
            clock.tick(1)
            if len(arrivals) > 1:
                assert session.last_accessed_time == arrivals[-2]
            clock.tick(2)
        clock.tick(10)


def test_s24_a_late_end_does_not_turn_it_back(clock, browser):
    """A request that was overtaken by another one, and that is noted after it, does not turn the time back."""
    with browser.request() as request:
        start = request.get_session().creation_time
    clock.tick(10)
    with browser.request("/slow"):
        clock.tick(10)
        browser.session()
        clock.tick(10)

    assert browser.last_accessed_time() == start + 20


def test_s24_two_requests_at_once(clock):
    """Each sees an access before its own arrival, whichever the other one is at."""

    def prepare():
        browser = Browser()
        with browser.request() as request:
            start = request.get_session().creation_time
        clock.tick(10)
        one = browser.hold()
        clock.tick(10)
        other = browser.hold()

        def check(result, other_result):
            assert result == start
            assert other_result in (start, start + 10)

        return lambda: one.get_session().last_accessed_time, lambda: other.get_session().last_accessed_time, check

    race(prepare)


def test_s25_attributes_are_no_access(clock, browser):
    """Setting and getting attributes leaves the last access what it was."""
    with browser.request() as request:
        request.get_session()
    clock.tick(5)
    with browser.request() as request:
        session = request.get_session()
        before = session.last_accessed_time
        clock.tick(5)
        session["a"] = 1
        assert session["a"] == 1
        assert session.last_accessed_time == before


def test_s26_a_request_that_never_asks_is_an_access(clock, browser):
    """Each request that carries the id is an access and restarts the timeout."""
    with browser.request() as request:
        request.get_session().max_inactive_interval = 10
    for _ in range(3):
        clock.tick(8)
        browser.get("/static")
        arrived = time.time()
    clock.tick(8)

    assert browser.last_accessed_time() == arrived


def test_s26_an_untouched_request_is_no_second_creation(browser, log):
    """It makes no session, sends no cookie and tells no listener."""
    browser.get("/static")
    browser.get("/static", cookie="JSESSIONID=" + "A" * 32)

    assert log.events == []
    assert browser.site.active == 0


def test_s26_an_untouched_request_counts_while_another_keeps_the_session_alive(clock, browser):
    """Past its interval a session that a slow request uses is alive, so that other requests are accesses as ever."""
    with browser.request() as request:
        request.get_session().max_inactive_interval = 60
        start = time.time()
    with browser.request("/slow"):
        clock.tick(70)
        browser.get("/static")
        clock.tick(1)
        assert browser.last_accessed_time() == start + 70


def test_s27_the_context(browser, session):
    """The servlet context is the manager, of an invalidated session, too."""
    assert session.servlet_context is browser.site.manager
    session.invalidate()

    assert session.servlet_context is browser.site.manager


def test_s28_the_interval_is_in_seconds(session):
    """The interval that was set can be read."""
    session.max_inactive_interval = 500000

    assert session.max_inactive_interval == 500000


def test_s28_the_interval_outlives_the_session(session):
    """On an invalidated session it can be read and set without an exception."""
    session.invalidate()
    session.max_inactive_interval = 77

    assert session.max_inactive_interval == 77


@pytest.mark.parametrize("interval", [0, -1, -5])
def test_s29_zero_or_less_is_never(clock, browser, log, interval):
    """The session does not time out, found by a request or by a sweep, and the value is read as it was set (D29)."""
    with browser.request() as request:
        request.get_session().max_inactive_interval = interval
    clock.tick(365 * 24 * 3600)
    assert browser.site.manager.sweep() == 0

    assert browser.session().max_inactive_interval == interval
    assert log.events == ["created"]


def test_s29_never_can_be_ended(clock, browser):
    """A session that never times out does after it has got an interval."""
    with browser.request() as request:
        request.get_session().max_inactive_interval = 0
    with browser.request() as request:
        request.get_session().max_inactive_interval = 10
    clock.tick(10)

    assert browser.site.manager.sweep() == 1


def test_s30_the_default_interval_is_the_configured_one(session):
    """1800 s unless configured otherwise."""
    assert session.max_inactive_interval == 1800
    with Browser(Site(max_inactive_interval=54)).request() as request:
        assert request.get_session().max_inactive_interval == 54


def test_s31_a_changed_interval_takes_effect_at_once(clock, browser):
    """For the same session, shorter or longer, and for later requests."""
    with browser.request() as request:
        request.get_session()
    with browser.request() as request:
        request.get_session().max_inactive_interval = 10
    clock.tick(9)
    with browser.request() as request:
        assert request.get_session(create=False).max_inactive_interval == 10
        request.get_session().max_inactive_interval = 100
    clock.tick(99)
    assert browser.session() is not None
    with browser.request() as request:
        request.get_session().max_inactive_interval = 10
    clock.tick(10)
    assert browser.site.manager.sweep() == 1


def test_s31_a_changed_interval_meets_a_change_of_the_id(clock):
    """The interval takes effect although another request is changing the id: the sweep comes in time."""

    def prepare():
        browser = Browser(Site(max_inactive_interval=0))
        with browser.request() as request:
            request.get_session()
        one, other = browser.hold(), browser.hold()
        session, manager = one.get_session(), browser.site.manager
        other.get_session()

        def check(result, _):
            assert result is None
            one.finish()
            other.finish()
            assert manager.sweep(time.time() + 10) == 1

        return lambda: setattr(session, "max_inactive_interval", 10), other.change_session_id, check

    race(prepare)


def test_s32_get_attribute(session):
    """The value, None if there is none; names are case-sensitive."""
    value = object()
    session.set_attribute("a", value)

    assert session.get_attribute("a") is value
    assert session.get_attribute("A") is None


def test_s33_attribute_names(session):
    """Each bound name once."""
    for name in ("a", "b", "a"):
        session.set_attribute(name, 1)

    assert sorted(session.attribute_names) == ["a", "b"]


@pytest.mark.parametrize("iterate", [lambda session: session.attribute_names, iter, HttpSession.items])
def test_s34_names_are_a_snapshot(session, iterate):
    """While one goes through them the session can be changed."""
    session.update(a=1, b=2)
    seen = []
    for name in iterate(session):
        seen.append(name)
        session["more"] = 1
        session.clear()

    assert len(seen) == 2
    assert len(session) == 0


def test_s35_set_attribute_replaces(session):
    """The last value counts."""
    session.set_attribute("a", 1)
    session.set_attribute("a", 2)

    assert dict(session) == {"a": 2}


def test_s36_setting_none_removes(session, log):
    """With the event of a removal; where there is nothing to remove nothing happens."""
    session.set_attribute("a", 1)
    session.set_attribute("a", None)
    session.set_attribute("b", None)

    assert session.attribute_names == ()
    assert log.events[1:] == ["added a=1", "removed a=1"]


def test_s36_the_mapping_stores_none(session, log):
    """The design's choice: ``session[name] = None`` is Python's, and binds None."""
    session["a"] = None

    assert session["a"] is None
    assert session.attribute_names == ("a",)
    assert log.events[1:] == ["added a=None"]


def test_s37_none_as_a_name(session):
    """Setting raises, before the session is looked at; reading finds nothing, removing does nothing (D42)."""
    for set_it in (session.set_attribute, session.__setitem__):
        with pytest.raises(ValueError, match="None"):
            set_it(None, 1)
    assert session.get_attribute(None) is None
    session.remove_attribute(None)
    assert len(session) == 0
    session.invalidate()
    with pytest.raises(ValueError, match="None"):
        session.set_attribute(None, 1)


def test_s38_removing_what_is_not_there(session, log):
    """Does nothing, and no listener hears of it; on an invalidated session it raises."""
    session.remove_attribute("a")
    assert log.events == ["created"]
    session.invalidate()
    with pytest.raises(InvalidSessionError):
        session.remove_attribute("a")


_RAISE = {
    "get_attribute": lambda session: session.get_attribute("a"),
    "attribute_names": lambda session: session.attribute_names,
    "set_attribute": lambda session: session.set_attribute("a", 2),
    "set_attribute None": lambda session: session.set_attribute("a", None),
    "remove_attribute": lambda session: session.remove_attribute("a"),
    "update_attribute": lambda session: session.update_attribute("a", lambda value: 2),
    "creation_time": lambda session: session.creation_time,
    "last_accessed_time": lambda session: session.last_accessed_time,
    "is_new": lambda session: session.is_new,
    "principal": lambda session: session.principal,
    "invalidate": lambda session: session.invalidate(),
    "[]": lambda session: session["a"],
    "[] =": lambda session: session.__setitem__("a", 2),
    "del []": lambda session: session.__delitem__("a"),
    "in": lambda session: "a" in session,
    "iter": list,
    "len": len,
    "get": lambda session: session.get("a"),
    "pop": lambda session: session.pop("a", None),
    "popitem": lambda session: session.popitem(),
    "clear": lambda session: session.clear(),
    "setdefault": lambda session: session.setdefault("a", 2),
    "update": lambda session: session.update(a=2),
    "keys": lambda session: list(session.keys()),
    "values": lambda session: session.values(),
    "items": lambda session: session.items(),
}
_DO_NOT_RAISE = {
    "id": lambda session: session.id,
    "servlet_context": lambda session: session.servlet_context,
    "max_inactive_interval": lambda session: session.max_inactive_interval,
    "max_inactive_interval =": lambda session: setattr(session, "max_inactive_interval", 10),
    "is_valid": lambda session: session.is_valid,
    "bool": bool,
    "repr": repr,
    "==": lambda session: session == session,
    "hash": hash,
}


@pytest.mark.parametrize("use", _RAISE.values(), ids=_RAISE)
def test_s39_what_raises_after_invalidate(session, use):
    """Everything that reads or changes what is in the session, by Java's methods or Python's."""
    session["a"] = 1
    session.invalidate()

    with pytest.raises(InvalidSessionError):
        use(session)


@pytest.mark.parametrize("use", _RAISE.values(), ids=_RAISE)
def test_s39_what_raises_after_a_timeout(clock, use):
    """A session that timed out raises just the same."""
    browser = Browser(Site(max_inactive_interval=10))
    with browser.request() as request:
        session = request.get_session()
    clock.tick(10)
    assert browser.site.manager.sweep() == 1

    with pytest.raises(InvalidSessionError):
        use(session)


@pytest.mark.parametrize("use", _DO_NOT_RAISE.values(), ids=_DO_NOT_RAISE)
def test_s39_what_does_not_raise(session, use):
    """The id, the context and the interval, and what Python asks of any object."""
    session.invalidate()

    assert not isinstance(outcome_of(lambda: use(session)), Exception)


def test_s40_a_second_invalidation_raises(session, log):
    """And listeners do not hear of it."""
    session.invalidate()
    with pytest.raises(InvalidSessionError):
        session.invalidate()

    assert log.count("destroyed") == 1


def test_s41_new_in_the_creating_request(session):
    """The client does not know of the session yet."""
    assert session.is_new is True


@pytest.mark.parametrize("config", [{}, URL_ONLY], ids=["cookie", "url"])
def test_s42_not_new_once_the_client_came_back(config):
    """With the id in a cookie or in the URL."""
    browser = Browser(Site(**config))
    with browser.request() as request:
        session_id = request.get_session().id
    with browser.request(f"/x;jsessionid={session_id}") as request:
        session = request.get_session()
        assert session.id == session_id
        assert session.is_new is False


def test_s42_a_client_that_never_joins():
    """It gets a new session with each request."""
    site = Site()
    ids = set()
    for _ in range(3):
        with Browser(site).request() as request:
            assert request.get_session().is_new
            ids.add(request.get_session().id)

    assert len(ids) == 3


def test_s43_is_new_after_invalidate(session):
    """Raises."""
    session.invalidate()
    with pytest.raises(InvalidSessionError):
        _ = session.is_new


def _run_threads(count, work):
    """Run *work(number)* in threads that begin together, and return what they returned or raised."""
    return together(*(partial(outcome_of, partial(work, number)) for number in range(count)))


def test_s49_threads_do_not_lose_each_others_attributes(browser, session, quick_switches):
    """Requests in many threads set, read, remove and go through attributes of one session: what each sets is there."""

    def work(number):
        with browser.request(cookie=f"JSESSIONID={session.id}") as request:
            mine = get_session(request.environ)
            for turn in range(50):
                mine[f"a{number}"] = turn
                assert mine[f"a{number}"] == turn
                assert f"a{number}" in list(mine)
                mine["shared"] = number
                mine.pop("shared", None)
                mine.update_attribute("count", lambda value: (value or 0) + 1)
                if turn < 49:
                    del mine[f"a{number}"]

    assert _run_threads(16, work) == [None] * 16
    expected = {f"a{number}": 49 for number in range(16)} | {"count": 16 * 50}
    assert {name: value for name, value in session.items() if name != "shared"} == expected


def test_s49_the_events_of_one_name_add_up(browser, session, log, quick_switches):
    """However many threads set and remove one attribute, it was added once more than removed or just as often."""

    def work(number):
        for turn in range(100):
            session["a"] = number
            if turn % 2:
                session.pop("a", None)

    assert _run_threads(8, work) == [None] * 8
    session.pop("a", None)
    added = sum(event.startswith("added") for event in log.events)
    removed = sum(event.startswith("removed") for event in log.events)
    assert added == removed


def test_s50_threads_against_an_invalidation(browser, session, log, quick_switches):
    """64 threads use a session that one invalidates: nothing is raised but InvalidSessionError, all that was bound is
    unbound, and the end is told once."""
    events = []
    session["fixed"] = 1

    def work(number):
        if number == 0:
            session.invalidate()
            return
        while True:
            session[f"a{number}"] = Value(f"v{number}", events)
            assert session["fixed"] == 1
            assert "fixed" in session.attribute_names
            assert session.get_attribute(f"a{number}").name == f"v{number}"
            session.remove_attribute(f"a{number}")

    first, *others = _run_threads(64, work)

    assert first is None
    assert {type(outcome) for outcome in others} == {InvalidSessionError}
    assert log.count("destroyed") == 1
    bound, unbound = _bound_and_unbound(events)
    assert bound == unbound


def _racing(first, second, check):
    """Race two uses of one session by two requests; *check* gets the outcomes, the browser, the events of values."""

    def prepare():
        events = []
        log = Log()
        browser = Browser(Site(listeners=[log]))
        with browser.request() as request:
            request.get_session()["old"] = Value("old", events)
        one, other = browser.hold(), browser.hold()
        mine, others = one.get_session(), other.get_session()
        return (
            lambda: first(mine, events),
            lambda: second(others, events),
            lambda result, other_result: check(result, other_result, events, log),
        )

    race(prepare)


def _bound_and_unbound(events):
    bound = sorted(event.removeprefix("bound ") for event in events if event.startswith("bound"))
    unbound = sorted(event.removeprefix("unbound ") for event in events if event.startswith("unbound"))
    return bound, unbound


@pytest.mark.parametrize("name", ["new", "old"], ids=["a new name", "a bound name"])
def test_s50_set_attribute_against_invalidate(name):
    """Either the value was bound before, or setting raises; what heard that it is bound hears that it is no more."""

    def check(result, other_result, events, log):
        assert result is None or isinstance(result, InvalidSessionError)
        assert other_result is None
        bound, unbound = _bound_and_unbound(events)
        assert bound == unbound
        assert log.count("destroyed") == 1

    _racing(
        lambda session, events: session.set_attribute(name, Value("v", events)),
        lambda session, events: session.invalidate(),
        check,
    )


def test_s50_set_attribute_against_another_and_an_invalidation():
    """A value that heard that it is bound, lost its place to another one and then the session, hears of it."""

    class Overtaken(Value):
        def value_bound(self, event):
            super().value_bound(event)
            outcome_of(lambda: event.session.set_attribute("old", Value("other", self.log)))

    def check(result, other_result, events, log):
        assert result is None or isinstance(result, InvalidSessionError)
        bound, unbound = _bound_and_unbound(events)
        assert bound == unbound
        assert other_result is None

    _racing(
        lambda session, events: session.set_attribute("old", Overtaken("v", events)),
        lambda session, events: session.invalidate(),
        check,
    )


def test_s50_update_attribute_against_invalidate():
    """An atomic change against an invalidation ends in the same ways."""

    def check(result, other_result, events, log):
        assert isinstance(result, Value | InvalidSessionError)
        bound, unbound = _bound_and_unbound(events)
        assert bound == unbound

    _racing(
        lambda session, events: session.update_attribute("old", lambda value: Value("v", events)),
        lambda session, events: session.invalidate(),
        check,
    )


_READ = {
    "[]": lambda session: session["old"].name,
    "get_attribute": lambda session: session.get_attribute("old").name,
    "get": lambda session: session.get("old").name,
    "in": lambda session: "old" in session and "old",
    "attribute_names": lambda session: session.attribute_names[0],
    "items": lambda session: next(iter(session.items()))[0],
    "iter": lambda session: next(iter(session)),
}


@pytest.mark.parametrize("read", _READ.values(), ids=_READ)
def test_s50_reading_against_invalidate(read):
    """A session that is being invalidated shows the attribute or raises; it never looks empty."""

    def check(result, other_result, events, log):
        assert result == "old" or isinstance(result, InvalidSessionError)
        assert other_result is None

    _racing(lambda session, events: read(session), lambda session, events: session.invalidate(), check)


def test_s28_an_interval_is_a_whole_number(session):
    """Anything else is refused where it is set."""
    for wrong in (1.5, "10", None, True):
        with pytest.raises(ValueError, match="whole number"):
            session.max_inactive_interval = wrong
    with pytest.raises(ValueError, match="max_inactive_interval"):
        SessionConfig(max_inactive_interval=1.5)
