"""Settings from a mapping and from the environment: names, texts, and what bad input gets."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession import ConfigError, SessionConfig, SessionCookieConfig, SessionTrackingMode

COOKIE, URL, _ = SessionTrackingMode
SPRING = "server.servlet.session."
NEVER = re.compile(r"Session(Cookie)?Config\.")


def text_of(value):
    """Return the text of a typed value."""
    match value:
        case None | bool():
            return str(value).lower()
        case dict():
            return "; ".join(f"{name}={part}" if part else name for name, part in value.items())
        case set():
            return ",".join(mode.name.lower() for mode in value)
        case _:
            return str(value)


def texts_of(typed):
    """Return settings as texts."""
    texts = {name: text_of(value) for name, value in typed.items()}
    if typed.get("cookie.same_site", "Lax") is None:
        texts["cookie.same_site"] = "omitted"
    return texts


def config_of(typed):
    """Return the configuration with these settings, made by the constructors."""
    own = {name: value for name, value in typed.items() if not name.startswith("cookie.")}
    cookie = {name.removeprefix("cookie."): value for name, value in typed.items() if name.startswith("cookie.")}
    return SessionConfig(**own, cookie=SessionCookieConfig(**cookie))


seconds = st.one_of(st.integers(1, 2**31 - 1), st.floats(1e-9, 2**31 - 1))
token = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=20)
value_text = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";"), max_size=20)
own_attributes = ("domain", "path", "httponly", "secure", "max-age", "samesite", "partitioned", "expires")
typed_settings = st.fixed_dictionaries(
    {"cookie.secure": st.just(True)},
    optional={
        "max_inactive_interval": st.integers(-(10**6), 2**31 - 1),
        "max_lifetime": st.none() | seconds,
        "tracking_modes": st.sets(st.sampled_from([COOKIE, URL]), min_size=1),
        "expire_cookie": st.booleans(),
        "max_sessions": st.none() | st.integers(1, 10**9),
        "id_bytes": st.integers(16, 64),
        "sweep_interval": st.none() | seconds,
        "cookie.name": st.text("abcXYZ019_-.", min_size=1, max_size=20).map(lambda name: f"S{name}"),
        "cookie.domain": st.none() | st.sampled_from(["example.com", ".example.com", "none.example"]),
        "cookie.path": st.none() | st.sampled_from(["/", "/app", "/caf%C3%A9", "/a=b,c:d"]),
        "cookie.http_only": st.booleans(),
        "cookie.max_age": st.just(-1) | st.integers(1, 2**31 - 1),
        "cookie.same_site": st.sampled_from(["Strict", "Lax", "None", None]),
        "cookie.partitioned": st.booleans(),
        "cookie.attributes": st.dictionaries(
            token.filter(lambda name: name.lower() not in own_attributes), value_text, max_size=1
        ),
    },
).map(lambda typed: without_late_cookie(typed))


def without_late_cookie(typed):
    """Leave out a Max-Age beyond the lifetime of the session, which is refused."""
    lifetime, max_age = typed.get("max_lifetime"), typed.get("cookie.max_age", -1)
    is_late = lifetime is not None and max_age > lifetime
    return {name: value for name, value in typed.items() if not (is_late and name == "cookie.max_age")}


def settings():
    """Return the names of all settings."""
    own = [field.name for field in dataclasses.fields(SessionConfig) if field.name != "cookie"]
    return own + [f"cookie.{field.name}" for field in dataclasses.fields(SessionCookieConfig)]


class TestRoundTrip:
    """A configuration can be given in types, or in texts."""

    @given(typed_settings)
    def test_mapping(self, typed):
        """Typed settings, and their texts, make the configuration that the constructors make of them."""
        assert SessionConfig.from_mapping(typed) == config_of(typed)
        assert SessionConfig.from_mapping(texts_of(typed)) == config_of(typed)

    @given(typed_settings)
    def test_environ(self, typed):
        """Texts in the environment give the same settings, too."""
        environ = {f"HTTPSESSION_{name.replace('.', '_').upper()}": text for name, text in texts_of(typed).items()}
        assert SessionConfig.from_environ(environ) == config_of(typed)

    @pytest.mark.parametrize("name", settings())
    def test_every_setting_can_be_given(self, name):
        """No setting is unknown to a mapping, not even one that was added since."""
        config = SessionConfig()
        for part in name.split("."):
            config = getattr(config, part)
        assert SessionConfig.from_mapping({name: config}) == SessionConfig()

    @given(st.text(), st.sampled_from(settings()))
    def test_any_text(self, text, name):
        """Any text for any setting gives a configuration or a ConfigError that names the key."""
        try:
            config = SessionConfig.from_mapping({name: text})
        except ConfigError as error:
            assert name in str(error)  # noqa: PT017 (either is right)
        else:
            assert isinstance(config, SessionConfig)

    @given(st.dictionaries(st.text() | st.sampled_from(settings()), st.none() | st.booleans() | st.integers()))
    def test_any_mapping(self, mapping):
        """Any mapping gives a configuration or a ConfigError."""
        try:
            config = SessionConfig.from_mapping(mapping)
        except ConfigError as error:
            assert not NEVER.search(str(error))  # noqa: PT017 (either is right)
        else:
            assert isinstance(config, SessionConfig)


class TestSpring:
    """The names of Spring Boot."""

    def test_all(self):
        """Each of them sets the setting that it stands for."""
        config = SessionConfig.from_mapping(
            {
                f"{SPRING}timeout": "1h",
                f"{SPRING}tracking-modes": "cookie, url",
                f"{SPRING}cookie.name": "SID",
                f"{SPRING}cookie.domain": "example.com",
                f"{SPRING}cookie.path": "/app",
                f"{SPRING}cookie.http-only": "false",
                f"{SPRING}cookie.secure": "true",
                f"{SPRING}cookie.max-age": "30d",
                f"{SPRING}cookie.same-site": "none",
                f"{SPRING}cookie.partitioned": "true",
            }
        )
        cookie = SessionCookieConfig(
            name="SID",
            domain="example.com",
            path="/app",
            http_only=False,
            secure=True,
            max_age=30 * 86400,
            same_site="None",
            partitioned=True,
        )
        assert config == SessionConfig(max_inactive_interval=3600, tracking_modes={COOKIE, URL}, cookie=cookie)

    @pytest.mark.parametrize(
        "key",
        [
            "server.servlet.session.cookie.http-only",
            "server.servlet.session.cookie.httpOnly",
            "server.servlet.session.cookie.http_only",
            "SERVER_SERVLET_SESSION_COOKIE_HTTPONLY",
            "SERVER_SERVLET_SESSION_COOKIE_HTTP_ONLY",
            "Server.Servlet.Session.Cookie.HttpOnly",
            "cookie.http_only",
            "cookie.http-only",
            "cookie.httpOnly",
            "COOKIE_HTTP_ONLY",
            "cookieHttpOnly",
        ],
    )
    def test_relaxed(self, key):
        """Names are bound as in Spring: hyphens, underscores and capitals do not matter."""
        assert SessionConfig.from_mapping({key: "false"}).cookie.http_only is False

    def test_nested(self):
        """A mapping in a mapping is the part of a name before a dot, as YAML and TOML have it."""
        nested = {"server": {"servlet": {"session": {"timeout": "30m", "cookie": {"name": "SID"}}}}}
        expected = SessionConfig(max_inactive_interval=1800, cookie=SessionCookieConfig(name="SID"))
        assert SessionConfig.from_mapping(nested) == expected
        assert SessionConfig.from_mapping({"cookie": {"attributes": {"a": "b"}}}).cookie.attributes == {"a": "b"}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            *(("30m", 1800), ("1800", 1800), ("1800s", 1800), ("PT30M", 1800), ("1h", 3600), ("1d", 86400)),
            *(("-1", -1), ("0", 0), ("+5", 5), ("1H", 3600), (" 30m ", 1800), ("2000ms", 2), ("1.5m", 90)),
            *(("P1D", 86400), ("PT1H30M", 5400), ("pt1m", 60), ("P1DT1S", 86401), ("-PT1M", -60), ("PT-1S", -1)),
            *((timedelta(minutes=30), 1800), (1800, 1800), ("PT0.5M", None), ("PT60.0S", 60)),
        ],
    )
    def test_durations(self, text, expected):
        """A duration is a number of seconds, a number with a unit, ISO 8601, or a timedelta; -1 and 0 are never."""
        if expected is None:
            with pytest.raises(ConfigError, match="duration"):
                SessionConfig.from_mapping({f"{SPRING}timeout": text})
        else:
            assert SessionConfig.from_mapping({f"{SPRING}timeout": text}).max_inactive_interval == expected

    @pytest.mark.parametrize("text", ["500ms", "0.5s", "PT0.5S", "1e-3"])
    def test_fractions(self, text):
        """Part of a second is refused for a timeout, which says why, and taken where a setting takes it."""
        with pytest.raises(ConfigError, match=rf"^timeout\.ini: max_inactive_interval is '{text}', .* whole seconds"):
            SessionConfig.from_mapping({"max_inactive_interval": text}, source="timeout.ini")
        assert 0 < SessionConfig.from_mapping({"sweep_interval": text}).sweep_interval < 1

    @pytest.mark.parametrize(
        "text",
        [
            *("", "x", "m", "30 m", "30min", "1w", "1y", "P", "PT", "P1DT", "P1M", "1:30", "--1", "1_000", "0x10"),
            *("\N{ARABIC-INDIC DIGIT THREE}m", "nan", "inf", "9" * 5000, "1e9999", "PT1M30", "T1M", "-", "none"),
        ],
    )
    def test_no_durations(self, text):
        """A value that is no duration is refused, not guessed."""
        with pytest.raises(ConfigError, match=r"^max-inactive-interval is .* duration"):
            SessionConfig.from_mapping({"max-inactive-interval": text})

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("none", "None"), ("LAX", "Lax"), ("Strict", "Strict"), ("omitted", None), (None, None)],
    )
    def test_same_site(self, text, expected):
        """SameSite in any case; ``omitted`` leaves it out."""
        config = SessionConfig.from_mapping({"cookie.same-site": text, "cookie.secure": True})
        assert config.cookie.same_site == expected

    @pytest.mark.parametrize("text", ["true", "TRUE", "on", "yes", "1"])
    def test_true(self, text):
        """The texts that are true."""
        assert SessionConfig.from_mapping({"cookie.secure": text}).cookie.secure is True

    @pytest.mark.parametrize("text", ["false", "False", "off", "no", "0"])
    def test_false(self, text):
        """The texts that are false."""
        assert SessionConfig.from_mapping({"cookie.secure": text}).cookie.secure is False


class TestKeys:
    """Keys that are wrong."""

    def test_mapping_that_contains_itself(self):
        """A mapping that contains itself has keys of any length: the first too long one is unknown."""
        for key in ("cookie", "", "x" * 300):
            mapping = {}
            mapping[key] = mapping
            with pytest.raises(ConfigError, match="is unknown; the nearest known name is"):
                SessionConfig.from_mapping(mapping)

    @pytest.mark.parametrize("key", ["x" * 10_000_000, "password" * 1_000_000, "-" * 1_000_000, "cookie." * 100_000])
    def test_huge(self, key):
        """A huge key is refused as soon as its beginning is read, and not shown in full."""
        with pytest.raises(ConfigError) as caught:
            SessionConfig.from_mapping({key: "1"})
        assert len(str(caught.value)) < 400

    @pytest.mark.parametrize("variable", [5, None, b"HTTPSESSION_ID_BYTES", ("HTTPSESSION_ID_BYTES",)])
    def test_variable_that_is_no_text(self, variable):
        """An environment whose names are no texts, such as ``os.environb``, is an error that shows the name."""
        with pytest.raises(ConfigError, match=r"is no name of a variable$"):
            SessionConfig.from_environ({variable: "x"})

    @pytest.mark.parametrize(
        ("key", "nearest"),
        [
            ("server.servlet.session.timeot", "server.servlet.session.timeout"),
            ("server.servlet.session.cookie.httponyl", "server.servlet.session.cookie.http-only"),
            ("max_inactive_intervall", "max_inactive_interval"),
            ("coo.kiename", "cookie.name"),
            ("cookie.samesit", "cookie.same_site"),
            ("cookie.name.x", "cookie.name"),
            ("timeout", "max_inactive_interval"),
        ],
    )
    def test_unknown(self, key, nearest):
        """An unknown key is an error, which proposes the nearest known name."""
        with pytest.raises(ConfigError, match=rf"^{re.escape(key)} is unknown; .* {re.escape(nearest)}$"):
            SessionConfig.from_mapping({key: "1"})

    @pytest.mark.parametrize("key", ["", ".", "x", "\0", "server.servlet.session", 5, None, b"cookie.name"])
    def test_strange(self, key):
        """An unknown key of any type is an error."""
        with pytest.raises(ConfigError):
            SessionConfig.from_mapping({key: "1"})

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("cookie.http-only", "cookie.httpOnly"),
            ("max_inactive_interval", "server.servlet.session.timeout"),
            ("cookie.name", "server.servlet.session.cookie.name"),
        ],
    )
    def test_twice(self, one, other):
        """A setting under two names is an error that names both, even with one value."""
        with pytest.raises(ConfigError, match=rf"^app.yml: {re.escape(one)} and {re.escape(other)} are the same"):
            SessionConfig.from_mapping({one: "1", other: "1"}, source="app.yml")

    def test_cookie(self):
        """The cookie can be given as a whole, but not as a text, and not in parts as well."""
        cookie = SessionCookieConfig(name="SID")
        assert SessionConfig.from_mapping({"cookie": cookie}) == SessionConfig(cookie=cookie)
        with pytest.raises(ConfigError, match=r"^cookie is 'SID', but must be given in Python"):
            SessionConfig.from_mapping({"cookie": "SID"})
        with pytest.raises(ConfigError, match=r"cookie and cookie\.path"):
            SessionConfig.from_mapping({"cookie": cookie, "cookie.path": "/"})


class TestRefusals:
    """Refusals in the words of the source."""

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            ({"cookie.sameSite": "none"}, "cookie.secure is 'auto', but must be True, .* cookie.sameSite='none'"),
            (
                {f"{SPRING}cookie.same-site": "none", f"{SPRING}cookie.secure": "no"},
                f"{SPRING}cookie.secure is 'no', but must be True, .* for {SPRING}cookie.same-site='none'",
            ),
            ({"cookie.partitioned": "on"}, "cookie.secure is 'auto', .* cookie.partitioned='on'"),
            ({"cookie-name": "__Host-a"}, "cookie.secure is 'auto', .* for cookie-name='__Host-a'"),
            (
                {"cookie": SessionCookieConfig(name="a^b"), "tracking_modes": "url"},
                r"cookie.name is 'a\^b', but must be",
            ),
            ({"cookie.attributes": "SameSite=x"}, "cookie.attributes SameSite is 'x', but must be 'Strict'"),
            ({"cookie.attributes": "Max-Age=-5"}, "cookie.attributes Max-Age is '-5', but must be a whole number"),
            ({"cookie.attributes": "SameSite=None"}, "cookie.secure .* cookie.attributes SameSite='None'"),
            ({"cookie.attributes": "a=b; a=c"}, "cookie.attributes is 'a=b; a=c', but must be without a twice"),
            ({"cookie.path": "/", "cookie.attributes": "Path=/a"}, "cookie.path is '/', but in attributes '/a'"),
            ({f"{SPRING}timeout": "50000d"}, rf"{SPRING}timeout is '50000d' \(4320000000 seconds\), but must be"),
            ({"tracking-modes": "ssl"}, "tracking-modes is 'ssl', but must be COOKIE, URL"),
            ({"tracking-modes": ""}, "tracking-modes is '', but must be COOKIE, URL"),
            ({"idBytes": "15"}, "idBytes is '15', but must be a whole number, 16 to 64"),
            ({"id_bytes": "sixteen"}, "id_bytes is 'sixteen', but must be a whole number"),
            ({"max_sessions": "no"}, "max_sessions is 'no', but must be none or a whole number"),
            ({"COOKIE_NAME": "a b"}, "COOKIE_NAME is 'a b', but must be a cookie name"),
            ({"cookie.secure": "maybe"}, "cookie.secure is 'maybe', but must be true, false or auto"),
            ({"cookie.http-only": "auto"}, "cookie.http-only is 'auto', but must be true or false"),
            ({"cookie.same-site": "Lax; Secure"}, "cookie.same-site is 'Lax; Secure', but must be none, lax, strict"),
            ({"cookie.http-only": 1}, "cookie.http-only is 1, but must be True or False"),
        ],
    )
    def test_words(self, mapping, message):
        """The message has the key and the value that stand in the source, of each setting that it speaks of."""
        with pytest.raises(ConfigError, match=f"^app.ini: {message}") as caught:
            SessionConfig.from_mapping(mapping, source="app.ini")
        assert not NEVER.search(str(caught.value))

    def test_other_refusals(self):
        """A refusal by a subclass keeps its words, with the source added."""

        class Strict(SessionConfig):
            def __post_init__(self):
                super().__post_init__()
                if self.max_lifetime:
                    raise ConfigError("a lifetime is not for us")

        with pytest.raises(ConfigError, match=r"^app\.ini: a lifetime is not for us$"):
            Strict.from_mapping({"max_lifetime": "1d"}, source="app.ini")
        assert type(Strict.from_mapping({})) is Strict


class TestEnviron:
    """Settings in the environment."""

    def test_examples(self):
        """The variables are the names of the settings in capitals; all others are left alone, the store's too."""
        environ = {
            "PATH": "/bin",
            "HTTPSESSION": "x",
            "httpsession_x": "x",
            "HTTPSESSION_STORE": "memory://",
            "HTTPSESSION_MAX_INACTIVE_INTERVAL": "30m",
            "HTTPSESSION_COOKIE_NAME": "SID",
            "HTTPSESSION_TRACKING_MODES": "cookie,url",
        }
        expected = SessionConfig(tracking_modes={COOKIE, URL}, cookie=SessionCookieConfig(name="SID"))
        assert SessionConfig.from_environ(environ) == expected

    def test_default(self, monkeypatch):
        """Without an argument it is the environment of the process, as it is now."""
        monkeypatch.setenv("HTTPSESSION_ID_BYTES", "32")
        assert SessionConfig.from_environ().id_bytes == 32

    @pytest.mark.parametrize(
        ("variable", "nearest"),
        [
            ("HTTPSESSION_COOKIE_NAMES", "HTTPSESSION_COOKIE_NAME"),
            ("HTTPSESSION_MAX_INACTIVE_INTREVAL", "HTTPSESSION_MAX_INACTIVE_INTERVAL"),
            ("HTTPSESSION_TIMEOUT", "HTTPSESSION_MAX_INACTIVE_INTERVAL"),
            ("HTTPSESSION_STORE_URL", "HTTPSESSION_STORE"),
            ("HTTPSESSION_", "HTTPSESSION_"),
        ],
    )
    def test_unknown(self, variable, nearest):
        """An unknown variable of ours is an error, which proposes the nearest name."""
        with pytest.raises(ConfigError, match=f"^{variable} is unknown; .* {nearest}"):
            SessionConfig.from_environ({variable: "x"})

    def test_refusals(self):
        """Errors name variables."""
        with pytest.raises(ConfigError, match=r"^HTTPSESSION_COOKIE_SECURE .* HTTPSESSION_COOKIE_SAME_SITE='none'$"):
            SessionConfig.from_environ({"HTTPSESSION_COOKIE_SAME_SITE": "none"})
        with pytest.raises(
            ConfigError, match=r"^HTTPSESSION_COOKIE_MAXAGE and HTTPSESSION_COOKIE_MAX_AGE are the same"
        ):
            SessionConfig.from_environ({"HTTPSESSION_COOKIE_MAXAGE": "1", "HTTPSESSION_COOKIE_MAX_AGE": "1"})


def test_page(tmp_path):
    """The files that the page about configuration files shows make the configuration that it says."""
    page = (Path(__file__).parents[2] / "docs/howto/configuration-files.md").read_text()
    (xml,) = re.findall(r"^```xml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "web.xml").write_text(xml)
    (variables,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    environ = dict(re.findall(r"^export (\w+)=(.*)$", variables, re.MULTILINE))
    from_xml = SessionConfig.from_web_xml(tmp_path / "web.xml")

    assert from_xml == SessionConfig.from_environ(environ)
    assert from_xml == SessionConfig(cookie=SessionCookieConfig(name="SID", secure=True, same_site="Strict"))
