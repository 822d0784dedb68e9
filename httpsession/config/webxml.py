"""The ``session-config`` element of a ``web.xml`` (Servlet 6.1, 14.4).

The parser declares and loads no entities, reads no DTD and uses no network: a DOCTYPE is refused. Elements outside of
``session-config`` are ignored, except ``distributable``.
"""

from __future__ import annotations

from collections import Counter
from os import PathLike, fsdecode
from typing import Final
from xml.parsers import expat

from ..errors import ConfigError, named
from .cookie_attributes import FLAGS, setting_of
from .texts import Defaults, Reader, Source, same_site, whole

_NAMESPACES: Final = (
    "",
    "http://java.sun.com/xml/ns/j2ee",
    "http://java.sun.com/xml/ns/javaee",
    "http://xmlns.jcp.org/xml/ns/javaee",
    "https://jakarta.ee/xml/ns/jakartaee",
)
_SESSION: Final = "session-config"
_MODE: Final = f"{_SESSION}/tracking-mode"
_COOKIE: Final = f"{_SESSION}/cookie-config"
_ATTRIBUTE: Final = f"{_COOKIE}/attribute"
_ATTRIBUTE_NAME: Final = f"{_ATTRIBUTE}/attribute-name"
_ATTRIBUTE_VALUE: Final = f"{_ATTRIBUTE}/attribute-value"


def read_web_xml(path: str | PathLike[str], defaults: Defaults) -> Source:
    """Read the ``session-config`` of a ``web.xml``, and whether the application is ``distributable``.

    Raises:
        ConfigError: the file cannot be read, is no ``web.xml``, has a DOCTYPE, or its ``session-config`` violates the
            schema.
    """
    source = Source(defaults, name=fsdecode(path), key_of=_element)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:
        # The cause shows the name of the file, which may be the URL of a store.
        cause = error if named(fsdecode(path)) == fsdecode(path) else None
        raise source.error(f"cannot be read: {getattr(error, 'strerror', error)}") from cause
    reading = _Reading(source)
    reading.parse(data)
    if reading.seen["distributable"] and "distributable" in defaults:
        source.read("distributable", "distributable", True)
    return source


def _element(setting: str) -> str:
    """Return the element for a setting of the cookie."""
    return f"{_COOKIE}/{setting.removeprefix('cookie.').replace('_', '-')}"


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _flag(text: str) -> bool:
    """Read the value of an attribute that is a flag: empty, or a boolean."""
    return text == "" or _boolean(text)


def _minutes(text: str) -> int:
    """Read minutes as seconds; zero or less means never, in both."""
    try:
        minutes = whole(text)
    except ValueError as error:
        raise ValueError(f"{error} of minutes (zero or less: never)") from None
    return minutes * 60 if minutes > 0 else minutes


def _mode(text: str) -> str:
    """Read a tracking mode, in capitals as the schema has it."""
    if text not in ("COOKIE", "URL"):
        raise ValueError("COOKIE or URL (SSL does not exist in WSGI)")
    return text


#: The elements of the cookie, by their settings, and the readers of their texts.
_COOKIE_READERS: Final[dict[str, Reader]] = {
    "cookie.name": str,
    "cookie.domain": str,
    "cookie.path": str,
    "cookie.http_only": _boolean,
    "cookie.secure": _boolean,
    "cookie.max_age": whole,
}
#: The elements that are a setting, and the readers of their texts.
_SETTINGS: Final[dict[str, tuple[str, Reader]]] = {
    f"{_SESSION}/session-timeout": ("max_inactive_interval", _minutes),
    **{_element(setting): (setting, reader) for setting, reader in _COOKIE_READERS.items()},
}
#: The readers of attributes that are a setting; ``str`` for the others.
_ATTRIBUTE_READERS: Final[dict[str, Reader]] = {
    **dict.fromkeys(FLAGS, _flag),
    "max_age": whole,
    "same_site": same_site,
}
#: The elements that contain elements, and those that contain a text.
_BRANCHES: Final = ("distributable", _SESSION, _COOKIE, _ATTRIBUTE)
_LEAVES: Final = (
    *(*_SETTINGS, _MODE, f"{_COOKIE}/comment"),
    *(f"{_ATTRIBUTE}/description", _ATTRIBUTE_NAME, _ATTRIBUTE_VALUE),
)
#: The elements that may occur more than once.
_REPEATABLE: Final = ("distributable", _MODE, _ATTRIBUTE, f"{_ATTRIBUTE}/description")


class _Reading:
    """The reading of one file: the position of the parser, and the settings found so far."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._namespace = ""
        #: The open elements, from the root to the innermost, and the text since the last tag.
        self._open: list[str] = []
        self._text: list[str] = []
        #: How often each element that is read has occurred.
        self.seen: Counter[str] = Counter()
        self._modes: list[object] = []
        #: The texts in the open attribute, by element, and the complete attributes.
        self._attribute: dict[str, str] = {}
        self._attributes: dict[str, str] = {}

    def parse(self, data: bytes) -> None:
        """Read the whole file and give its settings to the source."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(data, True)
        except ConfigError:
            raise
        except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two for unknown encodings
            raise self._source.error(f"not well-formed: {error}") from error
        if self._modes:
            self._source.read("tracking_modes", _MODE, self._modes)
        if self._attributes:
            self._source.read("cookie.attributes", _ATTRIBUTE, self._attributes)

    def _doctype(self, name: str, *_: object) -> None:
        """Refuse a DOCTYPE before its subset is parsed, so that no entity is declared or loaded."""
        raise self._source.error(
            f"<!DOCTYPE {named(name)}> is refused, for the entities that it could declare: remove it"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter an element; the root must be that of a ``web.xml``, and its namespace is that of all elements."""
        namespace, _, name = tag.rpartition(" ")
        full_name = f"{{{namespace}}}{name}"
        if not self._open:
            if name != "web-app" or namespace not in _NAMESPACES:
                allowed = "web-app, in the namespace of Java EE or Jakarta EE or in none"
                raise self._source.wrong("the root", full_name if namespace else name, allowed)
            self._namespace = namespace
        self._pop_text()
        self._open.append(name if namespace == self._namespace else full_name)
        if self._is_read:
            self._check(self._path)

    def _check(self, path: str) -> None:
        """Refuse an element that the schema does not allow here, or not twice."""
        parent = path.rpartition("/")[0]
        if path not in _LEAVES and path not in _BRANCHES:
            siblings = {other: other for other in (*_LEAVES, *_BRANCHES) if other.rpartition("/")[0] == parent}
            if not siblings:
                raise self._source.wrong(parent, f"<{self._open[-1]}>", "without elements")
            raise self._source.unknown(path, siblings)
        self.seen[path] += 1
        if self.seen[path] > 1 and path not in _REPEATABLE:
            raise self._source.error(f"{named(path)} is given twice, but must be given once")

    def _end(self, _: str) -> None:
        """Leave an element, whose text is complete now, and read it."""
        text = self._pop_text()
        if self._is_read:
            path = self._path
            if path in _SETTINGS:
                setting, reader = _SETTINGS[path]
                self._source.read(setting, path, text, reader)
            elif path == _MODE:
                self._modes.append(self._source.interpret(path, text, _mode))
            elif path in (_ATTRIBUTE_NAME, _ATTRIBUTE_VALUE):
                self._attribute[path] = text
            elif path == _ATTRIBUTE:
                self._end_attribute()
        self._open.pop()

    def _end_attribute(self) -> None:
        """Read an attribute of the cookie, whose name and value are complete now."""
        texts, self._attribute = self._attribute, {}
        for path in (_ATTRIBUTE_NAME, _ATTRIBUTE_VALUE):
            del self.seen[path]
            if path not in texts:
                raise self._source.error(f"{_ATTRIBUTE} is without {path.rpartition('/')[2]}, but must have one")
        name, value = texts[_ATTRIBUTE_NAME], texts[_ATTRIBUTE_VALUE]
        key = f"{_ATTRIBUTE} {name}"
        setting = setting_of(name)
        if setting is not None:
            self._source.read(f"cookie.{setting}", key, value, _ATTRIBUTE_READERS.get(setting, str))
        elif name.lower() in (other.lower() for other in self._attributes):
            raise self._source.error(f"{named(key)} is given twice, but must be given once")
        else:
            self._attributes[name] = value

    def _pop_text(self) -> str:
        """Return the text since the last tag and forget it.

        Raises:
            ConfigError: there is text directly in an element that may contain elements only.
        """
        text = "".join(self._text).strip(" \t\r\n")
        self._text.clear()
        if text and self._is_read and self._path in _BRANCHES:
            raise self._source.wrong(self._path, text, "without a text")
        return text

    @property
    def _is_read(self) -> bool:
        """Whether the innermost open element is read, or is inside of an element that is read."""
        return len(self._open) > 1 and self._open[1] in ("distributable", _SESSION)

    @property
    def _path(self) -> str:
        """The names of the open elements below the root, with slashes in between."""
        return "/".join(self._open[1:])
