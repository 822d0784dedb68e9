"""ServletContext: a WSGI application with its sessions, set up step by step until its first request."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from .. import fork
from ..config import SessionConfig, SessionTrackingMode
from ..config.fields import MAX_INTERVAL, is_whole
from ..core.context import ServletContext as NativeServletContext
from ..errors import shown
from ..events import Listener, Listeners
from ..manager import SessionManager, check_config
from ..middleware import SessionMiddleware, check_application
from ..stores import AnyStore, open_store
from .cookie import SessionCookieConfig
from .errors import IllegalArgumentException, IllegalStateException, Translated, translated

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Contexts:
    """The initialised contexts, by the identity of their managers, and the lock for their initialisation."""

    def __init__(self) -> None:
        self.by_manager: WeakValueDictionary[int, ServletContext] = WeakValueDictionary()
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Replace the lock, which another thread may have held when the process forked."""
        self._initialising: threading.Lock = threading.Lock()

    def locked(self) -> threading.Lock:
        """Return the lock."""
        fork.check()
        return self._initialising


_contexts = _Contexts()


class ServletContext(Translated):
    """A WSGI application with sessions, around an application that uses them (Servlet 6.1, ``ServletContext``, 7.3).

    The first request initialises it; from then on all setters raise IllegalStateException. *config* stands for the
    deployment descriptor: it has the settings for which the Servlet API has no setter.
    """

    def __init__(
        self,
        app: WSGIApplication,
        store: AnyStore | str | None = None,
        *,
        config: SessionConfig | None = None,
    ) -> None:
        """Wrap *app*. Its sessions are kept in *store*, a store or its URL; without it, in memory.

        Raises:
            IllegalArgumentException: *app* is no WSGI application, *store* no store, or *config* no SessionConfig.
        """
        try:
            check_application(app)
        except TypeError as error:
            raise IllegalArgumentException(str(error)) from None
        self._app: WSGIApplication = app
        self._store: AnyStore = open_store("memory://" if store is None else store)
        self._config: SessionConfig = SessionConfig() if config is None else check_config(config)
        self._default_modes = self._config.tracking_modes
        self._cookie = SessionCookieConfig(self._check_not_initialised, self._config.cookie)
        self._listeners: list[Listener] = []
        self._middleware: SessionMiddleware | None = None

    @classmethod
    def _of(cls, manager: NativeServletContext) -> ServletContext:
        """Return the context of *manager*; a view, if the manager was made without a context."""
        if not isinstance(manager, SessionManager):
            raise TypeError(f"the context of a session is its SessionManager, not {shown(manager)}")
        with _contexts.locked():
            context = _contexts.by_manager.get(id(manager))
            if context is None:
                context = cls(_no_application, config=manager.config)
                context._begin(manager)
            return context

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; the first request initialises the context."""
        return self._initialised()(environ, start_response)

    @property
    def manager(self) -> SessionManager:
        """The native manager, for what the Servlet API does not offer. Reading it initialises the context."""
        return self._initialised().manager

    def close(self) -> None:
        """Destroy the context, as a container does when it stops; this invalidates sessions in memory (11.3.4)."""
        if self._middleware is not None:
            self._middleware.manager.close()

    def getSessionCookieConfig(self) -> SessionCookieConfig:
        """Return the configuration of the session cookie, always the same object (S71)."""
        return self._cookie

    def setSessionTrackingModes(self, modes: Iterable[SessionTrackingMode]) -> None:
        """Set how clients carry the session id, in place of the modes set before.

        Raises:
            IllegalArgumentException: *modes* is empty, or has SSL in it, which WSGI does not offer.
            IllegalStateException: the context is initialised.
        """
        self._check_not_initialised()
        self._config = replace(self._config, tracking_modes=modes)

    def getDefaultSessionTrackingModes(self) -> set[SessionTrackingMode]:
        """Return how clients carry the id by default: COOKIE. Each call returns a new set."""
        return {SessionTrackingMode(mode) for mode in self._default_modes}

    def getEffectiveSessionTrackingModes(self) -> set[SessionTrackingMode]:
        """Return how clients carry the id: as set, or the default. Each call returns a new set."""
        return {SessionTrackingMode(mode) for mode in self._config.tracking_modes}

    def getSessionTimeout(self) -> int:
        """Return the timeout of new sessions in minutes, rounded up; zero or less: never."""
        return -(-self._config.max_inactive_interval // 60)

    def setSessionTimeout(self, minutes: int) -> None:
        """Set the timeout of new sessions in minutes; zero or less: never. Sessions that exist keep theirs (S70).

        Raises:
            IllegalArgumentException: *minutes* is no whole number, or more than 68 years.
            IllegalStateException: the context is initialised.
        """
        self._check_not_initialised()
        most = MAX_INTERVAL // 60
        if not is_whole(minutes) or minutes > most:
            allowed = f"a whole number of minutes, at most {most} (zero or less: never)"
            raise IllegalArgumentException(f"the timeout is {shown(minutes)}, but must be {allowed}")
        self._config = replace(self._config, max_inactive_interval=max(minutes, -1) * 60)

    def addListener(self, listener: Listener | type[Listener]) -> None:
        """Register a listener, or an instance of a class of listeners; native listeners are accepted, too.

        Raises:
            IllegalArgumentException: *listener* is of no kind that can be registered.
            IllegalStateException: the context is initialised.
        """
        self._check_not_initialised()
        instance = listener() if isinstance(listener, type) and issubclass(listener, Listener) else listener
        Listeners([instance])  # which refuses objects of no such kind
        self._listeners.append(instance)

    def _check_not_initialised(self) -> None:
        if self._middleware is not None:
            raise IllegalStateException("the context is initialised; this could be set before its first request only")

    def _initialised(self) -> SessionMiddleware:
        return self._middleware or self._initialise()

    @translated
    def _initialise(self) -> SessionMiddleware:
        """Make the manager and the middleware from what was set, once, whatever number of threads call this."""
        with _contexts.locked():
            if self._middleware is not None:
                return self._middleware
            config = replace(self._config, cookie=self._cookie._configured())
            return self._begin(SessionManager(self._store, config=config, listeners=self._listeners))

    def _begin(self, manager: SessionManager) -> SessionMiddleware:
        self._middleware = SessionMiddleware(self._app, manager)
        _contexts.by_manager[id(manager)] = self
        return self._middleware


def _no_application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application of a view of a manager: it refuses all requests."""
    raise IllegalStateException("this context is a view of a SessionManager; requests go to its SessionMiddleware")
