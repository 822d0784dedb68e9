"""The servers that the tests start do what the tests of stores need."""

from __future__ import annotations

import redis
from redis.crc import key_slot


def test_server(redis_server):
    """A server answers on its port and on its socket, and counts what it is asked."""
    assert redis.Redis(unix_socket_path=str(redis_server.socket)).set("a", 1)
    redis_server.calls()
    assert redis_server.client.get("a") == b"1"

    assert redis_server.calls() == {"get": 1}


def test_migrate(cluster):
    """A slot goes to another node with its keys, and back."""
    slot = key_slot(b"migrate")
    source = cluster.node_of(slot)
    target = next(node for node in cluster.nodes if node is not source)
    source.client.set("migrate", 1)
    cluster.migrate(slot, target)

    assert cluster.node_of(slot) is target
    assert target.client.get("migrate") == b"1"
    cluster.migrate(slot, source)
    assert source.client.get("migrate") == b"1"
