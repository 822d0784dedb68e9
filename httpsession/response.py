"""The way out of a response: headers are held back, the session is committed, and a cookie is sent if one is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Final

from .core import report
from .core.session import Session
from .errors import LoginRequiredError, SessionError, StoreError, UrlLoginError
from .exchange import Exchange
from .headers import Headers, clear_site_data, forbid_storing, hide_from_referer, vary_by_cookie
from .tracking.spelling import scheme_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

    _ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

_log = logging.getLogger("httpsession")

#: After how many seconds the client may try again while the store fails.
RETRY_AFTER: Final = ("Retry-After", "5")
#: The one line that the client gets, by the status, and a header that belongs to it. The reason is for the log.
_BODIES: Final = {
    StoreError.status: b"The service is temporarily unavailable. Please try again in a moment.\n",
    UrlLoginError.status: b"The request is not allowed.\n",
    LoginRequiredError.status: b"Please log in again.\n",
}
_HEADERS: Final = {StoreError.status: RETRY_AFTER, LoginRequiredError.status: ("WWW-Authenticate", "Session")}


@dataclass(eq=False, slots=True)
class Response:
    """A response whose headers are held back until the session is committed."""

    exchange: Exchange
    _start_response: StartResponse
    #: The status that the application has set; None: it has not called ``start_response``.
    status: str | None = None
    _has_committed: bool = False
    _headers: list[tuple[str, str]] = field(init=False)
    _exc_info: _ExcInfo | None = field(init=False)
    _write: Callable[[bytes], object] = field(init=False)

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """Keep status and headers: the ``start_response`` given to the application."""
        if exc_info is not None and self.exchange.is_committed:
            return self._start_response(status, headers, exc_info)  # the server raises it
        if exc_info is None and self.status is not None:
            raise AssertionError("start_response() was called a second time, without exc_info")
        self.status = status
        self._headers = headers
        self._exc_info = exc_info
        return self.write

    def write(self, data: bytes) -> object:
        """Send a chunk: the ``write()`` that the application got from ``start_response``."""
        if not self.exchange.is_committed:
            self.send()
        return self._write(data)

    def send(self) -> None:
        """Commit the session and send the headers, with the session cookie if one is due."""
        if self.status is None:
            raise AssertionError("the application sends a body, but has not called start_response()")
        exchange, headers = self.exchange, self._headers
        if exchange.is_asked:
            error = exchange.failures[0] if exchange.failures else exchange.refusal
            if self.status >= "500" and error is not None:
                # The application or its framework has turned the error into one of its own.
                self.status = error.status
                headers = _with_header_of(error, headers)
            if self.status >= "500" and exchange.failures:
                self._report_failure(exchange.failures[0], refused=1)
                self.abandon()
            else:
                if exchange.session is not None:
                    headers = self._commit(exchange.session, headers)
                if exchange.finish_headers is not None:
                    headers = exchange.finish_headers(headers)
            headers = vary_by_cookie(headers)
        if exchange.tracking.url.enabled:  # asked here, too, since most applications do without the call
            headers = self._guard_urls(headers)
        if self._exc_info is None:
            self._write = self._start_response(self.status, headers)
        else:
            self._write = self._start_response(self.status, headers, self._exc_info)
            self._exc_info = None
        exchange.is_committed = True

    def refuse(self, error: SessionError) -> list[bytes]:
        """Answer with the status of the *error*. No cookie is touched: the client's session may still exist.

        The answer to HEAD has the headers of that to GET and no body, which a client would take for the next response.
        """
        if isinstance(error, StoreError):
            self._report_failure(error, refused=1)
        body = _BODIES[error.status]
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        self._start_response(error.status, self._guard_urls(vary_by_cookie(_with_header_of(error, headers))))
        self.exchange.is_committed = True
        return [] if self.exchange.is_head else [body]

    def close(self) -> None:
        """End the request: save late changes or, if no headers went out, undo an id that the client will not learn."""
        try:
            if self.exchange.is_committed:
                self.commit_late()
            else:
                self.abandon()
        finally:
            self.exchange.end()

    def commit_late(self) -> None:
        """Save changes made after the headers went out. A failure is logged."""
        session = self.exchange.session
        if session is None or self.exchange.failures:
            return
        try:
            session.commit()
            if self.exchange.renewal is not None:
                self.exchange.report_renewal(session)
        except StoreError as error:
            self._report_failure(error)
            _log.debug("A change made after the headers went out was not saved: %s", error)
        except Exception as error:
            is_listener = not isinstance(error, SessionError)
            _log.error("A change made after the headers went out was not saved: %s", error, exc_info=is_listener)

    def abandon(self) -> None:
        """Undo a creation, or a change of the id with the changes after it: the client will not learn the id.

        What the request changed before stands, and is saved.
        """
        session = self.exchange.session
        if session is None or not session.is_valid:
            return
        try:
            if session.is_own:
                session.end(None if self._has_committed else "undone")
            else:
                session.undo()
        except Exception:
            _log.exception("A failed request was not undone completely.")
        if not self._has_committed:
            self.commit_late()

    def _report_failure(self, error: StoreError, *, refused: int = 0) -> None:
        self.exchange.sessions.context.outage.fail(error, refused=refused)

    def _commit(self, session: Session, headers: Headers) -> Headers:
        """Commit the session, and return the headers with those that its end or its new id makes due."""
        failures = self.exchange.failures
        if self._has_committed and failures:
            raise failures[-1]  # an application that tries again does not get half of its changes saved
        self._has_committed = True
        try:
            session.commit()
        except StoreError as error:
            self.exchange.note_failure(error)
            raise
        if session.undo_log is not None:
            session.keep_changes()
        session_id = session.id  # read once: the id that is compared is the one that is sent
        if self.exchange.renewal is not None:
            self.exchange.report_renewal(session)
        elif session_id != self.exchange.joined_id and not session.attributes.closed:
            report.created(key=session.record.key, principal=session.record.principal)
        if session_id == self.exchange.joined_id and not session.ended_here:
            return headers
        headers = self._with_cookie(session, session_id, headers)
        kinds = session.context.config.clear_site_data
        is_due = kinds and self.exchange.has_ended_joined() and scheme_of(self.exchange.scheme) == "https"
        return clear_site_data(headers, kinds) if is_due else headers

    def _guard_urls(self, headers: Headers) -> Headers:
        """Keep an id that is in URLs from caches, and from other sites by way of Referer."""
        exchange = self.exchange
        is_due = exchange.tracking.url.enabled and exchange.has_id_in_urls()
        return hide_from_referer(forbid_storing(headers)) if is_due else headers

    def _with_cookie(self, session: Session, session_id: str, headers: Headers) -> Headers:
        """Return the headers with the id of the session, or with an expired cookie if this request has ended it."""
        exchange = self.exchange
        cookie = exchange.tracking.cookie
        if not cookie.enabled:
            return headers
        if not session.attributes.closed:
            return forbid_storing(cookie.add(headers, session_id, exchange.script_name, exchange.scheme))
        if session.context.config.expire_cookie and exchange.has_ended_requested():
            return forbid_storing(cookie.expire(headers, exchange.script_name, exchange.scheme))
        return headers


class Body:
    """A response body that is generated while it is sent. The session is in use until :meth:`close`.

    A body that is empty, of an application that has not called ``start_response``, belongs to the server: the
    application has answered over the socket. No headers go out, so that :meth:`close` undoes a new id.
    """

    __slots__ = ("_body", "_response")

    def __init__(self, body: Iterable[bytes], response: Response) -> None:
        self._body: Iterable[bytes] = body
        self._response: Response = response

    def __iter__(self) -> Iterator[bytes]:
        response = self._response
        try:
            for chunk in self._body:
                if not response.exchange.is_committed:
                    if not chunk:
                        continue
                    response.send()
                yield chunk
            if not response.exchange.is_committed and response.status is not None:
                response.send()
        except SessionError as error:
            if response.exchange.is_committed or not error.status:
                raise
            response.abandon()
            yield from response.refuse(error)

    def close(self) -> None:
        """Close the application's body, which may change the session once more, and end the request."""
        try:
            close_body(self._body)
        finally:
            self._response.close()

    def __del__(self) -> None:
        """End the request later, if the server did not close the body: its session would be in use for ever.

        Not now, because a destructor may run at any time, also while its thread holds a lock.
        """
        exchange = self._response.exchange
        if exchange.arrived:
            exchange.sessions.context.accesses.note_unclosed(self._response.close)


def _with_header_of(error: SessionError, headers: Headers) -> Headers:
    """Return *headers* with the one that belongs to the status of the *error*, in place of the application's."""
    if error.status not in _HEADERS:
        return headers
    own = _HEADERS[error.status]
    return [*(header for header in headers if header[0].lower() != own[0].lower()), own]


def close_body(body: Iterable[bytes]) -> None:
    """Close a body, if it can be closed."""
    if hasattr(body, "close"):
        body.close()
