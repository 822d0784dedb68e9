"""The memory store: what it promises beyond the contract of all stores, on live objects."""

from __future__ import annotations

import gc
import time
from itertools import count
from threading import Thread

import pytest

from httpsession import ConfigError, HttpSessionListener, SessionConfig, SessionManager, TooManySessionsError
from httpsession.attributes import Attributes
from httpsession.ids import key_of
from httpsession.record import SessionRecord
from httpsession.stores import MemoryStore, open_store
from httpsession.stores.base import FOLLOW, Changes
from httpsession.testing import StoreContract
from tests.support.site import Site
from tests.support.threads import together

INTERVAL = 60


class Store(MemoryStore):
    """A memory store into which a test puts sessions in a word."""

    def __init__(self):
        super().__init__()
        self.users = {}
        self.in_use = lambda: self.users
        self._numbers = count(1)

    def add(self, *, now=0.0, interval=INTERVAL, lifetime=None, joined=True):
        """Keep a new session, whose client has come back if it is *joined*, and return its key."""
        session_id = f"{next(self._numbers):032X}"
        record = SessionRecord.created(session_id, key_of(session_id), now, interval, lifetime)
        assert self.create(record, Attributes())
        if joined:
            self.load(record.key, now)
        return record.key

    def keys(self):
        """Return the keys of the sessions that are there, without touching any."""
        return {stored.record.key for stored in self}


@pytest.fixture
def store():
    return Store()


def keys_of(sessions):
    return {stored.record.key for stored in sessions}


class TestContract(StoreContract):
    """The contract of every store."""

    counts_by_arguments = True

    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestCreate:
    """create: the objects themselves."""

    def test_keeps_the_very_objects(self, store):
        """A load returns the very objects that were created: requests share record and attributes."""
        record, attributes = SessionRecord.created("ID", b"key", 0.0, INTERVAL, None), Attributes()
        assert store.create(record, attributes)

        for _ in range(2):
            stored, _ = store.load(b"key", 1.0)
            assert stored.record is record
            assert stored.attributes is attributes
        assert len(store) == 1
        assert keys_of(store) == {b"key"}

    def test_former_key(self, store):
        """A session that gets the former key of another one ends what leads from there to that one, for good."""
        key = store.add()
        store.save(key, Changes(new_id=("NEW", b"new")), 0.0)
        assert store.create(SessionRecord.created("", key, 0.0, INTERVAL, None), Attributes())
        assert store.remove(key) is not None

        assert store.peek(key) is None
        assert store.remove(key) is None
        assert store.keys() == {b"new"}


class TestLoad:
    """load: the access is noted at once."""

    def test_notes_the_access(self, store):
        """The arrival is noted, the one before is what applications see, and the client has joined."""
        key = store.add(joined=False)
        record = store.load(key, 10.0)[0].record
        assert (record.is_new, record.previous_access, record.accessed) == (False, 0.0, 10.0)
        store.load(key, 25.0)
        assert (record.previous_access, record.accessed) == (10.0, 25.0)

    def test_slides(self, store):
        """Each access moves the end."""
        key = store.add()
        assert not store.load(key, 50.0)[0].record.removed
        assert not store.load(key, 109.9)[0].record.removed
        assert store.expire(169.8, 10) == []
        assert keys_of(store.expire(169.9, 10)) == {key}


class TestSave:
    """save with a new id: on the very record, and for a while."""

    def test_rename(self, store):
        """The very record goes on, and has the new id and key for all who hold it; it can have its old ones again."""
        key = store.add()
        stored, _ = store.load(key, 1.0)
        store.save(key, Changes(principal="anna"), 0.0)
        assert store.save(key, Changes(new_id=("NEW", b"new")), 0.0)

        assert store.load(key, 2.0) is None
        assert store.load(b"new", 2.0)[0].record is stored.record
        assert (stored.record.id, stored.record.key) == ("NEW", b"new")
        assert store.of("anna") == [stored.record]
        assert store.save(b"new", Changes(new_id=("OLD", key)), 0.0)
        assert store.load(key, 2.0)[0].record is stored.record
        assert stored.record.id == "OLD"

    def test_saves_follow_for_a_while(self, store):
        """A save that comes later than that after the key was changed finds nothing under the old one."""
        key = store.add()
        store.save(key, Changes(new_id=("NEW", b"new")), 10.0)

        assert store.save(key, Changes(put={"a": 1}), 10.0 + FOLLOW)
        assert not store.save(key, Changes(put={"b": 1}), 10.5 + FOLLOW)
        assert dict(store.peek(b"new").attributes.items()) == {"a": 1}

    def test_old_keys_find_nothing_after_a_sweep(self, store):
        """Nor do removals and those who only look, as soon as a sweep has been."""
        key = store.add(interval=600)
        store.save(key, Changes(new_id=("NEW", b"new")), 10.0)
        assert store.expire(10.0 + FOLLOW, 10) == []
        assert store.peek(key) is not None
        assert store.expire(10.5 + FOLLOW, 10) == []

        assert store.peek(key) is None
        assert store.remove(key) is None
        assert store.keys() == {b"new"}


class TestExpire:
    """expire: behind whatever else there is."""

    def test_limit(self, store):
        """No more than the limit are claimed at a time, and none is left if there were fewer."""
        for _ in range(250):
            store.add()
        assert len(store.expire(60.0, 120)) == 120
        assert len(store) == 130
        assert len(store.expire(60.0, 1000)) == 130
        assert len(store) == 0

    def test_behind_sessions_that_are_not_due(self, store):
        """Sessions that are due are found behind any number of older ones that are not."""
        for _ in range(300):
            store.touch([(store.add(), 0.0, 1000.0)])
        late = {store.add(now=5.0) for _ in range(3)}

        assert keys_of(store.expire(65.0, 1000)) == late
        assert len(store.expire(1060.0, 1000)) == 300

    @pytest.mark.parametrize("joined", [True, False])
    def test_order_of_use_does_not_matter(self, store, joined):
        """Sessions used in another order than they were made in become due in the order of their use."""
        keys = [store.add(joined=joined) for _ in range(5)]
        for at, key in enumerate(reversed(keys), 1):
            store.load(key, float(at))
        for at, key in enumerate(reversed(keys), 1):
            assert keys_of(store.expire(60.0 + at, 10)) == {key}

    def test_clock_that_went_back(self, store):
        """A session made after the clock was turned back is swept when its time has come, not when the others' has."""
        store.add(now=1000.0)
        key = store.add(now=0.0)

        assert keys_of(store.expire(60.0, 10)) == {key}


class TestInUse:
    """A session that a request is using does not time out (S54)."""

    @pytest.mark.parametrize("how", ["expire", "load"])
    def test_spared(self, store, how):
        """A request that came in time keeps its session; the idle time begins anew."""
        key = store.add()
        store.users = {key: 59.9}
        if how == "expire":
            assert store.expire(100.0, 10) == []
        else:
            assert not store.load(key, 100.0)[0].record.removed
        store.users = {}

        assert store.expire(159.9, 10) == []
        assert keys_of(store.expire(160.0, 10)) == {key}

    def test_who_came_too_late(self, store):
        """A request that arrived when the session was over does not keep it."""
        key = store.add()
        store.users = {key: 60.0}

        assert keys_of(store.expire(60.0, 10)) == {key}

    def test_lifetime_is_not_spared(self, store):
        """The end of the lifetime is the end, used or not."""
        key = store.add(lifetime=60)
        store.users = {key: 0.0}

        assert store.expire(59.9, 10) == []
        assert keys_of(store.expire(60.0, 10)) == {key}

    def test_spared_for_as_long_as_it_takes(self, store):
        """Sweep after sweep, and beside any number of others that are over."""
        key = store.add()
        store.users = {key: 0.0}
        for now in range(60, 600, 60):
            others = {store.add() for _ in range(150)}
            assert keys_of(store.expire(float(now), 1000)) == others
        assert store.keys() == {key}

    @pytest.mark.parametrize("arrived", [0.0, 10.0 + FOLLOW])
    def test_long_request_with_a_former_key(self, store, arrived):
        """A request that came in time with a key that was changed keeps its session, however long it takes, and its
        touch is noted."""
        key, other = store.add(interval=100), store.add(interval=0)
        store.users = {key: arrived}
        store.save(key, Changes(new_id=("NEW", b"new")), 10.0)
        for now in range(90, 900, 90):
            assert store.expire(float(now), 10) == []
            store.save(other, Changes(new_id=("", b"%d" % now)), float(now))
            other = b"%d" % now
        store.touch([(key, arrived, 900.0)])
        store.users = {}

        assert store.expire(999.0, 10) == []
        assert keys_of(store.expire(1000.0, 10)) == {b"new"}

    def test_request_that_came_late_with_a_former_key(self, store):
        """A request that came long after its key was changed keeps nothing alive."""
        key = store.add(interval=100)
        store.save(key, Changes(new_id=("NEW", b"new")), 10.0)
        store.users = {key: 10.5 + FOLLOW}
        store.touch([(key, 10.5 + FOLLOW, 99.0)])

        assert keys_of(store.expire(100.0, 10)) == {b"new"}


class TestAbandoned:
    """abandoned: who came back."""

    def test_coming_back_counts_however(self, store):
        """A client has come back when its session was loaded or touched."""
        loaded, touched = store.add(joined=False), store.add(joined=False)
        store.load(loaded, 1.0)
        store.touch([(touched, 1.0, 1.0)])

        assert store.abandoned() is None


class TestSize:
    """The memory that the store holds on to."""

    @pytest.mark.parametrize("lifetime", [None, 1e6])
    @pytest.mark.parametrize("interval", [60, 0])
    def test_memory_does_not_grow(self, store, interval, lifetime):
        """Sessions that come and go, in whatever way, leave nothing behind that grows with their number."""

        def cycle():
            keys = [store.add(now=0.0, interval=interval, lifetime=lifetime) for _ in range(4)]
            store.save(keys[0], Changes(principal="anna", max_inactive_interval=5), 0.0)
            store.save(keys[0], Changes(new_id=("NEW", b"new")), 0.0)
            store.save(keys[1], Changes(max_inactive_interval=1000), 0.0)
            store.remove(b"new")
            store.remove(keys[1])
            store.remove(keys[2])
            store.load(keys[3], 1e9) if interval else store.remove(keys[3])

        def records():
            gc.collect()
            return sum(type(one) is SessionRecord for one in gc.get_objects())

        cycle()
        before = records()
        for _ in range(2000):
            cycle()

        assert len(store) == 0
        assert records() - before < 500


def race(*actions, times=3):
    """Run each action in several threads at once and return all that they return."""
    return [one for results in together(*actions * times) for one in results]


class TestMaxSessions:
    """max_sessions in memory: exact, with an order of sacrifice."""

    @staticmethod
    def manager(limit):
        return SessionManager(config=SessionConfig(max_sessions=limit, sweep_interval=None))

    def test_order_of_sacrifice(self, clock):
        """First what is over, then whose client never came back, the oldest first; then no more are made."""
        manager = self.manager(3)
        expired, newcomer, joined = manager.create(), manager.create(), manager.create()
        expired.max_inactive_interval = 5
        for session in (expired, joined):
            manager.find(session.id, time.time())
        clock.tick(5)

        second = manager.create()
        assert not expired.is_valid
        assert newcomer.is_valid
        third = manager.create()
        assert not newcomer.is_valid
        for session in (second, third):
            manager.find(session.id, time.time())
        with pytest.raises(TooManySessionsError, match="max_sessions"):
            manager.create()

        assert all(session.is_valid for session in (joined, second, third))
        stats = manager.stats()
        assert (stats.active, stats.expired, stats.evicted, stats.rejected) == (3, 1, 1, 1)

    def test_exact_under_many_threads(self):
        """However many threads make sessions at once, there are never more than the limit."""
        manager = self.manager(20)
        sizes = []

        def create():
            made = []
            for _ in range(50):
                session = manager.create()
                sizes.append(manager.stats().active)
                made.append(session)
            return made

        made = race(create, times=16)

        assert len(made) == 800
        assert max(sizes) == 20
        assert sum(session.is_valid for session in made) == manager.stats().active == 20

    def test_refused_exactly_under_many_threads(self):
        """When none can be given up, as many are made as fit, and the rest is refused; none that is used is lost."""
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

    def test_listener_may_make_a_session(self):
        """A listener that hears of a session that is given up may make one itself, without a deadlock."""
        made = []

        class Listener(HttpSessionListener):
            def session_destroyed(self, event):
                if not made:
                    made.append(event.session.servlet_context.create())

        manager = SessionManager(config=SessionConfig(max_sessions=2), listeners=[Listener()])
        manager.create()
        manager.create()
        thread = Thread(target=manager.create, daemon=True)
        thread.start()
        thread.join(2)

        assert not thread.is_alive()
        assert manager.stats().active == 2


@pytest.mark.parametrize("url", ["", "memory:", "memory://x", "nosuch://", "file.db"])
def test_unknown_url(url):
    """A URL that names no store is a wrong setting, and the message says what is allowed."""
    with pytest.raises(ConfigError, match="memory://"):
        open_store(url)


@pytest.mark.parametrize("wrong", [None, 5, {}, object(), b"memory://", MemoryStore])
def test_no_store(wrong):
    """A value that is neither store nor URL is refused by name."""
    with pytest.raises(ConfigError, match="must be a SessionStore or the URL of one") as caught:
        open_store(wrong)
    assert repr(wrong) in str(caught.value)


def test_store_in_place_of_a_url():
    """A store that is made already is taken as it is."""
    store = MemoryStore()
    assert open_store(store) is store


def test_url():
    """memory:// is a store of its own each time."""
    assert isinstance(open_store("memory://"), MemoryStore)
    assert open_store("memory://") is not open_store("memory://")
    assert not open_store("memory://").is_shared
