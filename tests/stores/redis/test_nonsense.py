"""A server that answers nonsense, or more than it was asked: a failing system, and never the session of another."""

from __future__ import annotations

import logging
import re
import time
from contextlib import closing, contextmanager

import pytest

from httpsession import StoreError
from httpsession.ids import key_of, new_id
from httpsession.record import SessionRecord
from httpsession.stores import open_store
from httpsession.stores.base import Changes, StoredSession
from tests.support.answering import answering
from tests.support.proxy import Proxy
from tests.support.stores import keep
from tests.support.waiting import wait_until

#: Replies that are the reply to no command of the store.
NONSENSE = {
    "negative number": b":-5\r\n",
    "large number": b":99999999999999999999\r\n",
    "double": b",1.5\r\n",
    "boolean": b"#t\r\n",
    "word": b"+hello\x1b[31m\r\n",
    "text": b"$12\r\nh\nello\0world\r\n",
    "nested": b"*2\r\n*1\r\n*1\r\n:1\r\n+x\r\n",
    "numbers": b"*3\r\n:1\r\n:2\r\n:3\r\n",
    "nothing in a list": b"*2\r\n$-1\r\n$-1\r\n",
    "error in a list": b"*1\r\n-ERR \x1b[31mred\r\n",
    "one word": b"*1\r\n$1\r\nr\r\n",
    "map": b"%1\r\n+a\r\n:1\r\n",
    "map by lists": b"%1\r\n*0\r\n:1\r\n",
    "too many": b"*99999999999\r\n",
    "no length": b"$x\r\n",
    "zeros": bytes(20),
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[31m\r\n\r\n",
    "memcached": b"ERROR\r\n",
    "SMTP": b"220 mail.example ESMTP\r\n",
    "error": b"-\x1b[31mred\nline\xff\r\n",
    "error of a known code": b"-LOADING \x1b]0;title\x07\r\n",
    "redirection": b"-MOVED 1 \x1b[31m:99999999\r\n",
    "redirection nowhere": b"-ASK\r\n",
}


def verbs_of(store):
    """Return each verb of a store as a function without arguments."""
    key, now = key_of(new_id(16)), time.time()
    new_session = StoredSession(SessionRecord.created(key, now, 60, None), {"a": b"1"})
    return {
        "create": lambda: store.create(new_session),
        "load": lambda: store.load(key, now),
        "peek": lambda: store.peek(key),
        "save": lambda: store.save(key, Changes(put={"a": b"1"}), now),
        "remove": lambda: store.remove(key),
        "expire": lambda: store.expire(now, 10),
        "evict": lambda: store.evict(),
        "touch": lambda: store.touch([(key, now, now)]),
        "records_of": lambda: store.records_of("anna"),
        "forget_logins": lambda: store.forget_logins("anna", now, 60.0),
        "iterate": lambda: list(store),
        "length": lambda: len(store),
        "prefixes": lambda: store.prefixes(),
    }


@contextmanager
def opened(answer, scheme="redis", path=""):
    """Give a store at a server that answers each command so."""
    with answering(answer) as port, closing(open_store(f"{scheme}://127.0.0.1:{port}{path}?timeout=0.2")) as store:
        yield store


def fail_all(store):
    """Fail each verb with a StoreError that has no control characters, and no cause that has some."""
    for verb in verbs_of(store).values():
        with pytest.raises(StoreError) as raised:
            verb()
        error = raised.value
        while error is not None:
            assert str(error).isprintable()
            error = error.__cause__


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_verbs(nonsense, caplog):
    """Each verb is a StoreError in one line without control characters; the description leaves out the version."""
    with opened(lambda words: nonsense) as store, caplog.at_level(logging.DEBUG):
        fail_all(store)
        assert re.fullmatch(r"Redis at 127.0.0.1:\d+", store.describe())

    assert all(message.isprintable() for message in caplog.messages)


@pytest.mark.parametrize("nonsense", [name for name in NONSENSE if "error" not in name and "redirection" not in name])
def test_was_left(nonsense):
    """Whether a login left a key is not known, or it is no login."""
    with opened(lambda words: NONSENSE[nonsense]) as store:
        if nonsense in ("word", "text"):
            assert not store.was_left(key_of(new_id(16)), 0.0)
        else:
            with pytest.raises(StoreError):
                store.was_left(key_of(new_id(16)), 0.0)


@pytest.mark.parametrize("info", [b"$20\r\nredis_version:\x1b[31m\r\n", b"$18\r\nredis_version:\xff\xfe\r\n\r\n"])
def test_version(info):
    """A version that is none is left out."""
    with opened(lambda words: info) as store:
        assert re.fullmatch(r"Redis at 127.0.0.1:\d+", store.describe())


def test_path_with_control_characters(tmp_path):
    """The path of a socket is escaped in messages."""
    with closing(open_store(f"unix://{tmp_path}/a%1b[31m%0Ab?timeout=0.2".replace("[", "%5B"))) as store:
        with pytest.raises(StoreError, match=r"\\x1b\[31m\\nb") as raised:
            len(store)
        assert str(raised.value).isprintable()
        assert store.describe().isprintable()


#: What a Sentinel may answer in place of a host and a port.
PLACES = [
    *NONSENSE.values(),
    b"*2\r\n$1\r\n\xff\r\n$4\r\n6379\r\n",
    b"*2\r\n$1\r\nh\r\n$8\r\n99999999\r\n",
    b"*2\r\n$1\r\nh\r\n$1\r\nx\r\n",
    b"*2\r\n$1\r\nh\r\n:1\r\n",
    b"*2\r\n$5\r\n\x1b[31m\r\n$1\r\n1\r\n",
    b"*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n2\r\n",
]


@pytest.mark.parametrize("place", PLACES)
def test_sentinel(place):
    """A Sentinel that names no server is a failing one."""
    with opened(lambda words: place, "redis+sentinel", "/%1b") as store:
        fail_all(store)


def test_other_sentinel(sentinel, prefix):
    """A Sentinel that answers nonsense is passed over for one that knows."""
    with answering(lambda words: b"*2\r\n$1\r\n\xff\r\n$1\r\n1\r\n") as port:
        url = sentinel.url.replace("redis+sentinel://", f"redis+sentinel://127.0.0.1:{port},")
        with closing(open_store(f"{url}?prefix={prefix}")) as store:
            assert store.peek(keep(store, {"a": b"1"})).attributes == {"a": b"1"}


def bulk(word):
    return b"$%d\r\n%s\r\n" % (len(word), word)


#: Tables of slots that a node of a Cluster may answer with.
TABLES = [
    *NONSENSE.values(),
    b"*1\r\n*3\r\n:0\r\n:99999999999\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    b"*1\r\n*3\r\n:-1\r\n:16383\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    b"*1\r\n*3\r\n:9\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    b"*1\r\n*3\r\n:0\r\n:16383\r\n*1\r\n$1\r\nh\r\n",
    b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n:5\r\n:1\r\n",
    b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + bulk(b"\xff\x1b") + b":1\r\n",
    b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\nh\r\n:99999999\r\n",
    b"*1\r\n*3\r\n+a\r\n+b\r\n*2\r\n$1\r\nh\r\n:1\r\n",
]


@pytest.mark.parametrize("table", TABLES)
def test_cluster(table):
    """A node whose table of slots is none is a failing one, in time and without much memory."""
    with opened(lambda words: table, "redis+cluster") as store:
        fail_all(store)


@pytest.mark.parametrize("name", ["numbers", "error", "redirection", "HTTP"])
def test_node(name):
    """A node that knows the slots, and answers nonsense to all else, is a failing one."""

    def answer(words):
        place = b"*2\r\n%s:%d\r\n" % (bulk(b"127.0.0.1"), ports[0])
        return b"*1\r\n*3\r\n:0\r\n:16383\r\n" + place if words[0] == b"CLUSTER" else NONSENSE[name]

    ports = []
    with answering(answer) as port:
        ports.append(port)
        with closing(open_store(f"redis+cluster://127.0.0.1:{port}?timeout=0.2")) as store:
            fail_all(store)


class TestRedirection:
    """A node of a Cluster sends a command on to one that dies, and another one takes over."""

    @pytest.fixture
    def heir(self):
        """The node that takes over, and the commands that it was sent: it has no sessions."""
        commands = []

        def answer(words):
            commands.append(words[0])
            return {b"HGETALL": b"*0\r\n", b"ZCARD": b":0\r\n"}.get(words[0], b"$-1\r\n")

        with answering(answer) as port:
            yield port, commands

    @pytest.fixture
    def store(self, heir):
        """A store that knows a node whose slots have moved to the dying one."""
        owners = []

        def answer(words):
            if words[0] == b"CLUSTER":
                place = b"*2\r\n%s:%d\r\n" % (bulk(b"127.0.0.1"), owners[-1])
                return b"*1\r\n*3\r\n:0\r\n:16383\r\n" + place
            owners.append(heir[0])
            return b"-MOVED 1 127.0.0.1:%d\r\n" % dying

        with (
            answering(lambda words: None) as dying,
            answering(answer) as known,
            closing(open_store(f"redis+cluster://127.0.0.1:{known}")) as store,
        ):
            owners.append(known)
            yield store

    def test_read(self, store, heir):
        """A read is tried once more, at the node that has the slot then."""
        assert store.peek(key_of(new_id(16))) is None
        assert heir[1] == [b"HGETALL", b"GET"]

    def test_batch(self, store, heir):
        """So is each read of a batch."""
        assert len(store) == 0
        assert set(heir[1]) == {b"ZCARD"}

    def test_write(self, store, heir):
        """A write, which may have been done, is not; the next one finds the node."""
        with pytest.raises(StoreError):
            store.remove(key_of(new_id(16)))
        assert heir[1] == []

        assert store.remove(key_of(new_id(16))) is None
        assert heir[1] == [b"EVALSHA"]


@pytest.fixture
def proxy(redis_server):
    proxy = Proxy(redis_server.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def store(proxy, prefix):
    with closing(open_store(f"redis://127.0.0.1:{proxy.port}?prefix={prefix}")) as store:
        yield store


class TestSurplus:
    """A proxy that sends replies twice: no request reads the reply to another one (fault plan F8, C4)."""

    @pytest.fixture
    def keys(self, store):
        """The keys of sessions, each with a marker of its own."""
        return {keep(store, {"marker": b"%d" % number}): b"%d" % number for number in range(20)}

    @pytest.mark.parametrize("pause", [0, 0.02])
    def test_read(self, proxy, store, keys, pause):
        """A read gets its own session or an error, whether the surplus comes at once or later."""
        assert store.load(key_of(new_id(16)), time.time()) is None
        proxy.repeats, proxy.pause_before_repeat = True, pause
        for key, marker in keys.items():
            try:
                found = store.load(key, time.time())
            except StoreError:
                continue
            assert found[0].attributes == {"marker": marker}
            if pause:
                wait_until(store._client._pool.idle[None]._transport.can_read, "the surplus")
        proxy.repeats = False

        assert {key: store.load(key, time.time())[0].attributes["marker"] for key in keys} == keys

    def test_write(self, proxy, store, keys):
        """A write is done once, and what it says is about itself."""
        assert store.remove(key_of(new_id(16))) is None
        proxy.repeats = True
        for key, marker in keys.items():
            try:
                removed = store.remove(key)
            except StoreError:
                continue
            assert removed.attributes == {"marker": marker}
        proxy.repeats = False

        assert [store.load(key, time.time()) for key in keys] == [None] * 20

    def test_batch(self, proxy, store, keys):
        """A batch of commands with a surplus reply is an error, or right after a retry."""
        proxy.repeats = True
        with pytest.raises(StoreError, match="more replies"):
            len(store)
        proxy.repeats = False

        assert len(store) == 20
