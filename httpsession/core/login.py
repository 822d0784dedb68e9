"""A login to a session in memory, between the call of the application and the commit.

A login cuts other requests off, which cannot be undone. So it takes effect only at the commit, when the client is sure
to learn the new id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..attributes import ABSENT, Attributes
from ..record import LiveRecord
from ..stores.base import Changes
from .context import Audience
from .session import Session


@dataclass(slots=True, repr=False)
class Login:
    """The former session of a login that is not committed yet, as the hold of the request had it.

    A :class:`.LiveSession` owns it: an undo returns to it, and the commit compares with it. It is not shared with other
    requests, but its record and attributes are. They go on changing until the commit.
    """

    id: str
    record: LiveRecord
    attributes: Attributes
    audience: Audience[Session]
    #: The attributes as this request read them when the user logged in.
    values: dict[str, Any]
    #: Whether another user was logged in, whose attributes go.
    clears: bool
    #: The interval when the user logged in.
    interval: int
    #: The notes when the user logged in, which the commit removes.
    notes: Mapping[str, bytes]
    #: The names of values that this request has replaced or removed since. The former session has them until the
    #: commit, and they are unbound then.
    unbound: set[str] = field(default_factory=set)

    def changes(self, record: LiveRecord, removed: Collection[str]) -> Changes:
        """Return the changes that put the login into effect, with the *record* as the request has it now."""
        interval = record.max_inactive_interval
        return Changes(
            removed=removed,
            new_key=record.key,
            is_login=True,
            clear=self.clears,
            principal=record.principal,
            deadline=record.deadline,
            max_inactive_interval=None if interval == self.interval else interval,
            notes={**dict.fromkeys(self.notes), **record.notes},
        )

    def has_bound(self, name: str, value: object) -> bool:
        """Return whether *value* is bound in the former session, and was not bound again since.

        If this request replaces it, it is unbound only at the commit: until then the former session has it.
        """
        return name not in self.unbound and self.values.get(name, ABSENT) is value
