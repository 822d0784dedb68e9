"""The exceptions of this package: one root, and leaves that say what went wrong."""

from __future__ import annotations


class SessionError(Exception):
    """The root of what this package raises; never raised itself."""


class ConfigError(SessionError, ValueError):
    """A setting is wrong. Raised at construction; the message names the setting, its value and what is allowed."""


class CodecError(SessionError, ValueError):
    """A value cannot be stored exactly, or stored bytes are not a value. The message names attribute, type and path."""

    def __init__(self, message: str, name: str | None = None, path: str | None = None) -> None:
        super().__init__(message)
        #: The attribute, if it is known.
        self.name = name
        #: Where in the attribute's value the trouble is, such as ``cart[2].price``.
        self.path = path


class IllegalStateError(SessionError, RuntimeError):
    """The call does not fit the present state: Java's ``IllegalStateException``."""


class InvalidSessionError(IllegalStateError):
    """The session was invalidated or has timed out (Servlet 6.1, ``HttpSession``)."""


class ResponseCommittedError(IllegalStateError):
    """The headers have gone out, and with them the chance to send a session cookie (Servlet 6.1, 9.3)."""


class TooManySessionsError(IllegalStateError):
    """``SessionConfig.max_sessions`` sessions are alive, and none of them can be given up for a new one."""
