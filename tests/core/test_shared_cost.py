"""The cost of requests with shared sessions: function calls, and round trips as the server counts them."""

from __future__ import annotations

from functools import partial

import pytest

from httpsession import SessionMiddleware, request_session
from tests.support.core import flush
from tests.support.cost import calls_of_request, reading, start_response, untouched, writing
from tests.support.request import TEXT, fetch, plain_environ

#: Calls of one request above the bare application's.
LIMITS = {"sqlite": {"untouched": 11, "read": 60, "write": 121}, "redis": {"untouched": 11, "read": 90, "write": 180}}


#: With a cookie, the application that writes changes a session; without one it creates it.
APPS = {"untouched": untouched, "read": reading, "write": writing, "create": writing}


def logging_in(environ, start_response):
    request_session(environ).login("anna")
    start_response("200 OK", [TEXT])
    return [b"welcome"]


pytestmark = pytest.mark.usefixtures("no_collection")


@pytest.fixture
def manager(start_worker):
    """Sessions without types of the application's."""
    return start_worker(types={}).manager


@pytest.fixture
def environ(manager):
    """A minimal environ with the cookie of a session that has the attribute."""
    session_id = fetch(SessionMiddleware(writing, manager)).new_id
    flush(manager)
    return plain_environ(f"JSESSIONID={session_id}")


@pytest.mark.parametrize("name", ["untouched", "read", "write"])
def test_calls(manager, environ, url, name):
    """A request makes at most so many calls, of Python and of C functions, more than the same one without sessions."""
    app = APPS[name]
    bare = calls_of_request(untouched, environ)
    wrapped = SessionMiddleware(app, manager)
    wrapped(environ.copy(), start_response)  # the first one opens connections

    most = LIMITS["sqlite" if url.startswith("sqlite") else "redis"][name]
    assert min(calls_of_request(wrapped, environ) for _ in range(3)) - bare <= most


class TestRoundTrips:
    """Round trips to a Redis server on the way of a request."""

    @pytest.fixture
    def url(self, redis_server):
        redis_server.client.flushall()
        return redis_server.unix_url

    @pytest.fixture(params=[(), (bytes(32),)], ids=["plain", "encrypted"])
    def manager(self, request, start_worker):
        """Sessions that are encrypted, or not."""
        return start_worker(types={}, encryption_keys=request.param).manager

    @pytest.fixture
    def count(self, redis_server):
        """Counts what the server reads from sockets, and the commands that it runs for clients, while *act* runs."""

        def reads():
            # The two INFO commands are read by the server, too; the later one counts itself.
            return redis_server.client.info("stats")["total_reads_processed"]

        def count(act):
            redis_server.calls()
            before = reads()
            act()
            trips = reads() - before - 1
            commands = {name: number for name, number in redis_server.calls().items() if name in ("hgetall", "evalsha")}
            return trips, commands

        return count

    @pytest.mark.parametrize(
        ("name", "trips", "commands"),
        [
            ("untouched", 0, {}),
            ("read", 1, {"hgetall": 1}),
            ("write", 2, {"hgetall": 1, "evalsha": 1}),
            ("create", 1, {"evalsha": 1}),
        ],
    )
    def test_of_a_request(self, manager, environ, count, name, trips, commands):
        """Untouched none, to read one, to write two, to create one; scripts are one command each."""
        app = SessionMiddleware(APPS[name], manager)
        environ = plain_environ() if name == "create" else environ
        app(environ.copy(), start_response)

        assert count(lambda: [app(environ.copy(), start_response) for _ in range(10)]) == (
            trips * 10,
            {command: number * 10 for command, number in commands.items()},
        )

    @pytest.mark.parametrize(("config", "trips"), [({}, 1), ({"max_sessions_per_principal": 100}, 2)])
    def test_of_a_login(self, start_worker, count, config, trips):
        """A login to a new session is one round trip; a limit on the sessions of the user costs one more."""
        app = SessionMiddleware(logging_in, start_worker(types={}, **config).manager)
        app(plain_environ(), start_response)

        assert count(lambda: [app(plain_environ(), start_response) for _ in range(10)])[0] == 10 * trips

    def test_of_accesses(self, manager, environ, count):
        """Accesses are flushed in batches: a hundred requests, one round trip."""
        app = SessionMiddleware(untouched, manager)
        for _ in range(100):
            app(environ.copy(), start_response)

        trips, _ = count(partial(flush, manager))
        assert trips == 1
