"""HttpSession of httpsession.servlet, in Java's units and with Java's exceptions."""

from __future__ import annotations

import pytest
from freezegun import freeze_time

import httpsession
from httpsession.servlet import (
    HttpServletRequest,
    HttpSession,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
)
from tests.support.request import Request, fetch
from tests.support.site import streaming


class TestSession:
    """HttpSession."""

    def test_times_are_milliseconds(self, context):
        """Whole ones: of the creation, and of the arrival of the request before."""
        with freeze_time("2026-01-01 12:00:00.123456") as clock:
            first = Request(context)
            session = HttpServletRequest(first.environ).getSession()
            assert session.getCreationTime() == session.getLastAccessedTime() == 1767268800123
            first.finish()
            clock.tick(10)
            fetch(context, session.getId())
            clock.tick(10)
            third = Request(context, session.getId())
            session = HttpServletRequest(third.environ).getSession(False)

            assert (session.getCreationTime(), session.getLastAccessedTime()) == (1767268800123, 1767268810123)
            assert type(session.getCreationTime()) is type(session.getLastAccessedTime()) is int

    @pytest.mark.parametrize("millisecond", range(0, 1000, 7))
    def test_no_millisecond_is_lost(self, millisecond):
        """A time that floats cannot represent does not fall into the millisecond before."""
        with freeze_time(f"2026-01-01 12:00:00.{millisecond:03}"):
            session = HttpServletRequest(Request(ServletContext(streaming)).environ).getSession()

            assert session.getCreationTime() == 1767268800000 + millisecond

    def test_interval_is_in_seconds(self, session):
        """Round trip; zero and less are taken."""
        assert session.getMaxInactiveInterval() == 1800
        for interval in (500000, 0, -1):
            session.setMaxInactiveInterval(interval)
            assert session.getMaxInactiveInterval() == interval

    @pytest.mark.parametrize("interval", [2**31, "10", 1.5, None])
    def test_no_interval(self, session, interval):
        """A value that is no int in Java is refused."""
        with pytest.raises(IllegalArgumentException):
            session.setMaxInactiveInterval(interval)

    def test_attributes(self, session):
        """Set, get, names, remove; null removes, too, and stands for what is not there."""
        session.setAttribute("a", 1)
        session.setAttribute("b", 2)
        assert (session.getAttribute("a"), session.getAttribute("B"), session.getAttribute(None)) == (1, None, None)
        assert sorted(session.getAttributeNames()) == ["a", "b"]
        session.setAttribute("a", None)
        session.removeAttribute("b")
        session.removeAttribute("b")

        assert session.getAttributeNames() == ()

    def test_names_are_a_snapshot(self, session):
        """The names are a snapshot: the session may be changed during the iteration."""
        session.setAttribute("a", 1)
        session.setAttribute("b", 2)
        for name in session.getAttributeNames():
            session.removeAttribute(name)

        assert session.getAttributeNames() == ()

    def test_an_attribute_without_a_name(self, session):
        """IllegalArgumentException."""
        with pytest.raises(IllegalArgumentException, match="name of an attribute"):
            session.setAttribute(None, 1)

    def test_is_new(self, context, exchange, session):
        """Until the client comes back."""
        assert session.isNew()
        exchange.finish()

        assert not HttpServletRequest(Request(context, session.getId()).environ).getSession().isNew()

    @pytest.mark.parametrize(
        "call",
        [
            HttpSession.getCreationTime,
            HttpSession.getLastAccessedTime,
            HttpSession.getAccessor,
            HttpSession.getAttributeNames,
            HttpSession.invalidate,
            HttpSession.isNew,
            lambda session: session.getAttribute("a"),
            lambda session: session.setAttribute("a", 1),
            lambda session: session.removeAttribute("a"),
        ],
    )
    def test_refused_when_invalid(self, session, call):
        """IllegalStateException, which the package knows as its own IllegalStateError, with the leaf as its cause."""
        session.invalidate()

        with pytest.raises(IllegalStateException, match="invalidated") as caught:
            call(session)
        assert isinstance(caught.value, httpsession.IllegalStateError)
        assert type(caught.value.__cause__) is httpsession.InvalidSessionError

    def test_allowed_when_invalid(self, context, session):
        """The id, the context and the interval."""
        session_id = session.getId()
        session.invalidate()
        session.setMaxInactiveInterval(5)

        assert (session.getId(), session.getMaxInactiveInterval()) == (session_id, 5)
        assert session.getServletContext() is context

    def test_equality(self, context, exchange, session):
        """Objects for one session are equal, in one request and in another; a native handle is another thing."""
        exchange.finish()
        other = HttpServletRequest(Request(context, session.getId()).environ).getSession()

        assert (other == session, hash(other) == hash(session)) == (True, True)
        assert session != HttpServletRequest(Request(context).environ).getSession()
        assert session != httpsession.get_session(Request(context, session.getId()).environ)

    def test_repr(self, session):
        """Does not give away the id."""
        assert repr(session).startswith("<HttpSession ")
        assert session.getId() not in repr(session)


class TestAccessor:
    """HttpSession.Accessor."""

    def test_access(self, exchange, session):
        """The consumer gets an object of this kind for the same session."""
        accessor = session.getAccessor()
        exchange.finish()
        seen = []
        accessor.access(seen.append)

        assert isinstance(accessor, HttpSession.Accessor)
        assert seen == [session]
        assert type(seen[0]) is HttpSession

    def test_after_a_change_of_the_id(self, exchange, session):
        """IllegalStateException."""
        accessor = session.getAccessor()
        HttpServletRequest(exchange.environ).changeSessionId()

        with pytest.raises(IllegalStateException, match="id has changed"):
            accessor.access(print)

    def test_what_the_consumer_raises(self, session):
        """It comes out as it is, not translated."""
        raised = ValueError("the consumer's own")

        def consumer(session):
            raise raised

        with pytest.raises(ValueError, match="own") as caught:
            session.getAccessor().access(consumer)
        assert caught.value is raised
