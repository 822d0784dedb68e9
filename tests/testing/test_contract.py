"""The contract can fail: it catches stores that break it in ways in which stores are broken."""

from __future__ import annotations

import inspect
import os
import sys
import time
from dataclasses import replace

import pytest

from httpsession.ids import key_of
from httpsession.record import SessionRecord
from httpsession.stores import MemoryStore
from httpsession.stores.base import FOLLOW, Changes, nothing_in_use
from httpsession.stores.sqlite import SQLiteStore
from httpsession.testing import StoreContract
from httpsession.testing.base import contents, session_for


def new_session(store, key, now):
    """Return a new session as the store keeps it."""
    return session_for(store, SessionRecord.created(key, now, 60, None))


class CreatesOver:
    """Gives a taken key to the new session."""

    def create(self, session):
        self.remove(session.record.key)
        return super().create(session)


class DropsWhatIsDue:
    """Returns no session that a load finds to be due."""

    def load(self, key, arrived, *in_use):
        found = super().load(key, arrived, *in_use)
        return None if found is None or found[2] else found


class LoadsWhatIsDue:
    """Returns a session that is due as if it were alive."""

    def load(self, key, arrived, *in_use):
        found = super().load(key, arrived, *in_use)
        return found and (*found[:2], False)


class LoadsFollow:
    """Lets a dead id open the session."""

    def load(self, key, arrived, *in_use):
        stored = self.peek(key)
        return stored and super().load(stored.record.key, arrived, *in_use)


class ListsAnything:
    """Looks for the sessions of what is no principal."""

    def records_of(self, principal):
        return super().records_of(principal) if isinstance(principal, str) and principal else []


class PeeksAreAccesses(MemoryStore):
    """Records each peek as a request."""

    def peek(self, key):
        stored = super().peek(key)
        if stored is not None:
            stored.record.accessed += 1
        return stored


class SavesAreUpserts:
    """Makes the session that is not there."""

    def save(self, key, changes, now):
        if self.peek(key) is None:
            self.create(new_session(self, key, now))
        return super().save(key, changes, now)


class SavesSnapshots:
    """Writes the attributes of one request as all that there are: the last request wins."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, clear=bool(changes.put)), now)


class SavesTheHalf:
    """Sets the principal before it compares what is expected."""

    def save(self, key, changes, now):
        super().save(key, Changes(principal=changes.principal), now)
        return super().save(key, changes, now)


class ExpectsNothing:
    """Saves whatever is there."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, expected={}), now)


class ComparesThenSets:
    """Compares with what is expected, and saves a little later."""

    def save(self, key, changes, now):
        stored = self.peek(key)
        attributes = {} if stored is None else contents(stored)
        if any(attributes.get(name) != value for name, value in changes.expected.items()):
            return False
        time.sleep(0)  # another thread runs
        return super().save(key, replace(changes, expected={}), now)


class ClearsNothing:
    """Keeps the attributes that have to go."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, clear=False), now)


class NotesAreAttributes:
    """Keeps notes among the attributes."""

    def save(self, key, changes, now):
        notes = {name: value for name, value in changes.notes.items() if value is not None}
        return super().save(key, replace(changes, put={**changes.put, **notes}), now)


class LosesNotesWithTheKey:
    """Leaves the notes behind when the key changes."""

    def save(self, key, changes, now):
        stored = None if changes.new_key is None else self.peek(key)
        if stored is not None:
            changes = replace(changes, notes={**dict.fromkeys(stored.record.notes), **changes.notes})
        return super().save(key, changes, now)


class ListsWithoutNotes:
    """Reads no notes for the sessions of a user."""

    def records_of(self, principal):
        return [replace(record, notes={}) for record in super().records_of(principal)]


class IgnoresDeadlines:
    """Keeps the deadline that a session began with."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, deadline=None), now)


class DeadlinesOutsideTheQueue(MemoryStore):
    """Writes a new deadline into the record and nowhere else."""

    def save(self, key, changes, now):
        stored = self.peek(key)
        if stored is not None and changes.deadline is not None:
            stored.record.deadline = changes.deadline
        return super().save(key, replace(changes, deadline=None), now)


class RenamesTwice:
    """Lets the later of two changes of the key win, too."""

    def save(self, key, changes, now):
        stored = None if changes.new_key is None else self.peek(key)
        return super().save(key if stored is None else stored.record.key, changes, now)


class FollowsNothing(MemoryStore):
    """Loses what is under way when the key changes."""

    def save(self, key, changes, now):
        return super().save(key, changes, now) if key in self._sessions else False


class FollowsALogin:
    """Lets requests from before a login into the session that it began."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, is_login=False), now)


class LoginsFollowNothing:
    """Refuses a login that is under way when the key changes."""

    def save(self, key, changes, now):
        stored = self.peek(key)
        if changes.is_login and stored is not None and stored.record.key != key:
            return False
        return super().save(key, changes, now)


class LogsInTwice(MemoryStore):
    """Lets the later of two logins have the session of the first."""

    def __init__(self):
        super().__init__()
        self.led_to = {}

    def save(self, key, changes, now):
        while changes.is_login and key in self.led_to:
            key = self.led_to[key]
        is_saved = super().save(key, changes, now)
        if is_saved and changes.is_login:
            self.led_to[key] = changes.new_key
        return is_saved


class LogsInWithACopy:
    """Reads what it carries over, and moves the session a little later."""

    def save(self, key, changes, now):
        stored = self.peek(key) if changes.is_login else None
        if stored is not None:
            changes = replace(changes, clear=True, put={**contents(stored), **changes.put})
            time.sleep(1e-4)  # other threads run
        return super().save(key, changes, now)


class LogsInWithTheOldKey:
    """Takes a login that keeps the key, which an attacker may have planted."""

    def save(self, key, changes, now):
        return super().save(key, replace(changes, is_login=changes.is_login and changes.new_key is not None), now)


class LoginsMakeSessions:
    """Makes the session that another login has taken away."""

    def save(self, key, changes, now):
        is_saved = super().save(key, changes, now)
        if not is_saved and changes.is_login:
            self.create(new_session(self, changes.new_key, now))
            return super().save(changes.new_key, Changes(put=changes.put), now)
        return is_saved


class EndsTheSpared(MemoryStore):
    """Forgets the session that a logout everywhere spares, too."""

    def forget_logins(self, principal, before, life, spared=None):
        self.remove(spared)


class NeverLeft:
    """Knows of no login."""

    def was_left(self, key, now):
        return False


class AlwaysLeft:
    """Takes each key that finds nothing for one that a login left."""

    def was_left(self, key, now):
        return self.peek(key) is None


class LeftForGood:
    """Forgets no login."""

    def was_left(self, key, now):
        return super().was_left(key, now - FOLLOW)


class LeavesOneKey(MemoryStore):
    """Remembers of a login only the latest of the former keys."""

    def __init__(self):
        super().__init__()
        self.renamed = set()

    def save(self, key, changes, now):
        if changes.new_key is not None and not changes.is_login:
            self.renamed.add(key)
        return super().save(key, changes, now)

    def was_left(self, key, now):
        return key not in self.renamed and super().was_left(key, now)


class RemovesForAll(MemoryStore):
    """Returns a removed session to each caller that removes it."""

    def reset_after_fork(self):
        super().reset_after_fork()
        self.gone = {}

    def remove(self, key):
        stored = super().remove(key)
        return self.gone.setdefault(key, stored)


class LooksThenRemoves:
    """Reads the session that it returns, and removes it a little later."""

    def remove(self, key):
        stored = self.peek(key)
        time.sleep(0)  # another thread runs
        super().remove(key)
        return stored


class ExpiresWithoutLimit:
    """Removes all that is due at once."""

    def expire(self, now, limit, *in_use):
        return super().expire(now, 10**9, *in_use)


class ExpiresEarly:
    """Rounds times up."""

    def expire(self, now, limit, *in_use):
        return super().expire(now + 0.5, limit, *in_use)


class ExpiresAFew:
    """Leaves sessions that are due although fewer than the limit come back."""

    def expire(self, now, limit, *in_use):
        return super().expire(now, min(limit, 100), *in_use)


class LoadsWrite(SQLiteStore):
    """Records each access at once, which costs a shared store a write for each request."""

    def load(self, key, arrived, *in_use):
        found = super().load(key, arrived, *in_use)
        self.touch([(key, arrived, arrived)])
        return found


class KnowsNoSlack(SQLiteStore):
    """Ends sessions of whose last second other processes have not told it yet."""

    def load(self, key, arrived, *in_use):
        return super().load(key, arrived + 1, *in_use)


class EvictsWhatIsUsed:
    """Makes room by ending the session of a request that is under way."""

    def evict(self, in_use=nothing_in_use):
        return super().evict()


class ExpiresWhatIsUsed(MemoryStore):
    """Ends the session of a request that is under way, since it has been idle for long."""

    def expire(self, now, limit, in_use=nothing_in_use):
        return super().expire(now, limit)


class LoadsWithoutLookingAtUse(MemoryStore):
    """Finds a session due although a request is under way."""

    def load(self, key, arrived, in_use=nothing_in_use):
        return super().load(key, arrived)


class RemembersUse(MemoryStore):
    """Spares a session after the request has ended that used it."""

    seen = staticmethod(nothing_in_use)

    def expire(self, now, limit, in_use=nothing_in_use):
        self.seen = self.seen if in_use is nothing_in_use else in_use
        return super().expire(now, limit, self.seen)


class TouchRevives(MemoryStore):
    """Records each access, also of a session that is due."""

    def touch(self, accesses, *in_use):
        for key, arrived, ended in accesses:
            stored = self.peek(key)
            if stored is not None:
                stored.record.accessed = max(arrived, stored.record.accessed)
                stored.record.used = max(stored.record.used, ended)


class TouchMakesSessions:
    """Sets the expiry by an upsert."""

    def touch(self, accesses, *in_use):
        for key, arrived, ended in accesses:
            self.create(new_session(self, key, arrived))
            super().touch([(key, arrived, ended)])


class TouchTurnsBack(MemoryStore):
    """Takes the access that it hears of last for the latest."""

    def touch(self, accesses, *in_use):
        for key, arrived, ended in accesses:
            super().touch([(key, arrived, ended)])
            stored = self.peek(key)
            if stored is not None:
                stored.record.accessed, stored.record.used = arrived, ended


class RemembersUsers(MemoryStore):
    """Has an index of users from which nothing is removed."""

    def reset_after_fork(self):
        super().reset_after_fork()
        self._clients.discard = lambda entry: None


class EvictsUsers(MemoryStore):
    """Evicts a session whose client never came back, although a user has just logged in."""

    def evict(self, in_use=nothing_in_use):
        for stored in self:
            if stored.record.accessed == stored.record.creation_time:
                return self.remove(stored.record.key)
        return None


class EndsUsersAsNewcomers(MemoryStore):
    """Looks at no principal when it ends newcomers."""

    def expire(self, now, limit, *in_use):
        keys = [one.record.key for one in self if 0 < one.record.newcomer_interval <= now - one.record.accessed]
        return [*map(self.remove, keys), *super().expire(now, limit, *in_use)]


class ForgetsNewcomers:
    """Keeps the interval of newcomers nowhere."""

    def create(self, session):
        session.record.newcomer_interval = 0.0
        return super().create(session)


class NewcomersForGood(SQLiteStore):
    """Ends sessions by the interval of newcomers although their clients have come back."""

    def touch(self, accesses, in_use=nothing_in_use):
        super().touch([(key, self.peek(key).record.accessed, ended) for key, _, ended in accesses if self.peek(key)])


class RemovesForAnyUser:
    """Removes a session whoever is logged in."""

    def remove(self, key, principal=None):
        return super().remove(key)


class LooksThenRemovesForAUser:
    """Looks who is logged in, and removes the session a little later."""

    def remove(self, key, principal=None):
        stored = self.peek(key)
        if stored is None or principal not in (None, stored.record.principal):
            return None
        time.sleep(0)  # another thread runs
        return super().remove(key)


class KnowsNoLimit:
    """Logs users in any number of times."""

    def create(self, session, limit=None):
        return super().create(session)

    def save(self, key, changes, now):
        return super().save(key, replace(changes, limit=None), now)


class LimitsRenames:
    """Counts a session whose id changes as a new one."""

    def save(self, key, changes, now):
        if changes.limit is not None and changes.principal is ...:
            limit_by_itself(self, changes.limit)
        return super().save(key, changes, now)


class CountsThenLogsIn(KnowsNoLimit):
    """Counts the sessions of the user, due ones too, and logs the user in a little later."""

    def create(self, session, limit=None):
        if limit is not None:
            limit_by_itself(self, limit)
        return super().create(session)

    def save(self, key, changes, now):
        if changes.limit is not None and changes.principal is not ...:
            limit_by_itself(self, changes.limit)
        return super().save(key, changes, now)


def limit_by_itself(store, limit):
    """Keep to a limit by calls of other methods."""
    sessions = filter(None, (store.peek(record.key) for record in store.records_of(limit.principal)))
    removed = [store.remove(stored.record.key) for stored in limit.excess(list(sessions))]
    limit.removed.extend(filter(None, removed))
    time.sleep(0)  # another thread runs


class Reopens(SQLiteStore):
    """Opens the file again with the next call after close."""

    def __init__(self, *where):
        super().__init__(*where)
        self.where = where

    def close(self):
        super().close()
        super().__init__(*self.where)


class ReopensInAChild(SQLiteStore):
    """Opens the file again in the child of a fork, although it is closed."""

    def __init__(self, *where):
        super().__init__(*where)
        self.where, self.process = where, os.getpid()

    def peek(self, key):
        if self.process != os.getpid():
            super().__init__(*self.where)
        return super().peek(key)


class KeepsSessions(MemoryStore):
    """Keeps its sessions in memory after close."""

    def close(self):
        pass


class ResetByHooksAlone(MemoryStore):
    """Keeps the sessions of the parent in a child, if the fork runs no hooks."""

    def save(self, key, changes, now):
        entry = self._sessions.get(key)
        return entry is not None and entry.attributes.apply(changes.put, (), {})


#: The ids by their keys, for the store that finds them out.
IDS = {}


class KeepsIds(SQLiteStore):
    """Keeps the id of each session in a note: a thief of the file can use it."""

    def create(self, session):
        session.record.notes = {**session.record.notes, "id": IDS[session.record.key].lower().encode()}
        return super().create(session)


KINDS = (MemoryStore, SQLiteStore)
#: A broken store, or what breaks any store that it is put over, and a test that finds it out.
CAUGHT = [
    (CreatesOver, "test_create_refuses_a_taken_key", {}),
    (DropsWhatIsDue, "test_idle_until_its_end", {}),
    (LoadsWhatIsDue, "test_idle_until_its_end", {}),
    (LoadsWhatIsDue, "test_deadline_is_exact", {}),
    (LoadsFollow, "test_rename", {}),
    (PeeksAreAccesses, "test_peek_records_nothing", {}),
    (SavesAreUpserts, "test_save_unknown", {}),
    (SavesAreUpserts, "test_notes_of_no_session", {}),
    (SavesAreUpserts, "test_race_of_save_and_remove", {}),
    (SavesSnapshots, "test_saves_of_two_requests", {}),
    (SavesSnapshots, "test_race_of_attributes", {}),
    (SavesTheHalf, "test_not_as_expected", {"expected": {"a": b"2"}}),
    (ExpectsNothing, "test_not_as_expected", {"expected": {"b": b""}}),
    (ExpectsNothing, "test_deadline_is_not_changed_in_vain", {}),
    (ComparesThenSets, "test_race_of_counters", {}),
    (ClearsNothing, "test_clear", {"is_login": False}),
    (ClearsNothing, "test_clear", {"is_login": True}),
    (ClearsNothing, "test_clear_keeps_notes", {}),
    (ClearsNothing, "test_race_of_save_and_clearing_login", {}),
    (NotesAreAttributes, "test_save_notes", {}),
    (NotesAreAttributes, "test_attribute_and_note", {"name": "csrf"}),
    (LosesNotesWithTheKey, "test_notes_stay", {}),
    (LosesNotesWithTheKey, "test_notes_with_a_new_key", {}),
    (ListsWithoutNotes, "test_notes_come_back", {}),
    (IgnoresDeadlines, "test_save_deadline", {"before": None, "after": 30.0}),
    (IgnoresDeadlines, "test_load_at_a_new_deadline", {}),
    (IgnoresDeadlines, "test_no_deadline_any_more", {}),
    (IgnoresDeadlines, "test_deadline_with_all_else", {}),
    (IgnoresDeadlines, "test_deadline_of_a_login", {}),
    (DeadlinesOutsideTheQueue, "test_save_deadline", {"before": None, "after": 30.0}),
    (DeadlinesOutsideTheQueue, "test_order_of_new_deadlines", {}),
    (RenamesTwice, "test_renames_do_not_follow", {}),
    (RenamesTwice, "test_race_of_renames", {}),
    (FollowsNothing, "test_requests_under_way_follow", {}),
    (FollowsNothing, "test_race_of_save_and_rename", {}),
    (FollowsALogin, "test_nothing_follows_a_login", {}),
    (FollowsALogin, "test_renames_after_a_login", {}),
    (FollowsALogin, "test_login_after_an_undone_rename", {}),
    (FollowsALogin, "test_race_of_save_and_clearing_login", {}),
    (LogsInWithACopy, "test_race_of_save_and_login", {}),
    (LoginsFollowNothing, "test_login_follows_renames", {}),
    (LoginsFollowNothing, "test_login_follows_for_a_while", {}),
    (LogsInTwice, "test_second_login", {}),
    (LogsInTwice, "test_race_of_logins", {}),
    (LogsInWithTheOldKey, "test_login_without_a_new_key", {}),
    (LoginsMakeSessions, "test_second_login", {}),
    (LoginsMakeSessions, "test_login_after_a_removal", {}),
    (LoginsMakeSessions, "test_race_of_logins", {}),
    (LoginsMakeSessions, "test_race_of_login_and_remove", {}),
    (LoginsMakeSessions, "test_race_of_login_and_expire", {}),
    (EndsTheSpared, "test_log_out_everywhere", {}),
    (NeverLeft, "test_was_left", {}),
    (NeverLeft, "test_second_login", {}),
    (NeverLeft, "test_race_of_login_and_rename", {}),
    (AlwaysLeft, "test_only_logins_leave", {}),
    (AlwaysLeft, "test_login_after_a_removal", {}),
    (AlwaysLeft, "test_trace_outlives_the_session", {}),
    (LeftForGood, "test_was_left_for_a_while", {}),
    (LeavesOneKey, "test_was_left", {}),
    (LeavesOneKey, "test_login_follows_renames", {}),
    (RemovesForAll, "test_remove_once", {}),
    (LooksThenRemoves, "test_race_of_removers", {}),
    (RemovesForAnyUser, "test_remove_for_another_user", {}),
    (LooksThenRemovesForAUser, "test_race_of_users_and_remove", {}),
    (KnowsNoLimit, "test_limit_evicts", {"verb": "create"}),
    (KnowsNoLimit, "test_limit_denies", {"verb": "save"}),
    (KnowsNoLimit, "test_race_of_logins_within_a_limit", {"evicts": True}),
    (LimitsRenames, "test_limit_keeps_places_of_renamed_sessions", {}),
    (CountsThenLogsIn, "test_limit_forgets_what_is_due", {}),
    (CountsThenLogsIn, "test_race_of_logins_within_a_limit", {"evicts": True}),
    (CountsThenLogsIn, "test_race_of_logins_within_a_limit", {"evicts": False}),
    (ExpiresWithoutLimit, "test_expire_respects_the_limit", {}),
    (ExpiresEarly, "test_expire_at_the_deadline", {}),
    (ExpiresAFew, "test_fewer_than_the_limit_are_all", {}),
    (LoadsWrite, "test_load_and_the_access", {}),
    (KnowsNoSlack, "test_idle_just_before_its_end", {}),
    (EvictsWhatIsUsed, "test_used_are_not_evicted", {}),
    (ExpiresWhatIsUsed, "test_in_use", {}),
    (LoadsWithoutLookingAtUse, "test_in_use_by_load_and_touch", {}),
    (RemembersUse, "test_in_use", {}),
    (ListsAnything, "test_no_principal", {"principal": 5}),
    (TouchRevives, "test_touch_revives_nothing", {}),
    (TouchRevives, "test_in_use_by_load_and_touch", {}),
    (TouchMakesSessions, "test_touch_unknown", {}),
    (TouchMakesSessions, "test_race_of_touch_and_remove", {}),
    (TouchTurnsBack, "test_touch_moves_no_time_back", {}),
    (RemembersUsers, "test_expire_returns_the_sessions", {}),
    (EvictsUsers, "test_users_are_not_evicted", {}),
    (EvictsUsers, "test_flood_pushes_out_itself", {}),
    (EndsUsersAsNewcomers, "test_user_is_no_newcomer", {}),
    (ForgetsNewcomers, "test_newcomer_expires", {}),
    (ForgetsNewcomers, "test_longer_interval", {"interval": 0}),
    (NewcomersForGood, "test_client_comes_back", {}),
    (NewcomersForGood, "test_many_ends", {}),
    (Reopens, "test_close", {}),
    (Reopens, "test_close_twice", {}),
    (Reopens, "test_close_before_use", {}),
    (ReopensInAChild, "test_fork_after_close", {}),
    (ResetByHooksAlone, "test_fork_without_hooks", {}),
    (KeepsSessions, "test_close", {}),
    (KeepsSessions, "test_fork_after_close", {}),
]


def open_stores(kind, folder, broken):
    """Return two stores on the same data, which are one for a kind that is not shared."""
    cls = broken if issubclass(broken, kind) else type(broken.__name__, (broken, kind), {})
    if cls.is_shared:
        return cls(folder / "sessions.db"), cls(folder / "sessions.db")
    return (cls(),) * 2


def run(test, stores, arguments):
    """Run one test of the contract."""
    contract = StoreContract()
    contract.counts_by_arguments = True
    method = getattr(contract, test)
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
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(test, open_stores(kind, tmp_path / "broken", broken), arguments)


@pytest.fixture
def draw_keys(monkeypatch):
    """Replaces the function by which all modules of the package make keys of ids."""

    def replace_by(function):
        for name, module in list(sys.modules.items()):
            if name.startswith("httpsession") and getattr(module, "key_of", None) is key_of:
                monkeypatch.setattr(module, "key_of", function)

    return replace_by


def test_id_in_a_file(tmp_path, draw_keys):
    """A store that finds out ids and keeps them is caught."""
    run("test_no_id", open_stores(SQLiteStore, tmp_path, SQLiteStore), {})

    def remember(session_id):
        key = key_of(session_id)
        IDS[key] = session_id
        return key

    draw_keys(remember)
    with pytest.raises(AssertionError):
        run("test_no_id", open_stores(SQLiteStore, tmp_path, KeepsIds), {})


@pytest.mark.parametrize("form", [str.encode, lambda text: text.lower().encode(), bytes.fromhex])
def test_ids_for_keys(tmp_path, draw_keys, form):
    """A package that hands ids to a store in place of digests is caught."""
    draw_keys(form)
    with pytest.raises(AssertionError):
        run("test_no_id", open_stores(SQLiteStore, tmp_path, SQLiteStore), {})


def test_size():
    """There are tests of each method, each states its rule, and none overrides another."""
    tests = {name: method for name, method in inspect.getmembers(StoreContract) if name.startswith("test_")}
    defined = [name for base in StoreContract.__mro__ for name in vars(base) if name.startswith("test_")]

    assert len(tests) >= 40
    assert sorted(defined) == sorted(tests)
    assert [name for name, method in tests.items() if not method.__doc__] == []
    assert not hasattr(StoreContract, "store"), "pytest tells a store's author that there has to be one"
