"""The Redis store on one server: what it sends, what it keeps where, and what it makes of a server that fails."""

from __future__ import annotations

import logging
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from httpsession import StoreError
from httpsession.ids import handle_of, key_of, new_id
from httpsession.record import SessionRecord
from httpsession.stores import open_store
from httpsession.stores.base import FOLLOW, Changes, StoredSession
from httpsession.stores.redis.acl import rights
from httpsession.stores.redis.names import tags
from httpsession.stores.redis.scripts import HOPS
from tests.support.servers import RedisServer
from tests.support.stores import keep
from tests.support.waiting import SOON, wait_until

ROOT = Path(__file__).parents[3]
DAY = 86400


@pytest.fixture
def frail_server(tmp_path):
    """A server that a test may harm."""
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


def add(store, attributes=None, **about):
    """Create a session, and return its key."""
    return keep(store, attributes or {"a": b"1"}, **about)


def draw_for(store, key):
    new = key_of(new_id(16))
    while not store.can_move(key, new):
        new = key_of(new_id(16))
    return new


def rename(store, key, **changes):
    new = draw_for(store, key)
    assert store.save(key, Changes(new_key=new, **changes), time.time())
    return new


def name_of(client, prefix, key):
    """Return the name of a session's hash."""
    [name] = [name for name in client.scan_iter(f"{prefix}{{*}}:s:*", count=10000) if name.endswith(key)]
    return name


def value(store, key, name="a"):
    return store.load(key, time.time())[0].attributes[name]


class TestRoundTrips:
    """One command for each verb of a request."""

    def test_load(self, redis_server, store):
        """A load is one HGETALL and nothing else."""
        key = add(store)
        store.load(key, time.time())
        redis_server.calls()
        store.load(key, time.time())

        assert redis_server.calls() == {"hgetall": 1}

    def test_first_load(self, redis_server, store):
        """The first load of a process learns first which users were logged out everywhere."""
        key = add(store)
        redis_server.calls()
        store.load(key, time.time())

        assert redis_server.calls() == {"hgetall": 1, "zrangebyscore": 1}

    def test_load_of_none(self, redis_server, store):
        """A load that finds nothing is one command, too."""
        store.load(key_of(new_id(16)), time.time())
        redis_server.calls()
        store.load(key_of(new_id(16)), time.time())

        assert redis_server.calls() == {"hgetall": 1}

    def test_save(self, redis_server, store):
        """A save is one script, which for a changed attribute reads the record and writes the attribute."""
        key = add(store)
        store.save(key, Changes(put={"a": b"2"}), time.time())
        redis_server.calls()
        store.save(key, Changes(put={"a": b"3"}), time.time())
        calls = redis_server.calls()

        assert (calls["evalsha"], calls["hset"]) == (1, 1)
        assert set(calls) == {"evalsha", "hget", "hset"}

    def test_create(self, redis_server, store):
        """A creation is one script."""
        add(store)
        redis_server.calls()
        add(store)

        assert redis_server.calls()["evalsha"] == 1

    def test_touch(self, redis_server, store):
        """A thousand requests are told by less than one script for each shard, all in one go."""
        keys = [add(store) for _ in range(300)]
        now = time.time() + 1
        store.touch([(keys[0], now - 1, now - 1)])
        redis_server.calls()
        store.touch([(keys[number % 300], now, now) for number in range(1000)])

        assert redis_server.calls()["evalsha"] <= 256

    def test_sweep_of_nothing(self, redis_server, store):
        """A sweep looks once at each shard, and runs no script where nothing is due."""
        add(store)
        redis_server.calls()
        store.expire(time.time(), 100)

        assert redis_server.calls() == {"zrangebyscore": 256}

    def test_function_calls(self, store):
        """The cost in Python, in calls of Python and of C functions, is about that of the client's own layers."""
        key = add(store, {"user": b"anna", "cart": b"2" * 200, "n": b"1"})
        verbs = {"load": lambda: store.load(key, 0.0), "save": lambda: store.save(key, Changes(put={"n": b"2"}), 0.0)}
        counts = {}
        for name, verb in verbs.items():
            verb()
            events = []

            def note(frame, event, argument, events=events):
                events.append(event)

            sys.setprofile(note)
            try:
                verb()
            finally:
                sys.setprofile(None)
            counts[name] = events.count("call") + events.count("c_call")

        assert counts["load"] <= 45
        assert counts["save"] <= 45

    def test_scripts_that_the_server_forgot(self, client, store):
        """After SCRIPT FLUSH all works as before, one by one and many at once."""
        key = add(store, principal="anna")
        now = time.time() + 1
        verbs = [
            lambda: store.save(key, Changes(put={"a": b"2"}), now),
            lambda: store.touch([(key, now, now)]) is None,
            lambda: [record.accessed for record in store.records_of("anna")] == [now],
            lambda: store.remove(key).attributes == {"a": b"2"},
        ]
        for verb in verbs:
            client.script_flush()
            assert verb()


class TestLayout:
    """The layout of keys in Redis."""

    def test_session_in_one_slot(self, client, store, prefix):
        """All that belongs to a session, its mark and its user's list included, has the same slot."""
        rename(store, add(store, principal="anna"))
        names = list(client.scan_iter(f"{prefix}{{*", count=10000))

        assert sorted(name.partition(b"}:")[2][:2] for name in names) == [b"du", b"m:", b"s:", b"u:"]
        assert len({key_slot(name) for name in names}) == 1

    def test_shares_of_shards(self):
        """Each shard lies in its share of the slots, so that any equal division of these divides the shards so."""
        slots = [key_slot(f"x{{{tag}}}:due".encode()) for tag in tags()]

        assert [slot // 64 for slot in slots] == list(range(256))

    def test_only_shards_of_one_byte(self, store):
        """A key fits another of the same shard; a move elsewhere is a caller's error and changes nothing."""
        key = add(store)
        other = bytes([key[0] ^ 1]) + key[1:]

        assert store.can_move(key, key[:1] + bytes(31))
        assert not store.can_move(key, other)
        with pytest.raises(ValueError, match="until can_move"):
            store.save(key, Changes(new_key=other, put={"a": b"2"}), time.time())
        assert value(store, key) == b"1"

    def test_attributes_are_fields_with_a_mark(self, client, store, prefix):
        """Attributes begin with a colon in the hash, and notes with a number sign: no name is that of another field."""
        attributes = {"r": b"1", "p": b"2", "f": b"3", "#n": b"4", ":n": b"5", "": b"6"}
        notes = {"r": b"7", "n": b"8", ":n": b"9"}
        key = add(store, attributes, principal="anna", notes=notes)

        fields = client.hgetall(name_of(client, prefix, key))
        del fields[b"r"]
        assert fields == {
            b"p": b"anna",
            **{b":" + name.encode(): value for name, value in attributes.items()},
            **{b"#" + name.encode(): value for name, value in notes.items()},
        }
        found = store.load(key, time.time())[0]
        assert (found.attributes, found.record.notes) == (attributes, notes)

    def test_two_prefixes(self, redis_server, store, prefix):
        """Applications with prefixes of their own see nothing of each other, also if one begins like the other."""
        other = open_store(f"{redis_server.url}?prefix={prefix}b")
        key = add(store, principal="anna")

        assert (len(other), list(other), other.records_of("anna"), other.peek(key)) == (0, [], [], None)
        assert other.expire(time.time() + DAY, 10) == []
        assert len(store) == 1
        other.close()

    def test_two_databases(self, redis_server, prefix):
        """The number of a database in the URL keeps sessions apart, on a port and on a socket."""
        one, two = (
            open_store(f"{redis_server.url}/1?prefix={prefix}"),
            open_store(f"{redis_server.url}/2?prefix={prefix}"),
        )
        same = open_store(f"{redis_server.unix_url}?db=2&prefix={prefix}")
        key = add(two)

        assert (one.peek(key), same.peek(key).attributes) == (None, {"a": b"1"})
        for store in (one, two, same):
            store.close()


class TestFormerKeys:
    """The marks of the keys that a session had."""

    @pytest.fixture
    def mark(self, client, store):
        """Gives the mark of a key, and the seconds that it has left."""

        def mark(key):
            name = store._names.mark[key[0]] + key
            return client.get(name), client.ttl(name)

        return mark

    def test_login_leaves_them_all(self, client, store, prefix, mark):
        """A login empties the marks of all former keys, which then stay equally long; the session forgets the keys."""
        keys = [add(store)]
        keys += [rename(store, keys[0])]
        keys += [rename(store, keys[1])]
        client.expire(store._names.mark[keys[0][0]] + keys[0], 5)
        last = rename(store, keys[2], is_login=True)

        assert [mark(key) for key in keys] == [(b"", pytest.approx(FOLLOW, abs=2))] * 3
        assert mark(last) == (None, -2)
        assert set(client.hgetall(name_of(client, prefix, last))) == {b"r", b":a"}

    def test_return_to_a_key(self, store):
        """A key that a session left, and came back to, breaks no chain: a login leaves all former keys, too."""
        keys = [add(store)]
        keys += [rename(store, keys[0])]
        keys += [rename(store, keys[1])]
        now = time.time()
        assert store.save(keys[2], Changes(new_key=keys[1]), now)
        last = rename(store, keys[1], is_login=True)

        assert [store.was_left(key, now) for key in keys] == [True] * 3
        assert [store.peek(key) for key in keys] == [None] * 3
        assert store.peek(last) is not None

    def test_key_that_another_session_has_now(self, store, mark):
        """A former key that another session got and left is that session's: a login of the first leaves it alone."""
        key = add(store)
        first = rename(store, key)
        record = SessionRecord.created(key, time.time(), 1800, None)
        assert store.create(StoredSession(record, {"a": b"2"}))
        second = rename(store, key)
        rename(store, first, is_login=True)

        assert mark(key)[0] == second
        assert store.peek(key).attributes == {"a": b"2"}

    def test_only_those_that_still_lead_to_it(self, client, store, prefix):
        """A session remembers no former key whose mark has gone."""
        keys = [add(store)]
        keys += [rename(store, keys[0])]
        client.delete(store._names.mark[keys[0][0]] + keys[0])
        keys += [rename(store, keys[1])]

        assert client.hget(name_of(client, prefix, keys[2]), "f") == keys[1]

    def test_many(self, client, store, prefix):
        """However often the key of a session changes, it remembers about as many former keys as are followed."""
        key = add(store)
        for number in range(HOPS + 10):
            new = key[:1] + number.to_bytes(31)
            assert store.save(key, Changes(new_key=new), time.time())
            key = new

        assert client.hstrlen(name_of(client, prefix, key), "f") == HOPS * len(key)


class TestFormerRelease:
    """Sessions that a release without notes has written."""

    @pytest.fixture
    def keys(self, client, store):
        """The keys of such a session: the former one and the present one."""
        former = key_of(new_id(16))
        key = draw_for(store, former)
        shard, now = key[0], float(int(time.time()))
        record = struct.pack("<B5d", 1, now - 60, now - 30, now - 20, now + 900, 1800.0)
        client.hset(store._names.session[shard] + key, mapping={"r": record, "p": "anna", "f": former, ":a": b"1"})
        client.zadd(store._names.due[shard], {key: now + 900})
        client.sadd(store._names.user[shard] + b"anna", key)
        client.set(store._names.mark[shard] + former, key, ex=50)
        return former, key

    def test_is_read(self, store, keys):
        """All that such a session has is there, and it has no notes."""
        found = store.load(keys[1], time.time())
        record = found[0].record

        assert found[0].attributes == {"a": b"1"}
        assert (found[1], record.principal, record.notes) == (record.accessed, "anna", {})
        assert record.deadline - record.creation_time == 960
        assert [one.key for one in store.records_of("anna")] == [keys[1]]

    def test_is_changed(self, store, keys):
        """It accepts notes, its former key is followed, and a login leaves that key."""
        former, key = keys
        assert store.save(former, Changes(notes={"n": b"1"}), time.time())
        assert store.peek(former).record.notes == {"n": b"1"}
        last = rename(store, key, is_login=True, clear=True)

        assert [store.was_left(one, time.time()) for one in keys] == [True, True]
        assert (store.peek(last).attributes, store.peek(last).record.notes) == ({}, {"n": b"1"})


class TestSafetyNet:
    """Entries that Redis expires by itself when no process sweeps."""

    @pytest.mark.parametrize(("interval", "lifetime", "seconds"), [(60, None, 61), (60, 30, 30), (0, 100, 100)])
    def test_time_to_live(self, client, store, prefix, interval, lifetime, seconds):
        """A session goes a day after it is over, whatever the server's clock says of the time that callers give."""
        key = add(store, now=1000.0, interval=interval, lifetime=lifetime)

        assert client.ttl(name_of(client, prefix, key)) == pytest.approx(seconds + DAY, abs=2)

    def test_never(self, client, store, prefix):
        """A session that never expires stays, also when its interval is taken away later."""
        key = add(store, interval=0)
        assert client.ttl(name_of(client, prefix, key)) == -1
        store.save(key, Changes(max_inactive_interval=60), time.time())
        assert client.ttl(name_of(client, prefix, key)) == pytest.approx(61 + DAY, abs=2)
        store.save(key, Changes(max_inactive_interval=-1), time.time())

        assert client.ttl(name_of(client, prefix, key)) == -1

    def test_marks_go(self, client, store, prefix):
        """The mark of a former key goes as soon as nothing has to follow it any more."""
        rename(store, add(store))
        [mark] = client.scan_iter(f"{prefix}{{*}}:m:*", count=10000)

        assert client.ttl(mark) == pytest.approx(FOLLOW, abs=2)

    def test_after_it(self, client, store, prefix):
        """A session that Redis has expired is not in its user's list, and a sweep removes what refers to it."""
        key, other = add(store, principal="anna"), add(store, principal="anna")
        client.delete(name_of(client, prefix, key))

        assert [record.key for record in store.records_of("anna")] == [other]
        assert [stored.record.key for stored in store] == [other]
        assert store.expire(time.time() + DAY, 10)[0].record.key == other
        assert (len(store), client.keys(f"{prefix}{{*")) == (0, [])


GARBAGE = {
    "text": lambda client, name: client.set(name, "text"),
    "list": lambda client, name: client.rpush(name, "a", "b"),
    "no record": lambda client, name: client.hset(name, ":a", "1"),
    "pickle": lambda client, name: client.hset(name, "r", b"\x80\x04\x95."),
    "cut off": lambda client, name: client.hset(name, "r", struct.pack("<B5d", 1, 1, 1, 1, 1, 1)[:-1]),
    "another version": lambda client, name: client.hset(name, "r", struct.pack("<B5d", 2, 1, 1, 1, 1, 1)),
    "no number": lambda client, name: client.hset(name, "r", struct.pack("<B5d", 1, 1, 1, 1, float("nan"), 1)),
    "no time": lambda client, name: client.hset(name, "r", struct.pack("<B5d", 1, 1, float("nan"), 1, 1e11, 1)),
    "infinite interval": lambda client, name: client.hset(
        name, "r", struct.pack("<B5d", 1, 1e10, 1e10, 1e10, 1e11, float("inf"))
    ),
    "no text": lambda client, name: client.hset(
        name, mapping={"r": struct.pack("<B5d", 1, 1, 1, 1, 1, 1), b":\xff": 1}
    ),
}


class TestGarbage:
    """Data in Redis that no store has written is no session."""

    @pytest.fixture(params=GARBAGE.values(), ids=GARBAGE)
    def key(self, request, client, store, prefix):
        """The key of a session in whose place there is garbage."""
        key = add(store)
        name = name_of(client, prefix, key)
        client.delete(name)
        request.param(client, name)
        return key

    def test_is_no_session(self, store, key, caplog):
        """It is not loaded, seen or counted among a user's sessions; the log names it by a few digits."""
        with caplog.at_level(logging.WARNING, "httpsession"):
            assert store.load(key, time.time()) is None
            assert store.peek(key) is None
        assert list(store) == []
        assert store.records_of("anna") == []

        assert {record.levelname for record in caplog.records} == {"WARNING"}
        messages = [record.getMessage() for record in caplog.records if record.name == "httpsession"]
        assert all(handle_of(key)[:8] in message and handle_of(key)[:9] not in message for message in messages)
        assert key.hex()[:9] not in caplog.text

    def test_goes_when_it_is_due(self, client, store, prefix, key):
        """A sweep removes it at the time when the session would have been over, and tells of none."""
        assert store.expire(time.time(), 10) == []
        other = add(store)

        assert [stored.record.key for stored in store.expire(time.time() + DAY, 10)] == [other]
        assert client.keys(f"{prefix}{{*") == []

    def test_large_value(self, client, store, prefix, caplog):
        """An attribute of more than two megabytes is not there, and the log says so; the others are."""
        key = add(store)
        client.hset(name_of(client, prefix, key), ":large", bytes(2**21 + 1))
        with caplog.at_level(logging.WARNING, "httpsession"):
            assert store.load(key, time.time())[0].attributes == {"a": b"1"}

        assert handle_of(key)[:8] in caplog.text


class TestRaces:
    """Changes between two commands of one verb."""

    def test_access_that_is_told_while_a_load_finds_the_session_due(self, redis_server, store, prefix, monkeypatch):
        """A session that seems to be over, and of which another process tells an access just then, is loaded."""
        key = add(store, now=1000.0, interval=60)
        other = open_store(f"{redis_server.unix_url}?prefix={prefix}")
        run = store._client.run

        def run_late(*arguments, **options):
            other.touch([(key, 1050.0, 1055.0)])
            return run(*arguments, **options)

        monkeypatch.setattr(store._client, "run", run_late)
        _, previous, is_expired = store.load(key, 1070.0)

        assert (previous, is_expired) == (1050.0, False)
        other.close()


class TestFailures:
    """A missing answer is a StoreError, and no late reply goes to another command."""

    def test_nobody_listens(self, frail_server, prefix):
        """Without a server every verb is a StoreError at once; when it is back they work."""
        store = open_store(f"{frail_server.url}?prefix={prefix}")
        key = add(store)
        frail_server.stop()
        verbs = [
            lambda: store.load(key, 0.0),
            lambda: store.peek(key),
            lambda: store.save(key, Changes(put={"a": b"2"}), 0.0),
            lambda: store.remove(key),
            lambda: store.expire(0.0, 1),
            lambda: store.evict(),
            lambda: store.touch([(key, 0.0, 0.0)]),
            lambda: store.records_of("anna"),
            lambda: list(store),
            lambda: len(store),
            lambda: add(store),
        ]
        for verb in verbs:
            with pytest.raises(StoreError, match=f"Redis at 127.0.0.1:{frail_server.port}"):
                verb()
        assert str(frail_server.port) in store.describe()
        frail_server.start()

        assert store.load(key, time.time()) is None
        assert value(store, add(store)) == b"1"
        store.close()

    def test_restart_between_requests(self, frail_server, prefix):
        """An idle connection that the end of a server has cut fails no request, not even one that may not
        be sent twice."""
        store = open_store(f"{frail_server.unix_url}?prefix={prefix}")
        key = add(store)
        for verb in (lambda: add(store), lambda: store.remove(key), lambda: store.load(key, time.time())):
            verb()
            frail_server.restart()
            time.sleep(0.11)
            verb()
        store.close()

    @pytest.mark.parametrize("kind", ["url", "unix_url"])
    def test_server_that_hangs(self, frail_server, prefix, kind):
        """A server that does not answer is given up soon, with a kept connection and with a new one; its late
        replies are dropped."""
        store = open_store(f"{getattr(frail_server, kind)}?prefix={prefix}")
        keys = [add(store, {"a": b"%d" % number}) for number in range(3)]
        frail_server.pause()
        for key in keys:
            begin = time.monotonic()
            with pytest.raises(StoreError, match=r"(?i)timeout|timed out"):
                store.load(key, time.time())
            assert time.monotonic() - begin < SOON
        frail_server.resume()

        assert [value(store, key) for key in keys] == [b"0", b"1", b"2"]
        store.close()

    def test_interrupted_request(self, frail_server, prefix):
        """An exception that interrupts a wait for a reply does not leave the reply to the next command."""
        store = open_store(f"{frail_server.url}?prefix={prefix}&timeout=20")
        keys = [add(store, {"a": b"%d" % number}) for number in range(2)]
        frail_server.pause()
        main = threading.main_thread().ident
        interrupt = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            store.load(keys[0], time.time())
        frail_server.resume()

        assert value(store, keys[1]) == b"1"
        store.close()

    def test_full_memory(self, frail_server, prefix):
        """Without memory what needs some fails as a whole; reading, logging out and sweeping go on."""
        store = open_store(f"{frail_server.unix_url}?prefix={prefix}")
        key, other = add(store, principal="anna"), add(store)
        frail_server.client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="maxmemory"):
            add(store)
        for changes in (
            {"put": {"a": b"2"}, "removed": ["b"]},
            {"principal": None},
            {"principal": "berta"},
            {"new_key": draw_for(store, key)},
            {"clear": True, "put": {"b": b"2"}},
            {"notes": {"n": b"2"}},
            {"deadline": time.time()},
        ):
            with pytest.raises(StoreError, match="maxmemory"):
                store.save(key, Changes(**changes), time.time())
        assert value(store, key) == b"1"
        assert [record.key for record in store.records_of("anna")] == [key]

        assert store.remove(key) is not None
        assert [stored.record.key for stored in store.expire(time.time() + DAY, 10)] == [other]
        store.close()

    def test_replica(self, frail_server, prefix):
        """A server that only reads refuses to write, loudly."""
        store = open_store(f"{frail_server.unix_url}?prefix={prefix}")
        key = add(store)
        frail_server.client.replicaof("127.0.0.1", frail_server.port)
        with pytest.raises(StoreError, match="read only"):
            store.save(key, Changes(put={"a": b"2"}), time.time())
        with pytest.raises(StoreError, match="read only"):
            store.remove(key)
        store.close()

    def test_wrong_type_of_what_all_share(self, client, store, prefix):
        """A shard that something else has written over is a failing system, not an empty one."""
        key = add(store)
        client.set(f"{prefix}{{{tags()[key[0]]}}}:due", "text")

        for verb in (lambda: len(store), lambda: list(store), lambda: store.expire(0.0, 1), lambda: store.remove(key)):
            with pytest.raises(StoreError, match="wrong kind"):
                verb()


class TestConnections:
    """Each thread keeps its connection, and the store closes them all."""

    def test_one_for_each_thread(self, client, store):
        """A thread keeps its connection until it ends. When the store is closed, all threads lose theirs for good."""

        def connections():
            return len(client.client_list())

        before = connections()
        for _ in range(3):
            add(store)
        assert connections() == before + 1
        go, ready = threading.Event(), threading.Barrier(4)

        def work():
            add(store)
            ready.wait(10)
            go.wait(10)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        ready.wait(10)
        assert connections() == before + 4
        store.close()
        wait_until(lambda: connections() == before, "connections to be closed")

        with pytest.raises(StoreError, match="is closed"):
            add(store)
        store.close()
        go.set()
        for thread in threads:
            thread.join()
        assert connections() == before

    def test_close_after_an_error(self, client, store, prefix):
        """The connection closes also while the traceback of an error still holds it."""
        before, key = len(client.client_list()), add(store)
        client.set(f"{prefix}{{{tags()[key[0]]}}}:due", "text")
        with pytest.raises(StoreError, match="wrong kind") as raised:
            store.remove(key)
        assert len(client.client_list()) == before + 1
        store.close()

        wait_until(lambda: len(client.client_list()) == before, "the connection to be closed")
        assert raised.value.__traceback__ is not None

    def test_close_during_a_command(self, frail_server, prefix):
        """A command under way when the store is closed ends as usual, and then its connection closes."""
        client, saved = frail_server.client, []
        store = open_store(f"{frail_server.unix_url}?prefix={prefix}&timeout=20")
        key, before = rename(store, add(store)), len(client.client_list()) - 1
        client.client_pause(20_000, all=False)
        thread = threading.Thread(target=lambda: saved.append(rename(store, key)))
        thread.start()
        wait_until(lambda: [one for one in client.client_list() if "b" in one["flags"]], "the command to arrive")
        store.close()
        client.client_unpause()
        thread.join()

        assert len(saved) == 1
        wait_until(lambda: len(client.client_list()) == before, "the connection to be closed")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork_of_a_closed_store(self, store):
        """A store that was closed before a fork stays closed in the child."""
        key = add(store)
        store.close()
        child = os.fork()
        if child == 0:
            try:
                store.load(key, time.time())
            except StoreError as error:
                os._exit(0 if "is closed" in str(error) else 1)
            finally:
                os._exit(2)

        assert os.waitpid(child, 0)[1] == 0

    def test_end_of_a_thread(self, client, store):
        """The connection of a thread ends with it."""
        before = len(client.client_list())
        thread = threading.Thread(target=add, args=(store,))
        thread.start()
        thread.join()

        wait_until(lambda: len(client.client_list()) == before, "the connection to be closed")

    def test_nothing_is_sent_to_greet(self, frail_server, prefix):
        """A new connection costs no round trip of its own."""
        frail_server.calls()
        store = open_store(f"{frail_server.url}?prefix={prefix}")
        store.peek(key_of(new_id(16)))

        assert frail_server.calls() == {"hgetall": 1, "get": 1}
        store.close()


PASSWORD = "p@ss/wörd?#:%"
QUOTED = "p%40ss%2Fw%C3%B6rd%3F%23%3A%25"


class TestRights:
    """A user that may do no more than what the store does."""

    @pytest.fixture
    def user(self, client, prefix):
        client.execute_command("ACL SETUSER", "web", "reset", "on", f">{PASSWORD}", *rights(prefix))
        client.execute_command("ACL LOG RESET")
        yield "web"
        client.execute_command("ACL DELUSER", "web")

    @pytest.fixture
    def url(self, redis_server, user, prefix):
        return f"redis://{user}:{QUOTED}@127.0.0.1:{redis_server.port}/1?prefix={prefix}"

    def test_is_enough(self, client, url):
        """All verbs work with the rights that are documented, and the server has nothing to complain of."""
        store = open_store(url)
        key = add(store, principal="anna")
        now = time.time() + 1
        assert store.save(key, Changes(put={"b": b"2"}, expected={"a": b"1", "c": None}, removed=["a"]), now)
        former = rename(store, key)
        more = {"principal": "berta", "max_inactive_interval": 0, "deadline": now + 5, "notes": {"n": b"1"}}
        key = rename(store, former, is_login=True, clear=True, **more)
        assert store.was_left(former, now)
        store.touch([(key, now, now)])
        assert [record.key for record in store.records_of("berta")] == [key]
        assert (len(store), len(list(store)), store.peek(key).record.accessed) == (1, 1, now)
        assert store.remove(key) is not None
        add(store)
        assert len(store.expire(now + DAY, 10)) == 1
        add(store)
        assert store.evict() is not None
        assert re.match("Redis [0-9]+[.]", store.describe())
        store.close()

        assert client.execute_command("ACL LOG") == []

    def test_is_not_more(self, redis_server, url, user):
        """With these rights a client cannot read other keys, list keys or manage the server."""
        other = redis.Redis(port=redis_server.port, username=user, password=PASSWORD, protocol=2, driver_info=None)
        for command in (
            ["GET", "other"],
            ["KEYS", "*"],
            ["SCAN", 0],
            ["FLUSHALL"],
            ["CONFIG", "GET", "*"],
            ["ACL", "LIST"],
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                other.execute_command(*command)
        other.close()

    def test_other_prefix(self, url):
        """A store with another prefix is refused."""
        store = open_store(f"{url}x")
        with pytest.raises(StoreError, match=r"(?i)permission"):
            add(store)
        store.close()

    def test_password_is_not_shown(self, redis_server, url, caplog):
        """Neither a wrong password nor a right one is in an error, its causes, a description, a repr or the log."""
        caplog.set_level(logging.DEBUG)
        right, wrong = open_store(url), open_store(url.replace("web:", "web:wrong"))
        with pytest.raises(StoreError) as raised:
            add(wrong)
        shown = [str(vars(right)), repr(right), right.describe(), repr(right._client.address), caplog.text]
        error = raised.value
        while error is not None:
            shown.append(repr(error))
            error = error.__cause__ or error.__context__
        assert "AuthenticationError" in "".join(shown)

        assert not [text for text in shown if PASSWORD in text or QUOTED in text]
        for store in (right, wrong):
            store.close()


@contextmanager
def processes(number, code, *arguments):
    """Run a program in several processes, which begin when they have all been started, and give their output."""
    command = [sys.executable, "-c", code, *arguments]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    try:
        assert [process.stdout.readline() for process in running] == ["ready\n"] * number
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        yield [process.communicate(timeout=60)[0] for process in running]
        assert [process.returncode for process in running] == [0] * number
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()


BEGIN = """
import sys
from httpsession.stores import open_store
from httpsession.stores.base import Changes
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
"""
COUNT = """
key = bytes.fromhex(sys.argv[2])
for _ in range(100):
    while True:
        old = store.peek(key).attributes["n"]
        if store.save(key, Changes(put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}), 0.0):
            break
"""
SWEEP = """
for stored in store.expire(float(sys.argv[2]), 10_000):
    print(stored.record.key.hex())
"""


class TestProcesses:
    """Several processes on one server."""

    def test_counting(self, redis_server, store, prefix):
        """Four processes that count by expecting what they read reach the exact sum."""
        key = add(store, {"n": b"0"})
        with processes(4, BEGIN + COUNT, f"{redis_server.unix_url}?prefix={prefix}", key.hex()):
            pass

        assert value(store, key, "n") == b"400"

    def test_sweeping(self, redis_server, store, prefix):
        """Four processes that sweep get each session once, and together all."""
        keys = sorted(add(store).hex() for _ in range(2000))
        later = str(time.time() + DAY)
        with processes(4, BEGIN + SWEEP, f"{redis_server.unix_url}?prefix={prefix}", later) as outputs:
            claimed = [key for output in outputs for key in output.split()]

        assert sorted(claimed) == keys
        assert len(store) == 0

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_child_leaves_the_connection_alone(self, client, store):
        """The child of a fork neither uses nor closes the connection of its parent."""
        key = add(store)
        before = {entry["id"] for entry in client.client_list()}
        child = os.fork()
        if child == 0:
            try:
                status = 0 if value(store, key) == b"1" else 1
                store.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0

        assert value(store, key) == b"1"
        assert {entry["id"] for entry in client.client_list()} == before
