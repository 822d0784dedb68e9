"""Compares what was observed with what was recorded, observation by observation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from email.utils import parsedate_to_datetime
from itertools import zip_longest
from typing import Any

#: Seconds: so near to the start or the end of a request a moment is said to be.
NEAR = 0.08
#: Seconds by which an Expires may miss.
SECOND = 1.5


@dataclass(frozen=True, eq=False)
class Exchange:
    """A request, or a pass of the sweeper, as it was recorded and as it is observed; ids are numbered alike in both."""

    scenario: str
    number: int
    #: The name of the configuration, what it says, and the context path.
    config_name: str
    config: dict[str, Any]
    context: str
    #: The path and the operations as they were sent.
    path: str
    ops: list[list[Any]]
    recorded: dict[str, Any]
    observed: dict[str, Any]
    #: When each request up to this one began and ended.
    times: list[tuple[float, float]]
    #: What came before in the scenario.
    earlier: tuple[Exchange, ...]
    #: All that were sent at the same time, this one among them.
    together: list[Exchange]


@dataclass(frozen=True)
class Observation:
    """An observation beside its recording: the result of an operation, a field of an event or of a cookie."""

    #: "result", "event", "cookie", "status" or "location".
    kind: str
    #: The name of the operation, the event or the cookie.
    what: str
    #: Which part of it: a field of an event, an attribute of a cookie, or "presence" if it is there on one side alone.
    field: str
    recorded: Any
    observed: Any
    exchange: Exchange
    #: The index of the operation that this belongs to, if it belongs to one.
    op: int | None = None
    #: The whole event or cookie, as recorded and as observed.
    whole: tuple[Any, Any] = (None, None)

    @property
    def is_equal(self) -> bool:
        return bool(self.recorded == self.observed)


def observations(exchange: Exchange) -> Iterator[Observation]:
    """Go through what one request, or one pass of the sweeper, shows."""
    recorded, observed = exchange.recorded, exchange.observed
    assert recorded.get("sent_cookies") == observed.get("sent_cookies"), "other cookies were sent than those recorded"
    for at, (then, now) in enumerate(zip_longest(recorded.get("results", []), observed.get("results", []))):
        name = exchange.ops[at][0]
        both = _shapes(name, *_moments(_plain(then), now, exchange.times))
        yield Observation("result", name, "", *both, exchange, at)
    for key in ("events_before", "events"):
        for then, now in aligned(recorded.get(key, []), observed.get(key, [])):
            some = then or now
            for field, *both in _fields(then, now):
                yield Observation("event", some["event"], field, *both, exchange, some.get("op"), (then, now))
    for then, now in zip_longest(recorded.get("set_cookies", []), observed.get("set_cookies", [])):
        for field, *both in _fields(*_expiries(then, now, exchange.times)):
            yield Observation("cookie", (then or now)["name"], field, *both, exchange, whole=(then, now))
    for key in ("status", "location"):
        if key in recorded or key in observed:
            yield Observation(key, key, "", recorded.get(key), observed.get(key), exchange)


def aligned(recorded: list[Any], observed: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Go through two lists of events together, so that one that is only in one of them does not shift the others."""
    then, now = ([(one.get("op"), one["event"], one.get("name")) for one in some] for some in (recorded, observed))
    for what, begin, end, start, stop in SequenceMatcher(None, then, now, autojunk=False).get_opcodes():
        if what == "equal":
            yield from zip(recorded[begin:end], observed[start:stop], strict=True)
        else:
            yield from ((one, None) for one in recorded[begin:end])
            yield from ((None, one) for one in observed[start:stop])


def _fields(recorded: Any, observed: Any) -> Iterator[tuple[str, Any, Any]]:
    """Go through the fields of an event or a cookie; of one that is there on one side alone only its presence shows."""
    if recorded is None or observed is None:
        yield "presence", recorded, observed
        return
    flat = [{**one, **one.get("attributes", {})} for one in (recorded, observed)]
    for field in sorted({*flat[0], *flat[1]} - {"attributes"}):
        yield field, flat[0].get(field), flat[1].get(field)


def _plain(result: Any) -> Any:
    """Leave out of a recorded result what only a container's own classes say."""
    return {key: value for key, value in result.items() if key != "class"} if isinstance(result, dict) else result


def _shapes(name: str, recorded: Any, observed: Any) -> tuple[Any, Any]:
    """Show the shape of an id that was observed in the words of the recorded one, if they name the same length."""
    if name == "idShape" and isinstance(observed, dict) and str(observed.get("returns")) in json.dumps(recorded):
        return recorded, recorded
    return recorded, observed


def _moments(recorded: Any, observed: Any, times: list[tuple[float, float]]) -> tuple[Any, Any]:
    """Show a time that was observed as the moment it is, as exactly as the recorded one."""
    if not isinstance(observed, dict) or not isinstance(observed.get("returns"), dict):
        return recorded, observed
    time = observed["returns"].get("time")
    if time is None:
        return recorded, observed
    exact = "." in str(recorded)
    return recorded, {"returns": {"moment": _moment(time, times, exact)}}


def _moment(time: float, times: list[tuple[float, float]], exact: bool) -> str:
    for number, (begin, end) in enumerate(times, 1):
        if begin <= time <= end:
            if not exact:
                return f"R{number}"
            where = "start" if time - begin < NEAR else "end" if end - time < NEAR else "middle"
            return f"R{number}.{where}"
    return "no request"


def _expiries(recorded: Any, observed: Any, times: list[tuple[float, float]]) -> tuple[Any, Any]:
    """Show an Expires that was observed in the form of the recorded one, if it means the same."""
    if not observed or not recorded or "Expires" not in observed["attributes"]:
        return recorded, observed
    attributes = dict(observed["attributes"])
    seconds = parsedate_to_datetime(attributes["Expires"]).timestamp() - times[-1][1] - int(attributes["Max-Age"])
    if abs(seconds) < SECOND and recorded["attributes"].get("Expires") == "{now+Max-Age}":
        attributes["Expires"] = "{now+Max-Age}"
    return recorded, {**observed, "attributes": attributes}
