"""Accessors that a thread uses before the commit of the request in which they were taken, on each store."""

from __future__ import annotations

import gc
import weakref

import pytest

from httpsession import IllegalStateError, InvalidSessionError
from tests.support.threads import together

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)

NOT_YET = "has not ended, but the store does not have it before the commit"


@pytest.fixture
def worker(start_worker):
    return start_worker()


@pytest.fixture
def is_shared(url):
    return url != "memory://"


def use(accessor, **attributes):
    """Set attributes in a thread, and return the attributes that it has seen, and the id."""
    seen = []

    def consumer(session):
        seen.append((dict(session), session.id))
        session.update(attributes)

    together(lambda: accessor.access(consumer))
    return seen[0]


def refused(accessor, error=IllegalStateError, match=NOT_YET):
    """The thread's use of the accessor is refused, and the consumer is not called."""
    with pytest.raises(error, match=match) as caught:
        use(accessor)
    assert type(caught.value) is error
    assert len(str(caught.value).splitlines()) == 1


class TestCreation:
    """The request creates the session."""

    def test_before_the_commit(self, worker, is_shared):
        """In memory it works at once; a shared store does not have the session yet, and the error says so."""
        request = worker.request()
        session = request.session.get_session()
        session["a"] = 1
        if is_shared:
            refused(session.accessor)
        else:
            assert use(session.accessor, b=2) == ({"a": 1}, session.id)
        request.finish()
        assert worker.attributes(request.new_id) == {"a": 1} | ({} if is_shared else {"b": 2})

    def test_after_the_commit(self, worker):
        """The same accessor works as soon as the headers have gone out, while the body is sent and later."""
        request = worker.request()
        session = request.session.get_session()
        session["a"] = 1
        accessor = session.accessor
        request.read()
        assert use(accessor, b=2) == ({"a": 1}, session.id)
        request.finish()
        assert use(accessor, c=3) == ({"a": 1, "b": 2}, session.id)

    def test_with_a_login(self, worker, is_shared):
        """A login in the request that creates the session changes nothing of that."""
        request = worker.request()
        session = request.session.login("ada")
        if is_shared:
            refused(session.accessor)
        else:
            use(session.accessor, b=2)
        accessor = session.accessor
        request.finish()
        use(accessor, c=3)

    def test_invalidated(self, worker):
        """A session that ends before its commit has ended."""
        request = worker.request()
        session = request.session.get_session()
        accessor = session.accessor
        session.invalidate()
        refused(accessor, InvalidSessionError, "has ended")
        request.finish()
        refused(accessor, InvalidSessionError, "has ended")

    def test_request_that_fails(self, worker):
        """A session whose request failed has ended, also when nothing remembers it."""
        request = worker.request()
        accessor = request.session.get_session().accessor
        request.close()
        refused(accessor, InvalidSessionError, "has ended")
        del request
        gc.collect()
        refused(accessor, InvalidSessionError, "has ended")


class TestLogin:
    """The request logs in to a session that its client has."""

    @pytest.fixture
    def session_id(self, worker):
        return worker.session_with(a=1)

    def test_before_the_commit(self, worker, session_id):
        """A login takes effect at the commit, in memory, too; the error says so, and the same accessor works then."""
        request = worker.request(session_id)
        accessor = request.session.login("ada").accessor
        refused(accessor)
        request.read()
        assert use(accessor, b=2) == ({"a": 1}, request.new_id)
        request.finish()
        assert worker.attributes(request.new_id) == {"a": 1, "b": 2}

    def test_again(self, worker, session_id):
        """A second login and a new id in the same request: the latest accessor is the one that works."""
        request = worker.request(session_id)
        early = request.session.login("ada").accessor
        request.session.change_session_id()
        late = request.session.login("bob").accessor
        refused(late)
        request.finish()
        assert use(late)[1] == request.new_id
        refused(early, InvalidSessionError, "its id has changed")

    def test_accessor_from_before(self, worker, session_id):
        """An accessor taken before the login is for the former session, which the login leaves behind."""
        request = worker.request(session_id)
        accessor = request.session.get_session().accessor
        request.session.login("ada")
        assert use(accessor, b=2) == ({"a": 1}, session_id)
        request.finish()
        refused(accessor, InvalidSessionError, "its id has changed")

    def test_request_that_fails(self, worker, session_id):
        """The login is undone, and its accessor is for an id that does not exist."""
        request = worker.request(session_id)
        accessor = request.session.login("ada").accessor
        request.close()
        refused(accessor, InvalidSessionError, "its id has changed")
        assert worker.attributes(session_id) == {"a": 1}


class TestNewId:
    """The request changes the id of a session that its client has."""

    @pytest.fixture
    def session_id(self, worker):
        return worker.session_with(a=1)

    def test_before_the_commit(self, worker, session_id, is_shared):
        """It works: in memory under the new id, in a shared store under the former one, which the store has."""
        request = worker.request(session_id)
        new_id = request.session.change_session_id()
        session = request.session.get_session()
        session["c"] = 3
        accessor = session.accessor

        seen, used_id = use(accessor, b=2)
        assert seen == ({"a": 1} if is_shared else {"a": 1, "c": 3})
        assert used_id == (session_id if is_shared else new_id)
        request.finish()
        assert worker.attributes(new_id) == {"a": 1, "b": 2, "c": 3}
        assert use(accessor)[1] == new_id

    def test_request_that_fails(self, worker, session_id):
        """The attribute that the thread has set is kept, and the new id is not."""
        request = worker.request(session_id)
        request.session.change_session_id()
        accessor = request.session.get_session().accessor
        use(accessor, b=2)
        request.close()
        refused(accessor, InvalidSessionError, "its id has changed")
        assert worker.attributes(session_id) == {"a": 1, "b": 2}

    def test_end_by_another_request(self, worker, session_id):
        """A session that has ended meanwhile has ended."""
        request = worker.request(session_id)
        request.session.change_session_id()
        accessor = request.session.get_session().accessor
        other = worker.request(f"{session_id}; JSESSIONID={request.session.get_session().id}")
        other.session.logout()
        other.finish()
        refused(accessor, InvalidSessionError, "has ended")


def test_accessor_keeps_no_session(worker):
    """An accessor that is kept for long does not keep the request's copy of the attributes."""
    request = worker.request(worker.session_with(a=1))
    session = request.session.get_session()
    accessor, hold = session.accessor, weakref.ref(session._session)
    request.finish()
    del request, session
    gc.collect()

    assert hold() is None
    assert use(accessor)[0] == {"a": 1}
