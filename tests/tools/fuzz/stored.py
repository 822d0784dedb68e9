"""What holds when other programs have changed a session in a shared store, whichever it is.

The session is gone or is what its record and its values now say: a value that does not decode is absent, and costs the
session nothing else. It can be ended, a sweep goes on, and another session is as it was. Values that are changed into
other values of the codec are believed, since nothing here is sealed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from httpsession import CodecError, SessionConfig, SessionManager, StoreError, request_session
from httpsession.codec import Codec
from httpsession.ids import key_of
from httpsession.record import MAX_VALUE
from httpsession.stores import SharedStore
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch, plain_environ
from tests.support.site import Site
from tests.support.stores import keep

from .choices import Choices
from .codec import FOREIGN, TYPES, Item, same, watched

VICTIM, BYSTANDER = "A" * 32, "B" * 32
CODEC = Codec(TYPES)
VALUES = {"user": "anna", "cart": Item("book", ["a", 2]), "count": 7, "é": [1.5, None]}
DATA = {name: CODEC.encode(value) for name, value in VALUES.items()}
YEAR = 365 * 86400


class Burglar(Protocol):
    """A program that changes the session of the victim by means of its own."""

    def change(self, choices: Choices) -> bool:
        """Change something, and return whether it was no more than attributes, which leaves the record whole."""

    def values(self) -> Mapping[str, bytes]:
        """Return the values that the attributes of the victim have now, but for those that are no bytes."""

    def clean(self) -> None:
        """Remove what is left of the victim."""


def site_on(url: str) -> Site:
    """Return a site on an empty store, with the session of a bystander, which never expires."""
    config = SessionConfig(types=TYPES, sweep_interval=None)
    site = Site(SessionManager(url, config=config))
    _keep(site, BYSTANDER, interval=0)
    return site


def check(site: Site, burglar: Burglar, choices: Choices) -> None:
    """Make the session of the victim, have it changed, and check what requests, a sweep and lists make of it."""
    store = store_of(site.manager)
    _keep(site, VICTIM, interval=1800)
    changes = [burglar.change(choices) for _ in range(1 + choices.below(3))]
    try:
        found = _ask(site, VICTIM, _look)
        if found is None:
            assert not all(changes), "the session is gone, though its record is whole"
        else:
            assert same(found, _decoded(burglar.values()))
        if choices.is_one_in(16):  # lists take longest
            _list(store)
        flush(site.manager)
        _ask(site, VICTIM, lambda request: request.logout())
        assert _ask(site, VICTIM, _look) is None
        site.manager.sweep(time.time() + YEAR)
        assert _ask(site, VICTIM, _look) is None
        assert same(_ask(site, BYSTANDER, _look), dict(sorted(VALUES.items())))
    finally:
        burglar.clean()


def _list(store: SharedStore) -> None:
    """List all sessions, and those of the user, in the place of whose list there may be something else."""
    list(store)
    with suppress(StoreError):
        store.records_of("anna")


def _keep(site: Site, session_id: str, *, interval: int) -> None:
    """Put a session into the store as an application would have made it."""
    notes = {"n": b"1"}
    keep(store_of(site.manager), DATA, key_of(session_id), interval=interval, principal="anna", notes=notes)


def _look(request) -> dict | None:
    """Return the attributes of the session; None if there is none."""
    session = request.get_session(create=False)
    if session is None:
        return None
    assert isinstance(session.creation_time + session.last_accessed_time + session.max_inactive_interval, float)
    return {name: session[name] for name in sorted(session)}


def _ask(site: Site, session_id: str, do: Callable) -> object:
    """Make a request, and return what *do* returns in the application."""
    answers = []

    def page(environ, start_response):
        with watched():
            answers.append(do(request_session(environ)))
        start_response("200 OK", [TEXT])
        return [b""]

    environ = plain_environ(f"JSESSIONID={session_id}") | {"test.application": page}
    assert fetch(site.app, **environ).status == "200 OK"
    (answer,) = answers
    return answer


def _decoded(values: Mapping[str, bytes]) -> dict[str, object]:
    """Return the values that can be decoded."""
    decoded = {}
    for name in sorted(values):
        try:
            if len(values[name]) <= MAX_VALUE:
                decoded[name] = CODEC.decode(values[name])
        except CodecError:
            continue
    return decoded


def foreign(choices: Choices, data: bytes) -> bytes:
    """Return bytes in place of *data*: some that are near to it, or those of another format."""
    return choices.mutated(data) if choices.flag() else choices.pick((*FOREIGN, *DATA.values(), b""))
