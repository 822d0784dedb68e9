"""The address in a URL: the servers, and how to log in to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any, Final

from ..url import StoreUrl
from .replies import Place
from .transport import Transport

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_HOST: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:@,/]+))(?::([0-9]{1,5}))?")
#: What is taken for the password where a user stands behind a host with a port: the port, and all up to the password.
_HOSTS_AND_USER: Final = re.compile(r"[0-9]{1,5},.*:.*")
#: The name or the IPv4 address of a host. A name may have letters of any language.
_NAME: Final = re.compile(r"\w[\w.-]*")
_TLS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_OPTIONS: Final = {
    "redis": (),
    "rediss": _TLS,
    "unix": ("db",),
    "redis+sentinel": ("sentinel_username", "sentinel_password", "ssl", *_TLS),
    "redis+cluster": ("ssl", *_TLS),
}
#: URLs with a database.
_EXAMPLES: Final = {
    "redis": "redis://host:6379/0",
    "rediss": "rediss://host:6379/0",
    "unix": "unix:///run/redis.sock?db=0",
    "redis+sentinel": "redis+sentinel://host:26379/service/0",
}


@dataclass(frozen=True)
class Login:
    """The login of a server: seconds to wait, user, password and database, and the options of TLS if it is used."""

    timeout: float
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: dict[str, Any] | None = field(default=None, repr=False)

    def transport(self, place: Place) -> Transport:
        """Return a transport that is not open yet. It sends nothing to introduce itself."""
        login = (self.username, self.password) if self.username else (self.password,)
        words = tuple(word for word in login if word is not None)
        return Transport(place, self.timeout, words, self.db, None if isinstance(place, str) else self.tls)


@dataclass(frozen=True)
class Address:
    """The parts of a URL."""

    scheme: str
    prefix: str
    places: tuple[Place, ...]
    login: Login
    #: With Sentinels: the name under which they know the primary, and the login for the Sentinels themselves.
    service: str = ""
    sentinel_login: Login | None = None


def parse(url: str) -> Address:
    """Parse a URL.

    Raises:
        ConfigError: the URL is malformed, or has an option that its scheme does not have.
    """
    scheme = url.partition(":")[0]
    parsed = StoreUrl.parse(url, timeout=0.5, options=_OPTIONS[scheme])
    if scheme == "redis+sentinel":
        return _behind_sentinels(parsed)
    if scheme == "unix":
        return Address(scheme, parsed.prefix, (_socket(parsed),), _login(parsed, parsed.options.get("db", "")))
    db, places = parsed.text(parsed.parts.path).removeprefix("/"), _places(parsed, _PORT)
    if scheme == "redis+cluster" and db:
        raise parsed.refusal("has a path, but a Cluster has no databases")
    if scheme != "redis+cluster" and len(places) > 1:
        raise parsed.refusal("names several servers, which only redis+sentinel:// and redis+cluster:// do")
    return Address(scheme, parsed.prefix, places, _login(parsed, db))


def _behind_sentinels(parsed: StoreUrl) -> Address:
    service, _, db = parsed.text(parsed.parts.path).removeprefix("/").partition("/")
    if not service or "/" in db:
        raise parsed.refusal("must name a service behind the Sentinels, and perhaps a database: /service/0")
    login, options = _login(parsed, db), parsed.options
    sentinel_login = Login(
        parsed.timeout, options.get("sentinel_username"), options.get("sentinel_password"), tls=login.tls
    )
    places = _places(parsed, _SENTINEL_PORT)
    return Address(parsed.parts.scheme, parsed.prefix, places, login, service, sentinel_login)


def _credentials(parsed: StoreUrl) -> tuple[str | None, str | None]:
    user_info, at, hosts = parsed.parts.netloc.rpartition("@")
    username, colon, password = user_info.partition(":")
    if at and not (colon and password):
        raise parsed.refusal("has a user without a password; write user:password@, or :password@ for the default user")
    is_repeated = any(part.startswith(f"{username}:") and "@" in part for part in f"{user_info}@{hosts}".split(",")[1:])
    if is_repeated or "," in username or (username and _HOSTS_AND_USER.fullmatch(password)):
        # Otherwise all but the last host would be taken for a part of the user or the password.
        raise parsed.refusal(
            "has a user behind a host; write user:password@ once, before the first host, and %2C for a comma in it"
        )
    return parsed.text(username) or None, parsed.text(password) or None


def _places(parsed: StoreUrl, port: int) -> tuple[Place, ...]:
    scheme, hosts = parsed.parts.scheme, parsed.parts.netloc.rpartition("@")[2]
    if not hosts:
        service = "/service" if scheme == "redis+sentinel" else ""
        example = f"{scheme}://localhost:{port}{service}"
        raise parsed.refusal(f"names no host; write {scheme}://host:port{service}, such as {example}")
    places = [_place(parsed, host, port) for host in hosts.split(",")]
    if all(places):
        return tuple(place for place in places if place)
    if scheme in ("redis", "rediss"):
        form = f"must have one host:port between // and the next /, as in {scheme}://localhost:{port}"
    else:
        form = "must have host:port between // and the next /, several with commas and no spaces between them"
    raise parsed.refusal(f"{form}; a port is from 1 to 65535, an IPv6 address is in brackets, a password ends with @")


def _place(parsed: StoreUrl, text: str, port: int) -> tuple[str, int] | None:
    """Return the host and the port; None if the text has another form."""
    found = _HOST.fullmatch(text)
    if not found:
        return None
    host, number = parsed.text(found[1] or found[2]), int(found[3] or port)
    if not 0 < number < 65536:
        return None
    if not found[1]:
        return (host, number) if _NAME.fullmatch(host) else None
    try:
        IPv6Address(host)
    except ValueError:
        return None
    return host, number


def _socket(parsed: StoreUrl) -> str:
    if parsed.parts.netloc.rpartition("@")[2] or not parsed.path or "@" in parsed.parts.path:
        raise parsed.refusal("must have three slashes before the path of a socket, as in unix:///run/redis.sock")
    if "\0" in parsed.path:
        raise parsed.refusal("has a NUL (%00), which no path of a socket has")
    return parsed.path


def _login(parsed: StoreUrl, db: str) -> Login:
    username, password = _credentials(parsed)
    if not re.fullmatch(r"[0-9]{0,5}", db):
        raise parsed.refusal(f"has {_wrong(db)}, but must have a number, as in {_EXAMPLES[parsed.parts.scheme]}")
    return Login(parsed.timeout, username, password, int(db or 0), _tls(parsed))


def _wrong(db: str) -> str:
    """Return the words for a database that is none. What is longer than a number, or has a colon, may be a password."""
    if re.fullmatch("[0-9]+", db):
        return "a database of more than 5 digits"
    return f"the database {db!r}" if len(db) < 5 and ":" not in db else "a database that is no number"


def _tls(parsed: StoreUrl) -> dict[str, Any] | None:
    options: dict[str, Any] = {name: value for name, value in parsed.options.items() if name in _TLS}
    if not (parsed.parts.scheme == "rediss" or _truth(parsed, "ssl", False)):
        if options:
            raise parsed.refusal("has options for TLS, but no ssl=true")
        return None
    if options.get("ssl_cert_reqs", "required") not in ("none", "optional", "required"):
        raise parsed.refusal("has a wrong option ssl_cert_reqs; it must be none, optional or required")
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise parsed.refusal("has the option ssl_keyfile, but no ssl_certfile, the certificate of that key")
    # If the certificate is not checked, there is no name to compare with the host.
    is_checked = options.get("ssl_cert_reqs") != "none"
    return {**options, "ssl_check_hostname": _truth(parsed, "ssl_check_hostname", is_checked)}


def _truth(parsed: StoreUrl, option: str, default: bool) -> bool:
    text = parsed.options.get(option, str(default).lower())
    if text not in ("true", "false"):
        raise parsed.refusal(f"has the option {option}={text!r}, but must have true or false")
    return text == "true"
