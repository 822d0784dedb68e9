"""Exchange: one request, with the ids that it sent, the session that it has, and the id that it issued."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from os import getpid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from . import audit, fork
from .core import report
from .core.collection import Sessions
from .core.session import Session
from .errors import (
    IllegalStateError,
    NotCopied,
    ResponseCommittedError,
    SessionError,
    StoreError,
    TooManySessionsError,
)
from .ids import key_of
from .session import HttpSession
from .tracking import Tracking
from .tracking.client import hints_of
from .tracking.spelling import authority_of
from .tracking.url import RequestUrl, raw_uri

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where the :class:`Exchange` of a request is in its environ.
ENVIRON_KEY = "httpsession.exchange"
#: How many ids of one request are looked up.
MAX_LOOKUPS = 4


class Exchange(NotCopied):
    """The session half of one request, from its arrival to the end of its response.

    It does not hold the environ, which would make every request a reference cycle. It looks up no session before the
    application asks for it.
    """

    _instead = "copy the environ with dict(environ), which shares its session"
    #: When the request arrived; zero while it has no session and carries no id.
    arrived: float = 0.0
    #: Whether the headers of the response have gone out: the response sets this.
    is_committed: bool = False
    #: Whether the request has ended: its response was sent and closed.
    is_over: bool = False
    #: Whether the ids that the client sent have been looked up.
    has_looked: bool = False
    #: Whether the application has asked for anything that depends on the ids that the client sent.
    is_asked: bool = False
    #: The session that the request uses, and the face of it that the application holds.
    session: Session | None = None
    http_session: HttpSession
    #: The session that the client asked for, and the id that it sent. If the session has another id now, this request
    #: has issued it.
    _joined: Session | None = None
    joined_id: str = ""
    #: The well-formed ids that the client sent, those in cookies first.
    _ids: Sequence[str] = ()
    _cookies: str = ""
    _url_values: Sequence[str] = ()
    _authority: str = ""
    _raw_uri: str = ""
    #: What lists of sessions show of the client, as notes.
    client_hints: Mapping[str, bytes] = MappingProxyType({})
    #: Why the request has changed the id, or has a new session late, until that is committed; None: it has not.
    renewal: str | None = None
    #: What an edge of the package adds to the headers of a response in which the session was looked at, at the commit.
    finish_headers: Callable[[list[tuple[str, str]]], list[tuple[str, str]]] | None = None
    #: The RequestSession of this exchange, from the first ``request_session`` to the end: that function sets this.
    face: object = None
    #: The error with which the request was refused, which an application may turn into one of its own.
    refusal: SessionError | None = None
    #: The key of the session that the request is creating.
    _reserved: Sequence[bytes] = ()
    #: When the request before this one arrived with the same id, if the store may not know of it yet.
    _arrived_before: float = 0.0

    def __init__(
        self, sessions: Sessions[Session, Any], tracking: Tracking, environ: WSGIEnvironment, outer: Exchange | None
    ) -> None:
        """Read from *environ* what will be needed, before the application changes it.

        *outer* is the exchange of an enclosing application that has sessions of its own.
        """
        self.sessions: Sessions[Session, Any] = sessions
        self.tracking: Tracking = tracking
        self._outer: Exchange | None = outer
        #: The failures of the store during the request. Its session shares this list.
        self.failures: list[StoreError] = []
        if tracking.url.enabled:
            self._url_values = tracking.url.read(environ)
            self._authority = authority_of(environ)
            self._raw_uri = raw_uri(environ)
        if sessions.context.config.client_hints:
            self.client_hints = hints_of(environ, sessions.context.config.client_hints)
        #: Whether the response must have no body (RFC 9110, 9.3.2).
        self.is_head: bool = "REQUEST_METHOD" in environ and environ["REQUEST_METHOD"] == "HEAD"
        #: The scheme and the mount point, as the server spells them.
        self.scheme: str = environ["wsgi.url_scheme"]
        self.script_name: str = environ["SCRIPT_NAME"] if "SCRIPT_NAME" in environ else ""  # noqa: SIM401 (no call)
        self._path_info: str = environ["PATH_INFO"] if "PATH_INFO" in environ else ""  # noqa: SIM401 (no call)
        if "HTTP_COOKIE" in environ and tracking.cookie.enabled:
            self._cookies = environ["HTTP_COOKIE"]
            if tracking.cookie.name in self._cookies:
                is_plain = "  " not in self._cookies and "\t" not in self._cookies
                self._ids = (tracking.cookie.find_ids_plainly if is_plain else tracking.cookie.find_ids)(self._cookies)
        if self._url_values:
            self._ids = [*self._ids, *filter(tracking.url.is_well_formed, self._url_values)]
        if self._ids and not sessions.is_closed:
            if getpid() != fork.process_id:
                fork.check()
            self._ids = self._ids[:MAX_LOOKUPS]
            accesses = sessions.context.accesses
            clock, self.arrived = accesses.clock, time.time() + accesses.clock.offset
            if not clock.earliest <= self.arrived <= clock.latest:
                self.arrived = clock.settle()
            first, latest = self._ids[0], accesses.latest
            if first in latest:
                self._arrived_before = latest[first]
            latest[first] = self.arrived
            accesses.in_flight[self] = None  # the last step: a request that fails before it cannot end

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that the request may be using: see :class:`.Access`."""
        if self.has_looked:
            return self._reserved if self.session is None else (self.session.key, *self._reserved)
        return map(key_of, self._ids)

    def get_session(self, create: bool = True) -> HttpSession | None:
        """Return the session of this request; if there is none, create one or return None."""
        session = self.find() if self.has_looked else self._look_up()
        if session is None:
            if not create:
                return None
            self.create()
        return self.http_session

    def change_session_id(self) -> str:
        """Give the session of this request a new id and return it."""
        session = self.find()
        if session is None:
            raise IllegalStateError("the request has no session whose id could be changed")
        self.check_not_committed("the id of the session can be changed")
        # If another request has changed the id first, its change stands, and this client does not learn that id.
        session.change_id()
        self.renewal = self.renewal or "rotation"
        return session.id

    def report_renewal(self, session: Session) -> None:
        """Report the id that goes out to the client, of a change or of a creation that are committed."""
        reason, self.renewal = self.renewal, None
        if not session.is_valid or session.id == self.joined_id:
            return
        if session is self._joined:
            report.renewed(session.record, self.joined_id, reason or "rotation")
        else:
            report.created(key=session.record.key, principal=session.record.principal)

    def requested(self) -> tuple[str | None, Literal["cookie", "url"] | None]:
        """Return the id that the client sent, and where it was; None and None if it sent none."""
        self.is_asked = True
        in_cookies = self.tracking.cookie.sent(self._cookies)
        if len(in_cookies) + len(self._url_values) > 1 and not self.has_looked and not self.sessions.is_closed:
            self._look_up()
        if self.joined_id:
            return self.joined_id, "cookie" if self._has_joined_by_cookie() else "url"
        if in_cookies:
            return in_cookies[0], "cookie"
        if self._url_values:
            return self._url_values[0], "url"
        return None, None

    def _has_joined_by_cookie(self) -> bool:
        return self.joined_id in self.tracking.cookie.find_ids(self._cookies)

    def is_requested_id_valid(self) -> bool:
        """Return whether the id that the client sent belongs to a session that has not ended, and is still its id."""
        self.find()
        joined = self._joined
        return joined is not None and joined.is_valid and joined.is_known_by(self.joined_id)

    def has_ended_requested(self) -> bool:
        """Return whether this request has ended the session whose id the client sent in a cookie."""
        return self.has_ended_joined() and self._has_joined_by_cookie()

    def has_ended_joined(self) -> bool:
        """Return whether this request has ended the session that it joined."""
        return self._joined is not None and self._joined.ended_here

    def has_id_in_urls(self) -> bool:
        """Return whether the URL of the request has an id, or the response may have URLs with the id.

        A body that is generated while it is sent may still ask for such a URL.
        """
        return bool(self._url_values) or (self.session is not None and self.requested()[1] != "cookie")

    def id_for_urls(self) -> str | None:
        """Return the id that links must carry; None if the client does not need it there."""
        if not self.tracking.url.enabled or self.sessions.is_closed:
            return None
        session = self.find()
        if session is None or self.requested()[1] == "cookie":
            return None
        if session.record.principal is not None and not session.context.config.allow_url_login:
            return None
        return session.id if session.is_known_by(session.id) else None

    def url(self) -> RequestUrl:
        """Return the URL of the request."""
        return RequestUrl(self.scheme, self._authority, self.script_name, self._path_info, self._raw_uri)

    def on_headers(self, finish: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> None:
        """Register *finish*, which gets the headers at the commit and returns those that are sent.

        It is not called for the answer to a failing store.
        """
        if not self.is_over:
            self.finish_headers = finish

    def end(self) -> None:
        """End the request. Its session begins to idle."""
        self.is_over = True
        self.face = self.finish_headers = None
        if not self.arrived:
            return
        accesses = self.sessions.context.accesses
        try:
            if self.session is not None:
                self.session.release(self.arrived)
            elif not self.has_looked:
                accesses.ended.append((self._ids, self.arrived, time.time() + accesses.clock.offset))
        finally:
            try:
                del accesses.in_flight[self]
                if not accesses.keeps_latest and accesses.latest[self._ids[0]] == self.arrived:
                    del accesses.latest[self._ids[0]]
            except LookupError:  # the request had no id, or the process has forked meanwhile
                pass
        self.arrived = 0.0

    def find(self) -> Session | None:
        """Return the session of this request, unless there is none or it has ended."""
        if not self.has_looked:
            return self._look_up()
        if self.sessions.is_closed:
            self.sessions.check_open()
        session = self.session
        if session is None and self.failures:
            raise self.failures[0]
        return None if session is None or session.attributes.closed else session

    def _look_up(self) -> Session | None:
        """Join the first live session among the ids that the client sent, and return it."""
        if self.sessions.is_closed:
            self.sessions.check_open()
        try:
            for session_id in self._ids:
                session = self.sessions.find(session_id, self.arrived or self.sessions.context.now(), self.failures)
                if session is None:
                    report.unknown(session_id)
                elif not session.ended_here:
                    self._joined = self.session = session
                    self.joined_id = session_id
                    self.http_session = HttpSession(session)
                    if session.record.accessed > self.arrived:
                        self.sessions.context.accesses.clock.catch_up(session.record.accessed)
                    if self._arrived_before:
                        session.note_earlier(self._arrived_before)
                    if self._ids[1:]:
                        self._report_ambiguity(session)
                    return session
            return None
        except StoreError as error:
            self.note_failure(error)
            raise
        finally:
            # Only now: until then the ids stand for the sessions that are in use.
            self.has_looked = self.is_asked = True

    def note_failure(self, error: StoreError) -> None:
        """Note that the store has failed the request."""
        self.failures.append(error)
        self.sessions.context.outage.fail(error)

    def _report_ambiguity(self, session: Session) -> None:
        """Report that cookies have the ids of two live sessions: another host may have set one, to shadow the other.

        The client sends no word on which cookie is whose, so the first live one stays the choice.
        """
        in_cookies = self.tracking.cookie.find_ids(self._cookies)[:MAX_LOOKUPS]
        later = set(in_cookies[in_cookies.index(self.joined_id) :] if self.joined_id in in_cookies else ())
        with suppress(StoreError):  # the request has its session
            if any(map(self.sessions.has, later - {self.joined_id})):
                audit.note("session_cookie_ambiguous", key=session.key, level=logging.WARNING)

    def create(self) -> Session:
        """Create the session of this request, and notify the listeners."""
        if self.tracking.cookie.enabled or self.is_over:
            self.check_not_committed("a session can be created")
        if not self.arrived and getpid() != fork.process_id:  # with an id, the request has looked when it arrived
            fork.check()
        try:
            session = self.sessions.create(self.failures, self._reserve)
        except StoreError as error:
            self.note_failure(error)
            raise
        except TooManySessionsError as error:
            self.refusal = error
            raise
        self.refusal = None
        self.session = session
        self.http_session = HttpSession(session)
        for name, hint in self.client_hints.items():
            session.set_note(name, hint)
        self._reserved = ()
        if self.is_committed:
            self.renewal = "creation"
        try:
            session.audience.session_created(session)
        except BaseException:
            if session.is_valid:
                session.end()
            raise
        return session

    def _reserve(self, key: bytes) -> None:
        """Count as a request that uses the session with this key, which is about to be created."""
        self._reserved = (key,)
        if not self.arrived:
            self.arrived = self.sessions.context.now()
        self.sessions.context.accesses.in_flight[self] = None

    def check_not_committed(self, what: str) -> None:
        """Raise ResponseCommittedError if the headers have gone out, before which alone *what* is possible."""
        if self.is_committed or self.is_over or (self._outer is not None and self._outer.is_committed):
            raise ResponseCommittedError(f"the headers of the response have gone out; {what} only before")
