"""The messages for a value that is given in place of a store and is none. They show no text that may be a password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import FunctionType
from typing import Any, Final
from urllib.parse import quote

from ..config import SessionConfig
from ..errors import ConfigError, kind_of, shown
from .base import SessionStore

#: The methods of a store, and those that only a store has.
_METHODS: Final = tuple(
    name
    for name, member in vars(SessionStore).items()
    if isinstance(member, FunctionType) and (not name.startswith("_") or name in ("__iter__", "__len__"))
)
_TELLING: Final = ("create", "load", "peek", "save", "touch", "records_of")
#: Other names of the schemes.
_ALIASES: Final = {
    **dict.fromkeys(("sqlite3", "sqlite+file"), "sqlite"),
    **dict.fromkeys(("valkey", "redis+tcp"), "redis"),
    **dict.fromkeys(("valkeys", "redis+tls", "redis+ssl"), "rediss"),
    **dict.fromkeys(("redis+unix", "redis+socket"), "unix"),
    **dict.fromkeys(("sentinel", "redis-sentinel"), "redis+sentinel"),
    **dict.fromkeys(("cluster", "redis-cluster"), "redis+cluster"),
}
_EXAMPLES: Final = {"memory": "memory://", "sqlite": "sqlite:///sessions.db", "unix": "unix:///run/redis.sock"}
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,31}")
_FILE: Final = re.compile(r"[\w .~/\\-]+\.(?:db3?|sqlite3?|sqlitedb|sdb)|(?:\.{0,2}/)[\w .~/-]*[\w~-]")
_HOST: Final = re.compile(
    r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:6379\b))(?::[0-9]{1,5})?(?:/[0-9]{1,5})?"
)


def refusal_of_object(store: object) -> ConfigError:
    """Return the error for an object that is no store."""
    lacks = lacking(store)
    is_empty = isinstance(store, dict | list | tuple | set) and not store
    is_safe = isinstance(store, int | float | type | None) or is_empty or type(store) is object
    what = shown(store) if is_safe else kind_of(store)
    remedy = _remedy(store)
    if not remedy and not isinstance(store, type) and any(callable(getattr(store, name, None)) for name in _TELLING):
        remedy = f"it lacks {', '.join(lacks)}"
    must = "must be a SessionStore or the URL of one, such as memory://"
    return ConfigError(f"the store is {what}, but {must}" + (f"; {remedy}" if remedy else ""))


def lacking(store: object) -> list[str]:
    """Return the names of the members of a store that an object does not have, or only as the contract declares them.

    Python looks ``__iter__`` and ``__len__`` up in the class.
    """
    found = []
    if not isinstance(getattr(store, "is_shared", None), bool):
        found.append("is_shared, which is True or False")
    for name in _METHODS:
        method: Any = getattr(type(store) if name.startswith("_") else store, name, None)
        if not callable(method) or getattr(method, "__func__", method) is vars(SessionStore)[name]:
            found.append(name)
    if not isinstance(getattr(store, "capacity", ""), int | None):
        found.append("capacity, which is a whole number or None")
    return found


def guess(text: str, known: Iterable[str]) -> str:
    """Return the question whether another URL was meant than *text*, which is none; empty without a good guess.

    *known* are the schemes that there are. What may be a password is left out.
    """
    plain = text.strip(" \t\r\n'\"")
    schemes = [*known, *_ALIASES]
    if not plain:
        return "an empty text stands for no store: is a variable unset?"
    scheme, colon, rest = plain.partition(":")
    scheme = scheme.lower()
    if plain != text and scheme in schemes and rest.startswith("//"):
        return "remove the blanks and quotation marks around the URL"
    if plain.lower() == ":memory:":
        return _did_you_mean("memory://")
    if scheme in schemes and not rest.startswith("//"):
        return _did_you_mean(_url(_ALIASES.get(scheme, scheme), rest))
    if colon and rest.startswith("//"):
        near = get_close_matches(scheme, schemes, n=1, cutoff=0.75) if _SCHEME.fullmatch(scheme) else []
        return _did_you_mean(_url(_ALIASES.get(near[0], near[0]), rest)) if near else ""
    if _FILE.fullmatch(plain):
        return _did_you_mean(f"unix://{plain}" if plain.endswith(".sock") else f"sqlite:///{quote(plain)}")
    return _did_you_mean(f"redis://{plain}") if _HOST.fullmatch(plain) else ""


def _did_you_mean(url: str) -> str:
    return f"did you mean {url}?"


def _url(scheme: str, rest: str) -> str:
    """Return a URL with the rest of another, if that is plain; else an example."""
    place = rest.lstrip("/")
    if scheme == "sqlite" and re.fullmatch(r"[\w.~/-]+", place):
        # One slash or four begin an absolute path: sqlite:/var/x.db, sqlite:////var/x.db.
        return f"sqlite:///{'/' if len(rest) - len(place) in (1, 4) else ''}{place}"
    if scheme in ("redis", "rediss") and _HOST.fullmatch(place):
        return f"{scheme}://{place}"
    return _EXAMPLES.get(scheme, f"{scheme}://host:6379" if scheme in ("redis", "rediss") else f"{scheme}://")


def _remedy(store: object) -> str:
    """Return what to do about an object that is often given in place of a store; empty for another."""
    cls = type(store)
    if isinstance(store, SessionConfig) or store is SessionConfig:
        return "pass the configuration as config=: SessionManager(config=...)"
    if cls.__module__ in ("httpsession.manager", "httpsession.middleware"):
        return "use the manager itself: SessionMiddleware(app, manager)"
    if cls.__module__.partition(".")[0] in ("redis", "valkey", "rediscluster"):
        return f"give the URL of the server in place of its client: {_place(store)}"
    if isinstance(store, type):
        return f"did you mean {store.__name__}()?" if all(hasattr(store, name) for name in _METHODS) else ""
    if isinstance(store, bytes | bytearray):
        return "decode it: a URL is a str"
    if isinstance(store, os.PathLike):
        question = guess(os.fsdecode(store), ())
        return question or "name the file by its URL: sqlite:///sessions.db"
    if cls.__module__ in ("sqlite3", "_sqlite3"):
        return "give the URL of the file: sqlite:///sessions.db"
    if callable(getattr(store, "geturl", None)):
        return "pass its geturl()"
    if isinstance(store, Mapping):
        return "settings are for SessionConfig.from_mapping(), passed as config="
    return "pass str() of it" if "url" in cls.__name__.lower() else ""


def _place(client: object) -> str:
    """Return the form of the URL of a client's server, with its host and port if the client tells them."""
    settings = getattr(getattr(client, "connection_pool", client), "connection_kwargs", None)
    settings = settings if isinstance(settings, Mapping) else {}
    path, host = settings.get("path"), settings.get("host")
    if isinstance(path, str) and re.fullmatch(r"[\w./-]+", path):
        return f"unix://[user:password@]{path}"
    if not (isinstance(host, str) and re.fullmatch(r"[A-Za-z0-9._-]+", host)):
        return "redis://[user:password@]host:6379/0"
    port, db = (str(settings.get(name) or default) for name, default in (("port", 6379), ("db", 0)))
    is_plain = all(re.fullmatch(r"[0-9]{1,5}", number) for number in (port, db))
    return f"redis://[user:password@]{host}:{port}/{db}" if is_plain else f"redis://[user:password@]{host}:6379/0"
