"""Late requests: their id was changed, their session has ended, or they have ended themselves."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from httpsession import (
    HttpSessionBindingListener,
    ResponseCommittedError,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    get_session,
    request_session,
)
from httpsession.manager import sessions_behind
from httpsession.stores import MemoryStore
from httpsession.stores.base import nothing_in_use
from tests.support.core import accesses_of, create_session, store_of
from tests.support.listeners import Recorder
from tests.support.request import TEXT, Request, fetch
from tests.support.site import Site


class Interrupted(MemoryStore):
    """A memory store after whose next load something else happens, as when threads are switched."""

    interruption = None

    def load(self, key, arrived, in_use=nothing_in_use):
        found = super().load(key, arrived, in_use)
        if self.interruption is not None:
            interruption, self.interruption = self.interruption, None
            interruption()
        return found


@pytest.fixture
def site():
    return Site(SessionManager(Interrupted(), config=SessionConfig(sweep_interval=None)))


class TestChangedMeanwhile:
    """Another request has changed the id."""

    def test_planted_id(self, site):
        """A request that came with an id planted before a login gets no id that the session has since."""
        planted = site.new_session()
        late, login = site.request(planted), site.request(planted)
        late.session.get_session()
        login.session.login("anna")
        login.finish()
        late.session.change_session_id()
        late.finish()

        assert late.set_cookies == []
        assert site.has(login.new_id)
        assert not site.has(planted)

    def test_planted_id_in_urls(self):
        """It gets none in its links, either."""
        config = SessionConfig(tracking_modes=["COOKIE", "URL"], sweep_interval=None)
        site = Site(SessionManager(config=config))
        planted = site.new_session()
        late = Request(site.app, PATH_INFO=f"/a;jsessionid={planted}")
        assert late.session.encode_url("/b") == f"/b;jsessionid={planted}"
        login = site.request(planted)
        login.session.login("anna")
        login.finish()

        assert late.session.encode_url("/b") == "/b"
        assert late.session.encode_redirect_url("/b") == "/b"

    @pytest.mark.parametrize("changes_too", [False, True])
    def test_failed_login(self, site, changes_too):
        """No part of a login that failed stays, whatever requests were beside it."""
        old_id = site.new_session()
        login, other = site.request(old_id), site.request(old_id)
        other.session.get_session()
        login.session.login("anna")
        if changes_too:
            other.session.change_session_id()
        login.close()
        other.finish()

        present_id = other.new_id if changes_too else old_id
        assert site.request(present_id).session.get_session(create=False).principal is None
        assert site.manager.sessions_of("anna") == ()

    def test_failed_logins_at_once(self, site):
        """Of two logins that both fail nothing stays; the first has taken note of nothing of the second."""
        old_id = site.new_session()
        one, other = site.request(old_id), site.request(old_id)
        other.session.get_session()
        one.session.login("anna")
        other.session.login("anna")
        one.close()
        other.close()

        assert site.request(old_id).session.get_session(create=False).principal is None

    def test_dead_id_does_not_come_back(self, site):
        """A change that fails goes back to the id that the client has, not to one that died before."""
        planted = site.new_session()
        login = site.request(planted)

        def log_in():
            login.session.login("anna")
            login.finish()
            later.append(site.request(login.new_id))
            later[0].session.get_session()

        later = []
        login.session.get_session()
        store_of(site.manager).interruption = log_in
        peek = site.request(planted)
        peek.session.get_session(create=False)
        later[0].session.change_session_id()
        later[0].close()

        assert not site.has(planted)
        assert site.has(login.new_id)


class TestToldMeanwhile:
    """Another client receives its id while a login is changing it."""

    def test_failed_login(self):
        """A login that fails goes back to the id that the other client has, and not to the one before."""
        site = Site(max_inactive_interval=60)
        planted = site.new_session()
        other = site.request(planted)

        def app(environ, start_response):
            request = request_session(environ)
            request.get_session()
            other.session.change_session_id()
            request.login("anna")
            other.finish()
            raise RuntimeError

        with pytest.raises(RuntimeError):
            Request(SessionMiddleware(app, site.manager), planted)
        assert site.has(other.new_id)
        assert not site.has(planted)


class TestEndedMeanwhile:
    """Another request has ended the session."""

    def test_end_is_told_once(self):
        """A session that ends just when a request has found it ends once."""
        recorder, store = Recorder(), Interrupted()
        site = Site(SessionManager(store, listeners=[recorder]))
        session_id = site.new_session()
        logout, late = site.request(session_id), site.request(session_id)
        logout.session.get_session()
        store.interruption = logout.session.logout
        late.session.get_session(create=False)

        assert recorder.log.count(("destroyed", session_id)) == 1
        assert site.manager.stats().expired == 0


class TestOver:
    """A request that has ended, and is still asked for its session."""

    def test_session_that_has_timed_out(self, clock, site):
        """It stays so."""
        session_id = site.new_session()
        clock.tick(site.manager.config.max_inactive_interval)
        request = site.request(session_id).finish()

        assert request.session.get_session(create=False) is None

    def test_no_new_session(self):
        """No session can be made, also without a cookie: no request would ever end its use."""
        config = SessionConfig(tracking_modes=["URL"], sweep_interval=None)
        site = Site(SessionManager(config=config))
        request = site.request().finish()

        with pytest.raises(ResponseCommittedError):
            request.session.get_session()
        assert accesses_of(site.manager).in_flight == {}

    def test_second_pass(self):
        """An environ that goes through the middleware again, as for an error page, is a request of its own."""

        def app(environ, start_response):
            if environ["PATH_INFO"] == "/error":
                get_session(environ)["seen"] = True
            start_response("200 OK", [TEXT])
            return [b""]

        middleware = SessionMiddleware(app)

        def error_pages(environ, start_response):
            middleware(environ, lambda status, headers, exc_info=None: None)
            return middleware(environ | {"PATH_INFO": "/error"}, start_response)

        assert fetch(error_pages, PATH_INFO="/missing").new_id


def test_setdefault_at_once():
    """Of two threads that give an attribute its first value one does, and both get that."""

    class Slow(HttpSessionBindingListener):
        def value_bound(self, event):
            announced.set()
            assert go_on.wait(10)

    announced, go_on, got = threading.Event(), threading.Event(), []
    session = create_session(SessionManager())
    thread = threading.Thread(target=lambda: got.append(session.setdefault("cart", Slow())))
    thread.start()
    assert announced.wait(10)
    mine = session.setdefault("cart", [])
    go_on.set()
    thread.join()

    assert got[0] is mine is session["cart"]
    with pytest.raises(ValueError, match="name of an attribute"):
        session.setdefault(5, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_while_locks_are_held():
    """The child of a fork can make sessions, whatever lock was held in the parent, and has none of the parent's."""
    store = MemoryStore()
    site = Site(SessionManager(store, config=SessionConfig(max_sessions=10)))
    old_id = site.new_session()
    sessions = sessions_behind(site.manager)
    context = sessions.context
    with store._lock, sessions._room._making_room, context.counts._lock, context.accesses._flushing:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            status = 1
            try:
                status = 0 if site.has(site.new_session()) and not site.has(old_id) and len(store) == 1 else 2
            finally:
                os._exit(status)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert site.has(old_id)
