"""The ways in which session ids travel: in a cookie, or as a path parameter of URLs (Servlet 6.1, 7.1)."""

from __future__ import annotations

from ..config import SessionConfig
from .cookie import CookieTracking
from .url import UrlTracking

__all__ = ["CookieTracking", "Tracking", "UrlTracking"]


class Tracking:
    """The two ways in which the ids of one application can travel; each says whether it is enabled."""

    def __init__(self, config: SessionConfig) -> None:
        self.cookie: CookieTracking = CookieTracking(config)
        self.url: UrlTracking = UrlTracking(config)
