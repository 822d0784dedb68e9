"""How a save changes a session, statement by statement, in a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from sqlite3 import Cursor

from ..base import FOLLOW, Changes
from .statements import Statements


def apply(statements: Statements, key: bytes, changes: Changes, now: float, cursor: Cursor) -> bool:
    """Apply all changes to the session that *key* leads to, or none; return whether they were applied."""
    # A change of the key follows no former one, unless it is a login.
    since = now - FOLLOW if changes.new_key is None or changes.is_login else inf
    ((identity,),) = cursor.execute(statements.follow, {"key": key, "since": since}).fetchall()
    if identity is None or not _is_as_expected(cursor, statements, identity, changes):
        return False
    _change_attributes(cursor, statements, identity, changes)
    if changes.notes:
        _change_notes(cursor, statements, identity, changes.notes)
    if changes.max_inactive_interval is not None or changes.deadline is not None:
        _change_end(cursor, statements, identity, changes)
    if changes.principal is not ...:
        cursor.execute(statements.set_principal, (changes.principal, identity))
    if changes.new_key is not None:
        _move(cursor, statements, identity, changes.new_key, changes.is_login, now)
    return True


def delete_old_marks(cursor: Cursor, statements: Statements, now: float) -> None:
    """Delete the former keys that no request follows any more, and those that a login left as long ago."""
    cursor.execute(statements.delete_old_marks, (now - FOLLOW,))
    cursor.execute(statements.delete_old_left, (now - FOLLOW,))


def _is_as_expected(cursor: Cursor, statements: Statements, identity: int, changes: Changes) -> bool:
    if changes.new_key is not None and cursor.execute(statements.find, (changes.new_key,)).fetchall():
        return False
    for name, value in changes.expected.items():
        rows = cursor.execute(statements.value, (identity, name)).fetchall()
        # A damaged attribute is absent to loads, and so it is here.
        if (rows[0][0] if rows else None) != value:
            return False
    return True


def _change_attributes(cursor: Cursor, statements: Statements, identity: int, changes: Changes) -> None:
    if changes.clear:
        cursor.execute(statements.clear, (identity,))
    cursor.executemany(statements.delete_attribute, [(identity, name) for name in changes.removed])
    cursor.executemany(statements.put, [(identity, *value) for value in changes.put.items()])


def _change_notes(cursor: Cursor, statements: Statements, identity: int, notes: Mapping[str, bytes | None]) -> None:
    for name, value in notes.items():
        if value is None:
            cursor.execute(statements.delete_note, (identity, name))
        else:
            cursor.execute(statements.put_note, (identity, name, value))


def _change_end(cursor: Cursor, statements: Statements, identity: int, changes: Changes) -> None:
    if changes.max_inactive_interval is not None:
        cursor.execute(statements.set_interval, (changes.max_inactive_interval, identity))
    if changes.deadline is not None:
        cursor.execute(statements.set_deadline, (changes.deadline, identity))
    cursor.execute(statements.set_due, (identity,))


def _move(cursor: Cursor, statements: Statements, identity: int, new_key: bytes, is_login: bool, now: float) -> None:
    """Give the session a new key. Its former keys lead to it or, after a login, nowhere."""
    cursor.execute(statements.mark, (now, identity))
    if is_login:
        cursor.execute(statements.leave, (now, identity))
        cursor.execute(statements.delete_marks, (identity,))
    cursor.execute(statements.set_key, (new_key, identity))
    cursor.execute(statements.delete_mark, (new_key,))
    delete_old_marks(cursor, statements, now)
