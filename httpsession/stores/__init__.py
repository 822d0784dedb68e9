"""Where sessions are kept: the contract, the stores of this package, and how a URL names one."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from ..errors import ConfigError
from .base import SessionStore, Stored
from .memory.store import MemoryStore

__all__ = ["MemoryStore", "SessionStore", "Stored", "open_store"]

#: Of the stores of this package: the scheme of the URL, and where it is opened. Others have entry points for theirs.
_OPENERS = {
    "memory": ".memory:open_url",
    "sqlite": ".sqlite:open_url",
    "redis": ".redis:open_url",
    "rediss": ".redis:open_url",
    "unix": ".redis:open_url",
    "redis+sentinel": ".redis:open_url",
    "redis+cluster": ".redis:open_url",
}
_GROUP = "httpsession.stores"
_Opener = Callable[[str], SessionStore]


def open_store(store: SessionStore | str) -> SessionStore:
    """Open the store that a URL names; what is a store already is given back.

    Known are ``memory://``, ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``redis://``, ``rediss://``,
    ``unix://``, ``redis+sentinel://``, ``redis+cluster://`` and the schemes that other packages add by entry points of
    the group ``httpsession.stores``, each a function that takes the URL and returns a store. All take ``?prefix=``,
    which keeps two applications apart, and ``?timeout=`` in seconds.

    Raises:
        ConfigError: no store has such a URL, or *store* is neither URL nor store.
        StoreError: the store cannot be opened.
    """
    if not isinstance(store, str):
        if isinstance(store, SessionStore):
            return store
        raise ConfigError(f"the store is {store!r}, but must be a SessionStore or the URL of one, such as memory://")
    scheme, colon, rest = store.partition("://")
    return _opener(scheme.lower(), bool(colon))(f"{scheme.lower()}://{rest}")


def _opener(scheme: str, is_url: bool) -> _Opener:
    others = {point.name: point for point in entry_points(group=_GROUP)}
    if is_url and scheme in others and scheme not in _OPENERS:
        opener: _Opener = others[scheme].load()
        return opener
    if not is_url or scheme not in _OPENERS:
        known = ", ".join(f"{one}://" for one in (*_OPENERS, *sorted(others)))
        # Not the text itself, which may have a password in it.
        what = f"a URL that begins with {scheme}://" if is_url else "something that is no URL"
        raise ConfigError(f"the store is named by {what}; known are {known}")
    module, _, name = _OPENERS[scheme].partition(":")
    try:
        found: _Opener = getattr(import_module(module, __name__), name)
    except ModuleNotFoundError as error:
        if error.name not in ("redis", "hiredis"):
            raise
        raise ConfigError(f"a store at {scheme}:// needs redis: install httpsession[redis]") from error
    return found
