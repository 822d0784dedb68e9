"""Response headers that keep a session to its client: for caches, for Referer, and for the data of the site.

A cache between client and application would give one client's page, cookie or links with an id to all clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

Headers = list[tuple[str, str]]

#: All spellings of the name: a set of them is searched without a call, on the path of each request with a session.
_VARY: Final = frozenset(map("".join, product(*zip("vary", "VARY", strict=True))))
_VARY_BY_COOKIE: Final = ("Vary", "Cookie")
_NO_STORE: Final = "no-store"
#: Finds names of headers about storing, one in a line: Cache-Control, and those that one kind of cache prefers to it
#: (RFC 9213 and its forerunners).
_ABOUT_STORING: Final = re.compile(
    r"(?:cache-control|surrogate-control|edge-control|x-accel-expires)$", re.IGNORECASE | re.MULTILINE
)
#: The directives that only forbid. With arguments they are about some headers, and forbid too little.
_FORBIDDING: Final = frozenset({"private", _NO_STORE})
#: The directives about storing; ``no-store`` takes their place.
_STORING: Final = frozenset({"public", "private", _NO_STORE, "no-cache", "max-age", "s-maxage"})
#: A directive of Cache-Control: a comma in a quoted argument is no end.
_DIRECTIVE: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"?|[^,"])+')
#: The policies that never tell another site the path; the weaker ones follow.
_SAME_ORIGIN: Final = "same-origin"
_STRICT: Final = frozenset({_SAME_ORIGIN, "no-referrer"})
_POLICIES: Final = _STRICT | {
    *("no-referrer-when-downgrade", "origin", "origin-when-cross-origin"),
    *("strict-origin", "strict-origin-when-cross-origin", "unsafe-url"),
}


def vary_by_cookie(headers: Headers) -> Headers:
    """Return *headers* with ``Vary: Cookie``, merged into the application's: the response depends on the session."""
    for name, _ in headers:
        if name in _VARY:
            return _merge_vary(headers)
    return [*headers, _VARY_BY_COOKIE]


def forbid_storing(headers: Headers) -> Headers:
    """Return *headers* with ``Cache-Control: no-store``, unless the application forbids shared caches to store.

    If it says ``private`` or ``no-store``, its Cache-Control stands. Otherwise its words on storing go, and its other
    words stay. Headers for one kind of cache, such as ``CDN-Cache-Control``, go in any case.
    """
    if not _ABOUT_STORING.search("\n".join([name for name, _ in headers])):
        return [*headers, ("Cache-Control", _NO_STORE)]
    words = list(_words(headers, "cache-control", _DIRECTIVE))
    if not any(word.lower() in _FORBIDDING for word in words):
        words = [word for word in words if word.partition("=")[0].rstrip().lower() not in _STORING]
        words.insert(0, _NO_STORE)
    others = (header for header in headers if not _ABOUT_STORING.search(header[0]))
    return [*others, ("Cache-Control", ", ".join(words))]


def hide_from_referer(headers: Headers) -> Headers:
    """Return *headers* with ``Referrer-Policy: same-origin``, unless the application's policy is as strict.

    Browsers go by the last policy that they know.
    """
    policies = [word.lower() for word in _words(headers, "referrer-policy") if word.lower() in _POLICIES]
    if policies and policies[-1] in _STRICT:
        return headers
    others = (header for header in headers if header[0].lower() != "referrer-policy")
    return [*others, ("Referrer-Policy", _SAME_ORIGIN)]


def clear_site_data(headers: Headers, kinds: Iterable[str]) -> Headers:
    """Return *headers* with ``Clear-Site-Data``: the client deletes these *kinds* of data of the site."""
    return [*headers, ("Clear-Site-Data", ", ".join(f'"{kind}"' for kind in kinds))]


def _merge_vary(headers: Headers) -> Headers:
    """Add Cookie to the last Vary, unless it is there, or ``*``, which stands for all headers."""
    if not {"cookie", "*"}.isdisjoint(word.lower() for word in _words(headers, "vary")):
        return headers
    last = max(at for at, (name, _) in enumerate(headers) if name in _VARY)
    name, value = headers[last]
    merged = ", ".join([*_words([(name, value)], "vary"), "Cookie"])
    return [*headers[:last], (name, merged), *headers[last + 1 :]]


def _words(headers: Headers, name: str, form: re.Pattern[str] = re.compile("[^,]+")) -> Iterator[str]:
    """Yield the items of a header that is a list, of all lines with its *name*."""
    for other, value in headers:
        if other.lower() == name:
            yield from filter(None, (word.strip(" \t") for word in form.findall(value)))
