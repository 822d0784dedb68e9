"""The settings of the session cookie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from ..errors import ConfigError, named, shown
from .cookie_attributes import ATTRIBUTES, FLAGS, CookieAttributes, setting_of
from .fields import MAX_INTERVAL, in_seconds, is_whole, require, require_seconds, with_field_docs

if TYPE_CHECKING:
    from .fields import WholeSeconds

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PATH: Final = re.compile(r"/[!-:<-~]*")
_ATTRIBUTE_VALUE: Final = re.compile(r"[ -:<-~]*")
_DOMAIN: Final = re.compile(
    r"\.?(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_MAX_LENGTH: Final = 1024
#: The values of SameSite, by their lower case.
_SAME_SITES: Final[Mapping[object, str]] = {"strict": "Strict", "lax": "Lax", "none": "None"}


@dataclass(frozen=True, kw_only=True)
@with_field_docs
class SessionCookieConfig:
    """The settings of the session cookie (Servlet 6.1, ``SessionCookieConfig``): frozen, and checked when made.

    Raises:
        ConfigError: no browser keeps a cookie with this setting, or with this combination of settings.
    """

    name: str = "JSESSIONID"
    """The name of the cookie. Any other than ``JSESSIONID`` is also the name of the path parameter."""

    domain: str | None = None
    """The domain to which the client sends the cookie, subdomains included. None: only the host that set it."""

    path: str | None = None
    """The path below which the client sends the cookie. None: the path at which the application is mounted."""

    http_only: bool = True
    """Whether the client hides the cookie from scripts."""

    secure: bool | Literal["auto"] = "auto"
    """Whether the client sends the cookie over https only. ``"auto"``: if the request that set it came over https."""

    max_age: WholeSeconds = -1  # type: ignore[assignment]
    """Seconds for which the client keeps the cookie, also given as a timedelta. -1: until the browser is closed."""

    same_site: Literal["Strict", "Lax", "None"] | None = "Lax"
    """The requests from other sites with which the client sends the cookie, in any case. None leaves the attribute
    out."""

    partitioned: bool = False
    """Whether the client keeps a cookie apart for each site that embeds this one."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    """Further attributes; the value ``""`` makes a flag. An attribute that has a setting above sets that setting."""

    def __post_init__(self) -> None:
        """Check each setting, then what browsers demand of several together."""
        object.__setattr__(self, "same_site", _SAME_SITES.get(_lower(self.same_site), self.same_site))
        self._fold_attributes()
        require(_is_name(self.name), self, "name", f"a cookie name of at most {_MAX_LENGTH} characters")
        require(_is_domain(self.domain), self, "domain", "None or a domain name of two parts or more")
        require(_is_path(self.path), self, "path", "None or begin with '/', in ASCII without ';' and blanks")
        require(isinstance(self.http_only, bool), self, "http_only", "True or False")
        require(isinstance(self.secure, bool) or self.secure == "auto", self, "secure", "True, False or 'auto'")
        # With 0 the client would keep no cookie, so that each request began a session in vain.
        allowed = f"a whole number of seconds above zero, at most {MAX_INTERVAL}, or -1"
        require_seconds(
            lambda value: is_whole(value) and (value == -1 or 0 < value <= MAX_INTERVAL), self, "max_age", allowed
        )
        fits = self.same_site in ("Strict", "Lax", "None", None)
        require(fits, self, "same_site", "'Strict', 'Lax', 'None' or None")
        require(isinstance(self.partitioned, bool), self, "partitioned", "True or False")
        self._check_combinations()

    def as_attributes(self) -> CookieAttributes:
        """Return all attributes of the cookie by their names in its header, those with a setting included."""
        own = {header: getattr(self, setting) for setting, header in ATTRIBUTES.items()}
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
        require(isinstance(self.attributes, Mapping), self, "attributes", "a mapping of names and values")
        further: dict[str, str] = {}
        for name, value in self.attributes.items():
            self._check_attribute(name, value)
            name, value = str.__str__(name), str.__str__(value)  # members of enumerations have another str()
            setting = setting_of(name)
            if setting is not None:
                self._set_by_attribute(setting, value)
            else:
                is_new = name.lower() not in (other.lower() for other in further)
                require(is_new, self, "attributes", f"without {name} twice")
                further[name] = value
        object.__setattr__(self, "attributes", CookieAttributes(further))

    def _check_attribute(self, name: object, value: object) -> None:
        """Check that an attribute cannot break out of the header; Expires comes with Max-Age."""
        require(
            _is_name(name) and str(name).lower() != "expires",
            self,
            "attributes",
            f"named by header tokens other than Expires, of at most {_MAX_LENGTH} characters, not {shown(name)}",
        )
        fits = isinstance(value, str) and len(value) <= _MAX_LENGTH and bool(_ATTRIBUTE_VALUE.fullmatch(value))
        allowed = f"strings in ASCII without ';', of at most {_MAX_LENGTH} characters"
        require(fits, self, "attributes", f"{allowed}, which {named(name)} is not")

    def _set_by_attribute(self, setting: str, text: str) -> None:
        """Give *setting* the value of its attribute.

        Raises:
            ConfigError: the value is no text of the setting, or the setting was given another value itself.
        """
        value: object = text
        if setting in FLAGS:
            require(not text, self, "attributes", f"a flag without a value for {setting}")
            value = True
        elif setting == "max_age":
            fits = bool(re.fullmatch(r"-?[0-9]{1,18}", text))
            require(fits, self, "attributes", f"a whole number of seconds, at most {MAX_INTERVAL}, for Max-Age")
            value = int(text)
        elif setting == "same_site":
            value = _SAME_SITES.get(text.lower(), text)
        given = in_seconds(getattr(self, setting))
        default = SessionCookieConfig.__dataclass_fields__[setting].default
        if given not in (default, value):
            raise ConfigError.of(self, setting, f"in attributes {shown(text)}: give only one")
        object.__setattr__(self, setting, value)

    def _check_combinations(self) -> None:
        """Check what browsers demand of names with a prefix, of SameSite=None and of Partitioned."""
        name = self.name.lower()
        why = None
        if self.same_site == "None":
            why = "same_site='None'"
        elif self.partitioned:
            why = "partitioned=True"
        elif name.startswith(("__host-", "__secure-", "__http-")):
            why = f"the name {shown(self.name)}"
        if why is not None:
            require(self.secure is True, self, "secure", f"True, as browsers demand for {why}")
        if name.startswith(("__http-", "__host-http-")):
            require(self.http_only, self, "http_only", f"True, as browsers demand for the name {shown(self.name)}")
        if name.startswith("__host-"):
            require(self.domain is None, self, "domain", f"None, as browsers demand for the name {shown(self.name)}")
            require(self.path == "/", self, "path", f"'/', as browsers demand for the name {shown(self.name)}")


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_TOKEN.fullmatch(value)) and len(value) <= _MAX_LENGTH


def _is_domain(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(_DOMAIN.fullmatch(value)))


def _is_path(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= _MAX_LENGTH and bool(_PATH.fullmatch(value)))
