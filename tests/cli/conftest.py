"""Real stores with sessions in them, and the command run in this process."""

from __future__ import annotations

import time
from functools import partial
from itertools import count

import pytest
from click.testing import CliRunner

from httpsession.cli import group
from httpsession.codec import Codec
from httpsession.ids import draw_until, handle_of
from httpsession.stores import open_store
from httpsession.stores.base import Changes, StoredSession
from tests.support.stores import new_record

INTERVAL = 1800
CODEC = Codec()

_numbers = count(1)


@pytest.fixture
def sqlite_url(tmp_path):
    """The URL of a SQLite store."""
    return f"sqlite:///{tmp_path}/sessions.db"


@pytest.fixture
def redis_url(redis_server):
    """The URL of a Redis store that is this test's own."""
    return f"{redis_server.unix_url}?prefix=cli{next(_numbers)}&timeout=5"


@pytest.fixture(params=["sqlite", "redis"])
def url(request):
    """The URL of a store."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def opened():
    """Open stores by their URLs, and close them at the end."""
    stores = []

    def open_it(url):
        stores.append(open_store(url))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def store(url, opened):
    """The store of :func:`url`."""
    return opened(url)


@pytest.fixture
def run(monkeypatch):
    """Run the command with some arguments and return its result: ``exit_code``, ``stdout``, ``stderr``."""
    monkeypatch.delenv("HTTPSESSION_STORE", raising=False)

    def run_it(*arguments, **options):
        result = CliRunner().invoke(group(), list(map(str, arguments)), prog_name="httpsession", **options)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    return run_it


def record_of(*, age=0.0, idle=None, interval=INTERVAL, principal=None, key=None, notes=None):
    """Return the record of a session that is so many seconds old, and was last used *idle* seconds ago."""
    now = time.time()
    record = new_record(key, now=now - age, interval=interval, principal=principal)
    if idle is not None:
        record.accessed = record.used = now - idle
    record.notes = notes or {}
    return record


def add(store, values=None, **about):
    """Keep a session with attributes of these values, and return its handle; *about* as for :func:`record_of`."""
    return add_encoded(store, {name: CODEC.encode(value) for name, value in (values or {}).items()}, **about)


def add_encoded(store, attributes, **about):
    """Keep a session with these encoded attributes, and return its handle; *about* as for :func:`record_of`."""
    record = record_of(**about)
    assert store.create(StoredSession(record, attributes))
    return record.handle


def key_in(store, handle):
    """Return the key of the session with this handle; that of an ended session is asked for while it is there."""
    return next(stored.record.key for stored in store if stored.record.handle == handle)


def rotate(store, handle, **changes):
    """Change the id of a session, as a request does, and return its new handle."""
    key = key_in(store, handle)
    _, new_key = draw_until(16, partial(store.can_move, key))
    assert store.save(key, Changes(new_key=new_key, **changes), time.time())
    return handle_of(new_key)


def handles(store):
    """Return the handles of the sessions in a store, sorted."""
    return sorted(stored.record.handle for stored in store)
