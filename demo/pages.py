"""The HTML that all steps share. ``Markup.format`` escapes its arguments, unless they are Markup."""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.wrappers import Request, Response

from httpsession.csrf import csrf_field

from .members import MEMBERS, PASSWORDS, Member
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
<section class="card">
<p>Hello, <strong>{full_name}</strong>. You are logged in.</p>
<form method="post" action="{logout}">{field}<button>Log out</button></form>
</section>
""")

_STRANGER = Markup("""\
<section class="card">
<p>Hello, stranger. You are not logged in.</p>
<p><a class="button" href="{login}">Log in</a></p>
</section>
""")

_LOGIN = Markup("""\
<h2>Log in</h2>
{error}
<form class="card" method="post" action="{action}">
{field}
<label>Name <input name="name" autocomplete="username" autocapitalize="none" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
<p>These are the members of the demo:</p>
<table>
<thead><tr><th>Name</th><th>Password</th><th>Member</th></tr></thead>
<tbody>
{members}
</tbody>
</table>
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


def greeting(request: Request, member: Member | None, *, login: str, logout: str) -> Markup:
    """Return a greeting with a link to log in or a form to log out; *login* and *logout* are URLs."""
    if member is None:
        return _STRANGER.format(login=login)
    return _MEMBER.format(full_name=member.full_name, logout=logout, field=csrf_field(request))


def login_page(request: Request, action: str) -> Response:
    """Return the login page, whose form is sent to *action*."""
    return page(request, _login_form(request, action, error=""))


def failed_login_page(request: Request, action: str) -> Response:
    """Return the login page after a failed login; its message is the same for a wrong name and a wrong password."""
    response = page(request, _login_form(request, action, _ERROR.format("The name or the password is wrong.")))
    response.status_code = 422
    return response


def _login_form(request: Request, action: str, error: str) -> Markup:
    rows = (_MEMBER_ROW.format(name, PASSWORDS[name], member.full_name) for name, member in MEMBERS.items())
    return _LOGIN.format(action=action, error=error, members=Markup("\n").join(rows), field=csrf_field(request))
