"""Session ids: their form and their randomness (S137, R1 to R3), and what stores see of them (R41)."""

from __future__ import annotations

import random
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise

import pytest

from httpsession import SessionConfig, SessionManager
from httpsession.ids import draw_until, key_of, new_id
from tests.support.core import create_session
from tests.support.site import Site


@pytest.mark.parametrize("size", [16, 17, 32, 64])
def test_form(size):
    """An id is upper-case hexadecimal, two digits for each random byte."""
    assert re.fullmatch(f"[0-9A-F]{{{2 * size}}}", new_id(size))


@pytest.mark.parametrize("size", [16, 20, 64])
def test_length_follows_id_bytes(size):
    """``SessionConfig.id_bytes`` sets the length of created and of changed ids, and such an id is read again."""
    with Site(id_bytes=size) as site:
        session_id = site.new_id()
        assert len(session_id) == 2 * size
        changed = site.ask("/", lambda r: r.change_session_id(), cookie=f"JSESSIONID={session_id}").value
        assert len(changed) == 2 * size
        assert site.ask("/", lambda r: r.get_session(False).id, cookie=f"JSESSIONID={changed}").value == changed


def test_an_id_of_another_length_is_none():
    """An id of 16 bytes is not even looked for when ids have 17, and does not raise."""
    with Site(id_bytes=17) as site:
        answer = site.ask("/", lambda r: r.get_session(False), cookie=f"JSESSIONID={new_id(16)}")
        assert answer.value is None


def test_no_duplicates_over_threads():
    """Eight threads that draw ids at once draw no id twice."""
    with ThreadPoolExecutor(8) as pool:
        drawn = [one for ids in pool.map(lambda _: [new_id(16) for _ in range(10_000)], range(8)) for one in ids]
    assert len(set(drawn)) == 80_000


def test_bits_are_balanced():
    """Each of the 128 bits is set in about half of 20,000 ids: no version, no counter, no time, no common prefix (R3).

    The bound of six standard deviations fails a good generator once in some million runs.
    """
    ids = [int(new_id(16), 16) for _ in range(20_000)]
    counts = [sum(one >> bit & 1 for one in ids) for bit in range(128)]
    deviation = (20_000 / 4) ** 0.5
    assert all(abs(count - 10_000) < 6 * deviation for count in counts)


def test_consecutive_ids_are_unrelated():
    """Ids drawn one after the other differ in half of their bits: the distances are those of a binomial (R3)."""
    ids = [int(new_id(16), 16) for _ in range(5_000)]
    distances = [(one ^ other).bit_count() for one, other in pairwise(ids)]
    assert all(20 < distance < 108 for distance in distances)
    assert abs(sum(distances) / len(distances) - 64) < 1


def test_ids_cannot_be_compressed():
    """Their bytes have no pattern that zlib would find."""
    data = b"".join(bytes.fromhex(new_id(16)) for _ in range(5_000))
    assert len(zlib.compress(data, 9)) >= 0.99 * len(data)


def test_seeding_does_not_matter():
    """Seeding the ``random`` module does not repeat ids: they come from the operating system (R2)."""
    draws = []
    for _ in range(2):
        random.seed(0)
        draws.append({new_id(16) for _ in range(100)})
    assert not draws[0] & draws[1]


def test_drawing_leaves_random_alone():
    """Drawing an id does not advance the generator of the ``random`` module, which an application may have seeded."""
    random.seed(1)
    expected = random.random()
    random.seed(1)
    new_id(16)
    assert random.random() == expected


def test_the_key_is_a_digest():
    """A store's key is the SHA-256 digest of the id, always 32 bytes, neither equal to the id nor containing it."""
    for size in (16, 32, 64):
        session_id = new_id(size)
        key = key_of(session_id)
        assert key == sha256(session_id.encode("ascii")).digest()
        for form in (session_id.encode(), bytes.fromhex(session_id)):
            assert key != form
            assert form not in key
        assert session_id not in key.hex().upper()


def test_drawing_until_a_key_is_accepted():
    """Ids are drawn until a key is accepted, no further, and the last key is that of the last id."""
    offered = []

    def accepts(key):
        offered.append(key)
        return len(offered) == 3

    session_id, key = draw_until(20, accepts)

    assert (len(session_id), key) == (40, key_of(session_id))
    assert key == offered[-1]
    assert len(set(offered)) == 3


def test_handles_are_not_ids():
    """A handle from the list of sessions opens none: neither it nor its digits are an id (R81)."""
    with Site() as site:
        session_id = site.ask("/", lambda r: r.login("ann").id).value
        (info,) = site.manager.sessions_of("ann")
        assert session_id not in repr(info).upper()
        for forged in (info.handle.upper(), info.handle.upper()[:32], info.handle.upper()[32:]):
            assert site.ask("/", lambda r: r.get_session(False), cookie=f"JSESSIONID={forged}").value is None


def test_repr_of_a_session_hides_the_id():
    """Logging a session does not log what opens it (R88)."""
    with SessionManager(config=SessionConfig(sweep_interval=None)) as manager:
        session = create_session(manager)
        assert session.id not in f"{session!r} {session} {manager!r} {manager.stats()!r}"
