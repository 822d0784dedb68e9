"""Servlet behaviours S94 to S105 and S108 to S111: who hears what, and in which order.

Not here: S92 and S93 are in test_behaviours_context.py; S106, S107 and S112 in test_behaviours_shared.py.
"""

import logging
import threading

import pytest

from httpsession import (
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
)
from tests.support.browser import Browser
from tests.support.listeners import Log, Value
from tests.support.site import Site
from tests.support.threads import outcome_of


class FailError(Exception):
    """An exception that the listeners below raise."""


@pytest.fixture
def events():
    """The events that all listeners and values record."""
    return []


@pytest.fixture
def browser(events):
    """A client of a site with two listeners."""
    return Browser(Site(listeners=[Log("1", events), Log("2", events)]))


@pytest.fixture
def session(browser, events):
    """A session in the request that makes it; its creation is not among the events."""
    with browser.request() as request:
        session = request.get_session()
        events.clear()
        yield session


def test_s94_created_in_order(browser, events):
    """In the order of registration, within the call that creates, once for each session."""
    with browser.request() as request:
        assert events == []
        request.get_session()
        assert events == ["1 created", "2 created"]
        request.get_session()
    browser.session()

    assert events == ["1 created", "2 created"]


def test_s95_a_new_session_can_be_used():
    """In ``session_created`` the session has its id, and attributes can be set."""

    class Listener(HttpSessionListener):
        def session_created(self, event):
            event.session["from"] = event.session.id
            assert event.session.is_new

    browser = Browser(Site(listeners=[Listener()]))
    with browser.request() as request:
        session = request.get_session()
        assert session["from"] == session.id


def test_s95_a_listener_may_end_the_new_session():
    """A listener that ends the session that has just been made does not upset the request."""

    class Listener(HttpSessionListener):
        def session_created(self, event):
            event.session.invalidate()

    with Browser(Site(listeners=[Listener()])).request() as request:
        assert not request.get_session().is_valid
        assert request.get_session(create=False) is None

    assert request.set_cookies == []


def test_s96_destroyed_in_reverse_order(session, events):
    """The last one registered hears first."""
    session.invalidate()

    assert events == ["2 destroyed", "1 destroyed"]


def test_s97_added_replaced_removed(session, events):
    """Each operation has one kind of event; what remains at the end is removed."""
    session["a"] = 1
    session["a"] = 2
    session["b"] = 3
    del session["a"]
    session.invalidate()

    assert [event.removeprefix("1 ") for event in events if event.startswith("1 ")] == [
        "added a=1",
        "replaced a=1",
        "added b=3",
        "removed a=2",
        "destroyed",
        "removed b=3",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda session: session.setdefault("a", 2), []),
        (lambda session: session.setdefault("b", 2), ["added b=2"]),
        (lambda session: session.update(a=2, b=3), ["replaced a=1", "added b=3"]),
        (lambda session: session.pop("a"), ["removed a=1"]),
        (lambda session: session.pop("b", None), []),
        (lambda session: session.popitem(), ["removed a=1"]),
        (lambda session: session.clear(), ["removed a=1"]),
        (lambda session: session.update_attribute("a", lambda value: value + 1), ["replaced a=1"]),
        (lambda session: session.update_attribute("b", lambda value: 2), ["added b=2"]),
        (lambda session: session.update_attribute("a", lambda value: None), ["removed a=1"]),
        (lambda session: session.update_attribute("b", lambda value: None), []),
    ],
)
def test_s97_by_any_method(session, events, change, expected):
    """Python's ways of changing a mapping have the events of Java's."""
    session["a"] = 1
    events.clear()
    change(session)

    assert [event.removeprefix("1 ") for event in events if event.startswith("1 ")] == expected


def test_s98_the_values_of_events(session, events):
    """Added: the new value. Removed: the old one. Replaced: the old one, also where the new one is a binding listener,
    with which a container gets it wrong (D32)."""
    session["a"] = 1
    session["a"] = Value("new", events)
    session["a"] = 2
    session.remove_attribute("a")

    assert [event.removeprefix("1 ") for event in events if event.startswith("1 ")] == [
        "added a=1",
        "replaced a=1",
        "replaced a=new",
        "removed a=2",
    ]


def test_s99_attribute_listeners_in_order(session, events):
    """In the order of registration, of removals, too."""
    session["a"] = 1
    session["a"] = 2
    del session["a"]

    assert events == [
        "1 added a=1",
        "2 added a=1",
        "1 replaced a=1",
        "2 replaced a=1",
        "1 removed a=2",
        "2 removed a=2",
    ]


def test_s100_bound_and_unbound(session, events):
    """Setting A, then B, then removing: each is bound once and unbound once."""
    session["a"] = Value("A", events)
    session["a"] = Value("B", events)
    session.remove_attribute("a")

    assert [event for event in events if "bound" in event] == [
        "bound a=A",
        "bound a=B",
        "unbound a=A",
        "unbound a=B",
    ]


def test_s101_values_hear_first(session, events):
    """Of each operation: the new value, the old one, the attribute listeners."""
    session["a"] = Value("A", events)
    assert events == ["bound a=A", "1 added a=A", "2 added a=A"]
    events.clear()
    session["a"] = Value("B", events)
    assert events == ["bound a=B", "unbound a=A", "1 replaced a=A", "2 replaced a=A"]
    events.clear()
    del session["a"]
    assert events == ["unbound a=B", "1 removed a=B", "2 removed a=B"]


def test_s102_what_a_binding_event_carries(session):
    """Session, name and value, always (D33)."""
    seen = []

    class Watched(HttpSessionBindingListener):
        def value_bound(self, event):
            seen.append((event.session, event.name, event.value))

        value_unbound = value_bound

    first, second = Watched(), Watched()
    session["a"] = first
    session["a"] = second
    del session["a"]

    assert seen == [
        (session, "a", first),
        (session, "a", second),
        (session, "a", first),
        (session, "a", second),
    ]


def test_s103_binding_the_same_object_again(session, events):
    """The design's choice for D10: it is not told, the listeners hear of a replacement."""
    value = session["a"] = Value("A", events)
    events.clear()
    session["a"] = value

    assert events == ["1 replaced a=A", "2 replaced a=A"]


def test_s103_an_equal_object_is_another_one(session, events):
    """Identity decides, not equality."""

    class Equal(Value):
        __hash__ = None

        def __eq__(self, other):
            return True

    session["a"] = Equal("A", events)
    events.clear()
    session["a"] = Equal("B", events)

    assert events[:2] == ["bound a=B", "unbound a=A"]


def test_s104_one_value_under_two_names(session, events):
    """It is told for each."""
    session["a"] = session["b"] = value = Value("V", events)
    assert [event for event in events if "bound" in event] == ["bound a=V", "bound b=V"]
    events.clear()
    del session["a"]
    assert events[0] == "unbound a=V"
    assert session["b"] is value


def test_s105_the_id_has_changed():
    """A listener hears after the change, with the old id; it may set attributes; all hear in order."""
    seen = []

    class Listener(HttpSessionIdListener):
        def __init__(self, name):
            self.name = name

        def session_id_changed(self, event, old_id):
            seen.append((self.name, old_id, event.session.id))
            event.session[self.name] = old_id

    browser = Browser(Site(listeners=[Listener("1"), Listener("2")]))
    with browser.request() as request:
        old_id = request.get_session().id
        new_id = request.change_session_id()

    assert seen == [("1", old_id, new_id), ("2", old_id, new_id)]
    assert dict(browser.session()) == {"1": old_id, "2": old_id}


def test_s105_a_login_changes_the_id(browser, events):
    """A login changes the id, unless the request made the session."""
    with browser.request() as request:
        request.login("ann")
    assert events == ["1 created", "2 created"]
    with browser.request() as request:
        request.login("ann")
    assert events[2:] == ["1 id changed", "2 id changed"]


def test_s108_a_listener_may_implement_nothing():
    """All methods do nothing by default."""

    class Everything(
        HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener, HttpSessionBindingListener
    ):
        pass

    browser = Browser(Site(listeners=[Everything()]))
    with browser.request() as request:
        session = request.get_session()
        session["a"] = Everything()
        session["a"] = Everything()
        request.change_session_id()
        del session["a"]
        session.invalidate()

    assert browser.site.active == 0


class FailingListener(Log):
    """Raises at one kind of event."""

    def __init__(self, kind, events):
        super().__init__("F", events)
        self.kind = kind

    def _note(self, event):
        super()._note(event)
        if event.startswith(self.kind):
            raise FailError


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        ("created", lambda request: request.get_session()),
        ("added", lambda request: request.get_session().set_attribute("a", 1)),
        ("replaced", lambda request: request.get_session().update({"a": 1}) or request.get_session().update({"a": 2})),
        ("removed", lambda request: request.get_session().update({"a": 1}) or request.get_session().pop("a")),
        ("id changed", lambda request: request.get_session() and request.change_session_id()),
    ],
)
def test_s109_an_exception_reaches_the_application(events, kind, act):
    """An exception of a listener reaches the caller; later listeners do not hear of that event (D11, D11b)."""
    site = Site(listeners=[Log("1", events), FailingListener(kind, events), Log("3", events)])
    with Browser(site).request() as request:
        with pytest.raises(FailError):
            act(request)
        about = [event.partition(" ")[0] for event in events if kind in event]

    assert about == ["1", "F"]


def test_s109_a_session_is_not_half_made(events):
    """Where ``session_created`` raises there is no session afterwards, and no cookie."""
    browser = Browser(Site(listeners=[Log("1", events), FailingListener("created", events)]))
    with browser.request() as request:
        with pytest.raises(FailError):
            request.get_session()
        assert request.get_session(create=False) is None

    assert request.set_cookies == []
    assert browser.site.active == 0
    assert "1 destroyed" in events


def test_s109_a_value_that_refuses_to_be_bound(session, events):
    """An exception of ``value_bound`` reaches the caller, and the attribute stays what it was."""

    class Refusing(HttpSessionBindingListener):
        def value_bound(self, event):
            raise FailError

    session["a"] = 1
    events.clear()
    with pytest.raises(FailError):
        session["a"] = Refusing()

    assert session["a"] == 1
    assert events == []


def test_s110_the_sweep_survives_a_listener(clock, events, caplog):
    """An exception of a listener in the sweep is logged; all sessions end, and the next sweep works."""
    site = Site(listeners=[FailingListener("destroyed", events)], max_inactive_interval=10)
    for _ in range(2):
        with Browser(site).request() as request:
            request.get_session()["a"] = 1
        with Browser(site).request() as request:
            request.get_session()
        clock.tick(10)
        with caplog.at_level(logging.ERROR, logger="httpsession"):
            assert site.manager.sweep() == 2

    assert events.count("F destroyed") == 4
    assert events.count("F removed a=1") == 2
    assert len(caplog.records) == 4


def test_s110_the_background_thread_survives_a_listener(caplog):
    """The thread that sweeps goes on after a listener has failed in it."""
    destroyed = threading.Semaphore(0)

    class Listener(HttpSessionListener):
        def session_destroyed(self, event):
            destroyed.release()
            raise FailError

    site = Site(listeners=[Listener()], max_inactive_interval=1, sweep_interval=0.1)
    with site.manager:
        for _ in range(2):
            with Browser(site).request() as request:
                request.get_session()
            assert destroyed.acquire(timeout=20)


def test_s111_one_listener_for_all_threads():
    """Listeners are single instances, which several threads may be telling at once."""
    inside = threading.Barrier(2)

    class Listener(HttpSessionAttributeListener):
        def attribute_added(self, event):
            inside.wait(10)

    site = Site(listeners=[Listener()])

    def set_attribute():
        with Browser(site).request() as request:
            request.get_session()["a"] = 1

    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(outcome_of(set_attribute))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [None, None]


def test_s111_a_listener_may_change_attributes(events):
    """A listener that sets another attribute while it hears of one does not get stuck."""

    class Listener(HttpSessionAttributeListener):
        def attribute_added(self, event):
            if event.name == "a":
                event.session["b"] = event.value

    with Browser(Site(listeners=[Listener(), Log("2", events)])).request() as request:
        request.get_session()["a"] = 1

    assert events == ["2 created", "2 added b=1", "2 added a=1"]
