"""Requirements R87 to R90: what the log says, and what the client is told."""

from __future__ import annotations

import pytest

from httpsession import SessionConfig

EVIL = ["a\r\nsession_created", "\x1b[31mred", "%(x)s {0} $x", "a\u2028b", "x" * 2000]


def test_no_secrets(server):
    """After all that clients do, the log has no id, no token, no value and no traceback of them (R88)."""
    secrets = []
    for mount in ("", "/urls", "/csrf"):
        client = server.client(mount)
        token = client.get("/form").json if mount == "/csrf" else "x"
        for path in ("/set", "/rotate", "/login?u=anna", "/set", "/act", "/logout"):
            client.post(path, [f"X-CSRF-Token: {token}"], k="name", v="a marker value")
            secrets.append(client.id)
            token = client.get("/form").json if mount == "/csrf" else "x"
            secrets.append(token if mount == "/csrf" else None)
        client.post("/act", ["X-CSRF-Token: wrong", "Origin: http://evil"])
    text = server.log()
    assert "malicious_csrf" in text
    assert not [secret for secret in [*filter(None, secrets), "a marker value", "Traceback"] if secret in text]


@pytest.mark.parametrize("text", EVIL, ids=ascii)
def test_no_injection(here, text):
    """What a client sends makes no line of its own, no escape and no long line (R89)."""
    before = here.log().count("\n")
    value = text.encode("utf-8").decode("latin-1").replace("\r\n", "\t")
    here.ask("POST", "/csrf/act", headers=[f"Origin: {value}", f"User-Agent: {value}"])
    here.client().post("/login", u=text[:1000])
    log = here.log()
    assert "malicious_csrf" in log
    assert all(line.isprintable() and len(line) < 1000 for line in log.splitlines()[before:])


def test_login_by_url(here):
    """A login by URL alone is an event (R87)."""
    session_id = here.client("/urls").with_session().id
    here.ask("POST", f"/urls/login;jsessionid={session_id}?u=anna")
    assert here.log().count("session_login_by_url") == 1


def test_expired(serve_here, store, clock):
    """A session that expires is one event with its reason (R87)."""
    server = serve_here(store, {"": lambda: SessionConfig(max_lifetime=1000)})
    server.client().with_session()
    server.wait(clock, 1001)
    server.mounts[""].manager.sweep()
    assert server.log().count("session_expired") == 1


def test_outage(serve_here, redis_server):
    """A Redis that refuses all is answered by 503 and one line, which names neither server nor error (R61, R90)."""
    server = serve_here("redis")
    client = server.client().with_session()
    kept = client.id
    redis_server.client.config_set("maxclients", 1)
    redis_server.client.client_kill_filter(skipme=True, _type="normal")
    try:
        for path in ("/peek", "/set?k=a&v=2", "/login?u=anna", "/logout", "/style/generator", "/style/write"):
            answer = client.post(path)
            assert (answer.status, answer.cookies) == (503, []), path
            assert answer.all("Retry-After") == ["5"]
            assert not [word for word in (b"redis", b"Error", b"sock", b"Traceback") if word in answer.body]
        assert client.get("/none").status == 200
    finally:
        redis_server.client.config_set("maxclients", 10000)
    assert client.id == kept
    assert client.get("/peek").json == {"a": "1"}


def test_events(here):
    """What happens to a session is one event each, with the user, and without an id (R87, R88)."""
    client = here.client()
    ids = []
    for path in ("/new", "/rotate", "/login?u=anna", "/login?u=anna", "/login?u=bert", "/logout"):
        client.post(path)
        ids.append(client.id or "none")
    here.ask("GET", "/peek", cookie=f"JSESSIONID={ids[0]}")
    names = [line.split()[0] for line in here.log().splitlines()]
    assert names == ["session_created", *["session_renewed"] * 4, "session_logout", "session_unknown_id"]
    assert not [one for one in ids if one in here.log()]


def test_use_after_expiry(here, clock):
    """A request that finds its session expired is an event beside the end of the session (R87)."""
    client = here.client().with_session()
    here.wait(clock, 1802)
    assert client.get("/peek").json is None
    assert here.log().count("session_expired") == here.log().count("session_use_after_expire") == 1


def test_flood_of_events(here):
    """A flood of one event is cut off after a burst, and other events are logged as before (R87, R89)."""
    for number in range(300):
        here.ask("GET", "/peek", cookie=f"JSESSIONID={number:032X}")
    here.client().post("/login", u="anna")
    assert 90 < here.log().count("session_unknown_id") < 250
    assert here.log().count("session_created") == 1
