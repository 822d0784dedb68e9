"""Listeners that keep a log."""

from __future__ import annotations

from httpsession import (
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
)


class Recorder(HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener):
    """Writes down all that it hears, in order; *log* may be shared."""

    def __init__(self, log=None):
        self.log = [] if log is None else log

    def session_created(self, event):
        self.log.append(("created", event.session.id))

    def session_destroyed(self, event):
        self.log.append(("destroyed", event.session.id))

    def session_id_changed(self, event, old_id):
        self.log.append(("id changed", old_id, event.session.id))

    def attribute_added(self, event):
        self.log.append(("added", event.name, event.value))

    def attribute_removed(self, event):
        self.log.append(("removed", event.name, event.value))

    def attribute_replaced(self, event):
        self.log.append(("replaced", event.name, event.value))

    def of(self, *kinds):
        """Return the events of some kinds."""
        return [event for event in list(self.log) if event[0] in kinds]


class Bound(HttpSessionBindingListener):
    """A value that writes down when it is bound and unbound."""

    def __init__(self, name="value", log=None):
        self.name = name
        self.log = [] if log is None else log

    def __repr__(self):
        return self.name

    def value_bound(self, event):
        self.log.append(("bound", event.name, self))

    def value_unbound(self, event):
        self.log.append(("unbound", event.name, self))

    @property
    def balance(self):
        """How many times it has been bound and not unbound."""
        own = [event[0] for event in list(self.log) if event[-1] is self]
        return own.count("bound") - own.count("unbound")
