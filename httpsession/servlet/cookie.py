"""SessionCookieConfig: the session cookie, set up step by step until the context is initialised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..config import cookie as native
from .errors import Translated

#: What Java's texts for a boolean mean as the value of a flag.
_BOOLEANS = {"true": "", "false": None}
_DEFAULT = native.SessionCookieConfig()
#: The cookie that has no attribute.
_BARE = native.SessionCookieConfig(http_only=False, same_site=None)


class SessionCookieConfig(Translated):
    """The session cookie (Servlet 6.1, ``SessionCookieConfig``): :meth:`ServletContext.getSessionCookieConfig`.

    The getters tell what was set; what was not is null, false or -1, and the cookie is then as
    :class:`httpsession.SessionCookieConfig` says: HttpOnly and SameSite=Lax, for one. All setters raise
    IllegalStateException once the context is initialised, and IllegalArgumentException for what no cookie can have.
    """

    def __init__(self, check: Callable[[], None], cookie: native.SessionCookieConfig) -> None:
        """Made by a :class:`ServletContext`; *check* raises when it is too late for a change."""
        self._check = check
        self._cookie = cookie
        self._name = None if cookie.name == _DEFAULT.name else cookie.name
        #: What was set, by the name in lower case: name and value, None for what the cookie shall not have.
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
        """Return the domain, null if it was not set: the cookie is for the one host that it comes from."""
        return self.getAttribute("Domain")

    def setDomain(self, domain: str | None) -> None:
        """Set the domain to whose hosts the cookie is sent."""
        self.setAttribute("Domain", domain)

    def getPath(self) -> str | None:
        """Return the path, null if it was not set: the path at which the context is mounted."""
        return self.getAttribute("Path")

    def setPath(self, path: str | None) -> None:
        """Set the path below which the cookie is sent."""
        self.setAttribute("Path", path)

    def getComment(self) -> None:
        """Return null: there are no comments since RFC 6265."""

    def setComment(self, comment: str | None) -> None:
        """Have no effect; but like all setters raise IllegalStateException once the context is initialised."""
        self._check()

    def isHttpOnly(self) -> bool:
        """Return whether ``setHttpOnly(true)`` was called; if nothing was, the cookie is HttpOnly all the same."""
        return self.getAttribute("HttpOnly") is not None

    def setHttpOnly(self, http_only: bool) -> None:
        """Set whether scripts are kept from reading the cookie."""
        self.setAttribute("HttpOnly", "" if http_only else None)

    def isSecure(self) -> bool:
        """Return whether the cookie is for https alone in any case."""
        return self.getAttribute("Secure") is not None

    def setSecure(self, secure: bool) -> None:
        """Set whether the cookie is for https alone in any case; false: if the request that it answers is https."""
        self.setAttribute("Secure", "" if secure else None)

    def getMaxAge(self) -> int:
        """Return the seconds for which the client keeps the cookie, -1 if they were not set: until it is closed."""
        return int(self.getAttribute("Max-Age") or -1)

    def setMaxAge(self, seconds: int) -> None:
        """Set the seconds for which the client keeps the cookie; negative: until it is closed; zero: not at all."""
        self.setAttribute("Max-Age", str(max(seconds, -1)))

    def getAttribute(self, name: str) -> str | None:
        """Return the value of an attribute, in any case of letters, null if it was not set; empty for a flag."""
        return self._given.get(name.lower(), ("", None))[1]

    def setAttribute(self, name: str, value: str | None) -> None:
        """Set an attribute, in any case of letters: one that has a setter sets what that sets.

        An empty value makes a flag. With null, or false for a flag, the cookie has no such attribute, not even one that
        it has by default.
        """
        self._check()
        native.SessionCookieConfig(name=name, secure=True, path="/")  # the characters of names are the same
        key = name.lower()
        if value is not None and native.setting_of(name) in native.FLAGS:
            value = _BOOLEANS.get(value.lower(), value)
        if value is not None:
            native.SessionCookieConfig(secure=True, attributes={name: value})
        self._given[key] = name, value

    def getAttributes(self) -> Mapping[str, str]:
        """Return all attributes that were set, read-only; the case of names does not matter."""
        return native.CookieAttributes({name: value for name, value in self._given.values() if value is not None})

    def _configured(self) -> native.SessionCookieConfig:
        """Return the cookie as it was set up.

        Raises:
            ConfigError: no browser keeps a cookie with these attributes.
        """
        settings: dict[str, Any] = {} if self._name is None else {"name": self._name}
        further = {name: value for name, value in self._cookie.attributes.items() if name.lower() not in self._given}
        for name, value in self._given.values():
            setting = native.setting_of(name)
            if setting is not None:
                cookie = _BARE if value is None else native.SessionCookieConfig(secure=True, attributes={name: value})
                settings[setting] = getattr(cookie, setting)
            elif value is not None:
                further[name] = value
        return replace(self._cookie, **settings, attributes=further)
