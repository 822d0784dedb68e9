"""Sums up how recordings compare: what is equal, what differs as declared, and what differs otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from . import model
from .compare import Exchange, Observation
from .differences import Difference, declared
from .reckoning import Reckoning


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

    def __init__(self, known: tuple[Difference, ...]) -> None:
        self._declared = known
        #: The sessions that each difference was about.
        self._ids: dict[Difference, set[str]] = {}

    def begin(self, exchange: Exchange) -> None:
        """Note which differences apply to a request by what it is."""
        for difference in self._declared:
            if difference.cause is not None and difference.cause(exchange):
                self._ids.setdefault(difference, set()).update(map(str, filter(model.ids_in, model.sent(exchange))))

    def note(self, difference: Difference, one: Observation) -> None:
        """Note that *one* shows *difference*, so that what it is about may be different from now on."""
        if difference.affects:
            self._ids.setdefault(difference, set()).update(ids_of(one), ids_sent(one) if one.kind == "result" else ())

    def explain(self, one: Observation, is_expected: bool | None) -> Difference | None:
        """Return the difference of which *one* is a consequence, if it is one, and note it.

        *is_expected* says whether it is what the model says of the whole scenario; None: the model says nothing.
        """
        if is_expected is not None:
            return self._latest(one) if is_expected else None
        what = "cookie" if one.kind == "cookie" else one.what
        for difference, ids in self._ids.items():
            about = ids_of(one) or ids_sent(one)
            if what in difference.affects and about & ids and is_as_reckoned(one):
                ids |= ids_of(one)
                return difference
        return None

    def _latest(self, one: Observation) -> Difference | None:
        """Return the latest difference that *one* may follow from: one about the same session, if there is one."""
        about = ids_of(one) or ids_sent(one)
        alike = [difference for difference, ids in self._ids.items() if about & ids]
        difference = next(reversed(alike or list(self._ids)), None)
        if difference is not None:
            self._ids[difference] |= ids_of(one)
        return difference


@dataclass
class Outcome:
    """How recordings compare."""

    #: The kind of store.
    store: str = "memory"
    scenarios: int = 0
    left_out: int = 0
    compared: int = 0
    equal: int = 0
    #: The same for each kind of observation.
    compared_of: Counter[str] = field(default_factory=Counter)
    equal_of: Counter[str] = field(default_factory=Counter)
    declared: Counter[Difference] = field(default_factory=Counter)
    different: list[Observation] = field(default_factory=list)

    def add(self, found: Iterable[Observation], reckoning: Reckoning) -> None:
        """Add the observations of one scenario, of which *reckoning* says what they must be."""
        self.scenarios += 1
        consequences = Consequences(declared(self.store))
        for _, some in groupby(found, key=lambda one: one.exchange.number):
            some = list(some)
            if some and "results" in some[0].exchange.recorded:
                consequences.begin(some[0].exchange)
            self._explain(list(self._unequal(some)), consequences, reckoning)

    def _unequal(self, found: Iterable[Observation]) -> Iterator[Observation]:
        for one in found:
            self.compared += 1
            self.compared_of[one.kind] += 1
            if one.is_equal:
                self.equal += 1
                self.equal_of[one.kind] += 1
            else:
                yield one

    def _explain(self, unequal: list[Observation], consequences: Consequences, reckoning: Reckoning) -> None:
        """Find the reasons for what differs in one request: first those that it shows itself, then consequences."""
        left = []
        for one in unequal:
            difference = next((known for known in declared(self.store) if known.applies(one)), None)
            if difference is None:
                left.append(one)
            else:
                self.declared[difference] += 1
                consequences.note(difference, one)
        while left:
            explained = [(one, consequences.explain(one, reckoning.expects(one))) for one in left]
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
