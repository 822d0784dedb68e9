"""What must begin anew in the child of a fork: there no thread lives on but one, and locks stay as others held them."""

from __future__ import annotations

import os
from itertools import count
from typing import Protocol
from weakref import WeakValueDictionary


class Forked(Protocol):
    """What a fork leaves in a state that its child cannot use."""

    def start_anew(self) -> None:
        """Be usable in the child."""


#: In the order in which they were registered.
_registered: WeakValueDictionary[int, Forked] = WeakValueDictionary()
_numbers = count()


def register(forked: Forked) -> None:
    """Have an object start anew in the child of every fork, after those that were registered before it."""
    _registered[next(_numbers)] = forked


def _start_anew() -> None:
    for forked in list(_registered.values()):
        forked.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
