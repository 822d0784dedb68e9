"""The sessions of a user: removed for this user alone, and limited in number.

The limit is kept in the same step as the login. A store that counts first and logs in later lets two logins pass at
once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ..errors import TooManySessionsError
from ..record import LOGIN, SessionRecord, pack_time
from ..stores.base import Changes, Limit, Stored
from .base import INTERVAL, AnyStore, Contract, Race, contents, draw, keys_of, session_for


class Users(Contract):
    """The promises of remove to a user, and of create and save with a limit."""

    def log_in_within(self, store: AnyStore, limit: Limit, at: float = 0.0, **changes: Any) -> bytes | None:
        """Log in to a new session of the limit's user *at* this time; return its key, or None if that is refused."""
        key = self.add(store, {"cart": b"1"}, at=at)
        new = self.draw_for(store, key)
        notes = {LOGIN: pack_time(self.at(at))}
        login = Changes(new_key=new, is_login=True, principal=limit.principal, limit=limit, notes=notes, **changes)
        try:
            assert store.save(key, login, self.at(at))
        except TooManySessionsError:
            assert self.is_alive(store, key, at), "a login that is refused has ended the session"
            return None
        return new

    def create_within(self, store: AnyStore, limit: Limit, at: float = 0.0) -> bytes | None:
        """Create a session of the limit's user *at* this time; return its key, or None if that is refused."""
        record = SessionRecord.created(draw(), self.at(at), INTERVAL, None)
        record.principal, record.notes = limit.principal, {LOGIN: pack_time(self.at(at))}
        try:
            assert store.create(session_for(store, record), limit)
        except TooManySessionsError:
            assert store.peek(record.key) is None, "a creation that is refused has made a session"
            return None
        return record.key

    def users_keys(self, store: AnyStore, principal: str = "anna") -> list[bytes]:
        """Return the keys of a user's sessions, sorted."""
        return sorted(record.key for record in store.records_of(principal))

    def test_remove_for_a_user(self, store: AnyStore, another: AnyStore) -> None:
        """A remove for a user returns a session in which this user is logged in, also by a former key."""
        key = self.add(store, {"a": b"1"}, principal="anna")
        new = self.rename(store, key)
        stored = another.remove(key, "anna")

        assert stored is not None
        assert (stored.record.key, contents(stored)) == (new, {"a": b"1"})
        assert self.is_gone(store, new)

    def test_remove_for_another_user(self, store: AnyStore) -> None:
        """A remove for a user leaves the sessions of other users, and those without a user."""
        keys = [self.add(store, principal="anna"), self.add(store)]

        assert [store.remove(key, "berta") for key in keys] == [None, None]
        assert all(self.is_alive(store, key) for key in keys)
        assert store.remove(draw(), "anna") is None

    def test_race_of_users_and_remove(self, store: AnyStore, another: AnyStore) -> None:
        """The user of a session that a remove returns is the one for whom it was removed."""
        with Race() as race:
            for _ in range(self.rounds):
                key = self.add(store, principal="anna")
                bind = partial(self.save, store, key, principal="berta")
                _, stored = race.run(bind, partial(another.remove, key, "anna"))
                assert (stored is None) is self.is_alive(store, key)
                assert stored is None or stored.record.principal == "anna"

    @pytest.mark.parametrize("verb", ["create", "save"])
    def test_limit_evicts(self, store: AnyStore, another: AnyStore, verb: str) -> None:
        """A login beyond the limit removes the oldest login of the user, and returns it; other users keep theirs."""
        log_in = self.create_within if verb == "create" else self.log_in_within
        others = [self.add(store, principal="berta"), self.add(store)]
        keys: list[bytes | None] = []
        removed = []
        for number in range(4):
            limit = Limit("anna", 2, True)
            keys.append(log_in([store, another][number % 2], limit, at=number))
            removed.append(keys_of(limit.removed))

        assert removed == [[], [], [keys[0]], [keys[1]]]
        assert self.users_keys(store) == sorted(key for key in keys[2:] if key is not None)
        assert [self.is_alive(store, key, 4) for key in others] == [True, True]

    @pytest.mark.parametrize("verb", ["create", "save"])
    def test_limit_denies(self, store: AnyStore, another: AnyStore, verb: str) -> None:
        """A login beyond the limit is refused, and nothing has changed. When a session has ended, the next passes."""
        log_in = self.create_within if verb == "create" else self.log_in_within
        keys = [log_in(store, Limit("anna", 2, False), at=number) for number in range(2)]
        assert log_in(another, Limit("anna", 2, False), at=2) is None
        assert self.users_keys(store) == sorted(key for key in keys if key is not None)

        assert keys[0] is not None
        assert store.remove(keys[0]) is not None
        late = INTERVAL - 1.0
        assert log_in(another, Limit("anna", 2, False), at=late) is not None
        assert log_in(store, Limit("berta", 2, False), at=late) is not None

    def test_limit_forgets_what_is_due(self, store: AnyStore) -> None:
        """Sessions that are due do not count, and a login leaves them for those who claim them."""
        due = self.create_within(store, Limit("anna", 1, False))
        late = self.end_of(store)
        limit = Limit("anna", 1, False)
        key = self.create_within(store, limit, at=late)

        assert (key is not None, limit.removed) == (True, [])
        assert due is not None
        assert keys_of(store.expire(self.at(late), 10)) == [due]

    def test_limit_by_the_latest_login(self, store: AnyStore) -> None:
        """A user who logs in again, in a session that is the user's already, makes it the latest login."""
        first, second = (self.create_within(store, Limit("anna", 2, True), at=number) for number in range(2))
        assert first is not None
        moved = self.draw_for(store, first)
        notes = {LOGIN: pack_time(self.at(2))}
        assert store.save(first, Changes(new_key=moved, limit=Limit("anna", 2, True), notes=notes), self.at(2))
        limit = Limit("anna", 2, True)
        third = self.create_within(store, limit, at=3)

        assert keys_of(limit.removed) == [second]
        assert third is not None
        assert self.users_keys(store) == sorted([moved, third])

    def test_limit_keeps_places_of_renamed_sessions(self, store: AnyStore) -> None:
        """A session whose id changes keeps its place, and its place among the logins."""
        first, second = (self.create_within(store, Limit("anna", 2, True), at=number) for number in range(2))
        assert first is not None
        moved = self.draw_for(store, first)
        assert store.save(first, Changes(new_key=moved, limit=Limit("anna", 2, True)), self.at(2))
        assert self.create_within(store, Limit("anna", 2, False), at=3) is None
        limit = Limit("anna", 2, True)
        third = self.create_within(store, limit, at=3)

        assert keys_of(limit.removed) == [moved]
        assert second is not None
        assert third is not None
        assert self.users_keys(store) == sorted([second, third])

    def test_limit_of_a_login_that_fails(self, store: AnyStore, another: AnyStore) -> None:
        """A login to a session that has gone removes nothing, and does not use a place up."""
        limit = Limit("anna", 1, False)
        gone = self.add(store)
        assert store.remove(gone) is not None
        login = Changes(new_key=self.draw_for(store, gone), is_login=True, principal="anna", limit=limit)
        assert store.save(gone, login, self.now) is False

        assert self.create_within(another, Limit("anna", 1, False)) is not None

    @pytest.mark.parametrize("evicts", [True, False])
    def test_race_of_logins_within_a_limit(self, store: AnyStore, another: AnyStore, evicts: bool) -> None:
        """Of logins at once as many stay as there are places; each other one is removed once, or refused."""
        with Race() as race:
            for number in range(self.rounds):
                user = f"user {number}"
                limits = [Limit(user, 3, evicts) for _ in range(8)]
                save, create = partial(self.log_in_within, store), partial(self.create_within, another)
                keys = race.run(*[partial([save, create][place % 2], limit) for place, limit in enumerate(limits)])
                made = {key for key in keys if key is not None}
                removed: list[Stored] = [stored for limit in limits for stored in limit.removed]

                assert self.users_keys(store, user) == sorted(made.difference(keys_of(removed)))
                assert len(store.records_of(user)) == 3
                assert (len(removed), keys.count(None)) == ((5, 0) if evicts else (0, 5))
