"""Want of memory: where an allocation of a request fails, nothing is half done, and all goes on (fault plan, F18).

CPython itself makes an allocation fail: the first of a request, then the second, and so on to the last. hiredis crashes
then, so no store in Redis is here, and CPython 3.11 may crash in the commit of a login to a session in memory.
"""

from __future__ import annotations

import gc
import signal
import sys
from itertools import count
from wsgiref.util import setup_testing_defaults

import pytest

from httpsession import StoreError, request_session
from httpsession.stores.memory.clients import Clients
from httpsession.stores.memory.expiry import Entry, ExpiryQueue
from httpsession.testing.forking import Child, needs_fork
from tests.support.core import accesses_of
from tests.support.request import TEXT
from tests.support.waiting import PATIENCE
from tests.support.workers import Worker

pytestmark = [needs_fork, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]

BEFORE = {"a": 1, "b": 1}
#: After so many requests in a row of which no allocation has failed, there is none left.
UNHURT = 20


def read(request):
    dict(request.get_session())


def write(request):
    request.get_session().update(a=2, b=2)


def change_id(request):
    request.change_session_id()


def log_in(request):
    request.login("anna")


def log_out(request):
    request.get_session().invalidate()


def answer(worker, do, session_id):
    """Return how to make a request, with as few allocations of the test's own as possible."""

    def page(environ, start_response):
        do(request_session(environ))
        start_response("200 OK", [TEXT])
        return [b"done"]

    environ = {"HTTP_COOKIE": f"JSESSIONID={session_id}", "test.application": page}
    setup_testing_defaults(environ)
    return lambda: worker.app(environ, lambda status, headers, exc_info=None: None)


def fails(number, act):
    """Return whether an action failed, since its allocation of this *number* did."""
    _testcapi = pytest.importorskip("_testcapi", reason="this Python cannot make allocations fail")
    # Python needs a tuple to release a lock in a with statement. There are some in store, so that it never fails.
    del [(each, each, each) for each in range(100)][:]
    _testcapi.set_nomemory(number, number + 1)
    try:
        act()
    except (MemoryError, RuntimeError, StoreError):  # RuntimeError: no lock can be made
        return True
    finally:
        _testcapi.remove_mem_hooks()
    return False


def check(worker, do, session_id, has_failed):
    """The session is as before or as after, and the next requests, and the sweep, work."""
    attributes = worker.attributes(session_id)
    users, active = worker.manager.sessions_of("anna"), worker.active
    if do in (read, write):
        assert attributes is not None
        assert {**BEFORE, **attributes}.keys() == BEFORE.keys()
        assert set(attributes.values()) <= ({1, 2} if do is write else {1})
    elif attributes is not None:
        assert (attributes, active, len(users)) == (BEFORE, 1, 0)
        assert has_failed
    elif do is change_id:
        assert active == 1
    else:
        assert active == len(users) <= (do is log_in)
    assert not accesses_of(worker.manager).in_flight
    other = worker.session_with(a=3)
    assert worker.attributes(other) == {"a": 3}
    worker.manager.sweep(1e12)
    assert worker.active == 0


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="CPython itself may end when an allocation fails")
@pytest.mark.parametrize(
    ("url", "do"),
    [("memory", read), ("memory", write), ("memory", change_id), ("memory", log_out)]
    + [("sqlite", do) for do in (read, write, change_id, log_in, log_out)],
    indirect=["url"],
)
def test_allocation_fails(url, do):
    """The request fails or not. No lock stays held, no request in flight, and no session that never ends."""

    def run():
        signal.alarm(4 * PATIENCE)
        gc.disable()  # it would empty the store of tuples
        unhurt = hurt = 0
        worker = Worker(url)
        for number in count():
            session_id = worker.session_with(**BEFORE)
            has_failed = fails(number, answer(worker, do, session_id))
            check(worker, do, session_id, has_failed)
            unhurt = 0 if has_failed else unhurt + 1
            hurt += has_failed
            if unhurt == UNHURT:
                return str(hurt)

    assert int(Child(run).result()) > 20


@pytest.fixture
def fail_once(monkeypatch):
    """Makes a method raise MemoryError before it does anything, once."""

    def fail_once(kind, name):
        def fail(*args):
            monkeypatch.setattr(kind, name, method)
            raise MemoryError

        method = getattr(kind, name)
        monkeypatch.setattr(kind, name, fail)

    return fail_once


POINTS = [(ExpiryQueue, "put"), (Clients, "add"), (Clients, "discard"), (Entry, "successor"), (Entry, "change")]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0].__name__}.{point[1]}")
@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_login_in_memory(start_worker, fail_once, point):
    """A login that fails leaves the former session as it was, which takes changes and expires."""
    worker = start_worker()
    session_id = worker.session_with(**BEFORE)
    fail_once(*point)
    with pytest.raises(MemoryError):
        answer(worker, log_in, session_id)()
    assert worker.attributes(session_id) == BEFORE
    check(worker, log_in, session_id, True)
    session_id = worker.session_with(**BEFORE)
    assert worker.attributes(session_id) == BEFORE


@pytest.mark.parametrize("point", POINTS[:2], ids=lambda point: f"{point[0].__name__}.{point[1]}")
@pytest.mark.parametrize("url", ["memory"], indirect=True)
def test_creation_in_memory(start_worker, fail_once, point):
    """A creation that fails leaves no session, which might never expire."""
    worker = start_worker()
    fail_once(*point)
    with pytest.raises(MemoryError):
        worker.session_with(**BEFORE)
    assert worker.active == 0
