"""Requirements R12 to R20: lifetime and termination."""

from __future__ import annotations

import pytest

from httpsession import HttpSessionListener, SessionConfig, SessionCookieConfig
from tests.support.browser import CookieJar
from tests.support.dumps import server_dump

MARKER = "a marker that no other value has"


class TestEnd:
    """R12, R13, R18 to R20."""

    def test_logout(self, server):
        """After a logout the cookie opens nothing on any worker, and the browser has none (R12, R18)."""
        client = server.client().with_session()
        kept = client.id
        client.post("/logout")
        assert client.id is None
        assert not server.has(kept)

    def test_data_goes(self, serve_here, redis_server):
        """What a session had is in no byte of Redis after the logout (R12)."""
        server = serve_here("redis")
        client = server.client().with_session(secret=MARKER)
        assert MARKER.encode() in server_dump(redis_server)
        client.post("/logout")
        assert MARKER.encode() not in server_dump(redis_server)

    def test_listener_that_raises(self, serve_here, store):
        """A logout ends the session although a listener raises (R13)."""

        class Faulty(HttpSessionListener):
            def session_destroyed(self, event):
                raise FaultyError

        server = serve_here(store, listeners=[Faulty()])
        client = server.client().with_session()
        with pytest.raises(FaultyError):
            client.post("/logout")
        assert not server.has(client.id)
        assert server.active == 0

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"name": "__Host-JSESSIONID", "secure": True, "path": "/"},
            {"name": "__Secure-JSESSIONID", "secure": True},
            {"path": "/app", "same_site": "None", "secure": True, "partitioned": True},
            {"domain": "example.com", "max_age": 600},
        ],
        ids=["default", "host", "secure", "partitioned", "domain"],
    )
    def test_jar(self, serve_here, settings):
        """A browser deletes each cookie that it can have been given (R18)."""
        cookie = SessionCookieConfig(**settings)
        server = serve_here("memory", {"": lambda: SessionConfig(cookie=cookie)})
        jar, https = CookieJar(), ["X-Forwarded-Proto: https"]
        for path in ("/new", "/logout"):
            sent = jar.header("/app", https=True) or None
            (header,) = server.ask("POST", path, cookie=sent, headers=https).cookies
            assert jar.receive(header, path="/app", https=True), "the browser takes it"
            assert len(jar.cookies) == (path == "/new")

    def test_clear_site_data(self, serve_here, store):
        """A logout over https clears what was chosen, in quotes; a login does not, and neither does http (R19)."""
        server = serve_here(store, {"": lambda: SessionConfig(clear_site_data=["storage"])})
        for https in (True, False):
            client = server.client(https=https)
            assert client.post("/login", u="anna").all("Clear-Site-Data") == []
            assert client.post("/logout").all("Clear-Site-Data") == ['"storage"'] * https

    def test_everywhere(self, server):
        """A user ends all sessions but this one, and none of another user (R20)."""
        clients = [server.client() for _ in range(5)]
        for client in clients:
            client.post("/login", u="anna")
        other = server.client()
        other.post("/login", u="bert")
        first, *others = clients
        with others[0].slow("set"):
            assert first.post("/sessions/revoke").json >= 4
        assert server.has(first.id)
        assert not any(server.has(client.id) for client in others)
        assert server.has(other.id)
        first.post("/logout")


class FaultyError(Exception):
    """The exception of a listener."""


class TestTimeouts:
    """R14 to R17."""

    def test_idle(self, here, clock):
        """A session lives until it has been idle for its interval, and whatever request carries its id counts (R14)."""
        client = here.client().with_session()
        for path in ("/peek", "/none", "/get?k=a"):
            here.wait(clock, 1799)
            client.get(path)
        here.wait(clock, 1799)
        assert client.get("/peek").json == {"a": "1"}
        here.wait(clock, 1801)
        assert client.get("/peek").json is None
        assert "session_expired" in here.log()
        assert here.active == 0

    def test_refused_request_does_not_extend(self, here, clock):
        """A request that comes too late does not begin the time anew (R14)."""
        client = here.client().with_session()
        here.wait(clock, 1802)
        client.get("/none")
        here.wait(clock, 10)
        assert not here.has(client.id)

    def test_lifetime(self, serve_here, store, clock):
        """No request and no change of the id moves the deadline of a session (R15)."""
        server = serve_here(store, {"": lambda: SessionConfig(max_lifetime=8 * 3600)})
        client = server.client().with_session()
        for _ in range(31):
            server.wait(clock, 900)
            assert client.post("/rotate").json
        server.wait(clock, 899)
        assert server.has(client.id)
        server.wait(clock, 1)
        assert not server.has(client.id)

    def test_login_begins_a_lifetime(self, serve_here, store, clock):
        """A login begins a deadline of its own (R15)."""
        server = serve_here(store, {"": lambda: SessionConfig(max_lifetime=1000)})
        client = server.client().with_session()
        server.wait(clock, 900)
        client.post("/login", u="anna")
        server.wait(clock, 999)
        assert server.has(client.id)
        server.wait(clock, 1)
        assert not server.has(client.id)

    @pytest.mark.parametrize("interval", [0, -1])
    def test_never(self, serve_here, store, clock, interval):
        """An interval of zero or less never ends a session, and the log says so when the manager is made (R16)."""
        server = serve_here(store, {"": lambda: SessionConfig(max_inactive_interval=interval)})
        client = server.client().with_session()
        assert server.log().count("never expire") == 1
        server.wait(clock, 10**8)
        assert server.has(client.id)

    def test_expiry_on_read(self, here, clock):
        """An expired session is gone although nothing has swept it (R17)."""
        client = here.client().with_session()
        here.wait(clock, 1802)
        assert not here.has(client.id)

    def test_key_that_persists(self, serve_here, clock, redis_server):
        """The deadline in the record ends a session whose Redis key has lost its time to live (R17)."""
        server = serve_here("redis")
        client = server.client().with_session()
        persisted = [redis_server.client.persist(name) for name in redis_server.client.scan_iter()]
        assert any(persisted)
        server.wait(clock, 1802)
        assert not server.has(client.id)

    def test_clock_that_steps(self, here, clock):
        """A session that was seen expired stays dead when the clock steps back (R65)."""
        client = here.client().with_session()
        here.wait(clock, 4000)
        assert not here.has(client.id)
        here.wait(clock, -3900)
        assert not here.has(client.id)
