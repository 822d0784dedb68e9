"""Audit events: what happens to sessions that an operator should know, on the logger ``httpsession.audit``.

An event has a name of the OWASP logging vocabulary, and details by name. It never has an id, a key, a token or a value.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final, Literal

from . import fork
from .errors import shown
from .ids import handle_of

_log = logging.getLogger("httpsession.audit")

#: The names of all events; docs/reference/audit.md says when each is logged, and with which facts.
Event = Literal[
    "session_created",
    "session_renewed",
    "session_expired",
    "session_logout",
    "session_use_after_expire",
    "session_unknown_id",
    "session_cookie_ambiguous",
    "session_login_by_url",
    "session_data_corrupt",
    "session_store_error",
    "excess_sessions_exceeded",
    "malicious_csrf",
    "config_warning",
]

#: Events of one name that are logged at once, and seconds after which one more may be. The others are counted.
BURST: Final = 100
REFILL: Final = 0.1
#: Digits of a handle that name a session in the log.
_REFERENCE: Final = 16
#: Characters of the longest word that stands without quotes in a message.
_PLAIN: Final = 40


class OwnText(str):
    """A text that this package has written, and that has no secrets: a message shows all of it, in one line."""

    __slots__ = ()


class _Limiter:
    """The rates at which events of each name are logged, so that a flood of requests is no flood of lines."""

    def __init__(self) -> None:
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Begin anew: the events of the parent are the parent's."""
        self._lock: threading.Lock = threading.Lock()
        #: For each name the free places, when they were counted, and how many events were left out since the last line.
        self._states: dict[str, tuple[float, float, int]] = {}

    def admit(self, event: str, now: float) -> int | None:
        """Return how many events of this name were left out before this one; None if this one is left out."""
        with self._lock:
            free, since, left_out = self._states.get(event, (float(BURST), now, 0))
            free = min(BURST, free + max(0.0, now - since) / REFILL)
            if free < 1:
                self._states[event] = free, now, left_out + 1
                return None
            self._states[event] = free - 1, now, 0
            return left_out


_limiter: Final = _Limiter()


def reference(key: bytes) -> str:
    """Return the name of a session in the log: the beginning of its handle, by which the command finds the session."""
    return handle_of(key)[:_REFERENCE]


def note(
    event: Event,
    *,
    key: bytes | None = None,
    principal: str | None = None,
    level: int = logging.INFO,
    **details: str | float | None,
) -> None:
    """Log an event, unless too many of the same name were logged just now.

    The record has the attributes ``event``, ``session``, ``principal``, ``details`` and ``left_out`` for formatters
    that write structured logs. Its message has them, too, in one line without control characters.

    Args:
        event: the name of the event, such as ``session_created``.
        key: the key of the session, of which only the :func:`reference` is logged.
        principal: the user that is logged in.
        level: the level of the record.
        details: further facts by name. No text that a client has sent may be among them uncut.
    """
    if not _log.isEnabledFor(level):
        return
    left_out = _limiter.admit(event, time.monotonic())
    if left_out is None:
        return
    facts = {"session": None if key is None else reference(key), "principal": principal, **details}
    known = {name: fact for name, fact in facts.items() if fact is not None}
    more = {"left_out": left_out} if left_out else {}
    text = " ".join([event, *(f"{name}={_fact(fact)}" for name, fact in {**known, **more}.items())])
    extra = {
        "event": event,
        "session": facts["session"],
        "principal": principal,
        "details": {name: details[name] for name in details if name in known},
        "left_out": left_out,
    }
    _log.log(level, "%s", text, extra=extra)


def warn(reason: str) -> None:
    """Log that a setting weakens the sessions, or does not do what it is for: *reason* is a sentence that names it."""
    note("config_warning", level=logging.WARNING, reason=OwnText(reason))


def _fact(fact: str | float) -> str:
    if isinstance(fact, OwnText):
        return repr(str(fact))
    return shown(fact) if isinstance(fact, str) and not (fact.isalnum() and len(fact) <= _PLAIN) else str(fact)
