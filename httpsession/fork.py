"""What must begin anew in the child of a fork: there no thread lives on but one, and locks stay as others held them."""

from __future__ import annotations

import os
from itertools import count
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary


class Forked(Protocol):
    """What a fork leaves in a state that its child cannot use."""

    def start_anew(self) -> None:
        """Be usable in the child."""


@runtime_checkable
class Prepared(Forked, Protocol):
    """What must not be in use while the process forks."""

    def prepare_to_fork(self) -> None:
        """Finish what is under way, wait for no longer than an operation may take, and begin nothing until after it."""

    def resume(self) -> None:
        """Go on in the parent, whether there was a child or not."""


#: In the order in which they were registered.
_registered: WeakValueDictionary[int, Forked] = WeakValueDictionary()
_numbers = count()


def register(forked: Forked) -> None:
    """Have an object start anew in the child of every fork, after those that were registered before it.

    One that is :class:`Prepared` is told before the fork, too, and in the parent after it.
    """
    _registered[next(_numbers)] = forked


def _start_anew() -> None:
    for forked in list(_registered.values()):
        forked.start_anew()


def _prepare() -> None:
    for forked in reversed(list(_registered.values())):
        if isinstance(forked, Prepared):
            forked.prepare_to_fork()


def _resume() -> None:
    for forked in list(_registered.values()):
        if isinstance(forked, Prepared):
            forked.resume()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_prepare, after_in_parent=_resume, after_in_child=_start_anew)
