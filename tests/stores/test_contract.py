"""The contract can fail: it finds out stores that break it in ways in which stores are broken."""

from __future__ import annotations

import inspect
import time
from dataclasses import replace

import pytest

from httpsession.record import SessionRecord
from httpsession.stores import MemoryStore
from httpsession.stores.base import Changes
from httpsession.testing import StoreContract


class CreatesOver(MemoryStore):
    """Gives a taken key to the newcomer."""

    def create(self, record, attributes):
        self.remove(record.key)
        return super().create(record, attributes)


class DropsWhatIsDue(MemoryStore):
    """Tells nobody of a session that a load finds to be over."""

    def load(self, key, arrived):
        found = super().load(key, arrived)
        return None if found is None or found[1] is None else found


class LoadsFollow(MemoryStore):
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


class SavesAreUpserts(MemoryStore):
    """Makes the session that is not there."""

    def save(self, key, changes, now):
        if self.peek(key) is None:
            self.create(SessionRecord.created("", key, now, 60, None), {})
        return super().save(key, changes, now)


class SavesSnapshots(MemoryStore):
    """Writes what one request has as all that there is: the last one wins."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, afresh=bool(changes.put)), now)


class SavesTheHalf(MemoryStore):
    """Binds the user before it looks at what is expected."""

    def save(self, key, changes, now):
        super().save(key, Changes(principal=changes.principal), now)
        return super().save(key, changes, now)


class ExpectsNothing(MemoryStore):
    """Saves whatever is there."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, expected={}), now)


class ComparesThenSets(MemoryStore):
    """Looks whether all is as expected, and saves a little later."""

    def save(self, key, changes, now):
        stored = self.peek(key)
        attributes = {} if stored is None else dict(stored.attributes.items())
        if any(attributes.get(name) != value for name, value in changes.expected.items()):
            return False
        time.sleep(0)  # another thread's turn
        return super().save(key, replace(changes, expected={}), now)


class RenamesTwice(MemoryStore):
    """Lets the later of two changes of the id win, too."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, follows=True), now)


class FollowsNothing(MemoryStore):
    """Loses what is under way when the key changes."""

    def save(self, key, changes, now):
        return super().save(key, changes, now) if key in self._sessions else False


class FollowsAfterAFreshStart(MemoryStore):
    """Lets requests of the user before save into the next one's session."""

    def save(self, key, changes, now):
        if changes.afresh:
            gone = set(dict(self.peek(key).attributes.items())) - set(changes.put)
            changes = replace(changes, afresh=False, removed=gone)
        return super().save(key, changes, now)


class RemovesForAll(MemoryStore):
    """Gives a removed session to everybody who removes it."""

    def start_anew(self):
        super().start_anew()
        self.gone = {}

    def remove(self, key):
        stored = super().remove(key)
        return self.gone.setdefault(key, stored)


class LooksThenRemoves(MemoryStore):
    """Looks at the session that it gives back, and removes it a little later."""

    def remove(self, key):
        stored = self.peek(key)
        time.sleep(0)  # another thread's turn
        super().remove(key)
        return stored


class ExpiresWithoutLimit(MemoryStore):
    """Removes all that is due in one go."""

    def expire(self, now, limit):
        return super().expire(now, 10**9)


class ExpiresEarly(MemoryStore):
    """Rounds times up."""

    def expire(self, now, limit):
        return super().expire(now + 0.5, limit)


class ExpiresAFew(MemoryStore):
    """Leaves sessions that are due although fewer than the limit come back."""

    def expire(self, now, limit):
        return super().expire(now, min(limit, 100))


class GivesUpWhatIsUsed(MemoryStore):
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


class TouchMakesSessions(MemoryStore):
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
    """Has an index of users from which nothing goes."""

    def _unbind(self, entry):
        pass


#: A broken store, and a test that finds it out.
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
    (GivesUpWhatIsUsed, "test_used_are_not_abandoned", {}),
    (TouchRevives, "test_touch_revives_nothing", {}),
    (TouchMakesSessions, "test_touch_unknown", {}),
    (TouchMakesSessions, "test_race_of_touch_and_remove", {}),
    (TouchTurnsBack, "test_touch_turns_nothing_back", {}),
    (RemembersUsers, "test_expire_gives_back_what_was_there", {}),
]


def run(test, store, arguments):
    """Run one test of the contract on a store that is not shared."""
    method = getattr(StoreContract(), test)
    given = {"store": store, "another": store, **arguments}
    method(**{name: given[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize(
    ("broken", "test", "arguments"), CAUGHT, ids=[f"{one.__name__}-{two}" for one, two, _ in CAUGHT]
)
def test_caught(broken, test, arguments):
    """The broken store fails the test, which the store that is not broken passes."""
    run(test, MemoryStore(), arguments)
    with pytest.raises(AssertionError):
        run(test, broken(), arguments)


def test_size():
    """There are tests of each verb, each says the rule that it shows, and none stands in for another."""
    tests = {name: method for name, method in inspect.getmembers(StoreContract) if name.startswith("test_")}
    defined = [name for base in StoreContract.__mro__ for name in vars(base) if name.startswith("test_")]

    assert len(tests) >= 40
    assert sorted(defined) == sorted(tests)
    assert [name for name, method in tests.items() if not method.__doc__] == []
    assert not hasattr(StoreContract, "store"), "a store's author is told by pytest that there has to be one"
