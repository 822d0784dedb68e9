"""The shape of the package: the direction of imports, the length of files and functions, the documented names."""

from __future__ import annotations

import ast
import inspect
import re
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

import httpsession

ROOT = Path(httpsession.__file__).parent
#: The ten layers, from top to bottom. A module or folder imports from the layers below its own, and from its own.
LAYERS = {
    "edges": ("__init__", "__main__", "cli", "csrf", "paste", "servlet", "session_attribute", "testing", "werkzeug"),
    "middleware": ("middleware",),
    "request": ("headers", "manager", "request", "response"),
    "exchange": ("events", "exchange", "logins"),
    "face": ("session",),
    "core": ("core",),
    "stores": ("stores", "tracking"),
    "values": ("attributes", "codec", "config"),
    "record": ("record",),
    "ground": ("audit", "errors", "fork", "ids"),
}
#: How many modules may stand on top of each other.
MAX_FLOORS = 14
PAGE = (ROOT.parent / "docs/explanation/architecture.md").read_text()
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES = 350
MAX_FUNCTION_LINES = 50


def module_of(path):
    """Return the dotted name of a file's module."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(module):
    """Return the modules of the package that a module imports, also inside functions and for type checkers alone."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            # "from .stores import base" may mean a module or a name.
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names]
        found.update(name for name in names if name.partition(".")[0] == "httpsession")
    return found - {module}


GRAPH = {module: imports(module) for module in MODULES}


def part_of(module):
    """Return the entry of the layers that a module belongs to: its name, or its folder's, below the package."""
    return module.split(".")[1] if "." in module else "__init__"


def layer_of(module):
    """Return the number of the layer of a module, counted from the top."""
    return next(number for number, parts in enumerate(LAYERS.values()) if part_of(module) in parts)


def test_every_module_has_its_layer():
    """The layers name each module and folder of the package once, and nothing else."""
    assert sorted({part_of(module) for module in MODULES}) == sorted(chain.from_iterable(LAYERS.values()))


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module):
    """A module imports from its own layer and lower ones, type imports included; nothing below imports the edges."""
    assert {other for other in GRAPH[module] if layer_of(other) < layer_of(module)} == set()


def floors():
    """Return on which floor each module stands: one above the highest that it imports. A cycle raises an error."""
    order = TopologicalSorter(GRAPH).static_order()
    floor = {}
    for module in order:
        floor[module] = 1 + max((floor[other] for other in GRAPH[module]), default=0)
    return floor


def test_no_cycle():
    """No imports go round in a circle, not even those for type checkers."""
    assert floors().keys() == MODULES.keys()


def test_floors():
    """The longest chain of imports has at most so many modules."""
    assert max(floors().values()) <= MAX_FLOORS


def test_imports_are_seen():
    """The reader of imports finds all of them, also in functions and for type checkers."""
    assert "httpsession.errors" in GRAPH["httpsession.attributes"]
    assert "httpsession.stores.base" in GRAPH["httpsession.stores.memory.store"]
    assert "httpsession.stores.sqlite.store" in GRAPH["httpsession.stores"]
    assert "httpsession.session" in GRAPH["httpsession.events"]
    assert "httpsession.manager" not in GRAPH["httpsession.session"]


def fence(first):
    """Return the lines of the fenced block of the architecture page whose first line matches."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [block.splitlines() for block in blocks if re.match(first, block)]
    return found


def test_layers_on_the_page():
    """The page on the architecture shows these layers."""
    shown = {}
    for line in fence(r" *1 "):
        _, name, parts = line.split(maxsplit=2)
        shown[name] = tuple(parts.split(", "))

    assert shown == LAYERS


def test_tree_on_the_page():
    """The page on the architecture shows all folders and modules, and no others."""
    shown, path = set(), []
    for line in fence("httpsession/")[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        path[depth - 1 :] = [line.split()[0].rstrip("/")]
        if line.split()[0].endswith(".py"):
            shown.add("/".join(path))
    found = {str(path.relative_to(ROOT)) for path in FILES}

    assert shown == {path for path in found if path == "__init__.py" or not path.endswith("__init__.py")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_long(path):
    """No file has more than 350 lines, no function more than 50."""
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = [node.name for node in functions if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES]

    assert len(text.splitlines()) <= MAX_LINES
    assert too_long == []


def test_public_names_are_sorted():
    """The list of public names is sorted, each is there once, and exists."""
    assert httpsession.__all__ == sorted(set(httpsession.__all__))
    assert [name for name in httpsession.__all__ if not hasattr(httpsession, name)] == []


@pytest.mark.parametrize("name", httpsession.__all__)
def test_public_names_are_documented(name):
    """Each public name has a docstring of its own, and so have its public methods and properties."""
    public = getattr(httpsession, name)
    assert public.__doc__
    if inspect.isclass(public):
        assert public.__doc__ != public.__base__.__doc__, "its own, not an inherited one"
        assert not public.__doc__.startswith(f"{name}("), "its own, not one that dataclass made"
        own = [member for member in vars(public) if not member.startswith("_")]
        members = {member: inspect.getattr_static(public, member) for member in own}
        missing = [
            member
            for member, value in members.items()
            if (inspect.isroutine(value) or isinstance(value, property)) and not inspect.getdoc(value)
        ]
        assert missing == []
