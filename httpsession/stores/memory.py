"""The store for one process: live objects in a dict."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from ..attributes import Attributes
from ..record import SessionRecord
from .base import Changes, Stored

#: How many sessions are looked at in one go: so long, some 50 microseconds, a request may have to wait for a sweep.
SLICE = 100


class _Entry(Stored):
    """A session and the time for which it is in the agenda."""

    __slots__ = ("appointment",)

    def __init__(self, record: SessionRecord, attributes: Attributes) -> None:
        super().__init__(record, attributes)
        self.appointment = inf


class _Agenda:
    """When to look at which session again, so that a sweep looks at what may be due and not at what is alive.

    A session that is used becomes due later than the agenda says; it is not moved then, which would cost every request,
    but when its time comes. What it becomes due earlier for, or what is removed, leaves a dead item behind.
    """

    def __init__(self) -> None:
        self._items: list[tuple[float, int, _Entry]] = []
        self._number = count()
        self._dead = 0

    def enter(self, entry: _Entry) -> None:
        """Put *entry* down for when it is due, if it is not down for an earlier time."""
        due = entry.record.due()
        if due >= entry.appointment:
            return
        if entry.appointment != inf:
            self._bury()
        entry.appointment = due
        heappush(self._items, (due, next(self._number), entry))

    def strike(self, entry: _Entry) -> None:
        """Take *entry* out."""
        if entry.appointment != inf:
            entry.appointment = inf
            self._bury()

    def next_due(self, now: float) -> _Entry | None:
        """Take out the next entry whose time has come; whether it is due still has to be seen."""
        while self._items and self._items[0][0] <= now:
            time, _, entry = heappop(self._items)
            if entry.appointment == time:
                entry.appointment = inf
                return entry
            self._dead -= 1
        return None

    def _bury(self) -> None:
        """Count a dead item, and sweep them out when they are the greater part: so they cost no lasting memory."""
        self._dead += 1
        if self._dead > SLICE and self._dead * 2 > len(self._items):
            self._items = [item for item in self._items if item[2].appointment == item[0]]
            heapify(self._items)
            self._dead = 0


class MemoryStore:
    """Keeps the sessions of one process as they are: the requests of a session share its record and its attributes.

    What is a method of :class:`SessionStore` is described there. No method's cost grows with the number of sessions,
    but that of going through them all.
    """

    is_shared = False

    def __init__(self) -> None:
        self.in_use: Callable[[], Mapping[bytes, float]] = dict
        self._lock = threading.Lock()
        self._sessions: dict[bytes, _Entry] = {}
        self._agenda = _Agenda()
        # Sessions whose client has not come back yet, the oldest first.
        self._newcomers: OrderedDict[_Entry, None] = OrderedDict()
        self._by_principal: dict[str, dict[_Entry, None]] = {}

    def create(self, stored: Stored) -> bool:
        """Keep a new session."""
        entry = _Entry(stored.record, stored.attributes)
        with self._lock:
            if entry.record.key in self._sessions:
                return False
            self._sessions[entry.record.key] = entry
            self._newcomers[entry] = None
            self._agenda.enter(entry)
        return True

    def load(self, key: bytes, arrived: float) -> Stored | None:
        """Return the session, noting the access."""
        with self._lock:
            entry = self._sessions.get(key)
            if entry is None:
                return None
            record = entry.record
            if record.due() <= arrived and not self._spare(entry, arrived, self.in_use()):
                self._take_out(entry)
                return entry
            if record.is_new:
                self._join(entry)
            record.access(arrived)
        return entry

    def save(self, key: bytes, changes: Changes) -> bool:
        """Apply the changes."""
        with self._lock:
            entry = self._sessions.get(key)
            if entry is None:
                return False
            record = entry.record
            if changes.max_inactive_interval is not None:
                record.max_inactive_interval = changes.max_inactive_interval
                self._agenda.enter(entry)
            if changes.principal is not ...:
                self._unbind(entry)
                record.principal = changes.principal
                self._bind(entry)
            if changes.new_id is not None:
                del self._sessions[key]
                record.id, record.key = changes.new_id
                self._sessions[record.key] = entry
        return True

    def remove(self, key: bytes) -> Stored | None:
        """Remove the session and give it back."""
        with self._lock:
            entry = self._sessions.get(key)
            if entry is not None:
                self._take_out(entry)
        return entry

    def expire(self, now: float, limit: int) -> list[Stored]:
        """Remove sessions that are due."""
        claimed: list[Stored] = []
        while len(claimed) < limit:
            with self._lock:
                if not self._expire_some(now, claimed, min(SLICE, limit - len(claimed))):
                    break
        return claimed

    def _expire_some(self, now: float, claimed: list[Stored], limit: int) -> bool:
        """Look at up to *limit* sessions whose time has come; False if there were fewer."""
        in_use = self.in_use()
        for _ in range(limit):
            entry = self._agenda.next_due(now)
            if entry is None:
                return False
            if entry.record.due() > now or self._spare(entry, now, in_use):
                self._agenda.enter(entry)
            else:
                self._take_out(entry)
                claimed.append(entry)
        return True

    def abandoned(self) -> Stored | None:
        """Remove the oldest session whose client never came back."""
        in_use = self.in_use()
        with self._lock:
            for entry in self._newcomers:
                if entry.record.key not in in_use:
                    self._take_out(entry)
                    return entry
        return None

    def touch(self, accesses: Mapping[bytes, tuple[float, float]]) -> None:
        """Note requests."""
        for key, (arrived, ended) in accesses.items():
            with self._lock:
                entry = self._sessions.get(key)
                if entry is None or entry.record.due() <= arrived:
                    continue
                if entry.record.is_new:
                    self._join(entry)
                entry.record.access(arrived)
                entry.record.used = max(entry.record.used, ended)

    def of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        with self._lock:
            return [entry.record for entry in self._by_principal.get(principal, ())]

    def __iter__(self) -> Iterator[Stored]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def _spare(self, entry: _Entry, now: float, in_use: Mapping[bytes, float]) -> bool:
        """Whether a request that came in time is still using the session; if so, it has been used until *now*."""
        record = entry.record
        since = in_use.get(record.key, inf)
        if record.deadline <= now or since >= record.due():
            return False
        record.used = max(record.used, now)
        return True

    def _join(self, entry: _Entry) -> None:
        entry.record.is_new = False
        self._newcomers.pop(entry, None)

    def _take_out(self, entry: _Entry) -> None:
        record = entry.record
        record.removed = True
        del self._sessions[record.key]
        self._agenda.strike(entry)
        self._newcomers.pop(entry, None)
        self._unbind(entry)

    def _bind(self, entry: _Entry) -> None:
        principal = entry.record.principal
        if principal is not None:
            self._by_principal.setdefault(principal, {})[entry] = None

    def _unbind(self, entry: _Entry) -> None:
        principal = entry.record.principal
        if principal is not None:
            sessions = self._by_principal[principal]
            del sessions[entry]
            if not sessions:
                del self._by_principal[principal]
