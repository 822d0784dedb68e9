"""A process that ends at any step of a change leaves the old state or the new one, never both and never half of one.

A child makes a request and ends, without any cleaning up, before or after a call by which it reaches the file or the
server: each such call in its turn. Another process then looks at what is there (the fault plan's F16).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from itertools import count

import pytest

from httpsession import SessionConfig, SessionManager, TooManySessionsError
from httpsession.testing.forking import Child, needs_fork
from tests.core.test_limits import register_of
from tests.support.core import store_of
from tests.support.site import Site

pytestmark = [needs_fork, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]

#: The functions in C by which a store reaches its file or its server.
CALLS = {"execute", "executemany", "sendall", "recv_into"}
#: Seconds that a command of a store may take, so that a lost place is soon free again.
TIMEOUT = 1.0
CART = {"cart": [1, 2], "coupon": "x" * 2000}


def ends_at(step):
    """Return a function for ``sys.setprofile`` that ends the process at a step: each call has one before and after."""
    steps = count()

    def look(frame, event, function):
        if event in ("c_call", "c_return") and function.__name__ in CALLS and next(steps) == step:
            os._exit(0)

    return look


def outcomes(url, prepare, act, **config):
    """Yield what *prepare* has returned, whether *act* was answered, and a site of another process, for each step.

    The last process ends at no step. *prepare* and *act* get a site; *act* gets what *prepare* has returned, too.
    """
    config = SessionConfig(sweep_interval=None, **config)

    def run(step, before):
        with Site(SessionManager(url, config=config)) as site:
            site.visit()
            sys.setprofile(ends_at(step))
            act(site, before)
            sys.setprofile(None)
            return "answered"

    is_answered, step = False, 0
    while not is_answered:
        with Site(SessionManager(url, config=config)) as site:
            for one in store_of(site.manager):
                store_of(site.manager).remove(one.record.key)
            before = prepare(site)
        is_answered = Child(partial(run, step, before)).result() == "answered"
        with Site(SessionManager(url, config=config)) as site:
            yield before, is_answered, site
        step += 1
    assert step > 2, "no call was found"


def new_cart(site):
    """Return the id of an anonymous session with a cart."""
    return site.ask("/", lambda request: request.get_session().update(CART)).new_id


def log_in(principal, site, session_id=None):
    """Log a user in, and return the id that the client has then."""
    cookie = session_id and f"JSESSIONID={session_id}"
    return site.ask("/", lambda request: (request.login(principal), request.get_session().id)[1], cookie=cookie).value


def is_refused(site):
    """Return whether a login is refused, as the user is logged in as often as allowed."""

    def try_to(request):
        with suppress(TooManySessionsError):
            request.login("anna")
            return False
        return True

    return site.ask("/", try_to).value


def change_id(site, session_id):
    site.ask("/", lambda request: request.change_session_id(), cookie=f"JSESSIONID={session_id}")


def log_out(site, session_id):
    site.ask("/", lambda request: request.get_session().invalidate(), cookie=f"JSESSIONID={session_id}")


def found(site, session_id):
    """Return the attributes of a session; None if there is none."""

    def read(request):
        session = request.get_session(create=False)
        return None if session is None else dict(session)

    return site.ask("/", read, cookie=f"JSESSIONID={session_id}").value


def stored(site):
    """Return the users of all sessions, an empty text for none, and the numbers of their attributes."""
    return sorted((one.record.principal or "", len(one.attributes)) for one in store_of(site.manager))


def all_outcomes(url, prepare, act, **config):
    """Yield what was there before, the attributes found under its id, and the site; both states must come up.

    The new state, in which nothing is found, is there when the request was answered.
    """
    seen = set()
    for session_id, is_answered, site in outcomes(url, prepare, act, **config):
        attributes = found(site, session_id)
        assert not (is_answered and attributes is not None), "the request was answered without having taken effect"
        seen.add(attributes is None)
        yield attributes, site
    assert seen == {False, True}


def test_change_of_the_id(url):
    """The session has its attributes under the former id or under a new one, and there is no second session."""
    for attributes, site in all_outcomes(url, new_cart, change_id):
        assert attributes in (CART, None)
        assert stored(site) == [("", len(CART))]


@pytest.mark.parametrize("limit", [None, 3])
def test_login(url, limit):
    """There is the anonymous session under its id, or that of the user under another with the cart; never both."""
    for attributes, site in all_outcomes(url, new_cart, partial(log_in, "anna"), max_sessions_per_principal=limit):
        assert attributes in (CART, None)
        assert stored(site) == [("" if attributes else "anna", len(CART))]
        assert len(site.manager.sessions_of("anna")) == (attributes is None)


def test_login_of_another_user(url):
    """There is the session of the one user, with its attributes, or an empty one of the other; never both."""

    def prepare(site):
        session_id = log_in("berta", site)
        site.ask("/", lambda request: request.get_session().update(CART), cookie=f"JSESSIONID={session_id}")
        return session_id

    for attributes, site in all_outcomes(url, prepare, partial(log_in, "anna")):
        assert stored(site) == ([("anna", 0)] if attributes is None else [("berta", len(CART))])
        users = [len(site.manager.sessions_of(user)) for user in ("anna", "berta")]
        assert users == ([1, 0] if attributes is None else [0, 1])


def test_logout(url):
    """The session is there as a whole or not at all, and gone when its client was answered."""
    for attributes, site in all_outcomes(url, lambda site: log_in("anna", site, new_cart(site)), log_out):
        assert stored(site) == ([] if attributes is None else [("anna", len(CART))])
        assert len(site.manager.sessions_of("anna")) == (attributes is not None)


def test_logout_everywhere(url):
    """Each session of the user is there as a whole or not at all, and none when the call has returned."""

    def prepare(site):
        for _ in range(3):
            log_in("anna", site, new_cart(site))

    left = set()
    for _, is_answered, site in outcomes(url, prepare, lambda site, _: site.manager.invalidate_all("anna")):
        sessions = stored(site)
        left.add(len(sessions))
        assert set(sessions) <= {("anna", len(CART))}
        assert not (is_answered and sessions)
        site.manager.invalidate_all("anna")
        assert stored(site) == []
    assert {0, 3} <= left


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "anonymous before"])
def test_limit_that_evicts(url, is_new, clock):
    """A login beyond the limit leaves one session too many at most, and the next login as many as there may be."""

    def prepare(site):
        for _ in range(2):
            log_in("anna", site)
        return None if is_new else new_cart(site)

    numbers = set()
    for _, is_answered, site in outcomes(url, prepare, partial(log_in, "anna"), max_sessions_per_principal=2):
        clock.tick(5 * TIMEOUT)  # until no login can be under way
        number = len(site.manager.sessions_of("anna"))
        numbers.add(number)
        assert number == 2 if is_answered or url.startswith("sqlite") else number in (2, 3)
        log_in("anna", site)
        check_register(url, site, 2)
    assert 2 in numbers


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "anonymous before"])
def test_limit_that_denies(url, is_new, clock):
    """A login that has ended half-way takes no place for longer than a few timeouts of the store."""

    def prepare(site):
        clock.tick(5 * TIMEOUT)  # until the places of the sessions of before are free
        log_in("anna", site)
        return None if is_new else new_cart(site)

    config = {"max_sessions_per_principal": 2, "when_too_many": "deny"}
    for _, is_answered, site in outcomes(url, prepare, partial(log_in, "anna"), **config):
        number = len(site.manager.sessions_of("anna"))
        assert number == 2 if is_answered else number in (1, 2)
        clock.tick(5 * TIMEOUT)
        while number < 2:
            log_in("anna", site)
            number += 1
        check_register(url, site, 2)
        assert is_refused(site)


def check_register(url, site, number):
    """The user has so many sessions, and the register of the limit, where there is one, leads to the same."""
    keys = {record.key for record in store_of(site.manager).records_of("anna")}
    assert len(keys) == number
    if not url.startswith("sqlite"):
        assert register_of(store_of(site.manager)) == keys
