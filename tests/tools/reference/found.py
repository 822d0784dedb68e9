"""The tests that there are, and what of the package each of them uses; found by reading the files."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[2]
TCK = "specification/test_tck_*.py"
_NUMBER = re.compile(r"test_s([0-9]+)_")
_Function = ast.FunctionDef | ast.AsyncFunctionDef
#: What a name means at the top of a file: where it is defined, and its definition.
_Scope = dict[str, tuple[Path, ast.AST]]


@dataclass(frozen=True)
class Test:
    """A test function."""

    path: Path
    function: _Function
    #: The class in which it is collected, and those from which that class has it.
    classes: tuple[ast.ClassDef, ...] = ()

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.name

    @property
    def node_id(self) -> str:
        """The name that pytest has for it, in the folder of the tests."""
        return "::".join([str(self.path.relative_to(TESTS)), *(one.name for one in self.classes[:1]), self.name])

    def uses(self, name: str) -> bool:
        """Tell whether the test, or what it calls or is given in the tests, has this name in it."""
        return name in _names_in_reach(self)


def behaviour_tests() -> dict[int, list[Test]]:
    """Return the tests named ``test_s<number>_...``, by the number."""
    found: dict[int, list[Test]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for test in _tests(path):
            match = _NUMBER.match(test.name)
            if match:
                found[int(match[1])].append(test)
    return found


def tck_tests() -> list[Test]:
    """Return the tests of the files that are for those of the TCK."""
    return [test for path in sorted(TESTS.glob(TCK)) for test in _tests(path)]


def is_of(test: Test, tck_class: str) -> bool:
    """Tell whether a test is in the class for one of the TCK: by its name, or because its docstring says so."""
    if not test.classes:
        return False
    cls = test.classes[0]
    words = re.findall(r"\w+", ast.get_docstring(cls) or "")
    return cls.name == f"Test{tck_class}" or tck_class in words


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _tests(path: Path) -> Iterator[Test]:
    tree = _tree(path)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, _Function) and node.name.startswith("test_"):
            yield Test(path, node)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            line = tuple(_line(node, classes))
            for name, function in _methods(line).items():
                if name.startswith("test_"):
                    yield Test(path, function, line)


def _line(cls: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """Go through a class and those that it is derived from."""
    yield cls
    for base in cls.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            yield from _line(classes[base.id], classes)


def _methods(classes: tuple[ast.ClassDef, ...]) -> dict[str, _Function]:
    """Return the methods of classes, the nearest of which comes first, by their names."""
    return {name: node for name, node in _contents(classes).items() if isinstance(node, _Function)}


def _contents(classes: tuple[ast.ClassDef, ...]) -> dict[str, ast.AST]:
    return {name: node for cls in reversed(classes) for node in cls.body for name in _defined_by(node)}


def _defined_by(node: ast.AST) -> list[str]:
    """Return the names that a statement defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


@cache
def _scope(path: Path) -> _Scope:
    """Return what is defined at the top of a file, or imported there from other files of the tests."""
    scope: _Scope = {}
    for node in _tree(path).body:
        scope |= dict.fromkeys(_defined_by(node), (path, node))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            there = _scope(TESTS.parent.joinpath(*node.module.split(".")).with_suffix(".py"))
            scope |= {alias.name: there[alias.name] for alias in node.names if alias.name in there}
    return scope


@cache
def _names_in_reach(test: Test) -> frozenset[str]:
    contents = {name: (test.path, node) for name, node in _contents(test.classes).items()}
    seen: set[int] = set()
    names: set[str] = set()
    waiting: list[tuple[Path, ast.AST]] = [(test.path, test.function)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        own = _names(node)
        names |= own
        scope = _scope(path) | (contents if path == test.path else {})
        waiting += [scope[name] for name in own if name in scope]
    return frozenset(names)


def _names(tree: ast.AST) -> set[str]:
    """Return the names in a tree: of variables, attributes, arguments, methods, and strings that could be names."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.Constant(value=str(name)):
                names.add(name)
    return names
