"""Waits for servers and background threads, and bounds against hanging."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager

import pytest
import redis

#: Seconds after which a server, a thread or a process is taken for hanging.
PATIENCE = 30
#: Seconds within which a refusal has to come, such as one for a store that does not answer: at least twice what the
#: package's timeouts allow, since the machine may be busy.
SOON = 3


def wait_until(condition, what, seconds=PATIENCE):
    """Return what *condition* returns, as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := condition():
                return found
        except (redis.RedisError, OSError):
            pass  # the server is not there yet
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@contextmanager
def within(seconds):
    """Fail when the block takes longer than so many seconds: a bound against hanging, not a measurement."""

    def fail(signal_number, frame):
        pytest.fail(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
