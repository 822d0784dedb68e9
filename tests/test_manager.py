"""The manager: the beginning and the end of sessions, and the notifications."""

from __future__ import annotations

import logging
import weakref
from datetime import UTC, datetime

import pytest

from httpsession import (
    ConfigError,
    HttpSessionAttributeListener,
    HttpSessionListener,
    SessionConfig,
    SessionCookieConfig,
    SessionManager,
)
from httpsession.stores import MemoryStore
from tests.support.clock import START
from tests.support.core import create_session, find_session
from tests.support.listeners import Bound, Recorder
from tests.support.site import Site


@pytest.fixture
def site(clock, recorder):
    return Site(listeners=[recorder], max_inactive_interval=60)


class TestConstruction:
    """The arguments of a manager."""

    def test_stores(self):
        """A store, its URL, or nothing for memory."""
        store = MemoryStore()
        session = create_session(SessionManager(store))

        assert len(store) == 1
        assert find_session(SessionManager(store), session.id, 0.0) == session
        assert create_session(SessionManager("memory://")).is_valid
        with pytest.raises(ConfigError, match="nowhere://"):
            SessionManager("nowhere://")

    def test_listeners(self):
        """An object that cannot be registered as a listener is refused."""
        with pytest.raises(ValueError, match="no session listener"):
            SessionManager(listeners=[Bound()])
        with pytest.raises(ValueError, match="must be an iterable"):
            SessionManager(listeners=Recorder())

    @pytest.mark.parametrize("wrong", [{}, "web.xml", SessionConfig, SessionCookieConfig()])
    def test_configuration(self, wrong):
        """A value that is no configuration is refused, and so is a configuration in place of the store."""
        with pytest.raises(ConfigError, match="must be a SessionConfig"):
            SessionManager(config=wrong)
        with pytest.raises(ConfigError, match="must be a SessionStore"):
            SessionManager(SessionConfig())

    def test_managers_share_nothing(self):
        """An id of one application opens nothing in another (S134)."""
        one, other = Site(SessionManager()), Site(SessionManager())

        assert not other.has(one.new_session())

    def test_defaults_of_a_session(self):
        """A session takes its interval and its id's size from the configuration (S30)."""
        session = create_session(SessionManager(config=SessionConfig(max_inactive_interval=7, id_bytes=24)))

        assert session.max_inactive_interval == 7
        assert len(session.id) == 48
        assert session.is_new


class TestSweep:
    """sweep: everything that is due, and only that."""

    def test_until_nothing_is_due(self, site, clock, recorder):
        """However many are due, one sweep ends them all, and returns their number."""
        for _ in range(2500):
            create_session(site.manager)
        clock.set(30)
        stays = create_session(site.manager)
        clock.set(60)

        assert site.manager.sweep() == 2500
        assert site.manager.sweep() == 0
        assert len(recorder.of("destroyed")) == 2500
        assert stays.is_valid
        assert site.manager.stats().active == 1

    def test_by_a_time(self, site, clock):
        """With a given time, the sessions that are due by then end."""
        session = create_session(site.manager)

        assert site.manager.sweep(START + 59.9) == 0
        assert site.manager.sweep(START + 60) == 1
        assert not session.is_valid

    def test_time_of_a_subclass(self, url):
        """A float of a subclass, such as numpy's, is a time for every store, however it is represented."""

        class Float(float):
            def __repr__(self):
                return f"Float({float(self)})"

        with SessionManager(url) as manager:
            assert manager.sweep(Float(1e9)) == 0

    @pytest.mark.parametrize(
        "now",
        [float("nan"), float("inf"), float("-inf"), True, "now", datetime.now(UTC), 10**400, 1e300],
        ids=lambda now: type(now).__name__,
    )
    def test_no_time(self, site, now):
        """A value that is no time ends nothing."""
        session = create_session(site.manager)
        with pytest.raises(ValueError, match=r"seconds since the epoch, such as time\.time\(\)"):
            site.manager.sweep(now)
        assert session.is_valid

    def test_order_of_events(self, site, clock, recorder):
        """Listeners get the same events for a timeout as for an invalidation (S63)."""
        session = create_session(site.manager)
        value = Bound("value", recorder.log)
        session["name"] = value
        recorder.log.clear()
        clock.set(60)
        site.manager.sweep()

        assert recorder.log == [
            ("destroyed", session.id),
            ("unbound", "name", value),
            ("removed", "name", value),
        ]

    def test_listener_that_raises_is_logged(self, clock, recorder, caplog):
        """One listener's failure ends neither the sweep nor the session half, and the log names the session."""
        value = Bound()

        class Angry(HttpSessionListener):
            def session_destroyed(self, event):
                raise LookupError("a listener fails")

        manager = SessionManager(config=SessionConfig(max_inactive_interval=60), listeners=[recorder, Angry()])
        for _ in range(3):
            create_session(manager)["name"] = value
        clock.set(60)
        with caplog.at_level(logging.ERROR, "httpsession"):
            assert manager.sweep() == 3

        assert value.balance == 0
        assert [record.exc_info[0] for record in caplog.records] == [LookupError] * 3
        assert recorder.of("destroyed") == []


class TestListenersThatRaise:
    """An exception of a listener reaches the application; further listeners of that event are skipped."""

    class Angry(HttpSessionListener, HttpSessionAttributeListener):
        def fail(self, event):
            raise LookupError("a listener fails")

        attribute_added = attribute_removed = attribute_replaced = fail

    def session(self, recorder):
        """Return a session with one attribute, before whose last listener one fails."""
        session = create_session(SessionManager(listeners=[self.Angry(), recorder]))
        with pytest.raises(LookupError):
            session["name"] = 1
        recorder.log.clear()
        return session

    def test_attribute_listener(self, recorder):
        """The change has been made; the later listener is not notified."""
        session = self.session(recorder)
        for change, result in (
            (lambda: session.set_attribute("name", 2), {"name": 2}),
            (lambda: session.set_attribute("other", 1), {"name": 2, "other": 1}),
            (lambda: session.remove_attribute("name"), {"other": 1}),
        ):
            with pytest.raises(LookupError, match="a listener fails"):
                change()
            assert dict(session) == result
        assert recorder.log == []

    def test_session_created(self):
        """If a listener raises at the creation, the session is ended, and the listeners are notified."""
        recorder = Recorder()

        class Angry(HttpSessionListener):
            def session_created(self, event):
                raise LookupError("a listener fails")

        site = Site(SessionManager(listeners=[recorder, Angry()]))
        with pytest.raises(LookupError, match="a listener fails"):
            site.request().session.get_session()
        assert [event[0] for event in recorder.log] == ["created", "destroyed"]
        assert site.manager.stats().active == 0

    def test_invalidation_completes(self):
        """All attributes are unbound, the session has ended, and the first failure goes to the application."""
        recorder, values = Recorder(), [Bound("one"), Bound("two")]

        class Angry(HttpSessionListener, HttpSessionAttributeListener):
            def session_destroyed(self, event):
                raise LookupError("the first failure")

            def attribute_removed(self, event):
                raise LookupError("a later failure")

        site = Site(SessionManager(listeners=[recorder, Angry()]))
        request = site.request()
        session = request.session.get_session()
        session["a"], session["b"] = values
        recorder.log.clear()
        with pytest.raises(LookupError, match="the first failure"):
            session.invalidate()

        assert [value.balance for value in values] == [0, 0]
        assert recorder.log == [("removed", "a", values[0]), ("removed", "b", values[1])]
        assert not session.is_valid
        assert site.manager.stats().active == 0

    def test_lookup_of_a_session_that_is_over(self, clock):
        """The request that finds the session expired gets the exception, and then has no session."""

        class Angry(HttpSessionListener):
            def session_destroyed(self, event):
                raise LookupError("a listener fails")

        site = Site(listeners=[Angry()], max_inactive_interval=60)
        session_id = site.new_session()
        clock.set(60)
        request = site.request(session_id)

        with pytest.raises(LookupError, match="a listener fails"):
            request.session.get_session()
        assert request.session.get_session(create=False) is None
        assert site.manager.stats().active == 0

    def test_listener_that_invalidates(self):
        """A listener that invalidates a session which is being invalidated changes nothing (S60)."""

        class Eager(Recorder):
            def session_destroyed(self, event):
                super().session_destroyed(event)
                event.session.invalidate()

        recorder = Eager()
        session = create_session(SessionManager(listeners=[recorder]))
        session.invalidate()

        assert len(recorder.of("destroyed")) == 1
        assert not session.is_valid


class TestSessionsOf:
    """The sessions of a user, and ending them."""

    @pytest.fixture
    def logins(self, site, clock):
        """The ids of three sessions of anna, made one second after another, and of one of berta."""
        ids = []
        for at, user in enumerate(("anna", "anna", "berta", "anna")):
            clock.set(at)
            login = site.request()
            login.session.login(user)
            ids.append(login.finish().new_id)
        return [ids[0], ids[1], ids[3]], ids[2]

    def test_what_is_shown(self, site, clock, logins):
        """User, creation and last access are shown, the oldest session first, without ids."""
        clock.set(10)
        site.visit(logins[0][0])
        infos = site.manager.sessions_of("anna")

        assert [info.creation_time - START for info in infos] == [0, 1, 3]
        assert [info.last_seen - START for info in infos] == [10, 1, 3]
        assert {info.principal for info in infos} == {"anna"}
        assert {info.max_inactive_interval for info in infos} == {60}
        assert not any(session_id in repr(infos) for session_id in logins[0])
        assert site.manager.sessions_of("nobody") == ()

    def test_due_sessions_are_not_listed(self, site, clock, logins):
        """Sessions that are due and not swept yet are not listed."""
        clock.set(61)

        assert [info.creation_time - START for info in site.manager.sessions_of("anna")] == [3]

    def test_invalidate(self, site, logins, recorder):
        """A handle ends its session, once; other texts end nothing."""
        handle = site.manager.sessions_of("anna")[1].handle

        assert site.manager.invalidate(handle)
        assert not site.manager.invalidate(handle)
        assert recorder.of("destroyed") == [("destroyed", logins[0][1])]
        assert [site.has(session_id) for session_id in logins[0]] == [True, False, True]
        for text in ("", "no handle", "ab" * 20, "ab" * 32, logins[0][0], handle + "00"):
            assert not site.manager.invalidate(text)

    def test_invalidate_what_is_over(self, site, clock, logins):
        """The handle of an ended session names no session."""
        handle = site.manager.sessions_of("anna")[0].handle
        clock.set(1000)

        assert not site.manager.invalidate(handle)

    def test_invalidate_all(self, site, logins, recorder):
        """All sessions of one user, and no others."""
        assert site.manager.invalidate_all("anna") == 3
        assert site.manager.invalidate_all("anna") == 0
        assert not any(site.has(session_id) for session_id in logins[0])
        assert site.has(logins[1])
        assert len(recorder.of("destroyed")) == 3

    def test_invalidate_all_whatever_listeners_raise(self, site, logins, recorder):
        """A listener that raises keeps no session alive; what it raised first goes to the caller."""

        def fail(event):
            recorder.log.append(("destroyed", event.session.id))
            raise RuntimeError(len(recorder.of("destroyed")))

        recorder.session_destroyed = fail
        with pytest.raises(RuntimeError, match="1"):
            site.manager.invalidate_all("anna")
        assert site.manager.sessions_of("anna") == ()
        assert len(recorder.of("destroyed")) == 3

    def test_invalidate_all_except_this_one(self, site, logins):
        """Log out everywhere else."""
        request = site.request(logins[0][1])
        session = request.session.get_session()

        assert site.manager.invalidate_all("anna", except_=session) == 2
        assert session.is_valid
        assert [site.has(session_id) for session_id in logins[0]] == [False, True, False]

    def test_invalidate_all_counts_what_was_alive(self, site, clock, logins):
        """A session that is due cannot be invalidated."""
        clock.set(61)

        assert site.manager.invalidate_all("anna") == 1


class TestLogin:
    """login and logout."""

    def test_new_id_and_principal(self, site, recorder):
        """A login changes the id, keeps session and attributes, and binds the user."""
        old_id = site.new_session()
        before = site.request(old_id)
        before.session.get_session()["cart"] = [1]
        before.finish()
        recorder.log.clear()
        login = site.request(old_id)
        session = login.session.login("anna")
        new_id = login.finish().new_id

        assert new_id == session.id != old_id
        assert recorder.log == [("id changed", old_id, new_id)]
        assert not site.has(old_id)
        after = site.request(new_id).session.get_session()
        assert (after.principal, after["cart"]) == ("anna", [1])

    def test_without_a_session(self, site, recorder):
        """A login makes a session; its id is fresh and need not be changed again."""
        login = site.request()
        login.session.login("anna")

        assert site.has(login.finish().new_id)
        assert [event[0] for event in recorder.log] == ["created"]

    def test_of_the_same_user(self, site):
        """The same user again has a new id, and keeps what there was."""
        login = site.request()
        login.session.login("anna")["cart"] = [1]
        again = site.request(login.finish().new_id)
        session = again.session.login("anna")

        assert session["cart"] == [1]
        assert again.finish().new_id != login.new_id

    @pytest.mark.parametrize("in_one_request", [True, False])
    def test_of_another_user(self, site, in_one_request):
        """Another user starts empty: what anna had is unbound."""
        value = Bound()
        login = site.request()
        login.session.login("anna")["cart"] = value
        if not in_one_request:
            login = site.request(login.finish().new_id)
        session = login.session.login("berta")
        login.finish()

        assert dict(session) == {}
        assert value.balance == 0
        assert site.manager.sessions_of("anna") == ()
        assert [info.principal for info in site.manager.sessions_of("berta")] == ["berta"]

    @pytest.mark.parametrize("principal", ["", None, 7, b"anna"])
    def test_of_nobody(self, site, principal):
        """A principal is a string that is not empty; nothing happens otherwise."""
        session_id = site.new_session()
        request = site.request(session_id)
        with pytest.raises(ValueError, match="principal"):
            request.session.login(principal)
        request.finish()
        assert site.has(session_id)

    def test_logout(self, site, recorder):
        """A logout ends the session and has the client forget the cookie; without a session it does nothing."""
        session_id = site.new_session()
        request = site.request(session_id)
        request.session.logout()
        request.session.logout()
        (cookie,) = request.finish().set_cookies

        assert cookie.startswith("JSESSIONID=;")
        assert "Max-Age=0" in cookie
        assert not site.has(session_id)
        assert len(recorder.of("destroyed")) == 1

    def test_logout_and_login_in_one_request(self, site):
        """The new session's cookie is the only one."""
        session_id = site.new_session()
        request = site.request(session_id)
        request.session.logout()
        session = request.session.login("anna")

        assert request.finish().new_id == session.id != session_id


class TestChangeSessionId:
    """change_session_id, and requests beside it."""

    def test_two_changes_at_once(self, site):
        """Of two requests that change the id one's cookie is sent, that of the id that is alive; attributes follow."""
        old_id = site.new_session()
        one, other = site.request(old_id), site.request(old_id)
        one.session.get_session()
        other.session.get_session()
        one.session.change_session_id()
        one.session.get_session()["one"] = 1
        other.session.change_session_id()
        other.session.get_session()["other"] = 2
        one.finish()
        other.finish()

        assert other.set_cookies == []
        assert site.has(one.new_id)
        assert dict(site.request(one.new_id).session.get_session()) == {"one": 1, "other": 2}

    def test_all_changes_of_an_attribute_are_taken_back(self, site):
        """An attribute that a failing request has set several times gets back what it was before the first."""
        session_id = site.new_session()
        request = site.request(session_id)
        session = request.session.login("anna")
        for value in ("one", "two", None, "three", "four"):
            session.set_attribute("name", value)
        request.close()

        assert dict(site.request(session_id).session.get_session(create=False)) == {}

    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize("is_new", [False, True])
    def test_values_that_were_replaced_are_let_go(self, is_new, fails):
        """Replaced values are released as soon as they can no longer be restored."""

        class Value:
            pass

        site = Site(max_inactive_interval=60)
        request = site.request(None if is_new else site.new_session())
        session = request.session.get_session()
        request.session.change_session_id()
        session["name"] = Value()
        replaced = weakref.ref(session["name"])
        session["name"] = 1
        if fails:
            request.close()
        else:
            request.finish()

        assert replaced() is None

    def test_request_under_way_goes_on(self, site):
        """A request that had the session before another changed the id keeps it: reads, writes and invalidates it."""
        old_id = site.new_session()
        slow, fast = site.request(old_id), site.request(old_id)
        session = slow.session.get_session()
        fast.session.change_session_id()
        new_id = fast.finish().new_id
        session["name"] = 1
        session.max_inactive_interval = 7

        assert session.id == old_id, "the new id belongs to the other request"
        assert not slow.session.is_requested_session_id_valid
        assert site.request(new_id).session.get_session()["name"] == 1
        session.invalidate()
        assert slow.finish().set_cookies[0].startswith("JSESSIONID=;")
        assert not site.has(new_id)

    def test_listener_that_raises(self, site):
        """The id has been changed when the listeners are notified; what they raise goes to the application."""

        class Angry(Recorder):
            def session_id_changed(self, event, old_id):
                raise LookupError("a listener fails")

        site = Site(listeners=[Angry()], max_inactive_interval=60)
        old_id = site.new_session()
        request = site.request(old_id)
        with pytest.raises(LookupError, match="a listener fails"):
            request.session.change_session_id()
        new_id = request.finish().new_id

        assert site.has(new_id)
        assert not site.has(old_id)


class TestStats:
    """stats: what became of the sessions."""

    def test_counts(self, clock):
        """Each session is counted once for its beginning and once for its end."""
        site = Site(max_inactive_interval=60, max_sessions=3)
        manager = site.manager
        create_session(manager).invalidate()
        site.new_session()
        clock.set(60)
        create_session(manager)
        manager.sweep()
        for _ in range(3):
            create_session(manager)

        stats = manager.stats()
        assert (stats.active, stats.created, stats.invalidated, stats.expired) == (3, 6, 1, 1)
        assert (stats.evicted, stats.rejected) == (1, 0)


class TestClose:
    """close: the end of the application."""

    def test_ends_the_sessions(self, recorder):
        """All sessions are lost with the process, and so they end, with everything that belongs to that."""
        value = Bound()
        with SessionManager(listeners=[recorder]) as manager:
            sessions = [create_session(manager) for _ in range(3)]
            sessions[0]["name"] = value
            recorder.log.clear()

        assert len(recorder.of("destroyed")) == 3
        assert value.balance == 0
        assert not any(session.is_valid for session in sessions)
        manager.close()
        assert len(recorder.of("destroyed")) == 3

    def test_listener_that_raises(self, recorder, caplog):
        """A failing listener is logged and keeps no session from ending."""

        class Angry(HttpSessionListener):
            def session_destroyed(self, event):
                raise LookupError("a listener fails")

        manager = SessionManager(listeners=[Angry()])
        sessions = [create_session(manager) for _ in range(2)]
        manager.close()

        assert not any(session.is_valid for session in sessions)
        assert len(caplog.records) == 2

    def test_leaves_by_an_exception(self):
        """The with statement closes and does not swallow."""
        manager = SessionManager()
        session = create_session(manager)
        with pytest.raises(LookupError), manager:
            raise LookupError
        assert not session.is_valid
