"""A session made by hand: the browser has a random id, the server has what belongs to it."""

from __future__ import annotations

import time
import uuid

from markupsafe import Markup
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from . import members
from .pages import failed_login_page, greeting, login_page, page
from .web import Application, get, post


class SessionManager:
    """Keeps one value for each id that it has given out."""

    COOKIE = "my_session_id"
    SECONDS = 1800

    def __init__(self) -> None:
        #: By id: the value, and when the session is over.
        self._sessions: dict[str, tuple[str, float]] = {}

    def create(self, request: Request, response: Response, value: str) -> None:
        """Keep *value* under a new id, and give the id to the browser."""
        session_id = str(uuid.uuid4())
        self._sessions[session_id] = (value, time.time() + self.SECONDS)
        response.set_cookie(self.COOKIE, session_id, path=request.script_root, httponly=True, samesite="Lax")

    def find(self, request: Request) -> str | None:
        """Return the value that belongs to the id which the browser sent."""
        value, end = self._sessions.get(request.cookies.get(self.COOKIE, ""), (None, 0.0))
        if time.time() >= end:
            self.expire(request)
            return None
        return value

    def expire(self, request: Request) -> None:
        """Forget the session: the id, and every copy of it, is worth nothing now."""
        self._sessions.pop(request.cookies.get(self.COOKIE, ""), None)


sessions = SessionManager()


def home(request: Request) -> Response:
    """Greet the member whose session this is."""
    root = request.script_root
    member = members.find(sessions.find(request))
    return page(request, greeting(member, login=f"{root}/login", logout=f"{root}/logout"), LESSON)


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, f"{request.script_root}/login")


def log_in(request: Request) -> Response:
    """Check the password, and make a session."""
    member = members.authenticate(request.form.get("name", ""), request.form.get("password", ""))
    if member is None:
        return failed_login_page(request, f"{request.script_root}/login")
    response = redirect(f"{request.script_root}/", 303)
    sessions.expire(request)
    sessions.create(request, response, member.name)
    return response


def log_out(request: Request) -> Response:
    """End the session."""
    sessions.expire(request)
    return redirect(f"{request.script_root}/", 303)


LESSON = Markup("""\
<h2>What is better now</h2>
<ul>
<li>The cookie holds a <abbr title="universally unique identifier">UUID</abbr>: random, and nobody&rsquo;s name.
A changed one opens nothing.</li>
<li>Logging out ends the session on the server, for every copy of the cookie.</li>
<li>After half an hour it is over by itself.</li>
</ul>
<h2>What is still missing</h2>
<ul>
<li>The half hour does not slide: it ends while you are at work.</li>
<li>Sessions that nobody comes back for stay in memory for ever.</li>
<li>A session holds one value, and nobody hears of its end.</li>
<li>Every application would write this again, and forget something else.</li>
</ul>
""")

application = Application(get("/", home), get("/login", login), post("/login", log_in), post("/logout", log_out))
