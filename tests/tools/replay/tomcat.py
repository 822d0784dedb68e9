"""A model of Apache Tomcat's sessions: it records scenarios that nobody has played to the container.

A test holds it against the recordings, request by request. What it does not model is named in ``NOT_MODELLED``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import unquote, urljoin

from . import model
from .contexts import context_path, looks_first, tomcat_setting
from .events import in_order
from .jar import Jar
from .pace import REQUEST, STEP

#: Configurations and operations that it does not model.
NOT_MODELLED = frozenset(("cookiefull", "maxage0", "samesite", "slash", "getSessionCookieConfig", "await"))
SCHEME_AND_HOST = "http://app.example:8080"

Result = dict[str, Any]


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
    REQUEST: ClassVar[type[Request]]

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


class Request:
    """One request and its response."""

    def __init__(self, scenario: Scenario, context: Context, target: str, cookies: list[str]) -> None:
        self._scenario = scenario
        self._context = context
        self._target = target.partition("?")[0]
        self.status = 200
        self.location: str | None = None
        self.is_committed = False
        self.set_cookies: list[dict[str, Any]] = []
        self.sent_out: list[dict[str, Any]] = []
        self._session: Session | None = None
        self._variable: Session | None = None
        self._requested: str | None = None
        self._is_from_cookie = False
        self._read_ids(cookies)
        if looks_first(context.config):
            self._get_session(False)

    @property
    def _now(self) -> float:
        return self._scenario.now

    def _read_ids(self, cookies: list[str]) -> None:
        name = model.parameter(self._context.config)
        if self._context.tracks("URL"):
            in_url = re.findall(f";{re.escape(name)}=([^;/]*)", self._target)
            self._requested = in_url[-1] if in_url else None
        if self._context.tracks("COOKIE"):
            for value in tomcat_cookies(cookies, model.cookie_name(self._context.config)):
                if not self._is_from_cookie or not self._is_valid():
                    self._requested, self._is_from_cookie = value, True

    def _is_valid(self) -> bool:
        session = self._context.sessions.get(self._requested or "")
        return session is not None and session.look(self._now)

    def _get_session(self, create: bool = True) -> Session | None:
        if self._session is not None and self._session.look(self._now):
            return self._session
        self._session = None
        if self._is_valid():
            self._session = self._context.sessions[self._requested or ""]
        elif create:
            if self._context.tracks("COOKIE") and self.is_committed:
                raise IllegalStateError
            self._session = self._context.create(self._now)
            self._set_cookie()
        if self._session is not None:
            self._session.access(self._now)
        return self._session

    def _set_cookie(self) -> None:
        if self._session is None or self.is_committed or not self._context.tracks("COOKIE"):
            return
        self.set_cookies = [self.cookie(self._session.id)]

    def cookie(self, session_id: str) -> dict[str, Any]:
        """Return the cookie that gives the client an id."""
        config = self._context.config
        path = config.get("cookie", {}).get("path") or self._context.path or "/"
        name = model.cookie_name(config)
        return {"name": name, "value": session_id, "attributes": {"Path": path, "HttpOnly": True}}

    def cookies_due(self) -> list[dict[str, Any]]:
        """Return the cookies that go out now."""
        return self.set_cookies

    def end(self) -> None:
        if self._session is not None:
            self._session.end_access(self._now)

    def run(self, ops: list[list[Any]]) -> list[Result]:
        results = []
        for number, (name, *arguments) in enumerate(ops):
            self._scenario.op = number
            if name == "fail":
                self.status = self.status if self.is_committed else 500
                break
            results.append(self._operate(name, arguments))
        return results

    def _operate(self, name: str, arguments: list[Any]) -> Result:
        of_request = getattr(self, f"op_{name}", None)
        try:
            if of_request is not None:
                result = of_request(*arguments)
            elif self._variable is None:
                return {"skipped": "no session"}
            else:
                result = self.on_session(name, arguments)
        except IllegalStateError:
            return {"throws": "IllegalStateException"}
        except IllegalArgumentError:
            return {"throws": "IllegalArgumentException"}
        return {"void": True} if result is VOID else {"returns": result}

    def on_session(self, name: str, arguments: list[Any]) -> Any:
        return getattr(self, f"session_{name}")(self._variable, *arguments)

    def op_getSession(self, create: bool = True) -> str | None:
        self._variable = None if (session := self._get_session(create)) is None else session
        return None if session is None else session.id

    def op_changeSessionId(self) -> str:
        session = self._get_session(False)
        if session is None:
            raise IllegalStateError
        self._context.change_id(session)
        if self._requested:
            self._requested = session.id
        self._set_cookie()
        return session.id

    def op_getRequestedSessionId(self) -> str | None:
        return self._requested

    def op_isRequestedSessionIdValid(self) -> bool:
        return self._is_valid()

    def op_isRequestedSessionIdFromCookie(self) -> bool:
        return self._requested is not None and self._is_from_cookie

    def op_isRequestedSessionIdFromURL(self) -> bool:
        return self._requested is not None and not self._is_from_cookie

    def op_getRequestURI(self) -> str:
        return self._target

    def op_getPathInfo(self) -> str | None:
        path = self._target.removeprefix(f"{self._context.path}/op")
        return unquote(re.sub(";[^/]*", "", path)) or None

    def op_encodeURL(self, url: str | None) -> str | None:
        return self._encoded(url)

    def op_encodeRedirectURL(self, url: str | None) -> str | None:
        if url and is_above_root(self._target, url):
            raise IllegalArgumentError
        return self._encoded(url, is_redirect=True)

    def _absolute(self, url: str) -> str:
        return urljoin(f"{SCHEME_AND_HOST}{self._target}", url)

    def _encoded(self, url: str | None, is_redirect: bool = False) -> str | None:
        session = None if url is None else self._get_session(False)
        if session is None or url is None or self.op_isRequestedSessionIdFromCookie():
            return url
        return encoded(self._context, self._target, url, session.id, is_redirect)

    def op_sendRedirect(self, url: str) -> object:
        self._commit()
        self.status, self.location = 302, url
        return VOID

    def op_sendError(self, status: int) -> object:
        self._commit()
        self.status = status
        return VOID

    def _commit(self) -> None:
        if self.is_committed:
            raise IllegalStateError
        self.op_flushBuffer()

    def op_flushBuffer(self) -> object:
        if not self.is_committed:
            self.is_committed, self.sent_out = True, self.cookies_due()
        return VOID

    def op_isCommitted(self) -> bool:
        return self.is_committed

    def op_reset(self) -> object:
        self.op_resetBuffer()
        self.set_cookies = []
        return VOID

    def op_resetBuffer(self) -> object:
        if self.is_committed:
            raise IllegalStateError
        return VOID

    def op_getEffectiveSessionTrackingModes(self) -> list[str]:
        return sorted(mode for mode in ("COOKIE", "URL") if self._context.tracks(mode))

    def op_sleep(self, milliseconds: int) -> object:
        self._scenario.now += milliseconds / 1000
        return VOID

    def op_use(self, label: str) -> bool:
        self._variable = self._scenario.held.get(label)
        return self._variable is not None

    def session_hold(self, session: Session, label: str) -> object:
        self._scenario.held[label] = session
        return VOID

    def session_equalsHeld(self, session: Session, label: str) -> bool:
        return self._scenario.held.get(label) is session

    def session_getId(self, session: Session) -> str:
        return session.id

    def session_isNew(self, session: Session) -> bool:
        session.check()
        return session.is_new

    def session_getMaxInactiveInterval(self, session: Session) -> int:
        return session.interval

    def session_setMaxInactiveInterval(self, session: Session, seconds: int) -> object:
        session.interval = seconds
        return VOID

    def session_invalidate(self, session: Session) -> object:
        session.check()
        session.expire()
        return VOID

    def session_getAttribute(self, session: Session, name: str | None) -> Any:
        return shown(session.get(name))

    def session_setAttribute(self, session: Session, name: str | None, value: Any) -> object:
        if is_binding(value):
            value = self._scenario.bindings.setdefault((self._context.name, value["binding"]), value)
        session.set(name, value)
        return VOID

    def session_removeAttribute(self, session: Session, name: str | None) -> object:
        session.remove(name)
        return VOID

    def session_getAttributeNames(self, session: Session) -> list[str]:
        session.check()
        return sorted(session.attributes)

    def session_getServletContext(self, session: Session) -> bool:
        return session.context is self._context

    def session_getCreationTime(self, session: Session) -> dict[str, float]:
        session.check()
        return {"time": session.created}

    def session_getLastAccessedTime(self, session: Session) -> dict[str, float]:
        session.check()
        return {"time": session.last_accessed}

    def session_timesEqual(self, session: Session) -> bool:
        session.check()
        return session.created == session.last_accessed

    def session_timesOrdered(self, session: Session) -> bool:
        session.check()
        return session.created <= session.last_accessed <= self._now

    def session_increment(self, session: Session, name: str, times: int) -> int:
        value = 0
        for _ in range(times):
            value = (session.get(name) or 0) + 1
            session.set(name, value)
        return value


def encoded(context: Context, target: str, url: str, session_id: str, is_redirect: bool) -> str:
    """Return *url* with the id, if Tomcat puts it there. It knows ordinary URLs, not those made to confuse."""
    if " " in url or is_above_root(target, url) or url.startswith("#") or (is_redirect and not url):
        return url
    absolute = urljoin(f"{SCHEME_AND_HOST}{target}", url or ".")
    mark = f";{model.parameter(context.config)}={session_id}"
    path = absolute.removeprefix(SCHEME_AND_HOST)
    if not context.tracks("URL") or path == absolute or mark in path:
        return url
    if not re.match(rf"{context.path}(?:[/;?#]|\Z)", path):
        return url
    first, rest = model.split_url(url or absolute)
    return f"{first}{mark}{rest}" if first else url


def is_above_root(target: str, url: str) -> bool:
    """Return whether *url*, relative to the path *target*, leads above the root of the host."""
    if ":" in url or url.startswith("//"):
        return False
    path = model.split_url(url)[0]
    depth = 0
    for segment in (path if path.startswith("/") else f"{target.rpartition('/')[0]}/{path}").split("/")[1:]:
        depth += -1 if segment == ".." else segment not in ("", ".")
        if depth < 0:
            return True
    return False


Scenario.REQUEST = Request

#: The result of an operation that returns nothing.
VOID = object()


def tomcat_cookies(headers: list[str], wanted: str) -> Iterator[str]:
    """Go through the values of the cookies *wanted*: unquoted, and empty if there is no equals sign."""
    for pair in ";".join(headers).split(";"):
        name, _, value = (part.strip(" \t") for part in pair.partition("="))
        if name == wanted and not re.search(r"[\s,]", value):
            yield value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def recorded(scenario: dict[str, Any], configs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return *scenario* with what Tomcat, as modelled, shows in each step."""
    steps = Scenario(configs, scenario["configs"]).play(scenario["steps"])
    return {**scenario, "steps": list(steps)}
