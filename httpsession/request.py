"""The session half of one request."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, overload

from werkzeug.wsgi import get_host

from .errors import IllegalStateError, ResponseCommittedError
from .ids import key_of
from .manager import SessionManager
from .record import Rotation
from .session import HttpSession
from .tracking import Tracking
from .urls import RequestUrl, is_relative

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("httpsession")

#: How many ids of one request are looked up.
MAX_LOOKUPS = 4


class RequestSession:
    """What a request knows of sessions (Servlet 6.1, the session methods of ``HttpServletRequest`` and ``-Response``).

    It is in the environ as one object, so that copies of the environ share it (S18). It does not hold the environ,
    which would make every request a reference cycle, and looks for no session before it is asked.
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
    outer: RequestSession | None = None
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

    @overload
    def get_session(self, create: Literal[True] = True) -> HttpSession: ...

    @overload
    def get_session(self, create: bool) -> HttpSession | None: ...

    def get_session(self, create: bool = True) -> HttpSession | None:
        """Return the session of this request. If there is none, make one, or return None if *create* is false.

        Raises:
            ResponseCommittedError: a session would have to be made, but the cookie cannot be sent any more (S5).
            TooManySessionsError: there are ``SessionConfig.max_sessions`` already.
        """
        if not self.has_looked:
            session = self._look_up()
        else:
            session = self._session
            if session is not None and not session.is_valid:
                session = None
        if session is None and create:
            return self._create()
        return session

    def change_session_id(self) -> str:
        """Give the session of this request a new id and return it; the old one is dead at once.

        If another request was faster its change stands, and this one's client does not hear of the id.

        Raises:
            IllegalStateError: there is no session.
            ResponseCommittedError: the client could not be told.
        """
        session = self.get_session(create=False)
        if session is None:
            raise IllegalStateError("the request has no session whose id could be changed")
        self._check_not_committed("the id of the session can be changed")
        self._rotate(session, self._issued_id or self._joined_id)
        return session.id

    def _rotate(self, session: HttpSession, from_id: str) -> bool:
        """Change the id, and return True, unless another request has changed *from_id* already."""
        rotation = self._manager.rotate(session, from_id)
        if rotation is None:
            return False
        if not self._has_created:
            session.keep_journal()
            before = rotation if self._rotation is None else self._rotation
            self._rotation = replace(before, new_id=rotation.new_id)
        self._issued_id = rotation.new_id
        self._manager.listeners.session_id_changed(session, rotation.old_id)
        return True

    def login(self, principal: str) -> HttpSession:
        """Bind *principal*, the name of a user, to the session of this request, which is made if there is none.

        The id is changed, unless this request gave it out, so that an id planted before the login opens nothing.
        If another user was bound the session starts empty.

        Raises:
            ValueError: *principal* is no string or empty.
            ResponseCommittedError: the client could not be told of the new id.
        """
        if not isinstance(principal, str) or not principal:
            raise ValueError(f"a principal is a string and not empty, not {principal!r}")
        self._check_not_committed("somebody can log in")
        session = self.get_session()
        if not self._has_created:
            while not self._rotate(session, session.id):
                pass  # another request was faster, and whoever knows its id must not be logged in by this
        if session.principal not in (None, principal):
            session.clear()
        self._manager.bind_principal(session, principal)
        return session

    def logout(self) -> None:
        """Invalidate the session of this request, if there is one."""
        session = self.get_session(create=False)
        if session is not None:
            session.invalidate()

    @property
    def servlet_context(self) -> SessionManager:
        """The manager of the application that the request went to."""
        return self._manager

    @property
    def requested_session_id(self) -> str | None:
        """The id that the client sent, verbatim, whether there is such a session or not; None if it sent none.

        If it sent several it is the first of a valid session, the first of all if there is none.
        """
        return self._requested()[0]

    @property
    def is_requested_session_id_valid(self) -> bool:
        """Whether the id that the client sent is that of a session that is alive, and still its id."""
        if not self.has_looked:
            self._look_up()
        joined = self._joined
        return joined is not None and joined.is_valid and joined.id == self._joined_id

    @property
    def is_requested_session_id_from_cookie(self) -> bool:
        """Whether the client sent the id in a cookie."""
        return self._requested()[1] == "cookie"

    @property
    def is_requested_session_id_from_url(self) -> bool:
        """Whether the client sent the id in the URL."""
        return self._requested()[1] == "url"

    def encode_url(self, url: str) -> str:
        """Return *url* with the session id in it, for a link or a form, if the client needs it there.

        That is so when there is a session, ids travel in URLs, the client did not send its id in a cookie, and the URL
        leads to this application; otherwise *url* comes back unchanged (Servlet 6.1, ``HttpServletResponse``).
        """
        session = self._session_for_urls()
        session_id = None if session is None else session.id
        # An id that another request has drawn since is none of this client's business.
        if session_id is None or session_id not in (self._issued_id, self._joined_id) or not url:
            return url
        return self._tracking.url.add(url, session_id, self._url())

    def encode_redirect_url(self, url: str) -> str:
        """Return *url* with the session id in it, for a redirect, if the client needs it there.

        Raises:
            ValueError: *url* is relative and leads above the root.
        """
        if url and is_relative(url):
            self._url().absolute_path(url)
        return self.encode_url(url)

    def store_keys(self) -> Iterable[bytes]:
        """Return the keys of the sessions that the request may be using: see :class:`httpsession.accesses.Access`."""
        if self.has_looked:
            return () if self._session is None else (self._session.record.key,)
        return map(key_of, self._ids)

    def commit(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of the response that are to go out now: those given, and the session cookie if it is due.

        An id that another request has changed meanwhile is not sent.
        """
        session = self._session
        if session is None or (self._issued_id is None and not session.invalidated_here):
            return headers
        if session.record.id == self._issued_id:
            session.record.known_id = self._issued_id
            session.record.known_principal = session.record.principal
            if self._rotation is not None:
                session.drop_journal()
        cookie = self._cookie_due(session)
        return headers if cookie is None else self._tracking.cookie.add(headers, cookie)

    def _cookie_due(self, session: HttpSession) -> str | None:
        cookie = self._tracking.cookie
        if not cookie.enabled:
            return None
        if session.is_valid:
            if session.record.id != self._issued_id:
                return None
            return cookie.cookie(session.record.id, self._script_name, self._scheme == "https")
        joined = self._joined
        if joined is None or not joined.invalidated_here or not self.is_requested_session_id_from_cookie:
            return None
        if not self._manager.config.expire_cookie:
            return None
        return cookie.expired_cookie(self._script_name, self._scheme == "https")

    def abandon(self) -> None:
        """Take back what cannot take effect, since the request failed and the client will not hear of its id."""
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
            _log.exception("A listener failed when a failed request was taken back.")

    def end(self) -> None:
        """Note that the response has gone: the idle time of the session begins."""
        accesses = self._manager.accesses
        if self._session is not None:
            self._manager.release(self._session)
        elif not self.has_looked:
            accesses.ended.append((self._ids, self.arrived, time.time()))
        del accesses.under_way[self]
        if self._ids:
            try:
                if accesses.latest[self._ids[0]] == self.arrived:
                    del accesses.latest[self._ids[0]]
            except KeyError:
                pass
        self.arrived = 0.0

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
        finally:
            self.has_looked = True  # only now: until then the ids stand for the sessions that are in use

    def _create(self) -> HttpSession:
        if self._tracking.cookie.enabled or self.is_over:
            self._check_not_committed("a session can be made")
        session = self._manager.create()
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

    def _session_for_urls(self) -> HttpSession | None:
        """Return the session if its id has to be in URLs."""
        if not self._tracking.url.enabled:
            return None
        session = self.get_session(create=False)
        return None if session is None or self.is_requested_session_id_from_cookie else session

    def _url(self) -> RequestUrl:
        return RequestUrl(self._scheme, self._host, self._script_name, self._path_info)

    def _check_not_committed(self, what: str) -> None:
        if self.is_committed or self.is_over or (self.outer is not None and self.outer.is_committed):
            raise ResponseCommittedError(f"the headers of the response have gone out; {what} only before")
