"""The attributes of a cookie, and the settings that some of them have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

#: The attributes of a cookie that have a setting of their own: the setting, and the name in the header.
ATTRIBUTES: Final[Mapping[str, str]] = {
    "domain": "Domain",
    "path": "Path",
    "http_only": "HttpOnly",
    "secure": "Secure",
    "max_age": "Max-Age",
    "same_site": "SameSite",
    "partitioned": "Partitioned",
}
#: The settings whose attribute has no value: a cookie has it or not.
FLAGS: Final = frozenset({"http_only", "secure", "partitioned"})
_SETTINGS: Final = {header.lower(): setting for setting, header in ATTRIBUTES.items()}


def setting_of(attribute: str) -> str | None:
    """Return the setting that an attribute has of its own, None for any other. The case of its name does not matter."""
    return _SETTINGS.get(attribute.lower())


class CookieAttributes(Mapping[str, str]):
    """The attributes of a cookie, read-only: values by name, ``""`` for a flag. The case of names does not matter."""

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
