"""Logins: how users log in to the session of a request and out of it, and how long ago they did so."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from . import audit
from .config.fields import in_seconds, is_seconds
from .core import limits
from .errors import LoginRequiredError, StoreError, TooManySessionsError, UrlLoginError, shown
from .exchange import Exchange
from .record import CSRF_NOTE, LOGIN, check_principal, pack_time
from .session import HttpSession

#: Seconds by which the clocks of two machines may differ: a login that seems to be later still counts.
CLOCK_SKEW: Final = 10.0


def login(exchange: Exchange, principal: str) -> HttpSession:
    """Log a user in to the session of this request, which is created if there is none."""
    principal = check_principal(principal)
    exchange.check_not_committed("a user can log in")
    if exchange.tracking.url.enabled:
        _check_url_login(exchange, principal)
    session, exchange.refusal = exchange.find(), None
    if session is not None and session.record.principal == principal:
        if not session.is_own and session.change_id() and session.note(CSRF_NOTE) is not None:
            session.set_note(CSRF_NOTE, None)  # every login renews it, also that of the same user
        session.set_note(LOGIN, pack_time(exchange.sessions.context.now()))
        exchange.renewal = "reauthentication"
        return exchange.http_session
    try:
        limits.check(exchange.sessions, principal)
        if session is None:
            session = exchange.create()
        elif session.is_own and exchange.tracking.url.enabled and not exchange.sessions.context.config.allow_url_login:
            session.change_id()  # a link of this page may have the id
        session.login(principal, {**exchange.client_hints, LOGIN: pack_time(exchange.sessions.context.now())})
    except TooManySessionsError as error:
        exchange.refusal = error
        raise
    except StoreError as error:
        if error not in exchange.failures:
            exchange.note_failure(error)
        raise
    exchange.renewal = "login"
    return exchange.http_session


def logout(exchange: Exchange) -> None:
    """Invalidate the session of this request, if there is one."""
    session = exchange.find()
    if session is not None:
        session.end()


def auth_time(exchange: Exchange) -> float | None:
    """Return when the user logged in to the session of this request; None if no user is logged in."""
    session = exchange.find()
    return None if session is None or session.record.principal is None else session.record.auth_time


def require_recent_login(exchange: Exchange, max_age: float | timedelta) -> None:
    """Raise an error if the user has not logged in within *max_age* seconds."""
    seconds = in_seconds(max_age)
    if not isinstance(seconds, int | float) or not is_seconds(seconds):
        raise ValueError(f"max_age is a number of seconds above zero, or a timedelta, not {shown(max_age)}")
    at, now = auth_time(exchange), exchange.sessions.context.now()
    if at is None or not now - seconds < at <= now + CLOCK_SKEW:
        exchange.refusal = LoginRequiredError(f"no user has logged in to the session in the last {seconds:g} seconds")
        raise exchange.refusal


def _check_url_login(exchange: Exchange, principal: str) -> None:
    """Report a login whose client carries the id in URLs alone, and refuse it if the configuration says so."""
    session, config = exchange.find(), exchange.sessions.context.config
    if exchange.tracking.cookie.enabled and exchange.requested()[1] != "url":
        return
    outcome = "allowed" if config.allow_url_login else "refused"
    key = None if session is None else session.key
    audit.note("session_login_by_url", key=key, principal=principal, level=logging.WARNING, outcome=outcome)
    if not config.allow_url_login:
        exchange.refusal = UrlLoginError(
            "the client carries the id of its session in URLs alone, and SessionConfig.allow_url_login is False: "
            "a user can log in whose client sends the cookie"
        )
        raise exchange.refusal
