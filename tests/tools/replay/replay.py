"""Plays recordings and compares what is observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import freezegun
from freezegun.api import FrozenDateTimeFactory

from .compare import observations
from .contexts import LEFT_OUT, RECORDINGS, RecordingError, load_configs, parse
from .outcome import Outcome
from .player import Player
from .reckoning import Reckoning
from .servlet import Native
from .stores import Stores

#: What is played if nothing else is asked for.
DEFAULT_FILES = tuple(sorted(RECORDINGS.glob("*.jsonl")))
#: Seconds between two scenarios: more than any session lives.
PAUSE = 10_000
#: The store that is played on if nothing else is asked for.
MEMORY = Stores()


def replay(files: Iterable[Path], api: type[Native] = Native, stores: Stores = MEMORY) -> Outcome:
    """Play all scenarios of *files*, but for those of configurations that are left out.

    Raises:
        RecordingError: a file cannot be read, or holds something else.
    """
    outcome = Outcome(stores.kind)
    for path in files:
        configs = load_configs(path.parent)
        play(scenarios(path, configs), configs, outcome, api, stores)
    return outcome


def play(
    recorded: Iterable[dict[str, Any]],
    configs: dict[str, Any],
    outcome: Outcome,
    api: type[Native] = Native,
    stores: Stores = MEMORY,
) -> None:
    """Play scenarios, and add to *outcome* how they compare."""
    with frozen_clock() as clock:
        for scenario in recorded:
            clock.tick(PAUSE)
            if LEFT_OUT.keys() & set(scenario["configs"]):
                outcome.left_out += 1
                continue
            exchanges = Player(configs, clock, api, stores).play(scenario)
            outcome.add(
                chain.from_iterable(map(observations, exchanges)),
                Reckoning(scenario, configs, is_shared=stores.is_shared),
            )


def scenarios(path: Path, configs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Go through the scenarios of a file; blank lines are skipped."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path}, line {number}"
            scenario = parse(line, where)
            _check(scenario, configs, where)
            yield scenario


def _check(scenario: Any, configs: dict[str, Any], where: str) -> None:
    """Raise if this is no scenario, or one of an unknown configuration."""
    if not isinstance(scenario, dict) or not {"name", "configs", "steps"} <= scenario.keys():
        raise RecordingError(f"{where}: no scenario: that has a name, configs and steps")
    for step in scenario["steps"]:
        for each in step.get("parallel", [step]):
            config = each.get("request", each).get("config", each.get("reap"))
            if config is not None and config not in scenario["configs"]:
                raise RecordingError(f"{where}: the scenario does not name its configuration {config!r}")
    for name in scenario["configs"]:
        if name not in configs:
            raise RecordingError(f"{where}: unknown configuration {name!r}")


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
