"""The cost of a read and a sweep with few and many live sessions in memory: ``python -m tests.tools.benchmarks.scale``.

The sessions read are drawn at random. The sweeps find nothing that is over: the first when no session has been looked
at since it was made, the second when all sessions should have been over by now but each has been used since.
"""

from __future__ import annotations

import gc
import random
import resource
import time

from httpsession import SessionConfig, SessionManager, SessionMiddleware, get_session
from tests.support.core import store_of
from tests.support.request import plain_environ

from .requests import REQUESTS, cookie_of, reading, untouched, writing

SIZES = 1_000, 1_000_000
ROUNDS = 60


def read_cost(app, cookies: list[str]) -> float:
    """Return the microseconds of a request above the bare application, the least of many rounds."""
    best = {app: float("inf"), untouched: float("inf")}
    for _ in range(ROUNDS):
        chosen = random.choices(cookies, k=REQUESTS)
        for measured in best:
            environs = [plain_environ(cookie) for cookie in chosen]
            start = time.perf_counter()
            for made in environs:
                measured(made, lambda status, headers, exc_info=None: None)
            best[measured] = min(best[measured], (time.perf_counter() - start) / REQUESTS)
    return (best[app] - best[untouched]) * 1e6


def sweep_cost(manager: SessionManager, now: float) -> float:
    """Return the milliseconds of one sweep."""
    start = time.perf_counter()
    assert manager.sweep(now) == 0
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    print(f"{'sessions':>10}{'read us':>10}{'sweep ms':>10}{'after use':>10}{'bytes each':>12}")
    for size in SIZES:
        manager = SessionManager(config=SessionConfig(sweep_interval=None, max_sessions=-1))
        app = SessionMiddleware(writing(get_session), manager)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cookies = [cookie_of(app) for _ in range(size)]
        used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / size
        gc.freeze()
        cost = read_cost(SessionMiddleware(reading(get_session), manager), cookies)
        sweep = min(sweep_cost(manager, time.time()) for _ in range(5))
        later = time.time() + 1000
        store_of(manager).touch([(stored.record.key, later, later) for stored in store_of(manager)])
        after_use = sweep_cost(manager, later + 1000)
        print(f"{size:10}{cost:10.2f}{sweep:10.3f}{after_use:10.3f}{used:12.0f}")
        manager.close()


if __name__ == "__main__":
    main()
