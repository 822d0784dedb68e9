"""The site that sent a request, by the headers in which browsers name it: Sec-Fetch-Site, Origin and Referer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ..errors import ConfigError, kind_of, shown
from ..tracking.spelling import authority_of, host_and_port, scheme_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Scheme, host and port; a host is in lower case, and the port is never left out.
Origin = tuple[str, str, int | None]

#: An origin, and what may follow it in a URL. A browser's URL has neither login nor blanks.
_URL: Final = re.compile(r"(https?)://([^\s/?#\\]+)([/?#].*)?", re.IGNORECASE | re.DOTALL)
#: The values of Sec-Fetch-Site of requests that no other site has sent.
_OWN_SITE: Final = frozenset({"same-origin", "none"})
_OTHER_SITE: Final = frozenset({"same-site", "cross-site"})


class Origins:
    """The origins from which an application takes forms: its own, and those that it trusts."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Parse the *trusted* origins.

        Raises:
            ConfigError: *trusted* is no collection of origins such as ``https://example.org``.
        """
        if isinstance(trusted, str | bytes) or not isinstance(trusted, Iterable):
            raise ConfigError(
                f"trusted_origins is a tuple of origins such as 'https://example.org', not {kind_of(trusted)}"
            )
        self._trusted: frozenset[Origin] = frozenset(map(_parse_trusted, trusted))

    def own(self, environ: WSGIEnvironment) -> Origin | None:
        """Return the origin of the request's URL; None if its host is malformed.

        If the same host is trusted with https, a proxy hides the https, and pages by http are another origin.
        """
        host = authority_of(environ)
        hidden = _origin("https", host)
        return hidden if hidden in self._trusted else _origin(scheme_of(environ["wsgi.url_scheme"]), host)

    def is_foreign(self, environ: WSGIEnvironment) -> bool:
        """Return whether Sec-Fetch-Site says that another site sent the request, and that site is not trusted.

        A list of values is no value that browsers send, and an unknown value says nothing.
        """
        site = _site(environ)
        return "," in site or (site in _OTHER_SITE and _source(environ)[1] not in self._trusted)

    def veto(self, environ: WSGIEnvironment) -> str | None:
        """Return the name of the header by which another site sent the request; None: no header says so."""
        if self.is_foreign(environ):
            return "Sec-Fetch-Site"
        header, source = _source(environ)
        return None if header is None or self._is_allowed(source, environ) else header

    def is_proven(self, environ: WSGIEnvironment) -> bool:
        """Return whether a header says that this site or a trusted one sent the request. None may say otherwise."""
        return _site(environ) in _OWN_SITE or self._is_allowed(_source(environ)[1], environ)

    def _is_allowed(self, source: Origin | None, environ: WSGIEnvironment) -> bool:
        return source is not None and (source in self._trusted or source == self.own(environ))


def _site(environ: WSGIEnvironment) -> str:
    return str(environ.get("HTTP_SEC_FETCH_SITE", "")).strip(" \t").lower()


def _source(environ: WSGIEnvironment) -> tuple[str | None, Origin | None]:
    """Return the header that names the sender's origin, and that origin. It is None if it is opaque or malformed.

    Referer stands in for a missing Origin. No page can make a browser leave out the Origin of a form.
    """
    if "HTTP_ORIGIN" in environ:
        return "Origin", _parse(str(environ["HTTP_ORIGIN"]), has_path=False)
    referer = str(environ.get("HTTP_REFERER", ""))
    return ("Referer", _parse(referer, has_path=True)) if referer else (None, None)


def _parse(text: str, *, has_path: bool) -> Origin | None:
    match = _URL.fullmatch(text)
    return None if match is None or (match[3] and not has_path) else _origin(match[1].lower(), match[2])


def _parse_trusted(text: object) -> Origin:
    origin = _parse(text, has_path=False) if isinstance(text, str) else None
    if origin is None or "*" in origin[1]:
        raise ConfigError(
            f"trusted_origins has {shown(text)}, but an origin is written as in 'https://example.org:8443'"
        )
    return origin


def _origin(scheme: str, authority: str) -> Origin | None:
    place = host_and_port(authority, scheme)
    return None if place is None else (scheme, *place)
