"""The configuration of sessions: typed settings, and how texts, environment variables and web.xml files give them."""

from .session import SessionConfig, SessionCookieConfig, SessionTrackingMode

__all__ = ["SessionConfig", "SessionCookieConfig", "SessionTrackingMode"]
