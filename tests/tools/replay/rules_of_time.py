"""Rules for the differences that come with time, and for those of shared stores; see ``rules.py``."""

from __future__ import annotations

from . import model, rules
from .compare import Exchange, Observation
from .contexts import looks_first


def last_accessed_time(one: Observation) -> bool:
    """It lies in the session's previous request, at its start; or where that made the session."""
    if one.what not in ("getLastAccessedTime", "timesEqual") or one.op is None:
        return False
    session_id = _former_id(one.exchange, model.states(one.exchange)[one.op].variable)
    previous = next(model.accesses(one.exchange, str(session_id)), None)
    if previous is None:
        return False
    if one.what == "timesEqual":  # the previous request made the session, and has taken time in Tomcat
        is_new = session_id in model.states(previous)[-1].created
        return is_new and (one.recorded, one.observed) == ({"returns": False}, {"returns": True})
    if any(op[0] == "use" for op in one.exchange.ops[: one.op]):
        # A session that an earlier request has held knows when the latest one arrived.
        previous = model.latest_access(one.exchange, str(session_id)) or previous
    moment = rules.returned(one.observed)
    number, _, where = str(moment["moment"] if isinstance(moment, dict) else moment).partition(".")
    has_created = session_id in model.states(previous)[-1].created
    return number == f"R{previous.number}" and (where in ("", "start") or (has_created and where == "middle"))


def _former_id(exchange: Exchange, session_id: str | None) -> str | None:
    """Return the id that a session had before this request changed it."""
    for event in reversed(list(rules.changes_of_ids(exchange))):
        if event["session"] == session_id:
            session_id = event["old"]
    return session_id


def _is_gone_there(one: Observation) -> bool:
    """Whether a session has timed out in the recording alone: its end, of which no listener hears here."""
    if not rules.is_missing(one, "sessionDestroyed") or model.is_invalidation(one.exchange, one.recorded):
        return False
    return one.recorded["session"] in {*model.alive(one.exchange), *model.issued(one.exchange.observed)}


def unasked_access(one: Observation) -> bool:
    """The container does not look for sessions itself, and the latest request of this one did not, either."""
    if not _is_gone_there(one) or looks_first(one.exchange.config):
        return False
    latest = next(model.accesses(one.exchange, one.recorded["session"]), None)
    return latest is not None and all(op[0] not in ("getSession", "changeSessionId") for op in latest.ops)


def session_in_use(one: Observation) -> bool:
    """This request of the session, or its latest before, has taken long; or this one has had it and then lost it."""
    if not _is_gone_there(one):
        return False
    if (
        one.op is not None
        and looks_first(one.exchange.config)
        and model.joined(one.exchange) == one.whole[0]["session"]
    ):
        return True
    latest = next(model.accesses(one.exchange, one.recorded["session"]), None)
    requests = [*one.exchange.together, *([] if latest is None else [latest])]
    return any(op[0] == "sleep" for exchange in requests for op in exchange.ops)


def copy_of_a_value(one: Observation) -> bool:
    """The value hears of being bound, or the copy of it of being unbound, where it was the same object."""
    if one.field != "presence" or one.recorded is not None or one.what not in ("valueBound", "valueUnbound"):
        return False
    if one.op is None or one.exchange.ops[one.op][0] != "setAttribute":
        return False
    label = one.observed["object"]
    return rules.argument(one, 2) == {"binding": label} or one.observed["visible"] == rules.argument(one, 2)


def snapshot(one: Observation) -> bool:
    """Whether two session objects of different requests are the same."""
    return one.what == "equalsHeld" and (one.recorded, one.observed) == ({"returns": True}, {"returns": False})


def second_later(one: Observation) -> bool:
    """The session is alive within the second after its interval."""
    return _is_gone_there(one)


def id_of_the_swept(one: Observation) -> bool:
    """The sweeper tells an empty id."""
    return (one.kind, one.field, one.observed) == ("event", "session", "") and one.op == -1
