"""The TCK's HttpSessionTests, under the names they have there (``T/api/jakarta_servlet_http/httpsession``)."""

import time

import pytest

from httpsession import InvalidSessionError
from tests.support.browser import Browser


@pytest.fixture
def session():
    """A session in the request that makes it."""
    with Browser().request() as request:
        yield request.get_session()


@pytest.fixture
def dead(session):
    """A session that was invalidated."""
    session["a1"] = "v1"
    session.invalidate()
    return session


class TestHttpSessionTests:
    """jakarta.servlet.http.HttpSession, method by method."""

    def test_getCreationTimeTest(self, clock, session):
        """The creation time is when the session was created."""
        assert session.creation_time == time.time()

    def test_getCreationTimeIllegalStateExceptionTest(self, dead):
        """The creation time of an invalidated session raises."""
        with pytest.raises(InvalidSessionError):
            _ = dead.creation_time

    def test_getIdTestServlet(self, session):
        """A session has an id."""
        assert isinstance(session.id, str)
        assert session.id

    def test_getIdIllegalStateExceptionTest(self, session):
        """The id can be read even when the session was invalidated: no exception."""
        session_id = session.id
        session.invalidate()

        assert session.id == session_id

    def test_getLastAccessedTimeTest(self, clock, session):
        """The last access of a session in the making is not in the future."""
        assert 0 < session.last_accessed_time <= time.time()

    def test_getLastAccessedTimeSetGetTest(self, clock, session):
        """Setting and getting attributes is no access."""
        before = session.last_accessed_time
        clock.tick(5)
        session.set_attribute("a1", "v1")
        session.get_attribute("a1")

        assert session.last_accessed_time == before

    def test_getLastAccessedTimeIllegalStateExceptionTest(self, dead):
        """The last access of an invalidated session raises."""
        with pytest.raises(InvalidSessionError):
            _ = dead.last_accessed_time

    def test_expireHttpSessionTest(self, clock):
        """A request for something static is an access, and after the interval without any the session is gone."""
        browser = Browser()
        with browser.request() as request:
            request.get_session().max_inactive_interval = 10
        clock.tick(4)
        before = time.time()
        browser.get("/index.html")
        after = time.time()
        clock.tick(4)
        with browser.request() as request:
            assert before <= request.get_session(create=False).last_accessed_time <= after
        clock.tick(11)
        with browser.request() as request:
            assert request.get_session(create=False) is None

    def test_getMaxInactiveIntervalTest(self, session):
        """The interval can be read back."""
        session.max_inactive_interval = 500000

        assert session.max_inactive_interval == 500000

    def test_setMaxInactiveIntervalTest(self, session):
        """The interval can be set, and set again."""
        session.max_inactive_interval = 10
        session.max_inactive_interval = 500000

        assert session.max_inactive_interval == 500000

    def test_getAttributeNamesTest(self, session):
        """Each name is there once, however often its attribute was set."""
        session.set_attribute("a1", "v1")
        session.set_attribute("a1", "v2")
        session.set_attribute("a2", "v3")

        assert sorted(session.attribute_names) == ["a1", "a2"]

    def test_getAttributeNamesIllegalStateExceptionTest(self, dead):
        """The names of an invalidated session raise."""
        with pytest.raises(InvalidSessionError):
            _ = dead.attribute_names

    def test_getAttributeTest(self, session):
        """An attribute that was set is there."""
        session.set_attribute("a1", "v1")

        assert session.get_attribute("a1") == "v1"

    def test_getAttributeIllegalStateExceptionTest(self, dead):
        """An attribute of an invalidated session raises."""
        with pytest.raises(InvalidSessionError):
            dead.get_attribute("a1")

    def test_getServletContextTest(self, session):
        """A session belongs to a context."""
        assert session.servlet_context is not None

    def test_invalidateTest(self, session):
        """After the invalidation no attribute can be read."""
        session.set_attribute("a1", "v1")
        session.invalidate()

        with pytest.raises(InvalidSessionError):
            session.get_attribute("a1")

    def test_invalidateIllegalStateExceptionTest(self, dead):
        """A second invalidation raises."""
        with pytest.raises(InvalidSessionError):
            dead.invalidate()

    def test_isNewTest(self, session):
        """A session is new in the request that makes it."""
        assert session.is_new is True

    def test_isNewIllegalStateExceptionTest(self, dead):
        """Whether an invalidated session is new raises."""
        with pytest.raises(InvalidSessionError):
            _ = dead.is_new

    def test_removeAttributeTest(self, session):
        """A removed attribute is gone."""
        session.set_attribute("a1", "v1")
        session.remove_attribute("a1")

        assert session.get_attribute("a1") is None
        assert session.attribute_names == ()

    def test_removeAttributeDoNothingTest(self, session):
        """Removing what is not there does nothing."""
        session.set_attribute("a1", "v1")
        session.remove_attribute("a2")

        assert session.attribute_names == ("a1",)

    def test_removeAttributeIllegalStateExceptionTest(self, dead):
        """Removing an attribute of an invalidated session raises."""
        with pytest.raises(InvalidSessionError):
            dead.remove_attribute("a1")

    def test_setAttributeTest(self, session):
        """Of two values the second stays."""
        session.set_attribute("a1", "v1")
        session.set_attribute("a1", "v2")

        assert session.get_attribute("a1") == "v2"

    def test_setAttributeNullTest(self, session):
        """Setting None removes."""
        session.set_attribute("a1", "v1")
        session.set_attribute("a1", None)

        assert session.get_attribute("a1") is None
        assert "a1" not in session

    def test_setAttributeIllegalStateExceptionTest(self, dead):
        """Setting an attribute of an invalidated session raises."""
        with pytest.raises(InvalidSessionError):
            dead.set_attribute("a2", "v2")
