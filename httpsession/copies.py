"""The copy that a request has of a session which processes share, and what the store is to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .attributes import Attributes, Snapshot
from .session import HttpSession
from .stores.base import Changes, Stored


@dataclass(slots=True)
class Base:
    """What the store had of a session when it was last read or told, and what else it is to be told."""

    id: str
    max_inactive_interval: int
    principal: str | None
    #: The key of the id that this request has drawn.
    new_key: bytes | None = None
    #: Whether somebody has logged in, and whether somebody else had been before.
    is_login: bool = False
    is_afresh: bool = False
    #: What was changed before the id was, and stands when that is taken back.
    kept: Changes | None = None
    is_taken_back: bool = False
    #: Whether another request has ended the session.
    is_gone: bool = False


class Copy(Snapshot):
    """The attributes of a session, with what the store had of it; None while it has nothing.

    What every request does takes a session's attributes to be one of these without looking, to save calls.
    """

    __slots__ = ("activated", "base")

    base: Base | None
    #: Which values have heard of being read, and are to hear of being written.
    activated: set[str]


def copy_of(session: HttpSession) -> Copy:
    """Return the copy that a session of a shared store has."""
    copy = session.attributes
    if not isinstance(copy, Copy):
        raise TypeError("the session is not one of a shared store")
    return copy


def encodings(stored: Stored) -> Mapping[str, bytes]:
    """Return the encodings of the attributes that came out of a shared store."""
    if isinstance(stored.attributes, Attributes):
        raise TypeError("a shared store gives back the encodings of attributes")
    return stored.attributes
