"""The same login with a decorator that passes session attributes to views."""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.wrappers import Response

from httpsession import SessionManager, SessionMiddleware, session_attribute
from httpsession.csrf import CsrfMiddleware
from httpsession.werkzeug import Request

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .session_const import SessionConst
from .store import store_for
from .web import Application, get, link, post, see_other


@session_attribute(SessionConst.LOGIN_MEMBER)
def home(request: Request, login_member: str | None) -> Response:
    """Greet the member. For a stranger the attribute is None, and no session is created."""
    hello = greeting(request, visitor(request, login_member))
    return page(request, hello, LESSON.format(account=link(request, "/account")))


@session_attribute(SessionConst.LOGIN_MEMBER, required=True)
def account(request: Request, login_member: str) -> Response:
    """Show a page for members only. Without the attribute the view is not called, and the response is 400."""
    hello = greeting(request, visitor(request, login_member))
    return page(request, hello, ACCOUNT.format(name=login_member, home=link(request, "/")))


@session_attribute(SessionConst.LOGIN_MEMBER)
def login(request: Request, login_member: str | None) -> Response:
    """Show the form."""
    return login_page(request, visitor(request, login_member))


@session_attribute(SessionConst.LOGIN_MEMBER)
def log_in(request: Request, login_member: str | None) -> Response:
    """Begin a session of the member under a new id."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request, login_member))
    request.login(member.name).set_attribute(SessionConst.LOGIN_MEMBER, member.name)
    return see_other(request, "/")


def log_out(request: Request) -> Response:
    """Invalidate the session."""
    request.logout()
    return see_other(request, "/")


def visitor(request: Request, name: str | None) -> Visitor:
    """Return the visitor with the *name* that the session has."""
    return Visitor(members.find(name), link(request, "/login"), link(request, "/logout"))


LESSON = Markup("""\
<h2>What happens here</h2>
<p>The view of this page declares the attribute that it needs, and receives its value as an argument:</p>
<pre><code>@session_attribute(SessionConst.LOGIN_MEMBER)
def home(request, login_member):</code></pre>
<p>Another page <em>requires</em> the attribute: <a href="{account}">your account</a>. Open it as a stranger, too: the
response is 400 and names the missing attribute.</p>
""")

ACCOUNT = Markup("""\
<h2>Your account</h2>
<p>Only members see this. You are the one called <code>{name}</code>.</p>
<p><a href="{home}">Back</a></p>
""")

application = SessionMiddleware(
    CsrfMiddleware(
        Application(
            get("/", home),
            get("/account", account),
            get("/login", login),
            post("/login", log_in),
            post("/logout", log_out),
        )
    ),
    SessionManager(store_for("v3")),
)
