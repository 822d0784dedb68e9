"""The attribute map: changes that are all or nothing, and a closing that nothing slips past."""

from __future__ import annotations

from threading import Thread

import pytest

from httpsession import InvalidSessionError
from httpsession.attributes import ABSENT, Attributes


def test_swap_changes_what_is_as_expected():
    """A value is bound, replaced and removed if what was there before is what the caller takes it for."""
    attributes, old, new = Attributes(), object(), object()

    assert attributes.swap("name", ABSENT, old)
    assert attributes.swap("name", old, new)
    assert attributes.get("name") is new
    assert attributes.swap("name", new, ABSENT)
    assert attributes.get("name") is ABSENT


@pytest.mark.parametrize("expected", [ABSENT, [1]], ids=["absent", "equal, but another object"])
def test_swap_leaves_what_is_otherwise(expected):
    """If another thread was faster, nothing changes; an equal object is another one."""
    attributes, value = Attributes(), [1]
    attributes.swap("name", ABSENT, value)

    assert not attributes.swap("name", expected, "new")
    assert not attributes.swap("name", expected, ABSENT)
    assert attributes.get("name") is value


def test_removing_what_is_absent():
    """The absence of a value can be swapped for itself."""
    assert Attributes().swap("name", ABSENT, ABSENT)


def test_none_is_a_value():
    """None can be bound, and differs from absence."""
    attributes = Attributes()
    attributes.swap("name", ABSENT, None)

    assert attributes.get("name") is None
    assert not attributes.swap("name", ABSENT, 1)


def test_snapshot_is_a_copy():
    """A snapshot does not change with the map, nor the map with it."""
    attributes = Attributes()
    attributes.swap("name", ABSENT, 1)
    snapshot = attributes.snapshot()
    snapshot["other"] = 2
    attributes.swap("name", 1, ABSENT)

    assert snapshot == {"name": 1, "other": 2}
    assert attributes.snapshot() == {}


def test_close_gives_back_and_refuses():
    """After close() every use raises, and a second close() has nothing to give back."""
    attributes = Attributes()
    attributes.swap("name", ABSENT, 1)

    assert attributes.close() == {"name": 1}
    assert attributes.closed
    assert attributes.close() == {}
    for use in (
        attributes.check_open,
        attributes.snapshot,
        lambda: attributes.get("name"),
        lambda: attributes.swap("name", ABSENT, 1),
    ):
        with pytest.raises(InvalidSessionError):
            use()


def test_nothing_is_lost_between_a_change_and_the_closing():
    """A value is either given back by close() or refused: what threads bind while another closes is accounted for."""
    for _ in range(30):
        attributes = Attributes()
        bound = []

        def bind(number, attributes=attributes, bound=bound):
            for item in range(200):
                try:
                    attributes.swap(f"{number}.{item}", ABSENT, True)
                except InvalidSessionError:
                    return
                bound.append(f"{number}.{item}")

        threads = [Thread(target=bind, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        closed = attributes.close()
        for thread in threads:
            thread.join(timeout=10)

        assert sorted(closed) == sorted(bound)
