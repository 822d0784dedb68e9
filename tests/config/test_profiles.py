"""The hardened profile: what it sets, what can be changed of it, and how files and the environment choose it."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from httpsession import ConfigError, SessionConfig, SessionCookieConfig, SessionManager, SessionTrackingMode
from httpsession.paste import filter_app_factory
from httpsession.tracking import Tracking
from tests.support.browser import CookieJar
from tests.support.request import TEXT
from tests.support.site import Site

HOST = "__Host-JSESSIONID"
SECURE = "__Secure-JSESSIONID"


class TestSettings:
    """The profile itself."""

    def test_all(self):
        """What differs from the defaults, and nothing else does."""
        assert SessionConfig.hardened() == SessionConfig(
            max_inactive_interval=900,
            max_lifetime=43200,
            newcomer_interval=300,
            allow_url_login=False,
            cookie=SessionCookieConfig(name=HOST, secure=True, path="/"),
        )

    def test_cookie(self):
        """The cookie goes to this host alone, over https alone, to no script, and with no form of another site."""
        with SessionManager(config=SessionConfig.hardened(sweep_interval=None)) as manager:
            answer = Site(manager, mount="/app").ask("/", lambda r: r.get_session().id, scheme="https")
        assert answer.set_cookies == [f"{HOST}={answer.value}; Secure; HttpOnly; Path=/; SameSite=Lax"]

    @pytest.mark.parametrize(
        ("changes", "name", "path"),
        [
            ({}, HOST, "/"),
            ({"same_site": "Strict"}, HOST, "/"),
            ({"path": "/"}, HOST, "/"),
            ({"max_age": 60}, HOST, "/"),
            ({"path": "/app"}, SECURE, "/app"),
            ({"domain": "example.com"}, SECURE, None),
            ({"domain": "example.com", "path": "/"}, SECURE, "/"),
            ({"name": "__Host-sid", "secure": True, "path": "/"}, "__Host-sid", "/"),
            ({"name": "__Secure-sid", "secure": True}, "__Secure-sid", "/"),
            ({"secure": True}, HOST, "/"),
        ],
        ids=repr,
    )
    def test_changes_of_the_cookie(self, changes, name, path):
        """What is left out has the value of the profile; the name has the strictest prefix that fits."""
        config = SessionConfig.hardened(cookie=SessionCookieConfig(**changes))

        assert (config.cookie.name, config.cookie.path, config.cookie.secure) == (name, path, True)
        for setting in set(changes) - {"path"}:
            assert getattr(config.cookie, setting) == changes[setting]

    def test_changes(self):
        """Bounds can be moved, and all other settings changed; a subclass makes its own kind."""

        class Config(SessionConfig):
            pass

        config = Config.hardened(max_inactive_interval=60, max_lifetime=600, newcomer_interval=10, max_sessions=5)
        assert type(config) is Config
        assert dataclasses.replace(config, max_inactive_interval=900, max_lifetime=43200, max_sessions=None) == (
            Config.hardened(newcomer_interval=10)
        )

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"tracking_modes": ["URL"]}, r"SessionConfig\.tracking_modes is .*COOKIE alone in the hardened profile"),
            ({"tracking_modes": ["cookie", "url"]}, r"tracking_modes is .*COOKIE alone in the hardened profile"),
            ({"max_inactive_interval": 0}, r"max_inactive_interval is 0, .*above zero in the hardened profile"),
            ({"max_inactive_interval": -1}, "max_inactive_interval is -1"),
            ({"max_lifetime": None}, r"max_lifetime is None, .*above zero in the hardened profile"),
            ({"newcomer_interval": None}, "newcomer_interval is None"),
            ({"cookie": SessionCookieConfig(secure=False)}, r"Config\.secure is False, .*True in the hardened profile"),
            ({"cookie": SessionCookieConfig(http_only=False)}, "http_only is False, .*True in the hardened profile"),
            ({"cookie": SessionCookieConfig(same_site=None)}, "same_site is None, .*'Lax' or 'Strict' in the hardened"),
            (
                {"cookie": SessionCookieConfig(same_site="None", secure=True)},
                "same_site is 'None', .*'Lax' or 'Strict'",
            ),
            ({"expire_cookie": False}, "expire_cookie is False, .*True in the hardened profile"),
            ({"cookie": SessionCookieConfig(name="sid")}, r"name is 'sid', .*__Host- or __Secure- in the hardened"),
            ({"cookie": SessionCookieConfig(max_age=86400)}, "max_age is 86400, .*max_lifetime of 43200 seconds"),
            ({"cookie": "sid"}, r"SessionConfig\.cookie is 'sid'"),
            ({"tracking_modes": 5}, r"SessionConfig\.tracking_modes is 5"),
            ({"id_bytes": 8}, r"SessionConfig\.id_bytes is 8"),
        ],
        ids=lambda value: repr(value) if isinstance(value, dict) else "",
    )
    def test_no_protection_is_taken_away(self, changes, message):
        """A change that turns a protection off is refused by name."""
        with pytest.raises(ConfigError, match=message):
            SessionConfig.hardened(**changes)

    def test_unknown_setting(self):
        """A misspelt setting is an error as for the class."""
        with pytest.raises(TypeError):
            SessionConfig.hardened(max_lifetim=5)


class TestTexts:
    """The profile in files and in the environment."""

    @pytest.mark.parametrize("profile", ["hardened", "Hardened", " HARDENED "])
    def test_mapping(self, profile):
        """The key ``profile`` in a mapping; the other keys are changes."""
        mapping = {"profile": profile, "max_lifetime": "8h", "cookie.same-site": "strict"}
        expected = SessionConfig.hardened(max_lifetime=28800, cookie=SessionCookieConfig(same_site="Strict"))
        assert SessionConfig.from_mapping(mapping) == expected
        assert SessionConfig.from_mapping({"Profile": profile}) == SessionConfig.hardened()

    def test_environ(self):
        """A variable in the environment."""
        environ = {"HTTPSESSION_PROFILE": "hardened", "HTTPSESSION_COOKIE_SAME_SITE": "strict"}
        config = SessionConfig.from_environ(environ)
        assert config == SessionConfig.hardened(cookie=SessionCookieConfig(same_site="Strict"))

    def test_paste(self):
        """A name in the section of the filter."""

        def app(environ, start_response):
            start_response("200 OK", [TEXT])
            return [b""]

        middleware = filter_app_factory(app, {}, profile="hardened", max_sessions="7")
        with middleware.manager as manager:
            assert manager.config == SessionConfig.hardened(max_sessions=7)

    def test_default(self):
        """The default profile can be named, too."""
        assert SessionConfig.from_mapping({"profile": "default"}) == SessionConfig()
        assert SessionConfig.from_environ({"HTTPSESSION_PROFILE": "default"}) == SessionConfig()

    @pytest.mark.parametrize("profile", ["", "hardend", "none", 5, None, ["hardened"]])
    def test_unknown(self, profile):
        """An unknown profile is an error that names both."""
        with pytest.raises(ConfigError, match=r"^app\.ini: profile is .*, but must be default or hardened$"):
            SessionConfig.from_mapping({"profile": profile}, source="app.ini")

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            (
                {"tracking-modes": "cookie,url"},
                "tracking-modes is 'cookie,url', but must be COOKIE alone in the hardened",
            ),
            ({"cookie.secure": "no"}, "cookie.secure is 'no', but must be True in the hardened profile"),
            ({"cookie-name": "sid"}, "cookie-name is 'sid', but must be a name that begins with __Host- or"),
            ({"maxLifetime": "none"}, "maxLifetime is 'none', but must be a number of seconds above zero in the"),
            ({"cookie.max-age": "30d"}, "cookie.max-age is '30d' .*at most the max_lifetime of 43200 seconds"),
        ],
        ids=repr,
    )
    def test_no_protection_is_taken_away(self, mapping, message):
        """A refusal has the words of the source."""
        with pytest.raises(ConfigError, match=f"^app.ini: {message}"):
            SessionConfig.from_mapping({"profile": "hardened", **mapping}, source="app.ini")

    def test_no_setting(self):
        """The profile is no setting of the class: it has no value once the settings are made."""
        with pytest.raises(TypeError):
            SessionConfig(profile="hardened")


NAMES = ["JSESSIONID", "__Host-id", "__host-id", "__Secure-id", "__SECURE-id", "__Http-id", "__Host-Http-id"]
DOMAINS = [None, "example.com", ".example.com", "..example.com", "com", "93.184.216.34", "[::1]", "localhost"]
CROSS = {
    "name": NAMES,
    "domain": DOMAINS,
    "path": [None, "/", "/app"],
    "secure": [True, False, "auto"],
    "http_only": [True, False],
    "same_site": ["Lax", "None", None],
    "partitioned": [True, False],
    "max_age": [-1, 0, 60, 7200],
}


@pytest.mark.parametrize("name", NAMES)
def test_no_cookie_that_browsers_drop(name):
    """R22: of all combinations of settings, each is refused, or makes a cookie that a browser takes and sends back."""
    made = refused = 0
    for values in itertools.product(*(CROSS if key != "name" else [name] for key, CROSS in CROSS.items())):
        cookie = dict(zip(CROSS, values, strict=True))
        for modes, lifetime in itertools.product((["COOKIE"], ["COOKIE", "URL"]), (None, 3600)):
            try:
                config = SessionConfig(
                    cookie=SessionCookieConfig(**cookie),
                    tracking_modes=modes,
                    max_lifetime=lifetime,
                    sweep_interval=None,
                )
            except ConfigError:
                refused += 1
                continue
            made += 1
            assert is_kept(config), cookie
    assert made
    assert refused


def is_kept(config):
    """Return whether a browser keeps the cookie, no longer than there is a session, and an application reads it."""
    tracking, jar = Tracking(config).cookie, CookieJar(host="www.example.com")
    https = config.cookie.secure is True
    ((_, header),) = tracking.add([], "0123456789ABCDEF" * 2, "", "https" if https else "http")
    if not jar.receive(header, https=https):
        return False
    ((found, _, path, _), stored) = next(iter(jar.cookies.items()))
    sent = jar.header(path, https=https)
    is_in_time = stored.expires is None or config.max_lifetime is None or stored.expires <= config.max_lifetime
    is_unplanted = not (found.lower().startswith("__host-") and config.tracks(SessionTrackingMode.URL))
    return tracking.find_ids(sent) != [] and is_in_time and is_unplanted
