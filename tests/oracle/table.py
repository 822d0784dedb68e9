"""The table of differences in the documentation."""

from __future__ import annotations

from pathlib import Path

from .contexts import LEFT_OUT
from .differences import DIFFERENCES
from .replay import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tomcat.md"


def rendered(outcome: Outcome) -> str:
    """Return the page that shows how this package compares with Tomcat."""
    lines = [
        "# Compared with Apache Tomcat",
        "",
        "Recordings of Apache Tomcat 10.1 are played against this package by `python -m tests.oracle`,",
        "and everything that was observed is compared: results and exceptions, events with their order, cookies, URLs.",
        "This page is made by `python -m tests.oracle --table`; a test fails when it is stale.",
        "",
        f"    {outcome.summary()}",
        "",
        "## Differences",
        "",
        "Each is meant; what differs otherwise fails the test.",
        "The numbers are those of the behaviours (S), of differences between containers (D) and of security",
        "requirements (R) that the project is built by.",
        "",
        "| what | Tomcat | here | because of | seen |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in DIFFERENCES:
        cells = one.what, one.tomcat, one.here, one.reason, str(outcome.declared[one])
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "## Configurations left out",
        "",
        "They stand for something only Tomcat has.",
        "",
        "| configuration | why |",
        "| --- | --- |",
        *(f"| `{name}` | {why} |" for name, why in sorted(LEFT_OUT.items())),
    ]
    return "\n".join(lines)
