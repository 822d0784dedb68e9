"""Behaviours of the Servlet specification that only sessions in a shared store can show."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from httpsession import HttpSessionActivationListener, HttpSessionListener, SessionConfig, SessionManager
from tests.support.site import Site


@dataclass
class Traveller(HttpSessionActivationListener):
    """A value that notes what it hears, which object heard it, and of which session."""

    luggage: int = 1

    def session_will_passivate(self, event):
        NOTES.append(("will passivate", self, event.session))
        self.luggage += 1

    def session_did_activate(self, event):
        NOTES.append(("did activate", self, event.session))


NOTES: list[tuple[str, Traveller, object]] = []


class Ends(HttpSessionListener):
    """Notes the handles of the sessions that end."""

    def __init__(self, handles):
        self.handles = handles

    def session_destroyed(self, event):
        self.handles.append(event.session.handle)


@pytest.fixture
def notes():
    """The events that travellers hear in this test."""
    NOTES.clear()
    return NOTES


@pytest.fixture
def start(url):
    """Starts workers that hold nothing in common but the store."""
    sites = []

    def start(*listeners):
        config = SessionConfig(sweep_interval=None, types={"traveller": Traveller})
        sites.append(Site(SessionManager(url, config=config, listeners=listeners)))
        return sites[-1]

    yield start
    for site in sites:
        site.manager.close()


def session_with(site, **attributes):
    request = site.request()
    request.session.get_session().update(attributes)
    return request.finish().new_id


def test_s67_sessions_outlive_a_restart(start):
    """A manager that is closed ends no shared session: the application that is started next finds them all."""
    first = start()
    session_id = session_with(first, user="anna")
    first.manager.close()

    request = start().request(session_id)
    assert request.session.get_session()["user"] == "anna"
    request.finish()


def test_s106_session_will_passivate_before_a_value_is_written(start, notes):
    """It is called with the session before the value is encoded, so that what it changes is stored."""
    session_id = session_with(start(), traveller=Traveller())
    [(kind, value, session)] = notes
    assert (kind, value.luggage, session.id) == ("will passivate", 2, session_id)

    request = start().request(session_id)
    assert request.session.get_session()["traveller"].luggage == 2
    request.finish()


def test_s107_session_did_activate_on_the_copy(start, notes):
    """It is called with the session on the object that was read from the store, which is another one, once."""
    session_id = session_with(start(), traveller=Traveller())
    [(_, written, _)] = notes

    request = start().request(session_id)
    session = request.session.get_session()
    assert notes[1:] == []
    read = session["traveller"]
    assert session["traveller"] is read
    assert notes[1:] == [("did activate", read, session)]
    assert read is not written
    request.finish()


def test_s112_events_stay_in_their_process(start):
    """The listeners of the worker where a session ends hear of it, and those of no other."""
    here, there = [], []
    session_id = session_with(start(Ends(here)), user="anna")
    request = start(Ends(there)).request(session_id)
    handle = request.session.get_session().handle
    request.session.logout()
    request.finish()

    assert (here, there) == ([], [handle])
