"""URLs of Redis stores: what they may say, and what is refused, without showing a password."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
    "unix:///run/a%ffb.sock": (["/run/a\udcffb.sock"], {}),
    "redis+cluster://u%2Cv:p@a,b": ([("a", 6379), ("b", 6379)], {"username": "u,v", "password": "p"}),
    "unix://web:secret@/run/redis.sock": (["/run/redis.sock"], {"username": "web", "password": "secret"}),
    "redis+cluster://a:1,b,[::2]:3": ([("a", 1), ("b", 6379), ("::2", 3)], {}),
    "redis+cluster://[::1],[::2]:3,c:4/": ([("::1", 6379), ("::2", 3), ("c", 4)], {}),
    "redis+cluster://u:p,w@s@a,b": ([("a", 6379), ("b", 6379)], {"username": "u", "password": "p,w@s"}),
    "redis+cluster://u:p%2Cw%40s%5B%25@a,[::2]": (
        [("a", 6379), ("::2", 6379)],
        {"username": "u", "password": "p,w@s[%"},
    ),
    "redis+sentinel://:a:1,b@[::1]:2,x/s": ([("::1", 2), ("x", 26379)], {"password": "a:1,b"}),
    "redis+sentinel://[fe80::1%25eth0]:1,[::ffff:10.0.0.1]/s": (
        [("fe80::1%eth0", 1), ("::ffff:10.0.0.1", 26379)],
        {},
    ),
    "rediss://[2001:db8::1]": ([("2001:db8::1", 6379)], {"tls": CHECKED}),
    "rediss://u:x@[2001:db8::1]:65535/1": (
        [("2001:db8::1", 65535)],
        {"username": "u", "password": "x", "db": 1, "tls": CHECKED},
    ),
    "redis://sess_1.cache-2.example.": ([("sess_1.cache-2.example.", 6379)], {}),
    "redis://b\u00fccher.example:1": ([("b\u00fccher.example", 1)], {}),
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
    "redis://[::1]:1,[::2]:2": "several",
    "rediss://a,[::2]": "several",
    "redis://[::1]:0": "from 1 to 65535",
    "redis://[::1]:": "host:port",
    "redis://[::1]6379": "host:port",
    "redis://x[::1]": "host:port",
    "redis://[]": "host:port",
    "redis://[10.0.0.1]": "in brackets",
    "redis://[v1.x]": "in brackets",
    "redis://[localhost]": "in brackets",
    "redis://[::1::2]": "in brackets",
    "redis://::1": "in brackets",
    "redis://2001:db8::1:6379": "in brackets",
    "redis://::1]": "malformed",
    "redis://[[::1]]": "malformed",
    "redis://a]b": "malformed",
    "redis://h:99999": "from 1 to 65535",
    "redis://h:123456": "from 1 to 65535",
    "redis://h:-1": "from 1 to 65535",
    "redis://h:+1": "from 1 to 65535",
    "redis://h:\u0661": "host:port",
    "redis://h: 1": "host:port",
    "redis://h h": "host:port",
    "redis://h%2Fx": "host:port",
    "redis://h\uff0fx": "host:port",
    "redis+cluster://": "host:port",
    "redis+cluster://,": "host:port",
    "redis+cluster://a,": "host:port",
    "redis+cluster://,a": "host:port",
    "redis+cluster://a,,b": "host:port",
    "redis+cluster://a:1, b:2": "no spaces",
    "redis+cluster://a:1,b:65536,[::2]:3": "from 1 to 65535",
    "redis+cluster://a;b": "host:port",
    "redis+cluster://a:1,[::2:3": "malformed",
    "redis+cluster://u:x@a,u:x@b": "once",
    "redis+cluster://:x@a:1,:x@[::2]:3": "once",
    "redis+sentinel://u:x@a,u:y@b/s": "once",
    "redis+cluster://a,u:p@b": "behind a host",
    "redis+cluster://a:1,u:p@b": "behind a host",
    "redis+sentinel://a,b,u:p@c/s": "behind a host",
    "redis://:p%ff@h": "not UTF-8",
    "redis://%ff:p@h": "not UTF-8",
    "redis://h%ff": "not UTF-8",
    "redis://h/%ff": "not UTF-8",
    "redis+sentinel://a/s%ff": "not UTF-8",
    "redis+sentinel://a/s?sentinel_password=%ff": "not UTF-8",
    "redis+sentinel:///s": "host:port",
    "redis+sentinel://a,/s": "host:port",
    "redis://a,,b": "host:port",
    "redis://h/x": "database 'x'",
    "redis://h/-1": "database",
    "redis://h/100000": "a database of more than 5 digits, but must have a number, as in redis://host:6379/0",
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
    "rediss://h?ssl_keyfile=/key.pem": "no ssl_certfile",
    "rediss://h?ssl_check_hostname=1": "ssl_check_hostname",
    "unix://run/redis.sock": "three slashes",
    "unix://": "three slashes",
    "unix:///run/redis.sock?db=x": "database 'x', but must have a number, as in unix:///run/redis.sock?db=0",
    "unix:///a%00b": "NUL",
    "redis+sentinel://a": "name a service",
    "redis+sentinel://a/": "name a service",
    "redis+sentinel://a/s/x": "database 'x', but must have a number, as in redis+sentinel://host:26379/service/0",
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
    "redis+cluster://web:{0}@a,web:{0}@b",
    "redis+cluster://web:x,{}]@a",
    "redis://:{}/0",
    "redis://h/u:{}",
    "redis://h?prefix=u:{}",
    "redis://h?timeout=u:{}",
    "redis+cluster://a,u:{}@b",
    "redis+cluster://a:1,u:{}@b",
    "redis://:%ff{}@h",
    "redis://:x/{}",
    "redis://web:x/{}",
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


def test_one_host_is_told_of_no_lists():
    """A URL for one server that has no host, or a wrong one, is answered by a URL that works, and with no lists."""
    for url in ("redis://", "redis:///0", "rediss://:6379", "redis://h:x"):
        with pytest.raises(ConfigError) as raised:
            open_store(url)
        assert "comma" not in str(raised.value)
        assert "//localhost:6379" in str(raised.value)


_NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
_HOSTS = st.one_of(_NAMES, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda one: f"[{one}]"))
_PORTS = st.none() | st.integers(1, 65535)


@given(st.lists(st.tuples(_HOSTS, _PORTS), min_size=1, max_size=5), st.none() | st.text(min_size=1), st.booleans())
@example([("a", 1), ("b", None), ("[::2]", 3)], None, False)
def test_lists_of_hosts(places, password, is_plain):
    """Any list of hosts comes out as it went in, with and without ports, and with any encoded password before it."""
    scheme, path = ("redis+sentinel", "/s") if is_plain else ("redis+cluster", "")
    port = 26379 if is_plain else 6379
    user_info = "" if password is None else f"u:{quote(password, safe='')}@"
    hosts = ",".join(host if number is None else f"{host}:{number}" for host, number in places)

    address = parse(f"{scheme}://{user_info}{hosts}{path}")
    assert list(address.places) == [(host.strip("[]"), number or port) for host, number in places]
    assert address.login.password == password


@given(st.text())
def test_any_text(text):
    """Whatever is in place of the hosts is taken or refused, but raises nothing else."""
    for scheme in ("redis", "redis+cluster", "redis+sentinel", "unix", "rediss"):
        with suppress(ConfigError):
            parse(f"{scheme}://{text}")


def test_repr():
    """The text of an address has no password in it."""
    address = parse(f"redis+sentinel://u:{SECRET}@a/s?sentinel_password={SECRET}2&ssl=true")

    assert SECRET not in repr(address)
