"""Scenarios that nobody has recorded: random ones, with what the model of Tomcat shows in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from . import model, tomcat
from .contexts import context_path, load_configs

#: Configurations whose sessions time out, are looked at, or are in use in different ways; and those of the rest.
TIMED = ("default", "nolookup", "accessstart", "activity", "accessboth", "timeout1", "urlonly")
CONFIGS = (*TIMED, "default", "root", "cookieonly", "both", "cookiename", "listeners2", "timeoutneg", "sharea")

NAMES = ("a", "b", "c")
URLS = (
    "next",
    "/other",
    "",
    "?x",
    "#x",
    "../x",
    "x?a=1",
    "x;jsessionid={ID1}",
    "http://other.example/x",
    "mailto:x",
    "{context}",
)
VALUES = ("x", "y", 1, None, *({"binding": f"L{number}"} for number in range(1, 5)))
#: The operations of random requests with how often each comes.
OPERATIONS = {
    "getSession": 30,
    "setAttribute": 24,
    "getAttribute": 10,
    "removeAttribute": 6,
    "getAttributeNames": 6,
    "changeSessionId": 6,
    "invalidate": 6,
    "isNew": 5,
    "getId": 4,
    "setMaxInactiveInterval": 6,
    "getMaxInactiveInterval": 2,
    "getRequestedSessionId": 5,
    "isRequestedSessionIdValid": 6,
    "isRequestedSessionIdFromCookie": 4,
    "isRequestedSessionIdFromURL": 4,
    "encodeURL": 4,
    "encodeRedirectURL": 3,
    "getCreationTime": 2,
    "getLastAccessedTime": 4,
    "timesOrdered": 1,
    "timesEqual": 1,
    "sleep": 4,
    "flushBuffer": 1,
    "isCommitted": 1,
    "reset": 1,
    "sendRedirect": 1,
    "sendError": 1,
    "fail": 1,
    "hold": 3,
    "use": 3,
    "equalsHeld": 1,
    "getServletContext": 1,
    "increment": 1,
}


class Author:
    """The author of one random scenario."""

    def __init__(self, chance: random.Random, configs: dict[str, dict[str, Any]]) -> None:
        self._chance = chance
        self._name = chance.choice(CONFIGS)
        self._config = configs[self._name]
        self._is_timed = self._name in TIMED and chance.random() < 0.7

    def scenario(self, name: str) -> dict[str, Any]:
        steps: list[dict[str, Any]] = []
        for _ in range(self._chance.randint(3, 9)):
            if self._is_timed and self._chance.random() < 0.4:
                steps.append({"pause_ms": self._chance.choice((300, 900, 1200, 2500, 70_000))})
            steps.append({"request": self._request()})
        return {"name": name, "about": "generated", "configs": [self._name], "steps": steps}

    def _request(self) -> dict[str, Any]:
        ops = [self._operation() for _ in range(self._chance.randint(1, 8))]
        if self._chance.random() < 0.6:
            ops.insert(0, ["getSession"])
        if any(op[0] in ("sendRedirect", "sendError") for op in ops):
            ops = [op for op in ops if op[0] != "fail"]
        return {
            "client": f"c{self._chance.randint(1, 3)}",
            "config": self._name,
            "path": self._path(),
            "cookies": "jar" if self._chance.random() < 0.65 else self._cookies(),
            "ops": ops,
        }

    def _id(self) -> str:
        return self._chance.choice(("bogus", "", *(f"{{ID{number}}}" for number in (1, 1, 2, 2, 3, 4, 5))))

    def _path(self) -> str:
        path = f"{context_path(self._name, self._config)}/op"
        name = model.parameter(self._config)
        for _ in range(self._chance.choice((0, 0, 0, 1, 1, 2)) if self._name != "cookieonly" else 0):
            path += self._chance.choice((f";{name}={self._id()}", f";{name}={self._id()}", ";v=1", "/extra"))
        return path

    def _cookies(self) -> list[str]:
        pairs = [self._pair() for _ in range(self._chance.choice((0, 1, 1, 2, 2, 3)))]
        return ["; ".join(pairs)] if pairs else []

    def _pair(self) -> str:
        name, session_id = model.cookie_name(self._config), self._id()
        forms = (*[f"{name}={session_id}"] * 6, f'{name}="{session_id}"', name, f"{name}=", f"{name}0={session_id}")
        return self._chance.choice(forms)

    def _operation(self) -> list[Any]:
        chance = self._chance
        name = chance.choices(tuple(OPERATIONS), tuple(OPERATIONS.values()))[0]
        if name == "getSession":
            return [name, *chance.choice(([], [True], [False], [False]))]
        if name in ("getAttribute", "removeAttribute"):
            return [name, chance.choice(NAMES)]
        if name == "setAttribute":
            return [name, chance.choice(NAMES), chance.choice(VALUES)]
        if name == "increment":
            return [name, "quiet", 2]
        if name == "setMaxInactiveInterval":
            return [name, chance.choice((1, 1, 2, 60, 0, -1) if self._is_timed else (-1, 0, 60, 1800))]
        if name in ("encodeURL", "encodeRedirectURL", "sendRedirect"):
            urls = URLS if name != "sendRedirect" else ("next",)
            return [name, chance.choice(urls).replace("{context}", f"{context_path(self._name, self._config)}/x")]
        arguments = {"sleep": chance.choice((700, 1500)), "sendError": 404, "hold": "h", "use": "h", "equalsHeld": "h"}
        return [name, arguments[name]] if name in arguments else [name]


def generated(seed: int, number: int) -> Iterator[dict[str, Any]]:
    """Go through *number* random scenarios; the same *seed* gives the same ones."""
    configs = load_configs()
    for at in range(number):
        author = Author(random.Random(seed * 1_000_003 + at), configs)
        yield tomcat.recorded(author.scenario(f"generated/{seed}-{at}"), configs)
