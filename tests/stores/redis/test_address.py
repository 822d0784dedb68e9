"""URLs of Redis stores: what they may say, and what is refused, without showing a password."""

from __future__ import annotations

import pytest

from httpsession import ConfigError
from httpsession.stores import open_store
from httpsession.stores.redis.address import parse

LOGIN = {"timeout": 0.5, "username": None, "password": None, "db": 0, "tls": None}
CHECKED = {"ssl_check_hostname": True}
VALID = {
    "redis://localhost": ([("localhost", 6379)], {}),
    "redis://localhost/": ([("localhost", 6379)], {}),
    "redis://10.0.0.1:7000/3": ([("10.0.0.1", 7000)], {"db": 3}),
    "redis://[::1]:7000": ([("::1", 7000)], {}),
    "redis://[fe80::1%25eth0]": ([("fe80::1%eth0", 6379)], {}),
    "redis://:secret@h": ([("h", 6379)], {"password": "secret"}),
    "redis://web:se%40c%2Fr@h/1?timeout=2.5": (
        [("h", 6379)],
        {"username": "web", "password": "se@c/r", "db": 1, "timeout": 2.5},
    ),
    "rediss://h": ([("h", 6379)], {"tls": CHECKED}),
    "rediss://h?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required": (
        [("h", 6379)],
        {"tls": {"ssl_ca_certs": "/ca.pem", "ssl_cert_reqs": "required", **CHECKED}},
    ),
    "rediss://h?ssl_cert_reqs=none": (
        [("h", 6379)],
        {"tls": {"ssl_cert_reqs": "none", "ssl_check_hostname": False}},
    ),
    "unix:///run/redis.sock": (["/run/redis.sock"], {}),
    "unix:///run/my%20redis.sock?db=2": (["/run/my redis.sock"], {"db": 2}),
    "unix://web:secret@/run/redis.sock": (["/run/redis.sock"], {"username": "web", "password": "secret"}),
    "redis+cluster://a:1,b,[::2]:3": ([("a", 1), ("b", 6379), ("::2", 3)], {}),
    "redis+cluster://:x@a?ssl=true": ([("a", 6379)], {"password": "x", "tls": CHECKED}),
    "redis+sentinel://a,b:1/sessions": ([("a", 26379), ("b", 1)], {}),
    "redis+sentinel://u:x@a/sessions/4": ([("a", 26379)], {"username": "u", "password": "x", "db": 4}),
}
REFUSED = {
    "redis://": "host:port",
    "redis://:6379": "host:port",
    "redis://h:": "host:port",
    "redis://h:0": "host:port",
    "redis://h:65536": "host:port",
    "redis://h:port": "host:port",
    "redis://[::1": "malformed",
    "redis://a,b": "several",
    "redis://a,,b": "host:port",
    "redis://h/x": "database 'x'",
    "redis://h/-1": "database",
    "redis://h/1/2": "database",
    "redis://h?db=1": "unknown option 'db'; known are prefix, timeout",
    "redis://h?Timeout=1": "unknown option",
    "redis://h?timeout=0": "timeout",
    "redis://h?timeout=1&timeout=2": "twice",
    "redis://h?prefix=": "prefix",
    "redis://h?prefix=a%7Bb": "prefix",
    "redis://h?ssl=true": "unknown option 'ssl'",
    "redis://h#fragment": "fragment",
    "redis://user@h": "without a password",
    "redis://user:@h": "without a password",
    "rediss://h?ssl_cert_reqs=maybe": "ssl_cert_reqs",
    "rediss://h?ssl_check_hostname=1": "ssl_check_hostname",
    "unix://run/redis.sock": "three slashes",
    "unix://": "three slashes",
    "unix:///run/redis.sock?db=x": "database 'x'",
    "redis+sentinel://a": "name a service",
    "redis+sentinel://a/": "name a service",
    "redis+sentinel://a/s/x": "database 'x'",
    "redis+sentinel://a/s/1/2": "name a service",
    "redis+sentinel://a/s?ssl_ca_certs=x": "no ssl=true",
    "redis+cluster://a/1": "no databases",
    "redis+cluster://a?ssl=yes": "true or false",
}
#: A password that is not encoded, in URLs that are therefore taken apart wrongly.
SECRET = "tiger"
CARELESS = [
    "redis://web:{}/x@h",
    "redis://web:x/{}@h:1/2",
    "redis://web:{}?x@h",
    "redis://web:x?{}@h",
    "redis://web:{}#x@h",
    "redis://web:x#{}@h",
    "redis://web:[{}@h",
    "redis://web:{}@h:port",
    "redis://web:x@{}@h/x",
    "redis://{}@h",
    "unix://web:{}@/run/sock?db=x",
    "redis+sentinel://web:{}@a/s/x",
    "redis+sentinel://a/s/x?sentinel_password={}",
    "redis+cluster://web:{}@a/1",
]


@pytest.mark.parametrize("url", VALID)
def test_valid(url):
    """The options of a URL and their meaning."""
    places, login = VALID[url]
    address = parse(url)

    assert list(address.places) == places
    assert vars(address.login) == {**LOGIN, **login}


def test_sentinel():
    """Behind Sentinels there is a service; with them one logs in otherwise, if at all."""
    address = parse("redis+sentinel://u:x@a/s/1?sentinel_username=watch&sentinel_password=y")

    assert address.service == "s"
    assert vars(address.sentinel_login) == {**LOGIN, "username": "watch", "password": "y"}
    assert vars(parse("redis+sentinel://u:x@a/s").sentinel_login) == LOGIN


@pytest.mark.parametrize("url", REFUSED)
def test_refused(url):
    """A malformed URL or unknown option is refused, and the message says what is wrong."""
    with pytest.raises(ConfigError) as raised:
        open_store(url)

    assert REFUSED[url] in str(raised.value)


@pytest.mark.parametrize("url", CARELESS)
def test_careless_password(url):
    """Also where a URL is wrong because of its password, the error does not show any of that."""
    with pytest.raises(ConfigError) as raised:
        open_store(url.format(SECRET))

    error = raised.value
    assert SECRET not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_repr():
    """The text of an address has no password in it."""
    address = parse(f"redis+sentinel://u:{SECRET}@a/s?sentinel_password={SECRET}2&ssl=true")

    assert SECRET not in repr(address)
