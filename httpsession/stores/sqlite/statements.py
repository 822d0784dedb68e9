"""The SQL of the store. The text of a statement never changes, so that a connection prepares it once.

A session has an identity, a number that stays when its key changes. Attributes, notes and marks refer to that.
Statements are written with words in braces for shared parts and for the names of tables (:func:`text`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from ...errors import ConfigError
from ...record import MAX_VALUE
from ..base import SLACK
from ..url import flaw_of_prefix

#: The parts that statements share.
_WORDS: Final = {
    "record": (
        "s.identity, s.key, s.created, s.accessed, s.used, s.interval, s.deadline, s.principal, s.newcomer_interval"
    ),
    # SQLite reads the value for neither its type nor its length.
    "value": f"CASE WHEN typeof(a.value) = 'blob' AND length(a.value) <= {MAX_VALUE} THEN a.value END",
    # A note is an attribute whose name is a BLOB, which SQLite compares as unequal to any text and greater.
    "attribute": "CAST(a.name AS TEXT), {value}, typeof(a.name) = 'blob'",
    # The arithmetic of SessionRecord: after how many idle seconds a session expires, when it is due, and whether it was
    # alive for a request.
    "idle": (
        "CASE WHEN newcomer_interval > 0 AND accessed <= created AND principal IS NULL"
        " AND NOT interval BETWEEN 1 AND newcomer_interval THEN newcomer_interval"
        " WHEN interval > 0 THEN interval ELSE 9e999 END"
    ),
    "end": f"min(max(accessed, used) + {{idle}} + {SLACK!r}, deadline)",
    "alive": "{end} > :arrived",
    # The identity of the session that has the key, or had it at that time or later.
    "followed": (
        "coalesce((SELECT identity FROM {sessions} WHERE key = :key),"
        " (SELECT session FROM {marks} WHERE key = :key AND moved >= :since))"
    ),
    "upsert": "ON CONFLICT (session, name) DO UPDATE SET value = excluded.value",
    "select": "SELECT {record}, {attribute} FROM {sessions} s LEFT JOIN {attributes} a ON a.session = s.identity",
}
#: No name ends with an underscore and another name, so different prefixes never make the same name.
_NAMES: Final = (
    *("sessions", "attributes", "marks", "left", "schema"),
    *("due", "principals", "newcomers", "marked", "moved", "departed"),
)


def text(template: str, prefix: str) -> str:
    """Return a template with each word in braces replaced by the part, table or index that it names.

    A part may have words in braces itself, so they are replaced until none is left. For the prefix ``shop``,
    ``{marks}`` becomes ``"shop_marks"``.
    """
    # SQLite ignores the case of a name, but prefixes that differ in case are different.
    stem = re.sub("[A-Z]", r"^\g<0>", prefix)
    words = _WORDS | {name: f'"{stem}_{name}"' for name in _NAMES}
    while "{" in template:
        template = template.format_map(words)
    return template


@dataclass
class Statements:
    """The statements of a store whose tables have names that begin with *prefix*.

    Parameters are given by position, or by these names:

    - ``:key``, a key, which may be a former one; ``:since``, the time before which former keys lead nowhere;
    - ``:arrived`` and ``:ended``, the times of a request; ``:now``, the present;
    - ``:name`` and ``:value`` of an attribute; ``:size``, the most rows that are returned.

    Times are seconds since the epoch. Each statement is atomic by itself, so a store needs a transaction only for
    several.

    Raises:
        ConfigError: the prefix is wrong.
    """

    prefix: str

    # The rows of a session: its record with one attribute or note each.
    load: str = "{select} WHERE s.key = ?"
    peek: str = "{select} WHERE s.identity = {followed}"
    read: str = "{select} WHERE s.identity = ?"
    #: The first sessions after an identity.
    slice: str = (
        "{select} WHERE s.identity IN (SELECT identity FROM {sessions} WHERE identity > ? ORDER BY identity LIMIT ?)"
        " ORDER BY s.identity"
    )
    #: The sessions of a user, with their notes alone.
    records_of: str = "{select} AND a.name >= x'' WHERE s.principal = ? ORDER BY s.identity"
    count: str = "SELECT count(*) FROM {sessions}"

    # Identities of sessions.
    find: str = "SELECT identity FROM {sessions} WHERE key = ?"
    follow: str = "SELECT {followed}"
    belongs: str = "SELECT identity FROM {sessions} WHERE identity = ? AND principal = ?"
    #: Sessions that may be due, and whether they are alive. Text and BLOBs, as damage, sort after all numbers.
    due: str = (
        "SELECT identity, {end} > :now FROM {sessions} WHERE due <= :now"
        " UNION ALL SELECT identity, 0 FROM {sessions} WHERE due > 9e999 LIMIT :size"
    )
    newcomers: str = (
        "SELECT identity, key FROM {sessions} WHERE accessed = created AND principal IS NULL"
        " ORDER BY created, identity LIMIT ?"
    )

    # Changes of a session.
    create: str = (
        "INSERT INTO {sessions} (key, created, accessed, used, interval, deadline, principal, newcomer_interval, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
    )
    touch: str = (
        "UPDATE {sessions} SET accessed = max(accessed, :arrived), used = max(used, :ended)"
        " WHERE identity = {followed} AND {alive}"
    )
    #: The request that changes the interval is using the session, though its access is not flushed yet.
    set_interval: str = "UPDATE {sessions} SET interval = ?, used = max(used, ?) WHERE identity = ?"
    set_deadline: str = "UPDATE {sessions} SET deadline = ? WHERE identity = ?"
    set_principal: str = "UPDATE {sessions} SET principal = ? WHERE identity = ?"
    set_key: str = "UPDATE {sessions} SET key = ? WHERE identity = ?"
    set_due: str = "UPDATE {sessions} SET due = {end} WHERE identity = ?"
    delete: str = "DELETE FROM {sessions} WHERE identity = ?"

    # Attributes.
    put: str = "INSERT INTO {attributes} (session, name, value) VALUES (?, ?, ?) {upsert}"
    #: Nothing is put if there is no session.
    put_one: str = (
        "INSERT INTO {attributes} (session, name, value)"
        " SELECT identity, :name, :value FROM {sessions} WHERE identity = {followed} {upsert}"
    )
    value: str = "SELECT {value} FROM {attributes} a WHERE session = ? AND name = ?"
    delete_attribute: str = "DELETE FROM {attributes} WHERE session = ? AND name = ?"
    clear: str = "DELETE FROM {attributes} WHERE session = ? AND name < x''"

    # Notes.
    put_note: str = "INSERT INTO {attributes} (session, name, value) VALUES (?, CAST(? AS BLOB), ?) {upsert}"
    delete_note: str = "DELETE FROM {attributes} WHERE session = ? AND name = CAST(? AS BLOB)"
    delete_values: str = "DELETE FROM {attributes} WHERE session = ?"

    # Former keys that lead to a session.
    mark: str = (
        "INSERT OR REPLACE INTO {marks} (key, session, moved)"
        " SELECT key, identity, ? FROM {sessions} WHERE identity = ?"
    )
    marks: str = "SELECT key FROM {marks} WHERE session = ?"
    delete_mark: str = "DELETE FROM {marks} WHERE key = ?"
    delete_marks: str = "DELETE FROM {marks} WHERE session = ?"
    delete_old_marks: str = "DELETE FROM {marks} WHERE moved < ?"

    # Former keys that lead nowhere, since a login left them.
    leave: str = "INSERT OR REPLACE INTO {left} (key, moved) SELECT key, ? FROM {marks} WHERE session = ?"
    was_left: str = "SELECT count(*) FROM {left} WHERE key = ? AND moved >= ?"
    delete_old_left: str = "DELETE FROM {left} WHERE moved < ?"

    # The version of the tables.
    make_version: str = "CREATE TABLE IF NOT EXISTS {schema} (version INTEGER NOT NULL)"
    version: str = "SELECT coalesce(max(version), 0) FROM {schema}"
    set_version: str = "INSERT INTO {schema} (version) VALUES (?)"

    def __post_init__(self) -> None:
        """Check the prefix, and replace each template by its text."""
        flaw = flaw_of_prefix(self.prefix)
        if not flaw and self.prefix.lower().partition("_")[0] == "sqlite":
            flaw = f"has the prefix {self.prefix!r}, but SQLite keeps names that begin so for itself"
        if flaw:
            raise ConfigError(f"the SQLite store {flaw}")
        for field in fields(self)[1:]:
            setattr(self, field.name, text(getattr(self, field.name), self.prefix))
