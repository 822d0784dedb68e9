"""SessionMiddleware: WSGI in, WSGI out, and when the headers go out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final

from .environ import ENVIRON_KEY
from .errors import StoreError
from .manager import SessionManager
from .request import RequestSession
from .tracking import Tracking

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    _ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

_log = logging.getLogger("httpsession")

#: What a client is told while the store of the sessions fails, and after how many seconds it may ask again.
UNAVAILABLE: Final = "503 Service Unavailable"
RETRY_AFTER: Final = ("Retry-After", "5")
#: Bodies that are complete when the application returns them.
_COMPLETE = (list, tuple)


class SessionMiddleware:
    """Gives a WSGI application sessions: inside it ``get_session(environ)`` works.

    The headers of a response are held back until its first chunk that is not empty, the first ``write()``, or its end,
    so that a session can be made until then (Servlet 6.1, 9.3).

    When the store of the sessions fails, and the application does not catch the :class:`StoreError`, the answer is 503
    with Retry-After and without a session cookie, also where a framework would make it a 500.
    """

    def __init__(self, app: WSGIApplication, manager: SessionManager | None = None) -> None:
        """Wrap *app*; without a *manager* its sessions are kept in memory, with the default configuration.

        Raises:
            TypeError: *app* is no WSGI application, or *manager* no SessionManager.
        """
        if not callable(app):
            raise TypeError(f"a WSGI application can be called, {app!r} cannot")
        if not isinstance(manager, SessionManager | None):
            raise TypeError(f"the sessions are kept by a SessionManager, which {manager!r} is not")
        self.app = app
        #: The sessions of the application.
        self.manager = SessionManager() if manager is None else manager
        self._tracking = Tracking(self.manager.config)
        self._is_started = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        outer: RequestSession | None = None
        if ENVIRON_KEY in environ:
            outer = environ[ENVIRON_KEY]
            if outer.servlet_context is not self.manager:
                environ = environ.copy()  # the outer application keeps its own sessions (S19)
            elif outer.is_over:  # the environ has been through here before
                outer = None
            else:
                return self.app(environ, start_response)
        if not self._is_started:
            self._start(environ)
        session = environ[ENVIRON_KEY] = RequestSession(self.manager, self._tracking, environ)
        if outer is not None:
            session.outer = outer
        response = _Response(session, start_response)
        body: Iterable[bytes] = ()
        try:
            body = self.app(environ, response.start)
            if type(body) not in _COMPLETE and not _is_file(body, environ):
                return _Body(body, response)
            if session.is_committed:  # by write(): what was changed since comes late
                session.commit_late()
            else:
                response.send()
        except BaseException as error:
            try:
                _close(body)
            finally:
                response.close()
            if isinstance(error, StoreError) and not session.is_committed:
                return response.refuse(error)
            raise
        session.is_over = True
        if session.arrived:
            session.end()
        return body

    def _start(self, environ: WSGIEnvironment) -> None:
        """Do what the first request of a process is the right time for."""
        self._is_started = True
        self.manager.start()
        if environ.get("wsgi.multiprocess") and not self.manager.is_shared:
            warnings.warn(
                "the sessions are kept in the memory of one process, but the server runs several: a client whose next "
                "request another process answers has no session there; run one process with threads",
                RuntimeWarning,
                stacklevel=3,
            )


class _Response:
    """The response on its way out: it holds the headers back until the session is committed."""

    __slots__ = ("_exc_info", "_headers", "_start_response", "_status", "_write", "session")

    def __init__(self, session: RequestSession, start_response: StartResponse) -> None:
        self.session = session
        self._start_response = start_response
        self._status: str | None = None

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """Be the application's ``start_response``."""
        if exc_info is not None and self.session.is_committed:
            return self._start_response(status, headers, exc_info)  # which raises it
        if exc_info is None and self._status is not None:
            raise AssertionError("start_response() was called a second time, without exc_info")
        self._status = status
        self._headers = headers
        self._exc_info = exc_info
        return self.write

    def write(self, data: bytes) -> object:
        """Be the ``write()`` that the application got from ``start_response``."""
        if not self.session.is_committed:
            self.send()
        return self._write(data)

    def send(self) -> None:
        """Commit the session and let the headers go out, with the session cookie if one is due."""
        if self._status is None:
            raise AssertionError("the application sends a body, but has not called start_response()")
        session, headers = self.session, self._headers
        if session.has_looked:
            if self._status >= "500" and session.has_failed:
                # The application, or its framework, has made an error of its own of the store's.
                session.abandon()
                self._status = UNAVAILABLE
                headers = [*(header for header in headers if header[0].lower() != "retry-after"), RETRY_AFTER]
            else:
                headers = session.commit(headers)
        if self._exc_info is None:
            self._write = self._start_response(self._status, headers)
        else:
            self._write = self._start_response(self._status, headers, self._exc_info)
            self._exc_info = None
        session.is_committed = True

    def refuse(self, error: StoreError) -> list[bytes]:
        """Answer that sessions cannot be had now. No cookie is touched: the client's session may well be alive."""
        _log.error("A request was answered with 503, since the session store failed: %s", error)
        body = b"The service is temporarily unavailable. Please try again in a moment.\n"
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), RETRY_AFTER]
        self._start_response(UNAVAILABLE, headers)
        self.session.is_committed = True
        return [body]

    def close(self) -> None:
        """Be done: what could not go out is taken back, and what came late is kept."""
        try:
            if self.session.is_committed:
                self.session.commit_late()
            else:
                self.session.abandon()
        finally:
            self.session.is_over = True
            if self.session.arrived:
                self.session.end()


class _Body:
    """A body that is made while it is sent, as part of the request: the session is in use until :meth:`close`."""

    __slots__ = ("_body", "_response")

    def __init__(self, body: Iterable[bytes], response: _Response) -> None:
        self._body = body
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        response = self._response
        try:
            for chunk in self._body:
                if not response.session.is_committed:
                    if not chunk:
                        continue
                    response.send()
                yield chunk
            if not response.session.is_committed:
                response.send()
        except StoreError as error:
            if response.session.is_committed:
                raise
            response.session.abandon()
            yield from response.refuse(error)

    def close(self) -> None:
        """Close the application's body; what that does to the session is part of the request, too."""
        try:
            _close(self._body)
        finally:
            self._response.close()

    def __del__(self) -> None:
        """See to it that a body which nobody closes does not keep its session in use for ever.

        It is done later, since this may be called anywhere: also while the thread holds a lock.
        """
        if self._response.session.arrived:
            self._response.session.servlet_context.accesses.dropped.append(self._response.close)


def _close(body: Iterable[bytes]) -> None:
    if hasattr(body, "close"):
        body.close()


def _is_file(body: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Return whether the server made *body* to send a file by its own means, which it knows by the type."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)
