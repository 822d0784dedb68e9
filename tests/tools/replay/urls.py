"""How the model of Apache Tomcat puts an id into ordinary URLs; not into those that are made to confuse."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from . import model
from .sessions import Context

#: Where all requests go.
SCHEME_AND_HOST = "http://app.example:8080"


def encoded(context: Context, target: str, url: str, session_id: str, is_redirect: bool) -> str:
    """Return *url* with the id, if Tomcat puts it there. It knows ordinary URLs, not those made to confuse."""
    if " " in url or is_above_root(target, url) or url.startswith("#") or (is_redirect and not url):
        return url
    absolute = urljoin(f"{SCHEME_AND_HOST}{target}", url or ".")
    mark = f";{model.parameter(context.config)}={session_id}"
    path = absolute.removeprefix(SCHEME_AND_HOST)
    if not context.tracks("URL") or path == absolute or mark in path:
        return url
    if not re.match(rf"{context.path}(?:[/;?#]|\Z)", path):
        return url
    first, rest = model.split_url(url or absolute)
    return f"{first}{mark}{rest}" if first else url


def is_above_root(target: str, url: str) -> bool:
    """Return whether *url*, relative to the path *target*, leads above the root of the host."""
    if ":" in url or url.startswith("//"):
        return False
    path = model.split_url(url)[0]
    depth = 0
    for segment in (path if path.startswith("/") else f"{target.rpartition('/')[0]}/{path}").split("/")[1:]:
        depth += -1 if segment == ".." else segment not in ("", ".")
        if depth < 0:
            return True
    return False
