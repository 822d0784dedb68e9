"""The id in HTTP: how it comes with a request, and the cookie that gives it to the client or takes it back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from werkzeug.http import dump_cookie

from ..config import SessionConfig, SessionTrackingMode
from ..ids import DIGITS
from .url import UrlTracking

#: Stands for the id while a cookie is rendered.
_ID = "SESSION-ID"


class CookieTracking:
    """The session cookie of one application."""

    def __init__(self, config: SessionConfig) -> None:
        self._config = config.cookie
        #: Whether cookies are read and written at all.
        self.enabled = config.tracks(SessionTrackingMode.COOKIE)
        #: The name of the cookie: what a Cookie header must contain for a closer look to be worth while.
        self.name = config.cookie.name
        name = re.escape(self.name)
        value = rf"[ \t]*=[ \t]*({DIGITS}{{{2 * config.id_bytes}}})[ \t]*(?=;|\Z)"
        #: Returns the well-formed ids in a Cookie header, in order. What is quoted or in lower case is none; only
        #: blanks and tabs are trimmed, since browsers know no others.
        self.find_ids = re.compile(rf"(?:\A|;)[ \t]*{name}{value}").findall
        #: The same for a header without tabs and double blanks, which is what browsers send. It takes a fifth of the
        #: time on a long header, since the search is for the name.
        self.find_ids_plainly = re.compile(
            rf"{name}(?:(?<=\A{name})|(?<=;{name})|(?<=; {name})|(?<=\A {name})){value}"
        ).findall
        self._render = lru_cache(maxsize=64)(self._render_template)

    def sent(self, cookies: str) -> list[str]:
        """Return the values of the session cookie in a Cookie header, verbatim and in order, whatever they are."""
        pairs = (pair.strip(" \t").partition("=") for pair in cookies.split(";"))
        return [value.lstrip(" \t") for name, equals, value in pairs if equals and name.rstrip(" \t") == self.name]

    def cookie(self, session_id: str, script_name: str, https: bool) -> str:
        """Return the value of the Set-Cookie header that gives the client the id."""
        # The time is in the Expires of a cookie that has one, so that is rendered anew.
        render = self._render if self._config.max_age < 0 else self._render_template
        return render(script_name, https).replace(f"={_ID}", f"={session_id}", 1)

    def expired_cookie(self, script_name: str, https: bool) -> str:
        """Return the value of the Set-Cookie header that makes the client forget the cookie."""
        return self._dump("", 0, script_name, https)

    def add(self, headers: Iterable[tuple[str, str]], cookie: str) -> list[tuple[str, str]]:
        """Return *headers* with the cookie, in place of one that the application may have set itself.

        That is one of the same name, path and domain; an application mounted below this one has its own (S134).
        """
        kept = [header for header in headers if not (self.name in header[1] and _is_same_cookie(header, cookie))]
        kept.append(("Set-Cookie", cookie))
        return kept

    def _render_template(self, script_name: str, https: bool) -> str:
        max_age = self._config.max_age
        return self._dump(_ID, None if max_age < 0 else max_age, script_name, https)

    def _dump(self, value: str, max_age: int | None, script_name: str, https: bool) -> str:
        config = self._config
        header = dump_cookie(
            config.name,
            value,
            max_age=max_age,
            expires=0 if max_age == 0 else None,
            path=config.path or quote(script_name, safe="/!$&'()*+,:=@~", encoding="latin-1") or "/",
            domain=config.domain,
            secure=https if config.secure == "auto" else config.secure,
            httponly=config.http_only,
            samesite=config.same_site,
            partitioned=config.partitioned,
        )
        further = (f"; {name}={value}" if value else f"; {name}" for name, value in config.attributes.items())
        return header + "".join(further)


def _is_same_cookie(header: tuple[str, str], cookie: str) -> bool:
    """Return whether a response header sets the same cookie; one without a path is taken to mean that."""
    if header[0].lower() != "set-cookie":
        return False
    name, domain, path = _identity(cookie)
    return _identity(header[1]) in ((name, domain, path), (name, domain, ""))


def _identity(cookie: str) -> tuple[str, str, str]:
    """Return what tells a cookie from others in a Set-Cookie header: name, domain and path."""
    pairs = [[part.strip(" \t") for part in pair.partition("=")[::2]] for pair in cookie.split(";")]
    attributes = {name.lower(): value for name, value in pairs[1:]}
    return pairs[0][0], attributes.get("domain", ""), attributes.get("path", "")


class Tracking:
    """How the ids of one application travel."""

    def __init__(self, config: SessionConfig) -> None:
        self.cookie = CookieTracking(config)
        self.url = UrlTracking(config)
