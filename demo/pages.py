"""The HTML that all steps share. ``Markup.format`` escapes its arguments, unless they are Markup."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from werkzeug.wrappers import Request, Response

from httpsession.csrf import csrf_field

from .members import PASSWORDS, Member, accounts
from .steps import Step, code_of, step_after, step_at

_LAYOUT = Markup("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · httpsession</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><a href="/">httpsession <span>the demo</span></a></header>
<main>
<h1>{title}</h1>
{content}
</main>
<footer>{footer}</footer>
</body>
</html>
""")

_CODE = Markup("""\
<details>
<summary>The code of this step, <code>demo/{module}</code></summary>
<pre tabindex="0"><code>{code}</code></pre>
</details>
""")

_NEXT = Markup('<p><a href="{path}/">Next: {title}</a></p>')

_MEMBER = Markup("""\
<section class="card greeting">
<p>Hello, <strong>{full_name}</strong>. You are logged in.</p>
<form method="post" action="{logout}">{field}<button>Log out</button></form>
</section>
""")

_STRANGER = Markup("""\
<section class="card greeting">
<p>Hello, stranger. You are not logged in.</p>
<p><a class="button" href="{login}">Log in</a></p>
</section>
""")

_AGAIN = Markup("""\
<p>You can log in again, to show that it is still you, or as another member.</p>
""")

_LOGIN = Markup("""\
{greeting}
<h2>Log in</h2>
{error}
<form class="card" method="post" action="{action}">
{field}
<label>Name <input name="name" autocomplete="username" autocapitalize="none" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
{accounts}
""")

_ACCOUNTS = Markup("""\
<p>These accounts are there for you to try:</p>
<table class="accounts">
<thead><tr><th>Name</th><th>Password</th><th>Member</th></tr></thead>
<tbody>
{}
</tbody>
</table>
<p class="note">They exist only because the demo is served to this machine alone. An application must not have accounts
that everybody knows.</p>
""")

_NO_ACCOUNTS = Markup("""\
<p class="note">There are no accounts: only <code>demo/run</code>, which serves this machine alone, opens those of the
demo.</p>
""")

_MEMBER_ROW = Markup("<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}</td></tr>")

_ERROR = Markup('<p class="error" role="alert">{}</p>')


def page(request: Request, *content: Markup) -> Response:
    """Return a page of the request's step."""
    step = step_at(request.script_root)
    if step is None:
        return Response(layout("Sessions, step by step", Markup("").join(content)), mimetype="text/html")
    lead = Markup('<p class="lead">{}</p>').format(step.summary)
    code = _CODE.format(module=step.module, code=code_of(step))
    html = layout(step.title, Markup("").join((lead, *content, code)), step)
    return Response(html, mimetype="text/html")


def layout(title: str, content: Markup, step: Step | None = None) -> Markup:
    """Return a whole HTML document.

    Its own links lead out of the step and to the stylesheet, so they never carry the session id of the step.
    """
    following = None if step is None else step_after(step)
    footer = Markup("") if following is None else _NEXT.format(path=following.path, title=following.title)
    return _LAYOUT.format(title=title, content=content, footer=footer)


@dataclass(frozen=True)
class Visitor:
    """The visitor of a step: the member who is logged in, if any, and the URLs to log in and out."""

    member: Member | None
    login: str
    logout: str


def greeting(request: Request, visitor: Visitor) -> Markup:
    """Return a greeting with a form to log out, or with a link to log in."""
    if visitor.member is None:
        return _STRANGER.format(login=visitor.login)
    return _MEMBER.format(full_name=visitor.member.full_name, logout=visitor.logout, field=csrf_field(request))


def login_page(request: Request, visitor: Visitor) -> Response:
    """Return the login page. A member who is logged in can log out on it, too."""
    return page(request, _login_form(request, visitor, error=""))


def failed_login_page(request: Request, visitor: Visitor) -> Response:
    """Return the login page after a failed login; its message is the same for a wrong name and a wrong password."""
    response = page(request, _login_form(request, visitor, _ERROR.format("The name or the password is wrong.")))
    response.status_code = 422
    return response


def _login_form(request: Request, visitor: Visitor, error: str) -> Markup:
    hello = "" if visitor.member is None else greeting(request, visitor) + _AGAIN
    return _LOGIN.format(
        greeting=hello, action=visitor.login, error=error, accounts=_accounts(), field=csrf_field(request)
    )


def _accounts() -> Markup:
    rows = [_MEMBER_ROW.format(name, PASSWORDS[name], member.full_name) for name, member in accounts().items()]
    return _ACCOUNTS.format(Markup("\n").join(rows)) if rows else _NO_ACCOUNTS
