"""Encryption at rest: a value opens under its name in its session alone, and a record as it was sealed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpsession import CodecError
from httpsession.codec import Codec
from httpsession.codec.sealed import OVERHEAD, SealedCodec, Sealing
from httpsession.record import SessionRecord

KEY, OLD, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
VALUE = {"user": "anna", "cart": ["book", 7]}
RECORD = SessionRecord(b"k" * 32, 1000.25, 60, math.inf, 1001.5, 1002.0, "anna")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def sealing(*keys):
    return Sealing(keys or (KEY,), Codec())


@pytest.fixture
def session():
    """The codec of a new session."""
    return sealing().begin()


def opened(session, keys=(KEY,), record=RECORD, note=None, **attributes):
    """Open a session again, from what a store has; None if it is none."""
    return sealing(*keys).open(session.seal(RECORD) if note is None else note, record, attributes)


@given(value=values, name=names)
def test_round_trip(value, name):
    """Any value comes back, and nothing of it can be read in what is stored."""
    session = sealing().begin()
    data = session.encode(value, name)
    back = opened(session, **{name: data})

    assert session.decode(data, name) == value
    assert back.decode(data, name) == value
    assert back.changed(value, data, name) is None
    assert len(data) == len(Codec().encode(value)) + OVERHEAD
    assert session.encode(value, name) != data, "each encryption has a nonce of its own"


def test_nothing_is_readable(session):
    """Neither the value nor its name is in what is stored."""
    assert b"anna" not in session.encode(VALUE, "user")
    assert b"user" not in session.encode(VALUE, "user")


def damaged(data):
    """Yield all ways of damaging bytes at one place, by one bit, and at either end."""
    for place in range(len(data)):
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
        yield data[:place]
        yield data[:place] + data[place + 1 :]
    yield data + b"\0"
    yield data + data
    yield b"\0" + data


def test_damaged_values(session):
    """R45: a value with a bit that is flipped, a byte that is missing or one too many makes its session none."""
    data = session.encode(VALUE, "a")
    assert opened(session, a=data) is not None
    for wrong in damaged(data):
        assert opened(session, a=wrong) is None
        with pytest.raises(CodecError, match="attribute 'a' cannot be read: it was not encrypted for this session"):
            session.decode(wrong, "a")


def test_damaged_seals(session):
    """R45: so does each such change of the note."""
    for wrong in damaged(session.seal(RECORD)):
        assert opened(session, note=wrong) is None


@pytest.mark.parametrize(
    "change",
    [
        {"key": b"k" * 31 + b"l"},
        {"creation_time": 1000.5},
        {"creation_time": math.nextafter(1000.25, 0)},
        {"deadline": 2000.0},
        {"principal": "bob"},
        {"principal": None},
        {"principal": "anna\0"},
        {"principal": ""},
    ],
    ids=str,
)
def test_changed_records(session, change):
    """R45: a record with another key, creation, deadline or user is no session."""
    assert opened(session) is not None
    assert opened(session, record=replace(RECORD, **change)) is None


def test_what_changes_without_a_new_id(session):
    """The times of accesses and the interval are not sealed: they change without a change of the id."""
    record = replace(RECORD, accessed=5000.0, used=5001.0, max_inactive_interval=-1)
    assert opened(session, record=record) is not None


def test_no_user_is_not_the_empty_user(session):
    """The seal tells a session without a user from one whose user has an empty name."""
    assert session.seal(replace(RECORD, principal=None)) != session.seal(replace(RECORD, principal=""))


@settings(max_examples=50)
@given(first=names, second=names)
def test_swapped_names(first, second):
    """R45: a value does not open under another name."""
    session = sealing().begin()
    data = session.encode(VALUE, first)
    assert (opened(session, **{second: data}) is None) == (first != second)


def test_swapped_sessions(session):
    """R45: a value or note of one session is worth nothing in another one, with the same keys and name."""
    other = sealing().begin()
    assert opened(session, a=other.encode(VALUE, "a")) is None
    assert opened(session, note=other.seal(RECORD), a=session.encode(VALUE, "a")) is None


@pytest.mark.parametrize("note", [b"", b"\2", bytes(49), b"\2" + bytes(48)], ids=len)
def test_no_seal(note):
    """R29: a session that was written without keys is none, nor is one with an invented note; there is no fallback."""
    assert sealing().open(note, RECORD, {}) is None
    assert sealing().open(note, RECORD, {"a": Codec().encode(VALUE)}) is None


def test_plain_value_in_a_sealed_session(session):
    """R29: a value that was written without keys opens in no session with keys, and the other way round."""
    assert opened(session, a=Codec().encode(VALUE)) is None
    with pytest.raises(CodecError, match="it is encrypted, and there are no keys; give encryption_keys"):
        Codec().decode(session.encode(VALUE, "a"), "a")


class TestKeys:
    """Several keys: the newest encrypts and seals, and all open."""

    def test_rotation(self):
        """R29: what an old key has written can be read while the key is in the list; new values need the first key."""
        old = sealing(OLD).begin()
        data, note = old.encode(VALUE, "a"), old.seal(RECORD)
        session = sealing(KEY, OLD).open(note, RECORD, {"a": data})

        assert session.decode(data, "a") == VALUE
        renewed, new_note = session.encode([1], "a"), session.seal(RECORD)
        assert sealing(KEY).open(new_note, RECORD, {"a": renewed}).decode(renewed, "a") == [1]
        assert sealing(KEY).open(new_note, RECORD, {"a": data}) is None
        assert sealing(KEY, OTHER, OLD).open(new_note, RECORD, {"a": data}).decode(data, "a") == VALUE

    @pytest.mark.parametrize("keys", [(OTHER,), (OTHER, OLD)], ids=len)
    def test_wrong_key(self, session, keys):
        """R29: without the key nothing opens."""
        assert opened(session, keys) is None
        assert sealing(*keys).open(session.seal(RECORD), RECORD, {"a": session.encode(VALUE, "a")}) is None
        with pytest.raises(CodecError):
            SealedCodec(Codec(), keys, session.seal(RECORD)[1:17]).decode(session.encode(VALUE, "a"), "a")


def test_changes(session):
    """A change inside is found in what was encrypted; the unchanged value is not encrypted again."""
    data = session.encode(VALUE, "a")
    back = opened(session, a=data)
    value = back.decode(data, "a")
    assert back.can_change(value)
    assert back.changed(value, data, "a") is None
    value["cart"].append("pen")
    assert back.decode(back.changed(value, data, "a"), "a") == value


def test_foreign_baseline(session):
    """A value whose stored form was replaced meanwhile counts as changed, and is written again."""
    wrong = sealing().begin().encode(VALUE, "a")
    assert session.decode(session.changed(VALUE, wrong, "a"), "a") == VALUE
    assert session.decode(session.encode(VALUE, "a", wrong), "a") == VALUE


def test_renewed(session):
    """Attributes that another session begins with open there, and no longer beside the former mark."""
    data, former = session.encode(VALUE, "a"), session.seal(RECORD)
    renewed = session.renew({"a": data})
    assert session.decode(renewed["a"], "a") == VALUE
    assert opened(session, **renewed) is not None
    assert opened(session, note=former, **renewed) is None
    assert opened(session, a=data) is None


def test_size():
    """A value is refused by the bound of its encoding, and what is measured is as long as what is stored."""
    codec = Codec(max_bytes=100)
    sealed = Sealing([KEY], codec)
    session = sealed.begin()
    assert len(sealed.measure("a" * 90, "a", b"")) == len(session.encode("a" * 90, "a"))
    with pytest.raises(CodecError, match="max_attribute_bytes is 100"):
        session.encode("a" * 99, "a")
