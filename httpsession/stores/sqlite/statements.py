"""What the store says to SQLite: each statement is one text for ever, which a connection prepares once."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from ...errors import ConfigError
from ..base import MAX_VALUE, SLACK
from ..url import flaw_of_prefix

#: What the statements have in common.
_WORDS: Final = {
    "record": "s.identity, s.key, s.created, s.accessed, s.used, s.interval, s.deadline, s.principal",
    # Neither type nor length makes SQLite read the value.
    "value": f"CASE WHEN typeof(a.value) = 'blob' AND length(a.value) <= {MAX_VALUE} THEN a.value END",
    # The arithmetic of SessionRecord: when a session is due, and whether it was alive for a request.
    "end": f"CASE WHEN interval > 0 THEN min(max(accessed, used) + interval + {SLACK!r}, deadline) ELSE deadline END",
    "alive": f"(interval <= 0 OR max(accessed, used) + interval + {SLACK!r} > :arrived) AND deadline > :arrived",
    # The identity of the session that has the key, or had it since then.
    "followed": (
        "coalesce((SELECT identity FROM {sessions} WHERE key = :key),"
        " (SELECT session FROM {marks} WHERE key = :key AND moved >= :since))"
    ),
    "upsert": "ON CONFLICT (session, name) DO UPDATE SET value = excluded.value",
    "select": "SELECT {record}, a.name, {value} FROM {sessions} s LEFT JOIN {attributes} a ON a.session = s.identity",
}
#: None ends with another one after an underscore: so different prefixes never make the same name.
_NAMES: Final = ("sessions", "attributes", "marks", "schema", "due", "principals", "newcomers", "marked", "moved")


def text(template: str, prefix: str) -> str:
    """Return a text with words and names of tables and indexes for what is in braces."""
    # SQLite takes a name in capital letters for the same, but a prefix in capital letters is another.
    stem = re.sub("[A-Z]", r"^\g<0>", prefix)
    words = _WORDS | {name: f'"{stem}_{name}"' for name in _NAMES}
    while "{" in template:
        template = template.format_map(words)
    return template


@dataclass
class Statements:
    """The statements of a store whose tables have names that begin with *prefix*.

    Raises:
        ConfigError: no names may begin so.
    """

    prefix: str

    # Rows of a session: its record with one attribute each.
    load: str = "{select} WHERE s.key = ?"
    peek: str = "{select} WHERE s.identity = {followed}"
    read: str = "{select} WHERE s.identity = ?"
    #: Of the sessions after an identity, so many.
    slice: str = (
        "{select} WHERE s.identity IN (SELECT identity FROM {sessions} WHERE identity > ? ORDER BY identity LIMIT ?)"
        " ORDER BY s.identity"
    )
    records_of: str = "SELECT {record} FROM {sessions} s WHERE principal = ? ORDER BY identity"
    count: str = "SELECT count(*) FROM {sessions}"

    # Identities of sessions.
    find: str = "SELECT identity FROM {sessions} WHERE key = ?"
    follow: str = "SELECT {followed}"
    #: Those that may be due, and whether they are alive. What is no number comes after all numbers.
    due: str = (
        "SELECT identity, {end} > :now FROM {sessions} WHERE due <= :now"
        " UNION ALL SELECT identity, 0 FROM {sessions} WHERE due > 9e999 LIMIT :size"
    )
    newcomers: str = "SELECT identity, key FROM {sessions} WHERE accessed = created ORDER BY created, identity LIMIT ?"

    # Changes of a session.
    create: str = (
        "INSERT INTO {sessions} (key, created, accessed, used, interval, deadline, principal, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
    )
    touch: str = (
        "UPDATE {sessions} SET accessed = max(accessed, :arrived), used = max(used, :ended)"
        " WHERE identity = {followed} AND {alive}"
    )
    set_interval: str = "UPDATE {sessions} SET interval = ? WHERE identity = ?"
    set_principal: str = "UPDATE {sessions} SET principal = ? WHERE identity = ?"
    set_key: str = "UPDATE {sessions} SET key = ? WHERE identity = ?"
    set_due: str = "UPDATE {sessions} SET due = {end} WHERE identity = ?"
    delete: str = "DELETE FROM {sessions} WHERE identity = ?"

    # Attributes.
    put: str = "INSERT INTO {attributes} (session, name, value) VALUES (?, ?, ?) {upsert}"
    #: Where there is no session nothing is put.
    put_one: str = (
        "INSERT INTO {attributes} (session, name, value)"
        " SELECT identity, :name, :value FROM {sessions} WHERE identity = {followed} {upsert}"
    )
    value: str = "SELECT {value} FROM {attributes} a WHERE session = ? AND name = ?"
    delete_attribute: str = "DELETE FROM {attributes} WHERE session = ? AND name = ?"
    delete_attributes: str = "DELETE FROM {attributes} WHERE session = ?"

    # Former keys.
    mark: str = (
        "INSERT OR REPLACE INTO {marks} (key, session, moved)"
        " SELECT key, identity, ? FROM {sessions} WHERE identity = ?"
    )
    marks: str = "SELECT key FROM {marks} WHERE session = ?"
    delete_mark: str = "DELETE FROM {marks} WHERE key = ?"
    delete_marks: str = "DELETE FROM {marks} WHERE session = ?"
    delete_old_marks: str = "DELETE FROM {marks} WHERE moved < ?"

    # The version of the tables.
    make_version: str = "CREATE TABLE IF NOT EXISTS {schema} (version INTEGER NOT NULL)"
    version: str = "SELECT coalesce(max(version), 0) FROM {schema}"
    set_version: str = "INSERT INTO {schema} (version) VALUES (?)"

    def __post_init__(self) -> None:
        flaw = flaw_of_prefix(self.prefix)
        if not flaw and self.prefix.lower().partition("_")[0] == "sqlite":
            flaw = f"has the prefix {self.prefix!r}, but SQLite keeps names that begin so for itself"
        if flaw:
            raise ConfigError(f"the SQLite store {flaw}")
        for field in fields(self)[1:]:
            setattr(self, field.name, text(getattr(self, field.name), self.prefix))
