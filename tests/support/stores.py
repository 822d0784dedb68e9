"""Sessions that tests put into a store themselves."""

from __future__ import annotations

import os
import time

from httpsession.record import SessionRecord
from httpsession.stores.base import StoredSession


def new_record(key=None, *, now=None, interval=1800, lifetime=None, principal=None, notes=None):
    """Return the record of a session that no store keeps yet."""
    key = key or os.urandom(32)
    record = SessionRecord.created(key, time.time() if now is None else now, interval, lifetime)
    record.principal = principal
    record.notes = notes or {}
    return record


def keep(store, attributes, key=None, **about):
    """Create a session in a shared store, and return its key; *about* as for :func:`new_record`."""
    record = new_record(key, **about)
    assert store.create(StoredSession(record, attributes))
    return record.key
