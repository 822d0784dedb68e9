"""How the id travels. One application, mounted three times: with cookies, with URLs, with both.

Every link, form and redirect goes through ``encode_url`` or ``encode_redirect_url``; here that is in ``link`` and
``see_other``. They add the id only where the browser needs it, so that the same code serves all three.
"""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.wrappers import Response

from httpsession import SessionConfig, SessionManager, SessionMiddleware, SessionTrackingMode
from httpsession.werkzeug import Request

from . import members
from .pages import failed_login_page, greeting, login_page, page
from .session_const import SessionConst
from .store import store_for
from .web import Application, get, link, post, see_other


def home(request: Request) -> Response:
    """Greet the member, and tell how the browser asked for the session."""
    return page(request, hello(request), HOME.format(second=link(request, "/second")), how_the_id_came(request))


def second(request: Request) -> Response:
    """Be another page: the member is known here, too."""
    return page(request, hello(request), SECOND.format(home=link(request, "/")), how_the_id_came(request))


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, link(request, "/login"))


def log_in(request: Request) -> Response:
    """Note who it is. The redirect carries the new id, if the browser needs it there."""
    member = members.authenticate(request.form.get("name", ""), request.form.get("password", ""))
    if member is None:
        return failed_login_page(request, link(request, "/login"))
    request.login(member.name)
    return see_other(request, "/")


def log_out(request: Request) -> Response:
    """Invalidate the session. The redirect carries no id, since there is none any more."""
    request.logout()
    return see_other(request, "/")


def hello(request: Request) -> Markup:
    """Return a greeting that counts: whoever loses the session begins anew."""
    session = request.get_session(create=False)
    urls = {"login": link(request, "/login"), "logout": link(request, "/logout")}
    if session is None:
        return greeting(None, **urls)
    seen = session.update_attribute(SessionConst.PAGES_SEEN, lambda seen: (seen or 0) + 1)
    return greeting(members.find(session.principal), **urls) + COUNT.format(seen)


def how_the_id_came(request: Request) -> Markup:
    """Return what the request knows of the id that the browser sent."""
    return REQUEST.format(
        id=request.requested_session_id,
        cookie=request.is_requested_session_id_from_cookie,
        url=request.is_requested_session_id_from_url,
        valid=request.is_requested_session_id_valid,
        plain=f"{request.script_root}/second",
        encoded=link(request, "/second"),
    )


HOME = Markup('<p>Go to <a href="{second}">the second page</a>: does it still know you?</p>\n')

SECOND = Markup('<p>This is the second page. <a href="{home}">Back to the first</a>.</p>\n')

COUNT = Markup("<p>Pages seen in this session: <strong>{}</strong></p>\n")

REQUEST = Markup("""\
<h2>What the request says</h2>
<dl>
<dt>requested_session_id</dt><dd><code>{id}</code></dd>
<dt>is_requested_session_id_from_cookie</dt><dd><code>{cookie}</code></dd>
<dt>is_requested_session_id_from_url</dt><dd><code>{url}</code></dd>
<dt>is_requested_session_id_valid</dt><dd><code>{valid}</code></dd>
<dt>encode_url("{plain}")</dt><dd><code>{encoded}</code></dd>
</dl>
<p class="note">An id in a URL is seen by whoever sees the URL: over the shoulder, in the history, in a link that is
passed on. Prefer cookies where you can.</p>
""")

pages = Application(
    get("/", home), get("/second", second), get("/login", login), post("/login", log_in), post("/logout", log_out)
)


def tracked_by(name: str, *modes: SessionTrackingMode) -> SessionMiddleware:
    """Return the application with sessions of its own, whose ids travel in these ways."""
    return SessionMiddleware(
        pages, SessionManager(store_for(f"tracking_{name}"), config=SessionConfig(tracking_modes=modes))
    )


by_cookie = tracked_by("cookie", SessionTrackingMode.COOKIE)
by_url = tracked_by("url", SessionTrackingMode.URL)
by_both = tracked_by("both", SessionTrackingMode.COOKIE, SessionTrackingMode.URL)
