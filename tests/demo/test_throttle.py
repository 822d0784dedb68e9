"""The limits on failed logins in the demo."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from freezegun import freeze_time
from werkzeug.exceptions import TooManyRequests

from demo.throttle import Throttle


def admitted(throttle: Throttle, attempts: Iterable[tuple[str, str]]) -> list[bool]:
    """Return for each attempt, of a name and an address, whether its password is checked."""

    def is_admitted(attempt: tuple[str, str]) -> bool:
        try:
            throttle.begin(*attempt)
        except TooManyRequests:
            return False
        return True

    return [is_admitted(attempt) for attempt in attempts]


def test_a_failure_counts_for_a_minute() -> None:
    """The next attempt is taken when the oldest failure is a minute old; the response says how long to wait."""
    throttle = Throttle(here=3)
    with freeze_time("2026-01-01 12:00:00") as clock:
        for _ in range(3):
            throttle.begin("mina", "192.0.2.1")
            clock.tick(10)

        with pytest.raises(TooManyRequests) as refusal:
            throttle.begin("mina", "192.0.2.1")
        assert ("Retry-After", "60") in refusal.value.get_headers()
        clock.tick(30)
        assert admitted(throttle, [("mina", "192.0.2.1")] * 2) == [True, False]


@pytest.mark.parametrize(
    ("limit", "attempts"),
    [
        pytest.param("here", [("mina", "192.0.2.1")] * 4, id="one-account-from-one-address"),
        pytest.param("address", [(f"name {number}", "192.0.2.1") for number in range(4)], id="many-accounts"),
        pytest.param("account", [("mina", f"192.0.2.{number}") for number in range(4)], id="many-addresses"),
    ],
)
def test_each_limit(limit: str, attempts: list[tuple[str, str]]) -> None:
    """Failures are bounded for an account, for an address, and for both together."""
    assert admitted(Throttle(**{limit: 3}), attempts) == [True, True, True, False]


def test_a_refused_attempt_does_not_count() -> None:
    """An account that has to wait is no reason for its address to wait."""
    throttle = Throttle(here=1, address=3)

    assert admitted(throttle, [("mina", "192.0.2.1")] * 9) == [True, *[False] * 8]
    assert admitted(throttle, [("otto", "192.0.2.1")]) == [True]


def test_parallel_attempts_count_before_they_are_checked() -> None:
    """Sending many passwords at once is no way around a limit."""
    throttle = Throttle(here=5)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: admitted(throttle, [("mina", "192.0.2.1")])[0], range(200)))

    assert answers.count(True) == 5


def test_a_success_takes_its_attempt_back() -> None:
    """Only failures count."""
    throttle = Throttle(here=1)
    throttle.begin("mina", "192.0.2.1")
    throttle.succeed("mina", "192.0.2.1")

    assert admitted(throttle, [("mina", "192.0.2.1")] * 2) == [True, False]


def test_invented_names_fill_no_memory() -> None:
    """The number of failures that are kept does not grow with the number of names and addresses."""
    throttle = Throttle(here=2, address=3, account=4, slots=8)
    admitted(throttle, [(f"name {number}", f"192.0.2.{number}") for number in range(1000)])

    assert sum(len(times) for slots in throttle._limits for times in slots) <= 8 * (2 + 3 + 4)
