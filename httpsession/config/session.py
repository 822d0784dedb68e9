"""What can be configured: frozen, and validated once, at construction."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from os import PathLike
from typing import Any, Final, Literal, Self

from ..errors import ConfigError
from .texts import Source, read_environ, read_mapping
from .webxml import read_web_xml

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PATH = re.compile(r"/[!-:<-~]*")
_ATTRIBUTE_VALUE = re.compile(r"[ -:<-~]*")
_DOMAIN = re.compile(
    r"\.?(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
#: The longest interval in seconds, as in Java: 68 years.
MAX_INTERVAL: Final = 2**31 - 1
#: The attributes of a cookie that have a setting of their own, and what they are called in the header.
_TYPED: Final = {
    "domain": "Domain",
    "path": "Path",
    "http_only": "HttpOnly",
    "secure": "Secure",
    "max_age": "Max-Age",
    "same_site": "SameSite",
    "partitioned": "Partitioned",
}


def _require(fits: bool, owner: object, name: str, allowed: str) -> None:
    if not fits:
        raise ConfigError.of(owner, name, f"must be {allowed}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


class SessionTrackingMode(Enum):
    """How the client carries the session id (Servlet 6.1, 7.1)."""

    COOKIE = "COOKIE"
    URL = "URL"
    #: Named by the Servlet specification and refused here: a WSGI server does not tell the id of the TLS session.
    SSL = "SSL"


class CookieAttributes(Mapping[str, str]):
    """The attributes of a cookie: names whose case does not matter, values, empty for a flag. Read-only."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self._attributes = dict(attributes)
        self._names = {name.lower(): name for name in attributes}

    def __getitem__(self, name: str) -> str:
        return self._attributes[self._names[str(name).lower()]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        """Return the attributes as a dict would show them."""
        return repr(self._attributes)


@dataclass(frozen=True, kw_only=True)
class SessionCookieConfig:
    """The session cookie (Servlet 6.1, ``SessionCookieConfig``)."""

    #: The cookie's name; any but ``JSESSIONID`` is the name of the path parameter, too.
    name: str = "JSESSIONID"
    #: The domain to which the cookie is sent; None: the host that set it, and no other.
    domain: str | None = None
    #: The path below which it is sent; None: the path at which the application is mounted.
    path: str | None = None
    #: Whether scripts are kept from reading it.
    http_only: bool = True
    #: Whether it is sent over https alone; ``"auto"``: when it was set over https.
    secure: bool | Literal["auto"] = "auto"
    #: Seconds for which the client keeps it; -1: until it is closed; 0: not at all.
    max_age: int = -1
    #: Which requests of other sites carry it; None leaves the attribute out.
    same_site: Literal["Strict", "Lax", "None"] | None = "Lax"
    #: Whether it is kept apart for each site that embeds this one.
    partitioned: bool = False
    #: Further attributes; the value "" makes a flag. One that has a setting above sets it, in any case of letters.
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ConfigError: a setting, or a combination of settings, makes no cookie that a browser keeps.
        """
        self._fold_attributes()
        fits = isinstance(self.name, str) and bool(_TOKEN.fullmatch(self.name)) and len(self.name) <= 1024
        _require(fits, self, "name", "a cookie name of at most 1024 characters")
        domain = self.domain
        fits = domain is None or (isinstance(domain, str) and bool(_DOMAIN.fullmatch(domain)))
        _require(fits, self, "domain", "None or a domain name of two parts or more")
        path = self.path
        fits = path is None or (isinstance(path, str) and len(path) <= 1024 and bool(_PATH.fullmatch(path)))
        _require(fits, self, "path", "None or begin with '/', in ASCII without ';' and blanks")
        _require(isinstance(self.http_only, bool), self, "http_only", "True or False")
        fits = isinstance(self.secure, bool) or self.secure == "auto"
        _require(fits, self, "secure", "True, False or 'auto'")
        fits = _is_whole(self.max_age) and -1 <= self.max_age <= MAX_INTERVAL
        _require(fits, self, "max_age", f"a whole number of seconds up to {MAX_INTERVAL}, 0 or -1")
        fits = self.same_site in ("Strict", "Lax", "None", None)
        _require(fits, self, "same_site", "'Strict', 'Lax', 'None' or None")
        _require(isinstance(self.partitioned, bool), self, "partitioned", "True or False")
        self._validate_combinations()

    def as_attributes(self) -> CookieAttributes:
        """Return all attributes of the cookie by the names they have in its header, those with a setting included."""
        own = {header: getattr(self, setting) for setting, header in _TYPED.items()}
        return CookieAttributes(
            {
                header: "" if value is True else str(value)
                for header, value in own.items()
                if not (value is None or value is False or value in ("auto", -1))
            }
            | dict(self.attributes)
        )

    def _fold_attributes(self) -> None:
        """Give attributes that have a setting to that setting, and make the rest read-only."""
        if not isinstance(self.attributes, Mapping):
            _require(False, self, "attributes", "a mapping of names and values")
        settings = {header.lower(): setting for setting, header in _TYPED.items()}
        further: dict[str, str] = {}
        for name, value in self.attributes.items():
            if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name.lower() == "expires":
                _require(False, self, "attributes", f"named by header tokens other than Expires, not {name!r}")
            if not isinstance(value, str) or not _ATTRIBUTE_VALUE.fullmatch(value):
                _require(False, self, "attributes", f"strings in ASCII without ';', which {name} is not")
            if name.lower() in settings:
                self._set_by_attribute(settings[name.lower()], value)
            elif name.lower() in (other.lower() for other in further):
                _require(False, self, "attributes", f"without {name} twice")
            else:
                further[name] = value
        object.__setattr__(self, "attributes", CookieAttributes(further))

    def _set_by_attribute(self, setting: str, text: str) -> None:
        value: Any = text
        if setting in ("http_only", "secure", "partitioned"):
            _require(not text, self, "attributes", f"a flag without a value for {setting}")
            value = True
        elif setting == "max_age":
            _require(bool(re.fullmatch(r"-?[0-9]+", text)), self, "attributes", "a number of seconds for Max-Age")
            value = int(text)
        given = getattr(self, setting)
        default = SessionCookieConfig.__dataclass_fields__[setting].default
        if given not in (default, value):
            raise ConfigError.of(self, setting, f"in attributes {text!r}: give only one")
        object.__setattr__(self, setting, value)

    def _validate_combinations(self) -> None:
        name = self.name.lower()
        why = None
        if self.same_site == "None":
            why = "same_site='None'"
        elif self.partitioned:
            why = "partitioned=True"
        elif name.startswith(("__host-", "__secure-", "__http-")):
            why = f"the name {self.name!r}"
        if why is not None:
            _require(self.secure is True, self, "secure", f"True, as browsers demand for {why}")
        if name.startswith(("__http-", "__host-http-")):
            _require(self.http_only, self, "http_only", f"True, as browsers demand for the name {self.name!r}")
        if name.startswith("__host-"):
            _require(self.domain is None, self, "domain", f"None, as browsers demand for the name {self.name!r}")
            _require(self.path == "/", self, "path", f"'/', as browsers demand for the name {self.name!r}")


@dataclass(frozen=True, kw_only=True)
class SessionConfig:
    """How the sessions of an application behave (Servlet 6.1, ``session-config``)."""

    #: Seconds without a request after which a session is over; zero or less: never.
    max_inactive_interval: int = 1800
    #: Seconds after its creation at which a session is over, however much it is used; None: no such end.
    max_lifetime: float | None = None
    #: How clients carry the id; names may be given in place of members.
    tracking_modes: Iterable[SessionTrackingMode | str] = frozenset({SessionTrackingMode.COOKIE})
    cookie: SessionCookieConfig = field(default_factory=SessionCookieConfig)
    #: Whether the response to a request that ends the session tells the client to forget the cookie.
    expire_cookie: bool = True
    #: Whether attributes must be of types that can be stored (Servlet 6.1, 7.7.2). In a store that processes share they
    #: always must; in memory this keeps an application fit for one.
    distributable: bool = False
    #: Dataclasses and Enum classes that can be stored, too, by the names under which they are.
    types: Mapping[str, type] = field(default_factory=dict)
    #: How many sessions there may be at a time; None: any number.
    max_sessions: int | None = None
    #: Random bytes in an id, 16 to 64; the id has twice as many digits.
    id_bytes: int = 16
    #: Seconds between two looks for sessions that are over; None: only :meth:`SessionManager.sweep` looks.
    sweep_interval: float | None = 10

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ConfigError: a setting is not what it must be.
        """
        interval = self.max_inactive_interval
        allowed = f"a whole number of seconds, at most {MAX_INTERVAL} (zero or less: never)"
        _require(_is_whole(interval) and interval <= MAX_INTERVAL, self, "max_inactive_interval", allowed)
        fits = self.max_lifetime is None or (_is_positive(self.max_lifetime) and self.max_lifetime <= MAX_INTERVAL)
        _require(fits, self, "max_lifetime", f"None or a number of seconds above zero, at most {MAX_INTERVAL}")
        object.__setattr__(self, "tracking_modes", self._modes())
        _require(isinstance(self.cookie, SessionCookieConfig), self, "cookie", "a SessionCookieConfig")
        if self.tracks(SessionTrackingMode.URL):
            fits = bool(re.fullmatch(r"[A-Za-z0-9._~!$&'*+-]+", self.cookie.name))
            _require(fits, self.cookie, "name", "fit for a URL, since URL tracking uses it there")
        _require(isinstance(self.expire_cookie, bool), self, "expire_cookie", "True or False")
        _require(isinstance(self.distributable, bool), self, "distributable", "True or False")
        fits = isinstance(self.types, Mapping) and all(isinstance(name, str) for name in self.types)
        fits = fits and all(isinstance(one, type) for one in self.types.values())
        _require(fits, self, "types", "a mapping of names and classes")
        fits = self.max_sessions is None or (_is_whole(self.max_sessions) and self.max_sessions > 0)
        _require(fits, self, "max_sessions", "None or a whole number above zero")
        _require(_is_whole(self.id_bytes) and 16 <= self.id_bytes <= 64, self, "id_bytes", "a whole number, 16 to 64")
        fits = self.sweep_interval is None or _is_positive(self.sweep_interval)
        _require(fits, self, "sweep_interval", "None or a number of seconds above zero")

    def tracks(self, mode: SessionTrackingMode) -> bool:
        """Return whether clients carry the id in this way."""
        return mode in self.tracking_modes

    def _modes(self) -> frozenset[SessionTrackingMode]:
        allowed = "COOKIE, URL or both (SSL is none that WSGI offers)"
        given = self.tracking_modes
        _require(isinstance(given, Iterable) and not isinstance(given, str), self, "tracking_modes", allowed)
        names = {mode.name if isinstance(mode, SessionTrackingMode) else str(mode).upper() for mode in given}
        _require(bool(names) and names <= {"COOKIE", "URL"}, self, "tracking_modes", allowed)
        return frozenset(SessionTrackingMode[name] for name in names)

    @classmethod
    def from_web_xml(cls, path: str | PathLike[str]) -> Self:
        """Return the configuration that the ``session-config`` of a ``web.xml`` describes (Servlet 6.1, 14.4).

        Any version that has a schema will do, 2.4 to 6.x. ``session-timeout`` is in minutes, ``max-age`` in seconds;
        ``comment`` is ignored. What is not in the file has the default of this package, not that of a container.

        Raises:
            ConfigError: the file cannot be read, is not well-formed or no ``web.xml``, has a DOCTYPE, or an element of
                ``session-config`` is unknown, there twice or has a wrong value. The message names file, element and
                value.
        """
        return cls._of(read_web_xml(path, cls._defaults()))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], *, source: str | None = None) -> Self:
        """Return the configuration that a mapping describes; messages call it *source*, such as the name of a file.

        Keys are the settings of this package (``"max_inactive_interval"``, ``"cookie.name"``) or their names in Spring
        Boot (``"server.servlet.session.timeout"``), in any case, with hyphens or underscores; a mapping in the mapping
        stands for the part of a name before a dot. Values have the types of the settings, or are texts:

        - durations are seconds or have a unit: ``"1800"``, ``"1800s"``, ``"30m"``, ``"1h"``, ``"1d"``, ``"PT30M"``;
        - ``"true"``, ``"on"``, ``"yes"`` and ``"1"`` are True, ``"false"``, ``"off"``, ``"no"`` and ``"0"`` are False;
        - ``"cookie,url"`` are tracking modes, ``"Priority=High; Flag"`` are attributes of the cookie;
        - ``"none"`` is None; for ``same_site`` it is ``"None"``, and ``"omitted"`` is None.

        Raises:
            ConfigError: a key is unknown, two keys are the same setting, or a value is not what it must be.
        """
        return cls._of(read_mapping(mapping, cls._defaults(), source))

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return the configuration that the environment describes: ``HTTPSESSION_MAX_INACTIVE_INTERVAL=30m``.

        Names are those of the settings in capitals, those of the cookie as in ``HTTPSESSION_COOKIE_SAME_SITE``; values
        are texts as for :meth:`from_mapping`. ``HTTPSESSION_STORE`` is left alone: it is for the URL of the store.

        Raises:
            ConfigError: a variable ``HTTPSESSION_*`` is unknown, two are the same setting, or a value is not what it
                must be.
        """
        return cls._of(read_environ(environ, cls._defaults()))

    @classmethod
    def _defaults(cls) -> dict[str, object]:
        config, cookie = cls(), SessionCookieConfig()
        own = {one.name: getattr(config, one.name) for one in fields(cls)}
        return own | {f"cookie.{one.name}": getattr(cookie, one.name) for one in fields(cookie)}

    @classmethod
    def _of(cls, source: Source) -> Self:
        settings = dict(source.settings)
        names = [name for name in settings if name.startswith("cookie.")]
        try:
            if names and "cookie" in settings:
                raise ConfigError(f"cookie and {names[0]} are both given: give only one")
            if names:
                settings["cookie"] = SessionCookieConfig(**{name[7:]: settings.pop(name) for name in names})
            return cls(**settings)
        except ConfigError as error:
            raise source.refusal(error) from None
