"""Requests as a server makes them: whole ones, or step by step where a test acts in the middle of a request."""

from __future__ import annotations

import io
import re
from wsgiref.util import setup_testing_defaults

from httpsession import request_session

COOKIE_ID = re.compile(r"JSESSIONID=([0-9A-F]{32});")
TEXT = ("Content-Type", "text/plain")


class Request:
    """A request, which arrives when it is made; its body is read, and its headers go out, when the test says so."""

    def __init__(self, app, session_id=None, **environ):
        #: What was written to the error log of the server.
        self.errors = io.StringIO()
        self.environ = {"QUERY_STRING": "", "wsgi.errors": self.errors}
        if session_id is not None:
            self.environ["HTTP_COOKIE"] = f"JSESSIONID={session_id}"
        self.environ.update(environ)
        setup_testing_defaults(self.environ)
        self.status = self.headers = None
        #: How often the application has set the headers.
        self.starts = 0
        self.chunks = []
        self.body = app(self.environ, self._start_response)
        self._chunks = iter(self.body)

    def _start_response(self, status, headers, exc_info=None):
        """Accept headers as strictly as PEP 3333 says; here they have gone out with the first chunk."""
        if exc_info is None:
            assert self.status is None, "the headers are set already"
        elif self.chunks:
            raise exc_info[1]
        self.status, self.headers = status, headers
        self.starts += 1
        return self._write

    def _write(self, chunk):
        assert self.status is not None, "a chunk before the headers"
        self.chunks.append(chunk)

    @property
    def session(self):
        """The session half of the request."""
        return request_session(self.environ)

    def read(self):
        """Read one chunk."""
        self._write(next(self._chunks))
        return self

    def close(self):
        """Close the body, read or not, as when the client is gone."""
        if hasattr(self.body, "close"):
            self.body.close()
        return self

    def finish(self):
        """Read what there is to read, and close."""
        try:
            for chunk in self._chunks:
                self._write(chunk)
            assert self.status is not None, "no headers"
        finally:
            self.close()
        return self

    @property
    def text(self):
        """The body as it arrived."""
        return b"".join(self.chunks).decode()

    @property
    def set_cookies(self):
        """The Set-Cookie headers of the response."""
        return [value for name, value in self.headers if name.lower() == "set-cookie"]

    @property
    def new_id(self):
        """The session id that the response gives the client; it must be there, once."""
        (cookie,) = self.set_cookies
        return COOKIE_ID.match(cookie)[1]


def fetch(app, session_id=None, **environ):
    """Make a whole request."""
    return Request(app, session_id, **environ).finish()


def plain_environ(cookies=None):
    """Return what a server knows of a request and no more; *cookies* are in the middle of others."""
    made = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "app.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if cookies is not None:
        made["HTTP_COOKIE"] = f"theme=dark; {cookies}; lang=en"
    return made
