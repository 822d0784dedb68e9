"""Threads that begin together, and two calls that meet in every possible way."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread

import httpsession
from tests.support.waiting import PATIENCE

PACKAGE = Path(httpsession.__file__).parent


@contextmanager
def threads(*targets):
    """Run targets in threads that begin together, beside the block, and give the list of their results.

    At the end of the block the list is full, or what a target raised is raised.
    """
    barrier = Barrier(len(targets))
    results, errors = [None] * len(targets), []

    def run(number, target):
        try:
            barrier.wait(PATIENCE)
            results[number] = target()
        except BaseException as error:
            errors.append(error)

    started = [Thread(target=run, args=each, daemon=True) for each in enumerate(targets)]
    for thread in started:
        thread.start()
    yield results
    for thread in started:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in started), "a deadlock"
    if errors:
        raise errors[0]


def together(*targets):
    """Run targets in threads that begin together, and return their results."""
    with threads(*targets) as results:
        pass
    return results


def outcome_of(call):
    """Return what *call* returns or raises."""
    try:
        return call()
    except Exception as error:
        return error


def race(prepare):
    """Run two calls against each other in every way in which the second can come between two lines of the first.

    *prepare* returns both, and a check of their two outcomes; it is called anew for each way. Where the second waits
    for a lock that the first holds, the first goes on after a moment, as it would if the scheduler had woken it.
    """
    point = 0
    reached = True
    while reached:
        first, second, check = prepare()
        with ThreadPoolExecutor(1) as pool:
            future = None
            lines = 0

            def trace(frame, event, argument):
                nonlocal future, lines
                if PACKAGE not in Path(frame.f_code.co_filename).parents:
                    return None
                if event == "line":
                    if lines == point:  # noqa: B023 (called within this turn)
                        future = pool.submit(outcome_of, second)  # noqa: B023
                        wait([future], timeout=0.02)
                    lines += 1
                return trace

            before = sys.gettrace()
            sys.settrace(trace)
            try:
                result = outcome_of(first)
            finally:
                sys.settrace(before)
            reached = future is not None
            if future is None:
                future = pool.submit(outcome_of, second)
            outcome = future.result()
        check(result, outcome)
        point += 1
    assert point > 1, "the first call ran no line of the package"
