"""The context that all sessions of one application share, and protocols for the callers above the core.

The core is below the listeners and the manager, and imports neither. It calls them by these protocols.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from ..codec import Codec
from ..config.session import SessionConfig
from ..record import Handled, SessionInfo, SessionRecord, SessionStats
from .accesses import Accesses
from .bindings import BindingAudience
from .counts import Counts
from .outage import Outage

S = TypeVar("S", contravariant=True)
Record = TypeVar("Record", bound=SessionRecord)


class Audience(BindingAudience[S], Protocol[S]):
    """The receiver of all that happens to sessions *S*. It knows the listeners and makes their events.

    :class:`httpsession.events.Listeners` is the one that notifies. A :class:`.Silence` takes its place in a request
    whose changes reach no session. The thread that makes a change calls the method, so what a listener raises goes to
    that thread's application (S109).
    """

    @property
    def activatable(self) -> type:
        """The kind of attribute values that are notified of being serialised and deserialised."""

    def session_created(self, session: S, /) -> None:
        """Notify of a new session, once its request can use it (S95)."""

    def session_destroyed(self, session: S, /) -> None:
        """Notify of the end of a session while its attributes can still be read (S57)."""

    def session_id_changed(self, session: S, old_id: str, /) -> None:
        """Notify of a change of the id, when the session has the new one already (S105)."""

    def will_passivate(self, session: S, value: Any, /) -> None:
        """Notify *value*, if it listens, before it is encoded for a shared store (S106)."""

    def did_activate(self, session: S, value: Any, /) -> bool:
        """Notify *value*, if it listens, that it was decoded (S107); return whether it listens."""


class ServletContext(Protocol):
    """The application that a session belongs to (Servlet 6.1, ``getServletContext``): its SessionManager.

    Sessions hand it to applications as ``servlet_context``. The core itself calls none of these methods.
    """

    @property
    def config(self) -> SessionConfig: ...
    def stats(self) -> SessionStats: ...
    def sessions_of(self, principal: str, *, current: Handled | None = None) -> tuple[SessionInfo, ...]: ...
    def invalidate(self, handle: str, *, principal: str | None = None) -> bool: ...
    def invalidate_all(self, principal: str, *, except_: Handled | None = None) -> int: ...


@dataclass(slots=True)
class Context(Generic[S]):
    """The parts that all sessions *S* of one application share. It lives as long as the manager.

    No field is replaced after the start. The parts that change guard themselves, since all threads use them.
    """

    application: ServletContext
    config: SessionConfig
    #: Decides which attributes can be stored; None accepts any.
    codec: Codec | None
    audience: Audience[S]
    accesses: Accesses
    counts: Counts = field(default_factory=Counts)
    outage: Outage = field(default_factory=Outage)

    def now(self) -> float:
        """Return the time of the sessions, in seconds since the epoch."""
        return self.accesses.clock.now()

    def new_record(self, kind: type[Record], key: bytes) -> Record:
        """Return the record of a session that begins now, as the configuration has it."""
        config = self.config
        return kind.created(
            key, self.now(), config.max_inactive_interval, config.max_lifetime, config.newcomer_interval
        )
