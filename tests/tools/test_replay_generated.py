"""Scenarios that were not recorded, and all of them on shared stores."""

from __future__ import annotations

import json

import pytest

from tests.tools.replay import mutants, tomcat
from tests.tools.replay.contexts import LEFT_OUT, load_configs
from tests.tools.replay.differences import DIFFERENCES, declared
from tests.tools.replay.generate import generated
from tests.tools.replay.outcome import Outcome
from tests.tools.replay.reckoning import is_modelled
from tests.tools.replay.replay import DEFAULT_FILES, play, replay, scenarios
from tests.tools.replay.stores import KINDS, Stores

CONFIGS = load_configs()
#: The recordings that the model of Tomcat does not repeat: URLs that are made to confuse, and another host.
CONFUSING = {
    *("encodeURL/new-session-default", "encodeURL/new-session-root", "encodeURL/new-session-urlonly"),
    *("encodeURL/new-session-cookiename", "encodeRedirectURL/new-session-default"),
    *("encodeRedirectURL/new-session-root", "encodeRedirectURL/new-session-cookiename", "encodeURL/other-host-header"),
}
#: Parts of a recording that depend on how long a request took in the container.
MOMENTS = {"start", "middle", "end"}


@pytest.fixture(scope="module", params=KINDS)
def stores(request, tmp_path_factory) -> Stores:
    if request.param == "redis":
        return Stores("redis", url=request.getfixturevalue("redis_server").unix_url)
    return Stores(request.param, folder=tmp_path_factory.mktemp("replay"))


def played(seed: int, number: int, stores: Stores) -> Outcome:
    outcome = Outcome(stores.kind)
    play(generated(seed, number), CONFIGS, outcome, stores=stores)
    return outcome


@pytest.fixture(scope="module")
def outcome(stores) -> Outcome:
    """The outcome of generated scenarios on each kind of store."""
    return played(1, 400 if stores.kind == "memory" else 120, stores)


def plain(observed) -> str:
    text = json.dumps(observed, sort_keys=True)
    for moment in MOMENTS:
        text = text.replace(f'.{moment}"', '"')
    return text


def test_the_model_of_tomcat_repeats_the_recordings():
    """What the model says of the recorded scenarios is what Tomcat has shown, but for URLs that are made to confuse."""
    unlike, number = set(), 0
    for path in DEFAULT_FILES:
        for scenario in scenarios(path, CONFIGS):
            if LEFT_OUT.keys() & set(scenario["configs"]) or not is_modelled(scenario):
                continue
            if "getSessionCookieConfig" in json.dumps(scenario):
                continue
            modelled = tomcat.recorded(scenario, CONFIGS)
            for step, again in zip(scenario["steps"], modelled["steps"], strict=True):
                number += 1
                if plain(step.get("observed")) != plain(again.get("observed")):
                    unlike.add(scenario["name"])

    assert unlike <= CONFUSING
    assert number > 1400


def test_recordings_on_shared_stores(stores):
    """What was recorded is observed on each kind of store, but for declared differences."""
    outcome = replay(DEFAULT_FILES, stores=stores)

    assert outcome.different == []
    assert outcome.equal / outcome.compared >= 0.97


def test_nothing_differs_in_generated_scenarios(outcome):
    """In scenarios that nobody has recorded each difference has a reason, too, on each kind of store."""
    assert outcome.different == []
    assert outcome.equal / outcome.compared >= 0.96


def test_differences_that_are_not_recorded_are_generated(outcome):
    """A difference that no recording shows occurs in generated scenarios."""
    generated_only = {one.what for one in declared(outcome.store) if not one.is_recorded}

    assert generated_only <= {one.what for one in outcome.declared}


def test_shared_stores_have_differences_of_their_own(outcome):
    """Each difference of shared stores occurs there, and never in memory; the sweeper's is in the recordings."""
    own = {one.what for one in DIFFERENCES if one.is_shared and "sweeper" not in one.what}

    assert own & {one.what for one in outcome.declared} == (set() if outcome.store == "memory" else own)


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_what_is_wrong_is_found_in_generated_scenarios(mutant, monkeypatch):
    """A package that does something else is told apart by generated scenarios, too."""
    mutant(monkeypatch)

    assert played(2, 150, Stores()).different != []
