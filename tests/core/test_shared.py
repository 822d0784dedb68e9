"""Overlapping requests of one session, on two workers: nothing is lost, revived, or written needlessly."""

from __future__ import annotations

import pytest

from httpsession import CodecError, SessionMiddleware, get_session
from httpsession.ids import handle_of, key_of
from httpsession.stores.base import Changes
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch
from tests.support.workers import Cart, Colour, Guest


@pytest.fixture
def session_id(workers):
    """A session with some attributes."""
    return workers[0].session_with(user="anna", cart=["book"], count=1)


@pytest.fixture
def overlapping(workers, session_id):
    """Two requests of one session, on two workers, each of which has read it before the other changes anything."""
    requests = [worker.request(session_id) for worker in workers]
    for request in requests:
        assert request.session.get_session()["user"] == "anna"
    return requests


@pytest.fixture
def written(workers, monkeypatch):
    """The changes that the first worker's store gets."""
    changes = []
    store = store_of(workers[0].manager)
    save = store.save
    monkeypatch.setattr(store, "save", lambda key, what, now: changes.append(what) or save(key, what, now))
    return changes


class TestMerge:
    """Changes of overlapping requests are merged by attribute."""

    def test_different_attributes(self, workers, overlapping, session_id):
        """Requests that set, change and remove different attributes lose nothing of each other's."""
        one, other = overlapping
        one.session.get_session()["a"] = 1
        other.session.get_session()["b"] = 2
        other.session.get_session()["cart"].append("pen")
        del one.session.get_session()["count"]
        one.finish()
        other.finish()

        for worker in workers:
            assert worker.attributes(session_id) == {"user": "anna", "cart": ["book", "pen"], "a": 1, "b": 2}

    def test_same_attribute(self, workers, overlapping, session_id):
        """Of one attribute the last commit stands, also if it sets what it had read."""
        one, other = overlapping
        one.session.get_session()["count"] = 5
        other.session.get_session()["count"] = 1
        one.finish()
        other.finish()

        assert workers[0].attributes(session_id)["count"] == 1

    def test_slow_reader(self, workers, overlapping, session_id):
        """A request that only reads undoes nothing, however late it ends."""
        one, other = overlapping
        other.session.get_session()["count"] = 2
        other.session.get_session()["cart"].append("pen")
        other.finish()
        assert dict(one.session.get_session()) == {"user": "anna", "cart": ["book"], "count": 1}, "a snapshot"
        one.finish()

        assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book", "pen"], "count": 2}

    def test_interval_and_attributes(self, workers, overlapping, session_id):
        """A new interval and attributes of different requests all stand."""
        one, other = overlapping
        one.session.get_session().max_inactive_interval = 7
        other.session.get_session()["b"] = 2
        one.finish()
        other.finish()

        request = workers[0].request(session_id)
        assert request.session.get_session().max_inactive_interval == 7
        assert request.session.get_session()["b"] == 2

    def test_types_come_back(self, workers):
        """Values come back as what they were, those of registered types included."""
        values = {"cart": Cart(["book"]), "colour": Colour.RED, "n": None, "t": (1, {2.5: b"x"}), "big": 2**80}
        session_id = workers[0].session_with(**values)

        assert workers[1].attributes(session_id) == values

    def test_what_is_set_twice_in_a_request(self, workers, session_id):
        """Set and removed, or removed and set: what is last counts."""
        request = workers[0].request(session_id)
        session = request.session.get_session()
        session["new"] = 1
        del session["new"]
        del session["count"]
        session["count"] = 9
        request.finish()

        assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book"], "count": 9}


class TestWrites:
    """Writes to the store."""

    def test_reading_writes_nothing(self, workers, session_id, written):
        """A request that reads everything, also what could have been changed inside, saves nothing."""
        assert workers[0].attributes(session_id) == {"user": "anna", "cart": ["book"], "count": 1}
        assert written == []

    def test_nothing_is_written_if_nothing_changed_inside(self, workers, written):
        """A value changed and changed back, sets and dicts in another order, and NaN are no changes."""
        session_id = workers[0].session_with(s={"b", "a"}, d={"x": 1, "y": [2]}, nan=[float("nan")])
        request = workers[0].request(session_id)
        session = request.session.get_session()
        session["s"].add("c")
        session["s"].remove("c")
        session["d"]["y"].append(1)
        session["d"]["y"].pop()
        session["nan"].append(1)
        session["nan"].pop()
        request.finish()

        assert written == []

    def test_only_what_changed_is_written(self, workers, session_id, written):
        """A save has the attributes that changed, and no others."""
        request = workers[0].request(session_id)
        dict(request.session.get_session())
        request.session.get_session()["cart"].append("pen")
        request.finish()

        (changes,) = written
        assert set(changes.put) == {"cart"}
        assert changes.removed == []
        assert changes.max_inactive_interval is changes.new_key is None
        assert changes.principal is ...

    def test_before_the_headers(self, workers, session_id):
        """Changes are saved before the headers go out: the client's next request finds them, on any worker."""
        request = workers[0].request(session_id)
        request.session.get_session()["a"] = 1
        request.read()

        assert workers[1].attributes(session_id)["a"] == 1

    def test_late_changes_are_saved(self, workers, session_id):
        """Changes while a body is streamed are saved at its end, those inside of values included."""
        request = workers[0].request(session_id)
        session = request.session.get_session()
        session["a"] = [1]
        request.read()
        session["b"] = 2
        session["a"].append(3)
        request.finish()

        assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book"], "count": 1, "a": [1, 3], "b": 2}

    @pytest.mark.parametrize("body", [list, iter], ids=["list", "iterator"])
    def test_changes_after_write_are_saved(self, workers, session_id, body):
        """Changes after write() are saved, whatever the application returns then."""

        def app(environ, start_response):
            session = get_session(environ)
            start_response("200 OK", [TEXT])(b"x")
            session["late"] = 1
            return body([])

        fetch(SessionMiddleware(app, workers[0].manager), session_id)
        assert workers[1].attributes(session_id)["late"] == 1

    def test_new_session_is_there_at_the_headers(self, workers):
        """A new session reaches the store with all its attributes when its cookie goes out, and not before."""
        request = workers[0].request()
        session = request.session.get_session()
        session["a"] = 1
        assert workers[1].attributes(session.id) is None
        request.read()

        assert workers[1].attributes(request.new_id) == {"a": 1}

    def test_made_and_ended_in_one_request(self, workers):
        """A session that is made and ended in one request never reaches the store, and gives no cookie."""
        request = workers[0].request()
        request.session.get_session().invalidate()
        request.finish()

        assert request.set_cookies == []
        assert workers[0].manager.stats().active == 0
        assert [kind for kind, _ in workers[0].recorder.log] == ["created", "destroyed"]

    def test_value_that_stops_being_storable(self, workers, session_id):
        """A value changed inside into what cannot be stored fails the commit by name, and nothing of it is saved."""
        request = workers[0].request(session_id)
        session = request.session.get_session()
        session["other"] = 1
        session["cart"].append(object())
        with pytest.raises(CodecError, match=r"cart\[1\]"):
            request.finish()

        assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book"], "count": 1}

    @pytest.mark.parametrize("name", ["a\ud800", "\udfff"])
    def test_name_that_cannot_be_stored(self, workers, session_id, name):
        """A name that UTF-8 cannot hold is refused where it is set."""
        session = workers[0].request(session_id).session.get_session()
        with pytest.raises(CodecError, match="surrogate"):
            session[name] = 1

    @pytest.mark.parametrize("name", ["", "=", "r", "p", "a" * 1024, "\0", "päth/../x", "{tag}", "id", "key"])
    def test_any_other_name(self, workers, session_id, name):
        """Every other name is one, and collides with nothing."""
        request = workers[0].request(session_id)
        request.session.get_session()[name] = name
        request.finish()

        assert workers[1].attributes(session_id)[name] == name
        assert workers[1].attributes(session_id)["user"] == "anna"


class TestUpdateAttribute:
    """update_attribute: atomic, and at once."""

    def test_at_once(self, workers, session_id):
        """The new value is in the store before the request ends, and the request sees it."""
        request = workers[0].request(session_id)
        session = request.session.get_session()

        assert session.update_attribute("count", lambda count: count + 1) == 2
        assert session["count"] == 2
        assert workers[1].attributes(session_id)["count"] == 2

    def test_on_what_is_there_now(self, overlapping):
        """It is applied to the value that other requests have set since the request read it."""
        one, other = overlapping
        assert one.session.get_session()["count"] == 1
        other.session.get_session().update_attribute("count", lambda count: count + 10)

        assert one.session.get_session().update_attribute("count", lambda count: count + 1) == 12
        assert one.session.get_session()["count"] == 12

    def test_is_not_written_again(self, workers, session_id, written, overlapping):
        """The commit does not repeat it, and so does not undo what other requests set meanwhile."""
        one, other = overlapping
        one.session.get_session().update_attribute("count", lambda count: count + 1)
        other.session.get_session().update_attribute("count", lambda count: count + 1)
        one.finish()
        other.finish()

        assert workers[0].attributes(session_id)["count"] == 3
        assert len(written) == 1

    def test_of_what_this_request_has_set(self, workers, session_id):
        """It is applied to the value that the request has set itself."""
        request = workers[0].request(session_id)
        session = request.session.get_session()
        session["count"] = 40
        session["cart"].append("pen")
        session.update_attribute("count", lambda count: count + 2)
        session.update_attribute("cart", lambda cart: [*cart, "ink"])
        request.finish()

        assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book", "pen", "ink"], "count": 42}

    def test_in_place_on_a_fresh_value_each_time(self, overlapping):
        """A function that changes what it gets, and has to run again, gets a fresh value."""
        one, other = overlapping
        other.session.get_session().update_attribute("cart", lambda cart: [*cart, "pen"])

        def add_ink(cart):
            cart.append("ink")
            return cart

        assert one.session.get_session().update_attribute("cart", add_ink) == ["book", "pen", "ink"]

    def test_spares_what_was_changed_inside(self, workers, overlapping):
        """Changes inside of other attributes stay, though the attributes are read again."""
        one, other = overlapping
        one.session.get_session()["cart"].append("pen")
        other.session.get_session()["cart"].append("ink")
        other.session.get_session().update_attribute("count", lambda count: count + 1)
        other.finish()
        one.session.get_session().update_attribute("count", lambda count: count + 1)
        assert one.session.get_session()["cart"] == ["book", "pen"]
        one.finish()

        assert workers[1].attributes(one.session.get_session().id)["cart"] == ["book", "pen"]

    def test_none_removes(self, workers, session_id):
        """None removes, and what is not there is None."""
        session = workers[0].request(session_id).session.get_session()
        assert session.update_attribute("count", lambda count: None) is None
        assert session.update_attribute("nothing", lambda nothing: nothing) is None

        assert workers[1].attributes(session_id) == {"user": "anna", "cart": ["book"]}

    def test_of_nothing(self, workers, session_id, written):
        """If there is no attribute before and after, listeners are not notified."""
        request = workers[0].request(session_id)
        assert request.session.get_session().update_attribute("nothing", lambda nothing: nothing) is None
        request.finish()

        assert workers[0].recorder.of("added", "removed", "replaced")[3:] == []

    def test_reaches_nothing_of_a_later_login(self, workers, overlapping):
        """A request under way with the former id, which may be a planted one, updates its own copy: it neither sees nor
        changes anything of the user who has logged in since."""
        spy, victim = overlapping
        session = victim.session.login("anna")
        session["secret"] = "hers"
        session["count"] = 2
        victim.finish()
        before = workers[1].attributes(victim.new_id)

        assert spy.session.get_session().update_attribute("count", lambda count: count + 1) == 2
        assert dict(spy.session.get_session()) == {"user": "anna", "cart": ["book"], "count": 2}
        spy.finish()
        assert workers[1].attributes(victim.new_id) == before
        assert (before["count"], before["secret"]) == (2, "hers")

    def test_after_a_login(self, workers, session_id):
        """In the request of a login it takes effect with the login, and not under the former id."""
        request = workers[0].request(session_id)
        request.session.login("anna").update_attribute("secret", lambda secret: "hers")
        assert "secret" not in workers[1].attributes(session_id)
        request.finish()

        assert workers[1].attributes(request.new_id)["secret"] == "hers"

    def test_under_a_former_id(self, workers, overlapping):
        """It follows the session to the id that another request has given it."""
        one, other = overlapping
        other.session.change_session_id()
        other.finish()

        assert one.session.get_session().update_attribute("count", lambda count: count + 1) == 2
        assert workers[0].attributes(other.new_id)["count"] == 2

    def test_of_an_ended_session(self, workers, overlapping, session_id):
        """If another request has ended the session, this request keeps its snapshot, and nothing is revived."""
        one, other = overlapping
        other.session.logout()
        other.finish()

        assert one.session.get_session().update_attribute("count", lambda count: count + 1) == 2
        one.finish()
        assert workers[0].attributes(session_id) is None

    def test_after_another_user_has_logged_in(self, workers):
        """After a login that starts afresh it is part of what that user has, and nothing that the one before sees."""
        first = workers[0].request()
        first.session.login("anna")["count"] = 5
        first.finish()
        request = workers[1].request(first.new_id)
        session = request.session.login("bert")
        assert session.update_attribute("count", lambda count: (count or 0) + 1) == 1
        assert workers[0].attributes(first.new_id) == {"count": 5}
        request.finish()

        assert workers[0].attributes(request.new_id) == {"count": 1}

    def test_in_a_new_session(self, workers):
        """In the request that creates the session it is part of the creation."""
        request = workers[0].request()
        request.session.get_session().update_attribute("count", lambda count: (count or 0) + 1)
        request.finish()

        assert workers[1].attributes(request.new_id) == {"count": 1}


class TestLogoutWins:
    """Requests that overlap with the end of a session do not bring it back."""

    @pytest.mark.parametrize(
        "act",
        [
            lambda session: None,
            lambda session: session.get_session().get("user"),
            lambda session: session.get_session().update(late=1),
            lambda session: session.get_session()["cart"].append("late"),
            lambda session: session.change_session_id(),
            lambda session: setattr(session.get_session(), "max_inactive_interval", 10_000),
            lambda session: session.get_session().update_attribute("count", lambda count: 7),
        ],
        ids=["nothing", "read", "write", "nested", "change id", "interval", "update"],
    )
    @pytest.mark.parametrize("is_before", [True, False], ids=["acted before", "acted after"])
    def test_over_overlapping_requests(self, workers, overlapping, session_id, act, is_before):
        """After a logout nothing that another request does brings the session back; its answer is its own, and it
        sends no cookie."""
        one, other = overlapping
        if is_before:
            act(one.session)
        other.session.logout()
        other.finish()
        if not is_before:
            act(one.session)
        one.finish()
        for worker in workers:
            flush(worker.manager)

        assert one.status == "200 OK"
        assert one.set_cookies == []
        for worker in workers:
            assert worker.attributes(session_id) is None
            assert worker.manager.stats().active == 0

    @pytest.mark.parametrize("is_before", [True, False], ids=["acted before", "acted after"])
    def test_over_an_overlapping_login(self, workers, overlapping, session_id, is_before):
        """A login beside the logout ends in a new session that has nothing of the one that was ended."""
        login, logout = overlapping
        login.session.get_session()["early"] = 1
        login.session.get_session()["cart"].append("pen")
        if is_before:
            login.session.login("eve")["late"] = 1
        logout.session.logout()
        logout.finish()
        if not is_before:
            login.session.login("eve")["late"] = 1
        login.finish()

        assert workers[1].attributes(session_id) is None
        assert workers[1].attributes(login.new_id) == {"late": 1}
        assert [info.handle for info in workers[1].manager.sessions_of("eve")] == [handle_of(key_of(login.new_id))]
        assert sum(len(worker.recorder.of("destroyed")) for worker in workers) == 1
        assert workers[0].manager.stats().active == 1

    def test_over_a_change_of_the_id_that_knows(self, workers, overlapping):
        """A request that has learnt of the end, and changes the id then, sends no cookie either: its client may have
        another session by now."""
        one, other = overlapping
        other.session.logout()
        other.finish()
        one.session.get_session().update_attribute("count", lambda count: count + 1)
        one.session.change_session_id()
        one.finish()

        assert (one.status, one.set_cookies) == ("200 OK", [])
        assert workers[0].manager.stats().active == 0

    def test_listeners_are_notified_once(self, workers, overlapping):
        """Of two requests that end the session one notifies the listeners and expires the cookie. The other touches no
        cookie: by then the client may have a new one."""
        one, other = overlapping
        one.session.logout()
        other.session.logout()
        one.finish()
        other.finish()

        assert sum(len(worker.recorder.of("destroyed")) for worker in workers) == 1
        assert [bool(request.set_cookies) for request in overlapping] == [True, False]

    def test_late_logout_harms_no_new_cookie(self, workers, overlapping):
        """A slow logout of an ended session leaves the cookie of the client's next session alone."""
        slow, quick = overlapping
        quick.session.logout()
        quick.finish()
        login = workers[1].request()
        login.session.login("bert")
        login.finish()
        slow.session.logout()
        slow.finish()

        assert slow.set_cookies == []
        assert workers[0].attributes(login.new_id) is not None

    def test_of_one_that_did_not_read(self, workers, session_id):
        """A request that carries the id and never asks for the session does not bring it back by its access."""
        request = workers[0].request(session_id)
        logout = workers[1].request(session_id)
        logout.session.logout()
        logout.finish()
        request.finish()
        flush(workers[0].manager)

        assert workers[0].attributes(session_id) is None

    def test_with_the_attributes_as_they_last_were(self, workers, overlapping):
        """The listeners of an invalidation see the attributes as saved by other requests and set by this one."""
        one, other = overlapping
        one.session.get_session()["one"] = 1
        one.session.get_session()["cart"].append("pen")
        other.session.get_session()["two"] = 2
        one.finish()
        other.session.logout()

        removed = {name: value for _, name, value in workers[1].recorder.of("removed")}
        assert removed == {"user": "anna", "cart": ["book", "pen"], "count": 1, "one": 1, "two": 2}
        assert other.session.get_session(create=False) is None


class TestChangeOfTheId:
    """change_session_id and login: the old id opens nothing, and a rotation carries requests in flight along."""

    @pytest.mark.parametrize("change", ["change_session_id", "login"])
    def test_old_id_is_dead(self, workers, session_id, change):
        """When the cookie with the new id goes out the old id opens nothing, on any worker."""
        request = workers[0].request(session_id)
        request.session.login("anna") if change == "login" else request.session.change_session_id()
        request.read()

        for worker in workers:
            assert worker.attributes(session_id) is None
            assert worker.attributes(request.new_id)["user"] == "anna"

    def test_until_then_the_old_id_lives(self, workers, session_id):
        """Until the cookie goes out the old id is the one that opens the session: no client is locked out meanwhile."""
        request = workers[0].request(session_id)
        new_id = request.session.change_session_id()
        assert request.session.get_session().id == new_id

        assert workers[1].attributes(session_id) is not None
        assert workers[1].attributes(new_id) is None

    def test_requests_under_way_follow(self, workers, overlapping, session_id):
        """Attributes set by a request with the old id reach the session; it sends no cookie and revives nothing."""
        one, other = overlapping
        one.session.change_session_id()
        one.finish()
        other.session.get_session()["late"] = 1
        other.finish()

        assert other.set_cookies == []
        assert workers[1].attributes(one.new_id)["late"] == 1
        assert workers[1].attributes(session_id) is None

    def test_through_two_changes(self, workers, overlapping, session_id):
        """It follows through several changes."""
        one, other = overlapping
        one.session.change_session_id()
        one.finish()
        again = workers[1].request(one.new_id)
        again.session.change_session_id()
        again.finish()
        other.session.get_session()["late"] = 1
        other.finish()

        assert workers[0].attributes(again.new_id)["late"] == 1
        assert workers[0].attributes(one.new_id) is None

    def test_logout_with_the_old_id(self, workers, overlapping):
        """A logout under the old id ends the session under its new one."""
        one, other = overlapping
        one.session.change_session_id()
        one.finish()
        other.session.logout()
        other.finish()

        assert workers[0].attributes(one.new_id) is None
        assert workers[0].manager.stats().active == 0

    def test_of_two_changes_one_wins(self, workers, overlapping):
        """The id of the first stands; the other sends no cookie, and what it has set follows."""
        one, other = overlapping
        other.session.change_session_id()
        other.session.get_session()["late"] = 1
        one.session.change_session_id()
        one.finish()
        other.finish()

        assert other.set_cookies == []
        assert workers[1].attributes(one.new_id)["late"] == 1
        assert workers[1].manager.stats().active == 1

    def test_a_login_takes_the_session_over(self, workers, overlapping):
        """A login that meets another change of the id has the last word: a client with that id is not logged in."""
        victim, attacker = overlapping
        victim.session.login("anna")
        attacker.session.change_session_id()
        attacker.finish()
        victim.finish()

        assert workers[0].attributes(attacker.new_id) is None
        assert workers[0].attributes(victim.new_id)["user"] == "anna"
        (info,) = workers[0].manager.sessions_of("anna")
        assert info.handle == handle_of(key_of(victim.new_id))

    def test_another_user_starts_afresh(self, workers, session_id):
        """A login of another user leaves nothing of the one before, not even what a slow request of hers sets, or what
        another has set meanwhile."""
        first = workers[0].request(session_id)
        first.session.login("anna")
        first.finish()
        slow, quick, login = (workers[at].request(first.new_id) for at in (1, 1, 0))
        slow.session.get_session()["secret"] = "hers"
        quick.session.get_session()["basket"] = "hers"
        login.session.login("bert")["mine"] = 1
        quick.finish()
        login.finish()
        slow.finish()

        assert workers[0].attributes(login.new_id) == {"mine": 1}
        assert workers[0].manager.sessions_of("anna") == ()
        assert len(workers[0].manager.sessions_of("bert")) == 1

    @pytest.mark.parametrize("users", [("anna", "bert"), ("bert", "anna"), ("anna", "anna")])
    @pytest.mark.parametrize("is_committed", [True, False], ids=["one after the other", "before either commit"])
    def test_two_logins_at_once(self, workers, overlapping, session_id, users, is_committed):
        """Two logins at the same time end in a session each, with the attributes that both had read and nothing of the
        other login, also if they are of one user: a double click."""
        for number, (request, user) in enumerate(zip(overlapping, users, strict=True)):
            request.session.login(user)[f"login {number}"] = user
            if is_committed:
                request.finish()
        for request in overlapping:
            if not is_committed:
                request.finish()

        for number, (request, user) in enumerate(zip(overlapping, users, strict=True)):
            read = {"user": "anna", "cart": ["book"], "count": 1}
            assert workers[0].attributes(request.new_id) == read | {f"login {number}": user}
        assert workers[0].attributes(session_id) is None
        assert [len(workers[0].manager.sessions_of(user)) for user in users] == [users.count(user) for user in users]
        created, destroyed = (
            sum(len(worker.recorder.of(end)) for worker in workers) for end in ("created", "destroyed")
        )
        assert (created, destroyed, workers[0].manager.stats().active) == (2, 0, 2)

    def test_new_and_changed_in_one_request(self, workers):
        """A session made, given a new id and a user in one request is stored once, under the last id."""
        request = workers[0].request()
        request.session.get_session()["a"] = 1
        request.session.change_session_id()
        request.session.login("anna")
        request.finish()

        assert workers[1].attributes(request.new_id) == {"a": 1}
        assert workers[1].manager.stats().active == 1
        assert len(workers[1].manager.sessions_of("anna")) == 1

    def test_listeners_hear_at_once(self, workers, session_id):
        """The id listeners are notified when the id changes, once."""
        request = workers[0].request(session_id)
        new_id = request.session.change_session_id()
        assert workers[0].recorder.of("id changed") == [("id changed", session_id, new_id)]
        request.finish()
        assert len(workers[0].recorder.of("id changed")) == 1


class TestUsers:
    """The sessions of a user, across workers."""

    def login(self, worker, principal):
        request = worker.request()
        request.session.login(principal)
        return request.finish().new_id

    def test_listed_and_ended_everywhere(self, workers):
        """A user's sessions are listed and ended from any worker, all but the one that asks."""
        ids = [self.login(worker, "anna") for worker in workers * 2]
        self.login(workers[0], "bert")
        assert len(workers[1].manager.sessions_of("anna")) == 4

        request = workers[1].request(ids[0])
        assert workers[1].manager.invalidate_all("anna", except_=request.session.get_session()) == 3
        assert [workers[0].attributes(one) is not None for one in ids] == [True, False, False, False]
        assert len(workers[0].manager.sessions_of("bert")) == 1

    def test_all_but_one_whose_id_changes(self, workers):
        """The one that asks is spared also if it is changing its id, or another request has."""
        session_id = self.login(workers[0], "anna")
        self.login(workers[0], "anna")
        one, other = (worker.request(session_id) for worker in workers)
        session = one.session.get_session()
        other.session.change_session_id()
        other.finish()
        one.session.change_session_id()

        assert workers[0].manager.invalidate_all("anna", except_=session) == 1
        assert workers[0].attributes(other.new_id) is not None

    def test_by_handle(self, workers):
        """A session is ended by its handle, from any worker, once."""
        self.login(workers[0], "anna")
        (info,) = workers[1].manager.sessions_of("anna")

        assert workers[1].manager.invalidate(info.handle)
        assert not workers[0].manager.invalidate(info.handle)
        assert len(workers[1].recorder.of("destroyed")) == 1


class TestEvents:
    """Events of listeners and values, where requests have copies."""

    def test_value_in_and_out(self, workers, heard):
        """A value is notified when it is bound, serialised, deserialised and unbound."""
        session_id = workers[0].session_with(guest=Guest("g"))
        assert heard == ["g bound", "g passivated"]
        request = workers[1].request(session_id)
        request.session.get_session()
        assert heard[2:] == []
        assert request.session.get_session()["guest"] == Guest("g")
        assert heard[2:] == ["g activated"]
        del request.session.get_session()["guest"]
        assert heard[3:] == ["g unbound"]
        request.finish()
        assert heard[4:] == []

    def test_value_is_unbound_with_its_session(self, workers, heard):
        """A value is notified of the end of its session, also if no request has read it."""
        session_id = workers[0].session_with(guest=Guest("g"))
        del heard[:]
        logout = workers[1].request(session_id)
        logout.session.logout()

        assert heard == ["g activated", "g unbound"]

    def test_value_that_fails_when_it_is_read(self, workers, heard, monkeypatch):
        """A value that raises when it is notified of its deserialisation does not hinder the end of its session."""
        session_id = workers[0].session_with(guest=Guest("g"), user="anna")

        def fail(self, event):
            raise RuntimeError("not now")

        monkeypatch.setattr(Guest, "session_did_activate", fail)
        request = workers[1].request(session_id)
        request.session.logout()
        request.finish()

        assert len(request.set_cookies) == 1
        assert {event[1] for event in workers[1].recorder.of("removed")} == {"guest", "user"}

    def test_listener_that_ends_the_session_again(self, start_worker, session_id):
        """A listener may invalidate the session of whose end it is notified; each event still comes exactly once."""
        worker = start_worker()
        worker.recorder.session_destroyed = lambda event: event.session.invalidate()
        request = worker.request(session_id)
        request.session.logout()
        request.finish()

        assert {event[1] for event in worker.recorder.of("removed")} == {"user", "cart", "count"}

    def test_attribute_events_have_old_values(self, workers, session_id):
        """Attribute listeners get replaced and removed values, which the request has not read before."""
        request = workers[1].request(session_id)
        request.session.get_session()["count"] = 2
        del request.session.get_session()["cart"]

        assert workers[1].recorder.log == [("replaced", "count", 1), ("removed", "cart", ["book"])]

    def test_is_new(self, workers):
        """A session is new in the request that makes it, and in no other."""
        request = workers[0].request()
        assert request.session.get_session().is_new
        request.finish()
        assert not workers[1].request(request.new_id).session.get_session().is_new


class TestDamage:
    """Data that this codec has not written."""

    @pytest.mark.parametrize(
        "data", [b"", b"\x80\x04K\x01.", b'{"a": 1}', b"\x01\xc1", b"\x01\x93" * 50_000, b"\xff" * 100]
    )
    def test_one_attribute(self, workers, session_id, data, caplog):
        """An attribute that cannot be read is as if it were not there, and is logged; the others are not affected, and
        it can be set again."""
        assert store_of(workers[0].manager).save(key_of(session_id), Changes(put={"cart": data}), 0.0)
        assert workers[1].attributes(session_id) == {"user": "anna", "count": 1}
        assert "'cart'" in caplog.text
        request = workers[1].request(session_id)
        request.session.get_session()["cart"] = ["new"]
        request.finish()

        assert workers[0].attributes(session_id) == {"user": "anna", "cart": ["new"], "count": 1}


def test_spared_session_whose_id_changes(workers, start_worker):
    """invalidate_all spares a session also when another request changes its id while the list is read."""
    worker = workers[0]
    request = worker.request()
    request.session.login("anna")
    session_id = request.finish().new_id
    spared = worker.request(session_id).session.get_session()
    store = store_of(worker.manager)
    records_of = store.records_of

    def after_a_change(principal):
        store.records_of = records_of
        other = workers[1].request(session_id)
        other.session.change_session_id()
        ids.append(other.finish().new_id)
        return records_of(principal)

    ids = []
    store.records_of = after_a_change
    assert worker.manager.invalidate_all("anna", except_=spared) == 0
    assert workers[1].attributes(ids[0]) is not None
