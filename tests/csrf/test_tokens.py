"""Tokens: the mask, their form, and the comparison."""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpsession.csrf.tokens import SECRET_SIZE, answers, masked, secret_of

SECRET = secret_of("some id")


def test_mask():
    """Each of a thousand tokens is another text, and each is valid (R72)."""
    tokens = {masked(SECRET) for _ in range(1000)}

    assert len(tokens) == 1000
    assert all(answers(token, SECRET) for token in tokens)


def test_alphabet():
    """A token has only characters that are safe in HTML, URLs and headers (R74)."""
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{64}", masked(SECRET)) for _ in range(1000))


def test_secret_is_no_token():
    """The secret is in no token, and is none itself, whole or with another length (R72)."""
    bare = urlsafe_b64encode(SECRET).decode()

    assert not any(answers(token, SECRET) for token in (bare, bare * 2, SECRET.hex(), SECRET.decode("latin-1")))
    assert not any(bare in masked(SECRET) for _ in range(1000))


def test_compressed_length():
    """A page with a right guess of the secret is not shorter than one with a wrong guess, on average (R72)."""
    right, wrong = urlsafe_b64encode(SECRET).decode(), urlsafe_b64encode(secret_of("another")).decode()

    def length(guess):
        return sum(len(zlib.compress(f"csrf_token={masked(SECRET)} csrf_token={guess}".encode())) for _ in range(2000))

    assert abs(length(right) - length(wrong)) < 2000


def test_other_secret():
    """A token answers to its own secret alone."""
    assert not answers(masked(secret_of("another id")), SECRET)
    assert not answers(masked(SECRET), bytes(SECRET_SIZE))


def test_length():
    """Of all lengths up to a thousand only that of a token is accepted (R74)."""
    assert [length for length in range(1001) if answers((masked(SECRET) * 16)[:length], SECRET)] == [64]


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + "=",
        lambda token: token[:-1] + "\n",
        lambda token: token + "\n",
        lambda token: " " + token[1:],
        lambda token: token[:-1] + "é",
        lambda token: token[:-1] + "\u0661",
        lambda token: token[:-1] + "\x00",
        lambda token: token[:32] + "+/" + token[34:],
        lambda token: token[:54] + '"><script>',
        str.swapcase,
    ],
)
def test_malformed(change):
    """A token with another character is refused, and none raises (R74)."""
    assert not answers(change(masked(SECRET)), SECRET)


@given(st.text() | st.text("abcXYZ019_-", min_size=64, max_size=64))
def test_invented_token(token):
    """Any text is refused without an exception."""
    assert not answers(token, SECRET)


@given(st.integers(0, 63), st.sampled_from("abcXYZ019_-"))
def test_changed_character(at, character):
    """A token with one other character is refused."""
    token = masked(SECRET)
    changed = token[:at] + character + token[at + 1 :]

    assert answers(changed, SECRET) == (changed == token)
