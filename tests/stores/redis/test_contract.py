"""The Redis store passes the contract on one server, through Sentinels and on a Cluster."""

from __future__ import annotations

from itertools import count

import pytest

from httpsession.stores import open_store
from httpsession.testing import StoreContract

_numbers = count(1)


class RedisContract(StoreContract):
    """The contract, for stores that a URL names."""

    @pytest.fixture
    def url(self, server_url):
        """A URL for this test alone."""
        return f"{server_url}?prefix=contract{next(_numbers)}&timeout=5"

    @pytest.fixture
    def store(self, url):
        store = open_store(url)
        yield store
        store.close()

    @pytest.fixture
    def another(self, store, url):
        other = open_store(url)
        yield other
        other.close()


class TestOneServer(RedisContract):
    """One server, on its Unix socket."""

    @pytest.fixture
    def server_url(self, redis_server):
        return redis_server.unix_url


class TestSentinel(RedisContract):
    """The primary that Sentinels name."""

    rounds = 5

    @pytest.fixture
    def server_url(self, sentinel):
        return sentinel.url


class TestCluster(RedisContract):
    """A Cluster of three nodes."""

    rounds = 5

    @pytest.fixture
    def server_url(self, cluster):
        return cluster.url
