"""HttpServletRequest and HttpServletResponse of httpsession.servlet."""

from __future__ import annotations

import pytest

import httpsession
from httpsession.servlet import (
    HttpServletRequest,
    HttpServletResponse,
    IllegalArgumentException,
    IllegalStateException,
    SessionTrackingMode,
)
from tests.support.request import Request

COOKIE, URL, SSL = SessionTrackingMode


def in_java(environ):
    """Return the request and the response of an environ."""
    return HttpServletRequest(environ), HttpServletResponse(environ)


class TestRequest:
    """HttpServletRequest."""

    def test_get_session(self, exchange):
        """None when there is none and none is wanted; then a new one, and the same from each call and each object."""
        request = HttpServletRequest(exchange.environ)

        assert request.getSession(False) is None
        assert request.getSession() == request.getSession(False) == HttpServletRequest(exchange.environ).getSession()

    def test_a_copy_of_the_environ_will_do(self, exchange):
        """The session is the same through a copy."""
        session = HttpServletRequest(dict(exchange.environ)).getSession()

        assert HttpServletRequest(exchange.environ).getSession(False) == session

    def test_change_session_id(self, exchange, session):
        """The new id is returned, and the session has it."""
        before = session.getId()
        after = HttpServletRequest(exchange.environ).changeSessionId()

        assert (before != after, session.getId()) == (True, after)

    def test_change_session_id_without_a_session(self, exchange):
        """IllegalStateException, caused by the package's own."""
        with pytest.raises(IllegalStateException, match="no session") as caught:
            HttpServletRequest(exchange.environ).changeSessionId()
        assert type(caught.value.__cause__) is httpsession.IllegalStateError

    def test_requested_session_id_in_a_cookie(self, context, exchange, session):
        """The id that the client sent, that it is valid, and that it was in a cookie."""
        exchange.finish()
        request = HttpServletRequest(Request(context, session.getId()).environ)

        assert request.getRequestedSessionId() == session.getId()
        assert request.isRequestedSessionIdValid()
        assert request.isRequestedSessionIdFromCookie()
        assert not request.isRequestedSessionIdFromURL()

    def test_requested_session_id_in_the_url(self, context):
        """Likewise in the URL; this one is not valid."""
        context.setSessionTrackingModes({URL})
        request = HttpServletRequest(Request(context, PATH_INFO="/x;jsessionid=nonsense").environ)

        assert request.getRequestedSessionId() == "nonsense"
        assert not request.isRequestedSessionIdValid()
        assert not request.isRequestedSessionIdFromCookie()
        assert request.isRequestedSessionIdFromURL()

    def test_no_requested_session_id(self, exchange):
        """None, and three times false."""
        request = HttpServletRequest(exchange.environ)

        assert request.getRequestedSessionId() is None
        assert not request.isRequestedSessionIdValid()
        assert not request.isRequestedSessionIdFromCookie()
        assert not request.isRequestedSessionIdFromURL()

    def test_servlet_context(self, context, exchange):
        """The very context that the request went to."""
        assert HttpServletRequest(exchange.environ).getServletContext() is context

    @pytest.mark.parametrize("kind", [HttpServletRequest, HttpServletResponse])
    def test_outside_of_a_context(self, kind):
        """An environ that has not come through a context is refused, by Java's exception."""
        with pytest.raises(IllegalStateException, match="SessionMiddleware"):
            kind({})


class TestResponse:
    """HttpServletResponse."""

    def test_encode(self, context):
        """URLs of the application are given the id, others are not."""
        context.setSessionTrackingModes({URL})
        request, response = in_java(Request(context).environ)
        session_id = request.getSession().getId()

        assert response.encodeURL("/a") == f"/a;jsessionid={session_id}"
        assert response.encodeRedirectURL("/a?b") == f"/a;jsessionid={session_id}?b"
        assert response.encodeURL("https://elsewhere.example/a") == "https://elsewhere.example/a"

    def test_a_redirect_above_the_root(self, exchange):
        """IllegalArgumentException, which is a ValueError as the original is."""
        with pytest.raises(IllegalArgumentException, match="above the root") as caught:
            HttpServletResponse(exchange.environ).encodeRedirectURL("../../..")
        assert type(caught.value.__cause__) is ValueError

    def test_is_committed(self, exchange):
        """As soon as the first chunk of the body is out; then no session can be made any more."""
        request, response = in_java(exchange.environ)
        assert not response.isCommitted()
        exchange.read()

        assert response.isCommitted()
        with pytest.raises(IllegalStateException) as caught:
            request.getSession()
        assert type(caught.value.__cause__) is httpsession.ResponseCommittedError
