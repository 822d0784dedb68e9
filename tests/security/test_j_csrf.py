"""Requirements R70 to R80: forms that other sites send."""

from __future__ import annotations

import pytest

REFUSED = b"The request was refused.\n"


@pytest.fixture
def client(server):
    """A client with a session, of the application whose forms have tokens."""
    client = server.client("/csrf")
    client.post("/set", [f"X-CSRF-Token: {client.get('/form').json}"], k="a", v="1")
    assert client.id
    return client


def is_accepted(client, *headers, method="POST", path="/act", **form):
    """Send a request; return whether it reached the application. If not, the answer must be the one refusal."""
    answer = client.ask(method, path, headers, **form)
    if answer.status == 403:
        assert answer.body == REFUSED
        assert "no-store" in answer.words("Cache-Control")
        return False
    assert answer.status == 200
    return True


def test_token(server, client):
    """A token of the session is accepted in the header and in the form, and one of another session is not (R70)."""
    token = client.get("/form").json
    assert is_accepted(client, f"X-CSRF-Token: {token}")
    assert is_accepted(client, csrf_token=token)
    assert not is_accepted(client, path=f"/act?csrf_token={token}")
    assert not is_accepted(client)
    other = server.client("/csrf")
    assert not is_accepted(client, csrf_token=other.get("/form").json)


def test_malformed(client):
    """No text but a token is one (R70, R74)."""
    token = client.get("/form").json
    texts = ["", "null", token[:-1], f"{token}A", token[::-1], f"{token},{token}", "A" * 64, "0" * 1000, "\xe9" * 64]
    for text in [*texts, '"><script>', f" {token[1:]}", token.swapcase()]:
        assert not is_accepted(client, f"X-CSRF-Token: {text}"), text
        assert not is_accepted(client, csrf_token=text), text
    assert not is_accepted(client, f"X-CSRF-Token: {token}", csrf_token="A" * 64)
    assert not is_accepted(client, f"X-CSRF-Token: {token}", f"X-CSRF-Token: {token}")


def test_no_session(server, client):
    """A right token without its cookie, or with that of an ended session, is refused (R71)."""
    token = client.get("/form").json
    assert not is_accepted(server.client("/csrf"), f"X-CSRF-Token: {token}")
    client = server.client("/csrf")
    client.get("/new")
    for is_user in (False, True):
        token = client.get("/form").json
        if is_user:
            client.get("/new")
            client.post("/login", u="anna", csrf_token=client.get("/form").json)
            token = client.get("/form").json
        kept = dict(client.jar.cookies)
        assert is_accepted(client, path="/logout", csrf_token=token)
        assert client.jar.cookies == {}
        client.jar.cookies.update(kept)
        assert not is_accepted(client, f"X-CSRF-Token: {token}")
        client.jar.cookies.clear()


def test_login(client):
    """No token from before a login is valid after it; the tabs of one login stay valid (R10, R73)."""
    before = client.get("/form").json
    assert is_accepted(client, path="/login", u="anna", csrf_token=before)
    assert not is_accepted(client, csrf_token=before)
    tabs = [client.get("/form").json for _ in range(5)]
    assert len(set(tabs)) == 5
    assert all(is_accepted(client, csrf_token=token) for token in tabs)


def test_methods(client):
    """Each method but the four safe ones is checked, and no override makes one safe (R75)."""
    for method in ("PUT", "PATCH", "DELETE", "PROPFIND", "FOO"):
        assert not is_accepted(client, method=method), method
    assert not is_accepted(client, "X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET")
    assert not is_accepted(client, _method="GET")
    assert is_accepted(client, method="OPTIONS")


#: Headers by which a browser names the sender, and whether a request with a right token is accepted.
SENDERS = {
    ("Sec-Fetch-Site: same-origin",): True,
    ("Sec-Fetch-Site: none",): True,
    ("Sec-Fetch-Site: same-site",): False,
    ("Sec-Fetch-Site: cross-site",): False,
    ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"): False,
    ("Sec-Fetch-Site: a-new-word",): True,
    ("Origin: http://h.example:8080",): True,
    ("Origin: https://h.example:8080",): False,
    ("Origin: http://h.example",): False,
    ("Origin: http://h.example:8080.evil",): False,
    ("Origin: http://h.example:8080@evil",): False,
    ("Origin: http://evil/http://h.example:8080",): False,
    ("Origin: null",): False,
    ("Origin:",): False,
    ("Origin: file://",): False,
    ("Origin: http://h.example:8080", "Origin: http://evil"): False,
    ("Referer: http://evil/h.example:8080",): False,
    ("Referer: http://h.example:8080/form?a=b",): True,
    ("Sec-Fetch-Site: same-origin", "Origin: http://evil"): False,
    ("Sec-Fetch-Site: cross-site", "Origin: http://h.example:8080"): False,
}


def test_senders(client):
    """A header that names another site outweighs a right token (R77, R78)."""
    token = client.get("/form").json
    for headers, expected in SENDERS.items():
        assert is_accepted(client, *headers, f"X-CSRF-Token: {token}") == expected, headers
        assert not is_accepted(client, *headers), headers


def test_login_form(here):
    """A login form is protected without a stored session (R79)."""
    client = here.client("/csrf")
    token = client.get("/form").json
    assert here.mounts["/csrf"].manager.stats().active == 0
    assert not is_accepted(client, path="/login", u="mallory")
    assert not is_accepted(here.client("/csrf"), path="/login", u="mallory", csrf_token=token)
    assert is_accepted(client, path="/login", u="anna", csrf_token=token)
    assert client.get("/id").json["principal"] == "anna"


def test_withheld(server):
    """A page of another site that loads the form as a script gets neither a token nor a cookie (R71)."""
    for site in ("cross-site", "same-site"):
        answer = server.client("/csrf").get("/form", [f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors"])
        assert (answer.json, answer.cookies) == ("", [])


def test_logout(client):
    """A logout that another site sends as a form ends nothing (R80)."""
    assert not is_accepted(client, path="/logout")
    assert client.get("/peek").json == {"a": "1"}
