"""Events and listeners of httpsession.servlet."""

from __future__ import annotations

import pytest

import httpsession
from httpsession import servlet
from httpsession.servlet import (
    HttpServletRequest,
    HttpSessionBindingEvent,
    HttpSessionEvent,
    IllegalArgumentException,
    IllegalStateException,
)
from tests.servlet.listeners import Bound, Recorder
from tests.support.request import Request


class TestListeners:
    """The five kinds, with Java's method names."""

    @pytest.fixture
    def recorder(self, context):
        """A listener of the three registered kinds."""
        recorder = Recorder()
        context.addListener(recorder)
        return recorder

    def test_registered_kinds(self, recorder, exchange):
        """They hear what the native ones hear, with the session and the values in their events."""
        request = HttpServletRequest(exchange.environ)
        session = request.getSession()
        old = session.getId()
        session.setAttribute("a", 1)
        session.setAttribute("a", 2)
        session.setAttribute("b", 3)
        session.removeAttribute("b")
        new = request.changeSessionId()
        session.invalidate()

        assert recorder.log == [
            ("created", old),
            ("added", "a", 1),
            ("replaced", "a", 1),
            ("added", "b", 3),
            ("removed", "b", 3),
            ("id changed", old, new),
            ("destroyed", ("a",)),
            ("removed", "a", 2),
        ]

    def test_values(self, session):
        """A value hears before it can be read, and when it is removed; the session in its events is Java's."""
        value = Bound()
        session.setAttribute("a", value)
        session.removeAttribute("a")

        assert value.log == [("bound", "a", True, None), ("unbound", "a", True, session.getId())]

    def test_activation(self, session):
        """Java's methods are called with Java's event for the native ones."""

        class Value(servlet.HttpSessionActivationListener):
            def sessionWillPassivate(self, se):
                heard.append(("will passivate", se.getSession()))

            def sessionDidActivate(self, se):
                heard.append(("did activate", se.getSession()))

        heard = []
        event = httpsession.HttpSessionEvent(session._session)
        Value().session_will_passivate(event)
        Value().session_did_activate(event)

        assert heard == [("will passivate", session), ("did activate", session)]

    def test_defaults(self, context):
        """A listener need not implement anything (S108)."""
        for kind in (servlet.HttpSessionListener, servlet.HttpSessionIdListener, servlet.HttpSessionAttributeListener):
            context.addListener(kind)
        request = HttpServletRequest(Request(context).environ)
        session = request.getSession()
        event = httpsession.HttpSessionEvent(session._session)
        value = servlet.HttpSessionActivationListener()
        value.session_will_passivate(event)
        value.session_did_activate(event)
        for attribute in (servlet.HttpSessionBindingListener(), 1, None):
            session.setAttribute("a", attribute)
        request.changeSessionId()
        session.invalidate()

    @pytest.mark.parametrize("error", [ValueError("own"), httpsession.ConfigError("own"), KeyError("own")], ids=repr)
    def test_what_a_listener_raises(self, session, error):
        """Comes out of the call as it is, though it is of a kind that is translated when the package raises it."""

        class Value(servlet.HttpSessionBindingListener):
            def valueBound(self, event):
                raise error

        with pytest.raises(type(error)) as caught:
            session.setAttribute("a", Value())
        assert caught.value is error

    def test_what_a_listener_is_refused(self, session):
        """In Java's words, which reach the caller unchanged."""

        class Value(servlet.HttpSessionBindingListener):
            def valueUnbound(self, event):
                event.getSession().getAttribute("a")

        session.setAttribute("a", Value())
        with pytest.raises(IllegalStateException, match="invalidated") as caught:
            session.invalidate()
        assert type(caught.value.__cause__) is httpsession.InvalidSessionError


class TestEvents:
    """HttpSessionEvent and HttpSessionBindingEvent."""

    def test_session_event(self, session):
        """A HttpSessionEvent has a session."""
        assert HttpSessionEvent(session).getSession() is session

    @pytest.mark.parametrize("arguments", [("a",), ("a", 1)])
    def test_binding_event(self, session, arguments):
        """A HttpSessionBindingEvent has a session, a name and, if it was given, a value."""
        event = HttpSessionBindingEvent(session, *arguments)

        assert event.getSession() is session
        assert (event.getName(), event.getValue()) == ("a", 1 if len(arguments) == 2 else None)

    def test_without_a_session(self):
        """IllegalArgumentException, as java.util.EventObject does (S113)."""
        with pytest.raises(IllegalArgumentException, match="session"):
            HttpSessionEvent(None)
        with pytest.raises(IllegalArgumentException, match="session"):
            HttpSessionBindingEvent(None, "a")
