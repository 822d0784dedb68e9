"""Two workers on one store: two managers that share nothing but what SQLite or Redis keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from httpsession import (
    HttpSessionActivationListener,
    HttpSessionBindingListener,
    SessionConfig,
    SessionManager,
)
from httpsession.manager import sessions_behind
from tests.support.listeners import Recorder
from tests.support.site import Site


class Colour(Enum):
    """A type that an application may register."""

    RED = "red"


@dataclass
class Cart:
    """Likewise."""

    items: list[str] = field(default_factory=list)


@dataclass
class Guest(HttpSessionBindingListener, HttpSessionActivationListener):
    """An attribute value that is notified; the tests keep the notifications of all its copies."""

    name: str

    def value_bound(self, event):
        HEARD.append(f"{self.name} bound")

    def value_unbound(self, event):
        HEARD.append(f"{self.name} unbound")

    def session_will_passivate(self, event):
        HEARD.append(f"{self.name} passivated")

    def session_did_activate(self, event):
        HEARD.append(f"{self.name} activated")


HEARD: list[str] = []
TYPES = {"cart": Cart, "colour": Colour, "guest": Guest}


class Worker(Site):
    """A site that is one of several, with what its listeners hear; its background thread works when it is told to."""

    def __init__(self, url, **config):
        self.recorder = Recorder()
        config = {"max_inactive_interval": 60, "sweep_interval": None, "types": TYPES} | config
        super().__init__(SessionManager(url, config=SessionConfig(**config), listeners=[self.recorder]))
        sessions_behind(self.manager)._sweeper.stop()

    def session_with(self, **attributes):
        """Return the id of a new session that has these attributes."""
        request = self.request()
        request.session.get_session().update(attributes)
        return request.finish().new_id

    def attributes(self, session_id):
        """Make a request that reads all attributes; None if there is no session."""
        request = self.request(session_id)
        session = request.session.get_session(create=False)
        found = None if session is None else dict(session)
        request.finish()
        return found
