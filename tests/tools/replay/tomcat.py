"""A model of Apache Tomcat's sessions: it records scenarios that nobody has played to the container.

A test holds it against the recordings, request by request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

from . import model
from .contexts import looks_first
from .sessions import Context, IllegalArgumentError, IllegalStateError, Scenario, Session, is_binding, shown
from .urls import SCHEME_AND_HOST, encoded, is_above_root

Result = dict[str, Any]


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


#: The result of an operation that returns nothing.
VOID = object()


def tomcat_cookies(headers: list[str], wanted: str) -> Iterator[str]:
    """Go through the values of the cookies *wanted*: unquoted, and empty if there is no equals sign."""
    for pair in ";".join(headers).split(";"):
        name, _, value = (part.strip(" \t") for part in pair.partition("="))
        if name == wanted and not re.search(r"[\s,]", value):
            yield value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


class TomcatScenario(Scenario):
    """A scenario as Tomcat plays it."""

    REQUEST = Request


def recorded(scenario: dict[str, Any], configs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return *scenario* with what Tomcat, as modelled, shows in each step."""
    steps = TomcatScenario(configs, scenario["configs"]).play(scenario["steps"])
    return {**scenario, "steps": list(steps)}
