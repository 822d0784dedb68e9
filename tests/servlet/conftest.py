"""Fixtures of the Servlet tests."""

import pytest
from freezegun import freeze_time


@pytest.fixture
def clock():
    """A clock that stands still, and goes on by ``clock.tick(seconds)``."""
    with freeze_time("2026-01-01 12:00:00") as frozen:
        yield frozen
