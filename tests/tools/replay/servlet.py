"""The servlet of the recordings as a WSGI application: it runs the operations of a request, one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

from freezegun.api import FrozenDateTimeFactory

from httpsession import (
    IllegalStateError,
    SessionManager,
    SessionMiddleware,
    request_session,
)

from .contexts import make_manager
from .events import LOG, Binding, Listener, UnsupportedOperationError, shown

#: Seconds: how long a request waits for another one at most.
PATIENCE = 10


class ServletError(Exception):
    """The servlet throws out of its service method."""


class Meeting:
    """Where requests of a scenario wait for one another."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._arrived: dict[str, int] = {}

    def wait(self, label: str, number: int) -> None:
        with self._condition:
            self._arrived[label] = self._arrived.get(label, 0) + 1
            self._condition.notify_all()
            assert self._condition.wait_for(lambda: self._arrived[label] >= number, PATIENCE), label


class Stage:
    """The state that the requests of a scenario share."""

    def __init__(self, clock: FrozenDateTimeFactory, binding: type[Binding]) -> None:
        self.clock = clock
        self._binding = binding
        self.log = LOG
        self.held: dict[str, Any] = {}
        self.meeting = Meeting()
        self._bindings: dict[tuple[str, str], Binding] = {}
        #: While requests run at the same time the clock must not: each then sleeps in earnest.
        self.is_parallel = False

    def value(self, config: str, given: Any) -> Any:
        """Return the value that a recording writes as *given*."""
        if not isinstance(given, dict):
            return given
        label = (config, given["binding"])
        if label not in self._bindings:
            self._bindings[label] = self._binding(given["binding"], given.get("key"), given.get("fail"))
        return self._bindings[label]

    def sleep(self, milliseconds: int) -> None:
        if self.is_parallel:
            time.sleep(milliseconds / 1000)
        self.clock.tick(milliseconds / 1000)


class Context(Protocol):
    """A WSGI application with its sessions."""

    @property
    def manager(self) -> SessionManager: ...

    def __call__(self, environ: Any, start_response: Any, /) -> Any: ...


class Native:
    """The operations of the recordings, in this package's own names."""

    #: The classes of listeners and of values that hear of being bound.
    LISTENER: ClassVar[type[Listener]] = Listener
    BINDING: ClassVar[type[Binding]] = Binding
    #: Declared differences that this way to ask does not show.
    NOT_SHOWN: ClassVar[frozenset[str]] = frozenset()

    REQUEST: ClassVar[dict[str, Callable[..., Any]]] = {
        "changeSessionId": lambda request: request.change_session_id(),
        "getRequestedSessionId": lambda request: request.requested_session_id,
        "isRequestedSessionIdValid": lambda request: request.is_requested_session_id_valid,
        "isRequestedSessionIdFromCookie": lambda request: request.is_requested_session_id_from_cookie,
        "isRequestedSessionIdFromURL": lambda request: request.is_requested_session_id_from_url,
        "encodeURL": lambda request, url: request.encode_url(url),
        "encodeRedirectURL": lambda request, url: request.encode_redirect_url(url),
        "isCommitted": lambda request: request.is_committed,
    }
    SESSION: ClassVar[dict[str, Callable[..., Any]]] = {
        "getId": lambda session: session.id,
        "isNew": lambda session: session.is_new,
        "getMaxInactiveInterval": lambda session: session.max_inactive_interval,
        "setMaxInactiveInterval": lambda session, seconds: setattr(session, "max_inactive_interval", seconds),
        "invalidate": lambda session: session.invalidate(),
        "getAttribute": lambda session, name: session.get_attribute(name),
        "setAttribute": lambda session, name, value: session.set_attribute(name, value),
        "removeAttribute": lambda session, name: session.remove_attribute(name),
        "getAttributeNames": lambda session: session.attribute_names,
        "getCreationTime": lambda session: session.creation_time,
        "getLastAccessedTime": lambda session: session.last_accessed_time,
    }

    def __init__(self, environ: dict[str, Any]) -> None:
        self._request = request_session(environ)

    @staticmethod
    def context(application: Any, name: str, recorded: dict[str, Any], listeners: list[Any], store: str) -> Context:
        """Return *application* with sessions, configured as the container was."""
        return SessionMiddleware(application, make_manager(name, recorded, listeners, store))

    def get_session(self, create: bool = True) -> Any:
        return self._request.get_session(create)

    def on_request(self, name: str, *arguments: Any) -> Any:
        return self.REQUEST[name](self._request, *arguments)

    def on_session(self, session: Any, name: str, *arguments: Any) -> Any:
        return self.SESSION[name](session, *arguments)

    def is_own_context(self, session: Any) -> bool:
        return session.servlet_context is self._request.servlet_context

    def tracking_modes(self) -> list[str]:
        return sorted(mode.name for mode in self._request.servlet_context.config.tracking_modes)

    def cookie_config(self) -> dict[str, Any]:
        cookie = self._request.servlet_context.config.cookie
        return {
            "domain": cookie.domain,
            "httpOnly": cookie.http_only,
            "maxAge": cookie.max_age,
            "name": cookie.name,
            "path": cookie.path,
            "secure": cookie.secure is True,
        }


#: Operations whose result is no value.
_VOID = {
    *("setMaxInactiveInterval", "invalidate", "setAttribute", "removeAttribute"),
    *("sendRedirect", "sendError", "flushBuffer", "reset", "resetBuffer", "sleep", "await", "hold"),
}


class Script:
    """The operations of one request, as they are run."""

    def __init__(self, stage: Stage, config: str, ops: list[list[Any]], looks_first: bool, api: type[Native]) -> None:
        self.results: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._stage = stage
        self._config = config
        self.ops = ops
        self._looks_first = looks_first
        self._api_type = api
        self._session: Any = None
        self.status = "200 OK"
        self.location: str | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        """Run the script as the application. A failure is answered by an error page, as containers do."""
        self._environ = environ
        self._api = self._api_type(environ)
        self._stage.log.begin(self.events)
        if self._looks_first:
            self._api.get_session(False)
        try:
            for number, op in enumerate(self.ops):
                self._stage.log.at(number)
                self.results.append(self._run(*op))
                if self._goes_out(op[0]):
                    headers = [("Content-Type", "text/plain")]
                    if self.location is not None:
                        headers.append(("Location", self.location))
                    start_response(self.status, headers)
                    yield b"committed"
        except ServletError:
            self.status = "500 Internal Server Error"
        if not self._api.on_request("isCommitted"):
            start_response(self.status, [("Content-Type", "text/plain")])
            yield b"done"
        self._stage.log.at(None)

    def _goes_out(self, name: str) -> bool:
        """Whether the operation sent the headers out."""
        committing = ("flushBuffer", "sendRedirect", "sendError")
        return name in committing and "void" in self.results[-1] and not self._api.on_request("isCommitted")

    def _run(self, name: str, *arguments: Any) -> dict[str, Any]:
        if name == "fail":
            raise ServletError
        try:
            if hasattr(self, f"_{name}"):
                value = getattr(self, f"_{name}")(*arguments)
            elif name in self._api.REQUEST:
                value = self._api.on_request(name, *arguments)
            elif self._session is None:
                return {"skipped": "no session"}
            elif hasattr(self, f"_session_{name}"):
                value = getattr(self, f"_session_{name}")(*arguments)
            else:
                value = self._api.on_session(self._session, name, *arguments)
        except IllegalStateError:
            return {"throws": "IllegalStateException"}
        except ValueError:
            return {"throws": "IllegalArgumentException"}
        except UnsupportedOperationError:
            return {"throws": "UnsupportedOperationException"}
        return {"void": True} if name in _VOID else {"returns": shown(value)}

    def _getSession(self, *create: bool) -> Any:
        session = self._api.get_session(*create)
        self._session = session
        return None if session is None else self._api.on_session(session, "getId")

    def _use(self, label: str) -> bool:
        self._session = self._stage.held.get(label)
        return self._session is not None

    def _sleep(self, milliseconds: int) -> None:
        self._stage.sleep(milliseconds)

    def _await(self, label: str, number: int) -> None:
        self._stage.meeting.wait(label, number)

    def _sendRedirect(self, url: str) -> None:
        self._check_not_committed()
        self.status, self.location = "302 Found", url

    def _sendError(self, status: int) -> None:
        self._check_not_committed()
        self.status = f"{status} Error"

    def _check_not_committed(self) -> None:
        if self._api.on_request("isCommitted"):
            raise IllegalStateError

    def _flushBuffer(self) -> None:
        pass

    def _reset(self) -> None:
        self._check_not_committed()

    def _resetBuffer(self) -> None:
        self._check_not_committed()

    def _getRequestURI(self) -> str:
        uri: str = self._environ["RAW_URI"].partition("?")[0]
        return uri

    def _getPathInfo(self) -> str | None:
        return self._environ["PATH_INFO"].removeprefix("/op") or None

    def _getEffectiveSessionTrackingModes(self) -> list[str]:
        return self._api.tracking_modes()

    def _getSessionCookieConfig(self) -> dict[str, Any]:
        return self._api.cookie_config()

    def _session_setAttribute(self, name: str | None, value: Any) -> None:
        self._api.on_session(self._session, "setAttribute", name, self._stage.value(self._config, value))

    def _session_getAttributeNames(self) -> list[str]:
        return sorted(self._api.on_session(self._session, "getAttributeNames"))

    def _session_getServletContext(self) -> bool:
        return self._api.is_own_context(self._session)

    def _times(self) -> tuple[float, float]:
        session, ask = self._session, self._api.on_session
        return ask(session, "getCreationTime"), ask(session, "getLastAccessedTime")

    def _session_timesEqual(self) -> bool:
        created, accessed = self._times()
        return created == accessed

    def _session_timesOrdered(self) -> bool:
        created, accessed = self._times()
        return created <= accessed <= time.time()

    def _session_getCreationTime(self) -> dict[str, float]:
        return {"time": self._times()[0]}

    def _session_getLastAccessedTime(self) -> dict[str, float]:
        return {"time": self._times()[1]}

    def _session_idShape(self) -> int:
        return len(self._api.on_session(self._session, "getId"))

    def _session_increment(self, name: str, times: int) -> int:
        value = 0
        for _ in range(times):
            value = (self._api.on_session(self._session, "getAttribute", name) or 0) + 1
            self._api.on_session(self._session, "setAttribute", name, value)
        return value

    def _session_hold(self, label: str) -> None:
        self._stage.held[label] = self._session

    def _session_equalsHeld(self, label: str) -> bool:
        return bool(self._session == self._stage.held.get(label))
