"""Words in which the tests of the SQLite store are written."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from httpsession.stores.base import Changes
from tests.support.stores import keep

NOW = 1_700_000_000.0
INTERVAL = 60


def add(store, attributes=None, *, interval=INTERVAL, **about):
    """Create a session NOW, and return its key."""
    return keep(store, attributes or {}, now=NOW, interval=interval, **about)


def put(store, key, **values):
    """Save attributes, given as text."""
    return store.save(key, Changes(put={name: value.encode() for name, value in values.items()}), NOW)


def contents(store, key):
    """Return the attributes of a session as text; None if there is no session."""
    stored = store.peek(key)
    return None if stored is None else {name: value.decode() for name, value in stored.attributes.items()}


def reconnect(store):
    """Close the connections of a store that no thread uses, so that the next operation opens one."""
    store._database._release_pool()


def execute(path, statement, *parameters):
    """Execute a statement as another program would, and return the rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, parameters).fetchall()
