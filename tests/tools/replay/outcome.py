"""Sums up how recordings compare: what is equal, what differs as declared, and what differs otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from . import model
from .compare import Observation
from .differences import DIFFERENCES, Difference


def ids_of(one: Observation) -> set[str]:
    """Return the ids of the sessions that an observation is about: on both sides, if they are not the same."""
    ids = model.ids_in([one.recorded, one.observed])
    if one.kind == "event":
        ids |= {event["session"] for event in one.whole if event is not None}
    elif one.kind == "cookie":
        ids |= {cookie["value"] for cookie in one.whole if cookie is not None}
    elif one.op is not None:
        states = [model.states(one.exchange, is_observed)[one.op] for is_observed in (True, False)]
        ids |= {state.variable for state in states if state.variable is not None}
    return ids


def ids_sent(one: Observation) -> set[str]:
    return {session_id for session_id in model.sent(one.exchange) if model.ids_in(session_id)}


def is_as_reckoned(one: Observation) -> bool:
    """Whether a consequence is what it must be here, as far as that can be told."""
    if one.kind == "cookie":
        session_id = model.at_commit(one.exchange).session
        due = session_id if session_id in model.issued(one.exchange.observed) else None
        return one.field in ("presence", "value") and due == (one.whole[1] or {}).get("value")
    if one.kind != "result" or one.op is None:
        return one.kind == "event"
    return model.expected(one.exchange, one.op) in (model.UNKNOWN, one.observed)


class Consequences:
    """The differences so far in a scenario, which explain further ones."""

    def __init__(self) -> None:
        #: The sessions that each difference was about.
        self._ids: dict[Difference, set[str]] = {}

    def note(self, difference: Difference, one: Observation) -> None:
        """Note that *one* shows *difference*, so that what it is about may be different from now on."""
        if difference.affects:
            self._ids.setdefault(difference, set()).update(ids_of(one), ids_sent(one) if one.kind == "result" else ())

    def explain(self, one: Observation) -> Difference | None:
        """Return the difference of which *one* is a consequence, if it is one, and note it."""
        what = "cookie" if one.kind == "cookie" else one.what
        for difference, ids in self._ids.items():
            about = ids_of(one) or ids_sent(one)
            if what in difference.affects and about & ids and is_as_reckoned(one):
                ids |= ids_of(one)
                return difference
        return None


@dataclass
class Outcome:
    """How recordings compare."""

    scenarios: int = 0
    left_out: int = 0
    compared: int = 0
    equal: int = 0
    #: The same for each kind of observation.
    compared_of: Counter[str] = field(default_factory=Counter)
    equal_of: Counter[str] = field(default_factory=Counter)
    declared: Counter[Difference] = field(default_factory=Counter)
    different: list[Observation] = field(default_factory=list)

    def add(self, found: Iterable[Observation]) -> None:
        """Add the observations of one scenario."""
        self.scenarios += 1
        consequences = Consequences()
        for _, some in groupby(found, key=lambda one: one.exchange.number):
            self._explain(list(self._unequal(some)), consequences)

    def _unequal(self, found: Iterable[Observation]) -> Iterator[Observation]:
        for one in found:
            self.compared += 1
            self.compared_of[one.kind] += 1
            if one.is_equal:
                self.equal += 1
                self.equal_of[one.kind] += 1
            else:
                yield one

    def _explain(self, unequal: list[Observation], consequences: Consequences) -> None:
        """Find the reasons for what differs in one request: first those that it shows itself, then consequences."""
        left = []
        for one in unequal:
            difference = next((known for known in DIFFERENCES if known.applies(one)), None)
            if difference is None:
                left.append(one)
            else:
                self.declared[difference] += 1
                consequences.note(difference, one)
        while left:
            explained = [(one, consequences.explain(one)) for one in left]
            self.declared.update(difference for _, difference in explained if difference is not None)
            rest = [one for one, difference in explained if difference is None]
            if len(rest) == len(left):
                break
            left = rest
        self.different += left

    def summary(self) -> str:
        """Return the one line that says it all."""
        share = 100 * self.equal / max(self.compared, 1)
        return (
            f"{self.scenarios} scenarios ({self.left_out} left out), {self.compared} observations compared, "
            f"{self.equal} equal ({share:.2f}%), {self.declared.total()} declared, {len(self.different)} different"
        )
