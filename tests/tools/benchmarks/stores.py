"""The cost of requests with shared sessions above the bare application: ``python -m tests.tools.benchmarks.stores``.

Beside it, in the same run: the floor, which is a cookie, the bare statements or commands, and the decoding, with no
promise kept; and Beaker, if it is there. Redis is asked over a Unix socket. All figures are the least of many chunks,
in which the three take turns.
"""

from __future__ import annotations

import gc
import os
import socket
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import hiredis
from msgspec import msgpack

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from httpsession.exchange import ENVIRON_KEY
from tests.support.core import flush
from tests.support.request import plain_environ
from tests.support.servers import RedisServer
from tests.tools.benchmarks.requests import BODY, HEADERS, OK, FloorHandle, FloorSession, cookie_of

ROUNDS = 40
REQUESTS = 300
INTERVAL = 1800
BEAKER_KEY = "beaker.session"


def bare(environ, start_response):
    start_response(OK, list(HEADERS))
    return BODY


def numbers():
    """Values that are never the same twice: a database skips the writing of what it has."""
    number = 0
    while True:
        number += 1
        yield number


VALUES = numbers()


def apps(session_of):
    """Return the applications that are measured, by what they do; *session_of* gets a session from an environ."""

    def read(environ, start_response):
        session_of(environ)["user"]
        start_response(OK, list(HEADERS))
        return BODY

    def write(environ, start_response):
        session_of(environ)["user"] = next(VALUES)
        start_response(OK, list(HEADERS))
        return BODY

    return {"read": read, "write": write, "create": write}


class Floor:
    """A layer that loads and saves all attributes as one value, by the functions given."""

    def __init__(self, app, load, save, insert):
        self.app = app
        self.load, self.save, self.insert = load, save, insert

    def __call__(self, environ, start_response):
        handle = environ[ENVIRON_KEY] = _FloorHandle(self, environ.get("HTTP_COOKIE", ""))

        def start(status, headers, exc_info=None):
            handle.commit()
            if handle.issued:
                headers.append(("Set-Cookie", f"JSESSIONID={handle.issued}; HttpOnly; Path=/; SameSite=Lax"))
            return start_response(status, headers)

        return self.app(environ, start)


class _FloorHandle(FloorHandle):
    __slots__ = ("floor", "id", "session")

    def __init__(self, floor, cookies):
        self.floor = floor
        self.cookies = cookies
        self.issued = self.session = None

    def get_session(self, create=True):
        at = self.cookies.find("JSESSIONID=")
        if at >= 0:
            self.id = self.cookies[at + 11 : at + 43]
            data = self.floor.load(self.id)
            if data is not None:
                self.session = _FloorSession(msgpack.decode(data))
                return self.session
        self.id = self.issued = os.urandom(16).hex().upper()
        self.session = _FloorSession({})
        return self.session

    def commit(self):
        if self.session is not None and self.session.changed:
            (self.floor.insert if self.issued else self.floor.save)(self.id, msgpack.encode(self.session.attributes))


class _FloorSession(FloorSession):
    __slots__ = ("changed",)

    def __init__(self, attributes):
        super().__init__(attributes)
        self.changed = False

    def __setitem__(self, name, value):
        self.changed = True
        super().__setitem__(name, value)


def sqlite_floor(connection):
    """Return what loads, saves and inserts by one statement each."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE sessions (id TEXT PRIMARY KEY, due REAL, data BLOB) WITHOUT ROWID")
    connection.execute("CREATE INDEX by_due ON sessions (due)")

    def load(session_id):
        found = connection.execute("SELECT data, due FROM sessions WHERE id = ?", (session_id,)).fetchone()
        return found[0] if found is not None and found[1] > time.time() else None

    def save(session_id, data):
        connection.execute("UPDATE sessions SET data = ? WHERE id = ?", (data, session_id))

    def insert(session_id, data):
        connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", (session_id, time.time() + INTERVAL, data))

    return load, save, insert


def redis_floor(connection):
    """Return what loads and slides by GETEX, and saves and inserts by SETEX, over a bare socket."""
    reader = hiredis.Reader()

    def ask(*words):
        connection.sendall(hiredis.pack_command(words))
        while (reply := reader.gets()) is False:
            reader.feed(connection.recv(65536))
        return reply

    def save(session_id, data):
        ask("SETEX", session_id, INTERVAL, data)

    return (lambda session_id: ask("GETEX", session_id, "EX", INTERVAL)), save, save


def beakers(settings):
    """Return Beaker's middleware around its applications, None if it is not installed."""
    try:
        from beaker.middleware import SessionMiddleware as Beaker
    except ImportError:
        return None
    options = {"session.auto": True, "session.timeout": INTERVAL, "session.key": "JSESSIONID", **settings}
    return {name: Beaker(app, options) for name, app in apps(lambda environ: environ[BEAKER_KEY]).items()}


def chunk(app, template):
    """Return the microseconds of one request, measured over many."""
    environs = [template.copy() for _ in range(REQUESTS)]
    start = time.perf_counter()
    for environ in environs:
        app(environ, lambda status, headers, exc_info=None: None)
    return (time.perf_counter() - start) / REQUESTS * 1e6


def measure(title, manager, floor, beaker):
    """Print the table of one store."""
    ours = {name: SessionMiddleware(app, manager) for name, app in apps(get_session).items()}
    floors = {
        name: Floor(app, *floor) for name, app in apps(lambda environ: environ[ENVIRON_KEY].get_session()).items()
    }
    candidates = {"httpsession": ours, "floor": floors}
    if beaker is not None:
        candidates["Beaker"] = beaker
    cookies = {name: cookie_of(candidate["create"]) for name, candidate in candidates.items()}
    print(f"{title:24}" + "".join(f"{name:>12}" for name in candidates) + f"{'ratio':>8}")
    for what in ("read", "write", "create"):
        best = dict.fromkeys([*candidates, "bare"], float("inf"))
        for _ in range(ROUNDS):
            best["bare"] = min(best["bare"], chunk(bare, plain_environ(cookies["httpsession"])))
            for name, candidate in candidates.items():
                template = plain_environ(None if what == "create" else cookies[name])
                best[name] = min(best[name], chunk(candidate[what], template))
            flush(manager)
        above = {name: best[name] - best["bare"] for name in candidates}
        figures = "".join(f"{figure:12.1f}" for figure in above.values())
        print(f"{what:24}{figures}{above['httpsession'] / above['floor']:8.2f}", flush=True)


def measure_sqlite(folder):
    config = SessionConfig(sweep_interval=None)
    with (
        SessionManager(f"sqlite:///{folder}/sessions.db", config=config) as manager,
        closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection,
    ):
        in_files = beakers({"session.type": "file", "session.data_dir": str(folder / "beaker")})
        measure("SQLite (Beaker: files)", manager, sqlite_floor(connection), in_files)


def measure_redis(server):
    config = SessionConfig(sweep_interval=None)
    with SessionManager(server.unix_url, config=config) as manager, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket))
        in_redis = beakers({"session.type": "ext:redis", "session.url": f"{server.unix_url}?db=1"})
        measure("Redis", manager, redis_floor(connection), in_redis)


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        measure_sqlite(Path(name))
        server = RedisServer(Path(name) / "redis")
        try:
            measure_redis(server)
        finally:
            server.stop()


if __name__ == "__main__":
    gc.freeze()
    main()
