"""The rows of a session in a SQLite file, in which another program has changed any column to any value."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from httpsession.ids import key_of

from . import stored
from .choices import Choices
from .engine import Check, folder_in_memory

COLUMNS = ("key", "created", "accessed", "used", "interval", "deadline", "principal", "due")
ODD = (
    *(None, 0, 1, -1, 2**62, -(2**63), 1.5, -1e308, 1e308, math.inf, -math.inf, math.nan, 4e9),
    *("", "bert", "x" * 3000, "9e999", "\0", "é", b"", b"\0" * 32, b"\xff", b"x" * 40),
)
NAMES = ("x", "", "user", "a\0b", b"n", b"user", b"\xff", 7, "x" * 2000)
FROM = "FROM httpsession_sessions WHERE key = ?"
OWN = "session = (SELECT identity FROM httpsession_sessions WHERE key = ?)"


class Burglar:
    """A program with a connection of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.text_factory = bytes
        connection.execute("PRAGMA synchronous = OFF")

    def change(self, choices: Choices) -> bool:
        """Change a column of the record, or a value, a name or the place of an attribute or note."""
        key, name = key_of(stored.VICTIM), choices.pick((*stored.DATA, b"n"))
        where = f"WHERE {OWN} AND name = ?"
        match choices.below(6):
            case 0 | 1:
                column = choices.pick(COLUMNS)
                self._do(
                    f"UPDATE OR IGNORE httpsession_sessions SET {column} = ? WHERE key = ?", choices.pick(ODD), key
                )
                return False
            case 2 | 3:
                value = stored.foreign(choices, stored.DATA.get(name, b"1"))
                self._do(f"UPDATE httpsession_attributes SET value = ? {where}", value, key, name)
            case 4:
                odd = choices.pick(ODD)
                self._do(f"UPDATE OR IGNORE httpsession_attributes SET value = ? {where}", odd, key, name)
            case _:
                if choices.is_one_in(4):
                    self._do(
                        f"UPDATE OR IGNORE httpsession_attributes SET name = CAST(x'ff' AS TEXT) {where}", key, name
                    )
                elif choices.flag():
                    new = choices.pick(NAMES)
                    self._do(f"UPDATE OR IGNORE httpsession_attributes SET name = ? {where}", new, key, name)
                else:
                    self._do(f"DELETE FROM httpsession_attributes {where}", key, name)
        return True

    def values(self) -> Mapping[str, bytes]:
        """Return the values whose names are text that can be decoded."""
        rows = self._do(
            f"SELECT name, value FROM httpsession_attributes WHERE {OWN}"
            " AND typeof(name) = 'text' AND typeof(value) = 'blob'",
            key_of(stored.VICTIM),
        )
        return {name.decode(): value for name, value in rows if _is_utf_8(name)}

    def clean(self) -> None:
        """Remove all but the bystander."""
        key = key_of(stored.BYSTANDER)
        self._do(f"DELETE FROM httpsession_attributes WHERE NOT {OWN}", key)
        self._do("DELETE FROM httpsession_sessions WHERE key != ?", key)

    def _do(self, statement: str, *parameters: object) -> list:
        with self._connection:
            return self._connection.execute(statement, parameters).fetchall()


def _is_utf_8(name: bytes) -> bool:
    try:
        return bool(name.decode()) or True
    except UnicodeDecodeError:
        return False


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a database with the session of a bystander."""
    with folder_in_memory() as folder:
        path = folder / "sessions.db"
        with (
            stored.site_on(f"sqlite:///{path}?synchronous=off") as site,
            closing(sqlite3.connect(path, isolation_level=None)) as own,
        ):
            burglar = Burglar(own)
            yield lambda choices: stored.check(site, burglar, choices)
