"""The session API under its Jakarta names and units, for code ported from Java line by line.

This package has no behaviour of its own: every call goes to the native object. Times are whole milliseconds since the
epoch, the interval of a session is in seconds, the timeout of a context in minutes; None is ``null``. The exceptions
have Java's names, and derive from those of httpsession::

    from httpsession.servlet import HttpServletRequest, ServletContext

    def app(environ, start_response):
        session = HttpServletRequest(environ).getSession()
        ...

    application = ServletContext(app)
    application.setSessionTimeout(20)
"""

from ..config import SessionTrackingMode
from .context import ServletContext
from .cookie import SessionCookieConfig
from .errors import IllegalArgumentException, IllegalStateException
from .events import (
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
)
from .request import HttpServletRequest, HttpServletResponse
from .session import HttpSession

__all__ = [
    "HttpServletRequest",
    "HttpServletResponse",
    "HttpSession",
    "HttpSessionActivationListener",
    "HttpSessionAttributeListener",
    "HttpSessionBindingEvent",
    "HttpSessionBindingListener",
    "HttpSessionEvent",
    "HttpSessionIdListener",
    "HttpSessionListener",
    "IllegalArgumentException",
    "IllegalStateException",
    "ServletContext",
    "SessionCookieConfig",
    "SessionTrackingMode",
]
