"""SessionMiddleware: the way of a request through the application and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from .core.collection import Sessions
from .core.session import Session
from .errors import SessionError, kind_of, shown
from .exchange import ENVIRON_KEY, Exchange
from .manager import SessionManager, sessions_behind
from .response import Body, Response, close_body
from .stores import AnyStore
from .tracking import Tracking

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Bodies that are complete when the application returns them.
_COMPLETE: Final = (list, tuple)


class SessionMiddleware:
    """A WSGI application with sessions: inside of it ``get_session(environ)`` works.

    The headers of a response are held back until its first chunk that is not empty, the first ``write()``, or its end.
    Until then a session can be created (Servlet 6.1, 9.3).

    If the store fails, and the application does not catch the :class:`StoreError`, the answer is 503 with Retry-After
    and without a session cookie. This also replaces the 500 of a framework that catches it. A session that
    ``SessionConfig.max_sessions`` refuses is answered in the same way, a login that ``allow_url_login`` refuses with
    403, and a :class:`LoginRequiredError` with 401.
    """

    def __init__(self, app: WSGIApplication, manager: SessionManager | AnyStore | str | None = None) -> None:
        """Wrap *app*. A store or its URL in place of a *manager* makes one with the default configuration.

        Without a *manager*, the sessions are kept in memory with the default configuration.

        Raises:
            TypeError: *app* is no WSGI application.
            ConfigError: *manager* is neither a SessionManager nor a store nor the URL of a store.
            StoreError: the store cannot be opened.
        """
        check_application(app)
        #: The application inside.
        self.app: WSGIApplication = app
        #: The manager of its sessions.
        self.manager: SessionManager = manager if isinstance(manager, SessionManager) else SessionManager(manager)
        self._sessions: Sessions[Session, Any] = sessions_behind(self.manager)
        self._tracking: Tracking = Tracking(self.manager.config)
        self._is_started: bool = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        outer: Exchange | None = None
        if ENVIRON_KEY in environ and isinstance(environ[ENVIRON_KEY], Exchange):
            outer = environ[ENVIRON_KEY]
            if outer.sessions is not self._sessions:
                environ = environ.copy()  # the outer application keeps its own sessions (S19)
            elif outer.is_over:  # the environ has been through here before
                outer = None
            else:
                return self.app(environ, start_response)
        if not self._is_started:
            self._start(environ)
        exchange = environ[ENVIRON_KEY] = Exchange(self._sessions, self._tracking, environ, outer)
        response: Response | None = None
        body: Iterable[bytes] = ()
        try:
            response = Response(exchange, start_response)
            body = self.app(environ, response.start)
            if type(body) not in _COMPLETE and not _is_file(body, environ):
                if response.status is not None or hasattr(body, "__iter__") or hasattr(body, "__getitem__"):
                    return Body(body, response)
                response.close()  # a mark for the server, such as gunicorn's ALREADY_HANDLED
            elif exchange.is_committed:  # by write()
                response.commit_late()
            elif response.status is None and type(body) in _COMPLETE and not any(body):
                response.close()  # the application has answered over the socket
            else:
                response.send()
        except BaseException as error:
            try:
                close_body(body)
            finally:
                (exchange.end if response is None else response.close)()
            if response is not None and isinstance(error, SessionError) and error.status and not exchange.is_committed:
                return response.refuse(error)
            raise
        exchange.end()
        return body

    def _start(self, environ: WSGIEnvironment) -> None:
        """Start the background thread; warn if the processes of the server cannot share the sessions."""
        self._is_started = True  # so that no other request does the same meanwhile
        self._is_started = self._sessions.start(multiprocess=bool(environ.get("wsgi.multiprocess")))


def check_application(app: object) -> None:
    """Refuse an object that is no WSGI application. A text is not shown: it may be the URL of a store.

    Raises:
        TypeError: *app* cannot be called.
    """
    if callable(app):
        return
    what = kind_of(app) if isinstance(app, str | bytes | bytearray | Iterable) else shown(app)
    is_swapped = isinstance(app, SessionManager | str)
    remedy = "; the application is the first argument, the manager or store the second" if is_swapped else ""
    raise TypeError(f"a WSGI application can be called, {what} cannot{remedy}")


def _is_file(body: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Return whether *body* is the server's own file wrapper, which the server recognises by its type."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)
