"""Listeners and values that write down what they hear, in the form of the recordings."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from httpsession import (
    HttpSession,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalStateError,
)


class UnsupportedOperationError(Exception):
    """The exception of a value that fails according to its recording."""


class Log:
    """The events of each request, which runs in a thread of its own or alone."""

    def __init__(self) -> None:
        self._current = threading.local()

    def begin(self, events: list[dict[str, Any]]) -> None:
        self._current.events = events
        self._current.op = None

    def at(self, op: int | None) -> None:
        self._current.op = op

    def note(self, event: dict[str, Any]) -> None:
        if not event.get("name", "").startswith("quiet"):
            self._current.events.append({"op": self._current.op, **event})


def shown(value: Any) -> Any:
    """Return a value as recordings show it."""
    return {"binding": value.label} if isinstance(value, Binding) else value


def look(ask: Any) -> Any:
    try:
        return shown(ask())
    except IllegalStateError:
        return {"throws": "IllegalStateException"}


#: The log of all values: a stored value cannot keep one.
LOG = Log()


@dataclass(eq=False)
class Binding(HttpSessionBindingListener):
    """A value that hears of being bound. Shared stores keep it as a registered type."""

    label: str
    key: str | int | None
    fail: str | None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Binding) and self.key is not None and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key) if self.key is not None else id(self)

    def value_bound(self, event: HttpSessionBindingEvent) -> None:
        self._heard("valueBound", event, "bound")

    def value_unbound(self, event: HttpSessionBindingEvent) -> None:
        self._heard("valueUnbound", event, "unbound")

    def _heard(self, what: str, event: HttpSessionBindingEvent, how: str) -> None:
        LOG.note(
            {
                "event": what,
                "session": event.session.id,
                "name": event.name,
                "value": shown(event.value),
                "object": self.label,
                "visible": look(lambda: event.session.get_attribute(event.name)),
            }
        )
        if self.fail == how:
            raise UnsupportedOperationError


class Listener(HttpSessionListener, HttpSessionIdListener, HttpSessionAttributeListener):
    """A listener of all registered kinds."""

    def __init__(self, log: Log, name: str | None) -> None:
        self._log = log
        self._mark = {} if name is None else {"listener": name}

    def session_created(self, event: HttpSessionEvent) -> None:
        self._of_session("sessionCreated", event.session)

    def session_destroyed(self, event: HttpSessionEvent) -> None:
        self._of_session("sessionDestroyed", event.session)

    def session_id_changed(self, event: HttpSessionEvent, old_id: str) -> None:
        self._log.note({"event": "sessionIdChanged", "session": event.session.id, **self._mark, "old": old_id})

    def attribute_added(self, event: HttpSessionBindingEvent) -> None:
        self._of_attribute("attributeAdded", event)

    def attribute_removed(self, event: HttpSessionBindingEvent) -> None:
        self._of_attribute("attributeRemoved", event)

    def attribute_replaced(self, event: HttpSessionBindingEvent) -> None:
        self._of_attribute("attributeReplaced", event)

    def _of_session(self, what: str, session: HttpSession) -> None:
        names = look(lambda: sorted(session.attribute_names))
        self._log.note({"event": what, "session": session.id, **self._mark, "visible": names})

    def _of_attribute(self, what: str, event: HttpSessionBindingEvent) -> None:
        self._log.note(
            {
                "event": what,
                "session": event.session.id,
                **self._mark,
                "name": event.name,
                "value": shown(event.value),
                "visible": look(lambda: event.session.get_attribute(event.name)),
            }
        )


def in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *events* with those of a session's end sorted by attribute, as recordings have them."""
    ordered: list[dict[str, Any]] = []
    run: list[dict[str, Any]] = []
    ending = False
    for event in events:
        if ending and event["event"] in ("valueUnbound", "attributeRemoved"):
            run.append(event)
            continue
        ordered += sorted(run, key=lambda one: str(one["name"]))
        run = []
        ending = event["event"] == "sessionDestroyed"
        ordered.append(event)
    return ordered + sorted(run, key=lambda one: str(one["name"]))
