"""SessionManager: the face of an application's sessions, for their administration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from . import audit, fork
from .codec import Codec
from .config import SessionConfig, SessionCookieConfig
from .config.keys import read_keys
from .core.accesses import Accesses
from .core.collection import Sessions
from .core.context import Context
from .core.live import LiveSessions
from .core.session import Session
from .core.shared import SharedSessions
from .core.users import Users
from .errors import ConfigError, NotCopied, kind_of, shown
from .events import Listener, Listeners
from .ids import HANDLE_DIGITS
from .record import MAX_VALUE, Handled, SessionInfo, SessionStats, check_principal
from .session import HttpSession, core_of
from .stores import AnyStore, open_store

if TYPE_CHECKING:
    from .codec.sealed import Sealing

_HANDLE: Final = re.compile(f"[0-9a-f]{{{HANDLE_DIGITS}}}")
#: The end of the times that are accepted, in seconds since the epoch: the year 318,857.
_END_OF_TIME: Final = 1e13


class SessionManager(NotCopied):
    """The sessions of one application: its servlet context, beyond which no session reaches (Servlet 6.1, 7.3).

    It is a context manager: leaving the ``with`` statement closes it. It cannot be copied or pickled.
    """

    _instead = "make a SessionManager in each process, with the URL of its store; its config can be copied and pickled"

    def __init__(
        self,
        store: AnyStore | str | None = None,
        *,
        config: SessionConfig | None = None,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """Open *store*, or the store that its URL names; None keeps the sessions in memory.

        Raises:
            ConfigError: *store* is no store and no URL of one, *config* no SessionConfig, or the configured types
                cannot be stored. The message says what was meant, and shows nothing that may be a password.
            StoreError: the store cannot be opened.
            ValueError: one of *listeners* is no listener.
        """
        config = SessionConfig() if config is None else check_config(config)
        #: The configuration of the sessions.
        self.config: SessionConfig = config
        for weakness in config.weaknesses():
            audit.warn(f"{weakness}.")
        self._sessions: Sessions[Session, Any] = self._open(store, Listeners(listeners))
        self._is_closed: bool = False

    def _open(self, store: AnyStore | str | None, listeners: Listeners) -> Sessions[Session, Any]:
        """Open the store and choose the kind of its sessions: live or shared."""
        config, opened = self.config, open_store("memory://" if store is None else store)
        if opened.is_shared:
            codec, sealing = _shared_codec(config)
            context = Context(self, config, codec, listeners, Accesses(keeps_latest=True))
            return SharedSessions(context, opened, codec, sealing)
        live_codec = Codec(config.types, max_bytes=config.max_attribute_bytes) if config.distributable else None
        return LiveSessions(Context(self, config, live_codec, listeners, Accesses(keeps_latest=False)), opened)

    def _in_use(self) -> Sessions[Session, Any]:
        """Return the sessions, for a use from outside of requests: in a forked child they are reset first."""
        fork.check()
        if self._is_closed:
            self._sessions.check_open()
        return self._sessions

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def sweep(self, now: float | None = None) -> int:
        """Remove the sessions that have expired by *now*, and return their number.

        *now* is in seconds since the epoch; None is the present. The background thread sweeps every ``sweep_interval``
        seconds. Exceptions of listeners are logged.

        Raises:
            ValueError: *now* is no finite number.
        """
        if now is not None and (
            not isinstance(now, int | float) or isinstance(now, bool) or not abs(now) < _END_OF_TIME
        ):
            raise ValueError(
                f"now is {shown(now)}, but must be None or seconds since the epoch, such as time.time(), "
                "or the timestamp() of a datetime"
            )
        # A subclass, such as numpy's, may have another representation than Redis reads.
        return self._in_use().sweep(None if now is None else float(now))

    def stats(self) -> SessionStats:
        """Return how many sessions there are, and how many began and ended since the manager was made."""
        return self._in_use().stats()

    def sessions_of(self, principal: str, *, current: Handled | None = None) -> tuple[SessionInfo, ...]:
        """Return the sessions in which *principal* is logged in, the oldest first.

        *current* is the session of the request that asks, or a SessionInfo of it: that one alone has a true
        :attr:`SessionInfo.is_current`.

        Raises:
            ValueError: *principal* is no text, empty, or longer than 1,024 bytes in UTF-8, or *current* no session.
        """
        principal = check_principal(principal)
        named, users = _named(current, "current"), Users(self._in_use())
        own = None if named is None else users.find(principal, named)
        hints = self.config.client_hints
        records = users.records_of(principal)
        return tuple(record.info(is_current=record.key == own, hints=hints) for record in records)

    def invalidate(self, handle: str, *, principal: str | None = None) -> bool:
        """Invalidate the session with this handle (:attr:`SessionInfo.handle`); False if there is none.

        A page for users passes *principal*, the user whom it serves: a session in which another user is logged in, or
        none, then stays, and the result is False. Without *principal*, for administrators, all sessions are searched
        for the handle.

        An exception of a listener goes to the caller; the session has ended all the same.

        Raises:
            ValueError: *handle* is no text, or *principal* is neither None nor a principal.
        """
        _check_handle(handle)
        if principal is not None:
            principal = check_principal(principal)
        return Users(self._in_use()).end(handle, principal)

    def invalidate_all(self, principal: str, *, except_: Handled | None = None) -> int:
        """Invalidate the sessions in which *principal* is logged in, but *except_*; return their number.

        All are invalidated, also if listeners raise. The first exception then goes to the caller.

        Raises:
            ValueError: *principal* is no text, empty, or longer than 1,024 bytes in UTF-8, or *except_* no session; no
                session has been invalidated.
        """
        principal, spared = check_principal(principal), _named(except_, "except_")
        return Users(self._in_use()).end_all(principal, spared)

    def close(self) -> None:
        """Stop the background thread and close the store.

        Sessions in memory are invalidated, since they are lost with the process (Servlet 6.1, 11.3.4). A shared store
        gets the latest accesses, and keeps its sessions.

        From then on requests that ask for a session, and all methods of the manager, raise :class:`IllegalStateError`;
        other requests pass. Listeners that hear of the end of a session in memory may still use the manager. A second
        call does nothing.
        """
        if not self._sessions.is_closed:
            try:
                self._sessions.close()
            finally:
                self._is_closed = True


def _shared_codec(config: SessionConfig) -> tuple[Codec, Sealing | None]:
    """Return the codec for a shared store, and what encrypts its encodings if there are keys.

    Raises:
        ConfigError: there are keys, and the package that encrypts is not installed.
    """
    if not config.encryption_keys:
        return Codec(config.types, max_bytes=config.max_attribute_bytes), None
    try:
        from .codec.sealed import OVERHEAD, Sealing
    except ImportError:
        what = "SessionConfig.encryption_keys needs the package cryptography"
        raise ConfigError(f"{what}: pip install httpsession[crypto]") from None
    codec = Codec(config.types, max_bytes=min(config.max_attribute_bytes, MAX_VALUE - OVERHEAD))
    return codec, Sealing(read_keys(config.encryption_keys), codec)


def check_config(config: object) -> SessionConfig:
    """Return *config*.

    Raises:
        ConfigError: it is no SessionConfig. The message does not show it: it may hold passwords.
    """
    if isinstance(config, SessionConfig):
        return config
    remedies = {
        str: "the URL of a store is the first argument, store",
        dict: "make it by SessionConfig.from_mapping()",
        SessionCookieConfig: "give it as SessionConfig(cookie=...)",
    }
    remedy = "did you mean SessionConfig()?" if config is SessionConfig else remedies.get(type(config), "")
    what = shown(config) if isinstance(config, type | int | float) else kind_of(config)
    raise ConfigError(f"config is {what}, but must be a SessionConfig" + (f"; {remedy}" if remedy else ""))


def _check_handle(handle: object) -> None:
    if not isinstance(handle, str):
        raise ValueError(f"a handle is text, not {shown(handle)}: pass session.handle or SessionInfo.handle")


def _named(session: Handled | None, argument: str) -> Session | str | None:
    """Return the hold of an HttpSession, or the handle of another object; None for None."""
    if session is None:
        return None
    if isinstance(session, HttpSession):
        return core_of(session)
    handle = getattr(session, "handle", None)
    if not isinstance(handle, str) or not _HANDLE.fullmatch(handle):
        raise ValueError(f"{argument} is {shown(session)}, but must be an HttpSession or a SessionInfo")
    return handle


def sessions_behind(manager: SessionManager) -> Sessions[Session, Any]:
    """Return the core behind the manager, for this package alone."""
    return manager._sessions
