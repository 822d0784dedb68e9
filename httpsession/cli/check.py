"""``httpsession check``: try out a store with sessions that are removed again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from statistics import median
from typing import Final, TypeVar

import click

from ..codec import Codec
from ..errors import StoreError
from ..ids import draw, draw_until
from ..record import SessionRecord
from ..stores import SharedStore
from ..stores.base import Advising, Changes, StoredSession
from .store_option import opened, store_option
from .text import VALUE, counted, escaped

T = TypeVar("T")

_ROUNDS: Final = 20
#: Bytes of an id, and seconds after which a session expires that a killed trial has left behind.
_ID_BYTES: Final = 16
_INTERVAL: Final = 60
_codec = Codec()
_BEFORE: Final = {"check": _codec.encode("before")}
_AFTER: Final = {"check": _codec.encode("after")}


@click.command()
@store_option
@click.option("--create", is_flag=True, help="Make or migrate the store if need be, as an application does.")
def check(url: str, create: bool) -> None:
    """Try out a store, with sessions that are removed again.

    Prints a description of the store, the number of its sessions, and the median time of each operation.
    """
    with opened(url, create=create, remedy="check --create makes the store") as store:
        seconds = Trial(store).run(_ROUNDS)
        click.echo(f"{escaped(store.describe(), VALUE)}\n{counted(len(store), 'session')}")
        advice = _advice_of(store)
    for verb, median_time in seconds.items():
        click.echo(f"{verb:<8}{median_time * 1000:>9.3f} ms")
    for sentence in advice:
        click.echo(f"Warning: {escaped(sentence, VALUE)}", err=True)
    click.echo("The store works, but see the warning." if advice else "All is well.")


def _advice_of(store: SharedStore) -> list[str]:
    """Return the advice of a store about its system; none if the user may not look at the settings."""
    try:
        return store.advice() if isinstance(store, Advising) else []
    except StoreError:
        return []


class Trial:
    """A trial of a store: the operations that requests need, checked and timed.

    Raises:
        StoreError: the store fails, or an operation has a wrong result.
    """

    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self._seconds: dict[str, list[float]] = {}

    def run(self, rounds: int) -> Mapping[str, float]:
        """Return the median seconds of each operation in so many rounds."""
        for _ in range(rounds):
            self._round()
        return {verb: median(seconds) for verb, seconds in self._seconds.items()}

    def _round(self) -> None:
        """Try all operations once, and remove the sessions of the trial in any case."""
        _, key = draw(_ID_BYTES)
        _, new_key = draw_until(_ID_BYTES, partial(self._store.can_move, key))
        try:
            self._try(key, new_key)
        finally:
            for left in (key, new_key):
                with suppress(StoreError):
                    self._store.remove(left)

    def _try(self, key: bytes, new_key: bytes) -> None:
        store, now = self._store, time.time()
        session = StoredSession(SessionRecord.created(key, now, _INTERVAL, None), _BEFORE)
        _expect(self._timed("create", lambda: store.create(session)), "does not create a session")
        self._expect_loaded("load", key, now, _BEFORE)
        is_saved = self._timed("save", lambda: store.save(key, Changes(put=_AFTER), now))
        _expect(is_saved, "does not save an attribute")
        rename = Changes(new_key=new_key)
        _expect(self._timed("rename", lambda: store.save(key, rename, now)), "does not change the id of a session")
        _expect(store.load(key, now) is None, "gives a session for its old id")
        self._expect_loaded("load", new_key, now, _AFTER)
        removed = self._timed("remove", lambda: store.remove(new_key))
        _expect(removed is not None, "does not remove a session")
        _expect(store.load(new_key, now) is None, "gives a session that was removed")

    def _expect_loaded(self, verb: str, key: bytes, now: float, attributes: Mapping[str, bytes]) -> None:
        loaded = self._timed(verb, lambda: self._store.load(key, now))
        found = None if loaded is None else loaded[0].attributes
        _expect(found is not None, "does not find a session that it has just created")
        _expect(found == attributes, "gives other attributes than were saved")

    def _timed(self, verb: str, action: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = action()
        self._seconds.setdefault(verb, []).append(time.perf_counter() - start)
        return result


def _expect(is_met: bool, what: str) -> None:
    if not is_met:
        raise StoreError(f"the store {what}")
