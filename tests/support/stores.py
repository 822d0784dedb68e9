"""Sessions that tests put into a store themselves."""

from __future__ import annotations

import os
import time

from httpsession.record import SessionRecord


def new_record(key=None, *, now=None, interval=1800, lifetime=None, principal=None):
    """Return the record of a session that no store keeps yet."""
    key = key or os.urandom(32)
    record = SessionRecord.created("", key, time.time() if now is None else now, interval, lifetime)
    record.principal = principal
    return record


def keep(store, attributes, key=None, **about):
    """Create a session in a store, and return its key; *about* as for :func:`new_record`."""
    record = new_record(key, **about)
    assert store.create(record, attributes)
    return record.key
