"""The store for one process: live objects in a dict, under one lock, held for a session or a slice of a sweep."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, takewhile
from math import inf
from os import getpid
from typing import Final, Literal

from ... import fork
from ...record import SessionRecord, check_principal
from ..base import FOLLOW, Changes, InUse, Limit, LiveEntry, Touch, nothing_in_use
from .clients import Clients
from .expiry import Entry, ExpiryQueue

#: How many sessions are claimed at a time: a request may have to wait so long for a sweep, some 100 microseconds.
SLICE = 100


class MemoryStore:
    """Keeps the sessions of one process as they are: the requests of a session share its record and its attributes.

    The methods are those of :class:`SessionStore` and described there. No method's cost grows with the number of
    sessions, except iteration. The child of a fork begins with no sessions, since the parent ends its own.
    """

    is_shared: Literal[False] = False
    #: Sessions of a few kilobytes each then take less than a gigabyte.
    capacity: Final = 100_000

    def __init__(self) -> None:
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Create the lock and forget all sessions; called again in a forked child."""
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        """Create the empty structures. The caller holds the lock, or no other thread knows the store yet."""
        self._sessions: dict[bytes, Entry] = {}
        # Former keys: the session that has a new key, and since when; the oldest first.
        self._moved: dict[bytes, tuple[Entry, float]] = {}
        # Keys that a login left, and when; the oldest first.
        self._left: dict[bytes, float] = {}
        self._expiry = ExpiryQueue()
        self._clients = Clients()

    def _locked(self) -> threading.Lock:
        """Return the lock. The child of a fork forgets the sessions first."""
        if getpid() != fork.process_id:
            fork.check()
        return self._lock

    def create(self, session: LiveEntry, limit: Limit | None = None) -> bool:
        """Keep a new session. The look at the key and the insertion are one step under the lock."""
        if session.record.principal is not None:
            check_principal(session.record.principal)
        entry = Entry(session.record, session.attributes)
        with self._locked():
            if session.record.key in self._sessions:
                return False
            excess = self._clients.excess(entry, limit, session.record.accessed)
            self._add(entry, session.record.accessed)
            self._evict_all(excess, limit)
        return True

    def load(self, key: bytes, arrived: float, in_use: InUse = nothing_in_use) -> tuple[LiveEntry, float, bool] | None:
        """Return the session, and record the access in the same step, so that no sweep comes in between."""
        if getpid() != fork.process_id:
            fork.check()
        with self._lock:
            entry = self._sessions.get(key)
            if entry is None:
                return None
            record = entry.record
            if record.is_due(arrived) and not self._spare(entry, arrived, self._entries(in_use)):
                self._discard(entry)
                return entry, record.accessed, True
            previous = entry.access(arrived)
            if not entry.has_joined:
                self._join(entry, arrived)
        return entry, previous, False

    def peek(self, key: bytes) -> LiveEntry | None:
        """Return the session as it is, also by a former key."""
        with self._locked():
            return self._follow(key)

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply the changes in one step under the lock; attributes first, since they alone can refuse.

        A new key is not given to a session that has moved meanwhile: of two changes of the id one wins. A login
        follows, since it has to begin anew whatever came before.
        """
        new_key = changes.new_key
        if changes.is_login and new_key is None:
            raise ValueError("a login needs a new key")
        if changes.principal is not None and changes.principal is not ...:
            check_principal(changes.principal)
        follows = new_key is None or changes.is_login
        with self._locked():
            entry = self._follow(key, now) if follows else self._sessions.get(key)
            if entry is None or new_key in self._sessions:
                return False
            limit = None if changes.principal is ... else changes.limit
            excess = self._clients.excess(entry, limit, now)
            if changes.is_login and new_key is not None:
                entry = self._begin_anew(entry, new_key, changes, now)
            elif not self._change_attributes(entry, changes):
                entry = None
            else:
                if new_key is not None:
                    self._move(entry, new_key, now)
                self._change_record(entry, changes, now)
            if entry is not None:
                self._evict_all(excess, limit)
        return entry is not None

    def can_move(self, key: bytes, new_key: bytes) -> bool:
        """Return True: all keys are in this process."""
        return True

    def was_left(self, key: bytes, now: float) -> bool:
        """Return whether a login moved a session away lately. One look into a dict needs no lock."""
        fork.check()
        return self._left.get(key, -inf) >= now - FOLLOW

    def remove(self, key: bytes, principal: str | None = None) -> LiveEntry | None:
        """Remove and return the session; of several callers the lock lets one find it."""
        with self._locked():
            entry = self._follow(key)
            if entry is None or principal not in (None, entry.record.principal):
                return None
            self._discard(entry)
        return entry

    def expire(self, now: float, limit: int, in_use: InUse = nothing_in_use) -> list[LiveEntry]:
        """Remove sessions that are due, but for those in use (S54). Between slices, requests get the lock."""
        claimed: list[LiveEntry] = []
        with self._locked():
            self._forget_old_marks(now, in_use)
        while len(claimed) < limit:
            with self._locked():
                some = self._expire_some(now, min(SLICE, limit - len(claimed)), in_use)
            if not some:
                break
            claimed += some
        return claimed

    def evict(self, in_use: InUse = nothing_in_use) -> LiveEntry | None:
        """Remove the oldest session of a newcomer that no request is using."""
        with self._locked():
            entries = self._entries(in_use)
            for entry in self._clients.newcomers():
                if entry not in entries:
                    self._discard(entry)
                    return entry
        return None

    def touch(self, accesses: Iterable[Touch], in_use: InUse = nothing_in_use) -> None:
        """Record requests. One that finds its session due is ignored, unless one in flight has kept that alive."""
        for key, arrived, ended in accesses:
            with self._locked():
                # A request that arrived in time may take as long as it does, as in _entries.
                entry = self._follow(key, arrived)
                if entry is None:
                    continue
                record = entry.record
                if record.is_due(arrived) and not self._spare(entry, arrived, self._entries(in_use)):
                    continue
                entry.access(arrived)
                record.used = max(record.used, ended)
                if not entry.has_joined:
                    self._join(entry, arrived)

    def records_of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        principal = check_principal(principal)
        with self._locked():
            return [entry.record for entry in self._clients.entries_of(principal)]

    def __iter__(self) -> Iterator[LiveEntry]:
        """Iterate over a copy, which is made in one atomic step."""
        fork.check()
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        fork.check()
        return len(self._sessions)

    def describe(self) -> str:
        """Return what keeps the sessions."""
        return "the memory of this process"

    def close(self) -> None:
        """Forget all sessions, which the caller has ended before."""
        with self._locked():
            self._clear()

    def _evict_all(self, excess: list[Entry], limit: Limit | None) -> None:
        for entry in excess:
            self._discard(entry)
            if limit is not None:
                limit.removed.append(entry)

    def _begin_anew(self, former: Entry, new_key: bytes, changes: Changes, now: float) -> Entry | None:
        """Return the session that a login puts in place of the former one; None if values are not as expected.

        Requests in flight keep the former entry: they can read its attributes, and change them no more.
        """
        if changes.expected and not former.attributes.apply({}, (), changes.expected):
            return None
        entry: Entry | None = None
        try:
            values = former.attributes.detach()
            entry = former.successor(new_key, {} if changes.clear else values)
            entry.attributes.apply(changes.put, changes.removed, {})
            entry.change(changes)
            self._discard(former)
            self._left.update(dict.fromkeys((former.record.key, *(former.former_keys or ())), now))
            self._add(entry, now)
        except BaseException:  # the former session stays
            self._discard(entry or former)
            former.attributes.attach()
            self._add(former, now)
            raise
        return entry

    def _change_attributes(self, entry: Entry, changes: Changes) -> bool:
        """Change the attributes; False if values are not as expected, with nothing changed."""
        if not (changes.put or changes.removed or changes.expected or changes.clear):
            return True
        return entry.attributes.apply(changes.put, changes.removed, changes.expected, clear=changes.clear)

    def _change_record(self, entry: Entry, changes: Changes, now: float) -> None:
        """Change the rest, which nothing can refuse, and the indexes by which sessions are found."""
        if changes.principal is not ...:
            self._clients.discard(entry)
        try:
            entry.change(changes)
        finally:
            if changes.principal is not ...:
                self._clients.add(entry)
        if changes.max_inactive_interval is not None or changes.deadline is not None or changes.principal is not ...:
            self._expiry.put(entry, now)

    def _follow(self, key: bytes, now: float = -inf) -> Entry | None:
        """Return the session that has this key or, as far as the store remembers, had it lately."""
        entry = self._sessions.get(key)
        if entry is None and key in self._moved:
            moved, since = self._moved[key]
            if since >= now - FOLLOW:
                return moved
        return entry

    def _move(self, entry: Entry, new_key: bytes, now: float) -> None:
        """Give the session a new key, and mark the former. Its requests share the record, so all know the new key."""
        key = entry.record.key
        try:
            self._forget(new_key)
            self._moved[key] = entry, now
            entry.former_keys = {key, *(entry.former_keys or ())}
            del self._sessions[key]
            entry.record.key = new_key
            self._sessions[new_key] = entry
        except BaseException:  # the session stays where it was
            entry.record.key = key
            self._sessions[key] = entry
            self._forget(key)
            raise

    def _forget_old_marks(self, now: float, in_use: InUse) -> None:
        """Forget where sessions went long ago, except for requests that arrived in time and are still in flight."""
        for key in list(takewhile(lambda key: self._left[key] < now - FOLLOW, self._left)):
            del self._left[key]
        old = list(takewhile(lambda key: self._moved[key][1] < now - FOLLOW, self._moved))
        since = in_use() if old else {}
        for key in old:
            if since.get(key, inf) > self._moved[key][1] + FOLLOW:
                self._forget(key)

    def _forget(self, key: bytes) -> None:
        """Forget where the session went that had *key*, if one had."""
        self._left.pop(key, None)
        entry, _ = self._moved.pop(key, (None, 0.0))
        if entry is not None and entry.former_keys is not None:
            entry.former_keys.discard(key)

    def _entries(self, in_use: InUse) -> dict[Entry, float]:
        """Return the sessions that requests are using, and since when."""
        entries: dict[Entry, float] = {}
        for key, arrived in in_use().items():
            entry = self._follow(key, arrived)
            if entry is not None:
                entries[entry] = min(arrived, entries.get(entry, arrived))
        return entries

    def _spare(self, entry: Entry, now: float, entries: Mapping[Entry, float]) -> bool:
        """Return whether a request that arrived in time is still using the session; if so, it is used until *now*."""
        record = entry.record
        if record.deadline <= now or entries.get(entry, inf) >= record.due():
            return False
        record.used = max(record.used, now)
        return True

    def _join(self, entry: Entry, now: float) -> None:
        """Note that the client has come back: the session is not new (S42), and is a newcomer's no more.

        The access was recorded before, so that the session enters the queue of its own interval at the end.
        """
        self._clients.join(entry)
        if entry.record.newcomer_interval > 0:
            entry.record.newcomer_interval = 0.0  # also if the clock has not moved since the creation
            self._expiry.put(entry, now)

    def _add(self, entry: Entry, now: float) -> None:
        """Keep a session under its key, which from then on is no former key of another session."""
        key = entry.record.key
        try:
            self._forget(key)
            self._sessions[key] = entry
            self._expiry.put(entry, now)
            self._clients.add(entry)
        except BaseException:
            self._discard(entry)
            raise

    def _discard(self, entry: Entry) -> None:
        """Remove a session and the marks that lead to it, or what a failure has left of them, as in want of memory."""
        self._sessions.pop(entry.record.key, None)
        for key in entry.former_keys or ():
            self._moved.pop(key, None)
        self._expiry.discard(entry)
        self._clients.discard(entry)

    def _expire_some(self, now: float, limit: int, in_use: InUse) -> list[Entry]:
        """Claim sessions that are due, at most *limit*. The caller holds the lock."""
        entries = self._entries(in_use)
        due = (entry for entry in self._expiry.due(now) if not self._spare(entry, now, entries))
        # A session may be due in both ways.
        claimed = list(dict.fromkeys(islice(due, limit)))
        for entry in claimed:
            self._discard(entry)
        return claimed
