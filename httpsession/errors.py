"""The exceptions of this package, under one root.

An exception for a wrong argument is a ValueError, too, as Java's IllegalArgumentException. One for a wrong moment is a
RuntimeError, as Java's IllegalStateException.
"""

from __future__ import annotations

from typing import Self


class SessionError(Exception):
    """The root of this package's exceptions; never raised itself."""


class ConfigError(SessionError, ValueError):
    """A setting has a wrong value. The message names the setting, its value and what is allowed."""

    #: The class that has the setting, the setting's name, and why its value is wrong; empty if there is no such class.
    owner: str = ""
    setting: str = ""
    reason: str = ""

    @classmethod
    def of(cls, owner: object, setting: str, reason: str) -> Self:
        """Return the error for the *setting* of *owner*, whose present value is wrong for a *reason*."""
        value = getattr(owner, setting)
        try:
            shown = repr(value)
        except ValueError:  # a number of more digits than Python prints
            shown = f"a too long {type(value).__name__}"
        error = cls(f"{type(owner).__name__}.{setting} is {shown}, but {reason}")
        error.owner, error.setting, error.reason = type(owner).__name__, setting, reason
        return error


class CodecError(SessionError, ValueError):
    """A value cannot be stored exactly, or stored bytes are not a value. The message names attribute, type and path.

    Most values are refused where they are set. A value that was changed inside is refused at the commit, and nothing of
    that commit is saved.
    """

    def __init__(self, message: str, name: str | None = None, path: str | None = None) -> None:
        super().__init__(message)
        #: The attribute, if it is known.
        self.name: str | None = name
        #: The place in the attribute's value, such as ``cart[2].price``.
        self.path: str | None = path


class StoreError(SessionError):
    """The system behind a store failed, or did not answer in time. The session may or may not exist.

    So it is never taken for a missing session. Unless the application catches it, the response is a 503 that leaves the
    cookie of the client as it is.
    """


class IllegalStateError(SessionError, RuntimeError):
    """The call does not fit the present state: Java's ``IllegalStateException``."""


class InvalidSessionError(IllegalStateError):
    """The session was invalidated or has expired (Servlet 6.1, ``HttpSession``).

    In memory a request learns so that another one has ended the session (S56). With a shared store it goes on with its
    snapshot, unless it invalidates the session itself.
    """


class ResponseCommittedError(IllegalStateError):
    """The headers have been sent, so that no session cookie can be set any more (Servlet 6.1, 9.3)."""


class TooManySessionsError(IllegalStateError):
    """``SessionConfig.max_sessions`` sessions are alive, and none of them may be evicted for a new one."""
