"""Replay recordings of Apache Tomcat: ``python -m tests.oracle [--api API] [--table] [FILE...]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .differences import DIFFERENCES
from .jakarta import Jakarta
from .replay import DEFAULT_FILES, Outcome, replay
from .servlet import Native
from .table import rendered

#: The ways to ask: by the package's own names, and by those of ``httpsession.servlet``.
APIS = {"native": Native, "servlet": Jakarta}


def main() -> int:
    """Print what differs and a line that sums up; return 0 if nothing differs that is not declared."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="recordings; by default those of the repository")
    parser.add_argument("--api", choices=APIS, default="native", help="whose names to use; the package's by default")
    parser.add_argument("--table", action="store_true", help="print the table of differences for the documentation")
    arguments = parser.parse_args()
    api = APIS[arguments.api]
    outcome = replay(arguments.files or DEFAULT_FILES, api)
    if arguments.table:
        print(rendered(outcome))
        return 0
    for one in outcome.different:
        print(f"{one.scenario}, request {one.request}, operation {one.op}: {one.kind} {one.what} {one.field}")
        print(f"    recorded {one.recorded}\n    observed {one.observed}")
    stale = [] if arguments.files else unused(outcome, api)
    for what in stale:
        print(f"declared, but does not occur: {what}")
    print(outcome.summary())
    return 1 if outcome.different or stale else 0


def unused(outcome: Outcome, api: type[Native] = Native) -> list[str]:
    """Return the differences that are declared and did not occur, though *api* shows them."""
    missing = [difference.what for difference in DIFFERENCES if difference not in outcome.declared]
    return [what for what in missing if what not in api.NOT_SHOWN]


if __name__ == "__main__":
    sys.exit(main())
