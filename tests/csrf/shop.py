"""A shop whose forms have tokens, and its visitors."""

from __future__ import annotations

from werkzeug.test import Client
from werkzeug.wsgi import get_input_stream

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session, request_session
from httpsession.csrf import CsrfMiddleware, csrf_token
from tests.support.request import TEXT

CSRF_COOKIE = "JSESSIONID-CSRF"
HOST_COOKIE = f"__Host-{CSRF_COOKIE}"
HEADER = "X-CSRF-Token"


class Shop:
    """An application with pages; what reached its form is in :attr:`orders`."""

    def __init__(self, store=None, *, trusted_origins=(), **config):
        self.manager = SessionManager(store, config=SessionConfig(**{"sweep_interval": None} | config))
        self.app = SessionMiddleware(CsrfMiddleware(self._page, trusted_origins), self.manager)
        #: The bodies that the application has read, of requests that may change something.
        self.orders = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.manager.close()

    @property
    def active(self):
        """The number of sessions."""
        return self.manager.stats().active

    def visitor(self, **arguments):
        """Return a new visitor."""
        return Visitor(self, **arguments)

    def _page(self, environ, start_response):
        path, text = environ["PATH_INFO"], ""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            self.orders.append(get_input_stream(environ).read())
        if path == "/new":
            get_session(environ)
        elif path == "/login":
            request_session(environ).login("anna")
        elif path == "/rotate":
            request_session(environ).change_session_id()
        elif path == "/logout":
            request_session(environ).logout()
        if path.startswith("/form"):
            text = csrf_token(environ)
        start_response("200 OK", [TEXT])
        return [text.encode()]


class Visitor:
    """A browser that names itself in no header, so that its tokens alone decide."""

    def __init__(self, shop, *, https=False):
        self.shop = shop
        self.root = f"{'https' if https else 'http'}://shop.example"
        self.client = Client(shop.app)

    def get(self, path="/form", headers=None):
        """Open a page."""
        return self.client.get(path, base_url=self.root, headers=headers or {})

    def token(self, headers=None):
        """Return a new token."""
        response = self.get("/form", headers)
        assert response.status_code == 200
        return response.text

    def post(self, token=None, path="/order", headers=None, **arguments):
        """Send a request with a token in the header, and return the response."""
        headers = dict(headers or {})
        if token is not None:
            headers[HEADER] = token
        return self.client.open(path, **{"method": "POST", "base_url": self.root, "headers": headers} | arguments)

    def is_accepted(self, *arguments, **keywords):
        """Send a request; return whether it reached the application. If not, the answer must be the one refusal."""
        before = len(self.shop.orders)
        response = self.post(*arguments, **keywords)
        if response.status_code == 200:
            assert len(self.shop.orders) == before + 1
            return True
        assert (response.status_code, response.data) == (403, b"The request was refused.\n")
        assert len(self.shop.orders) == before, "the application was entered"
        return False

    def cookie(self, name):
        """Return the value of a cookie, None if there is none."""
        found = self.client.get_cookie(name, "shop.example")
        return None if found is None else found.value
