"""The exceptions of this package, under one root, and the values in their messages: cut, and without secrets.

An exception for a wrong argument is a ValueError, too, as Java's IllegalArgumentException. One for a wrong moment is a
RuntimeError, as Java's IllegalStateException.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar, Final, NoReturn, Self

#: The most characters of a value that a message shows.
_LONGEST: Final = 120
#: The most items of a container that a message shows.
_MOST: Final = 50
#: The most containers within each other that a message shows.
_DEEPEST: Final = 5
#: The most characters of a text that are searched for a password. Of a longer one only the beginning is shown.
_SEARCHED: Final = 2048
#: The form of a text that may hold a password: a login, a URL that is more than a host, or a word that names a secret.
_REVEALING: Final = re.compile(
    r"""@|(?:\A|['"\s,(\[])(?:[\w.+-]+:[^\s\d/'"]|[^\W\d][\w.+-]*:\d)|://(?![A-Za-z0-9.-]*/?(?:['"\s,)\]}]|\Z))|(?:pass|pwd?\b|secret|token|credential|api[_-]?key)\w*['"]?\s*[=:]""",
    re.IGNORECASE,
)
#: The packages whose objects have representations without secrets.
_PLAIN: Final = frozenset(
    {"builtins", "collections", "datetime", "decimal", "fractions", "httpsession", "pathlib", "uuid"}
)


def shown(value: object) -> str:
    """Return the text of a value for a message: its representation, cut, or its type if it may hold a password."""
    cls = type(value)
    if cls.__repr__ is object.__repr__:
        return repr(value)
    if not _is_plain(value):
        return f"<{cls.__module__}.{cls.__qualname__} object>"
    if isinstance(value, str | bytes | bytearray):
        beginning = value[:_SEARCHED]
        if _REVEALING.search(beginning if isinstance(beginning, str) else beginning.decode("latin-1")):
            return _hidden(cls)
        is_long = len(value) > _LONGEST
        text = repr(value[:_LONGEST]) if is_long else repr(value)
        return f"{text[:_LONGEST]}..." if is_long or len(text) > 2 * _LONGEST else text
    if isinstance(value, dict | list | tuple | set | frozenset) and len(value) > _MOST:
        return f"a {cls.__name__} of {len(value)} items"
    if not _is_plain_inside(value):
        return f"<{cls.__qualname__} object>"
    try:
        text = repr(value)
    except Exception as error:  # of a number of more digits than Python prints, or of an item
        return f"a too long {cls.__name__}" if isinstance(error, ValueError) else f"<{cls.__qualname__} object>"
    if _REVEALING.search(text[:_SEARCHED]):
        return _hidden(cls)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return printable(text)


def printable(text: str) -> str:
    """Return a text in one line, with escapes for all that could control a terminal or begin a line of a log."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _is_plain(value: object) -> bool:
    """Return whether the representation of a value has no secrets, if those of its items have none."""
    cls = type(value)
    is_known = isinstance(value, type | Enum) or cls.__repr__ is object.__repr__
    return is_known or str(cls.__module__).partition(".")[0] in _PLAIN


def _is_plain_inside(value: object, depth: int = 0) -> bool:
    """Return whether a value and all items in it are plain, few and not nested deeply; a value alone is."""
    items: Iterable[object] = ()
    if isinstance(value, Mapping):
        items = (*value.keys(), *value.values()) if len(value) <= _MOST else (value,)
    elif isinstance(value, list | tuple | set | frozenset | deque):
        items = value if len(value) <= _MOST else (value,)
    elif isinstance(value, BaseException):
        items = value.args
    return depth < _DEEPEST and all(_is_plain(item) and _is_plain_inside(item, depth + 1) for item in items)


def may_reveal(text: str) -> bool:
    """Return whether a text may hold a password, by its form."""
    return bool(_REVEALING.search(text))


def kind_of(value: object) -> str:
    """Return the kind of a value for a message that must not show the value."""
    cls = type(value)
    article = "an" if cls.__name__[0] in "aeiou" else "a"
    return (
        f"{article} {cls.__name__}"
        if cls.__module__ == "builtins"
        else f"an object of {cls.__module__}.{cls.__qualname__}"
    )


def named(name: object) -> str:
    """Return a name for a message: as it is if it is short and plain, else as :func:`shown` shows it."""
    is_plain = isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST
    return str(name) if is_plain and not _REVEALING.search(str(name)) else shown(name)


def _hidden(cls: type) -> str:
    return f"<{cls.__name__}, not shown: it may hold a password>"


class NotCopied:
    """The base of objects that belong to their process or request: ``copy`` and ``pickle`` refuse them."""

    __slots__ = ()
    #: The words that say what can be copied in place of the object.
    _instead: ClassVar[str]

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} objects cannot be copied or pickled: {self._instead}")


class SessionError(Exception):
    """The root of this package's exceptions; never raised itself."""

    #: The status of the response if the application does not catch the exception; empty: the server decides.
    status: ClassVar[str] = ""


class ConfigError(SessionError, ValueError):
    """A setting has a wrong value. The message names the setting, its value and what is allowed."""

    #: The class that has the setting, the setting's name, and why its value is wrong; empty if there is no such class.
    owner: str = ""
    setting: str = ""
    reason: str = ""

    @classmethod
    def of(cls, owner: object, setting: str, reason: str) -> Self:
        """Return the error for the *setting* of *owner*, whose present value is wrong for a *reason*."""
        return cls.of_value(type(owner).__name__, setting, getattr(owner, setting), reason)

    @classmethod
    def of_value(cls, owner: str, setting: str, value: object, reason: str) -> Self:
        """Return the error for a *value* of a *setting*, which is wrong for a *reason*."""
        error = cls(f"{owner}.{setting} is {shown(value)}, but {reason}")
        error.owner, error.setting, error.reason = owner, setting, reason
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

    status: ClassVar[str] = "503 Service Unavailable"


class IllegalStateError(SessionError, RuntimeError):
    """The call does not fit the present state: Java's ``IllegalStateException``."""


class LoginRequiredError(IllegalStateError):
    """The user has to log in again, since the latest login is too long ago, or there was none.

    Unless the application catches it, the response is a 401.
    """

    status: ClassVar[str] = "401 Unauthorized"


class UrlLoginError(IllegalStateError):
    """A login is refused, since the client carries the id in URLs alone and ``allow_url_login`` is False.

    Unless the application catches it, the response is a 403.
    """

    status: ClassVar[str] = "403 Forbidden"


class InvalidSessionError(IllegalStateError):
    """The session was invalidated or has expired (Servlet 6.1, ``HttpSession``).

    In memory a request learns so that another one has ended the session (S56). With a shared store it goes on with its
    snapshot, unless it invalidates the session itself.
    """


class ResponseCommittedError(IllegalStateError):
    """The headers have been sent, so that no session cookie can be set any more (Servlet 6.1, 9.3)."""


class TooManySessionsError(IllegalStateError):
    """``SessionConfig.max_sessions`` sessions are alive, and none of them may be evicted for a new one.

    Or a user is logged in ``SessionConfig.max_sessions_per_principal`` times, and ``when_too_many`` is ``"deny"``.
    Unless the application catches it, the response is a 503.
    """

    status: ClassVar[str] = "503 Service Unavailable"
