"""Audit events: one line each, structured, limited in rate, and without secrets."""

import json
import logging

import pytest

from httpsession import audit
from httpsession.ids import draw, handle_of, key_of


@pytest.fixture(autouse=True)
def limiter(monkeypatch):
    """A limiter that has seen no events."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())


@pytest.fixture
def records():
    """The records of the logger, as they come."""
    records = []
    logger, handler = logging.getLogger("httpsession.audit"), logging.Handler()
    handler.emit = records.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_event(records):
    """An event is a record with its name and facts as attributes, and all of them in its message."""
    audit.note("session_renewed", principal="anna", reason="login", count=3)
    (record,) = records
    assert (record.event, record.principal, record.details) == (
        "session_renewed",
        "anna",
        {"reason": "login", "count": 3},
    )
    assert record.getMessage() == "session_renewed principal=anna reason=login count=3"


def test_session(records):
    """A session is named by a reference that is the same in each event, and leads to no key and no id (R88)."""
    session_id, key = draw(16)
    audit.note("session_created", key=key)
    audit.note("session_logout", key=key_of(session_id))
    assert records[0].session == records[1].session == audit.reference(key)
    assert handle_of(key).startswith(records[0].session)
    for record in records:
        assert record.session not in key.hex()
        assert record.session.upper() not in session_id
    assert audit.reference(key_of(draw(16)[0])) != audit.reference(key)


@pytest.mark.parametrize("text", ["a\r\nsession_created", "\x1b[31mred", "%(x)s {0}", "b c=d", "\u2028", "a" * 10_000])
def test_text_of_a_client(records, text):
    """A text with line ends, escapes or formats stays one short line, and cannot pass for another fact (R89)."""
    audit.note("malicious_csrf", principal=text, origin=text)
    line = records[0].getMessage()
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert len(line) < 600
    assert records[0].principal == text
    assert json.dumps(records[0].details)


def test_flood(records, monkeypatch):
    """Of a flood of equal events some are logged; the next line after it tells how many were left out."""
    now = 1000.0
    monkeypatch.setattr(audit.time, "monotonic", lambda: now)
    for _ in range(10_000):
        audit.note("session_unknown_id")
    audit.note("session_created")
    assert len(records) == audit.BURST + 1
    now += audit.REFILL
    audit.note("session_unknown_id")
    assert records[-1].left_out == 10_000 - audit.BURST
    assert records[-1].getMessage() == f"session_unknown_id left_out={10_000 - audit.BURST}"


@pytest.mark.unwatched
def test_not_wanted(caplog):
    """An event below the level of the logger is neither logged nor counted."""
    caplog.set_level(logging.WARNING, "httpsession.audit")
    for _ in range(200):
        audit.note("session_created")
    audit.note("session_created", level=logging.WARNING)
    assert [record.left_out for record in caplog.records] == [0]
