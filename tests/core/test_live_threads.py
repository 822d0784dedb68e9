"""Threads that meet on one session."""

from __future__ import annotations

import gc
import random
from contextlib import suppress
from threading import Barrier, Event, Lock

import pytest

from httpsession import HttpSessionListener, InvalidSessionError, SessionConfig, SessionManager
from httpsession.stores import MemoryStore
from tests.support.clock import START, frozen_clock
from tests.support.core import accesses_of, create_session, flush, store_of
from tests.support.listeners import Bound, Recorder
from tests.support.site import Site
from tests.support.threads import threads, together

pytestmark = pytest.mark.usefixtures("quick_switches")


class Counted(Bound):
    """A value that counts with a lock, since threads may bind and unbind it at once."""

    def __init__(self):
        super().__init__()
        self.lock = Lock()
        self.count = 0

    def value_bound(self, event):
        with self.lock:
            self.count += 1

    def value_unbound(self, event):
        with self.lock:
            self.count -= 1


def test_64_threads_on_one_session_while_another_invalidates():
    """They set, read, update, remove and iterate; all they may meet is InvalidSessionError, and all ends balanced."""
    recorder = Recorder()
    site = Site(SessionManager(listeners=[recorder]))
    session_id = site.new_session()
    values = [Counted() for _ in range(8)]
    names = "abcdef"
    all_there, go_on = Barrier(65), Event()
    met = []

    def use(seed):
        chance = random.Random(seed)
        request = site.request(session_id)
        session = request.session.get_session(create=False)
        all_there.wait(20)
        acts = [
            lambda: session.set_attribute(chance.choice(names), chance.choice(values)),
            lambda: session.__setitem__(chance.choice(names), chance.choice(values)),
            lambda: session.get_attribute(chance.choice(names)),
            lambda: session.remove_attribute(chance.choice(names)),
            lambda: session.pop(chance.choice(names), None),
            lambda: session.update_attribute(chance.choice(names), lambda old: chance.choice([None, *values])),
            lambda: dict(session.items()),
            lambda: [session.get(name) for name in session],
            lambda: (len(session), repr(session), session.attribute_names),
            lambda: (session.last_accessed_time, session.is_new),
            lambda: site.visit(session_id),
        ]
        try:
            for step in range(10_000):
                if step == 50:
                    go_on.set()
                chance.choice(acts)()
        except InvalidSessionError as error:
            met.append(error)
        request.finish()

    def invalidate():
        request = site.request(session_id)
        session = request.session.get_session()
        all_there.wait(20)
        assert go_on.wait(20)
        session.invalidate()
        request.finish()

    together(invalidate, *(lambda seed=seed: use(seed) for seed in range(64)))

    assert len(met) == 64
    assert len(recorder.of("destroyed")) == 1
    assert [value.count for value in values] == [0] * 8
    assert len(recorder.of("added")) == len(recorder.of("removed"))
    assert accesses_of(site.manager).in_flight == {}
    assert not site.has(session_id)


def test_updates_are_not_lost():
    """update_attribute from many threads: every one counts."""
    session = create_session(SessionManager())

    def count():
        for _ in range(100):
            session.update_attribute("n", lambda value: (value or 0) + 1)

    together(*[count] * 16)
    assert session["n"] == 1600


def test_different_attributes_are_not_lost():
    """Requests of one session that set different attributes do not disturb each other."""
    session = create_session(SessionManager())

    def fill(number):
        for item in range(100):
            session[f"{number}.{item}"] = item

    together(*(lambda number=number: fill(number) for number in range(16)))
    assert len(session) == 1600


def test_set_against_invalidate():
    """A value is bound before the session ends, and unbound with it, or refused; never left behind (S50)."""
    for at in range(300):
        recorder = Recorder()
        session = create_session(SessionManager(listeners=[recorder]))
        old, new = Counted(), Counted()
        session["name"] = old

        def bind(session=session, new=new):
            with suppress(InvalidSessionError):
                session["name"] = new

        targets = [bind, session.invalidate]
        together(*targets[:: (-1) ** at])

        assert (old.count, new.count) == (0, 0)
        assert len(recorder.of("added")) == len(recorder.of("removed")) == 1


def test_set_in_the_moment_of_invalidation():
    """An invalidation at the worst moment, between value_bound and the binding, leaves nothing bound."""
    bound, ended = Event(), Event()

    class Slow(Counted):
        def value_bound(self, event):
            super().value_bound(event)
            bound.set()
            ended.wait(20)

    session = create_session(SessionManager())
    value = Slow()

    def bind():
        with pytest.raises(InvalidSessionError):
            session["name"] = value

    with threads(bind):
        assert bound.wait(20)
        session.invalidate()
        ended.set()
    assert value.count == 0


def test_new_request_does_not_see_what_is_being_invalidated():
    """Once an invalidation has begun no request finds the session, however long the listeners take (S55)."""
    telling, go_on = Event(), Event()

    class Slow(HttpSessionListener):
        def session_destroyed(self, event):
            telling.set()
            go_on.wait(20)

    site = Site(SessionManager(listeners=[Slow()]))
    session_id = site.new_session()
    session = site.request(session_id).session.get_session()
    with threads(session.invalidate):
        assert telling.wait(20)
        found = site.has(session_id)
        go_on.set()
    assert not found


def test_double_invalidation():
    """Of several threads that invalidate one session, exactly one does; each other returns or gets an error (S61)."""
    for _ in range(100):
        recorder = Recorder()
        site = Site(SessionManager(listeners=[recorder]))
        login = site.request()
        login.session.login("anna")["name"] = value = Counted()
        session_id = login.finish().new_id
        (info,) = site.manager.sessions_of("anna")
        sessions = [site.request(session_id).session.get_session() for _ in range(2)]

        def invalidate(session):
            with suppress(InvalidSessionError):
                session.invalidate()

        together(
            *(lambda session=session: invalidate(session) for session in sessions),
            lambda site=site, info=info: site.manager.invalidate(info.handle),
            lambda site=site: site.manager.invalidate_all("anna"),
        )

        assert len(recorder.of("destroyed")) == 1
        assert len(recorder.of("removed")) == 1
        assert value.count == 0
        assert site.manager.stats().invalidated == 1


@pytest.mark.parametrize("age", [59, 60])
def test_sweep_against_requests(age):
    """Each request finds the session alive and keeps it to its end, or does not find it; it ends at most once."""
    for _ in range(40):
        recorder = Recorder()
        config = SessionConfig(max_inactive_interval=60, sweep_interval=None)
        site = Site(SessionManager(config=config, listeners=[recorder]))
        with frozen_clock() as clock:
            session_id = site.new_session()
            clock.set(age)
            requests = [site.request(session_id) for _ in range(4)]
            served = []

            def ask(request, served=served):
                session = request.session.get_session(create=False)
                if session is not None:
                    session["name"] = 1
                served.append(session)

            together(
                *(lambda request=request: ask(request) for request in requests),
                lambda site=site: site.manager.sweep(START + 60),
                lambda site=site: site.manager.sweep(START + 60),
            )
            found = [session for session in served if session is not None]

            assert len(found) == (4 if age < 60 else 0)
            assert all(session["name"] == 1 for session in found)
            assert len(recorder.of("destroyed")) == (0 if age < 60 else 1)


def test_change_of_the_id_against_requests():
    """While the id changes, a request with the old id finds the session or none, and what it has found it keeps."""
    for _ in range(100):
        site = Site(SessionManager())
        session_id = site.new_session()
        login = site.request(session_id)
        found = []

        def ask(site=site, session_id=session_id, found=found):
            request = site.request(session_id)
            session = request.session.get_session(create=False)
            if session is not None:
                session.update_attribute("n", lambda value: (value or 0) + 1)
            found.append(session)
            request.finish()

        together(lambda login=login: login.session.login("anna"), ask, ask, ask)
        session = login.session.get_session()
        login.finish()

        assert session.get("n", 0) == sum(one is not None for one in found)
        assert not site.has(session_id)
        assert site.has(login.new_id)


def test_changes_of_the_id_against_each_other():
    """Of two requests that change the id neither fails, and the id in the end opens the session."""
    for _ in range(100):
        site = Site(SessionManager())
        session_id = site.new_session()
        requests = [site.request(session_id) for _ in range(3)]
        for request in requests:
            request.session.get_session()
        together(*(request.session.change_session_id for request in requests))
        sent = [cookie for request in requests for cookie in request.finish().set_cookies]

        assert len(sent) == 1
        (winner,) = (request for request in requests if request.set_cookies)
        assert site.has(winner.new_id)
        assert site.manager.stats().active == 1


def test_body_that_is_collected_in_the_middle_of_something(no_collection):
    """A body that was not closed ends its request when it is collected, also amid an operation of the store."""
    manager = SessionManager()
    site = Site(manager)

    def forget():
        request = site.request()
        request.session.get_session()
        request.cycle = request

    def collect():
        forget()
        with store_of(manager)._lock:  # the collector may run wherever something is allocated
            gc.collect()

    together(collect)
    flush(manager)
    assert accesses_of(manager).in_flight == {}
    assert manager.stats().active == 0


class Meeting(MemoryStore):
    """A memory store in which, just before one of its verbs, something else happens, as when threads are switched."""

    def __init__(self, verb):
        super().__init__()
        self.verb = verb
        self.meets = None

    def _meet(self, verb):
        if verb == self.verb and self.meets is not None:
            meets, self.meets = self.meets, None
            meets()

    def save(self, key, changes, now):
        self._meet("save")
        return super().save(key, changes, now)

    def remove(self, key, principal=None):
        self._meet("remove")
        return super().remove(key, principal)


class TestWhileTheIdChanges:
    """The id changes in the moment between a request's decision and the store: what it does follows."""

    @pytest.fixture
    def meeting(self, request):
        """A site whose store meets a change of the id, and two requests of one session in flight."""
        store = Meeting(request.param)
        site = Site(SessionManager(store))
        session_id = site.new_session()
        one, other = site.request(session_id), site.request(session_id)
        one.session.get_session()
        other.session.get_session()
        store.meets = other.session.change_session_id
        return site, one, other

    @pytest.mark.parametrize("meeting", ["remove"], indirect=True)
    def test_logout_wins(self, meeting):
        """An invalidation ends the session under whatever id it has by now."""
        site, one, other = meeting
        session = other.session.get_session()
        one.session.logout()

        assert not session.is_valid
        assert site.manager.stats().active == 0

    @pytest.mark.parametrize("meeting", ["remove"], indirect=True)
    def test_ended_by_its_user(self, meeting):
        """All sessions of a user end, also the one whose id changes meanwhile."""
        site, one, _ = meeting
        one.session.login("anna")
        one.finish()

        assert site.manager.invalidate_all("anna") == 1
        assert site.manager.stats().active == 0

    @pytest.mark.parametrize("meeting", ["save"], indirect=True)
    def test_interval_is_kept(self, meeting):
        """A new interval is that of the session, and the store knows it."""
        site, one, other = meeting
        one.session.get_session().max_inactive_interval = 5
        one.finish()
        other.finish()
        session = site.request(other.new_id).session.get_session()

        assert session.max_inactive_interval == 5
        assert site.manager.sweep(session._session.record.due() + 10) == 0, "in use"

    @pytest.mark.parametrize("meeting", ["save"], indirect=True)
    def test_second_change_does_nothing(self, meeting):
        """Another change of the same id comes too late, and its client does not learn the present id."""
        site, one, other = meeting
        one.session.change_session_id()
        one.finish()
        other.finish()

        assert one.set_cookies == []
        assert site.has(other.new_id)

    @pytest.mark.parametrize("meeting", ["save"], indirect=True)
    def test_login_succeeds(self, meeting):
        """A login takes effect, though the id changes meanwhile."""
        site, one, _ = meeting
        one.session.login("anna")
        one.finish()

        assert [info.principal for info in site.manager.sessions_of("anna")] == ["anna"]
        assert site.has(one.new_id)
