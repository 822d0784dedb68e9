"""Values in place of a store: those that work, and messages that name the remedy and show no password."""

from __future__ import annotations

import io
import logging
import sqlite3
import traceback
from pathlib import Path
from urllib.parse import urlparse, urlsplit

import pytest
import redis

from httpsession import (
    ConfigError,
    SessionConfig,
    SessionCookieConfig,
    SessionManager,
    SessionMiddleware,
    get_session,
)
from httpsession.paste import filter_app_factory
from httpsession.servlet import IllegalArgumentException, ServletContext
from httpsession.stores import MemoryStore, SharedStore, open_store
from httpsession.stores.base import SessionStore
from httpsession.stores.sqlite import SQLiteStore
from tests.support.request import fetch

SECRET = "s3cret"


def page(environ, start_response):
    """Count the visits of a session."""
    session = get_session(environ)
    session["count"] = session.get("count", 0) + 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(session["count"]).encode()]


def message_of(store):
    """Return the message with which a manager refuses a store."""
    with pytest.raises(ConfigError) as caught:
        SessionManager(store)
    return str(caught.value)


class Settings:
    """An object of some other package, whose representation shows all that it has."""

    def __repr__(self):
        return f"Settings(password={SECRET!r})"


class Database:
    """A client whose representation shows a URL."""

    def __repr__(self):
        return f"<Database redis://:{SECRET}@host>"


#: What may be given in place of a store, a manager or a configuration, with a password in it.
SECRETS = {
    "password without a user": f"redis://:{SECRET}@host:port",
    "user and password": f"redis://web:{SECRET}@host/0/1",
    "no host": f"redis://:{SECRET}@",
    "no host, but a database": f"redis://:{SECRET}@/0",
    "no @": f"redis://:{SECRET}",
    "no @, but a user": f"redis://web:{SECRET}",
    "a number without @": "redis://web:739125",
    "three slashes": f"redis:///:{SECRET}@host",
    "three slashes, user alone": f"redis:///{SECRET}@host",
    "three slashes, no @": f"redis:///{SECRET}",
    "encoded @": f"redis:///:{SECRET}%40host",
    "one slash": f"redis:/:{SECRET}@host",
    "no slash": f"redis::{SECRET}@host",
    "as the database": f"redis://host/{SECRET}",
    "as the database of a cluster": f"redis+cluster://host/{SECRET}",
    "as the database of a service": f"redis+sentinel://host/service/{SECRET}",
    "as an option": f"redis://host?password={SECRET}",
    "as a short option": f"redis://host?pw={SECRET}",
    "as the name of an option": f"redis://host?{SECRET}",
    "after an option": f"redis://host?password=a&{SECRET}",
    "in the fragment": f"redis://host#{SECRET}",
    "slash in the password": f"redis://:a/{SECRET}@host",
    "unix": f"unix:///:{SECRET}@/run/redis.sock",
    "unix, user alone": f"unix:///{SECRET}@/run/redis.sock",
    "unix, two slashes": f"unix://:{SECRET}@run/redis.sock",
    "sqlite with a host": f"sqlite://web:{SECRET}@host/x.db",
    "sqlite with a path": f"sqlite:////web:{SECRET}@host/x.db",
    "memory": f"memory://:{SECRET}@host",
    "memory, path": f"memory:///{SECRET}",
    "wrong scheme": f"postgresql://web:{SECRET}@host/db",
    "near scheme": f"reddis://:{SECRET}@host",
    "near scheme, no @": f"reddis://u:{SECRET}",
    "words of a login": f"u:{SECRET}",
    "words of a login, no slashes": f"redis:u:{SECRET}",
    "words of a login for a file": f"sqlite:u:{SECRET}",
    "words of a login, near scheme": f"valkey:u:{SECRET}.example",
    "words of a login for the prefix": f"redis://host?prefix=u:{SECRET}",
    "words of a login for the timeout": f"redis://host?timeout=u:{SECRET}",
    "two schemes": f"redis://redis://:{SECRET}@host",
    "words before": f":{SECRET}@redis://host",
    "blanks": f" redis://:{SECRET}@host ",
    "line end": f"redis://:{SECRET}@host\n",
    "quotes": f'"redis://:{SECRET}@host"',
    "alone": SECRET,
    "words": f"host=db password={SECRET}",
    "bytes": f"redis://:{SECRET}@host".encode(),
    "bytes without @": f"redis://:{SECRET}".encode(),
    "bytes without slashes": f"redis:web:{SECRET}".encode(),
    "bytearray": bytearray(f"redis://:{SECRET}@host".encode()),
    "SplitResult": urlsplit(f"redis://:{SECRET}@host"),
    "SplitResult without @": urlsplit(f"redis://:{SECRET}"),
    "ParseResult": urlparse(f"redis://:{SECRET}@host"),
    "path": Path(f"redis:/:{SECRET}@host"),
    "settings": {"host": "h", "pw": SECRET},
    "Django's settings": {"default": {"OPTIONS": {"PASSWORD": SECRET}}},
    "a list": [f"redis://:{SECRET}@host"],
    "a tuple": ("host", 6379, SECRET),
    "a set": {f"redis://:{SECRET}@host"},
    "Redis": redis.Redis(password=SECRET),
    "Redis with a login for its port": redis.Redis("host", port=f"6379:{SECRET}", db=SECRET),
    "Redis by URL": redis.Redis.from_url(f"redis://:{SECRET}@host"),
    "ConnectionPool": redis.ConnectionPool(password=SECRET),
    "an object": Settings(),
    "a client": Database(),
}


def said(caught):
    """Return all that an error shows: its message, its representation and its traceback."""
    lines = traceback.format_exception(caught.value)
    # The lines of sources are those of this test: what counts is what the messages add to them.
    sources = [line for line in "".join(lines).splitlines() if not line.startswith("    ")]
    return "\n".join([str(caught.value), repr(caught.value), *sources])


@pytest.mark.parametrize("name", SECRETS)
class TestSecrets:
    """No message, representation, log or traceback shows a password that is given in place of something."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch, caplog, capsys):
        """Work in a folder of the test's own; nothing may be logged or printed with the password."""
        monkeypatch.chdir(tmp_path)
        caplog.set_level(logging.DEBUG)
        yield
        for text in (caplog.text, *capsys.readouterr()):
            assert SECRET not in text

    def check(self, call, name, *errors):
        """Call with the value, which is refused without the password in it."""
        with pytest.raises(errors or (ConfigError, TypeError)) as caught:
            call(SECRETS[name])
        text = said(caught)
        assert SECRET not in text
        assert "739125" not in text
        assert len(str(caught.value)) < 400
        assert str(caught.value).count("\n") <= 1

    def test_in_place_of_a_store(self, name):
        """As a store, of a manager, a middleware or Java's context."""
        for call in (SessionManager, open_store, lambda store: SessionMiddleware(page, store)):
            self.check(call, name, ConfigError)
        self.check(lambda store: ServletContext(page, store), name, IllegalArgumentException)

    def test_in_place_of_an_application(self, name):
        """As the application."""
        self.check(lambda app: SessionMiddleware(app), name, TypeError)
        self.check(lambda app: ServletContext(app), name, IllegalArgumentException)

    def test_in_place_of_a_configuration(self, name):
        """As the configuration of a manager or of Java's context."""
        self.check(lambda config: SessionManager(config=config), name, ConfigError)
        self.check(lambda config: ServletContext(page, config=config), name, IllegalArgumentException)

    def test_in_place_of_listeners(self, name):
        """As a listener."""
        self.check(lambda listener: SessionManager(listeners=[listener]), name, ValueError)

    def test_in_place_of_a_setting(self, name):
        """As a setting: only what a setting itself takes is shown."""
        value = SECRETS[name]
        if "@" in repr(value):
            for setting in ("cookie", "max_inactive_interval", "max_lifetime", "tracking_modes", "sweep_interval"):
                self.check(lambda value, setting=setting: SessionConfig(**{setting: value}), name, ConfigError)
            for setting in ("name", "domain", "path", "attributes", "same_site", "max_age"):
                self.check(lambda value, setting=setting: SessionCookieConfig(**{setting: value}), name, ConfigError)

    def test_store_among_the_settings(self, name):
        """As the setting ``store``, which is none."""
        self.check(lambda store: SessionConfig(store=store), name, TypeError)
        self.check(lambda store: SessionConfig.from_mapping({"store": store}), name, ConfigError)
        self.check(lambda store: SessionConfig.from_mapping({"session": {"store": store}}), name, ConfigError)

    def test_in_files_and_the_environment(self, name):
        """As a text in an ini file or in a variable."""
        value = SECRETS[name]
        if isinstance(value, str):
            where = {"__file__": "app.ini"}
            self.check(lambda store: filter_app_factory(page, where, store=store), name, ConfigError)
            self.check(lambda store: filter_app_factory(page, where, stroe=store), name, ConfigError)
            self.check(lambda store: SessionConfig.from_environ({"HTTPSESSION_STOER": store}), name, ConfigError)
            assert SessionConfig.from_environ({"HTTPSESSION_STORE": value}) == SessionConfig()
        if not isinstance(value, dict):
            self.check(SessionConfig.from_mapping, name, ConfigError)
            self.check(SessionConfig.from_environ, name, ConfigError)


@pytest.mark.parametrize(
    "url",
    [f"redis://:{SECRET}@host", f"redis://host?password={SECRET}", f"HOST=h password={SECRET}"],
    ids=["login", "option", "words"],
)
class TestSecretsInSources:
    """A URL where a source expects another thing."""

    def test_values(self, url, tmp_path):
        """As the value of a setting in a mapping, an ini file, the environment and a web.xml."""
        file = tmp_path / "web.xml"
        timeout = f"<session-config><session-timeout>{url}</session-timeout></session-config>"
        file.write_text(f"<web-app>{timeout}</web-app>")
        name = f"<session-config><cookie-config><name>{url}</name></cookie-config></session-config>"
        other = tmp_path / "other.xml"
        other.write_text(f"<web-app>{name}</web-app>")
        for call in (
            lambda: SessionConfig.from_mapping({"timeout": url}),
            lambda: SessionConfig.from_mapping({"max_inactive_interval": url}),
            lambda: SessionConfig.from_mapping({"cookie.domain": url}),
            lambda: SessionConfig.from_mapping({"cookie": url}),
            lambda: SessionConfig.from_environ({"HTTPSESSION_MAX_LIFETIME": url}),
            lambda: SessionConfig.from_web_xml(file),
            lambda: SessionConfig.from_web_xml(other),
        ):
            with pytest.raises(ConfigError) as caught:
                call()
            assert SECRET not in said(caught)

    def test_names(self, url, tmp_path):
        """As a name: of a setting, an attribute, an element's text, a file."""
        for call in (
            lambda: SessionConfig.from_mapping({url: 1}),
            lambda: SessionConfig.from_mapping({"cookie": {url: 1}}),
            lambda: SessionCookieConfig(attributes={url: "1"}),
            lambda: SessionConfig.from_web_xml(url),
            lambda: SessionConfig.from_mapping({"timeout": "x"}, source=url),
        ):
            with pytest.raises(ConfigError) as caught:
                call()
            assert SECRET not in said(caught)


class TestWhatWorks:
    """A middleware takes a manager, a store, or the URL of a store."""

    @pytest.mark.parametrize("form", ["sqlite:///sessions.db", MemoryStore, SessionManager, None, "memory://"])
    def test_second_argument(self, form, tmp_path, monkeypatch):
        """Each keeps the sessions of the application."""
        monkeypatch.chdir(tmp_path)
        middleware = SessionMiddleware(page, form() if isinstance(form, type) else form)
        first = fetch(middleware)
        assert fetch(middleware, first.new_id).text == "2"
        assert middleware.manager.stats().active == 1
        middleware.manager.close()

    def test_two_middlewares_on_one_file(self, tmp_path):
        """By its URL two processes share a store, here two middlewares."""
        url = f"sqlite:///{tmp_path}/x.db"
        one, other = SessionMiddleware(page, url), SessionMiddleware(page, url)
        assert fetch(other, fetch(one).new_id).text == "2"
        for middleware in (one, other):
            middleware.manager.close()

    def test_keyword(self):
        """The argument is called manager, whatever it is."""
        assert SessionMiddleware(page, manager=MemoryStore()).manager.stats().active == 0


class TestWhatWasMeant:
    """The message names the likeliest remedy."""

    @pytest.mark.parametrize(
        ("text", "remedy"),
        [
            ("sessions.db", "did you mean sqlite:///sessions.db?"),
            ("var/sessions.sqlite3", "did you mean sqlite:///var/sessions.sqlite3?"),
            ("./sessions.db", "did you mean sqlite:///./sessions.db?"),
            ("/var/lib/shop/sessions.db", "did you mean sqlite:////var/lib/shop/sessions.db?"),
            ("/var/lib/shop/sessions", "did you mean sqlite:////var/lib/shop/sessions?"),
            ("my sessions.db", "did you mean sqlite:///my%20sessions.db?"),
            (Path("sessions.db"), "did you mean sqlite:///sessions.db?"),
            (Path("/var/sessions.db"), "did you mean sqlite:////var/sessions.db?"),
            ("sqlite:sessions.db", "did you mean sqlite:///sessions.db?"),
            ("sqlite:/var/sessions.db", "did you mean sqlite:////var/sessions.db?"),
            ("sqlite://sessions.db", "did you mean sqlite:///sessions.db?"),
            ("sqlite3:///sessions.db", "did you mean sqlite:///sessions.db?"),
            ("sqlite3:////var/sessions.db", "did you mean sqlite:////var/sessions.db?"),
            ("sqlite", "did you mean sqlite:///sessions.db?"),
            (":memory:", "did you mean memory://?"),
            ("sqlite:///:memory:", "memory:// is for one process"),
            ("memory", "did you mean memory://?"),
            ("localhost", "did you mean redis://localhost?"),
            ("localhost:6379", "did you mean redis://localhost:6379?"),
            ("cache.example:6380/1", "did you mean redis://cache.example:6380/1?"),
            ("redis", "did you mean redis://host:6379?"),
            ("redis:localhost:6379", "did you mean redis://localhost:6379?"),
            ("REDIS:/localhost", "did you mean redis://localhost?"),
            ("reddis://localhost", "did you mean redis://localhost?"),
            ("valkey://localhost", "did you mean redis://localhost?"),
            ("redis+tls://cache.example", "did you mean rediss://cache.example?"),
            ("/run/redis.sock", "did you mean unix:///run/redis.sock?"),
            ("", "is a variable unset?"),
            ("   ", "is a variable unset?"),
            (" redis://localhost", "remove the blanks"),
            ("'redis://localhost'", "remove the blanks and quotation marks"),
            ("redis://", "names no host; write redis://host:port, such as redis://localhost:6379"),
            ("redis:///0", "names no host"),
            ("rediss://", "such as rediss://localhost:6379"),
            ("redis+sentinel:///mymaster", "such as redis+sentinel://localhost:26379/service"),
            ("redis+cluster://", "such as redis+cluster://localhost:6379"),
            (b"memory://", "decode it"),
            (urlsplit("redis://localhost"), "pass its geturl()"),
            (SessionConfig(), "pass the configuration as config="),
            (SessionConfig, "pass the configuration as config="),
            (SessionManager(), "SessionMiddleware(app, manager)"),
            (SessionMiddleware(page), "SessionMiddleware(app, manager)"),
            (MemoryStore, "did you mean MemoryStore()?"),
            (redis.Redis(), "redis://[user:password@]localhost:6379/0"),
            (redis.Redis("cache", 6380, 2), "redis://[user:password@]cache:6380/2"),
            (redis.Redis(unix_socket_path="/run/redis.sock"), "unix://[user:password@]/run/redis.sock"),
            (redis.asyncio.Redis(), "redis://[user:password@]localhost:6379/0"),
            (redis.Sentinel([("a", 1)]), "give the URL of the server"),
            ({"max_inactive_interval": 5}, "SessionConfig.from_mapping()"),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    def test_store(self, text, remedy):
        """For a store."""
        message = message_of(text)
        assert remedy in message
        assert len(message) < 320

    def test_sqlite3(self):
        """A connection of sqlite3 is no store."""
        connection = sqlite3.connect(":memory:")
        assert "give the URL of the file: sqlite:///" in message_of(connection)
        connection.close()

    @pytest.mark.parametrize("url", ["redis://", "rediss://", "redis://h:port", "redis:///0", "redis://:6379"])
    def test_no_commas_for_one_server(self, url):
        """Only a URL that may name several servers is told how several are written."""
        assert "comma" not in message_of(url)
        assert "several with commas" in message_of("redis+cluster://h:port")

    @pytest.mark.parametrize(
        ("config", "remedy"),
        [
            ("sessions.db", "is the first argument, store"),
            ({}, "SessionConfig.from_mapping()"),
            (SessionConfig, "did you mean SessionConfig()?"),
            (SessionCookieConfig(), "SessionConfig(cookie=...)"),
            (5, "config is 5, but must be a SessionConfig"),
        ],
    )
    def test_configuration(self, config, remedy):
        """For a configuration."""
        with pytest.raises(ConfigError) as caught:
            SessionManager(config=config)
        assert remedy in str(caught.value)

    @pytest.mark.parametrize("key", ["store", "url", "session.store", "store-type", "spring.session.store-type"])
    def test_store_among_the_settings(self, key):
        """A store among the settings is sent to where stores are given."""
        with pytest.raises(ConfigError, match="pass the URL of the store to SessionManager"):
            SessionConfig.from_mapping({key: "redis"})

    @pytest.mark.parametrize("wrong", ["x" * 100_000, "redis://h/" + "h" * 100_000, ["x"] * 100_000, b"x" * 100_000])
    def test_messages_are_short(self, wrong):
        """However long the value is, the message has a line or two."""
        assert len(message_of(wrong)) < 500


class Partial:
    """A store without most methods."""

    is_shared = True

    def create(self, session):
        return True

    def load(self, key, arrived, in_use=None):
        return None


class TestMethods:
    """A store that lacks a method is refused with its name."""

    @pytest.mark.parametrize(
        "name",
        [
            *("create", "load", "peek", "save", "can_move", "was_left", "remove", "expire", "evict", "touch"),
            *("records_of", "__iter__", "__len__", "describe", "close", "is_shared"),
        ],
    )
    @pytest.mark.parametrize("how", ["absent", "none", "stub"])
    def test_one(self, name, how):
        """Each of them: a method that is not there, is None, or is only declared by the protocol."""
        members = {key: value for key, value in vars(MemoryStore).items() if key not in ("__dict__", "__weakref__")}
        del members[name]
        if how == "none":
            members[name] = None
        bases = (SessionStore,) if how == "stub" else ()
        store = type("Mine", bases, members)()
        for call in (SessionManager, open_store, lambda store: SessionMiddleware(page, store)):
            with pytest.raises(ConfigError, match=rf"Mine, but must be a SessionStore.*it lacks {name}") as caught:
                call(store)
            assert str(caught.value).count(",") <= 3

    @pytest.mark.parametrize("wrong", ["absent", "100", 1.5])
    def test_capacity(self, wrong):
        """The number of sessions that a store has room for is a whole number, or None for any."""
        members = {key: value for key, value in vars(MemoryStore).items() if key not in ("__dict__", "__weakref__")}
        assert type("Mine", (), members | {"capacity": 5})().capacity == 5
        del members["capacity"]
        store = type("Mine", (), members if wrong == "absent" else members | {"capacity": wrong})()
        assert "it lacks capacity, which is a whole number or None" in message_of(store)
        SessionManager(type("Mine", (), members | {"capacity": None})()).close()

    def test_several(self):
        """All that are missing are named, in the order of the contract."""
        message = message_of(Partial())
        assert "it lacks peek, save, can_move, was_left, remove, expire, evict, touch, records_of, __iter__" in message

    def test_declared_alone(self):
        """A class that only derives from the protocol has none of its methods."""
        assert "lacks is_shared, which is True or False, create, load" in message_of(type("Mine", (SharedStore,), {})())

    def test_wrapper(self, tmp_path):
        """A wrapper that passes methods on by ``__getattr__`` is a store, if it has the special methods itself."""

        class Wrapper:
            def __init__(self, store):
                self._store = store

            def __getattr__(self, name):
                return getattr(self._store, name)

        class Whole(Wrapper):
            def __iter__(self):
                return iter(self._store)

            def __len__(self):
                return len(self._store)

        store = SQLiteStore(tmp_path / "x.db")
        assert "it lacks __iter__, __len__" in message_of(Wrapper(store))
        middleware = SessionMiddleware(page, Whole(store))
        assert fetch(middleware, fetch(middleware).new_id).text == "2"
        middleware.manager.close()

    @pytest.mark.parametrize("other", [io.StringIO(), print, 5, {}, [], object(), page, len])
    def test_what_is_nothing_like_a_store(self, other):
        """An object that has none of the telling methods is not told what it lacks."""
        assert "lacks" not in message_of(other)

    def test_opened_by_another_package(self, tmp_path, monkeypatch):
        """A store that another package opens is held to the same."""
        (tmp_path / "half_store.py").write_text(
            "class Half:\n    is_shared = True\n    def load(self): pass\n\ndef open_url(url):\n    return Half()\n"
        )
        info = tmp_path / "half_store-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: half-store\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[httpsession.stores]\nhalf = half_store:open_url\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert "it lacks create, peek" in message_of(f"half://web:{SECRET}@host")
        assert SECRET not in message_of(f"half://web:{SECRET}@host")
