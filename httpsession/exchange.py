"""A request and its response as far as sessions go: which ids came, which session is in use, what goes out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from werkzeug.wsgi import get_host

from .errors import ResponseCommittedError, SessionError, StoreError
from .ids import key_of
from .manager import SessionManager
from .record import Rotation
from .session import HttpSession
from .tracking import Tracking

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("httpsession")

#: How many ids of one request are looked up.
MAX_LOOKUPS = 4


class Exchange:
    """What :class:`RequestSession` does for the middleware, beside what it does for the application.

    It does not hold the environ, which would make every request a reference cycle, and looks for no session before it
    is asked.
    """

    #: When the request arrived; zero while it has nothing to do with any session.
    arrived = 0.0
    #: Whether the response has gone, and the request is over.
    is_over = False
    #: Whether the headers of the response have gone out.
    is_committed = False
    #: The well-formed ids that the client sent, those in cookies first.
    _ids: Sequence[str] = ()
    _cookies = ""
    _url_values: Sequence[str] = ()
    _host = ""
    #: When the request with the same id arrived that was under way then.
    _arrived_before = 0.0
    #: The same for the application around this one, if that has sessions, too.
    outer: Exchange | None = None
    #: Whether the session that the client asked for has been looked for.
    has_looked = False
    #: The session that the client asked for, and the id by which it did.
    _joined: HttpSession | None = None
    _joined_id = ""
    #: The session that the request uses.
    _session: HttpSession | None = None
    #: Whether this request made it, the id that this request gave it, and what that replaced.
    _has_created = False
    _issued_id: str | None = None
    _rotation: Rotation | None = None
    #: Whether what it has changed was committed, and what the store raised.
    _has_committed = False
    _failure: StoreError | None = None

    def __init__(self, manager: SessionManager, tracking: Tracking, environ: WSGIEnvironment) -> None:
        """Made by :class:`SessionMiddleware`: take from *environ* what will be needed, before anybody changes it."""
        self._manager = manager
        self._tracking = tracking
        if tracking.url.enabled:
            self._url_values = tracking.url.read(environ)
            self._host = get_host(environ)
        self._scheme = environ["wsgi.url_scheme"]
        self._script_name = environ["SCRIPT_NAME"] if "SCRIPT_NAME" in environ else ""  # noqa: SIM401 (no call)
        self._path_info = environ["PATH_INFO"] if "PATH_INFO" in environ else ""  # noqa: SIM401 (no call)
        if "HTTP_COOKIE" in environ and tracking.cookie.enabled:
            self._cookies = environ["HTTP_COOKIE"]
            if tracking.cookie.name in self._cookies:
                is_plain = "  " not in self._cookies and "\t" not in self._cookies
                self._ids = (tracking.cookie.find_ids_plainly if is_plain else tracking.cookie.find_ids)(self._cookies)
        if self._url_values:
            self._ids = [*self._ids, *filter(tracking.url.is_well_formed, self._url_values)]
        if self._ids:
            self._ids = self._ids[:MAX_LOOKUPS]
            self.arrived = time.time()
            manager.accesses.under_way[self] = None
            first, latest = self._ids[0], manager.accesses.latest
            if first in latest:
                self._arrived_before = latest[first]
            latest[first] = self.arrived

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that the request may be using: see :class:`.Access`."""
        if self.has_looked:
            return () if self._session is None else (self._session.record.key,)
        return map(key_of, self._ids)

    @property
    def has_failed(self) -> bool:
        """Whether the store failed when it was asked something for this request."""
        session = self._session
        return self._failure is not None or (session is not None and session.failure is not None)

    def commit(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Have the store told what the request has changed, as far as it was not told at once, and return the headers
        that are to go out now: those given, and the session cookie if it is due.

        An id that another request has changed meanwhile is not sent.

        Raises:
            CodecError: an attribute cannot be stored any more.
            StoreError: the store failed.
        """
        session = self._session
        if session is None:
            return headers
        is_due = self._issued_id is not None or session.invalidated_here
        if is_due or self._manager.is_shared:
            self._commit(session)
        if not is_due:
            return headers
        if self._rotation is not None and session.record.id == self._issued_id:
            session.drop_journal()
        cookie = self._cookie_due(session)
        return headers if cookie is None else self._tracking.cookie.add(headers, cookie)

    def commit_late(self) -> None:
        """Have the store told what was changed after the headers had gone; that it cannot be told is logged."""
        if self._session is not None and self._manager.is_shared and not self.has_failed:
            try:
                self._commit(self._session)
            except Exception as error:
                is_listener = not isinstance(error, SessionError)
                _log.error("What a request changed late was not saved: %s", error, exc_info=is_listener)

    def _commit(self, session: HttpSession) -> None:
        self._has_committed = True
        if self._failure is not None:
            raise self._failure
        try:
            self._manager.sessions.commit(session, self._issued_id)
        except StoreError as error:
            self._failure = error
            raise

    def _cookie_due(self, session: HttpSession) -> str | None:
        cookie = self._tracking.cookie
        if not cookie.enabled:
            return None
        if session.is_valid:
            if session.record.id != self._issued_id:
                return None
            return cookie.cookie(session.record.id, self._script_name, self._scheme == "https")
        joined = self._joined
        if joined is None or not joined.invalidated_here or self._requested()[1] != "cookie":
            return None
        if not self._manager.config.expire_cookie:
            return None
        return cookie.expired_cookie(self._script_name, self._scheme == "https")

    def abandon(self) -> None:
        """Take back what cannot take effect, since the request failed and the client will not hear of its id; the rest
        stands."""
        session = self._session
        if session is None or not session.is_valid:
            return
        try:
            if self._has_created:
                self._manager.end(session)
            elif self._rotation is not None:
                rotation, self._rotation = self._rotation, None
                self._manager.take_back(session, rotation)
        except Exception:
            _log.exception("Something failed when a failed request was taken back.")
        if not self._has_committed and not self.has_failed:
            self.commit_late()

    def end(self) -> None:
        """Note that the response has gone: the idle time of the session begins."""
        accesses = self._manager.accesses
        if self._session is not None:
            self._manager.sessions.release(self._session, self.arrived)
        elif not self.has_looked:
            accesses.ended.append((self._ids, self.arrived, time.time()))
        try:
            del accesses.under_way[self]
            if not self._manager.is_shared and accesses.latest[self._ids[0]] == self.arrived:
                del accesses.latest[self._ids[0]]
        except LookupError:  # the request had no id, or the process has forked meanwhile
            pass
        self.arrived = 0.0

    def _rotate(self, session: HttpSession, from_id: str) -> bool:
        """Change the id, and return True, unless another request has changed *from_id* already."""
        rotation = self._manager.sessions.rotate(session, from_id, self._manager.config.id_bytes)
        if rotation is None:
            return False
        if not self._has_created:
            session.keep_journal()
            before = rotation if self._rotation is None else self._rotation
            self._rotation = replace(before, new_id=rotation.new_id)
        self._issued_id = rotation.new_id
        self._manager.listeners.session_id_changed(session, rotation.old_id)
        return True

    def _look_up(self) -> HttpSession | None:
        """Find the session that the client asked for: the first that is alive."""
        try:
            for session_id in self._ids:
                session = self._manager.find(session_id, self.arrived or time.time())
                if session is not None:
                    self._joined = self._session = session
                    self._joined_id = session_id
                    if self._arrived_before > session.record.creation_time:
                        session.previous_access = max(session.previous_access or 0.0, self._arrived_before)
                    return session
            return None
        except StoreError as error:
            self._failure = error
            raise
        finally:
            self.has_looked = True  # only now: until then the ids stand for the sessions that are in use

    def _requested(self) -> tuple[str | None, str | None]:
        """Return the id that the client sent and where it was."""
        in_cookies = self._tracking.cookie.sent(self._cookies)
        if len(in_cookies) + len(self._url_values) > 1 and not self.has_looked:
            self._look_up()
        if requested := self._joined_id:
            return requested, "cookie" if requested in self._tracking.cookie.find_ids(self._cookies) else "url"
        if in_cookies:
            return in_cookies[0], "cookie"
        if self._url_values:
            return self._url_values[0], "url"
        return None, None

    def _create(self) -> HttpSession:
        if self._tracking.cookie.enabled or self.is_over:
            self._check_not_committed("a session can be made")
        try:
            session = self._manager.create()
        except StoreError as error:
            self._failure = error
            raise
        self._session = session
        self._has_created = True
        self._issued_id = session.id
        self._rotation = None
        if not self.arrived:
            self.arrived = session.record.creation_time
            self._manager.accesses.under_way[self] = None
        try:
            self._manager.listeners.session_created(session)
        except BaseException:
            if session.is_valid:
                self._manager.end(session)
            raise
        return session

    def _check_not_committed(self, what: str) -> None:
        if self.is_committed or self.is_over or (self.outer is not None and self.outer.is_committed):
            raise ResponseCommittedError(f"the headers of the response have gone out; {what} only before")
