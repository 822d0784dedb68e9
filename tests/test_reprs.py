"""Representations: no object of the package shows an id, a key or a value in a log or a debugger (R88)."""

from __future__ import annotations

import gc
import os
from types import FunctionType, MethodType, ModuleType

import pytest

from httpsession import HttpSessionBindingEvent, HttpSessionEvent
from httpsession.cli.state import Summary
from httpsession.ids import key_of
from httpsession.record import LiveRecord, SessionRecord
from httpsession.stores.base import Changes, LiveEntry, StoredSession
from tests.support.workers import Worker

VALUE = "the card number of a customer"
KEY = os.urandom(32)
#: The containers through which objects of the package are reached.
CONTAINERS = (dict, list, tuple, set, frozenset)


def objects_from(*roots):
    """Return all objects of the package that are reached from others."""
    found, waiting = {}, list(roots)
    while waiting:
        one = waiting.pop()
        is_ours = type(one).__module__.startswith("httpsession")
        if id(one) in found or not (is_ours or isinstance(one, (*CONTAINERS, FunctionType, MethodType))):
            continue
        found[id(one)] = one
        # Functions lead to all that a module has; their closures lead to objects.
        waiting += [one.__closure__] if isinstance(one, FunctionType) else gc.get_referents(one)
        waiting = [each for each in waiting if not isinstance(each, (type, ModuleType))]
    return [one for one in found.values() if type(one).__module__.startswith("httpsession")]


def assert_silent(objects, secrets):
    """No object shows any of the secrets, in any of their spellings."""
    spellings = [VALUE, *(spelled for secret in secrets for spelled in spellings_of(secret))]
    for one in objects:
        for text in (repr(one), str(one), f"{one}"):
            assert not [spelled for spelled in spellings if spelled in text], type(one)


def spellings_of(secret):
    """Return how an id or a key may appear in a text."""
    if isinstance(secret, str):
        return [secret, secret.lower()]
    return [secret.hex(), secret.hex().upper(), repr(secret)[2:-1]]


@pytest.mark.parametrize("url", ["memory", "sqlite"], indirect=True)
@pytest.mark.parametrize("logs_in", [False, True])
def test_objects_of_a_request(url, logs_in):
    """All objects of a worker and of a request under way, whether or not it logs in."""
    worker = Worker(url)
    session_id = worker.session_with(card=VALUE)
    request = worker.request(session_id)
    session = request.session.get_session()
    session["again"] = [VALUE]
    session.update_attribute("card", lambda old: [old])
    if logs_in:
        request.session.login("anna")
        session = request.session.get_session()
        session["more"] = VALUE
    events = HttpSessionEvent(session), HttpSessionBindingEvent(session, "card", VALUE)
    objects = objects_from(worker.manager, request.session, session, session.accessor, request.environ, *events)
    assert len({type(one) for one in objects}) > 15
    assert_silent(objects, [session_id, key_of(session_id), session.id, key_of(session.id)])
    request.finish()
    worker.manager.close()


def record(cls=SessionRecord, **more):
    """Return a record whose key, id and notes are secret."""
    return cls(KEY, 1.0, 60, 9.0, 1.0, 1.0, "anna", {"note": VALUE.encode()}, **more)


def live_record():
    return record(LiveRecord, id=KEY.hex().upper())


@pytest.mark.parametrize(
    "make",
    [
        record,
        live_record,
        lambda: record().info(),
        lambda: StoredSession(record(), {"a": VALUE.encode()}, ["b"]),
        lambda: LiveEntry(live_record(), {"a": VALUE}),
        lambda: Summary.of(StoredSession(record(), {"a": VALUE.encode()}), 5.0),
        lambda: Changes(put={"a": VALUE.encode()}, expected={"a": VALUE.encode()}, new_key=KEY),
    ],
    ids=["SessionRecord", "LiveRecord", "SessionInfo", "StoredSession", "LiveEntry", "Summary", "Changes"],
)
def test_objects_of_stores(make):
    """Records, and what stores and their callers hand each other."""
    one = make()
    assert type(one).__name__ in repr(one)
    assert_silent([one], [KEY, KEY.hex().upper()])


def test_secrets_would_be_found():
    """A representation with a key or a value does not pass."""
    for secret in (KEY, KEY.hex(), VALUE):
        with pytest.raises(AssertionError):
            assert_silent([[secret]], [KEY])
