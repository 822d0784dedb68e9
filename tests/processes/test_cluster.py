"""The slots of a Cluster move to other nodes under load, nodes fail, and the sessions in them go on."""

from __future__ import annotations

import signal
import time

import pytest

from httpsession.ids import key_of
from httpsession.stores.redis.names import Names, slot_of, tags
from tests.processes.load import LIMIT, Load, assert_taken_over
from tests.support.servers import RedisCluster, is_replica
from tests.support.waiting import wait_until

PREFIX = "moving"
ROUNDS = 5


@pytest.fixture
def own_cluster(tmp_path):
    """A Cluster of which nodes can be killed."""
    cluster = RedisCluster(tmp_path / "cluster")
    yield cluster
    cluster.stop()


def key(jar):
    """Return the key of a session."""
    return key_of(jar.cookie.partition("=")[2])


def slot(jar):
    """Return the slot in which a session is."""
    return slot_of(tags()[key(jar)[0]])


def test_slots_move(cluster, serve):
    """Slots go round all nodes, key by key, while requests read and write what is in them: no request fails."""
    # What is half way has to wait, on a busy machine for longer than usual.
    with Load(serve(f"{cluster.url}?prefix={PREFIX}&timeout=2", "--preload").port) as load:
        for node in cluster.nodes * ROUNDS:
            for jar in load.jars():
                cluster.migrate(slot(jar), node, at_once=1)
        load.go_on()
    assert load.missing() == {}
    assert load.count(0) == load.count(503) == 0
    assert load.slowest() < LIMIT


def test_slot_stays_half_way(cluster, serve):
    """Of a slot that does not get there for a long time, requests that write are refused; afterwards all go on."""
    with Load(serve(f"{cluster.url}?prefix={PREFIX}", "--preload").port) as load:
        shared = load.shared
        target = next(node for node in cluster.nodes if node is not cluster.node_of(slot(shared)))
        name = Names(PREFIX).session[key(shared)[0]] + key(shared)
        with cluster.half_way(slot(shared), target, [name]):
            load.be_refused()
            cluster.migrate(slot(shared), target)
        load.go_on()
    assert load.missing() == {}
    assert {answer.page for answer in load.answers if answer.status != 200} <= {"/write", "/add"}
    assert load.count(0) == 0
    assert load.slowest() < LIMIT


def test_node_of_cluster_fails(own_cluster, serve):
    """When a node of a Cluster is killed its replica takes over, and the workers find it."""
    with Load(serve(own_cluster.url, "--preload").port) as load:
        node = own_cluster.node_of(slot(load.shared))
        replica = own_cluster.guard(node)
        load.go_on()
        wait_until(lambda: is_replica(replica, node), "the replica")
        ended_at = time.monotonic()
        node.stop(signal.SIGKILL)
        load.be_refused()
        load.go_on()
    assert_taken_over(load, ended_at)
