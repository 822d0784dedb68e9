"""The stores of sessions: the contract, the stores of this package, and the URLs that name them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Final

from ..errors import ConfigError
from .base import AnyStore, LiveStore, MissingStoreError, SessionStore, SharedStore, Stored
from .memory import MemoryStore
from .memory import open_url as _open_memory
from .refusals import guess, lacking, refusal_of_object
from .url import is_scheme

__all__ = [
    "AnyStore",
    "LiveStore",
    "MemoryStore",
    "MissingStoreError",
    "SessionStore",
    "SharedStore",
    "Stored",
    "open_store",
]

_Opener = Callable[..., AnyStore]

#: The group of entry points by which other packages add schemes.
_GROUP: Final = "httpsession.stores"


def _open_sqlite(url: str, *, must_exist: bool) -> SharedStore:
    from .sqlite.store import open_url

    return open_url(url, must_exist=must_exist)


def _open_redis(url: str) -> SharedStore:
    try:
        from .redis import open_url
    except ModuleNotFoundError as error:
        if error.name not in ("redis", "hiredis"):
            raise
        scheme = url.partition("://")[0]
        raise ConfigError(f"a store at {scheme}:// needs redis: install httpsession[redis]") from error
    return open_url(url)


#: The openers of this package, by scheme. Each imports its store when it is called, so that no other is imported.
_OPENERS: Final[Mapping[str, _Opener]] = {
    "memory": _open_memory,
    "sqlite": _open_sqlite,
    "redis": _open_redis,
    "rediss": _open_redis,
    "unix": _open_redis,
    "redis+sentinel": _open_redis,
    "redis+cluster": _open_redis,
}


def open_store(store: AnyStore | str, *, must_exist: bool = False) -> AnyStore:
    """Open the store that a URL names; return a store object unchanged.

    The schemes are ``memory://``, ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``redis://``, ``rediss://``,
    ``unix://``, ``redis+sentinel://``, ``redis+cluster://`` and those that other packages add by entry points of the
    group ``httpsession.stores``. Such an entry point is a function that takes the URL and returns a store. Every scheme
    accepts ``?prefix=``, which separates the applications in one store, and ``?timeout=`` in seconds.

    With *must_exist* the store must exist already, and opening it makes nothing: no file, no table. To open a store in
    Redis makes nothing in any case. An entry point gets *must_exist* if its function has a parameter of that name.

    Raises:
        ConfigError: the URL is wrong, or *store* is neither a URL nor a store: the message names the methods that it
            lacks, or what was meant.
        MissingStoreError: the store must exist and does not; it is a StoreError.
        StoreError: the store cannot be opened.
    """
    if isinstance(store, str):
        scheme, colon, rest = store.partition("://")
        opener, url = _opener(store, scheme.lower(), bool(colon)), f"{scheme.lower()}://{rest}"
        store = opener(url, must_exist=must_exist) if _knows_must_exist(opener) else opener(url)
    if isinstance(store, type) or lacking(store):
        raise refusal_of_object(store)
    return store


def _knows_must_exist(opener: _Opener) -> bool:
    try:
        return "must_exist" in inspect.signature(opener).parameters
    except (TypeError, ValueError):  # it is not written in Python
        return False


def _opener(url: str, scheme: str, is_url: bool) -> _Opener:
    if is_url and scheme in _OPENERS:
        return _OPENERS[scheme]
    others = {point.name: point for point in entry_points(group=_GROUP)}
    if is_url and scheme in others:
        opener: _Opener = others[scheme].load()
        return opener
    names = (*_OPENERS, *sorted(others))
    question = guess(url, names)
    # Name the scheme alone: the rest may hold a password.
    is_shown = is_url and is_scheme(scheme)
    found = f"a URL that begins with {scheme}://" if is_shown else "something that is no URL"
    known = ", ".join(f"{name}://" for name in names)
    raise ConfigError(f"the store is named by {found}; known are {known}" + (f"; {question}" if question else ""))
