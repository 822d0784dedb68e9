"""Faults of a Redis server and of the way to it, as requests see them (fault plan F1, F6 to F11).

Each session has a marker of its own, and whatever fails, no request finds the marker of another one (C4).
"""

from __future__ import annotations

import logging
import signal
import time
from contextlib import closing

import pytest

from httpsession import StoreError, get_session, request_session
from httpsession.ids import key_of, new_id
from httpsession.manager import sessions_behind
from httpsession.stores import open_store
from httpsession.stores.base import Changes
from httpsession.stores.redis.acl import rights
from tests.support.proxy import Proxy
from tests.support.request import TEXT
from tests.support.servers import RedisServer
from tests.support.stores import keep
from tests.support.waiting import wait_until
from tests.support.workers import Worker


@pytest.fixture
def server(tmp_path):
    """A server that a test may harm."""
    server = RedisServer(tmp_path / "redis", "enable-protected-configs yes")
    yield server
    # In some states it refuses to end.
    server.stop(signal.SIGKILL)


@pytest.fixture
def proxy(server):
    proxy = Proxy(server.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def worker(proxy):
    worker = Worker(f"redis://127.0.0.1:{proxy.port}?timeout=0.2")
    yield worker
    worker.manager.close()


@pytest.fixture
def store(proxy):
    with closing(open_store(f"redis://127.0.0.1:{proxy.port}?timeout=0.2")) as store:
        yield store


def reading(environ, start_response):
    """Answer with the marker of the session."""
    session = get_session(environ, create=False)
    start_response("200 OK", [TEXT])
    return [b"none" if session is None else str(session["marker"]).encode()]


def writing(environ, start_response):
    """Count in the session, which is made if there is none."""
    session = get_session(environ)
    session["count"] = session.get("count", 0) + 1
    start_response("200 OK", [TEXT])
    return [b"written"]


def leaving(environ, start_response):
    """Log out."""
    request_session(environ).logout()
    start_response("200 OK", [TEXT])
    return [b"bye"]


def idling(environ, start_response):
    """Answer without a session."""
    start_response("200 OK", [TEXT])
    return [b"idle"]


def ask(worker, page, session_id=None):
    """Make a whole request for a page, and return its status, its text and its cookies."""
    request = worker.request(session_id, **{"test.application": page}).finish()
    return int(request.status[:3]), request.text, request.set_cookies


def refused(answer):
    """Return whether a request was refused without a touch of its cookie (C5)."""
    status, _, cookies = answer
    return status == 503 and cookies == []


def marked(worker, many=5):
    """Return new sessions and their markers."""
    return {worker.session_with(marker=f"m{number}"): f"m{number}" for number in range(many)}


def assert_own(worker, markers):
    """Each session has its own marker, now that all is well again."""
    assert {one: ask(worker, reading, one)[:2] for one in markers} == {one: (200, own) for one, own in markers.items()}


#: The verbs of a store whose replies are cut: what each does with a session, and what is there after it was done.
WRITES = {
    "save": (lambda store, key: store.save(key, Changes(put={"n": b"2"}), time.time()), {"marker": b"x", "n": b"2"}),
    "remove": (lambda store, key: store.remove(key), None),
    "interval": (lambda store, key: store.save(key, Changes(max_inactive_interval=5), time.time()), {"marker": b"x"}),
}


class TestCutReplies:
    """A connection that ends, or goes silent, after k bytes of a reply (F8)."""

    @pytest.mark.parametrize("stalls", [False, True])
    def test_load(self, proxy, store, stalls):
        """For each k a load is an error, and afterwards every session is its own."""
        keys = {keep(store, {"marker": b"%d" % number}): b"%d" % number for number in range(3)}
        key = next(iter(keys))
        store.load(key, time.time())
        words = (b"r", bytes(41), b":marker", b"0")
        size = len(b"*4\r\n") + sum(len(b"$%d\r\n%s\r\n" % (len(word), word)) for word in words)
        proxy.stalls = stalls
        for k in range(0, size, 15 if stalls else 1):
            proxy.cut_at = k
            with pytest.raises(StoreError):
                store.load(key, time.time())
            proxy.cut_at = None
            assert {key: store.load(key, time.time())[0].attributes["marker"] for key in keys} == keys

    @pytest.mark.parametrize("verb", WRITES)
    def test_write(self, proxy, store, server, verb):
        """A write whose reply is cut is an error, is not sent again, and is done as a whole."""
        write, left = WRITES[verb]
        other = keep(store, {"marker": b"other"})
        write(store, keep(store, {"marker": b"x"}))
        for k in range(4):
            key = keep(store, {"marker": b"x"})
            server.calls()
            proxy.cut_at = k
            with pytest.raises(StoreError):
                write(store, key)
            proxy.cut_at = None
            assert server.calls()["evalsha"] == 1
            found = store.load(key, time.time())
            assert (None if found is None else found[0].attributes) == left
            assert store.load(other, time.time())[0].attributes == {"marker": b"other"}

    def test_batch(self, proxy, store):
        """A batch of touches whose replies are cut anywhere is an error, and may be sent again."""
        keys, later = [keep(store, {"marker": b"x"}) for _ in range(5)], time.time() + 5
        touches = [(key, later, later) for key in keys]
        store.touch(())
        for k in range(0, 25, 3):
            proxy.cut_at = k
            with pytest.raises(StoreError):
                store.touch(touches)
            proxy.cut_at = None
        store.touch(touches)

        assert {store.peek(key).record.accessed for key in keys} == {later}

    def test_killed_connections(self, worker, server):
        """Connections that the server closes, by a command or after some idle time, fail no request."""
        markers = marked(worker)
        for _ in range(3):
            server.client.execute_command("CLIENT KILL TYPE normal SKIPME yes")
            assert_own(worker, markers)
        server.client.config_set("timeout", 1)
        wait_until(lambda: len(server.client.client_list()) == 1, "idle connections to be closed")

        assert ask(worker, writing, next(iter(markers)))[0] == 200
        assert_own(worker, markers)


class TestSlowServer:
    """A server that answers late (F9)."""

    @pytest.mark.parametrize("way", ["pause", "stop", "drip"])
    def test_late_replies(self, worker, server, proxy, way):
        """Requests that need their session are refused in time, others are not, and no late reply is read later."""
        markers = marked(worker)
        if way == "pause":
            server.client.client_pause(20_000)
        elif way == "stop":
            server.pause()
        else:
            proxy.pause = 0.1
        for session_id in markers:
            begun = time.monotonic()
            assert refused(ask(worker, reading, session_id))
            assert refused(ask(worker, writing, session_id))
            assert time.monotonic() - begun < 2 * 1.5
            assert ask(worker, idling, session_id) == (200, "idle", [])
        if way == "pause":
            server.client.client_unpause()
        server.resume()
        proxy.pause = 0
        wait_until(server.client.ping, "the server to answer")

        assert_own(worker, markers)

    def test_no_connections_pile_up(self, worker, server, proxy):
        """However many requests time out, a thread has one connection afterwards (C6)."""
        markers = marked(worker)
        proxy.swallow()
        proxy.swallows_new = True
        for _ in range(5):
            assert refused(ask(worker, reading, next(iter(markers))))
        proxy.swallows_new = False
        assert_own(worker, markers)
        for pipe in proxy.pipes[:-1]:
            pipe.close()

        wait_until(lambda: len(server.client.client_list()) <= 2, "connections to be closed")


class TestPartition:
    """A network that swallows all, for connections of before and new ones (F7)."""

    def test_partition(self, worker, proxy):
        """Requests for sessions are refused in time, others go on at once, and all is well when it ends."""
        markers = marked(worker)
        proxy.swallow()
        proxy.swallows_new = True
        for session_id in markers:
            begun = time.monotonic()
            assert refused(ask(worker, reading, session_id))
            assert time.monotonic() - begun < 1.5
            calls = proxy.count
            assert ask(worker, idling, session_id) == (200, "idle", [])
            assert proxy.count == calls
        proxy.swallows_new = False

        assert_own(worker, markers)


class TestLostData:
    """A server that has lost its data, or has data of another application (F1, F11)."""

    @pytest.mark.parametrize("loses", ["restart", "kill", "flush"])
    def test_data_is_gone(self, worker, server, loses):
        """Sessions are gone, no request fails, and no id of before is used again."""
        markers = marked(worker)
        if loses == "flush":
            server.client.flushall()
        else:
            server.stop(signal.SIGKILL if loses == "kill" else signal.SIGTERM)
            server.start()

        assert [ask(worker, reading, one) for one in markers] == [(200, "none", [])] * len(markers)
        for session_id in markers:
            status, _, [cookie] = ask(worker, writing, session_id)
            assert status == 200
            assert session_id not in cookie

    def test_other_data(self, worker, server, caplog):
        """Keys that another application has written over are no sessions: the log says so, and nothing is raised."""
        markers = marked(worker)
        for name in list(server.client.scan_iter("*:s:*", count=10_000)):
            server.client.delete(name)
            server.client.lpush(name, "x")
        with caplog.at_level(logging.WARNING, "httpsession"):
            assert [ask(worker, reading, one) for one in markers] == [(200, "none", [])] * len(markers)
        assert len([message for message in caplog.messages if "is no session" in message]) == len(markers)
        for session_id in markers:
            status, _, [cookie] = ask(worker, writing, session_id)
            assert status == 200
            assert session_id not in cookie

    def test_scripts_are_gone(self, worker, server):
        """After SCRIPT FLUSH, or a restart, changes are made as before (F10)."""
        markers = marked(worker)
        for session_id in markers:
            server.client.script_flush()
            assert ask(worker, writing, session_id)[0] == 200
        assert_own(worker, markers)


class TestFullMemory:
    """A server without memory (F6)."""

    def fill(self, server, policy):
        server.client.config_set("maxmemory-policy", policy)
        used = server.client.info("memory")["used_memory"]
        server.client.config_set("maxmemory", used + 200_000)

    def test_noeviction(self, worker, server):
        """Changes are refused, reads and logouts are not, and when there is room again all goes on."""
        markers = marked(worker)
        server.client.config_set("maxmemory", 1)
        first, *others = markers
        assert refused(ask(worker, writing, first))
        assert refused(ask(worker, writing))
        assert_own(worker, markers)
        assert ask(worker, leaving, first)[:2] == (200, "bye")
        assert ask(worker, reading, first)[:2] == (200, "none")
        server.client.config_set("maxmemory", 0)

        assert [ask(worker, writing, one)[0] for one in others] == [200] * len(others)
        assert_own(worker, {one: markers[one] for one in others})

    @pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
    def test_eviction(self, worker, server, policy):
        """Sessions that Redis evicts are gone: each request finds its own session or none, and none fails."""
        self.fill(server, policy)
        markers = {}
        for number in range(300):
            request = worker.request()
            request.session.get_session().update(marker=f"m{number}", filling="x" * 5000)
            if request.finish().status.startswith("200"):  # it may find no room yet
                markers[request.new_id] = f"m{number}"
        answers = {one: ask(worker, reading, one)[:2] for one in markers}

        assert all(answers[one] in ((200, own), (200, "none")) for one, own in markers.items())
        assert (200, "none") in answers.values()

    @pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"])
    def test_warning(self, worker, server, policy, caplog):
        """A policy that evicts is logged once by each process, with the remedy."""
        server.client.config_set("maxmemory-policy", policy)
        with caplog.at_level(logging.WARNING, "httpsession"):
            for _ in range(3):
                sessions_behind(worker.manager).flush()

        [message] = caplog.messages
        assert f"the maxmemory-policy of Redis is {policy}" in message
        assert "set it to noeviction" in message

    def test_no_warning(self, worker, caplog):
        """The policy that evicts nothing is not logged."""
        with caplog.at_level(logging.WARNING, "httpsession"):
            sessions_behind(worker.manager).flush()

        assert caplog.messages == []


class TestRefusingServer:
    """A server that cannot save its data, or lets the user do less than before: a clear decision, and its reason."""

    def break_disk(self, server):
        folder = server.folder / "gone"
        folder.mkdir()
        server.client.config_set("dir", str(folder))
        folder.rmdir()
        server.client.config_set("save", "3600 1")
        server.client.bgsave()
        wait_until(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] != "ok", "the dump to fail")

    def test_full_disk(self, worker, server):
        """While the disk of the server is full, reads go on; changes and logouts are refused, and nothing of them is
        done. Afterwards all goes on."""
        markers = marked(worker)
        self.break_disk(server)
        first = next(iter(markers))
        assert_own(worker, markers)
        assert refused(ask(worker, writing, first))
        assert refused(ask(worker, leaving, first))
        assert_own(worker, markers)
        server.client.config_set("save", "")

        assert ask(worker, leaving, first)[:2] == (200, "bye")
        assert ask(worker, reading, first)[:2] == (200, "none")

    @pytest.fixture
    def limited(self, server, proxy):
        """A worker whose user has what the store needs."""
        server.client.execute_command("ACL SETUSER", "web", "on", ">pw", *rights("httpsession"))
        worker = Worker(f"redis://web:pw@127.0.0.1:{proxy.port}?timeout=0.5")
        yield worker
        worker.manager.close()

    @pytest.mark.parametrize(
        ("rule", "reads"), [("-evalsha", True), ("-hset", True), ("-hgetall", False), ("off", False)]
    )
    def test_changed_permissions(self, limited, server, rule, reads):
        """A permission that is taken away refuses what needs it, and gives it back without a restart."""
        markers = marked(limited)
        server.client.execute_command("ACL SETUSER", "web", rule)
        if rule == "off":
            server.client.execute_command("CLIENT KILL USER web")
        first = next(iter(markers))
        assert refused(ask(limited, writing, first))
        assert refused(ask(limited, reading, first)) is not reads
        server.client.execute_command("ACL SETUSER", "web", "on", rule.replace("-", "+").replace("off", "on"))

        assert ask(limited, writing, first)[0] == 200
        assert_own(limited, markers)

    def test_reason(self, limited, server):
        """The error names what the user may not do; and a login that is missing, with the remedy."""
        key = key_of(new_id(16))
        with closing(open_store(f"redis://127.0.0.1:{server.port}")) as store:
            server.client.execute_command("ACL SETUSER", "default", "resetpass", ">other")
            with pytest.raises(StoreError, match=r"NOAUTH.*write user:password@ before the host") as raised:
                store.peek(key)
            with pytest.raises(StoreError, match="write user:password@ before the host"):
                keep(store, {"a": b"1" * 100_000})
            assert "other" not in str(raised.value)
