"""The page about the API names everything public."""

import inspect
import operator
import re
from collections.abc import MutableMapping
from pathlib import Path

import pytest

import httpsession.csrf

PAGE = (Path(__file__).parents[2] / "docs/reference/api.md").read_text()
#: The section of the page about each face, and how a member of it is written there.
FACES = {
    httpsession.HttpSession: ("HttpSession", r"\bsession\.(\w+)"),
    httpsession.Accessor: ("HttpSession", r"^(\w+)\(function\)$"),
    httpsession.RequestSession: ("RequestSession", r"^([a-z]\w*_\w+|login|logout)\b"),
    httpsession.SessionManager: ("SessionManager", r"^(config|[a-z]\w+(?=\())"),
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


def spans_of(section):
    """Return the code spans in the section of the page with this title, up to the next title of any level."""
    text = re.search(rf"^## {section}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("cls", FACES)
def test_faces(cls):
    """A face has the members that the page gives it, and no others but those of every mapping."""
    section, written = FACES[cls]
    documented = {name for span in spans_of(section) for name in re.findall(written, span)}
    of_mappings = {*dir(MutableMapping)} if issubclass(cls, MutableMapping) else set()

    assert members(cls) - of_mappings == documented - of_mappings


@pytest.mark.parametrize(
    "cls",
    [
        httpsession.SessionMiddleware,
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
    """Each member is on the page."""
    assert members(cls) <= words()


SIGNATURES = (
    "get_session",
    "session_attribute",
    "SessionMiddleware",
    "SessionManager",
    "SessionManager.invalidate_all",
    *(f"csrf.{name}" for name in httpsession.csrf.__all__),
)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    """The page gives the parameters as the code has them."""
    documented = re.search(rf"`@?{name.rpartition('.')[2]}\((.*)\)`", PAGE)[1]
    parameters = inspect.signature(operator.attrgetter(name)(httpsession)).parameters.values()
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in parameters if one.name != "self"]
    assert f"({documented})" == str(inspect.Signature(bare))
