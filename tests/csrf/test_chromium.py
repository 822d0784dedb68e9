"""The cookie of forms without a session, in a real browser over https."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.csrf.shop import HOST_COOKIE
from tests.support.chromium import Chromium
from tests.support.gunicorn import Gunicorn

PROGRAM = shutil.which("chromium") or ""

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="chromium is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate with"),
]


@pytest.fixture
def url(tmp_path):
    """The URL of a site with https."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    options = ["--threads", "2", "--certfile", str(certificate), "--keyfile", str(key)]
    with Gunicorn(tmp_path, "tests.csrf.server_app:application", *options) as server:
        yield server.url.replace("http:", "https:")


def cookies(chromium):
    """Return the cookies that the browser keeps for the page, by name."""
    return {cookie["name"]: cookie for cookie in chromium.call("Network.getCookies")["cookies"]}


def test_prefix(url, tmp_path):
    """The browser accepts the cookie with its prefix, sends forms with it, and deletes it at the login (R79)."""
    with Chromium(PROGRAM, tmp_path) as chromium:
        chromium.call("Security.setIgnoreCertificateErrors", ignore=True)
        chromium.open(f"{url}page")
        cookie = cookies(chromium)[HOST_COOKIE]
        assert (cookie["secure"], cookie["httpOnly"], cookie["path"], cookie["session"]) == (True, True, "/", True)
        chromium.click("button")
        assert len(chromium.evaluate("document.body.innerText")) == 64

        chromium.open(f"{url}login")
        assert [*cookies(chromium)] == ["JSESSIONID"]
        chromium.open(f"{url}page")
        assert [*cookies(chromium)] == ["JSESSIONID"]
        chromium.click("button")
        assert len(chromium.evaluate("document.body.innerText")) == 64
