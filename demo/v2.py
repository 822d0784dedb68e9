"""The same login with HttpSession."""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.wrappers import Response

from httpsession import SessionManager, SessionMiddleware
from httpsession.csrf import CsrfMiddleware
from httpsession.werkzeug import Request

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .session_const import SessionConst
from .store import store_for
from .web import Application, get, link, post, see_other


def home(request: Request) -> Response:
    """Greet the member of the session. This creates no session, so a stranger gets no cookie."""
    return page(request, greeting(request, visitor(request)), LESSON)


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, visitor(request))


def log_in(request: Request) -> Response:
    """Begin a session of the member under a new id."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request))
    session = request.login(member.name)
    session.set_attribute(SessionConst.LOGIN_MEMBER, member.name)
    return see_other(request, "/")


def log_out(request: Request) -> Response:
    """Invalidate the session; the response also expires the cookie."""
    request.logout()
    return see_other(request, "/")


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the session says."""
    session = request.get_session(create=False)
    name = None if session is None else session.get_attribute(SessionConst.LOGIN_MEMBER)
    return Visitor(members.find(name), link(request, "/login"), link(request, "/logout"))


LESSON = Markup("""\
<h2>What happens here</h2>
<ul>
<li>This page calls <code>get_session(create=False)</code>. It creates no session, so a stranger gets no cookie.</li>
<li>Logging in calls <code>login(principal)</code>. It begins a session under a new id, so an id that an attacker
planted in your browser opens nothing.</li>
<li>The name of the member is an attribute. The attribute&rsquo;s name is a constant,
<code>SessionConst.LOGIN_MEMBER</code>.</li>
<li>Logging out calls <code>logout()</code>, which invalidates the session with all its attributes.</li>
<li>The timeout slides with every request. A background thread removes expired sessions.</li>
</ul>
""")

application = SessionMiddleware(
    CsrfMiddleware(Application(get("/", home), get("/login", login), post("/login", log_in), post("/logout", log_out))),
    SessionManager(store_for("v2")),
)
