"""The store for one process: live objects in a dict."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from math import inf

from ... import fork
from ...attributes import Attributes
from ...record import SessionRecord
from ..base import FOLLOW, Changes, Stored, Touch
from ..url import StoreUrl
from .expiry import Agenda, Entry

#: How many sessions are claimed in one go: so long, some 100 microseconds, a request may have to wait for a sweep.
SLICE = 100


def open_url(url: str) -> MemoryStore:
    """Open ``memory://``. Its options mean nothing: nothing else is in the store, and nobody waits for it."""
    parsed = StoreUrl.parse(url, timeout=1.0)
    if parsed.parts.netloc or parsed.path:
        raise parsed.refusal("has something after memory://, where there is nothing to name")
    return MemoryStore()


class MemoryStore:
    """Keeps the sessions of one process as they are: the requests of a session share its record and its attributes.

    What is a method of :class:`SessionStore` is described there. No method's cost grows with the number of sessions,
    but that of going through them all. The child of a fork begins with none: those that there were are the parent's to
    end.
    """

    is_shared = False

    def __init__(self) -> None:
        self.in_use: Callable[[], Mapping[bytes, float]] = dict
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Be empty, and free for all, at the beginning and in the child of a fork."""
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Entry] = {}
        # Where sessions went that have a new key, and when, the oldest first.
        self._moved: dict[bytes, tuple[Entry, float]] = {}
        self._agenda = Agenda()
        # Sessions whose client has not come back yet, the oldest first.
        self._newcomers: OrderedDict[Entry, None] = OrderedDict()
        self._by_principal: dict[str, dict[Entry, None]] = {}

    def create(self, record: SessionRecord, attributes: Attributes | Mapping[str, bytes]) -> bool:
        """Keep a new session."""
        entry = Entry(record, attributes if isinstance(attributes, Attributes) else Attributes(attributes))
        with self._lock:
            if record.key in self._sessions:
                return False
            if record.key in self._moved:
                self._forget(record.key)
            self._sessions[record.key] = entry
            self._newcomers[entry] = None
            self._agenda.enter(entry)
            self._bind(entry)
        return True

    def load(self, key: bytes, arrived: float) -> tuple[Stored, float | None] | None:
        """Return the session, noting the access."""
        with self._lock:
            entry = self._sessions.get(key)
            if entry is None:
                return None
            record = entry.record
            previous = record.accessed if record.accessed <= arrived else min(record.previous_access, arrived)
            if record.is_due(arrived) and not self._spare(entry, arrived, self._in_use()):
                self._take_out(entry)
                return entry, None
            if not entry.has_joined:
                self._join(entry)
            record.access(arrived)
            record.known_id = record.id
            if entry.queue is not None:
                entry.queue.move_to_end(entry)
        return entry, previous

    def save(self, key: bytes, changes: Changes, now: float) -> bool:
        """Apply the changes."""
        with self._lock:
            entry = self._follow(key, now) if changes.new_id is None else self._sessions.get(key)
            if entry is None or (changes.new_id is not None and changes.new_id[1] in self._sessions):
                return False
            if not self._change_attributes(entry, changes):
                return False
            record = entry.record
            if changes.max_inactive_interval is not None:
                record.max_inactive_interval = changes.max_inactive_interval
                self._agenda.requeue(entry)
            if changes.principal is not ...:
                self._unbind(entry)
                record.principal = changes.principal
                self._bind(entry)
            if changes.new_id is not None:
                self._move(entry, *changes.new_id, now)
            if changes.afresh:
                for former_key in list(entry.former_keys or ()):
                    self._forget(former_key)
        return True

    def _change_attributes(self, entry: Entry, changes: Changes) -> bool:
        if not (changes.put or changes.removed or changes.expected or changes.afresh):
            return True
        return entry.attributes.apply(changes.put, changes.removed, changes.expected, changes.afresh)

    def peek(self, key: bytes) -> Stored | None:
        """Return the session as it is."""
        with self._lock:
            return self._follow(key)

    def fits(self, key: bytes, new_key: bytes) -> bool:
        """Return True: every key is in this process."""
        return True

    def remove(self, key: bytes) -> Stored | None:
        """Remove the session and give it back."""
        with self._lock:
            entry = self._follow(key)
            if entry is not None:
                self._take_out(entry)
        return entry

    def expire(self, now: float, limit: int) -> list[Stored]:
        """Remove sessions that are due."""
        claimed: list[Stored] = []
        with self._lock:
            self._forget_old_marks(now)
        while len(claimed) < limit:
            with self._lock:
                some = self._expire_some(now, min(SLICE, limit - len(claimed)))
            if not some:
                break
            claimed += some
        return claimed

    def _expire_some(self, now: float, limit: int) -> list[Entry]:
        in_use = self._in_use()
        due = (entry for entry in self._agenda.due(now) if not self._spare(entry, now, in_use))
        # Both ways of being due may find the same session.
        claimed = list(dict.fromkeys(islice(due, limit)))
        for entry in claimed:
            self._take_out(entry)
        return claimed

    def abandoned(self) -> Stored | None:
        """Remove the oldest session whose client never came back."""
        with self._lock:
            in_use = self._in_use()
            for entry in self._newcomers:
                if entry not in in_use:
                    self._take_out(entry)
                    return entry
        return None

    def touch(self, accesses: Iterable[Touch]) -> None:
        """Note requests."""
        for key, arrived, ended in accesses:
            with self._lock:
                # As in _in_use: who came in time may take as long as it does.
                entry = self._follow(key, arrived)
                if entry is None:
                    continue
                record = entry.record
                if record.is_due(arrived) and not self._spare(entry, arrived, self._in_use()):
                    continue
                if not entry.has_joined:
                    self._join(entry)
                record.access(arrived)
                record.used = max(record.used, ended)
                if entry.queue is not None:
                    entry.queue.move_to_end(entry)

    def of(self, principal: str) -> list[SessionRecord]:
        """Return the records of a user's sessions."""
        with self._lock:
            return [entry.record for entry in self._by_principal.get(principal, ())]

    def __iter__(self) -> Iterator[Stored]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def describe(self) -> str:
        """Return what keeps the sessions."""
        return "the memory of this process"

    def close(self) -> None:
        """Do nothing: there is nothing to open again."""

    def _follow(self, key: bytes, now: float = -inf) -> Entry | None:
        """Return the session that has this key or, as far as is known, had it until lately."""
        entry = self._sessions.get(key)
        if entry is None and key in self._moved:
            moved, since = self._moved[key]
            if since >= now - FOLLOW:
                return moved
        return entry

    def _move(self, entry: Entry, new_id: str, new_key: bytes, now: float) -> None:
        record = entry.record
        self._forget_old_marks(now)
        if new_key in self._moved:
            self._forget(new_key)
        self._moved[record.key] = entry, now
        entry.former_keys = entry.former_keys or set()
        entry.former_keys.add(record.key)
        del self._sessions[record.key]
        record.id, record.key = new_id, new_key
        self._sessions[new_key] = entry

    def _forget_old_marks(self, now: float) -> None:
        """Forget where sessions went long ago, but for requests that came in time and are still under way."""
        old = list(takewhile(lambda key: self._moved[key][1] < now - FOLLOW, self._moved))
        in_use = self.in_use() if old else {}
        for key in old:
            if in_use.get(key, inf) > self._moved[key][1] + FOLLOW:
                self._forget(key)

    def _forget(self, former_key: bytes) -> None:
        entry, _ = self._moved.pop(former_key)
        if entry.former_keys is not None:
            entry.former_keys.discard(former_key)

    def _in_use(self) -> dict[Entry, float]:
        """Return the sessions that requests are using, and since when."""
        since: dict[Entry, float] = {}
        for key, arrived in self.in_use().items():
            entry = self._follow(key, arrived)
            if entry is not None:
                since[entry] = min(arrived, since.get(entry, arrived))
        return since

    def _spare(self, entry: Entry, now: float, in_use: Mapping[Entry, float]) -> bool:
        """Whether a request that came in time is still using the session; if so, it has been used until *now*."""
        record = entry.record
        if record.deadline <= now or in_use.get(entry, inf) >= record.due():
            return False
        record.used = max(record.used, now)
        return True

    def _join(self, entry: Entry) -> None:
        entry.has_joined = True
        entry.record.is_new = False
        self._newcomers.pop(entry, None)

    def _take_out(self, entry: Entry) -> None:
        record = entry.record
        record.removed = True
        del self._sessions[record.key]
        for key in entry.former_keys or ():
            self._moved.pop(key, None)
        self._agenda.strike(entry)
        self._newcomers.pop(entry, None)
        self._unbind(entry)

    def _bind(self, entry: Entry) -> None:
        principal = entry.record.principal
        if principal is not None:
            self._by_principal.setdefault(principal, {})[entry] = None

    def _unbind(self, entry: Entry) -> None:
        principal = entry.record.principal
        if principal is not None:
            sessions = self._by_principal[principal]
            del sessions[entry]
            if not sessions:
                del self._by_principal[principal]
