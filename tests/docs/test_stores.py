"""The page about stores names all schemes, options, commands and files, and gives the defaults."""

import re
from pathlib import Path

import pytest

from httpsession import stores
from httpsession.stores import open_store
from httpsession.stores.redis.acl import CLUSTER_COMMANDS, SENTINEL_COMMANDS
from httpsession.stores.redis.address import _OPTIONS
from httpsession.stores.sqlite.schema import STEPS

PAGE = (Path(__file__).parents[2] / "docs/reference/stores.md").read_text()


@pytest.mark.parametrize("scheme", stores._OPENERS)
def test_scheme(scheme):
    """Each scheme has a row."""
    assert re.search(rf"^\| `{re.escape(scheme)}://", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    "option", sorted({"prefix", "timeout", "synchronous", "secure_delete"}.union(*_OPTIONS.values()))
)
def test_option(option):
    """Each option has a row, alone or with another one."""
    assert re.search(rf"^\|[^|]*`{option}`[^|]*\|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", [*SENTINEL_COMMANDS, *CLUSTER_COMMANDS])
def test_command(command):
    """Besides the rights that the example prints, those for Sentinels and Clusters are named."""
    assert f"`+{command}`" in PAGE


def test_files(tmp_path):
    """The files that SQLite makes while the store is open are those of the table."""
    store = open_store(f"sqlite:///{tmp_path}/sessions.db")
    len(store)
    store.expire(0.0, 1)
    made = {path.name for path in tmp_path.iterdir()}
    store.close()

    assert made == {*re.findall(r"`(sessions\.db[\w-]*)`", PAGE)}


def test_version_of_the_tables():
    """The page says which version there is."""
    assert f"has the version of the tables, which is {len(STEPS)}." in PAGE
