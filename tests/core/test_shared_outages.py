"""A store that is down is no store without sessions: 503, no cookie is touched, and afterwards all is as before."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import contextmanager

import flask
import pytest

from httpsession import SessionMiddleware, StoreError, get_session, request_session
from httpsession.core.outage import Outage
from httpsession.core.sweeper import Sweeper
from httpsession.manager import sessions_behind
from httpsession.response import RETRY_AFTER
from tests.support.core import flush
from tests.support.request import TEXT, fetch
from tests.support.waiting import SOON, wait_until


@pytest.fixture
def session_id(workers):
    return workers[0].session_with(user="anna")


@pytest.fixture
def refusing_writes(url, request):
    """Makes the store answer reads and refuse writes during a block."""

    @contextmanager
    def refuse():
        if url.startswith("sqlite"):
            foreign = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
            foreign.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                foreign.close()
        else:
            client = request.getfixturevalue("redis_server").client
            client.config_set("min-replicas-to-write", 1)
            try:
                yield
            finally:
                client.config_set("min-replicas-to-write", 0)

    return refuse


def serve(worker, act, session_id=None):
    """Make a request whose application calls *act* with the session half, and answers."""

    def app(environ, start_response):
        act(request_session(environ))
        start_response("200 OK", [TEXT])
        return [b"done"]

    return fetch(SessionMiddleware(app, worker.manager), session_id)


def assert_refused(response):
    """The answer is 503 with Retry-After, and without a cookie."""
    assert response.status == "503 Service Unavailable"
    assert RETRY_AFTER in response.headers
    assert response.set_cookies == []


class TestDown:
    """Nothing can be asked of the store: the server takes connections, and does not answer."""

    @pytest.fixture
    def url(self, redis_server):
        redis_server.client.flushall()
        return redis_server.unix_url

    @pytest.fixture
    def down(self, redis_server):
        @contextmanager
        def pause():
            redis_server.pause()
            try:
                yield
            finally:
                redis_server.resume()

        return pause

    def test_requests_that_do_not_ask(self, workers, session_id, down):
        """A request that does not touch its session goes through as if nothing was."""
        with down():
            assert serve(workers[0], lambda session: None, session_id).text == "done"

    @pytest.mark.parametrize("create", [True, False])
    def test_requests_that_ask(self, workers, session_id, down, create):
        """A request that asks is refused, and quickly; afterwards the same cookie opens the same session."""
        with down():
            start = time.monotonic()
            response = serve(workers[0], lambda session: session.get_session(create), session_id)
            assert time.monotonic() - start < SOON
        assert_refused(response)
        assert workers[0].attributes(session_id) == {"user": "anna"}

    def test_new_sessions(self, workers, down):
        """A session that cannot be stored gives no cookie."""
        with down():
            response = serve(workers[0], lambda session: session.get_session().update(a=1))
        assert_refused(response)

    def test_counting_for_the_limit(self, start_worker, down):
        """Where it is not known how many sessions there are a new one is refused, under a framework, too."""
        worker = start_worker(max_sessions=10)

        def app(environ, start_response):
            with pytest.raises(StoreError):
                get_session(environ)
            start_response("500 Internal Server Error", [TEXT])
            return [b""]

        with down():
            assert_refused(fetch(SessionMiddleware(app, worker.manager)))

    def test_asking_again(self, workers, session_id, down):
        """A request that asks again after a failure is refused again, and gets no new session."""

        def act(session):
            for _ in range(3):
                with pytest.raises(StoreError):
                    session.get_session()
                with pytest.raises(StoreError):
                    _ = session.is_requested_session_id_valid

        with down():
            response = serve(workers[0], act, session_id)
        assert response.text == "done"
        assert workers[0].recorder.of("created") == [("created", session_id)]

    def test_application_that_catches(self, workers, session_id, down):
        """An application that catches the error answers as it likes; no cookie is touched."""

        def act(session):
            with pytest.raises(StoreError):
                session.get_session()

        with down():
            response = serve(workers[0], act, session_id)
        assert (response.status, response.text, response.set_cookies) == ("200 OK", "done", [])

    def test_framework_that_catches(self, workers, session_id, down):
        """Where a framework makes the error a 500 the answer is 503 all the same, with the framework's page."""
        app = flask.Flask(__name__)
        app.logger.disabled = True

        @app.get("/")
        def view():
            return get_session(flask.request.environ)["user"]

        middleware = SessionMiddleware(app, workers[0].manager)
        with down():
            response = fetch(middleware, session_id)
        assert_refused(response)
        assert "Internal Server Error" in response.text
        assert fetch(middleware, session_id).text == "anna"

    def test_streamed(self, workers, session_id, down):
        """A body that asks before its first chunk is refused in its place, and closed."""
        closed = []

        def app(environ, start_response):
            start_response("200 OK", [TEXT])
            try:
                yield b""
                yield get_session(environ)["user"].encode()
            finally:
                closed.append(True)

        with down():
            response = fetch(SessionMiddleware(app, workers[0].manager), session_id)
        assert_refused(response)
        assert closed == [True]

    def test_accesses_are_told_later(self, clock, workers, session_id, down):
        """Accesses that could not be flushed are flushed when the store is back."""
        clock.set(50)
        workers[0].visit(session_id)
        with down(), pytest.raises(StoreError):
            flush(workers[0].manager)
        flush(workers[0].manager)
        clock.set(100)
        assert workers[1].has(session_id)

    def test_background_thread_goes_on(self, start_worker, down, caplog):
        """The background thread logs once that the store is down, and works again when it is back."""
        worker = start_worker(sweep_interval=0.05, max_inactive_interval=1)
        worker.session_with(a=1)
        sweeper = Sweeper(sessions_behind(worker.manager), 0.05, Outage())
        with down():
            sweeper.start()
            wait_until(lambda: "session_store_error" in caplog.text, "the failure to be logged")
        wait_until(lambda: worker.recorder.of("destroyed"), "the session to end")
        sweeper.stop()
        assert len([record for record in caplog.records if "state=began" in record.getMessage()]) == 1

    def test_errors_name_no_secret(self, workers, session_id, down, caplog):
        """Neither logs nor exceptions name the id or the key."""
        caplog.set_level(logging.DEBUG, "httpsession")
        with down(), pytest.raises(StoreError) as caught:
            workers[0].request(session_id).session.get_session()
        assert session_id not in f"{caught.value!r} {caplog.text}"


class TestRefusingWrites:
    """The store answers, but keeps nothing."""

    def test_reading(self, workers, session_id, refusing_writes):
        """A request that reads is served."""
        seen = []
        with refusing_writes():
            response = serve(workers[0], lambda session: seen.append(session.get_session()["user"]), session_id)
        assert (response.text, seen) == ("done", ["anna"])

    @pytest.mark.parametrize(
        "act",
        [
            lambda session: session.get_session().update(a=1),
            lambda session: session.get_session().update_attribute("a", lambda a: 1),
            lambda session: session.change_session_id(),
            lambda session: session.login("anna"),
            lambda session: session.logout(),
        ],
        ids=["write", "update", "change id", "login", "logout"],
    )
    def test_changing(self, workers, session_id, refusing_writes, act):
        """A request whose change cannot be kept is refused; nothing has changed, and the cookie stays good."""
        with refusing_writes():
            response = serve(workers[0], act, session_id)
        assert_refused(response)
        assert workers[1].attributes(session_id) == {"user": "anna"}
        serve(workers[0], act, session_id)
        flush(workers[0].manager)

    @pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
    def test_login_with_an_update_that_fails(self, workers, session_id, refusing_writes, status):
        """A login after which something else failed takes effect as a whole, with its cookie, or not at all."""

        def app(environ, start_response):
            session = get_session(environ)
            with refusing_writes(), pytest.raises(StoreError):
                session.update_attribute("count", lambda count: 1)
            request_session(environ).login("anna")
            start_response(status, [TEXT])
            return [b""]

        response = fetch(SessionMiddleware(app, workers[0].manager), session_id)
        if status == "200 OK":
            assert workers[1].attributes(response.new_id) == {"user": "anna"}
        else:
            assert_refused(response)
            assert workers[1].attributes(session_id) == {"user": "anna"}
            assert workers[1].manager.sessions_of("anna") == ()

    def test_body_that_fails_is_not_saved_after_all(self, workers, session_id, refusing_writes):
        """Changes of a request answered by 503 are not saved at close(), though the store is back."""

        def app(environ, start_response):
            session = get_session(environ)
            session["user"] = "eve"
            start_response("200 OK", [TEXT])
            with refusing_writes():
                session.update_attribute("count", lambda count: 1)
            yield b"x"

        assert_refused(fetch(SessionMiddleware(app, workers[0].manager), session_id))
        assert workers[1].attributes(session_id) == {"user": "anna"}

    def test_trying_again_after_a_failed_commit(self, workers, session_id, refusing_writes):
        """Once the commit has failed the request is refused, though the application tries again."""

        def app(environ, start_response):
            get_session(environ)["user"] = "eve"
            write = start_response("200 OK", [TEXT])
            with refusing_writes(), pytest.raises(StoreError):
                write(b"x")
            write(b"x")
            return []

        assert_refused(fetch(SessionMiddleware(app, workers[0].manager), session_id))
        assert workers[1].attributes(session_id) == {"user": "anna"}

    def test_creating(self, workers, refusing_writes):
        """A new session that cannot be kept gives no cookie."""
        with refusing_writes():
            response = serve(workers[0], lambda session: session.get_session().update(a=1))
        assert_refused(response)
        assert workers[0].manager.stats().active == 0

    def test_what_comes_late(self, workers, session_id, refusing_writes, caplog):
        """A change after the headers have gone out cannot be refused any more; its loss is logged."""
        request = workers[0].request(session_id)
        session = request.session.get_session()
        request.read()
        session["late"] = 1
        with refusing_writes():
            request.finish()
        assert request.text == "firstsecond"
        assert "session_store_error state=began" in caplog.text
        assert workers[0].attributes(session_id) == {"user": "anna"}

    def test_by_write(self, workers, session_id, refusing_writes):
        """An application that uses write() gets the error from it, and is answered in the same way."""

        def app(environ, start_response):
            get_session(environ)["a"] = 1
            start_response("200 OK", [TEXT])(b"too soon")
            return []

        with refusing_writes():
            response = fetch(SessionMiddleware(app, workers[0].manager), session_id)
        assert_refused(response)
        assert "too soon" not in response.text
