"""The settings of sessions, and how a mapping, the environment or a ``web.xml`` gives them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from ..codec.registered import Types, registrations
from ..errors import ConfigError, kind_of, shown
from ..record import MAX_VALUE
from . import profiles
from .cookie import SessionCookieConfig
from .fields import (
    INTERVALS,
    MAX_INTERVAL,
    is_interval,
    is_seconds,
    is_whole,
    require,
    require_seconds,
    with_field_docs,
)
from .keys import read_keys
from .texts import Source, read_environ, read_mapping
from .webxml import read_web_xml

if TYPE_CHECKING:
    from .fields import Seconds, WholeSeconds

#: The largest number that a bound may be.
_MOST: Final = 2**31 - 1
#: The names that settings take, by their spelling in lower case.
_HINTS: Final = {"user_agent": "user_agent", "address": "address"}
_DIRECTIVES: Final = {name.lower(): name for name in ("cache", "cookies", "storage", "executionContexts", "*")}
_URL_NAME: Final = re.compile(r"[A-Za-z0-9._~!$&'*+-]+")


class SessionTrackingMode(Enum):
    """A way in which the client carries the session id (Servlet 6.1, 7.1)."""

    COOKIE = "COOKIE"
    """In the session cookie."""

    URL = "URL"
    """In a path parameter of each URL."""

    SSL = "SSL"
    """By the TLS session. The Servlet specification names it; it is refused here, since WSGI does not tell its id."""


@dataclass(frozen=True, kw_only=True)
@with_field_docs
class SessionConfig:
    """The settings of an application's sessions (Servlet 6.1, ``session-config``): frozen, and checked when made.

    Raises:
        ConfigError: a setting has a wrong value; the message names the setting, the value and what is allowed.
    """

    max_inactive_interval: WholeSeconds = 1800  # type: ignore[assignment]
    """Seconds without a request after which a session expires, also given as a timedelta. Zero or less: never."""

    max_lifetime: Seconds = None  # type: ignore[assignment]
    """Seconds after its creation at which a session expires, however much it is used, also given as a timedelta.
    None: no such deadline."""

    tracking_modes: Iterable[SessionTrackingMode | str] = frozenset({SessionTrackingMode.COOKIE})
    """The ways in which clients carry the id: COOKIE, URL or both, as members or by name."""

    cookie: SessionCookieConfig = field(default_factory=SessionCookieConfig)
    """The settings of the session cookie."""

    expire_cookie: bool = True
    """Whether the response to a request that invalidates its session makes the client delete the cookie."""

    distributable: bool = False
    """Whether attributes must be of types that can be stored (Servlet 6.1, 7.7.2).
    In a shared store they always must. In memory this keeps an application fit for a shared store.
    """

    types: Types = field(default_factory=dict)
    """Classes of the application that can be stored, by the names under which they are stored: dataclasses, Enum
    classes, and tuples of any class, a function from its objects to storable data, and a function from data to objects.
    """

    max_sessions: int | None = None
    """The number of sessions that there may be at a time, 1 to 2147483647. None: as many as the store has room for,
    which is 100000 in memory and any number elsewhere. -1: any number.
    A new session beyond it takes the place of an expired one, or of the oldest one of a newcomer, or else is refused.
    """

    newcomer_interval: Seconds = None  # type: ignore[assignment]
    """Seconds after the request that created it at which a session expires whose client has neither come back nor
    logged in, also given as a timedelta. None: such a session lives as long as any other."""

    max_attribute_bytes: int = 256 * 1024
    """Bytes that the encoding of one attribute may have, 1 to 2097152. Objects that are kept live have no size."""

    max_session_bytes: int = 1024 * 1024
    """Bytes that the encodings of all attributes of a session may have together, 1 to 2147483647."""

    max_attributes: int = 1000
    """The number of attributes that a session may have where they are encoded, 1 to 2147483647."""

    max_sessions_per_principal: int | None = None
    """The number of sessions in which one user may be logged in at a time, 1 to 2147483647. None: any number."""

    when_too_many: Literal["evict", "deny"] = "evict"
    """The effect of a login beyond ``max_sessions_per_principal``: ``"evict"`` ends the oldest login of the user,
    ``"deny"`` refuses the new one."""

    allow_url_login: bool = True
    """Whether a user may log in whose client carries the id in URLs alone."""

    client_hints: Collection[str] = ()
    """The facts that lists of sessions show of the client that logged in, or that created a session without a login:
    ``"user_agent"``, ``"address"`` or both. These are personal data, so nothing is kept by default."""

    clear_site_data: Collection[str] = ()
    """The data that the client deletes when its session is invalidated, by a Clear-Site-Data header over https:
    ``"cache"``, ``"cookies"``, ``"storage"``, ``"executionContexts"`` or ``"*"``."""

    encryption_keys: Iterable[bytes | str] = field(default=(), repr=False)
    """The keys that encrypt attributes in a shared store, newest first: 32 bytes each, or those in hexadecimal or
    base64. The first encrypts, and all decrypt. Without keys the encodings are readable in the store. With keys a
    session that was written without them, or was changed in the store, is no session."""

    id_bytes: int = 16
    """Random bytes in an id, 16 to 64. The id has twice as many hexadecimal digits."""

    sweep_interval: Seconds = 10  # type: ignore[assignment]
    """Seconds between two sweeps for expired sessions, also given as a timedelta.
    None: only :meth:`SessionManager.sweep` sweeps."""

    def __post_init__(self) -> None:
        require_seconds(is_interval, self, "max_inactive_interval", INTERVALS)
        allowed = f"None or a number of seconds above zero, at most {MAX_INTERVAL}"
        require_seconds(_is_seconds_or_none, self, "max_lifetime", allowed)
        object.__setattr__(self, "tracking_modes", self._modes())
        self._check_cookie()
        require(isinstance(self.expire_cookie, bool), self, "expire_cookie", "True or False")
        require(isinstance(self.distributable, bool), self, "distributable", "True or False")
        self._check_types()
        self._check_bounds()
        require_seconds(_is_seconds_or_none, self, "newcomer_interval", allowed)
        require(isinstance(self.allow_url_login, bool), self, "allow_url_login", "True or False")
        require(self.when_too_many in ("evict", "deny"), self, "when_too_many", "'evict' or 'deny'")
        self._fold_names("client_hints", _HINTS)
        self._fold_names("clear_site_data", _DIRECTIVES)
        object.__setattr__(self, "encryption_keys", read_keys(self.encryption_keys))
        require(is_whole(self.id_bytes) and 16 <= self.id_bytes <= 64, self, "id_bytes", "a whole number, 16 to 64")
        require_seconds(_is_seconds_or_none, self, "sweep_interval", allowed)

    def tracks(self, mode: SessionTrackingMode) -> bool:
        """Return whether clients carry the id in the way of *mode*."""
        return mode in self.tracking_modes

    def _check_bounds(self) -> None:
        """Check the numbers that bound sessions and attributes."""
        bounds = {"max_attribute_bytes": MAX_VALUE, "max_session_bytes": _MOST, "max_attributes": _MOST}
        for setting, most in bounds.items():
            value = getattr(self, setting)
            require(is_whole(value) and 0 < value <= most, self, setting, f"a whole number above zero, at most {most}")
        for setting, least in {"max_sessions": -1, "max_sessions_per_principal": 1}.items():
            value = getattr(self, setting)
            fits = value is None or (is_whole(value) and value != 0 and least <= value <= _MOST)
            also = " or -1 for no bound" if least < 0 else ""
            require(fits, self, setting, f"None or a whole number above zero, at most {_MOST}{also}")

    def _fold_names(self, setting: str, allowed: Mapping[str, str]) -> None:
        """Replace names in any case by a tuple of the *allowed* ones."""
        given, words = getattr(self, setting), f"a sequence of {', '.join(map(repr, allowed.values()))}"
        require(isinstance(given, Iterable) and not isinstance(given, str | bytes), self, setting, words)
        names = [name.lower() if isinstance(name, str) else "" for name in given]
        require(all(name in allowed for name in names), self, setting, words)
        object.__setattr__(self, setting, tuple(dict.fromkeys(allowed[name] for name in names)))

    def _check_types(self) -> None:
        """Check the types as the codec does."""
        try:
            registrations(self.types)
        except ConfigError as error:
            is_mapping, why = isinstance(self.types, Mapping), str(error)
            why = f"a mapping of names to classes; {why}" if is_mapping else why.partition(", but must be ")[2]
            require(False, self, "types", why)

    def _check_cookie(self) -> None:
        """Check the cookie; in URLs its name is that of the path parameter."""
        cookie, lifetime = self.cookie, self.max_lifetime
        require(isinstance(cookie, SessionCookieConfig), self, "cookie", "a SessionCookieConfig")
        if self.tracks(SessionTrackingMode.URL):
            fits = bool(_URL_NAME.fullmatch(cookie.name))
            require(fits, cookie, "name", "fit for a URL, since URL tracking uses it there")
            is_for_host = cookie.name.lower().startswith("__host-")
            allowed = "without __Host- if tracking_modes has URL, which any host can plant"
            require(not is_for_host, cookie, "name", allowed)
        fits = lifetime is None or cookie.max_age <= lifetime
        require(fits, cookie, "max_age", f"at most the max_lifetime of {lifetime} seconds, at which sessions expire")

    def _modes(self) -> frozenset[SessionTrackingMode]:
        """Return the tracking modes, which may be given by name."""
        allowed = "COOKIE, URL or both (SSL does not exist in WSGI)"
        given = self.tracking_modes
        require(isinstance(given, Iterable) and not isinstance(given, str), self, "tracking_modes", allowed)
        names = {
            mode.name if isinstance(mode, SessionTrackingMode) else mode.upper() if isinstance(mode, str) else ""
            for mode in given
        }
        require(bool(names) and names <= {"COOKIE", "URL"}, self, "tracking_modes", allowed)
        return frozenset(SessionTrackingMode[name] for name in names)

    def weaknesses(self) -> list[str]:
        """Return what is allowed and seldom meant, in sentences for the log."""
        found = []
        if self.max_inactive_interval <= 0 and self.max_lifetime is None:
            found.append(
                f"SessionConfig.max_inactive_interval is {self.max_inactive_interval} and max_lifetime is None, "
                "so that sessions never expire"
            )
        if self.tracks(SessionTrackingMode.COOKIE) and not self.cookie.http_only:
            found.append("SessionCookieConfig.http_only is False, so that scripts in a page can read the session id")
        return found

    @classmethod
    def hardened(cls, **changes: Any) -> Self:
        """Return the configuration of the hardened profile, with *changes*: arguments as for the class.

        A session expires after 15 minutes without a request, 12 hours after its creation or latest login, and 5 minutes
        after its creation if its client has not come back. Ids travel in cookies alone. The cookie is Secure, HttpOnly
        and SameSite=Lax, and is called ``__Host-JSESSIONID``; with a domain or a path of its own it is called
        ``__Secure-JSESSIONID``.

        Raises:
            ConfigError: a setting has a wrong value, or takes away a protection of the profile, such as URL tracking.
        """
        modes = cls(tracking_modes=changes.get("tracking_modes", cls().tracking_modes))
        fits = not modes.tracks(SessionTrackingMode.URL)
        require(fits, modes, "tracking_modes", f"COOKIE alone {profiles.IN_HARDENED}")
        cookie = changes.get("cookie", SessionCookieConfig())
        require(isinstance(cookie, SessionCookieConfig), cls(**changes), "cookie", "a SessionCookieConfig")
        changes["cookie"] = _hardened(_settings_of(cookie))
        config = cls(**{**profiles.HARDENED, **changes})
        for setting in profiles.BOUNDS:
            seconds = getattr(config, setting)
            fits = seconds is not None and seconds > 0
            require(fits, config, setting, f"a number of seconds above zero {profiles.IN_HARDENED}")
        require(config.expire_cookie, config, "expire_cookie", f"True {profiles.IN_HARDENED}")
        return config

    @classmethod
    def from_web_xml(cls, path: str | PathLike[str]) -> Self:
        """Return the configuration that the ``session-config`` of a ``web.xml`` describes (Servlet 6.1, 14.4).

        Files of all versions that have a schema are read, 2.4 to 6.x. ``session-timeout`` is in minutes, ``max-age`` in
        seconds; ``comment`` is ignored. A setting that the file leaves out has the default of this package, not that of
        a container.

        Raises:
            ConfigError: the file cannot be read, is not well-formed or no ``web.xml``, has a DOCTYPE, or an element of
                ``session-config`` is unknown, there twice or has a wrong value. The message names file, element and
                value.
        """
        return cls._of(read_web_xml(path, cls._defaults()))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], *, source: str | None = None) -> Self:
        """Return the configuration that a mapping describes. Messages call it *source*, such as the name of a file.

        Keys are the settings of this package (``"max_inactive_interval"``, ``"cookie.name"``) or their names in Spring
        Boot (``"server.servlet.session.timeout"``), in any case, with hyphens or underscores. The key of a nested
        mapping is the part of a name before a dot. Values have the types of the settings, or are texts:

        - durations are seconds or have a unit: ``"1800"``, ``"1800s"``, ``"30m"``, ``"1h"``, ``"1d"``, ``"PT30M"``;
        - ``"true"``, ``"on"``, ``"yes"`` and ``"1"`` are True, ``"false"``, ``"off"``, ``"no"`` and ``"0"`` are False;
        - ``"cookie,url"`` is a list of words, ``"Priority=High; Flag"`` are attributes of the cookie;
        - ``"none"`` is None; for ``same_site`` it is ``"None"``, and ``"omitted"`` is None;
        - ``"profile": "hardened"`` makes the settings changes of :meth:`hardened`.

        Raises:
            ConfigError: *mapping* is none, a key is unknown, two keys are the same setting, or a setting has a wrong
                value.
        """
        if not isinstance(mapping, Mapping):
            raise ConfigError(f"the settings are {kind_of(mapping)}, but must be a mapping of names and values")
        return cls._of(read_mapping(mapping, cls._defaults() | {"profile": "default"}, source))

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return the configuration that the environment describes: ``HTTPSESSION_MAX_INACTIVE_INTERVAL=30m``.

        The default is the environment of the process. Variables have the names of the settings in capitals, those of
        the cookie as in ``HTTPSESSION_COOKIE_SAME_SITE``. Values are texts as for :meth:`from_mapping`.
        ``HTTPSESSION_PROFILE=hardened`` makes them changes of :meth:`hardened`. ``HTTPSESSION_STORE`` is ignored, as it
        is for the URL of the store.

        Raises:
            ConfigError: *environ* is no mapping, a variable ``HTTPSESSION_*`` is unknown, two are the same setting, or
                a setting has a wrong value.
        """
        if not isinstance(environ, Mapping | None):
            raise ConfigError(f"the environment is {kind_of(environ)}, but must be a mapping such as os.environ")
        variables = os.environ if environ is None else environ
        return cls._of(read_environ(variables, cls._defaults() | {"profile": "default"}))

    @classmethod
    def _defaults(cls) -> dict[str, object]:
        """Return all settings and their defaults, those of the cookie as in ``cookie.max_age``."""
        config, cookie = cls(), SessionCookieConfig()
        own = {setting.name: getattr(config, setting.name) for setting in fields(cls)}
        return own | {f"cookie.{name}": value for name, value in _settings_of(cookie).items()}

    @classmethod
    def _of(cls, source: Source) -> Self:
        """Return the configuration with the settings of a source; errors are in the words of the source."""
        settings = dict(source.settings)
        names = [name for name in settings if name.startswith("cookie.")]
        profile = settings.pop("profile", "default")
        is_hardened = profile == "hardened"
        try:
            if profile not in profiles.PROFILES:
                raise ConfigError(f"profile is {shown(profile)}, but must be {' or '.join(profiles.PROFILES)}")
            if names and "cookie" in settings:
                raise ConfigError(f"cookie and {names[0]} are both given: give only one")
            if names:
                cookie = {name.removeprefix("cookie."): settings.pop(name) for name in names}
                settings["cookie"] = _hardened(cookie) if is_hardened else SessionCookieConfig(**cookie)
            return cls.hardened(**settings) if is_hardened else cls(**settings)
        except ConfigError as error:
            raise source.refusal(error) from None


def _is_seconds_or_none(value: object) -> bool:
    return value is None or is_seconds(value)


def _settings_of(cookie: SessionCookieConfig) -> dict[str, Any]:
    """Return the settings of a cookie by name."""
    return {setting.name: getattr(cookie, setting.name) for setting in fields(cookie)}


def _hardened(settings: Mapping[str, Any]) -> SessionCookieConfig:
    """Return the cookie of the hardened profile, with these *settings* as far as they are not the defaults."""
    defaults = _settings_of(SessionCookieConfig())
    given = {name: value for name, value in settings.items() if value != defaults[name]}
    return SessionCookieConfig(**profiles.harden_cookie(given))
