"""The application that real servers serve: it gives tokens, and tells what it reads."""

from __future__ import annotations

from hashlib import sha256

from werkzeug.wsgi import get_input_stream

from httpsession import SessionMiddleware
from httpsession.csrf import CsrfMiddleware, csrf_token
from tests.support.request import TEXT


def page(environ, start_response):
    """Return a token, or the digest of the body."""
    is_form = environ["REQUEST_METHOD"] == "GET"
    text = csrf_token(environ) if is_form else sha256(get_input_stream(environ).read()).hexdigest()
    start_response("200 OK", [TEXT, ("Content-Length", str(len(text)))])
    return [text.encode()]


application = SessionMiddleware(CsrfMiddleware(page))
