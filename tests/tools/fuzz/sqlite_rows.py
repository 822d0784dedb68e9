"""The rows of a session in a SQLite file, in which another program has changed any column to any value."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from . import stored
from .choices import Choices
from .engine import Check, folder_in_memory

COLUMNS = ("key", "created", "accessed", "used", "interval", "deadline", "principal", "due")
ODD = (
    *(None, 0, 1, -1, 2**62, -(2**63), 1.5, -1e308, 1e308, math.inf, -math.inf, math.nan, 4e9),
    *("", "bert", "x" * 3000, "9e999", "\0", "é", b"", b"\0" * 32, b"\xff", b"x" * 40),
)
NAMES = ("x", "", "user", "a\0b", b"n", b"user", b"\xff", 7, "x" * 2000)


class Burglar:
    """A program with a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, scene: stored.Scene, prefix: str) -> None:
        self._connection = connection
        self._scene = scene
        self._sessions, self._attributes = f"{prefix}_sessions", f"{prefix}_attributes"
        self._key = scene.victim.record.key
        self._names = (*scene.victim.attributes, *(name.encode() for name in scene.victim.record.notes))
        self._own = f"session = (SELECT identity FROM {self._sessions} WHERE key = ?)"

    def change(self, choices: Choices) -> bool:
        """Change a column of the record, or a value, a name or the place of an attribute or note."""
        match choices.below(6):
            case 0 | 1:
                statement = f"UPDATE OR IGNORE {self._sessions} SET {choices.pick(COLUMNS)} = ? WHERE key = ?"
                self._do(statement, choices.pick(ODD), self._key)
                return False
            case 2 | 3:
                name = choices.pick(self._names)
                self._set(name, "value = ?", self._scene.foreign(choices, self._value(name)))
            case 4:
                self._set(choices.pick(self._names), "value = ?", choices.pick(ODD))
            case _:
                self._rename(choices, choices.pick(self._names))
        return True

    def values(self) -> Mapping[str, bytes]:
        """Return the values whose names are text that can be decoded."""
        rows = self._do(
            f"SELECT name, value FROM {self._attributes} WHERE {self._own}"
            " AND typeof(name) = 'text' AND typeof(value) = 'blob'",
            self._key,
        )
        return {name.decode(): value for name, value in rows if _is_utf_8(name)}

    def clean(self) -> None:
        """Remove all but the bystander."""
        key = self._scene.bystander.record.key
        self._do(f"DELETE FROM {self._attributes} WHERE NOT {self._own}", key)
        self._do(f"DELETE FROM {self._sessions} WHERE key != ?", key)

    def _rename(self, choices: Choices, name: str | bytes) -> None:
        """Give an attribute another name, which may be no UTF-8, or remove it."""
        match choices.below(4):
            case 0:
                self._set(name, "name = CAST(x'ff' AS TEXT)")
            case 1 | 2:
                self._set(name, "name = ?", choices.pick((*NAMES, *self._names)))
            case _:
                self._do(f"DELETE FROM {self._attributes} WHERE {self._own} AND name = ?", self._key, name)

    def _value(self, name: str | bytes) -> bytes:
        victim = self._scene.victim
        return victim.record.notes[name.decode()] if isinstance(name, bytes) else victim.attributes[name]

    def _set(self, name: str | bytes, what: str, *values: object) -> None:
        statement = f"UPDATE OR IGNORE {self._attributes} SET {what} WHERE {self._own} AND name = ?"
        self._do(statement, *values, self._key, name)

    def _do(self, statement: str, *parameters: object) -> list:
        with self._connection:
            return self._connection.execute(statement, parameters).fetchall()


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a database with a plain store and an encrypted store."""
    with folder_in_memory() as folder:
        path = folder / "sessions.db"
        url = f"sqlite:///{path}?synchronous=off&prefix="
        with (
            stored.scene(f"{url}plain", is_sealed=False) as plain,
            stored.scene(f"{url}sealed", is_sealed=True) as sealed,
            closing(sqlite3.connect(path, isolation_level=None)) as connection,
        ):
            connection.text_factory = bytes
            connection.execute("PRAGMA synchronous = OFF")
            pairs = [(plain, Burglar(connection, plain, "plain")), (sealed, Burglar(connection, sealed, "sealed"))]

            def check(choices: Choices) -> None:
                scene, burglar = choices.pick(pairs)
                scene.check(burglar, choices)

            yield check
