"""SessionCookieConfig: the session cookie, set up step by step until the context is initialised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .. import config as native
from ..config.cookie_attributes import FLAGS, CookieAttributes, setting_of
from ..config.fields import is_whole
from .errors import Translated

#: Java's texts for a boolean, and the values of a flag that they mean.
_BOOLEANS = {"true": "", "false": None}
_DEFAULT = native.SessionCookieConfig()
#: A cookie without any attribute.
_BARE = native.SessionCookieConfig(http_only=False, same_site=None)


class SessionCookieConfig(Translated):
    """The settings of the session cookie (Servlet 6.1, ``SessionCookieConfig``).

    :meth:`ServletContext.getSessionCookieConfig` returns it. The getters return what was set, and null, false or -1
    otherwise. A setting that was not set has the default of :class:`httpsession.SessionCookieConfig`, such as HttpOnly
    and SameSite=Lax. All setters raise IllegalStateException once the context is initialised, and
    IllegalArgumentException for a value that no cookie can have.
    """

    def __init__(self, check: Callable[[], None], cookie: native.SessionCookieConfig) -> None:
        """Made by a :class:`ServletContext`; *check* raises when it is too late for a change."""
        self._check: Callable[[], None] = check
        self._cookie: native.SessionCookieConfig = cookie
        self._name = None if cookie.name == _DEFAULT.name else cookie.name
        #: The attributes that were set, by the name in lower case: name and value. None: not even by default.
        self._given: dict[str, tuple[str, str | None]] = {
            name.lower(): (name, value)
            for name, value in cookie.as_attributes().items()
            if _DEFAULT.as_attributes().get(name) != value
        }

    def getName(self) -> str | None:
        """Return the name, null if it was not set: ``JSESSIONID``."""
        return self._name

    def setName(self, name: str) -> None:
        """Set the name of the cookie, and with it that of the path parameter (7.1.1, 7.1.3)."""
        self._check()
        self._name = native.SessionCookieConfig(name=name, secure=True, path="/").name

    def getDomain(self) -> str | None:
        """Return the domain, null if it was not set: the client sends the cookie only to the host that set it."""
        return self.getAttribute("Domain")

    def setDomain(self, domain: str | None) -> None:
        """Set the domain to whose hosts the client sends the cookie."""
        self.setAttribute("Domain", domain)

    def getPath(self) -> str | None:
        """Return the path, null if it was not set: the path at which the context is mounted."""
        return self.getAttribute("Path")

    def setPath(self, path: str | None) -> None:
        """Set the path below which the client sends the cookie."""
        self.setAttribute("Path", path)

    def getComment(self) -> None:
        """Return null: since RFC 6265 cookies have no comments."""

    def setComment(self, comment: str | None) -> None:
        """Ignore *comment*; like all setters, raise IllegalStateException once the context is initialised."""
        self._check()

    def isHttpOnly(self) -> bool:
        """Return whether ``setHttpOnly(true)`` was called; a cookie is HttpOnly by default all the same."""
        return self.getAttribute("HttpOnly") is not None

    def setHttpOnly(self, http_only: bool) -> None:
        """Set whether the client hides the cookie from scripts."""
        self.setAttribute("HttpOnly", "" if http_only else None)

    def isSecure(self) -> bool:
        """Return whether the cookie is always for https only."""
        return self.getAttribute("Secure") is not None

    def setSecure(self, secure: bool) -> None:
        """Set whether the cookie is always for https only; false: if the request that set it came over https."""
        self.setAttribute("Secure", "" if secure else None)

    def getMaxAge(self) -> int:
        """Return the seconds for which the client keeps the cookie, -1 by default: until the browser is closed."""
        return int(self.getAttribute("Max-Age") or -1)

    def setMaxAge(self, seconds: int) -> None:
        """Set the seconds for which the client keeps the cookie; negative: until the browser is closed.

        Zero raises IllegalArgumentException: the client would not keep the cookie.
        """
        self._check()
        is_negative = is_whole(seconds) and seconds < 0
        native.SessionCookieConfig(max_age=-1 if is_negative else seconds)  # which refuses what is no such number
        self.setAttribute("Max-Age", str(-1 if is_negative else seconds))

    def getAttribute(self, name: str) -> str | None:
        """Return the value of an attribute, null if it was not set, empty for a flag. The case of *name* is ignored."""
        return self._given.get(name.lower(), ("", None))[1]

    def setAttribute(self, name: str, value: str | None) -> None:
        """Set an attribute; the case of *name* is ignored. It is the same as the attribute's setter, if it has one.

        An empty value makes a flag. With null, or false for a flag, the cookie has no such attribute, not even by
        default.
        """
        self._check()
        native.SessionCookieConfig(name=name, secure=True, path="/")  # the characters of names are the same
        key = name.lower()
        if value is not None and setting_of(name) in FLAGS:
            value = _BOOLEANS.get(value.lower(), value)
        if value is not None:
            native.SessionCookieConfig(secure=True, attributes={name: value})
        self._given[key] = name, value

    def getAttributes(self) -> Mapping[str, str]:
        """Return all attributes that were set, read-only; the case of names is ignored."""
        return CookieAttributes({name: value for name, value in self._given.values() if value is not None})

    def _configured(self) -> native.SessionCookieConfig:
        """Return the native settings.

        Raises:
            ConfigError: no browser keeps a cookie with these attributes.
        """
        settings: dict[str, Any] = {} if self._name is None else {"name": self._name}
        further = {name: value for name, value in self._cookie.attributes.items() if name.lower() not in self._given}
        for name, value in self._given.values():
            setting = setting_of(name)
            if setting is not None:
                cookie = _BARE if value is None else native.SessionCookieConfig(secure=True, attributes={name: value})
                settings[setting] = getattr(cookie, setting)
            elif value is not None:
                further[name] = value
        return replace(self._cookie, **settings, attributes=further)
