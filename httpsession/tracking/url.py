"""The id in URLs: the path parameter of a request, and rewriting the URLs of its response (Servlet 6.1, 7.1.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from ..config import SessionConfig, SessionTrackingMode
from ..ids import DIGITS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SCHEME = re.compile(r"[A-Za-z0-9+.-]+:")
_NO_PATH = re.compile(r"(?:[A-Za-z0-9+.-]+:)?//[^/]*")
_OTHER = r"[^\x00-\xa0\s]|%[0-9A-Fa-f]{2}"
#: What a URL is made of. Backslashes, blanks and control characters are not: browsers read them in ways of their own,
#: so that a URL with one could lead to another host than it seems to.
_URL = re.compile(rf"(?:[!$&-;=?-Z\[\]_a-z~]|{_OTHER})*(?:#(?:[!$&-;=?-Z\[\]_a-z~]|{_OTHER})*)?")
#: A quoted slash or backslash in the path: some take it for one, some do not.
_QUOTED_SLASH = re.compile(r"[^?#]*%(?:2f|5c)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlTracking:
    """The path parameter of one application."""

    def __init__(self, config: SessionConfig) -> None:
        name = config.cookie.name
        #: Whether the parameter is read and written at all.
        self.enabled = config.tracks(SessionTrackingMode.URL)
        #: The parameter's name: the cookie's, but in lower case if it is the standard one (S84).
        self.name = "jsessionid" if name == "JSESSIONID" else name
        self._parameter = re.compile(rf";{re.escape(self.name)}=([^;/?#]*)")
        #: Whether a value has the form of an id.
        self.is_well_formed = re.compile(f"{DIGITS}{{{2 * config.id_bytes}}}").fullmatch

    def read(self, environ: WSGIEnvironment) -> list[str]:
        """Return the values of the parameter, from any segment of the path, and strip them from ``PATH_INFO``.

        Where the server gives the raw URI, ``%3Bjsessionid=`` in it is data and stays.
        """
        path = environ.get("PATH_INFO", "")
        if ";" not in path:
            return []
        raw = _raw_path(environ)
        if raw is None:
            values = self._parameter.findall(path)
            stripped = self._parameter.sub("", path)
        else:
            values = self._parameter.findall(raw)
            stripped = _decode(self._parameter.sub("", _below(environ.get("SCRIPT_NAME", ""), raw)))
        if values:
            environ["PATH_INFO"] = _take_step(stripped)
        return values

    def add(self, url: str, session_id: str, request: RequestUrl) -> str:
        """Return *url* with the id as the last parameter of its path, in place of any that stands there, if it leads to
        the application of *request*.

        The path ends at the first ``?`` or ``#``; a URL without a path has no place for it. It is judged as it would be
        without an id, since that is what the client comes to see as path, and may lead elsewhere.
        """
        end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
        path, rest = self._parameter.sub("", url[:end]), url[end:]
        if not path or not request.is_same_application(path + rest):
            return url
        if _NO_PATH.fullmatch(path) or request.is_context_path(path):
            path += "/"
        return f"{path};{self.name}={session_id}{rest}"


class RequestUrl:
    """Where a request went: what tells URLs of the same application from others."""

    def __init__(self, scheme: str, host: str, script_name: str, path_info: str) -> None:
        """Take what the environ says; *host* is the Host header or what stands for it, empty if it does not matter."""
        self._scheme = scheme
        try:
            parts = urlsplit(f"//{host}")
            self._host, self._port = parts.hostname, parts.port or _DEFAULT_PORTS.get(scheme)
        except ValueError:  # a client may send any Host header; with a bad one no absolute URL is the application's
            self._host, self._port = "", None
        self._context_path = script_name.rstrip("/")
        self._path = self._context_path + path_info

    def absolute_path(self, url: str) -> str:
        """Return the path of *url*, taken relative to the request, without dot segments and decoded.

        Raises:
            ValueError: it leads above the root.
        """
        parts = urlsplit(url)
        path = parts.path
        if not path.startswith("/"):
            path = f"/{path}" if parts.netloc else f"{self._path.rpartition('/')[0]}/{path}"
        segments: list[str] = []
        path = unquote_to_bytes(path.encode("utf-8", "surrogatepass")).decode("latin-1")
        for segment in path.split("/")[1:]:
            if segment == "..":
                if not segments:
                    raise ValueError(f"{url!r} leads above the root")
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
            if not self._is_same_origin(url):
                return False
            path = self.absolute_path(url)
        except ValueError:
            return False
        return path == self._context_path or path.startswith(f"{self._context_path}/")

    def is_context_path(self, path: str) -> bool:
        """Return whether a path of the application leads to where it is mounted, without a slash behind it."""
        return bool(self._context_path) and self.absolute_path(path) == self._context_path

    def _is_same_origin(self, url: str) -> bool:
        if is_relative(url):
            return True
        parts = urlsplit(url, self._scheme)
        if not parts.hostname:
            return False
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        return (parts.scheme, parts.hostname, port) == (self._scheme, self._host, self._port)


def is_relative(url: str) -> bool:
    """Return whether *url* has neither a scheme nor a host of its own."""
    return bool(_URL.fullmatch(url)) and not (_SCHEME.match(url) or url.startswith("//"))


def _below(script_name: str, raw: str) -> str:
    """Return what follows *script_name* in a raw path, of which each character or %XX is one of the decoded path."""
    match = re.match(rf"(?:%[0-9A-Fa-f]{{2}}|.){{{len(script_name)}}}", raw, re.DOTALL)
    return raw[match.end() :] if match else raw


def _take_step(path: str) -> str:
    """Take the step that the last segment of *path* is, "." or "..": with the id behind it no browser has."""
    head, _, last = path.rpartition("/")
    if last == "..":
        head = head.rpartition("/")[0]
    return f"{head}/" if last in (".", "..") else path


def _raw_path(environ: WSGIEnvironment) -> str | None:
    """Return the path as it was sent, if the server tells it and nobody has changed the path since."""
    uri = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not uri:
        return None
    if not uri.startswith("/"):
        uri = "/" + uri.partition("://")[2].partition("/")[2]
    raw: str = uri.partition("?")[0]
    if _decode(raw) != environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""):
        return None
    return raw


def _decode(raw: str) -> str:
    """Decode a path as servers do for ``PATH_INFO``."""
    return unquote_to_bytes(raw.encode("latin-1")).decode("latin-1")
