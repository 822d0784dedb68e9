"""Fixtures of the stores' tests."""

from __future__ import annotations

from itertools import count

import pytest

_numbers = count(1)


@pytest.fixture
def prefix():
    """A prefix in Redis for this test alone."""
    return f"test{next(_numbers)}"


@pytest.fixture
def client(redis_server):
    """A client of the Redis server, to look behind the store's back."""
    return redis_server.client


@pytest.fixture
def path(tmp_path):
    """Where a SQLite file may be."""
    return tmp_path / "sessions.db"
