"""Fuzz the package.

``python -m tests.tools.fuzz [TARGET ...] [--inputs N] [--seconds S] [--seed N] [--atheris] [--play FILE]``
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import traceback
from importlib import import_module
from pathlib import Path

import pytest

from . import guided
from .engine import Finding, Run, play, run, shortest

FOLDER = Path(__file__).parent
#: Modules of this folder that are no targets.
TOOLS = ("__init__", "__main__", "choices", "engine", "guided", "stored")
TARGETS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in TOOLS)
#: Where inputs are saved that break an invariant.
SAVED = Path("build/fuzz")


def main(given: list[str] | None = None) -> int:
    """Print a line for each target, and each input that breaks an invariant; return 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"by default all: {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=10_000, help="inputs for each target, 10,000 by default")
    parser.add_argument("--seconds", type=float, help="seconds for each target, at most")
    parser.add_argument("--seed", type=int, default=0, help="another number draws other inputs")
    parser.add_argument("--atheris", action="store_true", help="search inputs by what they cover; needs atheris")
    parser.add_argument("--play", type=Path, metavar="FILE", help="check this saved input alone")
    arguments = parser.parse_args(given)
    unknown = sorted({*arguments.targets} - {*TARGETS})
    if unknown:
        parser.error(f"unknown targets: {', '.join(unknown)}; known are {', '.join(TARGETS)}")
    if arguments.play is not None and len(arguments.targets) != 1:
        parser.error("--play needs one target")
    # The log is read while an input is checked. What it says between inputs is not for the screen.
    logging.getLogger("httpsession").addHandler(logging.NullHandler())
    has_finding = False
    for name in arguments.targets or TARGETS:
        try:
            outcome = _run(name, arguments)
        except pytest.skip.Exception as skipped:
            print(f"{name:16} skipped: {skipped}", flush=True)
            continue
        has_finding |= outcome.finding is not None
        _report(name, outcome)
    return int(has_finding)


def _run(name: str, arguments: argparse.Namespace) -> Run:
    """Run a target as the arguments say."""
    outcome, data = Run(), None
    if arguments.play is not None:
        data = arguments.play.read_bytes()
        outcome.inputs = 1
    elif arguments.atheris:
        outcome, data = guided.run(name, inputs=arguments.inputs, seconds=arguments.seconds, seed=arguments.seed)
        if data is None:
            return outcome
    with import_module(f"{__package__}.{name}").target() as check:
        if data is None:
            return run(check, inputs=arguments.inputs, seconds=arguments.seconds, seed=arguments.seed)
        outcome.slowest, error = play(check, data)
        if error is not None:
            outcome.finding = shortest(check, Finding(data, error))
    return outcome


def _report(name: str, outcome: Run) -> None:
    """Print the figures of a run, and what breaks an invariant."""
    found = "no finding" if outcome.finding is None else "1 finding"
    slowest = f"slowest {1000 * outcome.slowest:.1f} ms, " if outcome.slowest else ""
    print(f"{name:16} {outcome.inputs:>9,} inputs, {outcome.seconds:7.1f} s, {slowest}{found}", flush=True)
    if outcome.finding is None:
        return
    data, error = outcome.finding.data, outcome.finding.error
    SAVED.mkdir(parents=True, exist_ok=True)
    file = SAVED / f"{name}-{hashlib.sha256(data).hexdigest()[:8]}"
    file.write_bytes(data)
    print(f"  input: {data.hex()}\n  saved: {file}")
    print("".join(traceback.format_exception(error)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
