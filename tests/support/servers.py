"""Real Redis servers of the tests' own: one, one with a replica and Sentinels, a Cluster."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager

import pytest
import redis

from tests.support.waiting import PATIENCE, wait_until

NODES = 3
SLOTS = 16384
SERVICE = "sessions"
#: No other replicas are waited for.
REPLICATION = ("repl-diskless-sync-delay 0",)
#: Sockets that hold ports.
_HOLDERS = []


def redis_program():
    """Return the server's program; without it the test is skipped, but fails where CI says that all has to be there.

    The program that checks dumps is the server by another name, and comes in Debian's redis-tools, without a service.
    """
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if program is None:
        missing = "there is no redis-server: apt install redis-tools"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return program


def free_port():
    """Return a port of 127.0.0.1 that is reserved for a server of this process, for as long as the process lives.

    A bound socket holds it, which never listens. The system gives the port to no other program then, but servers, which
    set SO_REUSEADDR as well, can bind it by its number.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _HOLDERS.append(holder)
    return holder.getsockname()[1]


class RedisServer:
    """A redis-server in a folder, on a port of 127.0.0.1 and on a Unix socket, that keeps nothing on disk."""

    def __init__(self, folder, *settings, is_sentinel=False, tls=False):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.socket = folder / "redis.sock"
        self.url = f"redis://127.0.0.1:{self.port}"
        self.unix_url = f"unix://{self.socket}"
        self._is_sentinel = is_sentinel
        lines = ["bind 127.0.0.1", f"port {self.port}", f"dir {folder}", f"logfile {folder / 'log'}", *settings]
        if tls:
            port = free_port()
            self.tls_url = f"rediss://127.0.0.1:{port}"
            lines.append(f"tls-port {port}")
        if not is_sentinel:
            lines += [f"unixsocket {self.socket}", "unixsocketperm 700", 'save ""', "appendonly no"]
        (folder / "redis.conf").write_text("\n".join([*lines, ""]))
        self.client = redis.Redis(port=self.port, socket_timeout=PATIENCE)
        # Otherwise it takes keys for text.
        self.client.set_response_callback("CLUSTER GETKEYSINSLOT", lambda keys, **options: keys)
        self.start()

    def start(self, *arguments):
        """Start, and wait until the server answers; *arguments* go before the settings in the file."""
        mode = ["--sentinel"] * self._is_sentinel
        command = ["redis-server", str(self.folder / "redis.conf"), *mode, *arguments]
        self._process = subprocess.Popen(command, executable=redis_program())
        wait_until(self._answers, f"a Redis server, see {self.folder / 'log'}")

    def _answers(self):
        assert self._process.poll() is None, (self.folder / "log").read_text()
        return self.client.ping()

    def stop(self, how=signal.SIGTERM):
        """End the server, in its own time or by SIGKILL."""
        self.client.close()
        self.resume()
        self._process.send_signal(how)
        self._process.wait(PATIENCE)

    def restart(self):
        """End the server and start it again, without what it kept."""
        self.stop()
        self.start()

    def pause(self):
        """Stop the process until :meth:`resume`; the system goes on accepting connections for it."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Continue the process."""
        self._process.send_signal(signal.SIGCONT)

    def calls(self):
        """Return how often each command was called since the last time, other than by this."""
        stats = self.client.info("commandstats")
        self.client.config_resetstat()
        names = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
        return {name: calls for name, calls in names.items() if name not in ("info", "config|resetstat")}


def is_replica(server, primary):
    """Return whether a server has all that was written to a primary so far: that it is connected does not mean that it
    is sent what is written."""
    role, written, *_ = primary.client.role()
    *_, link, received = server.client.role()
    return role == b"master" and link == b"connected" and received >= written


class RedisSentinel:
    """A primary and a replica, which three Sentinels watch under the name of :data:`SERVICE`."""

    def __init__(self, folder):
        with ExitStack() as stack:
            primary = RedisServer(folder / "a", *REPLICATION)
            stack.callback(primary.stop)
            replica = RedisServer(folder / "b", f"replicaof 127.0.0.1 {primary.port}", *REPLICATION)
            stack.callback(replica.stop)
            self.servers = [primary, replica]
            settings = [
                f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2",
                f"sentinel down-after-milliseconds {SERVICE} 1000",
                f"sentinel failover-timeout {SERVICE} 2000",
            ]
            self.sentinels = []
            for number in range(3):
                self.sentinels.append(RedisServer(folder / f"sentinel{number}", *settings, is_sentinel=True))
                stack.callback(self.sentinels[-1].stop)
            self.wait_until_whole()
            self.stop = stack.pop_all().close
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/{SERVICE}"

    @property
    def primary(self):
        """The server that the first Sentinel takes for the primary."""
        _, port = self.sentinels[0].client.sentinel_get_master_addr_by_name(SERVICE)
        return next(server for server in self.servers if server.port == int(port))

    @property
    def replica(self):
        """The other server."""
        primary = self.primary
        return next(server for server in self.servers if server is not primary)

    def fail_over(self):
        """Kill the primary, and come back as soon as another one is; then :meth:`heal` brings back the killed one."""
        dead = self.primary
        dead.stop(signal.SIGKILL)
        self._wait_for_other(dead)

    @contextmanager
    def hanging(self):
        """Pause the primary until another server is; in the block it works again, and knows nothing of that."""
        former = self.primary
        former.pause()
        self._wait_for_other(former)
        former.resume()
        yield former
        former.client.replicaof("127.0.0.1", self.primary.port)
        self.wait_until_whole()

    def _wait_for_other(self, former):
        wait_until(lambda: all(self._port(one) != former.port for one in self.sentinels), "another primary")
        wait_until(lambda: self.primary.client.role()[0] == b"master", "another primary")

    def heal(self):
        """Start what was killed, and wait until there is a primary with its replica again."""
        self.replica.start("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.wait_until_whole()

    def wait_until_whole(self):
        """Wait until there is a primary with its replica, and all Sentinels know it."""
        wait_until(lambda: all(self._is_whole(sentinel) for sentinel in self.sentinels), "the Sentinels to agree")

    def _is_whole(self, sentinel):
        state = sentinel.client.sentinel_master(SERVICE)
        has_all = (state["num-slaves"], state["num-other-sentinels"]) == (1, 2)
        self.primary.client.publish("hello", "replica")
        is_synced = is_replica(self.replica, self.primary)
        return has_all and is_synced and state["flags"] == "master" and state["port"] == self.primary.port

    def _port(self, sentinel):
        return int(sentinel.client.sentinel_get_master_addr_by_name(SERVICE)[1])


class RedisCluster:
    """A Cluster of three nodes that have equal shares of the slots, without replicas."""

    def __init__(self, folder):
        with ExitStack() as stack:
            self.nodes = []
            for number in range(NODES):
                self.nodes.append(self._node(folder / str(number)))
                stack.callback(self.nodes[-1].stop)
            self._join()
            self._servers = stack.pop_all()
        self._folder = folder
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def stop(self):
        """End all nodes."""
        self._servers.close()

    def _node(self, folder):
        settings = ["cluster-enabled yes", "cluster-node-timeout 5000", f"cluster-port {free_port()}", *REPLICATION]
        return RedisServer(folder, *settings)

    def _meet(self, node):
        bus = int(node.client.config_get("cluster-port")["cluster-port"])
        self.nodes[0].client.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)

    def _join(self):
        bounds = [SLOTS * number // NODES for number in range(NODES + 1)]
        for number, node in enumerate(self.nodes):
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            if node is not self.nodes[0]:
                self._meet(node)
        wait_until(lambda: all(self._is_whole(node) for node in self.nodes), "the Cluster to form")

    def _is_whole(self, node):
        info = node.client.execute_command("CLUSTER INFO")
        return info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == NODES

    def guard(self, node):
        """Start a replica of a node that soon takes over when the node fails, and return it."""
        replica = self._node(self._folder / "replica")
        self._servers.callback(replica.stop)
        self._meet(replica)
        wait_until(lambda: replica.client.execute_command("CLUSTER REPLICATE", self._id(node)), "the nodes to meet")
        for one in (replica, *self.nodes):
            one.client.config_set("cluster-node-timeout", 1000)
        wait_until(lambda: is_replica(replica, node), "the replica")
        # The others decide whether it takes over.
        wait_until(lambda: all(self._knows(one, replica) for one in (replica, *self.nodes)), "the nodes to know it")
        return replica

    def _knows(self, node, replica):
        others = node.client.execute_command("CLUSTER NODES").values()
        roles = {other["node_id"]: other["flags"] for other in others}
        has_all = len(roles) == NODES + 1 and not any("handshake" in flags for flags in roles.values())
        return has_all and "slave" in roles[self._id(replica)]

    def node_of(self, slot):
        """Return the node that serves a slot."""
        table = self.nodes[0].client.execute_command("CLUSTER SLOTS")
        port = next(primary[1] for first, last, primary, *_ in table if first <= slot <= last)
        return next(node for node in self.nodes if node.port == port)

    def migrate(self, slot, to, at_once=10):
        """Move a slot and its keys, some *at once*, to node *to* as redis-cli does, while clients go on."""
        source = self.node_of(slot)
        if source is to:
            return
        with self.half_way(slot, to):
            while keys := source.client.execute_command("CLUSTER GETKEYSINSLOT", slot, at_once):
                self._send(source, to, keys)
            for node in (to, source, *self.nodes):
                node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", self._id(to))

    @contextmanager
    def half_way(self, slot, to, keys=()):
        """Move some keys of a slot to node *to*; after the block all are at the node that has the slot."""
        source = self.node_of(slot)
        to.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", self._id(source))
        source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", self._id(to))
        if keys:
            self._send(source, to, keys)
        yield
        if self.node_of(slot) is source:
            source.client.execute_command("CLUSTER SETSLOT", slot, "STABLE")
            if keys:
                self._send(to, source, keys)
            to.client.execute_command("CLUSTER SETSLOT", slot, "STABLE")

    def settle(self):
        """Wait until all nodes know of the latest change: a slot that moves on before is claimed by two nodes, one of
        which throws away what is in it. Those who move slots for real do not move them so soon again."""
        wait_until(lambda: len({self._epoch(node) for node in self.nodes}) == 1, "the nodes to agree")

    def _epoch(self, node):
        return node.client.execute_command("CLUSTER INFO")["cluster_current_epoch"]

    def _send(self, source, to, keys):
        source.client.execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, PATIENCE * 1000, "KEYS", *keys)

    def _id(self, node):
        return node.client.execute_command("CLUSTER MYID").decode()
