"""For each difference from Tomcat, whether an observation shows it: Tomcat's way there, the design's choice here.

Each rule says both what was recorded and, as exactly as it can be told, what must be observed instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from . import causes, model
from .compare import Exchange, Observation
from .contexts import tomcat_setting

#: Operations that tell which id the client sent and which session that opens.
IDENTIFYING = (
    "getSession",
    "getRequestedSessionId",
    "isRequestedSessionIdValid",
    "isRequestedSessionIdFromCookie",
    "isRequestedSessionIdFromURL",
)
ENCODING = ("encodeURL", "encodeRedirectURL")
COMMITTING = ("flushBuffer", "sendRedirect", "sendError")
NOT_ALLOWED = {"throws": "IllegalStateException"}


def is_missing(one: Observation, what: str) -> bool:
    """Whether an event or a cookie was recorded that is not observed."""
    return what in (one.what, one.kind) and one.field == "presence" and one.observed is None


def returned(result: Any) -> Any:
    return result.get("returns") if isinstance(result, dict) else None


def _has_happened(one: Observation, *names: str) -> bool:
    """Whether one of the operations *names* came before in the request, and went well in both."""
    return next(_happened(one, *names), None) is not None


def _happened(one: Observation, *names: str) -> Iterator[int]:
    end = len(one.exchange.ops) if one.op is None else one.op
    for at, op in enumerate(one.exchange.ops[:end]):
        results = [side["results"][at : at + 1] for side in (one.exchange.recorded, one.exchange.observed)]
        if op[0] in names and all(result and ("void" in result[0] or "returns" in result[0]) for result in results):
            yield at


def argument(one: Observation, number: int = 1) -> Any:
    assert one.op is not None
    return one.exchange.ops[one.op][number]


def _is_as_reckoned(one: Observation) -> bool:
    assert one.op is not None
    return bool(model.expected(one.exchange, one.op) == one.observed)


def replaced_value(one: Observation) -> bool:
    """The old value is what the new one, told first that it is bound, has seen under the name."""
    if (one.what, one.field) != ("attributeReplaced", "value") or one.op is None:
        return False
    event = one.whole[0]
    bound = [
        before["visible"]
        for before in one.exchange.recorded["events"]
        if before["event"] == "valueBound" and (before["op"], before["name"]) == (one.op, event["name"])
    ]
    new = argument(one, 2)
    return isinstance(new, dict) and one.recorded == {"binding": new["binding"]} and [one.observed] == bound


def unbound_value(one: Observation) -> bool:
    """The value is the object that hears of it, and it was replaced, not removed."""
    if (one.what, one.field) != ("valueUnbound", "value") or one.op is None:
        return False
    is_replaced = one.exchange.ops[one.op][0] == "setAttribute" and argument(one, 2) is not None
    return is_replaced and one.recorded is None and one.observed == {"binding": one.whole[0]["object"]}


def cookie_of_the_dead(one: Observation) -> bool:
    """The recorded cookie has an id that the request gave out and, in both, invalidated; no other is due."""
    if not is_missing(one, "cookie"):
        return False
    session_id, sides = one.recorded["value"], (one.exchange.recorded, one.exchange.observed)
    return model.at_commit(one.exchange).session is None and all(
        session_id in model.issued(side) and session_id in _invalidated(one.exchange, side) for side in sides
    )


def _invalidated(exchange: Exchange, side: dict[str, Any]) -> set[str]:
    ended = (event for event in side["events"] if event["event"] == "sessionDestroyed")
    return {event["session"] for event in ended if model.is_invalidation(exchange, event)}


def requested_id_stays(one: Observation) -> bool:
    """It was the latest new id; it is what the client sent."""
    if one.what != "getRequestedSessionId":
        return False
    changes = [one.exchange.recorded["results"][at] for at in _happened(one, "changeSessionId")]
    return changes[-1:] == [one.recorded] and _is_as_reckoned(one)


def requested_id_is_dead(one: Observation) -> bool:
    """The new id was taken for the requested one; what the client sent, if it sent any, is dead since the change."""
    if one.what != "isRequestedSessionIdValid" or not _has_happened(one, "changeSessionId"):
        return False
    return (one.recorded, one.observed) == ({"returns": True}, {"returns": False}) and _is_as_reckoned(one)


def id_of_another_request(one: Observation) -> bool:
    """The recorded id was drawn by another request; the observed one is the former id, by which this request knows."""
    recorded, observed = one.recorded, one.observed
    if one.kind == "result" and one.what in ("getId", "getSession"):
        recorded, observed = returned(recorded), returned(observed)
    elif (one.kind, one.field) != ("event", "session"):
        return False
    others = [exchange for exchange in (*one.exchange.earlier, *one.exchange.together) if exchange is not one.exchange]
    drawn = {event["old"]: event["session"] for exchange in others for event in changes_of_ids(exchange)}
    own = {event["session"] for event in changes_of_ids(one.exchange)}
    while observed in drawn:
        observed = drawn[observed]
        if observed == recorded:
            return recorded not in own
    return False


def changes_of_ids(exchange: Exchange) -> Iterator[dict[str, Any]]:
    return (event for event in exchange.observed.get("events", []) if event["event"] == "sessionIdChanged")


def change_after_commit(one: Observation) -> bool:
    """The id changed after the headers had gone out; it is refused, so that no event comes of it."""
    if one.op is None or not _has_happened(one, *COMMITTING):
        return False
    is_change = is_missing(one, "sessionIdChanged") or one.what == "changeSessionId"
    recorded, observed = (side["results"][one.op] for side in (one.exchange.recorded, one.exchange.observed))
    return is_change and returned(recorded) is not None and observed == NOT_ALLOWED


def cookie_after_reset(one: Observation) -> bool:
    """The cookie is that of the request's session, which had its id before the reset."""
    if one.kind != "cookie" or one.field != "presence" or one.recorded is not None:
        return False
    resets = list(_happened(one, "reset"))
    session_id = model.at_commit(one.exchange).session
    issues = [event["op"] for event in one.exchange.observed["events"] if session_id == event["session"]]
    config = one.exchange.config
    path = config.get("cookie", {}).get("path") or one.exchange.context or "/"
    if not resets or not issues or session_id not in model.issued(one.exchange.observed):
        return False
    cookie = one.observed
    identity = (cookie["name"], cookie["value"], cookie["attributes"].get("Path", "").rstrip("/") or "/")
    return issues[0] < resets[-1] and identity == (model.cookie_name(config), session_id, path.rstrip("/") or "/")


def _is_encoded_there(one: Observation) -> bool:
    """Whether Tomcat has put the id of the request's session into a URL of the application."""
    if one.what not in ENCODING or not isinstance(returned(one.observed), str) or one.op is None:
        return False
    session_id = model.states(one.exchange)[one.op].session
    if not isinstance(argument(one), str) or session_id is None or session_id in model.in_cookies(one.exchange):
        return False
    return returned(one.recorded) in model.tomcat_encoded(one.exchange, argument(one), session_id)


def _is_encoded_here(one: Observation) -> bool:
    assert one.op is not None
    session_id = model.states(one.exchange)[one.op].session
    assert session_id is not None
    return bool(returned(one.observed) == model.encoded(one.exchange, argument(one), session_id))


def _has_inherited_id(one: Observation) -> bool:
    """Whether Tomcat has left a relative URL alone, since the request's path has the id of the session in a segment."""
    if one.what not in ENCODING or one.op is None or not isinstance(argument(one), str):
        return False
    session_id = model.states(one.exchange)[one.op].session
    base = one.exchange.path.partition("?")[0].rpartition("/")[0]
    has_id = f";{model.parameter(one.exchange.config)}={session_id}/" in f"{base}/"
    is_relative = re.match(r"[^/?#:]+(?:[/?#]|\Z)", argument(one)) is not None
    return session_id is not None and has_id and is_relative and one.recorded == {"returns": argument(one)}


def empty_url(one: Observation) -> bool:
    """It was the URL of the directory, with the id; it stays empty."""
    if one.what != "encodeURL" or argument(one) != "" or one.observed != {"returns": ""} or one.op is None:
        return False
    session_id = model.states(one.exchange)[one.op].session
    return str(returned(one.recorded)).endswith(f"/;{model.parameter(one.exchange.config)}={session_id}")


def url_with_id(one: Observation) -> bool:
    """The old id is taken out, and that of the session put to the end of the path.

    The URL may have it from the request's path: a relative one behind a segment with the id is given none in Tomcat.
    """
    if _has_inherited_id(one):
        return _is_encoded_here(one)
    mark = f";{model.parameter(one.exchange.config)}="
    return _is_encoded_there(one) and mark in model.split_url(argument(one))[0] and _is_encoded_here(one)


def url_without_path(one: Observation) -> bool:
    """The URL ends with the host, but for a query or a fragment; a slash comes before the id."""
    if not _is_encoded_there(one):
        return False
    return model.has_no_path(model.split_url(argument(one))[0]) and _is_encoded_here(one)


def url_of_the_context(one: Observation) -> bool:
    """The path is that of the context; a slash comes before the id."""
    if not _is_encoded_there(one):
        return False
    path = model.absolute_path(one.exchange, argument(one))
    return bool(one.exchange.context) and path == one.exchange.context and _is_encoded_here(one)


def parameter_behind_the_context(one: Observation) -> bool:
    """The context path is followed by a parameter; the URL comes back unchanged."""
    if not _is_encoded_there(one) or not one.exchange.context:
        return False
    path = model.absolute_path(one.exchange, argument(one)) or ""
    return path.startswith(f"{one.exchange.context};") and returned(one.observed) == argument(one)


def throwing_value(one: Observation) -> bool:
    """The value that was told in both is one that throws; the caller hears of it."""
    if one.what != "setAttribute" or one.recorded != {"void": True} or one.op is None:
        return False
    told = [event for event in one.exchange.observed["events"] if event["op"] == one.op][-1:]
    return one.observed == {"throws": "UnsupportedOperationException"} and any(
        event["event"] == f"value{how.capitalize()}" and event["object"] == label
        for event in told
        for label, how in _throwing(one.exchange)
    )


def _throwing(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Go through the values that throw, as far as they have been mentioned, and when they do."""
    for each in (*exchange.earlier, exchange):
        for op in each.ops:
            if op[0] == "setAttribute" and isinstance(op[2], dict) and "fail" in op[2]:
                yield op[2]["binding"], op[2]["fail"]


def _is_identifying(one: Observation) -> bool:
    """Whether the result tells which id counts, and is what it must be if the first valid one does."""
    return one.kind == "result" and one.what in IDENTIFYING and _is_as_reckoned(one)


def several_ids_in_url(one: Observation) -> bool:
    """The URL has several ids, of which the last is not the one that counts; no cookie has one that is valid."""
    ids = model.in_url(one.exchange)
    joined = model.joined(one.exchange)
    return (
        len(ids) > 1
        and model.requested(one.exchange) != ids[-1]
        and (joined is None or joined not in model.in_cookies(one.exchange))
        and _is_identifying(one)
    )


def dead_cookie_and_url(one: Observation) -> bool:
    """The id that counts is the URL's, since those in cookies are dead."""
    joined, cookies = model.joined(one.exchange), model.in_cookies(one.exchange)
    return joined is not None and bool(cookies) and joined not in cookies and _is_identifying(one)


def several_cookies(one: Observation) -> bool:
    """The client sent several ids in cookies and none is valid; it was the last, it is the first."""
    cookies = model.in_cookies(one.exchange)
    if one.what != "getRequestedSessionId" or len(cookies) < 2 or model.joined(one.exchange) is not None:
        return False
    return (one.recorded, one.observed) == ({"returns": cookies[-1]}, {"returns": cookies[0]})


def path_parameters(one: Observation) -> bool:
    """All parameters were hidden; only the session's is, where URLs are tracked."""
    if one.what != "getPathInfo":
        return False
    path = one.exchange.path.partition("?")[0]
    info = path.removeprefix(f"{one.exchange.context}/op")
    left = info
    if model.tracks(one.exchange.config, "URL"):
        left = re.sub(f";{re.escape(model.parameter(one.exchange.config))}=[^;/]*", "", info)
    hidden = re.sub(";[^/]*", "", info)
    both = one.recorded, one.observed
    return both == ({"returns": unquote(hidden) or None}, {"returns": unquote(left) or None})


def timeout_of_zero(one: Observation) -> bool:
    """The application's timeout is zero, which was minus one minute."""
    both = one.recorded, one.observed
    is_zero = one.what == "getMaxInactiveInterval" and one.exchange.config.get("sessionTimeout") == 0
    return is_zero and both == ({"returns": -60}, {"returns": 0})


def quoted_id(one: Observation) -> bool:
    """The client sent an id in quotes, which is none: what is requested has the quotes in it, and opens nothing."""
    is_quoted = any(value.startswith('"') for value in model.in_cookies(one.exchange))
    return is_quoted and _is_identifying(one)


def bare_name(one: Observation) -> bool:
    """The client sent the name of the cookie alone; what counts is what else it sent."""
    return causes.bare_name(one.exchange) and one.what in IDENTIFYING and _is_as_reckoned(one)


def cookie_configuration(one: Observation) -> bool:
    """The name is that of the cookies, and they are HttpOnly; a path is there if a setting of Tomcat's has made it."""
    if one.what != "getSessionCookieConfig":
        return False
    recorded = returned(one.recorded) or {}
    expected = {**recorded, "name": model.cookie_name(one.exchange.config), "httpOnly": True}
    if tomcat_setting(one.exchange.config, "context", "sessionCookiePathUsesTrailingSlash") == "true":
        expected["path"] = f"{one.exchange.context}/"
    return bool(returned(one.observed) == expected and recorded.get("httpOnly") is False)
