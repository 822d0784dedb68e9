"""The run of a target: inputs drawn from a seed, and the shortest form of one that breaks an invariant."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .choices import Choices

#: What a target does with the choices of an input.
Check = Callable[[Choices], object]

#: The lengths of inputs; short ones leave most choices at zero.
LENGTHS = (4, 16, 32, 64, 128, 256, 512)
#: Seconds of the processor that one input may take. An input has less than a kilobyte.
PATIENCE = 2.0
#: How many shorter inputs are tried in place of one that breaks an invariant.
TRIALS = 2000


class TooSlowError(AssertionError):
    """An input took too much time of the processor."""


@dataclass
class Finding:
    """An input that breaks an invariant."""

    data: bytes
    error: BaseException


@dataclass
class Run:
    """The figures of a run."""

    inputs: int = 0
    seconds: float = 0.0
    #: The most seconds of the processor that an input took.
    slowest: float = 0.0
    finding: Finding | None = None


def run(check: Check, *, inputs: int, seconds: float | None = None, seed: int = 0) -> Run:
    """Check *inputs* inputs, or as many as there are in so many *seconds*, and stop at the first finding."""
    outcome = Run()
    draw = Random(seed)
    began = time.monotonic()
    while outcome.inputs < inputs and (seconds is None or time.monotonic() - began < seconds):
        data = draw.randbytes(draw.choice(LENGTHS))
        outcome.inputs += 1
        taken, error = play(check, data)
        outcome.slowest = max(outcome.slowest, taken)
        if error is not None:
            outcome.finding = shortest(check, Finding(data, error))
            break
    outcome.seconds = time.monotonic() - began
    return outcome


def play(check: Check, data: bytes) -> tuple[float, BaseException | None]:
    """Check one input. Return the seconds of the processor that it took, and the exception if it breaks an invariant.

    A SystemExit and the exceptions of pytest are exceptions like others here; only Ctrl-C ends the run.
    """
    began = time.thread_time()
    try:
        check(Choices(data))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return time.thread_time() - began, error
    taken = time.thread_time() - began
    slow = TooSlowError(f"it took {taken:.1f} s of the processor") if taken > PATIENCE else None
    return taken, slow


def shortest(check: Check, finding: Finding) -> Finding:
    """Return a finding of the same kind whose input is shorter, or has more zeros."""
    best, trials = finding, 0
    size = max(1, len(best.data) // 2)
    while size and trials < TRIALS:
        is_better = False
        for at in range(0, len(best.data), size):
            head, cut, tail = best.data[:at], best.data[at : at + size], best.data[at + size :]
            for data in (head + tail, head + bytes(len(cut)) + tail):
                trials += 1
                if data == best.data or not (error := play(check, data)[1]) or _kind(error) != _kind(finding.error):
                    continue
                best, is_better = Finding(data, error), True
                break
        if not is_better:
            size //= 2
    return best


def _kind(error: BaseException) -> tuple[type, int]:
    """Return the type of an error and the line of the target, or below it, that raised it."""
    trace = error.__traceback__
    line = 0
    while trace is not None:
        line, trace = trace.tb_lineno, trace.tb_next
    return type(error), line
