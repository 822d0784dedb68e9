"""The bounds of settings: each has two ends, which are checked where the value is given."""

from __future__ import annotations

import math
import sys
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession import ConfigError, SessionConfig, SessionCookieConfig, SessionManager
from httpsession.servlet import IllegalArgumentException, ServletContext
from httpsession.stores import open_store
from httpsession.stores.sqlite import SQLiteStore
from tests.support.core import create_session
from tests.support.site import Site, streaming

MOST = 2**31 - 1
HUGE = [MOST + 1, 2**63, 10**30, 10**400, 10**5000]
NO_NUMBERS = [math.nan, math.inf, -math.inf, True, False, "60", b"60", [60], (), {}, 1j, object()]

#: The settings of numbers: good values at both ends, and bad values beyond them.
BOUNDS = {
    (SessionConfig, "max_inactive_interval"): (
        [-(2**31), -1, 0, 1, MOST],
        [-(2**31) - 1, -(10**400), 1.5, 60.0, *HUGE],
    ),
    (SessionConfig, "max_lifetime"): ([1e-3, 1, 0.5, MOST, float(MOST), None], [0, 0.0, -1, -0.5, 1e300, *HUGE]),
    (SessionConfig, "sweep_interval"): ([1e-3, 1, MOST, None], [0, -1, -1e-9, sys.float_info.max, *HUGE]),
    (SessionConfig, "max_sessions"): ([1, MOST, None, -1], [0, -2, -(10**400), 1.0, *HUGE]),
    (SessionConfig, "newcomer_interval"): ([1e-3, 1, MOST, None], [0, -1, -1e-9, sys.float_info.max, *HUGE]),
    (SessionConfig, "max_attribute_bytes"): ([1, 2**21], [0, -1, 2**21 + 1, 1.0, *HUGE]),
    (SessionConfig, "max_session_bytes"): ([1, MOST], [0, -1, 1.0, *HUGE]),
    (SessionConfig, "max_attributes"): ([1, MOST], [0, -1, 1.0, *HUGE]),
    (SessionConfig, "max_sessions_per_principal"): ([1, MOST, None], [0, -1, -(10**400), 1.0, *HUGE]),
    (SessionConfig, "id_bytes"): ([16, 64], [15, 65, 0, -16, 32.0, *HUGE]),
    (SessionCookieConfig, "max_age"): ([-1, 1, MOST], [0, -2, -(10**400), 0.5, 60.0, *HUGE]),
}
GOOD = [(cls, name, value) for (cls, name), (good, _) in BOUNDS.items() for value in good]
BAD = [(cls, name, value) for (cls, name), (_, bad) in BOUNDS.items() for value in (*bad, *NO_NUMBERS)]


def label(value):
    """Return a short name of a value."""
    return value.__name__ if isinstance(value, type) else f"{type(value).__name__}-{str(value)[:12]}"


def label_of(value):
    """Return the name of a value, also of a number with too many digits for Python."""
    try:
        return label(value)
    except ValueError:
        return "int-too-long"


@pytest.mark.parametrize(("cls", "name", "value"), GOOD, ids=label_of)
def test_good(cls, name, value):
    """Both ends of a bound are accepted, and sessions work with them."""
    config = cls(**{name: value})
    assert getattr(config, name) == value
    settings = {"cookie": config} if cls is SessionCookieConfig else {name: value}
    with Site(**settings) as site:
        answer = site.ask("/", lambda request: request.get_session().id)
        site.manager.sweep()
        assert len(answer.set_cookies) == 1


@pytest.mark.parametrize(("cls", "name", "value"), BAD, ids=label_of)
def test_bad(cls, name, value):
    """A value beyond an end, or no number, is refused where it is given: by name, and with the allowed values."""
    with pytest.raises(ConfigError, match=rf"^{cls.__name__}\.{name} is .*, but must be ") as caught:
        cls(**{name: value})
    assert len(str(caught.value)) < 350


@pytest.mark.parametrize(("cls", "name", "value"), BAD, ids=label_of)
def test_bad_in_a_mapping(cls, name, value):
    """The same from a mapping, in whose words the message is."""
    key = f"cookie.{name}" if cls is SessionCookieConfig else name
    if isinstance(value, dict | str):
        return  # a nested mapping, and texts, which are read
    with pytest.raises(ConfigError, match=rf"^app\.ini: {key} is .*, but must be "):
        SessionConfig.from_mapping({key: value}, source="app.ini")


@pytest.mark.parametrize("text", ["1" * 18, "-" + "1" * 18, "1" * 19, "9" * 5000, "1e9999", "nan", "inf", "-1e300"])
@pytest.mark.parametrize("key", ["max_inactive_interval", "max_lifetime", "sweep_interval", "cookie.max_age"])
def test_texts(key, text):
    """Texts have the same bounds, in a mapping and in the environment."""
    for call in (
        lambda: SessionConfig.from_mapping({key: text}),
        lambda: SessionConfig.from_environ({f"HTTPSESSION_{key.replace('.', '_').upper()}": text}),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert len(str(caught.value)) < 350


class TestDurations:
    """A duration may be a timedelta wherever it is given."""

    @pytest.mark.parametrize(
        ("cls", "name"),
        [
            (SessionConfig, "max_inactive_interval"),
            (SessionConfig, "max_lifetime"),
            (SessionConfig, "sweep_interval"),
            (SessionCookieConfig, "max_age"),
        ],
    )
    def test_settings(self, cls, name):
        """It is the same setting as its seconds, which are read."""
        config = cls(**{name: timedelta(minutes=30)})
        assert config == cls(**{name: 1800})
        assert (getattr(config, name), type(getattr(config, name))) == (1800, int)
        assert hash(getattr(config, name)) == hash(1800)
        for bad in (timedelta.max, timedelta.min):
            with pytest.raises(ConfigError, match=name):
                cls(**{name: bad})

    @pytest.mark.parametrize("name", ["max_lifetime", "sweep_interval"])
    def test_fractions(self, name):
        """A part of a second is kept where a setting has parts of seconds."""
        assert getattr(SessionConfig(**{name: timedelta(milliseconds=1500)}), name) == 1.5
        for bad in (timedelta(0), timedelta(seconds=-1)):
            with pytest.raises(ConfigError, match=rf"{name} is datetime\.timedelta"):
                SessionConfig(**{name: bad})

    @pytest.mark.parametrize("duration", [timedelta(milliseconds=1500), timedelta(microseconds=1)])
    def test_no_fractions(self, duration):
        """Whole seconds are demanded where there are no parts."""
        with pytest.raises(
            ConfigError, match=r"max_inactive_interval is datetime\.timedelta.*a whole number of seconds"
        ):
            SessionConfig(max_inactive_interval=duration)
        with pytest.raises(ConfigError, match=r"max_age is datetime\.timedelta.*a whole number of seconds"):
            SessionCookieConfig(max_age=duration)

    def test_never(self):
        """Zero and less is never, as in seconds."""
        for duration in (timedelta(0), timedelta(seconds=-1), -timedelta(days=1)):
            session = create_session(SessionManager(config=SessionConfig(max_inactive_interval=duration)))
            assert session.max_inactive_interval == duration.total_seconds()

    @given(st.timedeltas())
    def test_any(self, duration):
        """Any timedelta is its seconds exactly, or is refused."""
        whole, rest = divmod(duration, timedelta(seconds=1))
        if rest or not -(2**31) <= whole < 2**31:
            with pytest.raises(ConfigError):
                SessionConfig(max_inactive_interval=duration)
        else:
            assert SessionConfig(max_inactive_interval=duration).max_inactive_interval == whole

    def test_in_a_mapping(self):
        """In a mapping, under the names of Spring Boot, too."""
        config = SessionConfig.from_mapping(
            {"server.servlet.session.timeout": timedelta(hours=1), "cookie.max-age": timedelta(1)}
        )
        assert (config.max_inactive_interval, config.cookie.max_age) == (3600, 86400)

    def test_effect(self, clock):
        """Sessions expire accordingly."""
        with Site(max_inactive_interval=timedelta(minutes=1), max_lifetime=timedelta(minutes=2)) as site:
            session_id = site.new_session()
            clock.set(59)
            assert site.has(session_id)
            clock.set(118)
            assert site.has(session_id)
            clock.set(120)
            assert not site.has(session_id)


class TestSetter:
    """The interval of one session."""

    @pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            (timedelta(minutes=5), 300),
            (timedelta(0), 0),
            (-1, -1),
            (-(2**31), -(2**31)),
            (MOST, MOST),
            (timedelta(seconds=MOST), MOST),
        ],
    )
    def test_good(self, url, value, seconds):
        """Whole seconds or a timedelta of them, from end to end, kept by each store."""
        with SessionManager(url, config=SessionConfig(sweep_interval=None)) as manager:
            site = Site(manager)

            def change(request):
                session = request.get_session()
                session.max_inactive_interval = value
                return session.id

            session_id = site.ask("/", change).value
            request = site.request(session_id)
            assert request.session.get_session().max_inactive_interval == seconds
            assert type(request.session.get_session().max_inactive_interval) is int

    @pytest.mark.parametrize(
        "value",
        [
            *NO_NUMBERS,
            *HUGE,
            -(2**31) - 1,
            -(10**400),
            1.0,
            None,
            timedelta(milliseconds=1),
            timedelta.max,
            timedelta.min,
        ],
        ids=label_of,
    )
    def test_bad(self, value):
        """Anything else is a ValueError, and the interval stays."""
        session = create_session(SessionManager())
        with pytest.raises(ValueError, match=r"^max_inactive_interval is a whole number of seconds") as caught:
            session.max_inactive_interval = value
        assert session.max_inactive_interval == 1800
        assert len(str(caught.value)) < 350


class TestServlet:
    """Java's setters, with Java's units."""

    @pytest.mark.parametrize("minutes", [-(2**31), -1, 0, 1, MOST // 60])
    def test_timeout(self, minutes):
        """Minutes from end to end; negative ones are never."""
        context = ServletContext(streaming)
        context.setSessionTimeout(minutes)
        assert context.getSessionTimeout() == max(minutes, -1)

    @pytest.mark.parametrize("minutes", [MOST // 60 + 1, *HUGE, *NO_NUMBERS, 1.5], ids=label_of)
    def test_no_timeout(self, minutes):
        """Anything else is refused in minutes."""
        context = ServletContext(streaming)
        with pytest.raises(IllegalArgumentException, match=r"^the timeout is .* minutes"):
            context.setSessionTimeout(minutes)
        assert context.getSessionTimeout() == 30

    @pytest.mark.parametrize("seconds", [*HUGE, *NO_NUMBERS, 1.5, -1.5], ids=label_of)
    def test_no_max_age(self, seconds):
        """The age of the cookie is a whole number of seconds with an upper bound."""
        cookie = ServletContext(streaming).getSessionCookieConfig()
        with pytest.raises(IllegalArgumentException, match="max_age"):
            cookie.setMaxAge(seconds)
        assert cookie.getMaxAge() == -1

    @pytest.mark.parametrize("text", ["9" * 19, "9" * 5000, str(MOST + 1), "-" + "9" * 5000])
    def test_attribute(self, text):
        """The same as an attribute."""
        with pytest.raises(ConfigError):
            SessionCookieConfig(attributes={"Max-Age": text})
        with pytest.raises(IllegalArgumentException):
            ServletContext(streaming).getSessionCookieConfig().setAttribute("Max-Age", text)


class TestTexts:
    """The lengths of texts."""

    @pytest.mark.parametrize("name", ["name", "path", "domain"])
    def test_settings(self, name):
        """Each has a longest text."""
        with pytest.raises(ConfigError, match=name) as caught:
            SessionCookieConfig(**{name: "/" + "a" * 1024})
        assert len(str(caught.value)) < 350

    def test_attributes(self):
        """Names and values of attributes have at most 1,024 characters: browsers ignore longer ones."""
        assert SessionCookieConfig(attributes={"x": "v" * 1024, "n" * 1024: ""})
        for wrong in ({"x": "v" * 1025}, {"n" * 1025: ""}):
            with pytest.raises(ConfigError, match="at most 1024 characters") as caught:
                SessionCookieConfig(attributes=wrong)
            assert len(str(caught.value)) < 450


class TestTimeout:
    """The timeout of a store."""

    @pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "1e3", "10000", "9" * 5000, "", "true", "1s"])
    def test_in_a_url(self, timeout, tmp_path):
        """In a URL, of whatever store."""
        for url in ("memory://", f"sqlite:///{tmp_path}/x.db", "redis://127.0.0.1"):
            with pytest.raises(ConfigError, match=r"timeout .* above zero, below 10000"):
                open_store(f"{url}?timeout={timeout}")

    @pytest.mark.parametrize("timeout", [0, -1, 10_000, 1e300, *HUGE, *NO_NUMBERS, None], ids=label_of)
    def test_as_an_argument(self, timeout, tmp_path):
        """As an argument; no file is made."""
        with pytest.raises(ConfigError, match=r"the timeout is .* above zero, below 10000"):
            SQLiteStore(tmp_path / "x.db", timeout=timeout)
        assert list(tmp_path.iterdir()) == []


class TestSameSite:
    """same_site in any case."""

    @pytest.mark.parametrize("text", ["strict", "STRICT", "Strict", "lax", "LAX", "LaX", "Lax", "none", "NONE", "None"])
    def test_any_case(self, text):
        """It is read in the case that the header has, given as a setting, an attribute, or in a mapping."""
        for config in (
            SessionCookieConfig(same_site=text, secure=True),
            SessionCookieConfig(attributes={"SameSite": text}, secure=True),
            SessionCookieConfig(attributes={"samesite": text.lower()}, same_site=text.upper(), secure=True),
            SessionConfig.from_mapping({"cookie.same_site": text, "cookie.secure": True}).cookie,
        ):
            assert config.same_site == text.capitalize()
            assert config == SessionCookieConfig(same_site=text.capitalize(), secure=True)

    @pytest.mark.parametrize("text", ["", "laxer", " lax", "lax ", "lax\n", "of", "\u017ftrict", True, 0, [], b"lax"])
    def test_other_texts(self, text):
        """Other values are refused."""
        with pytest.raises(ConfigError, match="'Strict', 'Lax', 'None' or None"):
            SessionCookieConfig(same_site=text)

    def test_none_needs_secure(self):
        """The demands of browsers for None hold in any case."""
        with pytest.raises(ConfigError, match="secure"):
            SessionCookieConfig(same_site="none")

    def test_servlet(self):
        """Java's setter of attributes takes any case, and the header has the right one."""
        context = ServletContext(lambda environ, start_response: [])
        context.getSessionCookieConfig().setAttribute("samesite", "STRICT")
        assert context.manager.config.cookie.same_site == "Strict"


def test_time_stays_sane():
    """A session with the longest interval and lifetime is there, and is found."""
    with Site(max_inactive_interval=MOST, max_lifetime=MOST) as site:
        session_id = site.new_session()
        site.manager.sweep(time.time() + 1000)
        assert site.has(session_id)
