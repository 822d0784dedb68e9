"""From a WSGI environ to its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from .errors import IllegalStateError
from .request import RequestSession
from .session import HttpSession

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where a request's :class:`RequestSession` is in its environ.
ENVIRON_KEY = "httpsession.request_session"


def request_session(environ: WSGIEnvironment) -> RequestSession:
    """Return the session half of the request.

    Raises:
        IllegalStateError: no :class:`SessionMiddleware` is around the application.
    """
    try:
        session: RequestSession = environ[ENVIRON_KEY]
    except KeyError:
        raise IllegalStateError(
            "the request has not come through httpsession.SessionMiddleware: wrap the application in it"
        ) from None
    return session


@overload
def get_session(environ: WSGIEnvironment, create: Literal[True] = True) -> HttpSession: ...


@overload
def get_session(environ: WSGIEnvironment, create: bool) -> HttpSession | None: ...


def get_session(environ: WSGIEnvironment, create: bool = True) -> HttpSession | None:
    """Return the session of the request (Servlet 6.1, ``HttpServletRequest.getSession``).

    Args:
        environ: the WSGI environ, or a copy of it.
        create: whether to make a session if there is none; otherwise the answer is None.

    Raises:
        IllegalStateError: no :class:`SessionMiddleware` is around the application.
        ResponseCommittedError: a session would have to be made, but the cookie cannot be sent any more.
        TooManySessionsError: there are ``SessionConfig.max_sessions`` already.
    """
    return request_session(environ).get_session(create)
