"""``httpsession.werkzeug.Request``: each member says and does what the session half of the request does."""

from __future__ import annotations

import pytest
from werkzeug.test import Client, create_environ
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response

from httpsession import (
    HttpSession,
    IllegalStateError,
    InvalidSessionError,
    RequestSession,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    request_session,
)
from httpsession.werkzeug import Request


@pytest.fixture
def manager():
    """The sessions of the application under test, which are tracked both ways."""
    with SessionManager(config=SessionConfig(tracking_modes={"cookie", "url"}, sweep_interval=None)) as manager:
        yield manager


def client_of(manager, view, results):
    """Return a client of an application whose view gets the request; what it returns is put into *results*."""

    @Request.application
    def app(request):
        results.append(view(request))
        return Response("done")

    return Client(SessionMiddleware(app, manager))


@pytest.fixture
def run(manager):
    """Send a request to a view, with the id of a session in a cookie or in the path, and return what it returned."""

    def run(view, *, cookie=None, path="/"):
        results = []
        client = client_of(manager, view, results)
        if cookie is not None:
            client.set_cookie("JSESSIONID", cookie)
        assert client.get(path).status_code == 200
        return results[0]

    return run


def test_is_a_werkzeug_request(run):
    """It is a Werkzeug request with everything that one has."""

    def view(request):
        return isinstance(request, WerkzeugRequest), request.path, request.args["a"]

    assert run(view, path="/x?a=1") == (True, "/x", "1")


def test_request_session(run):
    """``request_session`` is the very object that is in the environ."""
    session, expected = run(lambda request: (request.request_session, request_session(request.environ)))
    assert isinstance(session, RequestSession)
    assert session is expected


def test_get_session(run, manager):
    """``get_session()`` makes a session, ``get_session(False)`` and ``get_session(create=False)`` do not."""

    def view(request):
        before = request.get_session(False), request.get_session(create=False)
        created = request.get_session()
        return before, created, request.get_session(False), request.get_session(True)

    before, created, *after = run(view)
    assert before == (None, None)
    assert isinstance(created, HttpSession)
    assert after == [created, created]
    assert manager.stats().created == 1


def test_get_session_of_a_client(run):
    """A client that comes back gets the session that it left."""
    session_id = run(lambda request: request.get_session().set_attribute("a", 1) or request.get_session().id)
    assert run(lambda request: request.get_session(False)["a"], cookie=session_id) == 1


def test_change_session_id(run):
    """``change_session_id`` returns the new id; the old one opens nothing."""
    old = run(lambda request: request.get_session().id)
    returned, new = run(lambda request: (request.change_session_id(), request.get_session().id), cookie=old)
    assert returned == new != old
    assert run(lambda request: request.get_session(False), cookie=old) is None
    assert run(lambda request: request.get_session(False).id, cookie=new) == new


def test_change_session_id_without_a_session(run):
    """Without a session there is no id to change."""

    def view(request):
        with pytest.raises(IllegalStateError):
            request.change_session_id()
        return request.get_session(False)

    assert run(view) is None


def test_login_and_logout(run):
    """``login`` binds a user under a new id and returns the session; ``logout`` ends it."""
    before = run(lambda request: request.get_session().id)
    principal, session_id = run(lambda request: ((one := request.login("ann")).principal, one.id), cookie=before)
    assert principal == "ann"
    assert session_id != before

    def logout(request):
        session = request.get_session(False)
        assert request.logout() is None
        with pytest.raises(InvalidSessionError):
            _ = session.principal
        return request.get_session(False)

    assert run(logout, cookie=session_id) is None
    assert run(lambda request: request.get_session(False), cookie=session_id) is None


def test_login_needs_a_name(run):
    """A principal that ``RequestSession.login`` refuses is refused."""

    def view(request):
        with pytest.raises(ValueError, match="principal"):
            request.login("")
        return request.get_session(False)

    assert run(view) is None


def test_logout_without_a_session(run, manager):
    """Logging out a stranger makes no session and raises nothing."""
    assert run(lambda request: request.logout()) is None
    assert manager.stats().created == 0


def facts(request):
    """Return what the request knows of the id that the client sent, and what the session half of it does."""
    half = request_session(request.environ)
    names = [
        "requested_session_id",
        "is_requested_session_id_valid",
        "is_requested_session_id_from_cookie",
        "is_requested_session_id_from_url",
    ]
    shown = tuple(getattr(request, name) for name in names)
    assert shown == tuple(getattr(half, name) for name in names)
    return shown


def test_requested_session_id(run):
    """Where the id came from and whether it is any good."""
    session_id = run(lambda request: request.get_session().id)
    unknown = "A" * 32
    assert run(facts) == (None, False, False, False)
    assert run(facts, cookie=session_id) == (session_id, True, True, False)
    assert run(facts, path=f"/;jsessionid={session_id}") == (session_id, True, False, True)
    assert run(facts, cookie=unknown) == (unknown, False, True, False)
    assert run(facts, path=f"/;jsessionid={unknown}") == (unknown, False, False, True)


def test_path_has_no_parameter(run):
    """Werkzeug routes by the path without the id."""
    session_id = run(lambda request: request.get_session().id)
    assert run(lambda request: request.path, path=f"/a;jsessionid={session_id}/b") == "/a/b"


def test_encode_url(run):
    """``encode_url`` and ``encode_redirect_url`` put the id into URLs of the application where the client needs it."""

    def view(request):
        session_id = request.get_session().id
        urls = "/a?b", "http://elsewhere/", "../x"
        return session_id, [request.encode_url(url) for url in urls], request.encode_redirect_url("/a?b")

    session_id, encoded, redirect = run(view)
    assert encoded == [f"/a;jsessionid={session_id}?b", "http://elsewhere/", "../x"]
    assert redirect == f"/a;jsessionid={session_id}?b"
    assert run(lambda request: request.encode_url("/a"), cookie=session_id) == "/a"


def test_encode_redirect_url_above_the_root(run):
    """A redirect above the root is an error, as ``RequestSession`` has it."""

    def view(request):
        with pytest.raises(ValueError, match="above the root"):
            request.encode_redirect_url("../x")

    run(view)


def test_without_the_middleware():
    """Each member raises an error that names the middleware."""
    request = Request(create_environ())
    uses = [
        lambda: request.request_session,
        lambda: request.get_session(),
        lambda: request.change_session_id(),
        lambda: request.login("ann"),
        lambda: request.logout(),
        lambda: request.requested_session_id,
        lambda: request.is_requested_session_id_valid,
        lambda: request.is_requested_session_id_from_cookie,
        lambda: request.is_requested_session_id_from_url,
        lambda: request.encode_url("/"),
        lambda: request.encode_redirect_url("/"),
    ]
    for use in uses:
        with pytest.raises(IllegalStateError, match="SessionMiddleware"):
            use()


def test_every_member_is_there():
    """All public members of ``RequestSession`` are on the request."""
    design = {
        *("get_session", "change_session_id", "requested_session_id", "is_requested_session_id_valid"),
        *("is_requested_session_id_from_cookie", "is_requested_session_id_from_url"),
        *("encode_url", "encode_redirect_url", "login", "logout"),
    }
    assert design <= vars(Request).keys()
    assert design <= vars(RequestSession).keys()
    assert not design & vars(WerkzeugRequest).keys()


def test_as_the_request_class_of_an_application(manager):
    """Two requests of one client see one session, through two Request objects, one with a copy of the environ (S18)."""
    results = []

    def view(request):
        session = request.get_session()
        session["visits"] = session.get("visits", 0) + 1
        again = Request(dict(request.environ))
        return session["visits"], again.get_session() == session

    client = client_of(manager, view, results)
    client.get("/")
    client.get("/")
    assert results == [(1, True), (2, True)]
