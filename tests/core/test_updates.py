"""Functions given to ``update_attribute`` that touch what they update: each ends, on each store."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time

import pytest

from httpsession import IllegalStateError, InvalidSessionError
from httpsession.core import updates
from tests.support.threads import together
from tests.support.waiting import within

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)

RECURSIVE = "^Recursive update: "


def add_one(value):
    return (value or 0) + 1


@pytest.fixture(autouse=True)
def not_for_ever():
    """A bound against updates that never end."""
    with within(20):
        yield


@pytest.fixture
def worker(start_worker):
    return start_worker()


@pytest.fixture
def session_id(worker):
    """The id of a session that a client has."""
    return worker.session_with(n=1, m=1)


@pytest.fixture
def request_(worker, session_id):
    """A request of the session, in flight."""
    request = worker.request(session_id)
    yield request
    request.finish()


@pytest.fixture
def session(request_):
    return request_.session.get_session(create=False)


@pytest.fixture
def new_session(worker):
    """A session whose first request is in flight."""
    request = worker.request()
    session = request.session.get_session()
    session["n"] = 1
    yield session
    request.finish()


class TestRecursion:
    """The function updates the attribute whose update it is part of: IllegalStateError, and nothing has changed."""

    def refused(self, session, function, name="n"):
        with pytest.raises(IllegalStateError, match=RECURSIVE) as caught:
            session.update_attribute(name, function)
        return str(caught.value)

    def test_directly(self, session):
        """The same attribute of the same object; the message names it and the remedy."""
        message = self.refused(session, lambda value: session.update_attribute("n", add_one))

        assert "'n'" in message
        assert "must return the new value" in message
        assert len(message.splitlines()) == 1
        assert session["n"] == 1

    def test_of_an_attribute_that_does_not_exist(self, session):
        """An update that creates the attribute within one that does so."""
        self.refused(session, lambda value: session.update_attribute("new", add_one), "new")
        assert "new" not in session

    def test_in_the_request_that_creates_the_session(self, new_session):
        """A session that no store has yet is no exception."""
        self.refused(new_session, lambda value: new_session.update_attribute("n", add_one))
        assert new_session["n"] == 1

    def test_through_another_attribute(self, session):
        """The update of another attribute comes in between."""

        def inner(_):
            return session.update_attribute("n", add_one)

        self.refused(session, lambda value: session.update_attribute("m", inner))
        assert (session["n"], session["m"]) == (1, 1)

    def test_through_another_request(self, worker, session, session_id):
        """Another request of the session, answered by the same thread."""

        def function(value):
            with_it = worker.request(session_id)
            try:
                return with_it.session.get_session().update_attribute("n", add_one)
            finally:
                with_it.finish()

        self.refused(session, function)
        assert worker.attributes(session_id)["n"] == 1

    def test_through_an_accessor(self, worker, session, session_id):
        """The same through the session's accessor."""
        accessor = session.accessor
        self.refused(session, lambda value: accessor.access(lambda other: other.update_attribute("n", add_one)))
        assert worker.attributes(session_id)["n"] == 1

    def test_after_a_login(self, request_, session):
        """The session that a login has begun."""
        request_.session.login("ada")
        self.refused(session, lambda value: session.update_attribute("n", add_one))
        assert session["n"] == 1

    def test_name_is_cut(self, session):
        """A long name does not fill the log."""
        name = "n" * 1000
        message = self.refused(session, lambda value: session.update_attribute(name, add_one), name)
        assert len(message) < 300

    def test_refusal_that_the_function_catches(self, session):
        """The outer update goes on as if the inner one had not been tried."""

        def function(value):
            with pytest.raises(IllegalStateError, match=RECURSIVE):
                session.update_attribute("n", add_one)
            return value + 10

        assert session.update_attribute("n", function) == 11
        assert session.update_attribute("n", add_one) == 12


class TestEndless:
    """The function changes the attribute each time, as another request might: the attempts are limited."""

    @pytest.fixture(autouse=True)
    def few_attempts(self, monkeypatch):
        monkeypatch.setattr(updates, "MAX_ATTEMPTS", 20)

    @pytest.mark.parametrize(
        "change",
        [
            lambda session, call: session.set_attribute("n", [call]),
            lambda session, call: session.update(n=[call], m=call),
            lambda session, call: (session.pop("n", None), session.setdefault("n", [call])),
            lambda session, call: (session.clear(), session.set_attribute("n", [call])),
        ],
    )
    def test_attribute_set_each_time(self, session, change):
        """By the methods that set it: the value stays as the function has set it."""
        calls = []

        def function(value):
            calls.append(value)
            change(session, len(calls))
            return value

        with pytest.raises(IllegalStateError, match=RECURSIVE) as caught:
            session.update_attribute("n", function)
        assert "20 calls" in str(caught.value)
        assert len(calls) == 20
        assert session["n"] == [20]

    def test_thread_that_is_waited_for(self, session):
        """A thread of the function updates the attribute, and the function waits for it."""

        def function(value):
            together(lambda: session.update_attribute("n", lambda value: [value]))
            return value

        with pytest.raises(IllegalStateError, match=RECURSIVE):
            session.update_attribute("n", function)

    def test_request_of_a_thread_that_is_waited_for(self, worker, session, session_id):
        """The same in another request."""

        def count():
            request = worker.request(session_id)
            request.session.get_session().update_attribute("n", lambda value: [value])
            request.finish()

        def function(value):
            together(count)
            return value

        with pytest.raises(IllegalStateError, match=RECURSIVE):
            session.update_attribute("n", function)

    def test_thread_that_waits_for_its_turn(self, worker, session, session_id, monkeypatch):
        """The function waits for a thread that waits for the update: once, and not at each attempt."""
        monkeypatch.setattr(updates, "PATIENCE", 0.2)
        request = worker.request(session_id)
        other = request.session.get_session()

        def count():
            session.accessor.access(lambda session: session.update_attribute("n", add_one))
            other.update_attribute("n", add_one)

        def function(value):
            together(count)
            return value

        start = time.monotonic()
        with pytest.raises(IllegalStateError, match=RECURSIVE):
            session.update_attribute("n", function)
        request.finish()
        assert time.monotonic() - start < 10 * updates.PATIENCE


class TestAllowed:
    """What a function may do."""

    def test_another_attribute(self, worker, session, session_id):
        """Updates of other attributes, also several in each other, take effect."""

        def innermost(value):
            return session.update_attribute("o", add_one) + 1

        assert session.update_attribute("n", lambda value: session.update_attribute("m", innermost) + 1) == 3
        assert {**session} == {"n": 3, "m": 2, "o": 1}

    def test_another_attribute_after_a_conflict(self, worker, session, session_id, monkeypatch):
        """An update within one that is repeated does not wait for it."""
        monkeypatch.setattr(updates, "PATIENCE", 3600)
        seen = []

        def change(name):
            request = worker.request(session_id)
            request.session.get_session().update_attribute(name, lambda value: value + 10)
            request.finish()

        def inner(value):
            seen.append(value)
            if len(seen) < 4:
                together(lambda: change("m"))
            return value + 1

        def outer(value):
            if not seen:
                together(lambda: change("n"))
            session.update_attribute("m", inner)
            return value + 1

        assert session.update_attribute("n", outer) == 12
        assert worker.attributes(session_id)["n"] == 12

    def test_same_name_in_another_session(self, worker, session, session_id):
        """The attribute of another session is another attribute."""
        other = worker.request(worker.session_with(n=5))
        theirs = other.session.get_session()

        assert session.update_attribute("n", lambda value: theirs.update_attribute("n", add_one)) == 6
        other.finish()

    def test_one_after_another(self, session):
        """An update that has ended, or failed, is no obstacle."""
        with pytest.raises(ZeroDivisionError):
            session.update_attribute("n", lambda value: value / 0)
        assert [session.update_attribute("n", add_one) for _ in range(3)] == [2, 3, 4]

    def test_in_a_context_that_was_copied(self, session):
        """What the function starts, and what runs after it, is part of the update no more."""
        contexts = []
        session.update_attribute("n", lambda value: contexts.append(contextvars.copy_context()) or value)

        assert contexts[0].run(session.update_attribute, "n", add_one) == 2

    def test_threads_that_meet(self, worker, session_id):
        """Updates by requests in several threads are no recursion, and none is lost."""

        def count():
            request = worker.request(session_id)
            for _ in range(10):
                request.session.get_session().update_attribute("n", add_one)
            request.finish()

        together(*[count] * 4)
        assert worker.attributes(session_id)["n"] == 41

    def test_set_once(self, session):
        """An attribute that the function sets is a change that came in between: the function is called again."""
        seen = []

        def function(value):
            seen.append(value)
            if len(seen) == 1:
                session["n"] = 7
            return value + 1

        assert session.update_attribute("n", function) == 8
        assert seen == [1, 7]
        assert session["n"] == 8

    def test_new_id(self, worker, request_, session):
        """The id may change meanwhile."""
        session.update_attribute("n", lambda value: (request_.session.change_session_id(), value + 1)[1])
        request_.finish()
        assert worker.attributes(request_.new_id)["n"] == 2

    def test_login(self, worker, request_, session, session_id):
        """A login within the function carries over the value, and the update takes effect with it."""
        session.update_attribute("n", lambda value: (request_.session.login("ada"), value + 1)[1])
        request_.finish()

        assert worker.attributes(session_id) is None
        assert worker.attributes(request_.new_id) == {"n": 2, "m": 1}

    def test_login_of_another_user(self, worker, request_, session):
        """A value made of the former user's is not kept: the function is called again, without a value."""
        request_.session.login("ada")
        seen = []

        def function(value):
            seen.append(value)
            request_.session.login("bob")
            return [value]

        session.update_attribute("n", function)
        request_.finish()

        assert seen == [1, None]
        assert worker.attributes(request_.new_id) == {"n": [None]}

    def test_end(self, session):
        """A session that the function ends has no attribute to update."""
        with pytest.raises(InvalidSessionError):
            session.update_attribute("n", lambda value: (session.invalidate(), value)[1])
        assert not session.is_valid

    def test_end_by_another_request(self, worker, session, session_id):
        """A session that another request has ended has none, either."""

        def function(value):
            other = worker.request(session_id)
            other.session.logout()
            other.finish()
            return value + 1

        with contextlib.suppress(InvalidSessionError):  # as in memory, where all requests see the end at once
            session.update_attribute("n", function)
        assert worker.attributes(session_id) is None

    def test_thread_that_goes_on(self, worker, session, session_id):
        """A thread that the function starts and does not wait for updates the attribute when it can."""
        is_done = threading.Event()

        def later():
            is_done.wait(10)
            request = worker.request(session_id)
            request.session.get_session().update_attribute("n", add_one)
            request.finish()

        thread = threading.Thread(target=later)
        session.update_attribute("n", lambda value: (thread.start() if value == 1 else None, value + 1)[1])
        is_done.set()
        thread.join(10)

        assert worker.attributes(session_id)["n"] == 3
