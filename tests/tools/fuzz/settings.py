"""Settings: a configuration is refused by name, or browsers accept and delete each of its cookies.

They are given in Python, as a mapping of texts, and as variables of the environment. A configuration that is written as
texts is read back as the same configuration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from typing import Any

from httpsession import ConfigError, SessionConfig, SessionCookieConfig, SessionTrackingMode
from httpsession.tracking import CookieTracking
from tests.support.browser import UNKNOWN_ID, CookieJar

from .choices import Choices
from .engine import Check

COOKIE = [setting.name for setting in fields(SessionCookieConfig)]
#: The settings of sessions that texts can give. Keys and the registry of types are objects.
SESSION = [s.name for s in fields(SessionConfig) if s.name not in ("cookie", "types", "encryption_keys")]
EDGES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 60, 1800, 64, 2**31 - 1, 2**31, -(2**31) - 1, 10**400, 0.0, 0.5, -1.5, 1e-9),
    *(math.nan, math.inf, timedelta(0), timedelta(minutes=30), timedelta(microseconds=1), timedelta.max, timedelta.min),
    *(b"", b"x", [], {}, set(), (), object(), int, ["COOKIE"], ["url", "COOKIE"], [SessionTrackingMode.SSL], [None]),
    *({"a": "b"}, {"Max-Age": "60"}, {"SameSite": "none"}, {"Secure": "", "Partitioned": ""}, {"a": "1", "A": "2"}),
    *(
        {"Path": "/x;y"},
        {"a\r\nb": "c"},
        {"a": "\0"},
        {1: 2},
        {"Priority": "High"},
        {"expires": "x"},
        {"HttpOnly": "1"},
    ),
    *(["cache", "cookies"], ["user_agent"], ["*", "CACHE"], [["x"]], [{}], "evict", "deny"),
)
#: Values that are likely to be right, also in combinations that are not.
LIKELY: dict[str, tuple[Any, ...]] = {
    "profile": ("default", "hardened", "HARDENED"),
    "name": ("JSESSIONID", "sid", "__Host-sid", "__Secure-sid", "__http-sid"),
    "domain": (None, "example.com", ".Example.com"),
    "path": (None, "/", "/app"),
    "http_only": (True, False, "true"),
    "secure": (True, False, "auto", "true"),
    "max_age": (-1, 0, 60, "30m"),
    "same_site": ("Lax", "strict", "None", None),
    "partitioned": (True, False, "true"),
    "attributes": ({}, {"Priority": "High"}, {"Secure": ""}, {"a": "\0"}, {"a": "b;c"}, {"Max-Age": "5"}, "a=b; c"),
    "max_inactive_interval": (1800, 0, -1, "30m", timedelta(minutes=1)),
    "max_lifetime": (None, 86400, 0.5, "1d"),
    "newcomer_interval": (None, 300, "5m"),
    "tracking_modes": (["COOKIE"], ["URL"], "cookie,url"),
}
TEXTS = (
    *("", " ", "0", "1", "-1", "60", "30m", "PT1H", "1.5h", "500ms", "1e3", "1e999", "9" * 30, "P1D", "PT", "-PT5S"),
    *("true", "FALSE", "on", "none", "None", "auto", "omitted", "Lax", " strict ", "cookie", "cookie,url", "ssl", ","),
    *(
        "JSESSIONID",
        "sid",
        "__Host-sid",
        "__secure-SID",
        "__Http-x",
        "__Host-Http-x",
        "__HoSt-",
        "a b",
        "a;b",
        "a=b",
        "é",
    ),
    *("example.com", ".Example.com", "localhost", "a..b", "-a.b", "1.2.3.4", "/", "/app", "app", "/a b", "/a;b", "/é"),
    *("a\r\nSet-Cookie: x=y", "a\nb", "\0", "\x7f", "\x85", "\u2028", "\ud800", "x" * 2000, "Priority=High; Flag"),
    *("Max-Age=5", "SameSite=Lax; a", "a=1; a=2", ";;", "Domain=evil.example", "cache,storage", "user_agent", "evict"),
)
#: Spellings of a setting in a mapping; ``{}`` is its name in this package.
SPELLINGS = ("{}", "{}", "server.servlet.session.{}", "{}_", "cookie.{}", "COOKIE_{}", "-{}")
NAMES = (
    *SESSION,
    *(f"cookie.{name}" for name in COOKIE),
    "profile",
    "timeout",
    "server.servlet.session.timeout",
    "store",
    "",
    "x",
)
MOUNTS = ("", "/app", "/\xff\r\n;x")
HOST = "www.example.com"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@contextmanager
def target() -> Iterator[Check]:
    """Prepare nothing."""
    yield check


def check(choices: Choices) -> None:
    """Make a configuration in any of the three ways, and check it or the error."""
    try:
        config = choices.pick((_from_python, _from_mapping, _from_environ))(choices)
    except ConfigError as error:
        check_error(error)
        return
    check_cookies(config, choices)
    if _has_texts_alone(config):
        assert SessionConfig.from_environ(variables(config)) == config


def check_error(error: ConfigError) -> None:
    """Check that the message of an error is one line for a log."""
    assert not CONTROL.search(str(error)), "a control character in a message"
    assert len(str(error)) < 2000


def check_cookies(config: SessionConfig, choices: Choices) -> None:
    """Check that a browser accepts the cookie of a configuration, over http unless it is for https, and deletes it."""
    tracking = CookieTracking(config)
    scheme = "https" if config.cookie.secure is True else choices.pick(("http", "https"))
    mount = choices.pick(MOUNTS)
    jar = CookieJar((config.cookie.domain or HOST).removeprefix(".").lower())
    _receive(jar, tracking.add([], UNKNOWN_ID, mount, scheme), scheme)
    assert [cookie.value for cookie in jar.cookies.values()] == [UNKNOWN_ID] * bool(config.cookie.max_age)
    _receive(jar, tracking.expire([], mount, scheme), scheme)
    assert not jar.cookies


def _receive(jar: CookieJar, headers: list[tuple[str, str]], scheme: str) -> None:
    ((name, value),) = headers
    assert name == "Set-Cookie"
    assert value.isascii()
    assert not CONTROL.search(value)
    assert jar.receive(value, https=scheme == "https"), f"browsers refuse {value}"


def variables(config: SessionConfig) -> dict[str, str]:
    """Return a configuration as variables of the environment."""
    own = {name: getattr(config, name) for name in SESSION}
    cookie = {f"cookie_{name}": getattr(config.cookie, name) for name in COOKIE}
    return {f"HTTPSESSION_{name.upper()}": _text(name, value) for name, value in (own | cookie).items()}


def _text(name: str, value: object) -> str:
    if name == "cookie_same_site":
        return "omitted" if value is None else str(value)
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}={text}" if text else key for key, text in value.items())
    if isinstance(value, tuple | frozenset):
        return ",".join(getattr(item, "name", item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def _has_texts_alone(config: SessionConfig) -> bool:
    """Return whether texts can give the configuration. Blanks around the value of an attribute are not read."""
    if config.types or config.encryption_keys:
        return False
    return all(value == value.strip() for value in config.cookie.attributes.values())


def _from_python(choices: Choices) -> SessionConfig:
    cookie = {name: _value(choices, name) for name in choices.picks(COOKIE, 4)}
    settings = {name: _value(choices, name) for name in choices.picks([*SESSION, "types", "encryption_keys"], 3)}
    if choices.is_one_in(10):
        settings["cookie"] = _value(choices)
    elif cookie:
        settings["cookie"] = SessionCookieConfig(**cookie)
    if not choices.is_one_in(4):
        return SessionConfig(**settings)
    config = SessionConfig.hardened(**settings)
    assert (config.cookie.secure, config.cookie.http_only) == (True, True)
    assert config.cookie.name.lower().startswith(("__host-", "__secure-", "__http-"))
    assert not config.tracks(SessionTrackingMode.URL)
    assert min(config.max_inactive_interval, config.max_lifetime, config.newcomer_interval) > 0
    return config


def _from_mapping(choices: Choices) -> SessionConfig:
    given: dict[Any, Any] = {}
    for name in choices.picks(NAMES, 5):
        value = _value(choices, name)
        if choices.is_one_in(8):
            name = choices.pick(SPELLINGS).format(name.removeprefix("cookie."))
        if choices.is_one_in(10):
            given[choices.pick((name.upper(), name.replace("_", "-"), None, 1, b"x"))] = value
        elif choices.is_one_in(10):
            given["cookie"] = {name.removeprefix("cookie."): value}
        else:
            given[name] = value
    return SessionConfig.from_mapping(given, source=choices.pick((None, "app.ini", "a\nb")))


def _from_environ(choices: Choices) -> SessionConfig:
    given = {}
    for name in choices.picks(NAMES, 5):
        variable = f"HTTPSESSION_{name.replace('.', '_').upper()}"
        value = _value(choices, name)
        text = value if isinstance(value, str) else choices.pick(TEXTS)
        given[choices.pick((variable, variable, variable.lower(), name))] = text
    return SessionConfig.from_environ(given)


def _value(choices: Choices, name: str = "") -> object:
    """Return a value of a setting, which is likely to be right for three of four settings."""
    likely = LIKELY.get(name.removeprefix("cookie."))
    if likely is not None and not choices.is_one_in(4):
        return choices.pick(likely)
    return choices.pick(TEXTS) if choices.flag() else choices.pick(EDGES)
