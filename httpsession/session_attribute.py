"""``@session_attribute``: a decorator that passes the value of a session attribute to a view."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, NoReturn, TypeVar, cast

from werkzeug.exceptions import BadRequest

from .exchange import ENVIRON_KEY, Exchange
from .request import environ_of, get_session

_Response = TypeVar("_Response")


def session_attribute(
    name: str, *, required: bool = False, as_: str | None = None
) -> Callable[[Callable[..., _Response]], Callable[..., _Response]]:
    """Pass a view the value of the session attribute *name* as a keyword argument of that name.

    The view is a function or method that takes a WSGI environ, or a request with ``.environ`` (Werkzeug, Flask,
    Pyramid, Bottle), ``.META`` (Django) or ``.env`` (Falcon); a view of Flask or Bottle need not take it. This creates
    no session: without a session, or without the attribute, the value is None.

    Args:
        name: the attribute.
        required: whether a request without the attribute is answered with the framework's 400, and the view not called.
        as_: the keyword argument, if it is not *name*.
    """
    keyword = name if as_ is None else as_

    def decorate(view: Callable[..., _Response]) -> Callable[..., _Response]:
        @functools.wraps(view)
        def with_attribute(*args: Any, **kwargs: Any) -> _Response:
            request, environ = _request_in((*args, *kwargs.values()), view)
            session = get_session(environ, create=False)
            value = None if session is None else session.get_attribute(name)
            if value is None and required:
                message = f"This page needs the session attribute {name!r}, which is not set."
                return cast(_Response, _refuse(request, message, _following(request, args, kwargs)))
            return view(*args, **kwargs, **{keyword: value})

        signature = inspect.signature(view)
        rest = [parameter for parameter in signature.parameters.values() if parameter.name != keyword]
        with_attribute.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        return with_attribute

    return decorate


def _request_in(arguments: Iterable[object], view: Callable[..., object]) -> tuple[object, dict[str, Any]]:
    """Return the request among the arguments, and its environ."""
    for argument in (*arguments, *_current_requests()):
        environ = environ_of(argument)
        if environ is not None and ("wsgi.version" in environ or ENVIRON_KEY in environ):
            return argument, environ
    raise TypeError(
        f"@session_attribute finds no request among the arguments of {view!r}: one of them must be a WSGI environ, "
        "or have it as .environ, .META or .env"
    )


def _current_requests() -> Iterator[object]:
    """Yield the requests that frameworks keep for the current thread, since their views need not take them."""
    flask, bottle = sys.modules.get("flask"), sys.modules.get("bottle")
    if flask is not None and flask.has_request_context():
        yield flask.request
    if bottle is not None:
        with contextlib.suppress(RuntimeError):  # outside of a request
            environ = bottle.request.environ
            exchange = environ.get(ENVIRON_KEY)  # may be an earlier request: Bottle keeps the last one of the thread
            if environ and not (isinstance(exchange, Exchange) and exchange.is_committed):
                yield bottle.request


def _following(request: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    """Return the ``start_response`` that was passed with an environ."""
    after = (arg for at, arg in enumerate(args) if at and args[at - 1] is request)
    return kwargs.get("start_response") or next(after, None)


def _refuse(request: object, message: str, start_response: Any) -> object:
    """Answer 400 in the way of the framework of *request*; for a WSGI application, call ``start_response``."""
    if isinstance(request, dict):
        return BadRequest(message)(request, start_response)
    frameworks = {cls.__module__.partition(".")[0] for cls in type(request).__mro__}
    for framework, refuse in _REFUSALS.items():
        if framework in frameworks:
            return refuse(message)
    raise BadRequest(message)


def _refuse_in_django(message: str) -> object:
    http = import_module("django.http")
    return http.HttpResponseBadRequest(message, content_type="text/plain; charset=utf-8")


def _refuse_in_pyramid(message: str) -> object:
    return import_module("pyramid.httpexceptions").HTTPBadRequest(message)


def _refuse_in_bottle(message: str) -> object:
    return import_module("bottle").HTTPError(400, message)


def _refuse_in_falcon(message: str) -> NoReturn:
    raise import_module("falcon").HTTPBadRequest(description=message)


#: The functions that answer 400, by the package of a framework's requests. Werkzeug's exception serves the others.
_REFUSALS: Mapping[str, Callable[[str], object]] = {
    "django": _refuse_in_django,
    "pyramid": _refuse_in_pyramid,
    "bottle": _refuse_in_bottle,
    "falcon": _refuse_in_falcon,
}
