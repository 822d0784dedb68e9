"""A ``web.xml``: it is refused in one line, or browsers accept the cookies of its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from httpsession import ConfigError, SessionConfig

from . import settings
from .choices import Choices
from .engine import Check, folder_in_memory

ELEMENTS = (
    *("session-config", "cookie-config", "session-timeout", "tracking-mode", "name", "domain", "path", "comment"),
    *(
        "http-only",
        "secure",
        "max-age",
        "attribute",
        "attribute-name",
        "attribute-value",
        "description",
        "distributable",
    ),
    *("web-app", "servlet", "x:name", "é", "SESSION-CONFIG"),
)
TEXTS = (
    *(text for text in settings.TEXTS if text.isprintable()),
    *(
        "URL",
        "COOKIE",
        "SSL",
        "SameSite",
        "Max-Age",
        "&amp;",
        "&lt;x&gt;",
        "&#13;&#10;",
        "&#0;",
        "&x;",
        "<![CDATA[/app]]>",
    ),
    *("<!-- x -->", "<?php x?>", "\n 30 \n"),
)
HEADS = (
    *("", "", "", '<?xml version="1.0"?>', "\ufeff", '<?xml version="1.0" encoding="latin-1"?>'),
    *('<?xml version="1.0" encoding="utf-7"?>', '<?xml version="1.0" encoding="x\'y"?>', '<?xml version="9.9"?>'),
    *('<!DOCTYPE web-app [<!ENTITY x "y">]>', '<!DOCTYPE web-app SYSTEM "file:///etc/hostname">'),
    '<!DOCTYPE web-app [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
)
ROOTS = (
    *("web-app", "web-app", "web-app", 'web-app xmlns="https://jakarta.ee/xml/ns/jakartaee"', 'web-app xmlns="urn:x"'),
    *('web-app xmlns:x="http://java.sun.com/xml/ns/javaee"', "session-config", "web-app version='6.1'"),
)
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-16", "latin-1")


@contextmanager
def target() -> Iterator[Check]:
    """Prepare a folder for the file."""
    with folder_in_memory() as folder:
        file = folder / "web.xml"

        def check(choices: Choices) -> None:
            data = _document(choices)
            file.write_bytes(data)
            try:
                config = SessionConfig.from_web_xml(file)
            except ConfigError as error:
                settings.check_error(error)
            else:
                assert b"<!DOCTYPE" not in data
                settings.check_cookies(config, choices)

        yield check


def _document(choices: Choices) -> bytes:
    """Return a document that is likely to have a session-config, or any bytes near it."""
    root = choices.pick(ROOTS)
    cookie = _element(choices, "cookie-config", 2) if choices.flag() else ""
    inside = f"<session-config>{_content(choices, 2)}{cookie}</session-config>" if choices.flag() else ""
    text = f"{choices.pick(HEADS)}<{root}>{inside}{_content(choices, 2)}</{root.partition(' ')[0]}>"
    data = text.encode(choices.pick(ENCODINGS), "xmlcharrefreplace")
    return choices.mutated(data) if choices.is_one_in(3) else data


def _content(choices: Choices, depth: int) -> str:
    """Return a text, or elements."""
    if not depth or choices.flag():
        return choices.pick(TEXTS)
    return "".join(_element(choices, choices.pick(ELEMENTS), depth) for _ in range(choices.below(4)))


def _element(choices: Choices, name: str, depth: int) -> str:
    return f"<{name}>{_content(choices, depth - 1)}</{name}>"
