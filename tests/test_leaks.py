"""Whatever fails, no log record and no message of an exception shows an id, a key or the value of an attribute (R88).

The watch of ``tests/conftest.py`` looks at the records. These tests bring the failures about, with a value it knows.
"""

from __future__ import annotations

import pytest

from httpsession import (
    CodecError,
    HttpSessionListener,
    InvalidSessionError,
    SessionConfig,
    SessionError,
    SessionManager,
    StoreError,
    get_session,
)
from tests.core.test_shared_bad_input import RedisBurglar, SQLiteBurglar
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch
from tests.support.secrets import MARKER
from tests.support.site import Site

EVERYWHERE = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


@pytest.fixture
def worker(start_worker):
    return start_worker(distributable=True, max_attribute_bytes=256)


@pytest.fixture
def session_id(worker):
    return worker.session_with(card=MARKER, cards=[MARKER])


def visit(worker, session_id, act, watch):
    """Make a request that calls *act* with the session, and return the type of what is raised, also at the commit."""
    raised = []

    def page(environ, start_response):
        try:
            act(get_session(environ))
        except SessionError as error:
            raised.append(error)
        start_response("200 OK", [TEXT])
        return [b"done"]

    try:
        fetch(worker.app, session_id, **{"test.application": page})
    except SessionError as error:
        raised.append(error)
    for error in raised:
        watch.check(f"{error} {error!r}")
    return [type(error) for error in raised]


class Odd:
    """A class that cannot be stored, and whose representation has the value."""

    def __repr__(self):
        return MARKER


class Angry(HttpSessionListener):
    """A listener that fails when a session ends."""

    def session_destroyed(self, event):
        raise LookupError("a listener fails")


@EVERYWHERE
@pytest.mark.parametrize(
    "value",
    [Odd(), [Odd()], {"a": Odd()}, {MARKER: Odd()}, [MARKER, {1, 2, "\ud800"}], MARKER * 100, [MARKER * 100]],
    ids=["object", "list", "dict", "key", "set", "long text", "long list"],
)
def test_refused_value(worker, session_id, watch, value):
    """The message about a value that is refused shows its type and place, and nothing of it."""

    def act(session):
        session["card"] = value

    assert visit(worker, session_id, act, watch) == [CodecError]


def test_change_inside(worker, session_id, watch):
    """Nor does the message about a value that was changed inside, which is refused at the commit."""
    assert visit(worker, session_id, lambda session: session["cards"].append(MARKER * 20), watch) == [CodecError]


def test_damaged_value(worker, session_id, url, redis_server, watch):
    """An attribute that cannot be decoded is logged without its bytes."""
    store = store_of(worker.manager)
    burglar = SQLiteBurglar(store._database.path) if "sqlite" in url else RedisBurglar(redis_server.client)
    burglar.put(session_id, "card", b"\xff" + MARKER.encode())
    seen = []
    visit(worker, session_id, lambda session: seen.append(session.get("card")), watch)
    assert seen == [None]


@EVERYWHERE
def test_listener(url, caplog):
    """A listener that fails in a sweep is logged with its traceback, in which there is no value."""
    config = SessionConfig(sweep_interval=None)
    with Site(SessionManager(url, config=config, listeners=[Angry()])) as site:
        request = site.request()
        request.session.get_session()["card"] = MARKER
        request.finish()
        assert site.manager.sweep(now=4e9) == 1
    assert "a listener fails" in caplog.text


@EVERYWHERE
def test_ended_session(worker, session_id, watch):
    """The error about a session that has ended shows nothing of it."""

    def act(session):
        session.invalidate()
        session["card"] = f"{MARKER} again"

    assert visit(worker, session_id, act, watch) == [InvalidSessionError]


def test_late_change(worker, session_id):
    """A change that comes when the store is closed is lost, and no log shows what it was."""
    request = worker.request(session_id)
    session = request.session.get_session()
    request.read()
    session["card"] = f"{MARKER} again"
    store_of(worker.manager).close()
    request.finish()
    with pytest.raises(StoreError):
        flush(worker.manager)
