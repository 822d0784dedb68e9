"""The limit on the sessions of a user: the oldest logins go, or the new one is refused, on every store (R83)."""

from __future__ import annotations

import logging
from functools import partial
from hashlib import sha256

import pytest

from httpsession import SessionConfig, TooManySessionsError
from httpsession.ids import key_of
from httpsession.stores.redis.names import Names
from httpsession.stores.redis.replies import is_list
from tests.core.test_users import log_in
from tests.support.core import store_of
from tests.support.threads import outcome_of, together

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)
LIMITED = {"max_sessions_per_principal": 3}


@pytest.fixture
def evicting(start_worker):
    return start_worker(**LIMITED)


@pytest.fixture
def denying(start_worker):
    return start_worker(**LIMITED, when_too_many="deny")


@pytest.fixture
def events(caplog):
    """The outcomes of the audit events, as they come."""

    def outcomes():
        return [
            (record.principal, record.details["outcome"])
            for record in caplog.records
            if getattr(record, "event", "") == "excess_sessions_exceeded"
        ]

    with caplog.at_level(logging.WARNING, "httpsession.audit"):
        yield outcomes


class TestEvict:
    """when_too_many="evict", the default."""

    @pytest.mark.parametrize("is_new", [True, False], ids=["new", "anonymous before"])
    def test_oldest_goes(self, evicting, clock, events, is_new):
        """Beyond the limit each login ends the oldest one of the user, with the usual events; others stay."""
        other = log_in(evicting, "berta")
        ids = []
        for number in range(5):
            clock.set(number)
            ids.append(log_in(evicting, "anna", None if is_new else evicting.session_with(cart=number)))

        assert [evicting.has(session_id) for session_id in ids] == [False, False, True, True, True]
        assert evicting.has(other)
        assert len(evicting.recorder.of("destroyed")) == 2
        assert evicting.manager.stats().evicted == 2
        assert events() == [("anna", "evicted")] * 2

    def test_renewed_login_is_the_latest(self, evicting, clock):
        """A user who logs in again in the oldest session keeps it; it takes no second place."""
        ids = []
        for number in range(3):
            clock.set(number)
            ids.append(log_in(evicting, "anna"))
        clock.set(3)
        ids[0] = log_in(evicting, "anna", ids[0])
        assert [evicting.has(session_id) for session_id in ids] == [True, True, True]
        clock.set(4)
        ids.append(log_in(evicting, "anna"))

        assert [evicting.has(session_id) for session_id in ids] == [True, False, True, True]

    def test_request_of_the_evicted_session(self, evicting, clock):
        """A request under way in an evicted session cannot bring it back."""
        first = log_in(evicting, "anna")
        request = evicting.request(first)
        session = request.session.get_session()
        for number in range(1, 4):
            clock.set(number)
            log_in(evicting, "anna")
        outcome_of(lambda: session.set_attribute("late", 1))
        request.finish()

        assert not evicting.has(first)
        assert len(evicting.manager.sessions_of("anna")) == 3

    def test_login_that_fails(self, evicting, clock, events):
        """A login whose response does not reach the client has ended no other session."""
        ids = []
        for number in range(3):
            clock.set(number)
            ids.append(log_in(evicting, "anna"))
        for session_id in (None, evicting.session_with(cart=1)):
            request = evicting.request(session_id)
            request.session.login("anna")
            request.close()

        assert [evicting.has(session_id) for session_id in ids] == [True, True, True]
        assert len(evicting.manager.sessions_of("anna")) == 3
        assert events() == []

    def test_threads(self, evicting):
        """Of twenty logins at once exactly three sessions are left, whose clients are logged in."""
        before = [evicting.session_with(cart=number) for number in range(10)]
        ids = together(*[partial(log_in_if_possible, evicting, session_id) for session_id in [None] * 10 + before])

        check_places(evicting, ids)
        assert len(evicting.recorder.of("destroyed")) == 17


class TestDeny:
    """when_too_many="deny"."""

    @pytest.mark.parametrize("is_new", [True, False], ids=["new", "anonymous before"])
    def test_refused(self, denying, events, is_new):
        """Beyond the limit a login is refused where it is called, and nothing happens to any session."""
        ids = [log_in(denying, "anna") for _ in range(3)]
        before = None if is_new else denying.session_with(cart=1)
        request = denying.request(before)
        with pytest.raises(TooManySessionsError, match=r"logged in 3 times, which is .*max_sessions_per_principal"):
            request.session.login("anna")
        request.finish()

        assert request.set_cookies == []
        assert all(denying.has(session_id) for session_id in ids)
        assert before is None or denying.attributes(before) == {"cart": 1}
        assert denying.active == (3 if is_new else 4)
        assert events() == [("anna", "denied")]

    def test_again_and_others(self, denying):
        """A user who logs in again needs no further place, and other users have their own."""
        ids = [log_in(denying, "anna") for _ in range(3)]

        assert denying.has(log_in(denying, "anna", ids[0]))
        assert denying.has(log_in(denying, "berta"))
        assert len(denying.manager.sessions_of("anna")) == 3

    def test_another_user_in_the_session(self, denying, clock):
        """A user who takes a session over from another one gives that one a place back."""
        ids = [log_in(denying, "anna") for _ in range(3)]
        log_in(denying, "berta", ids[0])
        clock.set(10)

        assert denying.has(log_in(denying, "anna"))
        assert (len(denying.manager.sessions_of("anna")), len(denying.manager.sessions_of("berta"))) == (3, 1)

    def test_expired_sessions_do_not_count(self, denying, clock):
        """Sessions that have expired give their places back, swept or not."""
        for _ in range(3):
            log_in(denying, "anna")
        clock.set(61)

        assert denying.has(log_in(denying, "anna"))

    def test_ended_sessions_do_not_count(self, denying, clock):
        """Sessions that have ended give their places back; so do those that vanish from the store (R83)."""
        ids = [log_in(denying, "anna") for _ in range(3)]
        clock.set(10)
        store_of(denying.manager).remove(key_of(ids[0]))
        request = denying.request(ids[1])
        request.session.logout()
        request.finish()
        new = [log_in(denying, "anna") for _ in range(2)]

        check_places(denying, [None, None, ids[2], *new])
        with pytest.raises(TooManySessionsError):
            denying.request().session.login("anna")

    def test_login_that_fails(self, denying, clock):
        """A login whose response does not reach the client gives its place back."""
        for session_id in (None, denying.session_with(cart=1)):
            for _ in range(4):
                request = denying.request(session_id)
                request.session.login("anna")
                request.close()

        clock.set(10)
        ids = [log_in(denying, "anna") for _ in range(3)]
        assert all(denying.has(session_id) for session_id in ids)

    def test_place_that_is_lost_at_the_commit(self, denying, clock):
        """Logins that overlap may both be accepted when they are called. At the commit the later one fails, and its
        session is the one of before."""
        for _ in range(2):
            log_in(denying, "anna")
        before = denying.session_with(cart=1)
        requests = [denying.request(before), denying.request()]
        for request in requests:
            outcome_of(lambda request=request: request.session.login("anna"))
        requests[1].finish()

        assert requests[0].finish().status == "503 Service Unavailable"
        assert requests[0].set_cookies == []
        assert len(denying.manager.sessions_of("anna")) == 3
        assert denying.attributes(before) == {"cart": 1}

    def test_threads(self, denying):
        """Of twenty logins at once exactly three pass; the sessions of the others stay as they were."""
        before = [denying.session_with(cart=number) for number in range(10)]
        ids = together(*[partial(log_in_if_possible, denying, session_id) for session_id in [None] * 10 + before])

        check_places(denying, ids)
        assert sum(session_id is not None for session_id in ids) == 3
        left = [denying.attributes(session_id) for session_id in before]
        assert left.count(None) == sum(session_id is not None for session_id in ids[10:])


def log_in_if_possible(worker, session_id):
    """Log in and return the new id; None if that is refused, or if the session was evicted meanwhile."""
    request = worker.request(session_id)
    try:
        request.session.login("anna")
        request.finish()
        return request.new_id if request.set_cookies else None
    except TooManySessionsError:
        request.close()
        return None


def check_places(worker, ids):
    """Check that three of the sessions with these ids are alive, and that all that the store knows of agrees."""
    alive = [session_id for session_id in ids if session_id is not None and worker.has(session_id)]
    keys = {key_of(session_id) for session_id in alive}
    store = store_of(worker.manager)
    assert len(alive) == 3
    assert {record.key for record in store.records_of("anna")} == keys
    if hasattr(store, "_client"):
        assert register_of(store) == keys


def register_of(store, user=b"anna"):
    """Return the keys in the register that Redis keeps of a user."""
    shard = sha256(user).digest()[0]
    name = Names(store.prefix).register[shard] + user
    return set(store._client.read(shard, is_list, b"ZRANGE", name, 0, -1))


def test_no_limit(worker_without_limit):
    """Without the setting a user may log in any number of times, and no register is kept."""
    ids = [log_in(worker_without_limit, "anna") for _ in range(5)]

    assert all(worker_without_limit.has(session_id) for session_id in ids)
    store = store_of(worker_without_limit.manager)
    assert not hasattr(store, "_client") or register_of(store) == set()


@pytest.fixture
def worker_without_limit(start_worker):
    assert SessionConfig().max_sessions_per_principal is None
    return start_worker()
