"""Fixtures of the tests of the Redis store."""

from __future__ import annotations

import pytest

from httpsession.stores import open_store


@pytest.fixture
def store(redis_server, prefix):
    """A store without sessions, on a server that no test harms."""
    store = open_store(f"{redis_server.unix_url}?prefix={prefix}")
    yield store
    store.close()
