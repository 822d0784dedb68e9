"""The record of a session: when it expires, and what an access changes."""

from __future__ import annotations

from math import inf

import pytest

from httpsession.ids import handle_of
from httpsession.record import LiveRecord, SessionRecord


def record(interval=60, lifetime=None, now=1000.0):
    return SessionRecord.created(b"\xab" * 32, now, interval, lifetime)


def test_times_of_a_new_session():
    """At its creation all times are the same, and the client has yet to join (S23, S41)."""
    new = record()

    assert new.creation_time == new.accessed == new.used == 1000
    assert new.notes == {}
    assert new.principal is None
    assert LiveRecord.created(b"", 1000.0, 60, None).is_new


@pytest.mark.parametrize(
    ("interval", "lifetime", "due"),
    [(60, None, 1060), (0, None, inf), (-1, None, inf), (60, 30, 1030), (60, 90, 1060), (0, 90, 1090), (-1, 90, 1090)],
)
def test_due(interval, lifetime, due):
    """A session expires after its interval or its lifetime, whichever ends first; zero or less is no interval (S29)."""
    new = record(interval, lifetime)

    assert new.due() == due
    if due < inf:
        assert not new.is_due(due - 0.001)
        assert new.is_due(due)
    else:
        assert not new.is_due(1e300)


def test_idle_from_the_later_of_arrival_and_end():
    """The idle time begins with the latest arrival or end of a request, whichever is later."""
    one = record()
    one.accessed = 1010.0
    assert one.due() == 1070
    one.used = 1030.0
    assert (one.due(), one.is_due(1089.9), one.is_due(1090)) == (1090, False, True)
    one.accessed = 1050.0
    assert (one.due(), one.is_due(1109.9), one.is_due(1110)) == (1110, False, True)


def newcomer(interval=600, lifetime=None):
    """Return a record with an interval of newcomers of 60 seconds."""
    return SessionRecord.created(b"", 1000.0, interval, lifetime, 60)


@pytest.mark.parametrize(
    ("interval", "lifetime", "due"),
    [(600, None, 1060), (0, None, 1060), (-1, None, 1060), (30, None, 1030), (0, 45, 1045)],
)
def test_due_of_a_newcomer(interval, lifetime, due):
    """Until its client comes back, a session expires after the interval of newcomers, unless it ends earlier (R51)."""
    new = newcomer(interval, lifetime)

    assert (new.is_newcomer, new.due()) == (True, due)
    assert not new.is_due(due - 0.001)
    assert new.is_due(due)
    late = new.due(1.0)
    assert (late, new.is_due(late - 0.001, 1.0), new.is_due(late, 1.0)) == (due + (lifetime is None), False, True)


def test_newcomer_no_more():
    """After an access later than the creation, or with a user, the own interval of the session counts."""
    back, user, same = newcomer(), newcomer(), newcomer()
    back.accessed = 1000.5
    user.principal = "anna"
    same.accessed = 1000.0

    assert [one.is_newcomer for one in (back, user, same)] == [False, False, True]
    assert [one.due() for one in (back, user, same)] == [1600.5, 1600, 1060]
    assert not back.is_due(1600)
    assert back.is_due(1600.5)


def test_reason_to_expire():
    """The earliest end is the reason: idle for the interval, the deadline, or the interval of newcomers."""
    back = newcomer()
    back.accessed = 1000.5
    cases = {
        "idle": [record(), record(60, 90), back, newcomer(30), newcomer(60)],
        "absolute": [record(60, 30), record(0, 30), record(60, 60), newcomer(0, 45)],
        "newcomer": [newcomer(), newcomer(0), newcomer(600, 90)],
    }

    for reason, records in cases.items():
        assert [one.reason_to_expire for one in records] == [reason] * len(records)


def test_creating_request_of_a_newcomer():
    """The interval of newcomers counts from the end of the creating request, which keeps its session alive."""
    new = newcomer()
    new.used = 1030.0

    assert (new.due(), new.is_due(1089), new.is_due(1090)) == (1090, False, True)


def test_lifetime_is_not_extended():
    """No access moves the end of a lifetime."""
    one = record(60, 90)
    one.accessed = 1080.0
    one.used = 1089.0

    assert one.due() == 1090


def test_info_shows_no_id():
    """The text of a session names its key, not its id."""
    one = record()
    one.principal = "anna"
    one.accessed = 1010.0
    info = one.info()

    assert info.handle == one.handle == handle_of(b"\xab" * 32)
    assert (info.principal, info.creation_time, info.last_seen) == ("anna", 1000, 1010)
    assert info.max_inactive_interval == 60
    assert "'ID'" not in repr(info)
