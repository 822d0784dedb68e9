"""Ways in which the package could be wrong; the replay has to find each."""

from __future__ import annotations

from typing import Any

import pytest

from httpsession import HttpSession, HttpSessionBindingListener, HttpSessionEvent
from httpsession.attributes import ABSENT
from httpsession.core.session import Session
from httpsession.events import Listeners
from httpsession.request import RequestSession
from httpsession.tracking.cookie import CookieTracking
from httpsession.tracking.url import UrlTracking

Patch = pytest.MonkeyPatch


def _property(patch: Patch, owner: type, name: str, get: Any) -> None:
    """Make a property return what *get* makes of the object and the right value."""
    right = vars(owner)[name]
    patch.setattr(owner, name, property(lambda self: get(self, right.fget(self)), right.fset))


def _result(patch: Patch, owner: type, name: str, change: Any) -> None:
    """Make a method return what *change* makes of the right result and the arguments."""
    right = vars(owner)[name]
    patch.setattr(owner, name, lambda self, *arguments: change(right(self, *arguments), *arguments))


def replaced_value_is_bogus(patch: Patch) -> None:
    right = Listeners.attribute_replaced
    patch.setattr(Listeners, "attribute_replaced", lambda self, session, name, _: right(self, session, name, "bogus"))


def _changed_id(request: RequestSession) -> str | None:
    exchange = request._exchange
    session = exchange.session
    return None if session is None or session.is_own or session.id == exchange.joined_id else session.id


def requested_id_after_a_change_is_garbage(patch: Patch) -> None:
    changed = lambda self, right: "GARBAGE" if _changed_id(self) else right  # noqa: E731
    _property(patch, RequestSession, "requested_session_id", changed)


def requested_id_after_a_change_is_the_new_one(patch: Patch) -> None:
    def new_id(request: Any, right: str | None) -> str | None:
        session = request._exchange.session
        return right if session is None else session.id

    _property(patch, RequestSession, "requested_session_id", new_id)


def url_with_an_id_becomes_garbage(patch: Patch) -> None:
    _result(patch, RequestSession, "encode_url", lambda right, url: "GARBAGE" if "sessionid=" in str(url) else right)


def url_with_an_id_keeps_it(patch: Patch) -> None:
    _result(patch, RequestSession, "encode_url", lambda right, url: url if "sessionid=" in str(url) else right)


def several_ids_in_a_url_do_not_count(patch: Patch) -> None:
    _result(patch, UrlTracking, "read", lambda right, _: right if len(right) < 2 else [])


def last_access_is_the_present_request(patch: Patch) -> None:
    _property(patch, HttpSession, "last_accessed_time", lambda self, _: self._session.record.accessed)


def sessions_are_never_new(patch: Patch) -> None:
    _property(patch, HttpSession, "is_new", lambda *_: False)


def unbound_before_the_new_value_is_put(patch: Patch) -> None:
    announce = Session._announce

    def announce_both(self: Any, name: str, old: Any, value: Any) -> bool:
        if isinstance(old, HttpSessionBindingListener) and old is not value:
            self.context.audience.value_unbound(self, name, old)
        return announce(self, name, old, value)

    def tell_listeners(self: Any, name: str, old: Any, value: Any, is_told: bool) -> None:
        if old is ABSENT:
            self.context.audience.attribute_added(self, name, value)
        else:
            self.context.audience.attribute_replaced(self, name, old)

    patch.setattr(Session, "_announce", announce_both)
    patch.setattr(Session, "_tell_bound", tell_listeners)


def destroyed_in_order_of_registration(patch: Patch) -> None:
    def session_destroyed(self: Any, session: Session) -> None:
        for listener in self._session:
            listener.session_destroyed(HttpSessionEvent(HttpSession(session)))

    patch.setattr(Listeners, "session_destroyed", session_destroyed)


def interval_in_minutes(patch: Patch) -> None:
    _property(patch, HttpSession, "max_inactive_interval", lambda _, right: right // 60)


def requested_id_is_always_valid(patch: Patch) -> None:
    _property(patch, RequestSession, "is_requested_session_id_valid", lambda *_: True)


def several_cookies_count_from_the_last(patch: Patch) -> None:
    _result(patch, CookieTracking, "sent", lambda right, _: right[::-1])


def id_behind_the_query(patch: Patch) -> None:
    def moved(right: str, url: str) -> str:
        if right == url:
            return right
        path, mark, session_id = right.partition(";jsessionid=")
        session_id, question, query = session_id.partition("?")
        return f"{path}{question}{query}{mark}{session_id}"

    _result(patch, RequestSession, "encode_url", moved)


def a_change_of_the_id_leads_to_another_one(patch: Patch) -> None:
    _result(patch, RequestSession, "change_session_id", lambda right: right[::-1])


#: All of them.
MUTANTS = (
    replaced_value_is_bogus,
    requested_id_after_a_change_is_garbage,
    requested_id_after_a_change_is_the_new_one,
    url_with_an_id_becomes_garbage,
    url_with_an_id_keeps_it,
    several_ids_in_a_url_do_not_count,
    last_access_is_the_present_request,
    sessions_are_never_new,
    unbound_before_the_new_value_is_put,
    destroyed_in_order_of_registration,
    interval_in_minutes,
    requested_id_is_always_valid,
    several_cookies_count_from_the_last,
    id_behind_the_query,
    a_change_of_the_id_leads_to_another_one,
)
