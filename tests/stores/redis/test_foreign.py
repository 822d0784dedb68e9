"""The Redis store when another client has written, removed or forbidden something around a session."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from contextlib import closing
from math import inf, nan

import pytest

from httpsession import StoreError
from httpsession.ids import handle_of, key_of, new_id
from httpsession.record import MAX_VALUE
from httpsession.stores import open_store
from httpsession.stores.base import Changes, StoredSession
from httpsession.stores.redis.acl import rights
from tests.support.stores import keep, new_record

SHARD = 7
DAY = 86400


@pytest.fixture
def names(store):
    """The names of what is in the shard of the sessions that :func:`add` keeps."""
    return store._names


def draw():
    """Return a key in the shard of this test."""
    return bytes([SHARD]) + key_of(new_id(16))[1:]


def add(store, **about):
    """Create a session in the shard of this test, and return its key."""
    return keep(store, {"a": b"1"}, draw(), **about)


def begun(**about):
    """Return a session that no store keeps yet."""
    return StoredSession(new_record(draw(), **about), {"a": b"1"})


def contents(client, prefix):
    """Return all that is in Redis, by name."""
    return {name: client.dump(name) for name in client.scan_iter(f"{prefix}{{*", count=10000)}


class TestSetOfAnotherType:
    """Something else is where the set of a user's sessions should be."""

    @pytest.fixture
    def spoil(self, client, names):
        def spoil(principal):
            client.set(names.user[SHARD] + principal.encode(), "text")

        return spoil

    def test_create(self, client, store, prefix, spoil):
        """No session is made, and nothing is left of one."""
        spoil("anna")
        before = contents(client, prefix)
        with pytest.raises(StoreError, match="wrong kind"):
            store.create(begun(principal="anna"))

        assert contents(client, prefix) == before

    @pytest.mark.parametrize("renames", [False, True])
    def test_login(self, client, store, prefix, spoil, renames):
        """A login with a new id, and one without, fails as a whole."""
        key = add(store, principal="berta")
        spoil("anna")
        before = contents(client, prefix)
        more = {"new_key": draw(), "is_login": True, "clear": True} if renames else {}
        with pytest.raises(StoreError, match="wrong kind"):
            store.save(key, Changes(put={"b": b"2"}, principal="anna", **more), time.time())

        assert contents(client, prefix) == before

    def test_logout(self, store, spoil):
        """It hinders neither the end of a session nor another login in it."""
        key, other = add(store, principal="anna"), add(store, principal="anna")
        spoil("anna")

        assert store.remove(key).record.principal == "anna"
        assert store.save(other, Changes(principal="berta"), time.time())
        assert [record.key for record in store.records_of("berta")] == [other]
        assert (store.load(key, time.time()), len(store)) == (None, 1)

    def test_sweep(self, store, spoil):
        """A sweep gives back that session and all others."""
        keys = [add(store, now=1000.0 + number) for number in range(20)]
        keys.insert(10, add(store, now=1009.5, principal="anna"))
        spoil("anna")

        assert [stored.record.key for stored in store.expire(time.time(), 1000)] == keys
        assert len(store) == 0

    def test_touch(self, store, spoil):
        """An access is noted."""
        key, later = add(store, principal="anna"), time.time() + 5
        spoil("anna")
        store.touch([(key, later, later)])

        assert store.peek(key).record.accessed == later


class TestShardOfAnotherType:
    """Something else is where the sorted set of a shard should be: no verb does half of what it should."""

    def test_nothing_changes(self, client, store, names, prefix):
        """A session that is bound to a user stays as it is, and none is made."""
        key = add(store, principal="anna")
        client.set(names.due[SHARD], "text")
        before = contents(client, prefix)
        for verb in (
            lambda: store.create(begun(principal="anna")),
            lambda: store.save(key, Changes(new_key=draw(), principal="berta"), time.time()),
            lambda: store.save(key, Changes(max_inactive_interval=5), time.time()),
            lambda: store.remove(key),
        ):
            with pytest.raises(StoreError, match="wrong kind"):
                verb()

        assert contents(client, prefix) == before


class TestFewerRights:
    """A user of Redis who may not do all that is needed."""

    @pytest.fixture
    def limited(self, client, redis_server, prefix):
        """Gives a store whose user lacks the right to a command."""
        stores = []

        def limited(command):
            client.execute_command("ACL SETUSER", "shop", "reset", "on", ">pw", *rights(prefix), f"-{command}")
            stores.append(open_store(f"redis://shop:pw@127.0.0.1:{redis_server.port}?prefix={prefix}"))
            return stores[-1]

        yield limited
        for store in stores:
            store.close()
        client.execute_command("ACL DELUSER", "shop")

    def test_login(self, client, store, prefix, limited):
        """A client that may not add to the set of a user's sessions can neither log in nor create a bound session."""
        key = add(store)
        before = contents(client, prefix)
        shop = limited("sadd")
        for verb in (
            lambda: shop.save(key, Changes(put={"a": b"2"}, principal="anna", new_key=draw()), time.time()),
            lambda: shop.create(begun(principal="anna")),
        ):
            with pytest.raises(StoreError, match="can't run"):
                verb()

        assert contents(client, prefix) == before

    def test_change_of_the_id(self, store, limited):
        """A client that may not rename leaves the session as it is, and its user's list, too."""
        key = add(store, principal="anna")
        changes = Changes(put={"a": b"2"}, principal="berta", new_key=draw(), is_login=True)
        with pytest.raises(StoreError, match="can't run"):
            limited("rename").save(key, changes, time.time())

        assert store.load(key, time.time())[0].attributes == {"a": b"1"}
        assert ([record.key for record in store.records_of("anna")], store.records_of("berta")) == ([key], [])

    def test_logout(self, store, limited):
        """A client that may not remove from a set can end a session, and the user's list omits it."""
        key = add(store, principal="anna")

        assert limited("srem").remove(key) is not None
        assert (store.load(key, time.time()), store.records_of("anna")) == (None, [])

    def test_sweep(self, client, store, limited):
        """A sweep that can take nothing out is an error, and nothing is lost."""
        key = add(store, now=1000.0)
        with pytest.raises(StoreError, match="can't run"):
            limited("zrem").expire(time.time(), 10)

        assert [stored.record.key for stored in store.expire(time.time(), 10)] == [key]


class TestMarkOfAnotherType:
    """Something else is where the mark of a former key should be."""

    def test_is_none(self, client, store, names):
        """Nothing is followed, and accesses of other sessions are noted."""
        key, later = draw(), time.time() + 5
        client.sadd(names.mark[SHARD] + key, "x")
        others = [add(store, principal="anna") for _ in range(5)]
        store.touch([(one, later, later) for one in (key, *others)])

        assert [store.peek(one).record.accessed for one in others] == [later] * 5
        assert (store.peek(key), store.remove(key), store.was_left(key, later)) == (None, None, False)
        assert not store.save(key, Changes(put={"a": b"1"}), later)


class TestGiant:
    """An attribute that loads leave out, since it is too long."""

    @pytest.mark.parametrize(("size", "is_there"), [(MAX_VALUE, True), (MAX_VALUE + 1, False)])
    def test_is_not_expected(self, client, store, names, size, is_there):
        """A change that expects no such attribute finds none, as loads do, and puts it right."""
        key = add(store)
        client.hset(names.session[SHARD] + key, ":n", bytes(size))
        changes = Changes(put={"n": b"1"}, expected={"n": None})

        assert ("n" in store.load(key, time.time())[0].attributes) is is_there
        assert store.save(key, changes, time.time()) is not is_there
        assert is_there or store.load(key, time.time())[0].attributes == {"a": b"1", "n": b"1"}

    def test_empty_is_there(self, store):
        """An empty value is a value."""
        key = add(store)
        assert store.save(key, Changes(put={"n": b""}), time.time())

        assert not store.save(key, Changes(put={"n": b"1"}, expected={"n": None}), time.time())


class TestFlood:
    """Many sessions whose clients never come back."""

    def test_after_many_who_joined(self, store):
        """A flood is found behind more idle users than are looked at, and before those who came since."""
        now = time.time()
        joined = [(add(store, now=now - 600), now - 500, now - 500) for _ in range(120)]
        store.touch(joined)
        flood = [add(store, now=now - 300) for _ in range(150)]
        store.touch([(add(store, now=now - 200), now - 100, now - 100) for _ in range(50)])
        given_up = [store.evict().record.key for _ in range(50)]

        assert set(given_up) <= set(flood)
        assert len(set(given_up)) == 50

    def test_oldest_first(self, store):
        """In a shard with few sessions it is the one that would be over first."""
        now = time.time()
        keys = [add(store, now=now - 300 + number) for number in range(120)]

        assert [store.evict().record.key for _ in range(120)] == keys
        assert store.evict() is None


@pytest.fixture
def losing(redis_server, tmp_path):
    """Gives a socket before the server's: after :func:`arm` it calls a function in place of passing on a reply."""
    path = str(tmp_path / "losing.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    armed = []

    def serve(client):
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(redis_server.socket))
            while data := client.recv(1 << 20):
                server.sendall(data)
                reply = server.recv(1 << 20)
                if armed:
                    armed.pop()()
                    return
                client.sendall(reply)

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    yield f"unix://{path}", armed.append
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


class TestLostReply:
    """A connection that breaks after the server has done what it was asked."""

    def test_save_is_not_sent_twice(self, store, losing, prefix):
        """A save whose reply was lost is an error, and does not undo what others have changed in between."""
        url, arm = losing
        key, seen = add(store), []

        def another():
            seen.append(store.save(key, Changes(put={"a": b"6"}, expected={"a": b"5"}), time.time()))

        with closing(open_store(f"{url}?prefix={prefix}")) as frail:
            frail.load(key, time.time())
            arm(another)
            with pytest.raises(StoreError):
                frail.save(key, Changes(put={"a": b"5"}), time.time())
            assert seen == [True]
            assert frail.load(key, time.time())[0].attributes == {"a": b"6"}

    def test_reading_and_touches_are(self, store, losing, prefix):
        """Commands that read or note accesses are sent again."""
        url, arm = losing
        key, later = add(store, principal="anna"), time.time() + 5
        with closing(open_store(f"{url}?prefix={prefix}")) as frail:
            for verb in (
                lambda: frail.load(key, time.time()) is not None,
                lambda: frail.touch([(key, later, later)]) is None,
                lambda: [record.accessed for record in frail.records_of("anna")] == [later],
            ):
                len(frail)
                arm(lambda: None)
                assert verb()


class TestRemovedByRedis:
    """Redis itself has removed a session: it was over for long, or the memory was full."""

    def life(self, client, names, key, principal="anna"):
        """Return for how many seconds Redis keeps a session, and the set of its user's."""
        return [
            client.pttl(name) / 1000 for name in (names.session[SHARD] + key, names.user[SHARD] + principal.encode())
        ]

    def test_is_forgotten_without_a_word(self, client, store, names, caplog):
        """A sweep forgets it and the log says nothing, for nothing is wrong."""
        keys = [add(store, principal="anna") for _ in range(150)]
        other = add(store)
        client.delete(*(names.session[SHARD] + key for key in keys))
        with caplog.at_level(logging.WARNING, "httpsession"):
            swept = store.expire(time.time() + DAY, 1000)

        assert [stored.record.key for stored in swept] == [other]
        assert (len(store), caplog.messages) == (0, [])

    def test_set_outlives_sessions(self, client, store, names):
        """The set of a user's sessions goes by itself, not before any of them."""
        long = add(store, interval=10 * DAY, principal="anna")
        short = add(store, interval=60, principal="anna")
        session, user = self.life(client, names, long)
        assert session <= user < session + 2 * DAY

        later = time.time() + 30
        store.touch([(short, later, later), (long, later, later)])
        assert store.save(short, Changes(max_inactive_interval=20 * DAY), later)
        session, user = self.life(client, names, short)
        assert 20 * DAY < session <= user < session + 2 * DAY

    def test_login_and_change_of_the_id(self, client, store, names):
        """Likewise when a session is bound later, and goes on under another key."""
        key = add(store, interval=10 * DAY)
        assert store.save(key, Changes(principal="anna"), time.time())
        session, user = self.life(client, names, key)
        assert session <= user < session + 2 * DAY
        renamed, later = draw(), time.time() + DAY
        store.touch([(key, later, later)])
        assert store.save(key, Changes(new_key=renamed), later)

        session, user = self.life(client, names, renamed)
        assert session <= user < session + 2 * DAY
        assert [record.key for record in store.records_of("anna")] == [renamed]

    def test_set_of_one_that_never_ends(self, client, store, names):
        """The set stays as long as a session that is never over, whatever else comes."""
        add(store, principal="anna")
        key = add(store, interval=0, principal="anna")
        later = time.time() + 5
        store.touch([(add(store, principal="anna"), later, later)])

        assert self.life(client, names, key) == [-0.001, -0.001]

    def test_set_that_was_removed(self, client, store, names):
        """A session is in the list of its user again after its next request, should Redis have removed that."""
        key, other = add(store, principal="anna"), add(store, principal="anna")
        client.delete(names.user[SHARD] + b"anna")
        later = time.time() + 5
        store.touch([(key, later, later), (other, later, later)])

        assert sorted(record.key for record in store.records_of("anna")) == sorted([key, other])

    def test_same_user_again(self, store):
        """A login by who is logged in already leaves the session in the list."""
        key = add(store, principal="anna")
        assert store.save(key, Changes(principal="anna"), time.time())

        assert [(record.key, record.principal) for record in store.records_of("anna")] == [(key, "anna")]


class TestIntervalOfNewcomers:
    """The field for the interval of newcomers, which came later than the rest of the hash."""

    def test_hash_without_it(self, client, store, names):
        """A hash of a release that did not know the field is a session, with no such interval."""
        key = add(store)
        assert client.hget(names.session[SHARD] + key, "n") is None
        stored = store.peek(key)
        assert stored is not None
        assert stored.record.newcomer_interval == 0.0
        now = time.time()
        store.touch([(key, now, now)])

        assert store.remove(key) is not None

    @pytest.mark.parametrize("damage", [b"", b"5", bytes(9), struct.pack("<d", nan)])
    def test_damaged(self, client, store, names, damage):
        """With a damaged value the hash is no session, for loads and scripts alike, and a sweep removes it."""
        key = add(store)
        client.hset(names.session[SHARD] + key, "n", damage)
        assert (store.peek(key), store.remove(key)) == (None, None)
        assert store.expire(time.time() + 1e6, 10) == []

        assert not client.exists(names.session[SHARD] + key)


class TestRecordsThatAreNone:
    """Values in place of the record of a session that is in a user's list."""

    @pytest.mark.parametrize("interval", [inf, -inf])
    def test_infinite_interval(self, client, store, names, caplog, interval):
        """It is left out of the list, and the log says so."""
        key, other = add(store, principal="anna"), add(store, principal="anna")
        record = struct.pack("<B5d", 1, 1.0, 1.0, 1.0, 1e11, interval)
        client.hset(names.session[SHARD] + key, "r", record)
        with caplog.at_level(logging.WARNING, "httpsession"):
            assert [one.key for one in store.records_of("anna")] == [other]

        assert handle_of(key)[:8] in caplog.text
