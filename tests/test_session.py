"""HttpSession: the Servlet's methods and Python's mapping, on the same attributes."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from httpsession import HttpSession, HttpSessionBindingListener, InvalidSessionError, SessionManager
from httpsession.ids import handle_of, key_of
from tests.support.core import create_session, find_session
from tests.support.listeners import Bound, Recorder


@pytest.fixture
def session(recorder):
    session = create_session(SessionManager(listeners=[recorder]))
    recorder.log.clear()
    return session


class TestMapping:
    """A session is a MutableMapping of its attributes."""

    def test_like_a_dict(self, session):
        """The operations of a dict do what they do on a dict."""
        assert isinstance(session, MutableMapping)
        session["a"] = 1
        session.update(b=2, c=3)

        assert (session["a"], session.get("b"), session.get("x"), session.get("x", 9)) == (1, 2, None, 9)
        assert list(session) == ["a", "b", "c"]
        assert len(session) == 3
        assert "a" in session
        assert "x" not in session
        assert list(session.keys()) == ["a", "b", "c"]
        assert list(session.values()) == [1, 2, 3]
        assert list(session.items()) == [("a", 1), ("b", 2), ("c", 3)]
        assert session.setdefault("a", 9) == 1
        assert session.setdefault("d", 4) == 4
        assert session.pop("d") == 4
        assert session.pop("d", None) is None
        del session["a"]
        assert session.popitem() in {("b", 2), ("c", 3)}
        session.clear()
        assert dict(session) == {}

    @pytest.mark.parametrize(
        "act",
        [lambda one: one["x"], lambda one: one.pop("x"), lambda one: one.popitem(), lambda one: one.__delitem__("x")],
    )
    def test_what_is_missing_is_a_key_error(self, session, act):
        """Where a dict raises KeyError, so does a session."""
        with pytest.raises(KeyError):
            act(session)

    def test_none_can_be_stored(self, session):
        """In the mapping None is a value, as in a dict."""
        session["name"] = None

        assert "name" in session
        assert session["name"] is None
        assert session.get("name", 9) is None
        assert session.pop("name", 9) is None

    @pytest.mark.parametrize("name", [None, 1, b"name", ("name",)])
    def test_name_must_be_a_string(self, session, name, recorder):
        """Only strings name attributes; the error comes before listeners are notified (S37)."""
        value = Bound()
        for bind in (
            lambda: session.__setitem__(name, value),
            lambda: session.set_attribute(name, value),
            lambda: session.set_attribute(name, None),
            lambda: session.update_attribute(name, lambda _: value),
            lambda: session.update({name: value}),
            lambda: session.setdefault(name, value),
        ):
            with pytest.raises(ValueError, match="string"):
                bind()
        assert value.log == recorder.log == []

    def test_asking_for_other_names_finds_nothing(self, session):
        """A name that cannot be set is not there: reading and removing None is no error, as in Tomcat (S37)."""
        assert session.get_attribute(None) is None
        assert session.remove_attribute(None) is None
        assert None not in session
        assert session.get(None, 9) == 9
        with pytest.raises(KeyError):
            session[None]

    def test_changes_while_iterating(self, session):
        """Iterating goes through the attributes as they were when it began (S34)."""
        session.update(dict.fromkeys("abc", 0))

        for name in session:
            del session[name]
            session[name.upper()] = 1
        for name, value in session.items():
            session[name + name] = session.pop(name) + value
        assert dict(session) == {"AA": 2, "BB": 2, "CC": 2}
        for _ in session.values():
            session.popitem()
        for name in session.attribute_names:
            session.remove_attribute(name)
        assert len(session) == 0

    def test_is_true(self, session):
        """An empty session is a session."""
        assert session
        assert len(session) == 0

    def test_repr_does_not_give_the_id_away(self, session):
        """A log shows which session it was and whether it has ended, but not its id."""
        session["password"] = "secret"
        before = repr(session)
        session.invalidate()

        assert handle_of(key_of(session.id))[:8] in before
        assert "1 attributes" in before
        assert "ended" in repr(session)
        for text in (before, repr(session)):
            assert session.id not in text
            assert session.id[:8] not in text
            assert "secret" not in text


class TestIdentity:
    """Handles of one session are equal."""

    def test_handles_of_one_session_are_equal(self, session):
        """The handles that two requests have of one session are equal and hash alike, also after a change of the id."""
        other = find_session(session.servlet_context, session.id, 0.0)

        assert other is not session
        assert other == session
        assert hash(other) == hash(session)
        session._session.rotate()
        assert other == session
        assert hash(other) == hash(session)
        assert other.id != session.id

    def test_other_sessions_are_not(self, session):
        """Sessions with the same attributes are not the same, nor is a dict with them."""
        assert session != create_session(session.servlet_context)
        assert session != {}


class TestServlet:
    """The methods of jakarta.servlet.http.HttpSession."""

    def test_attributes(self, session):
        """Set, get, names, remove; what is not there is None."""
        session.set_attribute("a", 1)
        session.set_attribute("A", 2)

        assert session.get_attribute("a") == 1
        assert session.get_attribute("x") is None
        assert set(session.attribute_names) == {"a", "A"}
        session.remove_attribute("a")
        session.remove_attribute("a")
        assert session.attribute_names == ("A",)

    def test_setting_none_removes(self, session, recorder):
        """set_attribute(name, None) is remove_attribute(name), events included (S36)."""
        session.set_attribute("a", 1)
        session.set_attribute("a", None)
        session.set_attribute("a", None)

        assert "a" not in session
        assert recorder.log == [("added", "a", 1), ("removed", "a", 1)]

    def test_servlet_context_is_the_manager(self, session):
        """The session knows the manager that it belongs to, also after its end (S27)."""
        manager = session.servlet_context
        session.invalidate()

        assert session.servlet_context is manager

    @pytest.mark.parametrize("seconds", [1, 500_000, 0, -1])
    def test_interval_round_trip(self, session, seconds):
        """The interval is what it was set to, in seconds (S28)."""
        assert session.max_inactive_interval == 1800
        session.max_inactive_interval = seconds

        assert session.max_inactive_interval == seconds

    @pytest.mark.parametrize("seconds", ["60", 60.0, None, True])
    def test_interval_is_a_whole_number(self, session, seconds):
        """A value that is no whole number is refused, and the interval stays."""
        with pytest.raises(ValueError, match="whole number"):
            session.max_inactive_interval = seconds
        assert session.max_inactive_interval == 1800

    @pytest.mark.parametrize(
        "use",
        [
            lambda one: one.creation_time,
            lambda one: one.last_accessed_time,
            lambda one: one.is_new,
            lambda one: one.principal,
            lambda one: one.attribute_names,
            lambda one: one.invalidate(),
            lambda one: one.get_attribute("a"),
            lambda one: one.set_attribute("a", 1),
            lambda one: one.set_attribute("a", None),
            lambda one: one.remove_attribute("a"),
            lambda one: one.remove_attribute("x"),
            lambda one: one.update_attribute("a", lambda value: value),
            lambda one: one["a"],
            lambda one: one.__setitem__("a", 1),
            lambda one: one.__delitem__("a"),
            lambda one: one.get("a"),
            lambda one: one.items(),
            lambda one: one.values(),
            lambda one: list(one.keys()),
            lambda one: list(one),
            lambda one: len(one),
            lambda one: "a" in one,
            lambda one: one.pop("a", None),
            lambda one: one.popitem(),
            lambda one: one.clear(),
            lambda one: one.setdefault("a", 1),
            lambda one: one.update(a=1),
        ],
    )
    def test_invalid_session_refuses(self, session, use):
        """Everything that needs a session raises after its end (S39)."""
        session["a"] = 1
        session.invalidate()

        with pytest.raises(InvalidSessionError):
            use(session)

    def test_invalid_session_can_still_be_asked(self, session):
        """The id, the context and the interval can be used, and the session is still an object (S20, S28)."""
        session_id = session.id
        session.invalidate()
        session.max_inactive_interval = 7

        assert (session.id, session.max_inactive_interval) == (session_id, 7)
        assert not session.is_valid
        assert bool(session)
        assert session in [session]


class TestEvents:
    """Events of attributes: the listeners, their order, and what they can see."""

    def test_order_of_a_life(self, session, recorder):
        """A value is bound, and the old one unbound, before the listeners are notified of the replacement."""
        old, new = Bound("old", recorder.log), Bound("new", recorder.log)
        session["a"] = old
        session["a"] = new
        del session["a"]

        assert recorder.log == [
            ("bound", "a", old),
            ("added", "a", old),
            ("bound", "a", new),
            ("unbound", "a", old),
            ("replaced", "a", old),
            ("unbound", "a", new),
            ("removed", "a", new),
        ]

    def test_rebinding_the_same_object(self, session, recorder):
        """The same object again is neither bound nor unbound, but the listeners are notified of a replacement."""
        value = Bound("value", recorder.log)
        session["a"] = value
        recorder.log.clear()
        session["a"] = value

        assert recorder.log == [("replaced", "a", value)]

    def test_same_object_under_two_names(self, session):
        """Each name is a binding of its own."""
        value = Bound()
        session["a"] = session["b"] = value
        assert value.balance == 2
        del session["a"]
        assert value.balance == 1

    def test_reachable_after_bound_and_not_after_unbound(self, session):
        """In value_bound the session still shows the value before, in value_unbound no longer this one (S62)."""
        seen = []

        class Value(HttpSessionBindingListener):
            def value_bound(self, event):
                seen.append(event.session.get_attribute(event.name))

            def value_unbound(self, event):
                seen.append(event.session.get_attribute(event.name))

        session["a"] = 1
        session["a"] = Value()
        session["a"] = 2
        session["a"] = Value()
        del session["a"]
        assert seen == [1, 2, 2, None]

    def test_order_of_the_end(self, session, recorder):
        """Destroyed while the attributes can be read, then invalid, then each is unbound and removed (S57)."""
        seen = []

        class Value(Bound):
            def value_unbound(self, event):
                super().value_unbound(event)
                with pytest.raises(InvalidSessionError):
                    event.session.get_attribute(event.name)
                seen.append(event.session.id)

        values = [Value("one", recorder.log), Value("two", recorder.log)]
        session["a"], session["b"] = values
        recorder.session_destroyed = lambda event: recorder.log.append(("destroyed", dict(event.session)))
        recorder.log.clear()
        session.invalidate()

        assert recorder.log == [
            ("destroyed", {"a": values[0], "b": values[1]}),
            ("unbound", "a", values[0]),
            ("removed", "a", values[0]),
            ("unbound", "b", values[1]),
            ("removed", "b", values[1]),
        ]
        assert seen == [session.id] * 2

    def test_value_that_refuses_to_be_bound(self, session, recorder):
        """An exception of value_bound reaches the application, and the attribute stays as it was."""

        class Refusing(HttpSessionBindingListener):
            def value_bound(self, event):
                raise LookupError("I do not want to")

        session["a"] = 1
        recorder.log.clear()
        with pytest.raises(LookupError, match="I do not want to"):
            session["a"] = Refusing()
        assert session["a"] == 1
        assert recorder.log == []


class TestUpdateAttribute:
    """update_attribute: read, change and write as one."""

    def test_new_replaced_removed(self, session, recorder):
        """The function gets the present value or None, its result is the new value, None removes."""
        assert session.update_attribute("n", lambda value: (value or 0) + 1) == 1
        assert session.update_attribute("n", lambda value: value + 1) == 2
        assert session.update_attribute("n", lambda value: None) is None
        assert session.update_attribute("n", lambda value: None) is None

        assert "n" not in session
        assert recorder.log == [("added", "n", 1), ("replaced", "n", 1), ("removed", "n", 2)]

    def test_stored_none_is_handed_in(self, session):
        """A None that the mapping stored is what the function gets, and removing it removes."""
        session["n"] = None
        seen = []
        session.update_attribute("n", seen.append)

        assert seen == [None]
        assert "n" not in session

    def test_function_that_raises_changes_nothing(self, session, recorder):
        """An exception of the function reaches the caller."""
        session["n"] = 1
        recorder.log.clear()
        with pytest.raises(ZeroDivisionError):
            session.update_attribute("n", lambda value: value / 0)
        assert session["n"] == 1
        assert recorder.log == []

    def test_function_is_called_again_when_the_value_has_changed(self, session):
        """A change that comes in between is not lost: the function is asked again, and its first answer is unbound."""
        old, between = Bound("old"), Bound("between")
        session["n"] = old
        made = []

        def change(value):
            if not made:
                session["n"] = between
            made.append((value, Bound(f"made of {value!r}")))
            return made[-1][1]

        result = session.update_attribute("n", change)

        assert [value for value, _ in made] == [old, between]
        assert session["n"] is result is made[1][1]
        assert [one.balance for one in (old, between, made[0][1], made[1][1])] == [0, 0, 0, 1]

    def test_removal_is_decided_again_when_the_value_has_changed(self, session):
        """A function that removes only what it has seen does not remove what came in between."""
        session["n"] = 1

        def remove_one(value):
            if value == 1:
                session["n"] = 2
                return None
            return value

        assert session.update_attribute("n", remove_one) == 2
        assert session["n"] == 2

    def test_value_is_unbound_when_the_session_ends_meanwhile(self, session):
        """A value that was notified of its binding is unbound if the session has ended in between (S50)."""
        value = Bound()

        def end(_):
            return value

        value.value_bound = lambda event: (Bound.value_bound(value, event), session.invalidate())
        with pytest.raises(InvalidSessionError):
            session.update_attribute("n", end)
        assert value.balance == 0


def test_value_is_unbound_when_the_session_ends_while_it_is_bound(session):
    """A plain assignment, too, binds and unbinds the value, and raises InvalidSessionError (S50)."""
    value = Bound()
    value.value_bound = lambda event: (Bound.value_bound(value, event), session.invalidate())

    with pytest.raises(InvalidSessionError):
        session["n"] = value
    assert value.balance == 0


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.integers(0, 2) | st.none() | st.builds(Bound) | st.lists(st.integers(), max_size=1)


class SessionModel(RuleBasedStateMachine):
    """A session is a dict with notifications: any operation changes it as it changes a dict."""

    def __init__(self):
        super().__init__()
        self.begin()

    def begin(self):
        self.recorder = Recorder()
        self.session = create_session(SessionManager(listeners=[self.recorder]))
        self.recorder.log.clear()
        self.dict = {}
        self.told = []
        self.values = []

    def bind(self, name, value):
        """Change the dict, and record the events expected of the session."""
        self.values.append(value)
        if name in self.dict:
            self.told.append(("replaced", name, self.dict[name]))
        else:
            self.told.append(("added", name, value))
        self.dict[name] = value

    def unbind(self, name):
        if name in self.dict:
            self.told.append(("removed", name, self.dict.pop(name)))

    @rule(name=NAMES, value=VALUES)
    def set_item(self, name, value):
        self.session[name] = value
        self.bind(name, value)

    @rule(name=NAMES, value=VALUES)
    def set_attribute(self, name, value):
        self.session.set_attribute(name, value)
        if value is None:
            self.unbind(name)
        else:
            self.bind(name, value)

    @rule(name=NAMES)
    def set_again(self, name):
        if name in self.dict:
            self.session[name] = self.session[name]
            self.bind(name, self.dict[name])

    @rule(name=NAMES, value=VALUES)
    def setdefault(self, name, value):
        missing = name not in self.dict
        assert self.session.setdefault(name, value) is self.dict.get(name, value)
        if missing:
            self.bind(name, value)

    @rule(name=NAMES, value=VALUES)
    def update_attribute(self, name, value):
        seen = []
        assert self.session.update_attribute(name, lambda old: (seen.append(old), value)[1]) is value
        assert seen == [self.dict.get(name)]
        if value is None:
            self.unbind(name)
        else:
            self.bind(name, value)

    @rule(name=NAMES, default=VALUES)
    def pop(self, name, default):
        assert self.session.pop(name, default) is self.dict.get(name, default)
        self.unbind(name)

    @rule(name=NAMES)
    def remove_attribute(self, name):
        self.session.remove_attribute(name)
        self.unbind(name)

    @rule(name=NAMES)
    def delete(self, name):
        if name in self.dict:
            del self.session[name]
            self.unbind(name)
        else:
            with pytest.raises(KeyError):
                del self.session[name]

    @precondition(lambda self: self.dict)
    @rule()
    def popitem(self):
        name, value = self.session.popitem()
        assert value is self.dict[name]
        self.unbind(name)

    @rule()
    def clear(self):
        self.session.clear()
        for name in list(self.dict):
            self.unbind(name)

    @precondition(lambda self: len(self.dict) > 1)
    @rule()
    def invalidate(self):
        self.session.invalidate()
        self.told.append(("destroyed", self.session.id))
        for name in list(self.dict):
            self.unbind(name)
        self.everything_was_told()
        self.begin()

    @invariant()
    def same_as_the_dict(self):
        assert dict(self.session) == self.dict
        assert len(self.session) == len(self.dict)
        assert set(self.session.attribute_names) == set(self.dict)
        for name in ("a", "b", "c"):
            assert (name in self.session) == (name in self.dict)
            assert self.session.get_attribute(name) is self.dict.get(name)

    @invariant()
    def everything_was_told(self):
        assert self.recorder.log == self.told
        bound = list(self.dict.values())
        for value in self.values:
            if isinstance(value, Bound):
                assert value.balance == sum(one is value for one in bound)


SessionModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class TestModel(SessionModel.TestCase):
    """The state machine: a session does what a dict does, and each change is notified once, in order."""


def test_is_made_by_a_manager(session):
    """create() and find() return an HttpSession, which takes no stray instance attributes."""
    assert type(session) is HttpSession
    with pytest.raises(AttributeError):
        session.cart = []
