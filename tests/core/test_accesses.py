"""The accesses of a process: requests in flight, and notes that wait for a flush."""

from __future__ import annotations

from itertools import pairwise
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession import StoreError
from httpsession.core.accesses import Accesses
from httpsession.ids import key_of
from httpsession.record import SessionRecord
from httpsession.stores.base import SLACK
from tests.support.clock import START, frozen_clock

ONE, TWO = "1" * 32, "2" * 32


class InFlight:
    """A request in flight."""

    def __init__(self, arrived, *ids):
        self.arrived = arrived
        self.ids = ids

    def store_keys(self):
        return [key_of(one) for one in self.ids]


def flushed(accesses):
    """Return what a flush passes to the store."""
    calls = []
    accesses.flush(lambda latest: calls.append(list(latest)))
    return calls


def test_in_use_since_the_first_arrival():
    """A session has been in use since the first of its requests that are still in flight arrived."""
    accesses = Accesses(keeps_latest=True)
    for request in (InFlight(20.0, ONE, TWO), InFlight(10.0, ONE), InFlight(30.0, ONE)):
        accesses.in_flight[request] = None

    assert accesses.in_use() == {key_of(ONE): 10.0, key_of(TWO): 20.0}


def test_nothing_to_tell():
    """The store is not bothered when no request ended."""
    assert flushed(Accesses(keeps_latest=True)) == []


def test_flushed_once():
    """A flush passes each request to the store, in the order of arrival, once for each id that it carried."""
    accesses = Accesses(keeps_latest=True)
    accesses.ended.extend([([ONE, TWO], 20.0, 21.0), ([ONE], 10.0, 40.0)])

    (first, *others), *further = flushed(accesses)
    assert first == (key_of(ONE), 10.0, 40.0)
    assert sorted(others) == sorted([(key_of(ONE), 20.0, 40.0), (key_of(TWO), 20.0, 21.0)])
    assert further == []
    assert flushed(accesses) == []
    assert not accesses.ended


def test_notes_stay_when_the_store_fails():
    """When the store fails, the next flush has the accesses again."""
    accesses = Accesses(keeps_latest=True)
    accesses.ended.append(([ONE], 10.0, 11.0))

    def fail(latest):
        raise OSError("the store is down")

    with pytest.raises(OSError, match="the store is down"):
        accesses.flush(fail)
    assert flushed(accesses) == [[(key_of(ONE), 10.0, 11.0)]]


def test_first_and_last_of_many():
    """Of many requests of a session a flush passes the first, which shows that it had not expired, and the last."""
    accesses = Accesses(keeps_latest=True)
    accesses.ended.extend(([ONE], 1 + at / 8, 2 + at / 8) for at in (3, 1, 2, 4))

    assert flushed(accesses) == [[(key_of(ONE), 1.125, 2.125), (key_of(ONE), 1.5, 2.5)]]


def test_requests_in_between_that_kept_a_session_alive():
    """A flush after an outage passes enough of the requests in between: without them the last came too late."""
    accesses = Accesses(keeps_latest=True)
    arrivals = [0.0, 0.25, 0.5, 2.0, 30.0, 30.25, 30.5, 70.0]
    accesses.ended.extend(([ONE], at, at) for at in arrivals)
    ((*touches,),) = flushed(accesses)
    passed = [arrived for _, arrived, _ in touches]

    assert (passed[0], passed[-1]) == (0.0, 70.0)
    assert len(passed) < len(arrivals)
    record = SessionRecord.created(key_of(ONE), 0.0, 50, None)
    for arrived in passed:
        assert not record.is_due(arrived)
        record.accessed = max(record.accessed, arrived)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.integers(1, 30))
def test_thinning_ends_no_session(arrivals, interval):
    """A session that the requests of a batch kept alive is alive after the flush, whatever is left out."""
    accesses, record = Accesses(keeps_latest=True), SessionRecord.created(key_of(ONE), min(arrivals), interval, None)
    accesses.ended.extend(([ONE], at, at) for at in arrivals)
    complete = sorted(arrivals)
    is_alive = all(later - earlier < interval for earlier, later in pairwise(complete))
    ((*touches,),) = flushed(accesses)

    for _, arrived, ended in touches:
        if not record.is_due(arrived, SLACK):
            record.accessed = max(record.accessed, arrived)
            record.used = max(record.used, ended)
    assert not is_alive or record.accessed == complete[-1]


def test_requests_in_flight_are_flushed_too():
    """A flush to a shared store also has the requests in flight."""
    accesses = Accesses(keeps_latest=True)
    accesses.flush(list, with_in_flight=True)
    accesses.in_flight[InFlight(10.0, ONE)] = None
    calls = []
    with frozen_clock():
        accesses.flush(calls.append, with_in_flight=True)

    assert calls == [[(key_of(ONE), 10.0, START)]]


def test_notes_are_thinned_while_the_store_is_down(monkeypatch):
    """While the store fails, the latest note of each id is kept: an outage does not fill the memory."""
    monkeypatch.setattr("httpsession.core.accesses.MAX_NOTES", 10)
    accesses = Accesses(keeps_latest=True)
    accesses.ended.extend(([one], float(at), at + 0.5) for at in range(10) for one in (ONE, TWO))

    def fail(latest):
        raise StoreError("the store is down")

    with pytest.raises(StoreError):
        accesses.flush(fail)
    assert list(accesses.ended) == [([ONE], 9.0, 9.5), ([TWO], 9.0, 9.5)]


def test_busy_clients_outlast_others(monkeypatch):
    """Of more clients than can be kept while the store fails, those with the latest requests are."""
    monkeypatch.setattr("httpsession.core.accesses.MAX_NOTES", 4)
    accesses = Accesses(keeps_latest=True)
    accesses.ended.append(([ONE], 0.0, 0.5))
    accesses.ended.extend(([f"{number:032X}"], float(number), number + 0.5) for number in range(1, 5))
    accesses.ended.append(([ONE], 5.0, 5.5))

    def fail(latest):
        raise StoreError("the store is down")

    with pytest.raises(StoreError):
        accesses.flush(fail)
    assert [ids for ids, _, _ in accesses.ended] == [[f"{4:032X}"], [ONE]]


def test_notes_of_any_number_of_clients_are_bounded(monkeypatch):
    """While the store is down, clients that make up ids fill neither the notes nor the arrivals."""
    monkeypatch.setattr("httpsession.core.accesses.MAX_NOTES", 10)
    accesses = Accesses(keeps_latest=True)

    def fail(latest):
        raise StoreError("the store is down")

    for number in range(100):
        accesses.ended.append(([f"{number:032X}"], float(number), number + 0.5))
        accesses.latest[f"{number:032X}"] = float(number)
    for _ in range(2):
        with pytest.raises(StoreError):
            accesses.flush(fail, with_in_flight=True)
    assert len(accesses.ended) <= 10
    assert accesses.latest == {}


def test_what_is_under_way_at_a_fork():
    """Requests in flight at a fork are the parent's: the child does not flush them."""
    accesses = Accesses(keeps_latest=True)
    accesses.in_flight[InFlight(10.0, ONE)] = None
    accesses.ended.append(([TWO], 10.0, 11.0))
    accesses.latest[ONE] = 10.0
    accesses.reset_after_fork()

    assert accesses.in_use() == {}
    assert accesses.latest == {}


def test_requests_that_end_during_a_flush_are_flushed_later():
    """A request that ends during a flush is in the next one."""
    accesses = Accesses(keeps_latest=True)
    accesses.ended.append(([ONE], 10.0, 11.0))
    accesses.flush(lambda latest: accesses.ended.append(([TWO], 12.0, 13.0)))

    assert flushed(accesses) == [[(key_of(TWO), 12.0, 13.0)]]


def test_readers_wait_for_a_flush():
    """A reader waits for a flush of another thread, and continues after it."""
    accesses = Accesses(keeps_latest=True)
    accesses.ended.append(([ONE], 10.0, 11.0))
    telling, go_on, order = Event(), Event(), []

    def slowly(latest):
        telling.set()
        go_on.wait(10)
        order.append("flushed")

    first = Thread(target=accesses.flush, args=(slowly,))
    first.start()
    assert telling.wait(10)
    assert accesses.ended, "a reader would otherwise think that the flush is done"
    second = Thread(target=lambda: (accesses.flush(slowly), order.append("second")))
    second.start()
    go_on.set()
    for thread in (first, second):
        thread.join(10)

    assert order == ["flushed", "second"]
