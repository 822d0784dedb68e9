"""The sessions of users: how they are named, listed and ended, on every store."""

from __future__ import annotations

import pytest

from httpsession.ids import key_of

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


@pytest.fixture
def worker(start_worker):
    return start_worker()


def log_in(worker, user, session_id=None, **environ):
    """Log a user in, and return the id of the session."""
    request = worker.request(session_id, **environ)
    request.session.login(user)
    return request.finish().new_id


class TestHandle:
    """Handles are public names: nothing leads from them to an id or a key."""

    def test_opens_nothing(self, worker):
        """Neither the handle nor a digest of it is an id or a key of the session (R81)."""
        session_id = log_in(worker, "anna")
        (info,) = worker.manager.sessions_of("anna")
        key = key_of(session_id)

        assert info.handle not in key.hex()
        assert key.hex() not in info.handle
        assert bytes.fromhex(info.handle) not in key
        assert key_of(info.handle) != key
        for cookie in (info.handle, info.handle.upper(), info.handle[:32].upper(), key.hex().upper()):
            assert not worker.has(cookie)

    def test_changes_with_the_id(self, worker):
        """After a change of the id the former handle names no session, and the new one does."""
        session_id = log_in(worker, "anna")
        (before,) = worker.manager.sessions_of("anna")
        request = worker.request(session_id)
        request.session.change_session_id()
        request.finish()
        (after,) = worker.manager.sessions_of("anna")

        assert before.handle != after.handle
        assert not worker.manager.invalidate(before.handle)
        assert worker.manager.invalidate(after.handle)

    def test_key_is_no_handle(self, worker):
        """The key in hexadecimal, by which the store finds the session, ends nothing."""
        session_id = log_in(worker, "anna")

        assert not worker.manager.invalidate(key_of(session_id).hex())
        assert worker.has(session_id)


class TestInvalidateOfAUser:
    """invalidate with a principal ends sessions of this user alone."""

    def test_own(self, worker):
        """The user's own session is ended, once."""
        session_id, other = log_in(worker, "anna"), log_in(worker, "anna")
        handle = next(info.handle for info in worker.manager.sessions_of("anna") if worker.has(session_id))

        assert worker.manager.invalidate(handle, principal="anna")
        assert not worker.manager.invalidate(handle, principal="anna")
        assert len(worker.recorder.of("destroyed")) == 1
        assert worker.has(session_id) + worker.has(other) == 1

    def test_of_another_user(self, worker):
        """A handle of another user, or of a session without a user, ends nothing (R81)."""
        ids = [log_in(worker, "berta"), worker.session_with(cart=1)]
        handles = [worker.request(session_id).session.get_session().handle for session_id in ids]
        log_in(worker, "anna")

        for handle in handles:
            assert not worker.manager.invalidate(handle, principal="anna")
        assert all(worker.has(session_id) for session_id in ids)
        assert all(worker.manager.invalidate(handle) for handle in handles)

    @pytest.mark.parametrize("wrong", ["", 5, "p" * 1025])
    def test_no_principal(self, worker, wrong):
        """A value that is no principal is refused, and nothing is ended."""
        session_id = log_in(worker, "anna")
        (info,) = worker.manager.sessions_of("anna")
        with pytest.raises(ValueError, match="principal"):
            worker.manager.invalidate(info.handle, principal=wrong)
        assert worker.has(session_id)


class TestCurrent:
    """The caller's own session in a list, and beside the others that end."""

    def test_marked(self, worker):
        """Exactly the session of the request that asks is marked."""
        session_id, _ = log_in(worker, "anna"), log_in(worker, "anna")
        session = worker.request(session_id).session.get_session()
        infos = worker.manager.sessions_of("anna", current=session)

        assert [info.handle == session.handle for info in infos] == [info.is_current for info in infos]
        assert sum(info.is_current for info in infos) == 1
        assert not any(info.is_current for info in worker.manager.sessions_of("anna"))

    def test_marked_after_a_change_of_the_id(self, workers):
        """It is also found when another request has changed its id meanwhile."""
        session_id = log_in(workers[0], "anna")
        request, other = workers[0].request(session_id), workers[1].request(session_id)
        session = request.session.get_session()
        other.session.change_session_id()
        other.finish()

        (info,) = workers[0].manager.sessions_of("anna", current=session)
        assert info.is_current
        assert workers[0].manager.invalidate_all("anna", except_=session) == 0

    def test_of_another_user(self, worker):
        """A session of another user is none of the list."""
        session = worker.request(log_in(worker, "berta")).session.get_session()
        log_in(worker, "anna")

        (info,) = worker.manager.sessions_of("anna", current=session)
        assert not info.is_current

    def test_by_its_info(self, worker):
        """The session to spare may be named by its line in the list."""
        ids = [log_in(worker, "anna") for _ in range(3)]
        info = worker.manager.sessions_of("anna")[1]

        assert worker.manager.invalidate_all("anna", except_=info) == 2
        assert [one.handle for one in worker.manager.sessions_of("anna")] == [info.handle]
        assert sum(map(worker.has, ids)) == 1

    def test_no_session(self, worker):
        """A value that is no session is refused."""
        with pytest.raises(ValueError, match="current is 5, but must be an HttpSession or a SessionInfo"):
            worker.manager.sessions_of("anna", current=5)
