"""The TCK's tests of the session methods of a request, under the names they have there.

HttpServletRequestTests, HttpServletRequestWrapperTests (a middleware in between hands on a copy of the environ) and
HttpServletRequest31Tests; beside them ``getRequestedSessionIdTest``, which the TCK has a driver for and never calls.
The design has URL tracking switched on where the tests send ``;jsessionid=``.
"""

import pytest
from werkzeug.test import Client

from httpsession import HttpSessionIdListener, IllegalStateError, SessionConfig, SessionManager, SessionMiddleware
from httpsession.werkzeug import Request
from tests.support.browser import BOTH_MODES


class IdListener(HttpSessionIdListener):
    """Writes both ids into the session, as the TCK's does."""

    def session_id_changed(self, event, old_id):
        """Record both ids."""
        event.session["OLD"] = old_id
        event.session["NEW"] = event.session.id


class RequestTests:
    """The tests that a request and a wrapped one have in common."""

    @staticmethod
    def wrap(application):
        """Put something between the session middleware and the application."""
        return application

    @pytest.fixture
    def serve(self):
        """Returns a client of a servlet: a function that gets the request and fills in a dict of answers."""
        manager = SessionManager(config=SessionConfig(**BOTH_MODES), listeners=[IdListener()])

        def make(servlet):
            def application(environ, start_response):
                answers.append(servlet(Request(environ)))
                start_response("200 OK", [])
                return [b""]

            answers = []
            client = Client(SessionMiddleware(self.wrap(application), manager))

            def ask(path="/", session_id=None):
                if session_id is not None:
                    client.set_cookie("JSESSIONID", session_id)
                client.get(path)
                return answers.pop()

            return ask

        return make

    def test_getRequestedSessionIdNullTest(self, serve):
        """Without an id the requested one is None."""
        assert serve(lambda request: request.requested_session_id)() is None

    def test_getRequestedSessionIdTest1(self, serve):
        """An id in the URL is the requested one, although no session has it."""
        ask = serve(lambda request: request.requested_session_id)

        assert ask("/RequestTests;jsessionid=c0o7fszeb1") == "c0o7fszeb1"

    def test_getRequestedSessionIdTest2(self, serve):
        """It stays the requested one when a session is made, which does not get it."""

        def servlet(request):
            before = request.requested_session_id
            session = request.get_session(create=True)
            return before, request.requested_session_id, session.id

        before, after, session_id = serve(servlet)("/RequestTests;jsessionid=c0o7fszeb1")

        assert before == after == "c0o7fszeb1"
        assert session_id != "c0o7fszeb1"

    def test_getSessionTest(self, serve):
        """There is always a session when it may be made."""
        assert serve(lambda request: request.get_session())() is not None

    def test_getSessionTrueTest(self, serve):
        """A session is made, and the next request gets the same one."""
        ask = serve(lambda request: request.get_session(create=True).id)

        assert ask() == ask()

    def test_isRequestedSessionIdFromCookieTest(self, serve):
        """Without an id it did not come from a cookie."""
        assert serve(lambda request: request.is_requested_session_id_from_cookie)() is False

    def test_isRequestedSessionIdFromURLTest(self, serve):
        """Without an id it did not come from the URL."""
        assert serve(lambda request: request.is_requested_session_id_from_url)() is False

    def test_isRequestedSessionIdValidTest(self, serve):
        """Without an id it is not valid."""
        assert serve(lambda request: request.is_requested_session_id_valid)() is False


class TestHttpServletRequestTests(RequestTests):
    """The application right below the session middleware."""

    def test_getSessionFalseTest(self, serve):
        """Where no session may be made there is none. (The TCK would put up with a new one.)"""
        assert serve(lambda request: request.get_session(create=False))() is None

    def test_sessionTimeoutTest(self, serve, clock):
        """A session does not time out under a request that runs for 90 s, with an interval of 60 s."""

        def create(request):
            request.get_session().max_inactive_interval = 60
            return request.get_session().id

        def linger(request):
            if not request.requested_session_id:
                return create(request)
            clock.tick(90)
            request.get_session(create=False).servlet_context.sweep()
            return request.get_session(create=False).id

        ask = serve(linger)

        assert ask() == ask()


class TestHttpServletRequestWrapperTests(RequestTests):
    """A middleware in between hands the application a copy of the environ."""

    @staticmethod
    def wrap(application):
        """Copy the environ."""
        return lambda environ, start_response: application(dict(environ), start_response)

    def test_isRequestedSessionIdFromCookieTest1(self, serve):
        """An id in a cookie came from a cookie."""
        ask = serve(lambda request: (request.get_session().id, request.is_requested_session_id_from_cookie))

        assert ask()[1] is False
        assert ask()[1] is True

    def test_changeSessionIDTest(self, serve):
        """Without a session there is no id to change."""
        with pytest.raises(IllegalStateError):
            serve(lambda request: request.change_session_id())()

    def test_changeSessionIDTest1(self, serve):
        """The new id is another one, and the listener was told both before the call returned."""
        _change_session_id_test_1(serve)


class TestHttpServletRequest31Tests:
    """Additions of Servlet 3.1."""

    serve = RequestTests.serve
    wrap = staticmethod(RequestTests.wrap)

    def test_changeSessionIDTest(self, serve):
        """Without a session there is no id to change."""
        with pytest.raises(IllegalStateError):
            serve(lambda request: request.change_session_id())()


class TestHttpSessionIdListenerTests:
    """jakarta.servlet.http.HttpSessionIdListener."""

    serve = RequestTests.serve
    wrap = staticmethod(RequestTests.wrap)

    def test_changeSessionIDTest1(self, serve):
        """The new id is another one, and the listener was told both before the call returned."""
        _change_session_id_test_1(serve)


class TestOrphanedDriver:
    """Tests that the TCK has in its driver and never calls."""

    serve = RequestTests.serve
    wrap = staticmethod(RequestTests.wrap)

    def test_getRequestedSessionIdTest(self, serve):
        """The id of an invalidated session is still what the client requested, and no session gets it again."""

        def servlet(request):
            match request.path:
                case "/create":
                    return request.get_session().id
                case "/invalidate":
                    request.get_session(create=False).invalidate()
            session = request.get_session(create=request.path == "/again")
            return request.requested_session_id, request.is_requested_session_id_valid, session and session.id

        ask = serve(servlet)
        first = ask("/create")
        assert ask("/invalidate") == (first, False, None)
        requested, valid, again = ask("/again", session_id=first)

        assert (requested, valid) == (first, False)
        assert again not in (None, first)


def _change_session_id_test_1(serve):
    def servlet(request):
        session = request.get_session()
        old = session.id
        new = request.change_session_id()
        return old, new, request.get_session(create=False).id, session["OLD"], session["NEW"]

    old, new, id_after, heard_old, heard_new = serve(servlet)()

    assert old != new
    assert heard_old == old
    assert heard_new == new == id_after
