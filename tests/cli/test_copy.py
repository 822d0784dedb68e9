"""Copying and moving sessions from one store to another."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from httpsession import SessionManager
from httpsession.stores.base import Changes
from httpsession.stores.redis.names import Names
from tests.cli.conftest import CODEC, INTERVAL, add, handles, key_in, rotate
from tests.support.core import flush
from tests.support.site import Site
from tests.support.workers import Worker


@pytest.fixture(params=["sqlite to redis", "redis to sqlite"])
def urls(request, sqlite_url, redis_url):
    """The URLs of the source and the target."""
    return (sqlite_url, redis_url) if request.param.startswith("sqlite") else (redis_url, sqlite_url)


@pytest.fixture
def source(urls, opened):
    """The store with sessions."""
    return opened(urls[0])


@pytest.fixture
def target(urls, opened):
    """The store to which they go."""
    return opened(urls[1])


def report_of(result):
    """Return the report as numbers by what they count."""
    return {what: int(number) for number, what in (line.split(maxsplit=1) for line in result.stdout.splitlines())}


def contents(store):
    """Return all that a store knows of its sessions."""
    return {
        stored.record.key: (
            stored.record.creation_time,
            stored.record.accessed,
            stored.record.used,
            stored.record.deadline,
            stored.record.max_inactive_interval,
            stored.record.principal,
            dict(stored.record.notes),
            dict(stored.attributes),
        )
        for stored in store
    }


def meddle(monkeypatch, store, verb, action):
    """Call *action* once, just before the store's *verb* is called for the first time on a session that it has now."""
    kind, keys = type(store), {stored.record.key for stored in store}
    original = getattr(kind, verb)

    def after_action(self, key):
        if key in keys:
            monkeypatch.setattr(kind, verb, original)
            action()
        return original(self, key)

    monkeypatch.setattr(kind, verb, after_action)


def put(store, handle, text):
    """Save an attribute as a request does that is under way."""
    changes = Changes(put={"name": CODEC.encode(text)})
    assert store.save(key_in(store, handle), changes, time.time())


def test_copy(run, urls, source, target):
    """Live sessions are in both stores afterwards, whole; expired sessions are left out."""
    for number in range(120):
        add(source, {"number": number, "cart": ["x"]}, age=900, idle=number, principal="ada" if number % 2 else None)
    add(source, interval=-1, age=10**6, notes={"seal": b"\x00\xff"})
    alive = contents(source)
    over = add(source, age=9000)
    result = run("copy", *urls)

    assert result.exit_code == 0
    assert contents(target) == alive
    assert over in handles(source)
    assert report_of(result) == {"copied": 121, "skipped, there already": 0, "skipped, expired": 1, "failed": 0}
    assert len(target.records_of("ada")) == 60


def test_copy_encrypted(run, urls, source, target):
    """Sessions that are encrypted and sealed are copied without the keys, and their application reads them there."""
    attributes, config = {"cart": ["book"]}, {"encryption_keys": ["07" * 32], "max_lifetime": 86400.1}
    first, second = (Worker(url, **config) for url in urls)
    request = first.request()
    request.session.login("anna")
    request.session.get_session().update(attributes)
    session_id = request.finish().new_id
    for worker in (first, second):
        flush(worker.manager)
    result = run("copy", *urls)

    assert report_of(result)["copied"] == 1
    assert second.attributes(session_id) == attributes
    shown = run("show", first.manager.sessions_of("anna")[0].handle, "--values", "--store", urls[0])
    assert "(cannot be read here: it is encrypted, and there are no keys)" in shown.stdout
    for worker in (first, second):
        worker.manager.close()


def test_copy_again(run, urls, source, target):
    """A second run copies the sessions that are missing or were used in the source since."""
    kept, used = add(source, idle=60), add(source, idle=60)
    run("copy", *urls)
    new = add(source)
    now = time.time()
    source.touch([(key_in(source, used), now, now)])
    put(source, used, "later")
    result = run("copy", *urls)

    assert report_of(result) == {"copied": 2, "skipped, there already": 1, "skipped, expired": 0, "failed": 0}
    assert handles(target) == sorted([kept, used, new])
    assert contents(target) == contents(source)


def test_what_goes_on_in_the_target_is_not_undone(run, urls, source, target):
    """A session that was used later in the target stays as it is there, and in the source as it is there."""
    handle = add(source, {"name": "old"}, idle=60)
    run("copy", *urls)
    now = time.time()
    target.touch([(key_in(target, handle), now, now)])
    put(target, handle, "new")
    before = contents(source), contents(target)

    assert report_of(run("copy", *urls))["skipped, there already"] == 1
    assert report_of(run("copy", "--move", *urls))["left in the source, since not the same there"] == 1
    assert (contents(source), contents(target)) == before


def test_cookies_stay_valid(run, urls, source, target):
    """A client goes on with its session where the application opens the other store."""
    manager = SessionManager(source)
    session_id = Site(manager).new_session()
    manager.close()
    run("copy", "--move", *urls)
    manager = SessionManager(target)

    assert Site(manager).has(session_id)
    manager.close()


def test_move(run, urls, source, target):
    """Sessions that have arrived are gone from the source; expired ones are left for the sweep."""
    for number in range(120):
        add(source, {"number": number}, idle=number)
    alive = contents(source)
    over = add(source, age=9000)
    result = run("copy", "--move", *urls)

    assert report_of(result) == {
        **{"copied": 120, "skipped, there already": 0, "skipped, expired": 1, "failed": 0},
        **{"left in the source, since not the same there": 0, "removed from the source": 120},
    }
    assert contents(target) == alive
    assert handles(source) == [over]


def test_move_what_was_copied_before(run, urls, source, target):
    """Sessions that an earlier run has copied are removed from the source, too."""
    handle = add(source, {"name": "x"})
    run("copy", *urls)
    report = report_of(run("copy", "--move", *urls))

    assert (report["skipped, there already"], report["removed from the source"]) == (1, 1)
    assert (handles(source), handles(target)) == ([], [handle])


@pytest.mark.parametrize("moment", ["peek", "remove"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(Changes(put={"name": CODEC.encode("new")}), id="attribute"),
        pytest.param(Changes(notes={"seal": b"new"}), id="note"),
        pytest.param(Changes(principal="ada"), id="principal"),
        pytest.param(Changes(max_inactive_interval=INTERVAL + 1), id="interval"),
        pytest.param(Changes(deadline=2.0**40), id="deadline"),
    ],
)
def test_a_change_during_the_move_is_not_lost(run, urls, source, target, monkeypatch, moment, change):
    """A change that a request saves after its session was copied, even just before its removal, arrives as well."""
    handle, changed = add(source, {"name": "old"}, idle=60, notes={"seal": b"old"}), {}

    def save():
        assert source.save(key_in(source, handle), change, time.time())
        changed.update(contents(source))

    before = contents(source)
    meddle(monkeypatch, source, moment, save)
    report = report_of(run("copy", "--move", *urls))

    assert (report["copied"], report["removed from the source"]) == (1, 1)
    assert handles(source) == []
    assert contents(target) == changed != before


@pytest.mark.parametrize("moment", ["peek", "remove"])
def test_a_change_of_the_id_during_the_move(run, urls, source, target, monkeypatch, moment):
    """The session arrives under its new key, and the old one is dead."""
    old, new = add(source, {"name": "x"}), []
    meddle(monkeypatch, source, moment, lambda: new.append(rotate(source, old)))
    run("copy", "--move", *urls)

    assert len(new) == 1
    assert handles(source) == []
    assert handles(target) == new


@pytest.mark.parametrize("moment", ["peek", "remove"])
def test_a_login_during_the_move(run, urls, source, target, monkeypatch, moment):
    """The session that a login begins is in one store, whole, and the former key is dead in both."""
    handle, begun = add(source, {"name": "x"}, notes={"seal": b"old"}), {}
    key = key_in(source, handle)

    def log_in():
        rotate(source, handle, is_login=True, principal="ada", notes={"seal": b"new"})
        begun.update(contents(source))

    meddle(monkeypatch, source, moment, log_in)
    run("copy", "--move", *urls)

    assert [len(source) + len(target), contents(source) | contents(target)] == [1, begun]
    assert (source.peek(key), target.peek(key)) == (None, None)


@pytest.mark.parametrize("moment", ["peek", "remove"])
def test_a_logout_during_the_move_wins(run, urls, source, target, monkeypatch, moment):
    """A session that is ended in the source meanwhile is in neither store afterwards."""
    key = key_in(source, add(source))
    meddle(monkeypatch, source, moment, lambda: source.remove(key))
    report = report_of(run("copy", "--move", *urls))

    assert (handles(source), handles(target)) == ([], [])
    assert (report["skipped, expired"], report["removed from the source"]) == (1, 0)


def test_a_session_that_goes_on_changing_is_left(run, urls, source, target, monkeypatch):
    """A session that changes each time that it is copied stays in the source, with all that it has."""
    restless, calm = add(source, {"name": "0"}), add(source)
    kind, texts = type(source), iter("123456789")
    peek = kind.peek

    def change_and_peek(self, key):
        put(source, restless, next(texts))
        return peek(self, key)

    monkeypatch.setattr(kind, "peek", change_and_peek)
    report = report_of(run("copy", "--move", *urls))

    assert (report["left in the source, since not the same there"], report["removed from the source"]) == (1, 1)
    assert (handles(source), handles(target)) == ([restless], [calm])


@pytest.mark.parametrize("option", [(), ("--move",)])
def test_one_store_by_two_names(run, redis_server, redis_url, option, opened):
    """A store is not copied to itself, by whatever names it goes: nothing would be left of what is moved."""
    names = redis_url, redis_url.replace(redis_server.unix_url, redis_server.url)
    store = opened(names[0])
    handle = add(store)
    result = run("copy", *option, *names)

    assert (result.exit_code, result.stderr) == (1, "Error: the source and the target are the same store\n")
    assert handles(store) == [handle]


def test_a_target_that_takes_nothing(run, sqlite_url, redis_server, redis_url, opened):
    """If several sessions in a row fail, the rest is not tried; every session is where it was."""
    source = opened(sqlite_url)
    for _ in range(20):
        add(source, {"name": "x" * 1000})
    redis_server.client.config_set("maxmemory", "1")
    try:
        result = run("copy", "--move", sqlite_url, redis_url)
    finally:
        redis_server.client.config_set("maxmemory", "0")

    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert len(source) == 20


def test_a_session_that_fails(run, sqlite_url, redis_url, redis_server, opened):
    """A session that the target refuses is named and counted and stays in the source; the rest is moved."""
    source = opened(sqlite_url)
    bad, good = add(source), add(source)
    prefix = re.search("prefix=(\\w+)", redis_url)[1]
    key = key_in(source, bad)
    redis_server.client.set(Names(prefix).session[key[0]] + key, "something else")
    result = run("copy", "--move", sqlite_url, redis_url)

    assert result.exit_code == 1
    assert f"Session {bad} failed: " in result.stderr
    report = report_of(result)
    assert (report["failed"], report["removed from the source"]) == (1, 1)
    assert (handles(source), handles(opened(redis_url))) == ([bad], [good])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(run, urls, source, target, monkeypatch, number):
    """A signal ends the run between two sessions; another run goes on, and nothing is lost or there twice."""
    for _ in range(20):
        add(source, {"name": "x"})
    before = contents(source)
    before_signal = signal.getsignal(number)
    meddle(monkeypatch, source, "remove", lambda: os.kill(os.getpid(), number))
    first = run("copy", "--move", *urls)

    assert (first.exit_code, "Run it again" in first.stderr) == (1, True)
    assert signal.getsignal(number) == before_signal
    assert report_of(first)["removed from the source"] == 1
    assert contents(source) | contents(target) == before
    assert len(source) + len(target) == 20
    assert report_of(run("copy", "--move", *urls))["removed from the source"] == 19
    assert (len(source), contents(target)) == (0, before)


def test_refusals(run, sqlite_url, opened):
    """A store that cannot be used is reported, as by every command."""
    opened(sqlite_url)
    result = run("copy", sqlite_url, "memory://")

    assert (result.exit_code, "memory of one process" in result.stderr) == (1, True)
    assert run("copy", sqlite_url).exit_code == 2
