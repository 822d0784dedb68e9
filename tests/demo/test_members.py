"""The members who may log in to the demo."""

from __future__ import annotations

import pytest
from freezegun import freeze_time
from werkzeug.exceptions import TooManyRequests

from demo import members
from demo.members import Throttle


@pytest.mark.parametrize("name", members.MEMBERS)
def test_the_passwords_on_the_login_page_open(name: str) -> None:
    """Every member that is shown can log in."""
    assert members.MEMBERS[name] == members.authenticate(name, members.PASSWORDS[name])


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("mina", "paper-boat", id="password-of-another"),
        pytest.param("", "", id="empty"),
        pytest.param("Mina", "green-kettle", id="case"),
        pytest.param("nobody", "the password of nobody", id="password-of-nobody"),
    ],
)
def test_no_other_password_opens(name: str, password: str) -> None:
    """The password of another member, or of no member, opens nothing."""
    assert members.authenticate(name, password) is None


def test_after_some_failures_a_name_has_to_wait() -> None:
    """After some failures within a minute no password is checked until the first of them is a minute old."""
    throttle = Throttle(failures=3, seconds=60, slots=1)
    with freeze_time("2026-01-01 12:00:00") as clock:
        for _ in range(3):
            throttle.check("mina")
            throttle.note_failure("mina")
            clock.tick(10)

        with pytest.raises(TooManyRequests) as refusal:
            throttle.check("mina")
        assert ("Retry-After", "60") in refusal.value.get_headers()
        clock.tick(30)
        throttle.check("mina")


def test_a_name_that_nobody_has_waits_like_any_other() -> None:
    """The answer 429 does not tell which names exist, and comes before the password is looked at."""
    for _ in range(10):
        assert members.authenticate("a name of this test", "x") is None

    with pytest.raises(TooManyRequests):
        members.authenticate("a name of this test", "x")
