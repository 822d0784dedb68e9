"""The exceptions of this package: one root, and leaves that say what went wrong."""

from __future__ import annotations

from typing import Self


class SessionError(Exception):
    """The root of what this package raises; never raised itself."""


class ConfigError(SessionError, ValueError):
    """A setting is wrong. Raised at construction; the message names the setting, its value and what is allowed."""

    #: The class and the name of the setting, and what is said of its value; empty if it is none's.
    owner = setting = reason = ""

    @classmethod
    def of(cls, owner: object, setting: str, reason: str) -> Self:
        """Return the error that the *setting* of *owner* has a value for which it is wrong by *reason*."""
        value = getattr(owner, setting)
        try:
            shown = repr(value)
        except ValueError:  # a number of more digits than Python prints
            shown = f"a too long {type(value).__name__}"
        error = cls(f"{type(owner).__name__}.{setting} is {shown}, but {reason}")
        error.owner, error.setting, error.reason = type(owner).__name__, setting, reason
        return error


class CodecError(SessionError, ValueError):
    """A value cannot be stored exactly, or stored bytes are not a value. The message names attribute, type and path."""

    def __init__(self, message: str, name: str | None = None, path: str | None = None) -> None:
        super().__init__(message)
        #: The attribute, if it is known.
        self.name = name
        #: Where in the attribute's value the trouble is, such as ``cart[2].price``.
        self.path = path


class StoreError(SessionError):
    """The system behind a store failed, or did not answer in time. Whether there is a session is not known."""


class IllegalStateError(SessionError, RuntimeError):
    """The call does not fit the present state: Java's ``IllegalStateException``."""


class InvalidSessionError(IllegalStateError):
    """The session was invalidated or has timed out (Servlet 6.1, ``HttpSession``)."""


class ResponseCommittedError(IllegalStateError):
    """The headers have gone out, and with them the chance to send a session cookie (Servlet 6.1, 9.3)."""


class TooManySessionsError(IllegalStateError):
    """``SessionConfig.max_sessions`` sessions are alive, and none of them can be given up for a new one."""
