"""The forms of replies. A reply of another form comes from a server that is not Redis, or belongs to another command.

So it is a failing system, never a missing session. Data of a wrong form *in* a reply are another matter: other clients
of the server may have written them, and they are no session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

#: A host and a port, or the path of a socket.
Place = tuple[str, int] | str
#: Returns whether a reply, which is no error, can be the reply to a command.
Form = Callable[[Any], bool]

_SLOTS: Final = 16384
_BYTES: Final = frozenset({bytes})


def is_ok(reply: Any) -> bool:
    """Return whether a reply says that a command was carried out."""
    return bool(reply == b"OK")


def is_text(reply: Any) -> bool:
    """Return whether a reply is a text of bytes."""
    return type(reply) is bytes


def is_mark(reply: Any) -> bool:
    """Return whether a reply is a text of bytes, or says that there is none."""
    return reply is None or type(reply) is bytes


def is_none(reply: Any) -> bool:
    """Return whether a reply says nothing."""
    return reply is None


def is_flag(reply: Any) -> bool:
    """Return whether a reply says yes or no, by 1 or 0."""
    return type(reply) is int and 0 <= reply <= 1


def is_count(reply: Any) -> bool:
    """Return whether a reply is a number, not below zero."""
    return type(reply) is int and reply >= 0


def is_list(reply: Any) -> bool:
    """Return whether a reply is a list of texts."""
    return type(reply) is list and set(map(type, reply)) <= _BYTES


def is_pairs(reply: Any) -> bool:
    """Return whether a reply has names and values in turn: a hash, or members and scores."""
    return type(reply) is list and not len(reply) % 2 and set(map(type, reply)) <= _BYTES


def is_scores(reply: Any) -> bool:
    """Return whether a reply has members and their scores in turn."""
    return is_pairs(reply) and all(map(_is_score, reply[1::2]))


def is_page(reply: Any) -> bool:
    """Return whether a reply is a part of an iteration: where it goes on, and texts."""
    if type(reply) is not list or len(reply) != 2:
        return False
    cursor, words = reply
    return type(cursor) is bytes and cursor.isdigit() and is_list(words)


def is_page_of_scores(reply: Any) -> bool:
    """Return whether a reply is a part of an iteration: where it goes on, and members with their scores."""
    return is_page(reply) and is_pairs(reply[1])


def is_session(reply: Any) -> bool:
    """Return whether a reply is a session, by its key and its fields."""
    return type(reply) is list and len(reply) == 2 and is_text(reply[0]) and is_pairs(reply[1])


def is_sessions(reply: Any) -> bool:
    """Return whether a reply is a list of sessions."""
    return type(reply) is list and all(map(is_session, reply))


def is_touched(reply: Any) -> bool:
    """Return whether a reply is a list of sessions, or says that none was asked for."""
    return reply is None or is_sessions(reply)


def is_removed(reply: Any) -> bool:
    """Return whether a reply is a session, or says that there is none."""
    return reply is None or is_session(reply)


def is_swept(reply: Any) -> bool:
    """Return whether a reply is a list of keys, each with the fields that it had, or without any."""
    return type(reply) is list and all(map(_is_swept, reply))


def is_role(reply: Any) -> bool:
    """Return whether a reply tells the role of a server."""
    return type(reply) is list and len(reply) > 0 and type(reply[0]) is bytes


def is_place(reply: Any) -> bool:
    """Return whether a reply of a Sentinel names a server, or none."""
    return reply is None or (is_list(reply) and len(reply) == 2 and reply[1].isdigit())


def is_table(reply: Any) -> bool:
    """Return whether a reply is the table of the slots of a Cluster."""
    return type(reply) is list and all(map(_is_range, reply))


def _is_score(word: bytes) -> bool:
    try:
        return float(word) == float(word)
    except ValueError:
        return False


def _is_swept(entry: Any) -> bool:
    return type(entry) is list and len(entry) == 2 and type(entry[0]) is bytes and (not entry[1] or is_session(entry))


def _is_range(entry: Any) -> bool:
    if type(entry) is not list or len(entry) < 3:
        return False
    first, last, node = entry[:3]
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < _SLOTS:
        return False
    return type(node) is list and len(node) > 1 and is_mark(node[0]) and type(node[1]) is int
