"""Notes of the package at a session: they are saved with the request, undone with it, and gone after a login."""

import pytest

from httpsession.exchange import ENVIRON_KEY

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


@pytest.fixture
def worker(start_worker):
    return start_worker()


def session_of(request):
    """Return the core session of a request."""
    request.session.get_session()
    return request.environ[ENVIRON_KEY].session


def note_of(worker, session_id, name="a"):
    """Return a note as a new request finds it."""
    request = worker.request(session_id)
    value = session_of(request).note(name)
    request.finish()
    return value


def set_note(worker, session_id, value, name="a"):
    request = worker.request(session_id)
    session_of(request).set_note(name, value)
    request.finish()


def test_set_and_removed(worker):
    """A note that a request sets is there in the next one, until one is removed; other notes and attributes stay."""
    session_id = worker.session_with(cart=1)
    set_note(worker, session_id, b"b", name="b")
    assert note_of(worker, session_id) is None
    set_note(worker, session_id, b"1")
    set_note(worker, session_id, b"2")
    assert note_of(worker, session_id) == b"2"
    set_note(worker, session_id, None)
    assert (note_of(worker, session_id), note_of(worker, session_id, "b")) == (None, b"b")
    assert worker.attributes(session_id) == {"cart": 1}


def test_of_a_new_session(worker):
    """A note of the request that creates the session is there in the next one."""
    request = worker.request()
    session_of(request).set_note("a", b"1")
    assert note_of(worker, request.finish().new_id) == b"1"


@pytest.mark.parametrize("is_new", [False, True])
def test_login(worker, is_new):
    """A login leaves the notes of before behind, and keeps those that are set after it."""
    session_id = worker.session_with(cart=1)
    set_note(worker, session_id, b"1")
    request = worker.request(None if is_new else session_id)
    session = session_of(request)
    session.set_note("c", b"3")
    request.session.login("anna")
    assert (session.note("a"), session.note("c")) == (None, None)
    session.set_note("b", b"2")
    request.finish()
    assert [note_of(worker, session.id, name) for name in "abc"] == [None, b"2", None]


def test_two_requests(worker):
    """A request that sets one note does not undo what another one has done to the others meanwhile."""
    session_id = worker.session_with(cart=1)
    for name in "ab":
        set_note(worker, session_id, b"1", name)
    slow = worker.request(session_id)
    session = session_of(slow)
    set_note(worker, session_id, b"2", "a")
    set_note(worker, session_id, None, "b")
    session.set_note("c", b"3")
    slow.finish()
    assert [note_of(worker, session_id, name) for name in "abc"] == [b"2", None, b"3"]


def test_rotation(worker):
    """A change of the id keeps the notes."""
    session_id = worker.session_with(cart=1)
    set_note(worker, session_id, b"1")
    request = worker.request(session_id)
    new_id = request.session.change_session_id()
    request.finish()
    assert note_of(worker, new_id) == b"1"


@pytest.mark.parametrize("is_login", [False, True])
def test_undone(worker, is_login):
    """If the request fails after a change of the id, its notes are undone with it."""
    session_id = worker.session_with(cart=1)
    set_note(worker, session_id, b"1")
    request = worker.request(session_id)
    session = session_of(request)
    if is_login:
        request.session.login("anna")
    else:
        request.session.change_session_id()
    session.set_note("a", b"2")
    session.set_note("b", b"3")
    request.close()
    assert session.note("a") == b"1"
    assert (note_of(worker, session_id), note_of(worker, session_id, "b")) == (b"1", None)


def test_of_an_ended_session(worker):
    """A note of a session that has ended meanwhile goes nowhere, and raises nothing."""
    session_id = worker.session_with(cart=1)
    request = worker.request(session_id)
    session = session_of(request)
    end = worker.request(session_id)
    end.session.logout()
    end.finish()
    session.set_note("a", b"1")
    assert session.note("a") == b"1"
    request.finish()
    assert worker.request(session_id).session.get_session(create=False) is None
