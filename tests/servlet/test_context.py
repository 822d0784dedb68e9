"""ServletContext of httpsession.servlet."""

from __future__ import annotations

import threading

import pytest
from freezegun import freeze_time

import httpsession
from httpsession import SessionConfig, SessionManager, SessionMiddleware
from httpsession import SessionCookieConfig as NativeCookie
from httpsession.servlet import (
    HttpServletRequest,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
    SessionTrackingMode,
)
from tests.servlet.listeners import Bound, Recorder
from tests.support.request import Request, fetch
from tests.support.site import streaming

COOKIE, URL, SSL = SessionTrackingMode


class Native(httpsession.HttpSessionListener):
    """A listener with the package's own names, which counts."""

    heard = 0

    def session_created(self, event):
        Native.heard += 1


class TestContext:
    """ServletContext."""

    def test_timeout_is_in_minutes(self, context):
        """30 by default; new sessions have it in seconds."""
        assert context.getSessionTimeout() == 30
        context.setSessionTimeout(20)
        assert context.getSessionTimeout() == 20

        assert HttpServletRequest(Request(context).environ).getSession().getMaxInactiveInterval() == 1200

    @pytest.mark.parametrize("minutes", [0, -1])
    def test_no_timeout(self, context, minutes):
        """Zero and less: never."""
        context.setSessionTimeout(minutes)
        with freeze_time("2026-01-01") as clock:
            exchange = Request(context)
            session = HttpServletRequest(exchange.environ).getSession()
            exchange.finish()
            clock.tick(365 * 24 * 3600)

            assert context.getSessionTimeout() == minutes
            assert HttpServletRequest(Request(context, session.getId()).environ).getSession(False) == session

    @pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (60, 1), (61, 2), (0, 0), (-1, 0), (-60, -1)])
    def test_timeout_of_the_descriptor(self, seconds, minutes):
        """Rounded up, so that a short one is not taken for none."""
        config = SessionConfig(max_inactive_interval=seconds)

        assert ServletContext(streaming, config=config).getSessionTimeout() == minutes

    @pytest.mark.parametrize("minutes", [2**31, "20", 1.5, None])
    def test_no_such_timeout(self, context, minutes):
        """IllegalArgumentException, and the timeout stays."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTimeout(minutes)

        assert context.getSessionTimeout() == 30

    def test_tracking_modes(self, context):
        """The last setting counts; the default does not change; the sets are the caller's own (S87 to S89)."""
        context.setSessionTrackingModes({COOKIE, URL})
        context.setSessionTrackingModes([URL])
        for modes in (context.getDefaultSessionTrackingModes(), context.getEffectiveSessionTrackingModes()):
            modes.add(SSL)

        assert context.getDefaultSessionTrackingModes() == {COOKIE}
        assert context.getEffectiveSessionTrackingModes() == {URL}
        assert context.manager.config.tracking_modes == {URL}

    @pytest.mark.parametrize("modes", [set(), {SSL}, {SSL, COOKIE}, None, {"CARRIER PIGEON"}])
    def test_no_tracking_modes(self, context, modes):
        """IllegalArgumentException, and the modes stay (S90)."""
        with pytest.raises(IllegalArgumentException):
            context.setSessionTrackingModes(modes)

        assert context.getEffectiveSessionTrackingModes() == {COOKIE}

    @pytest.mark.parametrize(
        "setter",
        [
            lambda context: context.setSessionTimeout(1),
            lambda context: context.setSessionTrackingModes({COOKIE}),
            lambda context: context.addListener(Recorder()),
        ],
        ids=["timeout", "modes", "listener"],
    )
    def test_frozen(self, context, setter):
        """Its setters work until the first request, and then never again (S69, S89, S93)."""
        setter(context)
        fetch(context)

        with pytest.raises(IllegalStateException, match="initialised"):
            setter(context)

    def test_frozen_in_the_first_request(self):
        """That request cannot set anything any more."""

        def app(environ, start_response):
            with pytest.raises(IllegalStateException):
                HttpServletRequest(environ).getServletContext().setSessionTimeout(1)
            return streaming(environ, start_response)

        assert fetch(ServletContext(app)).status == "200 OK"

    def test_two_first_requests(self):
        """When they come at once there is still one initialisation."""
        context = ServletContext(streaming)
        barrier = threading.Barrier(8)
        managers = []

        def first():
            barrier.wait()
            managers.append(context.manager)

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(managers) == 8
        assert len(set(managers)) == 1

    @pytest.mark.parametrize("listener", [Recorder, Recorder(), Native()], ids=["class", "instance", "native"])
    def test_listener(self, listener):
        """A class is as good as an instance, and the package's own kinds as Java's: all hear."""
        context = ServletContext(streaming)
        context.addListener(listener)
        context.addListener(Native)
        Native.heard = 0
        HttpServletRequest(Request(context).environ).getSession()

        assert Native.heard == 1 + isinstance(listener, Native)

    @pytest.mark.parametrize(
        "listener",
        [object(), object, None, "listener", Bound(), Bound, dict, type],
        ids=["o", "class", "none", "str", "v", "vc", "dict", "type"],
    )
    def test_no_listener(self, context, listener):
        """An object of none of the registered kinds is refused, also a listener that belongs on a value (S93)."""
        with pytest.raises(IllegalArgumentException, match="listener"):
            context.addListener(listener)

    def test_wrong_construction(self):
        """A value that is no application, store or configuration is refused at once."""
        for wrong in (5, None, "application"):
            with pytest.raises(IllegalArgumentException, match="application"):
                ServletContext(wrong)
        for wrong in ("nowhere://", SessionConfig(), object()):
            with pytest.raises(IllegalArgumentException, match="store"):
                ServletContext(streaming, wrong)
        with pytest.raises(IllegalArgumentException, match="SessionConfig"):
            ServletContext(streaming, config={})

    def test_store(self):
        """The sessions are kept in the store that was given."""
        assert ServletContext(streaming, "memory://").manager.stats().active == 0
        with pytest.raises(IllegalArgumentException):
            fetch(ServletContext(streaming, "carrier-pigeon://"))

    def test_two_contexts(self, context, exchange, session):
        """Share no session, even if they get the same id (S134)."""
        exchange.finish()
        other = ServletContext(streaming)

        assert HttpServletRequest(Request(other, session.getId()).environ).getSession(False) is None
        assert HttpServletRequest(Request(other).environ).getServletContext() is other

    def test_close(self):
        """Ends the sessions and tells the listeners (S66); a context that was never used has nothing to close."""
        recorder = Recorder()
        context = ServletContext(streaming)
        context.addListener(recorder)
        context.close()
        exchange = Request(context)
        HttpServletRequest(exchange.environ).getSession()
        exchange.finish()
        context.close()

        assert [event[0] for event in recorder.log] == ["created", "destroyed"]

    def test_errors_of_the_application(self):
        """Pass unchanged: they are none of ours."""
        raised = httpsession.InvalidSessionError("the application's own")

        def app(environ, start_response):
            raise raised

        with pytest.raises(httpsession.InvalidSessionError) as caught:
            fetch(ServletContext(app))
        assert caught.value is raised


class TestNativeManager:
    """Requests through a SessionMiddleware, without a ServletContext."""

    @pytest.fixture
    def manager(self):
        """A manager with settings of its own, and a listener of Java's kind."""
        self.recorder = Recorder()
        config = SessionConfig(max_inactive_interval=120, tracking_modes=["URL"], cookie=NativeCookie(name="SID"))
        return SessionManager(config=config, listeners=[self.recorder])

    @pytest.fixture
    def request_(self, manager):
        """A request under way."""
        return HttpServletRequest(Request(SessionMiddleware(streaming, manager)).environ)

    def test_context(self, manager, request_):
        """There is a context, always the same, that tells how the manager is configured and cannot be changed."""
        context = request_.getServletContext()

        assert request_.getSession().getServletContext() is context
        assert context.manager is manager
        assert context.getSessionTimeout() == 2
        assert context.getEffectiveSessionTrackingModes() == context.getDefaultSessionTrackingModes() == {URL}
        assert context.getSessionCookieConfig().getName() == "SID"
        with pytest.raises(IllegalStateException):
            context.setSessionTimeout(1)
        with pytest.raises(IllegalStateException, match="view"):
            fetch(context)

    def test_listeners(self, request_):
        """Java's listeners hear, and Java's values."""
        session, value = request_.getSession(), Bound()
        session.setAttribute("a", value)

        assert [event[0] for event in self.recorder.log] == ["created", "added"]
        assert value.log == [("bound", "a", True, None)]
