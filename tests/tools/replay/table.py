"""The table of differences in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .contexts import LEFT_OUT
from .differences import DIFFERENCES, Difference, declared
from .outcome import Outcome
from .reasons import REASONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "tomcat.md"

_INTRODUCTION = """\
# Compared with Apache Tomcat

Recordings of Apache Tomcat 10.1 are played against this package by `python -m tests.tools.replay`,
and everything that was observed is compared: results and exceptions, events with their order, cookies, URLs.
This page is made by `python -m tests.tools.replay --table`; a test fails when it is stale.
"""

_OBSERVATIONS = """
One observation is

* the result of an operation: what it returned, that it returned nothing, or the exception that it raised,
* a field of an event: what happened, during which operation, to which session, the name, the value, what the
  listener saw of the session,
* a field of a cookie that is set: its name, its value, each of its attributes,
* the status of a response, and its location.

An event or a cookie that is there on one side alone is one observation.
Ids are random: they are compared by the order in which they came into being.
"""

_DIFFERENCES = """
## Differences

Each is meant, and says of what is observed instead what it has to be; what differs otherwise fails the test.
Where more differs as a consequence, a model of this package says what exactly, and it is counted with the difference.
The model agrees with this package in thousands of generated scenarios, too, and a model of Tomcat with the recordings.
"""

_SHARED = """
## On shared stores

The same recordings are played on SQLite and on Redis (`--store sqlite`, `--store redis://HOST`).
There each request works on a snapshot of its session.
Nothing differs there but what differs in memory, and this:

| what | Tomcat | here | because of |
| --- | --- | --- | --- |
"""

_REASONS = """
## What the numbers mean

S and a number is a behaviour: [Behaviours](servlet.md#behaviours) lists them with their tests.
D and a number is a point where containers differ from the specification or from one another;
R and a number is a requirement of security.

| | what is chosen |
| --- | --- |
"""

_LEFT_OUT = """
## Configurations left out

They stand for something only Tomcat has.

| configuration | why |
| --- | --- |
"""


def rendered(outcome: Outcome) -> str:
    """Return the page that shows how this package compares with Tomcat."""
    parts = (
        f"{_INTRODUCTION}\n    {outcome.summary()}\n{_OBSERVATIONS}\n",
        "\n".join(_counts(outcome)),
        f"\n{_DIFFERENCES}\n",
        "\n".join(_differences(outcome)),
        f"\n{_SHARED}",
        "\n".join(_row(one) for one in DIFFERENCES if one.is_shared),
        f"\n{_REASONS}",
        "\n".join(f"| {number} | {REASONS[number]} |" for number in sorted(used(), key=_by_number)),
        f"\n{_LEFT_OUT}",
        "\n".join(f"| `{name}` | {why} |" for name, why in sorted(LEFT_OUT.items())),
    )
    return "".join(parts)


def used() -> set[str]:
    """Return the D and R numbers that the page uses."""
    texts = [*(one.reason for one in DIFFERENCES), *LEFT_OUT.values()]
    return {number for text in texts for number in re.findall(r"\b[DR][0-9]+\b", text)}


def _by_number(number: str) -> tuple[str, int]:
    return number[0], int(number[1:])


def _counts(outcome: Outcome) -> Iterator[str]:
    yield "| observations of | compared | equal | |"
    yield "| --- | ---: | ---: | ---: |"
    for name, kinds in (("results", "result"), ("events", "event"), ("cookies", "cookie"), ("responses", "")):
        chosen = [kinds] if kinds else ["status", "location"]
        compared = sum(outcome.compared_of[kind] for kind in chosen)
        equal = sum(outcome.equal_of[kind] for kind in chosen)
        yield f"| {name} | {compared} | {equal} | {100 * equal / max(compared, 1):.2f}% |"


def _differences(outcome: Outcome) -> Iterator[str]:
    yield "| what | Tomcat | here | because of | seen |"
    yield "| --- | --- | --- | --- | --- |"
    for one in declared("memory"):
        yield f"{_row(one)} {outcome.declared[one] if one.is_recorded else 'in generated scenarios'} |"


def _row(one: Difference) -> str:
    reason = re.sub(r"\bS[0-9]+\b", r"[\g<0>](servlet.md#behaviours)", one.reason)
    return f"| {one.what} | {one.tomcat} | {one.here} | {reason} |"
