"""The demo in a real browser: what its pages look like to one, and a browser that refuses cookies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo.steps import STEPS, Step
from tests.support.chromium import Chromium

PROGRAM = shutil.which("chromium") or ""

pytestmark = pytest.mark.skipif(not PROGRAM, reason="chromium is not installed")


def log_in(chromium: Chromium, home: str) -> None:
    """Go from a home page to the form and send it."""
    chromium.open(home)
    chromium.click("a.button")
    chromium.fill("input[name=name]", "otto")
    chromium.fill("input[name=password]", "paper-boat")
    chromium.click("form button")


def test_every_page_fits_and_breaks_no_policy(demo_url: str, tmp_path: Path) -> None:
    """The stylesheet applies, nothing is blocked, and nothing is wider than a telephone."""
    with Chromium(PROGRAM, tmp_path) as chromium:
        chromium.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True)
        for path in ("/", *(f"{step.path}{page}" for step in STEPS for page in ("/", "/login"))):
            chromium.open(demo_url.rstrip("/") + path)
            assert chromium.evaluate("document.styleSheets.length") == 1
            assert chromium.evaluate("document.documentElement.scrollWidth") <= 360

        assert chromium.complaints == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.path)
def test_the_page_of_a_member_fits(demo_url: str, tmp_path: Path, step: Step) -> None:
    """What a member sees is no wider than a telephone either, whatever the browser is called."""
    with Chromium(PROGRAM, tmp_path) as chromium:
        chromium.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True)
        log_in(chromium, f"{demo_url.rstrip('/')}{step.path}/")
        assert "Hello, Otto Brandt" in chromium.text()
        assert chromium.evaluate("document.documentElement.scrollWidth") <= 360
        assert chromium.complaints == []


def test_login_by_cookie(demo_url: str, tmp_path: Path) -> None:
    """A browser logs in, is greeted, and logs out again, by clicks alone; a script cannot read the cookie."""
    with Chromium(PROGRAM, tmp_path) as chromium:
        log_in(chromium, f"{demo_url}v2/")
        assert "Hello, Otto Brandt" in chromium.text()
        assert chromium.evaluate("document.cookie") == ""
        chromium.open(f"{demo_url}v2/")
        assert "Hello, Otto Brandt" in chromium.text()

        chromium.click("form button")
        assert "Hello, stranger" in chromium.text()


@pytest.mark.parametrize("path", ["v2/", "info/", "tracking/both/"])
def test_reloading_after_a_login_sends_no_password(demo_url: str, tmp_path: Path, path: str) -> None:
    """The page that a browser shows after a login, or to which it goes back, is no response to a form (R92)."""
    with Chromium(PROGRAM, tmp_path) as chromium:
        log_in(chromium, demo_url + path)
        history = chromium.call("Page.getNavigationHistory")["entries"]
        assert history[-1]["url"].partition(";")[0] == demo_url + path
        chromium.reload()
        assert "Hello, Otto Brandt" in chromium.text()
        assert chromium.last_method == "GET"


def test_a_browser_that_refuses_cookies(demo_url: str, tmp_path: Path) -> None:
    """It cannot log in by cookie; by URL it stays logged in from page to page, until it logs out."""
    with Chromium(PROGRAM, tmp_path, takes_cookies=False) as chromium:
        log_in(chromium, f"{demo_url}v2/")
        assert chromium.evaluate("document.body.innerText") == "The request was refused.\n"

        log_in(chromium, f"{demo_url}tracking/url/")
        assert "Hello, Otto Brandt" in chromium.text()
        chromium.click("a[href*='/second']")
        assert "Hello, Otto Brandt" in chromium.text()
        assert "this session: 2" in " ".join(chromium.text().split())
        chromium.click("form button")
        assert "Hello, stranger" in chromium.text()
        assert ";jsessionid=" not in chromium.evaluate("location.href")
