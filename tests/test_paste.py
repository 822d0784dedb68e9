"""The filter for paste.deploy, as paste.deploy loads it from ``.ini`` files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from paste.deploy import loadapp

from httpsession import ConfigError, SessionMiddleware, SessionTrackingMode, get_session
from httpsession.paste import filter_app_factory
from tests.support.request import TEXT, fetch


def counting(environ, start_response):
    """Count the visits of a session."""
    session = get_session(environ)
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [TEXT])
    return [str(session["visits"]).encode()]


def app_factory(global_conf, **local_conf):
    """Make the application, as paste.deploy wants it to be made."""
    return counting


@pytest.fixture
def load(tmp_path):
    """Return what loads an ``.ini`` file with this text in the filter's section, and closes the managers at the end."""
    managers = []

    def load_section(section, default=""):
        application = f"[app:main]\npaste.app_factory = {__name__}:app_factory\nfilter-with = session\n"
        text = f"[DEFAULT]\n{default}\n{application}\n[filter:session]\nuse = egg:httpsession\n{section}\n"
        (tmp_path / "site.ini").write_text(text)
        app = loadapp("config:site.ini", relative_to=str(tmp_path))
        managers.append(app.manager)
        return app

    yield load_section
    for manager in managers:
        manager.close()


def test_sessions(load):
    """The application has sessions."""
    app = load("")
    assert isinstance(app, SessionMiddleware)
    first = fetch(app)
    assert (first.text, fetch(app, first.new_id).text, fetch(app).text) == ("1", "2", "1")


def test_settings(load):
    """The settings are in the section, by any of their names; ``store`` is the URL of the store."""
    app = load(
        """
store = memory://
server.servlet.session.timeout = 10m
cookie.name = SID
cookie.same-site = strict
tracking_modes = cookie, url
sweep_interval = none
"""
    )
    config = app.manager.config
    assert (config.max_inactive_interval, config.sweep_interval) == (600, None)
    assert config.tracking_modes == {SessionTrackingMode.COOKIE, SessionTrackingMode.URL}
    (cookie,) = fetch(app).set_cookies
    assert cookie.startswith("SID=")
    assert "SameSite=Strict" in cookie


def test_what_the_file_has_in_common(load):
    """Settings that all sections have in common are ignored."""
    assert load("", default="debug = true\nstore = nosuch://").manager.config.max_inactive_interval == 1800


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("cookie.nam = SID", "cookie.nam is unknown; the nearest known name is cookie.name"),
        ("max_inactive_interval = soon", "max_inactive_interval is 'soon', but must be a duration"),
        ("cookie.same-site = none", "cookie.secure is 'auto', but must be True, .* cookie.same-site='none'"),
        ("store = nosuch://host", ".*nosuch://"),
        ("app = x", "app is unknown"),
        ("global_conf = x", "global_conf is unknown"),
    ],
)
def test_refused(load, section, message):
    """A wrong setting is refused when the file is loaded; the message has file, key and value."""
    with pytest.raises(ConfigError, match=rf"site\.ini: {message}"):
        load(section)


def test_by_hand():
    """The factory can be called without a file, too."""
    app = filter_app_factory(counting, None, max_inactive_interval="1h")
    assert app.manager.config.max_inactive_interval == 3600
    with pytest.raises(ConfigError, match=r"^cookie\.nmae is unknown"):
        filter_app_factory(counting, {}, **{"cookie.nmae": "SID"})
    with pytest.raises(ConfigError, match="nosuch"):
        filter_app_factory(counting, {}, store="nosuch://")


def test_page(load):
    """The section that the page about configuration files shows is one that works."""
    page = (Path(__file__).parents[1] / "docs/howto/configuration-files.md").read_text()
    (section,) = re.findall(r"^\[filter:session\]\nuse = egg:httpsession\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    config = load(section).manager.config
    assert (config.max_inactive_interval, config.cookie.name, config.cookie.same_site) == (1800, "SID", "Strict")
