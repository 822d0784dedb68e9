"""Fixtures of all tests."""

from __future__ import annotations

import pytest

from tests.clock import frozen_clock
from tests.listeners import Recorder


@pytest.fixture
def clock():
    """A clock that stands still until it is told to go on."""
    with frozen_clock() as clock:
        yield clock


@pytest.fixture
def recorder():
    """A listener that keeps what it hears."""
    return Recorder()
