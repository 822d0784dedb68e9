"""Replay recordings of Apache Tomcat: ``python -m tests.oracle [--table] [FILE...]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .replay import DEFAULT_FILES, Outcome, replay
from .table import rendered


def main() -> int:
    """Print what differs and a line that sums up; return 0 if nothing differs that is not declared."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="recordings; by default those of the repository")
    parser.add_argument("--table", action="store_true", help="print the table of differences for the documentation")
    arguments = parser.parse_args()
    outcome = replay(arguments.files or DEFAULT_FILES)
    if arguments.table:
        print(rendered(outcome))
        return 0
    for one in outcome.different:
        print(f"{one.scenario}, request {one.request}, operation {one.op}: {one.kind} {one.what} {one.field}")
        print(f"    recorded {one.recorded}\n    observed {one.observed}")
    stale = [] if arguments.files else unused(outcome)
    for what in stale:
        print(f"declared, but does not occur: {what}")
    print(outcome.summary())
    return 1 if outcome.different or stale else 0


def unused(outcome: Outcome) -> list[str]:
    """Return the differences that are declared and did not occur."""
    from .differences import DIFFERENCES

    return [difference.what for difference in DIFFERENCES if difference not in outcome.declared]


if __name__ == "__main__":
    sys.exit(main())
