"""Replay recordings of Apache Tomcat.

``python -m tests.tools.replay [--api API] [--store STORE] [--table] [FILE...]``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .contexts import RecordingError
from .differences import declared
from .jakarta import Jakarta
from .outcome import Outcome
from .replay import DEFAULT_FILES, replay
from .servlet import Native
from .stores import opened
from .table import rendered

#: The ways to ask: by the package's own names, and by those of ``httpsession.servlet``.
APIS = {"native": Native, "servlet": Jakarta}


def main(given: list[str] | None = None) -> int:
    """Print what differs and a line that sums up.

    Return 0 if nothing differs that is not declared, 1 if something does or nothing was played, and 2 if a recording
    cannot be played.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.replay", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="recordings; by default those of the repository")
    parser.add_argument("--api", choices=APIS, default="native", help="whose names to use; the package's by default")
    parser.add_argument("--table", action="store_true", help="print the table of differences for the documentation")
    parser.add_argument("--store", default="memory", help="memory, sqlite, or the URL of a Redis server to play on")
    arguments = parser.parse_args(given)
    api = APIS[arguments.api]
    try:
        with opened(arguments.store) as stores:
            outcome = replay(arguments.files or DEFAULT_FILES, api, stores)
    except RecordingError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.table:
        print(rendered(outcome))
        return 0
    stale = [] if arguments.files else unused(outcome, api)
    report(outcome, stale)
    return 1 if outcome.different or stale or not outcome.scenarios else 0


def report(outcome: Outcome, stale: list[str]) -> None:
    """Print what differs, which declared differences are *stale*, and a line that sums up."""
    for one in outcome.different:
        exchange = one.exchange
        print(
            f"{exchange.scenario}, request {exchange.number}, operation {one.op}: {one.kind} {one.what} {one.field}\n"
            f"    recorded {one.recorded}\n    observed {one.observed}"
        )
    for what in stale:
        print(f"declared, but does not occur: {what}")
    print(outcome.summary())


def unused(outcome: Outcome, api: type[Native] = Native) -> list[str]:
    """Return the differences that are declared and did not occur, though *api* shows them."""
    expected = (difference for difference in declared(outcome.store) if difference.is_recorded)
    missing = [difference.what for difference in expected if difference not in outcome.declared]
    return [what for what in missing if what not in api.NOT_SHOWN]


if __name__ == "__main__":
    sys.exit(main())
