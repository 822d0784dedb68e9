"""All properties of a session, and forms to change them."""

from __future__ import annotations

import os
import time
from typing import Any

from markupsafe import Markup
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from httpsession import HttpSession, SessionConfig, SessionManager, SessionMiddleware
from httpsession.csrf import CsrfMiddleware, csrf_field
from httpsession.werkzeug import Request

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .session_const import SessionConst
from .store import store_for
from .web import Application, get, link, post, see_other

LONGEST_TIMEOUT = 86_400
LONGEST_TEXT = 200
MOST_ATTRIBUTES = 20

store = store_for("info")


def home(request: Request) -> Response:
    """Show the session. This is an access: reloading the page in time keeps the session from expiring."""
    session, hello = request.get_session(create=False), greeting(request, visitor(request))
    if session is None:
        return page(request, hello, NO_SESSION.format(create=link(request, "/create"), field=csrf_field(request)))
    parts = description(session), attributes(request, session), controls(request, session)
    return page(request, hello, *parts, lesson(request))


def create(request: Request) -> Response:
    """Create a session, if there is none. It is new until the browser comes back with its id."""
    session = request.get_session()
    session[SessionConst.WAS_NEW] = session.is_new
    return see_other(request, "/")


def set_attribute(request: Request) -> Response:
    """Set an attribute, or replace its value."""
    session = request.get_session(create=False)
    if session is not None:
        name, value = text(request, "name"), text(request, "value")
        if name not in session and len(session) >= MOST_ATTRIBUTES:
            raise BadRequest(f"The demo keeps at most {MOST_ATTRIBUTES} attributes in a session.")
        session.set_attribute(name, value)
    return see_other(request, "/")


def remove_attribute(request: Request) -> Response:
    """Remove an attribute."""
    session = request.get_session(create=False)
    if session is not None:
        session.remove_attribute(text(request, "name"))
    return see_other(request, "/")


def change_timeout(request: Request) -> Response:
    """Change the timeout of this session only."""
    seconds = request.form.get("seconds", type=int)
    if seconds is None or seconds > LONGEST_TIMEOUT:
        raise BadRequest(f"The timeout is a whole number of seconds, at most {LONGEST_TIMEOUT}.")
    session = request.get_session(create=False)
    if session is not None:
        session.max_inactive_interval = seconds
    return see_other(request, "/")


def invalidate(request: Request) -> Response:
    """Invalidate the session."""
    session = request.get_session(create=False)
    if session is not None:
        session.invalidate()
    return see_other(request, "/")


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, visitor(request))


def log_in(request: Request) -> Response:
    """Log in: the id and the principal change."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request))
    request.login(member.name)
    return see_other(request, "/")


def log_out(request: Request) -> Response:
    """Log out: the session is invalidated."""
    request.logout()
    return see_other(request, "/")


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the session says."""
    session = request.get_session(create=False)
    member = None if session is None else members.find(session.principal)
    return Visitor(member, link(request, "/login"), link(request, "/logout"))


def text(request: Request, field: str) -> str:
    """Return the text of the form's *field*."""
    typed = request.form.get(field, "")
    if len(typed) > LONGEST_TEXT:
        raise BadRequest(f"The demo takes at most {LONGEST_TEXT} characters.")
    return typed


def description(session: HttpSession) -> Markup:
    """Return the properties of the session."""
    seconds = session.max_inactive_interval
    return SESSION.format(
        id=session.id,
        interval=f"{seconds} seconds" if seconds > 0 else f"{seconds}: never",
        created=clock(session.creation_time),
        accessed=clock(session.last_accessed_time),
        is_new=session.is_new,
        principal=session.principal,
        process=os.getpid(),
        store=store.describe(),
        hint=f"expires at {clock(time.time() + seconds)}, unless a request comes before" if seconds > 0 else "stays",
        now=clock(time.time()),
    )


def attributes(request: Request, session: HttpSession) -> Markup:
    """Return the attributes of the session, each with a button to remove it."""
    form = {"action": link(request, "/remove"), "field": csrf_field(request)}
    rows = [ATTRIBUTE.format(name=name, value=shown(value), **form) for name, value in session.items()]
    return ATTRIBUTES.format(Markup("").join(rows) or NO_ATTRIBUTE)


def controls(request: Request, session: HttpSession) -> Markup:
    """Return the forms that change the session."""
    return CONTROLS.format(
        set=link(request, "/set"),
        timeout=link(request, "/timeout"),
        seconds=session.max_inactive_interval,
        invalidate=link(request, "/invalidate"),
        field=csrf_field(request),
    )


def lesson(request: Request) -> Markup:
    """Return the list of things to try, which depends on the store."""
    return LESSON.format(login=link(request, "/login"), restart=SHARED if store.is_shared else ALONE)


def clock(seconds: float) -> str:
    """Return a time for display."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(seconds))


def shown(value: Any) -> str:
    """Return an attribute value for display."""
    return value if isinstance(value, str) else repr(value)


NO_SESSION = Markup("""\
<section class="card">
<p>You have no session: none was created yet, or yours was invalidated, or it has expired.</p>
<form method="post" action="{create}">{field}<button>Create a session</button></form>
</section>
""")

SESSION = Markup("""\
<dl>
<dt>id</dt><dd><code>{id}</code></dd>
<dt>max_inactive_interval</dt><dd>{interval}</dd>
<dt>creation_time</dt><dd>{created}</dd>
<dt>last_accessed_time</dt><dd>{accessed} <small>when your browser&rsquo;s previous request arrived</small></dd>
<dt>is_new</dt><dd>{is_new}</dd>
<dt>principal</dt><dd>{principal}</dd>
<dt>answered by</dt><dd>process {process}</dd>
<dt>kept by</dt><dd>{store}</dd>
</dl>
<p class="hint">It is {now}. The session {hint}.</p>
""")

ATTRIBUTES = Markup("""\
<h2>Attributes</h2>
<table>
<thead><tr><th>Name</th><th>Value</th><th></th></tr></thead>
<tbody>
{}</tbody>
</table>
""")

ATTRIBUTE = Markup("""\
<tr><td><code>{name}</code></td><td>{value}</td><td>
<form method="post" action="{action}">{field}<button name="name" value="{name}">Remove</button></form>
</td></tr>
""")

NO_ATTRIBUTE = Markup('<tr><td colspan="3">none</td></tr>\n')

CONTROLS = Markup("""\
<form class="card row" method="post" action="{set}">{field}
<label>Name <input name="name" value="color" maxlength="200"></label>
<label>Value <input name="value" value="green" maxlength="200"></label>
<button>Set the attribute</button>
</form>
<h2>The session</h2>
<form class="card row" method="post" action="{timeout}">{field}
<label>Seconds without a request <input name="seconds" type="number" value="{seconds}" max="86400" required></label>
<button>Change the timeout</button>
</form>
<form class="card row" method="post" action="{invalidate}">{field}
<button>Invalidate the session</button>
</form>
""")

LESSON = Markup("""\
<h2>Things to try</h2>
<ul>
<li>Set the timeout to 5 seconds and keep reloading: every request postpones the expiry. Then wait for 7 seconds and
reload: the session has expired.</li>
<li><code>is_new</code> was true in the request that created the session; the attribute <code>was_new</code> records
it. Your browser has come back with the id since, so it is false now.</li>
<li>Log in: the id changes, and the attributes are carried over. <a href="{login}">Log in as another member</a>: the
attributes are dropped.</li>
{restart}</ul>
""")

SHARED = Markup("""\
<li>Reload a few times: different processes answer, and each finds the session. Each process flushes its accesses to
the store once a second, so a session may expire up to a second late.</li>
<li>Stop the demo with <code>Ctrl-C</code>, start it again, and reload before the session expires: it is still
there.</li>
""")

ALONE = Markup("""\
<li>Stop the demo with <code>Ctrl-C</code>, start it again, and reload: the session was in the memory of the process and
is gone.</li>
""")

application = SessionMiddleware(
    CsrfMiddleware(
        Application(
            get("/", home),
            post("/create", create),
            post("/set", set_attribute),
            post("/remove", remove_attribute),
            post("/timeout", change_timeout),
            post("/invalidate", invalidate),
            get("/login", login),
            post("/login", log_in),
            post("/logout", log_out),
        )
    ),
    SessionManager(store, config=SessionConfig(max_inactive_interval=60)),
)
