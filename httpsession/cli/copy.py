"""Copying and moving sessions from one store to another."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Final

from ..errors import ConfigError, StoreError
from ..ids import draw
from ..record import SessionRecord
from ..stores import SessionStore, Stored
from ..stores.base import SLACK
from .text import VALUE, escaped

#: How often a session is copied again that changes meanwhile.
_ATTEMPTS: Final = 3
#: How many sessions in a row may fail; then the others are not tried.
_FAILURES: Final = 5
#: Bytes of an id, and seconds after which a session is over that only shows whether two stores are one.
_ID_BYTES: Final = 16
_INTERVAL: Final = 60


class Outcome(Enum):
    """What became of a session, in the words of the report."""

    COPIED = "copied"
    THERE = "skipped, there already"
    DUE = "skipped, over"
    LEFT = "left in the source, since not the same there"
    FAILED = "failed"


class Copying:
    """Copies sessions to another store under the same keys, so that the clients' cookies stay valid.

    What is in both stores is copied again if it was used later in the source.

    Args:
        source: where the sessions are.
        target: where they go.
        moves: whether what has arrived is removed from the source.
        tell: is called with what there is to say about sessions that fail.

    Raises:
        ConfigError: both stores are one.
    """

    def __init__(self, source: SessionStore, target: SessionStore, moves: bool, tell: Callable[[str], object]) -> None:
        self._source = source
        self._target = target
        self._moves = moves
        self._tell = tell
        self._failures = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.removed = 0
        if _are_one(source, target):
            raise ConfigError("the source and the target are the same store")

    def run(self) -> Iterator[None]:
        """Go through the sessions of the source; each step deals with one, and in between both stores are sound.

        Raises:
            StoreError: the source cannot be read, or one session after the other fails.
        """
        for stored in self._source:
            outcome = self._try(stored)
            self.outcomes[outcome] += 1
            yield

    def _try(self, stored: Stored) -> Outcome:
        try:
            outcome = self._transfer(stored)
        except (StoreError, ValueError) as error:
            self._tell(f"Session {stored.record.key.hex()} failed: {escaped(str(error), 2 * VALUE)}")
            self._failures += 1
            if self._failures == _FAILURES:
                self.outcomes[Outcome.FAILED] += 1
                raise StoreError(f"{_FAILURES} sessions in a row failed, so the others were not tried") from error
            return Outcome.FAILED
        self._failures = 0
        return outcome

    def _transfer(self, stored: Stored) -> Outcome:
        for _ in range(_ATTEMPTS):
            outcome = self._copy(stored)
            if outcome is Outcome.DUE or not self._moves:
                return outcome
            key = stored.record.key
            if not _is_same(self._target.peek(key), stored):
                return Outcome.LEFT
            found = self._take_out(stored)
            if found is not None and _is_same(found, stored):
                self.removed += 1
                return outcome
            # What was copied is out of date.
            self._target.remove(key)
            if found is None:
                return Outcome.DUE
            stored = found
        return Outcome.LEFT

    def _copy(self, stored: Stored) -> Outcome:
        record = stored.record
        if record.is_due(time.time(), SLACK):
            return Outcome.DUE
        attributes = dict(stored.attributes.items())
        if self._target.create(record, attributes):
            return Outcome.COPIED
        there = self._target.peek(record.key)
        if there is not None:
            if _last_use(there.record) >= _last_use(record):
                return Outcome.THERE
            self._target.remove(record.key)
        if not self._target.create(record, attributes):
            raise StoreError("the target has something else in its place")
        return Outcome.COPIED

    def _take_out(self, stored: Stored) -> Stored | None:
        """Return what the source has of a session that was copied; remove it, if it has not changed since. None: it has
        been ended."""
        key = stored.record.key
        found = self._source.peek(key)
        if not _is_same(found, stored):
            return found
        found = self._source.remove(key)
        if found is not None and not _is_same(found, stored):
            # Changed in this very moment: put it back at once.
            self._source.create(found.record, dict(found.attributes.items()))
        return found


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, instead of breaking into what is going on."""
    stopped = threading.Event()

    def stop(number: int, frame: Any) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _are_one(source: SessionStore, target: SessionStore) -> bool:
    """Return whether what is put into the target is in the source: two URLs may name one store."""
    _, key = draw(_ID_BYTES)
    try:
        target.create(SessionRecord.created("", key, time.time(), _INTERVAL, None), {})
        return source.peek(key) is not None
    finally:
        with suppress(StoreError):
            target.remove(key)


def _is_same(one: Stored | None, other: Stored) -> bool:
    return one is not None and _content(one) == _content(other)


def _content(stored: Stored) -> tuple[object, ...]:
    record = stored.record
    times = record.creation_time, record.accessed, record.used, record.deadline
    return record.key, times, record.max_inactive_interval, record.principal, dict(stored.attributes.items())


def _last_use(record: SessionRecord) -> tuple[float, float]:
    return max(record.accessed, record.used), record.accessed
