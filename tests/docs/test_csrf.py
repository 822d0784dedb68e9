"""The programs in docs/howto/csrf.md: forms by Flask and Django, and fetch() in a real browser."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.docs.test_programs import python, read, write_programs
from tests.support.chromium import Chromium
from tests.support.gunicorn import Gunicorn
from tests.support.waiting import wait_until

CHROMIUM = shutil.which("chromium") or ""
PAGE = "docs/howto/csrf.md"
#: Sends a form with the token of its page and without; FIELDS and TIMES are replaced.
SEND = """
import re
from app import {application} as application
from werkzeug.test import Client

client = Client(application)
page = client.get("/").text
token = re.search('name="csrf_token" value="([^"]*)"', page)[1]
for fields in ({{}}, {{"csrf_token": "x"}}, {{"csrf_token": token}}):
    answer = client.post("{path}", data=fields | {fields})
    print(answer.status_code, answer.text.strip() if answer.status_code < 300 else client.get("/").text.count("Hello"))
"""
REFUSED = "403 0\n403 0\n"


def section(title):
    """Return the part of the page with this title; the first part has none."""
    parts = re.split(r"^## (.+)$", read(PAGE), flags=re.MULTILINE)
    return parts[0] if title is None else parts[parts.index(title) + 1]


def send(title, folder, *, application="application", path="/", fields=None):
    """Run the program of a section and send its form; return what it printed."""
    write_programs(section(title), folder)
    script = SEND.format(application=application, path=path, fields=fields or {})
    result = python("-W", "error", "-c", script, folder=folder)
    assert [line for line in result.stderr.splitlines() if not line.startswith("malicious_csrf ")] == []
    return result.stdout


def test_wsgi(tmp_path):
    """A form of plain WSGI is refused without its token."""
    printed = send(None, tmp_path)

    assert printed.startswith(REFUSED)
    assert printed.endswith("orders: 1\n")


def test_flask(tmp_path):
    """A Jinja template renders the field as HTML, and the login form works with its token alone."""
    assert (
        send("Flask and Jinja", tmp_path, application="app", path="/login", fields={"name": "ada"})
        == REFUSED + "303 1\n"
    )


def test_django(tmp_path):
    """A Django template renders the field as HTML, and the view finds the fields of the form."""
    assert send("Django", tmp_path, fields={"item": "tea"}) == f"{REFUSED}200 ordered: tea\n"


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_fetch(tmp_path):
    """A browser runs the script of the page, whose requests are accepted; without the header they are not."""
    folder = tmp_path / "app"
    folder.mkdir()
    write_programs(section("Scripts"), folder)
    with Gunicorn(tmp_path, "app:app", "--chdir", str(folder)) as server, Chromium(CHROMIUM, tmp_path) as chromium:
        chromium.open(server.url)
        for cart in ("tea", "tea,tea"):
            chromium.evaluate("document.querySelector('button').click()")
            wait_until(lambda cart=cart: chromium.evaluate("document.querySelector('output').value") == cart, cart)
        script = "fetch('/cart', {method: 'POST'}).then(answer => answer.status)"
        answer = chromium.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert answer["result"]["value"] == 403
