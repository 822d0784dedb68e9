"""A login begins a new session: it cuts off every other request that is under way with the former id."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from httpsession import InvalidSessionError, SessionMiddleware, StoreError, request_session
from httpsession.ids import handle_of, key_of
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)

#: The attributes of the session before the login.
BEFORE = {"cart": ["book"], "count": 1}


@pytest.fixture
def is_memory(url):
    return url == "memory://"


@pytest.fixture
def session_id(workers):
    """The id of an anonymous session, which may be a planted one."""
    return workers[0].session_with(cart=["book"], count=1)


@pytest.fixture
def events(workers):
    """Returns the events of some kinds from all workers, without kinds all events."""
    recorders = list({id(worker.recorder): worker.recorder for worker in workers}.values())

    def events(*kinds):
        return [event for recorder in recorders for event in (recorder.of(*kinds) if kinds else recorder.log)]

    return events


def open_both(workers, session_id):
    """Return two requests of the session, the other one and the one of the login, which both have read it."""
    other, login = workers[1].request(session_id), workers[0].request(session_id)
    for request in (other, login):
        assert dict(request.session.get_session()) == BEFORE
    return other, login


def log_in(request, user="anna", **attributes):
    """Log a user in and set some attributes."""
    request.session.login(user).update(attributes)


def read(worker, session_id):
    """Return user and attributes of a session, as a new request sees them; None if there is none."""
    request = worker.request(session_id)
    session = request.session.get_session(create=False)
    found = None if session is None else (session.principal, dict(session))
    request.finish()
    return found


@dataclass
class Act:
    """What the other request does."""

    do: object
    #: The attributes that it sets, and whether they are in effect before its commit on a shared store, too.
    sets: dict = field(default_factory=dict)
    is_at_once: bool = False
    ends: bool = False
    changes_id: bool = False
    #: The user whom it logs in.
    user: str | None = None


ACTS = {
    "reads": Act(lambda half: dict(half.get_session())),
    "sets": Act(lambda half: half.get_session().update(late=1), sets={"late": 1}),
    "changes inside": Act(lambda half: half.get_session()["cart"].append("pen"), sets={"cart": ["book", "pen"]}),
    "removes": Act(lambda half: half.get_session().pop("count"), sets={"count": None}),
    "updates": Act(
        lambda half: half.get_session().update_attribute("count", lambda count: count + 1),
        sets={"count": 2},
        is_at_once=True,
    ),
    "invalidates": Act(lambda half: half.get_session().invalidate(), ends=True, is_at_once=True),
    "logs out": Act(lambda half: half.logout(), ends=True, is_at_once=True),
    "rotates": Act(lambda half: half.change_session_id(), changes_id=True),
    "logs in the same user": Act(lambda half: half.login("anna").update(theirs=1), user="anna"),
    "logs in another user": Act(lambda half: half.login("mallory").update(theirs=1), user="mallory"),
    "sets the interval": Act(lambda half: setattr(half.get_session(), "max_inactive_interval", 99)),
}


class TestOtherRequest:
    """What another request can do, that was opened with the id of before: before, beside and after the login."""

    @pytest.mark.parametrize("is_quick", [True, False], ids=["and ends", "and goes on"])
    @pytest.mark.parametrize("moment", ["before", "between", "after"])
    @pytest.mark.parametrize("name", ACTS)
    def test_act(self, workers, session_id, events, is_memory, name, moment, is_quick):
        """What was in effect before the login's commit is carried over, nothing else; the other request sees neither
        the new id nor the user, and has no hold on the new session."""
        act = ACTS[name]
        other, login = open_both(workers, session_id)

        def act_now():
            act.do(other.session)
            if is_quick:
                other.finish()

        if moment == "before":
            act_now()
        log_in(login, mine=1)
        if moment == "between":
            act_now()
        login.finish()
        heard = len(events())
        if moment == "after":
            act_now()
        self.check_sees_nothing(other, login, session_id, act)
        if not is_quick:
            other.finish()

        is_in_time = moment != "after" and (is_quick or act.is_at_once or is_memory)
        is_ended = act.ends and is_in_time
        expected = {"mine": 1} if is_ended else BEFORE | {"mine": 1} | (act.sets if is_in_time else {})
        if is_memory and name == "changes inside":
            expected["cart"] = ["book", "pen"]  # the very object is on both sides
        expected = {name: value for name, value in expected.items() if value is not None}
        for worker in workers:
            flush(worker.manager)
            assert read(worker, session_id) is None
            assert read(worker, login.new_id) == ("anna", expected)
        self.check_new_session(workers[0], login.new_id, 99 if name == "sets the interval" and is_in_time else 60)
        self.check_cookies(other, login, act, workers, is_ended, was_first=is_quick and moment != "after")
        sessions = 2 if act.user else 1
        assert len(store_of(workers[0].manager)) == sessions
        assert len(events("destroyed")) == is_ended
        assert len(events("created")) == sessions + is_ended
        if is_memory and moment == "after" and not act.user:
            assert len(events()) == heard, "a request that was cut off is heard"

    def check_sees_nothing(self, other, login, session_id, act):
        """The other request has its own id, user and attributes, and no URL with the new id."""
        session = other.session.get_session(create=False)
        assert login.new_id not in other.session.encode_url("/")
        if session is None:
            assert act.ends
            return
        assert session.id != login.new_id
        assert session.principal == act.user
        assert "mine" not in session
        assert session.handle != handle_of(key_of(login.new_id))

    def check_new_session(self, worker, new_id, interval):
        request = worker.request(new_id)
        assert request.session.get_session().max_inactive_interval == interval
        assert request.session.get_session()["mine"] == 1
        request.finish()

    def check_cookies(self, other, login, act, workers, is_ended, was_first):
        """The other request sends no id of the new session, and no id at all once it is cut off. It deletes a cookie
        only if it has ended a session. Its own login ends in a session of its own."""
        assert not any(login.new_id in cookie for cookie in other.set_cookies)
        if act.user:
            assert read(workers[1], other.new_id) == (act.user, BEFORE | {"theirs": 1})
        elif act.ends:
            assert ["Max-Age=0" in cookie for cookie in other.set_cookies] == [True] * is_ended
        else:
            assert len(other.set_cookies) == (was_first and act.changes_id)
            assert all(read(workers[0], other.new_id) is None for _ in other.set_cookies)

    @pytest.mark.parametrize("way", ["cookie", "url"])
    def test_stream(self, start_worker, url, way):
        """A stream that was opened with the planted id, in a cookie or a URL, sees nothing and changes nothing."""
        worker = start_worker(tracking_modes=["COOKIE", "URL"])
        session_id = worker.session_with(cart=["book"], count=1)
        environ = {"PATH_INFO": f"/;jsessionid={session_id}"} if way == "url" else {}
        spy = worker.request(session_id if way == "cookie" else None, **environ)
        session = spy.session.get_session(create=False)
        spy.read()
        login = worker.request(session_id)
        log_in(login, mine=1)
        login.finish()
        session["late"] = 1
        session.update_attribute("mine", lambda mine: "theirs")
        session.max_inactive_interval = 99
        spy.read()

        assert (session.id, session.principal) == (session_id, None)
        assert dict(session) == BEFORE | {"late": 1, "mine": "theirs"}
        assert login.new_id not in spy.session.encode_url("/")
        assert not spy.session.is_requested_session_id_valid
        session.invalidate()
        spy.finish()
        assert spy.set_cookies == []
        assert read(worker, login.new_id) == ("anna", BEFORE | {"mine": 1})
        assert worker.manager.stats().invalidated == 0


class TestCarriedOver:
    """The new session: what it has of the former one, and what it has not."""

    def test_attributes(self, workers, session_id, events):
        """The attributes, the times and the interval stay; the id and the user are new. Listeners hear of a change of
        the id, and of nothing else."""
        request = workers[0].request(session_id)
        session = request.session.get_session()
        session.max_inactive_interval = 77
        created, heard = session.creation_time, len(events())
        request.session.login("anna")
        request.finish()

        assert events()[heard:] == [("id changed", session_id, request.new_id)]
        assert read(workers[1], request.new_id) == ("anna", BEFORE)
        after = workers[1].request(request.new_id)
        session = after.session.get_session()
        assert (session.creation_time, session.max_inactive_interval, session.is_new) == (created, 77, False)
        after.finish()

    def test_another_user(self, workers, session_id, events):
        """The attributes of another user are dropped, also those that were set meanwhile; each is removed once."""
        other, login = open_both(workers, self.logged_in(workers, session_id))
        heard = len(events())
        other.session.get_session()["late"] = 1
        other.finish()
        log_in(login, "bert", mine=1)
        assert dict(login.session.get_session()) == {"mine": 1}
        login.finish()

        assert read(workers[1], login.new_id) == ("bert", {"mine": 1})
        removed = [event[1] for event in events()[heard:] if event[0] == "removed"]
        assert len(removed) == len(set(removed))
        assert {"cart", "count"} <= set(removed) <= {"cart", "count", "late"}
        assert workers[0].manager.sessions_of("anna") == ()
        assert [event[0] for event in events()[heard:] if event[0] in ("created", "destroyed")] == []

    def logged_in(self, workers, session_id):
        request = workers[0].request(session_id)
        request.session.login("anna")
        return request.finish().new_id

    def test_same_user_again(self, workers, session_id):
        """A login of the user who is logged in is a change of the id: requests under way go on with the session."""
        other, login = open_both(workers, self.logged_in(workers, session_id))
        login.session.login("anna")
        login.finish()
        other.session.get_session()["late"] = 1
        other.finish()

        assert read(workers[0], login.new_id) == ("anna", BEFORE | {"late": 1})

    def test_deadline(self, start_worker, clock):
        """The absolute deadline begins anew; the creation time does not."""
        worker = start_worker(max_lifetime=100, max_inactive_interval=0)
        session_id = worker.session_with(a=1)
        clock.set(90)
        login = worker.request(session_id)
        created = login.session.get_session().creation_time
        login.session.login("anna")
        login.finish()
        clock.set(189)
        request = worker.request(login.new_id)
        assert request.session.get_session().creation_time == created
        request.finish()
        clock.set(190)

        assert read(worker, login.new_id) is None

    def test_manager_sees_it_from_the_commit_on(self, workers, session_id):
        """Until the commit the manager knows no session of the user, and ends none."""
        manager = workers[1].manager
        request = workers[0].request(session_id)
        session = request.session.login("anna")
        assert manager.sessions_of("anna") == ()
        assert manager.invalidate_all("anna") == 0
        request.read()

        (info,) = manager.sessions_of("anna")
        assert info.handle == session.handle == handle_of(key_of(request.new_id))
        assert manager.invalidate_all("anna", except_=session) == 0
        request.finish()
        assert manager.invalidate_all("anna") == 1
        assert read(workers[0], request.new_id) is None

    def test_requested_id(self, workers, session_id):
        """The id that the client sent stays what it was, and is not valid any more."""
        request = workers[0].request(session_id)
        assert request.session.is_requested_session_id_valid
        request.session.login("anna")
        before = request.session.requested_session_id, request.session.is_requested_session_id_valid
        request.read()

        after = request.session.requested_session_id, request.session.is_requested_session_id_valid
        assert before == after == (session_id, False)

    def test_accessor_from_before(self, workers, session_id):
        """An accessor from before the login finds the former session until the commit, and nothing after it."""
        request = workers[0].request(session_id)
        accessor = request.session.get_session().accessor
        request.session.login("anna")
        accessor.access(lambda session: session.update(early=session.principal is None))
        request.finish()

        with pytest.raises(InvalidSessionError):
            accessor.access(lambda session: session.update(late=1))
        assert read(workers[1], request.new_id) == ("anna", BEFORE | {"early": True})

    def test_accessor_under_way(self, workers, session_id):
        """An accessor that is under way during the login is cut off like a request."""
        request = workers[0].request(session_id)
        accessor = request.session.get_session().accessor

        def consume(session):
            log_in(request, mine=1)
            request.finish()
            session["late"] = 1
            assert (session.id, session.principal, dict(session)) == (session_id, None, BEFORE | {"late": 1})

        accessor.access(consume)
        assert read(workers[1], request.new_id) == ("anna", BEFORE | {"mine": 1})

    def test_accessor_from_after(self, workers, session_id):
        """An accessor that was taken after the login finds the new session."""
        request = workers[0].request(session_id)
        accessor = request.session.login("anna").accessor
        request.finish()
        accessor.access(lambda session: session.update(late=1))

        assert read(workers[1], request.new_id) == ("anna", BEFORE | {"late": 1})

    def test_late_changes(self, workers, session_id):
        """Changes while the response to the login is streamed are in the new session."""
        request = workers[0].request(session_id)
        session = request.session.login("anna")
        request.read()
        session["late"] = 1
        session["cart"].append("pen")
        session.max_inactive_interval = 99
        request.finish()

        assert read(workers[1], request.new_id) == ("anna", {"cart": ["book", "pen"], "count": 1, "late": 1})

    def test_same_value_again(self, workers, session_id):
        """An attribute that is set to the value that it has is set: it wins over another request's change, and stays
        when the former session has ended."""
        other, login = open_both(workers, session_id)
        session = login.session.login("anna")
        session["count"] = session["count"]
        other.session.get_session()["count"] = 5
        other.finish()
        login.finish()
        assert read(workers[1], login.new_id) == ("anna", BEFORE)

        again = workers[0].request(workers[0].session_with(count=1))
        session = again.session.login("bert")
        session["count"] = session["count"]
        end = workers[1].request(again.session.requested_session_id)
        end.session.logout()
        end.finish()
        again.finish()
        assert read(workers[1], again.new_id) == ("bert", {"count": 1})


class TestGone:
    """Logins whose session has gone when they are committed."""

    @pytest.mark.parametrize("end", ["logout", "manager", "accessor"])
    def test_ended(self, workers, session_id, events, end):
        """The login ends in a session that has what was set since, and nothing of the one that was ended."""
        other, login = open_both(workers, session_id)
        login.session.get_session()["early"] = 1
        session = login.session.login("anna")
        session["mine"] = 1
        session.update_attribute("count", lambda count: count + 1)
        del session["cart"]
        if end == "manager":
            assert workers[1].manager.invalidate(handle_of(key_of(session_id)))
        elif end == "accessor":
            other.session.get_session().accessor.access(lambda session: session.invalidate())
        else:
            other.session.logout()
        other.finish()
        login.finish()

        assert read(workers[1], login.new_id) == ("anna", {"mine": 1, "count": 2})
        assert read(workers[1], session_id) is None
        assert (len(events("created")), len(events("destroyed"))) == (2, 1)
        workers[0].manager.invalidate_all("anna")
        assert len(events("destroyed")) == 2
        assert workers[1].manager.stats().active == 0

    @pytest.mark.parametrize("users", [("anna", "bert"), ("anna", "anna")], ids=["two users", "double click"])
    @pytest.mark.parametrize("is_quick", [True, False], ids=["one after the other", "at once"])
    def test_two_logins(self, workers, session_id, events, users, is_quick):
        """Each login has a session of its own, with the attributes that it had read and nothing of the other."""
        requests = open_both(workers, session_id)
        for number, (request, user) in enumerate(zip(requests, users, strict=True)):
            log_in(request, user, **{f"login {number}": user})
            if is_quick:
                request.finish()
        for request in requests:
            if not is_quick:
                request.finish()

        for number, (request, user) in enumerate(zip(requests, users, strict=True)):
            assert read(workers[1], request.new_id) == (user, BEFORE | {f"login {number}": user})
        assert read(workers[0], session_id) is None
        assert (len(events("created")), len(events("destroyed"))) == (2, 0)
        assert sum(workers[0].manager.invalidate_all(user) for user in set(users)) == 2
        assert len(events("destroyed")) == 2

    @pytest.mark.parametrize("change", ["login", "logout"])
    def test_login_that_knows(self, workers, session_id, events, change):
        """A request that has learnt that it is cut off, or that the session has ended, can still log in; listeners hear
        of that session as of any other."""
        if change == "logout" and workers[0] is workers[1]:
            pytest.skip("in memory an ended session is no session: a login makes one")
        late, quick = open_both(workers, session_id)
        quick.session.login("anna") if change == "login" else quick.session.logout()
        quick.finish()
        late.session.get_session().update_attribute("count", lambda count: count + 1)
        late.session.get_session()["early"] = 1
        heard = len(events())
        log_in(late, "bert", mine=1)
        late.finish()

        expected = {"mine": 1} | (BEFORE | {"count": 2, "early": 1} if change == "login" else {})
        assert read(workers[0], late.new_id) == ("bert", expected)
        kinds = [event[0] for event in events()[heard:]]
        assert (kinds.count("created"), kinds.count("destroyed"), kinds.count("id changed")) == (1, 0, 1)
        assert workers[0].manager.invalidate_all("bert") == 1
        assert len(events("destroyed")) == (1 if change == "login" else 2)

    def test_another_user_after_a_login(self, workers, session_id):
        """A login that drops another user's attributes has none of them, also if another request has logged in."""
        first = workers[0].request(session_id)
        first.session.login("anna")
        first.finish()
        one, other = open_both(workers, first.new_id)
        log_in(one, "bert", one=1)
        log_in(other, "cleo", other=1)
        one.finish()
        other.finish()

        assert read(workers[1], one.new_id) == ("bert", {"one": 1})
        assert read(workers[1], other.new_id) == ("cleo", {"other": 1})

    def test_expired_meanwhile(self, start_worker, clock):
        """A session that a login is about to leave is in use: it does not expire."""
        worker = start_worker()
        session_id = worker.session_with(cart=["book"], count=1)
        login = worker.request(session_id)
        log_in(login, mine=1)
        for now in (50, 100, 150):
            clock.set(now)
            flush(worker.manager)
            assert worker.manager.sweep() == 0
        login.finish()

        assert read(worker, login.new_id) == ("anna", BEFORE | {"mine": 1})


class ListenerError(Exception):
    """What a listener raises."""


#: What a request does to the id, in this order.
CHANGES = [("login",), ("change", "login"), ("login", "change"), ("login", "login as another"), ("login", "login")]


class TestFailure:
    """Logins of which the client does not learn: no request is cut off, and nothing of the login stays."""

    def change(self, half, changes):
        half.get_session()["early"] = 1
        for number, change in enumerate(changes):
            if change == "change":
                half.change_session_id()
            else:
                half.login("bert" if change == "login as another" else "anna")
            half.get_session()[f"after {number}"] = 1
            half.get_session()["count"] = number
            half.get_session().max_inactive_interval = 99
        half.get_session().pop("cart", None)

    def check(self, workers, session_id, other, events, early):
        """The other request is not cut off, and the session is as it was."""
        other.session.get_session()["late"] = 1
        other.finish()
        assert read(workers[1], session_id) == (None, BEFORE | {"late": 1} | early)
        request = workers[1].request(session_id)
        assert request.session.get_session().max_inactive_interval == 60
        request.finish()
        assert all(workers[0].manager.sessions_of(user) == () for user in ("anna", "bert"))
        assert (len(events("created")), len(events("destroyed"))) == (1, 0)
        assert workers[0].manager.stats().active == 1

    @pytest.mark.parametrize("changes", CHANGES, ids=" ".join)
    def test_application_raises(self, workers, session_id, events, changes):
        """The application raises before the headers go out."""
        other = workers[1].request(session_id)
        assert dict(other.session.get_session()) == BEFORE
        ids = []

        def app(environ, start_response):
            self.change(request_session(environ), changes)
            ids.append(request_session(environ).get_session().id)
            raise LookupError

        with pytest.raises(LookupError):
            fetch(SessionMiddleware(app, workers[0].manager), session_id)
        assert read(workers[1], ids[0]) is None
        self.check(workers, session_id, other, events, {"early": 1})
        told = [(event[1], event[2]) for event in events("id changed")]
        assert told[-1] == (ids[0], session_id)
        assert [old for old, _ in told[1:]] == [new for _, new in told[:-1]]

    @pytest.mark.parametrize("listener", ["session_id_changed", "attribute_added", "attribute_removed"])
    def test_listener_raises(self, workers, session_id, events, listener, monkeypatch):
        """A listener raises in the login, or when an attribute is set after it."""
        other = workers[1].request(session_id)
        assert dict(other.session.get_session()) == BEFORE

        def app(environ, start_response):
            half = request_session(environ)
            half.get_session()["early"] = 1
            with monkeypatch.context() as patch:
                patch.setattr(workers[0].recorder, listener, fail, raising=True)
                session = half.login("anna")
                session["after"] = 1
                del session["cart"]

        def fail(*event):
            raise ListenerError

        with pytest.raises(ListenerError):
            fetch(SessionMiddleware(app, workers[0].manager), session_id)
        self.check(workers, session_id, other, events, {"early": 1})

    @pytest.mark.parametrize("changes", CHANGES, ids=" ".join)
    def test_store_fails(self, workers, session_id, events, changes, is_memory, monkeypatch):
        """The store fails at the commit: the answer is 503, and no cookie is touched."""
        if is_memory:
            pytest.skip("memory does not fail")
        other = workers[1].request(session_id)
        assert dict(other.session.get_session()) == BEFORE

        def app(environ, start_response):
            self.change(request_session(environ), changes)
            start_response("200 OK", [TEXT])
            return [b"done"]

        def fail(*arguments):
            raise StoreError("the store is down")

        with monkeypatch.context() as patch:
            patch.setattr(store_of(workers[0].manager), "save", fail)
            response = fetch(SessionMiddleware(app, workers[0].manager), session_id)
        assert (response.status, response.set_cookies) == ("503 Service Unavailable", [])
        self.check(workers, session_id, other, events, {})

    def test_client_is_gone(self, workers, session_id, events):
        """The client goes away before the headers go out."""
        other, login = open_both(workers, session_id)
        self.change(login.session, ["login"])
        login.close()

        self.check(workers, session_id, other, events, {"early": 1})

    def test_another_user_fails(self, workers, session_id, events):
        """A login that drops another user's attributes and fails has dropped none."""
        first = workers[0].request(session_id)
        first.session.login("anna")
        first.finish()
        login = workers[0].request(first.new_id)
        log_in(login, "bert", mine=1)
        login.close()

        assert read(workers[1], first.new_id) == ("anna", BEFORE)
        assert workers[1].manager.sessions_of("bert") == ()

    def test_listener_of_another_user_raises(self, workers, session_id, monkeypatch):
        """When a listener raises that hears of dropped attributes, and the application goes on, none is left."""
        first = workers[0].request(session_id)
        first.session.login("anna")
        first.finish()

        def fail(*event):
            raise ListenerError

        login = workers[0].request(first.new_id)
        login.session.get_session()
        for listener in ("session_id_changed", "attribute_removed"):
            monkeypatch.setattr(workers[0].recorder, listener, fail)
        with pytest.raises(ListenerError):
            login.session.login("bert")
        assert dict(login.session.get_session()) == {}
        login.finish()

        assert read(workers[1], login.new_id) == ("bert", {})

    def test_server_refuses_the_headers(self, workers, session_id, events):
        """When the headers cannot be sent after the commit, no client knows the new id: that session ends."""

        def app(environ, start_response):
            request_session(environ).login("anna")["mine"] = 1
            start_response("200 OK", [TEXT])
            return [b"done"]

        def refuse(status, headers, exc_info=None):
            raise OSError("the client is gone")

        environ = workers[0].request(session_id).environ
        del environ["httpsession.exchange"]
        with pytest.raises(OSError, match="gone"):
            SessionMiddleware(app, workers[0].manager)(environ, refuse)

        assert workers[1].manager.sessions_of("anna") == ()
        assert workers[1].manager.stats().active == 0
        assert (len(events("created")), len(events("destroyed"))) == (1, 1)


class TestOneRequest:
    """A login beside other calls in one request."""

    def test_login_and_logout(self, workers, session_id, events):
        """The session ends, with what the request has set and what others have; its cookie is deleted."""
        other, login = open_both(workers, session_id)
        other.session.get_session()["late"] = 1
        other.finish()
        log_in(login, mine=1)
        del login.session.get_session()["count"]
        login.session.logout()
        login.finish()

        assert ["Max-Age=0" in cookie for cookie in login.set_cookies] == [True]
        assert read(workers[1], session_id) is None
        assert workers[1].manager.stats().active == 0
        assert (len(events("created")), len(events("destroyed"))) == (1, 1)
        removed = [event[1] for event in events("removed")]
        assert sorted(removed) == ["cart", "count", "late", "mine"]

    def test_login_and_logout_of_a_session_that_has_gone(self, workers, session_id, events):
        """A logout after a login ends nothing, and touches no cookie, if another request was faster."""
        other, login = open_both(workers, session_id)
        log_in(login, mine=1)
        other.session.login("bert")
        other.finish()
        login.session.logout()
        login.finish()

        assert login.set_cookies == []
        assert login.session.get_session(create=False) is None
        assert read(workers[1], other.new_id) == ("bert", BEFORE)
        assert events("destroyed") == []

    def test_logout_and_login(self, workers, session_id, events):
        """A login after a logout has a session of its own, with nothing of the one that was ended."""
        request = workers[0].request(session_id)
        request.session.logout()
        log_in(request, mine=1)
        request.finish()

        assert read(workers[1], request.new_id) == ("anna", {"mine": 1})
        assert (len(events("created")), len(events("destroyed")), len(events("id changed"))) == (2, 1, 0)

    @pytest.mark.parametrize("second", ["anna", "bert"])
    def test_two_logins(self, workers, session_id, second):
        """Of two logins the latter counts; if it is of another user, it begins with nothing."""
        request = workers[0].request(session_id)
        log_in(request, one=1)
        log_in(request, second, two=2)
        request.finish()

        kept = BEFORE | {"one": 1} if second == "anna" else {}
        assert read(workers[1], request.new_id) == (second, kept | {"two": 2})
        assert workers[1].manager.stats().active == 1

    @pytest.mark.parametrize("second", [None, "anna", "bert"])
    def test_in_the_request_that_creates_the_session(self, workers, events, second):
        """A login to a new session keeps its id, which no other client can know."""
        request = workers[0].request()
        session = request.session.get_session()
        session_id = session.id
        session["early"] = 1
        log_in(request, mine=1)
        if second:
            log_in(request, second, two=2)
        request.finish()

        kept = {} if second == "bert" else {"early": 1, "mine": 1}
        assert read(workers[1], request.new_id) == (second or "anna", kept | ({"two": 2} if second else {}))
        assert request.new_id == session_id
        assert (len(events("created")), len(events("id changed"))) == (1, 0)

    @pytest.mark.parametrize("changes", [("change", "login"), ("login", "change")], ids=" ".join)
    def test_login_and_change_of_the_id(self, workers, session_id, events, changes):
        """Only the last id opens the session, and the change of the id beside the login does not lead to it."""
        other, login = open_both(workers, session_id)
        ids = [session_id]
        for change in changes:
            login.session.login("anna") if change == "login" else login.session.change_session_id()
            ids.append(login.session.get_session().id)
        login.finish()
        other.session.get_session()["late"] = 1
        other.session.get_session().update_attribute("count", lambda count: count + 1)
        other.finish()

        assert login.new_id == ids[-1]
        assert [read(workers[1], one) for one in ids] == [None, None, ("anna", BEFORE)]
        assert [event[1:] for event in events("id changed")] == [(ids[0], ids[1]), (ids[1], ids[2])]


class TestSilence:
    """A cut-off request on a shared store, which learns of the login by an update."""

    def test_from_then_on(self, workers, session_id, events):
        """From the moment that a request knows, listeners hear nothing of what it does."""
        other, login = open_both(workers, session_id)
        login.session.login("anna")
        login.finish()
        other.session.get_session().update_attribute("count", lambda count: count + 1)
        heard = len(events())
        session = other.session.get_session()
        session["late"] = 1
        del session["cart"]
        session.update_attribute("count", lambda count: count + 1)
        other.session.change_session_id()
        session.invalidate()
        other.finish()

        assert events()[heard:] == []
        assert other.set_cookies == []


class TestRoom:
    """Logins beside the bound of sessions."""

    def test_login_takes_no_room(self, start_worker):
        """A login takes the place of the former session: it needs no room, and evicts nothing."""
        worker = start_worker(max_sessions=2)
        ids = [worker.new_session() for _ in range(2)]
        for session_id in ids:
            login = worker.request(session_id)
            login.session.login("anna")
            login.finish()

        assert worker.manager.stats().active == 2
        assert (worker.manager.stats().evicted, worker.manager.stats().rejected) == (0, 0)

    def test_second_login_without_room(self, start_worker):
        """The second of two logins needs a session of its own; without room it gets 503 and leaves nothing."""
        worker = start_worker(max_sessions=1)
        session_id = worker.new_session()
        first, second = worker.request(session_id), worker.request(session_id)
        for request, user in ((first, "anna"), (second, "bert")):
            request.session.login(user)
        first.finish()
        second.finish()

        assert (second.status, second.set_cookies) == ("503 Service Unavailable", [])
        assert read(worker, first.new_id) == ("anna", {})
        assert worker.manager.sessions_of("bert") == ()
        assert (worker.manager.stats().active, worker.manager.stats().rejected) == (1, 1)


class TestUrl:
    """An id that was learned from a URL, as docs/howto/url-tracking.md says it."""

    @pytest.fixture
    def worker(self, start_worker):
        return start_worker(tracking_modes=["URL"])

    def follow(self, worker, link):
        """Return a request that follows a link."""
        return worker.request(**{"PATH_INFO": link, "HTTP_HOST": "shop.example"})

    def test_is_worth_nothing_after_the_login(self, worker):
        """The planted link opens nothing, and the victim's next link opens the session of the user."""
        attacker = self.follow(worker, "/")
        attacker.session.get_session()["cart"] = ["planted"]
        link = attacker.session.encode_url("/cart")
        attacker.finish()
        victim = self.follow(worker, link)
        log_in(victim, "anna", mine=1)
        next_link = victim.session.encode_url("/cart")
        victim.finish()

        again = self.follow(worker, link)
        assert again.session.get_session(create=False) is None
        assert not again.session.is_requested_session_id_valid
        again.finish()
        hers = self.follow(worker, next_link)
        session = hers.session.get_session(create=False)
        assert (session.principal, dict(session)) == ("anna", {"cart": ["planted"], "mine": 1})
        hers.finish()

    def test_links_of_a_request_that_is_cut_off(self, worker):
        """Links in a page that the attacker had requested before never have the new id."""
        first = self.follow(worker, "/")
        first.session.get_session()
        link = first.session.encode_url("/cart")
        first.finish()
        attacker, victim = self.follow(worker, link), self.follow(worker, link)
        attacker.session.get_session()
        log_in(victim)
        next_link = victim.session.encode_url("/cart")
        victim.finish()
        attacker.session.get_session()["late"] = 1

        assert attacker.session.encode_url("/cart") in ("/cart", link)
        assert next_link not in ("/cart", link)
        attacker.finish()
