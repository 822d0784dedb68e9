"""The shape of the package: who may import whom, how long things are, what has to be documented."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import httpsession

ROOT = Path(httpsession.__file__).parent
#: From top to bottom. A module imports from the layers below its own, and not from its own.
LAYERS = (
    ("httpsession.__main__",),
    ("httpsession.cli",),
    (
        *("httpsession.cli.check", "httpsession.cli.copy", "httpsession.cli.end", "httpsession.cli.list"),
        *("httpsession.cli.show", "httpsession.cli.stats", "httpsession.cli.sweep"),
    ),
    ("httpsession.cli.store_option",),
    ("httpsession.cli.handles", "httpsession.cli.state", "httpsession.cli.text"),
    ("httpsession", "httpsession.paste", "httpsession.servlet", "httpsession.testing", "httpsession.werkzeug"),
    (
        *("httpsession.testing.creating", "httpsession.testing.loading", "httpsession.testing.saving"),
        *("httpsession.testing.renaming", "httpsession.testing.ending", "httpsession.testing.touching"),
        *("httpsession.testing.listing", "httpsession.testing.races", "httpsession.testing.forking"),
    ),
    ("httpsession.testing.base",),
    ("httpsession.servlet.events", "httpsession.servlet.request"),
    ("httpsession.servlet.session",),
    ("httpsession.servlet.context",),
    ("httpsession.servlet.cookie",),
    ("httpsession.servlet.errors",),
    ("httpsession.session_attribute",),
    ("httpsession.middleware",),
    ("httpsession.environ",),
    ("httpsession.request",),
    ("httpsession.exchange",),
    ("httpsession.manager", "httpsession.tracking"),
    ("httpsession.live", "httpsession.snapshots"),
    ("httpsession.copies",),
    ("httpsession.tracking.cookie",),
    ("httpsession.stores", "httpsession.tracking.url", "httpsession.core.sweeper", "httpsession.session"),
    ("httpsession.accessor", "httpsession.core", "httpsession.core.accesses"),
    ("httpsession.stores.redis",),
    ("httpsession.stores.redis.cluster", "httpsession.stores.redis.sentinel", "httpsession.stores.redis.store"),
    ("httpsession.stores.redis.links",),
    ("httpsession.stores.redis.address", "httpsession.stores.redis.layout", "httpsession.stores.redis.scripts"),
    ("httpsession.stores.redis.names", "httpsession.stores.redis.acl"),
    ("httpsession.stores.memory", "httpsession.stores.sqlite"),
    ("httpsession.stores.memory.store",),
    ("httpsession.stores.sqlite.store",),
    ("httpsession.stores.sqlite.database", "httpsession.stores.sqlite.rows"),
    ("httpsession.stores.sqlite.pool", "httpsession.stores.sqlite.schema", "httpsession.stores.sqlite.write_lock"),
    ("httpsession.stores.sqlite.files", "httpsession.stores.sqlite.statements"),
    ("httpsession.stores.memory.expiry", "httpsession.stores.base", "httpsession.stores.url"),
    ("httpsession.attributes", "httpsession.record"),
    ("httpsession.codec",),
    ("httpsession.codec.codec",),
    ("httpsession.codec.refusals", "httpsession.codec.registered"),
    ("httpsession.codec.nodes",),
    ("httpsession.config", "httpsession.events", "httpsession.fork", "httpsession.ids"),
    ("httpsession.config.session",),
    ("httpsession.config.webxml",),
    ("httpsession.config.cookie", "httpsession.config.texts"),
    ("httpsession.config.cookie_attributes", "httpsession.config.fields"),
    ("httpsession.errors",),
)
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES = 350
MAX_FUNCTION_LINES = 50


def module_of(path):
    """Return the dotted name of a file's module."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def is_for_type_checkers(node):
    """Tell whether a statement is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(tree):
    """Go through a tree, without what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if not is_for_type_checkers(node):
            yield node
            yield from statements(node)


def imports(module):
    """Return the modules of the package that a module imports at run time."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in statements(ast.parse(path.read_text())):
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
    return found


def test_every_module_has_its_layer():
    """A new module is put into a layer, and a removed one taken out."""
    assert sorted(MODULES) == sorted(module for layer in LAYERS for module in layer)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module):
    """A module imports from lower layers only: so there is no cycle, and the core knows nothing of the edges."""
    layer_of = {module: at for at, layer in enumerate(LAYERS) for module in layer}
    upwards = {other for other in imports(module) if layer_of[other] <= layer_of[module]}

    assert upwards == set()


def test_imports_are_seen():
    """The reading of imports finds what is there, and leaves out what only type checkers see."""
    assert "httpsession.errors" in imports("httpsession.attributes")
    assert "httpsession.stores.base" in imports("httpsession.stores.memory.store")
    assert "httpsession.attributes" in imports("httpsession.stores.base")
    assert "httpsession.session" not in imports("httpsession.events")
    assert "httpsession.manager" not in imports("httpsession.session")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_long(path):
    """No file is over 350 lines, no function over 50."""
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
