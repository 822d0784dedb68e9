"""Random requests of several clients against a model of what they may see (R4, R7, R9, R12, R15, R20, R46)."""

from __future__ import annotations

import random

import pytest

from httpsession import SessionConfig

#: Seconds after which a session ends in these tests: idle, and at the latest.
IDLE, LIFETIME = 100, 400


class Model:
    """What one client has: its session, None if it has none."""

    def __init__(self):
        self.end()

    def end(self):
        self.attributes = self.principal = None
        self.used = self.deadline = 0

    def begin(self, now):
        if self.attributes is None:
            self.attributes, self.deadline = {}, now + LIFETIME

    def expire(self, now):
        """End the session if it is time."""
        if self.attributes is not None and (now - self.used > IDLE + 1 or now >= self.deadline):
            self.end()
        self.used = now

    def login(self, user, now):
        self.begin(now)
        if self.principal not in (None, user):
            self.attributes = {}
        if self.principal != user:
            self.deadline = now + LIFETIME
        self.principal = user


class Play:
    """Clients of a server, the model of each, and all ids that have become invalid."""

    def __init__(self, server, clock, seed):
        self.server, self.clock, self.random = server, clock, random.Random(seed)
        self.clients = [(server.client(), Model()) for _ in range(5)]
        self.dead = set()

    def step(self):
        """Make one random request, and compare what all clients see afterwards with the model."""
        client, model = self.random.choice(self.clients)
        before, now = client.id, self.clock.now
        model.expire(now)
        act = self.random.choice(
            ["set", "set", "remove", "login", "logout", "rotate", "revoke", "boom", "plant", "wait"]
        )
        getattr(self, act)(client, model, now)
        if before and client.id != before:
            self.dead.add(before)
        self.check()

    def set(self, client, model, now):
        name, value = self.random.choice("abc"), str(self.random.random())
        client.post("/set", k=name, v=value)
        model.begin(now)
        model.attributes[name] = value

    def remove(self, client, model, now):
        if model.attributes:
            name = self.random.choice(sorted(model.attributes))
            client.post("/del", k=name)
            del model.attributes[name]

    def plant(self, client, model, now):
        """Send a dead id with a request that creates a session."""
        if model.attributes is None and self.dead:
            self.server.ask("POST", "/new", cookie=f"JSESSIONID={self.random.choice(sorted(self.dead))}")

    def login(self, client, model, now):
        user = self.random.choice(["anna", "bert"])
        client.post("/login", u=user)
        model.login(user, now)

    def logout(self, client, model, now):
        client.post("/logout")
        model.end()

    def rotate(self, client, model, now):
        before = client.id
        client.post("/rotate")
        assert (client.id != before) == (model.attributes is not None)

    def boom(self, client, model, now):
        """Crash in a login, which takes back what the request has done."""
        assert client.post("/boom", login=self.random.choice(["anna", "bert"])).cookies == []

    def revoke(self, client, model, now):
        if model.principal is not None:
            client.post("/sessions/revoke")
            for _, other in self.clients:
                if other is not model and other.principal == model.principal:
                    other.end()

    def wait(self, client, model, now):
        self.server.wait(self.clock, self.random.choice([1, 30, IDLE - 1, IDLE + 2]))

    def check(self):
        for client, model in self.clients:
            model.expire(self.clock.now)
            assert client.get("/peek").json == model.attributes
            assert client.get("/id").json["principal"] == model.principal
        assert not any(map(self.server.has, self.random.sample(sorted(self.dead), min(2, len(self.dead)))))


@pytest.mark.parametrize("seed", range(3))
def test_clients(serve_here, store, clock, seed):
    """No client ever sees what it may not, and each sees all that it has, whatever all of them do."""
    config = SessionConfig(max_inactive_interval=IDLE, max_lifetime=LIFETIME)
    play = Play(serve_here(store, {"": lambda: config}), clock, seed)
    for _ in range(60):
        play.step()
