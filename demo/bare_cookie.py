"""A login with a bare cookie. Wrong: the cookie names the member, and the browser decides what the cookie says."""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from httpsession import SessionMiddleware
from httpsession.csrf import CsrfMiddleware, csrf_field

from . import members
from .pages import Visitor, failed_login_page, greeting, login_page, page
from .store import store_for
from .web import Application, get, post

COOKIE = "member"


def home(request: Request) -> Response:
    """Greet the member named by the cookie. The server cannot check whether the name is true."""
    sent = request.cookies.get(COOKIE)
    return page(
        request,
        greeting(request, visitor(request)),
        NOTHING_SENT if sent is None else SENT.format(f"{COOKIE}={sent}"),
        FORGERY.format(f"{request.script_root}/forge", csrf_field(request)),
    )


def login(request: Request) -> Response:
    """Show the form."""
    return login_page(request, visitor(request))


def log_in(request: Request) -> Response:
    """Check the password once, then trust the cookie."""
    member = members.authenticate(request)
    if member is None:
        return failed_login_page(request, visitor(request))
    return give_cookie(request, member.name)


def forge(request: Request) -> Response:
    """Set any cookie, as the developer tools of a browser can, without a password."""
    return give_cookie(request, request.form.get("name", ""))


def log_out(request: Request) -> Response:
    """Expire the cookie in the browser. A copy of it works for ever."""
    response = redirect(f"{request.script_root}/", 303)
    response.delete_cookie(COOKIE, path=request.script_root)
    return response


def visitor(request: Request) -> Visitor:
    """Return the visitor, as the cookie says."""
    root = request.script_root
    return Visitor(members.find(request.cookies.get(COOKIE)), f"{root}/login", f"{root}/logout")


def give_cookie(request: Request, name: str) -> Response:
    """Redirect to the home page, with the cookie."""
    response = redirect(f"{request.script_root}/", 303)
    response.set_cookie(COOKIE, name, path=request.script_root, httponly=True, samesite="Lax")
    return response


NOTHING_SENT = Markup("""\
<h2>Why this is wrong</h2>
<p>Your browser has sent no cookie. If it sends <code>member=otto</code>, you are Otto: the server believes it.</p>
""")

SENT = Markup("""\
<h2>Why this is wrong</h2>
<p>Your browser has sent <code>{}</code>, and the server believes it.</p>
""")

FORGERY = Markup("""\
<p>Visitors can change their cookies in the developer tools of any browser. Try it, without a password:</p>
<form class="card row" method="post" action="{}">{}
<label>Send the cookie <code>member=</code> <input name="name" value="otto" autocapitalize="none"></label>
<button>Forge it</button>
</form>
<ul>
<li>An attacker who guesses a name is logged in as that member, and names are easy to guess.</li>
<li>A stolen cookie works for ever: logging out ends nothing on the server.</li>
<li>Every reader of the cookie can read the data in it.</li>
</ul>
<p>So the cookie must hold a random id that cannot be guessed and means nothing by itself. The server must keep the data
that belongs to the id.</p>
""")

# The library protects the forms of this step, too. It keeps no session here.
application = SessionMiddleware(
    CsrfMiddleware(
        Application(
            get("/", home),
            get("/login", login),
            post("/login", log_in),
            post("/forge", forge),
            post("/logout", log_out),
        )
    ),
    store_for("cookie"),
)
