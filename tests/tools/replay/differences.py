"""Where this package differs from Tomcat, and why: each difference is declared here, as narrowly as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import causes, rules, rules_of_time
from .compare import Exchange, Observation

#: What shows the attributes of a session.
ATTRIBUTES = frozenset(
    (
        *("getAttribute", "getAttributeNames", "attributeAdded", "attributeReplaced", "attributeRemoved"),
        *("valueBound", "valueUnbound", "sessionDestroyed", "increment"),
    )
)
#: What shows which session a request has, and what is in it.
SESSION = ATTRIBUTES | {
    *("getSession", "getId", "isNew", "invalidate", "changeSessionId", "use", "hold", "equalsHeld", "idShape"),
    *("setAttribute", "removeAttribute", "increment", "getServletContext"),
    *("getMaxInactiveInterval", "setMaxInactiveInterval"),
    *("getCreationTime", "getLastAccessedTime", "timesEqual", "timesOrdered"),
    *("getRequestedSessionId", "isRequestedSessionIdValid"),
    *("isRequestedSessionIdFromCookie", "isRequestedSessionIdFromURL", "encodeURL", "encodeRedirectURL"),
    *("sessionCreated", "sessionDestroyed", "sessionIdChanged", "cookie"),
}


@dataclass(frozen=True)
class Difference:
    """A difference that is meant."""

    #: What differs, in a few words.
    what: str
    #: What Tomcat does, what is done here, and for what reason.
    tomcat: str
    here: str
    reason: str
    #: Whether an observation that differs does so for this reason, and is what it should be here.
    applies: Callable[[Observation], bool]
    #: The operations and events that may differ later in the scenario as a consequence, if they are about a session
    #: that this difference was about: that session goes on from another state.
    affects: frozenset[str] = frozenset()
    #: Whether a request is one to which the difference applies, if the request shows it: then all that differs from it
    #: on, as the model of this package says, may follow from it.
    cause: Callable[[Exchange], bool] | None = None
    #: Whether only shared stores show it.
    is_shared: bool = False
    #: Whether the recordings show it; if not, generated scenarios do.
    is_recorded: bool = True


DIFFERENCES = (
    Difference(
        "attribute_replaced: the value",
        "the new value if it is a binding listener, else the old one",
        "the old value, always",
        "S98, D32",
        rules.replaced_value,
    ),
    Difference(
        "value_unbound at a replacement: the value",
        "null",
        "the object that was unbound, always",
        "S102, D33",
        rules.unbound_value,
    ),
    Difference(
        "a session created, or given a new id, and invalidated in one request: the cookie",
        "the cookie of the dead session is sent",
        "no cookie is sent",
        "S64, D22",
        rules.cookie_of_the_dead,
    ),
    Difference(
        "after change_session_id: requested_session_id",
        "becomes the new id",
        "stays what the client sent",
        "S6, S7, D12",
        rules.requested_id_stays,
    ),
    Difference(
        "the id of a session whose id another request has changed",
        "the new id, in every request that has the session",
        "the id by which the request joined the session: the new one is only the other client's to know",
        "S16, D12",
        rules.id_of_another_request,
    ),
    Difference(
        "after change_session_id: is_requested_session_id_valid",
        "is true, of the new id",
        "is false: the id that the client sent, if it sent one, opens nothing any more",
        "S16, D12",
        rules.requested_id_is_dead,
    ),
    Difference(
        "change_session_id after commit",
        "changes the id and drops the cookie, by which the client loses its session",
        "raises ResponseCommittedError",
        "D23",
        rules.change_after_commit,
        affects=SESSION,
    ),
    Difference(
        "response.reset() after a session was made: the cookie",
        "is lost with the other headers",
        "is sent: the middleware adds it when the headers go out",
        "S144",
        rules.cookie_after_reset,
    ),
    Difference(
        'encode_url("")',
        "the absolute URL of the current directory, with the id",
        "unchanged",
        "S121, D18",
        rules.empty_url,
    ),
    Difference(
        "a URL that has a session id in it already",
        "is given a second one, but none if it has that id from the path of the request",
        "has it replaced",
        "S120, D17",
        rules.url_with_id,
    ),
    Difference(
        "an absolute URL without a path",
        "is given the id where the host ends, or a slash at its very end",
        "is given the path / first, then the id",
        "S122",
        rules.url_without_path,
    ),
    Difference(
        "a binding listener that throws when an attribute is set",
        "its exception is logged, and others are told",
        "its exception goes to the caller, and no further listener is told",
        "S109, D11",
        rules.throwing_value,
        affects=ATTRIBUTES,
    ),
    Difference(
        "a URL that is the context path",
        "is given the id behind it",
        "is given a slash first: what is mounted there would not see the request else, but who is mounted above",
        "D15",
        rules.url_of_the_context,
    ),
    Difference(
        "a URL with a path parameter right behind the context path",
        "leads to the application",
        "leads elsewhere, and is left alone: only a slash ends the context path",
        "D15",
        rules.parameter_behind_the_context,
    ),
    Difference(
        "several ids in a URL",
        "the last one counts",
        "the first that is valid counts",
        "S128, D19",
        rules.several_ids_in_url,
        affects=SESSION,
        cause=causes.several_ids_in_url,
    ),
    Difference(
        "a cookie with an id that is dead and a URL with one that is not",
        "the cookie counts",
        "the first that is valid counts",
        "S129, D5",
        rules.dead_cookie_and_url,
        affects=SESSION,
        cause=causes.cookie_and_url,
    ),
    Difference(
        "several cookies, none with a valid id: requested_session_id",
        "is the last one",
        "is the first one",
        "S130, D6",
        rules.several_cookies,
        affects=SESSION,
        cause=causes.several_cookies,
    ),
    Difference(
        "path parameters that carry no session id",
        "are hidden from the application",
        "are left to the application, as the session's is where URLs are not tracked",
        "S125, R38",
        rules.path_parameters,
    ),
    Difference(
        "last_accessed_time",
        "is when the previous request ended, if it asked for the session",
        "is when the previous request arrived",
        "S24, S26, D1, D2",
        rules_of_time.last_accessed_time,
    ),
    Difference(
        "a request that does not ask for its session",
        "is no access",
        "is an access",
        "S26, D1",
        rules_of_time.unasked_access,
        affects=SESSION,
        cause=causes.unasked_access,
    ),
    Difference(
        "a session in use",
        "times out under its request, and is idle from when that arrived or asked",
        "does not time out, and is idle from when its request ended",
        "S51, S54, D3, D4",
        rules_of_time.session_in_use,
        affects=SESSION,
        cause=causes.long_request,
    ),
    Difference(
        "a session-timeout of zero: max_inactive_interval",
        "is minus one minute",
        "is zero",
        "D30",
        rules.timeout_of_zero,
    ),
    Difference(
        "a quoted id in a cookie",
        "is unquoted and found",
        "is no id: a quote is a character like others",
        "R33",
        rules.quoted_id,
        affects=SESSION,
        cause=causes.quoted_id,
    ),
    Difference(
        "a pair of the Cookie header that is the session cookie's name, without an equals sign",
        "is the cookie with an empty value, which counts before the URL",
        "is no cookie of that name: browsers send a value without a name so",
        "R32",
        rules.bare_name,
        affects=SESSION,
        cause=causes.bare_name,
        is_recorded=False,
    ),
    Difference(
        "the session cookie's configuration: name and http_only",
        "name null unless set, httpOnly false though its cookies have it",
        "what the cookies have",
        "D25, D26",
        rules.cookie_configuration,
    ),
    Difference(
        "a value that is bound again, in a later request",
        "is the same object, and hears nothing",
        "is another object than the copy that the store gave back: it is bound, and the copy is unbound",
        "S138",
        rules_of_time.copy_of_a_value,
        affects=ATTRIBUTES,
        cause=causes.binding,
        is_shared=True,
    ),
    Difference(
        "a session object that is used after its request",
        "is the session",
        "is the snapshot of its request: it sees no later change, and what it changes is not saved; invalidate() works",
        "S56",
        rules_of_time.snapshot,
        affects=SESSION,
        cause=causes.held,
        is_shared=True,
    ),
    Difference(
        "when an idle session expires",
        "at its interval",
        "within the second after it, since accesses are flushed every second",
        "S51",
        rules_of_time.second_later,
        affects=SESSION,
        cause=causes.expiring,
        is_shared=True,
    ),
    Difference(
        "the id of a session that the sweeper ends",
        "its id",
        "is empty: a store does not know ids",
        "R41",
        rules_of_time.id_of_the_swept,
        is_shared=True,
    ),
)


def declared(store: str) -> tuple[Difference, ...]:
    """Return the differences on a kind of store."""
    return tuple(one for one in DIFFERENCES if store != "memory" or not one.is_shared)
