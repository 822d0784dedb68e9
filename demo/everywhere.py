"""All sessions of a member: where the member is logged in, how to end a session, and how to log out elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from markupsafe import Markup
from werkzeug.wrappers import Response

from httpsession import HttpSession, LoginRequiredError, SessionConfig, SessionInfo, SessionManager, SessionMiddleware
from httpsession.csrf import CsrfMiddleware, csrf_field
from httpsession.werkzeug import Request

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .store import store_for
from .web import Application, get, link, post, see_other

#: Seconds for which a login is recent enough to end other sessions.
RECENT = 300

manager = SessionManager(store_for("everywhere"), config=SessionConfig(client_hints=["user_agent"]))


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


def end_one(request: Request) -> Response:
    """Invalidate one session of the member; ``principal`` keeps those of other members, whatever the form contains."""
    return ended(
        request, lambda session: manager.invalidate(request.form.get("handle", ""), principal=session.principal)
    )


def log_out_elsewhere(request: Request) -> Response:
    """Invalidate all other sessions of the member, in every process."""
    return ended(request, lambda session: manager.invalidate_all(str(session.principal), except_=session))


def ended(request: Request, end: Callable[[HttpSession], object]) -> Response:
    """End sessions of the member, if the password was given lately; otherwise ask for it."""
    session = request.get_session(create=False)
    if session is None or session.principal is None:
        return see_other(request, "/")
    try:
        request.require_recent_login(RECENT)
    except LoginRequiredError:
        return see_other(request, "/login")
    end(session)
    return see_other(request, "/")


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the session says."""
    session = request.get_session(create=False)
    member = None if session is None else members.find(session.principal)
    return Visitor(member, link(request, "/login"), link(request, "/logout"))


def sessions(request: Request, session: HttpSession, principal: str) -> Markup:
    """Return the table of a member's sessions; *session* is the visitor's own."""
    field, end = csrf_field(request), link(request, "/end")
    rows = (row(info, end, field) for info in manager.sessions_of(principal, current=session))
    return SESSIONS.format(rows=Markup("").join(rows), action=link(request, "/elsewhere"), field=field)


def row(info: SessionInfo, action: str, field: str) -> Markup:
    """Return the table row of a session, with a form that ends it, unless it is the visitor's own."""
    since, seen = (time.strftime("%H:%M:%S UTC", time.gmtime(at)) for at in (info.creation_time, info.last_seen))
    end = Markup("this one") if info.is_current else END.format(action=action, field=field, handle=info.handle)
    return ROW.format(browser=info.user_agent or "An unknown browser", since=since, seen=seen, end=end)


SESSIONS = Markup("""\
<h2>Where you are logged in</h2>
<table>
<thead><tr><th>Browser</th><th></th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<form class="card" method="post" action="{action}">{field}<button>Log out everywhere else</button></form>
""")

ROW = Markup("""\
<tr><td>{browser}<br><small>Since {since}, last seen at {seen}</small></td><td>{end}</td></tr>
""")

END = Markup("""\
<form method="post" action="{action}">{field}<input type="hidden" name="handle" value="{handle}"><button>End</button>\
</form>\
""")

LESSON = Markup("""\
<h2>Things to try</h2>
<ul>
<li>Log in here as the same member in a second browser, or in a private window. Reload: both sessions are in the
table.</li>
<li>End the other session, or log out everywhere else, and reload in the other browser: it is logged out.</li>
<li>Wait five minutes, and try to end a session: you have to log in again first.</li>
</ul>
<h2>What happens here</h2>
<ul>
<li><code>login(principal)</code> binds the member to the session. <code>sessions_of(principal)</code> lists the
member&rsquo;s sessions, <code>invalidate(handle, principal=principal)</code> ends one of them, and
<code>invalidate_all(principal, except_=session)</code> all but this one.</li>
<li>The list contains handles and no ids: an attacker who reads it cannot use a session.</li>
<li><code>require_recent_login(300)</code> asks for the password again: an attacker who finds an open browser, or
steals a session, cannot lock the member out.</li>
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
            post("/end", end_one),
            post("/elsewhere", log_out_elsewhere),
        )
    ),
    manager,
)
