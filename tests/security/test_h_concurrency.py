"""Requirements R56 to R59: requests of one session at the same time."""

from __future__ import annotations

from functools import partial

import pytest

from tests.security.probe import ACTS
from tests.support.threads import together


@pytest.mark.parametrize("then", ACTS)
def test_logout_wins(server, then):
    """After a logout no request under way brings the session back, whatever it does (R56)."""
    client = server.client().with_session()
    kept = client.id
    with client.slow(then) as answers:
        client.post("/logout")
        assert not server.has(kept)
    assert answers[0].json[0] == {"a": "1"}
    assert not server.has(kept)
    new = [cookie for cookie in answers[0].cookies if not cookie.startswith("JSESSIONID=;")]
    assert not any(server.has(cookie[len("JSESSIONID=") :][:32]) for cookie in new)


@pytest.mark.parametrize("then", ACTS)
def test_login_cuts_off(server, then):
    """A request that a login overtakes touches neither the cookie of the client nor the new session (R59)."""
    client = server.client().with_session()
    former = client.id
    with client.slow(then) as answers:
        client.post("/login", u="anna")
    assert answers[0].cookies == []
    assert not server.has(former)
    assert client.get("/id").json["principal"] == "anna"
    assert client.get("/peek").json == {"a": "1"}


@pytest.mark.parametrize("then", ["nothing", "read", "set", "update"])
def test_change_of_the_id(server, then):
    """A request that a change of the id overtakes keeps its changes, and the former id stays dead (R59)."""
    client = server.client().with_session()
    former = client.id
    with client.slow(then) as answers:
        client.post("/rotate")
        assert not server.has(former)
    assert (answers[0].json, answers[0].cookies) == ([{"a": "1"}, None], [])
    assert not server.has(former)
    assert client.get("/peek").json == {"a": "1"} | ({"late": 1} if then in ("set", "update") else {})


def test_burst_during_login(server):
    """Of six requests beside a login none fails, none ends the new session, and none touches its cookie (R59)."""
    client = server.client().with_session()
    cookie = f"JSESSIONID={client.id}"
    beside = [partial(server.ask, "POST", f"/set?k=k{number}&v=1", cookie=cookie) for number in range(6)]
    login, *answers = together(lambda: client.post("/login", u="anna"), *beside)
    assert login.json == "anna"
    assert {answer.status for answer in answers} == {200}
    for answer in answers:  # one that came too late has begun a session of its own
        assert all("Max-Age=0" not in given for given in answer.cookies)
        assert client.id not in "".join(answer.cookies)
    assert client.get("/id").json["principal"] == "anna"


def test_nothing_is_lost(server):
    """Requests that write different attributes at once lose none, and counters are exact (R57)."""
    client = server.client().with_session()
    cookie = f"JSESSIONID={client.id}"

    def write(number):
        for turn in range(5):
            server.ask("POST", f"/set?k=k{number}-{turn}&v={turn}", cookie=cookie)
            server.ask("POST", "/add?k=n", cookie=cookie)

    together(*[partial(write, number) for number in range(4)])
    found = client.get("/peek").json
    assert found.pop("n") == 20
    assert found == {"a": "1"} | {f"k{number}-{turn}": str(turn) for number in range(4) for turn in range(5)}


def test_nothing_is_mixed(server):
    """Clients that log in, change and leave at once see what they have set themselves, and nothing else (R59)."""

    def live(user):
        for turn in range(3):
            client = server.client()
            client.post("/set", k="mine", v=f"{user} {turn}")
            for path in ("/rotate", f"/login?u={user}", "/none", "/rotate"):
                client.post(path)
                assert client.get("/peek").json == {"mine": f"{user} {turn}"}
            assert client.get("/id").json["principal"] == user
            client.post("/logout")
            assert client.get("/peek").json is None

    together(*[partial(live, f"user{number}") for number in range(4)])


@pytest.mark.parametrize("other", ["/logout", "/rotate", "/login?u=anna", "/login?u=bert"])
def test_login_at_once(server, other):
    """A login at the same time as another end of the id has its way; the former id is dead, and the cart is not lost
    where the session goes on (R8, R56, R59)."""
    client = server.client().with_session(cart="book")
    former = f"JSESSIONID={client.id}"
    answers = together(*[partial(server.ask, "POST", path, cookie=former) for path in ("/login?u=anna", other)])
    assert [answer.status for answer in answers] == [200, 200]
    assert not server.has(client.id)
    new = [f"JSESSIONID={answer.new_id}" for answer in answers if "Max-Age=0" not in str(answer.cookies or "Max-Age=0")]
    users = [server.ask("GET", "/id", cookie=cookie).json["principal"] for cookie in new]
    carts = [server.ask("GET", "/peek", cookie=cookie).json for cookie in new]
    assert users[0] == "anna"
    assert all(cart in ({"cart": "book"}, {}) for cart in carts if cart is not None)
    assert {"cart": "book"} in carts or other == "/logout"
    if "login" in other:
        assert len(set(new)) == 2
        assert users[1] == other.removeprefix("/login?u=")
