"""Settings given as texts: in a mapping, under the names of Spring Boot or of this package, and in the environment.

This module only reads. The configuration checks whether a value fits its setting; :meth:`Source.refusal` puts what it
refuses into the words of the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, Final

from ..errors import ConfigError, kind_of, named, shown
from .cookie_attributes import ATTRIBUTES, setting_of

#: Settings by name, those of the cookie as in ``cookie.max_age``, and their defaults.
Defaults = Mapping[str, object]
#: Returns the value that a text means. The message of its ValueError says what the text must be.
Reader = Callable[[str], object]

#: The characters of the longest key that is looked at: no setting has a longer name.
_LONGEST_KEY: Final = 200
#: The variable that is no setting: its value is the URL of the store.
STORE_VARIABLE: Final = "HTTPSESSION_STORE"
_VARIABLES: Final = "HTTPSESSION_"
#: The settings whose values no message shows.
_SECRET: Final = frozenset({"encryption_keys"})
_SPRING: Final = "server.servlet.session."
_SPRING_NAMES: Final = {
    f"{_SPRING}timeout": "max_inactive_interval",
    f"{_SPRING}tracking-modes": "tracking_modes",
    **{f"{_SPRING}cookie.{setting.replace('_', '-')}": f"cookie.{setting}" for setting in ("name", *ATTRIBUTES)},
}
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "on", "yes", "1"), True),
    **dict.fromkeys(("false", "off", "no", "0"), False),
}
_UNITS: Final[Mapping[str, int | Fraction]] = {"": 1, "ms": Fraction(1, 1000), "s": 1, "m": 60, "h": 3600, "d": 86400}
# The digits are limited, since Python reads longer numbers but refuses to print them.
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_SIMPLE: Final = re.compile(r"([+-]?[0-9]{1,18}(?:\.[0-9]{1,30})?(?:e[+-]?[0-9]{1,3})?)(|ms|[smhd])", re.IGNORECASE)
#: The form in which a reason names another setting of the cookie.
_OTHER_SETTING: Final = re.compile(r"\b([a-z_]+)=(?:'\w+'|True)|the (name) .+")
_ISO: Final = re.compile(
    r"([+-]?)P(?=[+\-0-9T])(?:([+-]?[0-9]{1,18})D)?"
    r"(?:T(?=[+\-0-9])(?:([+-]?[0-9]{1,18})H)?(?:([+-]?[0-9]{1,18})M)?(?:([+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?)S)?)?",
    re.IGNORECASE,
)


class Source:
    """The settings that a source gives, each with its key and value in the source.

    Args:
        defaults: all settings there are.
        name: the name of the source in messages, such as that of a file.
        key_of: returns the key of a setting that the source does not give, for messages.
    """

    def __init__(self, defaults: Defaults, *, name: str | None, key_of: Callable[[str], str]) -> None:
        self._defaults = defaults
        self._prefix = "" if name is None else f"{named(name)}: "
        self._key_of = key_of
        #: Arguments for the constructors of the configuration, by the name of the setting.
        self.settings: dict[str, Any] = {}
        self._given: dict[str, tuple[str, object]] = {}

    def read(self, setting: str, key: str, given: object, reader: Reader | None = None) -> None:
        """Add the value *given* under *key*: a text as its reader reads it, any other value as it is.

        Args:
            setting: the name of the setting.
            key: the name under which the source gives it, for messages.
            given: the value in the source, for messages.
            reader: reads the text; without it the reader of the setting does.

        Raises:
            ConfigError: the reader refuses the text, or the source has given this setting before.
        """
        value = given
        if isinstance(given, str) or (isinstance(given, timedelta) and setting in _DURATIONS):
            value = self.interpret(key, given, reader or _reader_of(setting, self._defaults))
        if setting in self._given:
            raise self.error(f"{named(self._given[setting][0])} and {named(key)} are the same setting: give only one")
        self._given[setting] = key, given
        self.settings[setting] = value

    def interpret(self, key: str, given: str | timedelta, reader: Reader) -> object:
        """Return the value that a *reader* reads from a text, or from a duration in place of a text.

        Raises:
            ConfigError: the reader refuses it.
        """
        try:
            return reader(given.strip() if isinstance(given, str) else str(given.total_seconds()))
        except ValueError as error:
            raise self.wrong(key, given, str(error)) from None

    def error(self, message: str) -> ConfigError:
        """Return the error with this message, after the name of the source."""
        return ConfigError(self._prefix + message)

    def wrong(self, key: str, given: object, allowed: str) -> ConfigError:
        """Return the error for a value *given* under *key*, and what is *allowed* there."""
        return self.error(f"{named(key)} is {shown(given)}, but must be {allowed}")

    def unknown(self, key: str, known: Mapping[str, str]) -> ConfigError:
        """Return the error for an unknown *key*. It names the nearest of the keys in *known* by its value there."""
        plain = {_plain(name): name for name in known}
        (nearest,) = get_close_matches(_plain(key[:_LONGEST_KEY]), plain, n=1, cutoff=0)
        return self.error(f"{named(key)} is unknown; the nearest known name is {known[plain[nearest]]}")

    def refusal(self, error: ConfigError) -> ConfigError:
        """Return an *error* of the configuration in the words of this source.

        The message has the keys and values of the source in place of the names and values of settings.
        """
        if not error.setting:
            return self.error(str(error))
        setting = f"cookie.{error.setting}" if error.owner == "SessionCookieConfig" else error.setting
        value = self.settings.get(setting, self._defaults.get(setting))
        key, given = self._where(setting)
        is_duration = setting in self._given.keys() & _DURATIONS and isinstance(given, str | timedelta)
        text = kind_of(given) if setting in _SECRET else shown(given)
        is_read = is_duration and value is not None and str(value) != given
        means = f" ({shown(value)} seconds)" if is_read else ""
        return self.error(f"{named(key)} is {text}{means}, but {_OTHER_SETTING.sub(self._other_setting, error.reason)}")

    def _where(self, setting: str) -> tuple[str, object]:
        """Return the key and the value with which the source gives *setting*, be it as a part of another setting."""
        if setting in self._given:
            return self._given[setting]
        if "cookie" in self.settings:
            return setting, getattr(self.settings["cookie"], setting.removeprefix("cookie."))
        attributes = self.settings.get("cookie.attributes", {})
        for name in attributes if isinstance(attributes, Mapping) else ():
            if f"cookie.{setting_of(name)}" == setting:
                return f"{self._given['cookie.attributes'][0]} {name}", attributes[name]
        return self._key_of(setting), self._defaults.get(setting)

    def _other_setting(self, match: re.Match[str]) -> str:
        key, given = self._where(f"cookie.{match[1] or match[2]}")
        return f"{named(key)}={shown(given)}"


def read_mapping(mapping: Mapping[str, object], defaults: Defaults, name: str | None = None) -> Source:
    """Read settings under their own names or those of Spring Boot. The key of a nested mapping is a name before a dot.

    Raises:
        ConfigError: a key is unknown, two keys are the same setting, or a text means no value of its setting.
    """
    source = Source(defaults, name=name, key_of=str)
    names = {**{setting: setting for setting in defaults}, **_SPRING_NAMES}
    known = {_relaxed(form): names[name] for name in names for form in (name, name.replace(".", "_"))}

    texts = {name: name for name, setting in names.items() if _reader_of(setting, defaults) is not _no_text}
    texts["timeout"] = "max_inactive_interval"

    def flat(mapping: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
        for key, value in mapping.items():
            if not isinstance(key, str):
                raise source.error(f"{shown(key)} is no name of a setting")
            if len(prefix) + len(key) > _LONGEST_KEY:  # also of a mapping that contains itself
                raise source.unknown(prefix + key, texts)
            setting = known.get(_relaxed(prefix + key))
            if isinstance(value, Mapping) and not isinstance(defaults.get(setting or ""), Mapping):
                yield from flat(value, f"{prefix}{key}.")
            else:
                yield prefix + key, value

    for key, value in flat(mapping, ""):
        if _plain(key).rpartition("session")[2] in ("store", "storeurl", "storetype", "url"):
            raise source.error(f"{named(key)} is no setting of sessions: pass the URL of the store to SessionManager")
        if _relaxed(key) not in known:
            raise source.unknown(key, texts)
        source.read(known[_relaxed(key)], key, value)
    return source


def read_environ(environ: Mapping[str, str], defaults: Defaults) -> Source:
    """Read the variables ``HTTPSESSION_*`` except :data:`STORE_VARIABLE`.

    Raises:
        ConfigError: as for :func:`read_mapping`.
    """
    source = Source(defaults, name=None, key_of=_variable)
    texts = [setting for setting in defaults if _reader_of(setting, defaults) is not _no_text]
    known = {_relaxed(_variable(setting)): setting for setting in texts}
    for variable, text in environ.items():
        if not isinstance(variable, str):
            raise source.error(f"{shown(variable)} is no name of a variable")
        if not variable.startswith(_VARIABLES) or variable == STORE_VARIABLE:
            continue
        if _relaxed(variable) not in known:
            names = {_variable(setting): _variable(setting) for setting in texts}
            also = {_variable("timeout"): _variable("max_inactive_interval"), STORE_VARIABLE: STORE_VARIABLE}
            raise source.unknown(variable, {**names, **also})
        source.read(known[_relaxed(variable)], variable, text)
    return source


def _plain(name: str) -> str:
    """Return a name in lower case and without punctuation."""
    return re.sub("[-_.]", "", name).lower()


def _variable(setting: str) -> str:
    """Return the environment variable of a setting."""
    return _VARIABLES + setting.replace(".", "_").upper()


def _relaxed(name: str) -> str:
    """Return a name as Spring's relaxed binding compares it: without regard to case, hyphens and underscores."""
    return re.sub("[-_]", "", name).lower()


def _boolean(text: str) -> bool:
    """Read ``true``, ``on``, ``yes``, ``1`` and their opposites."""
    if text.lower() not in _BOOLEANS:
        raise ValueError("true or false")
    return _BOOLEANS[text.lower()]


def whole(text: str) -> int:
    """Read a whole number."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("a whole number")
    return int(text)


def _seconds(text: str) -> int | float:
    """Return the seconds of a duration: ``90``, ``1.5m``, ``500ms``, ``PT1H30M``."""
    if simple := _SIMPLE.fullmatch(text):
        seconds = Fraction(simple[1]) * _UNITS[simple[2].lower()]
    elif iso := _ISO.fullmatch(text):
        parts = [Fraction(part or 0) for part in iso.groups()[1:]]
        seconds = sum(part * unit for part, unit in zip(parts, (86400, 3600, 60, 1), strict=True)) + Fraction(0)
        seconds *= -1 if iso[1] == "-" else 1
    else:
        raise ValueError(f"a duration: {_DURATIONS_LOOK}")
    return int(seconds) if seconds.denominator == 1 else float(seconds)


def _whole_seconds(text: str) -> int:
    seconds = _seconds(text)
    if not isinstance(seconds, int):
        raise ValueError(f"a duration in whole seconds: {_DURATIONS_LOOK}")
    return seconds


def _names(text: str) -> list[str]:
    """Read words with commas in between; the configuration checks them."""
    return [name.strip() for name in text.split(",")] if text else []


def _secure(text: str) -> bool | str:
    """Read a value of ``secure``: a boolean or ``auto``."""
    if text.lower() == "auto":
        return "auto"
    if text.lower() not in _BOOLEANS:
        raise ValueError("true, false or auto")
    return _boolean(text)


def same_site(text: str) -> str | None:
    """Read a value of ``same_site``; ``omitted`` is None."""
    if text.lower() not in ("none", "lax", "strict", "omitted"):
        raise ValueError("none, lax, strict or omitted")
    return None if text.lower() == "omitted" else text.capitalize()


def _attributes(text: str) -> dict[str, str]:
    """Return attributes that are written as in a header: ``Priority=High; Flag``."""
    attributes: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = part.partition("=")
        if name.strip() in attributes:
            raise ValueError(f"without {name.strip()} twice")
        attributes[name.strip()] = value.strip()
    return attributes


def _optional(reader: Reader) -> Reader:
    """Return a reader for which ``none`` is None."""

    def read(text: str) -> object:
        if text.lower() == "none":
            return None
        try:
            return reader(text)
        except ValueError as error:
            raise ValueError(f"none or {error}") from None

    return read


def _no_text(text: str) -> object:
    """Refuse all texts, for a setting that needs an object."""
    raise ValueError("given in Python, not as a text")


_DURATIONS_LOOK: Final = "1800, 1800s, 30m, 1h, 1d or PT30M"
#: The settings that are durations, and their readers.
_DURATIONS: Final[Mapping[str, Reader]] = {
    "max_inactive_interval": _whole_seconds,
    "max_lifetime": _optional(_seconds),
    "newcomer_interval": _optional(_seconds),
    "sweep_interval": _optional(_seconds),
    "cookie.max_age": _whole_seconds,
}
#: The readers of settings whose type cannot be seen from the default.
_READERS: Final[Mapping[str, Reader]] = {
    **_DURATIONS,
    "profile": str.lower,
    "tracking_modes": _names,
    "max_sessions": _optional(whole),
    "max_sessions_per_principal": _optional(whole),
    "client_hints": _names,
    "clear_site_data": _names,
    "encryption_keys": _names,
    "cookie.domain": _optional(str),
    "cookie.path": _optional(str),
    "cookie.secure": _secure,
    "cookie.same_site": same_site,
    "cookie.attributes": _attributes,
}
_READERS_BY_TYPE: Final[Mapping[type, Reader]] = {bool: _boolean, int: whole, str: str}


def _reader_of(setting: str, defaults: Defaults) -> Reader:
    return _READERS.get(setting) or _READERS_BY_TYPE.get(type(defaults.get(setting)), _no_text)
