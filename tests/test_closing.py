"""After SessionManager.close(): whatever asks for a session is refused, and everything else passes."""

from __future__ import annotations

from typing import ClassVar

import pytest

from httpsession import (
    HttpSessionListener,
    IllegalStateError,
    InvalidSessionError,
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    get_session,
)
from httpsession.manager import sessions_behind
from tests.support.request import TEXT, fetch
from tests.support.site import Site

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)
#: Exactly this, and not that a session has ended.
refused = pytest.raises(
    IllegalStateError, match=r"^the manager is closed$", check=lambda e: type(e) is IllegalStateError
)


@pytest.fixture
def site(url):
    """A site whose sessions are in cookies and in URLs."""
    config = SessionConfig(tracking_modes={"cookie", "url"}, max_sessions=100)
    with Site(SessionManager(url, config=config)) as site:
        yield site


@pytest.fixture
def session_id(site):
    """The id of a session of a user, with which its client has come back."""
    session_id = site.new_id()
    return site.ask("/", lambda request: request.login("anna"), cookie=f"JSESSIONID={session_id}").new_id


VERBS = {
    "sweep": lambda manager, info: manager.sweep(),
    "sweep at a time": lambda manager, info: manager.sweep(1e10),
    "stats": lambda manager, info: manager.stats(),
    "sessions_of": lambda manager, info: manager.sessions_of("anna"),
    "sessions of nobody": lambda manager, info: manager.sessions_of("bob"),
    "invalidate": lambda manager, info: manager.invalidate(info.handle),
    "invalidate no handle": lambda manager, info: manager.invalidate("no handle"),
    "invalidate_all": lambda manager, info: manager.invalidate_all("anna"),
    "invalidate_all but one": lambda manager, info: manager.invalidate_all("anna", except_=info),
}


@pytest.mark.parametrize("name", VERBS)
def test_verbs_of_the_manager(site, session_id, name):
    """Each verb of a closed manager says so, whatever it is given."""
    (info,) = site.manager.sessions_of("anna")
    site.manager.close()

    with refused:
        VERBS[name](site.manager, info)


ASKS = {
    "get_session": lambda request: request.get_session(),
    "get_session(False)": lambda request: request.get_session(create=False),
    "change_session_id": lambda request: request.change_session_id(),
    "login": lambda request: request.login("bob"),
    "logout": lambda request: request.logout(),
    "is_requested_session_id_valid": lambda request: request.is_requested_session_id_valid,
}


@pytest.mark.parametrize("carries", [True, False], ids=["with id", "without id"])
@pytest.mark.parametrize("name", ASKS)
def test_requests_that_ask(site, session_id, name, carries):
    """A request that asks for a session is refused, also if it carries no id and would create none."""
    site.manager.close()

    with refused:
        site.ask("/", ASKS[name], cookie=f"JSESSIONID={session_id}" if carries else None)


@pytest.mark.parametrize("name", ASKS)
def test_requests_in_flight(site, session_id, name):
    """A request that has its session when the manager closes cannot ask again; its response goes out."""
    request = site.request(session_id)
    request.session.get_session()
    site.manager.close()

    with refused:
        ASKS[name](request.session)
    assert request.finish().text == "firstsecond"


CHANGES = {
    "set": lambda session: session.__setitem__("name", "new"),
    "set_attribute": lambda session: session.set_attribute("name", "new"),
    "set_attribute to None": lambda session: session.set_attribute("name", None),
    "remove_attribute": lambda session: session.remove_attribute("name"),
    "delete": lambda session: session.__delitem__("name"),
    "pop": lambda session: session.pop("name"),
    "popitem": lambda session: session.popitem(),
    "clear": lambda session: session.clear(),
    "setdefault": lambda session: session.setdefault("other", "new"),
    "update": lambda session: session.update(name="new"),
    "update_attribute": lambda session: session.update_attribute("name", lambda _: "new"),
    "max_inactive_interval": lambda session: setattr(session, "max_inactive_interval", 5),
    "note": lambda session: session._session.set_note("of.the.package", b"new"),
    "invalidate": lambda session: session.invalidate(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_of_a_session_that_a_request_holds(site, name):
    """No change of a session that a request holds is accepted any more, since none can be saved.

    In memory the session has ended. In a shared store the request goes on reading what it has loaded.
    """
    session_id = site.ask("/", lambda request: request.get_session().set_attribute("name", "old")).new_id
    request = site.request(session_id)
    session = request.session.get_session()
    interval = session.max_inactive_interval
    site.manager.close()

    if not sessions_behind(site.manager).store.is_shared:
        assert not session.is_valid
        if name not in ("max_inactive_interval", "note"):  # which can be set after the end
            with pytest.raises(InvalidSessionError):
                CHANGES[name](session)
        return
    with refused:
        CHANGES[name](session)
    assert (dict(session), session.max_inactive_interval, session.is_valid) == ({"name": "old"}, interval, True)
    assert request.finish().text == "firstsecond"


def test_listener_that_changes_the_session_at_the_end(url):
    """While the manager ends the sessions in memory, a listener may still change them, to release what they have."""
    released = []

    class Releasing(HttpSessionListener):
        def session_destroyed(self, event):
            event.session["state"] = "closing"
            released.append(event.session.pop("connection"))

    site = Site(SessionManager(url, config=SessionConfig(sweep_interval=None), listeners=[Releasing()]))
    site.ask("/", lambda request: request.get_session().set_attribute("connection", 5))
    site.manager.close()

    assert released == ([5] if url == "memory://" else [])


@pytest.mark.parametrize("cookie", [None, "JSESSIONID={}", "JSESSIONID={}; JSESSIONID=" + "0" * 32, "theme=dark"])
def test_requests_that_do_not_ask(site, session_id, cookie):
    """Other requests pass, with and without an id. Nothing is kept of them, since nothing will be flushed."""
    site.manager.close()

    def look(request):
        return request.encode_url("/next"), request.requested_session_id, request.is_requested_session_id_from_url

    cookie = cookie and cookie.format(session_id)
    for _ in range(3):
        request = site.ask("/", look, cookie=cookie)
        assert request.value == ("/next", session_id if cookie and session_id in cookie else None, False)
        assert request.status == "200 OK"
        assert request.set_cookies == []
    accesses = sessions_behind(site.manager).context.accesses
    assert (list(accesses.in_flight), list(accesses.ended)) == ([], [])
    assert session_id not in accesses.latest or cookie is None or session_id not in cookie


def test_middleware_made_afterwards(site, url):
    """A middleware around a closed manager passes requests on, and refuses those that ask."""

    def asking(environ, start_response):
        get_session(environ, create=False)

    def plain(environ, start_response):
        start_response("200 OK", [TEXT])
        return [b"plain"]

    site.manager.close()
    assert fetch(SessionMiddleware(plain, site.manager)).text == "plain"
    with refused:
        fetch(SessionMiddleware(asking, site.manager))


def test_accessor(site):
    """An accessor that was made before is refused."""
    accessor = site.ask("/", lambda request: request.get_session().accessor).value
    site.manager.close()

    with refused:
        accessor.access(lambda session: None)


def test_close_again(site, session_id):
    """A second close does nothing, as in a with statement."""
    site.manager.close()
    site.manager.close()

    with refused, site.manager as manager:
        manager.stats()


def test_listener_that_closes_again(url):
    """A second close(), while the first one ends the sessions, does nothing: listeners may go on with the manager."""

    class Closer(HttpSessionListener):
        counts: ClassVar[list[int]] = []

        def session_destroyed(self, event):
            manager.close()
            self.counts.append(manager.stats().active)

    manager = SessionManager(url, config=SessionConfig(sweep_interval=None), listeners=[Closer()])
    for _ in range(2):
        Site(manager).new_id()
    manager.close()
    assert len(Closer.counts) == (0 if "memory" not in url else 2)


def test_listeners_of_the_end(url):
    """A listener that hears of the end of a session in memory may still ask the manager how many there are."""
    seen = []

    class Counter(HttpSessionListener):
        def session_destroyed(self, event):
            seen.append(event.session.servlet_context.stats().active)

    site = Site(SessionManager(url, config=SessionConfig(sweep_interval=None), listeners=[Counter()]))
    site.new_session()
    site.new_session()
    site.manager.close()

    assert seen == ([1, 0] if url == "memory://" else [])


def test_the_store_goes_on(url):
    """The sessions of a shared store are there for the next manager."""
    with Site(SessionManager(url)) as site:
        session_id = site.new_session()
    with Site(SessionManager(url)) as site:
        assert site.has(session_id) == (url != "memory://")
