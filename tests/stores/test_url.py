"""How a URL names a store: those of this package, and those that other packages add."""

from __future__ import annotations

import sys

import pytest

from httpsession import ConfigError, SessionManager
from httpsession.stores import MemoryStore, open_store
from httpsession.stores.sqlite.store import SQLiteStore

SCHEMES = ("memory", "sqlite", "redis", "rediss", "unix", "redis+sentinel", "redis+cluster")


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """An installed package that has stores of its own, one of them under a scheme that is taken."""
    (tmp_path / "acme_store.py").write_text(
        "from httpsession.stores import MemoryStore\n\n\n"
        "class AcmeStore(MemoryStore):\n    url = None\n\n\n"
        "def open_url(url):\n    store = AcmeStore()\n    store.url = url\n    return store\n\n\n"
        "def open_strictly(url, must_exist=False):\n    if must_exist:\n        raise LookupError(url)\n"
        "    return open_url(url)\n"
    )
    info = tmp_path / "acme_store-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-store\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[httpsession.stores]\nacme = acme_store:open_url\nmemory = acme_store:open_url\n"
        "strict = acme_store:open_strictly\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "acme_store"
    sys.modules.pop("acme_store", None)


def test_scheme_of_another_package(other_package):
    """A scheme that another package has registered is opened by it, given the URL as it is."""
    store = open_store("ACME://host:1234/path?prefix=shop")

    assert type(store).__name__ == "AcmeStore"
    assert store.url == "acme://host:1234/path?prefix=shop"
    with SessionManager("acme://host") as manager:
        assert manager.stats().active == 0


def test_must_exist_in_another_package(other_package):
    """An opener gets ``must_exist`` if it has such a parameter."""
    assert open_store("acme://host", must_exist=True).url == "acme://host"
    assert open_store("strict://host").url == "strict://host"
    with pytest.raises(LookupError):
        open_store("strict://host", must_exist=True)


def test_schemes_of_this_package_are_its_own(other_package):
    """No other package gets the URLs of this one."""
    assert type(open_store("memory://")) is MemoryStore


@pytest.mark.parametrize("url", ["nosuch://user:secret@host/", "http://host", "sqlite", "", "redis:/host", "://"])
def test_what_names_no_store(other_package, url):
    """The error lists what is known, that of other packages included, and shows nothing that may be a password."""
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    message = str(caught.value)
    assert all(f"{scheme}://" in message for scheme in (*SCHEMES, "acme"))
    assert "secret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/0",
        "redis://user:hunter2",
        "redis://user:hunter2?colour=red",
        "redis+sentinel://host/service?sentinel_password=hun&ter2",
        "redis+sentinel://host/service?sentinel_password=x&hunter2=",
        "redis://user:hunter2@host:port",
        "redis://user:hunt/er2@host",
        "sqlite:///hunt\ter2.db",
    ],
)
def test_wrong_url_shows_no_password(url, tmp_path, monkeypatch):
    """Where something is wrong with a URL the error shows nothing of what may be a password."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "hunt" not in str(caught.value)
    assert "er2" not in str(caught.value)


@pytest.mark.parametrize("url", ["memory://", "sqlite:///sessions.db", "redis://host", "unix:///socket"])
def test_unknown_option(url, tmp_path, monkeypatch):
    """An option that a store does not have is refused by a list of those that it has."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"unknown option 'colour'; known are prefix, timeout"):
        open_store(f"{url}?colour=red")


@pytest.mark.parametrize("missing", ["redis", "hiredis"])
def test_without_what_redis_needs(missing, monkeypatch):
    """Without the extra the error says what to install."""
    for module in [name for name in sys.modules if name.startswith("httpsession.stores.redis")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=r"httpsession\[redis\]"):
        open_store("redis://127.0.0.1")


@pytest.mark.parametrize("store", [None, 5, object(), ["memory://"], b"memory://"])
def test_what_is_no_store(store):
    """A value that is neither a store nor a URL is refused."""
    with pytest.raises(ConfigError, match="SessionStore"):
        open_store(store)


@pytest.mark.parametrize("scheme", ["redis", "unix", "redis+sentinel", "redis+cluster", "memory", "sqlite"])
def test_lone_surrogate(scheme):
    """A lone surrogate is refused before a client can fail on it, with an error that has the password in it."""
    with pytest.raises(ConfigError, match="has a lone surrogate") as caught:
        open_store(f"{scheme}://:s3cret\ud800@host")
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("url", ["sqlite:///a\u2028b.db?x", "unix:///a\x85b?x", "sqlite:///a\udc80b.db?x"], ids=ascii)
def test_message_in_one_line(url):
    """The path in a message is one line, which any log can write: also with the line ends of Unicode."""
    with pytest.raises(ConfigError, match="unknown option") as caught:
        open_store(url)
    assert str(caught.value).isprintable()


def test_name_of_a_file_that_is_no_utf_8(tmp_path):
    """The name of a file may have bytes that are no UTF-8, as Python decodes them."""
    store = open_store(f"sqlite:///{tmp_path}/\udc80.db")
    store.close()
    assert [path.name for path in tmp_path.glob("*.db")] == ["\udc80.db"]


@pytest.mark.parametrize("prefix", [None, 5, True, b"shop", ["shop"]])
def test_prefix_that_is_no_text(prefix, tmp_path):
    """A prefix that is no text is refused as a wrong one, and no file is made."""
    with pytest.raises(ConfigError, match=r"has the prefix .*, but must have a letter"):
        SQLiteStore(tmp_path / "x.db", prefix=prefix)
    assert not list(tmp_path.iterdir())
