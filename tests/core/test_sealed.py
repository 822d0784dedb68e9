"""Sessions with keys: attributes are encrypted in the store, and a session that was changed there is none."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from httpsession.exchange import ENVIRON_KEY
from httpsession.ids import key_of
from httpsession.stores.base import Changes, StoredSession
from tests.support.core import store_of

KEY, OLD = bytes(range(32)), bytes(range(32, 64))
SECRET = "a-secret-that-is-nowhere"


@pytest.fixture
def worker(start_worker):
    return start_worker(encryption_keys=[KEY], max_lifetime=86400)


@pytest.fixture
def session_id(worker):
    """The id of a session of anna."""
    request = worker.request()
    request.session.login("anna")
    request.session.get_session().update(name=SECRET, cart=["book"])
    return request.finish().new_id


@pytest.fixture
def events(caplog):
    """Returns the audit events about broken seals so far."""
    caplog.set_level("INFO", "httpsession.audit")

    def events():
        audited = [record for record in caplog.records if record.name == "httpsession.audit"]
        return [record.event for record in audited if record.details.get("part") == "seal"]

    return events


def stored(worker, session_id):
    return store_of(worker.manager).peek(key_of(session_id))


def put_back(worker, session, **changes):
    """Put a session into the store in the place of another one, as whoever can write there does."""
    record = replace(session.record, **changes)
    store_of(worker.manager).remove(record.key)
    assert store_of(worker.manager).create(StoredSession(record, session.attributes))


def test_encrypted(worker, session_id):
    """R45: the application reads what it has set, and the store has nothing of it that can be read."""
    assert worker.attributes(session_id) == {"name": SECRET, "cart": ["book"]}
    attributes = stored(worker, session_id).attributes
    assert set(attributes) == {"name", "cart"}
    assert not any(SECRET.encode() in data or b"book" in data for data in attributes.values())


def test_requests(worker, session_id, start_worker):
    """Attributes change, change inside, are updated and removed as without keys, in another worker, too."""
    request = start_worker(encryption_keys=[KEY]).request(session_id)
    session = request.session.get_session()
    session["cart"].append("pen")
    session["new"] = {1}
    del session["name"]
    assert session.update_attribute("count", lambda count: (count or 0) + 1) == 1
    assert session.update_attribute("count", lambda count: (count or 0) + 1) == 2
    request.finish()
    assert worker.attributes(session_id) == {"cart": ["book", "pen"], "new": {1}, "count": 2}


def test_reading_changes_nothing(worker, session_id):
    """A request that only reads writes nothing, though each encryption differs."""
    before = stored(worker, session_id).attributes
    worker.attributes(session_id)
    assert stored(worker, session_id).attributes == before


def test_requests_at_once(worker, session_id):
    """Two requests that update one attribute, and set others, lose nothing."""
    first, second = worker.request(session_id), worker.request(session_id)
    for request, name in ((first, "a"), (second, "b")):
        request.session.get_session()[name] = name
        request.session.get_session()["cart"].append(name)
        request.session.get_session().update_attribute("all", lambda old, name=name: [*(old or []), name])
    first.finish()
    second.finish()
    found = worker.attributes(session_id)
    assert (found["a"], found["b"], found["all"], found["cart"]) == ("a", "b", ["a", "b"], ["book", "b"])


class TestChangesOfTheId:
    """The seal is renewed with the id, in the same operation; the values stay as they are."""

    def test_rotation(self, worker, session_id):
        """A session keeps its attributes with a new id, also once it was changed several times."""
        before = stored(worker, session_id).attributes
        for _ in range(2):
            request = worker.request(session_id)
            session_id = request.session.change_session_id()
            request.session.get_session()["cart"].append("pen")
            request.finish()
        assert worker.attributes(session_id) == {"name": SECRET, "cart": ["book", "pen", "pen"]}
        assert stored(worker, session_id).attributes["name"] == before["name"]

    def test_login(self, worker):
        """A login carries the attributes over, those that its request has not read, too."""
        request = worker.request(worker.session_with(cart=["book"], unread=1))
        request.session.login("anna")
        request.session.get_session()["name"] = "anna"
        session_id = request.finish().new_id
        assert worker.attributes(session_id) == {"cart": ["book"], "unread": 1, "name": "anna"}
        assert worker.manager.sessions_of("anna")[0].principal == "anna"

    def test_login_of_another_user(self, worker, session_id):
        """The attributes of another user are dropped, and the session goes on sealed."""
        request = worker.request(session_id)
        request.session.login("bob")
        request.session.get_session()["name"] = "bob"
        session_id = request.finish().new_id
        request = worker.request(session_id)
        assert request.session.get_session().principal == "bob"
        assert dict(request.session.get_session()) == {"name": "bob"}

    def test_undone(self, worker, session_id):
        """A request that fails after a change of the id leaves the session sealed as before."""
        for act in (lambda session: session.change_session_id(), lambda session: session.login("bob")):
            request = worker.request(session_id)
            act(request.session)
            request.session.get_session()["lost"] = 1
            request.close()
        assert worker.attributes(session_id) == {"name": SECRET, "cart": ["book"]}

    def test_two_at_once(self, worker, session_id):
        """Of two rotations one wins; the changes of the other follow it and leave its seal alone."""
        first, second = worker.request(session_id), worker.request(session_id)
        new_id = first.session.change_session_id()
        second.session.change_session_id()
        second.session.get_session()["late"] = 1
        first.finish()
        second.finish()
        assert worker.attributes(new_id) == {"name": SECRET, "cart": ["book"], "late": 1}

    def test_a_note_after_a_rotation(self, worker, session_id):
        """A request that sets a note while another one changes the id does not undo the new seal."""
        first, second = worker.request(session_id), worker.request(session_id)
        second.session.get_session()
        second.environ[ENVIRON_KEY].session.set_note("note", b"1")
        new_id = first.session.change_session_id()
        first.finish()
        second.finish()
        assert worker.attributes(new_id) == {"name": SECRET, "cart": ["book"]}
        assert stored(worker, new_id).record.notes["note"] == b"1"

    def test_login_that_comes_second(self, worker):
        """A login whose session another one has taken begins another session, whose values open there alone."""
        session_id = worker.session_with(cart=["book"])
        first, second = worker.request(session_id), worker.request(session_id)
        for request, user in ((first, "anna"), (second, "bob")):
            request.session.login(user)
            request.session.get_session()["name"] = user
        ids = first.finish().new_id, second.finish().new_id
        assert [worker.attributes(one) for one in ids] == [{"cart": ["book"], "name": user} for user in ("anna", "bob")]

        of_anna, of_bob = (stored(worker, one) for one in ids)
        put_back(worker, StoredSession(of_bob.record, of_anna.attributes))
        assert worker.attributes(ids[1]) is None

    def test_several_commits(self, worker):
        """A new session that is committed twice, with a login in between, stays one."""
        request = worker.request()
        request.session.get_session()["a"] = 1
        request.environ[ENVIRON_KEY].session.commit()
        request.session.login("anna")
        request.session.get_session()["b"] = 2
        assert worker.attributes(request.finish().new_id) == {"a": 1, "b": 2}


FORGED = {
    "principal": lambda record: {"principal": "bob"},
    "no principal": lambda record: {"principal": None},
    "deadline": lambda record: {"deadline": record.deadline + 1},
    "creation": lambda record: {"creation_time": record.creation_time - 1},
    "no notes": lambda record: {"notes": {}},
    "seal": lambda record: {"notes": {"seal": record.notes["seal"][:-1] + bytes([record.notes["seal"][-1] ^ 1])}},
    "empty seal": lambda record: {"notes": {"seal": b""}},
}


class TestTampering:
    """Somebody who can write to the store and has no key."""

    @pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
    def test_record(self, worker, session_id, events, forge):
        """R45: a record with another user, deadline, creation or seal is no session; others are not affected."""
        other = worker.session_with(a=1)
        session = stored(worker, session_id)
        put_back(worker, session, **forge(session.record))

        assert worker.attributes(session_id) is None
        assert events() == ["session_data_corrupt"]
        assert worker.attributes(other) == {"a": 1}

    def test_moved(self, worker, session_id, events):
        """R45: the record of a user under the key of an id that an attacker knows is no session."""
        attacker = worker.session_with(a=1)
        put_back(worker, stored(worker, session_id), key=key_of(attacker))
        assert worker.attributes(attacker) is None
        assert events() == ["session_data_corrupt"]
        assert worker.attributes(session_id) is not None

    @pytest.mark.parametrize("forge", ["swap", "of another", "plain", "flip", "truncate", "append", "too long"])
    def test_attributes(self, worker, session_id, events, forge):
        """R45: a session with a value that was not encrypted for its place is none."""
        session, other = stored(worker, session_id), stored(worker, worker.session_with(name="x"))
        name, cart = session.attributes["name"], session.attributes["cart"]
        data = {
            "swap": cart,
            "of another": other.attributes["name"],
            "plain": b"\1\xa3bob",
            "flip": name[:-1] + bytes([name[-1] ^ 1]),
            "truncate": name[:-1],
            "append": name + b"\0",
            "too long": name + bytes(2**21 - len(name)),
        }[forge]
        store_of(worker.manager).save(session.record.key, Changes(put={"name": data}), session.record.used)

        assert worker.attributes(session_id) is None
        assert events() == ["session_data_corrupt"]

    def test_a_request_in_flight(self, worker, session_id):
        """A value that is replaced by nonsense while a request is in flight is replaced again by what it sets."""
        request = worker.request(session_id)
        session = request.session.get_session()
        session["name"] = "anna"
        put = {"name": b"\2" * 50, "count": b"\2" * 50}
        store_of(worker.manager).save(key_of(session_id), Changes(put=put), 0)
        assert session.update_attribute("count", lambda count: (count or 0) + 1) == 1
        request.finish()
        assert worker.attributes(session_id) == {"name": "anna", "cart": ["book"], "count": 1}

    def test_the_end(self, worker, session_id):
        """A forged session can be ended like any other; its listeners learn neither attributes nor user."""
        session = stored(worker, session_id)
        put_back(worker, session, principal="bob")
        worker.recorder.log.clear()
        assert worker.manager.invalidate_all("bob") == 1
        assert stored(worker, session_id) is None
        assert worker.recorder.of("removed") == []


class TestKeys:
    """Keys are added, become old, and go."""

    def test_rotation(self, start_worker):
        """R29: sessions of an old key go on while it is in the list; new values and seals need the new key alone."""
        session_id = start_worker(encryption_keys=[OLD]).session_with(a=1, b=2)
        both = start_worker(encryption_keys=[KEY, OLD])
        assert both.attributes(session_id) == {"a": 1, "b": 2}
        request = both.request(session_id)
        new_id = request.session.change_session_id()
        request.session.get_session().update(a=3, b=4)
        request.finish()
        assert start_worker(encryption_keys=[KEY.hex()]).attributes(new_id) == {"a": 3, "b": 4}

    def test_without_the_key(self, start_worker, session_id, events):
        """R29: with other keys a session is none."""
        assert start_worker(encryption_keys=[OLD]).attributes(session_id) is None
        assert events() == ["session_data_corrupt"]

    def test_before_there_were_keys(self, start_worker, events):
        """R29: a session that was written without keys is none with keys: otherwise a forged one could pass for it."""
        session_id = start_worker().session_with(a=1)
        assert start_worker(encryption_keys=[KEY]).attributes(session_id) is None
        assert events() == ["session_data_corrupt"]

    def test_after_the_keys(self, start_worker, session_id, caplog):
        """A worker without keys cannot read the attributes, and says why."""
        assert start_worker().attributes(session_id) == {}
        assert "it is encrypted, and there are no keys" in caplog.text


def test_bounds(start_worker):
    """A value of the largest size that a store accepts is bounded with its encryption."""
    worker = start_worker(encryption_keys=[KEY], max_attribute_bytes=2**21, max_session_bytes=2**22)
    request = worker.request()
    session = request.session.get_session()
    with pytest.raises(ValueError, match="max_attribute_bytes is 2097123"):
        session["a"] = b"a" * (2**21 - 30)
    session["a"] = b"a" * (2**21 - 40)
    assert len(worker.attributes(request.finish().new_id)["a"]) == 2**21 - 40


def test_nothing_is_imported_without_keys(tmp_path):
    """Without keys neither the encryption nor the package that does it is imported."""
    program = f"""if True:
        import sys
        from httpsession import SessionManager
        SessionManager("sqlite:///{tmp_path}/s.db").close()
        print([name for name in sys.modules if "cryptography" in name or "sealed" in name])
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_package_is_missing(tmp_path):
    """If the package that encrypts is not installed, the error names the extra."""
    program = f"""if True:
        import sys
        sys.modules["cryptography"] = None
        from httpsession import ConfigError, SessionConfig, SessionManager
        try:
            SessionManager("sqlite:///{tmp_path}/s.db", config=SessionConfig(encryption_keys=["{KEY.hex()}"]))
        except ConfigError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    why = "SessionConfig.encryption_keys needs the package cryptography: pip install httpsession[crypto]"
    assert done.stdout == why + "\n"
