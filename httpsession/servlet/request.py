"""HttpServletRequest and HttpServletResponse: the session half of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from ..request import request_session
from .context import ServletContext
from .errors import Translated
from .session import HttpSession

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class HttpServletRequest(Translated):
    """The session methods of a request (Servlet 6.1, ``HttpServletRequest``).

    *environ* must have come through a :class:`ServletContext` or a :class:`httpsession.SessionMiddleware`; otherwise
    the constructor raises IllegalStateException. There may be any number of these objects for one environ.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        """Make the request of a WSGI environ, or of a copy of it."""
        self._request = request_session(environ)

    @overload
    def getSession(self, create: Literal[True] = True) -> HttpSession: ...

    @overload
    def getSession(self, create: bool) -> HttpSession | None: ...

    def getSession(self, create: bool = True) -> HttpSession | None:
        """Return the session of this request. If there is none, create it, or return null if *create* is false.

        Raises:
            IllegalStateException: no session can be created, since the response is committed (9.3) or as many sessions
                are alive as there may be.
        """
        session = self._request.get_session(create)
        return None if session is None else HttpSession(session)

    def changeSessionId(self) -> str:
        """Give the session a new id and return it; the old id is invalid at once.

        Raises:
            IllegalStateException: there is no session, or the response is committed, so that no cookie can be sent.
        """
        return self._request.change_session_id()

    def getRequestedSessionId(self) -> str | None:
        """Return the id that the client sent, verbatim; null if it sent none.

        It stays so when the request creates or invalidates a session, or changes its id (S6, S7).
        """
        return self._request.requested_session_id

    def isRequestedSessionIdValid(self) -> bool:
        """Return whether the client sent the present id of a session that is alive."""
        return self._request.is_requested_session_id_valid

    def isRequestedSessionIdFromCookie(self) -> bool:
        """Return whether the client sent the id in a cookie."""
        return self._request.is_requested_session_id_from_cookie

    def isRequestedSessionIdFromURL(self) -> bool:
        """Return whether the client sent the id in the URL."""
        return self._request.is_requested_session_id_from_url

    def getServletContext(self) -> ServletContext:
        """Return the context of the request."""
        return ServletContext._of(self._request.servlet_context)


class HttpServletResponse(Translated):
    """The session methods of a response (Servlet 6.1, ``HttpServletResponse``)."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        """Make the response of the WSGI environ of its request, or of a copy of it."""
        self._request = request_session(environ)

    def encodeURL(self, url: str) -> str:
        """Return *url*, for a link or a form, with the session id in it if the client needs it there (7.1.3)."""
        return self._request.encode_url(url)

    def encodeRedirectURL(self, url: str) -> str:
        """Return *url*, for a redirect, with the session id in it if the client needs it there.

        Raises:
            IllegalArgumentException: *url* is relative and leads above the root.
        """
        return self._request.encode_redirect_url(url)

    def isCommitted(self) -> bool:
        """Return whether the headers of the response have been sent (5.1)."""
        return self._request.is_committed
