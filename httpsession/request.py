"""The session half of one request."""

from __future__ import annotations

from typing import Literal, overload

from .errors import IllegalStateError
from .exchange import Exchange
from .manager import SessionManager
from .session import HttpSession
from .tracking.url import RequestUrl, is_relative


class RequestSession(Exchange):
    """What a request knows of sessions (Servlet 6.1, the session methods of ``HttpServletRequest`` and ``-Response``).

    It is in the environ as one object, so that copies of the environ share it (S18).
    """

    @overload
    def get_session(self, create: Literal[True] = True) -> HttpSession: ...

    @overload
    def get_session(self, create: bool) -> HttpSession | None: ...

    def get_session(self, create: bool = True) -> HttpSession | None:
        """Return the session of this request. If there is none, make one, or return None if *create* is false.

        Raises:
            ResponseCommittedError: a session would have to be made, but the cookie cannot be sent any more (S5).
            TooManySessionsError: there are ``SessionConfig.max_sessions`` already.
            StoreError: the store failed, and whether there is a session is not known.
        """
        if not self.has_looked:
            session = self._look_up()
        elif self._failure is not None:
            raise self._failure
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
        self._manager.sessions.bind_principal(session, principal)
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
        elif self._failure is not None:
            raise self._failure
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

    def _session_for_urls(self) -> HttpSession | None:
        """Return the session if its id has to be in URLs."""
        if not self._tracking.url.enabled:
            return None
        session = self.get_session(create=False)
        return None if session is None or self.is_requested_session_id_from_cookie else session

    def _url(self) -> RequestUrl:
        return RequestUrl(self._scheme, self._host, self._script_name, self._path_info)
