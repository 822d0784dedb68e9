"""The model of Tomcat with the design's choices: what must be observed here, consequences included.

The rules say of one observation that it shows a declared difference. This model says what follows from it, in the
request and in later ones: it goes through the whole scenario with the ids that the recorded client sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from . import model, tomcat
from .ids import Ids
from .jar import Jar
from .pace import REQUEST
from .sessions import Context, IllegalStateError, Scenario, Session
from .urls import SCHEME_AND_HOST, encoded

#: For so many seconds accesses follow an id that has changed.
FOLLOW = 60

_ID = re.compile("[0-9A-F]{32}")


class HereSession(Session):
    """A session that is in use from when a request arrives until it ends."""

    def __init__(self, context: Context, session_id: str, now: float) -> None:
        super().__init__(context, session_id, now)
        #: When the latest request arrived, and when the latest ended.
        self.accessed = self.used = now
        #: The hold that acts now.
        self.acting: Hold | None = None

    @property
    def shown_id(self) -> str:
        return self.id if self.acting is None else self.acting.id

    def is_due(self, now: float) -> bool:
        return self.interval > 0 and round(now - max(self.accessed, self.used), 3) >= self.interval

    def look(self, now: float) -> bool:
        if self.is_valid and self.is_due(now):
            self.expire()
        return self.is_valid

    def arrive(self, session_id: str, arrived: float) -> Hold:
        """Record the arrival of a request."""
        hold = Hold(self, session_id, self.accessed)
        self.accessed, self.is_new = arrived, False
        return hold


class Hold:
    """One request's hold on a session: the id by which it knows it, and when the request before arrived."""

    def __init__(self, session: HereSession, session_id: str, previous: float) -> None:
        self.session = session
        self.id = session_id
        self.previous = previous
        self.is_released = False

    @property
    def last_accessed(self) -> float:
        return self.session.accessed if self.is_released else self.previous


class HereContext(Context):
    """A webapp with sessions of this package."""

    SESSION = HereSession

    def __init__(self, name: str, config: dict[str, Any], scenario: Scenario) -> None:
        super().__init__(name, config, scenario)
        #: Former ids: the session, and since when.
        self.moved: dict[str, tuple[HereSession, float]] = {}
        if config.get("sessionTimeout") == 0:
            self.interval = 0

    def unbound_value(self, old: Any) -> Any:
        return old

    def replaced_value(self, value: Any, old: Any) -> Any:
        return old

    def find(self, session_id: str, arrived: float) -> HereSession | None:
        """Return the session with this id, or that had it until lately."""
        session, since = self.moved.get(session_id, (None, 0.0))
        found = self.sessions.get(session_id, session if since >= arrived - FOLLOW else None)
        assert found is None or isinstance(found, HereSession)
        return found


class HereRequest(tomcat.Request):
    """A request to a webapp with sessions of this package."""

    _context: HereContext

    def _read_ids(self, cookies: list[str]) -> None:
        config = self._context.config
        self._arrived = self._now
        self._has_looked = False
        self._joined: Hold | None = None
        self._hold: Hold | None = None
        self._holds: list[Hold] = []
        self._in_cookies = list(self._pairs(cookies)) if self._context.tracks("COOKIE") else []
        parameter = f";{re.escape(model.parameter(config))}=([^;/]*)"
        self._in_url = re.findall(parameter, self._target) if self._context.tracks("URL") else []
        both = self._in_cookies + self._in_url
        self._ids = [value for value in both if _ID.fullmatch(value)][: model.MAX_LOOKUPS]

    def _pairs(self, cookies: list[str]) -> Iterator[str]:
        """Go through the values of the session cookie: quotes belong to them, and a pair without ``=`` is none."""
        for pair in "; ".join(cookies).split(";"):
            name, equals, value = (part.strip(" \t") for part in pair.partition("="))
            if name == model.cookie_name(self._context.config) and equals:
                yield value

    def _find(self) -> Hold | None:
        """Return the hold on the request's session. The first request that asks looks up the ids that were sent."""
        if not self._has_looked:
            self._has_looked = True
            for session_id in self._ids:
                session = self._context.sessions.get(session_id)
                if isinstance(session, HereSession) and session.look(self._arrived):
                    self._joined = self._hold = session.arrive(session_id, self._arrived)
                    self._joined_id = session_id
                    self._holds.append(self._hold)
                    break
        return self._hold if self._hold is not None and self._hold.session.is_valid else None

    def _create(self) -> Hold:
        if self._context.tracks("COOKIE") and self.is_committed:
            raise IllegalStateError
        session = self._context.create(self._now)
        assert isinstance(session, HereSession)
        self._hold = Hold(session, session.id, session.created)
        self._holds.append(self._hold)
        return self._hold

    def _get_session(self, create: bool = True) -> HereSession | None:
        hold = self._find() or (self._create() if create else None)
        return None if hold is None else hold.session

    def cookies_due(self) -> list[dict[str, Any]]:
        hold = self._hold
        if hold is None or not hold.session.is_valid or not self._context.tracks("COOKIE"):
            return []
        is_known = self._joined is not None and hold.id == self._joined_id
        return [] if is_known else [self.cookie(hold.id)]

    def end(self) -> None:
        now = self._scenario.now - REQUEST / 2
        for hold in self._holds:
            hold.is_released = True
        if self._hold is not None:
            self._hold.session.used, self._hold.session.is_new = now, False
        for session_id in self._ids if not self._has_looked else ():
            session = self._context.find(session_id, self._arrived)
            if session is not None and not session.is_due(self._arrived):
                session.arrive(session_id, self._arrived)
                session.used = max(session.used, now)

    def _operate(self, name: str, arguments: list[Any]) -> tomcat.Result:
        hold = self._variable
        for each in self._holds:
            each.session.acting = each
        if name not in ("getSession", "changeSessionId", "use") and isinstance(hold, Hold):
            hold.session.acting = hold
        result = super()._operate(name, arguments)
        for each in (*self._holds, *([hold] if isinstance(hold, Hold) else ())):
            each.session.acting = None
        return result

    def on_session(self, name: str, arguments: list[Any]) -> Any:
        hold: Any = self._variable
        of_hold = getattr(self, f"hold_{name}", None)
        if of_hold is not None:
            return of_hold(hold, *arguments)
        return getattr(self, f"session_{name}")(hold.session, *arguments)

    def op_getSession(self, create: bool = True) -> str | None:
        hold = self._find() or (self._create() if create else None)
        self._variable = hold  # type: ignore[assignment]
        return None if hold is None else hold.id

    def op_changeSessionId(self) -> str:
        hold = self._find()
        if hold is None or self.is_committed:
            raise IllegalStateError
        session = hold.session
        hold.session.acting = hold
        old = session.id
        if old == hold.id:
            self._context.change_id(session)
            self._context.moved[old] = session, self._now
            hold.id = session.id
        return hold.id

    def _requested_id(self) -> str | None:
        both = self._in_cookies + self._in_url
        if len(both) > 1:
            self._find()
        return self._joined_id if self._joined is not None else next(iter(both), None)

    def op_getRequestedSessionId(self) -> str | None:
        return self._requested_id()

    def op_isRequestedSessionIdValid(self) -> bool:
        self._find()
        joined = self._joined
        return joined is not None and joined.session.is_valid and joined.session.id == self._joined_id

    def op_isRequestedSessionIdFromCookie(self) -> bool:
        requested = self._requested_id()
        return requested is not None and requested in self._in_cookies

    def op_isRequestedSessionIdFromURL(self) -> bool:
        return self._requested_id() is not None and not self.op_isRequestedSessionIdFromCookie()

    def op_getPathInfo(self) -> str | None:
        path = self._target.removeprefix(f"{self._context.path}/op")
        if self._context.tracks("URL"):
            path = re.sub(f";{re.escape(model.parameter(self._context.config))}=[^;/]*", "", path)
        return unquote(path) or None

    def _encoded(self, url: str | None, is_redirect: bool = False) -> str | None:
        hold = self._find() if self._context.tracks("URL") else None
        if hold is None or not url or self.op_isRequestedSessionIdFromCookie() or hold.session.id != hold.id:
            return url
        mark = f";{re.escape(model.parameter(self._context.config))}=[^;/?#]*"
        first, rest = model.split_url(url)
        first = re.sub(mark, "", first)
        target = re.sub(mark, "", self._target)
        plain = encoded(self._context, target, f"{first}{rest}", hold.id, is_redirect)
        if not first or plain == f"{first}{rest}" or first.startswith(f"{self._context.path or '//'};"):
            return url
        if model.has_no_path(first) or self._absolute(first) == f"{SCHEME_AND_HOST}{self._context.path}" != "":
            first += "/"
        return f"{first};{model.parameter(self._context.config)}={hold.id}{rest}"

    def op_reset(self) -> object:
        return super().op_resetBuffer()

    def hold_hold(self, hold: Any, label: str) -> object:
        self._scenario.held[label] = hold
        return tomcat.VOID

    def hold_equalsHeld(self, hold: Hold, label: str) -> bool:
        held: Any = self._scenario.held.get(label)
        return held is not None and held.session is hold.session

    def hold_getId(self, hold: Hold) -> str:
        return hold.id

    def hold_getLastAccessedTime(self, hold: Hold) -> dict[str, float]:
        hold.session.check()
        return {"time": hold.last_accessed}

    def hold_timesEqual(self, hold: Hold) -> bool:
        hold.session.check()
        return hold.session.created == hold.last_accessed

    def hold_timesOrdered(self, hold: Hold) -> bool:
        hold.session.check()
        return hold.session.created <= hold.last_accessed <= self._now


class HereScenario(Scenario):
    """A scenario whose clients send what the recorded ones sent."""

    CONTEXT = HereContext
    REQUEST = HereRequest

    def __init__(self, configs: dict[str, dict[str, Any]], names: list[str]) -> None:
        super().__init__(configs, names)
        self._numbers = Ids()

    def new_id(self) -> str:
        self.ids.append(f"{len(self.ids) + 1:032X}")
        return self.ids[-1]

    def put_in(self, value: Any) -> Any:
        return self._numbers.put_in_all(value)

    def finish_reap(self, observed: dict[str, Any]) -> dict[str, Any]:
        taken_out: dict[str, Any] = self._numbers.take_out(observed)
        return taken_out

    def finish(self, step: dict[str, Any], jar: Jar, observed: dict[str, Any]) -> dict[str, Any]:
        """Return what was observed with the numbers of the recording, and times as they are."""
        recorded = step["observed"]
        early, events = recorded.get("events_before", ()), recorded["events"]
        self._numbers.note([*early, *events], [*observed.get("events_before", ()), *observed["events"]])
        jar.store(self._numbers.put_in_all(recorded["set_cookies"]))
        taken_out: dict[str, Any] = self._numbers.take_out(observed)
        return taken_out
