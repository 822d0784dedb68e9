"""The Servlet HttpSession for WSGI.

A middleware gives any WSGI application what a servlet container gives a servlet::

    from httpsession import SessionMiddleware, get_session

    def app(environ, start_response):
        session = get_session(environ)
        session["visits"] = session.get("visits", 0) + 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"visit number {session['visits']}".encode()]

    application = SessionMiddleware(app)
"""

from .config import SessionConfig, SessionCookieConfig, SessionTrackingMode
from .errors import (
    CodecError,
    ConfigError,
    IllegalStateError,
    InvalidSessionError,
    LoginRequiredError,
    ResponseCommittedError,
    SessionError,
    StoreError,
    TooManySessionsError,
)
from .events import (
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
)
from .manager import SessionManager
from .middleware import SessionMiddleware
from .record import SessionInfo, SessionStats
from .request import RequestSession, get_session, request_session
from .session import Accessor, HttpSession
from .session_attribute import session_attribute

__all__ = [
    "Accessor",
    "CodecError",
    "ConfigError",
    "HttpSession",
    "HttpSessionActivationListener",
    "HttpSessionAttributeListener",
    "HttpSessionBindingEvent",
    "HttpSessionBindingListener",
    "HttpSessionEvent",
    "HttpSessionIdListener",
    "HttpSessionListener",
    "IllegalStateError",
    "InvalidSessionError",
    "LoginRequiredError",
    "RequestSession",
    "ResponseCommittedError",
    "SessionConfig",
    "SessionCookieConfig",
    "SessionError",
    "SessionInfo",
    "SessionManager",
    "SessionMiddleware",
    "SessionStats",
    "SessionTrackingMode",
    "StoreError",
    "TooManySessionsError",
    "get_session",
    "request_session",
    "session_attribute",
]
