"""Outages of the store in the log: one event at the beginning, one at the end, and no line for each failed request."""

from __future__ import annotations

import logging

import pytest

from httpsession import SessionManager, StoreError, audit, get_session
from httpsession.core import outage
from httpsession.core.outage import Outage
from httpsession.manager import sessions_behind
from tests.support.request import TEXT, fetch
from tests.support.servers import RedisServer
from tests.support.site import Site


@pytest.fixture
def events(monkeypatch, caplog):
    """The events of outages, as they come."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())
    caplog.set_level(logging.INFO, "httpsession")

    def events():
        return [record.details for record in caplog.records]

    return events


@pytest.fixture
def monotonic(monkeypatch):
    """A monotonic clock that a test moves by ``monotonic.now``."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(outage, "time", clock)
    return clock


def answer():
    """A store that answers."""


def test_one_outage(events, monotonic):
    """However many requests fail, an outage is two events; the second has its length, and how many got 503."""
    subject = Outage()
    for number in range(50):
        subject.fail(StoreError("Redis at 127.0.0.1 failed: refused"))
        subject.fail(StoreError("Redis at 127.0.0.1 failed: refused"), refused=1)
        monotonic.now = 1000.0 + number
    monotonic.now += 10
    subject.try_to_end(answer)
    assert len(events()) == 1
    monotonic.now += outage.QUIET
    subject.try_to_end(answer)
    began, ended = events()
    assert began == {"state": "began", "error": "Redis at 127.0.0.1 failed: refused"}
    assert ended == {"state": "ended", "seconds": 59.0, "refused": 50}
    subject.try_to_end(answer)
    assert len(events()) == 2


def test_store_that_refuses_writes_alone(events, monotonic):
    """While requests go on to fail, answers in between do not end the outage: it is no flood of two lines each."""
    subject = Outage()
    for _ in range(100):
        subject.fail(StoreError("disk full"), refused=1)
        monotonic.now += outage.QUIET / 2
        subject.try_to_end(answer)
    assert [event["state"] for event in events()] == ["began"]


def test_probe_that_fails(events, monotonic):
    """An outage without any request goes on while the store does not answer."""
    subject = Outage()
    subject.fail(StoreError("down"))

    def fail():
        raise StoreError("still down")

    for _ in range(3):
        monotonic.now += outage.QUIET
        with pytest.raises(StoreError):
            subject.try_to_end(fail)
    assert subject.is_on
    assert len(events()) == 1


def test_next_outage(events, monotonic):
    """Each outage has events and a count of its own."""
    subject = Outage()
    for _ in range(2):
        subject.fail(StoreError("down"), refused=1)
        subject.try_to_end(answer)
        monotonic.now += outage.QUIET
        subject.try_to_end(answer)
    assert [event["state"] for event in events()] == ["began", "ended"] * 2
    assert [event.get("refused") for event in events()] == [None, 1] * 2


def page(environ, start_response):
    get_session(environ)["a"] = 1
    start_response("200 OK", [TEXT])
    return [b"done"]


def catching_page(environ, start_response):
    """Answer 500, as frameworks do of an exception that they catch."""
    try:
        get_session(environ)
    except StoreError:
        start_response("500 Internal Server Error", [TEXT])
        return [b"error"]


@pytest.mark.usefixtures("monotonic")
def test_requests(events, tmp_path, caplog):
    """Requests that get 503 are counted, caught or not; none of them is a line above DEBUG (R61, R87)."""
    server = RedisServer(tmp_path)
    site = Site(SessionManager(server.unix_url))
    sessions = sessions_behind(site.manager)
    sessions._sweeper.stop()
    try:
        session_id = fetch(site.app, **{"test.application": page}).new_id
        caplog.clear()
        server.stop()
        for number in range(20):
            answered = fetch(site.app, session_id, **{"test.application": page if number % 2 else catching_page})
            assert answered.status == "503 Service Unavailable"
        assert [event["state"] for event in events()] == ["began"]
        server.start()
        sessions.context.outage.try_to_end(sessions.probe)
        outage.time.now += outage.QUIET
        sessions.context.outage.try_to_end(sessions.probe)
        assert events()[-1] == {"state": "ended", "seconds": 0.0, "refused": 20}
        assert fetch(site.app, **{"test.application": page}).status == "200 OK"
    finally:
        site.manager.close()
        server.stop()
