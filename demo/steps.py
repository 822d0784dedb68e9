"""The steps in their order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """A step: a separate application."""

    #: The path where it is mounted.
    path: str
    title: str
    summary: str
    #: The module with its code.
    module: str


STEPS = (
    Step(
        "/cookie",
        "A bare cookie",
        "A login that keeps the name of the member in a cookie. It works, and any visitor can pose as any member.",
        "bare_cookie.py",
    ),
    Step(
        "/v1",
        "V1: a session made by hand",
        "The cookie holds a random id, and the server keeps the data that belongs to it: a session.",
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
        "The same again, with a decorator that passes an attribute to a view.",
        "v3.py",
    ),
    Step(
        "/info",
        "Session info",
        "All properties of a session. Change them, and watch the session slide and expire.",
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
        "How the id travels: in a cookie only, which is the default.",
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
        "The id is in every link until the browser has sent the cookie.",
        "tracking.py",
    ),
)


def step_at(path: str) -> Step | None:
    """Return the step that is mounted at *path*; None for the first page, which lists all steps."""
    return next((step for step in STEPS if step.path == path), None)


def step_after(step: Step) -> Step | None:
    """Return the next step."""
    return next((later for earlier, later in pairwise(STEPS) if earlier == step), None)


@cache
def code_of(step: Step) -> str:
    """Return the source code of a step."""
    return Path(__file__).with_name(step.module).read_text(encoding="utf-8")
