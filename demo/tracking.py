"""Tracking modes: one application, mounted three times: with cookies, with URLs, with both.

Every link, form and redirect goes through ``encode_url`` or ``encode_redirect_url``; ``link`` and ``see_other`` call
them. They add the id only if the browser needs it, so that the same code serves all three.
"""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.wrappers import Response

from httpsession import SessionConfig, SessionManager, SessionMiddleware, SessionTrackingMode
from httpsession.csrf import CsrfMiddleware
from httpsession.werkzeug import Request

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .session_const import SessionConst
from .store import store_for
from .web import Application, get, link, post, see_other


def home(request: Request) -> Response:
    """Greet the member, and show how the browser sent the id."""
    return page(request, hello(request), HOME.format(second=link(request, "/second")), how_the_id_came(request))


def second(request: Request) -> Response:
    """Show a second page of the same session."""
    return page(request, hello(request), SECOND.format(home=link(request, "/")), how_the_id_came(request))


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, visitor(request))


def log_in(request: Request) -> Response:
    """Log in. The redirect carries the new id, if the browser needs it there."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request))
    request.login(member.name)
    return see_other(request, "/")


def log_out(request: Request) -> Response:
    """Invalidate the session. The redirect carries no id, because the session has ended."""
    request.logout()
    return see_other(request, "/")


def hello(request: Request) -> Markup:
    """Return a greeting with a count, which begins anew when the session is lost."""
    session = request.get_session(create=False)
    if session is None:
        return greeting(request, visitor(request))
    seen = session.update_attribute(SessionConst.PAGES_SEEN, lambda seen: (seen or 0) + 1)
    return greeting(request, visitor(request)) + COUNT.format(seen)


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the session says."""
    session = request.get_session(create=False)
    member = None if session is None else members.find(session.principal)
    return Visitor(member, link(request, "/login"), link(request, "/logout"))


def how_the_id_came(request: Request) -> Markup:
    """Return a table about the id that the browser sent."""
    return REQUEST.format(
        id=request.requested_session_id,
        cookie=request.is_requested_session_id_from_cookie,
        url=request.is_requested_session_id_from_url,
        valid=request.is_requested_session_id_valid,
        plain=f"{request.script_root}/second",
        encoded=link(request, "/second"),
    )


HOME = Markup('<p>Go to <a href="{second}">the second page</a>: are you still logged in?</p>\n')

SECOND = Markup('<p>This is the second page. <a href="{home}">Back to the first</a>.</p>\n')

COUNT = Markup("<p>Pages seen in this session: <strong>{}</strong></p>\n")

REQUEST = Markup("""\
<h2>What the request knows</h2>
<dl>
<dt>requested_session_id</dt><dd><code>{id}</code></dd>
<dt>is_requested_session_id_from_cookie</dt><dd><code>{cookie}</code></dd>
<dt>is_requested_session_id_from_url</dt><dd><code>{url}</code></dd>
<dt>is_requested_session_id_valid</dt><dd><code>{valid}</code></dd>
<dt>encode_url("{plain}")</dt><dd><code>{encoded}</code></dd>
</dl>
<p class="note">A URL with an id leaks easily: over the shoulder, in the history, in a link that is passed on. Prefer
cookies.</p>
""")

pages = Application(
    get("/", home), get("/second", second), get("/login", login), post("/login", log_in), post("/logout", log_out)
)


def tracked_by(name: str, *modes: SessionTrackingMode) -> SessionMiddleware:
    """Return the application with its own sessions, tracked by *modes*."""
    return SessionMiddleware(
        CsrfMiddleware(pages), SessionManager(store_for(f"tracking_{name}"), config=SessionConfig(tracking_modes=modes))
    )


by_cookie = tracked_by("cookie", SessionTrackingMode.COOKIE)
by_url = tracked_by("url", SessionTrackingMode.URL)
by_both = tracked_by("both", SessionTrackingMode.COOKIE, SessionTrackingMode.URL)
