"""Where this package differs from Tomcat, and why: each difference is declared here, as narrowly as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .compare import Observation


@dataclass(frozen=True)
class Difference:
    """A difference that is meant."""

    #: What differs, in a few words.
    what: str
    #: What Tomcat does, what is done here, and for what reason.
    tomcat: str
    here: str
    reason: str
    #: Whether an observation that differs does so for this reason.
    applies: Callable[[Observation], bool]
    #: Whether the rest of the scenario goes on from another state, so that what differs there does so for this reason.
    lasts: bool = False


def _returned(result: Any) -> Any:
    return result.get("returns") if isinstance(result, dict) else None


def _throws(result: Any) -> Any:
    return result.get("throws") if isinstance(result, dict) else None


def _before(observation: Observation, *names: str) -> bool:
    """Whether one of the operations *names* comes before the observation in its request."""
    at = len(observation.ops) if observation.op is None else observation.op
    return any(op[0] in names for op in observation.ops[:at])


def _is_gone_there(observation: Observation) -> bool:
    """Whether a session has timed out in the recording that has not here."""
    if observation.what == "sessionDestroyed":
        return observation.observed is None
    if observation.what == "isRequestedSessionIdValid":
        return _returned(observation.recorded) is False and _returned(observation.observed) is True
    return observation.what == "getSession" and observation.recorded != observation.observed


def _shows_id_sent(observation: Observation) -> bool:
    """Whether the observation tells of the id that the client sent, or of the session that it stands for."""
    return observation.what == "getSession" or "RequestedSessionId" in observation.what


def _without_defaults(result: Any, config: str) -> dict[str, Any]:
    """Leave out what is a default or, in one configuration, a setting of Tomcat's that is the cookie's path here."""
    left_out = {"name", "httpOnly"} | ({"path"} if config == "slash" else set())
    return {key: value for key, value in _returned(result).items() if key not in left_out}


def _is_encoding(observation: Observation) -> bool:
    return observation.what in ("encodeURL", "encodeRedirectURL")


def _argument(observation: Observation) -> Any:
    assert observation.op is not None
    return observation.ops[observation.op][1]


def _parameter(observation: Observation) -> str:
    return "SID" if observation.config == "cookiename" else "jsessionid"


DIFFERENCES = (
    Difference(
        "attribute_replaced: the value",
        "the new value if it is a binding listener, else the old one",
        "the old value, always",
        "S98, D32",
        lambda one: (one.what, one.field) == ("attributeReplaced", "value"),
    ),
    Difference(
        "value_unbound at a replacement: the value",
        "null",
        "the object that was unbound, always",
        "S102, D33",
        lambda one: (one.what, one.field) == ("valueUnbound", "value") and one.recorded is None,
    ),
    Difference(
        "a session created and invalidated in one request: the cookie",
        "the cookie of the dead session is sent",
        "no cookie is sent",
        "S64, D22",
        lambda one: one.kind == "cookie" and one.observed is None and _before(one, "invalidate"),
    ),
    Difference(
        "after change_session_id: requested_session_id",
        "becomes the new id",
        "stays what the client sent",
        "S6, S7, D12",
        lambda one: one.what == "getRequestedSessionId" and _before(one, "changeSessionId"),
    ),
    Difference(
        "after change_session_id: is_requested_session_id_valid",
        "stays true",
        "turns false: the id that the client sent opens nothing any more",
        "S16, D12",
        lambda one: (
            one.what == "isRequestedSessionIdValid"
            and _before(one, "changeSessionId")
            and _returned(one.recorded) is True
        ),
    ),
    Difference(
        "change_session_id after commit",
        "changes the id and drops the cookie, by which the client loses its session",
        "raises ResponseCommittedError",
        "D23",
        lambda one: (
            one.what in ("changeSessionId", "sessionIdChanged")
            and _before(one, "flushBuffer", "sendRedirect", "sendError")
            and (one.kind == "event" or _throws(one.observed) == "IllegalStateException")
        ),
        lasts=True,
    ),
    Difference(
        "response.reset() after a session was made: the cookie",
        "is lost with the other headers",
        "is sent: the middleware adds it when the headers go out",
        "S144",
        lambda one: one.kind == "cookie" and one.recorded is None and _before(one, "reset"),
    ),
    Difference(
        'encode_url("")',
        "the absolute URL of the current directory, with the id",
        "unchanged",
        "S121, D18",
        lambda one: one.what == "encodeURL" and _argument(one) == "" and _returned(one.observed) == "",
    ),
    Difference(
        "a URL that has a session id in it already",
        "is given a second one",
        "has it replaced",
        "S120, D17",
        lambda one: _is_encoding(one) and f";{_parameter(one)}=" in _argument(one),
    ),
    Difference(
        "an absolute URL without a path",
        "is given the id where the host ends, or a slash at its very end",
        "is given the path / first, then the id",
        "S122",
        lambda one: (
            _is_encoding(one)
            and _argument(one).count("/") == 2
            and f"/;{_parameter(one)}=" in str(_returned(one.observed))
        ),
    ),
    Difference(
        "a binding listener that throws when an attribute is set",
        "its exception is logged, and others are told",
        "its exception goes to the caller, and nobody else is told",
        "S109, D11",
        lambda one: (
            one.what == "setAttribute"
            and one.recorded == {"void": True}
            and _throws(one.observed) == "UnsupportedOperationException"
        ),
        lasts=True,
    ),
    Difference(
        "a URL that is the context path",
        "is given the id behind it",
        "is given a slash first: what is mounted there would not see the request else, but who is mounted above",
        "D15",
        lambda one: _is_encoding(one) and f"/;{_parameter(one)}=" in str(_returned(one.observed)),
    ),
    Difference(
        "a URL with a path parameter right behind the context path",
        "leads to the application",
        "leads elsewhere, and is left alone: only a slash ends the context path",
        "D15",
        lambda one: (
            _is_encoding(one) and f"/{one.config};" in _argument(one) and _returned(one.observed) == _argument(one)
        ),
    ),
    Difference(
        "several ids in a URL",
        "the last one counts",
        "the first that is valid counts",
        "S128, D19",
        lambda one: one.path.count(f";{_parameter(one)}=") > 1 and _shows_id_sent(one),
        lasts=True,
    ),
    Difference(
        "a cookie with an id that is dead and a URL with one that is not",
        "the cookie counts",
        "the first that is valid counts",
        "S129, D5",
        lambda one: bool(one.cookies) and f";{_parameter(one)}=" in one.path and _shows_id_sent(one),
        lasts=True,
    ),
    Difference(
        "several cookies, none with a valid id: requested_session_id",
        "is the last one",
        "is the first one",
        "S130, D6",
        lambda one: one.what == "getRequestedSessionId" and sum(header.count("=") for header in one.cookies) > 1,
    ),
    Difference(
        "path parameters that carry no session id",
        "are hidden from the application",
        "are left to the application, as the session's is where URLs are not tracked",
        "S125, R38",
        lambda one: one.what == "getPathInfo" and ";" in one.path,
    ),
    Difference(
        "last_accessed_time",
        "is when the previous request ended, if it asked for the session",
        "is when the previous request arrived",
        "S24, S26, D1, D2",
        lambda one: one.what == "getLastAccessedTime",
    ),
    Difference(
        "a request that does not ask for its session",
        "is no access",
        "is an access",
        "S26, D1",
        lambda one: one.config == "nolookup" and _is_gone_there(one),
        lasts=True,
    ),
    Difference(
        "a session in use",
        "times out under its request",
        "does not time out",
        "S54, D4",
        lambda one: one.has_slept and _is_gone_there(one),
        lasts=True,
    ),
    Difference(
        "a session-timeout of zero: max_inactive_interval",
        "is minus one minute",
        "is zero",
        "D30",
        lambda one: one.what == "getMaxInactiveInterval" and one.config == "timeout0",
    ),
    Difference(
        "a cookie with the max-age zero: Expires",
        "is ten seconds after the epoch",
        "is the epoch",
        "S79",
        lambda one: (one.kind, one.field, one.config) == ("cookie", "Expires", "maxage0"),
    ),
    Difference(
        "a quoted id in a cookie",
        "is unquoted and found",
        "is no id: a quote is a character like others",
        "R33",
        lambda one: any('="' in header for header in one.cookies) and _shows_id_sent(one),
        lasts=True,
    ),
    Difference(
        "the session cookie's configuration: name and http_only",
        "name null unless set, httpOnly false though its cookies have it",
        "what the cookies have",
        "D25, D26",
        lambda one: (
            one.what == "getSessionCookieConfig"
            and _without_defaults(one.recorded, one.config) == _without_defaults(one.observed, one.config)
        ),
    ),
)
