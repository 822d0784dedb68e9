"""RequestSession, the face of an exchange, and the functions that lead from a WSGI environ to its session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from . import logins
from .core.context import ServletContext
from .errors import IllegalStateError, NotCopied, kind_of
from .exchange import ENVIRON_KEY, Exchange
from .session import HttpSession
from .tracking.url import is_relative

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _WithEnviron(Protocol):
    """A request of Werkzeug, Flask, Pyramid or Bottle."""

    @property
    def environ(self) -> Any: ...


class _WithMeta(Protocol):
    """A request of Django."""

    META: Any


class _WithEnv(Protocol):
    """A request of Falcon."""

    env: Any


if TYPE_CHECKING:
    #: A WSGI environ, or a request of a framework that has it.
    AnyRequest = WSGIEnvironment | _WithEnviron | _WithMeta | _WithEnv


class RequestSession(NotCopied):
    """The session half of a request: the session methods of ``HttpServletRequest`` and ``-Response`` (Servlet 6.1).

    Copies of the environ share it (S18). It cannot be copied or pickled.
    """

    __slots__ = ("_exchange",)

    _instead = "copy the environ with dict(environ), which shares it; for later use keep get_session().accessor"

    def __init__(self, exchange: Exchange) -> None:
        """Wrap an exchange. Applications call :func:`request_session` instead."""
        self._exchange: Exchange = exchange

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RequestSession) and self._exchange is other._exchange

    def __hash__(self) -> int:
        return hash(self._exchange)

    @overload
    def get_session(self, create: Literal[True] = True) -> HttpSession: ...

    @overload
    def get_session(self, create: bool) -> HttpSession | None: ...

    def get_session(self, create: bool = True) -> HttpSession | None:
        """Return the session of this request. If there is none, create one, or return None if *create* is false.

        Raises:
            IllegalStateError: the manager is closed.
            ResponseCommittedError: a session would have to be created, but the headers have gone out (S5).
            TooManySessionsError: there are ``SessionConfig.max_sessions`` already.
            StoreError: the store failed, and whether there is a session is not known.
        """
        return self._exchange.get_session(create)

    def change_session_id(self) -> str:
        """Give the session of this request a new id and return it; the former id opens nothing any more.

        Other requests in flight stay with the session. In a shared store the change takes effect at the commit. If
        another request changes the id first, its change stands, and this request keeps the id by which it joined.

        Raises:
            IllegalStateError: there is no session, or the manager is closed.
            ResponseCommittedError: the headers have gone out, so that the client would not learn the id.
            StoreError: the store failed.
        """
        return self._exchange.change_session_id()

    def login(self, principal: str) -> HttpSession:
        """Log in *principal*, the name of a user whom the application has authenticated, and return the session.

        If another user or none was logged in, a new session begins under a new id, which only this client learns. So
        an id that was planted before the login opens nothing.

        - The attributes are carried over if no user was logged in, and dropped if another user was. In memory the
          values carried over are the objects themselves: requests of both sessions see a change inside of one.
        - Every other request in flight with the former id is cut off. It keeps the attributes that it has, and
          nothing that it does reaches the new session.
        - The login takes effect at the commit. If the application raises before, no request has been cut off.
        - The creation time stays, and the deadline begins anew (``SessionConfig.max_lifetime``). Listeners are notified
          of a change of the id, and of the attributes that are dropped.

        If *principal* is logged in already, the id and :attr:`auth_time` change and nothing else does. A session that
        this request has created keeps its id, unless links may have the id and members may not log in by URL
        (``SessionConfig.allow_url_login``). If there is no session, it is created.

        Raises:
            IllegalStateError: the manager is closed.
            ValueError: *principal* is no text, empty, or longer than 1,024 bytes in UTF-8; nothing has happened.
            ResponseCommittedError: the headers have gone out, so that the client would not learn the id.
            TooManySessionsError: there are ``SessionConfig.max_sessions`` already, or the user is logged in
                ``max_sessions_per_principal`` times and ``when_too_many`` is ``"deny"``.
            StoreError: the store failed.
        """
        return logins.login(self._exchange, principal)

    def logout(self) -> None:
        """Invalidate the session of this request, if there is one."""
        logins.logout(self._exchange)

    @property
    def auth_time(self) -> float | None:
        """When the user of the session logged in, in seconds since the epoch; None if no user is logged in.

        Each :meth:`login` sets it, also that of a user who is logged in already.
        """
        return logins.auth_time(self._exchange)

    def require_recent_login(self, max_age: float | timedelta) -> None:
        """Return if the user logged in less than *max_age* seconds ago; otherwise raise an error.

        Call it before what a stolen session must not be able to do: to change the password, or end other sessions. The
        application answers with its login form, and calls :meth:`login` again.

        Raises:
            LoginRequiredError: the latest login is too long ago, or there was none; its time may also lie in the
                future, by more than clocks differ. If the application does not catch it, the response is a 401.
            ValueError: *max_age* is no number above zero and no such timedelta.
        """
        logins.require_recent_login(self._exchange, max_age)

    @property
    def is_committed(self) -> bool:
        """Whether the headers of the response have gone out."""
        return self._exchange.is_committed

    @property
    def servlet_context(self) -> ServletContext:
        """The manager of the application that the request went to."""
        return self._exchange.sessions.context.application

    @property
    def requested_session_id(self) -> str | None:
        """The id that the client sent, verbatim, whether or not there is such a session; None if it sent none.

        If it sent several, it is the first that belongs to a live session, or else the first of all.
        """
        return self._exchange.requested()[0]

    @property
    def is_requested_session_id_valid(self) -> bool:
        """Whether the id that the client sent belongs to a session that has not ended, and is still its id."""
        return self._exchange.is_requested_id_valid()

    @property
    def is_requested_session_id_from_cookie(self) -> bool:
        """Whether the client sent the id in a cookie."""
        return self._exchange.requested()[1] == "cookie"

    @property
    def is_requested_session_id_from_url(self) -> bool:
        """Whether the client sent the id in the URL."""
        return self._exchange.requested()[1] == "url"

    def encode_url(self, url: str) -> str:
        """Return *url* with the session id in it, for a link or a form, if the client needs it there.

        It does if there is a session, URLs are a tracking mode, the client did not send its id in a cookie, and *url*
        leads to this application. Otherwise *url* is returned unchanged (Servlet 6.1, ``HttpServletResponse``). None is
        returned as it is.

        Raises:
            TypeError: *url* is no text.
        """
        _check_url(url)
        exchange = self._exchange
        session_id = exchange.id_for_urls()
        return exchange.tracking.url.add(url, session_id, exchange.url()) if session_id and url else url

    def encode_redirect_url(self, url: str) -> str:
        """Return *url* with the session id in it, for a redirect, if the client needs it there.

        Raises:
            TypeError: *url* is no text.
            ValueError: *url* is relative and leads above the root.
        """
        _check_url(url)
        if url and is_relative(url):
            self._exchange.url().absolute_path(url)
        return self.encode_url(url)


def _check_url(url: object) -> None:
    """Refuse a URL that is no text, whether or not this client needs the id in it. None is a URL, as ``null`` in Java.

    Raises:
        TypeError: *url* is an object of another type.
    """
    if not isinstance(url, str | None):
        raise TypeError(f"a URL is a str, not {kind_of(url)}")


def _no_middleware() -> IllegalStateError:
    return IllegalStateError(
        "the request has not come through httpsession.SessionMiddleware: wrap the application in it"
    )


def environ_of(request: object) -> dict[str, Any] | None:
    """Return the WSGI environ that a request has as ``.environ``, ``.META`` or ``.env``, or is; None if it has none."""
    if isinstance(request, dict):
        return request
    if isinstance(request, type):
        return None
    for name in ("environ", "META", "env"):
        environ = getattr(request, name, None)
        if isinstance(environ, dict):
            return environ
    return None


def exchange_of(request: object) -> Exchange:
    """Return the exchange of a request, or raise the error that says why there is none.

    Raises:
        IllegalStateError: no :class:`SessionMiddleware` is around the application.
        TypeError: *request* is no request.
    """
    environ = environ_of(request)
    if environ is None and not isinstance(request, Mapping):
        raise TypeError(
            f"the request is {kind_of(request)}, but must be a WSGI environ, or have it as .environ, .META or .env"
        ) from None
    exchange = None if environ is None else environ.get(ENVIRON_KEY)
    if not isinstance(exchange, Exchange):
        raise _no_middleware() from None
    return exchange


def request_session(environ: AnyRequest) -> RequestSession:
    """Return the :class:`RequestSession` of the request.

    Args:
        environ: the WSGI environ or a copy of it, or a request of Werkzeug, Flask, Django, Pyramid, Bottle or Falcon.

    Raises:
        IllegalStateError: no :class:`SessionMiddleware` is around the application.
        TypeError: *environ* is no request.
    """
    try:
        exchange = environ[ENVIRON_KEY]  # type: ignore[index]
    except (KeyError, TypeError):
        exchange = None
    if type(exchange) is not Exchange:  # isinstance() would be a call in each request
        exchange = exchange_of(environ)
    face = exchange.face
    if not isinstance(face, RequestSession):
        face = RequestSession(exchange)
        if not exchange.is_over:  # it refers to the exchange, which ends the cycle with the request
            exchange.face = face
    return face


@overload
def get_session(environ: AnyRequest, create: Literal[True] = True) -> HttpSession: ...


@overload
def get_session(environ: AnyRequest, create: bool) -> HttpSession | None: ...


def get_session(environ: AnyRequest, create: bool = True) -> HttpSession | None:
    """Return the session of the request (Servlet 6.1, ``HttpServletRequest.getSession``).

    Args:
        environ: the WSGI environ or a copy of it, or a request of Werkzeug, Flask, Django, Pyramid, Bottle or Falcon.
        create: whether to create a session if there is none; otherwise the answer is None.

    Raises:
        IllegalStateError: no :class:`SessionMiddleware` is around the application, or the manager is closed.
        TypeError: *environ* is no request.
        ResponseCommittedError: a session would have to be created, but the headers have gone out.
        TooManySessionsError: there are ``SessionConfig.max_sessions`` already.
        StoreError: the store failed, and whether there is a session is not known.
    """
    try:
        exchange = environ[ENVIRON_KEY]  # type: ignore[index]
    except (KeyError, TypeError):
        exchange = None
    if type(exchange) is not Exchange:  # isinstance() would be a call in each request
        exchange = exchange_of(environ)
    return exchange.get_session(create)
