"""Requirements R30 to R35: which bytes of a request are the id. ``@`` stands for a live id in these tests."""

from __future__ import annotations

import pytest

from tests.security.test_a_identifier import UNKNOWN

#: White space for Python that browsers do not trim, as bytes of UTF-8 and of latin-1.
BLANKS = [
    *(chr(code).encode().decode("latin-1") for code in (0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x202F, 0x3000)),
    *("\x85", "\xa0"),
]
#: Headers whose session cookie is read as browsers meant it.
READ = [
    "JSESSIONID=@",
    "a=b; JSESSIONID=@; c=d",
    "JSESSIONID=@;a=b",
    "JSESSIONID=@;",
    "a=b;\tJSESSIONID=@\t; c",
    ' x="a; JSESSIONID=@; b"',
    f"JSESSIONID={UNKNOWN}; JSESSIONID=@",
    f"JSESSIONID=@; JSESSIONID={UNKNOWN}",
    "JSESSIONID=@; JSESSIONID=@",
    "JSESSIONID=; JSESSIONID=@",
    "JSESSIONID; JSESSIONID=@",
    "=JSESSIONID=x; JSESSIONID=@",
    "; ".join(f"JSESSIONID={number:032X}" for number in range(3)) + "; JSESSIONID=@",
    ";;;,=;==; JSESSIONID=@",
    "a=%; b=\xff\xfe; JSESSIONID=@",
]
#: Headers without a session cookie of that value.
NOT_READ = [
    "=JSESSIONID=@",
    "JSESSIONID",
    "=@",
    "@",
    "JSESSIONID=x@",
    'JSESSIONID="@"',
    '$Version=1; JSESSIONID="@"; $Path=/',
    '$Version="1"; $JSESSIONID=@',
    "jsessionid=@",
    "JSessionID=@",
    "XJSESSIONID=@",
    "JSESSIONIDX=@",
    "a=b, JSESSIONID=@",
    "JSESSIONID=@, a=b",
    "JSESSIONID=@,JSESSIONID=@",
    "%4ASESSIONID=@",
    "JSESSION%49D=@",
    "JSESSIONID%3D@",
    "J_SESSIONID=@",
    "JSESSIONID[]=@",
    "..JSESSIONID=@",
    'x="JSESSIONID=@"',
    r'JSESSIONID="\112@"',
    "JSESSIONID=%20@",
    "; ".join(f"JSESSIONID={number:032X}" for number in range(4)) + "; JSESSIONID=@",
]


@pytest.fixture
def client(server):
    return server.client().with_session(user="anna")


def user(server, cookie, session_id, target="/get?k=user", **arguments):
    """Return the user whose session a request with this Cookie header finds."""
    return server.ask("GET", target, cookie=cookie.replace("@", session_id), **arguments).json


def users(server, cookie, session_id, target="/get?k=user"):
    """Return the users that requests find with this Cookie header, alone and behind another cookie and a tab."""
    return {user(server, before + cookie, session_id, target) for before in ("", "a=b;\t")}


def test_read(server, client):
    """A cookie is found as browsers send it, beside whatever else there is (R30 to R34)."""
    assert [cookie for cookie in READ if users(server, cookie, client.id) != {"anna"}] == []


def test_not_read(server, client):
    """Another name, a quoted value, a nameless cookie: none of these is the session cookie (R31 to R34)."""
    assert [cookie for cookie in NOT_READ if users(server, cookie, client.id) != {None}] == []


def with_blanks(blanks):
    """Return headers with a blank at each place where a parser might trim it."""
    forms = ("{}JSESSIONID=@", "a=b; {}JSESSIONID=@", "JSESSIONID{}=@", "JSESSIONID={}@", "JSESSIONID=@{}")
    return [form.format(blank) for blank in blanks for form in forms]


def test_blanks(server, client):
    """No white space but blanks and tabs is trimmed from names and values (R31)."""
    inside = [cookie for cookie in with_blanks(BLANKS) if not cookie.startswith(("\x85", "\xa0"))]
    assert [cookie for cookie in inside if users(server, cookie, client.id) != {None}] == []


def test_control_characters(here):
    """The same holds for control characters, which gunicorn refuses before, and at the ends of the header (R31)."""
    client = here.client().with_session(user="anna")
    cookies = with_blanks([*BLANKS, "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f"])
    assert [cookie for cookie in cookies if users(here, cookie, client.id) != {None}] == []


def test_prefix(server):
    """No name that a page by http can set is taken for one with a prefix (R31)."""
    client = server.client("/hardened", https=True).with_session(user="anna")
    names = [f"a=b; {blank}__Host-JSESSIONID" for blank in BLANKS]
    names += ["%5F%5FHost-JSESSIONID", "_[Host-JSESSIONID", "..Host-JSESSIONID", "__host-JSESSIONID", "JSESSIONID"]
    for name in names:
        assert users(server, f"{name}=@", client.id, "/hardened/get?k=user") == {None}, name
    assert users(server, "__Host-JSESSIONID=@", client.id, "/hardened/get?k=user") == {"anna"}


def test_two_headers(server, client):
    """Of two Cookie headers, which servers join by a comma, none is guessed at (R34)."""
    cookie = f"JSESSIONID={client.id}"
    assert user(server, cookie, "", headers=["Cookie: a=b"]) is None


def test_two_live_sessions(here):
    """Of two live sessions the first is taken, in either order, and an event tells of it (R34)."""
    ids = {name: here.client().with_session(user=name).id for name in ("anna", "bert")}
    for first, second in (("anna", "bert"), ("bert", "anna")):
        cookie = f"JSESSIONID={ids[first]}; JSESSIONID={ids[second]}"
        assert user(here, cookie, "") == first
    assert here.log().count("session_cookie_ambiguous") == 2


def test_lookups(serve_here, redis_server):
    """However many cookies there are, and wherever the live one is, Redis is asked four times at most (R34)."""
    server = serve_here("redis")
    client = server.client().with_session(user="anna")
    dead = [f"JSESSIONID={number:032X}" for number in range(100)]
    for place in range(4):
        cookies = [*dead[:place], "JSESSIONID=@", *dead[place:]]
        redis_server.calls()
        assert user(server, "; ".join(cookies), client.id) == "anna"
        assert sum(redis_server.calls().values()) <= 4


@pytest.mark.parametrize(
    "unit", ["JSESSIONID=; ", 'JSESSIONID="', "\\", "a;", "=", "JSESSIONID", "JSESSIONID=" + UNKNOWN]
)
def test_long(here, unit):
    """A long header of any kind is read to its end, without an exception (R30)."""
    client = here.client().with_session(user="anna")
    cookie = unit * (64 * 1024 // len(unit))
    assert here.ask("GET", "/peek", cookie=cookie).json is None
    assert user(here, f"JSESSIONID=@; {cookie}", client.id) == "anna"


#: A target and further headers of requests with an id where it is none.
OTHER_PLACES = [
    ("/get?k=user&JSESSIONID=@", ()),
    ("/get?k=user&jsessionid=@", ()),
    ("/get;jsessionid=@?k=user", ()),
    ("/get?k=user;jsessionid=@", ()),
    ("/get?k=user", ("X-Session-Id: @",)),
    ("/get?k=user", ("JSESSIONID: @",)),
    ("/get?k=user", ("X-Cookie: JSESSIONID=@",)),
    ("/get?k=user", ("Cookie2: JSESSIONID=@",)),
    ("/get?k=user", ("Authorization: Bearer @",)),
]


def test_other_places(server, client):
    """An id anywhere but in the cookie is none, where URLs are no tracking mode (R35)."""
    for target, headers in OTHER_PLACES:
        headers = [header.replace("@", client.id) for header in headers]
        answer = server.ask("GET", target.replace("@", client.id), headers=headers)
        assert answer.status == 404 or answer.json is None, (target, headers)


def test_form(server, client):
    """An id in a form is none (R35)."""
    body = f"JSESSIONID={client.id}&k=user".encode()
    answer = server.ask("POST", "/get", body=body, headers=["Content-Type: application/x-www-form-urlencoded"])
    assert answer.json is None


def test_cookie_before_url(server):
    """With both, the cookie wins (R35)."""
    first, second = (server.client("/urls").with_session(user=name) for name in ("anna", "bert"))
    target = f"/urls/get;jsessionid={second.id}?k=user"
    assert user(server, f"JSESSIONID={first.id}", "", target) == "anna"
    found = server.ask("GET", f"/urls/id;jsessionid={second.id}", cookie=f"JSESSIONID={first.id}").json
    assert found["from"] == [True, False]


def test_other_application(server, client):
    """An id of one application opens nothing in another one on the same store (R46)."""
    assert server.has(client.id)
    assert not server.has(client.id, mount="/urls")
    assert not server.has(client.id, mount="/hardened", name="__Host-JSESSIONID")


def test_kept_connection(server, client):
    """A request without a cookie has no session, also right after one with it (CVE-2015-5346)."""
    assert client.get("/get?k=user").json == "anna"
    assert server.ask("GET", "/get?k=user").json is None
