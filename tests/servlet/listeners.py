"""Listeners and values with Java's names that record what they hear."""

from __future__ import annotations

from httpsession import servlet


class Recorder(servlet.HttpSessionListener, servlet.HttpSessionIdListener, servlet.HttpSessionAttributeListener):
    """Records all events, with what they give."""

    def __init__(self):
        self.log = []

    def sessionCreated(self, se):
        self.log.append(("created", se.getSession().getId()))

    def sessionDestroyed(self, se):
        self.log.append(("destroyed", se.getSession().getAttributeNames()))

    def sessionIdChanged(self, event, old_session_id):
        self.log.append(("id changed", old_session_id, event.getSession().getId()))

    def attributeAdded(self, event):
        self.log.append(("added", event.getName(), event.getValue()))

    def attributeRemoved(self, event):
        self.log.append(("removed", event.getName(), event.getValue()))

    def attributeReplaced(self, event):
        self.log.append(("replaced", event.getName(), event.getValue()))


class Bound(servlet.HttpSessionBindingListener):
    """An attribute value that records when it is bound and unbound."""

    def __init__(self):
        self.log = []

    def valueBound(self, event):
        self.log.append(("bound", event.getName(), event.getValue() is self, event.getSession().getAttribute("a")))

    def valueUnbound(self, event):
        self.log.append(("unbound", event.getName(), event.getValue() is self, event.getSession().getId()))
