"""Holds what is observed against what the model of this package says, as far as it can model a scenario."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .compare import Exchange, Observation, observations
from .generate import URLS
from .here import HereScenario
from .shared import SharedScenario

#: Configurations whose cookies the model does not know.
_CONFIGS = frozenset(("cookiefull", "samesite", "slash"))
_ENCODING = ("encodeURL", "encodeRedirectURL")


def is_modelled(scenario: dict[str, Any]) -> bool:
    """Return whether the models can play *scenario*: its requests come in turn, and no value throws."""
    text = json.dumps([step.get("request", step) for step in scenario["steps"]])
    throws = '"fail": "' in text
    return not (throws or _CONFIGS & set(scenario["configs"]) or '"parallel"' in text or '"await"' in text)


class Reckoning:
    """What the model of this package says of the requests of one scenario."""

    def __init__(
        self, scenario: dict[str, Any], configs: dict[str, dict[str, Any]], *, is_shared: bool = False
    ) -> None:
        self._observed: dict[int, tuple[dict[str, Any], list[tuple[float, float]]]] = {}
        self._said: dict[Exchange, dict[tuple[Any, ...], list[Any]]] = {}
        if is_modelled(scenario):
            self._observed = dict(
                enumerate(_played(scenario, configs, SharedScenario if is_shared else HereScenario), 1)
            )

    def expects(self, one: Observation) -> bool | None:
        """Return whether the model says the same; None if it says nothing of such an observation."""
        if one.exchange.number not in self._observed or one.what == "getSessionCookieConfig":
            return None
        if one.what in _ENCODING and one.op is not None and not _is_ordinary(one.exchange.ops[one.op][1]):
            return None
        if one.exchange not in self._said:
            self._said[one.exchange] = self._of(one.exchange)
        return one.observed in self._said[one.exchange][_place(one)]

    def _of(self, exchange: Exchange) -> dict[tuple[Any, ...], list[Any]]:
        observed, times = self._observed[exchange.number]
        said: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for one in observations(replace(exchange, observed=observed, times=times)):
            said[_place(one)].append(one.observed)
        return said


def _place(one: Observation) -> tuple[Any, ...]:
    return one.kind, one.what, one.field, one.op, json.dumps(one.recorded, sort_keys=True)


def _is_ordinary(url: Any) -> bool:
    return url in URLS or re.fullmatch(r"(?:/?\w+)*(?:;jsessionid=[{}\w-]*)?", str(url)) is not None


def _played(
    scenario: dict[str, Any], configs: dict[str, dict[str, Any]], kind: type[HereScenario]
) -> Iterator[tuple[dict[str, Any], list[tuple[float, float]]]]:
    """Go through the requests of *scenario*: what must be observed of each, and when those so far were."""
    here = kind(configs, scenario["configs"])
    for step in here.play(scenario["steps"]):
        if "observed" in step:
            yield step["observed"], list(here.times)
