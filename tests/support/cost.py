"""The cost of a request in function calls: a number that is the same on every machine."""

from __future__ import annotations

import sys

from httpsession import get_session
from tests.support.request import TEXT

BODY = [b"hello"]


def calls(function, *arguments):
    """Return how many calls of Python and C functions a call makes, itself included."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count - 1  # the call that ends the counting


def calls_of_request(app, environ):
    """Return how many calls a request makes."""
    return calls(app, environ.copy(), start_response)


def start_response(status, headers, exc_info=None):
    """Accept headers at the cost of a single call."""


def untouched(environ, start_response):
    start_response("200 OK", [TEXT])
    return BODY


def reading(environ, start_response):
    get_session(environ)["user"]
    start_response("200 OK", [TEXT])
    return BODY


def writing(environ, start_response):
    get_session(environ)["user"] = "anna"
    start_response("200 OK", [TEXT])
    return BODY
