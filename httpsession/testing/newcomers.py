"""Newcomers: clients that have neither come back nor logged in. Their sessions may have a shorter interval.

A flood of clients without cookies makes such sessions alone. So a store ends them early, and evicts no others.
"""

from __future__ import annotations

import pytest

from ..record import SessionRecord
from .base import INTERVAL, MOMENT, AnyStore, Contract, contents, draw, keys_of, session_for

#: The interval of newcomers in these tests, and that of their sessions once they have come back.
SHORT = 5.5
LONG = 600


class Newcomers(Contract):
    """The promises about newcomers: when their sessions are due, and which sessions are evicted."""

    def add_newcomer(
        self, store: AnyStore, *, interval: int = LONG, lifetime: float | None = None, principal: str | None = None
    ) -> bytes:
        """Keep a new session with an interval for newcomers, and return its key."""
        record = SessionRecord.created(draw(), self.now, interval, lifetime, SHORT)
        record.principal = principal
        assert store.create(session_for(store, record, {"a": b"1"}))
        return record.key

    def come_back(self, store: AnyStore, key: bytes, at: float) -> None:
        """Record a request that arrived and ended *at* so many seconds after the test began."""
        store.touch([(key, self.at(at), self.at(at))])

    def check_end(self, store: AnyStore, key: bytes, end: float) -> None:
        """Assert that the session is due after so many seconds, and in no earlier moment."""
        assert store.expire(self.at(end - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(end), 10)) == [key]

    def test_create_keeps_the_interval_of_newcomers(self, store: AnyStore, another: AnyStore) -> None:
        """The interval of newcomers comes back exactly wherever a store returns a session, and so does none."""
        keys = [self.add_newcomer(store, principal="anna"), self.add(store, principal="anna")]
        expected = dict(zip(keys, [SHORT, 0.0], strict=True))
        returned = [*another.records_of("anna"), *(stored.record for stored in another)]
        intervals = [(record.key, record.newcomer_interval) for record in returned]
        for key in keys:
            # In memory a load is a return of the client, after which the interval of newcomers counts no more.
            found = another.load(key, self.now) if store.is_shared else (another.peek(key),)
            removed = another.remove(key)
            assert found is not None
            intervals += [
                (stored.record.key, stored.record.newcomer_interval) for stored in (found[0], removed) if stored
            ]

        assert sorted(intervals) == sorted(4 * [*expected.items()])

    def test_newcomer_expires(self, store: AnyStore) -> None:
        """The session of a client that never comes back is due after the interval of newcomers."""
        key = self.add_newcomer(store)

        self.check_end(store, key, self.end_of(store, 0) + SHORT)

    def test_load_of_an_expired_newcomer(self, store: AnyStore) -> None:
        """A client that comes back too late finds its session expired, and a moment earlier alive."""
        late, timely = self.add_newcomer(store), self.add_newcomer(store)
        end = self.end_of(store, 0) + SHORT

        assert self.is_alive(store, timely, end - MOMENT)
        found = store.load(late, self.at(end))
        assert found is not None
        assert found[2]
        assert (found[0].record.key, contents(found[0])) == (late, {"a": b"1"})
        assert self.is_gone(store, late)

    def test_client_comes_back(self, store: AnyStore) -> None:
        """After the first access later than the creation, the own interval of the session counts from that access.

        The access may be that of a request that never asked for its session, and come with a batch.
        """
        key = self.add_newcomer(store)
        self.come_back(store, key, 3.0)

        self.check_end(store, key, 3.0 + self.end_of(store, LONG))

    def test_client_comes_back_in_the_last_moment(self, store: AnyStore) -> None:
        """A request that arrives when the session is due comes too late, and a moment earlier in time."""
        late, timely = self.add_newcomer(store), self.add_newcomer(store)
        end = self.end_of(store, 0) + SHORT
        self.come_back(store, late, end)
        self.come_back(store, timely, end - MOMENT)

        assert keys_of(store.expire(self.at(end), 10)) == [late]
        self.check_end(store, timely, end - MOMENT + self.end_of(store, LONG))

    def test_creating_request_is_no_return(self, store: AnyStore) -> None:
        """The request that created the session keeps it alive while it is in flight, and is no return of the client."""
        key = self.add_newcomer(store)
        if store.is_shared:
            self.come_back(store, key, 0.0)
            store.touch([(key, self.now, self.at(4.0))])
            self.check_end(store, key, 4.0 + self.end_of(store, 0) + SHORT)
        else:
            assert store.expire(self.at(SHORT + 4), 10, lambda: {key: self.now}) == []
            self.check_end(store, key, SHORT + 4 + SHORT)

    def test_user_is_no_newcomer(self, store: AnyStore) -> None:
        """A session in which a user is logged in has its own interval: from its creation, after a save or a login."""
        keys = [self.add_newcomer(store, principal="anna"), self.add_newcomer(store), self.add_newcomer(store)]
        assert self.save(store, keys[1], principal="anna")
        keys[2] = self.log_in(store, keys[2], principal="anna")

        assert store.expire(self.at(self.end_of(store, LONG) - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(self.end_of(store, LONG)), 10)) == sorted(keys)

    def test_user_logs_out(self, store: AnyStore) -> None:
        """Without its user the session is a newcomer's again, unless its client has come back."""
        newcomer, known = (self.add_newcomer(store, principal="anna") for _ in range(2))
        self.come_back(store, known, 1.0)
        for key in (newcomer, known):
            assert self.save(store, key, principal=None)

        self.check_end(store, newcomer, self.end_of(store, 0) + SHORT)
        self.check_end(store, known, 1.0 + self.end_of(store, LONG))

    @pytest.mark.parametrize("interval", [0, -1, LONG, 6])
    def test_longer_interval(self, store: AnyStore, interval: int) -> None:
        """A longer interval, or none, lets no newcomer's session live longer: given at the creation or by a save."""
        keys = [self.add_newcomer(store, interval=interval), self.add_newcomer(store, interval=2)]
        assert self.save(store, keys[1], max_inactive_interval=interval)
        end = self.end_of(store, 0) + SHORT

        assert store.expire(self.at(end - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(end), 10)) == sorted(keys)

    def test_earlier_ends(self, store: AnyStore) -> None:
        """A shorter interval and an earlier deadline end a newcomer's session, too."""
        idle, limited = self.add_newcomer(store, interval=2), self.add_newcomer(store, lifetime=2.5)
        first, second = sorted([(self.end_of(store, 2), idle), (2.5, limited)])

        self.check_end(store, first[1], first[0])
        self.check_end(store, second[1], second[0])

    def test_after_a_change_of_the_key(self, store: AnyStore) -> None:
        """A change of the key makes no newcomer of a client, and no newcomer a known client."""
        newcomer, known = self.add_newcomer(store), self.add_newcomer(store)
        self.come_back(store, known, 1.0)
        newcomer, known = self.rename(store, newcomer), self.rename(store, known)

        self.check_end(store, newcomer, self.end_of(store, 0) + SHORT)
        self.check_end(store, known, 1.0 + self.end_of(store, LONG))

    def test_many_ends(self, store: AnyStore) -> None:
        """Among many sessions of newcomers those that came back stay, and all others end."""
        keys = [self.add_newcomer(store) for _ in range(200)]
        back = keys[::4]
        for number, key in enumerate(back):
            self.come_back(store, key, 1.0 + number / 64)
        assert len(store.expire(self.at(self.end_of(store, 0) + SHORT), 1000)) == 150
        assert keys_of(store) == sorted(back)

        assert keys_of(store.expire(self.at(1.0 + self.end_of(store, LONG)), 1000)) == [back[0]]

    def test_users_are_not_evicted(self, store: AnyStore) -> None:
        """No session with a user is evicted: logged in at the creation, by a save, or by a login, and with no return.

        Otherwise a flood would log out every user who has just logged in.
        """
        keys = [self.add(store, interval=LONG, principal="anna"), *(self.add(store, interval=LONG) for _ in range(2))]
        assert self.save(store, keys[1], principal="berta")
        keys[2] = self.log_in(store, keys[2], principal="carla")
        newcomer = self.add(store, interval=LONG)
        evicted = store.evict()

        assert evicted is not None
        assert evicted.record.key == newcomer
        assert store.evict() is None
        assert keys_of(store) == sorted(keys)

    def test_user_who_logged_out_is_evicted(self, store: AnyStore) -> None:
        """A session without its user can be evicted again, if its client never came back."""
        key = self.add(store, interval=LONG, principal="anna")
        assert self.save(store, key, principal=None)
        evicted = store.evict()

        assert evicted is not None
        assert evicted.record.key == key

    def test_flood_pushes_out_itself(self, store: AnyStore) -> None:
        """Among many newcomers, sessions of users and of clients that came back are never evicted.

        A store that searches a sample finds a newcomer as long as there are many.
        """
        kept = [self.add(store, interval=LONG, principal=f"user {number}") for number in range(20)]
        back = [self.add(store, interval=LONG) for _ in range(20)]
        for key in back:
            self.come_back(store, key, 1.0)
        flood = {self.add(store, interval=INTERVAL) for _ in range(100)}
        evicted = [store.evict() for _ in range(120)]

        assert None not in evicted[:50]
        assert {stored.record.key for stored in evicted if stored} <= flood
        assert set(keys_of(store)) >= {*kept, *back}
