"""Requests that advance one call of the store at a time, and all orders of these calls."""

from __future__ import annotations

import threading
from functools import wraps

from tests.support.waiting import PATIENCE

#: What requests and the background thread call; each is one step.
VERBS = "create", "load", "peek", "save", "remove", "expire", "touch"

_current = threading.local()


class Actor:
    """Something that is done in a thread of its own, and stands still before each call of a stepped store."""

    def __init__(self, act):
        self.answer = self.error = None
        self.is_done = False
        self._may_go, self._has_stopped = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, args=(act,), daemon=True).start()
        self._wait()

    def _run(self, act):
        _current.actor = self
        try:
            self.answer = act()
        except BaseException as error:
            self.error = error
        self.is_done = True
        self._has_stopped.release()

    def _wait(self):
        assert self._has_stopped.acquire(timeout=PATIENCE), "the actor waits for another one, which stands still"
        if self.error is not None:
            raise self.error

    def stand_still(self):
        """Wait until the next step, in the actor's own thread."""
        self._has_stopped.release()
        self._may_go.acquire()

    def step(self):
        """Run the next call of the store, and return before the one after it, or at the end."""
        self._may_go.release()
        self._wait()

    def finish(self):
        """Run to the end, and return the answer."""
        while not self.is_done:
            self.step()
        return self.answer


def stand_still():
    """Make the actor of this thread wait for its next step; other threads have no actor, and do not wait."""
    actor = getattr(_current, "actor", None)
    if actor is not None:
        actor.stand_still()


def make_stepped(store):
    """Make actors stand still before each call of a store."""
    for verb in VERBS:
        setattr(store, verb, _stepped(getattr(store, verb)))


def _stepped(method):
    @wraps(method)
    def call(*arguments):
        stand_still()
        return method(*arguments)

    return call


def all_orders(begin):
    """Run the actors that *begin* returns, anew each time, in all orders of their steps; yield after each order the
    actors and the order."""
    # At each step, which of those that were not done went on, and how many those were.
    path = []
    while True:
        actors, order = begin(), []
        while waiting := [number for number, actor in enumerate(actors) if not actor.is_done]:
            if len(order) == len(path):
                path.append((0, len(waiting)))
            order.append(waiting[path[len(order)][0]])
            actors[order[-1]].step()
        yield actors, order
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return
        chosen, number = path.pop()
        path.append((chosen + 1, number))
