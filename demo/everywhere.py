"""All sessions of a member: where the member is logged in, and how to log out everywhere else."""

from __future__ import annotations

import time

from markupsafe import Markup
from werkzeug.wrappers import Response

from httpsession import HttpSession, SessionInfo, SessionManager, SessionMiddleware
from httpsession.csrf import CsrfMiddleware, csrf_field
from httpsession.werkzeug import Request

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .store import store_for
from .web import Application, get, link, post, see_other

manager = SessionManager(store_for("everywhere"))


def home(request: Request) -> Response:
    """Greet the member, and list all sessions of this member."""
    session = request.get_session(create=False)
    principal = None if session is None else session.principal
    hello = greeting(request, visitor(request))
    if session is None or principal is None:
        return page(request, hello, LESSON)
    return page(request, hello, sessions(request, session, principal), LESSON)


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, visitor(request))


def log_in(request: Request) -> Response:
    """Bind the member to the session, so that ``sessions_of`` finds it."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request))
    request.login(member.name)
    return see_other(request, "/")


def log_out(request: Request) -> Response:
    """Invalidate this session and no other."""
    request.logout()
    return see_other(request, "/")


def log_out_elsewhere(request: Request) -> Response:
    """Invalidate all other sessions of the member, in every process."""
    session = request.get_session(create=False)
    if session is not None and session.principal is not None:
        manager.invalidate_all(session.principal, except_=session)
    return see_other(request, "/")


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the session says."""
    session = request.get_session(create=False)
    member = None if session is None else members.find(session.principal)
    return Visitor(member, link(request, "/login"), link(request, "/logout"))


def sessions(request: Request, session: HttpSession, principal: str) -> Markup:
    """Return the table of a member's sessions; *session* is the visitor's own."""
    rows = Markup("").join(row(one, is_own=one.handle == session.handle) for one in manager.sessions_of(principal))
    return SESSIONS.format(rows=rows, action=link(request, "/elsewhere"), field=csrf_field(request))


def row(info: SessionInfo, *, is_own: bool) -> Markup:
    """Return the table row of a session."""
    times = (time.strftime("%H:%M:%S UTC", time.gmtime(one)) for one in (info.creation_time, info.last_seen))
    return ROW.format(*times, "this one" if is_own else "elsewhere")


SESSIONS = Markup("""\
<h2>Where you are logged in</h2>
<table>
<thead><tr><th>Since</th><th>Last seen</th><th>Where</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<form class="card" method="post" action="{action}">{field}<button>Log out everywhere else</button></form>
""")

ROW = Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n")

LESSON = Markup("""\
<h2>Things to try</h2>
<ul>
<li>Log in here as the same member in a second browser, or in a private window. Reload: both sessions are in the
table.</li>
<li>Log out everywhere else, and reload in the other browser: it is logged out.</li>
</ul>
<h2>What happens here</h2>
<ul>
<li><code>login(principal)</code> binds the member to the session. <code>sessions_of(principal)</code> lists the
member&rsquo;s sessions, and <code>invalidate_all(principal, except_=session)</code> ends all but this one.</li>
<li>The list contains no ids: an attacker who reads it cannot use a session.</li>
<li>Applications should log out everywhere else after a password change.</li>
</ul>
""")

application = SessionMiddleware(
    CsrfMiddleware(
        Application(
            get("/", home),
            get("/login", login),
            post("/login", log_in),
            post("/logout", log_out),
            post("/elsewhere", log_out_elsewhere),
        )
    ),
    manager,
)
