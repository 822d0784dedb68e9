"""How sessions are changed and removed, statement by statement, in a transaction.

The caller has begun the transaction, so no other writer comes in between. It commits also when a save is refused: so
all checks come before the first change. If a statement fails, the caller rolls all of them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from sqlite3 import Cursor

from ..base import FOLLOW, Changes, StoredSession
from .rows import session_of
from .statements import Statements


def apply(statements: Statements, key: bytes, changes: Changes, now: float, cursor: Cursor) -> bool:
    """Apply all changes to the session that *key* leads to, or none; return whether they were applied.

    Args:
        statements: the statements of the store.
        key: the key that the caller knows, which may be a former one.
        changes: the changes, which the caller has checked.
        now: seconds since the epoch; it decides which former keys still lead to a session.
        cursor: a connection in a transaction that writes.
    """
    # A change of the key follows no former one, unless it is a login.
    since = now - FOLLOW if changes.new_key is None or changes.is_login else inf
    ((identity,),) = cursor.execute(statements.follow, {"key": key, "since": since}).fetchall()
    if identity is None or not _is_as_expected(cursor, statements, identity, changes):
        return False
    _change_attributes(cursor, statements, identity, changes)
    if changes.notes:
        _change_notes(cursor, statements, identity, changes.notes)
    if changes.principal is not ...:
        cursor.execute(statements.set_principal, (changes.principal, identity))
    if changes.max_inactive_interval is not None or changes.deadline is not None or changes.principal is None:
        _change_end(cursor, statements, identity, changes, now)
    if changes.new_key is not None:
        _move(cursor, statements, identity, changes.new_key, changes.is_login, now)
    return True


def remove(cursor: Cursor, statements: Statements, identity: int) -> StoredSession | None:
    """Remove a session and return it; a damaged one is removed all the same."""
    stored = session_of(cursor.execute(statements.read, (identity,)).fetchall())
    delete(cursor, statements, identity)
    return stored


def delete(cursor: Cursor, statements: Statements, identity: int) -> None:
    """Delete the rows of a session."""
    cursor.execute(statements.delete, (identity,))
    cursor.execute(statements.delete_values, (identity,))
    cursor.execute(statements.delete_marks, (identity,))


def is_more_than_put(changes: Changes) -> bool:
    """Return whether changes do more than give values to attributes."""
    return bool(
        changes.removed
        or changes.expected
        or changes.clear
        or changes.notes
        or changes.new_key is not None
        or changes.principal is not ...
        or changes.max_inactive_interval is not None
        or changes.deadline is not None
        or changes.is_login
    )


def delete_old_marks(cursor: Cursor, statements: Statements, now: float) -> None:
    """Delete the former keys that no request follows any more, and those that a login left as long ago."""
    cursor.execute(statements.delete_old_marks, (now - FOLLOW,))
    cursor.execute(statements.delete_old_left, (now - FOLLOW,))


def _is_as_expected(cursor: Cursor, statements: Statements, identity: int, changes: Changes) -> bool:
    """Return whether the new key is free, and the attributes have the values that the caller expects."""
    if changes.new_key is not None and cursor.execute(statements.find, (changes.new_key,)).fetchall():
        return False
    for name, value in changes.expected.items():
        rows = cursor.execute(statements.value, (identity, name)).fetchall()
        # A damaged attribute is absent to loads, and so it is here.
        if (rows[0][0] if rows else None) != value:
            return False
    return True


def _change_attributes(cursor: Cursor, statements: Statements, identity: int, changes: Changes) -> None:
    """Clear, then remove, then put: a name that is removed and put ends up with its value."""
    if changes.clear:
        cursor.execute(statements.clear, (identity,))
    cursor.executemany(statements.delete_attribute, [(identity, name) for name in changes.removed])
    cursor.executemany(statements.put, [(identity, *value) for value in changes.put.items()])


def _change_notes(cursor: Cursor, statements: Statements, identity: int, notes: Mapping[str, bytes | None]) -> None:
    """Set and remove notes. They are kept apart from the attributes, so that clearing these spares them."""
    for name, value in notes.items():
        if value is None:
            cursor.execute(statements.delete_note, (identity, name))
        else:
            cursor.execute(statements.put_note, (identity, name, value))


def _change_end(cursor: Cursor, statements: Statements, identity: int, changes: Changes, now: float) -> None:
    """Change interval and deadline, and the time by which sweeps find the session.

    That of a session without a user may be earlier, since its client may be a newcomer.
    """
    if changes.max_inactive_interval is not None:
        cursor.execute(statements.set_interval, (changes.max_inactive_interval, now, identity))
    if changes.deadline is not None:
        cursor.execute(statements.set_deadline, (changes.deadline, identity))
    cursor.execute(statements.set_due, (identity,))


def _move(cursor: Cursor, statements: Statements, identity: int, new_key: bytes, is_login: bool, now: float) -> None:
    """Give the session a new key. Its former keys lead to it or, after a login, nowhere.

    The identity of the session stays, so its attributes, notes and marks need no change. After a login the former keys
    are only remembered, so that a request can learn why it finds no session. The new key may have been a former one,
    after an undone change of the id: then its mark goes.
    """
    cursor.execute(statements.mark, (now, identity))
    if is_login:
        cursor.execute(statements.leave, (now, identity))
        cursor.execute(statements.delete_marks, (identity,))
    cursor.execute(statements.set_key, (new_key, identity))
    cursor.execute(statements.delete_mark, (new_key,))
    delete_old_marks(cursor, statements, now)
