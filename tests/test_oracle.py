"""The recordings of Apache Tomcat, replayed."""

from __future__ import annotations

import pytest

from tests.oracle.__main__ import unused
from tests.oracle.replay import DEFAULT_FILES, Outcome, replay
from tests.oracle.table import PAGE, rendered


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return replay(DEFAULT_FILES)


def test_nothing_differs_that_is_not_declared(outcome):
    """Each difference from Tomcat is one that is declared, with its reason."""
    assert outcome.different == []


def test_every_declared_difference_occurs(outcome):
    """The table of differences holds none that is no more."""
    assert unused(outcome) == []


def test_nearly_everything_is_equal(outcome):
    """At least 97 of 100 observations are the same as Tomcat's."""
    assert outcome.equal / outcome.compared >= 0.97


def test_the_page_is_up_to_date(outcome):
    """The documentation shows the differences as they are declared, and the figures of this very replay."""
    assert PAGE.read_text() == rendered(outcome) + "\n"
