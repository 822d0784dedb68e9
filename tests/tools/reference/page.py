"""The page, and what is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import code
from .behaviours import NAMES, WITHOUT
from .found import Test, behaviour_tests, is_of, tck_tests
from .members import NOT_NATIVE, NOT_OFFERED, TYPES, Member
from .tck import NOT_PORTABLE, TCK, members_of

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "servlet.md"
_INTRODUCTION = """
# The Servlet session API, member by member

This page lists what the session API of Jakarta Servlet 6.1 consists of, where it is in `httpsession`, and which tests
show that it does what it should.
`python -m tests.tools.reference` makes it from the code and the tests: names are looked up in the code, tests in the
files below `tests/`.
It is an error if one of them does not exist, or if no test of a member uses that member.
A test fails when this page is stale, or when `httpsession.servlet` has a member without a row.

## Members

The first column is Java's, the second the package's own name, the third that in `httpsession.servlet`.
`S` and a number is a behaviour from the project's own list, which is [below](#behaviours); a test named `test_s24_...`
shows S24.
A name like `HttpSessionTests#isNewTest` is that of a test in the [TCK](#tests-of-the-tck), the compatibility tests of
Jakarta Servlet, which was written anew here.
"""
_OFFERED = """
### Not there

| Java | why, and what to do |
| --- | --- |
"""
_TCK = """
## Tests of the TCK

These are all session tests of the TCK, which is part of <https://github.com/jakartaee/servlet>, without those that
are the same with the configuration in a `web.xml` or in a web fragment.
{ported} of the {all} are portable to WSGI, and are in `tests/specification/` under their own names; {rest} are not.
The TCK itself is written in Java: what is here asserts the same, with the names of this package or with Java's.
Where a servlet includes another one, a WSGI application calls another one here, and where a container looks for
listeners they are handed to it.

| class in the TCK | test | about | here, or why not |
| --- | --- | --- | --- |
"""
_FURTHER = """
Further tests in these files, which are about other things in the TCK, or in none of its classes:
"""
_BEHAVIOURS = """
## Behaviours

`S` and a number is a behaviour: something that can be observed, taken from the text of the specification, from its
API's documentation, or from what servlet containers do.
The list and its numbers are the project's own; the numbers are in the names of the tests, and `pytest -k test_s24_`
runs those of S24.
{shown} of the {all} have tests.

| | behaviour | tests, or why there is none |
| --- | --- | --- |
"""


class WrongError(Exception):
    """The page cannot be made: what is listed by hand does not agree with the code and the tests."""


class Reference:
    """The lists, and the tests that were found for them."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.numbered = behaviour_tests()
        self.ported = tck_tests()
        self.members = {member.key: member for members in TYPES.values() for member in members}
        #: The names of TCK tests by the key of the member that they are about.
        self.tck_names: dict[str, list[str]] = defaultdict(list)
        #: The rows of the table of TCK tests.
        self.tck_rows: list[tuple[str, str, str, str]] = []
        self.listed: set[Test] = set()
        self._read_tck()

    def _read_tck(self) -> None:
        for (tck_class, owner), tests in TCK.items():
            for name, about in tests.items():
                found = [test for test in self.ported if test.name == f"test_{name}" and is_of(test, tck_class)]
                self.listed.update(found)
                keys = members_of(owner, about)
                if bool(keys) != bool(found):
                    self.problems.append(f"{tck_class}#{name}: {'no such test' if keys else 'there is a test'}")
                for key in keys:
                    self._note(key, f"{tck_class}#{name}", found)
                reason = about.removeprefix(NOT_PORTABLE)
                here = _code(test.node_id for test in found) or f"not portable: {reason}"
                self.tck_rows.append((f"`{tck_class}`", f"`{name}`", _code(map(_short, keys)), here))

    def _note(self, key: str, name: str, found: list[Test]) -> None:
        if key not in self.members:
            self.problems.append(f"{name}: no member {key}")
        elif not any(_is_about(self.members[key], test) for test in found):
            self.problems.append(f"{name}: does not use {key}")
        else:
            self.tck_names[key].append(name)

    def member_row(self, member: Member) -> str:
        """Return the row of a member."""
        named = []
        for number in member.behaviours:
            tests = list(filter(_shows(member), self.numbered[number]))
            if not tests and number not in WITHOUT:
                self.problems.append(f"{member.key}: no test of S{number} uses it")
            named += [test.name for test in tests]
        tests = [*self.tck_names[member.key], *named]
        if not tests:
            self.problems.append(f"{member.key}: no test")
        native, in_servlet = self._written(member)
        behaviours = ", ".join(f"S{number}" for number in member.behaviours)
        return _row(f"`{member.java}`", native, in_servlet, behaviours, _code(tests))

    def _written(self, member: Member) -> tuple[str, str]:
        try:
            native = f"`{code.native(member)}`" if member.native else f"none: {NOT_NATIVE[member.key]}"
            return native, f"`{code.in_servlet(member)}`"
        except (code.MissingError, KeyError) as error:
            self.problems.append(f"{member.key}: {error}")
            return "", ""

    def behaviour_row(self, number: int) -> str:
        """Return the row of a behaviour."""
        tests = self.numbered[number]
        if bool(tests) == (number in WITHOUT):
            self.problems.append(f"S{number}: {'has tests, and a reason why not' if tests else 'no test'}")
        return _row(f"S{number}", NAMES[number], _code(test.name for test in tests) or WITHOUT.get(number, ""))

    def check(self) -> None:
        """Find out what else is wrong."""
        rows = {f"{member.owner}.{member.name}" for member in self.members.values()}
        self.problems += [f"{one}: no row" for one in sorted(code.public_members() - rows)]
        self.problems += [f"S{number}: no such behaviour" for number in sorted(self.numbered.keys() - NAMES.keys())]
        if list(NAMES) != list(range(1, 146)):
            self.problems.append(f"there are {len(NAMES)} behaviours")

    @property
    def counts(self) -> tuple[int, int]:
        """How many tests of the TCK there are, and how many of them are here."""
        return len(self.tck_rows), sum("not portable" not in row[3] for row in self.tck_rows)


def rendered() -> str:
    """Return the page.

    Raises:
        WrongError: something in it would not be true.
    """
    reference = Reference()
    reference.check()
    page = "\n".join(_lines(reference))
    if reference.problems:
        raise WrongError("\n".join(reference.problems))
    return page


def _lines(reference: Reference) -> Iterator[str]:
    yield _INTRODUCTION.strip()
    for owner, members in TYPES.items():
        yield f"\n### {owner}\n\n| Servlet | httpsession | httpsession.servlet | behaviours | tests |"
        yield "| --- | --- | --- | --- | --- |"
        yield from map(reference.member_row, members)
    yield _OFFERED.rstrip()
    yield from (_row(what, why) for what, why in NOT_OFFERED.items())
    every, ported = reference.counts
    yield _TCK.format(all=every, ported=ported, rest=every - ported).rstrip()
    yield from (_row(*row) for row in reference.tck_rows)
    yield _FURTHER.rstrip() + "\n"
    yield from (f"- `{test.node_id}`" for test in reference.ported if test not in reference.listed)
    yield _BEHAVIOURS.format(all=len(NAMES), shown=len(NAMES) - len(WITHOUT)).rstrip()
    yield from map(reference.behaviour_row, NAMES)


def _shows(member: Member) -> Callable[[Test], bool]:
    """Return what tells whether a test uses a member, under one of its names."""
    names = code.native_names(member)
    return lambda test: any(map(test.uses, names))


def _is_about(member: Member, test: Test) -> bool:
    """Tell whether a test uses a member, or a listener whose default method the member is."""
    return _shows(member)(test) or (member.owner.endswith("Listener") and test.uses(member.owner))


def _short(key: str) -> str:
    """Return the key of a member without its parameters' types; a constructor's without the type that it is of."""
    name = key.partition("(")[0]
    owner, _, method = name.rpartition(".")
    return f"{method if method == owner else name}()"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
