"""The run of a target: inputs drawn from a seed, and the shortest form of an input that breaks an invariant."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from .choices import Choices

#: The function of a target, which takes the choices of an input.
Check = Callable[[Choices], object]

#: The lengths of inputs; short ones leave most choices at zero.
LENGTHS = (4, 16, 32, 64, 128, 256, 512)
#: Seconds of the processor that one input may take. An input has less than a kilobyte.
PATIENCE = 2.0
#: The text that no line of a log may have: a control character, which could forge another line, or an id.
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|[0-9A-F]{32}")
#: The most shorter inputs that are tried in place of an input that breaks an invariant.
TRIALS = 2000


class TooSlowError(AssertionError):
    """An input took too much time of the processor."""


class LogError(AssertionError):
    """A line of the package's log has what no line may have."""


class _Reader(logging.Handler):
    """Reads the log of the package, in place of other handlers, and keeps the first bad line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.bad: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line. The package could catch an exception that is raised here."""
        line = record.getMessage()
        if FORBIDDEN.search(line):
            self.bad = line


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
    began = _now()
    while outcome.inputs < inputs and (seconds is None or _now() - began < seconds):
        data = draw.randbytes(draw.choice(LENGTHS))
        outcome.inputs += 1
        taken, error = play(check, data)
        outcome.slowest = max(outcome.slowest, taken)
        if error is not None:
            outcome.finding = shortest(check, Finding(data, error))
            break
    outcome.seconds = _now() - began
    return outcome


def _now() -> float:
    """Return the seconds of a clock that goes on while a target has frozen the time of the package."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def play(check: Check, data: bytes) -> tuple[float, BaseException | None]:
    """Check one input. Return the seconds of the processor that it took, and the exception if it breaks an invariant.

    A SystemExit and the exceptions of pytest count, too; only Ctrl-C ends the run.
    """
    failure: BaseException | None = None
    with _log_read() as reader:
        began = time.thread_time()
        try:
            check(Choices(data))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failure = error
        taken = time.thread_time() - began
    if failure is None and reader.bad is not None:
        failure = LogError(f"the log has the line {reader.bad!r}")
    if failure is None and taken > PATIENCE:
        failure = TooSlowError(f"it took {taken:.1f} s of the processor")
    return taken, failure


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """Return a folder for the time of a run, in memory where the system has that: a disk would be the slowest part."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is for its owner alone
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@contextmanager
def _log_read() -> Iterator[_Reader]:
    """Read the log of the package, which goes nowhere else meanwhile."""
    log, reader = logging.getLogger("httpsession"), _Reader()
    handlers, propagates, level = log.handlers, log.propagate, log.level
    log.handlers, log.propagate = [reader], False
    log.setLevel(logging.INFO)
    try:
        yield reader
    finally:
        log.handlers, log.propagate = handlers, propagates
        log.setLevel(level)


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
