"""An application that asks its store while it is imported, for servers that fork after that."""

from __future__ import annotations

import os
import threading
from urllib.parse import parse_qs

from httpsession import SessionConfig, SessionManager, SessionMiddleware, request_session

manager = SessionManager(os.environ["STORE"], config=SessionConfig(max_inactive_interval=60))
#: The process that imported the application.
IMPORTED_BY = os.getpid()
manager.stats()


def app(environ, start_response):
    """Log in the user that the query names, or else tell whose session it is, and who answers."""
    session = request_session(environ)
    (user,) = parse_qs(environ["QUERY_STRING"]).get("user", [None])
    if user is not None:
        session.login(user)["user"] = user
    found = session.get_session(create=False)
    whose = "nobody" if found is None else f"{found.principal} {found['user']}"
    threads = " ".join(sorted(thread.name for thread in threading.enumerate()))
    body = f"{os.getpid()};{IMPORTED_BY};{whose};{threads}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


application = SessionMiddleware(app, manager)
