"""What tokens answer to: the session, or a cookie of their own while there is none."""

from __future__ import annotations

import pytest

from httpsession import ResponseCommittedError, SessionCookieConfig, SessionMiddleware, request_session
from httpsession.csrf import CsrfMiddleware, csrf_token
from httpsession.manager import sessions_behind
from tests.csrf.shop import CSRF_COOKIE, HOST_COOKIE, Shop
from tests.support.browser import CookieJar
from tests.support.request import TEXT, Request


class TestSession:
    """A request with a session, on every store."""

    @pytest.fixture
    def url(self, request, tmp_path):
        if request.param == "redis":
            server = request.getfixturevalue("redis_server")
            server.client.flushall()
            return server.unix_url
        return None if request.param == "memory" else f"sqlite:///{tmp_path}/sessions.db"

    @pytest.fixture
    def shop(self, url):
        with Shop(url) as shop:
            yield shop

    pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)

    def test_own(self, shop, customer):
        """A token is valid for its own session and for no other; it sets no cookie (R70)."""
        other = shop.visitor()
        other.get("/new")
        response = customer.get("/form")
        assert response.headers.getlist("Set-Cookie") == []
        assert customer.is_accepted(response.text)
        assert not other.is_accepted(response.text)
        assert not shop.visitor().is_accepted(response.text)

    def test_hidden(self, shop, customer):
        """The secret is no attribute that the application could see or replace (R70)."""
        customer.token()
        ((session),) = list(sessions_behind(shop.manager).store)
        assert dict(session.record.notes)["csrf"]
        assert "csrf" not in str(session.attributes)

    def test_tabs(self, customer):
        """All tokens of a session stay valid, in any order, and after a change of the id (R73)."""
        tokens = [customer.token() for _ in range(5)]
        assert all(customer.is_accepted(token) for token in tokens)
        assert customer.is_accepted(tokens[0], path="/rotate")
        assert all(customer.is_accepted(token) for token in [*tokens, customer.token()])

    @pytest.mark.parametrize("has_logged_in", [False, True])
    def test_login(self, customer, has_logged_in):
        """A login ends all tokens from before, also a login of the same user (R73)."""
        if has_logged_in:
            customer.post(customer.token(), path="/login")
        before = customer.token()
        assert customer.is_accepted(before, path="/login")
        assert not customer.is_accepted(before)
        assert customer.is_accepted(customer.token())
        assert not customer.is_accepted(before)

    def test_planted_session(self, shop):
        """What an attacker who planted a session knows is worth nothing after the login (R73)."""
        attacker, victim = shop.visitor(), shop.visitor()
        attacker.get("/new")
        planted = attacker.token()
        victim.client.set_cookie("JSESSIONID", attacker.cookie("JSESSIONID"), domain="shop.example")
        assert victim.is_accepted(victim.token(), path="/login")
        assert not victim.is_accepted(planted)

    def test_logout(self, customer):
        """With the session its tokens end (R71, R73)."""
        token, session_id = customer.token(), customer.cookie("JSESSIONID")
        assert customer.is_accepted(token, path="/logout")
        customer.client.set_cookie("JSESSIONID", session_id, domain="shop.example")
        assert not customer.is_accepted(token)

    def test_logout_by_get(self, customer):
        """The library cannot refuse a GET; the application must not log out by it, and a POST needs a token (R80)."""
        assert not customer.is_accepted(path="/logout")
        assert customer.is_accepted(customer.token())

    def test_two_pages_at_once(self, shop, customer):
        """The tokens of two pages that are rendered at the same time are both valid."""
        environ = {"HTTP_COOKIE": f"JSESSIONID={customer.cookie('JSESSIONID')}", "PATH_INFO": "/form"}
        pages = [Request(shop.app, **environ) for _ in range(2)]
        for page in pages:
            page.finish()
        assert all(customer.is_accepted(page.text) for page in pages)

    def test_before_the_session(self, shop, visitor):
        """Forms of a visitor stay valid when another tab begins a session; that session's tokens are valid, too."""
        before = visitor.token()
        visitor.get("/new")
        assert visitor.is_accepted(before)
        in_session = visitor.token()
        visitor.client.delete_cookie(CSRF_COOKIE, domain="shop.example")
        assert visitor.is_accepted(before)
        assert visitor.is_accepted(in_session)
        assert visitor.is_accepted(before, path="/login")
        assert not visitor.is_accepted(before)

    def test_invalid_note(self, shop, customer):
        """A note of another form, as of another version, is replaced."""
        for length in (0, 23, 25, 1000):
            request = Request(shop.app, customer.cookie("JSESSIONID"), PATH_INFO="/")
            request.session.get_session()
            request.environ["httpsession.exchange"].session.set_note("csrf", b"x" * length)
            request.finish()
            assert not customer.is_accepted("wrong")
            assert customer.is_accepted(customer.token())


class TestCookie:
    """A request without a session."""

    def test_no_session(self, shop, visitor):
        """A form of a visitor is accepted without a stored session (R79)."""
        assert visitor.is_accepted(visitor.token())
        assert shop.active == 0

    def test_only_when_asked(self, visitor):
        """Pages that ask for no token set no cookie."""
        assert visitor.get("/").headers.getlist("Set-Cookie") == []

    def test_once(self, visitor):
        """A client that has the cookie keeps it; tokens of all tabs are valid."""
        tokens = [visitor.token() for _ in range(5)]
        assert len(visitor.get("/form").headers.getlist("Set-Cookie")) == 0
        assert all(visitor.is_accepted(token) for token in tokens)

    def test_missing(self, shop, visitor):
        """A token without its cookie, or with that of another client, is refused (R71)."""
        token, other = visitor.token(), shop.visitor()
        assert not other.is_accepted(token)
        other.token()
        assert not other.is_accepted(token)

    def test_no_token_in_the_cookie(self, visitor):
        """The cookie itself is no token, so that a client that repeats it knows nothing (R70)."""
        visitor.token()
        value = visitor.cookie(CSRF_COOKIE)
        assert not visitor.is_accepted(value)
        assert not visitor.is_accepted(value * 2)

    @pytest.mark.parametrize("value", ["", "x", "a" * 31, "a" * 33, '"' + "a" * 30 + '"', "a" * 31 + "\u00e9"])
    def test_malformed(self, shop, value):
        """A cookie of another form is none; the client gets a new one."""
        answer = Request(shop.app, PATH_INFO="/form", HTTP_COOKIE=f"{CSRF_COOKIE}={value}").finish()
        assert len(answer.set_cookies) == 1
        environ = {"REQUEST_METHOD": "POST", "HTTP_COOKIE": f"{CSRF_COOKIE}={value}", "HTTP_X_CSRF_TOKEN": answer.text}
        assert Request(shop.app, **environ).finish().status == "403 Forbidden"

    def test_login(self, shop, visitor):
        """A login ends the tokens from before, and takes the cookie away, with the session cookie set (R73, R79)."""
        before, value = visitor.token(), visitor.cookie(CSRF_COOKIE)
        response = visitor.post(before, path="/login")
        cookies = response.headers.getlist("Set-Cookie")
        assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["JSESSIONID", CSRF_COOKIE]
        assert visitor.cookie(CSRF_COOKIE) is None
        visitor.client.set_cookie(CSRF_COOKIE, value, domain="shop.example")
        assert not visitor.is_accepted(before)
        assert visitor.is_accepted(visitor.token())
        assert not visitor.is_accepted(before)

    def test_logout(self, visitor):
        """The end of a session takes the cookie away, from which the session had its secret (R73)."""
        token = visitor.token()
        visitor.get("/new")
        assert visitor.is_accepted(visitor.token())
        assert visitor.is_accepted(token, path="/logout")
        assert visitor.cookie(CSRF_COOKIE) is None
        assert not visitor.is_accepted(token)
        assert visitor.is_accepted(visitor.token())

    def test_login_by_get(self, visitor):
        """A login that a single sign-on ends by a GET takes the cookie away, too."""
        visitor.token()
        visitor.get("/login")
        assert visitor.cookie(CSRF_COOKIE) is None

    def test_login_of_another_site(self, shop):
        """Another site cannot log a visitor in as its own user (R79)."""
        attacker, visitor = shop.visitor(), shop.visitor()
        visitor.token()
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert not visitor.is_accepted(attacker.token(), path="/login", headers=headers)
        assert not visitor.is_accepted(attacker.token(), path="/login")
        assert shop.active == 0

    def test_many_visitors(self, shop):
        """Visitors who only look at the form leave nothing behind (R50)."""
        for _ in range(500):
            Request(shop.app, PATH_INFO="/form").finish()
        assert shop.active == 0

    def test_logout_page(self, shop, customer):
        """The page that a logout answers with may have a form, which is valid."""
        tokens = []

        def page(environ, start_response):
            if environ["PATH_INFO"] == "/logout":
                request_session(environ).logout()
                tokens.append(csrf_token(environ))
            start_response("200 OK", [TEXT])
            return [b""]

        app = SessionMiddleware(CsrfMiddleware(page), shop.manager)
        before = customer.token()
        cookies = f"JSESSIONID={customer.cookie('JSESSIONID')}; {CSRF_COOKIE}={'a' * 32}"
        environ = {"REQUEST_METHOD": "POST", "HTTP_X_CSRF_TOKEN": before, "HTTP_COOKIE": cookies}
        answer = Request(app, **environ, PATH_INFO="/logout").finish()
        (cookie,) = [cookie for cookie in answer.set_cookies if cookie.startswith(CSRF_COOKIE)]
        environ["HTTP_COOKIE"] = cookie.partition(";")[0]
        assert Request(app, **environ).finish().status == "403 Forbidden"
        assert Request(app, **environ | {"HTTP_X_CSRF_TOKEN": tokens[0]}).finish().status == "200 OK"

    def test_late(self, shop):
        """A form that needs the cookie cannot be rendered after the headers; with the cookie it can."""

        def page(environ, start_response):
            start_response("200 OK", [TEXT])
            yield b"the headers go out"
            yield csrf_token(environ).encode()

        app = SessionMiddleware(CsrfMiddleware(page), shop.manager)
        with pytest.raises(ResponseCommittedError):
            Request(app).finish()
        visitor = shop.visitor()
        visitor.token()
        cookies = f"{CSRF_COOKIE}={visitor.cookie(CSRF_COOKIE)}"
        assert visitor.is_accepted(Request(app, HTTP_COOKIE=cookies).finish().text.removeprefix("the headers go out"))

    def test_generated(self, shop):
        """A form that is rendered after start_response, before the first chunk, has its cookie."""

        def page(environ, start_response):
            start_response("200 OK", [TEXT])
            yield csrf_token(environ).encode()

        assert len(Request(SessionMiddleware(CsrfMiddleware(page), shop.manager)).finish().set_cookies) == 1


class TestCookieHeader:
    """The header that sets the cookie."""

    def set_cookie(self, *, scheme="http", mount="", trusted_origins=(), **cookie):
        """Return the Set-Cookie header of a form."""
        with Shop(trusted_origins=trusted_origins, cookie=SessionCookieConfig(**cookie)) as shop:
            environ = {
                "wsgi.url_scheme": scheme,
                "SCRIPT_NAME": mount,
                "PATH_INFO": "/form",
                "HTTP_HOST": "shop.example",
            }
            (cookie,) = Request(shop.app, **environ).finish().set_cookies
        return cookie.partition("=")[0], cookie.partition("; ")[2]

    def test_http(self):
        """Over http it has the path of the application, as the session cookie."""
        assert self.set_cookie() == (CSRF_COOKIE, "HttpOnly; Path=/; SameSite=Lax")
        assert self.set_cookie(mount="/a b") == (CSRF_COOKIE, "HttpOnly; Path=/a%20b; SameSite=Lax")
        assert self.set_cookie(path="/x") == (CSRF_COOKIE, "HttpOnly; Path=/x; SameSite=Lax")

    def test_https(self):
        """Over https it has the prefix by which browsers accept it from this host over https alone."""
        expected = (HOST_COOKIE, "Secure; HttpOnly; Path=/; SameSite=Lax")
        assert self.set_cookie(scheme="https", mount="/app") == expected
        assert self.set_cookie(secure=True) == expected
        assert self.set_cookie(scheme="https", secure=False) == expected
        assert self.set_cookie(scheme="https", domain="shop.example") == expected
        assert self.set_cookie(trusted_origins=["https://shop.example"]) == expected

    def test_settings(self):
        """It follows the session cookie where both must reach the same pages."""
        name, attributes = self.set_cookie(name="__Secure-id", secure=True, same_site="None", partitioned=True)
        assert name == "__Host-id-CSRF"
        assert attributes == "Secure; HttpOnly; Path=/; SameSite=None; Partitioned"
        assert self.set_cookie(name="__Host-id", secure=True, path="/")[0] == "__Host-id-CSRF"

    @pytest.mark.parametrize("is_https", [False, True])
    def test_accepted(self, is_https):
        """A browser accepts it, and deletes it when it is told to."""
        with Shop() as shop:
            visitor, jar = shop.visitor(https=is_https), CookieJar()
            for header in visitor.get("/form").headers.getlist("Set-Cookie"):
                assert jar.receive(header, https=is_https)
            token = visitor.token()
            for header in visitor.post(token, path="/login").headers.getlist("Set-Cookie"):
                jar.receive(header, https=is_https)
            assert [name for name, *_ in jar.cookies] == ["JSESSIONID"]

    def test_planted_without_prefix(self):
        """Over https a cookie without the prefix, which another host may have set, is not read."""
        with Shop() as shop:
            attacker, victim = shop.visitor(), shop.visitor(https=True)
            token = attacker.token()
            victim.client.set_cookie(CSRF_COOKIE, attacker.cookie(CSRF_COOKIE), domain="shop.example")
            assert not victim.is_accepted(token)


class TestUrls:
    """Applications whose ids travel in URLs."""

    @pytest.fixture
    def shop(self):
        with Shop(tracking_modes=["URL"]) as shop:
            yield shop

    def test_session(self, shop):
        """The token answers to the session, and sets no cookie."""
        session_id, other = self.session_of(shop), self.session_of(shop)
        answer = Request(shop.app, PATH_INFO=f"/form;jsessionid={session_id}").finish()
        assert answer.set_cookies == []
        assert self.order(shop, session_id, token=answer.text)
        assert not self.order(shop, session_id)
        assert not self.order(shop, other, token=answer.text)

    @pytest.mark.parametrize(
        ("headers", "is_accepted"),
        [
            ({}, False),
            ({"HTTP_ORIGIN": "http://shop.example"}, True),
            ({"HTTP_SEC_FETCH_SITE": "same-origin"}, True),
            ({"HTTP_REFERER": "http://shop.example/form"}, True),
            ({"HTTP_ORIGIN": "http://shop.example", "HTTP_SEC_FETCH_SITE": "same-site"}, False),
            ({"HTTP_ORIGIN": "http://evil.example", "HTTP_SEC_FETCH_SITE": "same-origin"}, False),
            ({"HTTP_ORIGIN": "null"}, False),
        ],
    )
    @pytest.mark.parametrize("modes", [["URL"], ["URL", "COOKIE"]])
    def test_no_session(self, modes, headers, is_accepted):
        """Without a session, and without cookies, a header must say that the form is from this site (R79)."""
        with Shop(tracking_modes=modes) as shop:
            assert self.order(shop, **headers) == is_accepted

    def test_empty_token(self, shop):
        """Without a session a page gets no token, and no cookie."""
        answer = Request(shop.app, PATH_INFO="/form").finish()
        assert (answer.text, answer.set_cookies) == ("", [])

    def test_both(self):
        """With both modes a client that takes cookies needs its token."""
        with Shop(tracking_modes=["URL", "COOKIE"]) as shop:
            visitor = shop.visitor()
            token = visitor.token()
            headers = {"Origin": visitor.root, "Sec-Fetch-Site": "same-origin"}
            assert not visitor.is_accepted(headers=headers)
            assert visitor.is_accepted(token, headers=headers)

    def session_of(self, shop):
        """Return the id of a new session."""
        request = Request(shop.app, PATH_INFO="/new")
        session_id = request.session.get_session().id
        request.finish()
        return session_id

    def order(self, shop, session_id=None, token=None, **headers):
        """Send a request, and return whether it reached the application."""
        path = "/order" if session_id is None else f"/order;jsessionid={session_id}"
        more = {} if token is None else {"HTTP_X_CSRF_TOKEN": token}
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "HTTP_HOST": "shop.example", **headers, **more}
        status = Request(shop.app, **environ).finish().status
        assert status in ("200 OK", "403 Forbidden")
        return status == "200 OK"


def test_closed_manager():
    """After the manager is closed no request passes unchecked."""
    with Shop() as shop:
        visitor = shop.visitor()
        token = visitor.token()
    with pytest.raises(RuntimeError, match="closed"):
        visitor.post(token)
