"""The secrecy of ids: an id opens a session, so a store is handed the digest of an id and nothing else of it.

Dumps and backups of a store are copied and stolen. With the digests in them no session can be opened.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from http.cookies import SimpleCookie
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from ..config import SessionConfig
from ..ids import key_of
from ..manager import SessionManager
from ..middleware import SessionMiddleware
from ..request import request_session
from .base import AnyStore, Contract

#: The methods that are watched.
METHODS = (
    *("create", "load", "peek", "save", "can_move", "was_left", "remove", "expire", "evict", "touch", "records_of"),
    *("__iter__", "__len__", "describe", "close"),
)


def leaves(thing: object) -> Iterator[bytes]:
    """Yield all texts, bytes and numbers in *thing*, however deep, as bytes.

    An object that is no collection is searched by its ``repr`` and by its instance attributes, private ones too.
    """
    if isinstance(thing, str):
        yield thing.encode(errors="surrogatepass")
    elif isinstance(thing, bytes | bytearray | memoryview):
        yield bytes(thing)
    elif isinstance(thing, Mapping):
        yield from leaves(list(thing.items()))
    elif isinstance(thing, Collection):
        for part in thing:
            yield from leaves(part)
    else:
        yield repr(thing).encode()
        yield from leaves(state_of(thing))


def state_of(thing: object) -> dict[str, object]:
    """Return the instance attributes of an object, by name."""
    names = {name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())}
    return {name: getattr(thing, name) for name in names if hasattr(thing, name)} | getattr(thing, "__dict__", {})


def spellings(session_id: str) -> list[bytes]:
    """Return the forms in which an id might be kept: its text, its bytes, and usual encodings of these."""
    raw = bytes.fromhex(session_id)
    return [session_id.encode(), session_id.lower().encode(), raw, b64encode(raw)]


class _Watched:
    """A store between the package and the store under test, which records all arguments and results.

    :attr:`seen` has what :func:`leaves` finds in them. Iterators are read here, and passed on as lists.
    """

    def __init__(self, store: AnyStore) -> None:
        self.store = store
        self.is_shared, self.capacity = store.is_shared, store.capacity
        self.seen: list[bytes] = []

    def call(self, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Pass a call on to the store."""
        given = [list(each) if isinstance(each, Iterator) else each for each in arguments]
        self.seen += leaves([each() if callable(each) else each for each in (*given, *named.values())])
        answer = getattr(self.store, method)(*given, **named)
        if isinstance(answer, Iterator):
            answer = list(answer)
        self.seen += leaves(answer)
        return iter(answer) if method == "__iter__" else answer


def _forwarding(method: str) -> Callable[..., Any]:
    """Return a method that passes its call on by :meth:`_Watched.call`."""
    return lambda self, *arguments, **named: self.call(method, arguments, named)


def _put(request: Any) -> None:
    request.get_session()["cart"] = ["apple"]


def _change(request: Any) -> None:
    session = request.get_session()
    session["cart"].append("pear")
    session.max_inactive_interval = 77
    session.update_attribute("count", lambda count: (count or 0) + 1)


#: What the requests of a client do, one after another.
REQUESTS: tuple[Callable[[Any], object], ...] = (
    _put,
    _change,
    lambda request: request.change_session_id(),
    lambda request: request.login("anna"),
    _change,
    lambda request: request.logout(),
    _put,
)


class _Client:
    """A client of an application that keeps its sessions in a store.

    It keeps cookies as a browser does, and runs the middleware and the manager as they are.
    """

    def __init__(self, store: Any) -> None:
        def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            environ["test.do"](request_session(environ))
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"done"]

        self.manager = SessionManager(store, config=SessionConfig(sweep_interval=None))
        self._site = SessionMiddleware(app, self.manager)
        self._cookies: SimpleCookie = SimpleCookie()

    def send(self, do: Callable[[Any], object]) -> str:
        """Send a request that does *do*, and return the id that the response sets; empty if it sets none."""
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        environ: dict[str, Any] = {"HTTP_COOKIE": cookies, "test.do": do}
        setup_testing_defaults(environ)
        sent: SimpleCookie = SimpleCookie()

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            for name, value in headers:
                if name == "Set-Cookie":
                    sent.load(value)

        body = self._site(environ, start_response)
        assert b"".join(body) == b"done"
        getattr(body, "close", lambda: None)()
        self._cookies.update(sent)
        return sent["JSESSIONID"].value if "JSESSIONID" in sent else ""


class Secrecy(Contract):
    """The promise that no content of a store opens a session.

    The package has to keep it, so the test sends requests through the middleware.
    """

    def test_no_id(self, store: AnyStore) -> None:
        """No argument or result of a shared store has an id in it, in any spelling.

        A client logs in, changes its session and logs out. The test searches for each id that the client is sent.
        """
        if not store.is_shared:
            pytest.skip("a store of live sessions holds the objects that requests use")
        watched: Any = type("Watched", (_Watched,), {name: _forwarding(name) for name in METHODS})(store)
        client = _Client(watched)
        ids = set()
        for do in REQUESTS:
            ids.add(client.send(do))
            client.manager.sessions_of("anna")
            client.manager.sweep()
        client.manager.close()
        ids.discard("")
        seen = b"\n".join(watched.seen)

        assert len(ids) == 4, "a creation, a change of the id, a login, and a creation after the logout"
        assert [key_of(session_id) in seen for session_id in ids] == [True] * 4
        assert [spelling for session_id in ids for spelling in spellings(session_id) if spelling in seen] == []
