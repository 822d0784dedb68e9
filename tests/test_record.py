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
