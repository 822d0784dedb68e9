"""The Redis store where there are many servers: behind Sentinels, in a Cluster, and by TLS."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections import Counter

import pytest

from httpsession import StoreError
from httpsession.ids import key_of, new_id
from httpsession.record import SessionRecord
from httpsession.stores import open_store
from httpsession.stores.base import Changes, StoredSession
from httpsession.stores.redis.acl import CLUSTER_COMMANDS, SENTINEL_COMMANDS, rights
from httpsession.stores.redis.address import Login
from httpsession.stores.redis.connection import Connection
from httpsession.stores.redis.names import slot_of, tags
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE, SOON, wait_until


def add(store, shard=None, *, principal=None):
    """Keep a new session, in a shard if it matters, and return its key."""
    key = key_of(new_id(16))
    if shard is not None:
        key = bytes([shard]) + key[1:]
    record = SessionRecord.created(key, time.time(), 1800, None)
    record.principal = principal
    assert store.create(StoredSession(record, {"n": b"0"}))
    return key


def increment(store, key):
    """Count up as :meth:`HttpSession.update_attribute` does."""
    while True:
        old = store.load(key, time.time())[0].attributes["n"]
        if store.save(key, Changes(put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}), time.time()):
            return


class TestSentinel:
    """The primary is where the Sentinels say it is."""

    def test_describe(self, sentinel):
        """The service is named, and the version."""
        words = open_store(sentinel.url).describe()
        assert re.fullmatch(r"Redis [0-9.]+ of the Sentinel service sessions", words)

    def test_unknown_service(self, sentinel):
        """A service that no Sentinel knows is a failing system."""
        store = open_store(f"{sentinel.url}-not")
        with pytest.raises(StoreError, match="no Sentinel knows"):
            len(store)

    def test_rights(self, sentinel, prefix):
        """Besides the usual rights a user needs that to ask a server for its role."""
        for server in sentinel.servers:
            server.client.execute_command(
                "ACL SETUSER", "web", "reset", "on", ">secret", *rights(prefix, *SENTINEL_COMMANDS)
            )
        store = open_store(f"{sentinel.url.replace('//', '//web:secret@')}?prefix={prefix}")

        assert store.load(add(store), time.time()) is not None
        store.close()

    def test_sentinels_that_hang(self, sentinel, prefix):
        """Sentinels that do not answer hold up a new connection for less than its time."""
        # If each Sentinel had the whole time, both would take longer than SOON. A Sentinel that hangs for two seconds
        # takes part in no failover for half a minute.
        store = open_store(f"{sentinel.url}?prefix={prefix}&timeout=1.8")
        for one in sentinel.sentinels[:2]:
            one.pause()
        begin = time.monotonic()
        try:
            add(store)
        finally:
            for one in sentinel.sentinels:
                one.resume()

        assert time.monotonic() - begin < SOON
        store.close()

    @pytest.mark.parametrize("verb", ["remove", "touch"])
    def test_server_that_became_a_replica(self, sentinel, prefix, verb):
        """A kept connection to a server that is only a replica by now is replaced, also for what may not be sent twice,
        and for many commands at once."""
        store = open_store(f"{sentinel.url}?prefix={prefix}")
        keys = [add(store) for _ in range(20)]
        replica = store._client.address.login.transport(("127.0.0.1", sentinel.replica.port))
        store._client._pool.idle[None] = Connection(replica)
        now = time.time() + 1
        if verb == "touch":
            store.touch([(key, now, now) for key in keys])
            assert [store.peek(key).record.accessed for key in keys] == [now] * 20
        else:
            assert store.remove(keys[0]) is not None
        store.close()

    def test_fail_over(self, sentinel, prefix):
        """After the primary's death what was replicated is there again in a few seconds; until then requests fail, each
        in its time."""
        store = open_store(f"{sentinel.url}?prefix={prefix}")
        key = add(store)
        wait_until(lambda: sentinel.replica.client.keys(f"{prefix}{{*:s:*"), "the replica to have the session")
        waits = []

        def is_back():
            begin = time.monotonic()
            try:
                return store.load(key, time.time()) is not None
            except StoreError:
                return False
            finally:
                waits.append(time.monotonic() - begin)

        sentinel.fail_over()
        wait_until(is_back, "the store to work again")
        sentinel.heal()

        assert max(waits) < SOON
        increment(store, key)
        assert store.remove(key).attributes == {"n": b"1"}
        store.close()


class TestCluster:
    """Each shard is where its slot is."""

    @pytest.fixture
    def store(self, cluster, prefix):
        store = open_store(f"{cluster.url}?prefix={prefix}")
        yield store
        store.close()

    def test_describe(self, cluster, store):
        """The number of nodes is told, and the version."""
        port = cluster.nodes[0].port
        assert re.fullmatch(rf"Redis [0-9.]+ Cluster of 3 at 127\.0\.0\.1:{port}", store.describe())

    @pytest.fixture
    def shares(self, cluster):
        """How many shards each node has; other tests may have moved some."""
        ports = Counter(cluster.node_of(slot_of(tag)).port for tag in tags())
        return [ports[node.port] for node in cluster.nodes]

    def test_shares(self, cluster, store, shares, prefix):
        """The nodes have the sessions of the shards whose slots they have."""
        for shard in range(256):
            add(store, shard)

        assert [len(node.client.keys(f"{prefix}{{*:s:*")) for node in cluster.nodes] == shares
        assert len(store) == len(list(store)) == 256

    def test_round_trips(self, cluster, store, shares):
        """A load is one command also in a Cluster, and a sweep of nothing one round trip to each node."""
        key = add(store)
        for node in cluster.nodes:
            node.calls()
        store.load(key, time.time())
        assert sum(node.calls().get("hgetall", 0) for node in cluster.nodes) == 1
        store.expire(time.time(), 10)

        assert [node.calls()["zrangebyscore"] for node in cluster.nodes] == shares

    def test_rights(self, cluster, prefix):
        """Besides the usual rights a user needs those to ask for the slots and to follow them."""
        for node in cluster.nodes:
            node.client.execute_command(
                "ACL SETUSER", "web", "reset", "on", ">secret", *rights(prefix, *CLUSTER_COMMANDS)
            )
        store = open_store(f"{cluster.url.replace('//', '//web:secret@')}?prefix={prefix}")

        assert store.load(add(store), time.time()) is not None
        assert len(store) == 1
        store.close()

    def test_one_seed(self, cluster, prefix):
        """One node in the URL is enough to find the others, and it may be any."""
        for node in cluster.nodes:
            store = open_store(f"redis+cluster://127.0.0.1:{node.port}?prefix={prefix}")
            key = add(store, 0)
            assert store.peek(key) is not None
            assert store.remove(key) is not None
            store.close()

    def test_slot_that_has_moved(self, cluster, store):
        """A slot that is elsewhere now is followed by all verbs, one by one and many at once."""
        shard = 7
        key, other = add(store, shard, principal="anna"), add(store, shard)
        source, target = self._ends(cluster, shard)
        now = time.time() + 1
        cluster.migrate(slot_of(tags()[shard]), target)
        try:
            assert store.save(key, Changes(put={"n": b"1"}, expected={"n": b"0"}), now)
            assert store.load(key, now)[0].attributes == {"n": b"1"}
        finally:
            cluster.migrate(slot_of(tags()[shard]), source)
        store.touch([(key, now, now), (other, now, now)])
        assert (len(store), [record.key for record in store.records_of("anna")]) == (2, [key])
        assert sorted(stored.record.accessed for stored in store) == [now, now]

        assert len(store.expire(now + 4000, 10)) == 2

    def test_slot_that_moves_under_load(self, cluster, store):
        """While a slot moves to and fro nothing that was acknowledged is lost, nothing is there twice, and no request
        fails: loads go on, and changes wait."""
        shard = 11
        keys = [add(store, shard, principal="anna") for _ in range(200)]
        source, target = self._ends(cluster, shard)
        stop, errors, counts = threading.Event(), [], [0] * 3

        def work(number):
            try:
                while not stop.is_set():
                    increment(store, keys[number])
                    counts[number] += 1
                    created = add(store, shard, principal="anna")
                    renamed = bytes([shard]) + key_of(new_id(16))[1:]
                    assert store.save(created, Changes(new_key=renamed, principal="berta"), time.time())
                    store.touch([(keys[number], time.time(), time.time())])
                    assert store.remove(created) is not None
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for node in (target, source) * 4:
            cluster.migrate(slot_of(tags()[shard]), node)
            cluster.settle()
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)

        assert errors == []
        assert min(counts) > 0
        assert [store.peek(keys[number]).attributes["n"] for number in range(3)] == [b"%d" % one for one in counts]
        assert sorted(record.key for record in store.records_of("anna")) == sorted(keys)
        assert (len(store), store.records_of("berta")) == (200, [])

    def test_half_of_a_slot(self, cluster, store):
        """While only some keys of a slot have moved, loads find all, and changes are made as a whole or fail."""
        shard = 23
        keys = [add(store, shard, principal="anna") for _ in range(10)]
        _, target = self._ends(cluster, shard)
        half = [store._names.session[shard] + key for key in keys[:5]]
        with cluster.half_way(slot_of(tags()[shard]), target, half):
            assert [store.load(key, time.time())[0].attributes["n"] for key in keys] == [b"0"] * 10
            for key in keys[:1] + keys[5:6]:
                changes = Changes(put={"n": b"1"}, principal="berta")
                with pytest.raises(StoreError):
                    store.save(key, changes, time.time())
            for verb in (lambda: add(store, shard, principal="carl"), lambda: store.remove(keys[0])):
                with pytest.raises(StoreError):
                    verb()
            assert store.save(keys[6], Changes(put={"n": b"2"}), time.time()), "all that it needs is still there"

        assert [store.peek(key).attributes["n"] for key in keys] == [b"0"] * 6 + [b"2"] + [b"0"] * 3
        assert (len(store), len(store.records_of("anna")), store.records_of("berta"), store.records_of("carl")) == (
            10,
            10,
            [],
            [],
        )

    def test_node_that_hangs(self, cluster, store):
        """A node that does not answer fails what is there, in time; what is on others goes on."""
        lost, kept = 0, 255
        keys = {shard: add(store, shard) for shard in (lost, kept)}
        node = cluster.node_of(slot_of(tags()[lost]))
        node.pause()
        try:
            for _ in range(3):
                begin = time.monotonic()
                with pytest.raises(StoreError):
                    store.load(keys[lost], time.time())
                assert time.monotonic() - begin < SOON
                assert store.load(keys[kept], time.time()) is not None
        finally:
            node.resume()

        assert store.load(keys[lost], time.time()) is not None

    def test_node_that_hangs_holds_up_no_other(self, cluster, prefix):
        """While a node is out, accesses are noted on the others and what is due there ends, though not all is done."""
        store = open_store(f"{cluster.url}?prefix={prefix}")
        lost, *kept = 0, 100, 255
        keys = {shard: add(store, shard) for shard in (lost, *kept)}
        node = cluster.node_of(slot_of(tags()[lost]))
        later = time.time() + 30
        node.pause()
        try:
            with pytest.raises(StoreError):
                store.touch([(key, later, later) for key in keys.values()])
            assert [store.peek(keys[shard]).record.accessed for shard in kept] == [later] * 2
            ended = store.expire(later + 10_000, 10)
            with pytest.raises(StoreError):
                store.expire(later + 10_000, 10)
        finally:
            node.resume()

        assert {stored.record.key for stored in ended} == {keys[shard] for shard in kept}
        assert store.load(keys[lost], time.time()) is not None
        store.close()

    def test_no_cluster(self, redis_server):
        """A server that is in no Cluster is a failing system."""
        store = open_store(f"redis+cluster://127.0.0.1:{redis_server.port}")
        with pytest.raises(StoreError, match=r"(?i)cluster support disabled"):
            len(store)

    def _ends(self, cluster, shard):
        source = cluster.node_of(slot_of(tags()[shard]))
        return source, next(node for node in cluster.nodes if node is not source)


@pytest.mark.parametrize("servers", ["sentinel", "cluster"])
@pytest.mark.parametrize("is_used", [False, True])
def test_close(request, monkeypatch, servers, is_used, prefix):
    """A closed store connects to nothing, not even to find its server, whether it knew that or not."""
    store, opened = open_store(f"{request.getfixturevalue(servers).url}?prefix={prefix}"), []
    if is_used:
        add(store)
    store.close()
    monkeypatch.setattr(Login, "transport", lambda login, place: opened.append(place))
    for verb in (lambda: add(store), lambda: len(store), lambda: store.peek(key_of(new_id(16)))):
        with pytest.raises(StoreError, match="is closed"):
            verb()

    assert opened == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine, made for these tests, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    try:
        subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    return files


@pytest.fixture(scope="module")
def tls_server(certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = certificate
    settings = [f"tls-cert-file {certificate}", f"tls-key-file {key}", "tls-auth-clients no"]
    server = RedisServer(folder, *settings, tls=True)
    yield server
    server.stop()


class TestTLS:
    """rediss:// talks to servers that prove who they are."""

    def test_certificate_that_is_known(self, tls_server, certificate, prefix):
        """With the certificate of who vouches for the server all works as without TLS."""
        store = open_store(f"{tls_server.tls_url}?ssl_ca_certs={certificate[0]}&prefix={prefix}")
        key = add(store)
        increment(store, key)

        assert store.load(key, time.time())[0].attributes == {"n": b"1"}
        tls_server.restart()
        time.sleep(0.11)
        assert store.load(key, time.time()) is None
        store.close()

    def test_certificate_that_nobody_knows(self, tls_server, prefix):
        """Otherwise there is no connection, unless the certificate is not to be looked at."""
        store = open_store(f"{tls_server.tls_url}?prefix={prefix}")
        with pytest.raises(StoreError, match=r"(?i)certificate"):
            add(store)
        careless = open_store(f"{tls_server.tls_url}?prefix={prefix}&ssl_cert_reqs=none")

        assert careless.load(add(careless), time.time()) is not None
        careless.close()
