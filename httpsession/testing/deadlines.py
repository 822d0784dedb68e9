"""Deadlines: a session ends at its deadline, however much it is used, and a save can set another one.

A deadline is exact in every store, also where idle sessions end late: nothing that reaches a store late moves it.
"""

from __future__ import annotations

from math import inf

import pytest

from .base import INTERVAL, MOMENT, AnyStore, Contract, contents, keys_of


class Deadlines(Contract):
    """The promises about deadlines that change.

    A login sets one, since the lifetime of a session begins anew with it.
    """

    @pytest.mark.parametrize("before", [None, 20.0, 200.0])
    @pytest.mark.parametrize("after", [10.5, 30.0, 500.0])
    def test_save_deadline(self, store: AnyStore, before: float | None, after: float) -> None:
        """A new deadline moves the end of a session at once, to later or earlier, and changes nothing else.

        A store that keeps the time of the end apart has to compute it again.
        """
        key = self.add(store, {"a": b"1"}, interval=0, lifetime=before, principal="anna")
        assert self.save(store, key, deadline=self.at(after))
        stored = store.peek(key)
        assert stored is not None
        record = stored.record
        assert (record.deadline, record.max_inactive_interval, record.principal) == (self.at(after), 0, "anna")
        assert contents(stored) == {"a": b"1"}

        assert store.expire(self.at(after - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(after), 10)) == [key]

    def test_load_at_a_new_deadline(self, store: AnyStore) -> None:
        """Loads count by the new deadline, too, and to the moment."""
        earlier, later = self.add(store, lifetime=50), self.add(store, lifetime=20)
        assert self.save(store, earlier, deadline=self.at(20.5))
        assert self.save(store, later, deadline=self.at(50.5))

        assert self.is_alive(store, earlier, 20.5 - MOMENT)
        assert not self.is_alive(store, earlier, 20.5)
        assert self.is_alive(store, later, 50.5 - MOMENT)
        assert not self.is_alive(store, later, 50.5)

    def test_no_deadline_any_more(self, store: AnyStore) -> None:
        """An infinite deadline is none: only being idle ends the session.

        A system without infinity needs another value that is later than any time.
        """
        idle, endless = self.add(store, lifetime=30), self.add(store, interval=0, lifetime=30)
        for key in (idle, endless):
            assert self.save(store, key, deadline=inf)

        assert store.expire(self.at(INTERVAL - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == [idle]
        assert store.expire(self.at(1e9), 10) == []
        assert keys_of(store) == [endless]

    def test_idle_before_a_new_deadline(self, store: AnyStore) -> None:
        """A later deadline keeps no session alive that is idle for its interval."""
        key = self.add(store, lifetime=30)
        assert self.save(store, key, deadline=self.at(1000))

        assert keys_of(store.expire(self.at(self.end_of(store)), 10)) == [key]

    def test_deadline_with_all_else(self, store: AnyStore) -> None:
        """A deadline changes in one step with the interval, the principal and the key.

        It is one save, so no request sees the new key with the former deadline.
        """
        key = self.add(store, lifetime=30)
        new = self.rename(store, key, deadline=self.at(100), max_inactive_interval=0, principal="anna")
        stored = store.peek(new)
        assert stored is not None
        record = stored.record
        assert (record.deadline, record.max_inactive_interval, record.principal) == (self.at(100), 0, "anna")

        assert store.expire(self.at(100 - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(100), 10)) == [new]

    def test_deadline_of_a_login(self, store: AnyStore) -> None:
        """A login may set a deadline, and keeps the present one if it does not."""
        kept, set_anew = (self.log_in(store, self.add(store, lifetime=30, interval=0)) for _ in range(2))
        last = self.log_in(store, set_anew, deadline=self.at(100))

        assert keys_of(store.expire(self.at(100 - MOMENT), 10)) == [kept]
        assert keys_of(store.expire(self.at(100), 10)) == [last]

    def test_order_of_new_deadlines(self, store: AnyStore) -> None:
        """Among many sessions whose deadlines change, each comes at its own.

        A former deadline that stays in an index would end a session early, or return it twice.
        """
        keys = [self.add(store, interval=0, lifetime=1000 + number) for number in range(200)]
        for number, key in enumerate(keys):
            assert self.save(store, key, deadline=self.at(10_000 if number % 2 else 500 - number))
        for seconds in range(302, 501, 22):
            due = [key for number, key in enumerate(keys) if not number % 2 and seconds - 22 < 500 - number <= seconds]
            assert keys_of(store.expire(self.at(seconds), 100)) == sorted(due)

        assert keys_of(store) == sorted(keys[1::2])

    def test_deadline_is_not_changed_in_vain(self, store: AnyStore) -> None:
        """A save that is refused moves no end."""
        key = self.add(store, {"a": b"1"}, interval=0, lifetime=50)
        assert not self.save(store, key, deadline=self.at(10), expected={"a": b"2"})

        assert store.expire(self.at(50 - MOMENT), 10) == []
        assert keys_of(store.expire(self.at(50), 10)) == [key]
