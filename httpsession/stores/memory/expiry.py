"""In which order the sessions of a memory store become due."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from math import inf

from ...attributes import Attributes
from ...record import SessionRecord


class _Link:
    """A place in a ring."""

    __slots__ = ("after", "before")

    before: _Link
    after: _Link


class Entry(_Link):
    """A session, and the queue in which it waits to become due."""

    __slots__ = ("attributes", "former_keys", "has_joined", "queue", "record")

    def __init__(self, record: SessionRecord, attributes: Attributes) -> None:
        self.record = record
        self.attributes = attributes
        self.queue: _Queue | None = None
        #: Whether the client has come back.
        self.has_joined = False
        #: The keys it had until lately, if any.
        self.former_keys: set[bytes] | None = None


class _Queue(_Link):
    """Entries with the same interval, in an order that is cheap to change.

    With a million sessions an access costs a quarter of what it would with an OrderedDict, which has tables to look up.
    """

    __slots__ = ("interval",)

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.before = self.after = self

    def append(self, entry: Entry) -> None:
        entry.queue = self
        last = self.before
        entry.before, entry.after = last, self
        last.after = self.before = entry

    def remove(self, entry: Entry) -> None:
        entry.queue = None
        before, after = entry.before, entry.after
        before.after, after.before = after, before
        del entry.before, entry.after

    def move_to_end(self, entry: Entry) -> None:
        before, after = entry.before, entry.after
        before.after, after.before = after, before
        last = self.before
        entry.before, entry.after = last, self
        last.after = self.before = entry

    def __iter__(self) -> Iterator[Entry]:
        link = self.after
        while isinstance(link, Entry):
            yield link
            link = link.after


class Agenda:
    """Who becomes due in which order, so that a sweep looks at what is due and not at what is alive.

    Sessions with the same interval become due in the order of their latest accesses, so each interval has a queue, in
    which an access sends a session to the end. Lifetimes are all the same and end in the order in which they began.
    """

    def __init__(self) -> None:
        self._idle: dict[int, _Queue] = {}
        self._mortal: OrderedDict[Entry, None] = OrderedDict()

    def enter(self, entry: Entry) -> None:
        """Let a new session wait."""
        self.requeue(entry)
        if entry.record.deadline != inf:
            self._mortal[entry] = None

    def requeue(self, entry: Entry) -> None:
        """Let a session wait in the queue of its interval."""
        self._leave_queue(entry)
        interval = entry.record.max_inactive_interval
        if interval > 0:
            queue = self._idle.get(interval)
            if queue is None:
                queue = self._idle[interval] = _Queue(interval)
            queue.append(entry)

    def strike(self, entry: Entry) -> None:
        """Let a session wait no longer."""
        self._leave_queue(entry)
        self._mortal.pop(entry, None)

    def due(self, now: float) -> Iterator[Entry]:
        """Go through the sessions that are due. The few that are not but stand before such a one, since their latest
        request took long, are passed over."""
        for interval, queue in self._idle.items():
            for entry in queue:
                # One that was accessed in what is now the future, since the clock went back, hides none behind it.
                if now < entry.record.accessed + interval <= now + interval:
                    break
                if entry.record.is_due(now):
                    yield entry
        for entry in self._mortal:
            if entry.record.deadline > now:
                break
            yield entry

    def _leave_queue(self, entry: Entry) -> None:
        queue = entry.queue
        if queue is not None:
            queue.remove(entry)
            if queue.after is queue:
                del self._idle[queue.interval]
