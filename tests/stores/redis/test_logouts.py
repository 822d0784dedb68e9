"""A logout everywhere on Redis: it holds for sessions that the list of the user has lost, and for logins under way."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from httpsession import StoreError
from httpsession.ids import key_of, new_id
from httpsession.record import LOGIN, SPARED, pack_time
from httpsession.stores import open_store
from httpsession.stores.base import Changes
from tests.support.proxy import Proxy
from tests.support.servers import RedisServer
from tests.support.stores import keep

LIFE = 60.0
#: A second after which a process has learnt of a logout.
LATER = 1.0


@pytest.fixture(params=["redis_server", "sentinel", "cluster"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def url(server, prefix):
    return f"{server.url}?prefix=logout{prefix}&timeout=5"


@pytest.fixture
def open_process(url):
    """Opens the store as another process does."""
    stores = []

    def open_process():
        stores.append(open_store(url))
        return stores[-1]

    yield open_process
    for store in stores:
        store.close()


@pytest.fixture
def store(open_process):
    return open_process()


@pytest.fixture
def other(open_process):
    """The store of another process, which has loaded something already."""
    other = open_process()
    assert other.load(key_of(new_id(16)), time.time()) is None
    return other


def lose_list(store, principal):
    """Remove the sets of a user's sessions, as Redis does when its memory is full."""
    names = [name + principal.encode() for name in store._names.user]
    for shard, name in enumerate(names):
        store._client.execute_all(lambda reply: True, [(shard, (b"DEL", name))])
    assert store.records_of(principal) == []


def log_in(store, principal="anna", **about):
    return keep(store, {"a": b"1"}, principal=principal, **about)


def is_there(store, key):
    found = store.load(key, time.time())
    return found is not None and not found[2]


def draw_for(store, key):
    new = key_of(new_id(16))
    while not store.can_move(key, new):
        new = key_of(new_id(16))
    return new


class TestLostList:
    """Redis has evicted the set of the user's sessions (R20)."""

    def test_every_process_learns(self, clock, store, other, open_process):
        """The process that logs out knows at once, another one with its next batch, and a new one before its first
        load; other users stay."""
        keys, stays = [log_in(store) for _ in range(3)], log_in(store, "berta")
        lose_list(store, "anna")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        assert not is_there(store, keys[0])
        assert is_there(other, keys[1])
        clock.tick(LATER)
        other.touch(())
        assert not is_there(other, keys[1])
        assert not is_there(open_process(), keys[2])
        assert all(is_there(one, stays) for one in (store, other, open_process()))

    def test_one_caller_gets_the_session(self, clock, store, other):
        """A load gives the session back as over, once, so that listeners hear of its end once."""
        key = log_in(store)
        lose_list(store, "anna")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(LATER)
        other.touch(())
        found = [one.load(key, time.time()) for one in (other, store, other)]

        assert [(result[0].record.key, result[2]) for result in found if result] == [(key, True)]
        assert len(store) == 0

    def test_without_background_thread(self, clock, store, other):
        """A process that records no accesses asks by itself after a few seconds."""
        key = log_in(store)
        lose_list(store, "anna")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(5)

        assert not is_there(other, key)

    def test_session_that_is_never_loaded(self, clock, store, other):
        """Requests that never ask for their session do not keep it: their access makes it due, and a sweep takes it."""
        keys, stays = [log_in(store, interval=10_000) for _ in range(20)], log_in(store, "berta", interval=10_000)
        lose_list(store, "anna")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(LATER)
        other.touch([(key, time.time(), time.time()) for key in (*keys, stays)])

        assert sorted(stored.record.key for stored in other.expire(time.time(), 100)) == sorted(keys)
        assert is_there(other, stays)


class TestLogins:
    """Logins around the time of a logout everywhere."""

    def test_login_under_way(self, clock, store, other):
        """A login of before that is saved after it is worth nothing, in a new session and in one of before."""
        former, begun = keep(store, {"a": b"1"}), time.time()
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(LATER)
        other.touch(())
        created = log_in(other, now=begun, notes={LOGIN: pack_time(begun)})
        key = draw_for(other, former)
        notes = {LOGIN: pack_time(begun)}
        assert other.save(former, Changes(new_key=key, is_login=True, principal="anna", notes=notes), time.time())

        assert [is_there(other, one) for one in (created, key)] == [False, False]

    def test_new_login(self, clock, store, other):
        """A login of after it is as good as ever, also in a session that was created before."""
        former = keep(store, {"a": b"1"})
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(LATER)
        other.touch(())
        key, notes = draw_for(other, former), {LOGIN: pack_time(time.time())}
        assert other.save(former, Changes(new_key=key, is_login=True, principal="anna", notes=notes), time.time())

        assert is_there(other, key)
        assert is_there(store, log_in(other))

    @pytest.mark.parametrize("moves", [False, True])
    def test_spared(self, clock, store, other, moves):
        """The session that is spared stays, also if another request has just changed its id."""
        key, goes = log_in(store), log_in(store)
        spared = key
        if moves:
            spared = draw_for(store, key)
            assert other.save(key, Changes(new_key=spared), time.time())
        lose_list(store, "anna")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE, key)
        clock.tick(LATER)
        other.touch(())

        assert [is_there(one, key) for one in (store, other) for key in (spared, goes)] == [True, False, True, False]
        assert other.load(spared, time.time())[0].record.notes == {SPARED: pack_time(time.time() - LATER)}

    def test_spared_once(self, clock, store):
        """Two devices that log out the others: the latter stays alone."""
        keys = [log_in(store) for _ in range(2)]
        for key in keys:
            clock.tick(1)
            store.forget_logins("anna", time.time(), LIFE, key)

        assert [is_there(store, key) for key in keys] == [False, True]

    def test_time_never_moves_back(self, clock, store, open_process):
        """A logout that was noted by a clock which is behind does not bring sessions back."""
        clock.tick(10)
        key = log_in(store)
        clock.tick(10)
        store.forget_logins("anna", time.time(), LIFE)
        store.forget_logins("anna", time.time() - 15, LIFE)

        assert not is_there(open_process(), key)


class TestEndOfTheNote:
    """The time of a logout goes when no session can be older."""

    def noted(self, store):
        """Return the users whose logouts the server has noted, from all sets."""
        noted = [
            store._client.execute_all(lambda reply: True, [(shard, (b"ZRANGE", name, 0, -1))])[0]
            for shard in store._client.copies
            for name in store._names.logouts[shard]
        ]
        return [user for users in noted for user in users]

    def test_goes(self, clock, store, other):
        """Any process that knows of it removes it, within a minute, and what the processes know goes, too."""
        store.forget_logins("anna", time.time(), LIFE)
        other.touch(())
        clock.tick(LIFE)
        other.touch(())
        assert set(self.noted(store)) == {b"anna"}
        clock.tick(60)
        other.touch(())
        assert self.noted(store) == []
        store.touch(())
        assert store._logouts.times == other._logouts.times == {}

    def test_stays_as_long_as_a_session(self, clock, store, other):
        """A session that lasts longer than others is not outlived by the forgetting."""
        key = log_in(store, interval=10_000)
        lose_list(store, "anna")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(9000)
        other.touch(())

        assert set(self.noted(store)) == {b"anna"}
        assert not is_there(store, key)

    def test_stays_for_a_session_that_never_ends(self, clock, store, other):
        """Where a session never expires by itself, the note stays."""
        log_in(store, interval=0)
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(10_000_000)
        other.touch(())

        assert set(self.noted(store)) == {b"anna"}


def test_round_trips(clock, redis_server, prefix):
    """With users logged out everywhere, a load stays one command."""
    with closing(open_store(f"{redis_server.unix_url}?prefix={prefix}")) as store:
        store.forget_logins("anna", time.time(), LIFE)
        key = log_in(store, "berta")
        assert is_there(store, key)
        redis_server.calls()
        assert is_there(store, key)

        assert redis_server.calls() == {"hgetall": 1}


def test_outage_before_the_first_load(tmp_path, prefix):
    """A process that cannot learn of the logouts before its first load fails it, and tries again with the next."""
    server = RedisServer(tmp_path / "redis")
    with closing(open_store(f"{server.unix_url}?prefix={prefix}")) as store:
        key = log_in(store)
        with closing(open_store(f"{server.unix_url}?prefix={prefix}")) as first:
            first.forget_logins("anna", time.time() + 1, LIFE)
        name = store._names.logouts[0][0]
        entries = server.client.zrange(name, 0, -1, withscores=True)
        server.client.delete(name)
        server.client.set(name, "text")
        with pytest.raises(StoreError, match="wrong kind"):
            store.load(key, time.time())
        server.client.delete(name)
        server.client.zadd(name, dict(entries))

        assert not is_there(store, key)
    server.stop()


def test_threads_do_not_wait_for_each_other(redis_server, prefix):
    """While the server hangs, first loads of many threads fail at once, not one after the other."""
    proxy = Proxy(redis_server.port)
    proxy.swallows_new = True
    with closing(open_store(f"redis://127.0.0.1:{proxy.port}?prefix={prefix}&timeout=0.2")) as store:

        def load(_):
            with pytest.raises(StoreError):
                store.load(key_of(new_id(16)), time.time())

        begun = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(load, range(16)))
        assert time.monotonic() - begun < 1.5
    proxy.stop()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(clock, redis_server, prefix):
    """The child of a fork learns before its first load, and until then knows what its parent knew."""
    url = f"{redis_server.unix_url}?prefix={prefix}"
    with closing(open_store(url)) as store, closing(open_store(url)) as other:
        before, after = log_in(store, "anna"), log_in(store, "berta")
        clock.tick(1)
        store.forget_logins("anna", time.time(), LIFE)
        clock.tick(LATER)
        other.touch(())
        store.forget_logins("berta", time.time(), LIFE)
        child = os.fork()
        if child == 0:
            try:
                os._exit(any(is_there(other, key) for key in (before, after)))
            finally:
                os._exit(2)

        assert os.waitpid(child, 0)[1] == 0


def test_clock_that_was_set_back(clock, redis_server, prefix):
    """While arrivals are ahead of a clock that was set back, loads ask once, and leave it to the background then."""
    with closing(open_store(f"{redis_server.unix_url}?prefix={prefix}")) as store:
        key, ahead = log_in(store, interval=10_000), 3600
        assert store.load(key, time.time() + ahead) is not None
        redis_server.calls()
        for _ in range(10):
            clock.tick(1)
            store.touch(())
            store.peek(key)
            store.load(key, time.time() + ahead)

        assert redis_server.calls() == {"hgetall": 20, "zrangebyscore": 10}
