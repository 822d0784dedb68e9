"""The page about security has a row for each requirement, and names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
#: The number of requirements, which have the numbers from one on.
REQUIREMENTS = 92
ROWS = re.findall(r"^\| (R\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
TESTS = sorted({*re.findall(r"`((?:tests|httpsession/testing)/[\w/]+\.py(?:::\w+)*)`", PAGE)})


@cache
def names_of(path):
    """Return the names of the tests in a file, those in classes with the name of the class."""
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        names.add((getattr(node, "name", ""),))
        if isinstance(node, ast.ClassDef):
            names |= {(node.name, getattr(inner, "name", "")) for inner in node.body}
    return names


def test_every_requirement():
    """Each number has one row, in order, which says what is done and names a test."""
    assert [number for number, *_ in ROWS] == [f"R{number}" for number in range(1, REQUIREMENTS + 1)]
    for number, *texts, shown in ROWS:
        assert all(text.strip() for text in texts), number
        assert re.search(r"`[\w/]+\.py::\w+", shown), number


@pytest.mark.parametrize("test", TESTS)
def test_named_test(test):
    """Each named test exists, with its class."""
    path, *names = test.split("::")
    assert tuple(names) in names_of(path)
    assert names[-1].startswith("test_")


def test_flaws():
    """Each row about a flaw names a test, and no flaw stands twice."""
    rows = re.findall(r"^\| ((?:CVE-\d+-\d+[^|]*)+) \| ([^|]+) \| (`[^|]+`) \|$", PAGE, re.MULTILINE)
    numbers = re.findall(r"CVE-\d{4}-\d+", " ".join(row[0] for row in rows))
    assert len(numbers) == len({*numbers}) == len(re.findall(r"CVE-\d{4}-\d+", PAGE)) > 60
