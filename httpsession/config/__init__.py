"""The configuration of sessions: typed settings, and how texts, environment variables and web.xml files give them."""

from .cookie import SessionCookieConfig
from .session import SessionConfig, SessionTrackingMode

__all__ = ["SessionConfig", "SessionCookieConfig", "SessionTrackingMode"]
