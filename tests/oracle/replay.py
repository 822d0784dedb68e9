"""Plays recordings and sums up how they compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import freezegun
from freezegun.api import FrozenDateTimeFactory

from .compare import Observation, observations
from .contexts import LEFT_OUT, RECORDINGS, load_configs
from .differences import DIFFERENCES, Difference
from .player import Player
from .servlet import Native

#: What is played if nothing else is asked for.
DEFAULT_FILES = tuple(sorted(RECORDINGS.glob("*.jsonl")))
#: Seconds between two scenarios: more than any session lives.
PAUSE = 10_000


@dataclass
class Outcome:
    """How recordings compare."""

    scenarios: int = 0
    left_out: int = 0
    compared: int = 0
    equal: int = 0
    declared: Counter[Difference] = field(default_factory=Counter)
    different: list[Observation] = field(default_factory=list)

    def add(self, found: Iterable[Observation]) -> None:
        """Add the observations of one scenario."""
        self.scenarios += 1
        lasting: Difference | None = None
        for one in found:
            self.compared += 1
            if one.is_equal:
                self.equal += 1
                continue
            difference = next((known for known in DIFFERENCES if known.applies(one)), lasting)
            if difference is None:
                self.different.append(one)
                continue
            self.declared[difference] += 1
            if difference.lasts:
                lasting = difference

    def summary(self) -> str:
        """Return the one line that says it all."""
        share = 100 * self.equal / max(self.compared, 1)
        return (
            f"{self.scenarios} scenarios ({self.left_out} left out), {self.compared} observations compared, "
            f"{self.equal} equal ({share:.2f}%), {self.declared.total()} declared, {len(self.different)} different"
        )


def replay(files: Iterable[Path], api: type[Native] = Native) -> Outcome:
    """Play all scenarios of *files*, but for those of configurations that are left out."""
    outcome, configs = Outcome(), load_configs()
    with frozen_clock() as clock:
        for path in files:
            for line in path.read_text().splitlines():
                scenario = json.loads(line)
                clock.tick(PAUSE)
                if LEFT_OUT.keys() & set(scenario["configs"]):
                    outcome.left_out += 1
                else:
                    outcome.add(play(scenario, Player(configs, clock, api)))
    return outcome


def play(scenario: dict[str, Any], player: Player) -> Iterator[Observation]:
    """Go through the observations of one scenario."""
    has_slept = False
    for number, (step, observed) in enumerate(player.play(scenario), 1):
        has_slept = has_slept or any(op[0] == "sleep" for op in step.get("request", {}).get("ops", ()))
        yield from observations(
            step, observed, player.times, scenario=scenario["name"], request=number, has_slept=has_slept
        )


@contextmanager
def frozen_clock() -> Iterator[FrozenDateTimeFactory]:
    """Freeze the clock for all threads; freezegun leaves the real one to what the module threading has called."""
    ignored = list(freezegun.config.settings.default_ignore_list)
    freezegun.configure(default_ignore_list=[name for name in ignored if name != "threading"])
    try:
        with freezegun.freeze_time("2026-01-01 12:00:00") as clock:
            assert isinstance(clock, FrozenDateTimeFactory)
            yield clock
    finally:
        freezegun.configure(default_ignore_list=ignored)
