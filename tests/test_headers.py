"""The headers of responses for caches, for Referer, and for the data of the site."""

from __future__ import annotations

import sqlite3

import pytest

from httpsession import (
    SessionConfig,
    SessionManager,
    SessionMiddleware,
    StoreError,
    get_session,
    request_session,
    session_attribute,
)
from tests.support.browser import BOTH_MODES, UNKNOWN_ID, URL_ONLY
from tests.support.request import TEXT, Request, fetch
from tests.support.site import Site

NO_STORE = ("Cache-Control", "no-store")
SAME_ORIGIN = ("Referrer-Policy", "same-origin")
#: All ways in which a request can look at its session.
LOOKS = {
    "get_session": lambda request: request.get_session(),
    "get_session(False)": lambda request: request.get_session(create=False),
    "change_session_id": lambda request: request.get_session() and request.change_session_id(),
    "login": lambda request: request.login("anna"),
    "logout": lambda request: request.logout(),
    "requested_session_id": lambda request: request.requested_session_id,
    "is_requested_session_id_valid": lambda request: request.is_requested_session_id_valid,
    "is_requested_session_id_from_cookie": lambda request: request.is_requested_session_id_from_cookie,
    "is_requested_session_id_from_url": lambda request: request.is_requested_session_id_from_url,
    "in": lambda request: "a" in request.get_session(),
    "len": lambda request: len(request.get_session()),
    "iter": lambda request: list(request.get_session()),
    "is_new": lambda request: request.get_session().is_new,
    "id": lambda request: request.get_session().id,
    "timeout": lambda request: request.get_session().max_inactive_interval,
}


@pytest.fixture
def site():
    with Site() as site:
        yield site


def lines(response, name):
    """Return the values of all headers with a name."""
    return [value for other, value in response.headers if other.lower() == name]


def ask_with(site, headers, do=lambda request: request.get_session(create=False), **request):
    """Make a request whose application looks at the session and sends *headers*."""
    return site.ask("/", do, headers=headers, **request)


class TestVary:
    """R25: a response that depends on the session says so to caches."""

    @pytest.mark.parametrize("has_session", [False, True], ids=["no session", "session"])
    @pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
    def test_each_way_to_look(self, site, look, has_session):
        """However a request looks at its session, its response has ``Vary: Cookie``, once."""
        cookie = f"JSESSIONID={site.new_session()}" if has_session else None

        assert lines(site.ask("/", look, cookie=cookie), "vary") == ["Cookie"]

    def test_encoding_a_url(self):
        """A link with or without an id tells of the session, too."""
        with Site(**BOTH_MODES) as site:
            assert lines(site.ask("/", lambda r: r.encode_url("/x")), "vary") == ["Cookie"]

    def test_a_view_that_is_given_an_attribute(self, site):
        """``@session_attribute`` looks at the session for the view."""

        @session_attribute("user")
        def page(environ, start_response, user):
            start_response("200 OK", [TEXT])
            return [b"done"]

        assert lines(fetch(site.app, **{"test.application": page}), "vary") == ["Cookie"]

    def test_a_request_that_does_not_look(self, site):
        """A response that does not depend on the session is the same for all clients, with or without a cookie."""
        session_id = site.new_session()
        for cookie in (None, f"JSESSIONID={session_id}"):
            response = site.ask("/", cookie=cookie)
            assert lines(response, "vary") == []
            assert lines(response, "cache-control") == []

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            (["Accept-Encoding"], ["Accept-Encoding, Cookie"]),
            (["accept-encoding,Origin"], ["accept-encoding, Origin, Cookie"]),
            (["Cookie"], ["Cookie"]),
            (["Accept, cookie , Origin"], ["Accept, cookie , Origin"]),
            (["Cookie2"], ["Cookie2, Cookie"]),
            (["*"], ["*"]),
            (["Accept, *"], ["Accept, *"]),
            ([""], ["Cookie"]),
            ([" , "], ["Cookie"]),
            (["Accept", "Origin"], ["Accept", "Origin, Cookie"]),
            (["COOKIE", "Origin"], ["COOKIE", "Origin"]),
        ],
    )
    @pytest.mark.parametrize("name", ["Vary", "vary", "VARY", "vArY"])
    def test_merged(self, site, name, given, sent):
        """The application's own Vary stays, and is not told twice; after ``*`` there is nothing to add."""
        response = ask_with(site, [(name, value) for value in given])

        assert [(other, value) for other, value in response.headers if other.lower() == "vary"] == [
            (name, value) for value in sent
        ]

    def test_headers_of_the_application_are_not_changed(self, site):
        """The list that the application passes may be one that it uses again."""
        headers = [TEXT, ("Vary", "Accept")]

        def page(environ, start_response):
            get_session(environ)
            start_response("200 OK", headers)
            return [b"done"]

        fetch(site.app, **{"test.application": page})

        assert headers == [TEXT, ("Vary", "Accept")]


def in_a_list(environ, start_response):
    get_session(environ)
    start_response("200 OK", [TEXT])
    return [b"done"]


def streamed(environ, start_response):
    get_session(environ)
    start_response("200 OK", [TEXT])
    return iter([b"", b"done"])


def late_start(environ, start_response):
    get_session(environ)

    def body():
        yield b""
        start_response("200 OK", [TEXT])
        yield b"done"

    return body()


def written(environ, start_response):
    get_session(environ)
    start_response("200 OK", [TEXT])(b"done")
    return []


def not_modified(environ, start_response):
    get_session(environ)
    start_response("304 Not Modified", [("ETag", '"1"')])
    return []


def no_content(environ, start_response):
    get_session(environ)
    start_response("204 No Content", [])
    return []


def failing(environ, start_response):
    get_session(environ)
    start_response("200 OK", [TEXT])
    try:
        raise ValueError
    except ValueError as error:
        start_response("500 Oops", [TEXT], (ValueError, error, error.__traceback__))
    return [b"sorry"]


PAGES = [in_a_list, streamed, late_start, written, not_modified, no_content, failing]


class TestEveryPath:
    """R26: the headers are there on every path that a response can take."""

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("page", PAGES)
    def test_a_new_session(self, site, page, method):
        """A response that sets the cookie is stored by no cache, and varies by cookie."""
        response = fetch(site.app, REQUEST_METHOD=method, **{"test.application": page})

        assert len(response.set_cookies) == 1
        assert lines(response, "vary") == ["Cookie"]
        assert lines(response, "cache-control") == ["no-store"]

    @pytest.mark.parametrize("page", PAGES)
    def test_a_session_that_there_is(self, site, page):
        """A response without a cookie may be stored, for the same cookie alone."""
        response = fetch(site.app, site.new_session(), **{"test.application": page})

        assert response.set_cookies == []
        assert lines(response, "vary") == ["Cookie"]
        assert lines(response, "cache-control") == []

    @pytest.mark.parametrize("page", PAGES)
    def test_ids_in_urls(self, page):
        """In URL mode no path of a response forgets the id."""
        with Site(**URL_ONLY) as site:
            response = fetch(site.app, **{"test.application": page})

        assert NO_STORE in response.headers
        assert SAME_ORIGIN in response.headers


class TestNoStore:
    """R25: no cache stores a response that sets the session cookie."""

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ([], "no-store"),
            (["public, max-age=60"], "no-store"),
            (["Public", "S-MAXAGE=60", "MAX-AGE = 60"], "no-store"),
            (["no-cache"], "no-store"),
            (["must-revalidate, max-age=60, no-transform"], "no-store, must-revalidate, no-transform"),
            (['no-cache="Set-Cookie", max-age=60, immutable'], "no-store, immutable"),
            (['private="Set-Cookie", max-age=60'], "no-store"),
            (['ext="a, private, no-store", public'], 'no-store, ext="a, private, no-store"'),
            (['ext="a\\", private'], 'no-store, ext="a\\", private'),
            ([""], "no-store"),
            (["stale-while-revalidate=60"], "no-store, stale-while-revalidate=60"),
        ],
    )
    def test_words_on_storing_go(self, site, given, sent):
        """The application's words on storing go, all others stay, in one header."""
        response = ask_with(site, [("cache-control", value) for value in given], lambda r: r.get_session())

        assert lines(response, "cache-control") == [sent]

    @pytest.mark.parametrize(
        "given",
        [
            ["private"],
            ["no-store"],
            ["Private, max-age=60"],
            ["max-age=0, NO-STORE"],
            ["no-cache", "private"],
            ['ext="a, b", private'],
        ],
    )
    def test_private_stands(self, site, given):
        """If the application keeps shared caches out itself, its words stand, in one header."""
        response = ask_with(site, [("Cache-Control", value) for value in given], lambda r: r.get_session())

        assert lines(response, "cache-control") == [", ".join(given)]

    @pytest.mark.parametrize(
        "name", ["CDN-Cache-Control", "cloudflare-cdn-cache-control", "Surrogate-Control", "Edge-Control"]
    )
    @pytest.mark.parametrize("own", [[], [("Cache-Control", "private")]], ids=["silent", "private"])
    def test_headers_for_one_kind_of_cache(self, site, name, own):
        """A cache that prefers a header of its own to Cache-Control finds none (RFC 9213)."""
        response = ask_with(site, [(name, "max-age=600"), *own], lambda r: r.get_session())

        assert lines(response, name.lower()) == []

    @pytest.mark.parametrize(
        "act",
        [
            lambda r: r.change_session_id(),
            lambda r: r.login("anna"),
            lambda r: r.logout(),
            lambda r: r.get_session().invalidate(),
        ],
        ids=["change of the id", "login", "logout", "invalidate"],
    )
    def test_every_session_cookie(self, site, act):
        """Each response that sets or expires the session cookie is stored by no cache."""
        response = ask_with(site, [("Cache-Control", "public")], act, cookie=f"JSESSIONID={site.new_session()}")

        assert len(response.set_cookies) == 1
        assert lines(response, "cache-control") == ["no-store"]

    def test_without_a_session_cookie(self, site):
        """What the application says of other responses stands."""
        response = ask_with(site, [("Cache-Control", "public")], cookie=f"JSESSIONID={site.new_session()}")

        assert lines(response, "cache-control") == ["public"]


class TestIdsInUrls:
    """R39: a response with an id in URLs is stored by no cache, and its page tells no other site where it is."""

    @pytest.fixture(params=[URL_ONLY, BOTH_MODES], ids=["url", "both"])
    def site(self, request):
        with Site(**request.param) as site:
            yield site

    @pytest.fixture
    def session_id(self, site):
        return site.ask("/", lambda r: r.get_session().id).value

    def assert_guarded(self, response, is_guarded=True):
        assert (lines(response, "cache-control") == ["no-store"]) is is_guarded
        assert (lines(response, "referrer-policy") == ["same-origin"]) is is_guarded

    def test_an_encoded_url(self, site):
        """The first page hands out the id in its links."""
        self.assert_guarded(site.ask("/", lambda r: r.get_session() and r.encode_url("/x")))

    def test_a_redirect(self, site):
        """Location carries the id, too."""
        self.assert_guarded(site.ask("/", lambda r: r.get_session() and r.encode_redirect_url("x")))

    @pytest.mark.parametrize("do", [lambda r: None, lambda r: r.get_session(create=False)], ids=["untouched", "read"])
    def test_the_id_came_by_url(self, site, session_id, do):
        """The address of the page has the id, be the session looked at or not."""
        self.assert_guarded(site.ask(f"/;jsessionid={session_id}", do))

    def test_a_dead_id_came_by_url(self, site):
        """An id without a session may be that of another application."""
        self.assert_guarded(site.ask(f"/;jsessionid={UNKNOWN_ID}"))

    def test_a_body_that_encodes_late(self, site):
        """A streaming page that has its session may encode URLs when the headers have gone out."""
        encoded = []

        def page(environ, start_response):
            request_session(environ).get_session()
            start_response("200 OK", [TEXT])
            yield b"head"
            encoded.append(request_session(environ).encode_url("/x"))

        response = fetch(site.app, **{"test.application": page})

        assert ";jsessionid=" in encoded[0]
        self.assert_guarded(response)

    def test_no_id_in_urls(self):
        """A client that sends the cookie needs no id in URLs, and its pages may be stored."""
        with Site(**BOTH_MODES) as site:
            cookie = f"JSESSIONID={site.new_id()}"
            self.assert_guarded(
                site.ask("/", lambda r: r.get_session() and r.encode_url("/x"), cookie=cookie), is_guarded=False
            )

    def test_no_session(self, site):
        """Without a session there is no id to hide."""
        self.assert_guarded(site.ask("/", lambda r: r.encode_url("/x")), is_guarded=False)

    def test_off_by_default(self):
        """With cookies alone Referer is no matter of sessions."""
        with Site() as site:
            assert lines(site.ask("/", lambda r: r.get_session()), "referrer-policy") == []

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            (["no-referrer"], ["no-referrer"]),
            (["Same-Origin"], ["Same-Origin"]),
            (["strict-origin, same-origin"], ["strict-origin, same-origin"]),
            (["no-referrer, future-policy"], ["no-referrer, future-policy"]),
            (["unsafe-url"], ["same-origin"]),
            (["no-referrer", "strict-origin-when-cross-origin"], ["same-origin"]),
            (["origin"], ["same-origin"]),
            (["future-policy"], ["same-origin"]),
            ([""], ["same-origin"]),
        ],
    )
    def test_policy_of_the_application(self, site, session_id, given, sent):
        """The application's policy stands if it is as strict; of several the last known one counts, as in browsers."""
        response = site.ask(f"/;jsessionid={session_id}", headers=[("referrer-policy", value) for value in given])

        assert lines(response, "referrer-policy") == sent


class TestUnavailable:
    """R25, R26: the middleware's own 503 varies by cookie, too: it was this client's session that it could not find."""

    @pytest.fixture
    def site(self, tmp_path):
        with SessionManager(f"sqlite:///{tmp_path}/sessions.db?timeout=0.1") as manager:
            yield Site(manager)

    @pytest.fixture
    def locked(self, site, tmp_path):
        """The id of a session in a database file that is locked, so that no change can be saved."""
        session_id = site.new_session()
        foreign = sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        yield session_id
        foreign.close()

    @pytest.mark.parametrize("page", [in_a_list, streamed, late_start, written])
    def test_varies(self, site, locked, page):
        """Whichever way the application answers, no cookie is set."""
        response = fetch(site.app, **{"test.application": page})

        assert response.status.startswith("503")
        assert lines(response, "vary") == ["Cookie"]
        assert response.set_cookies == []

    def test_in_place_of_an_error_of_the_framework(self, site, locked):
        """The framework has caught the failure and answered 500, with headers of its own."""

        def page(environ, start_response):
            with pytest.raises(StoreError):
                get_session(environ).update_attribute("a", str)
            start_response("500 Oops", [TEXT, ("Vary", "Accept")])
            return [b"sorry"]

        response = fetch(site.app, locked, **{"test.application": page})

        assert response.status.startswith("503")
        assert lines(response, "vary") == ["Accept, Cookie"]

    def test_ids_in_urls(self, tmp_path):
        """The address of the page has the id, whatever the answer is."""
        config = SessionConfig(tracking_modes=["URL"])
        with SessionManager(f"sqlite:///{tmp_path}/urls.db?timeout=0.1", config=config) as manager:

            def page(environ, start_response):
                raise StoreError("the store is down")

            response = fetch(Site(manager).app, PATH_INFO=f"/;jsessionid={UNKNOWN_ID}", **{"test.application": page})

        assert response.status.startswith("503")
        assert NO_STORE in response.headers
        assert SAME_ORIGIN in response.headers


class TestClearSiteData:
    """R19: the client deletes its data of the site at the end of its session."""

    ENDS = pytest.mark.parametrize(
        "end", [lambda r: r.logout(), lambda r: r.get_session().invalidate()], ids=["logout", "invalidate"]
    )

    @pytest.fixture
    def site(self):
        with Site(clear_site_data=["cache", "storage"]) as site:
            yield site

    def cleared(self, site, do, session_id=None, scheme="https"):
        cookie = None if session_id is None else f"JSESSIONID={session_id}"
        return lines(site.ask("/", do, cookie=cookie, scheme=scheme), "clear-site-data")

    @ENDS
    def test_at_the_end(self, site, end):
        """The words of the setting are told, quoted."""
        assert self.cleared(site, end, site.new_session()) == ['"cache", "storage"']

    @ENDS
    def test_over_http(self, site, end):
        """Browsers heed the header over https alone, so it is not sent over http."""
        assert self.cleared(site, end, site.new_session(), scheme="http") == []

    @ENDS
    def test_ids_in_urls(self, end):
        """A client without cookies has data, too."""
        with Site(clear_site_data=["storage"], **URL_ONLY) as site:
            path = f"/;jsessionid={site.new_id()}"
            assert lines(site.ask(path, end, scheme="https"), "clear-site-data") == ['"storage"']

    @pytest.mark.parametrize(
        "do",
        [
            lambda r: r.get_session(),
            lambda r: r.login("anna"),
            lambda r: r.change_session_id(),
            lambda r: None,
        ],
        ids=["read", "login", "change of the id", "untouched"],
    )
    def test_while_the_session_lives(self, site, do):
        """No other response deletes anything, that of a login least of all."""
        assert self.cleared(site, do, site.new_session()) == []

    def test_of_a_session_that_no_client_has(self, site):
        """A session that the same request has created leaves nothing with the client."""
        assert self.cleared(site, lambda r: r.get_session().invalidate()) == []

    def test_of_a_session_that_has_expired(self, site):
        """The client did not ask for this end."""
        assert self.cleared(site, lambda r: r.logout(), UNKNOWN_ID) == []

    @ENDS
    def test_off_by_default(self, end):
        """To delete caches and storage is asked for, since it may be slow and lose what the user wants to keep."""
        with Site() as site:
            assert self.cleared(site, end, site.new_session()) == []

    @ENDS
    def test_beside_the_cookie(self, end):
        """The setting ``expire_cookie`` is another matter."""
        with Site(clear_site_data=["cache"], expire_cookie=False) as site:
            assert self.cleared(site, end, site.new_session()) == ['"cache"']


class TestCache:
    """R25, with a shared cache in front that stores what it may."""

    def test_no_visitor_gets_the_page_of_another(self):
        """Two clients see their own pages, and neither gets the other's cookie, though the pages are public."""

        def page(environ, start_response):
            session = get_session(environ)
            session["visits"] = session.get("visits", 0) + 1
            start_response("200 OK", [TEXT, ("Cache-Control", "public, max-age=60")])
            return [f"{session.id} {session['visits']}".encode()]

        with Site() as site:
            cache = SharedCache(SessionMiddleware(page, site.manager))
            ids = [cache.get("/").new_id for _ in range(2)]
            assert len(set(ids)) == 2
            for session_id in ids:
                first = cache.get("/", session_id)
                assert first.text.startswith(session_id)
                assert cache.get("/", session_id) is first, "the model does store pages"


class SharedCache:
    """A shared cache (RFC 9111): it stores public responses, and goes by Vary."""

    def __init__(self, app):
        self._app = app
        self._stored = []

    def get(self, path, session_id=None):
        request = {"PATH_INFO": path}
        for cookie, response in self._stored:
            if "Cookie" not in lines(response, "vary") or cookie == session_id:
                return response
        response = Request(self._app, session_id, **request).finish()
        if "no-store" not in ", ".join(lines(response, "cache-control")):
            self._stored.append((session_id, response))
        return response
