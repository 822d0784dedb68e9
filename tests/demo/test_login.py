"""The login form, which all steps of the demo share."""

from __future__ import annotations

import importlib
import itertools
import re

import pytest
from werkzeug.test import Client

from demo import members
from demo.members import PASSWORDS
from demo.steps import STEPS
from demo.throttle import Throttle
from tests.demo.visitor import Visitor

TOKEN = re.compile(r'(?<=name="csrf_token" value=")[^"]*')
MINA = ("mina", "green-kettle")
PATHS = [step.path for step in STEPS]


@pytest.mark.parametrize(("path", "member"), list(zip(PATHS, itertools.cycle(PASSWORDS))))
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(visitor: Visitor, path: str, member: str) -> None:
    """The answer does not tell which names there are, and makes no session (R92)."""
    wrong_name = visitor.fill_in(f"{path}/login", name=f"nobody{path}", password="x")
    wrong_password = visitor.fill_in(f"{path}/login", name=member, password="x")
    names, passwords = (TOKEN.sub("", page.html) for page in (wrong_name, wrong_password))

    assert (wrong_name.status, wrong_name.cookies) == (422, [])
    assert "The name or the password is wrong." in wrong_name.text
    assert (wrong_name.status, names) == (wrong_password.status, passwords)


@pytest.mark.parametrize("path", PATHS)
def test_a_login_is_followed_by_a_redirect(visitor: Visitor, path: str) -> None:
    """Reloading the page after it, or going back to it, sends no password again (R92)."""
    redirect = visitor.log_in(visitor.get(f"{path}/"), *MINA)

    assert (redirect.status, redirect.headers["Location"].partition(";")[0]) == (303, f"{path}/")
    assert visitor.follow(redirect).status == 200


@pytest.mark.parametrize(
    "path",
    [f"{path}{page}" for path in PATHS for page in ("/", "/login")]
    + ["/v3/account", *(f"{path}/second" for path in PATHS if "/tracking/" in path)],
)
def test_a_member_can_log_out_on_each_page(visitor: Visitor, path: str) -> None:
    """Each page of a step has the form to log out, and one click ends the session (R92)."""
    step = next(step for step in PATHS if path.startswith(f"{step}/"))
    redirect = visitor.log_in(visitor.get(f"{step}/"), *MINA)
    _, semicolon, parameter = redirect.headers["Location"].partition(";")
    form = visitor.get(path + semicolon + parameter).form("/logout")

    home = visitor.follow(visitor.submit(form))
    assert "Hello, stranger" in home.text
    assert "/logout" not in [form.action for form in home.forms]


def test_too_many_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some failures the form is refused for a minute, also with the right password (R92)."""
    monkeypatch.setenv("DEMO_STORE", "memory://")
    monkeypatch.setattr(members, "_throttle", Throttle(here=2))
    step = importlib.reload(importlib.import_module("demo.v2"))
    browser = Client(step.application)
    (token,) = TOKEN.findall(browser.get("/login").text)
    form = {"csrf_token": token, "name": "zoe"}
    answers = [browser.post("/login", data=form | {"password": given}) for given in ("a", "b", PASSWORDS["zoe"])]

    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert (answers[-1].headers["Retry-After"], answers[-1].headers.get("Set-Cookie")) == ("60", None)
    assert "Too many failed logins. Try again in a minute." in answers[-1].text


def test_a_form_without_fields_is_a_failed_login(visitor: Visitor) -> None:
    """A field that a client leaves out is empty, and no error of the server."""
    form = visitor.get("/v2/login").form("/login")
    token = form.fields["csrf_token"]

    assert visitor.post(form.action, {"csrf_token": token}).status == 422
