"""Invariants of a session in any shared store that other programs have changed.

Without encryption the session is gone, or is what its record and its values now say: a value that does not decode is
absent, and costs the session nothing else. Values that are changed into other values of the codec are believed. With
encryption it is gone, or has no other values than those that the application has set. In both cases it can be ended, a
sweep goes on, and another session is as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from httpsession import CodecError, SessionConfig, SessionManager, StoreError, request_session
from httpsession.codec import Codec
from httpsession.ids import key_of
from httpsession.request import RequestSession
from httpsession.stores import SharedStore
from httpsession.stores.base import StoredSession
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch, plain_environ
from tests.support.site import Site

from .choices import Choices
from .codec import FOREIGN, TYPES, Item, same, watched

VALUES = {"cart": Item("book", ["a", 2]), "count": 7, "user": "anna", "é": [1.5, None]}
KEYS = ("0" * 64, "1" * 64)
DAY = 86400


class Burglar(Protocol):
    """A program that changes the session of the victim by means of its own."""

    def change(self, choices: Choices) -> bool:
        """Change something, and return whether it was no more than attributes and notes."""

    def values(self) -> Mapping[str, bytes]:
        """Return the values that the attributes of the victim have now, but for those that are no bytes."""

    def clean(self) -> None:
        """Remove what is left of the victim."""


@dataclass
class Seen:
    """A session as an application sees it."""

    attributes: dict[str, object]
    principal: str | None
    creation_time: float


class Scene:
    """A site on a store, with the sessions of a victim and a bystander, whose session never expires.

    Each input finds the session of the victim as an application has made it.
    """

    def __init__(self, site: Site, *, is_sealed: bool) -> None:
        self.site = site
        self.store: SharedStore = store_of(site.manager)
        self.is_sealed = is_sealed
        self.victim_id, self.victim = self._made(interval=DAY)
        self.bystander_id, self.bystander = self._made(interval=0)
        self.store.remove(self.victim.record.key)
        codec = Codec(TYPES)
        others = [codec.encode(value) for value in VALUES.values()]
        sessions = (self.victim, self.bystander)
        kept = [value for one in sessions for part in (one.attributes, one.record.notes) for value in part.values()]
        #: Bytes that may replace a value: of this session, of another session, or of another format.
        self.pool: tuple[bytes, ...] = (*FOREIGN, *others, *kept, b"")

    def check(self, burglar: Burglar, choices: Choices) -> None:
        """Restore and change the session of the victim; check it by requests, a sweep and lists."""
        assert self.store.create(StoredSession(replace(self.victim.record), dict(self.victim.attributes)))
        changes = [burglar.change(choices) for _ in range(1 + choices.below(3))]
        try:
            self._check_found(self._ask(self.victim_id, _look), burglar, is_record_whole=all(changes))
            if choices.is_one_in(16):  # lists take longest
                self._list()
            flush(self.site.manager)
            self._ask(self.victim_id, lambda request: request.logout())
            assert self._ask(self.victim_id, _look) is None
            self.site.manager.sweep(time.time() + 2 * DAY)
            assert self._ask(self.victim_id, _look) is None
            assert same(self._ask(self.bystander_id, _look).attributes, VALUES)
        finally:
            burglar.clean()

    def foreign(self, choices: Choices, data: bytes) -> bytes:
        """Return bytes in place of *data*: a mutation of it, or bytes of the pool."""
        return choices.mutated(data) if choices.flag() else choices.pick(self.pool)

    def _check_found(self, found: Seen | None, burglar: Burglar, *, is_record_whole: bool) -> None:
        if found is None:
            assert self.is_sealed or not is_record_whole, "the session is gone, though its record is whole"
        elif self.is_sealed:
            assert (found.principal, found.creation_time) == ("anna", self.victim.record.creation_time)
            assert all(same(value, VALUES.get(name)) for name, value in found.attributes.items())
        else:
            assert same(found.attributes, _decoded(burglar.values()))

    def _list(self) -> None:
        """List all sessions, and those of the user, in the place of whose list there may be something else."""
        list(self.store)
        with suppress(StoreError):
            self.store.records_of("anna")

    def _made(self, *, interval: int) -> tuple[str, StoredSession]:
        """Make a session by a request, and return its id and what the store has of it."""

        def begin(request: RequestSession) -> str:
            session = request.login("anna")
            session.max_inactive_interval = interval
            session.update(VALUES)
            return session.id

        session_id = self._ask(None, begin)
        return session_id, self.store.peek(key_of(session_id))

    def _ask(self, session_id: str | None, do: Callable) -> object:
        """Make a request, and return what *do* returns in the application."""
        answers = []

        def page(environ, start_response):
            with watched():
                answers.append(do(request_session(environ)))
            start_response("200 OK", [TEXT])
            return [b""]

        cookies = None if session_id is None else f"JSESSIONID={session_id}"
        assert fetch(self.site.app, **plain_environ(cookies), **{"test.application": page}).status == "200 OK"
        (answer,) = answers
        return answer


@contextmanager
def scene(url: str, *, is_sealed: bool) -> Iterator[Scene]:
    """Return a scene on an empty store."""
    config = SessionConfig(types=TYPES, sweep_interval=None, encryption_keys=KEYS if is_sealed else ())
    with Site(SessionManager(url, config=config)) as site:
        yield Scene(site, is_sealed=is_sealed)


def _look(request: RequestSession) -> Seen | None:
    """Return the session as an application sees it; None if there is none."""
    session = request.get_session(create=False)
    if session is None:
        return None
    assert isinstance(session.last_accessed_time + session.max_inactive_interval, float)
    return Seen({name: session[name] for name in sorted(session)}, session.principal, session.creation_time)


def _decoded(values: Mapping[str, bytes]) -> dict[str, object]:
    """Return the values that can be decoded."""
    codec, decoded = Codec(TYPES), {}
    for name in sorted(values):
        with suppress(CodecError):
            decoded[name] = codec.decode(values[name])
    return decoded
