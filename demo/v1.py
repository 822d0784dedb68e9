"""A session made by hand: the browser has a random id, and the server has the data that belongs to it."""

from __future__ import annotations

import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path

from markupsafe import Markup
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from httpsession import SessionMiddleware
from httpsession.csrf import CsrfMiddleware

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .store import folder, store_for
from .web import Application, get, post


class SessionManager:
    """One value for each id, kept in a file, because any worker may get the next request."""

    COOKIE = "my_session_id"
    SECONDS = 1800

    def __init__(self, file: Path) -> None:
        self._file = file
        self._run("CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, value TEXT, ends REAL)")

    def create(self, request: Request, response: Response, value: str) -> None:
        """Keep *value* under a new id, and send the id to the browser."""
        session_id = str(uuid.uuid4())
        self._run("INSERT INTO sessions VALUES (?, ?, ?)", session_id, value, time.time() + self.SECONDS)
        response.set_cookie(self.COOKIE, session_id, path=request.script_root, httponly=True, samesite="Lax")

    def find(self, request: Request) -> str | None:
        """Return the value that belongs to the id sent by the browser."""
        sent = request.cookies.get(self.COOKIE, "")
        return self._run("SELECT value FROM sessions WHERE id = ? AND ends > ?", sent, time.time())

    def expire(self, request: Request) -> None:
        """Delete the session: every copy of the id is now useless."""
        self._run("DELETE FROM sessions WHERE id = ?", request.cookies.get(self.COOKIE, ""))

    def _run(self, statement: str, *values: str | float) -> str | None:
        """Return the value that a statement finds."""
        with closing(sqlite3.connect(self._file)) as database, database:
            found = database.execute(statement, values).fetchone()
        return None if found is None else str(found[0])


sessions = SessionManager(folder() / "v1.db")


def home(request: Request) -> Response:
    """Greet the member of the session."""
    return page(request, greeting(request, visitor(request)), LESSON)


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, visitor(request))


def log_in(request: Request) -> Response:
    """Check the password, and create a session."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request))
    response = redirect(f"{request.script_root}/", 303)
    sessions.expire(request)
    sessions.create(request, response, member.name)
    return response


def log_out(request: Request) -> Response:
    """Delete the session."""
    sessions.expire(request)
    return redirect(f"{request.script_root}/", 303)


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the session says."""
    root = request.script_root
    return Visitor(members.find(sessions.find(request)), f"{root}/login", f"{root}/logout")


LESSON = Markup("""\
<h2>What is better now</h2>
<ul>
<li>The cookie holds a <abbr title="universally unique identifier">UUID</abbr>: random, and not a name.
A forged id opens nothing.</li>
<li>Logging out ends the session on the server, for every copy of the cookie.</li>
<li>The session expires after half an hour.</li>
</ul>
<h2>What is still missing</h2>
<ul>
<li>The timeout does not slide: the session expires while you are using it.</li>
<li>Expired sessions stay in the file for ever.</li>
<li>The file contains the ids in plain text: an attacker who reads it can use every session.</li>
<li>A session holds one value only, and no listener hears of its end.</li>
<li>Every application would have to write this again, with its own mistakes.</li>
</ul>
""")

# The library protects the forms of this step, too. It keeps no session here: the step has its own.
application = SessionMiddleware(
    CsrfMiddleware(Application(get("/", home), get("/login", login), post("/login", log_in), post("/logout", log_out))),
    store_for("v1"),
)
