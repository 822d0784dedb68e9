"""A Werkzeug request with the session half of ``HttpServletRequest`` and ``HttpServletResponse`` on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, overload

from werkzeug.wrappers import Request as WerkzeugRequest

from .request import RequestSession, request_session
from .session import HttpSession


class Request(WerkzeugRequest):
    """A request that came through :class:`httpsession.SessionMiddleware`.

    Its members do the same as those of :class:`httpsession.RequestSession`, where they are described in full. Without
    the middleware each of them raises :class:`httpsession.IllegalStateError`.
    """

    @property
    def request_session(self) -> RequestSession:
        """The session half of the request."""
        return request_session(self.environ)

    @overload
    def get_session(self, create: Literal[True] = True) -> HttpSession: ...

    @overload
    def get_session(self, create: bool) -> HttpSession | None: ...

    def get_session(self, create: bool = True) -> HttpSession | None:
        """Return the session of this request. If there is none, create it, or return None if *create* is false."""
        return self.request_session.get_session(create)

    def change_session_id(self) -> str:
        """Give the session a new id and return it."""
        return self.request_session.change_session_id()

    def login(self, principal: str) -> HttpSession:
        """Bind the user named *principal* to the session, under a new id."""
        return self.request_session.login(principal)

    def logout(self) -> None:
        """Invalidate the session, if there is one."""
        self.request_session.logout()

    @property
    def auth_time(self) -> float | None:
        """When the user of the session logged in, in seconds since the epoch."""
        return self.request_session.auth_time

    def require_recent_login(self, max_age: float | timedelta) -> None:
        """Raise :class:`LoginRequiredError` if the user did not log in less than *max_age* seconds ago."""
        self.request_session.require_recent_login(max_age)

    @property
    def requested_session_id(self) -> str | None:
        """The id that the client sent."""
        return self.request_session.requested_session_id

    @property
    def is_requested_session_id_valid(self) -> bool:
        """Whether the client sent the present id of a session that is alive."""
        return self.request_session.is_requested_session_id_valid

    @property
    def is_requested_session_id_from_cookie(self) -> bool:
        """Whether the client sent the id in a cookie."""
        return self.request_session.is_requested_session_id_from_cookie

    @property
    def is_requested_session_id_from_url(self) -> bool:
        """Whether the client sent the id in the URL."""
        return self.request_session.is_requested_session_id_from_url

    def encode_url(self, url: str) -> str:
        """Return *url*, for a link or a form, with the session id in it if the client needs it there."""
        return self.request_session.encode_url(url)

    def encode_redirect_url(self, url: str) -> str:
        """Return *url*, for a redirect, with the session id in it if the client needs it there."""
        return self.request_session.encode_redirect_url(url)
