"""The sessions of users: how they are named, listed and ended, on every store."""

from __future__ import annotations

import logging
import struct
import threading
import time
from datetime import timedelta
from functools import partial
from typing import ClassVar

import pytest

from httpsession import InvalidSessionError, LoginRequiredError
from httpsession.ids import key_of
from httpsession.record import pack_time
from httpsession.stores.base import Changes
from tests.support.clock import START
from tests.support.core import store_of
from tests.support.threads import outcome_of, together

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


class TestHints:
    """What a list of sessions shows of the clients."""

    BROWSER: ClassVar = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11)", "REMOTE_ADDR": "192.0.2.7"}

    def info(self, worker, **environ):
        """Log in with such a client, and return the line of the list."""
        log_in(worker, "anna", **environ)
        (info,) = worker.manager.sessions_of("anna")
        return info

    def test_nothing_by_default(self, worker):
        """Without the setting nothing of the client is kept: an address is personal data."""
        info = self.info(worker, **self.BROWSER)

        assert (info.user_agent, info.address) == (None, None)
        (stored,) = store_of(worker.manager)
        assert set(stored.record.notes) == {"auth_time"}

    @pytest.mark.parametrize("allowed", [("user_agent",), ("address",), ("user_agent", "address")])
    def test_as_allowed(self, start_worker, allowed):
        """The hints that the setting names are shown, and no other."""
        info = self.info(start_worker(client_hints=allowed), **self.BROWSER)

        assert info.user_agent == ("Mozilla/5.0 (X11)" if "user_agent" in allowed else None)
        assert info.address == ("192.0.2.7" if "address" in allowed else None)

    def test_not_allowed_any_more(self, start_worker, url):
        """Hints that were kept under another setting are not shown."""
        if url == "memory://":
            pytest.skip("another manager has other sessions")
        self.info(start_worker(client_hints=("user_agent", "address")), **self.BROWSER)
        (info,) = start_worker(client_hints=("address",)).manager.sessions_of("anna")

        assert (info.user_agent, info.address) == (None, "192.0.2.7")

    def test_of_the_login(self, start_worker):
        """A login shows its own client: another one may have begun the session. Later requests change nothing."""
        worker = start_worker(client_hints=("user_agent",))
        request = worker.request(HTTP_USER_AGENT="curl/8")
        request.session.get_session()
        session_id = log_in(worker, "anna", request.finish().new_id, HTTP_USER_AGENT="Safari")
        worker.request(session_id, HTTP_USER_AGENT="Chrome").finish()
        log_in(worker, "anna", session_id, HTTP_USER_AGENT="Firefox")

        assert [info.user_agent for info in worker.manager.sessions_of("anna")] == ["Safari"]

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("a\r\nb\x1b[31m\0", "a??b?[31m?"),
            ("Ã©tÃ©", "été"),
            ("\xff\xfe", "??"),
            ("x" * 10_000, "x" * 256),
            ("", None),
        ],
    )
    def test_any_text(self, start_worker, sent, shown):
        """A text of a client is cut, and has printable characters alone (R89)."""
        worker = start_worker(client_hints=("user_agent",))

        assert self.info(worker, HTTP_USER_AGENT=sent).user_agent == shown

    def test_client_without_any(self, start_worker):
        """A server may tell nothing of its client, as over a Unix socket."""
        info = self.info(start_worker(client_hints=("user_agent", "address")), REMOTE_ADDR="")

        assert (info.user_agent, info.address) == (None, None)


class TestRecentLogin:
    """auth_time and require_recent_login."""

    def ask(self, worker, session_id, max_age=300):
        """Make a request that needs a recent login, and return what it is told."""
        request = worker.request(session_id)
        try:
            request.session.require_recent_login(max_age)
            return "recent"
        except LoginRequiredError as error:
            return str(error)
        finally:
            request.finish()

    def test_time(self, worker, clock):
        """auth_time is when the user logged in, also in the request that does it; without a user it is None."""
        assert worker.request().session.auth_time is None
        session_id = worker.session_with(cart=1)
        assert worker.request(session_id).session.auth_time is None
        clock.set(10)
        request = worker.request(session_id)
        request.session.login("anna")
        assert request.session.auth_time == START + 10
        session_id = request.finish().new_id
        clock.set(20)

        assert worker.request(session_id).session.auth_time == START + 10
        assert [info.auth_time for info in worker.manager.sessions_of("anna")] == [START + 10]

    def test_old(self, worker, clock):
        """A login counts for so many seconds, and not longer; a timedelta says the same (R84)."""
        session_id = log_in(worker, "anna")
        clock.set(29.9)
        assert self.ask(worker, session_id, 30) == self.ask(worker, session_id, timedelta(seconds=30)) == "recent"
        clock.set(30)

        assert self.ask(worker, session_id, 30) == "no user has logged in to the session in the last 30 seconds"
        assert worker.has(session_id)

    def test_again(self, worker, clock):
        """A user who logs in again gets a new id and a new time; the attributes stay, and the former id is dead."""
        session_id = log_in(worker, "anna")
        request = worker.request(session_id)
        request.session.get_session()["cart"] = [1]
        request.finish()
        clock.set(50)
        new_id = log_in(worker, "anna", session_id)

        assert self.ask(worker, new_id, 30) == "recent"
        assert worker.attributes(new_id) == {"cart": [1]}
        assert (new_id != session_id, worker.has(session_id)) == (True, False)
        assert [info.auth_time for info in worker.manager.sessions_of("anna")] == [START + 50]

    def test_rotation_is_no_login(self, worker, clock):
        """A change of the id alone proves nothing of the user."""
        session_id = log_in(worker, "anna")
        clock.set(50)
        request = worker.request(session_id)
        request.session.change_session_id()

        assert self.ask(worker, request.finish().new_id, 30) != "recent"

    def test_nobody(self, worker):
        """Without a session, or without a user in it, no login is recent; no session is made for the question."""
        assert self.ask(worker, None) != "recent"
        assert self.ask(worker, worker.session_with(cart=1)) != "recent"
        assert worker.active == 1

    @pytest.mark.parametrize(("later", "is_recent"), [(10, True), (10.1, False), (1e9, False)])
    def test_from_the_future(self, worker, clock, later, is_recent):
        """A login that another machine's clock places a little later counts, and one far in the future does not."""
        session_id = log_in(worker, "anna")
        notes = {"auth_time": pack_time(START + later)}
        assert store_of(worker.manager).save(key_of(session_id), Changes(notes=notes), time.time())

        assert (self.ask(worker, session_id) == "recent") is is_recent

    @pytest.mark.parametrize("forged", [b"", b"1", struct.pack("<d", float("nan")), struct.pack("<d", float("inf"))])
    def test_damaged(self, worker, forged):
        """A note that is no time is none."""
        session_id = log_in(worker, "anna")
        key = key_of(session_id)
        assert store_of(worker.manager).save(key, Changes(notes={"auth_time": forged}), time.time())

        assert worker.request(session_id).session.auth_time is None
        assert self.ask(worker, session_id) != "recent"

    @pytest.mark.parametrize("fails", ["login", "again"])
    def test_of_a_login_that_fails(self, worker, clock, fails):
        """A login whose response does not reach the client leaves the time of the latest one."""
        session_id = log_in(worker, "anna") if fails == "again" else worker.session_with()
        clock.set(50)
        request = worker.request(session_id)
        request.session.login("anna")
        request.close()

        expected = START if fails == "again" else None
        assert worker.request(session_id).session.auth_time == expected

    @pytest.mark.parametrize("wrong", [0, -1, True, None, "300", float("nan"), timedelta(0)])
    def test_no_age(self, worker, wrong):
        """A value that is no length of time is refused."""
        with pytest.raises(ValueError, match="max_age is a number of seconds above zero"):
            worker.request(log_in(worker, "anna")).session.require_recent_login(wrong)


class TestAudit:
    """What the audit log has of logins, changes of the id and logouts."""

    @pytest.fixture
    def events(self, caplog):
        """The names, users and reasons of the events, as they come."""

        def events():
            records = [record for record in caplog.records if record.name == "httpsession.audit"]
            return [(record.event, record.principal, record.details.get("reason")) for record in records]

        with caplog.at_level(logging.INFO, "httpsession.audit"):
            yield events

    def test_changes_of_the_id(self, worker, events):
        """Each change of the id is one event, with its reason and the user; a creation is none."""
        session_id = log_in(worker, "anna", worker.session_with(cart=1))
        session_id = log_in(worker, "anna", session_id)
        request = worker.request(session_id)
        request.session.change_session_id()
        request.finish()
        log_in(worker, "berta")

        assert [event for event in events() if event[0] == "session_renewed"] == [
            ("session_renewed", "anna", "login"),
            ("session_renewed", "anna", "reauthentication"),
            ("session_renewed", "anna", "rotation"),
        ]

    def test_change_that_fails(self, worker, events):
        """A change of the id that does not reach the client is no event."""
        request = worker.request(worker.session_with(cart=1))
        request.session.login("anna")
        request.close()

        assert "session_renewed" not in {event[0] for event in events()}

    def test_change_of_another_request(self, worker, events):
        """Of two requests that change the id at once, the one that succeeds is an event."""
        session_id = worker.session_with(cart=1)
        requests = [worker.request(session_id) for _ in range(2)]
        for request in requests:
            request.session.get_session()
            request.session.change_session_id()
        for request in requests:
            request.finish()

        assert [event[0] for event in events()].count("session_renewed") == 1

    def test_logout(self, worker, events):
        """A logout is an event with the user, if it has ended a session."""
        session_id = log_in(worker, "anna")
        for _ in range(2):
            request = worker.request(session_id)
            request.session.logout()
            request.finish()

        assert [event for event in events() if event[0] == "session_logout"] == [("session_logout", "anna", None)]


class TestPrivileges:
    """Logins beside other requests, and ending all sessions of a user."""

    def test_nothing_is_seen_by_the_former_id(self, worker, quick_switches):
        """A client that keeps sending the former id sees the anonymous session, then none, and never the user (R7)."""
        session_id = worker.session_with(a=1)
        login = worker.request(session_id)
        login.session.login("anna")["secret"] = 2
        started, seen = threading.Barrier(9), []

        def see(session):
            return None if session is None else (session.principal, dict(session))

        def sample():
            started.wait(10)
            for _ in range(6):
                request = worker.request(session_id)
                seen.append(outcome_of(partial(see, request.session.get_session(create=False))))
                request.finish()

        def finish():
            started.wait(10)
            login.finish()

        together(finish, *[sample] * 8)
        allowed = [
            one for one in seen if one is None or one == (None, {"a": 1}) or isinstance(one, InvalidSessionError)
        ]
        assert allowed == seen
        assert worker.attributes(session_id) is None
        assert worker.attributes(login.new_id) == {"a": 1, "secret": 2}

    def test_another_user_begins_empty(self, worker):
        """A login that finds another user's session starts from an empty one, without hints and times of that (R9)."""
        session_id = log_in(worker, "anna", worker.session_with(cart=1))
        new_id = log_in(worker, "berta", session_id)

        assert worker.attributes(new_id) == {}
        assert worker.attributes(session_id) is None
        assert worker.manager.sessions_of("anna") == ()

    def test_all_sessions_of_a_user(self, start_worker, url):
        """All sessions of a user in three workers end but one, other users stay, and a request under way revives none
        (R20)."""
        workers = [start_worker()] * 3 if url == "memory://" else [start_worker() for _ in range(3)]
        ids = [log_in(workers[number % 3], "anna") for number in range(5)]
        other = log_in(workers[0], "berta")
        slow = workers[1].request(ids[1])
        slow_session = slow.session.get_session()
        session = workers[0].request(ids[0]).session.get_session()

        assert workers[0].manager.invalidate_all("anna", except_=session) == 4
        outcome_of(lambda: slow_session.set_attribute("late", 1))
        slow.finish()
        assert [worker.has(ids[0]) for worker in workers] == [True] * 3
        assert not any(worker.has(session_id) for worker in workers for session_id in ids[1:])
        assert workers[2].has(other)
