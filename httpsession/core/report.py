"""The audit events of a session's life. Each is logged by the process that the store gave the decision to."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal

from .. import audit
from ..ids import key_of
from ..record import SessionRecord
from .counts import End

#: Why a session ends that neither the application nor time ends: an administrator has ended it, its process ends, or
#: its request has failed before the client could learn of it.
Cause = Literal["revoked", "closed", "undone"]

#: Reports a session that its store has now, and whose id goes out to the client.
created: Final = partial(audit.note, "session_created")


def renewed(record: SessionRecord, former_id: str, reason: str) -> None:
    """Report a new id that is stored and goes out to the client.

    Args:
        record: the record of the session, which has the new key.
        former_id: the id that the client has sent.
        reason: ``login``, ``reauthentication`` or ``rotation``.
    """
    former = audit.reference(key_of(former_id))
    audit.note("session_renewed", key=record.key, principal=record.principal, reason=reason, former=former)


def ended(record: SessionRecord, end: End, cause: Cause | None) -> None:
    """Report the end of a session that the store has returned to this process alone.

    The creation of a session that was undone is not reported, so its end is not either.
    """
    if cause == "undone":
        return
    details: dict[str, Any] = {"key": record.key, "principal": record.principal}
    if end == "invalidated" and cause is None:
        audit.note("session_logout", **details)
    elif end == "expired":
        audit.note("session_expired", reason=record.reason_to_expire, **details)
    else:
        audit.note("session_expired", reason=cause or end, **details)


def used_after_expiry(record: SessionRecord) -> None:
    """Report a request whose session had expired, and which found that before a sweep did."""
    audit.note("session_use_after_expire", key=record.key, principal=record.principal)


def unknown(session_id: str) -> None:
    """Report a well-formed id that no session has. No store knows whether it ever was the id of a session."""
    audit.note("session_unknown_id", key=key_of(session_id))
