"""How session ids travel: in a cookie, or as a path parameter of URLs."""

from .cookie import Tracking

__all__ = ["Tracking"]
