"""The TCK's tests of listeners and events, under the names they have there.

A manager takes its listeners when it is made, so these are instances alone, and the order is what is tested; by class
they are registered in test_tck_configuration.py, where ServletContext303Tests are, too. Of WebListenerTests the orders
of events are tested, not how a servlet container finds ``@WebListener``. HttpSessionIdListenerTests are in
test_tck_request.py.
"""

import pytest

from httpsession import (
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionListener,
    SessionManager,
)
from tests.support.browser import Browser
from tests.support.listeners import Log, Value
from tests.support.site import Site


@pytest.fixture
def log():
    """A listener that keeps a log."""
    return Log()


@pytest.fixture
def session(log):
    """A session in the request that makes it, whose events are logged."""
    with Browser(Site(listeners=[log])).request() as request:
        yield request.get_session()


class BindingEvents(HttpSessionAttributeListener):
    """Keeps the events of attributes themselves."""

    def __init__(self):
        self.seen = []

    def attribute_added(self, event):
        """Keep it."""
        self.seen.append(("added", event.name, event.value, event.session.id))

    def attribute_removed(self, event):
        """Keep it."""
        self.seen.append(("removed", event.name, event.value, event.session.id))

    def attribute_replaced(self, event):
        """Keep it."""
        self.seen.append(("replaced", event.name, event.value, event.session.id))


class TestHttpSessionListenerTests:
    """jakarta.servlet.http.HttpSessionListener."""

    def test_createdTest(self, log, session):
        """A new session is told once."""
        assert log.events == ["created"]

    def test_destroyedTest(self, log, session):
        """An invalidation is told once."""
        session.invalidate()

        assert log.events == ["created", "destroyed"]


class TestHttpSessionAttributeListenerTests:
    """jakarta.servlet.http.HttpSessionAttributeListener."""

    def test_attributeAddedTest(self, log, session):
        """A new attribute is told with its name and value."""
        session.set_attribute("a", "Attribute1")

        assert log.events[1:] == ["added a=Attribute1"]

    def test_attributeRemovedTest(self, log, session):
        """A removed attribute is told with its name and the value it had."""
        session.set_attribute("a", "Attribute1")
        session.remove_attribute("a")

        assert log.events[1:] == ["added a=Attribute1", "removed a=Attribute1"]

    def test_attributeReplacedTest(self, log, session):
        """A replaced attribute is told with its old value, and not as an added one."""
        session.set_attribute("a", "Attribute1")
        session.set_attribute("a", "Attribute2")

        assert log.events[1:] == ["added a=Attribute1", "replaced a=Attribute1"]


class TestHttpSessionBindingListenerTests:
    """jakarta.servlet.http.HttpSessionBindingListener."""

    def test_boundTest(self, log, session):
        """A value hears once that it is bound."""
        events = []
        session.set_attribute("a", Value("A", events))

        assert events == ["bound a=A"]

    def test_unBoundTest(self, log, session):
        """Two values, one after the other, then none: each is bound once and unbound once."""
        events = []
        session.set_attribute("a", Value("A", events))
        session.set_attribute("a", Value("B", events))
        session.remove_attribute("a")

        assert sorted(events) == ["bound a=A", "bound a=B", "unbound a=A", "unbound a=B"]


class TestHttpSessionBindingEventTests:
    """jakarta.servlet.http.HttpSessionBindingEvent."""

    @pytest.fixture
    def events(self):
        """The events that a listener got, and the session."""
        listener = BindingEvents()
        with Browser(Site(listeners=[listener])).request() as request:
            yield listener.seen, request.get_session()

    def test_addedTest(self, events):
        """The event of a new attribute has name, value and session."""
        seen, session = events
        session.set_attribute("a", 1)

        assert seen == [("added", "a", 1, session.id)]

    def test_removedTest(self, events):
        """The event of a removed attribute has name, value and session."""
        seen, session = events
        session.set_attribute("a", 1)
        session.remove_attribute("a")

        assert seen[1:] == [("removed", "a", 1, session.id)]

    def test_replacedTest(self, events):
        """The event of a replaced attribute has name, old value and session."""
        seen, session = events
        session.set_attribute("a", 1)
        session.set_attribute("a", 2)

        assert seen[1:] == [("replaced", "a", 1, session.id)]

    def test_constructor_StringTest(self, session):
        """An event can be made of a session and a name."""
        event = HttpSessionBindingEvent(session, "a")

        assert (event.session, event.name, event.value) == (session, "a", None)

    def test_constructor_String_ObjectTest(self, session):
        """An event can be made of a session, a name and a value."""
        event = HttpSessionBindingEvent(session, "a", 1)

        assert (event.session, event.name, event.value) == (session, "a", 1)


class TestHttpSessionEventTests:
    """jakarta.servlet.http.HttpSessionEvent."""

    def test_getSessionTest(self):
        """The session of an event is the one it is about."""

        class Listener(HttpSessionListener):
            def session_created(self, event):
                ids.append(event.session.id)

        ids = []
        with Browser(Site(listeners=[Listener()])).request() as request:
            assert [request.get_session().id] == ids

    def test_constructorTest(self, session):
        """An event can be made of a session, and of nothing else than one."""
        assert HttpSessionEvent(session).session is session
        with pytest.raises(ValueError, match="session"):
            HttpSessionEvent(None)


class TestHttpSessionListener40Tests:
    """A session listener need not implement anything."""

    def test_defaultMethodsTest(self):
        """An empty one works."""
        with Browser(Site(listeners=[HttpSessionListener()])).request() as request:
            session = request.get_session()
            session.invalidate()

            assert not session.is_valid


class TestHttpSessionAttributeListener40Tests:
    """An attribute listener need not implement anything."""

    def test_defaultMethodsTest(self):
        """An empty one works."""
        with Browser(Site(listeners=[HttpSessionAttributeListener()])).request() as request:
            session = request.get_session()
            session["a"] = 1
            session["a"] = 2
            del session["a"]

            assert len(session) == 0


class TestHttpSessionBindingListener40Tests:
    """A value that hears of its binding need not implement anything."""

    def test_defaultMethodsTest(self, session):
        """An empty one works."""
        session["a"] = HttpSessionBindingListener()
        session["a"] = HttpSessionBindingListener()
        del session["a"]

        assert len(session) == 0


class TestHttpSessionActivationListener40Tests:
    """A value that hears of passivation need not implement anything."""

    def test_defaultMethodsTest(self, session):
        """An empty one can be bound, and its methods can be called."""
        value = session["a"] = HttpSessionActivationListener()
        value.session_will_passivate(HttpSessionEvent(session))
        value.session_did_activate(HttpSessionEvent(session))

        assert session["a"] is value


class TestServletContext301Tests:
    """An object that is no listener is refused; likewise ServletContext302Tests."""

    @pytest.mark.parametrize("foreign", [object(), Log, HttpSessionBindingListener()], ids=["object", "class", "value"])
    def test_addListenerTest(self, foreign):
        """An object of no registered kind, a class, or a listener that belongs on a value."""
        with pytest.raises(ValueError, match="listener"):
            SessionManager(listeners=[foreign])


class TestServletContext304Tests:
    """The order of session listeners."""

    def test_addListenerTest(self):
        """Of a new session they hear in the order of registration, of its end in the reverse order."""
        events = []
        with Browser(Site(listeners=[Log(name, events) for name in "123"])).request() as request:
            request.get_session().invalidate()

        assert events == ["1 created", "2 created", "3 created", "3 destroyed", "2 destroyed", "1 destroyed"]


class TestServletContext305Tests:
    """The order of attribute listeners."""

    def test_addListenerTest(self):
        """They hear in the order of registration, of removals by an invalidation, too."""
        events = []
        with Browser(Site(listeners=[Log(name, events) for name in "123"])).request() as request:
            session = request.get_session()
            session["a"] = 0
            session.invalidate()

        about_attributes = [event for event in events if "a=0" in event]
        assert about_attributes == [f"{name} {what} a=0" for what in ("added", "removed") for name in "123"]


class TestWebListenerTests:
    """The two orders of events that the annotated listeners are tested for."""

    def test_HttpSessionListenerTest(self, log, session):
        """Created, then destroyed."""
        session.invalidate()

        assert log.events == ["created", "destroyed"]

    def test_HttpSessionAttributeListenerTest(self, log, session):
        """Added, then replaced, then removed."""
        session["a"] = 1
        session["a"] = 2
        del session["a"]

        assert log.events[1:] == ["added a=1", "replaced a=1", "removed a=2"]
