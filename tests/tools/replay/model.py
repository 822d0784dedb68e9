"""The design's choices for one request: which ids count, which session it has, what a URL becomes.

It is reckoned from what the client sent and from the events that were observed, so that a difference from Tomcat can be
held against what it should be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from .compare import Exchange

#: How many ids of one request are looked up.
MAX_LOOKUPS = 4
#: Says of an operation that nothing is reckoned for it.
UNKNOWN = object()

_ID = re.compile(r"\{(?:ID|NEW)[0-9]+\}")


def ids_in(value: Any) -> set[str]:
    """Return the ids of sessions that *value* names."""
    return set(_ID.findall(str(value)))


def cookie_name(config: dict[str, Any]) -> str:
    return str(config.get("cookie", {}).get("name", "JSESSIONID"))


def parameter(config: dict[str, Any]) -> str:
    name = cookie_name(config)
    return "jsessionid" if name == "JSESSIONID" else name


def tracks(config: dict[str, Any], mode: str) -> bool:
    return mode in config.get("trackingModes", ["COOKIE", "URL"])


def in_cookies(exchange: Exchange) -> list[str]:
    """Return the values of the session cookie that were sent, verbatim, if cookies count."""
    pairs = "; ".join(exchange.recorded.get("sent_cookies", ())).split(";")
    split = [pair.strip().partition("=") for pair in pairs if tracks(exchange.config, "COOKIE")]
    return [value for name, equals, value in split if equals and name == cookie_name(exchange.config)]


def in_url(exchange: Exchange) -> list[str]:
    """Return the values of the path parameter that were sent, verbatim, if URLs count."""
    if not tracks(exchange.config, "URL"):
        return []
    return re.findall(f";{re.escape(parameter(exchange.config))}=([^;/?]*)", exchange.path.partition("?")[0])


def sent(exchange: Exchange) -> list[str]:
    return in_cookies(exchange) + in_url(exchange)


def events(side: dict[str, Any]) -> list[dict[str, Any]]:
    return [*side.get("events_before", ()), *side["events"]]


def is_invalidation(exchange: Exchange, event: dict[str, Any]) -> bool:
    """Whether an event came because the application ended the session: otherwise it has timed out."""
    op = event.get("op")
    return op is not None and op >= 0 and exchange.ops[op][0] == "invalidate"


@lru_cache(maxsize=1024)
def alive(exchange: Exchange) -> frozenset[str]:
    """Return the ids of sessions of the context that are alive here when the request asks for its own."""
    ids: set[str] = set()
    for before in exchange.earlier:
        if before.config_name == exchange.config_name:
            for event in events(before.observed):
                if before not in exchange.together or event["event"] == "sessionCreated":
                    _follow(ids, event)
    expired = (e for e in events(exchange.observed) if not is_invalidation(exchange, e))
    return frozenset(ids - {e["session"] for e in expired if e["event"] == "sessionDestroyed"})


def _follow(ids: set[str], event: dict[str, Any]) -> None:
    if event["event"] in ("sessionCreated", "sessionIdChanged"):
        ids.add(event["session"])
    if event["event"] == "sessionDestroyed":
        ids.discard(event["session"])
    ids.discard(event.get("old", ""))


def joined(exchange: Exchange) -> str | None:
    """Return the id by which the client joined a session: the first that is valid."""
    well_formed = [one for one in sent(exchange) if _ID.fullmatch(one)]
    return next((one for one in well_formed[:MAX_LOOKUPS] if one in alive(exchange)), None)


def requested(exchange: Exchange) -> str | None:
    """Return the requested id: the first that is valid, or else the first."""
    return joined(exchange) or next(iter(sent(exchange)), None)


def issued(side: dict[str, Any]) -> set[str]:
    """Return the ids that were given to sessions in the request."""
    return {event["session"] for event in events(side) if event["event"] in ("sessionCreated", "sessionIdChanged")}


class State:
    """The sessions that an operation finds on one side."""

    def __init__(self, session: str | None) -> None:
        #: The session of the request, that of the session variable, and those of this request's making.
        self.session = session
        self.variable: str | None = None
        self.ended: set[str] = set()
        self.created: set[str] = set()
        self.is_joined = session is not None
        self._held: dict[str, str | None] = {}

    def copy(self) -> State:
        other = State(None)
        vars(other).update(vars(self), ended=set(self.ended), created=set(self.created))
        return other

    def hear(self, event: dict[str, Any]) -> None:
        """Note what an event says of the request's session."""
        name = event["event"]
        if name == "sessionCreated":
            self.created.add(event["session"])
            self.session = event["session"]
        elif name == "sessionIdChanged":
            self._rename(event["old"], event["session"])
        elif name == "sessionDestroyed":
            self.ended.add(event["session"])
            if self.session == event["session"]:
                self.session, self.is_joined = None, False

    def _rename(self, old: str, new: str) -> None:
        if self.session == old:
            self.session, self.is_joined = new, False
        if self.variable == old:
            self.variable = new
        if old in self.created:
            self.created.add(new)


def at_commit(exchange: Exchange) -> State:
    """Return what the headers of the response found when they went out."""
    found = states(exchange)
    for at, (op, result) in enumerate(zip(exchange.ops, exchange.observed["results"], strict=False)):
        if op[0] in ("flushBuffer", "sendRedirect", "sendError") and "void" in result:
            return found[at]
    return found[-1]


@lru_cache(maxsize=1024)
def states(exchange: Exchange, is_observed: bool = True) -> list[State]:
    """Return what each operation finds: the last one is what the end of the request finds."""
    side = exchange.observed if is_observed else exchange.recorded
    state, found = State(joined(exchange)), []
    for at, (op, result) in enumerate(zip(exchange.ops, side.get("results", ()), strict=False)):
        found.append(state.copy())
        for event in side["events"]:
            if event.get("op") == at:
                state.hear(event)
        if op[0] == "getSession" and "returns" in result:
            state.variable = result["returns"]
        elif op[0] == "use":
            state.variable = held(exchange, op[1], is_observed) if result.get("returns") else None
    return [*found, state]


def held(exchange: Exchange, label: str, is_observed: bool) -> str | None:
    """Return the id of the session that an operation ``hold`` before this request has kept."""
    for before in reversed(exchange.earlier):
        for at, op in reversed(list(enumerate(before.ops))):
            results = (before.observed if is_observed else before.recorded).get("results", ())
            if op == ["hold", label] and results[at : at + 1] == [{"void": True}]:
                return states(before, is_observed)[at].variable
    return None


def expected(exchange: Exchange, at: int) -> Any:
    """Return the result that an operation should have here, or UNKNOWN."""
    name, *arguments = exchange.ops[at]
    state = states(exchange)[at]
    rule = _RULES.get(name)
    if rule is None or (name in ("getId", "isNew") and state.variable is None):
        return UNKNOWN
    value = rule(exchange, state, states(exchange)[at + 1], *arguments)
    return value if value is UNKNOWN or isinstance(value, dict) else {"returns": value}


def _get_session(_: Exchange, state: State, after: State, create: bool = True) -> Any:
    if state.session is not None and after.session is None:
        return None  # it has timed out just now
    if state.session is None and create:
        return UNKNOWN if after.session is None else after.session
    return state.session


def _is_new(_: Exchange, state: State, __: State) -> Any:
    return {"throws": "IllegalStateException"} if state.variable in state.ended else state.variable in state.created


def _encode(exchange: Exchange, state: State, _: State, url: str) -> Any:
    if not tracks(exchange.config, "URL") or state.session is None or requested(exchange) in in_cookies(exchange):
        return url
    is_plain = re.match(r"[a-z0-9]+(?:[/;?#]|\Z)", str(url)) or str(url).startswith(f"{exchange.context}/op")
    return encoded(exchange, url, state.session) if is_plain else UNKNOWN


_RULES: dict[str, Any] = {
    "getSession": _get_session,
    "getId": lambda _, state, __: state.variable,
    "isNew": _is_new,
    "getRequestedSessionId": lambda exchange, *_: requested(exchange),
    "isRequestedSessionIdValid": lambda _, state, after: state.is_joined and after.is_joined,
    "isRequestedSessionIdFromCookie": lambda exchange, *_: requested(exchange) in in_cookies(exchange),
    "isRequestedSessionIdFromURL": lambda exchange, *_: (
        requested(exchange) is not None and requested(exchange) not in in_cookies(exchange)
    ),
    "encodeURL": _encode,
    "encodeRedirectURL": _encode,
}


def has_no_path(url: str) -> bool:
    """Whether a URL, without query and fragment, ends with its host."""
    return re.fullmatch("(?:[A-Za-z0-9+.-]+:)?//[^/]*", url) is not None


def split_url(url: str) -> tuple[str, str]:
    """Return a URL up to the end of its path, and its query and fragment."""
    end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
    return url[:end], url[end:]


def encoded(exchange: Exchange, url: str, session_id: str) -> str:
    """Return *url*, of the application, with the id in it.

    It is in place of an older one, and behind a slash where one is due.
    """
    name = parameter(exchange.config)
    path, rest = split_url(url)
    path = re.sub(f";{re.escape(name)}=[^;/]*", "", path)
    if has_no_path(path) or absolute_path(exchange, path) == exchange.context != "":
        path += "/"
    return f"{path};{name}={session_id}{rest}"


def tomcat_encoded(exchange: Exchange, url: str, session_id: str) -> set[str]:
    """Return what Tomcat may make of *url*, of the application: the id goes to the end of the path, whatever is there.

    It may put a slash to the very end of an absolute URL without a path.
    """
    path, rest = split_url(url)
    plain = f"{path};{parameter(exchange.config)}={session_id}{rest}"
    return {plain, plain + "/"} if has_no_path(path) else {plain}


def absolute_path(exchange: Exchange, url: str) -> str | None:
    """Return the path of *url*, taken relative to the request and decoded, or None if it is no URL."""
    base = f"//host{exchange.path.partition('?')[0]}"
    try:
        return unquote(urlsplit(urljoin(base, url)).path)
    except ValueError:
        return None


def accesses(exchange: Exchange, session_id: str) -> Iterator[Exchange]:
    """Go through the earlier requests of a session: those that made it or carried its id, the latest first."""
    ids = {session_id}
    for before in reversed(exchange.earlier):
        if before.config_name != exchange.config_name:
            continue
        for event in reversed(events(before.observed)):
            if event["event"] == "sessionIdChanged" and event["session"] in ids:
                ids.add(event["old"])
        if ids & {joined(before), *issued(before.observed)}:
            yield before


def latest_access(exchange: Exchange, session_id: str) -> Exchange | None:
    """Return the latest request of a session up to *exchange*, whatever ids the session has had."""
    requests = [one for one in (*exchange.earlier, exchange) if one.config_name == exchange.config_name]
    ids, known = {session_id}, 0
    while known < len(ids):
        known = len(ids)
        for event in (event for one in requests for event in events(one.observed) if "old" in event):
            if ids & {event["old"], event["session"]}:
                ids |= {event["old"], event["session"]}
    return next((one for one in reversed(requests) if ids & {joined(one), *issued(one.observed)}), None)
