"""``@session_attribute`` in plain WSGI and in each framework, whose own application runs inside the middleware."""

from __future__ import annotations

import html
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import bottle
import django
import falcon
import flask
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from django.views import View
from werkzeug.exceptions import BadRequest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from httpsession import (
    IllegalStateError,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    get_session,
    session_attribute,
)
from httpsession.werkzeug import Request as SessionRequest
from tests.support.core import create_session

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the cgi module, which WebOb needs
    from pyramid.config import Configurator
    from pyramid.response import Response as PyramidResponse

MESSAGE = "This page needs the session attribute 'login_member', which is not set."


def greeting(member):
    """The answer of each view."""
    return f"hello {member}"


@session_attribute("login_member")
def wsgi_view(environ, start_response, login_member):
    """Greet a member, or a stranger."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [greeting(login_member).encode()]


@session_attribute("login_member", required=True, as_="member")
def wsgi_strict(environ, start_response, member):
    """Greet members alone."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [greeting(member).encode()]


def wsgi_application():
    """Plain functions that are WSGI applications."""
    return lambda environ, start_response: {"/": wsgi_view, "/strict": wsgi_strict}[environ["PATH_INFO"]](
        environ, start_response
    )


def method_application():
    """Methods that are WSGI applications."""

    class Views:
        @session_attribute("login_member")
        def view(self, environ, start_response, login_member):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [greeting(login_member).encode()]

        @session_attribute("login_member", required=True, as_="member")
        def strict(self, environ, start_response, member):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [greeting(member).encode()]

    views = Views()
    return lambda environ, start_response: {"/": views.view, "/strict": views.strict}[environ["PATH_INFO"]](
        environ, start_response
    )


def werkzeug_application(request_class=Request):
    """Views that take a Werkzeug request and return a response."""

    @session_attribute("login_member")
    def view(request, login_member):
        return Response(greeting(login_member))

    @session_attribute("login_member", required=True, as_="member")
    def strict(request, member):
        return Response(greeting(member))

    return request_class.application(lambda request: {"/": view, "/strict": strict}[request.path](request))


def flask_application():
    """Flask: the request is handed to functions, or taken from the context by views that have no such argument."""
    app = flask.Flask("views")

    @session_attribute("login_member")
    def view(request, login_member):
        return greeting(login_member)

    app.add_url_rule("/", "view", lambda: view(flask.request))

    @app.get("/strict")
    @session_attribute("login_member", required=True, as_="member")
    def strict(member):
        return greeting(member)

    return app


def bottle_application():
    """Bottle: the same."""
    app = bottle.Bottle()

    @session_attribute("login_member")
    def view(request, login_member):
        return greeting(login_member)

    app.route("/", callback=lambda: view(bottle.request))

    @app.get("/strict")
    @session_attribute("login_member", required=True, as_="member")
    def strict(member):
        return greeting(member)

    return app


def pyramid_application():
    """Pyramid: views take the request, or the context and the request, or are methods of a class that has it."""

    @session_attribute("login_member")
    def view(context, request, login_member):
        return PyramidResponse(greeting(login_member))

    @session_attribute("login_member", required=True, as_="member")
    def strict(request, member):
        return PyramidResponse(greeting(member))

    with Configurator() as config:
        config.add_route("view", "/")
        config.add_route("strict", "/strict")
        config.add_view(view, route_name="view")
        config.add_view(strict, route_name="strict")
        return config.make_wsgi_app()


class DjangoView(View):
    """A view that is a class."""

    @session_attribute("login_member")
    def get(self, request, login_member):
        """Greet a member, or a stranger."""
        return HttpResponse(greeting(login_member))


@session_attribute("login_member", required=True, as_="member")
def django_strict(request, member):
    """Greet members alone."""
    return HttpResponse(greeting(member))


urlpatterns = (path("", DjangoView.as_view()), path("strict", django_strict))


def django_application():
    """Django: a class-based view and a function."""
    return WSGIHandler()


def falcon_application():
    """Falcon: resources whose methods take the request and the response, by position."""

    class Resource:
        @session_attribute("login_member")
        def on_get(self, request, response, login_member):
            response.text = greeting(login_member)

        @session_attribute("login_member", required=True, as_="member")
        def on_get_strict(self, request, response, member):
            response.text = greeting(member)

    app = falcon.App()
    app.add_route("/", Resource())
    app.add_route("/strict", Resource(), suffix="strict")
    return app


@pytest.fixture(scope="module", autouse=True)
def django_settings():
    """Set Django up with the views of this module, unless that is done."""
    if not settings.configured:
        settings.configure()
        django.setup()
    with override_settings(ROOT_URLCONF=urlpatterns, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], DEBUG=False):
        yield


APPLICATIONS = {
    "wsgi": wsgi_application,
    "method": method_application,
    "werkzeug": werkzeug_application,
    "httpsession.werkzeug": lambda: werkzeug_application(SessionRequest),
    "flask": flask_application,
    "bottle": bottle_application,
    "pyramid": pyramid_application,
    "django": django_application,
    "falcon": falcon_application,
}


@pytest.fixture
def manager():
    """The sessions of the application under test."""
    with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
        yield manager


@pytest.fixture
def log_in(manager):
    """Return a client of an application, with *attributes* in the client's session if they are given."""

    def log_in(app, **attributes):
        client = Client(SessionMiddleware(app, manager))
        if attributes:
            session = create_session(manager)
            session.update(attributes)
            client.set_cookie("JSESSIONID", session.id)
        return client

    return log_in


@pytest.fixture(params=APPLICATIONS)
def application(request):
    """The application, of each kind."""
    return APPLICATIONS[request.param]()


class TestFrameworks:
    """Two views in every framework: one greets all visitors, /strict members alone."""

    def test_value(self, application, log_in):
        """The view gets the value as the keyword argument of the attribute's name, or as that of ``as_``."""
        client = log_in(application, login_member="ann")
        for url in ("/", "/strict"):
            response = client.get(url)
            assert (response.status_code, response.text) == (200, "hello ann")

    def test_no_session(self, application, log_in, manager):
        """Without a session the value is None, and none is made: no cookie, nothing in the store."""
        response = log_in(application).get("/")
        assert (response.status_code, response.text) == (200, "hello None")
        assert "Set-Cookie" not in response.headers
        assert manager.stats().created == 0

    def test_no_attribute(self, application, log_in):
        """With a session but no such attribute the value is None."""
        response = log_in(application, other="x").get("/")
        assert (response.status_code, response.text) == (200, "hello None")

    @pytest.mark.parametrize(
        "attributes", [{}, {"other": "x"}, {"login_member": None}], ids=["session", "name", "value"]
    )
    def test_required_and_missing(self, application, log_in, manager, attributes):
        """A required attribute that is missing: the framework's own 400, which says why, and no session for it."""
        before = manager.stats().created
        response = log_in(application, **attributes).get("/strict")
        assert response.status_code == 400
        assert MESSAGE in html.unescape(response.text)
        assert "Set-Cookie" not in response.headers
        assert manager.stats().created == before + bool(attributes)

    def test_falsy_values_are_there(self, application, log_in):
        """Zero and the empty string are values: only None is missing."""
        assert log_in(application, login_member=0).get("/strict").text == "hello 0"
        assert log_in(application, login_member="").get("/strict").text == "hello "

    def test_dead_session(self, application, log_in, manager):
        """After the session has ended its attribute is missing."""
        client = log_in(application, login_member="ann")
        manager.sweep(time.time() + 1e9)
        assert client.get("/").text == "hello None"
        assert client.get("/strict").status_code == 400


class TestOwnWays:
    """How each framework answers 400."""

    def test_wsgi(self, log_in):
        """A plain WSGI view answers itself, with a page."""
        response = log_in(wsgi_application()).get("/strict")
        assert response.mimetype == "text/html"
        assert response.text.count("<h1>") == 1

    def test_wsgi_view_with_further_arguments(self, log_in):
        """A plain WSGI view that a router gives further arguments answers 400 as well."""

        @session_attribute("login_member", required=True)
        def view(environ, start_response, number, login_member):
            start_response("200 OK", [])
            return [number.encode()]

        response = log_in(lambda environ, start_response: view(environ, start_response, "5")).get("/")
        assert response.status_code == 400

    def test_wsgi_view_by_keyword(self, log_in):
        """A view that is called by keyword gets the attribute, too."""

        @session_attribute("login_member", required=True)
        def view(environ, start_response, login_member):
            start_response("200 OK", [])
            return []

        app = lambda environ, start_response: view(environ=environ, start_response=start_response)  # noqa: E731
        assert log_in(app).get("/").status_code == 400
        assert log_in(app, login_member="ann").get("/").status_code == 200

    def test_werkzeug(self, log_in):
        """A Werkzeug view raises ``BadRequest``, which the application may catch as any other."""

        @session_attribute("login_member", required=True)
        def view(request, login_member):
            return Response("unreachable")

        @Request.application
        def app(request):
            with pytest.raises(BadRequest, match="login_member"):
                view(request)
            return Response("caught")

        assert log_in(app).get("/").text == "caught"

    def test_flask(self, log_in):
        """Flask's error handlers get it."""
        app = flask_application()
        app.register_error_handler(400, lambda error: (f"handled: {error.description}", 400))
        response = log_in(app).get("/strict")
        assert (response.status_code, response.text) == (400, f"handled: {MESSAGE}")

    def test_bottle(self, log_in):
        """Views of Bottle get the attribute, too."""
        app = bottle_application()
        app.error(400)(lambda error: f"handled: {error.body}")
        response = log_in(app).get("/strict")
        assert (response.status_code, response.text) == (400, f"handled: {MESSAGE}")

    def test_pyramid(self, log_in):
        """Pyramid's answer is in the form that the client asks for."""
        response = log_in(pyramid_application()).get("/strict", headers={"Accept": "application/json"})
        assert response.status_code == 400
        assert MESSAGE in response.json["message"]

    def test_django(self, log_in):
        """Django answers in plain text: nothing of a message becomes a page."""
        response = log_in(django_application()).get("/strict")
        assert (response.mimetype, response.text) == ("text/plain", MESSAGE)

    def test_falcon(self, log_in):
        """Falcon describes it in JSON, and its error handlers get it."""
        app = falcon_application()
        response = log_in(app).get("/strict", headers={"Accept": "application/json"})
        assert (response.status_code, response.json["description"]) == (400, MESSAGE)

        def handle(request, response, error, parameters):
            response.status, response.text = error.status, f"handled: {error.description}"

        app.add_error_handler(falcon.HTTPBadRequest, handle)
        response = log_in(app).get("/strict")
        assert (response.status_code, response.text) == (400, f"handled: {MESSAGE}")

    @pytest.mark.parametrize("application", ["wsgi", "werkzeug", "flask", "bottle", "pyramid", "django"])
    def test_name_is_escaped(self, log_in, application):
        """A name with markup in it comes out as text, not as an element of the page."""
        decorate = session_attribute("<script>", required=True, as_="value")
        app = APPLICATIONS[application]()
        if application == "wsgi":
            app = decorate(lambda environ, start_response, value: [])
        elif application == "werkzeug":
            app = Request.application(decorate(lambda request, value: Response("")))
        elif application in ("flask", "bottle"):
            app.route("/escape")(decorate(lambda value: ""))
        elif application == "pyramid":
            with Configurator() as config:
                config.add_route("escape", "/escape")
                config.add_view(decorate(lambda request, value: PyramidResponse("")), route_name="escape")
                app = config.make_wsgi_app()
        patterns = (path("escape", decorate(lambda request, value: HttpResponse(""))),)
        with override_settings(ROOT_URLCONF=patterns):
            response = log_in(app).get("/escape", headers={"Accept": "text/html"})
        assert response.status_code == 400
        assert response.mimetype == "text/plain" or "<script>" not in response.text
        assert "<script>" in html.unescape(response.text)


class TestDecorator:
    """The decorator itself."""

    def test_where_the_request_is(self, log_in):
        """The request is found at any place among the arguments, by position or by keyword; the others are kept."""
        decorated = session_attribute("a")(lambda *args, **kwargs: (args, kwargs))
        seen = []

        @Request.application
        def app(request):
            seen.append(decorated(request))
            seen.append(decorated(1, request, 2))
            seen.append(decorated(1, two=2, request=request))
            seen.append(decorated(request.environ))
            return Response("")

        log_in(app, a="value").get("/")
        arguments = [(len(args), sorted(kwargs), kwargs["a"]) for args, kwargs in seen]
        assert arguments == [
            (1, ["a"], "value"),
            (3, ["a"], "value"),
            (1, ["a", "request", "two"], "value"),
            (1, ["a"], "value"),
        ]

    def test_copied_environ(self, log_in):
        """A copy of the environ that something in between made is as good (S18)."""
        seen = []

        def app(environ, start_response):
            seen.append(session_attribute("a")(lambda environ, a: a)(dict(environ)))
            start_response("204 No Content", [])
            return []

        log_in(app, a="value").get("/")
        assert seen == ["value"]

    def test_several(self, log_in):
        """Decorators can be stacked: one for each attribute."""

        @session_attribute("a")
        @session_attribute("b")
        def view(request, a, b):
            return Response(f"{a} {b}")

        assert log_in(Request.application(view), a=1, b=2).get("/").text == "1 2"

    def test_the_very_object(self, log_in):
        """A view gets the very object in the session, so that it can change it."""
        cart = ["apple"]

        @session_attribute("cart")
        def view(request, cart):
            cart.append("pear")
            return Response("")

        log_in(Request.application(view), cart=cart).get("/")
        assert cart == ["apple", "pear"]

    def test_wraps(self):
        """The decorated view keeps its name, its documentation and its attributes."""

        def view(request, a):
            """Do something."""

        view.csrf_exempt = True
        decorated = session_attribute("a")(view)
        assert (decorated.__name__, decorated.__doc__) == ("view", "Do something.")
        assert decorated.csrf_exempt is True
        assert decorated.__wrapped__ is view

    def test_view_is_not_called_without_a_required_value(self, log_in):
        """A view that requires the attribute does not begin without it."""
        calls = []

        @session_attribute("a", required=True)
        def view(request, a):
            calls.append(a)
            return Response("")

        log_in(Request.application(view)).get("/")
        assert calls == []

    @pytest.mark.parametrize(
        "arguments", [(), (1, "x"), ({},), ({"a": 1},), (object(),), (None,), (type("R", (), {"environ": {}})(),)]
    )
    def test_no_request(self, arguments):
        """Without a request among the arguments the call is a TypeError that names the view and what it needs.

        It is made in a thread of its own, in which no framework has ever had a request.
        """

        def view_without_request(*args, a):
            return a

        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(session_attribute("a")(view_without_request), *arguments)
            with pytest.raises(TypeError, match=r"view_without_request.*WSGI environ"):
                call.result()

    @pytest.mark.parametrize("application", ["flask", "bottle"])
    def test_a_request_that_is_over(self, log_in, application):
        """After its request no session is found: the next call in that thread gets no value of another client."""
        with ThreadPoolExecutor(1) as pool:
            client = log_in(APPLICATIONS[application](), login_member="ann")
            assert pool.submit(client.get, "/").result().text == "hello ann"
            call = pool.submit(session_attribute("login_member")(lambda login_member: login_member))
            with pytest.raises(TypeError, match="finds no request"):
                call.result()

    def test_foreign_object_in_place_of_the_session(self):
        """An object of another package under the key of the exchange does not pass for a session."""
        view = session_attribute("login_member")(lambda login_member: login_member)
        bottle.request.bind({"wsgi.version": (1, 0), "httpsession.exchange": object()})
        try:
            with pytest.raises(IllegalStateError, match="SessionMiddleware"):
                view()
        finally:
            bottle.request.bind({})

    def test_without_the_middleware(self):
        """For a request that did not come through the middleware the error says so."""
        client = Client(werkzeug_application())
        with pytest.raises(RuntimeError, match="SessionMiddleware"):
            client.get("/")

    def test_reading_is_an_access_without_a_change(self, log_in, manager):
        """A view that only reads leaves the session as it was: no cookie, the same attributes."""
        client = log_in(wsgi_application(), login_member="ann")
        assert "Set-Cookie" not in client.get("/").headers
        assert "Set-Cookie" not in client.get("/").headers
        seen = []

        def look(environ, start_response):
            seen.append(dict(get_session(environ, create=False)))
            start_response("204 No Content", [])
            return []

        client.application.app = look
        client.get("/")
        assert seen == [{"login_member": "ann"}]
