"""Fork safety: only the forking thread survives in the child, where locks may stay held for ever."""

from __future__ import annotations

import os
from itertools import count
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary


class ResetAfterFork(Protocol):
    """An object that a fork leaves in a state that its child cannot use."""

    def reset_after_fork(self) -> None:
        """Make this object usable in the child."""


@runtime_checkable
class PreparedForFork(ResetAfterFork, Protocol):
    """An object that must not be in use while the process forks."""

    def before_fork(self) -> None:
        """Wait for the operations that have begun, and hold back new ones until after the fork."""

    def after_fork_in_parent(self) -> None:
        """Resume operations in the parent, also if the fork failed."""


#: In the order of registration.
_registered: WeakValueDictionary[int, ResetAfterFork] = WeakValueDictionary()
_numbers = count()


def register(owner: ResetAfterFork) -> None:
    """Register an object to be reset in the child of every fork, in the order of registration.

    If it is :class:`PreparedForFork`, it is also called before the fork, and after it in the parent.
    """
    _registered[next(_numbers)] = owner


def _reset_in_child() -> None:
    for owner in list(_registered.values()):
        owner.reset_after_fork()


def _before() -> None:
    for owner in reversed(list(_registered.values())):
        if isinstance(owner, PreparedForFork):
            owner.before_fork()


def _after_in_parent() -> None:
    for owner in list(_registered.values()):
        if isinstance(owner, PreparedForFork):
            owner.after_fork_in_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_reset_in_child)
