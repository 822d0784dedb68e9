"""The bounds of attributes that are encoded: names, values, and all of a session; a refusal changes nothing."""

from __future__ import annotations

import pytest

from httpsession import CodecError
from httpsession.exchange import ENVIRON_KEY

pytestmark = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)

SET = {
    "[]": lambda session, name, value: session.__setitem__(name, value),
    "set_attribute": lambda session, name, value: session.set_attribute(name, value),
    "setdefault": lambda session, name, value: session.setdefault(name, value),
    "update": lambda session, name, value: session.update({name: value}),
    "update_attribute": lambda session, name, value: session.update_attribute(name, lambda _: value),
}


@pytest.fixture
def start(start_worker):
    """Starts workers whose sessions encode attributes, in memory to check them."""
    return lambda **bounds: start_worker(distributable=True, **bounds)


@pytest.fixture
def is_shared(url):
    return not url.startswith("memory")


def refusal(act):
    """Return the message with which *act* is refused."""
    with pytest.raises(CodecError) as caught:
        act()
    return str(caught.value)


class TestOneAttribute:
    """``max_attribute_bytes``, and the bound of names."""

    @pytest.mark.parametrize("bind", SET.values(), ids=SET)
    def test_value(self, start, bind):
        """R53: a value of one byte too many is refused where it is set, by name, size, bound and setting."""
        worker = start(max_attribute_bytes=1000)
        session_id = worker.session_with(kept="a" * 10)
        request = worker.request(session_id)
        session = request.session.get_session()
        bind(session, "largest", "a" * 996)
        message = refusal(lambda: bind(session, "notes", "a" * 997))
        bind(session, "after", 1)
        request.finish()

        assert message == (
            "attribute 'notes' cannot be stored: it takes 1001 bytes, but max_attribute_bytes is 1000; "
            "split it into several attributes, or keep it elsewhere and store what finds it"
        )
        assert worker.attributes(session_id) == {"kept": "a" * 10, "largest": "a" * 996, "after": 1}

    def test_former_value_stays(self, start):
        """R53: where a value is refused, the attribute keeps its former one."""
        worker = start(max_attribute_bytes=1000)
        session_id = worker.session_with(a="small")
        request = worker.request(session_id)
        session = request.session.get_session()
        assert "1001 bytes" in refusal(lambda: session.set_attribute("a", "a" * 997))
        assert session["a"] == "small"
        request.finish()
        assert worker.attributes(session_id) == {"a": "small"}

    def test_default(self, start):
        """By default an attribute has at most 256 KiB."""
        session = start().request().session.get_session()
        session["a"] = b"a" * (2**18 - 10)
        assert "max_attribute_bytes is 262144" in refusal(lambda: session.set_attribute("a", b"a" * 2**18))

    @pytest.mark.parametrize(
        ("longest", "longer", "size"),
        [("a" * 1024, "a" * 1025, 1025), ("ä" * 512, "ä" * 512 + "a", 1025), ("\U0001f642" * 256, "🙂" * 257, 1028)],
        ids=["ASCII", "Latin", "emoji"],
    )
    def test_name(self, start, longest, longer, size):
        """R53: a name has at most 1,024 bytes in UTF-8."""
        worker = start()
        session_id = worker.session_with(**{longest: 1})
        request = worker.request(session_id)
        session = request.session.get_session()
        for bind in SET.values():
            message = refusal(lambda bind=bind: bind(session, longer, 1))
            assert f"its name takes {size} bytes in UTF-8, of at most 1024" in message
            assert len(message) < 300
        request.finish()
        assert worker.attributes(session_id) == {longest: 1}


class TestAllAttributes:
    """``max_session_bytes`` and ``max_attributes``."""

    @pytest.mark.parametrize("bind", SET.values(), ids=SET)
    def test_total(self, start, bind):
        """R53: the attribute that makes the session too large is refused where it is set; the others stay."""
        worker = start(max_session_bytes=1000)
        session_id = worker.session_with(a="a" * 397, b="b" * 397)
        request = worker.request(session_id)
        session = request.session.get_session()
        message = refusal(lambda: bind(session, "c", "c" * 196))
        bind(session, "c", "c" * 195)
        request.finish()

        assert message == (
            "attribute 'c' cannot be stored: it takes 199 bytes, all attributes 1001, but max_session_bytes is 1000; "
            "remove other attributes, or keep it elsewhere and store what finds it"
        )
        assert worker.attributes(session_id) == {"a": "a" * 397, "b": "b" * 397, "c": "c" * 195}

    def test_number(self, start):
        """R53: of 10,000 small attributes those beyond the bound are refused."""
        worker = start(max_attributes=100)
        request = worker.request()
        session = request.session.get_session()
        session.update({f"a{number}": number for number in range(100)})
        for number in range(100, 10_000):
            assert "it would be attribute number 101, but max_attributes is 100;" in refusal(
                lambda number=number: session.set_attribute(f"a{number}", number)
            )
        session["a7"] = "replaced"
        assert len(worker.attributes(request.finish().new_id)) == 100

    def test_room_is_free_again(self, start):
        """What is removed or made smaller leaves room, in the same request, too."""
        worker = start(max_session_bytes=1000, max_attributes=2)
        session_id = worker.session_with(a="a" * 500, b="b" * 400)
        session = worker.request(session_id).session.get_session()
        assert "attribute number 3" in refusal(lambda: session.set_attribute("c", 1))
        assert "max_session_bytes" in refusal(lambda: session.set_attribute("b", "b" * 600))
        for remove in (
            lambda: session.pop("b"),
            lambda: session.update_attribute("c", lambda _: None),
            session.popitem,
        ):
            remove()
            session["c"] = "c" * 480
        session.clear()
        session["d"] = "d" * 990

    def test_many_requests(self, start):
        """The bounds hold for what several requests set one after the other."""
        worker = start(max_attributes=10, max_session_bytes=1000)
        session_id = worker.session_with(a=1)

        def add(name, value):
            request = worker.request(session_id)
            request.session.get_session()[name] = value
            request.finish()

        for number in range(9):
            add(f"b{number}", "b" * 100)
        assert "attribute number 11" in refusal(lambda: add("c", 1))
        assert "max_session_bytes" in refusal(lambda: add("a", "a" * 100))
        assert len(worker.attributes(session_id)) == 10

    def test_after_a_login(self, start):
        """A login carries the attributes over, and they count; those of another user are gone, and do not."""
        worker = start(max_attributes=3)
        request = worker.request(worker.session_with(a=1, b=2))
        request.session.login("anna")
        session = request.session.get_session()
        session["c"] = 3
        assert "attribute number 4" in refusal(lambda: session.set_attribute("d", 4))
        session_id = request.finish().new_id

        request = worker.request(session_id)
        request.session.login("bob")
        request.session.get_session().update(d=1, e=2, f=3)
        assert worker.attributes(request.finish().new_id) == {"d": 1, "e": 2, "f": 3}


class TestChangesInside:
    """Values that change after they were set or read; in memory such a change is not seen."""

    @pytest.fixture(autouse=True)
    def only_shared(self, is_shared):
        if not is_shared:
            pytest.skip("a live value has no size")

    @pytest.mark.parametrize("bounds", [{"max_attribute_bytes": 1000}, {"max_session_bytes": 1000}], ids=str)
    @pytest.mark.parametrize("is_new", [False, True], ids=["read", "set"])
    def test_at_the_commit(self, start, bounds, is_new):
        """R53: a change inside that exceeds a bound is refused at the commit, and nothing of the commit is saved."""
        worker = start(**bounds)
        session_id = worker.session_with(cart=["book"], other=1)
        request = worker.request(session_id)
        session = request.session.get_session()
        if is_new:
            session["cart"] = ["book"]
        session["other"] = 2
        session["cart"].append("a" * 1000)
        message = refusal(request.finish)

        (setting,) = bounds
        assert message.startswith("attribute 'cart' cannot be stored: it takes ")
        assert f"{setting} is 1000" in message
        assert worker.attributes(session_id) == {"cart": ["book"], "other": 1}

    def test_in_a_new_session(self, start):
        """A new session that is too large at the commit is not created."""
        worker = start(max_session_bytes=1000)
        request = worker.request()
        session = request.session.get_session()
        session["cart"] = []
        session["cart"].append("a" * 1000)
        assert "max_session_bytes is 1000" in refusal(request.finish)
        assert worker.active == 0


class TestAboveABound:
    """Sessions that were stored under larger bounds."""

    @pytest.fixture(autouse=True)
    def only_shared(self, is_shared):
        if not is_shared:
            pytest.skip("a session in memory does not outlive its bounds")

    def test_can_be_read_and_made_smaller(self, start):
        """A session above all bounds can be read; it may change and shrink, and may not grow."""
        attributes = {"text": "a" * 2000, "cart": ["b" * 1000, "c" * 1000], "user": "anna"}
        session_id = start().session_with(**attributes)
        worker = start(max_attribute_bytes=100, max_session_bytes=300, max_attributes=2)
        assert worker.attributes(session_id) == attributes

        request = worker.request(session_id)
        session = request.session.get_session()
        for name, value in (("text", "a" * 2001), ("new", 1), ("user", "anna-maria")):
            assert "cannot be stored" in refusal(lambda name=name, value=value: session.set_attribute(name, value))
        session["text"] = "a" * 1999
        session["cart"].pop()
        session["user"] = "bob"
        request.finish()
        smaller = {"text": "a" * 1999, "cart": ["b" * 1000], "user": "bob"}
        assert worker.attributes(session_id) == smaller

        request = worker.request(session_id)
        assert request.session.get_session().update_attribute("cart", lambda cart: ["b" * 500]) == ["b" * 500]
        request.session.get_session()["cart"].append(1)
        assert "max_attribute_bytes is 100" in refusal(request.finish)

    def test_a_commit_in_between(self, start):
        """What a request has saved counts for what it sets afterwards."""
        worker = start(max_attributes=2)
        request = worker.request()
        session = request.session.get_session()
        session.update(a=1, b=2)
        request.environ[ENVIRON_KEY].session.commit()
        assert "attribute number 3" in refusal(lambda: session.set_attribute("c", 3))
        del session["a"]
        request.environ[ENVIRON_KEY].session.commit()
        session["c"] = 3
        assert worker.attributes(request.finish().new_id) == {"b": 2, "c": 3}
