"""The page about audit events has the events of the code, with their levels and facts."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from httpsession import audit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/audit.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (?:[A-Z, ]+) \| ([^|]+) \|", PAGE, re.MULTILINE))
#: Keywords of audit.note() that are no facts by that name.
NO_FACTS = {"level"}
NAMES = {"key": "session"}


def notes():
    """Yield the event and the names of the facts of each place in the code that logs one."""
    for path in (ROOT / "httpsession").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            arguments = [node.func, *node.args]
            names = [ast.unparse(argument) for argument in arguments[:2]]
            note = "note" if path.name == "audit.py" else "audit.note"
            if note in names:
                event = arguments[names.index(note) + 1]
                facts = {NAMES.get(keyword.arg, keyword.arg) for keyword in node.keywords if keyword.arg}
                yield ast.literal_eval(event), facts - NO_FACTS


def test_events():
    """The table has exactly the events of the code, each of which is logged somewhere."""
    assert [*ROWS] == [*get_args(audit.Event)]
    assert {event for event, _ in notes()} == {*ROWS}


@pytest.mark.parametrize(("event", "facts"), [*notes()])
def test_facts(event, facts):
    """The table names each fact that the code gives to an event."""
    assert facts <= {*re.findall(r"`(\w+)`", ROWS[event])}


def test_rates():
    """The page gives the rates of the limiter."""
    assert f"at most {audit.BURST} are logged at once, and then {round(1 / audit.REFILL)} in a second" in PAGE
