"""Logins to sessions in memory: the values on both sides, and what they and the listeners hear."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from httpsession import IllegalStateError
from tests.support.core import store_of
from tests.support.listeners import Bound, Recorder
from tests.support.request import COOKIE_ID
from tests.support.site import Site
from tests.support.threads import race, together

THREADS = 8


class Stage:
    """A site with one session, whose values count how often they are bound."""

    def __init__(self, user=None, **config):
        self.recorder = Recorder()
        self.site = Site(listeners=[self.recorder], **config)
        self.values = {name: Bound(name) for name in ("first", "second", "mine", "theirs")}
        request = self.site.request()
        session = request.session.get_session() if user is None else request.session.login(user)
        session.update(first=self.values["first"], second=self.values["second"])
        self.session_id = request.finish().new_id

    def request(self):
        """Return a request that has read the session."""
        request = self.site.request(self.session_id)
        assert request.session.get_session(create=False) is not None
        return request

    def check(self):
        """Each value is bound as often as a session has it, and each session was created and not destroyed; in the end
        that is never and none."""
        store = store_of(self.site.manager)
        self._check_balance([value for entry in store for value in entry.attributes.snapshot().values()])
        for entry in list(store):
            assert self.site.manager.invalidate(entry.record.handle)
        self._check_balance([])

    def _check_balance(self, values):
        store = store_of(self.site.manager)
        counts = {name: sum(one is value for one in values) for name, value in self.values.items()}
        assert {name: value.balance for name, value in self.values.items()} == counts
        assert len(self.recorder.of("created")) - len(self.recorder.of("destroyed")) == len(store)
        stats = self.site.manager.stats()
        assert stats.created - stats.invalidated - stats.evicted == stats.active == len(store)


def replace_and_restore(session, values):
    session["first"] = values["mine"]
    session["first"] = values["first"]


#: What the request of the login does with the session after it.
OWN_ACTS = {
    "nothing": lambda session, values: None,
    "removes": lambda session, values: session.pop("first", None),
    "replaces": lambda session, values: session.update(first=values["mine"]),
    "adds": lambda session, values: session.update(added=values["mine"]),
    "sets the same": lambda session, values: session.update(first=values["first"]),
    "replaces and restores": replace_and_restore,
    "updates": lambda session, values: session.update_attribute("first", lambda first: values["mine"]),
    "clears": lambda session, values: session.clear(),
    "swaps": lambda session, values: session.update(first=values["second"], second=values["first"]),
}
#: What another request does.
OTHER_ACTS = {
    "nothing": lambda half, values: None,
    "removes": lambda half, values: half.get_session().pop("first", None),
    "replaces": lambda half, values: half.get_session().update(first=values["theirs"]),
    "adds": lambda half, values: half.get_session().update(added=values["theirs"]),
    "sets the same": lambda half, values: half.get_session().update(first=values["first"]),
    "updates": lambda half, values: half.get_session().update_attribute("first", lambda first: values["theirs"]),
    "invalidates": lambda half, values: half.logout(),
    "logs in": lambda half, values: half.login("bert").update(first=values["theirs"]),
    "rotates": lambda half, values: half.change_session_id(),
}
#: How the request of the login ends.
ENDS = {
    "commits": lambda request: request.finish(),
    "fails": lambda request: request.close(),
    "logs out": lambda request: (request.session.logout(), request.finish()),
    "drops all": lambda request: (request.session.login("cleo"), request.finish()),
}


class TestBalance:
    """Values are bound as often as they are in sessions, whatever two requests do beside a login."""

    @pytest.mark.parametrize("user", [None, "bert"], ids=["anonymous", "of another user"])
    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("other_act", OTHER_ACTS)
    @pytest.mark.parametrize("own_act", OWN_ACTS)
    def test_between(self, own_act, other_act, end, user):
        """The other request acts, and ends, between the login and its end."""
        stage = Stage(user)
        other, login = stage.request(), stage.request()
        OWN_ACTS[own_act](login.session.login("anna"), stage.values)
        OTHER_ACTS[other_act](other.session, stage.values)
        other.finish()
        ENDS[end](login)
        stage.check()

    @pytest.mark.parametrize("other_act", OTHER_ACTS)
    @pytest.mark.parametrize("own_act", OWN_ACTS)
    def test_after(self, own_act, other_act):
        """The other request acts before and after the commit."""
        stage = Stage()
        other, login = stage.request(), stage.request()
        OTHER_ACTS["adds"](other.session, stage.values)
        OWN_ACTS[own_act](login.session.login("anna"), stage.values)
        login.finish()
        heard = len(stage.recorder.log)
        OTHER_ACTS[other_act](other.session, stage.values)
        if other_act != "logs in":
            assert len(stage.recorder.log) == heard
        other.finish()
        stage.check()

    @pytest.mark.parametrize("other_act", OTHER_ACTS)
    def test_at_any_line_of_the_commit(self, other_act):
        """The other request acts between any two lines of the commit."""

        def prepare():
            stage = Stage()
            other, login = stage.request(), stage.request()
            session = login.session.login("anna")
            OWN_ACTS["replaces"](session, stage.values)
            del session["second"]

            def check(*outcomes):
                assert not any(isinstance(outcome, Exception) for outcome in outcomes[:1])
                other.finish()
                stage.check()

            return login.finish, lambda: OTHER_ACTS[other_act](other.session, stage.values), check

        race(prepare)

    @pytest.mark.parametrize("other_act", ["replaces", "adds", "removes", "invalidates"])
    def test_at_any_line_of_the_other_request(self, other_act):
        """The commit comes between any two lines of what the other request does."""

        def prepare():
            stage = Stage()
            other, login = stage.request(), stage.request()
            login.session.login("anna")

            def check(*outcomes):
                assert not any(isinstance(outcome, Exception) for outcome in outcomes)
                other.finish()
                stage.check()

            return lambda: OTHER_ACTS[other_act](other.session, stage.values), login.finish, check

        race(prepare)

    def test_end_at_any_line_of_the_commit(self):
        """The manager ends all sessions of the user between any two lines of the commit."""

        def prepare():
            stage = Stage()
            login = stage.request()
            OWN_ACTS["replaces"](login.session.login("anna"), stage.values)

            def check(*outcomes):
                assert not any(isinstance(outcome, Exception) for outcome in outcomes)
                stage.check()

            return login.finish, lambda: stage.site.manager.invalidate_all("anna"), check

        race(prepare)


class Sulking(Bound):
    """A value that fails when it is unbound."""

    def value_unbound(self, event):
        super().value_unbound(event)
        raise LookupError("not now")


class TestValues:
    """The very objects are on both sides, in a map of each side."""

    def test_objects_are_shared_and_maps_are_not(self):
        """A change inside a value is seen from both sides, a change of the map from one."""
        site = Site()
        with_cart = site.request()
        with_cart.session.get_session()["cart"] = cart = ["book"]
        session_id = with_cart.finish().new_id
        other, login = site.request(session_id), site.request(session_id)
        theirs, mine = other.session.get_session(), login.session.login("anna")
        assert mine["cart"] is theirs["cart"] is cart
        mine["mine"], theirs["early"] = 1, 1
        assert (set(mine), set(theirs)) == ({"cart", "mine"}, {"cart", "early"})
        login.finish()
        theirs["late"] = 1
        theirs["cart"].append("pen")

        assert dict(mine) == {"cart": ["book", "pen"], "mine": 1, "early": 1}
        assert dict(theirs) == {"cart": ["book", "pen"], "early": 1, "late": 1}
        assert mine["cart"] is theirs["cart"] is cart
        assert mine != theirs

    def test_carried_over_are_not_bound_again(self):
        """A value that is carried over hears nothing; it is unbound with the new session."""
        stage = Stage()
        login = stage.request()
        login.session.login("anna")
        login.finish()
        assert [event[0] for event in stage.values["first"].log] == ["bound"]
        stage.check()
        assert [event[0] for event in stage.values["first"].log] == ["bound", "unbound"]

    def test_bound_by_a_request_that_is_cut_off(self):
        """A value that a cut-off request sets is not bound: it is in no session."""
        stage = Stage()
        other, login = stage.request(), stage.request()
        login.session.login("anna")
        login.finish()
        other.session.get_session()["first"] = stage.values["theirs"]
        assert stage.values["theirs"].log == []
        assert other.session.get_session()["first"] is stage.values["theirs"]

    def test_value_that_fails_at_the_commit(self, caplog):
        """A value that raises when the login drops it is logged: the login is in effect, and its client gets the id."""
        stage = Stage("bert")
        stage.values["sulking"] = Sulking("sulking")
        other, login = stage.request(), stage.request()
        login.session.get_session()["sulking"] = stage.values["sulking"]
        login.session.login("anna")["mine"] = stage.values["mine"]
        login.finish()
        assert "not now" in caplog.text
        assert [info.principal for info in stage.site.manager.sessions_of("anna")] == ["anna"]
        assert stage.site.has(login.new_id)
        other.finish()
        stage.check()


class TestMaxSessions:
    """The bound of sessions, where a login has to make one."""

    def logins(self, stage):
        """Return two requests that have logged in from one session."""
        logins = stage.request(), stage.request()
        for request in logins:
            request.session.login("anna")["mine"] = stage.values["mine"]
        return logins

    def test_no_room(self):
        """The second of two logins is refused by 503 if there is no room for its session, and leaves nothing."""
        stage = Stage(max_sessions=1)
        first, second = self.logins(stage)
        first.finish()
        second.finish()

        assert (second.status, second.set_cookies) == ("503 Service Unavailable", [])
        assert stage.site.active == 1
        assert stage.site.has(first.new_id)
        stage.check()

    def test_room_is_made(self):
        """The session of the second of two logins takes the place of one whose client never came back."""
        stage = Stage(max_sessions=2)
        newcomer = stage.site.new_id()
        first, second = self.logins(stage)
        first.finish()
        second.finish()

        assert not stage.site.has(newcomer)
        assert (stage.site.active, stage.site.manager.stats().evicted) == (2, 1)
        assert (stage.site.has(first.new_id), stage.site.has(second.new_id)) == (True, True)


@pytest.mark.usefixtures("quick_switches")
@pytest.mark.parametrize("seed", range(5))
def test_threads_that_do_anything(seed):
    """Threads that log in, rotate, log out and change values beside each other and the sweeper: all ends balanced."""
    stage = Stage()
    ids = [stage.session_id]

    def live(number):
        chance = random.Random(f"{seed} {number}")
        acts = [
            *OTHER_ACTS.values(),
            lambda half, values: half.login(chance.choice(["anna", "bert"])),
            lambda half, values: half.get_session().update(second=chance.choice([*values.values()])),
        ]
        for _ in range(60):
            request = stage.site.request(chance.choice(ids[-3:]))
            with suppress(IllegalStateError):
                for _ in range(3):
                    chance.choice(acts)(request.session, stage.values)
            if chance.random() < 0.8:
                request.finish()
                ids.extend(COOKIE_ID.findall(" ".join(request.set_cookies)))
            else:
                request.close()
            stage.site.manager.sweep()

    together(*(lambda number=number: live(number) for number in range(THREADS)))
    stage.check()
