"""Updates of attributes of a shared session by functions, which take effect at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

from ..attributes import ABSENT
from ..errors import StoreError
from ..stores.base import Changes, SessionStore, StoredSession
from . import updates
from .session import Lender, Session
from .snapshot import AttributeSnapshot
from .unsaved import Unsaved


class SharedLender(Lender, Protocol):
    """The part of :class:`.SharedSessions` that updates need."""

    @property
    def store(self) -> SessionStore[StoredSession]: ...
    @property
    def turns(self) -> updates.Turns: ...


class SharedUpdates(Session):
    """The part of a :class:`.SharedSession` that updates attributes: by compare and swap in the store."""

    _sessions: SharedLender
    _unsaved: Unsaved
    attributes: AttributeSnapshot
    #: Whether the store has the session.
    _is_stored: bool
    #: Whether another request has ended the session, or has cut this one off by a login.
    _is_lost: bool = False

    def update(self, name: str, function: Callable[[Any], Any]) -> Any:
        with self._noting_failure():
            is_slow = False
            for attempt in updates.attempts(self.attributes, self.record.key, name):
                with self._sessions.turns.wait() if attempt and not is_slow else nullcontext():
                    began = time.monotonic()
                    if attempt and self._is_stored and not self._unsaved.is_login:
                        self._read_again(name)
                    is_done, new = self._try_update(name, function)
                if is_done:
                    break
                # The function may wait for a thread that waits for its turn.
                is_slow = is_slow or time.monotonic() - began >= updates.PATIENCE
        return new

    def _try_update(self, name: str, function: Callable[[Any], Any]) -> tuple[bool, Any]:
        """Return whether the value was replaced, and the new value; False and None if another request was faster."""
        snapshot = self.attributes
        value, stored = snapshot.get(name), snapshot.stored(name)
        new = updates.call(function, snapshot.copied(name), snapshot, self.record.key, name)
        if snapshot.get(name) is not value:  # the function or another thread of this request has changed it
            return False, None
        self.audience.will_passivate(self, new)
        put, removed = ({}, [name]) if new is None else ({name: snapshot.encode(name, new)}, [])
        if new is not None and (stored is None or len(put[name]) > len(stored)):
            self._check_growth(name, put[name])
        # After a login changes take effect with it, at the commit.
        is_saved = self._is_stored and not self._is_lost and not self._unsaved.is_login
        if is_saved:
            changes = Changes(put=put, removed=removed, expected={name: stored})
            if not self._sessions.store.save(self.record.key, changes, self.context.now()):
                return False, None
        while (old := snapshot.get(name)) is not ABSENT or new is not None:
            if self.replace(name, old, ABSENT if new is None else new):
                break  # if not, another thread of this request was faster
        if new is None:
            snapshot.remove_unreadable(name)
        if is_saved:
            snapshot.mark_saved(put, removed)
            snapshot.mark_unchanged(name)
        return True, new

    def _read_again(self, name: str) -> None:
        """Read one attribute from the store again."""
        stored = self._sessions.store.peek(self.record.key)
        if stored is not None:
            self.attributes.rebase_one(name, stored.attributes.get(name))
        else:
            self._lose()

    def _lose(self) -> None:
        self._is_lost = True
        self.silence("another request has ended it or has logged in")

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self.failures.append(error)
            self.context.outage.fail(error)
            raise
