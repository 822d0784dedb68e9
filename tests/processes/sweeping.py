"""A process that does nothing but look after the sessions of a store, and writes down whose end it hears of."""

from __future__ import annotations

import json

from httpsession import HttpSessionAttributeListener, HttpSessionListener, SessionConfig, SessionManager
from httpsession.manager import sessions_behind

#: Seconds for which a session may be idle, and between two looks.
INTERVAL = 1


class Chronicle(HttpSessionListener, HttpSessionAttributeListener):
    """Writes each end to a file, with what is in the session; and each attribute that goes."""

    def __init__(self, file):
        self._file = file

    def session_destroyed(self, event):
        session = event.session
        self._write(["destroyed", session.handle, dict(session)])

    def attribute_removed(self, event):
        self._write(["removed", event.session.handle, {event.name: event.value}])

    def _write(self, line):
        self._file.write(json.dumps(line) + "\n")


def look_after(url, path, started, stopped):
    """Run a manager with its background thread until it is *stopped*."""
    config = SessionConfig(max_inactive_interval=INTERVAL, sweep_interval=INTERVAL)
    with path.open("w") as file, SessionManager(url, config=config, listeners=[Chronicle(file)]) as manager:
        sessions_behind(manager).start(multiprocess=False)
        started.release()
        stopped.wait()
