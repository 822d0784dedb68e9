"""Profiles: settings that go together for a purpose, such as an application that members log in to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import ConfigError

#: The names of the profiles.
PROFILES: Final = ("default", "hardened")
#: The settings of the hardened profile, in seconds: 15 minutes, 12 hours, 5 minutes.
HARDENED: Final[Mapping[str, Any]] = {
    "max_inactive_interval": 15 * 60,
    "max_lifetime": 12 * 60 * 60,
    "newcomer_interval": 5 * 60,
    "allow_url_login": False,
}
#: The settings of it that may be moved, and not be turned off.
BOUNDS: Final = ("max_inactive_interval", "max_lifetime", "newcomer_interval")
IN_HARDENED: Final = "in the hardened profile"
_PREFIXES: Final = ("__host-", "__secure-", "__http-")


def harden_cookie(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the hardened profile's cookie with the *given* ones, which are not the defaults.

    Its name begins with ``__Host-``, or with ``__Secure-`` if the cookie has a domain or a path of its own.

    Raises:
        ConfigError: a setting takes a protection away.
    """
    for flag in ("secure", "http_only"):
        _require(given.get(flag) is not False, flag, False, "True")
    same_site = given.get("same_site", "Lax")
    _require(same_site in ("Lax", "Strict"), "same_site", same_site, "'Lax' or 'Strict'")
    is_for_host = "domain" not in given and given.get("path", "/") == "/"
    prefix, path = ("__Host-", "/") if is_for_host else ("__Secure-", None)
    settings = {"name": f"{prefix}JSESSIONID", "secure": True, "path": path, **given}
    name = settings["name"]
    fits = not isinstance(name, str) or name.lower().startswith(_PREFIXES)
    _require(fits, "name", name, "a name that begins with __Host- or __Secure-")
    return settings


def _require(fits: bool, setting: str, value: object, allowed: str) -> None:
    if not fits:
        raise ConfigError.of_value("SessionCookieConfig", setting, value, f"must be {allowed} {IN_HARDENED}")
