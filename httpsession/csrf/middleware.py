"""CsrfMiddleware, and the functions that give an application tokens for its pages."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from .. import audit
from ..errors import IllegalStateError
from ..middleware import check_application
from ..request import environ_of, exchange_of
from .cookie import NAME_END
from .form import FIELD
from .guard import Guard
from .origin import Origins

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ..request import AnyRequest

#: Where the :class:`Guard` of a request is in its environ.
ENVIRON_KEY: Final = "httpsession.csrf"
#: The methods that change nothing (RFC 9110, 9.2.1). All other methods are checked, unknown ones included.
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: The body of each refusal. The reason is for the operator alone, in the audit log.
_REFUSED: Final = b"The request was refused.\n"
#: Characters of an origin that are logged.
_LONGEST: Final = 100


class Html(str):
    """A piece of HTML that templates insert as it is (``__html__``)."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


class CsrfMiddleware:
    """A WSGI application that no other site can send requests to in the name of its users.

    It stands inside of :class:`SessionMiddleware`. A request with a method that may change something reaches the
    application if no header says that another site sent it, and if it has a token: in the header ``X-CSRF-Token`` or in
    the field ``csrf_token`` of a form. The answer to all others is 403.
    """

    def __init__(self, app: WSGIApplication, trusted_origins: Iterable[str] = ()) -> None:
        """Wrap *app*.

        Args:
            app: the application.
            trusted_origins: other origins whose pages may send requests, such as ``https://forms.example.org``. If a
                proxy hides https from the application, its own origin belongs here, too.

        Raises:
            TypeError: *app* is no WSGI application.
            ConfigError: *trusted_origins* is no collection of origins.
        """
        check_application(app)
        #: The application inside.
        self.app: WSGIApplication = app
        self._origins: Origins = Origins(trusted_origins)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request.

        Raises:
            IllegalStateError: no :class:`SessionMiddleware` is around this one, or its manager is closed.
            StoreError: the store failed, so that the token cannot be checked; the client gets 503.
        """
        guard = environ[ENVIRON_KEY] = Guard(exchange_of(environ), self._origins)
        if environ.get("REQUEST_METHOD") not in SAFE_METHODS:
            reason = guard.refusal(environ)
            if reason is not None:
                _note(guard, environ, reason)
                return _refuse(start_response)
        elif NAME_END in environ.get("HTTP_COOKIE", ""):
            guard.read(environ)  # a login by GET, as after a single sign-on, ends the cookie, too
        return self.app(environ, start_response)


def csrf_token(environ: AnyRequest) -> str:
    """Return a new token for the page that answers this request: 64 letters, digits, ``-`` and ``_``.

    All tokens that a session has been given are valid until a user logs in, or the session ends. No session is created:
    without one the client gets a cookie, to which the token answers.

    Args:
        environ: the WSGI environ or a copy of it, or a request of Werkzeug, Flask, Django, Pyramid, Bottle or Falcon.

    Returns:
        The token. It is empty if another site loads the response into its own page, as with ``<script src>``. It is
        empty, too, if there is no session and ids travel in URLs alone.

    Raises:
        IllegalStateError: no :class:`CsrfMiddleware` is around the application.
        ResponseCommittedError: the client would have to be sent a cookie, but the headers have gone out.
        StoreError: the store failed, and whether there is a session is not known.
    """
    exchange_of(environ)
    known = environ_of(environ) or {}
    guard = known.get(ENVIRON_KEY)
    if not isinstance(guard, Guard):
        raise IllegalStateError(
            "the request has not come through httpsession.csrf.CsrfMiddleware: wrap the application in it"
        )
    return guard.token(known)


def csrf_field(environ: AnyRequest) -> str:
    """Return the hidden field of a form with a new token, as HTML that templates do not escape again.

    Arguments and errors are those of :func:`csrf_token`.
    """
    return Html(f'<input type="hidden" name="{FIELD}" value="{csrf_token(environ)}">')


def _note(guard: Guard, environ: WSGIEnvironment, reason: str) -> None:
    """Log the refusal, with the origin that the client has named. Its Referer may have secrets in the path."""
    session = guard.exchange.session
    key, principal = (None, None) if session is None else (session.key, session.record.principal)
    origin = str(environ.get("HTTP_ORIGIN", ""))[:_LONGEST] or None
    audit.note("malicious_csrf", level=logging.WARNING, key=key, principal=principal, reason=reason, origin=origin)


def _refuse(start_response: StartResponse) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(_REFUSED))),
        ("Cache-Control", "no-store"),
        ("Vary", "Cookie"),  # of each refusal, also of those that come before the session is looked up
    ]
    start_response("403 Forbidden", headers)
    return [_REFUSED]
