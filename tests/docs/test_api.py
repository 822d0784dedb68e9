"""The page about the API names everything public."""

import inspect
import operator
import re
from collections.abc import MutableMapping
from pathlib import Path

import pytest

import httpsession

PAGE = (Path(__file__).parents[2] / "docs/reference/api.md").read_text()
#: The members that are for the package itself.
INTERNAL = {
    httpsession.HttpSession: (
        *("record", "attributes", "failure", "previous_access", "invalidated_here"),
        *("keep_journal", "drop_journal", "replace", "take_back", "tell_unbound"),
    ),
    httpsession.RequestSession: (
        *("arrived", "has_failed", "has_looked", "is_over", "outer"),
        *("commit", "commit_late", "abandon", "end", "store_keys"),
    ),
    httpsession.SessionManager: (
        *("accesses", "codec", "is_shared", "listeners", "sessions"),
        *("find", "create", "take_back"),
        *("end", "start", "reset_after_fork", "tell_store"),
    ),
}


def words():
    """Return the names in the code spans of the page."""
    return {word for span in re.findall(r"`([^`\n]+)`", PAGE) for word in re.findall(r"\w+", span)}


@pytest.mark.parametrize("name", httpsession.__all__)
def test_name(name):
    assert name in words()


def members(cls):
    """Return the public members of a class, with those that its objects get when they are made."""
    one = cls() if cls is httpsession.SessionManager else cls  # the other classes declare theirs
    return {name for name in dir(one) if not name.startswith("_")}


@pytest.mark.parametrize(
    "cls",
    [
        *INTERNAL,
        httpsession.Accessor,
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
    """Each member is on the page, or listed as one for the package itself; a mapping has those of every mapping."""
    internal = {*INTERNAL.get(cls, ())}
    assert internal <= members(cls)
    of_mappings = {*dir(MutableMapping)} if issubclass(cls, MutableMapping) else set()
    assert members(cls) - internal - of_mappings <= words()


SIGNATURES = (
    "get_session",
    "session_attribute",
    "SessionMiddleware",
    "SessionManager",
    "SessionManager.invalidate_all",
)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    """The page gives the parameters as the code has them."""
    documented = re.search(rf"`@?{name.rpartition('.')[2]}\((.*)\)`", PAGE)[1]
    parameters = inspect.signature(operator.attrgetter(name)(httpsession)).parameters.values()
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in parameters if one.name != "self"]
    assert f"({documented})" == str(inspect.Signature(bare))
