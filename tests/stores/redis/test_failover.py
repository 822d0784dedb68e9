"""Kept connections to a Redis server that says "not me" or "not now", or says nothing any more."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest

from httpsession import StoreError
from httpsession.ids import key_of, new_id
from httpsession.stores import open_store
from httpsession.stores.base import Changes
from httpsession.stores.redis.connection import Connection
from httpsession.stores.redis.names import SHARDS, slot_of, tags
from tests.support.proxy import Proxy
from tests.support.servers import RedisServer
from tests.support.stores import keep
from tests.support.waiting import wait_until

#: Seconds that connect, read and one retry may have together, by default.
BUDGET = 1.5


@pytest.fixture(scope="module")
def new_primary(tmp_path_factory):
    """The server to which a name leads after a failover."""
    server = RedisServer(tmp_path_factory.mktemp("new"))
    yield server
    server.stop()


@pytest.fixture
def old_primary(tmp_path):
    """The server to which a name leads before a failover, and which lives on."""
    server = RedisServer(tmp_path / "old", "enable-protected-configs yes")
    yield server
    # In some of its states it refuses to end.
    server.stop(signal.SIGKILL)


@pytest.fixture
def proxy(old_primary):
    """The name, so to speak: where new connections lead."""
    proxy = Proxy(old_primary.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def store(proxy, prefix):
    """A store at the name, which has a connection already."""
    store = open_store(f"redis://127.0.0.1:{proxy.port}?prefix={prefix}")
    len(store)
    yield store
    store.close()


def be_replica(server):
    """Make the server a replica of a primary that is not there."""
    server.client.replicaof("127.0.0.1", 1)


def be_replica_without_data(server):
    """Make the server a replica that refuses reads, too."""
    server.client.config_set("replica-serve-stale-data", "no")
    be_replica(server)


def want_replicas(server):
    """Make the server a primary that refuses writes without a replica."""
    server.client.config_set("min-replicas-to-write", 1)


def fail_to_persist(server):
    """Make the server one that refuses writes, since it could not save its dump."""
    folder = server.folder / "gone"
    folder.mkdir()
    server.client.config_set("dir", str(folder))
    folder.rmdir()
    server.client.config_set("save", "3600 1")
    server.client.bgsave()
    wait_until(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] != "ok", "the dump to fail")


def be_full(server):
    """Make the server one whose memory is full."""
    server.client.config_set("maxmemory", 1)


def deny(server):
    """Take the permissions from those who have not logged in."""
    server.client.execute_command("ACL SETUSER", "admin", "on", "nopass", "~*", "&*", "+@all")
    server.client.execute_command("AUTH", "admin", "any")
    server.client.execute_command("ACL SETUSER", "default", "-@all", "+auth", "+ping", "+info", "+shutdown")


STATES = {
    "READONLY": be_replica,
    "MASTERDOWN": be_replica_without_data,
    "NOREPLICAS": want_replicas,
    "MISCONF": fail_to_persist,
    "OOM": be_full,
}


class TestName:
    """A name that leads to another server, while the former server lives on behind kept connections."""

    @pytest.mark.parametrize("code", ["READONLY", "MASTERDOWN", "NOREPLICAS", "MISCONF"])
    @pytest.mark.parametrize("verb", ["create", "touch"])
    def test_refused_write_goes_to_the_new_server(self, proxy, store, old_primary, new_primary, prefix, code, verb):
        """A write that the former server refused is made once by the new one, and no caller notices."""
        keys, later = [keep(store, {"a": b"0"}) for _ in range(20)], time.time() + 5
        proxy.target = new_primary.port
        with closing(open_store(f"{new_primary.url}?prefix={prefix}")) as new_store:
            for key in keys:
                keep(new_store, {"a": b"1"}, key)
        STATES[code](old_primary)
        if verb == "create":
            keys = [keep(store, {"a": b"1"})]
        else:
            store.touch([(key, later, later) for key in keys])
            assert {store.peek(key).record.accessed for key in keys} == {later}
        assert [store.peek(key).attributes for key in keys] == [{"a": b"1"}] * len(keys)

    @pytest.mark.parametrize("code", STATES)
    def test_second_write_at_the_latest(self, proxy, store, old_primary, new_primary, code):
        """Whatever the reason of a refusal was, the next write finds the new server."""
        STATES[code](old_primary)
        proxy.target = new_primary.port
        try:
            keep(store, {"a": b"1"})
        except StoreError as error:
            assert code in str(error)  # noqa: PT017 - it may pass, too
        assert store.peek(keep(store, {"a": b"1"})).attributes == {"a": b"1"}

    def test_read(self, proxy, store, old_primary, new_primary):
        """A read that the former server refused is answered by the new one."""
        be_replica_without_data(old_primary)
        proxy.target = new_primary.port

        assert store.peek(key_of(new_id(16))) is None
        assert len(store) == 0

    @pytest.mark.parametrize("code", STATES)
    def test_same_server(self, proxy, store, old_primary, code):
        """If the name still leads to the server that refuses, the error names the reason, after one retry at most."""
        STATES[code](old_primary)
        for _ in range(3):
            before = proxy.count
            with pytest.raises(StoreError, match=code):
                keep(store, {"a": b"1"})
            # EVALSHA, and EVAL if the server does not know the script; each again.
            assert proxy.count - before <= 4

    def test_refusals_keep_no_connection(self, proxy, store, old_primary):
        """However often a server refuses, no connections pile up."""
        be_replica(old_primary)
        for _ in range(10):
            with pytest.raises(StoreError, match="READONLY"):
                keep(store, {"a": b"1"})

        wait_until(lambda: len(old_primary.client.client_list()) <= 2, "connections to be closed")

    def test_busy_script(self, proxy, store, old_primary):
        """A server that is busy with a script is not left: it will answer again."""
        old_primary.client.config_set("busy-reply-threshold", 1)
        len(store)
        connections = len(proxy.pipes)
        thread = threading.Thread(target=lambda: _spin(old_primary))
        thread.start()
        try:
            with pytest.raises(StoreError, match="BUSY"):
                _until_error(lambda: keep(store, {"a": b"1"}))
        finally:
            wait_until(lambda: _kill(old_primary), "the script to end")
            thread.join()
        keep(store, {"a": b"1"})

        assert len(proxy.pipes) == connections

    def test_replica_that_is_loading(self, proxy, store, old_primary, new_primary):
        """A former server that loads the data of the new one is left at once."""
        new_primary.client.mset({f"load{number}": "x" * 1000 for number in range(3000)})
        old_primary.client.config_set("key-load-delay", 2000)
        old_primary.client.config_set("loading-process-events-interval-bytes", 1024)
        old_primary.client.replicaof("127.0.0.1", new_primary.port)
        wait_until(lambda: old_primary.client.info("persistence")["loading"], "loading to begin")
        proxy.target = new_primary.port
        try:
            assert store.peek(keep(store, {"a": b"1"})).attributes == {"a": b"1"}
            assert old_primary.client.info("persistence")["loading"]
        finally:
            new_primary.client.flushall()


def _spin(server):
    try:
        server.client.eval("while true do end", 0)
    except Exception:
        return


def _kill(server):
    server.client.script_kill()
    return True


def _until_error(verb):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        verb()


class TestLostLogin:
    """A kept connection behind which the server does not know the client any more."""

    @pytest.fixture
    def url(self, proxy, old_primary, prefix):
        """Where a user with a password has all rights."""
        old_primary.client.execute_command("ACL SETUSER", "web", "on", ">secret", "~*", "&*", "+@all")
        return f"redis://web:secret@127.0.0.1:{proxy.port}?prefix={prefix}"

    def test_no_login(self, proxy, old_primary, url):
        """After NOAUTH the client logs in over a new connection, and the command is made once."""
        store = open_store(url)
        len(store)
        old_primary.client.config_set("requirepass", "other")
        proxy.reconnect()
        key = keep(store, {"a": b"1"})
        proxy.reconnect()

        assert store.peek(key).attributes == {"a": b"1"}
        store.close()

    @pytest.mark.parametrize("is_read", [False, True])
    def test_no_permission(self, proxy, old_primary, url, is_read):
        """After NOPERM a command is made over a new connection, once."""
        store = open_store(url)
        key = keep(store, {"a": b"1"})
        deny(old_primary)
        proxy.reconnect()
        if is_read:
            assert store.peek(key).attributes == {"a": b"1"}
        else:
            assert store.peek(keep(store, {"a": b"2"})).attributes == {"a": b"2"}
        store.close()

    def test_wrong_password(self, old_primary, url):
        """A password that is wrong by now fails new connections with the server's reason, and shows nothing."""
        store = open_store(url.replace("secret", "secret2"))
        for _ in range(2):
            with pytest.raises(StoreError, match="WRONGPASS") as raised:
                len(store)
            assert "secret2" not in str(raised.value)
        old_primary.client.execute_command("ACL SETUSER", "web", ">secret2")

        assert len(store) == 0
        store.close()


@contextmanager
def in_time():
    """Fail if the block takes longer than connect, read and one retry may."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < BUDGET


class TestSilence:
    """Connections over which nothing comes any more, though nothing has closed them."""

    @pytest.mark.parametrize("verb", ["load", "peek", "len", "touch", "records_of"])
    def test_read_over_a_dropped_connection(self, proxy, store, verb):
        """A read, and what may be done twice, is tried once more over a new connection, in time."""
        key, now = keep(store, {"a": b"1"}, principal="anna"), time.time() + 1
        verbs = {
            "load": lambda: store.load(key, now)[0].attributes == {"a": b"1"},
            "peek": lambda: store.peek(key).attributes == {"a": b"1"},
            "len": lambda: len(store) == 1,
            "touch": lambda: store.touch([(key, now, now)]) is None and store.peek(key).record.accessed == now,
            "records_of": lambda: len(store.records_of("anna")) == 1,
        }
        proxy.swallow()
        with in_time():
            assert verbs[verb]()

    @pytest.mark.parametrize("verb", ["create", "save", "remove"])
    def test_write_over_a_dropped_connection(self, proxy, store, verb):
        """A write that may have been made is not made again; the next one has a new connection."""
        key = keep(store, {"a": b"0"})
        assert store.save(key, Changes(put={"a": b"1"}), time.time())
        assert store.remove(keep(store, {"a": b"1"}))
        verbs = {
            "create": lambda: keep(store, {"a": b"1"}),
            "save": lambda: store.save(key, Changes(put={"a": b"2"}), time.time()),
            "remove": lambda: store.remove(key),
        }
        proxy.swallow()
        before = proxy.count
        with in_time(), pytest.raises(StoreError, match=r"(?i)no reply"):
            verbs[verb]()
        assert proxy.count == before
        with in_time():
            assert verbs[verb]()

    def test_nothing_answers(self, proxy, store):
        """If new connections are swallowed as well, a read fails in time."""
        proxy.swallow()
        proxy.swallows_new = True
        for _ in range(3):
            with in_time(), pytest.raises(StoreError):
                store.peek(key_of(new_id(16)))

    def test_login_that_is_not_answered(self, proxy, old_primary, prefix):
        """Connecting, logging in and selecting the database have the time of one wait together."""
        old_primary.client.execute_command("ACL SETUSER", "web", "on", ">secret", "~*", "&*", "+@all")
        store = open_store(f"redis://web:secret@127.0.0.1:{proxy.port}/1?prefix={prefix}")
        len(store)
        proxy.swallow()
        proxy.pause = 0.15
        with in_time(), pytest.raises(StoreError):
            store.peek(key_of(new_id(16)))
        store.close()

    @pytest.mark.parametrize("is_kept", [False, True])
    def test_drip(self, proxy, prefix, is_kept):
        """A reply that comes byte by byte has the same time as one that does not come."""
        store = open_store(f"redis://127.0.0.1:{proxy.port}?prefix={prefix}")
        key = keep(store, {"a": b"1" * 200})
        if not is_kept:
            store._client.reset_after_fork()
        proxy.pause = 0.1
        with in_time(), pytest.raises(StoreError, match=r"(?i)no reply"):
            store.load(key, time.time())
        with in_time(), pytest.raises(StoreError):
            store.remove(key)
        proxy.pause = 0
        store.close()

    @pytest.mark.parametrize("pause", [0, 0.1])
    def test_handshake_that_does_not_end(self, proxy, prefix, pause):
        """A TLS handshake that stalls or drips has the time of one connection."""
        proxy.pause = pause
        proxy.swallows_new = not pause
        if pause:
            server = socket.create_server(("127.0.0.1", 0))
            threading.Thread(target=_babble, args=(server,), daemon=True).start()
            proxy.target = server.getsockname()[1]
        with closing(open_store(f"rediss://127.0.0.1:{proxy.port}?prefix={prefix}")) as store:
            with in_time(), pytest.raises(StoreError, match=r"timed out"):
                len(store)
            with in_time(), pytest.raises(StoreError, match=r"timed out"):
                keep(store, {"a": b"1"})
        if pause:
            server.close()

    def test_slow_replies_to_a_batch(self, prefix):
        """Each reply to a batch of commands has a whole timeout, whatever the one before has left of its own."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_answer_a_batch, args=(server,), daemon=True).start()
            with closing(open_store(f"redis://127.0.0.1:{server.getsockname()[1]}?prefix={prefix}")) as store:
                assert len(store) == SHARDS

    def test_cut_reply_of_a_write(self, proxy, store, old_primary):
        """A write whose connection ends in place of a reply is sent once, and is an error."""
        key = keep(store, {"n": b"0"})
        assert store.save(key, Changes(put={"n": b"1"}), time.time())
        old_primary.calls()
        proxy.cuts_replies = True
        with pytest.raises(StoreError):
            store.save(key, Changes(put={"n": b"2"}), time.time())
        calls = old_primary.calls()
        proxy.cuts_replies = False

        assert calls["evalsha"] == 1
        assert "eval" not in calls
        assert store.peek(key).attributes == {"n": b"2"}


def _answer_a_batch(server):
    """Answer 1 to each command of a batch: the first reply takes most of a timeout, and the second a part of one."""
    connection, _ = server.accept()
    with connection:
        connection.recv(1 << 16)
        for pause, data in ((0.4, b":"), (0.05, b"1\r\n"), (0.3, b":1\r\n" * (SHARDS - 1))):
            time.sleep(pause)
            connection.sendall(data)
        connection.recv(1 << 16)


def _babble(server):
    """Answer each connection by the beginning of a long record of TLS."""
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"\x16\x03\x03\x20\x00" + bytes(2000))
                while client.recv(4096):
                    pass


class TestNames:
    """Names that lead to several addresses, or to none."""

    @pytest.fixture
    def full(self):
        """A port on which connecting never ends."""
        with socket.socket() as listener, ExitStack() as waiting:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(4):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            yield listener.getsockname()[1]

    @pytest.mark.parametrize("dead", [1, 3])
    def test_dead_addresses(self, monkeypatch, full, new_primary, prefix, dead):
        """A name whose first addresses do not answer leads to the next, and all have the time of one connection."""
        ports = [full] * dead + [new_primary.port]
        family = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *arguments: [(*family, ("127.0.0.1", port)) for port in ports]
        )
        with closing(open_store(f"redis://sessions.example?prefix={prefix}")) as store, in_time():
            assert store.peek(keep(store, {"a": b"1"})).attributes == {"a": b"1"}

    def test_name_after_a_failover(self, monkeypatch, old_primary, new_primary, prefix):
        """A name is looked up for each new connection."""
        ports = [old_primary.port]
        family = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *arguments: [(*family, ("127.0.0.1", port)) for port in ports]
        )
        with closing(open_store(f"redis://sessions.example?prefix={prefix}")) as store:
            len(store)
            be_replica(old_primary)
            ports[:] = [new_primary.port]
            key = keep(store, {"a": b"1"})
        with closing(open_store(f"redis://127.0.0.1:{new_primary.port}?prefix={prefix}")) as direct:
            assert direct.peek(key).attributes == {"a": b"1"}

    @pytest.mark.parametrize("host", ["a" * 70, "a..b", "name.invalid"])
    def test_no_such_name(self, host):
        """A name that cannot be looked up is a failing system."""
        with closing(open_store(f"redis://{host}")) as store, pytest.raises(StoreError, match="cannot connect"):
            len(store)


class TestSentinel:
    """A kept connection to a former primary, while the Sentinels know better."""

    @pytest.mark.parametrize("verb", ["create", "remove", "touch"])
    def test_replica(self, sentinel, prefix, verb):
        """What the replica refused is made by the primary, once, one by one and many at once."""
        with closing(open_store(f"{sentinel.url}?prefix={prefix}")) as store:
            keys, now = [keep(store, {"a": b"1"}) for _ in range(20)], time.time() + 1
            sentinel.wait_until_whole()
            client = store._client
            place = ("127.0.0.1", sentinel.replica.port)
            client._pool.idle[place] = Connection(client.address.login.transport(place))
            client._place, client._asked_at = place, time.monotonic()
            if verb == "touch":
                store.touch([(key, now, now) for key in keys])
                assert {store.peek(key).record.accessed for key in keys} == {now}
            elif verb == "remove":
                assert store.remove(keys[0]).attributes == {"a": b"1"}
            else:
                assert store.peek(keep(store, {"a": b"1"})) is not None
            assert place not in client._pool.idle


class TestCluster:
    """A node that does not serve now."""

    def test_down(self, cluster, prefix):
        """A node that says CLUSTERDOWN is left, the nodes are looked up, and one retry is made, in time."""
        slot = slot_of(tags()[7])
        node = cluster.node_of(slot)
        key = bytes([7]) + key_of(new_id(16))[1:]
        with closing(open_store(f"{cluster.url}?prefix={prefix}")) as store:
            keep(store, {"a": b"1"}, key)
            node.client.execute_command("CLUSTER DELSLOTS", slot)
            try:
                for verb in (lambda: store.peek(key), lambda: store.remove(key)):
                    with in_time(), pytest.raises(StoreError, match="CLUSTERDOWN"):
                        verb()
                with in_time(), pytest.raises(StoreError, match=r"CLUSTERDOWN|no node"):
                    store.touch([(key, 1.0, 1.0)])
                assert store._client._known[-1] == ("127.0.0.1", node.port)
            finally:
                node.client.execute_command("CLUSTER ADDSLOTS", slot)
            wait_until(lambda: _answers(lambda: store.peek(key)), "the node to serve again")
            assert store.remove(key).attributes == {"a": b"1"}

    def test_node_by_itself(self, cluster, prefix):
        """A node of a Cluster in the URL of a single server is told to be one."""
        store = open_store(f"{cluster.nodes[0].url}?prefix={prefix}")
        with pytest.raises(StoreError, match=r"redis\+cluster://"):
            len(store)
        store.close()


def _answers(verb):
    try:
        return verb()
    except StoreError:
        return None
