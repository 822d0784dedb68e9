"""The page about the configuration names every setting, and its default."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from httpsession import SessionConfig, SessionCookieConfig

PAGE = Path(__file__).parents[2] / "docs/reference/configuration.md"
SETTING = re.compile(r"^### `(\w+)`\n\nDefault: `(.+)`$", re.MULTILINE)
CLASSES = (SessionConfig, SessionCookieConfig)


def documented(cls):
    """Return the defaults on the page, by setting."""
    _, section = PAGE.read_text().split(f"\n## {cls.__name__}\n")
    return dict(SETTING.findall(section.partition("\n## ")[0]))


@pytest.mark.parametrize("cls", CLASSES)
def test_settings_stand_in_the_order_of_the_class(cls):
    assert [field.name for field in dataclasses.fields(cls)] == list(documented(cls))


@pytest.mark.parametrize(
    ("cls", "setting"), [(cls, field.name) for cls in CLASSES for field in dataclasses.fields(cls)]
)
def test_default(cls, setting):
    text = documented(cls)[setting]
    default = SessionCookieConfig() if text == "SessionCookieConfig()" else ast.literal_eval(text)
    assert getattr(cls(**{setting: default}), setting) == getattr(cls(), setting)
