"""The steps in the order in which they are learnt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One step: an application of its own."""

    #: Where it is mounted.
    path: str
    title: str
    summary: str
    #: The module with its code.
    module: str


STEPS = (
    Step(
        "/cookie",
        "A bare cookie",
        "A login that keeps the name of the member in a cookie. It works, and anybody can be anybody.",
        "bare_cookie.py",
    ),
    Step(
        "/v1",
        "V1: a session made by hand",
        "The cookie holds a random id, the server keeps what belongs to it. This is what a session is.",
        "v1.py",
    ),
    Step(
        "/v2",
        "V2: HttpSession",
        "The same login on the session of the library: get_session, login, logout.",
        "v2.py",
    ),
    Step(
        "/v3",
        "V3: @session_attribute",
        "The same again, with a decorator that hands a view the attribute it needs.",
        "v3.py",
    ),
    Step(
        "/info",
        "Session info",
        "Everything that a session knows of itself. Change it, and watch it slide and expire.",
        "info.py",
    ),
    Step(
        "/everywhere",
        "Log out everywhere",
        "The sessions in which a member is logged in, on all devices, and how to end all but this one.",
        "everywhere.py",
    ),
    Step(
        "/tracking/cookie",
        "Tracking by cookie",
        "How the id travels: in a cookie and nowhere else, which is the default.",
        "tracking.py",
    ),
    Step(
        "/tracking/url",
        "Tracking by URL",
        "The same application for a browser that refuses cookies: the id is in every link.",
        "tracking.py",
    ),
    Step(
        "/tracking/both",
        "Tracking by both",
        "In links until the browser has shown that it takes the cookie.",
        "tracking.py",
    ),
)


def step_at(path: str) -> Step | None:
    """Return the step that is mounted at *path*; the page with all steps is none."""
    return next((step for step in STEPS if step.path == path), None)


def step_after(step: Step) -> Step | None:
    """Return the step that comes next."""
    return next((later for earlier, later in pairwise(STEPS) if earlier == step), None)


@cache
def code_of(step: Step) -> str:
    """Return the code of a step, as its pages show it."""
    return Path(__file__).with_name(step.module).read_text(encoding="utf-8")
