"""Many threads of several processes write to one session at the same time, and nothing is lost."""

from __future__ import annotations

import pytest

from tests.processes.many_writers import count_alone, count_together, run

PROCESSES, THREADS, REQUESTS = 4, 8, 50
EACH = {f"{process}.{thread}": REQUESTS for process in range(PROCESSES) for thread in range(THREADS)}


COUNTS = pytest.mark.parametrize("count", [count_alone, count_together])


def check(url, count):
    """Each request finds what the request of the same thread before it has written, whatever attributes others write
    meanwhile; and what all update together is the exact sum."""
    findings, attributes, _ = run(f"{url}?timeout=20", count, PROCESSES, THREADS, REQUESTS)

    total = PROCESSES * THREADS * REQUESTS
    assert (findings.answered, findings.refused, findings.lost) == (total, 0, 0)
    assert attributes == EACH | ({"together": total} if count is count_together else {})


@COUNTS
def test_nothing_is_lost(url, count):
    """In a SQLite file, and in a Redis server."""
    check(url, count)


@COUNTS
def test_nothing_is_lost_in_a_cluster(cluster, count):
    """In a Redis Cluster."""
    check(cluster.url, count)
