"""Changes of sessions, step by step, in a process that a fault meets: it reports each step as done or failed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from httpsession import StoreError
from httpsession.stores.base import Changes
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import NOW, add

OLD = {"a": b"old"}
NEW = {"a": b"new", "b": b"new" * 2000}


def key_of(number):
    """Return the key of the session of a step."""
    return bytes([number]) * 32


def new_key_of(number):
    """Return the key under which the step leaves its session, if it changes the key."""
    return bytes([100 + number]) * 32


def save(store, number):
    return store.save(key_of(number), Changes(put=NEW), NOW)


def rename(store, number):
    return store.save(key_of(number), Changes(put=NEW, new_key=new_key_of(number)), NOW)


def log_in(store, number):
    changes = Changes(put=NEW, new_key=new_key_of(number), is_login=True, principal="anna")
    return store.save(key_of(number), changes, NOW)


def remove(store, number):
    return store.remove(key_of(number))


STEPS = (save, rename, log_in, remove, save, remove)
#: How a session may be after a step: its attributes and user under the former and the new key.
AFTER = {
    save: ((NEW, None), None),
    rename: (None, (NEW, None)),
    log_in: (None, (NEW, "anna")),
    remove: (None, None),
}
BEFORE = ((OLD, None), None)


def prepare(store):
    """Create the sessions of all steps."""
    for number in range(len(STEPS)):
        add(store, OLD, key=key_of(number))


def state_of(store, number):
    """Return how the session of a step is."""
    loaded = [store.load(key, NOW) for key in (key_of(number), new_key_of(number))]
    return tuple(found and (dict(found[0].attributes), found[0].record.principal) for found in loaded)


def run(path):
    """Do all steps, and report each."""
    store = SQLiteStore(path, synchronous="full")
    for number, step in enumerate(STEPS):
        outcome = "failed"
        with suppress(StoreError):
            outcome = "done" if step(store, number) else "found nothing"
        os.write(sys.stdout.fileno(), f"{outcome}\n".encode())


if __name__ == "__main__":
    if sys.argv[2:]:
        import resource  # not everywhere

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    run(sys.argv[1])
