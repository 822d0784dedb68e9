"""Requirements R1 to R10: the identifier."""

from __future__ import annotations

import random
import re
import zlib
from functools import partial
from itertools import pairwise

import pytest

from tests.support.threads import together

UNKNOWN = "0123456789ABCDEF" * 2
#: Ids that are none by their form, as they stand in the Cookie header.
MALFORMED = [
    *("", "a", "A" * 31, "A" * 33, "A" * 5000, UNKNOWN.lower(), f'"{UNKNOWN}"', "../x", "..%2fx", "a/b", "%00"),
    *("__proto__", "*", "KEYS *", "\xb2" * 32, "\x80\xff" * 16, UNKNOWN + "\xa0", UNKNOWN[:-1] + "\u00b2", "-1", "0"),
]


class TestRandomness:
    """R1 to R3."""

    def test_bits(self, here):
        """2,000 ids have 128 bits each, of which every one is set in half of them (R1)."""
        ids = [here.ask("GET", "/new").new_id for _ in range(2000)]
        assert all(re.fullmatch("[0-9A-F]{32}", one) for one in ids)
        assert len(set(ids)) == len(ids)
        numbers = [int(one, 16) for one in ids]
        for bit in range(128):
            assert 850 < sum(number >> bit & 1 for number in numbers) < 1150
        data = b"".join(map(bytes.fromhex, ids))
        assert len(zlib.compress(data, 9)) >= 0.99 * len(data)

    def test_seed(self, here):
        """A program that seeds its random numbers does not seed ids (R2)."""
        drawn = []
        for _ in range(2):
            random.seed(0)
            drawn.append({here.ask("GET", "/new").new_id for _ in range(100)})
        assert not drawn[0] & drawn[1]

    def test_workers(self, server):
        """Ids of one user, drawn at once by all workers, have nothing in common (R2, R3)."""
        login = partial(server.ask, "POST", "/login?u=anna")
        ids = [answer.new_id for answer in together(*[login] * 8)]
        assert len(set(ids)) == 8
        numbers = [int(one, 16) for one in ids]
        for first, second in pairwise(numbers):
            assert 24 < (first ^ second).bit_count() < 104


class TestAdoption:
    """R4 to R6: only what the server has issued is an id."""

    def test_unknown(self, server):
        """A session that is created for an unknown id has another one, and the sent one opens nothing (R4)."""
        for path in ("/new", "/set?k=a&v=1", "/login?u=anna", "/add?k=n"):
            assert server.ask("POST", path, cookie=f"JSESSIONID={UNKNOWN}").new_id != UNKNOWN
            assert not server.has(UNKNOWN)

    @pytest.mark.parametrize("end", ["/logout", "/rotate", "/login?u=anna"])
    def test_dead(self, server, end):
        """The same holds for an id that was valid before a logout, a change of the id or a login (R4, R7, R12)."""
        client = server.client().with_session()
        dead = client.id
        client.post(end)
        assert client.id != dead
        assert not server.has(dead)
        assert server.ask("POST", "/set?k=a&v=1", cookie=f"JSESSIONID={dead}").new_id != dead
        assert not server.has(dead)

    def test_expired(self, here, clock):
        """The same holds for an id that has expired (R4)."""
        dead = here.client().with_session().id
        here.wait(clock, 1900)
        assert here.ask("POST", "/set?k=a&v=1", cookie=f"JSESSIONID={dead}").new_id != dead
        assert not here.has(dead)

    def test_emptied(self, server):
        """A session without attributes is a session still, and its id works on (R4)."""
        client = server.client().with_session()
        client.post("/del", k="a")
        assert client.get("/peek").json == {}
        assert client.post("/set", k="b", v="2").cookies == []

    def test_no_growth(self, here):
        """Hundreds of unknown ids leave nothing behind and get no cookie (R5)."""
        for number, path in enumerate(["/none", "/peek", "/logout", "/get?k=a", "/id"] * 100):
            answer = here.ask("GET", path, cookie=f"JSESSIONID={number:032X}")
            assert (answer.status, answer.cookies) == (200, [])
        assert here.active == 0

    def test_malformed(self, server):
        """What has not the form of an id is none, whatever it is (R6)."""
        for value in MALFORMED:
            answer = server.ask("GET", "/peek", cookie=f"JSESSIONID={value}")
            assert (answer.status, answer.body, answer.cookies) == (200, b"null", []), value

    def test_malformed_in_redis(self, serve_here, redis_server):
        """What has not the form of an id is not asked of Redis (R6)."""
        server = serve_here("redis")
        redis_server.calls()
        for value in MALFORMED:
            server.ask("GET", "/peek", cookie=f"JSESSIONID={value}")
        assert redis_server.calls() == {}


class TestRotation:
    """R7 to R9."""

    def test_login(self, server):
        """A login keeps what an anonymous session has, and its former id opens nothing (R7)."""
        client = server.client().with_session(cart="book")
        before = client.id
        assert client.post("/login", u="anna").json == "anna"
        assert not server.has(before)
        assert client.get("/peek").json == {"cart": "book"}
        assert client.get("/id").json["principal"] == "anna"

    def test_watched_login(self, server):
        """Requests with the former id never see the user, before the login, during it and after it (R7)."""
        client = server.client().with_session()
        cookie = f"JSESSIONID={client.id}"

        def watch():
            return {server.ask("GET", "/id", cookie=cookie).json["principal"] for _ in range(10)}

        *seen, answer = together(*[watch] * 4, lambda: client.post("/login", u="anna"))
        assert answer.json == "anna"
        assert set().union(*seen) == {None}

    def test_two_at_once(self, server):
        """Of two changes of the id at once one has its way, and one id is alive (R8)."""
        client = server.client().with_session()
        cookie = f"JSESSIONID={client.id}"
        answers = together(*[partial(server.ask, "POST", "/rotate", cookie=cookie)] * 2)
        given = [answer.new_id for answer in answers if answer.cookies]
        assert sum(server.has(one) for one in given) == 1
        assert not server.has(client.id)
        assert any(answer.json for answer in answers)

    def test_twice_in_a_request(self, server):
        """Of two changes in one request the last one is told, once (R8, R24)."""
        client = server.client().with_session()
        before = client.id
        (cookie,) = client.post("/several", do="rotate,rotate").cookies
        assert not server.has(before)
        assert server.has(client.id)
        assert cookie.startswith(f"JSESSIONID={client.id};")

    def test_another_user(self, server):
        """A user who logs in to the session of another finds it empty (R9)."""
        client = server.client()
        client.post("/login", u="anna")
        client.post("/set", k="cart", v="book")
        before = client.id
        client.post("/login", u="bert")
        assert client.get("/peek").json == {}
        assert client.get("/id").json["principal"] == "bert"
        assert not server.has(before)
