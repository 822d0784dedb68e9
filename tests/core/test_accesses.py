"""The accesses of a process: what is under way, and what the store has yet to be told."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from httpsession import StoreError
from httpsession.core.accesses import Accesses
from httpsession.ids import key_of
from tests.support.clock import START, frozen_clock

ONE, TWO = "1" * 32, "2" * 32


class UnderWay:
    """A request under way."""

    def __init__(self, arrived, *ids):
        self.arrived = arrived
        self.ids = ids

    def store_keys(self):
        return [key_of(one) for one in self.ids]


def told(accesses):
    """Return what the store is told."""
    calls = []
    accesses.tell(lambda latest: calls.append(list(latest)))
    return calls


def test_in_use_since_the_first_arrival():
    """A session has been in use since the first of its requests that are still under way arrived."""
    accesses = Accesses()
    for request in (UnderWay(20.0, ONE, TWO), UnderWay(10.0, ONE), UnderWay(30.0, ONE)):
        accesses.under_way[request] = None

    assert accesses.in_use() == {key_of(ONE): 10.0, key_of(TWO): 20.0}


def test_nothing_to_tell():
    """The store is not bothered when no request ended."""
    assert told(Accesses()) == []


def test_told_once():
    """The store hears of each request, in the order of arrival, once for each id that it carried."""
    accesses = Accesses()
    accesses.ended.extend([([ONE, TWO], 20.0, 21.0), ([ONE], 10.0, 40.0)])

    (first, *others), *further = told(accesses)
    assert first == (key_of(ONE), 10.0, 40.0)
    assert sorted(others) == sorted([(key_of(ONE), 20.0, 40.0), (key_of(TWO), 20.0, 21.0)])
    assert further == []
    assert told(accesses) == []
    assert not accesses.ended


def test_what_could_not_be_told_stays():
    """When the store fails the accesses are told the next time."""
    accesses = Accesses()
    accesses.ended.append(([ONE], 10.0, 11.0))

    def fail(latest):
        raise OSError("the store is down")

    with pytest.raises(OSError, match="the store is down"):
        accesses.tell(fail)
    assert told(accesses) == [[(key_of(ONE), 10.0, 11.0)]]


def test_first_and_last_of_many():
    """Of many requests of a session the store hears the first, by which it sees that it was alive, and the last."""
    accesses = Accesses()
    accesses.ended.extend(([ONE], float(at), at + 0.5) for at in (3, 1, 2, 4))

    assert told(accesses) == [[(key_of(ONE), 1.0, 1.5), (key_of(ONE), 4.0, 4.5)]]


def test_under_way_are_told_when_asked_for():
    """A store that cannot look into this process is told of requests under way, of which it was not told last time."""
    accesses = Accesses()
    accesses.tell(list, with_those_under_way=True)
    accesses.under_way[UnderWay(10.0, ONE)] = None
    calls = []
    with frozen_clock():
        accesses.tell(calls.append, with_those_under_way=True)

    assert calls == [[(key_of(ONE), 10.0, START)]]


def test_notes_are_thinned_while_the_store_is_down(monkeypatch):
    """While the store cannot be told, the latest note of each id is kept: an outage does not fill the memory."""
    monkeypatch.setattr("httpsession.core.accesses.MAX_UNTOLD", 10)
    accesses = Accesses()
    accesses.ended.extend(([one], float(at), at + 0.5) for at in range(10) for one in (ONE, TWO))

    def fail(latest):
        raise StoreError("the store is down")

    with pytest.raises(StoreError):
        accesses.tell(fail)
    assert list(accesses.ended) == [([ONE], 9.0, 9.5), ([TWO], 9.0, 9.5)]


def test_notes_of_any_number_of_clients_are_bounded(monkeypatch):
    """While the store is down, clients that make up ids fill neither the notes nor the arrivals."""
    monkeypatch.setattr("httpsession.core.accesses.MAX_UNTOLD", 10)
    accesses = Accesses()

    def fail(latest):
        raise StoreError("the store is down")

    for number in range(100):
        accesses.ended.append(([f"{number:032X}"], float(number), number + 0.5))
        accesses.latest[f"{number:032X}"] = float(number)
    for _ in range(2):
        with pytest.raises(StoreError):
            accesses.tell(fail, with_those_under_way=True)
    assert len(accesses.ended) <= 10
    assert accesses.latest == {}


def test_what_is_under_way_at_a_fork():
    """Requests under way at a fork are the parent's: the child tells the store nothing of them."""
    accesses = Accesses()
    accesses.under_way[UnderWay(10.0, ONE)] = None
    accesses.ended.append(([TWO], 10.0, 11.0))
    accesses.reset_after_fork()

    assert accesses.in_use() == {}


def test_what_comes_meanwhile_is_told_later():
    """A request that ends while the store is being told is in the next batch."""
    accesses = Accesses()
    accesses.ended.append(([ONE], 10.0, 11.0))
    accesses.tell(lambda latest: accesses.ended.append(([TWO], 12.0, 13.0)))

    assert told(accesses) == [[(key_of(TWO), 12.0, 13.0)]]


def test_who_comes_while_the_store_is_told_waits():
    """A reader waits for a thread that is telling the store, and goes on when the store has been told."""
    accesses = Accesses()
    accesses.ended.append(([ONE], 10.0, 11.0))
    telling, go_on, order = Event(), Event(), []

    def slowly(latest):
        telling.set()
        go_on.wait(10)
        order.append("told")

    first = Thread(target=accesses.tell, args=(slowly,))
    first.start()
    assert telling.wait(10)
    assert accesses.ended, "who looked now would think that everything has been told"
    second = Thread(target=lambda: (accesses.tell(slowly), order.append("second")))
    second.start()
    go_on.set()
    for thread in (first, second):
        thread.join(10)

    assert order == ["told", "second"]
