"""Guard: one request, the secret to which its tokens answer, and the reason to refuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..core.session import Session
from ..errors import ResponseCommittedError
from ..exchange import Exchange
from ..headers import Headers, forbid_storing
from ..record import CSRF_NOTE
from ..tracking.spelling import scheme_of
from .cookie import CsrfCookie, new_value
from .form import tokens_in_form
from .origin import Origins
from .tokens import SECRET_SIZE, answers, masked, secret_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The headers, beside Cookie, by which a page gets a token or none.
_VARY: Final = ("Vary", "Sec-Fetch-Site, Sec-Fetch-Mode, Origin")


class Guard:
    """The CSRF half of one request. Like the exchange it does not hold the environ.

    A token answers to the session of the request. Without a session it answers to a cookie of its own, if cookies are a
    tracking mode. The client gets the cookie with the first token, and loses it when a user logs in or a session ends.
    """

    __slots__ = ("_cookie", "_has_read", "_is_asked", "_is_withheld", "_issued", "_origins", "_sent", "exchange")

    def __init__(self, exchange: Exchange, origins: Origins) -> None:
        self.exchange: Exchange = exchange
        self._origins: Origins = origins
        self._has_read: bool = False
        #: The cookie, if cookies are a tracking mode; the value that the client sent, and the one that it is given.
        self._cookie: CsrfCookie | None = None
        self._sent: str | None = None
        self._issued: str | None = None
        #: Whether a token was asked for, and whether none is given: see :meth:`token`.
        self._is_asked: bool = False
        self._is_withheld: bool = False

    def read(self, environ: WSGIEnvironment) -> None:
        """Read the request, once. Most requests neither need a token nor ask for one, and cost nothing here."""
        if self._has_read:
            return
        self._has_read = True
        exchange = self.exchange
        is_navigation = environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
        self._is_withheld = not is_navigation and self._origins.is_foreign(environ)
        if exchange.tracking.cookie.enabled:
            config, own = exchange.sessions.context.config.cookie, self._origins.own(environ)
            is_https = config.secure is True or "https" in (scheme_of(exchange.scheme), own and own[0])
            path = exchange.tracking.cookie.path(exchange.script_name)
            self._cookie = CsrfCookie(config, path, is_https=is_https)
            self._sent = self._cookie.find(str(environ.get("HTTP_COOKIE", "")))
        exchange.on_headers(self._finish)

    def token(self, environ: WSGIEnvironment) -> str:
        """Return a new token. It is empty for a page of another site that loads the response, as a script for one.

        It is empty, too, without a session where ids travel in URLs alone.

        Raises:
            ResponseCommittedError: the client would have to be sent a cookie, but the headers have gone out.
            StoreError: the store failed, and whether there is a session is not known.
        """
        self.read(environ)
        self._is_asked = True
        session = self.exchange.find()
        secret = self._secret(session)
        if self._is_withheld or (secret is None and self._cookie is None):
            return ""
        if secret is None:
            secret = self._issue()
        elif session is not None and session.note(CSRF_NOTE) != secret:
            session.set_note(CSRF_NOTE, secret)
        return masked(secret)

    def refusal(self, environ: WSGIEnvironment) -> str | None:
        """Return the reason to refuse an unsafe request; None if there is none.

        Raises:
            StoreError: the store failed, and whether there is a session is not known.
        """
        self.read(environ)
        vetoing = self._origins.veto(environ)
        if vetoing is not None:
            return vetoing
        secret = self._secret(self.exchange.find())
        if secret is not None:
            return _wrong_token(environ, secret)
        if not self.exchange.tracking.url.enabled:
            return "no session"
        return None if self._origins.is_proven(environ) else "no origin"

    def _secret(self, session: Session | None) -> bytes | None:
        """Return the secret to which the tokens of the request answer; None if it has neither session nor cookie.

        The secret of a session begins as that of the cookie, so that forms from before the session stay valid. For a
        user who is logged in it does not, since the cookie may have been planted before.
        """
        cookie = self._issued or (None if self._has_ended() else self._sent)
        if session is None:
            return None if cookie is None else secret_of(cookie)
        noted = session.note(CSRF_NOTE)
        if noted is not None and len(noted) == SECRET_SIZE:
            return noted
        is_anonymous = session.record.principal is None
        return secret_of(cookie if cookie is not None and is_anonymous else session.id)

    def _issue(self) -> bytes:
        """Draw the cookie for the client, and return its secret."""
        if self.exchange.is_committed or self.exchange.is_over:
            raise ResponseCommittedError("the headers have gone out; a form without a session needs a cookie before")
        self._issued = new_value()
        return secret_of(self._issued)

    def _finish(self, headers: Headers) -> Headers:
        """Return the headers of the response with the cookie that is due."""
        if self._is_asked:
            headers = [*headers, _VARY]
        if self._cookie is None:
            return headers
        has_logged_in = self._has_logged_in()
        if self._issued is not None and not has_logged_in:
            return forbid_storing([*headers, self._cookie.header(self._issued)])
        if self._sent is not None and (has_logged_in or self._has_ended()):
            return [*headers, self._cookie.expired_header()]
        return headers

    def _has_logged_in(self) -> bool:
        """Return whether the request has logged in a user, which makes the session its own."""
        session = self.exchange.session
        return session is not None and session.is_own and session.record.principal is not None

    def _has_ended(self) -> bool:
        """Return whether the request has ended its session."""
        session = self.exchange.session
        return session is not None and session.ended_here


def _wrong_token(environ: WSGIEnvironment, secret: bytes) -> str | None:
    """Return what is wrong with the token of a request; None if it has one that answers to *secret*.

    If it has tokens in both header and form, both must answer, so that no two parts of an application read it in
    different ways.
    """
    tokens = [str(environ["HTTP_X_CSRF_TOKEN"])] if "HTTP_X_CSRF_TOKEN" in environ else []
    if not all(answers(token, secret) for token in tokens):
        return "wrong token"
    try:
        in_form = tokens_in_form(environ)
    except OSError:
        return "no body"
    if len(in_form) > 1:
        return "several tokens"
    if not tokens and not in_form:
        return "no token"
    return None if all(answers(token, secret) for token in in_form) else "wrong token"
