"""Distributable sessions take what can be stored, and nothing else (Servlet 6.1, 7.7.2)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from httpsession import CodecError, ConfigError, SessionConfig, SessionManager
from tests.support.listeners import Recorder
from tests.support.site import Site


@dataclass
class Cart:
    """A type of the application's."""

    items: list[str]


@pytest.fixture
def site():
    return Site(SessionManager(config=SessionConfig(distributable=True, types={"cart": Cart}), listeners=[Recorder()]))


@pytest.mark.parametrize("value", [1, "x", None, [1, (2.5, b"3")], {"a": {1}}, Cart(["book"])])
def test_s138_what_can_be_stored_is_taken(site, value):
    """Serialisable values are accepted, and stay the very objects in memory."""
    session = site.request().session.get_session()
    session["a"] = value

    assert session["a"] is value


BIND = {
    "[]": lambda session, value: session.__setitem__("cart", value),
    "set_attribute": lambda session, value: session.set_attribute("cart", value),
    "update_attribute": lambda session, value: session.update_attribute("cart", lambda old: value),
}


@pytest.mark.parametrize("bind", BIND.values(), ids=BIND)
@pytest.mark.parametrize("value", [lambda: None, object(), [object()]])
def test_s138_what_cannot_be_stored_is_refused(bind, value):
    """A value that cannot be stored is refused where it is set, by name, before any listener is notified."""
    recorder = Recorder()
    manager = SessionManager(config=SessionConfig(distributable=True), listeners=[recorder])
    session = Site(manager).request().session.get_session()

    with pytest.raises(CodecError, match="attribute 'cart'") as caught:
        bind(session, value)
    assert isinstance(caught.value, ValueError)
    assert "cart" not in session
    assert recorder.of("added") == []


def test_sessions_take_anything_by_default():
    """Without the setting attributes are of any type."""
    session = Site(SessionManager()).request().session.get_session()
    session["a"] = session

    assert session["a"] is session


def test_types_that_cannot_be_stored():
    """A class that is neither a dataclass nor an Enum is refused when the manager is made."""
    with pytest.raises(ConfigError, match="types"):
        SessionManager(config=SessionConfig(distributable=True, types={"x": int}))
