"""The memory store: its promises beyond the contract of all stores, on live objects."""

from __future__ import annotations

import gc
import time
from itertools import count
from threading import Barrier, Thread

import pytest

from httpsession import (
    ConfigError,
    HttpSession,
    HttpSessionListener,
    SessionConfig,
    SessionManager,
    TooManySessionsError,
)
from httpsession.attributes import Attributes, DetachedError
from httpsession.ids import key_of
from httpsession.manager import sessions_behind
from httpsession.record import LiveRecord
from httpsession.stores import MemoryStore, open_store
from httpsession.stores.base import FOLLOW, Changes, LiveEntry
from httpsession.testing import StoreContract
from tests.support.site import Site

INTERVAL = 60


class Store(MemoryStore):
    """A memory store to which a test adds sessions in a word."""

    def __init__(self):
        super().__init__()
        self._numbers = count(1)

    def add(self, attributes=(), *, now=0.0, interval=INTERVAL, lifetime=None, joined=True):
        """Keep a new session, whose client has come back if it is *joined*, and return its key."""
        session = live(next(self._numbers), attributes, now=now, interval=interval, lifetime=lifetime)
        assert self.create(session)
        if joined:
            self.load(session.record.key, now)
        return session.record.key

    def log_in(self, key, new_key, *, now=0.0, **changes):
        """Let a session begin anew, and return its entry."""
        assert self.save(key, Changes(new_key=new_key, is_login=True, **changes), now)
        return self.peek(new_key)

    def keys(self):
        """Return the keys of the sessions that are there, without touching any."""
        return {stored.record.key for stored in self}


def live(number, attributes=(), *, now=0.0, interval=INTERVAL, lifetime=None):
    """Return a new session."""
    session_id = f"{number:032X}"
    record = LiveRecord.created(key_of(session_id), now, interval, lifetime)
    record.id = session_id
    return LiveEntry(record, Attributes(dict(attributes)))


@pytest.fixture
def store():
    return Store()


def keys_of(sessions):
    return {stored.record.key for stored in sessions}


class TestContract(StoreContract):
    """The rules of all stores."""

    counts_by_arguments = True

    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestCreate:
    """create: the objects themselves."""

    def test_keeps_the_very_objects(self, store):
        """A load returns the record and the attributes that were created, so the requests of a session share them."""
        session = live(1)
        assert store.create(session)

        for _ in range(2):
            stored, _, _ = store.load(session.record.key, 1.0)
            assert stored.record is session.record
            assert stored.attributes is session.attributes
        assert len(store) == 1
        assert keys_of(store) == {session.record.key}

    def test_former_key(self, store):
        """When a session gets the former key of another one, the key no longer leads to that session, for good."""
        key = store.add()
        store.save(key, Changes(new_key=b"new"), 0.0)
        assert store.create(live(1))
        assert store.remove(key) is not None

        assert store.peek(key) is None
        assert store.remove(key) is None
        assert store.keys() == {b"new"}

    def test_left_key(self, store):
        """A session that gets a key that a login left has a key that nothing left."""
        key = store.add()
        store.log_in(key, b"new")
        assert store.create(live(1))

        assert not store.was_left(key, 0.0)


class TestLoad:
    """load: the access is recorded at once."""

    def test_records_the_access(self, store):
        """The arrival is recorded, the one before is returned, and the client has joined."""
        key = store.add(joined=False)
        assert store.peek(key).record.is_new
        stored, previous, _ = store.load(key, 10.0)
        assert (stored.record.is_new, previous, stored.record.accessed) == (False, 0.0, 10.0)
        _, previous, _ = store.load(key, 25.0)
        assert (previous, stored.record.accessed) == (10.0, 25.0)

    def test_late_load(self, store):
        """A load that comes late returns the arrival before it, if the store knows it, and moves no time back."""
        key = store.add()
        for arrived in (10.0, 30.0):
            store.load(key, arrived)
        stored, previous, _ = store.load(key, 20.0)
        assert (previous, stored.record.accessed) == (10.0, 30.0)
        _, previous, _ = store.load(key, 5.0)

        assert previous == 5.0

    def test_slides(self, store):
        """Each access moves the end."""
        key = store.add()
        assert not store.load(key, 50.0)[2]
        assert not store.load(key, 109.9)[2]
        assert store.expire(169.8, 10) == []
        assert keys_of(store.expire(169.9, 10)) == {key}


class TestRename:
    """save with a new key: on the very record, and for a while."""

    def test_rename(self, store):
        """The very record goes on with its new key, for all who hold it; it can have its old key again."""
        key = store.add()
        stored, _, _ = store.load(key, 1.0)
        store.save(key, Changes(principal="anna"), 0.0)
        assert store.save(key, Changes(new_key=b"new"), 0.0)

        assert store.load(key, 2.0) is None
        assert store.load(b"new", 2.0)[0].record is stored.record
        assert stored.record.key == b"new"
        assert store.records_of("anna") == [stored.record]
        assert store.save(b"new", Changes(new_key=key), 0.0)
        assert store.load(key, 2.0)[0].record is stored.record
        assert stored.record.key == key

    def test_rename_to_a_former_key(self, store):
        """When a session moves to the former key of another one, the key no longer leads to that session, for good."""
        key, other = store.add(), store.add()
        store.save(key, Changes(new_key=b"new"), 0.0)
        assert store.save(other, Changes(new_key=key), 0.0)
        assert store.remove(key) is not None

        assert store.peek(key) is None
        assert store.keys() == {b"new"}

    def test_rename_to_a_left_key(self, store):
        """When a session moves to a key that a login left, nothing has left the key any more."""
        key, other = store.add(), store.add()
        store.log_in(key, b"new")
        assert store.save(other, Changes(new_key=key), 0.0)

        assert not store.was_left(key, 0.0)

    def test_saves_follow_for_a_while(self, store):
        """A save that comes later than that after the key was changed finds nothing under the old key."""
        key = store.add()
        store.save(key, Changes(new_key=b"new"), 10.0)

        assert store.save(key, Changes(put={"a": 1}), 10.0 + FOLLOW)
        assert not store.save(key, Changes(put={"b": 1}), 10.5 + FOLLOW)
        assert store.peek(b"new").attributes.snapshot() == {"a": 1}

    def test_old_keys_find_nothing_after_a_sweep(self, store):
        """Removals and peeks find nothing either, as soon as a sweep has been."""
        key = store.add(interval=600)
        store.save(key, Changes(new_key=b"new"), 10.0)
        assert store.expire(10.0 + FOLLOW, 10) == []
        assert store.peek(key) is not None
        assert store.expire(10.5 + FOLLOW, 10) == []

        assert store.peek(key) is None
        assert store.remove(key) is None
        assert store.keys() == {b"new"}


class TestLogin:
    """save as a login: a session of its own, while requests under way keep the former one to themselves."""

    def test_new_objects(self, store):
        """The new session has a record and a map of its own, with the very values."""
        value = ["apple"]
        key = store.add({"cart": value, "gone": 1})
        former = store.peek(key)
        entry = store.log_in(key, b"new", put={"a": 1}, removed=["gone"], principal="anna", notes={"n": b"1"})

        assert entry.record is not former.record
        assert entry.attributes.snapshot() == {"cart": value, "a": 1}
        assert entry.attributes.get("cart") is value
        assert store.records_of("anna") == [entry.record]
        record = former.record
        assert (record.key, record.principal, dict(record.notes)) == (key, None, {})
        assert former.attributes.snapshot() == {"cart": value, "gone": 1}

    def test_former_map(self, store):
        """The former map can be read, but not be changed; the new one can."""
        key = store.add({"a": 1})
        former = store.peek(key)
        entry = store.log_in(key, b"new", clear=True)

        assert former.attributes.get("a") == 1
        with pytest.raises(DetachedError):
            former.attributes.put("a", 2)
        entry.attributes.put("a", 3)
        assert (former.attributes.get("a"), entry.attributes.get("a")) == (1, 3)

    def test_refused(self, store):
        """A login that is refused leaves the map as it was, open to changes."""
        key, taken = store.add({"a": 1}), store.add()
        stored = store.peek(key)
        assert not store.save(key, Changes(new_key=b"new", is_login=True, expected={"a": 2}), 0.0)
        assert not store.save(key, Changes(new_key=taken, is_login=True), 0.0)
        stored.attributes.put("a", 3)

        assert store.peek(key) is stored
        assert stored.attributes.snapshot() == {"a": 3}

    @pytest.mark.parametrize("joined", [True, False])
    def test_new_as_before(self, store, joined):
        """The new session is new to its client if the former one was."""
        entry = store.log_in(store.add(joined=joined), b"new")

        assert entry.record.is_new is not joined
        assert keys_of(filter(None, [store.evict()])) == (set() if joined else {b"new"})

    def test_arrivals_as_before(self, store):
        """The new session knows when the latest two requests of the former one arrived."""
        key = store.add()
        store.load(key, 10.0)
        store.log_in(key, b"new")
        _, late, _ = store.load(b"new", 5.0)
        _, previous, _ = store.load(b"new", 20.0)

        assert (late, previous) == (0.0, 10.0)

    def test_id_is_the_callers(self, store):
        """The store knows no new id: the record has the former one until the caller sets it."""
        key = store.add()
        session_id = store.peek(key).record.id

        assert store.log_in(key, b"new").record.id == session_id

    def test_in_use(self, store):
        """A request that came before a login keeps the new session not alive, however long it takes."""
        key = store.add(interval=30)
        store.log_in(key, b"new", now=10.0)

        assert keys_of(store.expire(30.0, 10, lambda: {key: 0.0})) == {b"new"}

    def test_trace_is_forgotten(self, store):
        """A sweep forgets logins of more than a minute ago."""
        key = store.add(interval=0)
        store.log_in(key, b"new", now=10.0)
        store.expire(10.0 + FOLLOW, 10)
        assert store.was_left(key, 10.0)
        store.expire(10.5 + FOLLOW, 10)

        assert not store.was_left(key, 10.0)


class TestExpire:
    """expire: sessions that are due, wherever they wait."""

    def test_limit(self, store):
        """No more than the limit are claimed at a time, and none is left if there were fewer."""
        for _ in range(250):
            store.add()
        assert len(store.expire(60.0, 120)) == 120
        assert len(store) == 130
        assert len(store.expire(60.0, 1000)) == 130
        assert len(store) == 0

    def test_behind_sessions_that_are_not_due(self, store):
        """Sessions that are due are found behind any number of older sessions that are not."""
        for _ in range(300):
            store.touch([(store.add(), 0.0, 1000.0)])
        late = {store.add(now=5.0) for _ in range(3)}

        assert keys_of(store.expire(65.0, 1000)) == late
        assert len(store.expire(1060.0, 1000)) == 300

    @pytest.mark.parametrize("joined", [True, False])
    def test_order_of_use(self, store, joined):
        """Sessions that are used in another order than they were made in become due in the order of their use."""
        keys = [store.add(joined=joined) for _ in range(5)]
        for at, key in enumerate(reversed(keys), 1):
            store.load(key, float(at))
        for at, key in enumerate(reversed(keys), 1):
            assert keys_of(store.expire(60.0 + at, 10)) == {key}

    @pytest.mark.parametrize("is_login", [False, True])
    def test_new_interval_of_an_old_access(self, store, is_login):
        """A session that gets its interval after others were accessed is due before them."""
        key = store.add(now=0.0, interval=600)
        others = {store.add(now=30.0) for _ in range(3)}
        if is_login:
            key = store.log_in(key, b"new", now=40.0, max_inactive_interval=INTERVAL).record.key
        else:
            assert store.save(key, Changes(max_inactive_interval=INTERVAL), 40.0)

        assert keys_of(store.expire(60.0, 10)) == {key}
        assert keys_of(store.expire(90.0, 10)) == others

    def test_clock_that_went_back(self, store):
        """A session made after the clock went back expires at its own time, not when earlier sessions do."""
        store.add(now=1000.0)
        key = store.add(now=0.0)

        assert keys_of(store.expire(60.0, 10)) == {key}

    def test_deadlines_in_any_order(self, store):
        """A sweep finds deadlines in whatever order they were set, moved and taken away."""
        keys = [store.add(interval=0, lifetime=100 + (number * 37) % 101) for number in range(101)]
        for number, key in enumerate(keys[::3]):
            store.save(key, Changes(deadline=50.0 + number), 0.0)
        for key in keys[1::3]:
            store.remove(key)
        expected = {stored.record.key: stored.record.deadline for stored in store}
        for now in range(50, 202, 7):
            due = {key for key, deadline in expected.items() if now - 7 < deadline <= now}
            assert keys_of(store.expire(float(now), 1000)) == due

        assert len(store) == 0


class TestInUse:
    """A session that a request is using does not expire (S54)."""

    @pytest.mark.parametrize("how", ["expire", "load"])
    def test_spared(self, store, how):
        """A request that arrived in time keeps its session; the idle time begins anew."""
        key = store.add()
        if how == "expire":
            assert store.expire(100.0, 10, lambda: {key: 59.9}) == []
        else:
            assert not store.load(key, 100.0, lambda: {key: 59.9})[2]

        assert store.expire(159.9, 10) == []
        assert keys_of(store.expire(160.0, 10)) == {key}

    def test_late_request(self, store):
        """A request that arrived when the session had expired does not keep it."""
        key = store.add()

        assert keys_of(store.expire(60.0, 10, lambda: {key: 60.0})) == {key}

    def test_lifetime_is_not_spared(self, store):
        """A session ends at its deadline, used or not."""
        key = store.add(lifetime=60)

        assert store.expire(59.9, 10, lambda: {key: 0.0}) == []
        assert keys_of(store.expire(60.0, 10, lambda: {key: 0.0})) == {key}

    def test_spared_for_as_long_as_it_takes(self, store):
        """A session is spared sweep after sweep, and beside any number of sessions that are due."""
        key = store.add()
        for now in range(60, 600, 60):
            others = {store.add() for _ in range(150)}
            assert keys_of(store.expire(float(now), 1000, lambda: {key: 0.0})) == others
        assert store.keys() == {key}

    @pytest.mark.parametrize("arrived", [0.0, 10.0 + FOLLOW])
    def test_long_request_with_a_former_key(self, store, arrived):
        """A request that arrived in time with a key that was changed keeps its session, and its touch is recorded."""
        key, other = store.add(interval=100), store.add(interval=0)
        store.save(key, Changes(new_key=b"new"), 10.0)
        for now in range(90, 900, 90):
            assert store.expire(float(now), 10, lambda: {key: arrived}) == []
            store.save(other, Changes(new_key=b"%d" % now), float(now))
            other = b"%d" % now
        store.touch([(key, arrived, 900.0)], lambda: {key: arrived})

        assert store.expire(999.0, 10) == []
        assert keys_of(store.expire(1000.0, 10)) == {b"new"}

    def test_late_request_with_a_former_key(self, store):
        """A request that arrived long after its key was changed keeps nothing alive."""
        key = store.add(interval=100)
        store.save(key, Changes(new_key=b"new"), 10.0)
        store.touch([(key, 10.5 + FOLLOW, 99.0)], lambda: {key: 10.5 + FOLLOW})

        assert keys_of(store.expire(100.0, 10, lambda: {key: 10.5 + FOLLOW})) == {b"new"}


class TestEvict:
    """evict: sessions whose client did not come back."""

    def test_coming_back_counts_however(self, store):
        """A client has come back when its session was loaded or touched."""
        loaded, touched = store.add(joined=False), store.add(joined=False)
        store.load(loaded, 1.0)
        store.touch([(touched, 1.0, 1.0)])

        assert store.evict() is None

    def test_former_key_in_use(self, store):
        """A request that came with a former key protects the session from eviction, too."""
        key = store.add(joined=False)
        store.save(key, Changes(new_key=b"new"), 0.0)

        assert store.evict(lambda: {key: 0.0}) is None
        assert keys_of([store.evict()]) == {b"new"}


class TestClose:
    """close: the end of all sessions."""

    def test_forgets_everything(self, store):
        """After close there are no sessions, users, former keys or traces of logins."""
        key, renamed = store.add(), store.add(lifetime=10)
        store.log_in(key, b"new", principal="anna")
        store.save(renamed, Changes(new_key=b"renamed"), 0.0)
        store.close()

        assert (len(store), list(store), store.records_of("anna"), store.expire(1e9, 10)) == (0, [], [], [])
        assert (store.peek(renamed), store.peek(b"new"), store.was_left(key, 0.0)) == (None, None, False)


def objects():
    """Return how many objects there are."""
    gc.collect()
    return len(gc.get_objects())


class TestSize:
    """The store holds what is alive."""

    @pytest.mark.parametrize("lifetime", [None, 1e6])
    @pytest.mark.parametrize("interval", [60, 0])
    def test_memory_does_not_grow(self, store, interval, lifetime):
        """Sessions that come and go, in whatever way, leave nothing behind that grows with their number."""
        times = count(step=2 * FOLLOW)

        def cycle():
            now = next(times)
            keys = [store.add(now=now, interval=interval, lifetime=lifetime) for _ in range(5)]
            store.save(keys[0], Changes(principal="anna", max_inactive_interval=5), now)
            store.save(keys[0], Changes(new_key=b"new"), now)
            store.save(keys[1], Changes(max_inactive_interval=1000, deadline=now + 1e5), now)
            store.log_in(keys[4], b"user", now=now)
            for key in (b"new", b"user", keys[1], keys[2]):
                store.remove(key)
            store.load(keys[3], now + 1e9) if interval else store.remove(keys[3])
            store.expire(now, 10)

        cycle()
        before = objects()
        for _ in range(2000):
            cycle()

        assert len(store) == 0
        assert objects() - before < 1000

    def test_deadline_that_moves_often(self, store):
        """A session whose deadline is set again and again leaves none of the former deadlines behind."""
        key = store.add(interval=0)
        before = objects()
        for number in range(3000):
            store.save(key, Changes(deadline=1e6 + number), 0.0)

        assert objects() - before < 1000
        assert store.expire(1e6 + 2998, 10) == []
        assert keys_of(store.expire(1e6 + 2999, 10)) == {key}

    def test_former_keys_of_a_living_session(self, store):
        """A session whose key changes again and again keeps only those of the last minute, swept now and then."""
        key, now = store.add(interval=0), 0.0
        for number in range(2000):
            now += FOLLOW
            new_key = b"%d" % number
            assert store.save(key, Changes(new_key=new_key), now)
            store.expire(now, 10)
            key = new_key

        assert sum(store.peek(b"%d" % number) is not None for number in range(2000)) <= 3


def race(*actions, times=3):
    """Run each action in several threads at once and return all that they return."""
    barrier, results = Barrier(len(actions) * times), []

    def run(action):
        barrier.wait(10)
        results.extend(action())

    threads = [Thread(target=run, args=(action,)) for action in actions * times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    return results


def create(manager):
    """Return a new session that no request is using."""
    return HttpSession(sessions_behind(manager).create([]))


class TestMaxSessions:
    """max_sessions in memory: exact, with an order of sacrifice."""

    @staticmethod
    def manager(limit):
        return SessionManager(config=SessionConfig(max_sessions=limit, sweep_interval=None))

    def test_order_of_sacrifice(self, clock):
        """Expired sessions go first, then those whose client never came back, by age; then new ones are refused."""
        manager = self.manager(3)
        expired, newcomer, joined = create(manager), create(manager), create(manager)
        expired.max_inactive_interval = 5
        for session in (expired, joined):
            sessions_behind(manager).find(session.id, time.time(), [])
        clock.tick(5)

        second = create(manager)
        assert not expired.is_valid
        assert newcomer.is_valid
        third = create(manager)
        assert not newcomer.is_valid
        for session in (second, third):
            sessions_behind(manager).find(session.id, time.time(), [])
        with pytest.raises(TooManySessionsError, match="max_sessions"):
            create(manager)

        assert all(session.is_valid for session in (joined, second, third))
        stats = manager.stats()
        assert (stats.active, stats.expired, stats.evicted, stats.rejected) == (3, 1, 1, 1)

    def test_exact_under_many_threads(self):
        """However many threads make sessions at once, there are never more than the limit."""
        manager = self.manager(20)
        sizes = []

        def create_some():
            made = []
            for _ in range(50):
                session = create(manager)
                sizes.append(manager.stats().active)
                made.append(session)
            return made

        made = race(create_some, times=16)

        assert len(made) == 800
        assert max(sizes) == 20
        assert sum(session.is_valid for session in made) == manager.stats().active == 20

    def test_refused_exactly_under_many_threads(self):
        """When none can be evicted, as many are made as fit, and the rest is refused; none that is used is lost."""
        site = Site(self.manager(20))

        def create():
            requests = []
            for _ in range(10):
                request = site.request()
                try:
                    requests.append((request, request.session.get_session()))
                except TooManySessionsError:
                    requests.append((request, None))
            return requests

        made = [session for _, session in race(create, times=16) if session is not None]

        assert all(session.is_valid for session in made)
        assert len(made) == site.manager.stats().active == 20
        assert site.manager.stats().rejected == 140

    def test_session_of_a_creating_request_stays(self):
        """A session cannot be evicted from the moment in which it has its place: its request is in flight.

        Listeners of the session that made way run before the creating request has the new one.
        """
        refused = []

        class Listener(HttpSessionListener):
            def session_destroyed(self, event):
                try:
                    create(site.manager)
                except TooManySessionsError as error:
                    refused.append(error)

        site = Site(max_sessions=1, listeners=[Listener()])
        site.new_id()
        newcomer = site.new_id()

        assert len(refused) == 1
        assert site.has(newcomer)

    def test_listener_may_make_a_session(self):
        """A listener that hears of an evicted session may make a session itself, without a deadlock."""
        made = []

        class Listener(HttpSessionListener):
            def session_destroyed(self, event):
                if not made:
                    made.append(create(event.session.servlet_context))

        manager = SessionManager(config=SessionConfig(max_sessions=2), listeners=[Listener()])
        create(manager)
        create(manager)
        thread = Thread(target=create, args=(manager,), daemon=True)
        thread.start()
        thread.join(2)

        assert not thread.is_alive()
        assert manager.stats().active == 2


@pytest.mark.parametrize("url", ["", "memory:", "memory://x", "nosuch://", "file.db"])
def test_unknown_url(url):
    """A URL that names no store is a wrong setting, and the message lists those that do."""
    with pytest.raises(ConfigError, match="memory://"):
        open_store(url)


@pytest.mark.parametrize("wrong", [None, 5, {}, object(), b"memory://", MemoryStore])
def test_no_store(wrong):
    """An object that is neither store nor URL is refused by name."""
    with pytest.raises(ConfigError, match="must be a SessionStore or the URL of one") as caught:
        open_store(wrong)
    # Bytes may hold a password.
    assert ("a bytes" if isinstance(wrong, bytes) else repr(wrong)) in str(caught.value)


def test_store_in_place_of_a_url():
    """A store is used as it is."""
    store = MemoryStore()
    assert open_store(store) is store


def test_url():
    """Each memory:// is a store of its own."""
    assert isinstance(open_store("memory://"), MemoryStore)
    assert open_store("memory://") is not open_store("memory://")
    assert not open_store("memory://").is_shared
