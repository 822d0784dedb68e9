"""Attributes of a shared session whose values cannot be decoded: absent to reads, and yet removed and replaced."""

from __future__ import annotations

import time

import pytest

from httpsession import audit, request_session
from httpsession.ids import key_of
from httpsession.record import MAX_VALUE
from tests.core.test_shared_bad_input import RedisBurglar, SQLiteBurglar
from tests.support.core import store_of
from tests.support.workers import Cart


@pytest.fixture
def shop(start_worker):
    """A worker that knows the class of the cart."""
    return start_worker()


@pytest.fixture
def worker(start_worker):
    """A worker of a later release, in which the class is gone."""
    return start_worker(types={})


@pytest.fixture
def session_id(shop):
    """A session of which the later release can read the user alone."""
    return shop.session_with(user="anna", cart=Cart(["book"]), older=Cart())


@pytest.fixture
def alone(shop):
    """A session of which the later release can read nothing."""
    return shop.session_with(cart=Cart(["book"]))


def stored(worker, session_id):
    """Return the names of the attributes in the store; None if there is no session."""
    found = store_of(worker.manager).peek(key_of(session_id))
    return None if found is None else found.attributes.keys() | found.left_out


def run(worker, session_id, act):
    """Make a whole request that does *act* with its session, and return the outcome; a KeyError is one."""
    request = worker.request(session_id)
    try:
        outcome = act(request.session.get_session(create=False))
    except KeyError as error:
        outcome = error
    request.finish()
    assert request.status == "200 OK"
    return outcome


def is_missing(outcome):
    return isinstance(outcome, KeyError)


REMOVALS = {
    "pop": (lambda session: session.pop("cart"), is_missing),
    "pop with a default": (lambda session: session.pop("cart", "none"), lambda outcome: outcome == "none"),
    "pop with None": (lambda session: session.pop("cart", None), lambda outcome: outcome is None),
    "del": (lambda session: session.__delitem__("cart"), is_missing),
    "remove_attribute": (lambda session: session.remove_attribute("cart"), lambda outcome: outcome is None),
    "set_attribute": (lambda session: session.set_attribute("cart", None), lambda outcome: outcome is None),
    "update_attribute": (lambda session: session.update_attribute("cart", lambda cart: cart), lambda out: out is None),
    "read, then pop": (lambda session: (session.get("cart"), session.pop("cart", 0)), lambda out: out == (None, 0)),
    "set, then pop": (lambda session: (session.update(cart=1), session.pop("cart")), lambda out: out == (None, 1)),
    "pop twice": (lambda session: (session.pop("cart", 1), session.pop("cart", 2)), lambda out: out == (1, 2)),
}


@pytest.mark.parametrize(("act", "fits"), REMOVALS.values(), ids=REMOVALS)
def test_removal(worker, session_id, act, fits):
    """A removal says that there is no such attribute, removes it from the store, and notifies of no value."""
    assert fits(run(worker, session_id, act))

    assert stored(worker, session_id) == {"user", "older"}
    assert [event for event in worker.recorder.log if event[-1] != 1] == []


REPLACEMENTS = {
    "item": lambda session: session.__setitem__("cart", "new"),
    "set_attribute": lambda session: session.set_attribute("cart", "new"),
    "setdefault": lambda session: session.setdefault("cart", "new"),
    "update": lambda session: session.update(cart="new"),
    "update_attribute": lambda session: session.update_attribute("cart", lambda cart: cart or "new"),
    "pop, then item": lambda session: (session.pop("cart", None), session.update(cart="new")),
}


@pytest.mark.parametrize("act", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_replacement(worker, session_id, act):
    """A new value takes the place of the unreadable one; to the listeners it is added, as if there had been none."""
    run(worker, session_id, act)

    assert worker.attributes(session_id) == {"user": "anna", "cart": "new"}
    assert worker.recorder.log == [("added", "cart", "new")]


def test_clear(worker, session_id):
    """clear() leaves nothing in the store; the listeners hear of what could be read."""
    run(worker, session_id, lambda session: session.clear())

    assert stored(worker, session_id) == set()
    assert worker.recorder.log == [("removed", "user", "anna")]


def test_clear_where_nothing_can_be_read(worker, alone):
    """clear() removes what it cannot read, also where the session looks empty."""
    assert run(worker, alone, lambda session: (len(session), session.clear()))[0] == 0
    assert stored(worker, alone) == set()


def test_popitem(worker, session_id):
    """popitem() returns what can be read first; then it removes the rest, and says that there is nothing."""
    assert run(worker, session_id, lambda session: session.popitem()) == ("user", "anna")
    assert stored(worker, session_id) == {"cart", "older"}
    assert is_missing(run(worker, session_id, lambda session: session.popitem()))
    assert stored(worker, session_id) == set()


def test_reads(worker, session_id):
    """To reads it is absent: to names, len, in, iteration, get and items alike."""

    def look(session):
        names = session.attribute_names, list(session), [*session.keys()], [*session.values()], dict(session.items())
        return len(session), "cart" in session, session.get("cart", 0), session.get_attribute("cart"), names

    names = (("user",), ["user"], ["user"], ["anna"], {"user": "anna"})
    assert run(worker, session_id, look) == (1, False, 0, None, names)


OTHERS = {
    "reads": lambda session: dict(session),
    "sets another": lambda session: session.update(more=1),
    "removes another": lambda session: session.pop("user"),
    "pops what is not there": lambda session: session.pop("nothing", None),
    "changes the interval": lambda session: setattr(session, "max_inactive_interval", 90),
}


@pytest.mark.parametrize("act", OTHERS.values(), ids=OTHERS)
def test_untouched(shop, worker, session_id, act):
    """A request that does not touch it leaves it in the store, where a release that knows its class can read it."""
    run(worker, session_id, act)

    assert shop.attributes(session_id)["cart"] == Cart(["book"])


def test_pop_of_nothing_saves_nothing(shop, worker, session_id):
    """A removal of what is not in the store either is no change: it cannot undo what another request saves."""
    request = worker.request(session_id)
    request.session.get_session().pop("later", None)
    run(shop, session_id, lambda session: session.update(later=1))
    request.finish()

    assert shop.attributes(session_id)["later"] == 1


def test_new_id(shop, worker, session_id):
    """With a new id the session keeps what cannot be read, but for what was removed."""
    request = worker.request(session_id)
    request.session.change_session_id()
    request.session.get_session().pop("older", None)
    request.finish()

    assert shop.attributes(request.new_id) == {"user": "anna", "cart": Cart(["book"])}


def test_login(shop, worker, session_id):
    """A first login carries over what cannot be read, but for what was removed before or after it."""
    request = worker.request(session_id)
    session = request.session.get_session()
    session.pop("older", None)
    request.session.login("anna")
    assert session.update_attribute("cart", lambda cart: cart) is None
    session["more"] = 1
    request.finish()

    assert shop.attributes(request.new_id) == {"user": "anna", "more": 1}


def test_first_login(shop, worker, session_id):
    """A first login keeps an attribute that this worker alone cannot read."""
    request = worker.request(session_id)
    request.session.login("anna")
    request.finish()

    assert shop.attributes(request.new_id)["cart"] == Cart(["book"])


@pytest.mark.parametrize("reads", [False, True], ids=["unread", "read"])
def test_login_of_another_user(shop, worker, reads):
    """Nothing of a user is left after the login of another, readable or not."""
    request = shop.request()
    request.session.login("anna")
    request.session.get_session().update(cart=Cart(["book"]), user="anna")
    request.finish()
    request = worker.request(request.new_id)
    session = request.session.get_session()
    assert not reads or session.get("cart") is None
    request.session.login("bert")
    request.finish()

    assert stored(worker, request.new_id) == set()
    assert worker.recorder.of("added", "removed", "replaced") == [("removed", "user", "anna")]


@pytest.mark.parametrize("act", ["invalidate", "logout", "sweep"])
def test_end(worker, session_id, act):
    """The end of a session takes it along; the listeners hear of what could be read alone."""
    if act == "sweep":
        assert worker.manager.sweep(time.time() + 1000) == 1
    else:
        request = worker.request(session_id)
        session = request.session
        session.logout() if act == "logout" else session.get_session().invalidate()
        request.finish()

    assert stored(worker, session_id) is None
    assert worker.recorder.of("added", "removed", "replaced") == [("removed", "user", "anna")]


def test_failed_request(shop, worker, session_id):
    """What follows a change of the id is undone when the application raises: the removal, too."""

    def page(environ, start_response):
        request = request_session(environ)
        request.change_session_id()
        request.get_session().pop("cart", None)
        request.get_session()["older"] = 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        worker.request(session_id, **{"test.application": page}).finish()

    assert shop.attributes(session_id) == {"user": "anna", "cart": Cart(["book"]), "older": Cart()}


def test_accessor(shop, worker, session_id):
    """A background thread removes it, too."""
    request = worker.request(session_id)
    accessor = request.session.get_session().accessor
    request.finish()
    accessor.access(lambda session: session.remove_attribute("cart"))

    assert stored(shop, session_id) == {"user", "older"}


def test_another_request_sets_it(shop, worker, session_id):
    """A value that another request has saved meanwhile is read and updated, though the former one could not be."""
    request = worker.request(session_id)
    session = request.session.get_session()
    assert "cart" not in session
    run(shop, session_id, lambda other: other.update(cart="new"))

    assert session.update_attribute("cart", lambda cart: f"{cart}er") == "newer"
    request.finish()
    assert shop.attributes(session_id)["cart"] == "newer"


def test_two_saves(shop, worker, session_id):
    """What a stream removes after the headers is removed, and what it sets again afterwards stays."""
    request = worker.request(session_id).read()
    session = request.session.get_session()
    session.pop("cart", None)
    request.finish()
    run(worker, session_id, lambda session: session.update(cart="new"))

    assert shop.attributes(session_id)["cart"] == "new"


@pytest.mark.parametrize("value", [bytes(MAX_VALUE + 1), "text", b""], ids=["giant", "text", "nothing"])
@pytest.mark.parametrize("act", ["pop", "clear", "replace", "update", "update to nothing"])
def test_foreign_value(url, worker, session_id, request, value, act):
    """A value that the store itself leaves out, since it is too long or no bytes, is removed and replaced as well."""
    if url.startswith("sqlite"):
        burglar = SQLiteBurglar(store_of(worker.manager)._database.path)
    else:
        burglar = RedisBurglar(request.getfixturevalue("redis_server").client)
    burglar.put(session_id, "cart", value)
    acts = {
        "pop": lambda session: session.pop("cart", None),
        "clear": lambda session: session.clear(),
        "replace": lambda session: session.update(cart="new"),
        "update": lambda session: session.update_attribute("cart", lambda cart: cart or "new"),
        "update to nothing": lambda session: session.update_attribute("cart", lambda cart: None),
    }
    run(worker, session_id, acts[act])

    left = {"pop": {"user", "older"}, "clear": set(), "update to nothing": {"user", "older"}}
    assert stored(worker, session_id) == left.get(act, {"user", "cart", "older"})
    if act in ("replace", "update"):
        assert worker.attributes(session_id)["cart"] == "new"


def test_audit(worker, session_id, caplog, monkeypatch):
    """Each value that a request cannot decode is an audit event with the reference of the session (R87)."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())
    assert worker.attributes(session_id) == {"user": "anna"}
    events = [record for record in caplog.records if record.name == "httpsession.audit"]
    reference = audit.reference(key_of(session_id))
    assert [(event.event, event.session, event.details) for event in events] == [
        ("session_data_corrupt", reference, {"part": "attribute"})
    ] * 2


def test_audit_of_records(worker, session_id, caplog, monkeypatch, request, url):
    """So is a session whose record was damaged, and one with an attribute that is too long."""
    monkeypatch.setattr(audit, "_limiter", audit._Limiter())
    if url.startswith("sqlite"):
        burglar = SQLiteBurglar(url.removeprefix("sqlite:///"))
    else:
        burglar = RedisBurglar(request.getfixturevalue("redis_server").client)
    burglar.put(session_id, "user", b"x" * (MAX_VALUE + 1))
    worker.attributes(session_id)
    assert "session_data_corrupt session=" in caplog.text
    caplog.clear()
    if url.startswith("sqlite"):
        burglar.spoil("created", "never")
    else:
        burglar.client.hset(burglar.name_of(session_id), b"r", b"never")
    assert worker.attributes(session_id) is None
    (event,) = [record for record in caplog.records if record.name == "httpsession.audit"]
    assert (event.event, event.session, event.details) == (
        "session_data_corrupt",
        audit.reference(key_of(session_id)),
        {"part": "record"},
    )
