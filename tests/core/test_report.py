"""Audit events of sessions: each happening is one event in the whole cluster, on every store (R87, R88, R89)."""

from __future__ import annotations

import json
import logging

import pytest

from httpsession import audit, request_session
from httpsession.ids import handle_of, key_of
from httpsession.stores.base import SLACK
from tests.core.test_shared_bad_input import RedisBurglar, SQLiteBurglar
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch

UNKNOWN_ID = "0123456789ABCDEF" * 2
#: The interval of the workers' sessions, and more than its end on any store.
INTERVAL = 60
LATER = INTERVAL + SLACK + 1

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


@pytest.fixture
def told(monkeypatch, caplog):
    """Returns the events since the last call: their names, and reasons if they have one."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())
    caplog.set_level(logging.INFO, "httpsession.audit")

    def told():
        events = [record for record in caplog.records if record.name == "httpsession.audit"]
        caplog.clear()
        told.records = events
        return [": ".join(filter(None, (event.event, event.details.get("reason")))) for event in events]

    return told


@pytest.fixture
def browser(start_worker, url):
    """A client whose every request may go to another worker of the cluster."""
    worker = start_worker()
    return Client([worker, worker if url == "memory://" else start_worker()])


class Client:
    """A client that keeps its id. Its requests go to the workers in turn."""

    def __init__(self, workers):
        self.workers = workers
        self.id = None

    def request(self, act, session_id=None):
        """Make a request that calls *act* with its session half; *session_id* is sent in place of the kept one."""

        def page(environ, start_response):
            act(request_session(environ))
            start_response("200 OK", [TEXT])
            return [b"done"]

        self.workers.append(self.workers.pop(0))
        response = fetch(self.workers[0].app, session_id or self.id, **{"test.application": page})
        if session_id is None and any("Max-Age=0" not in cookie for cookie in response.set_cookies):
            self.id = response.new_id
        return response


def begin(session):
    session.get_session()["cart"] = ["tea"]


def look(session):
    session.get_session(create=False)


def test_created(browser, told):
    """A new session is one event, when its id goes out; requests that read or write it are none."""
    browser.request(begin)
    assert told() == ["session_created"]
    (event,) = told.records
    assert event.session == handle_of(key_of(browser.id))[:16]
    for act in (look, begin, lambda session: None):
        browser.request(act)
    assert told() == []


def test_failed_creation(browser, told):
    """A session whose request fails is no event at all: no client has learned of it."""

    def fail(session):
        begin(session)
        raise LookupError

    with pytest.raises(LookupError):
        browser.request(fail)
    assert told() == []


def test_created_in_place_of_another(browser, told):
    """A request that ends its session and begins another is the end of the one, and the creation of the other."""
    browser.request(begin)
    told()

    def exchange(session):
        session.logout()
        begin(session)

    browser.request(exchange)
    assert told() == ["session_logout", "session_created"]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda session: session.change_session_id(), "rotation"),
        (lambda session: session.login("anna"), "login"),
        (lambda session: (session.change_session_id(), session.login("anna")), "login"),
    ],
    ids=["rotation", "login", "both"],
)
def test_renewed(browser, told, act, reason):
    """A new id of a session is one event with its reason, and leads from the former reference to the new one."""
    browser.request(begin)
    former = browser.id
    told()
    browser.request(act)
    assert told() == [f"session_renewed: {reason}"]
    (event,) = told.records
    assert event.details["former"] == audit.reference(key_of(former))
    assert event.session == audit.reference(key_of(browser.id))
    assert event.principal == (None if reason == "rotation" else "anna")


def test_reauthentication(browser, told):
    """A second login of the same user is a renewal with a reason of its own."""
    browser.request(lambda session: session.login("anna"))
    assert told() == ["session_created"]
    assert told.records[0].principal == "anna"
    browser.request(lambda session: session.login("anna"))
    assert told() == ["session_renewed: reauthentication"]


def test_failed_renewal(browser, told):
    """A new id that does not reach the client is no event."""
    browser.request(begin)
    told()

    def fail(session):
        session.login("anna")
        raise LookupError

    with pytest.raises(LookupError):
        browser.request(fail)
    assert told() == []


@pytest.mark.parametrize(
    "act", [lambda session: session.logout(), lambda session: session.get_session().invalidate()], ids=["1", "2"]
)
def test_logout(browser, told, act):
    """An application ends a session by logout() or invalidate(): one event, with the user of the session."""
    browser.request(lambda session: session.login("anna"))
    told()
    browser.request(act)
    assert told() == ["session_logout"]
    assert told.records[0].principal == "anna"


def test_revoked(browser, told):
    """Sessions that an administrator ends have expired for the reason "revoked"."""
    browser.request(lambda session: session.login("anna"))
    told()
    assert browser.workers[0].manager.invalidate_all("anna") == 1
    assert told() == ["session_expired: revoked"]


def test_revoked_without_a_list(browser, told, url, redis_server):
    """So has a session that a logout everywhere does not find in the list of the user, when a request asks for it."""
    browser.request(lambda session: session.login("anna"))
    if url.startswith("unix"):
        redis_server.client.delete(*redis_server.client.keys("*:u:anna"))
    told()
    manager = browser.workers[0].manager
    ended = manager.invalidate_all("anna")
    for worker in browser.workers:
        flush(worker.manager)
    browser.request(look)
    assert sorted(told()) == ["session_expired: revoked"] + ["session_unknown_id"] * ended
    if not ended:
        assert manager.stats().expired == browser.workers[1].manager.stats().expired == 0


def test_swept(browser, told, clock):
    """A session that was idle for its interval is one event, of the worker that sweeps it; its id is unknown then."""
    browser.request(begin)
    told()
    flush(browser.workers[0].manager)
    clock.set(LATER)
    for worker in browser.workers:
        worker.manager.sweep()
    assert told() == ["session_expired: idle"]
    browser.request(look)
    assert told() == ["session_unknown_id"]


def test_used_after_expiry(browser, told, clock):
    """A request that finds its session expired before a sweep does is an event beside the end of the session."""
    browser.request(begin)
    told()
    for worker in browser.workers:
        flush(worker.manager)
    clock.set(LATER)
    browser.request(look)
    assert told() == ["session_use_after_expire", "session_expired: idle"]
    browser.request(look)
    assert told() == ["session_unknown_id"]


@pytest.mark.parametrize(
    ("config", "reason"), [({"max_lifetime": 30}, "absolute"), ({"newcomer_interval": 30}, "newcomer")]
)
def test_other_reasons(start_worker, told, clock, config, reason):
    """The deadline of a session, and the interval of newcomers, are reasons of their own."""
    worker = start_worker(**config)
    Client([worker]).request(begin)
    told()
    flush(worker.manager)
    clock.set(30 + SLACK)
    worker.manager.sweep()
    assert told() == [f"session_expired: {reason}"]


def test_evicted(start_worker, told):
    """A session that makes room for another is an event with the reason "evicted"."""
    worker = start_worker(max_sessions=1)
    Client([worker]).request(begin)
    told()
    Client([worker]).request(begin)
    assert told() == ["session_expired: evicted", "session_created"]


def test_unknown_id(browser, told):
    """A well-formed id without a session is one event, whether or not a session is created then."""
    browser.request(look, UNKNOWN_ID)
    assert told() == ["session_unknown_id"]
    browser.request(begin, UNKNOWN_ID)
    assert told() == ["session_unknown_id", "session_created"]
    assert UNKNOWN_ID not in str(told.records[0].__dict__)


@pytest.mark.parametrize("cookie", ["x", "A\r\nsession_created", "%(a)s {0}", "\x1b[31m", "../../etc", ""])
def test_malformed_id(browser, told, cookie):
    """A value that is no id is no event: it was never looked up, and nothing of it is logged (R89)."""
    browser.request(look, cookie)
    assert told() == []


def test_shadowed_cookie(browser, told):
    """Cookies with the ids of two live sessions are one event, of the session that the request uses."""
    browser.request(begin)
    first, browser.id = browser.id, None
    browser.request(begin)
    told()
    browser.request(look, f"{first}; JSESSIONID={browser.id}")
    assert told() == ["session_cookie_ambiguous"]
    assert told.records[0].session == audit.reference(key_of(first))


def test_excess(start_worker, told):
    """A login beyond the limit on a user's sessions is one event, beside the end of the session that makes way."""
    client = Client([start_worker(max_sessions_per_principal=1)])
    client.request(lambda session: session.login("anna"))
    told()
    client.id = None
    client.request(lambda session: session.login("anna"))
    assert sorted(told()) == ["excess_sessions_exceeded", "session_created", "session_expired: evicted"]


def test_damaged_record(browser, told, url, redis_server):
    """A record that cannot be read is one event, and the request has sent the id of no session then."""
    if url == "memory://":
        pytest.skip("memory has no bytes that could be damaged")
    browser.request(begin)
    told()
    store = store_of(browser.workers[0].manager)
    burglar = SQLiteBurglar(store._database.path) if "sqlite" in url else RedisBurglar(redis_server.client)
    burglar.damage(browser.id)
    browser.request(look)
    assert told() == ["session_data_corrupt", "session_unknown_id"]
    assert told.records[0].details == {"part": "record"}


def test_flood(browser, told):
    """Of a flood of unknown ids not all are logged, and events of another name are as before."""
    for number in range(3 * audit.BURST):
        browser.request(look, f"{number:032X}")
    assert audit.BURST <= len(told()) < 2 * audit.BURST
    browser.request(begin)
    assert told() == ["session_created"]


@pytest.mark.parametrize(
    "principal", ["a\r\nsession_logout principal=root", "\x1b[31m", "%(x)s {0}", "\u2028", "ä" * 500]
)
def test_lines(browser, told, caplog, principal):
    """Whatever name a user has, an event is one printable line, and its facts are JSON (R89)."""
    browser.request(lambda session: session.login(principal))
    assert told() == ["session_created"]
    (event,) = told.records
    assert event.getMessage().isprintable()
    assert "principal=root" not in event.getMessage().split()
    facts = {"event": event.event, "session": event.session, "principal": event.principal, **event.details}
    assert json.loads(json.dumps(facts))["principal"] == principal
