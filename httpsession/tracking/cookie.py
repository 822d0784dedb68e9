"""The id in a cookie: finding it in a request, and setting or expiring it in a response."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import quote

from werkzeug.http import dump_cookie

from .. import audit
from ..config import SessionConfig, SessionTrackingMode
from ..ids import DIGITS
from .spelling import mount_point, scheme_of

_OVER_HTTP = (
    "SessionCookieConfig.secure is True, but a request came over http: unless a proxy in front of the application "
    "speaks https with the client, the client drops the cookie, and each of its requests begins a session. "
    "Serve the application over https, or leave secure at 'auto'."
)
#: The placeholder of the id in a rendered cookie.
_ID = "SESSION-ID"

#: The name and the value of a header.
_Header = tuple[str, str]


class CookieTracking:
    """The session cookie of one application."""

    def __init__(self, config: SessionConfig) -> None:
        self._config = config.cookie
        #: Whether the cookie is read and written at all.
        self.enabled: bool = config.tracks(SessionTrackingMode.COOKIE)
        #: The name of the cookie. A Cookie header that does not contain it has no id.
        self.name: str = config.cookie.name
        name = re.escape(self.name)
        value = rf"[ \t]*=[ \t]*({DIGITS}{{{2 * config.id_bytes}}})[ \t]*(?=;|\Z)"
        #: Returns the well-formed ids in a Cookie header, in order. A quoted or lower-case value is no id. Only blanks
        #: and tabs are trimmed, since browsers know no other white space.
        self.find_ids: Callable[[str], list[str]] = re.compile(rf"(?:\A|;)[ \t]*{name}{value}").findall
        #: The same for a header without tabs and double blanks, as browsers send it. On a long header it takes a fifth
        #: of the time, since the search is for the name.
        self.find_ids_plainly: Callable[[str], list[str]] = re.compile(
            rf"{name}(?:(?<=\A{name})|(?<=;{name})|(?<=; {name})|(?<=\A {name})){value}"
        ).findall
        self._has_warned: bool = False
        further = (f"; {name}={value}" if value else f"; {name}" for name, value in config.cookie.attributes.items())
        self._further: str = "".join(further)
        self._rendered = lru_cache(maxsize=64)(self._render)

    def sent(self, cookies: str) -> list[str]:
        """Return the values of the session cookie in a Cookie header, verbatim and in order, ids or not."""
        return sent(cookies, self.name)

    def path(self, script_name: str) -> str:
        """Return the path of the application for browsers: the configured one, or where it is mounted."""
        mounted = quote(mount_point(script_name), safe="/!$&'()*+,:=@~", encoding="latin-1")
        return self._config.path or mounted or "/"

    def add(self, headers: Iterable[_Header], session_id: str, script_name: str, scheme: str) -> list[_Header]:
        """Return *headers* with the cookie that gives the client the id.

        *script_name* and *scheme* are those of the environ, in any spelling.
        """
        if self._config.secure is True and not self._has_warned and scheme_of(scheme) != "https":
            self._has_warned = True
            audit.warn(_OVER_HTTP)
        # A cookie with Max-Age also has Expires, which depends on the time and so cannot be cached.
        render = self._rendered if self._config.max_age < 0 else self._render
        template, _ = render(script_name, scheme)
        return self._put(headers, template.replace(f"={_ID}", f"={session_id}", 1))

    def expire(self, headers: Iterable[_Header], script_name: str, scheme: str) -> list[_Header]:
        """Return *headers* with the cookie that makes the client delete its own; the arguments as for :meth:`add`."""
        _, expired = self._rendered(script_name, scheme)
        return self._put(headers, expired)

    def _put(self, headers: Iterable[_Header], cookie: str) -> list[_Header]:
        """Return *headers* with the cookie, in place of a cookie that the application set itself.

        That cookie has the same name, path and domain. An application mounted below this one has its own (S134).
        """
        kept = [header for header in headers if not (self.name in header[1] and _is_same_cookie(header, cookie))]
        kept.append(("Set-Cookie", cookie))
        return kept

    def _render(self, script_name: str, scheme: str) -> tuple[str, str]:
        """Return the values of two Set-Cookie headers: with a placeholder for the id, and the one that expires it.

        One rendering serves many sessions.
        """
        path = self.path(script_name)
        https = scheme_of(scheme) == "https"
        max_age = self._config.max_age
        return self._dump(_ID, None if max_age < 0 else max_age, path, https), self._dump("", 0, path, https)

    def _dump(self, value: str, max_age: int | None, path: str, https: bool) -> str:
        """Return the Set-Cookie header with this value, and with Expires in the past if *max_age* is 0."""
        config = self._config
        header = dump_cookie(
            config.name,
            value,
            max_age=max_age,
            expires=0 if max_age == 0 else None,
            path=path,
            domain=config.domain,
            secure=https if config.secure == "auto" else config.secure,
            httponly=config.http_only,
            samesite=config.same_site,
            partitioned=config.partitioned,
        )
        return header + self._further


def sent(cookies: str, wanted: str) -> list[str]:
    """Return the values of one cookie in a Cookie header, verbatim and in order; only blanks and tabs are trimmed."""
    pairs = (pair.strip(" \t").partition("=") for pair in cookies.split(";"))
    return [value.lstrip(" \t") for name, equals, value in pairs if equals and name.rstrip(" \t") == wanted]


def _is_same_cookie(header: tuple[str, str], cookie: str) -> bool:
    """Return whether a response header sets the same cookie; a header without a path is taken to set it."""
    if header[0].lower() != "set-cookie":
        return False
    name, domain, path = _identity(cookie)
    return _identity(header[1]) in ((name, domain, path), (name, domain, ""))


def _identity(cookie: str) -> tuple[str, str, str]:
    """Return the identity of the cookie in a Set-Cookie header: name, domain and path."""
    pairs = [[part.strip(" \t") for part in pair.partition("=")[::2]] for pair in cookie.split(";")]
    attributes = {name.lower(): value for name, value in pairs[1:]}
    domain, path = attributes.get("domain", "").lower().removeprefix("."), attributes.get("path", "")
    return pairs[0][0], domain, path if path.startswith("/") else ""
