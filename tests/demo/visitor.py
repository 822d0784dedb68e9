"""A visitor of the demo, without scripts: cookies, links and forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.cookiejar import Cookie, CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPHandler, OpenerDirector, Request


@dataclass
class Form:
    """A form, with the values that its fields have at first."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """A response; an HTML page is taken apart."""

    url: str
    status: int
    headers: Message
    html: str
    links: dict[str, str]
    forms: list[Form]
    text: str

    @property
    def cookies(self) -> list[str]:
        """The Set-Cookie headers of sessions; a form without a session has a cookie of its own."""
        return [cookie for cookie in self.headers.get_all("Set-Cookie", []) if "-CSRF=" not in cookie]

    def form(self, end: str) -> Form:
        """Return the one form whose action is a path that ends in *end*, whatever id is behind it."""
        (form,) = [form for form in self.forms if form.action.partition(";")[0].endswith(end)]
        return form


class Visitor:
    """A client that keeps cookies, unless it is told to refuse them, and follows a redirect only when it is told to."""

    def __init__(self, root: str, *, takes_cookies: bool = True) -> None:
        self.root = root
        self.jar = CookieJar()
        self._opener = OpenerDirector()  # without handlers for redirects and errors: both are just responses
        self._opener.add_handler(HTTPHandler())
        if takes_cookies:
            self._opener.add_handler(HTTPCookieProcessor(self.jar))

    def get(self, url: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Page:
        """Open a URL, or send it with another method."""
        return self._open(url, headers, method=method)

    def post(self, url: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Page:
        """Send a form, with the origin of the page that it is on, as browsers do."""
        own = {"Origin": self.root.rstrip("/")}
        return self._open(url, own if headers is None else headers, data=urlencode(fields).encode())

    def submit(self, form: Form, headers: dict[str, str] | None = None, **fields: str) -> Page:
        """Fill in a form of a page and send it."""
        assert form.method == "post"
        return self.post(form.action, form.fields | fields, headers)

    def follow(self, page: Page) -> Page:
        """Go where a form redirected to."""
        assert page.status == 303
        return self.get(page.headers["Location"])

    def log_in(self, home: Page, name: str, password: str) -> Page:
        """Go from the home page of a step to its login form and send it; return the response, which is a redirect."""
        return self.fill_in(home.links["Log in"], name=name, password=password)

    def fill_in(self, login: str, headers: dict[str, str] | None = None, **fields: str) -> Page:
        """Open a login form, fill it in and send it; without names and passwords it is sent empty."""
        return self.submit(self.get(login).form("/login"), headers, **{"name": "", "password": ""} | fields)

    def session_cookies(self) -> list[Cookie]:
        """Return the cookies of sessions that the client keeps."""
        return [cookie for cookie in self.jar if not cookie.name.endswith("-CSRF")]

    def _open(self, url: str, headers: dict[str, str] | None, **what: Any) -> Page:
        request = Request(urljoin(self.root, url), headers=headers or {}, **what)  # noqa: S310 (always of the demo)
        with self._opener.open(request, timeout=20) as response:
            html = response.read().decode()
            parser = _Parser()
            parser.feed(html)
            text = " ".join("".join(parser.text).split())
            return Page(request.full_url, response.status, response.headers, html, parser.links, parser.forms, text)


class _Parser(HTMLParser):
    """Collects links by their text, forms, and the text; without the code of the step, which contains HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._link: tuple[str, int] | None = None
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in ("td", "th", "dt", "dd", "p"):
            self.text.append(" ")
        if tag == "a":
            self._link = attributes["href"], len(self.text)
        elif tag == "form":
            self.forms.append(Form(attributes["action"], attributes.get("method", "get")))
        elif tag in ("input", "button") and "name" in attributes:
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "details":
            self._in_code = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            url, start = self._link
            self.links["".join(self.text[start:]).strip()] = url
        elif tag == "details":
            self._in_code = False

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.text.append(data)
