"""Listeners and attribute values that record their notifications."""

from __future__ import annotations

from httpsession import (
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
)


class Recorder(HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener):
    """Records all events in order, as tuples; several recorders may share a *log*."""

    def __init__(self, log=None):
        self.log = [] if log is None else log

    def session_created(self, event):
        self._hear("created", event)

    def session_destroyed(self, event):
        self._hear("destroyed", event)

    def session_id_changed(self, event, old_id):
        self._hear("id changed", event, old_id)

    def attribute_added(self, event):
        self._hear("added", event)

    def attribute_removed(self, event):
        self._hear("removed", event)

    def attribute_replaced(self, event):
        self._hear("replaced", event)

    def of(self, *kinds):
        """Return the events of some kinds."""
        return [event for event in list(self.log) if event[0] in kinds]

    def _hear(self, kind, event, *before):
        is_binding = isinstance(event, HttpSessionBindingEvent)
        self.log.append((kind, *before, *((event.name, event.value) if is_binding else (event.session.id,))))


class Log(Recorder):
    """Records all events as text without ids, such as ``added a=1``.

    Logs may share *events*; each then begins its lines with its *name*.
    """

    def __init__(self, name="", events=None):
        super().__init__(events)
        self.events = self.log
        self.prefix = f"{name} " if name else ""

    def count(self, event):
        """Return how often *event* is in the log."""
        return self.events.count(event)

    def _hear(self, kind, event, *before):
        self._note(kind + (f" {event.name}={event.value}" if isinstance(event, HttpSessionBindingEvent) else ""))

    def _note(self, event):
        self.events.append(self.prefix + event)


class Bound(HttpSessionBindingListener):
    """An attribute value that records when it is bound and unbound."""

    def __init__(self, name="value", log=None):
        self.name = name
        self.log = [] if log is None else log

    def __repr__(self):
        return self.name

    def value_bound(self, event):
        self._hear("bound", event)

    def value_unbound(self, event):
        self._hear("unbound", event)

    @property
    def balance(self):
        """The number of times that it was bound, less those that it was unbound."""
        own = [event[0] for event in list(self.log) if event[-1] is self]
        return own.count("bound") - own.count("unbound")

    def _hear(self, kind, event):
        self.log.append((kind, event.name, self))


class Value(Bound):
    """An attribute value that records the same as text, such as ``bound a=1``."""

    def _hear(self, kind, event):
        self.log.append(f"{kind} {event.name}={event.value}")
