"""The page about the API names everything public."""

import re
from pathlib import Path

import pytest

import httpsession

PAGE = (Path(__file__).parents[2] / "docs/reference/api.md").read_text()


def words():
    """Return the names in the code spans of the page."""
    return {word for span in re.findall(r"`([^`\n]+)`", PAGE) for word in re.findall(r"\w+", span)}


@pytest.mark.parametrize("name", httpsession.__all__)
def test_name(name):
    assert name in words()


@pytest.mark.parametrize(
    "cls",
    [
        httpsession.SessionInfo,
        httpsession.SessionStats,
        httpsession.HttpSessionListener,
        httpsession.HttpSessionIdListener,
        httpsession.HttpSessionAttributeListener,
        httpsession.HttpSessionBindingListener,
        httpsession.HttpSessionActivationListener,
    ],
)
def test_members(cls):
    assert {name for name in dir(cls) if not name.startswith("_")} <= words()
