"""The first page: the steps in order."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup
from werkzeug.wrappers import Request, Response

from .pages import page
from .steps import STEPS
from .web import Application, get

_STYLESHEET = Path(__file__).with_name("style.css").read_text(encoding="utf-8")

_INTRODUCTION = Markup("""\
<p class="lead">HTTP is stateless: each request arrives as if it were the first. These steps show how a server
recognises a client, from an idea that does not work to a session that does.</p>
<ol class="steps">
{}
</ol>
<p>Each step is a separate application with its own cookies, and shows its code at the foot of the page. Watch the
cookies in the developer tools of your browser.</p>
""")

_STEP = Markup('<li><a href="{path}/">{title}</a><p>{summary}</p></li>')


def home(request: Request) -> Response:
    """Link to the steps."""
    steps = (_STEP.format(path=step.path, title=step.title, summary=step.summary) for step in STEPS)
    return page(request, _INTRODUCTION.format(Markup("\n").join(steps)))


def stylesheet(request: Request) -> Response:
    """Send the one stylesheet."""
    return Response(_STYLESHEET, mimetype="text/css", headers={"Cache-Control": "max-age=60"})


application = Application(get("/", home), get("/style.css", stylesheet))
