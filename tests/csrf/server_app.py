"""The application that real servers serve: it gives tokens, and tells what it reads."""

from __future__ import annotations

from hashlib import sha256

from werkzeug.wsgi import get_input_stream

from httpsession import SessionMiddleware, request_session
from httpsession.csrf import CsrfMiddleware, csrf_field, csrf_token
from tests.support.request import TEXT


def page(environ, start_response):
    """Return a token, a page with a form, or the digest of the body."""
    kind = TEXT
    if environ["REQUEST_METHOD"] != "GET":
        text = sha256(get_input_stream(environ).read()).hexdigest()
    elif environ["PATH_INFO"] == "/page":
        kind = ("Content-Type", "text/html")
        text = f"<form method=post action=/order>{csrf_field(environ)}<button>Order</button></form>"
    elif environ["PATH_INFO"] == "/login":
        text = request_session(environ).login("anna").principal
    else:
        text = csrf_token(environ)
    start_response("200 OK", [kind, ("Content-Length", str(len(text)))])
    return [text.encode()]


application = SessionMiddleware(CsrfMiddleware(page))
