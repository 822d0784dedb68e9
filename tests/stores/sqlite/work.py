"""Work of the test processes that share a SQLite store."""

from __future__ import annotations

import os
import sys
import threading
import time

from httpsession.record import SessionRecord
from httpsession.stores.base import Changes, StoredSession
from httpsession.stores.sqlite import SQLiteStore
from tests.stores.sqlite.contents import INTERVAL, NOW


def begin(path, start):
    """Open the store, and wait until all others have."""
    store = SQLiteStore(path, timeout=10.0)
    wait_until(start)
    return store


def wait_until(start):
    """Spin, so that all begin within microseconds."""
    while time.time() < start:
        pass


def new_session(key, attributes):
    """Return a session made NOW, which no store has yet."""
    return StoredSession(SessionRecord.created(key, NOW, INTERVAL, None), attributes)


def open_new(path, start):
    """Open a file that is not there yet, and make a session in it."""
    wait_until(start)
    store = SQLiteStore(path, timeout=10.0)
    return store.create(new_session(os.urandom(32), {}))


def create(path, start, keys):
    """Make sessions, and return how many were made."""
    store = begin(path, start)
    name = str(os.getpid())
    return sum(store.create(new_session(key, {name: b"1"})) for key in keys)


def load(path, start, keys):
    """Load sessions that are due, and return the keys of those that were given back."""
    store = begin(path, start)
    found = [store.load(key, NOW + 1000) for key in keys]
    return [answer[0].record.key for answer in found if answer is not None]


def expire(path, start):
    """Remove what is due, and return the keys."""
    store = begin(path, start)
    keys = []
    while some := store.expire(NOW + 1000, 7):
        keys += [stored.record.key for stored in some]
    return keys


def remove(path, start, keys):
    """Remove sessions one by one, and return what was in them, by key."""
    store = begin(path, start)
    removed = {key: store.remove(key) for key in keys}
    return {key: set(stored.attributes) for key, stored in removed.items() if stored is not None}


def save(path, start, keys, times):
    """Save attributes of one's own to each session, and return the names of those that were acknowledged, by key."""
    store = begin(path, start)
    saved = {key: set() for key in keys}
    for number in range(times):
        for key in keys:
            name = f"{os.getpid()} {number}"
            if store.save(key, Changes(put={name: b"1"}), NOW):
                saved[key].add(name)
    return saved


def rename(path, start, keys):
    """Give each session a new key, and return them all."""
    store = begin(path, start)
    renamed = {key: os.urandom(32) for key in keys}
    return {key: new for key, new in renamed.items() if store.save(key, Changes(new_key=new), NOW)}


def add_up(path, start, key, times):
    """Count."""
    store = begin(path, start)
    for _ in range(times):
        while True:
            old = store.peek(key).attributes["n"]
            if store.save(key, Changes(put={"n": b"%d" % (int(old) + 1)}, expected={"n": old}), NOW):
                break


def write_long(path, start, key, threads):
    """Save as fast as that goes for a second, in several threads, and return how often each thread saved."""
    store = begin(path, start)
    end = time.monotonic() + 1.0
    saved = [0] * threads

    def write(thread):
        while time.monotonic() < end:
            saved[thread] += 1
            assert store.save(key, Changes(put={f"{thread}": b"%d" % saved[thread]}), NOW)

    running = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return saved


def write_on(path, key):
    """Save two attributes at once again and again, and print each number that was acknowledged."""
    store = SQLiteStore(path, timeout=10.0)
    number = int(store.peek(key).attributes.get("one", b"0"))
    while True:
        number += 1
        value = b"%d" % number
        assert store.save(key, Changes(put={"one": value, "two": value * 50, f"n{number % 50}": value * 500}), NOW)
        os.write(sys.stdout.fileno(), b"%d\n" % number)


if __name__ == "__main__":
    write_on(sys.argv[1], bytes.fromhex(sys.argv[2]))
