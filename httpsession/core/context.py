"""The context that all sessions of one application share, and protocols for the callers above the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from ..codec import Codec
from ..config.session import SessionConfig
from ..record import Handled, SessionInfo, SessionStats
from .accesses import Accesses
from .bindings import BindingAudience
from .counts import Counts

S = TypeVar("S", contravariant=True)


class Audience(BindingAudience[S], Protocol[S]):
    """The receiver of all that happens to sessions *S*. It knows the listeners and makes their events."""

    @property
    def activatable(self) -> type:
        """The kind of attribute values that are notified of being serialised and deserialised."""

    def session_created(self, session: S, /) -> None: ...
    def session_destroyed(self, session: S, /) -> None: ...
    def session_id_changed(self, session: S, old_id: str, /) -> None: ...
    def will_passivate(self, session: S, value: Any, /) -> None: ...
    def did_activate(self, session: S, value: Any, /) -> bool: ...


class ServletContext(Protocol):
    """The application that a session belongs to (Servlet 6.1, ``getServletContext``): its SessionManager."""

    @property
    def config(self) -> SessionConfig: ...
    def stats(self) -> SessionStats: ...
    def sessions_of(self, principal: str) -> tuple[SessionInfo, ...]: ...
    def invalidate(self, handle: str) -> bool: ...
    def invalidate_all(self, principal: str, *, except_: Handled | None = None) -> int: ...


@dataclass(slots=True)
class Context(Generic[S]):
    """The parts that all sessions *S* of one application share."""

    application: ServletContext
    config: SessionConfig
    #: Decides which attributes can be stored; None accepts any.
    codec: Codec | None
    audience: Audience[S]
    accesses: Accesses
    counts: Counts = field(default_factory=Counts)
