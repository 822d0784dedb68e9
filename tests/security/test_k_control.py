"""Requirements R81 to R84: the sessions of a user, for the user and for operators."""

from __future__ import annotations

import re


def test_list(server):
    """A list shows the sessions of its user alone, and no word of it opens one when it is sent as a cookie (R81)."""
    clients = [server.client() for _ in range(3)]
    for client in clients:
        client.post("/login", u="carl")
    other = server.client()
    other.post("/login", u="dora")
    listed, alone = clients[0].get("/sessions").json, other.get("/sessions").json
    assert (len(listed), len(alone)) == (3, 1)
    words = {word for text in listed for word in re.findall(r"[A-Za-z0-9_-]{16,}", text)}
    assert not words & {client.id for client in clients}
    for word in words:
        for text in (word, word.upper(), word[:32].upper(), word[-32:].upper()):
            assert not server.has(text)
    for client in (*clients, other):
        client.post("/logout")
