"""The page about the security model has the defaults, loggers and algorithms of the code (R91)."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from httpsession import SessionConfig
from httpsession.exchange import MAX_LOOKUPS
from httpsession.response import RETRY_AFTER
from httpsession.stores import open_store
from httpsession.stores.memory.store import MemoryStore
from httpsession.stores.sqlite.store import SQLiteStore

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/security-model.md").read_text()
SETTING = re.compile(r"^\| `([\w.]+)` \| `([^`]+)` \| `([^`]+)` \| \S", re.MULTILINE)
ROWS = SETTING.findall(PAGE)
#: The modules with cryptography, or with random numbers.
CRYPTOGRAPHY = {"hashlib", "hmac", "secrets", "random", "cryptography.hazmat.primitives.ciphers.aead"}
SOURCES = sorted((ROOT / "httpsession").rglob("*.py"))


def section(title):
    """Return a section of the page."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def value(config, setting):
    """Return a setting, such as ``cookie.max_age``."""
    for name in setting.split("."):
        config = getattr(config, name)
    return config


@pytest.mark.parametrize(("setting", "default", "hardened"), ROWS, ids=[row[0] for row in ROWS])
def test_default(setting, default, hardened):
    """The page has the defaults of both profiles."""
    found = [value(config, setting) for config in (SessionConfig(), SessionConfig.hardened())]

    assert found == [ast.literal_eval(default), ast.literal_eval(hardened)]


def test_every_bound_and_timeout_is_there():
    """No setting with a time, a number or a choice about users is left out."""
    settings = {row[0] for row in ROWS}

    assert {
        name for name in SessionConfig.__dataclass_fields__ if re.match(r"max_|newcomer_|when_|sweep_", name)
    } <= settings


def test_other_numbers():
    """The page has the bound in memory, the number of ids that are looked up, and the time of a retry."""
    assert f"In memory `None` means {MemoryStore.capacity:,}," in PAGE
    assert f"looks up at most {MAX_LOOKUPS} ids" in PAGE
    assert f"`{': '.join(RETRY_AFTER)}`" in PAGE


def test_timeouts_of_stores():
    """The page has the time for which each store waits."""
    of_sqlite = inspect.signature(SQLiteStore).parameters["timeout"].default
    of_redis = open_store("redis://127.0.0.1")._client.address.login.timeout

    assert f"| {of_sqlite:g} second for other writers |" in PAGE
    assert f"| {of_redis:g} seconds to connect," in PAGE


def names(module):
    """Return the functions with cryptography that a module imports or uses, as ``hashlib.sha256``."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in CRYPTOGRAPHY:
            package = node.module.partition(".")[0]
            found |= {alias.name if package == "cryptography" else f"{package}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if node.value.id in CRYPTOGRAPHY or name in ("os.urandom", "ssl.create_default_context"):
                found.add(name)
    return found


def test_cryptography():
    """The inventory has each function that the package uses, and no other."""
    used = set().union(*map(names, SOURCES))

    assert set(re.findall(r"^\| `([^`]+)`", section("Cryptography"), re.MULTILINE)) == used


def test_loggers():
    """The inventory has each logger of the package."""
    used = {name for source in SOURCES for name in re.findall(r'getLogger\("([^"]+)"\)', source.read_text())}

    assert set(re.findall(r"^\| `([^`]+)`", section("Logs"), re.MULTILINE)) == used
