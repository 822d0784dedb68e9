"""Events and listeners by themselves: construction, sorting, order, defaults (S94, S96, S99, S108, S113)."""

from __future__ import annotations

import pytest

from httpsession import (
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
    SessionConfig,
    SessionManager,
)
from httpsession.events import Listeners
from tests.support.core import create_session
from tests.support.site import Site


@pytest.fixture
def session():
    """A session to have events about."""
    with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
        yield create_session(manager)


class Everything(HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener):
    """A listener of all kinds that can be registered."""

    def __init__(self, name, log):
        self.name = name
        self.log = log

    def session_created(self, event):
        self.log.append(("created", self.name, event))

    def session_destroyed(self, event):
        self.log.append(("destroyed", self.name, event))

    def session_id_changed(self, event, old_id):
        self.log.append(("id", self.name, event, old_id))

    def attribute_added(self, event):
        self.log.append(("added", self.name, event))

    def attribute_removed(self, event):
        self.log.append(("removed", self.name, event))

    def attribute_replaced(self, event):
        self.log.append(("replaced", self.name, event))


class TestEvents:
    """The two classes of events."""

    def test_event(self, session):
        """An event has its session (TCK HttpSessionEventTests#constructorTest, #getSessionTest)."""
        assert HttpSessionEvent(session).session is session

    def test_binding_event(self, session):
        """A binding event has session, name and value (TCK constructor_String_ObjectTest)."""
        event = HttpSessionBindingEvent(session, "name", 5)
        assert isinstance(event, HttpSessionEvent)
        assert (event.session, event.name, event.value) == (session, "name", 5)

    def test_binding_event_without_a_value(self, session):
        """The value may be left out and is None then (TCK constructor_StringTest)."""
        event = HttpSessionBindingEvent(session, "name")
        assert (event.session, event.name, event.value) == (session, "name", None)

    @pytest.mark.parametrize("make", [HttpSessionEvent, lambda none: HttpSessionBindingEvent(none, "name", 1)])
    def test_no_session(self, make):
        """An event about no session cannot be made: Java's IllegalArgumentException is a ValueError here (S113)."""
        with pytest.raises(ValueError, match="session"):
            make(None)

    def test_an_empty_session_is_one(self, session):
        """A session without attributes is not taken for none."""
        assert len(session) == 0
        assert HttpSessionEvent(session).session is session

    def test_events_are_closed(self, session):
        """An event is no place to keep things: a misspelt name is an error, not a new attribute."""
        with pytest.raises(AttributeError):
            HttpSessionBindingEvent(session, "name").vaule = 1


class TestListeners:
    """The listeners that may be registered, and their order."""

    def test_order(self, session):
        """Events go in the order of registration, but for destroyed, which goes in the reverse (S94, S96, S99)."""
        log = []
        listeners = Listeners([Everything("one", log), Everything("two", log), Everything("three", log)])
        listeners.session_created(session)
        listeners.session_id_changed(session, "OLD")
        listeners.attribute_added(session, "a", 1)
        listeners.attribute_replaced(session, "a", 1)
        listeners.attribute_removed(session, "a", 2)
        listeners.session_destroyed(session)
        forth = ["one", "two", "three"]
        order = [(kind, name) for kind, name, *_ in log]
        expected = [(kind, name) for kind in ("created", "id", "added", "replaced", "removed") for name in forth]
        assert order == [*expected, *(("destroyed", name) for name in reversed(forth))]

    def test_what_they_are_told(self, session):
        """The session is in each event, the old id beside it, name and value in those about attributes."""
        log = []
        listeners = Listeners([Everything("one", log)])
        listeners.session_id_changed(session._session, "OLD")
        listeners.attribute_added(session._session, "a", 1)
        listeners.attribute_replaced(session._session, "b", 2)
        listeners.attribute_removed(session._session, "c", 3)
        (_, _, changed, old_id), *attributes = log
        assert (changed.session, old_id) == (session, "OLD")
        assert all(event.session == session for _, _, event in attributes)
        assert [(kind, event.name, event.value) for kind, _, event in attributes] == [
            ("added", "a", 1),
            ("replaced", "b", 2),
            ("removed", "c", 3),
        ]

    def test_kinds_are_sorted(self, session):
        """A listener gets only the events of its kind, whatever other methods it has."""
        log = []

        class Ids(HttpSessionIdListener):
            def session_id_changed(self, event, old_id):
                log.append("id")

            def session_created(self, event):
                log.append("created, which it is not registered for")

        listeners = Listeners([Ids()])
        listeners.session_created(session)
        listeners.attribute_added(session, "a", 1)
        listeners.session_id_changed(session, "OLD")
        listeners.session_destroyed(session)
        assert log == ["id"]

    def test_the_same_listener_twice(self, session):
        """A listener that is registered twice is notified twice, as in a container."""
        log = []
        listener = Everything("one", log)
        Listeners([listener, listener]).session_created(session)
        assert len(log) == 2

    def test_any_iterable(self, session):
        """Listeners may come from a generator, which is gone through once."""
        log = []
        listeners = Listeners(Everything(name, log) for name in ("one", "two"))
        listeners.session_created(session)
        listeners.session_destroyed(session)
        assert [name for _, name, _ in log] == ["one", "two", "two", "one"]

    @pytest.mark.parametrize(
        "wrong",
        [
            object(),
            None,
            print,
            HttpSessionListener,
            HttpSessionBindingListener(),
            HttpSessionActivationListener(),
            type("Duck", (), {"session_created": lambda self, event: None})(),
        ],
        ids=["object", "None", "function", "class", "binding", "activation", "duck"],
    )
    def test_no_listener(self, wrong):
        """An object of none of the three kinds is refused by name, binding listeners included (S93)."""
        with pytest.raises(ValueError, match="no session listener") as caught:
            Listeners([HttpSessionListener(), wrong])
        assert repr(wrong) in str(caught.value)
        with pytest.raises(ValueError, match="no session listener"):
            SessionManager(listeners=[wrong])

    @pytest.mark.parametrize("kind", ["created", "destroyed", "id", "added", "removed", "replaced"])
    def test_an_exception_stops_the_event(self, session, kind):
        """An exception of a listener reaches the caller, and the remaining listeners are not notified (S109)."""
        log = []

        class Failing(Everything):
            def fail(self, *args):
                raise LookupError(self.name)

            session_created = session_destroyed = session_id_changed = fail
            attribute_added = attribute_removed = attribute_replaced = fail

        order = [Everything("before", log), Failing("failing", log), Everything("after", log)]
        if kind == "destroyed":
            order.reverse()
        listeners = Listeners(order)
        tell = {
            "created": lambda: listeners.session_created(session),
            "destroyed": lambda: listeners.session_destroyed(session),
            "id": lambda: listeners.session_id_changed(session, "OLD"),
            "added": lambda: listeners.attribute_added(session, "a", 1),
            "removed": lambda: listeners.attribute_removed(session, "a", 1),
            "replaced": lambda: listeners.attribute_replaced(session, "a", 1),
        }[kind]
        with pytest.raises(LookupError, match="failing"):
            tell()
        assert [(entry[0], entry[1]) for entry in log] == [(kind, "before")]


class TestDefaults:
    """A listener implements the events that it wants, and no more (S108)."""

    def test_registered_kinds(self):
        """Listeners without methods of their own work (TCK HttpSessionListener40Tests and its like)."""
        kinds = [HttpSessionListener(), HttpSessionAttributeListener(), HttpSessionIdListener()]

        def view(request):
            session = request.get_session()
            session.set_attribute("a", 1)
            session.set_attribute("a", 2)
            session.remove_attribute("a")
            request.change_session_id()
            session.invalidate()
            return session.is_valid

        with Site(listeners=kinds) as site:
            assert site.ask("/", view).value is False

    def test_values(self):
        """Values of the binding and activation kinds without methods of their own work (TCK ...40Tests)."""
        with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
            session = create_session(manager)
            for value in (HttpSessionBindingListener(), HttpSessionActivationListener()):
                session.set_attribute("a", value)
                assert session.get_attribute("a") is value
            session.invalidate()
            assert not session.is_valid

    def test_every_default_does_nothing(self, session):
        """Each default method takes its event and returns None."""
        event, binding = HttpSessionEvent(session), HttpSessionBindingEvent(session, "a", 1)
        before = session.attribute_names
        results = [
            HttpSessionListener().session_created(event),
            HttpSessionListener().session_destroyed(event),
            HttpSessionIdListener().session_id_changed(event, "OLD"),
            HttpSessionAttributeListener().attribute_added(binding),
            HttpSessionAttributeListener().attribute_removed(binding),
            HttpSessionAttributeListener().attribute_replaced(binding),
            HttpSessionBindingListener().value_bound(binding),
            HttpSessionBindingListener().value_unbound(binding),
            HttpSessionActivationListener().session_will_passivate(event),
            HttpSessionActivationListener().session_did_activate(event),
        ]
        assert results == [None] * 10
        assert session.attribute_names == before
        assert session.is_valid
