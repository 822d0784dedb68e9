"""The registers of users whose sessions are limited in number: what is in them, and how they heal."""

from __future__ import annotations

import os
import time
from hashlib import sha256

import pytest

from httpsession import StoreError, TooManySessionsError
from httpsession.stores import open_store
from httpsession.stores.base import Changes, Limit, StoredSession
from httpsession.stores.redis.acl import rights
from tests.support.stores import new_record

DAY = 86400


@pytest.fixture
def register(store):
    """The name of the register of anna."""
    user = b"anna"
    return store._names.register[sha256(user).digest()[0]] + user


def log_in(store, limit, *, lifetime=None, ago=0.0):
    """Create a session of the limit's user so many seconds ago, and return its key."""
    record = new_record(now=time.time() - ago, principal=limit.principal, lifetime=lifetime)
    assert store.create(StoredSession(record, {}), limit)
    return record.key


def evict(most=3):
    return Limit("anna", most, True)


def deny(most=3):
    return Limit("anna", most, False)


@pytest.mark.parametrize("limit", [evict, deny])
def test_what_is_in_it(client, store, register, limit):
    """It has the keys of the sessions in the order of the logins, and none of other users."""
    keys = [log_in(store, limit()) for _ in range(3)]
    log_in(store, Limit("berta", 3, True))

    assert client.zrange(register, 0, -1) == keys


def test_no_register_without_a_limit(client, store, register, prefix):
    """Where no limit is set nothing is kept."""
    store.create(StoredSession(new_record(principal="anna"), {}))

    assert client.keys(f"{prefix}{{*:n:*") == []


def test_its_life(client, store, register):
    """It outlives the deadline of the latest session by a day, and a session without one by at most 90 days."""
    log_in(store, evict(), lifetime=1000)
    assert DAY + 990 < client.ttl(register) <= DAY + 1000
    log_in(store, evict(), lifetime=100)
    assert client.ttl(register) > DAY + 990
    log_in(store, evict())
    assert 89 * DAY < client.ttl(register) <= 90 * DAY


def test_clocks_that_differ(client, store, register):
    """A login by a machine whose clock is slow is the latest all the same, and does not evict itself."""
    first = log_in(store, evict(1))
    limit = evict(1)
    second = log_in(store, limit, ago=100)

    assert [stored.record.key for stored in limit.removed] == [first]
    assert client.zrange(register, 0, -1) == [second]


def test_vanished_sessions(client, store, register):
    """Sessions that have vanished leave it, and evict none that is alive (R83)."""
    keys = [log_in(store, evict()) for _ in range(3)]
    for key in keys[1:]:
        client.delete(store._names.session[key[0]] + key)
    limit = evict()
    new = log_in(store, limit)

    assert limit.removed == []
    assert client.zrange(register, 0, -1) == [keys[0], new]


def test_sessions_without_a_place(client, store, register):
    """A login whose process ended before it was entered is found beyond the limit, and goes when it is the oldest."""
    first, lost, last = (log_in(store, evict(3), ago=ago) for ago in (30, 20, 10))
    client.zrem(register, lost)
    with_place = log_in(store, evict(3), ago=9)
    limits = [evict(2), evict(2)]
    latest = [log_in(store, limit) for limit in limits]

    assert [stored.record.key for stored in limits[0].removed] == [first, lost, last]
    assert [stored.record.key for stored in limits[1].removed] == [with_place]
    assert client.zrange(register, 0, -1) == latest


def test_login_that_is_not_entered_yet(client, store, register):
    """A session of this very moment is spared, since its login is about to be entered."""
    old, new = log_in(store, evict(), ago=20), log_in(store, evict())
    client.zrem(register, new)
    limit = evict(1)
    log_in(store, limit)

    assert [stored.record.key for stored in limit.removed] == [old]
    assert store.peek(new) is not None


def test_vanished_sessions_where_logins_are_refused(client, store, register):
    """Likewise; of the latest seconds a place may be that of a login that is under way."""
    old = log_in(store, deny(2), ago=10)
    new = log_in(store, deny(2))
    for key in (old, new):
        client.delete(store._names.session[key[0]] + key)
    latest = log_in(store, deny(2))
    assert client.zrange(register, 0, -1) == [new, latest]

    with pytest.raises(TooManySessionsError):
        log_in(store, deny(2))
    assert client.zrange(register, 0, -1) == [new, latest]


def test_lost_register(client, store, register):
    """Without its register a user can log in, and a new one begins."""
    log_in(store, deny(1))
    client.delete(register)
    key = log_in(store, deny(1))

    assert client.zrange(register, 0, -1) == [key]


def test_login_that_is_not_saved(client, store, register):
    """A place whose session was not saved is free at once."""
    record = new_record()
    login = Changes(new_key=bytes([record.key[0]]) + os.urandom(31), is_login=True, principal="anna", limit=deny(1))
    assert store.save(record.key, login, time.time()) is False

    assert client.exists(register) == 0
    log_in(store, deny(1))


@pytest.mark.parametrize("limit", [evict, deny])
def test_foreign_keys(client, store, register, limit):
    """Keys that are none are dead."""
    client.zadd(register, {b"": 1.0, b"x": 2.0, b"\xff" * 40: 3.0})
    key = log_in(store, limit(1))

    assert client.zrange(register, 0, -1) == [key]


@pytest.mark.parametrize("limit", [evict, deny])
def test_foreign_value(client, store, register, limit):
    """A value of another type in its place is a failure of the store."""
    client.set(register, "something else")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        log_in(store, limit())


def test_rights(client, redis_server, prefix):
    """The rights of a store's user are enough."""
    client.execute_command("ACL SETUSER", "places", "reset", "on", ">secret", *rights(prefix))
    store = open_store(redis_server.url.replace("//", "//places:secret@", 1) + f"?prefix={prefix}")
    try:
        for limit in (evict(1), evict(1), deny(2), deny(3)):
            log_in(store, limit, ago=20)
        with pytest.raises(TooManySessionsError):
            log_in(store, deny(1))
    finally:
        store.close()
        client.execute_command("ACL DELUSER", "places")
