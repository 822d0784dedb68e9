"""CSRF protection: a request reaches the application if and only if the model accepts it, with its body as it was sent.

The model reads no header. Each part of a request is drawn together with what it means: a token that answers, an origin
that is the application's own. A body that is cut or mutated has no such meaning; a request with it is only accepted if
a token that answers is in it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from httpsession import SessionConfig, SessionManager, SessionMiddleware, request_session
from httpsession.csrf import CsrfMiddleware, csrf_token
from httpsession.csrf.tokens import masked, secret_of
from tests.support.browser import UNKNOWN_ID
from tests.support.request import COOKIE_ID, TEXT, fetch, plain_environ

from .choices import Choices
from .engine import Check

HOST, TRUSTED = "app.example", "https://forms.example.org"
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
METHODS = (*SAFE, *("POST",) * 8, "PUT", "DELETE", "PATCH", "get", "LINK", "", "QUERY")
OWN, TRUSTED_SITE, FOREIGN = "own", "trusted", "foreign"
ORIGINS = (
    *((f"http://{HOST}", OWN), (f"HTTP://{HOST.upper()}:80", OWN), (f"http://{HOST}:080", OWN)),
    *((TRUSTED, TRUSTED_SITE), (f"{TRUSTED}:443", TRUSTED_SITE)),
    *(
        (text, FOREIGN)
        for text in ("", "null", "http://evil.example", f"https://{HOST}", f"http://{HOST}.evil.example")
    ),
    *((text, FOREIGN) for text in (f"http://{HOST}@evil.example", f"http://{HOST}:8080", f"http://evil/{HOST}", HOST)),
    *((text, FOREIGN) for text in (f"http://{HOST}/", f"http://{HOST} http://evil.example", "http://[", "\xff", "//")),
    *((text, FOREIGN) for text in (f"http://{HOST}\\@evil", f"http://{HOST}#", f"http://{HOST}?", f"http://{HOST}:x")),
)
REFERERS = (
    *((f"http://{HOST}/page?x=http://evil.example", OWN), (f"http://{HOST}", OWN), (f"{TRUSTED}/form", TRUSTED_SITE)),
    *((f"http://evil.example/?http://{HOST}/", FOREIGN), ("about:blank", FOREIGN), (f"http://{HOST}@evil/x", FOREIGN)),
)
#: Values of Sec-Fetch-Site: whether they veto, which a trusted origin undoes for the first two.
SITES = (("cross-site", True), ("Same-Site ", True), ("same-origin", False), ("none", False), ("x", False), ("", False))
LIST_OF_SITES = "same-origin, cross-site"
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
KINDS = (FORM, FORM, f"{FORM}; charset=utf-8", f"{MULTIPART}; boundary=xx", f'{MULTIPART}; boundary="xx"')
ODD_KINDS = ("text/plain", "application/json", "", "x" * 300, MULTIPART, f"{MULTIPART}; boundary=\xff", f"{FORM}x", ";")
NAMES = ("csrf_token", "csrf_token", "other", "csrf_token[]", "CSRF_TOKEN", "x-csrf-token", "", "é")
PLAIN_VALUES = ("", "a", "a b&c=d", "é", "\r\n--xx--\r\n", "x" * 300)


@dataclass
class Secrets:
    """The secrets that an attacker does not know: the ids of two sessions, a cookie, and tokens that answer to each."""

    session_id: str
    other_id: str
    cookie: str
    tokens: dict[str, list[str]]


@dataclass
class Sent:
    """A request, and what its parts mean."""

    environ: dict
    method: str
    #: To what the tokens have to answer; None: there is neither a session nor a cookie.
    owner: str | None = None
    site: str | None = None
    source: str | None = None
    #: For each token in the header and in the form whether it answers; None for a form that may have any.
    in_header: list[bool] = field(default_factory=list)
    in_form: list[bool] | None = field(default_factory=list)
    body: bytes = b""

    @property
    def is_vetoed(self) -> bool:
        """Whether another site has sent the request, as far as browsers tell."""
        is_other = dict(SITES).get(self.site, False) and self.source != TRUSTED_SITE
        return is_other or self.site == LIST_OF_SITES or self.source == FOREIGN

    @property
    def is_accepted(self) -> bool | None:
        """Whether the application may see the request; None: that depends on a body that has been damaged."""
        if self.method in SAFE:
            return True
        if self.is_vetoed or self.owner is None or not all(self.in_header):
            return False
        if self.in_form is None:
            return None
        return len(self.in_form) <= 1 and all(self.in_form) and bool(self.in_header or self.in_form)


@contextmanager
def target() -> Iterator[Check]:
    """Prepare an application with two sessions, and tokens."""
    with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
        app = SessionMiddleware(CsrfMiddleware(_application, [TRUSTED]), manager)
        secrets = _secrets(app)
        yield lambda choices: _check(app, secrets, _request(choices, secrets))


def _application(environ, start_response):
    environ["test.page"](environ)
    start_response("200 OK", [TEXT])
    return [b""]


def _secrets(app) -> Secrets:
    """Make two sessions, and tokens for them and for a cookie."""
    ids, tokens = [], {}
    for owner in ("session", "other"):
        drawn: list[str] = []

        def page(environ, drawn=drawn):
            request_session(environ).get_session()
            drawn += [csrf_token(environ), csrf_token(environ)]

        ids.append(COOKIE_ID.match(fetch(app, **plain_environ(), **{"test.page": page}).set_cookies[0])[1])
        tokens[owner] = drawn
    cookie = "c" * 32
    return Secrets(*ids, cookie, tokens | {"cookie": [masked(secret_of(cookie))]})


def _request(choices: Choices, secrets: Secrets) -> Sent:
    """Draw a request."""
    method = choices.pick(METHODS)
    sent = Sent(plain_environ() | {"REQUEST_METHOD": method, "HTTP_HOST": HOST}, method)
    cookies, sent.owner = choices.pick(
        (
            (f"JSESSIONID={secrets.session_id}", "session"),
            (f"JSESSIONID={secrets.session_id}", "session"),
            (f"JSESSIONID={secrets.session_id}; JSESSIONID-CSRF={secrets.cookie}", "session"),
            (f"JSESSIONID={secrets.other_id}", "other"),
            (f"JSESSIONID-CSRF={secrets.cookie}", "cookie"),
            (f"JSESSIONID={UNKNOWN_ID}; JSESSIONID-CSRF={secrets.cookie}", "cookie"),
            (f"JSESSIONID-CSRF=short; XJSESSIONID-CSRF={secrets.cookie}", None),
            ("", None),
        )
    )
    sent.environ["HTTP_COOKIE"] = cookies
    _draw_sender(choices, sent)
    if choices.flag():
        token, answers = _token(choices, secrets, sent.owner)
        sent.environ["HTTP_X_CSRF_TOKEN"] = token
        sent.in_header = [answers]
    _draw_body(choices, secrets, sent)
    return sent


def _draw_sender(choices: Choices, sent: Sent) -> None:
    """Draw the headers by which a browser names the site that sends the request."""
    if choices.flag():
        sent.site = LIST_OF_SITES if choices.is_one_in(8) else choices.pick(SITES)[0]
        sent.environ["HTTP_SEC_FETCH_SITE"] = sent.site
    if choices.flag():
        sent.environ["HTTP_REFERER"], sent.source = choices.pick(REFERERS)
    if choices.flag():
        sent.environ["HTTP_ORIGIN"], sent.source = choices.pick(ORIGINS)


def _token(choices: Choices, secrets: Secrets, owner: str | None) -> tuple[str, bool]:
    """Draw a token, and whether it answers to *owner*."""
    whose = owner if owner is not None and choices.flag() else choices.pick([*secrets.tokens])
    token = choices.pick(secrets.tokens[whose])
    if not choices.is_one_in(4):
        return token, whose == owner
    at = choices.below(len(token))
    odd = (
        token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :],
        *(
            token[:-1],
            f"{token} ",
            f"{token}\n",
            f"{token}=",
            token + token,
            token.swapcase(),
            "",
            "A" * 64,
            "\xff" * 64,
        ),
    )
    return choices.pick(odd), False


def _draw_body(choices: Choices, secrets: Secrets, sent: Sent) -> None:
    """Draw a body: a form, or something else, with or without its length."""
    fields = [_field(choices, secrets, sent.owner) for _ in range(choices.below(4))]
    kind = choices.pick(ODD_KINDS if choices.is_one_in(6) else KINDS)
    is_multipart = kind.startswith(MULTIPART)
    sent.body = _multipart(choices, fields) if is_multipart else _urlencoded(choices, fields)
    sent.environ["CONTENT_TYPE"] = kind
    if kind in KINDS:
        sent.in_form = [answers for name, _, answers in fields if name == "csrf_token"]
    if kind in KINDS and choices.is_one_in(4):
        sent.body = choices.mutated(sent.body)
        sent.in_form = None
    sent.environ["wsgi.input"] = io.BytesIO(sent.body)
    sent.environ["CONTENT_LENGTH"] = str(len(sent.body))
    match choices.below(10):
        case 7:
            del sent.environ["CONTENT_LENGTH"]
            sent.environ["wsgi.input_terminated"] = True
        case 8:
            # Without a length nothing may be read.
            sent.environ["CONTENT_LENGTH"] = choices.pick(("", "x", "-1"))
            sent.in_form = []
        case 9:
            sent.environ["wsgi.input"] = None
            sent.in_form, sent.body = [], b""


def _field(choices: Choices, secrets: Secrets, owner: str | None) -> tuple[str, str, bool]:
    """Draw a field of a form: its name, its value, and whether that is a token that answers."""
    name = choices.pick(NAMES)
    return (name, *_token(choices, secrets, owner)) if choices.flag() else (name, choices.pick(PLAIN_VALUES), False)


def _urlencoded(choices: Choices, fields: list[tuple[str, str, bool]]) -> bytes:
    """Write a form, in which a name may be spelled with escapes."""
    spelled = ("csrf%5ftoken", "%63srf_token", "csrf_token")
    pairs = [
        (choices.pick(spelled) if name == "csrf_token" else quote_plus(name), quote_plus(value, encoding="latin-1"))
        for name, value, _ in fields
    ]
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


def _multipart(choices: Choices, fields: list[tuple[str, str, bool]]) -> bytes:
    """Write a form of several parts, the last of which ends it."""
    parts = []
    for name, value, _ in fields:
        kind = choices.pick(("", "Content-Type: text/plain\r\n"))
        text = value.replace("--xx", "")
        parts.append(f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n{kind}\r\n{text}\r\n')
    return "".join([*parts, "--xx--\r\n"]).encode()


def _check(app, secrets: Secrets, sent: Sent) -> None:
    """Send the request, and compare what becomes of it with the model."""
    bodies = []

    def page(environ):
        source = environ["wsgi.input"]
        bodies.append(b"" if source is None else source.read())

    answer = fetch(app, **sent.environ, **{"test.page": page})
    is_accepted = bool(bodies)
    assert answer.status == ("200 OK" if is_accepted else "403 Forbidden")
    if sent.is_accepted is None:
        tokens = secrets.tokens.get(sent.owner, [])
        assert not is_accepted or all(sent.in_header)
        assert not is_accepted or sent.in_header or any(token.encode() in sent.body for token in tokens)
    else:
        assert is_accepted == sent.is_accepted
    if is_accepted:
        assert bodies == [sent.body]
    else:
        assert answer.text == "The request was refused.\n"
        assert not answer.set_cookies
