"""The sessions of the model of Apache Tomcat, the webapps that have them, and the course of a scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from . import model
from .contexts import context_path, tomcat_setting
from .events import in_order
from .jar import Jar
from .pace import REQUEST, STEP


class IllegalStateError(Exception):
    """Java's IllegalStateException."""


class IllegalArgumentError(Exception):
    """Java's IllegalArgumentException."""


class Session:
    """A StandardSession: its times, its attributes, and whether it is valid."""

    def __init__(self, context: Context, session_id: str, now: float) -> None:
        self.context = context
        self.id = session_id
        self.created = self.this_accessed = self.last_accessed = now
        self.interval: int = context.interval
        self.is_new = True
        self.is_valid = True
        self.is_expiring = False
        self.in_flight = 0
        self.attributes: dict[str, Any] = {}

    @property
    def shown_id(self) -> str:
        """The id that listeners find."""
        return self.id

    def check(self) -> None:
        if not (self.is_valid or self.is_expiring):
            raise IllegalStateError

    def access(self, now: float) -> None:
        self.this_accessed = now
        self.in_flight += self.context.checks_activity

    def end_access(self, now: float) -> None:
        self.is_new = False
        before, self.this_accessed = self.this_accessed, now
        self.last_accessed = before if self.context.takes_start else now
        self.in_flight -= self.context.checks_activity

    def look(self, now: float) -> bool:
        """Return whether it is valid. One that has timed out expires by being looked at."""
        if self.is_expiring or (self.is_valid and self.in_flight > 0):
            return True
        idle_since = self.last_accessed if self.context.takes_start else self.this_accessed
        if self.is_valid and self.interval > 0 and int(round(now - idle_since, 3)) >= self.interval:
            self.expire()
        return self.is_valid

    def expire(self) -> None:
        self.is_expiring = True
        self.context.sessions.pop(self.id, None)
        self.context.note_session("sessionDestroyed", self, backwards=True)
        self.is_valid = self.is_expiring = False
        for name in list(self.attributes):
            self._remove(name)

    def get(self, name: str | None) -> Any:
        self.check()
        return None if name is None else self.attributes.get(name)

    def set(self, name: str | None, value: Any) -> None:
        if name is None:
            raise IllegalArgumentError
        if value is None:
            self.remove(name)
            return
        self.check()
        old, note = self.attributes.get(name), self.context.note_attribute
        if is_binding(value) and not self.is_same(value, old):
            note("valueBound", self, name, value, value)
        self.attributes[name] = value
        if is_binding(old) and not self.is_same(value, old):
            note("valueUnbound", self, name, self.context.unbound_value(old), old)
        told = value if old is None else self.context.replaced_value(value, old)
        note("attributeAdded" if old is None else "attributeReplaced", self, name, told)

    def is_same(self, value: Any, old: Any) -> bool:
        """Return whether two values are the same object."""
        return is_binding(old) and is_binding(value) and bool(value["binding"] == old["binding"])

    def remove(self, name: str | None) -> None:
        self.check()
        if name is not None:
            self._remove(name)

    def _remove(self, name: str) -> None:
        value = self.attributes.pop(name, None)
        if is_binding(value):
            self.context.note_attribute("valueUnbound", self, name, value, value)
        if value is not None:
            self.context.note_attribute("attributeRemoved", self, name, value)


def is_binding(value: Any) -> bool:
    return isinstance(value, dict)


class Context:
    """A deployed webapp: its configuration, its sessions, and the events of the request that it serves."""

    SESSION: ClassVar[type[Session]] = Session

    def __init__(self, name: str, config: dict[str, Any], scenario: Scenario) -> None:
        self.name = name
        self.config = config
        self.path = context_path(name, config)
        timeout = config.get("sessionTimeout", 30)
        self.interval: int = timeout * 60 if timeout > 0 else -60
        self.takes_start = tomcat_setting(config, "manager", "sessionLastAccessAtStart") == "true"
        self.checks_activity = int(tomcat_setting(config, "manager", "sessionActivityCheck") == "true")
        self.sessions: dict[str, Session] = {}
        self._scenario = scenario

    def unbound_value(self, old: Any) -> Any:
        """Return the value of the event that a replaced value is given."""
        return None

    def replaced_value(self, value: Any, old: Any) -> Any:
        """Return the value of an attributeReplaced event."""
        return value if is_binding(value) else old

    def tracks(self, mode: str) -> bool:
        return model.tracks(self.config, mode)

    def create(self, now: float) -> Session:
        session = self.SESSION(self, self._scenario.new_id(), now)
        self.sessions[session.id] = session
        self.note_session("sessionCreated", session)
        return session

    def change_id(self, session: Session) -> None:
        old, session.id = session.id, self._scenario.new_id()
        self.sessions.pop(old, None)
        self.sessions[session.id] = session
        for mark in self.listeners():
            self._scenario.note({"event": "sessionIdChanged", "session": session.id, **mark, "old": old})

    def note_session(self, what: str, session: Session, backwards: bool = False) -> None:
        for mark in self.listeners()[:: -1 if backwards else 1]:
            event = {"event": what, "session": session.shown_id, **mark, "visible": sorted(session.attributes)}
            self._scenario.note(event)

    def note_attribute(self, what: str, session: Session, name: str, value: Any, of: Any = None) -> None:
        if name.startswith("quiet"):
            return
        try:
            visible = shown(session.get(name))
        except IllegalStateError:
            visible = {"throws": "IllegalStateException"}
        marks = self.listeners() if of is None else [{"object": of["binding"]}]
        for mark in marks:
            event = {
                "event": what,
                "session": session.shown_id,
                "name": name,
                "value": shown(value),
                "visible": visible,
            }
            self._scenario.note({**event, "value": shown(value), **mark})

    def listeners(self) -> list[dict[str, str]]:
        return [{}, {"listener": "second"}][: self.config.get("listeners", 1)]


def shown(value: Any) -> Any:
    return {"binding": value["binding"]} if is_binding(value) else value


class Scenario:
    """What the requests of a scenario share: the clock, the ids, the jars, the objects that were held."""

    CONTEXT: ClassVar[type[Context]] = Context
    #: The class of requests.
    REQUEST: ClassVar[Any]

    def __init__(self, configs: dict[str, dict[str, Any]], names: list[str]) -> None:
        self.now = 0.0
        self.ids: list[str] = []
        self.held: dict[str, Session | None] = {}
        self.bindings: dict[tuple[str, str], dict[str, Any]] = {}
        self.times: list[tuple[float, float]] = []
        self.op: int | None = None
        self.events: list[dict[str, Any]] = []
        self._contexts = {name: self.CONTEXT(name, configs[name], self) for name in names}
        self.jars: dict[str, Jar] = {}

    def new_id(self) -> str:
        self.ids.append(f"{{ID{len(self.ids) + 1}}}")
        return self.ids[-1]

    def note(self, event: dict[str, Any]) -> None:
        self.events.append({"op": self.op, **event})

    def put_in(self, value: Any) -> Any:
        """Return *value* with a bogus id for each that is not known yet."""
        if isinstance(value, list):
            return [self.put_in(each) for each in value]
        if not isinstance(value, str):
            return value
        known = len(self.ids)
        bogus = r"\{ID([0-9]+)(:lower)?\}"
        return re.sub(bogus, lambda m: m[0] if int(m[1]) <= known else f"unseen-ID{m[1]}", value)

    def play(self, steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Go through *steps* with what Tomcat shows in each; those at the same time are played in turn."""
        for step in steps:
            self.now += STEP
            if "pause_ms" in step:
                self.now += step["pause_ms"] / 1000
                yield step
            elif "reap" in step:
                self.events, self.op = [], -1
                for session in list(self._contexts[step["reap"]].sessions.values()):
                    session.look(self.now)
                yield {**step, "observed": self.finish_reap({"events": in_order(self.events)})}
            else:
                yield {**step, "observed": self._request(step)}

    def _request(self, step: dict[str, Any]) -> dict[str, Any]:
        asked = step["request"]
        context = self._contexts[asked["config"]]
        target = self.put_in(asked["path"])
        jar = self.jars.setdefault(asked["client"], Jar())
        cookies = jar.header(target) if asked["cookies"] == "jar" else self.put_in(asked["cookies"])
        self.now += REQUEST / 2
        begin = self.now
        self.events, self.op = [], None
        request = self.REQUEST(self, context, target, cookies)
        early, self.events = self.events, []
        results = request.run(self.put_in(asked["ops"]))
        self.now += REQUEST / 2
        request.end()
        self.times.append((begin, self.now))
        observed = {
            "status": request.status,
            "sent_cookies": cookies,
            "set_cookies": request.sent_out if request.is_committed else request.cookies_due(),
            "results": results,
            "events": in_order(self.events),
        }
        if early:
            observed["events_before"] = in_order([{k: v for k, v in one.items() if k != "op"} for one in early])
        if request.location is not None:
            observed["location"] = request.location
        return self.finish(step, jar, observed)

    def finish_reap(self, observed: dict[str, Any]) -> dict[str, Any]:
        return observed

    def finish(self, step: dict[str, Any], jar: Jar, observed: dict[str, Any]) -> dict[str, Any]:
        """Return what was observed in *step*, with moments in place of times; the client keeps its cookies."""
        jar.store(observed["set_cookies"])
        for result in observed["results"]:
            if isinstance(result.get("returns"), dict) and "time" in result["returns"]:
                result["returns"] = {"moment": self._moment(result["returns"]["time"])}
        return observed

    def _moment(self, time: float) -> str:
        """Return the number of the request that a time lies in."""
        moments = enumerate(self.times, 1)
        return next((f"R{at}" for at, (begin, end) in moments if begin - 1e-6 <= time <= end + 1e-6), "no request")
