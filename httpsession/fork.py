"""Fork safety: only the forking thread survives in the child, where locks may stay held for ever.

A process notices by its id that it is a child: each request looks, and so does each use from outside of requests.
The hooks of :func:`os.register_at_fork` only help. A server that forks in C, such as uWSGI, does not run them.
"""

from __future__ import annotations

import logging
import os
import threading
from itertools import count
from typing import Final, Protocol, runtime_checkable
from weakref import WeakValueDictionary

_log = logging.getLogger("httpsession")


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


#: The process to which the registered objects belong. Frequent callers compare it themselves before :func:`check`.
process_id: int = os.getpid()
#: The process in which a thread is resetting the objects now; zero if there is none.
_resetting_in: int = 0
#: The lock of each process. A thread of the parent may have held the parent's lock when the process forked.
_guards: Final[dict[int, threading.RLock]] = {}
#: In the order of registration.
_registered: WeakValueDictionary[int, ResetAfterFork] = WeakValueDictionary()
_numbers = count()


def register(owner: ResetAfterFork) -> None:
    """Register an object to be reset in the child of every fork, in the order of registration.

    If it is :class:`PreparedForFork`, a hook also calls it before the fork, and after it in the parent.
    """
    check()
    _registered[next(_numbers)] = owner


def check() -> None:
    """Reset the registered objects if they belong to the parent. Other threads of the child wait until that is done.

    A fork that ran the hooks has reset them already.
    """
    if os.getpid() != process_id:
        _reset()


def is_unnoticed() -> bool:
    """Return whether this process is the child of a fork, and no thread has reset the registered objects yet."""
    return os.getpid() != process_id


def _reset() -> None:
    global process_id, _resetting_in
    own_id = os.getpid()
    with _guards.setdefault(own_id, threading.RLock()):
        # An object that is being reset may look again.
        if own_id in (process_id, _resetting_in):
            return
        _resetting_in = own_id
        try:
            for owner in _owners():
                _reset_one(owner)
        finally:
            _resetting_in = 0
        process_id = own_id


def _reset_one(owner: ResetAfterFork) -> None:
    """Reset an object. If that fails, the other objects must not stay the parent's."""
    try:
        owner.reset_after_fork()
    except Exception:
        _log.exception("A %s was not reset completely after a fork.", type(owner).__name__)


def _owners() -> list[ResetAfterFork]:
    # The references are listed in one step, while other threads may register objects.
    return [owner for reference in _registered.valuerefs() if (owner := reference()) is not None]


def _reset_in_child() -> None:
    global process_id, _resetting_in
    process_id = _resetting_in = 0
    _guards.clear()
    _reset()


def _before() -> None:
    check()
    for owner in reversed(_owners()):
        if isinstance(owner, PreparedForFork):
            owner.before_fork()


def _after_in_parent() -> None:
    for owner in _owners():
        if isinstance(owner, PreparedForFork):
            owner.after_fork_in_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_reset_in_child)
