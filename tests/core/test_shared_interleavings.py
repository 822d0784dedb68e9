"""Two or three requests of one session, each on a worker of its own, in all orders of their calls of the store."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import factorial

import pytest

from httpsession import SessionMiddleware, request_session
from httpsession.ids import key_of
from tests.core.interleaving import Actor, all_orders, make_stepped, stand_still
from tests.support.request import TEXT, fetch


@dataclass
class Script:
    """The actions of a request on the session that it finds."""

    act: object
    #: What it has set when it was answered.
    writes: dict = field(default_factory=dict)
    #: Whether it ends the session, whether it changes the id, and whether its change has the last word.
    ends: bool = False
    renames: bool = False
    has_last_word: bool = False
    #: Whether it asks for the session at all, and whether its worker's background thread comes round afterwards.
    asks: bool = True
    tells: bool = False
    #: Whether it is no request but a sweep, at a time when everything is over.
    sweeps: bool = False


def add_one(session):
    """Count in the store."""
    session.get_session().update_attribute("count", lambda count: count + 1)


SCRIPTS = {
    "reader": Script(lambda session: dict(session.get_session()), tells=True),
    "writer": Script(lambda session: session.get_session().update(written=1), writes={"written": 1}),
    "appender": Script(lambda session: session.get_session()["cart"].append("pen"), writes={"cart": ["book", "pen"]}),
    "counter": Script(add_one, writes={"count": 1}),
    "logout": Script(lambda session: session.logout(), ends=True),
    "rotator": Script(lambda session: session.change_session_id(), renames=True),
    "login": Script(lambda session: session.login("anna"), renames=True, has_last_word=True),
    "toucher": Script(None, asks=False, tells=True),
    "sweeper": Script(None, ends=True, sweeps=True),
}
PAIRS = [
    *("reader logout", "writer logout", "appender logout", "counter logout", "rotator logout", "login logout"),
    *("toucher logout", "sweeper logout", "logout logout", "sweeper sweeper"),
    *("reader rotator", "writer rotator", "appender rotator", "counter rotator", "toucher rotator"),
    *("rotator rotator", "login rotator", "login login", "writer login", "counter login"),
    *("reader writer", "writer appender", "counter writer", "counter counter", "sweeper rotator", "sweeper writer"),
]
TRIPLES = [
    *("reader writer logout", "writer rotator logout", "counter rotator logout", "toucher rotator logout"),
    *("writer counter rotator", "writer appender login", "rotator rotator logout", "sweeper rotator logout"),
    *("writer rotator sweeper", "counter counter logout"),
]


class Stage:
    """Workers, and one session at a time on which scripts are played."""

    def __init__(self, workers):
        self.workers = workers
        for worker in workers:
            make_stepped(worker.manager._store)

    def begin(self, scripts):
        """Make a new session, and return the actors, each before its first call of the store."""
        for worker in self.workers:
            worker.recorder.log.clear()
        self.session_id = self.workers[0].session_with(cart=["book"], count=0)
        return [Actor(lambda s=s, w=w: self._play(s, w)) for s, w in zip(scripts, self.workers, strict=False)]

    def _play(self, script, worker):
        """Return whether the session was found, and the response."""
        found = []
        if script.sweeps:
            found.append(worker.manager.sweep(time.time() + 10_000) > 0)
            return found[0], None

        def app(environ, start_response):
            session = request_session(environ)
            if script.asks:
                found.append(session.get_session(create=False) is not None)
                if found[0]:
                    script.act(session)
            start_response("200 OK", [TEXT])
            return [b"its own"]

        response = fetch(SessionMiddleware(app, worker.manager), self.session_id)
        if script.tells:
            worker.manager.tell_store()
        return found == [True], response

    def close(self, ids):
        """Run all background threads once; return the remaining sessions by id, and end them."""
        for worker in self.workers:
            worker.manager.tell_store()
        left = {one: found for one in ids if (found := self.workers[0].attributes(one)) is not None}
        destroyed = sum(len(worker.recorder.of("destroyed")) for worker in self.workers)
        store = self.workers[0].manager._store
        count = len(store)
        for one in left:
            store.remove(key_of(one))
        return left, destroyed, count


@pytest.fixture
def stage(start_worker):
    return Stage([start_worker() for _ in range(3)])


def check_answers(scripts, answers):
    """Each answer is the application's own, and no cookie is touched but by who has ended the session: once."""
    deletions = 0
    for script, (was_found, response) in zip(scripts, answers, strict=True):
        if response is None:
            continue
        assert (response.status, response.text) == ("200 OK", "its own")
        deleted = [cookie for cookie in response.set_cookies if "Max-Age=0" in cookie]
        assert len(deleted) <= (script.ends and was_found)
        deletions += len(deleted)
        if not script.renames or not was_found:
            assert len(response.set_cookies) == len(deleted)
    has_ended = any(script.ends and was_found for script, (was_found, _) in zip(scripts, answers, strict=True))
    # A sweep may have been faster, which answers no client.
    is_swept = any(response is None for _, response in answers)
    assert deletions <= 1 if is_swept else deletions == has_ended


def check_end(stage, scripts, answers):
    """A session that was ended is dead under all its ids, and its end was told of once; one that was not has all that
    was acknowledged, under one id, which a client has."""
    told = {
        number: answers[number][1].new_id
        for number, script in enumerate(scripts)
        if script.renames and answers[number][1].set_cookies
    }
    left, destroyed, count = stage.close([stage.session_id, *told.values()])
    found = [script for script, (was_found, _) in zip(scripts, answers, strict=True) if was_found]
    if any(script.ends for script in found):
        assert (left, destroyed, count) == ({}, 1, 0)
        return
    assert (len(left), destroyed, count) == (1, 0, 1)
    ((session_id, attributes),) = left.items()
    assert (session_id == stage.session_id) == (not told)
    logins = [number for number, script in enumerate(scripts) if script.has_last_word and answers[number][0]]
    assert not logins or session_id in [told[number] for number in logins]
    expected = {"cart": ["book"], "count": sum("count" in script.writes for script in found)}
    expected |= {name: value for script in found for name, value in script.writes.items() if name != "count"}
    assert attributes == expected


@pytest.mark.parametrize("names", PAIRS + TRIPLES)
def test_in_all_orders(stage, names):
    """In whatever order they get to the store: what is dead stays dead and is told of once, what lives has all that
    was acknowledged, each answer is the application's, and no cookie is harmed."""
    scripts = [SCRIPTS[name] for name in names.split()]
    for actors, order in all_orders(lambda: stage.begin(scripts)):
        answers = [actor.answer for actor in actors]
        try:
            check_answers(scripts, answers)
            check_end(stage, scripts, answers)
        except AssertionError as error:
            raise AssertionError(f"in the order {order}") from error


def test_orders_are_all_there():
    """Actors with so many steps each are played in as many orders as there are."""
    done = []

    def begin():
        done.append([])
        return [Actor(lambda number=number: act(number)) for number in range(3)]

    def act(number):
        for step in range(number + 1):
            stand_still()
            done[-1].append((number, step))

    orders = [tuple(order) for _, order in all_orders(begin)]
    assert len(orders) == len(set(orders)) == factorial(6) // (factorial(1) * factorial(2) * factorial(3))
    assert all(len(one) == 6 for one in done)
