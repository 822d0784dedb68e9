"""The recordings of Apache Tomcat, replayed by the package's own names and by those of httpsession.servlet."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.oracle.__main__ import APIS, unused
from tests.oracle.differences import DIFFERENCES
from tests.oracle.replay import DEFAULT_FILES, Outcome, replay
from tests.oracle.table import PAGE, rendered


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return {name: replay(DEFAULT_FILES, api) for name, api in APIS.items()}


@pytest.fixture(scope="module", params=APIS)
def api(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def outcome(outcomes, api) -> Outcome:
    return outcomes[api]


def test_nothing_differs_that_is_not_declared(outcome):
    """Each difference from Tomcat is one that is declared, with its reason."""
    assert outcome.different == []


def test_every_declared_difference_occurs(outcome, api):
    """The table of differences holds none that is no more."""
    assert unused(outcome, APIS[api]) == []


def test_nearly_everything_is_equal(outcome):
    """At least 97 of 100 observations are the same as Tomcat's."""
    assert outcome.equal / outcome.compared >= 0.97


def test_both_ways_to_ask_give_the_same(outcomes):
    """Through httpsession.servlet the same is observed, but for what was not set: it is null there, as in Tomcat."""
    native, servlet = outcomes["native"], outcomes["servlet"]
    hidden = [difference for difference in DIFFERENCES if difference.what in APIS["servlet"].NOT_SHOWN]

    assert len(hidden) == len(APIS["servlet"].NOT_SHOWN)
    assert (servlet.scenarios, servlet.compared) == (native.scenarios, native.compared)
    assert servlet.declared == native.declared - Counter({one: native.declared[one] for one in hidden})
    assert servlet.equal == native.equal + sum(native.declared[one] for one in hidden)


def test_the_page_is_up_to_date(outcomes):
    """The documentation shows the differences as they are declared, and the figures of this very replay."""
    assert PAGE.read_text() == rendered(outcomes["native"]) + "\n"
