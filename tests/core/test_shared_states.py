"""Requests of several sessions on two workers, begun, going on and finished in any order, against a simple model."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from httpsession.codec import Codec
from httpsession.ids import key_of
from tests.support.request import Request

#: Idle for so many seconds a session is over: its interval, and one more.
OVER = 61
#: So long requests are under way at most, which is less than former ids are followed.
LONGEST = 30
SETTINGS = settings(
    max_examples=30,
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
    #: How often another user has logged in: what was under way then has nothing to do with it any more.
    age: int = 0


@dataclass(eq=False)
class Visit:
    """A request under way, and what is to become of what it has done."""

    request: Request
    arrived: float
    life: Life | None = None
    is_new: bool = False
    #: Of the session when the request found it.
    id: str = ""
    age: int = 0
    known: frozenset = frozenset()
    #: What it has set; None for what it has removed.
    changed: dict = field(default_factory=dict)
    principal: str | None = None
    has_renamed: bool = False
    has_logged_in: bool = False
    is_afresh: bool = False
    has_logged_out: bool = False

    @property
    def session(self):
        return self.request.session.get_session(create=False)

    @property
    def is_effective(self):
        """Whether the session is alive, and still the one that the request has found."""
        return self.life is not None and self.life.is_alive and self.life.age == self.age


def is_usable(visit):
    return (visit.life is not None or visit.is_new) and not visit.has_logged_out


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
        store = workers[0].manager._store
        for stored in list(store):
            store.remove(stored.record.key)
        for worker in workers:
            worker.manager.tell_store()
            worker.manager.accesses.under_way.clear()
            worker.recorder.log.clear()

    def _worker(self, number):
        return self.workers[number % len(self.workers)]

    def _visit(self, number):
        """Return one of the requests that have a session, if there is any."""
        usable = [visit for visit in self.visits if is_usable(visit)]
        return usable[number % len(usable)] if usable else None

    def _value(self):
        self.number += 1
        return self.number

    def _end(self, life):
        life.is_alive = False
        self.ended += 1

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
            visit.known = frozenset(life.attributes)
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

    @rule(which=NUMBERS, name=strategies.sampled_from("ab"))
    def set(self, which, name):
        """Set an attribute."""
        if visit := self._visit(which):
            visit.session[name] = visit.changed[name] = self._value()

    @rule(which=NUMBERS, name=strategies.sampled_from("ab"))
    def remove(self, which, name):
        """Remove an attribute that was there when the request came."""
        visit = self._visit(which)
        if visit and name in visit.known and name in visit.session:
            del visit.session[name]
            visit.changed[name] = None

    @rule(which=NUMBERS)
    def append(self, which):
        """Change a value inside."""
        if visit := self._visit(which):
            visit.session.setdefault("cart", []).append(self._value())
            visit.changed["cart"] = list(visit.session["cart"])

    @rule(which=NUMBERS)
    def count(self, which):
        """Update an attribute at once."""
        visit = self._visit(which)
        if visit is None or (visit.has_logged_in and not visit.is_afresh):
            return
        count = visit.session.update_attribute("count", lambda count: (count or 0) + 1)
        if visit.is_new or visit.is_afresh:
            visit.changed["count"] = count
        elif visit.is_effective:
            visit.life.attributes["count"] = visit.life.attributes.get("count", 0) + 1
            assert count == visit.life.attributes["count"]

    @rule(which=NUMBERS)
    def change_id(self, which):
        """Change the id."""
        visit = self._visit(which)
        if visit and not visit.is_new:
            visit.request.session.change_session_id()
            visit.has_renamed = True

    @rule(which=NUMBERS, principal=strategies.sampled_from(["anna", "bert"]))
    def log_in(self, which, principal):
        """Log in, perhaps as another user."""
        visit = self._visit(which)
        if visit is None or visit.is_new:
            return
        visit.request.session.login(principal)
        if visit.principal not in (None, principal):
            visit.is_afresh = True
            visit.changed.clear()
        visit.principal, visit.has_logged_in = principal, True

    @rule(which=NUMBERS)
    def log_out(self, which):
        """Log out: at once."""
        if visit := self._visit(which):
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
            assert ["Max-Age=0" in cookie for cookie in cookies] == ([] if visit.is_new else [True])
        elif visit.is_new:
            attributes = {name: value for name, value in visit.changed.items() if value is not None}
            self.lives.append(Life(visit.request.new_id, attributes, self.clock.now))
            self.ids.append(visit.request.new_id)
        elif not visit.is_effective:
            assert cookies == []
        else:
            self._commit(visit)
            visit.life.used = self.clock.now

    def _commit(self, visit):
        life = visit.life
        is_overtaken = life.id != visit.id
        if visit.has_logged_in:
            if visit.is_afresh or (is_overtaken and life.principal not in (None, visit.principal)):
                life.attributes = {}
                life.age += 1
            life.principal = visit.principal
        for name, value in visit.changed.items():
            if value is None:
                life.attributes.pop(name, None)
            else:
                life.attributes[name] = value
        if visit.has_logged_in or (visit.has_renamed and not is_overtaken):
            life.id = visit.request.new_id
            self.ids.append(life.id)
        else:
            assert visit.request.set_cookies == []

    @rule(worker=NUMBERS)
    def sweep(self, worker):
        """Look for sessions that are over."""
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
        """Advance the clock a lot, when no request is under way."""
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
            worker.manager.tell_store()

    @invariant()
    def ends_are_told_of_once(self):
        """As many ends were told of as there were."""
        assert sum(len(worker.recorder.of("destroyed")) for worker in self.workers) == self.ended

    @invariant()
    def what_is_alive_is_whole(self):
        """The store has the sessions that are alive, with all that was acknowledged, and no others."""
        store = self.workers[0].manager._store
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
    """In any order nothing acknowledged is lost, nothing dead comes back, each end is told of
    once, and no cookie is sent or taken away but by whom it concerns."""
    run_state_machine_as_test(lambda: Machine(workers, clock), settings=SETTINGS)
