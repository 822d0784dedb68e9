"""Routing, redirects, and the headers of every response."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from httpsession.werkzeug import Request

from .pages import layout

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    #: Takes the request.
    View = Callable[..., Response]

HEADERS = {
    # The page loads its stylesheet and nothing else, runs no script, and cannot be framed; forms go to this site only.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # The URL of a page may contain a session id: keep it from other sites, caches and search engines.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}

ERROR = Markup('<p>{}</p>\n<p>Go back, or to <a href="/">the steps</a>.</p>')


class SafeHeaders:
    """An application whose every response has the headers above, also that of a middleware or of an error."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            given = {name.lower() for name, _ in headers}
            missing = [(name, value) for name, value in HEADERS.items() if name.lower() not in given]
            return start_response(status, [*headers, *missing], *error)

        return self._app(environ, start)


class Application:
    """A WSGI application with a few routes; a known path with another method is answered by 405."""

    def __init__(self, *routes: Rule) -> None:
        self._routes = Map(routes, strict_slashes=False, merge_slashes=False)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            view: View = self._routes.bind_to_environ(request.environ).match()[0]
            return view(request)
        except HTTPException as error:
            response = error.get_response(request.environ)
            response.set_data(layout(error.name, ERROR.format(error.description)))
            return response


def get(path: str, view: View) -> Rule:
    """Return the route of a page: GET changes nothing."""
    return Rule(path, endpoint=view, methods=["GET"])


def post(path: str, view: View) -> Rule:
    """Return the route of a form."""
    return Rule(path, endpoint=view, methods=["POST"])


def link(request: Request, path: str) -> str:
    """Return the URL of *path* in the application of the request, with the session id if the browser needs it there."""
    return request.encode_url(request.script_root + path)


def see_other(request: Request, path: str) -> Response:
    """Return a redirect to *path* after a form, so that reloading the page does not send the form again."""
    return redirect(request.encode_redirect_url(request.script_root + path), 303)
