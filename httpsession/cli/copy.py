"""``httpsession copy``: copy or move sessions from one store to another."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import fields
from enum import Enum
from types import FrameType
from typing import Final

import click

from ..errors import ConfigError, StoreError
from ..ids import draw
from ..record import SessionRecord
from ..stores import SharedStore
from ..stores.base import StoredSession
from .state import is_due
from .store_option import opened, refuse_store
from .text import VALUE, escaped

#: How often a session is copied if it changes meanwhile.
_ATTEMPTS: Final = 3
#: How many sessions in a row may fail before the command stops.
_FAILURES: Final = 5
#: How often, at most, the progress bar moves.
_STEPS: Final = 200
#: Bytes of an id, and seconds after which the session expires that tests whether two stores are one.
_ID_BYTES: Final = 16
_INTERVAL: Final = 60


@click.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--move", is_flag=True, help="Remove from SOURCE what has arrived.")
def copy(source: str, target: str, move: bool) -> None:
    """Copy the sessions that are alive to another store.

    SOURCE and TARGET are the URLs of stores, or env:NAME. TARGET is made if it does not exist. Clients keep their
    cookies. A session that is in TARGET already is skipped, unless it was used later in SOURCE. So the command can be
    stopped, and run again to go on. Stop the application meanwhile: a session that is invalidated in one store lives on
    in the other.
    """
    refuse_store(click.get_current_context())
    with opened(source) as old, opened(target, create=True) as new, stoppable() as stopped:
        copying = Copying(old, new, move, lambda text: click.echo(text, err=True))
        total = len(old)
        try:
            with _progress(copying, total, "Moving" if move else "Copying") as steps:
                for _ in steps:
                    if stopped.is_set():
                        break
        finally:
            _report(copying, move)
    if stopped.is_set():
        raise click.ClickException("Stopped before the end. Run it again to go on.")
    if copying.outcomes[Outcome.FAILED]:
        raise click.exceptions.Exit(1)


def _progress(copying: Copying, total: int, label: str) -> AbstractContextManager[Iterable[None]]:
    """Return the steps of the copying, with a progress bar on a terminal."""
    if not sys.stderr.isatty():
        return nullcontext(copying.run())
    return click.progressbar(
        copying.run(), length=total, label=label, file=sys.stderr, update_min_steps=max(1, total // _STEPS)
    )


def _report(copying: Copying, move: bool) -> None:
    for outcome in Outcome:
        if move or outcome is not Outcome.LEFT:
            click.echo(f"{copying.outcomes[outcome]:>8} {outcome.value}")
    if move:
        click.echo(f"{copying.removed:>8} removed from the source")


class Outcome(Enum):
    """The outcome of copying one session, in the words of the report."""

    COPIED = "copied"
    THERE = "skipped, there already"
    DUE = "skipped, expired"
    LEFT = "left in the source, since not the same there"
    FAILED = "failed"


class Copying:
    """The copying of sessions to another store under the same keys, so that the clients' cookies stay valid.

    A session in both stores is copied again if it was used later in the source.

    Args:
        source: the store that has the sessions.
        target: the store to which they are copied.
        moves: whether a session that has arrived is removed from the source.
        tell: is called with a message about each session that fails.

    Raises:
        ConfigError: both are the same store.
    """

    def __init__(self, source: SharedStore, target: SharedStore, moves: bool, tell: Callable[[str], object]) -> None:
        self._source = source
        self._target = target
        self._moves = moves
        self._tell = tell
        self._failures = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.removed: int = 0
        if _are_one(source, target):
            raise ConfigError("the source and the target are the same store")

    def run(self) -> Iterator[None]:
        """Copy the sessions of the source, one in each step. Between two steps both stores are consistent.

        Raises:
            StoreError: the source cannot be read, or several sessions in a row fail.
        """
        for stored in self._source:
            outcome = self._try(stored)
            self.outcomes[outcome] += 1
            yield

    def _try(self, stored: StoredSession) -> Outcome:
        """Copy or move a session; a failure is reported, and stops the run only if several follow each other."""
        try:
            outcome = self._transfer(stored)
        except (StoreError, ValueError) as error:
            self._tell(f"Session {stored.record.handle} failed: {escaped(str(error), 2 * VALUE)}")
            self._failures += 1
            if self._failures == _FAILURES:
                self.outcomes[Outcome.FAILED] += 1
                raise StoreError(f"{_FAILURES} sessions in a row failed, so the others were not tried") from error
            return Outcome.FAILED
        self._failures = 0
        return outcome

    def _transfer(self, stored: StoredSession) -> Outcome:
        """Copy a session, and if sessions are moved, remove it from the source.

        It is removed only if the target has it unchanged. If it changes in the source meanwhile it is copied again.
        """
        for _ in range(_ATTEMPTS):
            outcome = self._copy(stored)
            if outcome is Outcome.DUE or not self._moves:
                return outcome
            key = stored.record.key
            if not _is_same(self._target.peek(key), stored):
                return Outcome.LEFT
            found = self._remove_unchanged(stored)
            if found is not None and _is_same(found, stored):
                self.removed += 1
                return outcome
            # The copy is out of date.
            self._target.remove(key)
            if found is None:
                return Outcome.DUE
            stored = found
        return Outcome.LEFT

    def _copy(self, stored: StoredSession) -> Outcome:
        """Copy a session, in place of an older one under the same key.

        Raises:
            StoreError: the target does not accept it.
        """
        record = stored.record
        if is_due(record, time.time()):
            return Outcome.DUE
        if self._target.create(stored):
            return Outcome.COPIED
        there = self._target.peek(record.key)
        if there is not None:
            if _last_use(there.record) >= _last_use(record):
                return Outcome.THERE
            self._target.remove(record.key)
        if not self._target.create(stored):
            raise StoreError("the target has another session under its key")
        return Outcome.COPIED

    def _remove_unchanged(self, stored: StoredSession) -> StoredSession | None:
        """Remove a session from the source if it has not changed since it was copied.

        Returns the session as the source had it; None if it has been removed meanwhile.
        """
        key = stored.record.key
        found = self._source.peek(key)
        if not _is_same(found, stored):
            return found
        found = self._source.remove(key)
        if found is not None and not _is_same(found, stored):
            # It has changed between the two calls: put it back at once.
            self._source.create(found)
        return found


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Yield an event that signals set, so that they do not interrupt the copying of a session."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _are_one(source: SharedStore, target: SharedStore) -> bool:
    """Return whether a session created in the target is in the source: two URLs may name one store."""
    _, key = draw(_ID_BYTES)
    try:
        target.create(StoredSession(SessionRecord.created(key, time.time(), _INTERVAL, None), {}))
        return source.peek(key) is not None
    finally:
        with suppress(StoreError):
            target.remove(key)


def _is_same(found: StoredSession | None, stored: StoredSession) -> bool:
    return found is not None and _content(found) == _content(stored)


def _content(stored: StoredSession) -> tuple[list[object], Mapping[str, bytes]]:
    """Return the whole content of a session: every field of its record, and its attributes."""
    record = stored.record
    return [getattr(record, field.name) for field in fields(record)], stored.attributes


def _last_use(record: SessionRecord) -> tuple[float, float]:
    """Return when a session was used last, to compare it with a copy."""
    return max(record.accessed, record.used), record.accessed
