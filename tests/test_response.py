"""Responses of the middleware's own, and applications that answer without the server."""

from __future__ import annotations

import sqlite3
from functools import partial

import flask
import pytest

from httpsession import (
    LoginRequiredError,
    ResponseCommittedError,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    StoreError,
    TooManySessionsError,
    get_session,
    request_session,
)
from httpsession.response import RETRY_AFTER
from tests.support.core import accesses_of
from tests.support.request import TEXT, Request, fetch
from tests.support.site import Site
from tests.support.workers import Worker


def creating(environ, start_response):
    get_session(environ)["a"] = 1
    start_response("200 OK", [TEXT])
    return [b"done"]


def logging_in(environ, start_response):
    request_session(environ).login("anna")
    start_response("200 OK", [TEXT])
    return [b"done"]


def length_of(response):
    return dict(response.headers)["Content-Length"]


class TestTooManySessions:
    """Answers to requests whose session is refused, since there are as many as there may be (R52)."""

    @pytest.fixture
    def manager(self):
        """A manager with room for the one session that a user has."""
        with SessionManager(config=SessionConfig(max_sessions=1, sweep_interval=None)) as manager:
            request = fetch(SessionMiddleware(logging_in, manager))
            assert request.status == "200 OK"
            yield manager

    def assert_unavailable(self, response):
        """Assert that the client may try again in a moment, and keeps the cookie that it has."""
        assert response.status == "503 Service Unavailable"
        assert [value for name, value in response.headers if name.lower() == "retry-after"] == [RETRY_AFTER[1]]
        assert response.set_cookies == []

    def test_uncaught(self, manager, caplog):
        """The client gets one generic line, and the log no line for each such request."""
        fetch(SessionMiddleware(creating, manager))
        caplog.clear()
        response = fetch(SessionMiddleware(creating, manager), "F" * 32)
        self.assert_unavailable(response)

        assert response.text == "The service is temporarily unavailable. Please try again in a moment.\n"
        assert [record for record in caplog.records if record.name == "httpsession"] == []

    def test_head(self, manager):
        """The answer to HEAD has the same headers and no body."""
        get, head = (fetch(SessionMiddleware(creating, manager), REQUEST_METHOD=name) for name in ("GET", "HEAD"))

        assert (get.status, get.headers) == (head.status, head.headers)
        assert head.chunks == []

    def test_stream(self, manager):
        """A body that asks before its first chunk is refused in its place; after that the server gets the error."""

        def asking(environ, start_response, *, before):
            start_response("200 OK", [TEXT])
            yield b"" if before else b"first"
            get_session(environ)
            yield b"never"

        self.assert_unavailable(fetch(SessionMiddleware(partial(asking, before=True), manager)))
        with pytest.raises(ResponseCommittedError):
            fetch(SessionMiddleware(partial(asking, before=False), manager))

    def test_framework(self, manager):
        """Where a framework makes the error a 500 the answer is 503 all the same, with the framework's page."""
        app = flask.Flask(__name__)
        app.logger.disabled = True
        app.add_url_rule("/", view_func=lambda: get_session(flask.request.environ)["user"])
        response = fetch(SessionMiddleware(app, manager))

        self.assert_unavailable(response)
        assert "Internal Server Error" in response.text

    @pytest.mark.parametrize("status", ["200 OK", "429 Too Many Requests"])
    def test_caught(self, manager, status):
        """An application that catches the error answers as it likes, and can do without a session."""

        def app(environ, start_response):
            with pytest.raises(TooManySessionsError):
                get_session(environ)
            assert get_session(environ, create=False) is None
            start_response(status, [TEXT])
            return [b"later"]

        response = fetch(SessionMiddleware(app, manager))
        assert (response.status, response.text, response.set_cookies) == (status, "later", [])

    def test_room_meanwhile(self, manager):
        """If the request gets a session after all, its errors are its own."""

        def app(environ, start_response):
            with pytest.raises(TooManySessionsError):
                get_session(environ)
            manager.invalidate_all("anna")
            get_session(environ)["a"] = 1
            start_response("500 Internal Server Error", [TEXT])
            return [b"broken"]

        response = fetch(SessionMiddleware(app, manager))
        assert response.status == "500 Internal Server Error"
        assert response.new_id


class TestHead:
    """The answer 503 to HEAD has the headers of that to GET and no body (RFC 9110, 9.3.2)."""

    @pytest.fixture
    def worker(self, tmp_path):
        worker = Worker(f"sqlite:///{tmp_path}/sessions.db?timeout=0.1")
        yield worker
        worker.manager.close()

    @pytest.fixture
    def locked(self, worker, tmp_path):
        """The database file is locked: it can be read, and refuses writes."""
        foreign = sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        yield
        foreign.close()

    @pytest.fixture(
        params=[
            lambda body: body,
            tuple,
            iter,
            lambda body: iter([b"", *body]),
            lambda body: (chunk for chunk in body),
        ],
        ids=["list", "tuple", "iterator", "empty chunk", "generator"],
    )
    def app(self, request):
        """An application that sets an attribute; the commit fails."""

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            start_response("200 OK", [TEXT])
            return request.param([b"done"])

        return app

    def assert_headers_only(self, app, worker, **environ):
        """The answers to GET and HEAD differ in the body alone."""
        get = fetch(SessionMiddleware(app, worker.manager), REQUEST_METHOD="GET", **environ)
        head = fetch(SessionMiddleware(app, worker.manager), REQUEST_METHOD="HEAD", **environ)

        assert get.status == head.status == "503 Service Unavailable"
        assert get.headers == head.headers
        assert RETRY_AFTER in head.headers
        assert int(length_of(head)) == len(get.text) > 0
        assert head.chunks == []

    def test_store_that_refuses_the_commit(self, worker, locked, app):
        """Whatever kind of body the application has returned."""
        self.assert_headers_only(app, worker)

    def test_file(self, worker, locked, tmp_path):
        """The same for a file of the server's own."""
        (tmp_path / "file").write_bytes(b"text")

        class FileWrapper:
            def __init__(self, file):
                self.file = file

            def __iter__(self):
                return iter(self.file.read, b"")

            def close(self):
                self.file.close()

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            start_response("200 OK", [TEXT])
            return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

        self.assert_headers_only(app, worker, **{"wsgi.file_wrapper": FileWrapper})

    def test_write(self, worker, locked):
        """The same for an application that writes."""

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            start_response("200 OK", [TEXT])(b"done")
            return []

        self.assert_headers_only(app, worker)

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "205 Reset Content"])
    def test_status_without_body(self, worker, locked, status):
        """An application whose own response has no body."""

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            start_response(status, [])
            return []

        self.assert_headers_only(app, worker)

    def test_application_that_raises(self, worker):
        """The application lets the failure pass."""

        def app(environ, start_response):
            raise StoreError("the store is down")

        self.assert_headers_only(app, worker)

    def test_generator_that_raises(self, worker):
        """The same after it has returned."""

        def app(environ, start_response):
            raise StoreError("the store is down")
            yield b""

        self.assert_headers_only(app, worker)

    def test_method_that_the_application_changes(self, worker):
        """Frameworks that serve HEAD by their pages for GET change the environ: what the client has sent counts."""

        def app(environ, start_response):
            environ["REQUEST_METHOD"] = "GET"
            raise StoreError("the store is down")

        head = fetch(SessionMiddleware(app, worker.manager), REQUEST_METHOD="HEAD")
        assert head.chunks == []

    def test_two_middlewares(self, worker):
        """Each of two applications, one inside the other, has sessions of its own."""

        def app(environ, start_response):
            raise StoreError("the store is down")

        self.assert_headers_only(SessionMiddleware(app, worker.manager), Site())


def nothing(body):
    return pytest.param(lambda: body, id=repr(body))


class TestTakenOver:
    """An application that answers over the socket, and returns an empty body without a status."""

    @pytest.fixture(
        params=[
            nothing([]),
            nothing(()),
            nothing([b""]),
            nothing((b"", b"")),
            nothing(b""),
            nothing(""),
            pytest.param(lambda: iter(()), id="iterator"),
            pytest.param(lambda: iter([b"", b""]), id="empty chunks"),
            pytest.param(lambda: (_ for _ in ()), id="generator"),
        ]
    )
    def empty(self, request):
        """Returns an empty body."""
        return request.param

    def serve(self, site, act, body, session_id=None):
        """Make a request as a server that sends what it is given, and return it."""

        def app(environ, start_response):
            act(request_session(environ))
            return body()

        request = Request(SessionMiddleware(app, site.manager), session_id)
        for chunk in request.body:
            assert chunk == b""
        return request.close()

    def test_server_sends_nothing(self, empty):
        """The server gets the empty body, and is told no status; the request ends."""
        site = Site()
        request = self.serve(site, lambda session: None, empty, site.new_session())

        assert (request.status, request.starts) == (None, 0)
        assert not accesses_of(site.manager).in_flight

    @pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)
    def test_attributes_are_saved(self, start_worker, url, empty):
        """What the application has set in the session that the client has is kept."""
        worker = start_worker()
        session_id = worker.session_with(a=1)
        self.serve(worker, lambda session: session.get_session().update(b=2), empty, session_id)

        assert worker.attributes(session_id) == {"a": 1, "b": 2}

    @pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)
    def test_no_id_that_the_client_does_not_learn(self, start_worker, url, empty):
        """A creation or a change of the id is undone: no headers tell the client."""
        worker = start_worker()
        self.serve(worker, lambda session: session.get_session().update(b=2), empty)
        assert worker.active == 0
        session_id = worker.session_with(a=1)
        self.serve(worker, lambda session: session.change_session_id(), empty, session_id)
        self.serve(worker, lambda session: session.login("ada"), empty, session_id)

        assert worker.attributes(session_id) == {"a": 1}

    def test_invalidation(self, empty):
        """An end is an end."""
        site = Site()
        session_id = site.new_session()
        self.serve(site, lambda session: session.logout(), empty, session_id)
        assert not site.has(session_id)

    def test_mark_for_the_server(self):
        """What is no body at all reaches the server as it is: gunicorn compares it with its ALREADY_HANDLED."""
        site, mark = Site(), object()
        session_id = site.new_session()
        environ = site.request(session_id).finish().environ

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            return mark

        assert SessionMiddleware(app, site.manager)(environ, pytest.fail) is mark
        assert site.request(session_id).finish().session.get_session()["a"] == 1
        assert not accesses_of(site.manager).in_flight

    def test_exception_for_the_server(self):
        """Likewise an exception, such as StopIteration for some workers of gunicorn."""
        site = Site()
        session_id = site.new_session()

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            raise StopIteration

        with pytest.raises(StopIteration):
            Request(SessionMiddleware(app, site.manager), session_id)
        assert site.request(session_id).finish().session.get_session()["a"] == 1
        assert not accesses_of(site.manager).in_flight


class TestRefused:
    """What a client gets when the application does not catch that a login is needed, or is one too many."""

    @pytest.fixture
    def site(self):
        with Site(max_sessions_per_principal=1, when_too_many="deny") as site:
            yield site

    def fetch(self, site, app, session_id=None, **environ):
        return fetch(SessionMiddleware(app, site.manager), session_id, **environ)

    def check(self, response, status, line):
        """Check that the response is generic: one line, and no cookie."""
        assert (response.status, response.text, response.set_cookies) == (status, line, [])
        assert length_of(response) == str(len(line))

    @pytest.mark.parametrize("is_generated", [True, False])
    def test_recent_login(self, site, is_generated):
        """Without a recent login the answer is 401, and nothing says why; the session stays."""

        def app(environ, start_response):
            request_session(environ).require_recent_login(60)
            start_response("200 OK", [TEXT])
            return [b"secret"]

        def generating(environ, start_response):
            yield from app(environ, start_response)

        session_id = site.new_session()
        response = self.fetch(site, generating if is_generated else app, session_id)

        self.check(response, "401 Unauthorized", "Please log in again.\n")
        assert dict(response.headers)["WWW-Authenticate"] == "Session"
        assert site.has(session_id)
        head = self.fetch(site, generating if is_generated else app, REQUEST_METHOD="HEAD")
        assert (head.status, head.text, head.headers) == (response.status, "", response.headers)

    def test_recent_login_in_a_framework(self, site):
        """The 500 that a framework makes of the error becomes 401, with the framework's page."""
        flask_app = flask.Flask(__name__)
        flask_app.add_url_rule("/", view_func=lambda: request_session(flask.request).require_recent_login(60))
        response = self.fetch(site, flask_app)

        assert response.status == "401 Unauthorized"
        assert dict(response.headers)["WWW-Authenticate"] == "Session"

    def test_caught(self, site):
        """An application that catches the error answers as it likes."""

        def app(environ, start_response):
            try:
                request_session(environ).require_recent_login(60)
            except LoginRequiredError:
                start_response("303 See Other", [TEXT, ("Location", "/login")])
            return [b"first log in"]

        assert self.fetch(site, app).status == "303 See Other"

    def test_too_many_logins(self, site):
        """A login too many is answered by 503, without the reason."""

        def app(environ, start_response):
            request_session(environ).login("anna")
            start_response("200 OK", [TEXT])
            return [b"welcome"]

        assert self.fetch(site, app).status == "200 OK"
        response = self.fetch(site, app)
        line = "The service is temporarily unavailable. Please try again in a moment.\n"
        self.check(response, "503 Service Unavailable", line)
        assert RETRY_AFTER in response.headers

    @pytest.mark.parametrize("user", ["anna", "bert"])
    def test_login_meanwhile(self, user):
        """If the login that was too long ago is renewed in the request, its errors are its own, too."""

        def log_in(environ, start_response):
            session = request_session(environ)
            session.login("anna")
            with pytest.raises(LoginRequiredError):
                session.require_recent_login(1e-9)
            session.login(user)
            start_response("500 Internal Server Error", [TEXT])
            return [b"broken"]

        with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
            assert fetch(SessionMiddleware(log_in, manager)).status == "500 Internal Server Error"
