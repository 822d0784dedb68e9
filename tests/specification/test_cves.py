"""Flaws that other session layers had, tried on this one; docs/security.md names the tests of the others."""

from __future__ import annotations

import ast
import inspect
import json

import pytest

from httpsession import HttpSessionBindingListener, HttpSessionListener, SessionCookieConfig, request_session
from httpsession.csrf import tokens
from httpsession.ids import key_of
from tests.support.request import TEXT, fetch
from tests.support.site import Site

EVERYWHERE = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


def ask(worker, act, session_id=None, headers=(TEXT,), **environ):
    """Make a whole request whose page calls *act* with its session half, and answers with what that returns."""

    def page(environ, start_response):
        answer = act(request_session(environ))
        start_response("200 OK", [*headers])
        return [json.dumps(answer).encode()]

    return fetch(worker.app, session_id, **{"test.application": page}, **environ)


def put(worker, session_id=None, **attributes):
    """Set attributes, and return the id that the client has then."""
    response = ask(worker, lambda session: session.get_session().update(attributes), session_id)
    return response.new_id if response.set_cookies else session_id


def read(worker, session_id):
    """Return the attributes that a client with this id sees; None if it has no session."""

    def act(session):
        found = session.get_session(create=False)
        return None if found is None else dict(found)

    return json.loads(ask(worker, act, session_id).text)


class Angry(HttpSessionListener):
    """A listener that fails when a session ends."""

    def session_destroyed(self, event):
        raise LookupError("a listener fails")


class Clingy(HttpSessionBindingListener):
    """A value that fails when it is unbound."""

    def value_unbound(self, event):
        raise LookupError("a value fails")


def test_jetty_2021_34428():
    """A listener that raised at the logout left the id valid: the end of a session must come before its notices."""
    site = Site(listeners=[Angry()])
    request = site.request()
    request.session.get_session()["value"] = Clingy()
    session_id = request.finish().new_id
    request = site.request(session_id)
    with pytest.raises(LookupError):
        request.session.logout()
    request.finish()
    assert not site.has(session_id)


@EVERYWHERE
def test_litestar_2026_25480(start_worker):
    """Ids that were equal after normalisation had one record: keys must tell any two ids apart."""
    worker = start_worker()
    session_id = put(worker, user="anna")
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in session_id)
    cases = {session_id.lower(), session_id.title(), f"{session_id} ".swapcase(), wide.encode().decode("latin-1")}
    for other in cases - {session_id}:
        assert read(worker, other) is None
    assert key_of(session_id) != key_of(wide)


@EVERYWHERE
@pytest.mark.parametrize("session_id", ["", '""', " ", "0", "null", "None", "undefined", "0" * 32])
def test_django_2015_3982(start_worker, session_id):
    """A flushed session was kept under the empty key, and any client could use it: an empty id is no id."""
    worker = start_worker()
    former = put(worker, user="anna")
    ask(worker, lambda session: session.logout(), former)
    assert read(worker, session_id) is None
    assert put(worker, session_id, cart=1) != session_id


@EVERYWHERE
def test_aiohttp_session_2018_1000519(start_worker):
    """An emptied record kept its id valid, and a client could bring that id to a login: an end must remove the key."""
    worker = start_worker()
    session_id = put(worker, user="anna")
    ask(worker, lambda session: session.get_session().clear(), session_id)
    assert read(worker, session_id) == {}
    ask(worker, lambda session: session.logout(), session_id)
    response = ask(worker, lambda session: session.login("berta") and None, session_id)
    assert response.new_id != session_id
    assert read(worker, session_id) is None


@EVERYWHERE
def test_spring_security_2023_20862(start_worker):
    """A logout saved an empty context, and the user stayed logged in: it must remove the session from the store."""
    worker = start_worker()
    session_id = ask(worker, lambda session: session.login("anna") and None).new_id
    ask(worker, lambda session: session.logout(), session_id)
    assert worker.manager.sessions_of("anna") == ()
    assert worker.manager.stats().active == 0


@EVERYWHERE
def test_symfony_2023_46733(start_worker):
    """A step from partial to full authentication kept the id: each login changes it, also one of the same user."""
    worker = start_worker()
    first = ask(worker, lambda session: session.login("anna") and None).new_id
    second = ask(worker, lambda session: session.login("anna") and None, first).new_id
    assert second != first
    assert read(worker, first) is None
    assert read(worker, second) == {}


@EVERYWHERE
def test_passport_2022_25896(start_worker):
    """Whether the id changed at a login was left to the application: the library must change it by itself."""
    worker = start_worker()
    planted = put(worker, cart=1)
    own = ask(worker, lambda session: session.login("anna") and None, planted).new_id
    assert read(worker, planted) is None
    assert read(worker, own) == {"cart": 1}


@EVERYWHERE
@pytest.mark.parametrize(
    "name",
    ["|", "a|s:1:", "!", "}", "\0", ":", "#", "r", "p", "f", "#csrf", "__class__", "principal", "_accessed_time"],
)
def test_php_2010_3065_and_django_2011_4136(start_worker, name):
    """A delimiter in a name began another value, and names met those of the library: names are data alone."""
    worker = start_worker()
    session_id = ask(worker, lambda session: session.login("anna") and None).new_id
    before = worker.manager.sessions_of("anna")
    put(worker, session_id, **{name: "chosen", "other": 1})
    assert read(worker, session_id) == {name: "chosen", "other": 1}
    assert [info.creation_time for info in worker.manager.sessions_of("anna")] == [
        info.creation_time for info in before
    ]


def test_flask_2026_27205():
    """Asking whether a name is in a session did not count as an access, and caches mixed up users."""
    site = Site()
    session_id = site.new_session()
    response = ask(site, lambda session: "user" in session.get_session(), session_id)
    assert ("Vary", "Cookie") in response.headers


def test_on_headers_2025_7339():
    """A hook on the headers altered those of the application: its list and all other headers stay as they are."""
    headers = [TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Twice", "1"), ("X-Twice", "2")]
    before = [*headers]

    def page(environ, start_response):
        request_session(environ).get_session()
        start_response("200 OK", headers)
        return [b""]

    response = fetch(Site().app, **{"test.application": page})
    assert headers == before
    assert [header for header in response.headers if header in before] == before


def test_rack_2013_0263_and_jetty_2017_9735():
    """Secrets were compared byte by byte, and the time told how many were right: the comparison must not tell."""
    source = ast.parse(inspect.getsource(tokens.answers))
    calls = [ast.unparse(node.func) for node in ast.walk(source) if isinstance(node, ast.Call)]
    compared = [node for node in ast.walk(source) if isinstance(node, ast.Compare)]
    assert any(call.endswith("compare_digest") for call in calls)
    assert not any(isinstance(operator, ast.Eq | ast.NotEq) and "secret" in ast.unparse(node)
                   for node in compared for operator in node.ops)  # fmt: skip


@EVERYWHERE
def test_rack_2019_16782(start_worker):
    """The store was searched by the id, and the time of the search told its beginning: it is searched by a digest."""
    worker = start_worker()
    session_id = put(worker, user="anna")
    key = key_of(session_id)
    for spelled in (key.hex(), key.hex().upper(), key.hex()[:32].upper(), f"2::{key.hex()}"):
        assert read(worker, spelled) is None
    near = session_id[:-1] + ("0" if session_id[-1] != "0" else "1")
    assert key_of(near)[:2] != key[:2] or key_of(near)[2:4] != key[2:4]


def test_cpython_2026_0672_and_php_2007_3799():
    """Control characters in an attribute of the cookie made headers of their own: each attribute is checked at last."""
    for setting in ("name", "path", "domain"):
        for text in ("a\r\nX: 1", "a\0", "a;b", "a\x7f", "a\x1f"):
            value = f"/{text}" if setting == "path" else text
            with pytest.raises(ValueError, match=setting):
                SessionCookieConfig(**{setting: value})
