"""CsrfMiddleware: which requests reach the application, and what the others get."""

from __future__ import annotations

import io
import logging

import pytest
from werkzeug.test import encode_multipart

from httpsession import IllegalStateError, SessionMiddleware, StoreError
from httpsession.csrf import CsrfMiddleware, csrf_field, csrf_token
from httpsession.csrf.form import MAX_BODY
from httpsession.csrf.tokens import masked
from tests.csrf.shop import CSRF_COOKIE, Shop
from tests.support.core import store_of
from tests.support.request import TEXT, Request

SAFE = ["GET", "HEAD", "OPTIONS", "TRACE"]
UNSAFE = [
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "CONNECT",
    "PROPFIND",
    "QUERY",
    "FOO",
    "get",
    "Get",
    "Post",
    "post",
    "GET ",
    "",
]
#: What refuses a request, whatever its token is.
VETOES = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Referer": "https://evil.example/"}]

#: A form as a server announces it.
FORM = {
    "REQUEST_METHOD": "POST",
    "CONTENT_TYPE": "application/x-www-form-urlencoded",
    "CONTENT_LENGTH": "10",
}


class TestMethods:
    """What is checked."""

    @pytest.mark.parametrize("method", SAFE)
    def test_safe(self, visitor, method):
        """Methods that change nothing need no token, and no header can refuse them (R75)."""
        for headers in ({}, *VETOES):
            assert visitor.post(method=method, path="/", headers=headers).status_code == 200

    @pytest.mark.parametrize("method", UNSAFE)
    def test_unsafe(self, shop, customer, method):
        """All others need a token, unknown ones and other cases included (R75)."""
        token = customer.token()
        cookies = f"JSESSIONID={customer.cookie('JSESSIONID')}"
        environ = {"REQUEST_METHOD": method, "PATH_INFO": "/order", "HTTP_COOKIE": cookies}
        assert Request(shop.app, **environ).finish().status == "403 Forbidden"
        assert shop.orders == []
        assert Request(shop.app, **environ, HTTP_X_CSRF_TOKEN=token).finish().status == "200 OK"

    @pytest.mark.parametrize("headers", [{"X-HTTP-Method-Override": "GET"}, {"X-Method-Override": "HEAD"}])
    def test_override(self, customer, headers):
        """A header or field that names another method changes nothing (R75)."""
        assert not customer.is_accepted(headers=headers)
        assert not customer.is_accepted(data={"_method": "GET"})
        assert not customer.is_accepted(path="/order?_method=GET")


class TestTransport:
    """Where the token may be."""

    def test_header(self, customer):
        """The header is enough, whatever the body is (R76)."""
        for body in (b"", b'{"a": 1}', b"\x00" * 100):
            assert customer.is_accepted(customer.token(), data=body, content_type="application/json")
            assert customer.shop.orders[-1] == body

    @pytest.mark.parametrize("multipart", [False, True])
    def test_field(self, customer, multipart):
        """A form may have the token as a field; the application reads the whole body (R76)."""
        data = {"a": "1", "csrf_token": customer.token()}
        if multipart:
            data["file"] = (io.BytesIO(b"content"), "a.txt")
        assert customer.is_accepted(data=data)
        assert data["csrf_token"].encode() in customer.shop.orders[-1]

    @pytest.mark.parametrize("kind", ["Application/X-WWW-Form-URLencoded", "MULTIPART/FORM-DATA; boundary=b"])
    def test_media_type(self, customer, kind):
        """The case of a media type does not matter (RFC 9110, 8.3.1), nor is it a way around the check."""
        forms = {
            "A": "csrf_token={}",
            "M": '--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{}\r\n--b--',
        }
        for token, is_right in ((customer.token(), True), ("A" * 64, False)):
            data = forms[kind[0]].format(token)
            assert customer.is_accepted(data=data, content_type=kind) == is_right

    def test_elsewhere(self, customer):
        """A token in the query, in a cookie or in a body that is no form is none (R70, R76)."""
        token = customer.token()
        assert not customer.is_accepted(path=f"/order?csrf_token={token}")
        assert not customer.is_accepted(data=f'{{"csrf_token": "{token}"}}', content_type="application/json")
        assert not customer.is_accepted(data=f"csrf_token={token}", content_type="text/plain")
        assert not customer.is_accepted(headers={"X-CSRF": token})
        customer.client.set_cookie("csrf_token", token, domain="shop.example")
        assert not customer.is_accepted()

    @pytest.mark.parametrize("token", [None, "", "null", "[]", "undefined", "0", "a" * 64, "\u00e9" * 64, '"><script>'])
    def test_no_token(self, customer, token):
        """A token that is missing, empty or invented is refused, in header and field (R70, R74)."""
        customer.token()
        assert not customer.is_accepted(token)
        assert not customer.is_accepted(data={} if token is None else {"csrf_token": token})

    def test_twice(self, customer):
        """A token that is sent twice in one place is refused, also if both are right (R70)."""
        token = customer.token()
        assert not customer.is_accepted(data={"csrf_token": [token, token]})
        assert not customer.is_accepted(data={"csrf_token[]": token})
        assert not customer.is_accepted(f"{token}, {token}")

    def test_header_and_field(self, customer):
        """Of a token in the header and one in the form both must be right (R76)."""
        right, also, wrong = customer.token(), customer.token(), masked(b"x" * 24)
        assert customer.is_accepted(right, data={"csrf_token": right})
        assert customer.is_accepted(right, data={"csrf_token": also})
        assert not customer.is_accepted(right, data={"csrf_token": wrong})
        assert not customer.is_accepted(wrong, data={"csrf_token": right})

    def test_long_body(self, customer):
        """A long upload is accepted by its header; the application reads all of it."""
        boundary, body = encode_multipart({"file": (io.BytesIO(b"x" * 2 * MAX_BODY), "a.bin")})
        kind = f"multipart/form-data; boundary={boundary}"
        assert customer.is_accepted(customer.token(), data=body, content_type=kind)
        assert customer.shop.orders[-1] == body

    def test_broken_body(self, shop, customer):
        """A body that cannot be read is refused, and raises nothing."""

        class Gone:
            def read(self, size):
                raise ConnectionResetError

        cookies = f"JSESSIONID={customer.cookie('JSESSIONID')}"
        for header in ({}, {"HTTP_X_CSRF_TOKEN": customer.token()}):
            environ = FORM | {"wsgi.input": Gone(), "HTTP_COOKIE": cookies} | header
            assert Request(shop.app, **environ).finish().status == "403 Forbidden"


class TestRefusals:
    """The answer to what is refused."""

    def test_one_answer(self, shop, customer):
        """All causes have the same answer, of one line, which tells nothing of the cause (R70, R90)."""
        token = customer.token()
        answers = [
            customer.post(),
            customer.post("wrong"),
            customer.post(data={"csrf_token": [token, token]}),
            shop.visitor().post(token),
            *(customer.post(token, headers=headers) for headers in VETOES),
        ]
        assert {(answer.status, answer.data, str(answer.headers)) for answer in answers} == {
            (answers[0].status, b"The request was refused.\n", str(answers[0].headers))
        }
        assert answers[0].status == "403 Forbidden"

    def test_veto(self, customer):
        """A right token does not outweigh what says that another site sent the request (R77, R78)."""
        for headers in VETOES:
            assert not customer.is_accepted(customer.token(), headers=headers)
        assert customer.is_accepted(
            customer.token(), headers={"Origin": customer.root, "Sec-Fetch-Site": "same-origin"}
        )

    def test_unread(self, shop, customer):
        """The body of a request that headers refuse is not read."""

        class Unread:
            def read(self, size):
                pytest.fail("the body was read")

        cookies = f"JSESSIONID={customer.cookie('JSESSIONID')}"
        vetoes = [{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in one.items()} for one in VETOES]
        for headers in ({"HTTP_COOKIE": ""}, {"HTTP_X_CSRF_TOKEN": "wrong"}, *vetoes):
            environ = FORM | {"wsgi.input": Unread(), "HTTP_COOKIE": cookies} | headers
            assert Request(shop.app, **environ).finish().status == "403 Forbidden"

    def test_trusted_origin(self):
        """A form of a trusted origin is accepted, with a token."""
        with Shop(trusted_origins=["https://forms.example"]) as shop:
            customer = shop.visitor()
            token = customer.token()
            headers = {"Origin": "https://forms.example", "Sec-Fetch-Site": "cross-site"}
            assert customer.is_accepted(token, headers=headers)
            assert not customer.is_accepted(headers=headers)

    @pytest.mark.parametrize(
        ("headers", "token", "reason"),
        [
            ({"Sec-Fetch-Site": "cross-site"}, None, "Sec-Fetch-Site"),
            ({"Origin": "https://evil.example"}, None, "Origin"),
            ({"Referer": "https://evil.example/;jsessionid=ABC"}, None, "Referer"),
            ({}, None, "no token"),
            ({}, "wrong", "wrong token"),
        ],
    )
    def test_event(self, customer, caplog, headers, token, reason):
        """The reason is an audit event, with the user and without tokens (R87, R88)."""
        right = customer.token()
        customer.post(right, path="/login")
        customer.get("/form")
        caplog.clear()
        with caplog.at_level(logging.INFO, "httpsession.audit"):
            assert not customer.is_accepted(token, headers=headers)

        (record,) = caplog.records
        assert record.principal == (None if headers else "anna")
        assert (record.event, record.levelname) == ("malicious_csrf", "WARNING")
        assert record.details == {"reason": reason, **({"origin": headers["Origin"]} if "Origin" in headers else {})}
        assert "jsessionid" not in record.getMessage()

    def test_event_without_a_session(self, visitor, caplog):
        """What a stranger sends is an event, too; an origin is cut."""
        with caplog.at_level(logging.INFO, "httpsession.audit"):
            visitor.post()
            visitor.post(headers={"Origin": "https://" + "a" * 10_000})
        assert [record.details["reason"] for record in caplog.records] == ["no session", "Origin"]
        assert caplog.records[1].details["origin"] == ("https://" + "a" * 100)[:100]


class TestTokens:
    """What a page gets."""

    def test_field(self, shop):
        """The field of a form is HTML that no template escapes again."""
        pages = []

        def page(environ, start_response):
            pages.extend([csrf_field(environ), csrf_token(environ)])
            start_response("200 OK", [TEXT])
            return [b""]

        Request(SessionMiddleware(CsrfMiddleware(page), shop.manager)).finish()
        field, token = pages
        assert field.startswith('<input type="hidden" name="csrf_token" value="')
        assert field.__html__() == field
        assert len(field) == len('<input type="hidden" name="csrf_token" value="">') + len(token)

    @pytest.mark.parametrize("mode", ["no-cors", "cors", "same-origin", "websocket", None])
    @pytest.mark.parametrize("site", ["cross-site", "same-site", "cross-site, none"])
    def test_withheld(self, shop, customer, site, mode):
        """A page of another site that loads ours, as a script for one, gets neither a token nor a cookie (R71)."""
        headers = {"Sec-Fetch-Site": site} | ({"Sec-Fetch-Mode": mode} if mode else {})
        stranger = shop.visitor()
        assert (stranger.token(headers), customer.token(headers)) == ("", "")
        assert stranger.cookie(CSRF_COOKIE) is None
        assert not stranger.is_accepted("")

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "none", "unknown"])
    def test_link(self, customer, site):
        """A user who follows a link of another site to a form can send it."""
        assert customer.is_accepted(customer.token({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}))

    def test_copied_environ(self, shop):
        """A copy of the environ, made by a middleware in between, gives tokens of the same cookie (S18)."""
        tokens = []

        def page(environ, start_response):
            tokens.extend([csrf_token(environ), csrf_token(dict(environ))])
            start_response("200 OK", [TEXT])
            return [b""]

        def copying(environ, start_response):
            return page(dict(environ), start_response)

        request = Request(SessionMiddleware(CsrfMiddleware(copying), shop.manager)).finish()
        (cookie,) = request.set_cookies
        visitor = shop.visitor()
        visitor.client.set_cookie(CSRF_COOKIE, cookie.partition("=")[2].partition(";")[0], domain="shop.example")
        assert all(visitor.is_accepted(token) for token in tokens)

    def test_without_the_middleware(self, shop):
        """A page without the middleware around it cannot ask for a token, and is told which one is missing."""
        with pytest.raises(IllegalStateError, match="SessionMiddleware"):
            csrf_token({})
        with pytest.raises(TypeError):
            csrf_token(5)

        def page(environ, start_response):
            csrf_token(environ)

        with pytest.raises(IllegalStateError, match="CsrfMiddleware"):
            Request(SessionMiddleware(page, shop.manager))
        with pytest.raises(IllegalStateError, match="SessionMiddleware"):
            Request(CsrfMiddleware(page))

    def test_no_application(self):
        """Only an application can be wrapped."""
        with pytest.raises(TypeError, match="WSGI application"):
            CsrfMiddleware(None)

    def test_says_what_it_depends_on(self, visitor, customer):
        """A page with a token varies by what decides about it, and the cookie of a token is not stored (R77)."""
        for someone, is_stored in ((customer, True), (visitor, False)):
            headers = someone.get("/form").headers
            vary = {word.strip() for line in headers.getlist("Vary") for word in line.split(",")}
            assert {"Sec-Fetch-Site", "Sec-Fetch-Mode", "Origin"} <= vary
            assert ("no-store" in headers.get("Cache-Control", "")) == (not is_stored)
        assert "Vary" not in visitor.get("/").headers


class TestOutages:
    """A store that fails."""

    @pytest.fixture
    def shop(self, tmp_path):
        """A shop whose store can be broken."""
        with Shop(f"sqlite:///{tmp_path}/sessions.db") as shop:
            yield shop

    @pytest.fixture
    def broken(self, shop, customer, monkeypatch):
        """A customer with a right token, whose shop has lost its store."""
        token = customer.token()

        def fail(*arguments):
            raise StoreError("the disk is gone")

        monkeypatch.setattr(store_of(shop.manager), "load", fail)
        return customer, token

    def test_request(self, broken):
        """A request whose token cannot be checked gets 503, never passes, and sets no cookie (R61)."""
        customer, token = broken
        for body in ({}, {"csrf_token": token}):
            response = customer.post(token, data=body)
            assert (response.status_code, response.headers.getlist("Set-Cookie")) == (503, [])
        assert customer.shop.orders == []

    def test_page(self, broken):
        """A page that asks for a token gets 503, and no cookie that would stand in for the session."""
        response = broken[0].get("/form")
        assert (response.status_code, response.headers.getlist("Set-Cookie")) == (503, [])

    def test_other_pages(self, broken):
        """Pages that ask for nothing are served."""
        assert broken[0].get("/").status_code == 200
