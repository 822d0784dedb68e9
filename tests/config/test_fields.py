"""The fields of the settings are documented, for editors and for ``help()``."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import pydoc
import re
import subprocess
import sys
from itertools import pairwise

import pytest

from httpsession import SessionConfig, SessionCookieConfig
from httpsession.config import fields

CLASSES = (SessionConfig, SessionCookieConfig)
SETTINGS = [(cls, setting.name) for cls in CLASSES for setting in dataclasses.fields(cls)]


def docstring_below(cls, setting):
    """Return the string below a field in the source, where editors look for it; None if there is none."""
    (definition,) = ast.parse(inspect.getsource(cls)).body
    for field, below in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and field.target.id == setting and isinstance(below, ast.Expr):
            return inspect.cleandoc(ast.literal_eval(below.value))
    return None


@pytest.mark.parametrize(("cls", "setting"), SETTINGS)
def test_each_field_is_documented(cls, setting):
    """The source has a docstring below each field, and help() shows it by the field's name."""
    doc = docstring_below(cls, setting)
    shown = " ".join(pydoc.plain(pydoc.render_doc(cls)).replace("|", " ").split())

    assert re.match(r"[A-Z].*\.$", doc, re.DOTALL)
    assert f" {setting}: {' '.join(doc.split())}" in shown


def test_help_shows_no_environment(monkeypatch):
    """The variables of the process, passwords among them, are no default that help() would print."""
    monkeypatch.setenv("HTTPSESSION_TEST_PASSWORD", "swordfish")

    assert "swordfish" not in pydoc.render_doc(SessionConfig)


def test_the_docstring_of_the_class_stays():
    """The fields follow what the class says of itself, in the order of the class."""
    for cls in CLASSES:
        own, _, attributes = cls.__doc__.partition("\n\nAttributes:\n")

        assert own.startswith("The settings of ")
        names = re.findall(r"^    (\w+): ", attributes, re.MULTILINE)
        assert names == [setting.name for setting in dataclasses.fields(cls)]


def test_without_sources():
    """A class whose source is not there keeps the docstring that it has."""
    made = type("Made", (), {"__doc__": "A class without a source.", "__module__": __name__})

    assert fields.with_field_docs(made).__doc__ == "A class without a source."


def test_without_docstrings():
    """Where Python drops docstrings the fields have none, either."""
    program = "from httpsession import SessionConfig; print('Attributes:' in SessionConfig.__doc__)"
    result = subprocess.run([sys.executable, "-OO", "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "False\n"
