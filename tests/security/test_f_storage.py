"""Requirements R41 to R46: what is at rest."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256

import pytest

from tests.support.dumps import folder_dump, server_dump

#: Names of the package's own, and names that a format might read as more than a name.
NAMES = [
    *("_id", "id", "key", "principal", "created", "accessed", "used", "interval", "deadline", "absolute_deadline"),
    *("csrf", "csrf_token", "auth_time", "seal", "hints", "n:csrf", "a:x", "note", "handle", "state", "version"),
    *("__class__", "__proto__", "_path", "_domain", "_creation_time", "_accessed_time", "_auth_user_id", "_permanent"),
    *("a\nb", "a:b", "a|b", "a;b", "a.b", "a b", "\u00e9", "\U0001f600", "%(x)s", "{0}", "' OR 1=1 --", "*"),
]


@pytest.fixture
def dump(store, tmp_path, request):
    """Returns every byte of a shared store."""
    if store == "redis":
        return lambda: server_dump(request.getfixturevalue("redis_server"))
    return lambda: folder_dump(tmp_path)


@pytest.mark.parametrize("store", ["sqlite", "redis"])
class TestDump:
    """R41."""

    def lives(self, here):
        """Have sessions of all kinds, and return the ids that clients were given."""
        ids = []
        for mount in ("", "/urls"):
            client = here.client(mount).with_session()
            ids.append(client.id)
            for path in ("/rotate", "/login?u=anna", "/login?u=bert", "/set?k=b&v=2", "/several?do=rotate,rotate"):
                client.post(path)
                ids.append(client.id)
            other = here.client(mount).with_session()
            ids.append(other.id)
            other.post("/logout")
            here.ask("GET", f"{mount}/get?k=a", cookie=f"JSESSIONID={'F' * 32}")
        return [*ids, "F" * 32]

    def test_no_id(self, here, dump):
        """No id is in the store in any spelling (R41)."""
        ids = self.lives(here)
        data = dump()
        for one in set(ids):
            raw = bytes.fromhex(one)
            spellings = [one.encode(), one.lower().encode(), raw, b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw)]
            assert not [spelling for spelling in spellings if spelling in data]

    def test_keys_open_nothing(self, here, dump):
        """No key of the store, and no part of one, opens a session when it is sent as a cookie (R41)."""
        ids = self.lives(here)
        alive = next(one for one in ids if here.has(one))
        key = sha256(bytes.fromhex(alive)).digest()
        data = dump()
        texts = {text.decode() for text in re.findall(rb"[0-9A-Fa-f]{32,64}", data)} | {key.hex()}
        texts |= {one.upper() for one in texts}
        for text in texts | {text[:32] for text in texts} | {text[-32:] for text in texts}:
            assert not here.has(text)
            assert not here.has(f"p:{text}")


class TestNames:
    """R46."""

    def test_attributes(self, server):
        """An attribute of any name is an attribute and nothing else (R46)."""
        client = server.client()
        client.post("/login", u="anna")
        before = client.get("/id").json
        for name in NAMES:
            client.post("/set", k=name, v="evil")
        assert client.get("/peek").json == dict.fromkeys(NAMES, "evil")
        after = client.get("/id").json
        assert (after["principal"], after["valid"], after["from"]) == ("anna", True, before["from"])
        for name in NAMES:
            client.post("/del", k=name)
        assert client.get("/peek").json == {}

    def test_users(self, server):
        """The names of users are data: none is taken for another's, and none for a pattern (R46)."""
        names = ["*", "anna", "anna ", "ANNA", "a:b", "a\nb", "%", "_", "\u00e5nna", "a\u030anna", "' OR 1=1 --"]
        clients = {name: server.client() for name in names}
        for name, client in clients.items():
            assert client.post("/login", u=name).json == name
        assert clients["*"].post("/sessions/revoke").json == 0
        for name, client in clients.items():
            assert client.get("/id").json["principal"] == name
            client.post("/logout")

    def test_users_of_two_applications(self, server):
        """A user who logs out everywhere stays logged in to another application on the same store (R46)."""
        clients = [server.client(mount) for mount in ("", "", "/urls")]
        for client in clients:
            client.post("/login", u="carl")
        first, second, elsewhere = clients
        assert first.post("/sessions/revoke").json == 1
        assert not server.has(second.id)
        assert elsewhere.get("/id").json["principal"] == "carl"
        for client in (first, elsewhere):
            client.post("/logout")
