"""The work for many attributes grows with their number, and not with its square."""

from __future__ import annotations

import sys
import tracemalloc

import pytest

from httpsession.exchange import ENVIRON_KEY

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


class Name(str):
    """A name that counts how often it is hashed or compared: all that a map or list of names can do with it."""

    __slots__ = ()
    count = 0

    def __hash__(self):
        Name.count += 1
        return str.__hash__(self)

    def __eq__(self, other):
        Name.count += 1
        return str.__eq__(self, other)


def names(many):
    return [Name(f"name {number}") for number in range(many)]


def fill(session, many):
    for name in names(many):
        session[name] = 1


def set_after_rotation(request, many):
    request.session.change_session_id()
    fill(request.session.get_session(), many)


def set_after_login(request, many):
    request.session.login("anna")
    fill(request.session.get_session(), many)


def remove_after_login(request, many):
    set_after_login(request, many)
    for name in names(many):
        del request.session.get_session()[name]


def clear(request, many):
    fill(request.session.get_session(), many)
    request.session.get_session().clear()


def pop_items(request, many):
    session = request.session.get_session()
    fill(session, many)
    while len(session) > 1:
        session.popitem()


def login_again(request, many):
    set_after_login(request, many)
    request.session.login("bob")


def invalidate(request, many):
    fill(request.session.get_session(), many)
    request.session.get_session().invalidate()


ACTIONS = (set_after_rotation, set_after_login, remove_after_login, clear, pop_items, login_again, invalidate)


def work(worker, act, many):
    """Return how often names are hashed and compared by a request that acts, and by its commit."""
    request = worker.request(worker.session_with(first=1))
    Name.count = 0
    act(request, many)
    request.finish()
    return Name.count


@pytest.mark.parametrize("act", ACTIONS, ids=lambda act: act.__name__)
def test_work_is_linear(start_worker, act):
    """Twice as many attributes take about twice the work, where squares would take four times."""
    worker = start_worker()
    few, many = work(worker, act, 100), work(worker, act, 200)
    assert few >= 100
    assert many < 2.5 * few


def test_undoing_is_linear(start_worker):
    """A failed request after a change of the id undoes many changes in as much work as they took."""
    worker = start_worker()

    def undo(many):
        request = worker.request(worker.session_with(first=1))
        set_after_rotation(request, many)
        Name.count = 0
        request.close()
        return Name.count

    few, many = undo(100), undo(200)
    assert few >= 100
    assert many < 2.5 * few


def test_removing_what_was_saved_is_linear(start_worker):
    """To remove many attributes that the store has takes work in proportion to their number."""
    worker = start_worker()

    def remove(many):
        request = worker.request()
        fill(request.session.get_session(), many)
        session = request.environ[ENVIRON_KEY].session
        session.commit()
        Name.count = 0
        for name in names(many):
            session.unbind(name)
        session.commit()
        request.finish()
        return Name.count

    few, many = remove(100), remove(200)
    assert few >= 100
    assert many < 2.5 * few


def test_ending_a_session_that_others_changed_is_linear(start_worker):
    """A request that ends a session compares its many attributes with those that another one has saved meanwhile."""
    worker = start_worker()

    def end(many):
        request = worker.request()
        fill(request.session.get_session(), many)
        session_id = request.finish().new_id
        ending, other = worker.request(session_id), worker.request(session_id)
        ending.session.get_session()
        for name in names(many):
            other.session.get_session()[name] = 2
        other.finish()
        steps = trace(ending.session.get_session().invalidate)
        ending.finish()
        return steps

    few, many = end(100), end(200)
    assert many < 2.5 * few


def trace(function):
    """Return how many operations of Python *function* takes."""
    steps = 0

    def note(frame, event, argument):
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return note

    sys._getframe().f_trace_opcodes = True  # else Python 3.12 sends these events from the second tracing on
    sys.settrace(note)
    try:
        function()
    finally:
        sys.settrace(None)
    return steps


def test_to_count_and_pop_copies_nothing(start_worker, no_collection):
    """Neither the number of attributes nor any one of them is found by copying all of them."""
    session = start_worker().request().session.get_session()
    fill(session, 1000)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    name, _ = session.popitem()
    assert len(session) == 999
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert name == "name 0"
    assert peak - before < 8000
