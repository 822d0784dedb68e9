"""Requests whose application raises: what was set stands, but no login takes half effect."""

from __future__ import annotations

import pytest

from httpsession import CodecError, SessionMiddleware, get_session, request_session
from httpsession.ids import key_of
from tests.support.core import accesses_of, store_of
from tests.support.request import TEXT, Request
from tests.support.workers import Guest


class BrokenError(Exception):
    """The exception of the application."""


@pytest.fixture
def session_id(workers):
    return workers[0].session_with(user="anna", cart=["book"])


def fail(worker, session_id, act):
    """Make a request that does something and raises; nothing goes out."""

    def app(environ, start_response):
        act(request_session(environ))
        raise BrokenError

    with pytest.raises(BrokenError):
        Request(SessionMiddleware(app, worker.manager), session_id)


def test_attributes_stand(workers, session_id):
    """Attributes that a failing request has set are kept, as in a container."""
    fail(workers[0], session_id, lambda session: session.get_session()["cart"].append("pen"))
    assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book", "pen"]}


def test_new_session_is_not_kept(workers):
    """A session whose cookie never goes out is not stored, and its listeners are notified of its end."""
    fail(workers[0], None, lambda session: session.get_session().update(a=1))
    assert workers[1].manager.stats().active == 0
    assert [event[0] for event in workers[0].recorder.log] == ["created", "added", "destroyed", "removed"]


@pytest.mark.parametrize("change", ["change_session_id", "login"])
def test_change_of_the_id_is_taken_back(workers, session_id, change):
    """A change of the id that the client does not learn does not take effect, nor what was set after it; what was
    set before it stands."""

    def act(session):
        session.get_session()["before"] = 1
        session.get_session()["cart"].append("pen")
        session.login("eve") if change == "login" else session.change_session_id()
        session.get_session()["after"] = 1
        session.get_session()["user"] = "eve"
        session.get_session().max_inactive_interval = 9

    fail(workers[0], session_id, act)

    assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book", "pen"], "before": 1}
    assert workers[1].manager.sessions_of("eve") == ()
    first, second = workers[0].recorder.of("id changed")
    assert (first[1], second[2]) == (session_id, session_id)
    (stored,) = store_of(workers[0].manager)
    assert (stored.record.key, stored.record.max_inactive_interval) == (key_of(session_id), 60)


@pytest.mark.parametrize("changes", [("login", "change"), ("change", "login"), ("change", "change")], ids="+".join)
def test_two_changes_of_the_id_are_taken_back(workers, session_id, changes):
    """However often the id has changed, the client's id opens the session as it was, and no user is logged in."""

    def act(session):
        for change in changes:
            session.login("eve") if change == "login" else session.change_session_id()
        session.get_session()["secret"] = 1

    fail(workers[0], session_id, act)

    assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book"]}
    assert workers[1].manager.sessions_of("eve") == ()


def test_update_of_a_failed_login(workers, session_id):
    """Attributes set with a failed login are not kept, and are never seen under the former id."""

    def act(session):
        session.login("eve").update_attribute("secret", lambda secret: "hers")
        assert "secret" not in workers[1].attributes(session_id)

    fail(workers[0], session_id, act)
    assert "secret" not in workers[1].attributes(session_id)


def test_logout_stands(workers, session_id):
    """A logout is a logout, also if the application fails afterwards."""
    fail(workers[0], session_id, lambda session: session.logout())
    assert workers[1].attributes(session_id) is None


def test_failure_while_streaming(workers, session_id):
    """Changes by a body before it failed in the middle are kept."""

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        yield b"first"
        get_session(environ)["late"] = 1
        raise BrokenError

    request = Request(SessionMiddleware(app, workers[0].manager), session_id)
    with pytest.raises(BrokenError):
        request.finish()
    assert workers[1].attributes(session_id)["late"] == 1


def test_client_that_goes_away(workers, session_id):
    """A client that does not read to the end gets its late changes, too."""

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        try:
            yield b"first"
            yield b"second"
        finally:
            get_session(environ)["gone"] = True

    Request(SessionMiddleware(app, workers[0].manager), session_id).read().close()
    assert workers[1].attributes(session_id)["gone"] is True


def test_accessor_that_cannot_save(workers, session_id):
    """An accessor whose changes cannot be stored says so, and has done with the session all the same."""
    request = workers[0].request(session_id)
    accessor = request.session.get_session().accessor
    request.finish()
    with pytest.raises(CodecError):
        accessor.access(lambda session: session["cart"].append(object()))
    assert not accesses_of(workers[0].manager).in_flight


def test_value_that_fails_when_it_is_written(workers, session_id, heard, monkeypatch):
    """A value that raises when it is notified of a late save is logged; the request ends all the same."""

    def stop(self, event):
        raise RuntimeError("not now")

    monkeypatch.setattr(Guest, "session_will_passivate", stop)
    request = workers[0].request(session_id)
    session = request.session.get_session()
    request.read()
    session["guest"] = Guest("g")
    request.finish()

    assert request.text == "firstsecond"
    assert not accesses_of(workers[0].manager).in_flight


def test_accessor(workers, session_id):
    """Changes by a background thread through the accessor are saved at the end of its call."""
    request = workers[0].request(session_id)
    accessor = request.session.get_session().accessor
    request.finish()
    accessor.access(lambda session: session["cart"].append("late"))
    assert workers[1].attributes(session_id)["cart"] == ["book", "late"]
