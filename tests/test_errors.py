"""The values in messages: cut, and without secrets. Nothing else prints secrets either."""

from __future__ import annotations

import enum
import inspect
import pkgutil
import pydoc
from collections import deque
from datetime import timedelta
from importlib import import_module

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import httpsession
from httpsession import (
    SessionConfig,
    SessionManager,
    SessionMiddleware,
)
from httpsession.cli import group
from httpsession.errors import kind_of, named, shown
from httpsession.stores.url import StoreUrl


class TestShown:
    """shown: the representation, cut, or the type."""

    @pytest.mark.parametrize(
        "value",
        [
            *(
                None,
                True,
                5,
                1.5,
                "",
                "text",
                b"bytes",
                [],
                {},
                {"a": 1},
                (1, 2),
                {1},
                timedelta(1),
                int,
                SessionConfig,
            ),
            *("http://example.com/", "a.b", "it's", "line\nend", "caf\xe9", "redis://host"),
            *("10:30", "a: b", "a :b", "{urn:x}y", ":", "::1", "PT30M", {"a": "b"}, [1, 2]),
        ],
        ids=repr,
    )
    def test_short(self, value):
        """A short value is shown as Python shows it."""
        assert shown(value) == repr(value)

    def test_enum(self):
        """A member of an enumeration is shown, also if it is a str."""
        for base in (enum.Enum, enum.StrEnum):
            member = base("Colour", ["RED"]).RED
            assert shown(member) == repr(member)

    @pytest.mark.parametrize(
        "value",
        [
            *("x" * 10_000_000, b"x" * 1000, "\0" * 1000, ["x" * 1000], list(range(10**6)), {"a": "x" * 1000}),
            *(dict.fromkeys(range(10**6)), 10**4000, 10**5000, "\U0001f4a9" * 1000, SessionConfig()),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_long(self, value):
        """A long value is cut, whatever it is."""
        assert len(shown(value)) <= 250

    @pytest.mark.parametrize(
        "value",
        [
            *("redis://:tiger@host", "redis://u:tiger", "redis://h?x=tiger", "anna:tiger@host", "password=tiger"),
            *("PWD: tiger", "api-key=tiger", "Secret_Token = tiger", b"redis://:tiger@h", ["redis://:tiger@h"]),
            *({"password": "tiger"}, {"a": {"b": ["redis://:tiger@h"]}}, {"DB_PASSWORD": "tiger"}),
            *("x" * 500 + "redis://:tiger@h", "redis://h/tiger", "redis://tiger%40h"),
            *("u:tiger", "redis:user:tiger", "a.b-c:tiger", "anna:5tiger", b"u:tiger", ["u:tiger"], {"a": "u:tiger"}),
        ],
        ids=repr,
    )
    def test_secrets(self, value):
        """A value that may hold a password is named by its type."""
        assert "tiger" not in shown(value)
        assert "tiger" not in named(value)
        assert type(value).__name__ in shown(value)

    @pytest.mark.parametrize(
        "value", ["password" * 10**6, ["password" * 10**6], b"token" * 10**6, {"a": "pwd" * 10**6}]
    )
    def test_words_without_end(self, value):
        """A text that never ends to look like a password takes no longer than its beginning does."""
        assert len(shown(value)) <= 250

    def test_object_of_another_package(self):
        """An object is named by its type: its representation may show anything, or fail."""

        class Client:
            def __repr__(self):
                raise AssertionError("a representation that is not to be asked for")

        assert shown(Client()).endswith("Client object>")
        assert "Client object" in shown([Client()]) or "list" in shown([Client()])

    def test_item_whose_representation_fails(self):
        """A container with such an item is named by its type."""

        class Item:
            def __repr__(self):
                raise RuntimeError("no representation")

        assert shown([Item()]) == "<list object>"

    @pytest.mark.parametrize("wrap", [list, deque, ValueError, lambda items: {"a": {"b": items}}])
    def test_items_of_another_package(self, wrap):
        """A container of another package's objects is named by its type: what they show may be secret."""

        class Settings:
            def __repr__(self):
                return "Settings('tiger')"

        text = shown(wrap([Settings()]))
        assert "tiger" not in text
        assert text.endswith(" object>")

    def test_class_with_line_ends(self):
        """A class whose metaclass shows it on several lines is shown on one."""
        lines = type("Lines", (type,), {"__repr__": lambda cls: "a\nb\x1bc"})
        assert shown(lines("Class", (), {})) == "a\\nb\\x1bc"

    @given(st.text(max_size=300))
    def test_name(self, text):
        """A name is shown on one line, and short."""
        name = named(text)
        assert len(name.splitlines()) == 1
        assert len(name) <= 250

    def test_kind(self):
        """The kind of a value is its type, with the module of another package."""
        assert [kind_of(5), kind_of("x")] == ["an int", "a str"]
        assert kind_of(timedelta(1)) == "an object of datetime.timedelta"


def callables():
    """Yield all functions and classes of the package, and the methods of the classes."""
    for found in pkgutil.walk_packages(httpsession.__path__, "httpsession."):
        if found.name.endswith("__main__"):
            continue
        module = import_module(found.name)
        for value in vars(module).values():
            if str(getattr(value, "__module__", "")).startswith("httpsession") and callable(value):
                yield value
                if inspect.isclass(value):
                    yield from filter(callable, vars(value).values())


class TestHelp:
    """Generated documentation shows nothing of the process in which it is made."""

    def test_signatures(self, monkeypatch):
        """No signature and no help has the environment in it, nor has a default that is a mapping of it."""
        monkeypatch.setenv("HTTPSESSION_TEST_PASSWORD", "swordfish")
        monkeypatch.setenv("PASSWORD", "swordfish")
        for value in callables():
            try:
                text = str(inspect.signature(value))
            except (TypeError, ValueError):
                continue
            assert "swordfish" not in text
            assert "environ(" not in text
        for name in httpsession.__all__:
            assert "swordfish" not in pydoc.render_doc(getattr(httpsession, name))

    @pytest.mark.parametrize("arguments", [[], ["list"], ["stats"], ["end"], ["copy"], ["check"], ["show"], ["sweep"]])
    def test_command(self, arguments):
        """The help of a command does not show the URL that the variable has."""
        environ = {"HTTPSESSION_STORE": "redis://:swordfish@host"}
        result = CliRunner().invoke(group(), [*arguments, "--help"], env=environ)
        assert result.exit_code == 0
        assert "swordfish" not in result.output

    def test_environment_variable_of_the_command(self):
        """A URL in place of the name of a variable is not shown either."""
        result = CliRunner().invoke(group(), ["stats", "--store", "env:redis://:swordfish@host"])
        assert result.exit_code == 1
        assert "swordfish" not in result.output

    def test_representations(self):
        """No representation of an object shows a password."""
        url = StoreUrl.parse("redis://web:swordfish@host/0?prefix=shop", timeout=1.0)
        manager = SessionManager("redis://web:swordfish@127.0.0.1:1/0")
        for value in (url, manager, SessionMiddleware(print, manager), manager._sessions, manager._sessions.store):
            assert "swordfish" not in f"{value!r} {value!s}"
        client = manager._sessions.store._client
        assert "swordfish" not in f"{client!r} {client.address!r} {client.address.login!r}"
        manager.close()
