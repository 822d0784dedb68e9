"""Foreign data in a store: it is not run, not trusted and not waited for, and everything else works."""

from __future__ import annotations

import json
import os
import pickle
import random
import resource
import sqlite3
import time
import tracemalloc
from contextlib import closing

import pytest

from httpsession.codec import Codec
from httpsession.ids import key_of
from httpsession.stores.base import StoredSession
from httpsession.stores.redis.layout import fields_of
from httpsession.stores.redis.names import Names
from tests.support.core import flush, store_of
from tests.support.stores import new_record

MEGABYTE = 1 << 20
#: Seconds that a request may take over any of this, on a busy machine, and megabytes beside what the client of the
#: store itself reads.
PATIENCE = 5
ROOM = 16


class SQLiteBurglar:
    """Writes to a SQLite file by means of its own."""

    def __init__(self, path):
        self._path = path

    def execute(self, statement, *parameters):
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement, parameters).rowcount

    def spoil(self, column, value):
        """Put any value into a column of all records."""
        assert self.execute(f"UPDATE httpsession_sessions SET {column} = ?", value)  # noqa: S608 - a column's name

    def damage(self, session_id):
        """Put a text in place of a time of the record."""
        assert self.execute("UPDATE httpsession_sessions SET accessed = 'x' WHERE key = ?", key_of(session_id)) == 1

    def put(self, session_id, name, value):
        """Put any value into an attribute that is there."""
        statement = (
            "UPDATE httpsession_attributes SET value = ? WHERE name = ?"
            " AND session = (SELECT identity FROM httpsession_sessions WHERE key = ?)"
        )
        assert self.execute(statement, value, name, key_of(session_id)) == 1


class RedisBurglar:
    """Writes to a Redis server by a client of its own."""

    def __init__(self, client):
        self.client = client
        self.names = Names("httpsession")

    def name_of(self, session_id):
        key = key_of(session_id)
        return self.names.session[key[0]] + key

    def damage(self, session_id):
        """Put a text in place of the record."""
        self.client.hset(self.name_of(session_id), "r", "x")

    def put(self, session_id, name, value):
        """Put any value into an attribute."""
        self.client.hset(self.name_of(session_id), b":" + name.encode(), value)


@pytest.fixture
def url(url):
    """The URL of the store, with time for attributes of 50 MB on a busy machine."""
    return url if url.startswith("sqlite") else f"{url}?timeout=10"


@pytest.fixture
def burglar(url, workers, request):
    """A client that writes to the store behind the package's back."""
    if url.startswith("sqlite"):
        return SQLiteBurglar(store_of(workers[0].manager)._database.path)
    return RedisBurglar(request.getfixturevalue("redis_server").client)


@pytest.fixture
def session_id(workers):
    return workers[0].session_with(user="anna", cart=["book"])


class Trap:
    """A value whose pickle makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


#: How each begins, and what comes then, how often.
BOMBS = {
    "50 MB of nothing": (b"", b"\0", 50 * MEGABYTE),
    "50 MB of text": (b"\x01\xdb" + (50 * MEGABYTE).to_bytes(4, "big"), b"a", 50 * MEGABYTE),
    "deep JSON": (b"", b"[", MEGABYTE),
    "deep arrays": (b"\x01", b"\x91", MEGABYTE),
    "deep maps": (b"\x01", b"\x81\xa0", MEGABYTE // 2),
    "wide array": (b"\x01\xdd\x00\x0f\x00\x00", b"\xc0", 0xF0000),
    "many arrays": (b"\x01\xdd\xff\xff\xff\xff", b"", 0),
    "many keys": (b"\x01\xdf\xff\xff\xff\xff", b"", 0),
    "long text": (b"\x01\xdb\xff\xff\xff\xff", b"", 0),
    "long bytes": (b"\x01\xc6\xff\xff\xff\xff", b"", 0),
    "long extension": (b"\x01\xc9\xff\xff\xff\xff\x05", b"", 0),
    "JSON": (json.dumps({"user": "eve"}).encode(), b"", 0),
    "empty": (b"", b"", 0),
}


def made(bomb):
    """Return the bytes of one of them."""
    head, unit, times = BOMBS[bomb]
    return head + unit * times


def costs(act):
    """Return what *act* returns, the seconds that it took, and the megabytes that it took at most."""
    tracemalloc.start()
    try:
        began = time.monotonic()
        answer = act()
        return answer, time.monotonic() - began, tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()


class TestAttributes:
    """One attribute is not what the package has written."""

    @pytest.mark.parametrize("bomb", BOMBS)
    def test_bomb(self, workers, session_id, burglar, caplog, bomb):
        """It is left out, the log says so, the others are there, and neither time nor memory are spent on it; it can
        be set again."""
        data = made(bomb)
        burglar.put(session_id, "cart", data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found, seconds, megabytes = costs(lambda: workers[1].attributes(session_id))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

        assert found == {"user": "anna"}
        assert caplog.records
        assert seconds < PATIENCE
        # The client of Redis has to read what is there, and may hold it twice.
        allowed = ROOM + (0 if isinstance(burglar, SQLiteBurglar) else 3 * len(data) / MEGABYTE)
        assert megabytes < allowed
        assert grown < allowed + ROOM
        request = workers[1].request(session_id)
        request.session.get_session()["cart"] = ["new"]
        request.finish()
        assert workers[0].attributes(session_id) == {"user": "anna", "cart": ["new"]}

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickle(self, workers, session_id, burglar, tmp_path, protocol):
        """A pickle is not unpickled, whatever comes before it."""
        payload = pickle.dumps(Trap(tmp_path / "sprung"), protocol)
        for data in (payload, b"\x01" + payload, b"\x01\xc4" + bytes([len(payload) % 256]) + payload):
            burglar.put(session_id, "cart", data)
            found = workers[1].attributes(session_id)
            assert found.pop("user") == "anna"
            assert all(type(value) in (bytes, int, str) for value in found.values())
        assert not (tmp_path / "sprung").exists()
        pickle.loads(payload)  # noqa: S301 - the trap works
        assert (tmp_path / "sprung").exists()

    def test_truncated(self, workers, session_id, burglar):
        """Of a value that was cut off nothing is read."""
        value = {"items": [1, 2.5, "text", b"bytes", None, (1, 2)], "set": {1, 2}, "big": 2**90}
        data = Codec().encode(value, "cart")
        for length in range(len(data)):
            burglar.put(session_id, "cart", data[:length])
            assert workers[1].attributes(session_id) == {"user": "anna"}
        burglar.put(session_id, "cart", data)
        assert workers[1].attributes(session_id)["cart"] == value

    def test_altered(self, workers, session_id, burglar):
        """Of a value in which bytes were changed something else is read, or nothing; the request does not fail."""
        data = Codec().encode({"items": [1, 2.5, "text", b"bytes", None, (1, 2)], "set": {1, 2}, "big": 2**90}, "cart")
        chance = random.Random(5)
        for _ in range(200):
            altered = bytearray(data)
            for _ in range(chance.randint(1, 3)):
                altered[chance.randrange(len(data))] = chance.randrange(256)
            burglar.put(session_id, "cart", bytes(altered))
            assert workers[1].attributes(session_id)["user"] == "anna"

    def test_update_of_what_cannot_be_read(self, workers, session_id, burglar):
        """update_attribute treats an unreadable attribute as absent, and replaces it."""
        burglar.put(session_id, "cart", b"\x80\x04K\x01.")
        request = workers[0].request(session_id)
        assert request.session.get_session().update_attribute("cart", lambda cart: [cart]) == [None]
        request.finish()
        assert workers[1].attributes(session_id)["cart"] == [None]

    @pytest.mark.parametrize("bomb", ["50 MB of nothing", "JSON"])
    def test_end(self, workers, session_id, burglar, bomb):
        """A session with such an attribute ends as any other, and listeners are notified of the readable attributes."""
        burglar.put(session_id, "cart", made(bomb))
        assert workers[1].manager.sweep(time.time() + 1000) == 1
        assert workers[1].recorder.of("removed") == [("removed", "user", "anna")]


def visit_everything(workers, session_id):
    """Do all that can meet a session whose record is wrong; return what a request has of it."""
    found = workers[1].attributes(session_id)
    request = workers[1].request(session_id)
    session = request.session.get_session(create=False)
    if session is not None:
        assert isinstance(session.creation_time + session.last_accessed_time, float)
        assert isinstance(session.max_inactive_interval, int)
        session["more"] = 1
        session.update_attribute("n", lambda n: 1)
    request.finish()
    assert request.status == "200 OK"
    for worker in workers:
        flush(worker.manager)
        worker.manager.sessions_of("anna")
        worker.manager.stats()
    return found


def check_recovery(workers, session_id):
    """The store works for other sessions, and a sweep completes."""
    other = workers[0].session_with(user="bert")
    assert workers[1].attributes(other) == {"user": "bert"}
    for worker in workers:
        worker.manager.sweep()
    assert workers[1].attributes(other) == {"user": "bert"}
    again = workers[0].request(session_id)
    again.session.get_session()["user"] = "new"
    again.finish()
    assert again.status == "200 OK"


#: The columns of a record that hold numbers.
NUMBERS = ["created", "accessed", "used", "interval", "deadline", "newcomer_interval"]
NOT_NUMBERS = ["text", b"bytes", b"\xff", ""]


class TestSQLiteRecords:
    """Columns hold what the package has not written."""

    @pytest.fixture(params=["sqlite"])
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/sessions.db"

    @pytest.mark.parametrize("column", NUMBERS)
    @pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
    def test_not_a_number(self, workers, session_id, burglar, caplog, column, value):
        """A record in which a time or the interval is no number is no session, and the log says so."""
        burglar.spoil(column, value)
        assert visit_everything(workers, session_id) is None
        assert "damaged" in caplog.text
        check_recovery(workers, session_id)

    @pytest.mark.parametrize(
        "column", ["created", "accessed", "used", "interval", "deadline", "newcomer_interval", "due"]
    )
    @pytest.mark.parametrize("value", [9e999, -9e999, 1e300, -1e300, 2**63 - 1, -(2**63), 0], ids=repr)
    def test_strange_number(self, workers, session_id, burglar, column, value):
        """A time or an interval beyond all bounds is believed or not, but nothing fails."""
        burglar.spoil(column, value)
        visit_everything(workers, session_id)
        check_recovery(workers, session_id)

    @pytest.mark.parametrize("value", [b"anna", b"\xff", 5, 2.5], ids=repr)
    def test_principal(self, workers, session_id, burglar, value):
        """A principal of another type is ignored."""
        burglar.spoil("principal", value)
        visit_everything(workers, session_id)
        check_recovery(workers, session_id)

    @pytest.mark.parametrize("value", [5, 2.5, b"\xff\xfe", ""], ids=repr)
    def test_name(self, workers, session_id, burglar, value):
        """An attribute whose name is none, or with a value of another type, is left out or believed."""
        burglar.execute("UPDATE httpsession_attributes SET name = ? WHERE name = 'cart'", value)
        assert visit_everything(workers, session_id)["user"] == "anna"
        check_recovery(workers, session_id)

    def test_text_that_is_no_text(self, workers, session_id, burglar):
        """Text that is not UTF-8, as a name or a principal, does not fail the request."""
        burglar.execute("UPDATE httpsession_attributes SET name = CAST(x'ff' AS TEXT) WHERE name = 'cart'")
        burglar.execute("UPDATE httpsession_sessions SET principal = CAST(x'fffe' AS TEXT)")
        visit_everything(workers, session_id)
        check_recovery(workers, session_id)


class TestRedisRecords:
    """Keys and fields hold what the package has not written."""

    @pytest.fixture
    def url(self, redis_server):
        redis_server.client.flushall()
        return redis_server.unix_url

    @pytest.mark.parametrize(
        "record", [b"", b"\x01", b"\x02" * 41, bytes(41), b"\xff" * 41, b"a" * 5 * MEGABYTE], ids=len
    )
    def test_record(self, workers, session_id, burglar, caplog, record):
        """A record of another form is no session, and the log says so."""
        burglar.client.hset(burglar.name_of(session_id), "r", record)
        assert visit_everything(workers, session_id) is None
        assert "is no session" in caplog.text
        check_recovery(workers, session_id)

    @pytest.mark.parametrize("field", ["creation_time", "accessed", "used", "deadline", "max_inactive_interval"])
    @pytest.mark.parametrize("value", [9e999, -9e999, 1e300, -1e300, float("nan"), 0, 0.5], ids=repr)
    def test_strange_number(self, workers, session_id, burglar, field, value):
        """A time or an interval beyond all bounds is believed or not, but nothing fails."""
        record = new_record(key_of(session_id), interval=60)
        setattr(record, field, value)
        burglar.client.hset(burglar.name_of(session_id), items=fields_of(StoredSession(record, {})))
        visit_everything(workers, session_id)
        check_recovery(workers, session_id)

    @pytest.mark.parametrize("kind", ["string", "list", "set"])
    def test_wrong_type(self, workers, session_id, burglar, caplog, kind):
        """Where a session should be there is something else: no session, and the log says so."""
        client, name = burglar.client, burglar.name_of(session_id)
        client.delete(name)
        {"string": client.set, "list": client.rpush, "set": client.sadd}[kind](name, "garbage")
        assert visit_everything(workers, session_id) is None
        assert "is no session" in caplog.text

    @pytest.mark.parametrize("field", [b"p", b":\xff", b"x", b"", b"f"])
    def test_field(self, workers, session_id, burglar, field):
        """A principal or a name that is no text, and fields that mean nothing, do not fail the request."""
        burglar.client.hset(burglar.name_of(session_id), field, b"\xff\xfe")
        visit_everything(workers, session_id)
        check_recovery(workers, session_id)

    def test_marks_in_a_circle(self, workers, session_id, burglar):
        """Former keys that lead to each other end somewhere."""
        key = key_of(session_id)
        mark = burglar.names.mark[key[0]]
        burglar.client.delete(burglar.name_of(session_id))
        other = key[:1] + bytes(31)
        burglar.client.set(mark + key, other)
        burglar.client.set(mark + other, key)
        answer, seconds, _ = costs(lambda: visit_everything(workers, session_id))
        assert answer is None
        assert seconds < PATIENCE
