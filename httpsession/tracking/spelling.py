"""One form of what servers and proxies spell in several ways: scheme, host, port and mount point.

The strings of an environ are latin-1 views of bytes that are decoded once (PEP 3333): nothing here decodes them again.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SCHEMES: Final = {"ws": "http", "wss": "https"}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f\[\]:/?#@\\,%]+)(?::([0-9]*))?")
_MAX_PORT: Final = 65535


def octets(text: str) -> bytes:
    """Return the bytes that a string of the environ is a view of; of a string that is no view, those of its UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def view(text: str) -> str:
    """Return a string of the environ as a view of its bytes, which it is already unless the server errs."""
    return text if text.isascii() else octets(text).decode("latin-1")


def scheme_of(scheme: str) -> str:
    """Return a scheme in lower case; that of a WebSocket counts as the one of the request that opened it."""
    scheme = scheme.lower()
    return _SCHEMES.get(scheme, scheme)


def mount_point(script_name: str) -> str:
    """Return the path at which an application is mounted: empty, or ``/a/b`` without a slash at its end."""
    segments = [segment for segment in view(script_name).split("/") if segment]
    return "".join(f"/{segment}" for segment in segments)


def authority_of(environ: WSGIEnvironment) -> str:
    """Return host and port as the client sent them; if it sent none, those of the server."""
    if "HTTP_HOST" in environ:
        return str(environ["HTTP_HOST"])
    name, port = str(environ.get("SERVER_NAME", "")), str(environ.get("SERVER_PORT", ""))
    return f"[{name}]:{port}" if ":" in name and not name.startswith("[") else f"{name}:{port}"


def host_and_port(authority: str, scheme: str) -> tuple[str, int | None] | None:
    """Return the host in lower case and the port, or the default port of *scheme*; None if they are malformed."""
    match = _AUTHORITY.fullmatch(authority.strip(" \t"))
    if match is None:
        return None
    host, digits = match[1].lower(), (match[2] or "").lstrip("0")
    if len(digits) > len(str(_MAX_PORT)) or int(digits or 0) > _MAX_PORT:
        return None
    if host.startswith("["):
        try:
            host = IPv6Address(host[1:-1]).compressed
        except ValueError:
            return None
    return host, int(digits or 0) if match[2] else _DEFAULT_PORTS.get(scheme)
