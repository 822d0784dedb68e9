"""Requests that fail before their headers went out: what they leave, and what they take back."""

from __future__ import annotations

import pytest

from httpsession import SessionManager, SessionMiddleware, request_session
from tests.support.core import accesses_of
from tests.support.listeners import Bound, Recorder
from tests.support.request import TEXT, Request, fetch
from tests.support.site import Site


class Failing:
    """A site whose application does what a test wants and then fails before its headers went out, in some way."""

    WAYS = ("raises", "generator raises", "client gone")

    def __init__(self, way):
        self.recorder = Recorder()
        self.manager = SessionManager(listeners=[self.recorder])
        self.site = Site(self.manager)
        self.way = way

    def request(self, act, session_id=None):
        """Make a request in which *act* is called with the request's session half, and which then fails."""
        way, in_flight = self.way, dict(accesses_of(self.manager).in_flight)

        def app(environ, start_response):
            start_response("200 OK", [TEXT])
            if way == "raises":
                act(request_session(environ))
                raise LookupError("the request fails")
            if way == "client gone":
                act(request_session(environ))
                return iter([b"never read"])

            def body():
                yield b""
                act(request_session(environ))
                raise LookupError("the request fails")

            return body()

        middleware = SessionMiddleware(app, self.manager)
        if way == "client gone":
            Request(middleware, session_id).close()
        else:
            with pytest.raises(LookupError, match="the request fails"):
                fetch(middleware, session_id)
        assert accesses_of(self.manager).in_flight.keys() <= in_flight.keys()

    def attributes(self, session_id):
        """Return the attributes of a session, as the next request sees them."""
        request = self.site.request(session_id)
        try:
            return dict(request.session.get_session(create=False).items())
        finally:
            request.finish()


@pytest.fixture(params=Failing.WAYS)
def failing(request):
    return Failing(request.param)


class TestFailedRequest:
    """A request that fails before its headers went out leaves nothing that depends on a cookie that was not sent."""

    def test_created_session_is_gone(self, failing):
        """Its client will never come: the session is destroyed, and the listeners are notified as of any other end."""
        value = Bound()
        failing.request(lambda request: request.get_session().set_attribute("name", value))

        assert [event[0] for event in failing.recorder.log] == ["created", "added", "destroyed", "removed"]
        assert value.balance == 0
        assert failing.manager.stats().active == 0

    def test_changed_id_is_taken_back(self, failing):
        """The old id works again, the new one opens nothing, and the listeners are notified of both changes."""
        old_id = failing.site.new_session()
        ids = []
        failing.request(lambda request: ids.append(request.change_session_id()), old_id)

        assert failing.site.has(old_id)
        assert not failing.site.has(ids[0])
        assert failing.recorder.of("id changed") == [("id changed", old_id, ids[0]), ("id changed", ids[0], old_id)]

    def test_login_is_taken_back(self, failing):
        """No half login: the principal, and the attributes and interval set since, are as they were before."""
        old_id = failing.site.new_session()
        before = failing.site.request(old_id)
        before.session.get_session().update({"kept": 1, "replaced": "old", "removed": "old"})
        before.finish()

        def log_in(request):
            session = request.login("anna")
            session["replaced"] = "new"
            session["added"] = "new"
            del session["removed"]
            session.max_inactive_interval = 5

        failing.request(log_in, old_id)

        assert failing.attributes(old_id) == {"kept": 1, "replaced": "old", "removed": "old"}
        session = failing.site.request(old_id).session.get_session()
        assert (session.principal, session.max_inactive_interval) == (None, 1800)
        assert failing.manager.sessions_of("anna") == ()

    def test_change_of_user_is_taken_back(self, failing):
        """Attributes that the login of another user removed are there again, and belong to the first user."""
        value = Bound()
        login = failing.site.request()
        login.session.login("anna")["value"] = value
        login.finish()

        failing.request(lambda request: request.login("berta"), login.new_id)

        assert failing.attributes(login.new_id) == {"value": value}
        assert value.balance == 1
        assert [info.principal for info in failing.manager.sessions_of("anna")] == ["anna"]
        assert failing.manager.sessions_of("berta") == ()

    def test_both_of_two_changes_are_taken_back(self, failing):
        """An id changed twice, and what was set after the first change, are as they were before it."""
        old_id = failing.site.new_session()

        def act(request):
            request.change_session_id()
            request.get_session()["after the first"] = 1
            request.login("anna")["after the second"] = 2

        failing.request(act, old_id)

        assert failing.attributes(old_id) == {}

    def test_attributes_set_before_the_change_are_kept(self, failing):
        """Attributes set before the id was changed needed no cookie, and stay."""
        old_id = failing.site.new_session()

        def act(request):
            request.get_session()["before"] = 1
            request.change_session_id()

        failing.request(act, old_id)
        assert failing.attributes(old_id) == {"before": 1}

    def test_attributes_without_a_change_are_kept(self, failing):
        """Without a new id the client is not left behind: as in a container, what was set stays."""
        old_id = failing.site.new_session()

        def act(request):
            request.get_session()["set"] = 1

        failing.request(act, old_id)
        assert failing.attributes(old_id) == {"set": 1}

    def test_invalidation_is_kept(self, failing):
        """Logout wins, also when its page cannot be shown."""
        old_id = failing.site.new_session()
        failing.request(lambda request: request.logout(), old_id)

        assert not failing.site.has(old_id)

    def test_session_made_after_an_invalidation_is_gone(self, failing):
        """Of an old session ended and a new one made, neither is left."""
        old_id = failing.site.new_session()

        def act(request):
            request.logout()
            request.login("anna")

        failing.request(act, old_id)
        assert failing.manager.stats().active == 0

    def test_invalidation_after_the_change_is_kept(self, failing):
        """A session that the failing request ended after it changed its id stays ended."""
        old_id = failing.site.new_session()

        def act(request):
            request.login("anna")
            request.logout()

        failing.request(act, old_id)
        assert not failing.site.has(old_id)
        assert len(failing.recorder.of("destroyed")) == 1


class TestTakingBackBesideOthers:
    """A failing request undoes its own changes; those that other requests made meanwhile stay."""

    @pytest.fixture
    def failing(self):
        return Failing("raises")

    def beside(self, failing, act, others_act, session_id):
        """Call *act* in a request that fails, and *others_act* in a request that runs beside it."""
        other = failing.site.request(session_id)
        session = other.session.get_session()

        def both(request):
            act(request)
            others_act(session)

        failing.request(both, session_id)
        other.finish()
        return session

    def test_attributes_of_others_are_kept(self, failing):
        """An attribute that another request set, replaced or removed since is left as that request has it."""
        old_id = failing.site.new_session()
        request = failing.site.request(old_id)
        request.session.get_session().update({"replaced": "old", "removed": "old"})
        request.finish()

        def act(request):
            request.login("anna").update({"added": "failing", "replaced": "failing", "removed": "failing"})

        def others_act(session):
            session.update({"added": "other", "replaced": "other", "new": "other"})
            del session["removed"]

        self.beside(failing, act, others_act, old_id)
        assert failing.attributes(old_id) == {"added": "other", "replaced": "other", "new": "other"}

    def test_equal_value_of_another_is_kept(self, failing):
        """A flag that another request has set, too, is that request's as well: it stays."""
        old_id = failing.site.new_session()

        def act(request):
            request.login("anna")["welcomed"] = True

        def others_act(session):
            session["welcomed"] = True

        self.beside(failing, act, others_act, old_id)
        assert failing.attributes(old_id) == {"welcomed": True}

    def test_values_that_cannot_come_back_are_not_bound(self, failing):
        """A value that another request's takes the place of is bound and unbound in balance."""
        old_id = failing.site.new_session()
        value = Bound()
        request = failing.site.request(old_id)
        request.session.get_session()["name"] = value
        request.finish()

        def act(request):
            request.login("anna")["name"] = "failing"

        def others_act(session):
            session["name"] = "other"

        self.beside(failing, act, others_act, old_id)
        assert failing.attributes(old_id) == {"name": "other"}
        assert value.balance == 0

    def test_interval_of_another_is_kept(self, failing):
        """An interval that another request set since is not turned back to what it was before."""
        old_id = failing.site.new_session()

        def others_act(session):
            session.max_inactive_interval = 99

        session = self.beside(failing, lambda request: request.login("anna"), others_act, old_id)
        assert session.max_inactive_interval == 99

    def test_invalidation_of_another_stays(self, failing):
        """A session that another request ended since does not come back."""
        old_id = failing.site.new_session()
        self.beside(failing, lambda request: request.login("anna"), lambda session: session.invalidate(), old_id)

        assert not failing.site.has(old_id)
        assert failing.manager.stats().active == 0

    def test_later_change_of_the_id_stays(self, failing):
        """Another request has changed the id since, and its client got it: that id still works."""
        old_id = failing.site.new_session()
        other = failing.site.request(old_id)
        other.session.get_session()

        def act(request):
            request.login("anna")
            other.session.login("berta")
            other.finish()

        failing.request(act, old_id)

        assert failing.site.has(other.new_id)
        assert [info.principal for info in failing.manager.sessions_of("berta")] == ["berta"]

    def test_listener_that_fails_does_not_keep_the_new_id(self):
        """The id is taken back whatever listeners raise: the client has no other than the old one."""

        class Angry(Recorder):
            def attribute_removed(self, event):
                raise LookupError("a listener fails")

        failing = Failing("raises")
        failing.manager = SessionManager(listeners=[Angry()])
        failing.site = Site(failing.manager)
        old_id = failing.site.new_session()

        def act(request):
            request.login("anna")["name"] = 1

        failing.request(act, old_id)
        assert failing.site.has(old_id)
        assert failing.manager.sessions_of("anna") == ()
