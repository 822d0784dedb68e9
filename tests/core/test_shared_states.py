"""Requests of several sessions on two workers, begun, going on and finished in any order, against a simple model."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from httpsession.codec import Codec
from httpsession.ids import key_of
from tests.support.core import accesses_of, flush, store_of
from tests.support.request import Request

#: Idle for so many seconds a session is due: its interval, and one more.
OVER = 61
#: So long requests are in flight at most, which is less than former ids are followed.
LONGEST = 30
SETTINGS = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
NUMBERS = strategies.integers(0, 1000)


@dataclass(eq=False)
class Life:
    """A session as it must be."""

    id: str
    attributes: dict
    used: float
    principal: str | None = None
    is_alive: bool = True
    #: How often a user has logged in: requests that were under way then do not reach it any more.
    age: int = 0


@dataclass(eq=False)
class Visit:
    """A request in flight, and the expected effect of its changes."""

    request: Request
    arrived: float
    life: Life | None = None
    is_new: bool = False
    #: Of the session when the request found it.
    id: str = ""
    age: int = 0
    #: The attributes that the request has read, with those that it has updated at once.
    read: dict = field(default_factory=dict)
    #: What it has set, all in all and since its login; None for what it has removed.
    changed: dict = field(default_factory=dict)
    own: dict = field(default_factory=dict)
    principal: str | None = None
    has_renamed: bool = False
    has_logged_in: bool = False
    is_afresh: bool = False
    has_logged_out: bool = False
    #: Whether that has ended the session.
    has_ended: bool = False

    def change(self, name, value):
        """Note that the request has set an attribute, or has removed it."""
        self.changed[name] = value
        if self.has_logged_in:
            self.own[name] = value

    @property
    def session(self):
        return self.request.session.get_session(create=False)

    @property
    def is_effective(self):
        """Whether the session is alive, and still the one that the request has found."""
        return self.life is not None and self.life.is_alive and self.life.age == self.age


def is_usable(visit):
    return (visit.life is not None or visit.is_new) and not visit.has_logged_out


def has_usable(machine):
    return any(map(is_usable, machine.visits))


def merged(attributes, changed):
    """Return the attributes after changes, of which None removes."""
    return {name: value for name, value in (attributes | changed).items() if value is not None}


class Machine(RuleBasedStateMachine):
    """Does anything, and knows what must come of it."""

    def __init__(self, workers, clock):
        super().__init__()
        self.workers = workers
        self.clock = clock
        self.lives = []
        self.ids = []
        self.visits = []
        self.number = self.ended = 0
        store = store_of(workers[0].manager)
        for stored in list(store):
            store.remove(stored.record.key)
        for worker in workers:
            flush(worker.manager)
            accesses_of(worker.manager).in_flight.clear()
            worker.recorder.log.clear()

    def _worker(self, number):
        return self.workers[number % len(self.workers)]

    def _visit(self, number):
        """Return one of the requests that have a session."""
        usable = [visit for visit in self.visits if is_usable(visit)]
        return usable[number % len(usable)]

    def _value(self):
        self.number += 1
        return self.number

    def _end(self, life):
        life.is_alive = False
        self.ended += 1

    @initialize(worker=NUMBERS)
    def begin(self, worker):
        """There is a session, which three requests are using."""
        self.come_without_id(worker)
        self._finish(self.visits[0])
        for number in range(3):
            self.come(worker + number, 0)

    @rule(worker=NUMBERS)
    def come_without_id(self, worker):
        """A client comes for the first time."""
        visit = Visit(self._worker(worker).request(), self.clock.now, is_new=True)
        visit.request.session.get_session()
        self.visits.append(visit)

    @precondition(lambda self: self.ids)
    @rule(worker=NUMBERS, which=NUMBERS)
    def come(self, worker, which):
        """A client comes with an id that it was given at some time."""
        session_id = self.ids[-1 - which % min(4, len(self.ids))]
        visit = Visit(self._worker(worker).request(session_id), self.clock.now)
        self.visits.append(visit)
        life = next((one for one in self.lives if one.is_alive and one.id == session_id), None)
        if life is not None and life.used + OVER <= self.clock.now:
            self._end(life)
            life = None
        assert (visit.session is not None) == (life is not None)
        if life is not None:
            visit.life, visit.id, visit.age, visit.principal = life, life.id, life.age, life.principal
            visit.read = copy.deepcopy(life.attributes)
            life.used = self.clock.now
            assert dict(visit.session) == life.attributes

    @precondition(lambda self: any(life.is_alive for life in self.lives))
    @rule(worker=NUMBERS, which=NUMBERS)
    def pass_by(self, worker, which):
        """A request comes that does not ask for its session."""
        alive = [life for life in self.lives if life.is_alive]
        life = alive[which % len(alive)]
        self._worker(worker).visit(life.id)
        if life.used + OVER > self.clock.now:
            life.used = self.clock.now

    @precondition(has_usable)
    @rule(which=NUMBERS, name=strategies.sampled_from("ab"))
    def set(self, which, name):
        """Set an attribute."""
        visit = self._visit(which)
        visit.session[name] = value = self._value()
        visit.change(name, value)

    @precondition(has_usable)
    @rule(which=NUMBERS, name=strategies.sampled_from("ab"))
    def remove(self, which, name):
        """Remove an attribute that was there when the request came."""
        visit = self._visit(which)
        if name in visit.read and name in visit.session:
            del visit.session[name]
            visit.change(name, None)

    @precondition(has_usable)
    @rule(which=NUMBERS)
    def append(self, which):
        """Change a value inside."""
        visit = self._visit(which)
        is_own = "cart" in visit.own or "cart" not in visit.session
        visit.session.setdefault("cart", []).append(self._value())
        visit.changed["cart"] = list(visit.session["cart"])
        if visit.has_logged_in and is_own:
            visit.own["cart"] = visit.changed["cart"]

    @precondition(has_usable)
    @rule(which=NUMBERS)
    def count(self, which):
        """Update an attribute at once; in a session that begins it waits for the commit."""
        visit = self._visit(which)
        count = visit.session.update_attribute("count", lambda count: (count or 0) + 1)
        if visit.is_new or visit.has_logged_in or not visit.is_effective:
            visit.change("count", count)
        else:
            visit.read["count"] = visit.life.attributes["count"] = visit.life.attributes.get("count", 0) + 1
            assert count == visit.life.attributes["count"]

    @precondition(has_usable)
    @rule(which=NUMBERS)
    def change_id(self, which):
        """Change the id."""
        visit = self._visit(which)
        if not visit.is_new:
            visit.request.session.change_session_id()
            visit.has_renamed = True

    @precondition(has_usable)
    @rule(which=NUMBERS, principal=strategies.sampled_from(["anna", "bert"]))
    def log_in(self, which, principal):
        """Log in, perhaps as another user; for the user who is logged in that is a change of the id."""
        visit = self._visit(which)
        if visit.is_new:
            return
        visit.request.session.login(principal)
        visit.has_renamed = True
        if visit.principal == principal:
            return
        if visit.principal is not None:
            visit.is_afresh = True
            visit.changed.clear()
            visit.own.clear()
        visit.principal, visit.has_logged_in = principal, True

    @precondition(has_usable)
    @rule(which=NUMBERS)
    def log_out(self, which):
        """Log out: at once."""
        visit = self._visit(which)
        visit.has_ended = visit.is_effective
        visit.request.session.logout()
        visit.has_logged_out = True
        if visit.is_effective:
            self._end(visit.life)
        elif visit.is_new:
            self.ended += 1

    @precondition(lambda self: self.visits)
    @rule(which=NUMBERS)
    def finish(self, which):
        """Finish a request, so that its changes take effect."""
        self._finish(self.visits[which % len(self.visits)])

    def _finish(self, visit):
        self.visits.remove(visit)
        visit.request.finish()
        assert visit.request.status == "200 OK"
        cookies = visit.request.set_cookies
        if visit.has_logged_out:
            assert ["Max-Age=0" in cookie for cookie in cookies] == [True] * visit.has_ended
        elif visit.is_new:
            self._begin(visit, merged({}, visit.changed))
        elif visit.is_effective:
            self._commit(visit)
        elif visit.has_logged_in:
            was_left = visit.life.age != visit.age and not visit.is_afresh
            self._begin(visit, merged(visit.read, visit.changed) if was_left else merged({}, visit.own))
        else:
            assert cookies == []

    def _begin(self, visit, attributes):
        self.lives.append(Life(visit.request.new_id, attributes, self.clock.now, visit.principal))
        self.ids.append(visit.request.new_id)

    def _commit(self, visit):
        life = visit.life
        is_overtaken = life.id != visit.id
        life.attributes = merged({} if visit.is_afresh else life.attributes, visit.changed)
        life.used = self.clock.now
        if visit.has_logged_in:
            life.principal = visit.principal
            life.age += 1
        if visit.has_logged_in or (visit.has_renamed and not is_overtaken):
            life.id = visit.request.new_id
            self.ids.append(life.id)
        else:
            assert visit.request.set_cookies == []

    @rule(worker=NUMBERS)
    def sweep(self, worker):
        """Sweep sessions that are due."""
        over = [life for life in self.lives if life.is_alive and life.used + OVER <= self.clock.now]
        for life in over:
            self._end(life)
        assert self._worker(worker).manager.sweep() == len(over)

    @rule(seconds=strategies.integers(1, 10))
    def tick(self, seconds):
        """Advance the clock a little."""
        for visit in list(self.visits):
            if visit.arrived + LONGEST < self.clock.now + seconds:
                self._finish(visit)
        self._let_pass(seconds)

    @rule(seconds=strategies.sampled_from([50, OVER - 1, OVER, 500]))
    def leap(self, seconds):
        """Advance the clock a lot, when no request is in flight."""
        while self.visits:
            self._finish(self.visits[0])
        self._let_pass(seconds)

    def _let_pass(self, seconds):
        self._tell()
        self.clock.tick(seconds)
        self._tell()
        for visit in self.visits:
            if visit.is_effective:
                visit.life.used = self.clock.now

    def _tell(self):
        for worker in self.workers:
            flush(worker.manager)

    @invariant()
    def ends_are_told_of_once(self):
        """Listeners were notified of each end once."""
        assert sum(len(worker.recorder.of("destroyed")) for worker in self.workers) == self.ended

    @invariant()
    def what_is_alive_is_whole(self):
        """The store has the live sessions, with all that was acknowledged, and no others."""
        store = store_of(self.workers[0].manager)
        alive = [life for life in self.lives if life.is_alive]
        assert len(store) == len(alive)
        codec = Codec()
        for life in alive:
            stored = store.peek(key_of(life.id))
            assert {name: codec.decode(data) for name, data in stored.attributes.items()} == life.attributes
            assert stored.record.principal == life.principal

    def teardown(self):
        """In the end each id opens what it must: only the latest of each session that is alive opens anything."""
        while self.visits:
            self._finish(self.visits[0])
        self._tell()
        current = {life.id for life in self.lives if life.is_alive and life.used + OVER > self.clock.now}
        assert {one for one in self.ids if self.workers[0].attributes(one) is not None} == current


def test_any_order(workers, clock):
    """In any order nothing acknowledged is lost, no ended session comes back, each end is notified
    once, and only the request concerned sends or expires a cookie."""
    run_state_machine_as_test(lambda: Machine(workers, clock), settings=SETTINGS)
