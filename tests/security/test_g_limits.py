"""Requirements R50 to R53: what a flood can use up."""

from __future__ import annotations

import pytest

from httpsession import SessionConfig


def test_bots(here):
    """Requests without a cookie that ask for nothing create nothing, and get nothing about sessions (R50)."""
    for number in range(300):
        answer = here.ask("GET", ("/none", "/peek", "/logout", "/csrf/form")[number % 4])
        assert not [cookie for cookie in answer.cookies if cookie.startswith("JSESSIONID=")]
        assert answer.all("Vary") == [] or number % 4
    for app in here.mounts.values():
        assert app.manager.stats().active == 0


def test_newcomers(serve_here, store, clock):
    """A session whose client never comes back ends early; one that came back once lives on (R51)."""
    server = serve_here(store, {"": lambda: SessionConfig(newcomer_interval=300)})
    known = server.client()
    known.post("/set", k="a", v="1")
    server.wait(clock, 1)
    known.get("/none")
    for _ in range(50):
        server.ask("GET", "/new")
    server.wait(clock, 302)
    server.mounts[""].manager.sweep()
    assert server.active == 1
    assert known.get("/peek").json == {"a": "1"}


def test_cap(serve_here, store):
    """At the cap newcomers make way for newcomers, users stay, and a new user finds room (R52)."""
    server = serve_here(store, {"": lambda: SessionConfig(max_sessions=20)})
    users = [server.client() for _ in range(5)]
    for number, client in enumerate(users):
        client.post("/login", u=f"user{number}")
    for _ in range(200):
        assert server.ask("GET", "/new").status == 200
    assert 15 <= server.active <= 22
    for number, client in enumerate(users):
        assert client.get("/id").json["principal"] == f"user{number}"
    assert server.client().post("/login", u="late").json == "late"


@pytest.mark.parametrize("path", ["/new", "/login?u=anna", "/style/generator", "/style/write", "/add?k=n"])
def test_full(serve_here, store, path):
    """Where nothing makes way a new session is refused by 503 with Retry-After, without a cookie (R52, R90)."""
    server = serve_here(store, {"": lambda: SessionConfig(max_sessions=3)})
    users = [server.client() for _ in range(3)]
    for client in users:
        client.post("/login", u="user")
    answer = server.ask("POST", path)
    assert (answer.status, answer.cookies) == (503, [])
    assert answer.all("Retry-After") == ["5"]
    assert b"max_sessions" not in answer.body
    users[0].post("/logout")
    assert server.ask("POST", "/new").new_id
