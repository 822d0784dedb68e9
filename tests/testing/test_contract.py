"""The contract can fail: it finds out stores that break it in ways in which stores are broken."""

from __future__ import annotations

import inspect
import time
from dataclasses import replace

import pytest

from httpsession.record import SessionRecord
from httpsession.stores import MemoryStore
from httpsession.stores.base import Changes
from httpsession.stores.sqlite import SQLiteStore
from httpsession.testing import StoreContract


class CreatesOver:
    """Gives a taken key to the newcomer."""

    def create(self, record, attributes):
        self.remove(record.key)
        return super().create(record, attributes)


class DropsWhatIsDue:
    """Tells no listener of a session that a load finds expired."""

    def load(self, key, arrived):
        found = super().load(key, arrived)
        return None if found is None or found[1] is None else found


class LoadsFollow:
    """Lets a dead id open the session."""

    def load(self, key, arrived):
        stored = self.peek(key)
        return stored and super().load(stored.record.key, arrived)


class PeeksAreAccesses(MemoryStore):
    """Takes each look for a request."""

    def peek(self, key):
        stored = super().peek(key)
        if stored is not None:
            stored.record.access(stored.record.accessed + 1)
        return stored


class SavesAreUpserts:
    """Makes the session that is not there."""

    def save(self, key, changes, now):
        if self.peek(key) is None:
            self.create(SessionRecord.created("", key, now, 60, None), {})
        return super().save(key, changes, now)


class SavesSnapshots:
    """Writes what one request has as all that there is: the last one wins."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, afresh=bool(changes.put)), now)


class SavesTheHalf:
    """Binds the user before it looks at what is expected."""

    def save(self, key, changes, now):
        super().save(key, Changes(principal=changes.principal), now)
        return super().save(key, changes, now)


class ExpectsNothing:
    """Saves whatever is there."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, expected={}), now)


class ComparesThenSets:
    """Looks whether all is as expected, and saves a little later."""

    def save(self, key, changes, now):
        stored = self.peek(key)
        attributes = {} if stored is None else dict(stored.attributes.items())
        if any(attributes.get(name) != value for name, value in changes.expected.items()):
            return False
        time.sleep(0)  # another thread's turn
        return super().save(key, replace(changes, expected={}), now)


class RenamesTwice:
    """Lets the later of two changes of the id win, too."""

    def save(self, key, changes, now):
        stored = None if changes.new_id is None else self.peek(key)
        return super().save(key if stored is None else stored.record.key, changes, now)


class FollowsNothing(MemoryStore):
    """Loses what is under way when the key changes."""

    def save(self, key, changes, now):
        return super().save(key, changes, now) if key in self._sessions else False


class FollowsAfterAFreshStart:
    """Lets requests of the user before save into the next one's session."""

    def save(self, key, changes, now):
        if changes.afresh:
            gone = set(dict(self.peek(key).attributes.items())) - set(changes.put)
            changes = replace(changes, afresh=False, removed=gone)
        return super().save(key, changes, now)


class RemovesForAll(MemoryStore):
    """Gives a removed session to everybody who removes it."""

    def reset_after_fork(self):
        super().reset_after_fork()
        self.gone = {}

    def remove(self, key):
        stored = super().remove(key)
        return self.gone.setdefault(key, stored)


class LooksThenRemoves:
    """Looks at the session that it gives back, and removes it a little later."""

    def remove(self, key):
        stored = self.peek(key)
        time.sleep(0)  # another thread's turn
        super().remove(key)
        return stored


class ExpiresWithoutLimit:
    """Removes all that is due in one go."""

    def expire(self, now, limit):
        return super().expire(now, 10**9)


class ExpiresEarly:
    """Rounds times up."""

    def expire(self, now, limit):
        return super().expire(now + 0.5, limit)


class ExpiresAFew:
    """Leaves sessions that are due although fewer than the limit come back."""

    def expire(self, now, limit):
        return super().expire(now, min(limit, 100))


class LoadsWrite(SQLiteStore):
    """Notes each access at once, which costs a shared store a write for each request."""

    def load(self, key, arrived):
        found = super().load(key, arrived)
        self.touch([(key, arrived, arrived)])
        return found


class KnowsNoSlack(SQLiteStore):
    """Ends sessions of which others have not told it yet that they were used."""

    def load(self, key, arrived):
        return super().load(key, arrived + 1)


class GivesUpWhatIsUsed:
    """Makes room by ending the session of a request that is under way."""

    def abandoned(self):
        self.in_use = dict
        return super().abandoned()


class TouchRevives(MemoryStore):
    """Writes down each access, also of a session that is over."""

    def touch(self, accesses):
        for key, arrived, ended in accesses:
            stored = self.peek(key)
            if stored is not None:
                stored.record.access(arrived)
                stored.record.used = max(stored.record.used, ended)


class TouchMakesSessions:
    """Sets the expiry by an upsert."""

    def touch(self, accesses):
        for key, arrived, ended in accesses:
            self.create(SessionRecord.created("", key, arrived, 60, None), {})
            super().touch([(key, arrived, ended)])


class TouchTurnsBack(MemoryStore):
    """Takes the latest access it is told of for the latest."""

    def touch(self, accesses):
        for key, arrived, ended in accesses:
            super().touch([(key, arrived, ended)])
            stored = self.peek(key)
            if stored is not None:
                stored.record.accessed, stored.record.used = arrived, ended


class RemembersUsers(MemoryStore):
    """An index of users from which nothing is removed."""

    def _unbind(self, entry):
        pass


KINDS = (MemoryStore, SQLiteStore)
#: A broken store, or what breaks any store that it is put over, and a test that finds it out.
CAUGHT = [
    (CreatesOver, "test_create_refuses_a_taken_key", {}),
    (DropsWhatIsDue, "test_idle_until_its_end", {}),
    (LoadsFollow, "test_rename", {}),
    (PeeksAreAccesses, "test_peek_notes_nothing", {}),
    (SavesAreUpserts, "test_save_unknown", {}),
    (SavesAreUpserts, "test_race_of_save_and_remove", {}),
    (SavesSnapshots, "test_saves_of_two_that_loaded_before", {}),
    (SavesSnapshots, "test_race_of_attributes", {}),
    (SavesTheHalf, "test_not_as_expected", {"expected": {"a": b"2"}}),
    (ExpectsNothing, "test_not_as_expected", {"expected": {"b": b""}}),
    (ComparesThenSets, "test_race_of_counters", {}),
    (RenamesTwice, "test_renames_do_not_follow", {}),
    (RenamesTwice, "test_race_of_renames", {}),
    (FollowsNothing, "test_what_is_under_way_follows", {}),
    (FollowsNothing, "test_race_of_save_and_rename", {}),
    (FollowsAfterAFreshStart, "test_nothing_follows_a_session_that_started_afresh", {}),
    (FollowsAfterAFreshStart, "test_race_of_save_and_fresh_start", {}),
    (RemovesForAll, "test_remove_once", {}),
    (LooksThenRemoves, "test_race_of_removers", {}),
    (ExpiresWithoutLimit, "test_expire_respects_the_limit", {}),
    (ExpiresEarly, "test_expire_at_the_deadline", {}),
    (ExpiresAFew, "test_fewer_than_the_limit_are_all", {}),
    (LoadsWrite, "test_load_and_the_access", {}),
    (KnowsNoSlack, "test_idle_just_before_its_end", {}),
    (GivesUpWhatIsUsed, "test_used_are_not_abandoned", {}),
    (TouchRevives, "test_touch_revives_nothing", {}),
    (TouchMakesSessions, "test_touch_unknown", {}),
    (TouchMakesSessions, "test_race_of_touch_and_remove", {}),
    (TouchTurnsBack, "test_touch_turns_nothing_back", {}),
    (RemembersUsers, "test_expire_gives_back_what_was_there", {}),
]


def open_stores(kind, folder, broken):
    """Return two stores on the same data, which are one for a kind that is not shared."""
    cls = broken if issubclass(broken, kind) else type(broken.__name__, (broken, kind), {})
    if cls.is_shared:
        return cls(folder / "sessions.db"), cls(folder / "sessions.db")
    return (cls(),) * 2


def run(test, stores, arguments):
    """Run one test of the contract."""
    method = getattr(StoreContract(), test)
    given = {"store": stores[0], "another": stores[1], **arguments}
    try:
        method(**{name: given[name] for name in inspect.signature(method).parameters})
    finally:
        for store in stores:
            store.close()


@pytest.mark.parametrize(
    ("kind", "broken", "test", "arguments"),
    [
        pytest.param(kind, *caught, id=f"{kind.__name__}-{caught[0].__name__}-{caught[1]}")
        for caught in CAUGHT
        for kind in KINDS
        if issubclass(caught[0], kind) or not issubclass(caught[0], KINDS)
    ],
)
def test_caught(kind, broken, test, arguments, tmp_path):
    """The broken store fails the test, which the store that is not broken passes."""
    for folder in (tmp_path / "whole", tmp_path / "broken"):
        folder.mkdir()
    run(test, open_stores(kind, tmp_path / "whole", kind), arguments)
    with pytest.raises(AssertionError):
        run(test, open_stores(kind, tmp_path / "broken", broken), arguments)


def test_size():
    """There are tests of each verb, each says the rule that it shows, and none stands in for another."""
    tests = {name: method for name, method in inspect.getmembers(StoreContract) if name.startswith("test_")}
    defined = [name for base in StoreContract.__mro__ for name in vars(base) if name.startswith("test_")]

    assert len(tests) >= 40
    assert sorted(defined) == sorted(tests)
    assert [name for name, method in tests.items() if not method.__doc__] == []
    assert not hasattr(StoreContract, "store"), "a store's author is told by pytest that there has to be one"
