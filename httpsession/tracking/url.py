"""The id in URLs: finding it in a request's path, and rewriting URLs for its response (Servlet 6.1, 7.1.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from ..config import SessionConfig, SessionTrackingMode
from ..errors import shown
from ..ids import DIGITS
from .spelling import host_and_port, mount_point, octets, scheme_of, view

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SCHEME = re.compile(r"[A-Za-z0-9+.-]+:")
_NO_PATH = re.compile(r"(?:[A-Za-z0-9+.-]+:)?//[^/]*")
_OTHER = r"[^\x00-\xa0\s]|%[0-9A-Fa-f]{2}"
#: The characters of a URL. Backslashes, blanks and control characters are none: browsers read them in their own ways,
#: so that a URL with such a character could lead to another host than it seems to.
_URL = re.compile(rf"(?:[!$&-;=?-Z\[\]_a-z~]|{_OTHER})*(?:#(?:[!$&-;=?-Z\[\]_a-z~]|{_OTHER})*)?")
#: A quoted slash or backslash in the path: some servers take it for a separator, some do not.
_QUOTED_SLASH = re.compile(r"[^?#]*%(?:2f|5c)", re.IGNORECASE)


class UrlTracking:
    """The path parameter with the id of one application."""

    def __init__(self, config: SessionConfig) -> None:
        name = config.cookie.name
        #: Whether the parameter is read and written at all.
        self.enabled: bool = config.tracks(SessionTrackingMode.URL)
        #: The name of the parameter: that of the cookie, but ``jsessionid`` for the standard name (S84).
        self.name: str = "jsessionid" if name == "JSESSIONID" else name
        self._parameter = re.compile(rf";{re.escape(self.name)}=([^;/?#]*)")
        #: Returns a match if a value has the form of an id.
        self.is_well_formed: Callable[[str], re.Match[str] | None] = re.compile(
            f"{DIGITS}{{{2 * config.id_bytes}}}"
        ).fullmatch

    def read(self, environ: WSGIEnvironment) -> list[str]:
        """Return the values of the parameter, from any segment of the path, and strip them from ``PATH_INFO``.

        A value in ``SCRIPT_NAME`` is read and stays: that name is the server's or the router's.
        If the server gives the raw URI, ``%3Bjsessionid=`` in it is data and stays.
        """
        mount, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        if ";" not in path and ";" not in mount:
            return []
        raw = _raw_path_info(environ)
        if raw is not None:
            mount, path = raw
        values = [*self._parameter.findall(mount), *self._parameter.findall(path)]
        stripped = self._parameter.sub("", path)
        if stripped != path:
            environ["PATH_INFO"] = _resolve_last_dots(stripped if raw is None else _decode(stripped))
        return values

    def add(self, url: str, session_id: str, request: RequestUrl) -> str:
        """Return *url* with the id as the last parameter of its path, in place of an id that is in it already.

        A URL that does not lead to the application of *request*, or has no path, is returned unchanged. Its path ends
        at the first ``?`` or ``#``, and is judged without the id, which could hide that a segment is ``..``.
        """
        end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
        path, rest = self._parameter.sub("", url[:end]), url[end:]
        if not path or not request.is_same_application(path + rest):
            return url
        if _NO_PATH.fullmatch(path) or request.is_context_path(path):
            path += "/"
        return f"{path};{self.name}={session_id}{rest}"


class RequestUrl:
    """The URL of a request, and whether other URLs lead to the same application."""

    def __init__(self, scheme: str, authority: str, script_name: str, path_info: str, raw_uri: str = "") -> None:
        """Parse the parts, as they are in the environ; *authority* is the Host header or its substitute.

        Dot segments in the path are resolved as browsers resolve them: they do not lead above the root.
        """
        self._scheme = scheme_of(scheme)
        # With a malformed Host header no absolute URL leads to the application.
        self._place = host_and_port(authority, self._scheme)
        self._context_path = mount_point(script_name)
        path = view(path_info)
        if not path.startswith("/") and (not script_name or script_name.endswith("/")):
            path = f"/{path}"
        #: The segments of the path in front of its last slash.
        self._folder: list[str] = []
        for segment in (self._context_path + path).split("/")[1:-1]:
            if segment == "..":
                del self._folder[-1:]
            elif segment != ".":
                self._folder.append(segment)
        # A quoted slash is none for the client, which then resolves relative URLs in another folder.
        self._is_folder_known = not _QUOTED_SLASH.match(raw_uri)

    def absolute_path(self, url: str) -> str:
        """Return the path of *url*, relative to the request, without dot segments and decoded.

        Raises:
            ValueError: *url* leads above the root.
        """
        parts = urlsplit(url)
        segments = [] if parts.netloc or parts.path.startswith("/") else [*self._folder]
        path = unquote_to_bytes(parts.path.removeprefix("/").encode("utf-8", "surrogatepass")).decode("latin-1")
        segment = ""
        for segment in path.split("/"):
            if segment == "..":
                if not segments:
                    raise ValueError(f"{shown(url)} leads above the root")
                segments.pop()
            elif segment != ".":
                segments.append(segment)
        if segment in (".", ".."):
            segments.append("")
        return "/" + "/".join(segments)

    def is_same_application(self, url: str) -> bool:
        """Return whether *url* has the request's scheme, host and port and lies below its context path (S118)."""
        if not _URL.fullmatch(url) or _QUOTED_SLASH.match(url):
            return False
        try:
            if not self._is_same_origin(url) or not (self._is_folder_known or is_absolute(url)):
                return False
            path = self.absolute_path(url)
        except ValueError:
            return False
        return path == self._context_path or path.startswith(f"{self._context_path}/")

    def is_context_path(self, path: str) -> bool:
        """Return whether *path* is the path at which the application is mounted, without a slash behind it."""
        return bool(self._context_path) and self.absolute_path(path) == self._context_path

    def _is_same_origin(self, url: str) -> bool:
        """Return whether *url* has the request's scheme, host and port; a relative URL has them."""
        if is_relative(url):
            return True
        parts = urlsplit(url, self._scheme)
        place = host_and_port(parts.netloc.rpartition("@")[2], parts.scheme)
        if place is None or self._place is None or parts.scheme != self._scheme:
            return False
        host, port = self._place
        # A client that asked for "h." means the same host by "h".
        return place in ((host, port), (host.removesuffix("."), port))


def is_relative(url: str) -> bool:
    """Return whether *url* has neither a scheme nor a host of its own."""
    return bool(_URL.fullmatch(url)) and not (_SCHEME.match(url) or url.startswith("//"))


def is_absolute(url: str) -> bool:
    """Return whether *url* has a host or a path that begins at the root."""
    return url.startswith("/") or not is_relative(url)


def _resolve_last_dots(path: str) -> str:
    """Resolve a last segment "." or "..": with the id behind it no browser has resolved it."""
    head, _, last = path.rpartition("/")
    if last == "..":
        head = head.rpartition("/")[0]
    return f"{head}/" if last in (".", "..") else path


def raw_uri(environ: WSGIEnvironment) -> str:
    """Return the URI from its path on, as the client sent it; empty if the server does not give it."""
    uri = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    return uri if not uri or uri.startswith("/") else "/" + uri.partition("://")[2].partition("/")[2]


def _raw_path_info(environ: WSGIEnvironment) -> tuple[str, str] | None:
    """Return the two parts of the path, that of SCRIPT_NAME and that of PATH_INFO, as the client sent them.

    A proxy may have removed the part of SCRIPT_NAME. None if the server does not give the raw URI, or if a middleware
    has changed the path in the environ since.
    """
    raw = raw_uri(environ).partition("?")[0]
    if not raw:
        return None
    path, path_info, script_name = (
        _decode(raw),
        view(environ.get("PATH_INFO", "")),
        view(environ.get("SCRIPT_NAME", "")),
    )
    for prefix in (script_name, mount_point(script_name), ""):
        if path == prefix + path_info:
            # Each character or %XX of the raw path is one character of the decoded one.
            match = re.match(rf"(?:%[0-9A-Fa-f]{{2}}|.){{{len(prefix)}}}", raw, re.DOTALL)
            return (raw[: match.end()], raw[match.end() :]) if match else None
    return None


def _decode(raw: str) -> str:
    """Decode a path as servers decode it for ``PATH_INFO``."""
    return unquote_to_bytes(octets(raw)).decode("latin-1")
