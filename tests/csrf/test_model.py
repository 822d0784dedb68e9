"""Random requests against a small model of the decision: what passes is what the model lets pass, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession.csrf.tokens import masked
from tests.csrf.shop import CSRF_COOKIE, HOST_COOKIE, Shop
from tests.support.request import Request

HOST = "shop.example"
TRUSTED = "https://forms.example"
METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "DELETE", "PATCH", "get", "post", "QUERY", ""]
SITES = [None, "same-origin", "none", "same-site", "cross-site", "unknown", "", "none, none"]
ORIGINS = [None, "own", TRUSTED, "https://evil.example", "null", "", f"https://{HOST}.evil", f"https://{HOST}@evil"]
REFERERS = [None, "", "own", f"{TRUSTED}/a?b", "https://evil.example/", f"https://evil/https://{HOST}/", "about:blank"]
KINDS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json", ""]
#: The tokens of a request: those of its own session or cookie, of another client, and what is none.
TOKENS = ["own", "another", "invented", "", "cut", "null"]


@dataclass
class Form:
    """A request: what the client has, where it comes from, and which tokens it brings."""

    method: str
    scheme: str
    has_session: bool
    has_cookie: bool
    site: str | None
    origin: str | None
    referer: str | None
    kind: str
    header: str | None
    fields: list[str]


FORMS = st.builds(
    Form,
    st.sampled_from(METHODS),
    st.sampled_from(["http", "https"]),
    st.booleans(),
    st.booleans(),
    *map(st.sampled_from, (SITES, ORIGINS, REFERERS, KINDS)),
    st.none() | st.sampled_from(TOKENS),
    st.lists(st.sampled_from(TOKENS), max_size=2),
)


def is_accepted_by_model(form, modes):
    """Return whether a request passes. A session answers for the cookie that it began with."""
    if form.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        return True
    if form.origin is not None:
        sender = form.origin
    elif form.referer:
        sender = {"own": "own", f"{TRUSTED}/a?b": TRUSTED}.get(form.referer, "evil")
    else:
        sender = None
    if form.site is not None and ("," in form.site or (form.site in ("same-site", "cross-site") and sender != TRUSTED)):
        return False
    if sender not in (None, "own", TRUSTED):
        return False
    if not form.has_session and not (form.has_cookie and "COOKIE" in modes):
        return "URL" in modes and (form.site in ("same-origin", "none") or sender is not None)
    is_form = form.kind.startswith(("application/x-www", "multipart/"))
    fields = form.fields if is_form else []
    tokens = [*([] if form.header is None else [form.header]), *fields]
    return len(fields) < 2 and bool(tokens) and {*tokens} == {"own"}


class Client:
    """A client with a session and a cookie, of which each request sends some."""

    def __init__(self, shop, modes, scheme):
        self.shop, self.modes, self.scheme = shop, modes, scheme
        request = Request(shop.app, **self._environ("/new"))
        self.session_id = request.session.get_session().id
        request.finish()
        self.cookie, self.cookie_token = "", masked(b"x" * 24)
        if "COOKIE" in modes:
            page = Request(shop.app, **self._environ("/form")).finish()
            self.cookie, self.cookie_token = page.set_cookies[0].partition(";")[0], page.text
            assert self.cookie.partition("=")[0] == (HOST_COOKIE if scheme == "https" else CSRF_COOKIE)
        self.session_token = Request(shop.app, **self._environ("/form", has_session=True)).finish().text

    def send(self, form, another):
        """Send a request, and return whether it reached the application, which has to read the identical body."""
        own = self.session_token if form.has_session else self.cookie_token
        texts = {"own": own, "another": another.session_token, "invented": "A" * 64, "": "", "cut": own[:-1]}
        texts["null"] = "null"
        body = self._body(form.kind, [texts[name] for name in form.fields])
        environ = self._environ("/order", form.has_session, form.has_cookie) | {
            "REQUEST_METHOD": form.method,
            "CONTENT_TYPE": form.kind,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": _Stream(body),
        }
        if form.header is not None:
            environ["HTTP_X_CSRF_TOKEN"] = texts[form.header]
        own_origin = f"{self.scheme}://{HOST}"
        named = {
            "HTTP_SEC_FETCH_SITE": form.site,
            "HTTP_ORIGIN": own_origin if form.origin == "own" else form.origin,
            "HTTP_REFERER": f"{own_origin}/form" if form.referer == "own" else form.referer,
        }
        environ.update({name: value for name, value in named.items() if value is not None})
        before = len(self.shop.orders)
        answer = Request(self.shop.app, **environ).finish()
        if form.method in ("GET", "HEAD"):  # the page does not keep their bodies
            return answer.status == "200 OK"
        assert answer.status in ("200 OK", "403 Forbidden")
        assert self.shop.orders[before:] == ([body] if answer.status == "200 OK" else [])
        return answer.status == "200 OK"

    def _environ(self, path, has_session=False, has_cookie=False):
        """Return the environ of a request, with the id where it travels."""
        cookies = [self.cookie] if has_cookie and self.cookie else []
        if has_session and "COOKIE" in self.modes:
            cookies.append(f"JSESSIONID={self.session_id}")
        elif has_session:
            path += f";jsessionid={self.session_id}"
        environ = {"PATH_INFO": path, "HTTP_HOST": HOST, "wsgi.url_scheme": self.scheme, "REQUEST_METHOD": "GET"}
        return environ | ({"HTTP_COOKIE": "; ".join(cookies)} if cookies else {})

    @staticmethod
    def _body(kind, tokens):
        if kind.startswith("multipart/"):
            parts = [f'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{one}\r\n' for one in tokens]
            return "".join([*parts, "--b--\r\n"]).encode()
        return urlencode([("a", "1"), *(("csrf_token", one) for one in tokens)]).encode()


class _Stream:
    """An input stream that gives a few bytes at once."""

    def __init__(self, body):
        self._body = body

    def read(self, size):
        data, self._body = self._body[: min(size, 50)], self._body[min(size, 50) :]
        return data


@pytest.fixture(params=[("COOKIE",), ("URL",), ("COOKIE", "URL")], ids="+".join, scope="module")
def modes(request):
    return request.param


@pytest.fixture(scope="module")
def clients(modes):
    """For each scheme two clients of one shop."""
    with Shop(trusted_origins=[TRUSTED], tracking_modes=modes) as shop:
        yield {scheme: [Client(shop, modes, scheme) for _ in range(2)] for scheme in ("http", "https")}


@given(form=FORMS)
def test_decision(clients, modes, form):
    """A request reaches the application if and only if the model lets it pass (R70 to R78)."""
    client, another = clients[form.scheme]

    assert client.send(form, another) == is_accepted_by_model(form, modes)


@given(form=FORMS)
def test_without_veto(clients, modes, form):
    """The same without other sites, so that the tokens alone decide."""
    form.site, form.origin, form.referer = "same-origin", "own", None
    client, another = clients[form.scheme]

    assert client.send(form, another) == is_accepted_by_model(form, modes)
