"""The cookie to which tokens answer while there is no session: a random text that the server does not store."""

from __future__ import annotations

import re
import secrets
from typing import Final

from werkzeug.http import dump_cookie

from ..config import SessionCookieConfig
from ..tracking.cookie import sent

#: Random bytes in a value, and its form.
_SIZE: Final = 24
_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{32}")
#: What browsers demand of a cookie by its name, which the session cookie may have and this one has over https.
_PREFIX: Final = re.compile(r"__(?:Host-Http|Host|Http|Secure)-", re.IGNORECASE)
_HOST: Final = "__Host-"
#: How its name ends.
NAME_END: Final = "-CSRF"


class CsrfCookie:
    """The cookie as one client gets it. Over https no other host and no page by http can set one of its name."""

    def __init__(self, config: SessionCookieConfig, path: str, *, is_https: bool) -> None:
        """Derive the cookie from that of the session, whose *path* it has over http."""
        name = _PREFIX.sub("", config.name, count=1) + NAME_END
        self.name: str = f"{_HOST}{name}" if is_https else name
        self._config: SessionCookieConfig = config
        self._path: str = "/" if is_https else path
        self._is_secure: bool = is_https

    def find(self, cookies: str) -> str | None:
        """Return the first well-formed value in a Cookie header."""
        return next(filter(_VALUE.fullmatch, sent(cookies, self.name)), None) if self.name in cookies else None

    def header(self, value: str) -> tuple[str, str]:
        """Return the header that sets the cookie until the browser ends."""
        return self._dump(value, None)

    def expired_header(self) -> tuple[str, str]:
        """Return the header that makes the client delete the cookie."""
        return self._dump("", 0)

    def _dump(self, value: str, max_age: int | None) -> tuple[str, str]:
        cookie = dump_cookie(
            self.name,
            value,
            max_age=max_age,
            expires=max_age,
            path=self._path,
            secure=self._is_secure,
            httponly=True,
            samesite=self._config.same_site,
            partitioned=self._config.partitioned,
        )
        return "Set-Cookie", cookie


def new_value() -> str:
    """Draw a value."""
    return secrets.token_urlsafe(_SIZE)
