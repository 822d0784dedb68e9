"""The client of a request, as far as lists of sessions show it: its user agent and its address."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where each hint is in the environ, and how many of its characters are kept. An address with a zone may be long.
_SOURCES: Final[Mapping[str, tuple[str, int]]] = {
    "user_agent": ("HTTP_USER_AGENT", 256),
    "address": ("REMOTE_ADDR", 64),
}


def hints_of(environ: WSGIEnvironment, allowed: Collection[str]) -> dict[str, bytes]:
    """Return the *allowed* hints that a request gives, as notes: cut, and with printable characters alone.

    The address is that of the server's peer. Behind a proxy, the server or a middleware outside of the sessions
    replaces it by the one that the proxy reports.
    """
    hints = {}
    for name in allowed:
        variable, most = _SOURCES[name]
        text = environ.get(variable)
        if isinstance(text, str) and text:
            hints[name] = _printable(text[:most]).encode()
    return hints


def _printable(text: str) -> str:
    """Return a text with a question mark for each character that a page or a log should not show."""
    readable = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return "".join(char if char.isprintable() and char != "\N{REPLACEMENT CHARACTER}" else "?" for char in readable)
