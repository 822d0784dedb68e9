"""Requirements R81 to R84: the sessions of a user, for the user and for operators."""

from __future__ import annotations

import re
from functools import partial

from httpsession import SessionConfig
from tests.support.threads import together


def logged_in(server, user, count):
    """Return clients of which each has a session of a user."""
    clients = [server.client() for _ in range(count)]
    for client in clients:
        assert client.post("/login", u=user).json == user
    return clients


def test_list(server):
    """A list shows the sessions of its user alone, and no word of it opens one when it is sent as a cookie (R81)."""
    clients, (other,) = logged_in(server, "carl", 3), logged_in(server, "dora", 1)
    listed, alone = clients[1].get("/sessions").json, other.get("/sessions").json
    assert [is_current for _, is_current, _ in listed] == [False, True, False]
    assert len(alone) == 1
    words = {word for *_, text in listed for word in re.findall(r"[A-Za-z0-9_-]{16,}", text)}
    assert not words & {client.id for client in clients}
    for word in words:
        for text in (word, word.upper(), word[:32].upper(), word[-32:].upper()):
            assert not server.has(text)
    for client in (*clients, other):
        client.post("/logout")


def test_end_by_handle(server):
    """A user ends a session by its handle, on whatever worker; the handle of another user ends nothing (R20, R81)."""
    (first, second), (other,) = logged_in(server, "carl", 2), logged_in(server, "dora", 1)
    handles = [handle for handle, *_ in first.get("/sessions").json]
    ((foreign, *_),) = other.get("/sessions").json
    for wrong in (foreign, "", "0" * 40, second.id, "*"):
        assert first.post("/sessions/end", handle=wrong).json is False
    assert first.post("/sessions/end", handle=handles[1]).json is True
    assert not server.has(second.id)
    assert first.post("/sessions/end", handle=handles[1]).json is False
    assert server.has(first.id)
    assert server.has(other.id)
    for client in (first, other):
        client.post("/logout")


def test_recent_login(here, clock):
    """What needs a recent login gets 401 a minute after it, and works again after another one (R82, R84)."""
    (client,) = logged_in(here, "carl", 1)
    assert client.get("/sensitive").status == 200
    here.wait(clock, 61)
    answer = client.get("/sensitive")
    assert (answer.status, answer.cookies) == (401, [])
    assert b"60" not in answer.body
    former = client.id
    client.post("/login", u="carl")
    assert client.id != former
    assert client.get("/sensitive").status == 200
    assert here.client().get("/sensitive").status == 401


def test_limit(serve_here, store):
    """Of many logins at once as many stay as the limit allows, and expired or ended ones do not count (R83)."""
    server = serve_here(store, {"": lambda: SessionConfig(max_sessions_per_principal=3)})
    clients = [server.client() for _ in range(8)]
    together(*[partial(client.post, "/login", u="carl") for client in clients])
    alive = [client for client in clients if server.has(client.id)]
    assert len(alive) == 3
    assert len(alive[0].get("/sessions").json) == 3
    alive[0].post("/logout")
    (new,) = logged_in(server, "carl", 1)
    assert all(server.has(client.id) for client in (*alive[1:], new))
    assert "excess_sessions_exceeded" in server.log()


def test_denied(serve_here, store):
    """Where the limit denies, the login beyond it fails and takes nothing from the client or the user (R83)."""
    server = serve_here(store, {"": lambda: SessionConfig(max_sessions_per_principal=2, when_too_many="deny")})
    clients = logged_in(server, "carl", 2)
    late = server.client().with_session(cart="book")
    answer = late.post("/login", u="carl")
    assert (answer.status, answer.cookies) == (503, [])
    assert late.get("/peek").json == {"cart": "book"}
    assert late.get("/id").json["principal"] is None
    assert all(server.has(client.id) for client in clients)
