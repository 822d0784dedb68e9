"""An application with sessions, for tests that are its client or its pages."""

from __future__ import annotations

from wsgiref.validate import validator

from httpsession import SessionConfig, SessionManager, SessionMiddleware, request_session
from tests.support.request import TEXT, Request


def streaming(environ, start_response):
    """Answer in two chunks; until they are read, the request is in flight and the test may use its session."""
    start_response("200 OK", [TEXT])
    return iter([b"first", b"second"])


class Site:
    """An application with sessions, mounted somewhere; a request may bring a page of its own as ``test.application``.

    Without a *manager* the site makes one of *config* and *listeners*, which has no background thread by default.
    """

    def __init__(self, manager=None, *, mount="", listeners=(), **config):
        if manager is None:
            manager = SessionManager(config=SessionConfig(**{"sweep_interval": None} | config), listeners=listeners)
        self.manager = manager
        self.mount = mount
        self.app = SessionMiddleware(_answer, manager)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.manager.close()

    @property
    def active(self):
        """The number of sessions."""
        return self.manager.stats().active

    def request(self, session_id=None, **environ):
        """Make a request, which is in flight until it is finished or closed."""
        return Request(self.app, session_id, **environ)

    def visit(self, session_id=None):
        """Make a whole request that does not ask for its session."""
        self.request(session_id).finish()

    def has(self, session_id):
        """Make a whole request that asks for its session, and return whether there is one."""
        request = self.request(session_id)
        session = request.session.get_session(create=False)
        request.finish()
        return session is not None

    def new_session(self):
        """Return the id of a new session, with which its client has come back."""
        session_id = self.new_id()
        assert self.has(session_id)
        return session_id

    def new_id(self, **environ):
        """Return the id of a new session, which no client has sent yet; *environ* as for :meth:`ask`."""
        return self.ask("/", lambda request: request.get_session().id, **environ).value

    def ask(
        self,
        path="/",
        do=lambda request: None,
        *,
        cookie=None,
        scheme="http",
        script_name="",
        host="h:8080",
        headers=(),
        **environ,
    ):
        """Make a whole request, checked by ``wsgiref.validate``, and return it with what *do* returned as its value.

        *path* is decoded, as in ``PATH_INFO``. The page does *do* with the session half of the request, and answers
        with *headers*.
        """
        values = []

        def page(environ, start_response):
            values.append(do(request_session(environ)))
            start_response("200 OK", [TEXT, *headers])
            return [b"done"]

        environ = {
            "SCRIPT_NAME": script_name,
            "PATH_INFO": path,
            "SERVER_NAME": "server.example",
            "SERVER_PORT": "8080",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": host,
            "wsgi.url_scheme": scheme,
            "test.application": page,
        } | environ
        if cookie is not None:
            environ["HTTP_COOKIE"] = cookie
        request = Request(validator(self.app), **environ).finish()
        (request.value,) = values
        return request


def _answer(environ, start_response):
    return environ.get("test.application", streaming)(environ, start_response)
