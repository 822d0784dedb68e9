"""The settings: what each takes, what it refuses and how it says so (F5, R22, S79 to S90)."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import time

import pytest

from httpsession import (
    ConfigError,
    SessionConfig,
    SessionCookieConfig,
    SessionError,
    SessionManager,
    SessionTrackingMode,
)
from httpsession.errors import shown
from tests.support.browser import CookieJar
from tests.support.site import Site

COOKIE, URL, SSL = SessionTrackingMode

COOKIE_GOOD = {
    "name": ["JSESSIONID", "SID", "a", "0", "__Hostx", "__Secure", "!#$%&'*+-.^_`|~", "JSESSIONID" * 10],
    "domain": [None, "example.com", ".example.com", "EXAMPLE.com", "a.b.c.example", "xn--bcher-kva.example", "1a.de"],
    "path": [None, "/", "/app", "/a/b/", "/caf%C3%A9", "/a,b=c:d"],
    "http_only": [True, False],
    "secure": [True, False, "auto"],
    "max_age": [-1, 1, 3600, 400 * 86400],
    "same_site": ["Strict", "Lax", None],
    "partitioned": [False],
    "attributes": [{}, {"Priority": "High"}, {"Flag": ""}, {"x": "a b=c,d:e"}],
}

COOKIE_BAD = {
    "name": ["", " ", "a b", "a=b", "a;b", "a,b", '"a"', "a\n", "\n", "a\0", "caf\xe9", "a/b", "a[b]", None, 5, b"a"],
    "domain": [
        *(
            "",
            ".",
            "..",
            "localhost",
            ".com",
            "..example.com",
            "example..com",
            "example.com.",
            "-a.example",
            "a-.example",
        ),
        *(
            "192.0.2.1",
            "[::1]",
            "::1",
            "example.com:80",
            "a b.example",
            "a;b.example",
            "a_b.example",
            "b\xfccher.example",
        ),
        *(
            "http://example.com",
            "example.com/",
            "a.example\n",
            "a." * 130 + "example",
            "a" * 64 + ".example",
            5,
            b"a.b",
        ),
        "example." + "a" * 64,
        "example.a-",
    ],
    "path": ["", "app", "app/", "/a b", "/a;b", "/a\n", "/a\0", "/caf\xe9", "/\x7f", " /", 5, b"/", True],
    "http_only": [None, 0, 1, "", "true", "False", []],
    "secure": [None, 0, 1, "", "AUTO", "true", "false", []],
    "max_age": [0, -2, -100, 1.0, 1.5, math.nan, math.inf, "60", None, True, False],
    "same_site": ["", "laxer", "Non", " Lax", "Lax\n", "Lax; Secure", True, False, 0, []],
    "partitioned": [None, 0, 1, "", "true", []],
    "attributes": [
        *(None, [], "a=b", 5, [("a", "b")], {"": "b"}, {"a b": "c"}, {"a=b": "c"}, {"a;": "b"}, {"caf\xe9": "b"}),
        *({5: "b"}, {None: "b"}, {"a": None}, {"a": 5}, {"a": True}, {"a": "b;c"}, {"a": "b\n"}, {"a": "\xe9"}),
        *({"a": "\x7f"}, {"Expires": "x"}, {"expires": "x"}, {"EXPIRES": ""}, {"Max-Age": ""}, {"Max-Age": "x"}),
        *({"Max-Age": "1.5"}, {"max-age": " 1"}, {"Max-Age": "\N{ARABIC-INDIC DIGIT ONE}"}, {"Max-Age": "+1"}),
    ],
}

CONFIG_GOOD = {
    "max_inactive_interval": [1800, 1, 0, -1, -1800, 10**9],
    "max_lifetime": [None, 1, 0.5, 86400, 1e9],
    "tracking_modes": [{COOKIE}, {URL}, {COOKIE, URL}, [COOKIE, COOKIE], ("cookie",), ["URL"], {"Cookie", URL}],
    "cookie": [SessionCookieConfig(), SessionCookieConfig(name="SID")],
    "expire_cookie": [True, False],
    "distributable": [True, False],
    "types": [{}, {"config": SessionConfig}],
    "max_sessions": [None, 1, 10**6, -1],
    "newcomer_interval": [None, 0.1, 300],
    "max_attribute_bytes": [1, 256 * 1024, 2**21],
    "max_session_bytes": [1, 10**9],
    "max_attributes": [1, 10**6],
    "max_sessions_per_principal": [None, 1, 5],
    "when_too_many": ["evict", "deny"],
    "allow_url_login": [True, False],
    "client_hints": [(), ("user_agent",), ("user_agent", "address")],
    "clear_site_data": [(), ("cache", "storage"), ("executionContexts",), ("*",)],
    "encryption_keys": [(), (bytes(32),), (b"a" * 32, bytes(32))],
    "id_bytes": [16, 17, 64],
    "sweep_interval": [None, 0.1, 1, 3600],
}

CONFIG_BAD = {
    "max_inactive_interval": [1.0, 0.5, math.nan, math.inf, "1800", None, True, False],
    "max_lifetime": [0, -1, 0.0, math.nan, math.inf, -math.inf, "60", True, False],
    "tracking_modes": [
        *((), set(), [], frozenset(), {SSL}, {COOKIE, SSL}, {URL, SSL}, {COOKIE, URL, SSL}, ["ssl"], ["cookie", "SSL"]),
        *(None, "cookie", "COOKIE", "", COOKIE, SessionTrackingMode, 5, ["cookies"], [""], [None], [5], [" cookie"]),
        *(b"cookie", [b"cookie"]),
    ],
    "cookie": [None, {}, "JSESSIONID", SessionCookieConfig, SessionConfig()],
    "expire_cookie": [None, 0, 1, "", "true"],
    "distributable": [None, 0, 1, "", "true"],
    "types": [None, [], SessionConfig, {1: SessionConfig}, {"config": SessionConfig()}, {"config": None}],
    "max_sessions": [0, -2, 1.0, math.inf, math.nan, "10", True, False],
    "newcomer_interval": [0, -1, math.nan, math.inf, "300", True, False],
    "max_attribute_bytes": [0, -1, 2**21 + 1, None, 1.5, "10", True],
    "max_session_bytes": [0, -1, None, 1.5, "10", True],
    "max_attributes": [0, -1, None, 1.5, "10", True],
    "max_sessions_per_principal": [0, -1, 1.5, "10", True],
    "when_too_many": [None, "", "Evict", "ask", True, []],
    "allow_url_login": [None, 0, 1, "true"],
    "client_hints": [None, "user_agent", ["agent"], [None], 5, [["user_agent"]]],
    "clear_site_data": [None, "cache", ["caches"], [None], 5, {"cache": 1, "x": 2}],
    "encryption_keys": [],  # no message shows what may be a key: test_keys.py
    "id_bytes": [15, 65, 0, -16, 16.0, "16", None, True, 2**70],
    "sweep_interval": [0, -1, 0.0, math.nan, math.inf, "10", True, False],
}

CASES = [(SessionCookieConfig, COOKIE_GOOD, COOKIE_BAD), (SessionConfig, CONFIG_GOOD, CONFIG_BAD)]


def as_text(value):
    """Return a value as it is written, sets in order: all workers of a test run name their tests alike."""
    return f"{{{', '.join(sorted(map(repr, value)))}}}" if isinstance(value, set | frozenset) else repr(value)


def cases(which):
    """Return parameters: class, setting and value, for each good (0) or bad (1) value."""
    return [
        pytest.param(cls, name, value, id=f"{name}-{as_text(value):.40}")
        for cls, *tables in CASES
        for name, values in tables[which].items()
        for value in values
    ]


class TestValues:
    """Each setting by itself."""

    @pytest.mark.parametrize("cls", [SessionCookieConfig, SessionConfig])
    def test_every_setting_is_here(self, cls):
        """The tables above leave out no setting."""
        names = {field.name for field in dataclasses.fields(cls)}
        (tables,) = (tables for one, *tables in CASES if one is cls)
        assert [table.keys() for table in tables] == [names, names]

    @pytest.mark.parametrize(("cls", "name", "value"), cases(0))
    def test_good(self, cls, name, value):
        """A good value is taken, and can be read as it was given."""
        config = cls(**{name: value})
        if name == "tracking_modes":
            value = {SessionTrackingMode[getattr(mode, "name", mode).upper()] for mode in value}
        assert getattr(config, name) == value

    @pytest.mark.parametrize(("cls", "name", "value"), cases(1))
    def test_bad(self, cls, name, value):
        """A bad one is refused at construction, by a message with the setting, its value and what is allowed."""
        with pytest.raises(ConfigError) as caught:
            cls(**{name: value})
        message = str(caught.value)
        assert message.startswith(f"{cls.__name__}.{name} is {shown(value)}, but must be ")
        assert len(message) < 400
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, SessionError)

    def test_message(self):
        """A message in full: what, its value, what it must be."""
        with pytest.raises(ConfigError) as caught:
            SessionConfig(id_bytes=15)
        assert str(caught.value) == "SessionConfig.id_bytes is 15, but must be a whole number, 16 to 64"

    @pytest.mark.parametrize("cls", [SessionCookieConfig, SessionConfig])
    def test_unknown_setting(self, cls):
        """A misspelt setting is an error, and so is one that is given by position."""
        with pytest.raises(TypeError):
            cls(maxage=5)
        with pytest.raises(TypeError):
            cls("JSESSIONID")

    def test_defaults(self):
        """The defaults are those of the design: a host-only, HttpOnly, Lax session cookie; half an hour; cookies."""
        assert dataclasses.astuple(SessionCookieConfig()) == (
            *("JSESSIONID", None, None, True, "auto", -1, "Lax", False),
            {},
        )
        config = SessionConfig()
        assert config.cookie == SessionCookieConfig()
        assert (config.max_inactive_interval, config.max_lifetime, config.max_sessions) == (1800, None, None)
        assert (config.tracking_modes, config.id_bytes, config.sweep_interval) == ({COOKIE}, 16, 10)
        assert config.expire_cookie is True
        assert (config.distributable, config.types) == (False, {})

    @pytest.mark.parametrize("setting", ["max_sessions", "cookie.domain", "sweep_interval", "tracking_modes"])
    @pytest.mark.parametrize("text", ["u:s3cret", "redis:user:s3cret", "redis://u:s3cret"])
    def test_login_in_the_wrong_place(self, setting, text):
        """A login without a host, given to a setting by mistake, is not shown."""
        with pytest.raises(ConfigError, match=re.escape(setting)) as caught:
            SessionConfig.from_mapping({setting: text})
        assert "s3cret" not in str(caught.value)

    def test_modes_that_fail(self):
        """An object that cannot be represented is no tracking mode, and no failure of its own."""

        class Failing:
            def __repr__(self):
                raise KeyError("never shown")

        for modes in ([Failing()], {Failing()}, [COOKIE, Failing()], [b"cookie"], [None]):
            with pytest.raises(
                ConfigError, match=r"SessionConfig\.tracking_modes is .*, but must be COOKIE, URL or both"
            ):
                SessionConfig(tracking_modes=modes)

    def test_value_that_cannot_be_shown(self):
        """A number of more digits than Python prints is refused like any other."""
        with pytest.raises(ConfigError, match=r"id_bytes is a too long int, but must be"):
            SessionConfig(id_bytes=10**5000)

    def test_no_store_of_that_kind(self):
        """A manager whose store has an URL that no store knows is a ConfigError as well."""
        with pytest.raises(ConfigError, match="nosuch"):
            SessionManager("nosuch://host")

    @pytest.mark.parametrize("setting", ["max_inactive_interval", "max_lifetime"])
    @pytest.mark.parametrize("seconds", [10**12, 10**30, 10**400], ids=["1e12", "1e30", "1e400"])
    def test_huge_times(self, setting, seconds):
        """A time beyond all measure is refused, or works as one that never comes; no request fails of it (R16)."""
        try:
            site = Site(**{setting: seconds})
        except ConfigError as error:
            assert setting in str(error)  # noqa: PT017 (either is right)
            return
        with site:
            session_id = site.new_id()
            site.manager.sweep()
            cookie = f"JSESSIONID={session_id}"
            assert site.ask("/", lambda r: r.get_session(False).id, cookie=cookie).value == session_id

    @pytest.mark.parametrize("max_age", [10**9, 10**11, 10**12, 10**30])
    def test_huge_max_age(self, max_age):
        """A Max-Age beyond what a date can say is refused, or makes a cookie; no request fails of it (F5)."""
        try:
            site = Site(cookie=SessionCookieConfig(max_age=max_age))
        except ConfigError as error:
            assert "max_age" in str(error)  # noqa: PT017 (either is right)
            return
        with site:
            (set_cookie,) = site.ask("/", lambda r: r.get_session()).set_cookies
            assert CookieJar().receive(set_cookie, now=time.time())
            assert f"Max-Age={max_age}" in set_cookie

    def test_name_that_fills_the_cookie(self):
        """A name with which the cookie gets longer than browsers take, 4096 bytes with the id, is refused (R22)."""
        with pytest.raises(ConfigError, match="name"):
            SessionCookieConfig(name="S" * 5000)

    def test_path_that_browsers_skip(self):
        """A path of more than 1024 bytes, which browsers ignore so that the cookie is for another, is refused."""
        with pytest.raises(ConfigError, match="path"):
            SessionCookieConfig(path="/" + "p" * 1024)


class TestFrozen:
    """A configuration stays as it was made (S72)."""

    @pytest.mark.parametrize("config", [SessionConfig(), SessionCookieConfig()], ids=["SessionConfig", "cookie"])
    def test_fields(self, config):
        """No setting can be set again, and none can be added or taken away."""
        for field in dataclasses.fields(config):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(config, field.name, getattr(config, field.name))
            with pytest.raises(dataclasses.FrozenInstanceError):
                delattr(config, field.name)
        with pytest.raises(AttributeError):
            config.new_setting = 1

    def test_modes(self):
        """The modes are a set of their own, which cannot be changed, whatever becomes of what was given (S88)."""
        given_modes = {COOKIE}
        config = SessionConfig(tracking_modes=given_modes)
        given_modes.add(URL)
        assert config.tracking_modes == frozenset({COOKIE})
        assert isinstance(config.tracking_modes, frozenset)

    def test_attributes(self):
        """The further attributes of the cookie stay as they were, too."""
        given_attributes = {"Priority": "High"}
        config = SessionCookieConfig(attributes=given_attributes)
        given_attributes["Priority"] = "Low"
        given_attributes["X"] = "y"
        assert dict(config.attributes) == {"Priority": "High"}
        for attributes in (config.attributes, config.as_attributes()):
            with pytest.raises(TypeError):
                attributes["Priority"] = "Low"
            with pytest.raises(TypeError):
                del attributes["Priority"]

    def test_replace(self):
        """A variant is made by ``dataclasses.replace``, which validates it anew."""
        config = SessionCookieConfig(attributes={"Path": "/a", "X": "y"}, max_age=60)
        changed = dataclasses.replace(config, name="SID", path="/b")
        assert (changed.name, changed.path, changed.max_age, dict(changed.attributes)) == ("SID", "/b", 60, {"X": "y"})
        with pytest.raises(ConfigError, match="same_site"):
            dataclasses.replace(config, same_site="None ")
        with pytest.raises(ConfigError, match="secure"):
            dataclasses.replace(config, same_site="None")

    def test_equality(self):
        """Configurations are equal when their settings are."""
        assert SessionConfig(tracking_modes=["url"]) == SessionConfig(tracking_modes={URL})
        assert SessionCookieConfig(attributes={"Path": "/a"}) == SessionCookieConfig(path="/a")
        assert SessionCookieConfig(attributes={"a": "b"}) != SessionCookieConfig()


class TestModes:
    """The three tracking modes (S86 to S91)."""

    def test_names_and_order(self):
        """COOKIE, URL, SSL, in this order (TCK sessionTrackingModesValuesTest)."""
        assert [mode.name for mode in SessionTrackingMode] == ["COOKIE", "URL", "SSL"]

    def test_by_name(self):
        """By name (TCK sessionTrackingModesValueOfTest); another name is none."""
        for mode in SessionTrackingMode:
            assert SessionTrackingMode[mode.name] is mode
        with pytest.raises(KeyError):
            SessionTrackingMode["COOKIES"]

    def test_default(self):
        """Our choice: cookies alone, where containers have cookies and URLs."""
        assert SessionConfig().tracking_modes == {COOKIE}

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_ssl(self, size):
        """SSL is refused alone and with others: WSGI does not tell the id of the TLS session (S90)."""
        for modes in itertools.combinations(SessionTrackingMode, size):
            if SSL in modes:
                with pytest.raises(ConfigError, match="SSL"):
                    SessionConfig(tracking_modes=modes)
            else:
                assert SessionConfig(tracking_modes=modes).tracking_modes == set(modes)

    def test_tracks(self):
        """``tracks`` answers for each mode."""
        config = SessionConfig(tracking_modes=["url"])
        assert [config.tracks(mode) for mode in SessionTrackingMode] == [False, True, False]


class TestText:
    """Settings show what they are, and nothing that is secret."""

    def test_repr(self):
        """The representation of a configuration is its settings."""
        text = repr(SessionCookieConfig(attributes={"Priority": "High"}))
        assert text.startswith("SessionCookieConfig(name='JSESSIONID', ")
        assert "attributes={'Priority': 'High'}" in text
        assert "tracking_modes=" in repr(SessionConfig())


class TestCombinations:
    """Settings that do not go together (R22), and those that are seldom meant (R16)."""

    @pytest.mark.parametrize("name", ["__Host-id", "__host-id", "__HOST-Http-id"])
    @pytest.mark.parametrize("modes", [["URL"], ["COOKIE", "URL"]], ids=len)
    def test_host_prefix_in_urls(self, name, modes):
        """The prefix says that no other host can plant the id, and any host can plant a URL."""
        cookie = SessionCookieConfig(name=name, secure=True, path="/")
        with pytest.raises(
            ConfigError, match=r"SessionCookieConfig\.name is .*without __Host- if tracking_modes has URL"
        ):
            SessionConfig(cookie=cookie, tracking_modes=modes)
        assert SessionConfig(cookie=cookie).cookie.name == name

    def test_cookie_beyond_the_session(self):
        """A cookie does not outlive the session; a cookie that ends before it is right."""
        for max_age in (-1, 1, 3600):
            assert SessionConfig(max_lifetime=3600, cookie=SessionCookieConfig(max_age=max_age))
        with pytest.raises(
            ConfigError, match=r"SessionCookieConfig\.max_age is 3601, .*at most the max_lifetime of 3600"
        ):
            SessionConfig(max_lifetime=3600, cookie=SessionCookieConfig(max_age=3601))
        with pytest.raises(ConfigError, match=r"max_age is 1, .*at most the max_lifetime of 0\.5"):
            SessionConfig(max_lifetime=0.5, cookie=SessionCookieConfig(max_age=1))

    def test_lifetime_below_the_interval(self):
        """The earlier end counts, so this is right."""
        assert SessionConfig(max_lifetime=60, max_inactive_interval=3600).weaknesses() == []

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"max_inactive_interval": 0}, ["max_inactive_interval is 0 and max_lifetime is None"]),
            ({"max_inactive_interval": -1}, ["max_inactive_interval is -1 and max_lifetime is None"]),
            ({"max_inactive_interval": 0, "max_lifetime": 60}, []),
            ({"cookie": SessionCookieConfig(http_only=False)}, ["SessionCookieConfig.http_only is False"]),
            ({"cookie": SessionCookieConfig(http_only=False), "tracking_modes": ["URL"]}, []),
            ({}, []),
        ],
        ids=repr,
    )
    def test_what_is_said_in_the_log(self, settings, words, caplog):
        """A setting that is allowed and weakens is said once, when the manager is made, by name."""
        with Site(**settings) as site:
            for _ in range(3):
                site.ask("/", lambda request: request.get_session())
        records = [record for record in caplog.records if record.name == "httpsession.audit"]

        assert [record.levelname for record in records] == ["WARNING"] * len(words)
        for record, word in zip(records, words, strict=True):
            assert word in record.getMessage()
