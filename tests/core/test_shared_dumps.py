"""Dumps of all that a store keeps: no issued id can be read from them."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from httpsession import SessionMiddleware, request_session
from httpsession.ids import key_of
from tests.support.core import flush, store_of
from tests.support.dumps import folder_dump, server_dump
from tests.support.request import TEXT, Request, fetch


class BrokenError(Exception):
    """The exception of the application."""


def files_of(workers):
    """Return every byte of the files beside the database, its log and its locks among them."""
    folder = Path(store_of(workers[0].manager)._database.path).parent
    assert any(path.name.endswith("-wal") for path in folder.iterdir()), "this looks while the database is in use"
    return folder_dump(folder)


@pytest.fixture
def dump(url, workers, request):
    """Returns every byte of the store."""
    if url.startswith("sqlite"):
        return lambda: files_of(workers)
    return lambda: server_dump(request.getfixturevalue("redis_server"))


class Life:
    """The requests of users, and the ids that were drawn for them."""

    def __init__(self, workers):
        self.workers = workers

    @property
    def ids(self):
        """Each id that there was, whether or not a client was given it."""
        events = [event for worker in self.workers for event in worker.recorder.of("created", "id changed")]
        return {one for event in events for one in event[1:]}

    def answer(self, session_id, act, worker=0):
        """Make a request; return the id that the client has then."""

        def app(environ, start_response):
            act(request_session(environ))
            start_response("200 OK", [TEXT])
            return [b"done"]

        response = fetch(SessionMiddleware(app, self.workers[worker].manager), session_id)
        new = [cookie for cookie in response.set_cookies if "Max-Age=0" not in cookie]
        return response.new_id if new else session_id

    def fail(self, session_id):
        """Make a request that changes the id and raises."""

        def app(environ, start_response):
            request_session(environ).change_session_id()
            raise BrokenError

        with pytest.raises(BrokenError):
            Request(SessionMiddleware(app, self.workers[0].manager), session_id)

    def live(self):
        """Make one session of each kind; return the ids of the live ones."""
        made = [self.answer(None, lambda session: session.get_session().update(user="anna")) for _ in range(8)]
        used, changed, twice, logged_in, other, out, failed, late = made
        self.answer(used, lambda session: session.get_session()["user"], worker=1)
        self.answer(used, lambda session: session.get_session().update_attribute("n", lambda n: 1))
        changed = self.answer(changed, lambda session: session.change_session_id())
        twice = self.answer(twice, lambda session: (session.change_session_id(), session.change_session_id()))
        logged_in = self.answer(logged_in, lambda session: session.login("anna"))
        other = self.answer(self.answer(other, lambda session: session.login("anna")), lambda s: s.login("bert"))
        self.answer(out, lambda session: session.logout())
        self.fail(failed)
        slow = self.workers[1].request(late)
        slow.session.get_session()
        late = self.answer(late, lambda session: session.change_session_id())
        slow.session.get_session()["late"] = 1
        slow.finish()
        for worker in self.workers:
            flush(worker.manager)
        return {used, changed, twice, logged_in, other, failed, late}


def found_in(data, ids):
    """Return the ids that are in some bytes: their text in any case, or what they stand for."""
    text = data.upper()
    return [one for one in ids if one.encode() in text or bytes.fromhex(one) in data]


def test_no_id_in_what_is_stored(workers, dump, caplog):
    """Neither while sessions are made, used, given new ids, logged in and out, nor when they are over, does any id that
    was drawn get into the store or the log; what does is the digest."""
    caplog.set_level(logging.DEBUG)
    life = Life(workers)
    alive = life.live()
    data = dump()
    assert len(life.ids) == 16
    assert all(key_of(one) in data for one in alive), "the dump is whole"
    assert found_in(data, life.ids) == []

    assert sum(worker.manager.sweep(time.time() + 1000) for worker in workers) == len(alive)
    assert found_in(dump(), life.ids) == []
    assert found_in(caplog.text.encode(), life.ids) == []


def test_ids_would_be_found(workers, dump):
    """An application that keeps an id itself is found out by the same means."""
    session_id = workers[0].session_with(user="anna")
    request = workers[0].request(session_id)
    request.session.get_session().update(text=f"id: {session_id.lower()}")
    request.finish()
    assert found_in(dump(), [session_id]) == [session_id]
