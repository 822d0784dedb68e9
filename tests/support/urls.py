"""A model of how browsers resolve URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes

_HTTP_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


@dataclass(frozen=True)
class Place:
    """The target of a URL. Paths and what follows them are as they go into the request line."""

    scheme: str
    host: str
    port: int | None
    path: str
    tail: str

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    def is_below(self, context: str) -> bool:
        """Return whether the path is the (decoded) context path or lies below it, segment by segment.

        The last segment may be followed by parameters, as in ``/app;jsessionid=1234``.
        """
        wanted = [segment.encode() for segment in context.split("/")[1:]]
        segments = self.path.split("/")[1:]
        if len(segments) == len(wanted):
            segments[-1] = segments[-1].partition(";")[0]
        return [unquote_to_bytes(segment) for segment in segments[: len(wanted)]] == wanted


def resolve(base: Place, url: str) -> Place | None:
    """Return where a browser goes from *base* by a link to *url*; None if nowhere by HTTP.

    A model of https://url.spec.whatwg.org/#url-parsing, as far as origin and path are concerned.
    """
    url = re.sub(r"[\t\n\r]", "", url.strip("".join(map(chr, range(0x21)))))
    end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
    head, tail = url[:end], url[end:]
    scheme_match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", head)
    scheme = base.scheme
    if scheme_match:
        scheme = scheme_match[1].lower()
        head = head[scheme_match.end() :]
        if scheme not in _HTTP_PORTS:
            return None
    head = head.replace("\\", "/")
    if head.startswith("//") or scheme != base.scheme:
        authority, slash, path = head.lstrip("/").partition("/")
        host, port = _host_and_port(authority, scheme)
        if not host:
            return None
        return Place(scheme, host, port, _path([], slash + path), tail)
    if head.startswith("/"):
        path = _path([], head)
    elif head:
        path = _path(base.path.split("/")[1:-1], "/" + head)
    else:
        path = base.path
    return Place(base.scheme, base.host, base.port, path, tail)


def _host_and_port(authority: str, scheme: str) -> tuple[str, int | None]:
    host = authority.rpartition("@")[2]
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", host)
    if match is None:
        return "", None
    port = int(match[2]) if match[2] else _HTTP_PORTS[scheme]
    return unquote(match[1]).lower(), port


def _path(segments: list[str], path: str) -> str:
    result = list(segments)
    parts = path.split("/")[1:]
    for number, part in enumerate(parts):
        plain = part.lower().replace("%2e", ".")
        is_last = number == len(parts) - 1
        if plain == "..":
            del result[-1:]
        elif plain != ".":
            result.append(part)
        if plain in (".", "..") and is_last:
            result.append("")
    return "/" + quote("/".join(result), safe="/%!$&'()*+,:;=@[]|~^")
