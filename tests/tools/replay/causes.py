"""Whether a request is of the kind to which a declared difference applies.

From then on what differs in the scenario may follow from it. What follows exactly is for the model to say.
"""

from __future__ import annotations

from . import model
from .compare import Exchange
from .contexts import looks_first


def several_ids_in_url(exchange: Exchange) -> bool:
    """The URL has several ids."""
    return len(model.in_url(exchange)) > 1


def cookie_and_url(exchange: Exchange) -> bool:
    """A cookie has an id, or what stands in its place, and so has the URL."""
    return bool(model.in_url(exchange)) and bool(model.in_cookies(exchange))


def several_cookies(exchange: Exchange) -> bool:
    """Several cookies have the name of the session's."""
    return len(model.in_cookies(exchange)) > 1


def quoted_id(exchange: Exchange) -> bool:
    """The value of the session cookie is in quotes."""
    return any(value.startswith('"') for value in model.in_cookies(exchange))


def bare_name(exchange: Exchange) -> bool:
    """A pair of the Cookie header is the name of the session cookie without an equals sign."""
    pairs = "; ".join(exchange.recorded.get("sent_cookies", ())).split(";")
    return model.tracks(exchange.config, "COOKIE") and model.cookie_name(exchange.config) in map(str.strip, pairs)


def unasked_access(exchange: Exchange) -> bool:
    """The request carries an id, and neither the container nor the application asks for the session."""
    asks = any(op[0] in ("getSession", "changeSessionId") for op in exchange.ops)
    return bool(model.sent(exchange)) and not asks and not looks_first(exchange.config)


def long_request(exchange: Exchange) -> bool:
    """The request takes long."""
    return any(op[0] in ("sleep", "await") for op in exchange.ops)


def binding(exchange: Exchange) -> bool:
    """A value that listens is set."""
    return any(op[0] == "setAttribute" and isinstance(op[2], dict) for op in exchange.ops)


def held(exchange: Exchange) -> bool:
    """A session object of an earlier request is used."""
    return any(op[0] == "use" for op in exchange.ops)


def expiring(exchange: Exchange) -> bool:
    """A session has timed out in the recording."""
    ended = (event for event in model.events(exchange.recorded) if event["event"] == "sessionDestroyed")
    return any(not model.is_invalidation(exchange, event) for event in ended)
