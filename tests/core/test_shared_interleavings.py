"""Two or three requests of one session, each on a worker of its own, in all orders of their calls of the store."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import factorial

import pytest

from httpsession import SessionMiddleware, request_session
from httpsession.ids import key_of
from tests.core.interleaving import Actor, all_orders, make_stepped, stand_still
from tests.support.core import flush, store_of
from tests.support.request import TEXT, fetch

KINDS = "created", "destroyed"


@dataclass
class Script:
    """The actions of a request on the session that it finds."""

    act: object
    #: What it has set when it was answered.
    writes: dict = field(default_factory=dict)
    #: Whether it ends the session, whether it changes the id, and whether that is a login.
    ends: bool = False
    renames: bool = False
    logs_in: bool = False
    #: Whether it asks for the session at all, and whether its worker's background thread comes round afterwards.
    asks: bool = True
    tells: bool = False
    #: Whether it is no request but a sweep, at a time when every session is due.
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
    "login": Script(lambda session: session.login("anna"), renames=True, logs_in=True),
    "toucher": Script(None, asks=False, tells=True),
    "sweeper": Script(None, ends=True, sweeps=True),
}
PAIRS = [
    *("reader logout", "writer logout", "appender logout", "counter logout", "rotator logout", "login logout"),
    *("toucher logout", "sweeper logout", "logout logout", "sweeper sweeper"),
    *("reader rotator", "writer rotator", "appender rotator", "counter rotator", "toucher rotator"),
    *("rotator rotator", "login rotator", "login login"),
    *("reader login", "writer login", "appender login", "counter login", "toucher login"),
    *("reader writer", "writer appender", "counter writer", "counter counter", "sweeper rotator", "sweeper writer"),
]
TRIPLES = [
    *("reader writer logout", "writer rotator logout", "counter rotator logout", "toucher rotator logout"),
    *("writer counter rotator", "writer appender login", "rotator rotator logout", "sweeper rotator logout"),
    *("writer rotator sweeper", "counter counter logout", "login rotator logout", "login login logout"),
    *("writer login login", "counter login logout", "counter rotator login"),
]


class Stage:
    """Workers, and one session at a time on which scripts are played."""

    def __init__(self, workers):
        self.workers = workers
        for worker in workers:
            make_stepped(store_of(worker.manager))

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
            flush(worker.manager)
        return found == [True], response

    def close(self, ids):
        """Run all background threads once; return the remaining sessions by id, and end them."""
        for worker in self.workers:
            flush(worker.manager)
        left = {one: found for one in ids if (found := self.workers[0].attributes(one)) is not None}
        created, destroyed = (sum(len(worker.recorder.of(kind)) for worker in self.workers) for kind in KINDS)
        store = store_of(self.workers[0].manager)
        count = len(store)
        for one in left:
            store.remove(key_of(one))
        return left, created, destroyed, count


class Course:
    """One order of the steps, and what must have come of it."""

    def __init__(self, scripts, answers, order):
        self.scripts = scripts
        self.found = [number for number, (was_found, _) in enumerate(answers) if was_found]
        #: The steps of each actor: the first one looks for the session.
        self._steps = [[step for step, one in enumerate(order) if one == number] for number in range(len(scripts))]
        claims = sorted((n for n in self.found if scripts[n].ends or scripts[n].logs_in), key=self._effect)
        #: The actor that ended the session, or began a new one by a login, before any other did; None if none did.
        self.first = claims[0] if claims else None

    @property
    def is_ended(self):
        """Whether the session was ended: an end that comes after a login reaches nothing."""
        return self.first is not None and self.scripts[self.first].ends

    def _effect(self, number):
        """Return the step at which the changes of an actor take effect."""
        steps = self._steps[number]
        return steps[1] if self.scripts[number].logs_in else steps[-1]

    def attributes(self, step=None):
        """Return the attributes that the session has at a *step*, or in the end."""
        end = float("inf") if self.first is None else self._effect(self.first)
        until = end if step is None else min(step, end)
        done = [self.scripts[number].writes for number in self.found if self._effect(number) < until]
        attributes = {"cart": ["book"], "count": sum("count" in writes for writes in done)}
        return attributes | {name: value for writes in done for name, value in writes.items() if name != "count"}

    def attributes_of_login(self, number):
        """Return the attributes of the session in which a login ends: those of the former session if it was the first,
        those that it had read if another login was, none if the session was ended."""
        if self.is_ended:
            return {}
        return self.attributes(None if number == self.first else self._steps[number][0])


@pytest.fixture
def stage(start_worker):
    return Stage([start_worker() for _ in range(3)])


def check_answers(course, answers):
    """Each answer is the application's own. An actor that has ended the session deletes the cookie, once; a login sets
    one; no other request touches it, but for a change of the id."""
    deletions = 0
    for script, (was_found, response) in zip(course.scripts, answers, strict=True):
        if response is None:
            continue
        assert (response.status, response.text) == ("200 OK", "its own")
        deleted = [cookie for cookie in response.set_cookies if "Max-Age=0" in cookie]
        assert len(deleted) <= (script.ends and was_found)
        deletions += len(deleted)
        if not script.renames or not was_found:
            assert len(response.set_cookies) == len(deleted)
        if script.logs_in and was_found:
            assert response.new_id
    # A sweep may have been faster, which answers no client.
    is_swept = any(response is None for _, response in answers)
    assert deletions <= 1 if is_swept else deletions == course.is_ended


def check_end(stage, course, answers):
    """The session was ended, and the listeners were told once; or each login has a session of its own; or there is one
    session with all that was acknowledged. There is no other, under no id."""
    told = {
        number: response.new_id
        for number, (_, response) in enumerate(answers)
        if course.scripts[number].renames and response.set_cookies
    }
    logins = {number for number in course.found if course.scripts[number].logs_in}
    if course.first is None:
        (session_id,) = told.values() or [stage.session_id]
        expected = {session_id: course.attributes()}
    else:
        expected = {told[number]: course.attributes_of_login(number) for number in logins}
    left, created, destroyed, count = stage.close([stage.session_id, *told.values()])
    assert left == expected
    assert (count, destroyed) == (len(expected), course.is_ended)
    assert created == count + destroyed


@pytest.mark.parametrize("names", PAIRS + TRIPLES)
def test_in_all_orders(stage, names):
    """In whatever order requests get to the store: a dead session stays dead and is told of once, a live one has all
    that was acknowledged, a login has its own, each answer is the application's, and no cookie is harmed."""
    scripts = [SCRIPTS[name] for name in names.split()]
    for actors, order in all_orders(lambda: stage.begin(scripts)):
        answers = [actor.answer for actor in actors]
        course = Course(scripts, answers, order)
        try:
            check_answers(course, answers)
            check_end(stage, course, answers)
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
