"""A logout everywhere by the manager while Redis has lost the list of the user's sessions, and while users log in."""

from __future__ import annotations

import pytest

from httpsession.manager import sessions_behind

USER = "anna"


@pytest.fixture
def url(redis_server):
    redis_server.client.flushall()
    return redis_server.unix_url


@pytest.fixture
def lose_list(redis_server):
    """Removes the sets of all users' sessions, as Redis does when its memory is full."""

    def lose_list():
        client = redis_server.client
        names = list(client.scan_iter("*:u:*", count=10_000))
        assert names
        client.delete(*names)

    return lose_list


def log_in(worker, session_id=None):
    """Log in by a request, and return the id of its session."""
    request = worker.request(session_id)
    request.session.login(USER)
    request.session.get_session()["cart"] = [1]
    return request.finish().new_id


def is_there(worker, session_id):
    return worker.attributes(session_id) is not None


def flush(worker, clock):
    """Flush as the background thread does after a second."""
    clock.tick(1)
    sessions_behind(worker.manager).flush()


def test_lost_list(clock, workers, lose_list):
    """Sessions that no list shows end in every worker, also in one that has no requests; a later login lasts."""
    ids = [log_in(worker) for worker in (*workers, *workers)]
    stranger = workers[0].session_with(cart=1)
    lose_list()
    clock.tick(1)
    assert workers[0].manager.invalidate_all(USER) == 0
    assert workers[0].manager.sessions_of(USER) == ()
    flush(workers[1], clock)

    assert [is_there(worker, session_id) for worker in workers for session_id in ids] == [False] * 8
    assert len(workers[0].recorder.of("destroyed")) + len(workers[1].recorder.of("destroyed")) == 4
    later = log_in(workers[0])
    assert [is_there(worker, one) for worker in workers for one in (later, stranger)] == [True] * 4


def test_new_worker(clock, workers, start_worker, lose_list):
    """A worker that starts later learns before its first load."""
    session_id = log_in(workers[0])
    lose_list()
    clock.tick(1)
    workers[1].manager.invalidate_all(USER)

    assert not is_there(start_worker(), session_id)


def test_listed(clock, workers):
    """Sessions that are listed are invalidated at once, and counted."""
    ids = [log_in(worker) for worker in workers]
    clock.tick(1)

    assert workers[0].manager.invalidate_all(USER) == 2
    assert [is_there(worker, session_id) for worker, session_id in zip(workers, ids, strict=True)] == [False, False]
    assert workers[0].manager.stats().invalidated == 2


@pytest.mark.parametrize("has_session", [False, True])
def test_login_under_way(clock, workers, has_session):
    """A login that began before and is committed after it is worth nothing."""
    request = workers[1].request(workers[0].session_with(cart=1) if has_session else None)
    request.session.login(USER)
    clock.tick(1)
    workers[0].manager.invalidate_all(USER)
    session_id = request.finish().new_id
    flush(workers[1], clock)

    assert not is_there(workers[1], session_id)


@pytest.mark.parametrize("kind", ["stored", "login", "creation"])
def test_spared(clock, workers, lose_list, kind):
    """The session that asks stays, also if it has logged in just now; in all workers."""
    goes = log_in(workers[1])
    session_id = {"stored": log_in, "login": lambda worker: worker.session_with(cart=1)}.get(kind, lambda worker: None)
    request = workers[0].request(session_id(workers[0]))
    session = request.session.get_session()
    if kind != "stored":
        request.session.login(USER)
    lose_list()
    clock.tick(1)
    workers[0].manager.invalidate_all(USER, except_=session)
    request.finish()
    for worker in workers:
        flush(worker, clock)

    assert [is_there(worker, session.id) for worker in workers] == [True, True]
    assert [is_there(worker, goes) for worker in workers] == [False, False]


def test_requests_that_never_ask(clock, workers, lose_list):
    """A session whose requests never ask for it does not outlive the logout: the next sweep ends it."""
    session_id = log_in(workers[1])
    lose_list()
    clock.tick(1)
    workers[0].manager.invalidate_all(USER)
    clock.tick(1)
    workers[1].request(session_id).finish()
    flush(workers[1], clock)

    assert workers[1].manager.sweep() == 1
    assert len(workers[1].recorder.of("destroyed")) == 1
