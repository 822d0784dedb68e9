"""Waiting for what servers and background threads do in their own time."""

from __future__ import annotations

import time

import redis

#: Seconds that a server, or several of them, may take to get somewhere.
PATIENCE = 30
#: Seconds within which a store that does not answer is given up, at least twice what its timeouts say: a bound against
#: hanging, for a busy machine.
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
