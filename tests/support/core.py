"""What is behind a manager, for tests that look at it or stand in the place of a request."""

from __future__ import annotations

from httpsession import HttpSession
from httpsession.manager import sessions_behind


def create_session(manager):
    """Return a new session of which no request knows."""
    return HttpSession(sessions_behind(manager).create([]))


def find_session(manager, session_id, arrived):
    """Return the session with this id as a request finds it that arrived then; None if there is none."""
    session = sessions_behind(manager).find(session_id, arrived, [])
    return None if session is None or session.ended_here else HttpSession(session)


def flush(manager):
    """Flush all accesses to the store."""
    sessions_behind(manager).flush()


def store_of(manager):
    """Return the store in which the sessions are."""
    return sessions_behind(manager).store


def accesses_of(manager):
    """Return the accesses of the manager."""
    return sessions_behind(manager).context.accesses
