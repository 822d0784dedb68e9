"""The URL that names a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote

from ..errors import ConfigError, printable, shown

#: One host or several, each a name or an address in brackets, with its port. A longer number may be a password.
_PORT = r"(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HOSTS = re.compile(rf"((\[[0-9A-Fa-f:.%A-Za-z]+\]|[A-Za-z0-9._-]+)(:{_PORT})?(,|\Z))*")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
#: The path of a URL that names a server: a database.
_DATABASE = re.compile(r"/?[0-9]{0,5}")
#: A lone surrogate, and one that no name of a file has: Python puts others for bytes that are no UTF-8.
_LONE = re.compile("[\ud800-\udfff]")
_LONE_IN_PATHS = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_NOT_UTF_8 = "has percent-encoded bytes that are not UTF-8, such as %FF"
#: Seconds that an operation may wait, at most.
_LONGEST = 10_000


def is_scheme(text: str) -> bool:
    """Return whether a text has the form of a scheme, so that a message may show it."""
    return bool(_SCHEME.fullmatch(text))


def check_timeout(seconds: object) -> float:
    """Return the timeout of a store that is made without a URL.

    Raises:
        ConfigError: it is no number of seconds above zero, below 10,000.
    """
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < _LONGEST:
        return float(seconds)
    raise ConfigError(f"the timeout is {shown(seconds)}, but must be a number of seconds above zero, below {_LONGEST}")


def flaw_of_prefix(prefix: object) -> str:
    """Return the words that follow the store's name in the error about a wrong prefix; empty for a right one."""
    if isinstance(prefix, str) and _PREFIX.fullmatch(prefix):
        return ""
    what = _with_value("the prefix", prefix) if isinstance(prefix, str) else f"the prefix {shown(prefix)}"
    return f"has {what}, but must have a letter, then up to 31 letters, digits, '_' or '-'"


def _with_value(what: str, value: str) -> str:
    """Return the name of an option with its value, which is not shown if it may be a user and a password."""
    return f"{what} {shown(value)}" if ":" not in value else f"a wrong value for {what}"


@dataclass(frozen=True, repr=False)
class StoreUrl:
    """A URL in its parts. Its text shows no password."""

    #: The *netloc* may be a list of hosts, which *hostname* and *port* are not for.
    parts: SplitResult
    options: Mapping[str, str]
    #: The prefix that separates the applications in one store.
    prefix: str
    #: Seconds that an operation may wait for the system behind the store.
    timeout: float

    @classmethod
    def parse(cls, url: str, *, timeout: float, options: tuple[str, ...] = ()) -> Self:
        """Split a URL. Every store accepts ``?prefix=`` and ``?timeout=``; this one accepts *options*, too.

        Raises:
            ConfigError: the URL is malformed, or an option is unknown, repeated or has a wrong value.
        """
        parts = _split(url)
        known = ("prefix", "timeout", *options)
        given: dict[str, str] = {}
        for name, value in _options(parts):
            if name not in known:
                raise _refusal(parts, f"has {_unknown(name, value, given)}; known are {', '.join(known)}")
            if name in given:
                raise _refusal(parts, f"has the option {name!r} twice")
            given[name] = value
        if parts.fragment:
            raise _refusal(parts, "has a fragment, which means nothing here")
        prefix = given.pop("prefix", "httpsession")
        flaw = flaw_of_prefix(prefix)
        if flaw:
            raise _refusal(parts, flaw)
        return cls(parts, given, prefix, _seconds(parts, given.pop("timeout", str(timeout))))

    @property
    def path(self) -> str:
        """The path, unquoted. Bytes that are no UTF-8 are as Python has them in the names of files."""
        return unquote(self.parts.path, errors="surrogateescape")

    def text(self, quoted: str) -> str:
        """Return a part of the URL, unquoted.

        Raises:
            ConfigError: it is no UTF-8.
        """
        try:
            return unquote(quoted, errors="strict")
        except UnicodeDecodeError:
            raise _refusal(self.parts, _NOT_UTF_8) from None

    def refusal(self, why: str) -> ConfigError:
        """Return the error that names this URL and says *why* it is refused."""
        return _refusal(self.parts, why)

    def __str__(self) -> str:
        """Return the URL without user, password and options."""
        return _shown(self.parts)

    __repr__ = __str__


def _options(parts: SplitResult) -> list[tuple[str, str]]:
    try:
        return parse_qsl(parts.query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise _refusal(parts, _NOT_UTF_8) from None


def _unknown(name: str, value: str, given: Mapping[str, str]) -> str:
    """Return the words for an unknown option. It is not shown if it may be the rest of a password."""
    if not value or not re.fullmatch(r"[A-Za-z_.-]{1,32}", name) or any("password" in earlier for earlier in given):
        return "an unknown option"
    advice = " (a password stands before the host: //:password@host)" if "pass" in name else ""
    return f"the unknown option {name!r}{advice}"


def _split(url: str) -> SplitResult:
    """Split the URL, or refuse one that could be split within a password.

    The releases of Python differ in what their `urlsplit` takes for a host, and none knows lists of hosts.
    """
    scheme, _, rest = url.partition(":")
    scheme = scheme.lower()
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise ConfigError(f"the store {scheme}://... has control characters, which have to be percent-encoded")
    if (_LONE_IN_PATHS if scheme == "sqlite" else _LONE).search(url):
        # An error about it, deep in a client, would hold the password.
        raise ConfigError(
            f"the store {scheme}://... has a lone surrogate, which UTF-8 does not have: decode it as UTF-8"
        )
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    netloc, path = "", rest
    if rest.startswith("//"):
        netloc, slash, path = rest[2:].partition("/")
        path = slash + path
    parts = SplitResult(scheme, netloc, path, query, fragment)
    is_login = "@" in path and (netloc or ":" in path.rpartition("@")[0])
    if is_login or "@" in query or "@" in fragment:
        raise ConfigError(
            f"the store {scheme}://... has an '@' too far on: "
            "special characters in a password, or in an option, have to be percent-encoded"
        )
    user_info, _, hosts = netloc.rpartition("@")
    if re.search(r"[][]", user_info) or re.search(r"[][]", re.sub(r"\[[^][]*\]", "", hosts)):
        raise ConfigError(
            f"the store {scheme}://... has a malformed host: brackets are for IPv6 addresses, as in [::1]:6379, "
            "and have to be percent-encoded in a password"
        )
    return parts


def _shown(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    if not _HOSTS.fullmatch(host):
        host = "..."  # a URL without a host may have a password in its place
    path = parts.path
    # Where a path names a database, anything else there may be a password.
    is_plain = (
        not parts.netloc
        and not parts.scheme.startswith(("redis", "memory"))
        and not re.search("[:@]", unquote(path).replace(":memory:", ""))
    )
    if not is_plain and not _DATABASE.fullmatch(path):
        path = "/..."
    path = path if len(path) <= 200 else f"{path[:200]}..."
    return f"{parts.scheme}://{host}{printable(path)}"


def _refusal(parts: SplitResult, why: str) -> ConfigError:
    return ConfigError(f"the store {_shown(parts)} {why}")


def _seconds(parts: SplitResult, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not float(text):
        raise _refusal(
            parts,
            f"has {_with_value('the timeout', text)}, but must have a number of seconds above zero, below {_LONGEST}",
        )
    return float(text)
