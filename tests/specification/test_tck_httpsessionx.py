"""The TCK's HttpSessionxTests, under the names they have there: sessions across two web applications.

``RequestDispatcher.include`` is a call of the other application whose cookies and body go into one's own response;
``forward`` is a call of the other application instead of answering oneself.
"""

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from httpsession import SessionManager, SessionMiddleware, get_session, request_session


def _servlets(environ):
    """Do what the path says, and return what there is to tell."""
    requested = request_session(environ)
    match environ["PATH_INFO"]:
        case "/create":
            session = requested.get_session()
            session.max_inactive_interval = 10
            return session.id
        case "/interval":
            return requested.get_session(create=False).max_inactive_interval
        case "/invalidate":
            valid_before = requested.is_requested_session_id_valid
            requested.get_session(create=False).invalidate()
            return valid_before, requested.is_requested_session_id_valid
        case "/find":
            session = get_session(environ, create=False)
            return None if session is None else session.id


class Application:
    """A web application whose ``/include/x`` and ``/forward/x`` have another one do x."""

    def __init__(self, other=None):
        self.other = other

    def __call__(self, environ, start_response):
        """Answer with the Python literal of what the servlet tells."""
        for how in ("include", "forward"):
            if environ["PATH_INFO"].startswith(f"/{how}/"):
                return getattr(self, how)(environ, start_response)
        text = repr(_servlets(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text.encode()]

    def include(self, environ, start_response):
        """Put the other application's answer into this one's."""
        included = []

        def collect(status, headers, exc_info=None):
            included.extend(header for header in headers if header[0] == "Set-Cookie")

        body = self.other(self._dispatched(environ), collect)
        start_response("200 OK", [("Content-Type", "text/plain"), *included])
        return [b"".join(body)]

    def forward(self, environ, start_response):
        """Call the other application, and return its answer."""
        return self.other(self._dispatched(environ), start_response)

    def _dispatched(self, environ):
        path = environ["PATH_INFO"].removeprefix("/include").removeprefix("/forward")
        return {**environ, "SCRIPT_NAME": "/two", "PATH_INFO": path}


@pytest.fixture
def client():
    """A client of applications mounted at /one and /two; the first can dispatch to the second."""
    second = SessionMiddleware(Application(), SessionManager())
    first = SessionMiddleware(Application(second), SessionManager())
    return Client(DispatcherMiddleware(None, {"/one": first, "/two": second}))


def ask(client, path, ids=()):
    """Return what the servlet at *path* tells; with *ids* those are sent in place of the client's cookies."""
    if ids:
        client = Client(client.application, use_cookies=False)
    response = client.get(path, headers={"Cookie": "; ".join(f"JSESSIONID={one}" for one in ids)} if ids else {})
    assert response.status_code == 200
    return eval(response.text)  # noqa: S307 (a literal of our own)


class TestHttpSessionxTests:
    """Sessions of one client in two contexts."""

    def test_getMaxInactiveIntervalTest(self, clock, client):
        """An interval that one request sets is what the next one reads."""
        ask(client, "/one/create")

        assert ask(client, "/one/interval") == 10

    def test_expireHttpSessionTest(self, clock, client):
        """A session that idles for longer than its interval is gone."""
        session_id = ask(client, "/one/create")
        clock.tick(9)
        assert ask(client, "/one/find") == session_id
        clock.tick(11)

        assert ask(client, "/one/find") is None

    def test_expireHttpSessionxTest(self, clock, client):
        """The id of a session of one context opens nothing in the other, neither alive nor expired."""
        session_id = ask(client, "/one/create")
        assert ask(client, "/one/find", [session_id]) == session_id
        assert ask(client, "/two/find", [session_id]) is None
        clock.tick(11)

        assert ask(client, "/two/find", [session_id]) is None

    def test_expireHttpSessionxriTest(self, clock, client):
        """Nor does it when the other context is included in a request of the first."""
        session_id = ask(client, "/one/create")
        assert ask(client, "/one/find") == session_id
        assert ask(client, "/one/include/find") is None
        clock.tick(11)

        assert ask(client, "/one/include/find") is None

    def test_expireHttpSessionxri1Test(self, clock, client):
        """A session that an included application made is that application's: directly requested, it is there and
        expires there."""
        session_id = ask(client, "/one/include/create")
        assert client.get_cookie("JSESSIONID", path="/two").value == session_id
        assert ask(client, "/two/find") == session_id
        assert ask(client, "/one/find") is None
        clock.tick(11)

        assert ask(client, "/two/find") is None

    def test_expireHttpSessionxrfTest(self, clock, client):
        """A forward creates a session of the other context, which expires there."""
        session_id = ask(client, "/one/forward/create")
        assert client.get_cookie("JSESSIONID", path="/two").value == session_id
        assert ask(client, "/two/find") == session_id
        assert ask(client, "/one/find") is None
        clock.tick(11)

        assert ask(client, "/two/find") is None

    def test_invalidateHttpSessionTest(self, client):
        """The requested id ceases to be valid within the request that invalidates the session."""
        ask(client, "/one/create")

        assert ask(client, "/one/invalidate") == (True, False)

    def test_invalidateHttpSessionxTest(self, client):
        """An included context invalidates its own session, while the including one's stays."""
        ids = first, second = ask(client, "/one/create"), ask(client, "/two/create")
        assert ask(client, "/two/find", ids) == second
        assert ask(client, "/one/include/invalidate", ids) == (True, False)

        assert ask(client, "/two/find", ids) is None
        assert ask(client, "/one/find", ids) == first
