"""``httpsession stats``: the number, sizes and ages of all sessions."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import mean, median
from typing import Final

import click

from ..stores.base import StoredSession
from .state import idle_time, is_due, is_new, size_of
from .store_option import opened, store_option
from .text import VALUE, duration, escaped

#: Seconds: the upper bounds of the classes of ages; the last class has none.
_BOUNDS: Final = (60, 600, 3600, 6 * 3600, 86400, 7 * 86400)


@click.command()
@store_option
@click.option("--json", "as_json", is_flag=True, help="As JSON, with durations in seconds.")
def stats(url: str, as_json: bool) -> None:
    """Show the number of sessions, their sizes and ages.

    All figures but the number of due sessions are about those alive. The command reads the whole store.
    """
    with opened(url) as store:
        description = store.describe()
        figures = Figures.of(store, time.time())
    if as_json:
        click.echo(json.dumps({"store": description, **figures.data()}, indent=2))
        return
    click.echo(escaped(description, VALUE))
    for line in figures.lines():
        click.echo(line.rstrip())


def _classes() -> list[int]:
    return [0] * (len(_BOUNDS) + 1)


@dataclass
class Figures:
    """Figures about sessions. Of due sessions only the number is counted, so that they do not distort the rest."""

    alive: int = 0
    due: int = 0
    with_principal: int = 0
    never_came_back: int = 0
    #: The bytes in the attributes of each session.
    sizes: list[int] = field(default_factory=list)
    #: The number of sessions in each class of ages, and of idle times.
    ages: list[int] = field(default_factory=_classes)
    idle: list[int] = field(default_factory=_classes)

    @classmethod
    def of(cls, sessions: Iterable[StoredSession], now: float) -> Figures:
        """Return the figures about these sessions."""
        figures = cls()
        for stored in sessions:
            figures._add(stored, now)
        return figures

    def _add(self, stored: StoredSession, now: float) -> None:
        record = stored.record
        if is_due(record, now):
            self.due += 1
            return
        self.alive += 1
        self.with_principal += record.principal is not None
        self.never_came_back += is_new(record)
        self.sizes.append(size_of(stored))
        self.ages[bisect_right(_BOUNDS, now - record.creation_time)] += 1
        self.idle[bisect_right(_BOUNDS, idle_time(record, now))] += 1

    def data(self) -> dict[str, object]:
        """Return all figures for JSON, with ages in seconds."""
        return {
            **self._numbers(),
            "bytes": self._bytes(),
            "age": _distribution(self.ages),
            "idle": _distribution(self.idle),
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines of a table with all figures."""
        for name, number in self._numbers().items():
            yield f"{name.replace('_', ' '):<18}{number:>12}"
        yield f"\n{'BYTES':<18}{'':>12}"
        for name, size in self._bytes().items():
            yield f"{name:<18}{size:>12.0f}"
        yield f"\n{'SESSIONS':<18}{'BY AGE':>12}{'BY IDLE TIME':>15}"
        for bound, age, idle in zip((*_BOUNDS, inf), self.ages, self.idle, strict=True):
            label = f"below {duration(bound)}" if bound < inf else "above"
            yield f"{label:<18}{age:>12}{idle:>15}"

    def _numbers(self) -> dict[str, int]:
        """Return the numbers of sessions by what they count."""
        return {
            "alive": self.alive,
            "due": self.due,
            "with_principal": self.with_principal,
            "never_came_back": self.never_came_back,
        }

    def _bytes(self) -> dict[str, float]:
        """Return figures about the sizes of the sessions, in bytes."""
        sizes = self.sizes or [0]
        return {"total": sum(sizes), "mean": mean(sizes), "median": median(sizes), "max": max(sizes)}


def _distribution(counts: Sequence[int]) -> list[dict[str, int | None]]:
    """Return the number of sessions in each class, with the upper bound of the class in seconds."""
    return [{"below": bound, "sessions": count} for bound, count in zip((*_BOUNDS, None), counts, strict=True)]
