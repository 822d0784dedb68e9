"""Ending other sessions in the demo, minutes after a login."""

from __future__ import annotations

import importlib
import re

import pytest
from freezegun import freeze_time
from werkzeug.test import Client, TestResponse

from demo.members import PASSWORDS

ROOT = "http://localhost/everywhere"


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the step with sessions in memory, which have no other client."""
    monkeypatch.setenv("DEMO_STORE", "memory://")
    return importlib.reload(importlib.import_module("demo.everywhere"))


def post(browser: Client, path: str, **form: str) -> TestResponse:
    """Send a form, with the token of the login page."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login", base_url=ROOT).text)
    assert token is not None
    return browser.post(path, base_url=ROOT, data={"csrf_token": token[1], **form})


@pytest.mark.parametrize("path", ["/end", "/elsewhere"])
def test_after_a_recent_login(everywhere: object, path: str) -> None:
    """A login of five minutes ago ends no session: the member has to log in again (R82)."""
    at_home, at_work = (Client(everywhere.application) for _ in range(2))  # type: ignore[attr-defined]
    with freeze_time("2026-01-01 12:00:00") as clock:
        for browser in (at_home, at_work):
            post(browser, "/login", name="zoe", password=PASSWORDS["zoe"])
        (handle,) = re.findall(r'name="handle" value="(\w+)"', at_home.get("/", base_url=ROOT).text)
        clock.tick(300)
        refused = post(at_home, path, handle=handle)
        assert (refused.status_code, refused.headers["Location"]) == (303, "/everywhere/login")
        assert "Hello, <strong>Zo" in at_work.get("/", base_url=ROOT).text

        post(at_home, "/login", name="zoe", password=PASSWORDS["zoe"])
        assert post(at_home, path, handle=handle).headers["Location"] == "/everywhere/"
        assert "Hello, stranger" in at_work.get("/", base_url=ROOT).text
