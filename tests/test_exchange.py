"""The ids that a request sends: cookies that shadow each other, and logins by an id that came in the URL."""

from __future__ import annotations

import logging

import pytest

from httpsession import IllegalStateError, SessionMiddleware, request_session
from httpsession.exchange import MAX_LOOKUPS
from httpsession.ids import new_id
from tests.support.browser import BOTH_MODES, UNKNOWN_ID, URL_ONLY
from tests.support.core import flush
from tests.support.request import TEXT, fetch
from tests.support.site import Site

EVERY_STORE = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


@pytest.fixture
def events(caplog):
    """Returns the audit events so far: name, principal and details."""
    caplog.set_level(logging.INFO, "httpsession.audit")

    def events():
        records = [record for record in caplog.records if record.name == "httpsession.audit"]
        return [
            (record.event, record.principal, record.details)
            for record in records
            if record.event in ("session_cookie_ambiguous", "session_login_by_url")
        ]

    return events


def cookies(*ids):
    return "; ".join(f"JSESSIONID={session_id}" for session_id in ids)


@EVERY_STORE
class TestShadowedCookies:
    """R34: a cookie that another host has tossed shadows the one that this application has set."""

    AMBIGUOUS = ("session_cookie_ambiguous", None, {})

    @pytest.fixture
    def site(self, start_worker):
        return start_worker()

    @pytest.fixture
    def ids(self, site):
        return site.new_session(), site.new_session()

    def joined(self, site, *ids):
        session = site.ask("/", lambda r: r.get_session(create=False), cookie=cookies(*ids)).value
        return None if session is None else session.id

    def test_two_live_sessions(self, site, ids, events):
        """The first live one stays the choice, in either order, and the log tells of it without an id."""
        assert self.joined(site, *ids) == ids[0]
        assert self.joined(site, *reversed(ids)) == ids[1]

        assert events() == [self.AMBIGUOUS] * 2

    def test_one_live_session(self, site, ids, events):
        """An id of no session, be it dead or invented, shadows nothing: a client may well keep one."""
        assert self.joined(site, UNKNOWN_ID, ids[0]) == ids[0]
        assert self.joined(site, ids[0], UNKNOWN_ID) == ids[0]
        assert self.joined(site, ids[0], ids[0]) == ids[0]

        assert events() == []

    def test_a_former_id(self, site, ids, events):
        """The id of before a login is dead, and no other session."""
        renewed = site.ask("/", lambda r: r.change_session_id(), cookie=cookies(ids[0])).value
        site.has(ids[1])

        assert self.joined(site, renewed, ids[0]) == renewed
        assert events() == []

    def test_an_expired_session(self, start_worker, clock, events):
        """A session that has expired shadows nothing."""
        site = start_worker(max_inactive_interval=60)
        old = site.new_session()
        clock.tick(100)
        assert self.joined(site, site.new_session(), old) is not None

        assert events() == []

    def test_many_cookies(self, site, ids, events):
        """However many cookies there are, at most four ids are looked up."""
        fillers = [new_id(16) for _ in range(MAX_LOOKUPS - 1)]
        assert self.joined(site, ids[0], *fillers, ids[1]) == ids[0]
        assert events() == []

        assert self.joined(site, ids[0], *fillers[1:], ids[1]) == ids[0]
        assert events() == [self.AMBIGUOUS]

    def test_no_access(self, start_worker, clock, events):
        """The session that is not taken is told of and not used: its time goes on."""
        site = start_worker(max_inactive_interval=60)
        ids = site.new_session(), site.new_session()
        flush(site.manager)
        clock.tick(40)
        assert self.joined(site, *ids) == ids[0]
        flush(site.manager)
        clock.tick(40)

        assert [site.has(one) for one in ids] == [True, False]
        assert events() == [self.AMBIGUOUS]

    def test_the_id_in_the_url(self, start_worker, events):
        """An id in the URL is second to the cookie, and shadows nothing."""
        site = start_worker(**BOTH_MODES)
        by_cookie, by_url = site.new_session(), site.new_session()
        answer = site.ask(f"/;jsessionid={by_url}", lambda r: r.get_session().id, cookie=cookies(by_cookie))

        assert answer.value == by_cookie
        assert events() == []


@EVERY_STORE
class TestPlantedUrl:
    """R40: an attacker's id in a link is worth nothing once the victim has logged in."""

    @pytest.mark.parametrize("modes", [URL_ONLY, BOTH_MODES], ids=["url", "both"])
    def test_login(self, start_worker, modes, events):
        """The victim follows the link and logs in: who knows the planted id sees neither the user nor the session."""
        site = start_worker(**modes)
        planted = site.ask("/", lambda r: r.get_session().id).value
        assert site.ask(f"/;jsessionid={planted}", lambda r: r.get_session(create=False)).value is not None

        def log_in(request):
            session = request.login("victim")
            session["secret"] = "s"
            return session.id, request.encode_url("/next")

        victim = site.ask(f"/;jsessionid={planted}", log_in)
        session_id, link = victim.value

        assert session_id != planted
        assert link == f"/next;jsessionid={session_id}"
        assert site.ask(f"/;jsessionid={planted}", lambda r: r.get_session(create=False)).value is None
        attributes = site.ask(f"/;jsessionid={session_id}", lambda r: dict(r.get_session(create=False))).value
        assert attributes == {"secret": "s"}
        assert events() == [("session_login_by_url", "victim", {"outcome": "allowed"})]

    def test_a_stream_of_the_attacker(self, start_worker):
        """A response to the planted id that is under way at the login sees nothing of it."""
        site = start_worker(**URL_ONLY)
        planted = site.ask("/", lambda r: r.get_session().id).value
        spy = site.request(PATH_INFO=f"/;jsessionid={planted}")
        stolen = spy.session.get_session(create=False)
        spy.read()

        def log_in(request):
            request.login("victim")["secret"] = "s"

        site.ask(f"/;jsessionid={planted}", log_in)

        assert stolen.id == planted
        assert "secret" not in stolen
        spy.finish()

    def test_several_planted_ids(self, start_worker):
        """Ids in several segments are no way around it."""
        site = start_worker(**URL_ONLY)
        planted = [site.ask("/", lambda r: r.get_session().id).value for _ in range(2)]
        path = "/a" + "".join(f";jsessionid={session_id}/x" for session_id in planted)
        site.ask(path, lambda r: r.login("victim").update(secret="s"))

        for each in planted:
            session = site.ask(f"/;jsessionid={each}", lambda r: dict(r.get_session(create=False) or {}))
            assert session.value == {}


class TestUrlLogin:
    """``allow_url_login=False``: members have cookies."""

    def site(self, **config):
        return Site(**{"allow_url_login": False} | BOTH_MODES | config)

    def test_by_url(self, events):
        """A login of a client that has sent its id in the URL alone is refused, and nothing has happened."""
        with self.site() as site:
            session_id = site.new_id()

            def log_in(request):
                with pytest.raises(IllegalStateError, match=r"SessionConfig\.allow_url_login is False"):
                    request.login("anna")
                return request.get_session(create=False).id

            assert site.ask(f"/;jsessionid={session_id}", log_in).value == session_id
            assert site.manager.sessions_of("anna") == ()
        assert events() == [("session_login_by_url", "anna", {"outcome": "refused"})]

    def test_without_cookies(self, events):
        """Where cookies are no tracking mode, each login is one by URL; no session is created for it."""
        with self.site(**URL_ONLY) as site:

            def log_in(request):
                with pytest.raises(IllegalStateError):
                    request.login("anna")

            site.ask("/", log_in)
            assert site.active == 0
        assert len(events()) == 1

    @pytest.mark.parametrize("path", ["/", "/;jsessionid={}"])
    def test_by_cookie(self, events, path):
        """A client that sends the cookie logs in, also where a link has an id."""
        with self.site() as site:
            session_id = site.new_session()
            answer = site.ask(path.format(UNKNOWN_ID), lambda r: r.login("anna").id, cookie=f"JSESSIONID={session_id}")
            assert answer.new_id == answer.value
        assert events() == []

    def test_first_request(self, events):
        """A client that has sent no id is given the cookie by its login; no link has the id of a member."""
        with self.site() as site:
            answer = site.ask("/", lambda r: (r.login("anna").id, r.encode_url("/x"), r.encode_redirect_url("/y")))
            assert answer.value == (answer.new_id, "/x", "/y")
        assert events() == []

    @pytest.mark.parametrize("url", ["memory", "sqlite"], indirect=True)
    def test_link_before_the_login(self, start_worker):
        """A link that the page has made before the login in the same request leads to no session of a member."""
        site = start_worker(**{"allow_url_login": False} | BOTH_MODES)
        answer = site.ask(
            "/", lambda r: (r.get_session() and r.encode_url("/x"), r.login("anna").id, r.login("anna").id)
        )
        link, *ids = answer.value

        assert ids == [answer.new_id] * 2
        assert site.ask(link, lambda r: r.get_session(create=False)).value is None
        assert site.has(answer.new_id)
        assert site.active == 1

    def test_links_of_guests(self):
        """Clients that are not logged in carry the id in URLs as before."""
        with self.site() as site:
            session_id, link = site.ask("/", lambda r: (r.get_session().id, r.encode_url("/x"))).value
            assert link == f"/x;jsessionid={session_id}"

    def test_without_url_mode(self, events):
        """With cookies alone the setting has no effect."""
        with Site(allow_url_login=False) as site:
            assert site.ask(f"/;jsessionid={UNKNOWN_ID}", lambda r: r.login("anna").id).value
        assert events() == []

    @pytest.fixture(params=["list", "generator", "framework"])
    def answer(self, request):
        """The response to a login that the application does not catch, or that its framework makes a 500."""

        def listing(environ, start_response):
            request_session(environ).login("anna")

        def generating(environ, start_response):
            request_session(environ).login("anna")
            yield b"never"

        def framework(environ, start_response):
            try:
                request_session(environ).login("anna")
            except IllegalStateError:
                start_response("500 Internal Server Error", [TEXT])
                return [b"sorry"]

        page = {"list": listing, "generator": generating, "framework": framework}[request.param]
        with self.site() as site:
            session_id = site.new_id()
            app = SessionMiddleware(page, site.manager)
            return fetch(app, PATH_INFO=f"/;jsessionid={session_id}", REQUEST_METHOD="POST")

    def test_uncaught(self, answer):
        """The client gets 403 and one generic line: no reason, no setting (R90)."""
        assert answer.status == "403 Forbidden"
        assert answer.text in ("The request is not allowed.\n", "sorry")
        assert answer.set_cookies == []
        assert ("Cache-Control", "no-store") in answer.headers
        assert "Retry-After" not in dict(answer.headers)

    def test_head(self):
        """The answer to HEAD has no body."""
        with self.site(**URL_ONLY) as site:
            app = SessionMiddleware(
                lambda environ, start_response: request_session(environ).login("anna"), site.manager
            )
            answer = fetch(app, REQUEST_METHOD="HEAD")
        assert answer.status == "403 Forbidden"
        assert answer.chunks == []
