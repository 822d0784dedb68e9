"""The middleware: every style of WSGI application has sessions, and the session is committed with the headers."""

from __future__ import annotations

import io
import sys
import warnings
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

from httpsession import (
    ConfigError,
    IllegalStateError,
    ResponseCommittedError,
    SessionConfig,
    SessionCookieConfig,
    SessionManager,
    SessionMiddleware,
    get_session,
    request_session,
)
from httpsession.stores import MemoryStore
from tests.support.core import accesses_of
from tests.support.listeners import Recorder
from tests.support.request import TEXT, Request, fetch
from tests.support.site import Site


class Body:
    """An iterable that is no generator, and can count how often it is closed."""

    def __init__(self, chunks):
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.chunks)


class ClosedBody(Body):
    def close(self):
        self.closed += 1


def count(environ):
    """Count the requests of a session, and return their number as a body."""
    session = get_session(environ)
    session["count"] = session.get("count", 0) + 1
    return str(session["count"]).encode()


def list_body(environ, start_response):
    chunk = count(environ)
    start_response("200 OK", [TEXT])
    return [chunk]


def tuple_body(environ, start_response):
    chunk = count(environ)
    start_response("200 OK", [TEXT])
    return (chunk,)


def generator_body(environ, start_response):
    start_response("200 OK", [TEXT])
    yield count(environ)


def late_start(environ, start_response):
    chunk = count(environ)

    def body():
        start_response("200 OK", [TEXT])
        yield chunk

    return body()


def session_after_start(environ, start_response):
    start_response("200 OK", [TEXT])
    return [count(environ)]


def iterator_without_close(environ, start_response):
    start_response("200 OK", [TEXT])
    return Body([count(environ)])


def iterator_with_close(environ, start_response):
    start_response("200 OK", [TEXT])
    return ClosedBody([count(environ)])


def empty_chunks_first(environ, start_response):
    start_response("200 OK", [TEXT])
    yield b""
    yield b""
    yield count(environ)


def written(environ, start_response):
    chunk = count(environ)
    start_response("200 OK", [TEXT])(chunk)
    return []


def written_then_generated(environ, start_response):
    chunk = count(environ)
    write = start_response("200 OK", [TEXT])
    write(chunk)
    return iter([])


def file_body(environ, start_response):
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](io.BytesIO(count(environ)))


def error_page(environ, start_response):
    start_response("200 OK", [TEXT])
    try:
        raise LookupError("the page cannot be made")
    except LookupError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    return [count(environ)]


STYLES = [
    list_body,
    tuple_body,
    generator_body,
    late_start,
    session_after_start,
    iterator_without_close,
    iterator_with_close,
    empty_chunks_first,
    written,
    written_then_generated,
    file_body,
    error_page,
]
#: Where the validator stands: nowhere, between server and middleware, between middleware and application, both.
PLACES = {
    "bare": SessionMiddleware,
    "around": lambda app: validator(SessionMiddleware(app)),
    "inside": lambda app: SessionMiddleware(validator(app)),
    "both": lambda app: validator(SessionMiddleware(validator(app))),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("app", STYLES, ids=lambda app: app.__name__)
def test_session_lives_on_in_every_style(app, place):
    """In every style a new session is there in the next request, and its cookie is sent once."""
    site = PLACES[place](app)
    environ = {"wsgi.file_wrapper": FileWrapper}
    first = fetch(site, **environ)
    second = fetch(site, first.new_id, **environ)

    assert [first.text, second.text] == ["1", "2"]
    assert first.starts == second.starts == 1
    assert second.set_cookies == []
    assert first.errors.getvalue() == second.errors.getvalue() == ""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")],
    ids=["HEAD", "204", "304"],
)
@pytest.mark.parametrize("body", [list, lambda: iter([]), tuple], ids=["list", "iterator", "tuple"])
def test_response_without_body_brings_the_cookie(body, method, status, place):
    """A response that has no body commits at its end, and brings the cookie."""

    def app(environ, start_response):
        count(environ)
        start_response(status, [TEXT] if status.startswith("200") else [])
        return body()

    site = PLACES[place](app)
    first = fetch(site, REQUEST_METHOD=method)
    second = fetch(site, first.new_id, REQUEST_METHOD=method)

    assert first.status == status
    assert second.set_cookies == []


def test_response_to_head_is_committed_when_nobody_reads_it_to_the_end():
    """A server that takes the first chunk of a HEAD response, and then closes, has the headers with the cookie."""
    app = SessionMiddleware(generator_body)
    response = Request(app, REQUEST_METHOD="HEAD").read().close()

    assert fetch(app, response.new_id).text == "2"


class TestWhenHeadersGoOut:
    """The headers are held back until the first chunk that is not empty, the first write, or the end."""

    def test_held_back_until_first_chunk(self):
        """The server does not get the headers before the first chunk that is not empty."""
        request = Request(SessionMiddleware(empty_chunks_first))

        assert request.status is None
        request.read()
        assert (request.status, request.chunks) == ("200 OK", [b"1"])

    def test_chunks_come_one_by_one(self):
        """The middleware reads no further than it was asked to: what a client gets is not delayed."""
        made = []

        def app(environ, start_response):
            start_response("200 OK", [TEXT])
            for number in range(3):
                made.append(number)
                yield str(number).encode()

        request = Request(SessionMiddleware(app))
        request.read()

        assert made == [0]
        assert request.read().chunks == [b"0", b"1"]

    def test_empty_chunk_after_the_first_one_is_passed_on(self):
        """An empty chunk in the middle is the application's sign that it is not ready; the server gets it."""

        def app(environ, start_response):
            start_response("200 OK", [TEXT])
            yield from (b"a", b"", b"b")

        assert fetch(SessionMiddleware(app)).chunks == [b"a", b"", b"b"]

    def test_write_sends_the_headers_first(self):
        """The first write() commits, even an empty one: after it a session cannot be made."""

        def app(environ, start_response):
            start_response("200 OK", [TEXT])(b"")
            with pytest.raises(ResponseCommittedError):
                get_session(environ)
            return iter([])

        assert fetch(SessionMiddleware(app)).set_cookies == []

    def test_list_passes_through_unwrapped(self):
        """A list or tuple reaches the server as the very object, so that it can send the length."""
        for body in ([b"a"], (b"a",), []):

            def app(environ, start_response, body=body):
                get_session(environ)
                start_response("200 OK", [TEXT])
                return body

            assert Request(SessionMiddleware(app)).body is body

    @pytest.mark.parametrize("asks", [True, False])
    def test_file_keeps_its_type(self, asks):
        """A body of wsgi.file_wrapper reaches the server unwrapped, so that it can send the file by its own means."""
        made = []

        class Wrapper(ClosedBody):
            def __init__(self, chunks):
                super().__init__(chunks)
                made.append(self)

        def app(environ, start_response):
            if asks:
                get_session(environ)
            start_response("200 OK", [TEXT])
            return environ["wsgi.file_wrapper"]([b"a"])

        request = Request(SessionMiddleware(app), **{"wsgi.file_wrapper": Wrapper})

        assert request.body is made[0]
        request.finish()
        assert made[0].closed == 1
        assert len(request.set_cookies) == asks

    def test_headers_of_the_application_are_not_changed(self):
        """The cookie is added to a copy: an application may keep one list of headers for all responses."""
        headers = [TEXT]

        def app(environ, start_response):
            get_session(environ)
            start_response("200 OK", headers)
            return [b"a"]

        response = fetch(SessionMiddleware(app))

        assert len(response.set_cookies) == 1
        assert headers == [TEXT]

    def test_cookies_of_the_application_stay(self):
        """The session cookie comes beside the application's own; one of its name and path gives way to it."""

        def app(environ, start_response):
            get_session(environ)
            start_response("200 OK", [TEXT, ("Set-Cookie", "theme=dark"), ("set-cookie", "JSESSIONID=forged; Path=/")])
            return [b"a"]

        theme, session = fetch(SessionMiddleware(app)).set_cookies

        assert theme == "theme=dark"
        assert session.startswith("JSESSIONID=")
        assert "forged" not in session


class TestCommitted:
    """Calls that need a cookie raise once the headers have gone out (Servlet 6.1, 9.3)."""

    def test_session_cannot_be_made_after_first_chunk(self):
        """A session whose id the client could not learn is refused, and none is left behind."""
        recorder = Recorder()
        manager = SessionManager(listeners=[recorder])
        request = Site(manager).request().read()

        with pytest.raises(ResponseCommittedError):
            request.session.get_session()
        with pytest.raises(ResponseCommittedError):
            request.session.login("anna")
        assert recorder.log == []
        request.finish()
        assert len(request.set_cookies) == 0

    def test_session_cannot_be_made_after_a_list_has_been_returned(self):
        """A list commits when the application returns it."""
        request = Request(SessionMiddleware(session_after_start))

        request.session.get_session(create=False).invalidate()
        with pytest.raises(ResponseCommittedError):
            request.session.get_session()

    def test_get_session_without_create_goes_on(self):
        """Asking whether there is a session needs no cookie, nor does a session that is there."""
        site = Site(SessionManager())
        session_id = site.new_session()
        anonymous, known = site.request().read(), site.request(session_id).read()

        assert anonymous.session.get_session(create=False) is None
        assert known.session.get_session().id == session_id

    @pytest.mark.parametrize("act", [lambda one: one.change_session_id(), lambda one: one.login("anna")])
    def test_id_cannot_be_changed(self, act):
        """Neither change_session_id nor login changes the id when its cookie cannot be sent any more."""
        site = Site(SessionManager())
        session_id = site.new_session()
        request = site.request(session_id).read()

        with pytest.raises(ResponseCommittedError):
            act(request.session)
        request.finish()
        assert site.request(session_id).session.get_session(create=False).principal is None

    def test_session_can_be_made_after_the_headers_where_ids_travel_in_urls(self):
        """Without cookies there is nothing that the headers would have to carry."""
        manager = SessionManager(config=SessionConfig(tracking_modes={"URL"}))
        request = Site(manager).request().read()

        session = request.session.get_session()
        assert request.session.encode_url("/next") == f"/next;jsessionid={session.id}"

    def test_what_a_stream_changes_late_is_saved(self):
        """Attributes can be set until the body is closed; the next request sees them."""

        def app(environ, start_response):
            session = get_session(environ)
            start_response("200 OK", [TEXT])
            try:
                yield str(session.get("seen")).encode()
                session["seen"] = "while streaming"
                yield b"."
            finally:
                session["closed"] = session.get("closed", 0) + 1

        site = SessionMiddleware(app)
        session_id = fetch(site).new_id
        second = fetch(site, session_id)

        assert second.text == "while streaming."
        session = Site(site.manager).request(session_id).session.get_session()
        assert session["closed"] == 2


class TestClose:
    """An application's close() is called once, whatever happens."""

    @pytest.mark.parametrize("read", [0, 1, 2])
    def test_closed_once_however_much_was_read(self, read):
        """Read not at all, in part or to the end, the application's body is closed once."""
        body = ClosedBody([b"a", b"b"])

        def app(environ, start_response):
            get_session(environ)
            start_response("200 OK", [TEXT])
            return body

        request = Request(SessionMiddleware(app))
        for _ in range(read):
            request.read()
        request.close()

        assert body.closed == 1

    def test_close_that_raises_still_ends_the_request(self):
        """An exception of close() reaches the server, and the session is no longer in use."""

        class Failing(Body):
            def close(self):
                raise OSError("the file has gone")

        def app(environ, start_response):
            get_session(environ)
            start_response("200 OK", [TEXT])
            return Failing([b"a"])

        middleware = SessionMiddleware(app)
        with pytest.raises(OSError, match="the file has gone"):
            fetch(middleware)
        assert accesses_of(middleware.manager).in_use() == {}

    def test_file_is_closed_when_the_headers_cannot_go_out(self):
        """A file that never reaches the server, since its start_response() failed, is closed by the middleware."""
        body = ClosedBody([b"a"])

        def app(environ, start_response):
            get_session(environ)
            start_response("200 OK", [TEXT])
            return body

        def start_response(status, headers, exc_info=None):
            raise ConnectionError("the client has gone")

        def server(environ, _):
            return SessionMiddleware(app)(environ, start_response)

        with pytest.raises(ConnectionError):
            Request(server, **{"wsgi.file_wrapper": ClosedBody})
        assert body.closed == 1


class TestMisuse:
    """Applications that break the rules get the errors of a strict server."""

    @pytest.mark.parametrize("body", [[b"a"], (b"", b"a"), iter([b"a"])], ids=["list", "tuple", "iterator"])
    def test_start_response_never_called(self, body):
        """A body without headers is an error, and a session made for it is gone."""
        recorder = Recorder()

        def app(environ, start_response):
            get_session(environ)
            return body

        manager = SessionManager(listeners=[recorder])
        with pytest.raises(AssertionError, match="start_response"):
            fetch(SessionMiddleware(app, manager))
        assert [event[0] for event in recorder.log] == ["created", "destroyed"]

    def test_start_response_twice(self):
        """A second start_response() is an error, unless it brings an exc_info."""

        def app(environ, start_response):
            start_response("200 OK", [TEXT])
            start_response("200 OK", [TEXT])
            return [b"a"]

        with pytest.raises(AssertionError, match="second time"):
            fetch(SessionMiddleware(app))

    def test_error_after_headers_raises(self):
        """With the headers gone out, start_response(..., exc_info) raises that exception (PEP 3333)."""

        def app(environ, start_response):
            write = start_response("200 OK", [TEXT])
            write(count(environ))
            try:
                raise LookupError("too late for an error page")
            except LookupError:
                start_response("500 Internal Server Error", [TEXT], sys.exc_info())
            return [b"never"]

        manager = SessionManager()
        with pytest.raises(LookupError, match="too late"):
            fetch(SessionMiddleware(app, manager))
        assert manager.stats().active == 1

    def test_error_page_replaces_the_headers(self):
        """An error page takes the place of headers that have not gone out; the session and its cookie stay."""
        middleware = SessionMiddleware(error_page)
        response = fetch(middleware)

        assert response.status == "500 Internal Server Error"
        assert fetch(middleware, response.new_id).text == "2"

    @pytest.mark.parametrize("app", [None, "application", [list_body]])
    def test_no_application(self, app):
        """An application that cannot be called is refused at construction."""
        with pytest.raises(TypeError, match="can be called"):
            SessionMiddleware(app)

    @pytest.mark.parametrize("wrong", [5, [], object(), SessionManager, MemoryStore, SessionConfig(), b"memory://"])
    def test_no_manager(self, wrong):
        """A value that is no manager, no store and no URL of one is refused at construction."""
        with pytest.raises(ConfigError, match="must be a SessionStore or the URL of one"):
            SessionMiddleware(list_body, wrong)

    def test_swapped(self):
        """Where the arguments change places, the error says so, and does not show the URL."""
        for first in (SessionManager(), "redis://:s3cret@host"):
            with pytest.raises(TypeError, match="the application is the first argument") as caught:
                SessionMiddleware(first, list_body)
            assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("ask", [get_session, request_session])
    def test_without_the_middleware(self, ask):
        """Without the middleware the error names it."""
        with pytest.raises(IllegalStateError, match="SessionMiddleware"):
            ask({})

    def test_several_processes_are_warned_of_once(self):
        """Sessions in memory and several processes do not go together: the first request says so, later ones do not."""
        app = SessionMiddleware(list_body)
        with pytest.warns(RuntimeWarning, match="memory of one process"):
            Request(app, **{"wsgi.multiprocess": True})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Request(app, **{"wsgi.multiprocess": True})


class TestNested:
    """Middlewares in one another."""

    def test_two_managers_keep_their_sessions_apart(self):
        """The inner application has sessions of its own; the outer one keeps its own before and after (S19)."""
        cookies = SessionConfig(cookie=SessionCookieConfig(name="INNER"))
        inner = SessionMiddleware(list_body, SessionManager(config=cookies))

        def outer(environ, start_response):
            before = get_session(environ)
            body = inner(environ, start_response)
            assert get_session(environ) is before
            before["outer"] = True
            assert "count" not in before
            return body

        site = SessionMiddleware(outer)
        first = fetch(site)
        names = sorted(cookie.partition("=")[0] for cookie in first.set_cookies)
        assert names == ["INNER", "JSESSIONID"]
        pairs = "; ".join(cookie.partition(";")[0] for cookie in first.set_cookies)
        second = fetch(site, HTTP_COOKIE=pairs)

        assert (second.text, second.set_cookies) == ("2", [])
        assert (inner.manager.stats().active, site.manager.stats().active) == (1, 1)

    def test_same_manager_is_passed_through(self):
        """Two middlewares with one manager are one: one session, one cookie."""
        manager = SessionManager()
        site = SessionMiddleware(SessionMiddleware(list_body, manager), manager)

        response = fetch(site)
        assert fetch(site, response.new_id).text == "2"
        assert manager.stats().created == 1

    @pytest.mark.parametrize("foreign", [None, object(), {}], ids=lambda value: type(value).__name__)
    def test_foreign_object_in_place_of_the_session(self, foreign):
        """An object of another package under the key of the exchange is replaced, as if there were none."""
        site = SessionMiddleware(list_body)

        first = fetch(site, **{"httpsession.exchange": foreign})
        assert fetch(site, first.new_id, **{"httpsession.exchange": foreign}).text == "2"

    def test_copy_of_the_environ_sees_the_session(self):
        """A middleware in between may hand on a copy of the environ (S18)."""
        site = SessionMiddleware(lambda environ, start_response: list_body(dict(environ), start_response))

        assert fetch(site, fetch(site).new_id).text == "2"


def test_generator_that_fails_after_its_headers_keeps_the_session():
    """The client has the cookie: a session made before the first chunk stays, with what was set later."""

    def app(environ, start_response):
        session = get_session(environ)
        start_response("200 OK", [TEXT])
        yield b"first"
        session["late"] = 1
        raise LookupError("the stream breaks")

    middleware = SessionMiddleware(app)
    request = Request(middleware)
    with pytest.raises(LookupError, match="the stream breaks"):
        request.finish()

    assert Site(middleware.manager).request(request.new_id).session.get_session()["late"] == 1
