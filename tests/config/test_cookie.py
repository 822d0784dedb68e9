"""The settings of the cookie: its attributes, and which settings go together (F5, R22, S79 to S84)."""

from __future__ import annotations

import dataclasses
import time
from enum import Enum

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from httpsession import ConfigError, SessionCookieConfig
from tests.support.browser import CookieJar
from tests.support.site import Site

#: A cookie without any surprise, in a request without any.
PLAIN = {
    **{field.name: field.default for field in dataclasses.fields(SessionCookieConfig)},
    **{"attributes": {}, "https": False, "script_name": ""},
}


class TestAttributes:
    """The cookie's attributes under their names in the header, as Jakarta's ``getAttributes`` (S80, S81)."""

    FULL = SessionCookieConfig(
        domain="example.com",
        path="/app",
        secure=True,
        max_age=60,
        same_site="None",
        partitioned=True,
        attributes={"Priority": "High", "Flag": ""},
    )

    def test_all(self):
        """All of them are there, those with a setting of their own and the others; flags have an empty value."""
        assert dict(self.FULL.as_attributes()) == {
            "Domain": "example.com",
            "Path": "/app",
            "HttpOnly": "",
            "Secure": "",
            "Max-Age": "60",
            "SameSite": "None",
            "Partitioned": "",
            "Priority": "High",
            "Flag": "",
        }

    def test_defaults(self):
        """A setting that is None, False, "auto" or -1 makes no attribute."""
        assert dict(SessionCookieConfig().as_attributes()) == {"HttpOnly": "", "SameSite": "Lax"}
        config = SessionCookieConfig(http_only=False, same_site=None, secure=False)
        assert dict(config.as_attributes()) == {}
        assert len(config.as_attributes()) == 0

    def test_case_does_not_matter(self):
        """Names are found in any case of letters, and listed in the usual one."""
        attributes = self.FULL.as_attributes()
        for name, value in attributes.items():
            for spelt in (name.lower(), name.upper(), name.swapcase()):
                assert attributes[spelt] == value
                assert attributes.get(spelt) == value
                assert spelt in attributes
        assert "Nothing" not in attributes
        assert attributes.get("nothing") is None
        with pytest.raises(KeyError):
            attributes["nothing"]

    @pytest.mark.parametrize("key", [None, 5, b"Path", ("Path",)])
    def test_what_is_no_name(self, key):
        """A value that is no string is no name, as in any mapping."""
        attributes = self.FULL.as_attributes()
        assert key not in attributes
        assert attributes.get(key) is None

    @pytest.mark.parametrize(
        ("attribute", "text", "setting", "value"),
        [
            ("Domain", "example.com", "domain", "example.com"),
            ("Path", "/x", "path", "/x"),
            ("HttpOnly", "", "http_only", True),
            ("Secure", "", "secure", True),
            ("Max-Age", "60", "max_age", 60),
            ("SameSite", "Strict", "same_site", "Strict"),
        ],
    )
    def test_both_ways(self, attribute, text, setting, value):
        """An attribute with a setting of its own sets it, and the setting shows among the attributes (S80)."""
        for name in (attribute, attribute.lower(), attribute.upper()):
            by_attribute = SessionCookieConfig(attributes={name: text})
            assert getattr(by_attribute, setting) == value
            assert by_attribute == SessionCookieConfig(**{setting: value})
            assert by_attribute.as_attributes()[name] == text
            assert dict(by_attribute.attributes) == {}
            assert SessionCookieConfig(**{setting: value}).as_attributes()[name] == text

    def test_partitioned(self):
        """The attribute Partitioned is the setting; it needs Secure."""
        config = SessionCookieConfig(attributes={"partitioned": "", "secure": ""})
        assert (config.partitioned, config.secure) == (True, True)

    @pytest.mark.parametrize(
        "settings",
        [
            {"path": "/a", "attributes": {"Path": "/b"}},
            {"path": "/a", "attributes": {"Path": ""}},
            {"domain": "a.example", "attributes": {"domain": "b.example"}},
            {"same_site": "Strict", "attributes": {"SameSite": "Lax"}},
            {"max_age": 1, "attributes": {"MAX-AGE": "2"}},
            {"secure": False, "attributes": {"Secure": ""}},
            {"http_only": False, "attributes": {"HttpOnly": ""}},
            {"attributes": {"Path": "/a", "path": "/b"}},
            {"attributes": {"Priority": "High", "priority": "Low"}},
        ],
        ids=repr,
    )
    def test_contradictions(self, settings):
        """Two values for one attribute are refused: there is no telling which was meant."""
        with pytest.raises(ConfigError):
            SessionCookieConfig(**settings)

    def test_twice_the_same(self):
        """A setting that is given both ways with one value is fine."""
        assert SessionCookieConfig(path="/a", attributes={"Path": "/a"}).path == "/a"

    @pytest.mark.parametrize("name", ["Secure", "HttpOnly", "Partitioned", "secure"])
    @pytest.mark.parametrize("text", ["false", "False", "0", "no", "off"])
    def test_flags_with_a_value(self, name, text):
        """A flag that says "false", as in a file of settings, does not mean true: it is refused, or off."""
        try:
            config = SessionCookieConfig(secure=True, attributes={name: text})
        except ConfigError:
            return
        setting = {"secure": "secure", "httponly": "http_only", "partitioned": "partitioned"}[name.lower()]
        assert getattr(config, setting) is False

    @pytest.mark.parametrize(
        "attributes",
        [{"Path": "x"}, {"Domain": ""}, {"SameSite": "laxer"}, {"SameSite": ""}, {"max-age": "-5"}, {"Max-Age": "0"}],
        ids=repr,
    )
    def test_bad_value_of_a_setting(self, attributes):
        """A value that a setting refuses is refused among the attributes, too."""
        with pytest.raises(ConfigError):
            SessionCookieConfig(attributes=attributes)


class TestCombinations:
    """No configuration makes a cookie that browsers drop (R22)."""

    @pytest.mark.parametrize("secure", ["auto", False])
    @pytest.mark.parametrize(
        "settings",
        [
            {"same_site": "None"},
            {"partitioned": True},
            {"partitioned": True, "same_site": "None"},
            {"name": "__Secure-id"},
            {"name": "__secure-id"},
            {"name": "__Host-id", "path": "/"},
            {"name": "__HOST-id", "path": "/"},
            {"attributes": {"samesite": "None"}},
            {"attributes": {"PARTITIONED": ""}},
        ],
        ids=repr,
    )
    def test_what_needs_secure(self, settings, secure):
        """SameSite=None, Partitioned and the prefixes need ``secure=True``; "auto" would be dropped over http."""
        with pytest.raises(ConfigError, match=r"SessionCookieConfig\.secure is .*must be True, as browsers demand"):
            SessionCookieConfig(secure=secure, **settings)
        assert SessionCookieConfig(secure=True, **settings).secure is True

    def test_attributes_of_an_enumeration(self):
        """Attributes that are members of an enumeration go into the header as their values."""
        texts = Enum("Texts", {"NAME": "Priority", "VALUE": "High"}, type=str)
        attributes = SessionCookieConfig(attributes={texts.NAME: texts.VALUE}).attributes
        assert [f"{name}={value}" for name, value in attributes.items()] == ["Priority=High"]

    @pytest.mark.parametrize("name", ["__Host-id", "__host-id", "__HOST-"])
    def test_host_prefix(self, name):
        """``__Host-`` needs the path ``/``, given and not by chance, and no domain."""
        assert SessionCookieConfig(name=name, secure=True, path="/").name == name
        for path in (None, "/app"):
            with pytest.raises(ConfigError, match=r"\.path is .*'/'"):
                SessionCookieConfig(name=name, secure=True, path=path)
        with pytest.raises(ConfigError, match=r"\.domain is 'example\.com'"):
            SessionCookieConfig(name=name, secure=True, path="/", domain="example.com")

    @pytest.mark.parametrize("name", ["__Http-id", "__http-id", "__Host-Http-id", "__HOST-HTTP-id"])
    def test_http_prefixes(self, name):
        """The later prefixes ``__Http-`` and ``__Host-Http-`` need HttpOnly and Secure as well."""
        assert SessionCookieConfig(name=name, secure=True, path="/").name == name
        for settings in ({"http_only": False, "secure": True}, {"secure": "auto"}, {"secure": False}):
            with pytest.raises(ConfigError):
                SessionCookieConfig(name=name, path="/", **settings)

    @hypothesis_settings(deadline=None, max_examples=500)
    @given(
        name=st.sampled_from(
            [
                "JSESSIONID",
                "__Host-id",
                "__host-id",
                "__Secure-id",
                "__SECURE-x",
                "__Http-x",
                "__Host-Http-x",
                "SESSION-ID",
            ]
        )
        | st.text(max_size=4),
        domain=st.sampled_from([None, None, "example.com", ".example.com", "www.example.com", "com", "1.2.3.4", "x y"]),
        path=st.sampled_from([None, None, "/", "/app", "app", "/a b", "/SESSION-ID"]),
        http_only=st.booleans(),
        secure=st.sampled_from([True, True, False, "auto"]),
        max_age=st.sampled_from([-1, 0, 1, 3600, -2, 10**10, 10**13]),
        same_site=st.sampled_from(["Strict", "Lax", "None", None, "lax"]),
        partitioned=st.booleans(),
        attributes=st.dictionaries(
            st.sampled_from(["Priority", "Path", "path", "Max-Age", "Secure", "SameSite", "Domain", "HttpOnly", "X"]),
            st.sampled_from(["", "High", "/x", "60", "None", "example.com", "a;b", "\n"]),
            max_size=2,
        ),
        https=st.booleans(),
        script_name=st.sampled_from(["", "/app", "/a b", "/a;b"]),
    )
    @example(**{**PLAIN, "name": "SESSION-ID"})
    @example(**{**PLAIN, "name": "__Host-Http-x", "path": "/", "http_only": False, "secure": True})
    @example(**{**PLAIN, "max_age": 10**13})
    @example(**{**PLAIN, "attributes": {"Secure": "", "Max-Age": "60", "SameSite": "None"}})
    def test_accepted_or_refused(self, https, script_name, **settings):
        """F5: either the construction fails and names the setting, or a browser takes the cookie and sends the id back.

        Over plain http no browser takes a cookie with ``secure=True``, as was asked for.
        """
        try:
            config = SessionCookieConfig(**settings)
        except ConfigError as error:
            assert str(error).startswith("SessionCookieConfig.")  # noqa: PT017 (either is right)
            return
        https = https or config.secure is True
        with Site(cookie=config) as site:
            answer = site.ask(
                "/", lambda r: r.get_session().id, scheme="https" if https else "http", script_name=script_name
            )
        (set_cookie,) = answer.set_cookies
        assert set_cookie.isascii()
        assert set_cookie.isprintable()
        jar, now = CookieJar(), time.time()
        assert jar.receive(set_cookie, https=https, now=now)
        (((name, _, _, partitioned), cookie),) = jar.cookies.items()
        assert (name, cookie.value, partitioned) == (config.name, answer.value, config.partitioned)
        if config.max_age > 0:
            assert abs(cookie.expires - now - config.max_age) < 5
