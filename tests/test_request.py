"""get_session and request_session with the requests of frameworks."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import bottle
import django
import falcon
import flask
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils.functional import SimpleLazyObject
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from httpsession import (
    IllegalStateError,
    SessionManager,
    SessionMiddleware,
    get_session,
    request_session,
)
from httpsession.servlet import HttpServletRequest
from httpsession.werkzeug import Request as SessionRequest
from tests.support.request import Request as SupportRequest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the cgi module, which WebOb needs
    from pyramid.config import Configurator
    from pyramid.request import Request as PyramidRequest
    from pyramid.response import Response as PyramidResponse

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="none", ROOT_URLCONF=())
    django.setup()

ASK = [get_session, request_session]


def count(request):
    """Count the requests of a session in both ways, and return their number."""
    assert request_session(request).get_session() is get_session(request)
    session = get_session(request, create=True)
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [count(environ).encode()]


def read_only(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [count(MappingProxyType(environ)).encode()]


def flask_application(own):
    """Flask, whose request is a proxy, or the object behind it."""
    app = flask.Flask("count")
    app.get("/")(lambda: count(flask.request._get_current_object() if own else flask.request))
    return app


def bottle_application(own):
    """Bottle, whose request is that of the thread, or a copy of it."""
    app = bottle.Bottle()
    app.get("/")(lambda: count(bottle.request.copy() if own else bottle.request))
    return app


def pyramid_application():
    """Pyramid: a view with a request."""
    with Configurator() as config:
        config.add_route("count", "/")
        config.add_view(lambda request: PyramidResponse(count(request)), route_name="count")
        return config.make_wsgi_app()


def falcon_application():
    """Falcon: a resource."""

    class Resource:
        def on_get(self, request, response):
            response.text = count(request)

    app = falcon.App()
    app.add_route("/", Resource())
    return app


class Wrapped:
    """A request around another, to which it passes what it does not know, as that of Django REST framework."""

    def __init__(self, request):
        self._request = request

    def __getattr__(self, name):
        return getattr(self._request, name)


def django_application(wrap):
    """Django: a view with a request, or with one around it."""

    @override_settings(ROOT_URLCONF=(path("", lambda request: HttpResponse(count(wrap(request)))),))
    def app(environ, start_response):
        return WSGIHandler()(environ, start_response)

    return app


APPLICATIONS = {
    "wsgi": lambda: wsgi,
    "read-only mapping": lambda: read_only,
    "werkzeug": lambda: Request.application(lambda request: Response(count(request))),
    "httpsession.werkzeug": lambda: SessionRequest.application(lambda request: Response(count(request))),
    "flask's proxy": lambda: flask_application(False),
    "flask": lambda: flask_application(True),
    "bottle's request": lambda: bottle_application(False),
    "bottle": lambda: bottle_application(True),
    "pyramid": pyramid_application,
    "falcon": falcon_application,
    "django": lambda: django_application(lambda request: request),
    "around django's": lambda: django_application(Wrapped),
    "lazy around django's": lambda: django_application(lambda request: SimpleLazyObject(lambda: request)),
}


@pytest.mark.parametrize("framework", APPLICATIONS)
def test_framework(framework):
    """Inside of each framework its request leads to the session, across requests."""
    with SessionManager() as manager:
        client = Client(SessionMiddleware(APPLICATIONS[framework](), manager))
        assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.parametrize("framework", APPLICATIONS)
def test_without_the_middleware(framework):
    """Without the middleware around the application, each request gives the error that names it."""
    seen = []

    def catching(environ, start_response):
        try:
            return app(environ, start_response)
        except IllegalStateError as error:
            seen.append(error)
            start_response("500 Internal Server Error", [])
            return []

    app = APPLICATIONS[framework]()
    if framework.startswith("flask"):
        app.testing = True
    if framework.startswith("bottle"):
        app.catchall = False
    if "django" in framework:
        settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    try:
        Client(catching).get("/")
    finally:
        settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    if framework != "falcon":  # which answers 500 itself
        (error,) = seen
        assert "httpsession.SessionMiddleware" in str(error)
        assert error.__suppress_context__


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize(
    "request_of",
    [
        lambda: RequestFactory().get("/"),
        lambda: Request({}),
        lambda: PyramidRequest({}),
        lambda: bottle.Request({}),
        lambda: {"wsgi.version": (1, 0)},
        lambda: {"type": "http", "asgi": {}},
        lambda: MappingProxyType({}),
        lambda: {"httpsession.exchange": object()},
        lambda: {"httpsession.exchange": None},
        lambda: MappingProxyType({"httpsession.exchange": {}}),
        lambda: Request({"httpsession.exchange": get_session}),
    ],
)
def test_request_of_elsewhere(ask, request_of):
    """A request that has not come through the middleware, made by hand too, gives the error that names it."""
    with pytest.raises(IllegalStateError, match=r"httpsession\.SessionMiddleware"):
        ask(request_of())


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize(
    "wrong",
    [
        *(None, 5, "environ", b"", [], (), object(), Request, falcon.Request, RequestFactory, print, lambda: None),
        *(dict, list, MappingProxyType, dict[str, object]),
        *(type("R", (), {"environ": None})(), type("R", (), {"META": "text"})(), ["redis://:s3cret@host"]),
    ],
    ids=lambda value: str(type(value)),
)
def test_no_request(ask, wrong):
    """A value that is no request is a TypeError that shows only its type, and says what a request is."""
    with pytest.raises(
        TypeError, match=r"the request is .*, but must be a WSGI environ, or have it as \.environ"
    ) as caught:
        ask(wrong)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_outside_of_a_request():
    """Without a request the proxies of Flask and Bottle say so themselves."""
    with ThreadPoolExecutor(1) as pool:
        for proxy in (flask.request, bottle.request):
            for ask in ASK:
                with pytest.raises(RuntimeError, match="context"):
                    pool.submit(ask, proxy).result()


def test_servlet_request():
    """Java's request is made of a framework's, too."""
    environ = SupportRequest(SessionMiddleware(wsgi)).environ
    session = HttpServletRequest(Request(environ)).getSession()
    assert session == HttpServletRequest(environ).getSession()


def test_create():
    """Without *create* a request without a session has none."""
    seen = []

    @Request.application
    def app(request):
        seen.append(get_session(request, create=False))
        seen.append(get_session(request, False))
        return Response("")

    assert "Set-Cookie" not in Client(SessionMiddleware(app)).get("/").headers
    assert seen == [None, None]
