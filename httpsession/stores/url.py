"""The URL that names a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ..errors import ConfigError

#: One host or several, each a name or an address in brackets, with its port.
_HOSTS = re.compile(r"((\[[0-9A-Fa-f:.%A-Za-z]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?(,|\Z))*")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def flaw_of_prefix(prefix: str) -> str:
    """Return what is wrong with the prefix of a store, to go on after naming the store; empty if nothing is."""
    if _PREFIX.fullmatch(prefix):
        return ""
    return f"has the prefix {prefix!r}, but must have a letter, then up to 31 letters, digits, '_' or '-'"


@dataclass(frozen=True, repr=False)
class StoreUrl:
    """A URL in its parts. What it says of itself has no password in it."""

    parts: SplitResult
    options: Mapping[str, str]
    #: What keeps two applications in one store apart.
    prefix: str
    #: Seconds that an operation may wait for the system behind the store.
    timeout: float

    @classmethod
    def parse(cls, url: str, *, timeout: float, options: tuple[str, ...] = ()) -> Self:
        """Take a URL apart. Every store takes ``?prefix=`` and ``?timeout=``; *options* are what this one takes, too.

        Raises:
            ConfigError: the URL is malformed, or an option is unknown, there twice or has a wrong value.
        """
        parts = _split(url)
        known = ("prefix", "timeout", *options)
        given: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name not in known:
                # Behind a password it may be the rest of it.
                is_shown = not any("password" in one for one in given)
                which = f"the unknown option {name!r}" if is_shown else "an unknown option"
                raise _refusal(parts, f"has {which}; known are {', '.join(known)}")
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
        """The path, unquoted."""
        return unquote(self.parts.path)

    def refusal(self, why: str) -> ConfigError:
        """Return the error that this URL is wrong; *why* goes on after naming it."""
        return _refusal(self.parts, why)

    def __str__(self) -> str:
        """Return the URL without user, password and options."""
        return _shown(self.parts)

    __repr__ = __str__


def _split(url: str) -> SplitResult:
    """Take the URL apart where that cannot go wrong in the middle of a password."""
    scheme = url.partition(":")[0]
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise ConfigError(f"the store {scheme}://... has control characters, which have to be percent-encoded")
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are not those of an IPv6 address
        raise ConfigError(f"the store {scheme}://... has a malformed host") from None
    if "@" in parts.query or "@" in parts.fragment or ("@" in parts.path and parts.netloc):
        raise ConfigError(
            f"the store {scheme}://... has an '@' too far on: "
            "what is special in a password, or in an option, has to be percent-encoded"
        )
    return parts


def _shown(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    if not _HOSTS.fullmatch(host):
        host = "..."  # who forgets the host may have written a password in its place
    return f"{parts.scheme}://{host}{parts.path}"


def _refusal(parts: SplitResult, why: str) -> ConfigError:
    return ConfigError(f"the store {_shown(parts)} {why}")


def _seconds(parts: SplitResult, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not float(text):
        raise _refusal(parts, f"has the timeout {text!r}, but must have a number of seconds above zero")
    return float(text)
