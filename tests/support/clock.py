"""A clock that stands still until a test moves it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

from freezegun import freeze_time

START = 2_000_000_000


class Clock:
    """The time of the process, in seconds since the clock was made."""

    def __init__(self, frozen):
        self._frozen = frozen
        self.now = 0

    def set(self, seconds):
        """Set the clock, forward or back."""
        self.now = seconds
        self._frozen.move_to(datetime.fromtimestamp(START + seconds, UTC))

    def tick(self, seconds):
        """Advance the clock."""
        self.set(self.now + seconds)


@contextmanager
def frozen_clock():
    """Freeze the time of the process."""
    with freeze_time(datetime.fromtimestamp(START, UTC)) as frozen:
        yield Clock(frozen)
