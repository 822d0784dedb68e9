"""Requests that are slow, or come in bursts, while others of their session log in, log out and change the id."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from multiprocessing import get_context

import pytest

from httpsession import SessionMiddleware, request_session
from httpsession.ids import handle_of, key_of
from tests.processes.slow import Answer, Slow, serve_in_process, serve_in_thread
from tests.support.core import flush
from tests.support.request import TEXT, fetch
from tests.support.threads import together
from tests.support.waiting import PATIENCE

ITS_OWN = Answer("200 OK", "hello anna", [])
#: What a slow request leaves in its session, beside "early".
LEFT = {
    "reads": {"cart": ["book"], "count": 0},
    "writes": {"cart": ["book"], "count": 0, "late": 1},
    "appends": {"cart": ["book", "late"], "count": 0},
    "updates": {"cart": ["book"], "count": 1},
}


@pytest.fixture(scope="module")
def other_process():
    """The pipe to a process that makes slow requests."""
    pipe, process = serve_in_process(get_context("spawn"))
    yield pipe
    pipe.send(None)
    process.join(PATIENCE)


@pytest.fixture(params=["in the same process", "in another process"])
def start_slow(request, url, workers) -> Callable[[str, str], Slow]:
    """Starts requests that are slow, in a thread of the process where the others are or in another process."""
    if request.param == "in another process":
        pipe = request.getfixturevalue("other_process")
        yield lambda session_id, what: Slow(pipe, url, session_id, what)
        return
    pipe, thread = serve_in_thread(workers[0].manager)
    yield lambda session_id, what: Slow(pipe, url, session_id, what)
    pipe.send(None)
    thread.join(PATIENCE)


@pytest.fixture
def session_id(workers):
    return workers[0].session_with(user="anna", cart=["book"], count=0)


def answer_with(worker, session_id, act):
    """Make a whole request that does something."""

    def app(environ, start_response):
        body = act(request_session(environ))
        start_response("200 OK", [TEXT])
        return [str(body).encode()]

    return fetch(SessionMiddleware(app, worker.manager), session_id)


@pytest.mark.parametrize("what", LEFT)
def test_slow_request_and_logout(workers, session_id, start_slow, what):
    """After a logout a slow request neither brings the session back nor touches a cookie, and its answer is its own;
    so it is also if the client has a new session by then."""
    slow = start_slow(session_id, what)
    logout = answer_with(workers[0], session_id, lambda session: session.logout())
    again = answer_with(workers[0], session_id, lambda session: session.get_session().update(user="eve"))
    answer = slow.finish()

    assert answer == ITS_OWN
    assert [cookie.partition(";")[0] for cookie in logout.set_cookies] == ["JSESSIONID="]
    for worker in workers:
        flush(worker.manager)
        assert worker.attributes(session_id) is None
        assert worker.attributes(again.new_id) == {"user": "eve"}
    assert workers[0].manager.stats().active == 1
    assert len(workers[0].recorder.of("destroyed")) == 1


@pytest.mark.parametrize("what", LEFT)
def test_slow_request_and_change_of_the_id(workers, session_id, start_slow, what):
    """A slow request that came with the old id keeps what it writes, in the session under its new id; the old id stays
    dead, and no cookie is touched but the one that tells the new id."""
    slow = start_slow(session_id, what)
    changed = answer_with(workers[0], session_id, lambda session: session.change_session_id())
    assert workers[1].attributes(session_id) is None
    answer = slow.finish()

    assert answer == ITS_OWN
    for worker in workers:
        flush(worker.manager)
        assert worker.attributes(session_id) is None
        assert worker.attributes(changed.new_id) == {"user": "anna", "early": 1, **LEFT[what]}
    assert workers[0].manager.stats().active == 1


@pytest.mark.parametrize("what", LEFT)
def test_slow_request_and_login(workers, session_id, start_slow, what):
    """A login cuts off a slow request: its answer is its own, and what it writes goes nowhere."""
    slow = start_slow(session_id, what)
    login = answer_with(workers[0], session_id, lambda session: session.login("anna"))
    assert workers[1].attributes(session_id) is None
    answer = slow.finish()

    assert answer == ITS_OWN
    for worker in workers:
        flush(worker.manager)
        assert worker.attributes(session_id) is None
        assert worker.attributes(login.new_id) == {"user": "anna", "cart": ["book"], "count": 0}
    assert workers[0].manager.stats().active == 1
    assert sum(len(worker.recorder.of("destroyed")) for worker in workers) == 0


def at_once(workers, session_id, acts):
    """Make requests on the workers in turn, all at the same time, and return the answers."""
    answers = together(*(partial(answer_with, workers[number % 2], session_id, act) for number, act in enumerate(acts)))
    assert [answer.status for answer in answers] == ["200 OK"] * len(acts)
    return answers


def note(number):
    """Return what a request of the burst does; it says whether it had a session."""

    def act(session):
        found = session.get_session(create=False)
        if found is not None and number % 2:
            found[f"note {number}"] = 1
        return number if found is not None else None

    return act


@pytest.mark.parametrize("round_", range(5))
def test_burst_during_login(workers, session_id, round_):
    """Of six requests that a page makes while its user logs in none fails, and none touches the cookie. What was saved
    before they came is carried over; of what they save, what is saved before the login."""
    answer_with(workers[0], session_id, note(-1))
    answers = at_once(workers, session_id, [lambda session: session.login("anna").principal, *map(note, range(6))])

    (new_id,) = [answer.new_id for answer in answers if answer.set_cookies]
    noted = {f"note {answer.text}" for answer in answers if answer.text in ("1", "3", "5")}
    attributes = workers[round_ % 2].attributes(new_id)
    assert {"user", "cart", "count", "note -1"} <= attributes.keys()
    assert attributes.keys() <= {"user", "cart", "count", "note -1"} | noted
    assert workers[0].attributes(session_id) is None
    (info,) = workers[0].manager.sessions_of("anna")
    assert info.handle == handle_of(key_of(new_id))


@pytest.mark.parametrize("round_", range(5))
def test_burst_during_logout(workers, session_id, round_):
    """Of six requests that a page makes while its user logs out none fails, and none leaves a session."""
    answers = at_once(workers, session_id, [lambda session: session.logout(), *map(note, range(6))])

    assert [cookie[:12] for answer in answers for cookie in answer.set_cookies] == ["JSESSIONID=;"]
    assert workers[round_ % 2].manager.stats().active == 0
    assert sum(len(worker.recorder.of("destroyed")) for worker in workers) == 1


def test_made_by_requests_at_once(workers):
    """Requests without a cookie that make sessions at the same time each make one of their own."""
    answers = at_once(workers, None, [lambda session: session.get_session().id] * 6)

    assert len({answer.new_id for answer in answers}) == workers[0].manager.stats().active == 6
